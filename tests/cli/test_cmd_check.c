/* SPDX-License-Identifier: MIT */
/* The gate on files made by the writer from facts pushed by hand: what it believes, what it says, its files. */
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell.h"
#include "tracer/stream/pmp.h"

static char folder[64];
static struct shell s;

/* A program that has ended and left 600 blocks of 100 bytes; with a note, when code is not NULL. */
static void push(const struct fact_sink *k, const char *code, struct fact_cost cost,
		 uint64_t sample)
{
	struct fact_target target = { .pid = 4242,
				      .python_version = "3.12.7",
				      .implementation = "CPython",
				      .executable = "python3.12",
				      .arch = "x86_64",
				      .word_bytes = 8,
				      .sample_bytes = sample,
				      .from_start = true };
	struct fact_thread thread = { .thread = 1, .tid = 4242, .name = "python3.12" };
	struct fact_frame frame = { .function = "load", .file = "app/feed.py", .line = 30 };
	struct fact_site site = { .site = 1, .thread = 1, .nframes = 1, .frames = &frame };
	struct fact_delta d = { 1, 600, 60000, 0, 0, 0, 0 };
	struct fact_interval f = { .to_ns = 1000000000, .ndeltas = 1, .deltas = &d };
	struct fact_site_peak peak = { .site = 1, .bytes = 60000, .blocks = 600 };
	struct fact_totals t = { .alloc_blocks = 600,
				 .alloc_bytes = 60000,
				 .live_blocks = 600,
				 .live_bytes = 60000,
				 .peak_bytes = 60000,
				 .peak_blocks = 600,
				 .duration_ns = 1000000000 };
	struct fact_note note = { code, "why it is not whole" };
	cr_assert_eq(k->target(k->ctx, &target, NULL), 0);
	cr_assert_eq(k->thread(k->ctx, &thread, NULL), 0);
	cr_assert_eq(k->site(k->ctx, &site, NULL), 0);
	cr_assert_eq(k->interval(k->ctx, &f, NULL), 0);
	cr_assert_eq(k->site_peak(k->ctx, &peak, NULL), 0);
	if (code)
		cr_assert_eq(k->note(k->ctx, &note, NULL), 0);
	cr_assert_eq(k->totals(k->ctx, &t, NULL), 0);
	cr_assert_eq(k->cost(k->ctx, &cost, NULL), 0);
	cr_assert_eq(k->finish(k->ctx, FACT_END_EXITED, NULL), 0);
}

static void make(const char *name, const char *code, struct fact_cost cost, uint64_t sample)
{
	char path[128];
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	unlink(path);
	cr_assert_eq(pmp_writer_new(&(struct pmp_options){ .path = path }, &w, &err), 0, "%s",
		     err.text);
	push(pmp_writer_sink(w), code, cost, sample);
	cr_assert_eq(pmp_writer_close(w, &err), 0, "%s", err.text);
}

static void setup(void)
{
	unsetenv("GITHUB_ACTIONS");
	snprintf(folder, sizeof folder, "/tmp/pymemprof-check-XXXXXX");
	cr_assert(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	make("a.pmp", NULL, (struct fact_cost){ .events = 1000 }, 0);
}

static void teardown(void)
{
	cr_assert_eq(chdir("/"), 0);
	shell(&s, "rm -rf '%s'", folder);
}

TestSuite(cli_cmd_check, .init = setup, .fini = teardown);

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");
	cr_assert(f && fputs(text, f) >= 0);
	fclose(f);
}

#define SAYS(what) cr_expect(strstr(s.text, (what)), "%s: %s", (what), s.text)

Test(cli_cmd_check, a_limit_holds_or_names_the_line)
{
	shell(&s, "\"$P\" check --max peak=60000 a.pmp");
	cr_expect_eq(s.status, 0, "equal is within: %s", s.text);
	shell(&s, "\"$P\" check --max peak=59999 a.pmp");
	cr_expect_eq(s.status, 1, "%s", s.text);
	SAYS("\n            59 KiB  app/feed.py:30 load\n"); /* what it has: there is nothing it grew from */
}

Test(cli_cmd_check, a_file_is_measured_once)
{
	shell(&s, "\"$P\" check --max peak=60000 --repeat 2 a.pmp");
	cr_expect_eq(s.status, 2, "%s", s.text);
	SAYS("--repeat needs -- PROGRAM or --pid PID: a FILE is measured once");
	shell(&s, "\"$P\" check --max peak=60000 --warmup 2 a.pmp");
	cr_expect_eq(s.status, 2, "%s", s.text);
	SAYS("--warmup needs -- PROGRAM or --pid PID");
	write_file("pymemprof.json", "{\"schema\": \"pymemprof-budget/1\", \"max\": {\"peak\": 60000}, "
				     "\"repeat\": 3, \"warmup\": 1}");
	shell(&s, "\"$P\" check a.pmp");
	cr_expect_eq(s.status, 0, "of a budget, which is of programs too: %s", s.text);
}

Test(cli_cmd_check, an_increase_over_nothing_is_told_as_it_was_asked_for)
{
	static const struct {
		const char *options, *says;
	} cases[] = {
		{ "--warn peak=+1KiB", "--warn peak=+1KiB needs --baseline NAME" },
		{ "--warn peak=1MiB --warn live=5%", "--warn live=5% needs --baseline NAME" },
		{ "--max-increase peak=5%", "--max-increase peak=5% needs --baseline NAME" },
		{ "--config gate.json", "max_increase of live in the budget needs a baseline" },
	};
	write_file("gate.json",
		   "{\"schema\": \"pymemprof-budget/1\", \"max_increase\": {\"live\": \"5%\"}}");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		shell(&s, "\"$P\" check %s a.pmp", cases[i].options);
		cr_expect_eq(s.status, 2, "%s: %s", cases[i].options, s.text);
		SAYS(cases[i].says);
	}
}

/* Status 6: whatever a note says is missing, the verdict is not to be trusted. */
Test(cli_cmd_check, an_incomplete_recording_proves_nothing)
{
	static const char *const codes[] = { "bad-batches",    "lost-batches",	  "stream-corrupt",
					     "live-limit",     "dropped",	  "offgil-dropped",
					     "unsent-tail",    "torn-tail",	  "replaced-blocks",
					     "unknown-unfree", "undefined-sites", "test-limit" };
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		make("b.pmp", codes[i], (struct fact_cost){ .events = 1000 }, 0);
		shell(&s, "\"$P\" check --max peak=1MiB --save-baseline x.json b.pmp");
		cr_expect_eq(s.status, 6, "%s: %d: %s", codes[i], s.status, s.text);
		SAYS("NOT TO BE TRUSTED");
		SAYS("the recording is incomplete: why it is not whole");
		SAYS("the baseline x.json was not written");
		shell(&s, "\"$P\" check --max peak=1 b.pmp");
		cr_expect_eq(s.status, 6, "also when it fails: %s: %d: %s", codes[i], s.status,
			     s.text);
	}
	cr_expect_neq(access("x.json", F_OK), 0, "no baseline is made of it");
}

/* The bytes of sites at the peak are written at the end: without it they are no 0. */
Test(cli_cmd_check, a_recording_without_its_end_has_at_least_what_it_says)
{
	shell(&s, "head -c $(($(stat -c %%s a.pmp) - 100)) a.pmp > cut.pmp && "
		  "\"$P\" check --max peak=1MiB --max alloc_bytes=1MiB cut.pmp");
	cr_expect_eq(s.status, 6, "%s", s.text);
	SAYS("not proven peak is at least 59 KiB; whether it is within 1.0 MiB is not known");
	SAYS("not proven alloc_bytes is at least 59 KiB; ");
	cr_expect_null(strstr(s.text, " 0 B"), "%s", s.text);
	cr_expect_null(strstr(s.text, "feed.py"), "nothing is above: %s", s.text);
	shell(&s, "\"$P\" check --max peak=1000 cut.pmp");
	cr_expect_eq(s.status, 6, "%s", s.text);
	SAYS("failed     peak of at least 59 KiB is above the limit of 1000 B");
	SAYS("59 KiB  app/feed.py:30 load");
	shell(&s, "\"$P\" check --save-baseline x.json a.pmp && \"$P\" check --baseline x.json "
		  "--max-increase peak=5%% --report json cut.pmp 2>/dev/null");
	cr_expect_eq(s.status, 6, "%s", s.text);
	SAYS("\"at_least\":true");
	shell(&s, "head -c $(($(stat -c %%s a.pmp) - 200)) a.pmp > cut.pmp && "
		  "\"$P\" check --max peak=1MiB cut.pmp");
	cr_expect_eq(s.status, 6, "nothing was recorded in what is left: %s", s.text);
	SAYS("not measured peak is not known: nothing was recorded\n");
	shell(&s, "\"$P\" check --max live=1MiB --max leaked=1MiB --max leak_rate=1 --max rss_peak=1MiB "
		  "--report json cut.pmp");
	cr_expect_eq(s.status, 6, "%s", s.text);
	SAYS("not measured live is not known: nothing was recorded\n");
	SAYS("not measured leaked is not known: nothing was recorded\n");
	SAYS("not measured leak_rate is not known: nothing was recorded\n");
	SAYS("not measured rss_peak is not known: nothing was recorded\n");
	SAYS("\"metrics\":{}");
	SAYS("\"now\":null");
	cr_expect_null(strstr(s.text, "  ok "), "%s", s.text);
}

Test(cli_cmd_check, a_gate_has_no_tolerance_for_lost_events_where_a_report_has)
{
	make("b.pmp", NULL, (struct fact_cost){ .events = 1000, .dropped_events = 1 }, 0);
	shell(&s, "\"$P\" check --max peak=1MiB b.pmp");
	cr_expect_eq(s.status, 6, "%s", s.text);
	shell(&s, "\"$P\" report b.pmp");
	cr_expect_eq(s.status, 0, "%s", s.text);
	make("b.pmp", "live-limit", (struct fact_cost){ .events = 1000 }, 0);
	shell(&s, "\"$P\" report b.pmp");
	cr_expect_eq(s.status, 6, "%s", s.text);
}

Test(cli_cmd_check, what_concerns_no_figure_is_no_loss)
{
	static const char *const codes[] = { "stacks-cut", "agent-left", "idle", "code-limit",
					     "torn" };
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		make("b.pmp", codes[i], (struct fact_cost){ .events = 1000 }, 0);
		shell(&s, "\"$P\" check --max peak=1MiB b.pmp");
		cr_expect_eq(s.status, 0, "%s: %d: %s", codes[i], s.status, s.text);
	}
}

Test(cli_cmd_check, a_sample_is_judged_and_called_one)
{
	make("b.pmp", NULL, (struct fact_cost){ .events = 1000 }, 65536);
	shell(&s, "\"$P\" check --max peak=1MiB b.pmp");
	cr_expect_eq(s.status, 0, "%s", s.text);
	SAYS("figures are estimates: it was recorded with --sample");
}

Test(cli_cmd_check, a_bad_budget_is_told_by_its_mistake)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{", "the budget is no JSON: line 1" },
		{ "[]", "it must be an object with \"schema\": \"pymemprof-budget/1\"" },
		{ "{}", "it must be an object with \"schema\"" },
		{ "{\"schema\": null}", "it must be an object with \"schema\"" },
		{ "{\"schema\": \"pymemprof-budget/2\"}", "has schema 'pymemprof-budget/2'" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"maxx\": {}}",
		  "unknown or bad member 'maxx'" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"repeat\": 1.5}", "bad member 'repeat'" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"max\": {\"peek\": 1}}",
		  "unknown metric 'peek'" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"max\": {\"peak\": true}}",
		  "max of peak is neither a number nor a text" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"max\": {\"peak\": 1, \"peak\": 2}}",
		  "duplicate" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"suppressions\": [{\"metric\": \"peak\"}]}",
		  "suppressions[0]: it has metric, site, reason" },
		{ "{\"schema\": \"pymemprof-budget/1\", \"suppressions\": [{\"metric\": \"peak\", "
		  "\"site\": \"*\", \"reason\": \"x\", \"until\": \"2027-02-29\"}]}",
		  "'2027-02-29' is no date" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file("pymemprof.json", bad[i].text);
		shell(&s, "\"$P\" check --max peak=1MiB a.pmp");
		cr_expect_eq(s.status, 2, "%s: %d: %s", bad[i].text, s.status, s.text);
		SAYS("pymemprof.json: ");
		SAYS(bad[i].says);
	}
	unlink("pymemprof.json");
	shell(&s, "\"$P\" check --max peak=1MiB --config none.json a.pmp");
	cr_expect_eq(s.status, 2);
	SAYS("cannot read none.json: No such file or directory");
}

Test(cli_cmd_check, suppressions_are_told_hold_until_their_day_and_no_longer)
{
	write_file("s.txt",
		   "# known\npeak app/feed.py:load until 2999-12-31 -- filled on purpose\n");
	shell(&s, "\"$P\" check --max peak=1000 --suppressions s.txt a.pmp");
	cr_expect_eq(s.status, 0, "%s", s.text);
	SAYS("does not count: app/feed.py:load (filled on purpose)");
	write_file("s.txt", "peak app/feed.py:load until 2020-02-29 -- filled on purpose\n");
	shell(&s, "\"$P\" check --max peak=1000 --suppressions s.txt a.pmp");
	cr_expect_eq(s.status, 1, "%s", s.text);
	SAYS("the suppression of app/feed.py:load expired on 2020-02-29: filled on purpose");
	cr_expect_null(strstr(s.text, "does not count"), "%s", s.text);
	write_file("s.txt", "peak app/feed.py:load until 2027-13-01 -- why\n");
	shell(&s, "\"$P\" check --max peak=1000 --suppressions s.txt a.pmp");
	cr_expect_eq(s.status, 2);
	SAYS("s.txt: line 1: suppression: '2027-13-01' is no date");
	shell(&s, "\"$P\" check --max peak=1000 --suppressions none.txt a.pmp");
	cr_expect_eq(s.status, 2);
	SAYS("cannot read none.txt: No such file or directory");
}

Test(cli_cmd_check, baselines_are_made_compared_and_followed)
{
	shell(&s, "\"$P\" check --baseline main a.pmp");
	cr_expect_eq(s.status, 5, "%s", s.text);
	SAYS("hint: make one with --save-baseline");
	shell(&s, "\"$P\" check --baseline main --update-baseline a.pmp");
	cr_expect_eq(s.status, 0, "%s", s.text);
	SAYS("there is no baseline yet: nothing is compared");
	SAYS("the baseline .pymemprof/baselines/main.json is of this run now: commit it");
	shell(&s, "\"$P\" check --baseline main a.pmp");
	cr_expect_eq(s.status, 0, "%s", s.text);
	SAYS("peak went from 59 KiB to 59 KiB (0 B, +0.0 %)");
	shell(&s, "\"$P\" check --save-baseline main a.pmp");
	cr_expect_eq(s.status, 2, "%s", s.text);
	SAYS("hint: choose another name, or replace it with --force");
	shell(&s,
	      "sed -i 's/\"peak\": \\[[0-9]*\\]/\"peak\": [100]/' .pymemprof/baselines/main.json && "
	      "\"$P\" check --baseline main --max-increase peak=5%% --min-delta 1 --update-baseline a.pmp");
	cr_expect_eq(s.status, 1, "%s", s.text);
	SAYS("the baseline .pymemprof/baselines/main.json was not written");
}

/* Text of a foreign hand in the place of figures. */
Test(cli_cmd_check, a_damaged_baseline_is_refused_with_its_place)
{
	static const char *const bad[] = {
		"",
		"{",
		"null",
		"{\"schema\": null}",
		"[1.5]",
		"{\"schema\": \"pymemprof-baseline/9\"}",
		"{\"schema\": \"pymemprof-baseline/1\", \"metrics\": {\"peak\": [null, 1.5]}}"
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file("b.json", bad[i]);
		shell(&s, "\"$P\" check --baseline b.json a.pmp");
		cr_expect_eq(s.status, 5, "%s: %d: %s", bad[i], s.status, s.text);
		shell(&s, "\"$P\" check --baseline b.json --baseline-lenient a.pmp");
		cr_expect_eq(s.status, 0, "%s: %d: %s", bad[i], s.status, s.text);
	}
}

Test(cli_cmd_check, a_result_without_a_line_is_at_the_budget)
{
	write_file("gate.json", "{\"schema\": \"pymemprof-budget/1\", \"max\": {\"rss_peak\": 0}}");
	make("b.pmp", "live-limit", (struct fact_cost){ .events = 1000 }, 0);
	shell(&s,
	      "\"$P\" check -q --config gate.json --report sarif --max peak=1MiB b.pmp 2>/dev/null");
	cr_expect_eq(s.status, 6, "%s", s.text);
	SAYS("{\"executionSuccessful\":false,\"exitCode\":6,");
	SAYS("\"ruleId\":\"memory-not-measured\"");
	SAYS("\"uri\":\"gate.json\"");
}

Test(cli_cmd_check, a_wrapper_that_stays_is_told_from_the_program)
{
	shell(&s, "\"$P\" check --max peak=1MiB -- /bin/sh -c 'true; true'");
	cr_expect_eq(s.status, 3, "%s", s.text);
	SAYS("/bin/sh: never ran Python");
	SAYS("hint: give Python's own command after --");
}

Test(cli_cmd_check, what_cannot_be_written_is_told_before_anything_runs)
{
	static const struct {
		const char *option;
		int status;
	} cases[] = { { "--report json=none/x.json", 3 },
		      { "--report json=.", 2 },
		      { "--save-baseline none/x.json", 3 },
		      { "--baseline none/x.json --update-baseline", 3 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		shell(&s, "\"$P\" check --max peak=1MiB %s -- /bin/sh -c 'echo it ran'",
		      cases[i].option);
		cr_expect_eq(s.status, cases[i].status, "%s: %d: %s", cases[i].option, s.status, s.text);
		cr_expect_null(strstr(s.text, "it ran"), "%s: %s", cases[i].option, s.text);
		cr_expect(cases[i].status == 2 || !strstr(s.text, "pymemprof help"), "%s", s.text);
	}
}
