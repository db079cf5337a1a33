/* SPDX-License-Identifier: MIT */
#include "cli/opt.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct opt table[] = {
	{ 'o', "output", "FILE", "", NULL, NULL }, { 'f', "force", NULL, "", NULL, NULL },
	{ 'v', "verbose", NULL, "", NULL, NULL },  { 'n', "top", "N", "", NULL, NULL },
	{ 0, "max-rows", "N", NULL, NULL, "top" }, { 0 },
};

static struct opt_args args;
static struct err err;

#define PARSE(...)                                                                                 \
	({                                                                                         \
		char *argv[] = { __VA_ARGS__, NULL };                                              \
		err = ERR_INIT;                                                                    \
		opt_parse(table, (int)(sizeof argv / sizeof *argv) - 1, argv, false, &args, NULL,  \
			  &err);                                                                   \
	})

static void teardown(void)
{
	opt_deinit(&args);
}

TestSuite(cli_opt, .fini = teardown);

Test(cli_opt, values_may_be_attached_or_follow)
{
	static char *const forms[][2] = {
		{ "--output=a", NULL }, { "--output", "a" }, { "-oa", NULL }, { "-o", "a" }
	};
	for (size_t i = 0; i < 4; i++) {
		char *argv[] = { forms[i][0], forms[i][1], NULL };
		cr_assert_eq(opt_parse(table, forms[i][1] ? 2 : 1, argv, false, &args, NULL, &err),
			     0);
		cr_assert_str_eq(opt_value(&args, "output"), "a");
		opt_deinit(&args);
	}
}

Test(cli_opt, letters_join_and_are_counted)
{
	cr_assert_eq(PARSE("-fvv", "-v", "-n3"), 0);
	cr_assert(opt_given(&args, "force"));
	cr_assert_eq(opt_count(&args, "verbose"), 3);
	cr_assert_str_eq(opt_value(&args, "top"), "3");
}

Test(cli_opt, words_and_options_mix_and_a_dash_is_a_word)
{
	cr_assert_eq(PARSE("a", "-f", "-", "b"), 0);
	cr_assert_eq(args.nwords, 3);
	cr_assert_str_eq(args.words[1], "-");
	cr_assert_null(args.program);
}

Test(cli_opt, nothing_after_two_dashes_is_ours)
{
	char *argv[] = { "-f", "--", "--output", "x", NULL };
	cr_assert_eq(opt_parse(table, 4, argv, false, &args, NULL, &err), 0);
	cr_assert_not(opt_given(&args, "output"));
	cr_assert_str_eq(args.program[0], "--output");
	cr_assert_str_eq(args.program[1], "x");
	cr_assert_null(args.program[2]);
}

Test(cli_opt, another_spelling_counts_for_the_option)
{
	cr_assert_eq(PARSE("--max-rows", "7"), 0);
	cr_assert_str_eq(opt_value(&args, "top"), "7");
}

Test(cli_opt, mistakes_name_the_option)
{
	cr_assert_eq(PARSE("--bogus"), ERR_USAGE);
	cr_assert_str_eq(err.text, "unknown option --bogus");
	cr_assert_eq(PARSE("-x"), ERR_USAGE);
	cr_assert_str_eq(err.text, "unknown option -x");
	cr_assert_eq(PARSE("--output"), ERR_USAGE);
	cr_assert_str_eq(err.text, "option --output needs FILE");
	cr_assert_eq(PARSE("--force=1"), ERR_USAGE);
	cr_assert_str_eq(err.text, "option --force takes no argument");
	cr_assert_eq(PARSE("--forc"), ERR_USAGE, "no abbreviations");
	cr_assert_eq(PARSE("-\033"), ERR_USAGE);
	cr_assert_str_eq(err.text, "unknown option -?");
}

Test(cli_opt, durations)
{
	uint64_t ns;
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = { { "30", UINT64_C(30000000000) },  { "30s", UINT64_C(30000000000) },
		     { "1.5s", 1500000000 },	       { "250ms", 250000000 },
		     { "2m", UINT64_C(120000000000) }, { "1h", UINT64_C(3600000000000) } };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		cr_assert_eq(opt_duration("duration", good[i].text, &ns, NULL), 0, "%s",
			     good[i].text);
		cr_assert_eq(ns, good[i].ns, "%s", good[i].text);
	}
	static const char *const bad[] = { "",	    "s",    "-1",
					   "1d",    "1 s",  "nan",
					   "1e400", "0x10", "99999999999999999999" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_eq(opt_duration("duration", bad[i], &ns, NULL), ERR_USAGE, "%s", bad[i]);
}

Test(cli_opt, sizes_in_powers_of_1000_and_1024)
{
	uint64_t n;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "65536", 65536 },  { "64K", 65536 },   { "64KiB", 65536 }, { "64KB", 64000 },
		     { "1MiB", 1048576 }, { "1MB", 1000000 }, { "0", 0 } };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		cr_assert_eq(opt_size("sample", good[i].text, &n, NULL), 0, "%s", good[i].text);
		cr_assert_eq(n, good[i].bytes, "%s", good[i].text);
	}
	cr_assert_eq(opt_size("sample", "64Q", &n, NULL), ERR_USAGE);
	cr_assert_eq(opt_size("sample", "-5", &n, NULL), ERR_USAGE);
}

Test(cli_opt, numbers_have_bounds)
{
	uint64_t n;
	cr_assert_eq(opt_number("PID", "17", 1, 100, &n, NULL), 0);
	cr_assert_eq(n, 17);
	static const char *const bad[] = { "0",	 "101", "1x", "",
					   "-3", "+3",	" 3", "18446744073709551617" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_eq(opt_number("PID", bad[i], 1, 100, &n, NULL), ERR_USAGE, "'%s'",
			     bad[i]);
}

Test(cli_opt, choices_are_whole_words)
{
	int place;
	cr_assert_eq(opt_choice("on-full", "drop", "block drop", &place, NULL), 0);
	cr_assert_eq(place, 1);
	cr_assert_eq(opt_choice("on-full", "dro", "block drop", &place, NULL), ERR_USAGE);
	cr_assert_eq(opt_choice("on-full", "", "block drop", &place, NULL), ERR_USAGE);
}

Test(cli_opt, an_option_given_again_keeps_every_value_in_order)
{
	size_t at = 0;
	cr_assert_eq(PARSE("--top=1", "-fo", "x", "--max-rows", "2", "-n3"), 0);
	cr_expect_str_eq(opt_next(&args, "top", &at), "1");
	cr_expect_str_eq(opt_next(&args, "top", &at), "2");
	cr_expect_str_eq(opt_next(&args, "top", &at), "3");
	cr_expect_null(opt_next(&args, "top", &at));
	at = 0;
	cr_expect_str_eq(opt_next(&args, "output", &at), "x");
	cr_expect_null(opt_next(&args, "output", &at));
	at = 0;
	cr_expect_null(opt_next(&args, "force", &at));
}
