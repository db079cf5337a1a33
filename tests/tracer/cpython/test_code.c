/* SPDX-License-Identifier: MIT */
/* Names and lines of code objects in the layout of every version. */
#include "tracer/cpython/code.h"

#include <criterion/criterion.h>

#include "fake_py.h"
#include "tests/support/fail_alloc.h"

TestSuite(tracer_cpython_code, .timeout = 10);

Test(tracer_cpython_code, names_and_lines_are_read_in_every_version)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr at = fake_py_code(&p, "Class.method", "/srv/app.py");
		struct code code;

		cr_assert_eq(code_check(&p.py, p.mem, at, NULL), 1);
		cr_assert_eq(code_read(&p.py, p.mem, at, &code, NULL), 0);
		cr_assert_str_eq(code.name, "Class.method");
		cr_assert_str_eq(code.file, "/srv/app.py");
		cr_assert_eq(code.firstline, 10);
		cr_assert_eq(code_line(&code, -1), 10);
		cr_assert_eq(code_line(&code, 0), 11);
		cr_assert_eq(code_line(&code, 4), 12, "%s", sheet->layout->name);
		code_deinit(&code);
		fake_py_free(&p);
	}
}

Test(tracer_cpython_code, other_objects_are_no_code)
{
	struct fake_py p = fake_py_new(py_sheets[0]);

	cr_assert_eq(code_check(&p.py, p.mem, fake_py_alloc(&p, 64), NULL), 0);
	cr_assert_eq(code_check(&p.py, p.mem, TADDR_NULL, NULL), 0);
	cr_assert_eq(code_check(&p.py, p.mem, taddr_of(0x10001), NULL), 0);
	cr_assert_eq(code_check(&p.py, p.mem, taddr_of(0x40), NULL), ERR_FAULT);
	fake_py_free(&p);
}

Test(tracer_cpython_code, absurd_line_table_is_corrupt)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr at = fake_py_code(&p, "f", "f.py"), table;
	struct code code;

	cr_assert_eq(mem_ptr(p.mem, taddr_add(at, p.layout->PyCodeObject_co_linetable), &table, NULL), 0);
	fake_py_word(&p, table, p.layout->PyVarObject_ob_size, UINT64_MAX);
	cr_assert_eq(code_read(&p.py, p.mem, at, &code, NULL), ERR_CORRUPT);
	fake_py_word(&p, table, p.layout->PyVarObject_ob_size, 4096);
	cr_assert_eq(code_read(&p.py, p.mem, at, &code, NULL), ERR_FAULT);
	fake_py_free(&p);
}

Test(tracer_cpython_code, lack_of_memory_is_reported)
{
	struct fake_py p = fake_py_new(py_sheets[0]);
	taddr at = fake_py_code(&p, "f", "f.py");

	FAIL_ALLOC_EACH
	{
		struct code code;
		int r = code_read(&p.py, p.mem, at, &code, NULL);

		cr_assert(r == 0 || (r == ERR_NOMEM && fail_alloc_hit()));
		if (r == 0)
			code_deinit(&code);
	}
	fake_py_free(&p);
}
