/* SPDX-License-Identifier: MIT */
/*
 * Which test made what: hand-made streams with labels through the ledger, whose blocks carry the
 * runs. What is compared is the line of each fact.
 */
#include "tracer/stream/tests.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/stream_image.h"
#include "tests/tracer/stream/fact_log.h"
#include "tracer/stream/ledger.h"

static struct stream_image s;
static struct fact_log log_;
static struct ledger *ledger;

/* Sites: 1 the test's own code, 2 pytest's, 3 an import in a test, 4 another thread, 5 conftest. */
static void define_sites(void)
{
	static const char *const codes[][2] = {
		{ "test_a", "/t/test_a.py" },
		{ "pytest_pyfunc_call", "/lib/_pytest/python.py" },
		{ "_find_and_load", "<frozen importlib._bootstrap>" },
		{ "worker", "/t/app.py" },
		{ "pytest_runtest_setup", "/t/conftest.py" },
	};
	stream_image_hello(&s, 0);
	stream_image_thread(&s, 1, 100, 1);
	for (uint32_t i = 0; i < 5; i++)
		stream_image_code(&s, i + 1, codes[i][0], codes[i][1], 1);
	stream_image_stack(&s, 1, 1, 0, (const uint64_t[]){ 1, 2 }, 2);
	stream_image_stack(&s, 2, 1, 0, (const uint64_t[]){ 2 }, 1);
	stream_image_stack(&s, 3, 1, 0, (const uint64_t[]){ 3, 1, 2 }, 3);
	stream_image_stack(&s, 4, 1, 0, (const uint64_t[]){ 4 }, 1);
	stream_image_stack(&s, 5, 1, 0, (const uint64_t[]){ 5, 2 }, 2);
}

static void setup(void)
{
	struct ledger_options options = { 0 };

	stream_image_init(&s);
	fact_log_init(&log_);
	cr_assert_eq(ledger_new(&options, &log_.sink, &ledger, NULL), 0);
	define_sites();
}

static void teardown(void)
{
	ledger_free(ledger);
	fact_log_deinit(&log_);
	stream_image_deinit(&s);
}

TestSuite(tracer_stream_tests, .init = setup, .fini = teardown, .timeout = 20);

static void apply(uint64_t at_ns)
{
	struct decode *d;
	struct decode_batch batch;
	size_t room;

	stream_image_end(&s);
	cr_assert_eq(decode_new(&d, NULL), 0);
	cr_assert_lt(s.n * 8, DECODE_BATCH_BYTES_MAX);
	memcpy(decode_room(d, &room), s.words, s.n * 8);
	decode_filled(d, s.n * 8);
	while (decode_next(d, &batch, NULL) > 0)
		cr_assert_eq(ledger_apply(ledger, &batch, at_ns, NULL), 0);
	cr_assert_eq(ledger_oddities(ledger)->bad_batches, 0);
	decode_free(d);
	stream_image_deinit(&s);
	stream_image_init(&s);
}

/* All lines about tests. */
static const char *tests_text(void)
{
	static char lines[4096];
	size_t n = 0;

	apply(5000000);
	cr_assert_eq(ledger_finish(ledger, 9000000, NULL), 0);
	for (const char *at = fact_log_text(&log_); *at; at = strchr(at, '\n') + 1)
		if (strncmp(at, "test ", 5) == 0)
			n += (size_t)snprintf(lines + n, sizeof lines - n, "%.*s",
					      (int)(strchr(at, '\n') + 1 - at), at);
	return lines;
}

#define A(addr, size, site) stream_image_alloc(&s, 0x1000 + 16 * (addr), size, site, 2)
#define F(addr) stream_image_free(&s, 0x1000 + 16 * (addr))
#define L(text) stream_image_label(&s, text)

Test(tracer_stream_tests, blocks_belong_to_the_test_and_phase_that_made_them)
{
	A(1, 1000, 1); /* before any test */
	apply(1000000);
	L("a.py::one (setup)");
	A(2, 100, 5);
	L("");
	L("a.py::one (call)");
	A(3, 200, 1);
	A(4, 300, 1);
	F(3);
	F(1);
	A(5, 50, 1);
	A(6, 5000, 2); /* pytest's own */
	L("a.py::one (teardown)");
	A(7, 10, 4);
	F(2);
	L("");
	A(8, 7, 1); /* between tests */
	apply(3000000);
	L("a.py::two[x (call)] (setup)");
	L("a.py::two[x (call)] (call)");
	stream_image_temp(&s, 1, 3, 33);
	F(4);
	L("a.py::two[x (call)] (teardown)");
	L("");
	cr_assert_str_eq(
		tests_text(),
		"test 1 a.py::one x1 +5/660 peak 600 left 3/360 kept 2/60 setup 100^100 call "
		"550^600 teardown 10^460 at 3000000 for 0 p1:500 p5:100 k1:50 k4:10\n"
		"test 2 a.py::two[x (call)] x1 +3/33 peak 0 left 0/0 kept 0/0 setup 0^0 call 33^0 "
		"teardown 0^0 at 5000000 for 0\n");
}

Test(tracer_stream_tests, what_is_freed_after_the_last_test_was_kept)
{
	L("a.py::one (call)");
	A(1, 100, 1);
	A(2, 40, 3); /* an import stays, and that is no leak */
	L("a.py::one (teardown)");
	L("");
	L("a.py::two (call)");
	A(3, 10, 1);
	L("a.py::two (teardown)");
	L("");
	F(1);
	F(3);
	cr_assert_str_eq(tests_text(),
			 "test 1 a.py::one x1 +2/140 peak 140 left 2/140 kept 1/100 setup 0^0 call "
			 "140^140 teardown 0^0 at 5000000 for 0 p1:100 p3:40 k1:100\n"
			 "test 2 a.py::two x1 +1/10 peak 10 left 1/10 kept 1/10 setup 0^0 call 10^10 "
			 "teardown 0^0 at 5000000 for 0 p1:10 k1:10\n");
}

Test(tracer_stream_tests, a_test_that_runs_again_is_one_row_with_the_larger_peak)
{
	for (uint64_t i = 1; i <= 3; i++) {
		L("a.py::flaky (setup)");
		L("a.py::flaky (call)");
		A(i, 100 * i, 1);
		F(i);
		L("a.py::flaky (teardown)");
		L("");
	}
	cr_assert_str_eq(tests_text(),
			 "test 1 a.py::flaky x3 +3/600 peak 300 left 0/0 kept 0/0 setup 0^0 call "
			 "600^300 teardown 0^0 at 5000000 for 0 p1:300\n");
}

Test(tracer_stream_tests, a_test_in_which_the_program_ends_is_there)
{
	L("a.py::crash (setup)");
	L("a.py::crash (call)");
	A(1, 100, 1);
	cr_assert_str_eq(tests_text(),
			 "test 1 a.py::crash x1 +1/100 peak 100 left 1/100 kept 1/100 setup 0^0 call "
			 "100^100 teardown 0^0 at 5000000 for 4000000 p1:100 k1:100\n");
}

Test(tracer_stream_tests, blocks_keep_their_time_of_birth_beside_their_test)
{
	A(1, 100, 1);
	apply(20000000);
	L("a.py::one (call)");
	A(2, 100, 1);
	apply(70000000);
	A(3, 100, 1);
	apply(170000000);
	cr_assert_eq(ledger_finish(ledger, 200000000, NULL), 0);
	const char *text = fact_log_text(&log_);
	cr_expect_not_null(strstr(text, "block 1010 100 w1.0000 s1 d2 20000000\n"), "%s", text);
	cr_expect_not_null(strstr(text, "block 1020 100 w1.0000 s1 d2 70000000\n"), "%s", text);
	cr_expect_not_null(strstr(text, "block 1030 100 w1.0000 s1 d2 170000000\n"), "%s", text);
}

Test(tracer_stream_tests, long_ids_are_cut_and_odd_characters_replaced)
{
	char id[AGENT_LABEL_CHARS + 1];

	memset(id, '\xe4', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	id[2] = '\n';
	memcpy(id + sizeof id - 8, " (call)", 7);
	L(id);
	const char *text = tests_text();
	cr_assert_eq(strncmp(text, "test 1 \xc3\xa4\xc3\xa4?\xc3\xa4", 14), 0, "%s", text);
	cr_assert_eq(strcspn(text + 7, " "), TESTS_ID_BYTES_MAX - 1, "whole characters");
}
