/* SPDX-License-Identifier: MIT */
/*
 * `pymemprof check` on a program with one knob for each way it can change: the verdict, the
 * exit status and the culprit of each, and every exit status.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define LIMIT_MS 60000

static char folder[64], baseline[96], script[512];
static struct python pythons[PYTHONS_MAX];
static char within[PYTHONS_MAX][512]; /* the script as this interpreter sees it */
static char copies[PYTHONS_MAX][512]; /* of it, in the root of an interpreter; "": none */
static size_t npythons;

/* An interpreter in a root of its own gets a copy of the script there. False: it runs otherwise. */
static bool place_script(const struct python *py, size_t i)
{
	char command[2048];
	copies[i][0] = '\0';
	snprintf(within[i], sizeof within[i], "%s", script);
	if (!py->argv[1])
		return true;
	if (strcmp(py->argv[0], "chroot") != 0 || !py->argv[2] || py->argv[3])
		return false;
	snprintf(copies[i], sizeof copies[i], "%s%s", py->argv[1], folder);
	snprintf(within[i], sizeof within[i], "%s/gate.py", folder);
	snprintf(command, sizeof command, "mkdir -p '%s' && cp '%s' '%s'", copies[i], script,
		 copies[i]);
	return system(command) == 0;
}

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/pymemprof-check-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(baseline, sizeof(baseline), "%s/main.json", folder);
	snprintf(script, sizeof(script), "%s/gate.py", getenv("PYMEMPROF_TARGETS"));
	npythons = pythons_find(PYTHONS_MAX, pythons);
	size_t kept = 0;
	for (size_t i = 0; i < npythons; i++)
		if (place_script(&pythons[i], kept))
			pythons[kept++] = pythons[i];
	npythons = kept;
	if (npythons == 0)
		cr_skip_test("no interpreter found");
	unsetenv("GITHUB_ACTIONS");
}

static void teardown(void)
{
	char command[600];
	for (size_t i = 0; i <= npythons; i++) {
		const char *path = i < npythons ? copies[i] : folder;
		snprintf(command, sizeof command, "rm -rf '%s'", path);
		if (*path && system(command) != 0)
			fprintf(stderr, "%s stays\n", path);
	}
}

TestSuite(integration_check, .init = setup, .fini = teardown);

/* The words that run the script, after n others. */
static void put_program(const struct python *py, size_t n, const char **args)
{
	args[n++] = "--";
	for (size_t i = 0; py->argv[i]; i++)
		args[n++] = py->argv[i];
	args[n++] = within[py - pythons];
	args[n] = NULL;
}

/* Run check with options (NULL-terminated) on the script; JSON on standard output. */
static json_t *check(const struct python *py, const char *knob, const char *value,
		     const char *const *options, struct cli *done)
{
	const char *args[28] = { "check", "--report", "json" };
	size_t n = 3;
	for (size_t i = 0; options[i]; i++)
		args[n++] = options[i];
	put_program(py, n, args);
	if (knob)
		setenv(knob, value, 1);
	cli_run(done, LIMIT_MS, args);
	if (knob)
		unsetenv(knob);
	return cli_json(done);
}

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void save(void)
{
	struct cli done;
	json_t *r = check(&pythons[0], NULL, NULL,
			  OPTIONS("--warmup", "1", "--save-baseline", baseline), &done);
	cr_assert_eq(done.status, 0, "%d: %s", done.status, done.err);
	json_decref(r);
	cli_done(&done);
}

/* The matrix of changes: what the gate must say about each, every time. */
static const struct change {
	const char *knob, *value, *rule;
	int status;
	const char *culprit; /* function */
	const char *text;    /* of the culprit's line in gate.py; NULL: any */
	const char *caller;  /* for whom; NULL: nobody in particular */
} changes[] = {
	{ NULL, NULL, "peak=5%", 0, NULL },
	{ "GATE_TABLE", "4050", "peak=5%", 0, NULL },
	{ "GATE_TABLE", "4140", "peak=1%", 1, "table", "bytes(1000) for _ in range(n)", NULL },
	{ "GATE_TABLE", "4800", "peak=5%", 1, "table", "bytes(1000) for _ in range(n)", NULL },
	{ "GATE_MAKE", "1300", "peak=5%", 1, "make", "bytes(1000) for _ in range(n)", "second" },
	{ "GATE_LINES", "900", "peak=5%", 1, "lines", "bytes(1001)", NULL },
	{ "GATE_TABLE", "3000", "peak=5%", 0, NULL },
	{ "GATE_LEAK", "100", "leaked=64KiB", 1, "leak" },
	{ "GATE_CACHE", "500", "peak=5%", 1, "cache" },
	{ "GATE_TEMPORARY", "400", "alloc_bytes=5%", 1, "temporaries" },
	{ "GATE_TEMPORARY", "400", "peak=5%", 0, NULL },
	{ "GATE_NOISE", "8192", "peak=1%", 0, NULL },
	{ "GATE_NOISE", "700", "rss_peak=5%", 0, NULL },
	{ "GATE_NOISE", "8192", "alloc_bytes=1%", 0, NULL },
};

/* PYMEMPROF_REPEATS=50 makes it the long run that docs/ci.md has the record of. */
static unsigned repeats(void)
{
	const char *text = getenv("PYMEMPROF_REPEATS");
	return text ? (unsigned)strtoul(text, NULL, 10) : 2;
}

/* The text of the line a culprit names, or "". */
static const char *line_of_script(const json_t *culprit)
{
	static char text[256];
	FILE *f = fopen(script, "re");
	cr_assert(f);
	for (json_int_t left = json_integer_value(json_object_get(culprit, "line")); left > 0; left--)
		if (!fgets(text, sizeof text, f))
			*text = '\0';
	fclose(f);
	return text;
}

Test(integration_check, each_change_gets_its_verdict_status_and_culprit)
{
	const size_t n = sizeof(changes) / sizeof(*changes);
	save();
	for (size_t k = 0; k < n * repeats(); k++) {
		size_t i = k % n;
		if (i == 0 && k > 0 && repeats() > 2)
			fprintf(stderr, "%s: %zu of %u times\n", pythons[0].name, k / n, repeats());
		const struct change *c = &changes[i];
		struct cli done;
		json_t *r = check(&pythons[0], c->knob, c->value,
				  OPTIONS("--no-snapshot", "--baseline", baseline, "--max-increase",
					  c->rule),
				  &done);
		cr_expect_eq(done.status, c->status, "%s=%s %s: %d: %s", c->knob, c->value, c->rule,
			     done.status, done.err);
		const json_t *first = json_array_get(json_object_get(r, "findings"), 0);
		const json_t *culprit = json_array_get(json_object_get(first, "culprits"), 0);
		const char *name = json_string_value(json_object_get(culprit, "function"));
		const char *file = json_string_value(json_object_get(culprit, "file"));
		if (c->culprit)
			cr_expect(name && strcmp(name, c->culprit) == 0 && strstr(file, "gate.py") &&
				  json_integer_value(json_object_get(culprit, "line")) > 0,
				  "%s: culprit %s", c->knob, name);
		if (c->text)
			cr_expect(strstr(line_of_script(culprit), c->text), "%s: line %s", c->knob,
				  line_of_script(culprit));
		const json_t *caller = json_object_get(culprit, "caller");
		const char *called = json_string_value(json_object_get(caller, "function"));
		cr_expect(c->caller ? called && strcmp(called, c->caller) == 0 : !called, "%s: for %s",
			  c->knob, called);
		if (!c->culprit && strncmp(c->rule, "rss", 3) != 0) /* not proven is told with culprits */
			cr_expect_null(name, "%s: culprit %s", c->knob, name);
		json_decref(r);
		cli_done(&done);
	}
}

Test(integration_check, a_leak_that_was_mended_is_an_improvement)
{
	struct cli done;
	setenv("GATE_LEAK", "100", 1);
	save();
	unsetenv("GATE_LEAK");
	json_t *r = check(&pythons[0], NULL, NULL,
			  OPTIONS("--baseline", baseline, "--max-increase", "leaked=1KiB"), &done);
	cr_expect_eq(done.status, 0, "%s", done.err);
	const json_t *first = json_array_get(json_object_get(r, "findings"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(first, "verdict")), "improved");
	json_decref(r);
	cli_done(&done);
}

/* Its memory is unreadable long before it has ended: not to be taken for an exec. */
Test(integration_check, a_program_whose_memory_takes_long_to_give_back_has_ended_all_the_same)
{
	struct cli done;
	setenv("GATE_HELD", "1024", 1);
	json_t *r = check(&pythons[0], "GATE_LEAK", "100",
			  OPTIONS("--no-snapshot", "--max", "leaked=64KiB"), &done);
	unsetenv("GATE_HELD");
	cr_expect_eq(done.status, 1, "%d: %s", done.status, done.err);
	cr_expect_null(strstr(done.err, "executed another"), "%s", done.err);
	json_decref(r);
	cli_done(&done);
}

static void expect_same_runs(const struct python *py, const char *times)
{
	struct cli done;
	json_t *r = check(py, NULL, NULL,
			  OPTIONS("--warmup", "1", "--repeat", times, "--max", "peak=1GiB"), &done);
	cr_assert_eq(done.status, 0, "%s: %d: %s", py->name, done.status, done.err);
	json_t *metrics = json_object_get(r, "metrics"), *bytes = json_object_get(metrics, "alloc_bytes");
	json_t *count = json_object_get(metrics, "allocs");
	size_t n = json_array_size(bytes);
	cr_assert_eq(n, strtoul(times, NULL, 10));
	for (size_t i = 1; i < n; i++) {
		cr_expect(json_equal(json_array_get(bytes, i), json_array_get(bytes, 0)),
			  "%s: run %zu: %lld, %lld bytes", py->name, i,
			  json_integer_value(json_array_get(bytes, i)),
			  json_integer_value(json_array_get(bytes, 0)));
		cr_expect(json_equal(json_array_get(count, i), json_array_get(count, 0)));
	}
	json_decref(r);
	cli_done(&done);
}

/* Where addresses stay random, an int made of one may have a digit more. */
static bool addresses_can_be_fixed(void)
{
	int now = personality(0xffffffff);
	bool can = personality((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0;
	(void)personality((unsigned long)now);
	return can;
}

Test(integration_check, allocations_of_an_unchanged_program_repeat_exactly)
{
	if (!addresses_can_be_fixed())
		cr_skip_test("addresses stay random here");
	for (size_t i = 0; i < npythons; i++)
		expect_same_runs(&pythons[i], i == 0 ? "20" : "5");
}

static const char *first_name(const json_t *r, const char *list)
{
	const json_t *f = json_array_get(json_object_get(r, "findings"), 0);
	return json_string_value(
		json_object_get(json_array_get(json_object_get(f, list), 0), "name"));
}

Test(integration_check, a_leak_for_each_iteration_has_a_rate_and_a_culprit)
{
	struct cli done;
	setenv("GATE_CHURN", "20000",
	       1); /* it is looked at when the cache is full, not while it is filled */
	json_t *r = check(&pythons[0], NULL, NULL,
			  OPTIONS("--iterations-env", "GATE_CACHE=100,200,400", "--max",
				  "leak_rate=100"),
			  &done);
	unsetenv("GATE_CHURN");
	cr_expect_eq(done.status, 1, "%d: %s", done.status, done.err);
	const json_t *first = json_array_get(json_object_get(r, "findings"), 0);
	double rate = json_number_value(json_object_get(first, "now"));
	cr_expect(rate > 1990 && rate < 2100, "%f", rate);
	const json_t *culprits = json_object_get(first, "culprits"),
		     *culprit = json_array_get(culprits, 0);
	cr_expect_str_eq(json_string_value(json_object_get(culprit, "function")), "cache");
	cr_expect_eq(json_array_size(culprits), 1, "only what grows: %s", done.err);
	const char *type = first_name(r, "types");
	cr_expect(type && strcmp(type, "bytes") == 0, "type %s: %s", type, done.err);
	/* Not always first: what the program holds at that very moment counts, too. */
	cr_expect(strstr(done.err, "held by list __main__.kept"), "%s", done.err);
	cr_expect(strstr(done.err, "/iteration is above the limit of 100 B/iteration"), "%s",
		  done.err);
	json_decref(r);
	cli_done(&done);
	/* A rate is hardly ever a whole number: it is written and read back as it is. */
	r = check(&pythons[0], NULL, NULL,
		  OPTIONS("--iterations-env", "GATE_CACHE=100,200,400", "--max", "leak_rate=1MiB",
			  "--save-baseline", baseline),
		  &done);
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	json_decref(r);
	cli_done(&done);
	r = check(&pythons[0], NULL, NULL,
		  OPTIONS("--iterations-env", "GATE_CACHE=100,200,400", "--baseline", baseline,
			  "--max-increase", "leak_rate=5%"),
		  &done);
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	json_decref(r);
	cli_done(&done);
	r = check(&pythons[0], NULL, NULL,
		  OPTIONS("--iterations-env", "GATE_TEMPORARY=10,20,40", "--max", "leak_rate=100"),
		  &done);
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	json_decref(r);
	cli_done(&done);
}

static void expect_status(int want, const struct python *py, const char *knob, const char *value,
			  const char *const *options)
{
	struct cli done;
	json_decref(check(py, knob, value, options, &done));
	cr_expect_eq(done.status, want, "want %d: %d: %s", want, done.status, done.err);
	cli_done(&done);
}

Test(integration_check, every_status_is_reached)
{
	struct cli done;
	char file[96], cut[96], command[512];
	expect_status(0, &pythons[0], NULL, NULL, OPTIONS("--max", "peak=1GiB"));
	expect_status(1, &pythons[0], NULL, NULL, OPTIONS("--max", "peak=1KiB"));
	expect_status(0, &pythons[0], NULL, NULL, OPTIONS("--warn", "peak=1KiB"));
	expect_status(2, &pythons[0], NULL, NULL, OPTIONS("--max", "speak=1KiB"));
	expect_status(2, &pythons[0], NULL, NULL, OPTIONS("-q"));
	expect_status(2, &pythons[0], NULL, NULL, OPTIONS("--max", "frag=30"));
	expect_status(1, &pythons[0], NULL, NULL, OPTIONS("--max", "type:int=1"));
	json_decref(check(&pythons[0], NULL, NULL, OPTIONS("--max", "type:NoSuch=1"), &done));
	cr_expect(done.status == 0 && strstr(done.err, "there was no such object"), "%d: %s",
		  done.status, done.err);
	cli_done(&done);
	expect_status(4, &pythons[0], "GATE_EXIT", "3", OPTIONS("--max", "peak=1KiB"));
	expect_status(5, &pythons[0], NULL, NULL, OPTIONS("--baseline", baseline));
	expect_status(0, &pythons[0], NULL, NULL,
		      OPTIONS("--baseline", baseline, "--baseline-lenient"));
	expect_status(0, &pythons[0], NULL, NULL,
		      OPTIONS("--baseline", baseline, "--update-baseline"));
	cr_expect_eq(access(baseline, R_OK), 0);
	CLI(&done, LIMIT_MS, "check", "--max", "peak=1GiB", "--", "/nonexistent/program");
	cr_expect_eq(done.status, 3, "%d: %s", done.status, done.err);
	cli_done(&done);
	snprintf(file, sizeof(file), "%s/a.pmp", folder);
	snprintf(cut, sizeof(cut), "%s/cut.pmp", folder);
	const char *record[16] = { "run", "-q", "-o", file };
	put_program(&pythons[0], 4, record);
	cli_run(&done, LIMIT_MS, record);
	cr_expect_eq(done.status, 0, "%s", done.err);
	cli_done(&done);
	CLI(&done, LIMIT_MS, "check", "--max", "peak=1GiB", file);
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	cli_done(&done);
	snprintf(command, sizeof(command), "head -c $(($(stat -c %%s %s) - 200)) %s >%s", file, file, cut);
	cr_assert_eq(system(command), 0);
	CLI(&done, LIMIT_MS, "check", "--max", "peak=1GiB", cut);
	cr_expect_eq(done.status, 6, "%d: %s", done.status, done.err);
	cli_done(&done);
}

Test(integration_check, another_minor_version_is_refused_unless_lenient)
{
	const struct python *other = NULL;
	for (size_t i = 1; i < npythons; i++)
		if (pythons[i].minor != pythons[0].minor)
			other = &pythons[i];
	if (!other)
		cr_skip_test("one minor version only");
	save();
	expect_status(5, other, NULL, NULL, OPTIONS("--baseline", baseline));
	expect_status(0, other, NULL, NULL,
		      OPTIONS("--baseline", baseline, "--baseline-lenient", "--max-increase",
			      "peak=50%"));
}

Test(integration_check, what_failed_is_named_by_type_and_holder_too)
{
	struct cli done;
	save();
	setenv("GATE_SESSIONS", "3000", 1);
	setenv("GATE_CHURN", "20000", 1);
	json_t *r = check(&pythons[0], NULL, NULL,
			  OPTIONS("--baseline", baseline, "--max-increase", "peak=5%", "--max",
				  "type:__main__.Session=100", "--max",
				  "retained:__main__.Session=1MiB"),
			  &done);
	unsetenv("GATE_SESSIONS");
	unsetenv("GATE_CHURN");
	cr_assert_eq(done.status, 1, "%d: %s", done.status, done.err);
	json_t *findings = json_object_get(r, "findings"), *f;
	size_t i;
	json_array_foreach(findings, i, f)
		cr_expect_str_eq(json_string_value(json_object_get(f, "verdict")), "failed");
	cr_expect_eq(json_array_size(findings), 3);
	const char *holder = first_name(r, "holders");
	cr_expect(holder && strstr(holder, "__main__.app.sessions"), "held by %s: %s", holder,
		  done.err);
	cr_expect_not_null(strstr(done.err, "held by list __main__.app.sessions"), "%s", done.err);
	json_decref(r);
	cli_done(&done);
}

Test(integration_check, noise_of_resident_memory_alone_fails_nothing)
{
	struct cli done;
	setenv("GATE_NOISE", "6000", 1);
	json_t *r = check(&pythons[0], NULL, NULL,
			  OPTIONS("--no-snapshot", "--repeat", "5", "--save-baseline", baseline), &done);
	cr_assert_eq(done.status, 0, "%s", done.err);
	json_decref(r);
	cli_done(&done);
	for (unsigned i = 0; i < repeats(); i++)
		expect_status(0, &pythons[0], NULL, NULL,
			      OPTIONS("--no-snapshot", "--repeat", "5", "--baseline", baseline,
				      "--max-increase", "rss_peak=5%", "--max-increase", "peak=1%"));
	unsetenv("GATE_NOISE");
}

Test(integration_check, a_machine_of_another_word_is_refused_unless_lenient)
{
	char command[256];
	save();
	snprintf(command, sizeof(command), "sed -i 's/\"word_bytes\": 8/\"word_bytes\": 4/' %s", baseline);
	cr_assert_eq(system(command), 0);
	expect_status(5, &pythons[0], NULL, NULL, OPTIONS("--baseline", baseline));
	expect_status(0, &pythons[0], NULL, NULL, OPTIONS("--baseline", baseline, "--baseline-lenient"));
}

Test(integration_check, a_running_process_is_measured_for_a_while)
{
	struct target t = { 0 };
	struct cli done;
	char pid[16];
	cr_assert(target_spawn(&t, &pythons[0], &(struct target_options){ .script = "busy.py" }), "%s",
		  t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	CLI(&done, LIMIT_MS, "check", "--pid", pid, "-d", "700ms", "--max", "peak=1GiB", "--max",
	    "type:dict=1000000", "--max", "frag=100%", "--max", "retained:type=1GiB", "--report", "json");
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	json_t *r = cli_json(&done);
	const json_t *metrics = json_object_get(r, "metrics");
	cr_expect_gt(json_integer_value(json_array_get(json_object_get(metrics, "type:dict"), 0)), 10);
	cr_expect_gt(json_number_value(json_array_get(json_object_get(metrics, "retained:type"), 0)), 0);
	json_decref(r);
	cli_done(&done);
	CLI(&done, LIMIT_MS, "check", "-p", pid, "-d", "300ms", "--max", "type:dict=1");
	cr_expect_eq(done.status, 1, "%d: %s", done.status, done.err);
	cli_done(&done);
	target_kill(&t);
	CLI(&done, LIMIT_MS, "check", "-p", pid, "-d", "300ms", "--max", "peak=1GiB");
	cr_expect_eq(done.status, 3, "gone before: %d: %s", done.status, done.err);
	cli_done(&done);
}
