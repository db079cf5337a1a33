/* SPDX-License-Identifier: MIT */
/* The binary as a user meets it: usage errors, help, version, statuses. */
#include "shell.h"
#include "tests/support/sanitized.h"

static struct shell s;

static void expect_refusal(const char *words, int status)
{
	shell(&s, "\"$P\" %s </dev/null", words);
	cr_expect_eq(s.status, status, "%s: status %d: %s", words, s.status, s.text);
	cr_expect_eq(strncmp(s.text, "pymemprof: ", 11), 0, "%s: %s", words, s.text);
	cr_expect(count_lines(s.text) == 1 ||
			  (count_lines(s.text) == 2 && strstr(s.text, "\nhint: ")),
		  "%s: %s", words, s.text);
}

Test(cli_main, mistakes_are_one_line_one_hint_and_status_2)
{
	static const char *const mistakes[] = {
		"",
		"bogus",
		"--bogus",
		"report",
		"report --view x a",
		"report --format x a",
		"report a b",
		"report --top 0 a",
		"report --format folded --view timeline a",
		"help bogus",
		"doctor x",
		"doctor 1 2",
		"--color sometimes doctor 1",
		"report -o",
		"help --completion fish",
		"attach",
		"attach x",
		"attach 1 2",
		"attach -p 1 2",
		"attach -- true",
		"attach --window 3 1",
		"attach --window 4096 1",
		"attach --events 1",
		"attach --duration 0 1",
		"attach --duration 5x 1",
		"attach --interval 1us 1",
		"attach --sample -1 1",
		"attach --on-full never 1",
		"attach --max-frames 0 1",
		"attach --format bogus 1",
		"attach --assume-layout banana 1",
		"run --assume-layout 2.7 -- true",
		"snapshot --assume-layout 9.99 1",
		"snapshot --assume-layout 3.99 1",
		"top -b --assume-layout 3.12x 1",
		"run",
		"run true",
		"run --",
		"run -o - -- true",
		"snapshot -F folded 4194305",
		"attach -o page.html 4194305",
		"snapshot -F html -o page.HTM 4194305",
		"run -o table.csv -- true",
		"snapshot -F speedscope 4194305",
		"snapshot -F pprof -o x.pmp 4194305",
		"detach",
		"detach x",
		"detach 1 2",
		"extract",
		"extract a b",

	};
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
		expect_refusal(mistakes[i], 2);
}

Test(cli_main, what_cannot_be_attached_to_is_refused_with_status_3)
{
	static const char *const words[] = { "attach 4194305", "detach 4194305",
					     "run -- /nonexistent/program", "attach $$" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		expect_refusal(words[i], 3);
}

/* Before the process is looked at: there is none of that number. */
Test(cli_main, what_cannot_be_written_is_refused_first)
{
	static const char *const words[] = { "attach --html /dev/null/x.html 4194305",
					     "attach -o /dev/null/x.pmp 4194305",
					     "run --html /dev/null/x.html -- true",
					     "snapshot --html /dev/null/x.html 4194305",
					     "snapshot -o /dev/null/x.pmp 4194305" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		expect_refusal(words[i], 3);
		cr_expect(strstr(s.text, "cannot create /dev/null/x.") &&
			  strstr(s.text, "\nhint: choose a place"), "%s: %s", words[i], s.text);
	}
}

Test(cli_main, a_layout_that_is_not_known_is_refused_with_those_that_are)
{
	expect_refusal("snapshot --assume-layout 9.99 4194305", 2);
	cr_assert(strstr(s.text, "'9.99' is known, but of 3.8, ") && strstr(s.text, ", 3.14"), "%s", s.text);
	expect_refusal("snapshot --assume-layout 3.12 4194305", 3);
}

Test(cli_main, hints_are_about_what_went_wrong)
{
	static const struct {
		const char *words, *hint; /* NULL: what is wrong says it all */
	} said[] = {
		{ "attach --sample x 1", NULL },
		{ "attach -d 5x 1", NULL },
		{ "attach --on-full never 1", NULL },
		{ "attach --suppressions /dev/null/x 1", NULL },
		{ "snapshot --path 0xzz 4194305", NULL },
		{ "attach x", "pymemprof doctor\n" },
		{ "attach 4194305", "pymemprof doctor\n" },
		{ "report /dev/null/../absent.pmp", NULL },
		{ "report absent.pmp", "snapshot wrote with -o" },
		{ "run -- no-such-program", "a program in PATH" },
		{ "check --max peak=1GiB -- no-such-program", "a program in PATH" },
		{ "attach --bogus 1", "'pymemprof help'" },
	};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		shell(&s, "\"$P\" %s </dev/null", said[i].words);
		const char *hint = strstr(s.text, "\nhint: ");
		cr_expect(said[i].hint ? hint && strstr(hint, said[i].hint) : !hint, "%s: %s", said[i].words, s.text);
	}
	shell(&s, "\"$P\" attach --suppressions /dev/null/x 1");
	cr_expect(s.status == 2 && strstr(s.text, "cannot read /dev/null/x: Not a directory"), "%s", s.text);
	shell(&s, "\"$P\" run --help");
	cr_expect(!strstr(s.text, "standard output\n") && !strstr(s.text, "begins"), "%s", s.text);
}

Test(cli_main, quiet_leaves_the_hint_out)
{
	shell(&s, "\"$P\" -q bogus");
	cr_assert_eq(s.status, 2);
	cr_assert_str_eq(s.text, "pymemprof: unknown command 'bogus'\n");
}

Test(cli_main, names_on_the_command_line_are_escaped)
{
	shell(&s, "\"$P\" \"$(printf 'a\\033[31mb')\"");
	cr_assert(strstr(s.text, "'a\\x1b[31mb'"), "%s", s.text);
}

Test(cli_main, version_and_help_go_to_standard_output)
{
	shell(&s, "\"$P\" -V 2>/dev/null");
	cr_assert_eq(s.status, 0);
	cr_assert_eq(strncmp(s.text, "pymemprof ", 10), 0);
	static const char *const ways[] = { "--help",	     "-h",	    "help",
					    "report --help", "help report", "--help report",
					    "doctor -h",     "help help" };
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		shell(&s, "\"$P\" %s 2>/dev/null", ways[i]);
		cr_expect_eq(s.status, 0, "%s", ways[i]);
		cr_expect_eq(strncmp(s.text, "usage: pymemprof ", 17), 0, "%s: %s", ways[i],
			     s.text);
	}
}

Test(cli_main, completions_are_valid_shell)
{
	shell(&s, "command -v bash >/dev/null || exit 77; \"$P\" help --completion bash | bash -n");
	if (s.status == 77)
		cr_skip_test("no bash here");
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert_str_empty(s.text);
}

Test(cli_main, help_that_cannot_be_written_is_told)
{
	SKIP_IF_VALGRIND("its log takes the number that is closed");
	shell(&s, "\"$P\" help >/dev/full");
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "No space left on device"), "%s", s.text);
	shell(&s, "\"$P\" help >&-");
	cr_assert_eq(s.status, 3);
	cr_assert_eq(strncmp(s.text, "pymemprof: ", 11), 0, "%s", s.text);
}

Test(cli_main, doctor_names_what_is_in_the_way)
{
	shell(&s, "\"$P\" doctor $$");
	cr_assert_eq(s.status, 3, "%s", s.text);
	cr_assert(strstr(s.text, "\nNO   ") || strncmp(s.text, "NO   ", 5) == 0, "%s", s.text);
	cr_assert(strstr(s.text, ", 1 thread, user "), "%s", s.text);
	shell(&s, "\"$P\" doctor 4194305");
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "NO   process"), "%s", s.text);
	shell(&s, "\"$P\" doctor");
	cr_assert_eq(s.status, 0, "%s", s.text);
}
