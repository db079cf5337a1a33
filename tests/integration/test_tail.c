/* SPDX-License-Identifier: MIT */
/*
 * Nothing is lost at a target's end, whatever the end is: what a program did in the very last
 * microsecond before it exits, becomes another program or is killed is in the recording.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define STORMS 6

static char folder[64], file[96];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/pymemprof-tail-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/tail.pmp", folder);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

TestSuite(integration_tail, .init = setup, .fini = teardown);

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool has_limit(const json_t *report, const char *code)
{
	const json_t *limit;
	size_t i;

	json_array_foreach(json_object_get(report, "limits"), i, limit)
		if (strcmp(json_string_value(json_object_get(limit, "code")), code) == 0)
			return true;
	return false;
}

/* Sums of all sites whose innermost frame is that line of tail.py. */
static json_int_t at_line(const json_t *report, json_int_t line, const char *what)
{
	const json_t *site;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(json_object_get(report, "sites"), i, site) {
		const json_t *leaf = json_array_get(json_object_get(site, "stack"), 0);
		const char *path = json_string_value(json_object_get(leaf, "file"));

		if (path && strstr(path, "tail.py") && number(leaf, "line") == line)
			sum += number(site, what);
	}
	return sum;
}

static json_t *read_report(void)
{
	struct cli done;

	CLI(&done, 20000, "report", file, "--view", "sites", "--format", "json");
	json_t *report = cli_json(&done);
	cr_assert(report, "no report: %s", done.err);
	cli_done(&done);
	return report;
}

static void check_population(const char *name, const char *end, const json_t *truth)
{
	json_t *report = read_report();
	const json_t *totals = json_object_get(report, "totals");
	json_int_t line = number(truth, "line"), blocks = number(truth, "blocks");

	/* what the interpreter frees when the program has come to its end is not the program's doing */
	if (strcmp(end, "end") == 0)
		cr_expect_str_eq(json_string_value(json_object_get(totals, "end")), "finished", "%s", name);
	cr_expect(!has_limit(report, "unsent-tail") && !has_limit(report, "torn-tail") &&
		  !has_limit(report, "dropped"), "%s, %s: something is missing", name, end);
	/* the line makes a few short-lived ones besides */
	cr_expect_geq(at_line(report, line, "allocated_blocks"), blocks, "%s, %s: %lld of %lld", name,
		      end, at_line(report, line, "allocated_blocks"), blocks);
	cr_expect_geq(at_line(report, line, "allocated_bytes"), number(truth, "bytes"), "%s, %s", name,
		      end);
	cr_expect_eq(at_line(report, line, "live_blocks"), blocks, "%s, %s: %lld alive",
		     name, end, at_line(report, line, "live_blocks"));
	cr_expect_eq(at_line(report, line, "live_bytes"), number(truth, "bytes"),
		     "%s, %s: %lld bytes alive", name, end, at_line(report, line, "live_bytes"));
	cr_expect_geq(at_line(report, number(truth, "young"), "allocated_blocks"),
		      number(truth, "temps"), "%s, %s: %lld young ones", name, end,
		      at_line(report, number(truth, "young"), "allocated_blocks"));
	cr_expect_eq(number(totals, "live_blocks"),
		     number(totals, "allocated_blocks") - number(totals, "freed_blocks"));
	json_decref(report);
}

static size_t all_pythons(struct python **ret)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);

	if (n == 0)
		cr_skip_test("no interpreter found");
	*ret = pythons;
	return n;
}

static const char *const ends[] = { "exit", "kill", "exec", "end" };
#define ENDS (sizeof(ends) / sizeof(*ends))

/* The program's text, so that an interpreter inside a chroot can run it. */
static char *program_text(void)
{
	static char text[8192];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/tail.py", getenv("PYMEMPROF_TARGETS"));
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	return text;
}

static void run_once(const struct python *py, const char *end)
{
	const char *args[PYTHON_ARGS_MAX + 12] = { "run", "-q", "-f", "-o", file, "--" };
	char *code = NULL;
	struct cli done;
	size_t n = 6;

	cr_assert(asprintf(&code, "text = '''%s'''\nexec(compile(text, 'tail.py', 'exec'))",
			   program_text()) > 0);
	for (size_t i = 0; py->argv[i]; i++)
		args[n++] = py->argv[i];
	args[n++] = "-c";
	args[n++] = code;
	args[n++] = end;
	args[n] = NULL;
	cli_run(&done, 30000, args);
	json_t *truth = done.out ? json_loads(done.out, 0, NULL) : NULL;
	cr_assert(truth, "%s, %s: status %d: %s", py->name, end, done.status, done.err);
	check_population(py->name, end, truth);
	json_decref(truth);
	cli_done(&done);
	free(code);
}

Test(integration_tail, a_short_run_is_complete_to_its_last_event)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);

	for (size_t i = 0; i < n; i++)
		for (size_t e = 0; e < ENDS; e++)
			run_once(&pythons[i], ends[e]);
}

static bool begin_attached(const struct python *py, const char *end, struct target *t,
			   struct cli_job *job)
{
	const char *words[] = { end, "wait", NULL };
	struct target_options options = { .script = "tail.py", .args = words };
	char pid[16];

	if (!target_spawn(t, py, &options)) {
		cr_expect(false, "%s: %s", py->name, t->error);
		return false;
	}
	snprintf(pid, sizeof(pid), "%d", (int)t->pid);
	const char *args[] = { "attach", "-f", "--no-snapshot", "-o", file, pid, NULL };
	cr_assert(cli_start(job, &(struct cli_options){ 0 }, args));
	cr_expect(cli_wait_text(job, "recording", 10000) >= 0, "%s: no attach", py->name);
	return true;
}

Test(integration_tail, an_attached_target_may_end_in_any_way)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);

	for (size_t i = 0; i < n; i++)
		for (size_t e = 0; e < ENDS; e++) {
			struct target t;
			struct cli_job job;
			struct cli done;

			if (!begin_attached(&pythons[i], ends[e], &t, &job))
				continue;
			json_t *truth = target_ask(&t, "go", 20000);
			cr_expect(truth, "%s, %s: %s", pythons[i].name, ends[e], t.error);
			cli_finish(&job, 0, 20000, &done);
			cr_expect_eq(done.status, 0, "%s, %s: status %d: %s", pythons[i].name, ends[e],
				     done.status, done.err);
			if (truth)
				check_population(pythons[i].name, ends[e], truth);
			json_decref(truth);
			cli_done(&done);
			target_kill(&t);
		}
}

/* Killed while it allocates: at most the one call under way is missing, and said to be. */
Test(integration_tail, a_storm_that_is_killed_is_whole_but_for_one_call)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < STORMS; k++) {
			struct target t;
			struct cli_job job;
			struct cli done;

			if (!begin_attached(&pythons[i], "storm", &t, &job))
				continue;
			target_tell(&t, "go");
			usleep((unsigned)(20000 + 7000 * k));
			kill(t.pid, SIGKILL);
			cli_finish(&job, 0, 20000, &done);
			cr_expect_eq(done.status, 0, "%s: status %d: %s", pythons[i].name, done.status,
				     done.err);
			json_t *report = read_report();
			const json_t *totals = json_object_get(report, "totals");
			const json_t *limit;
			size_t l;

			cr_expect(!has_limit(report, "unsent-tail") && !has_limit(report, "dropped") &&
				  !has_limit(report, "stream-corrupt"), "%s", pythons[i].name);
			json_array_foreach(json_object_get(report, "limits"), l, limit)
				if (!strcmp(json_string_value(json_object_get(limit, "code")), "torn-tail"))
					cr_expect(strncmp(json_string_value(json_object_get(limit, "text")),
							  "1 ", 2) == 0, "%s: %s", pythons[i].name,
						  json_string_value(json_object_get(limit, "text")));
			cr_expect_gt(number(totals, "allocated_blocks"), 2000, "%s: %lld blocks",
				     pythons[i].name, number(totals, "allocated_blocks"));
			cr_expect_eq(number(totals, "live_blocks"),
				     number(totals, "allocated_blocks") - number(totals, "freed_blocks"));
			/* there are never more of them than the program keeps */
			cr_expect_leq(number(totals, "live_blocks"), 720, "%s: %lld alive",
				      pythons[i].name, number(totals, "live_blocks"));
			json_decref(report);
			cli_done(&done);
			target_kill(&t);
		}
}
