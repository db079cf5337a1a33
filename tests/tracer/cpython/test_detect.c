/* SPDX-License-Identifier: MIT */
/* What is refused, and what the errors say. Real interpreters are the live suite's business. */
#include "tracer/cpython/detect.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fake_mem.h"
#include "tracer/mem/live.h"

TestSuite(tracer_cpython_detect, .timeout = 10);

Test(tracer_cpython_detect, process_without_python_is_refused_with_its_hint)
{
	struct mem_source *mem;
	struct maps maps;
	struct py py;
	struct err err = ERR_INIT;

	cr_assert_eq(live_new(getpid(), &mem, NULL), 0);
	cr_assert_eq(maps_read(getpid(), &maps, NULL), 0);
	cr_assert_eq(py_detect(getpid(), mem, &maps, NULL, &py, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.hint, "not-python");
	maps_deinit(&maps);
	mem_free(mem);
}

Test(tracer_cpython_detect, process_without_mappings_is_refused)
{
	struct fake_mem *f = fake_mem_new(8);
	struct maps maps = { 0 };
	struct py py;
	struct err err = ERR_INIT;

	cr_assert_eq(py_detect(-1, fake_mem_source(f), &maps, "3.12", &py, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.hint, "not-python");
	fake_mem_free(f);
}

Test(tracer_cpython_detect, source_that_fails_is_reported_as_gone)
{
	struct fake_mem *f = fake_mem_new(8);
	struct map_range range = { .start = 0x10000, .end = 0x11000, .flags = MAP_R,
				   .path = "/no/such/python" };
	struct maps maps = { .ranges = &range, .count = 1 };
	struct py py;

	fake_mem_fail_from(f, 1, ERR_GONE);
	cr_assert_eq(py_detect(-1, fake_mem_source(f), &maps, NULL, &py, NULL), ERR_GONE);
	fake_mem_free(f);
}

Test(tracer_cpython_detect, empty_description_can_be_released)
{
	struct py py = { 0 };

	py_deinit(&py);
	py_deinit(&py);
	cr_assert_null(py.layout);
}
