/* SPDX-License-Identifier: MIT */
/*
 * Interpreters with locks of their own (3.12+) allocate at the same instant on several threads.
 * What is counted for a known line of theirs is exact, also for interpreters that are born while
 * recording, and blocks of those that end are gone.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define AT_FIRST "3"

/* What the target did while recorded, summed over its interpreters. */
struct deeds {
	json_int_t made, live, made_bytes, live_bytes;
};

static bool tell(struct target *t, const char *command)
{
	json_t *answer = target_ask(t, command, 30000);
	cr_expect(answer != NULL, "%s: %s", command, t->error);
	json_decref(answer);
	return answer != NULL;
}

static bool all_well(struct target *t, const char *who)
{
	json_t *c = target_ask(t, "check", 30000);
	bool ok = c && json_array_size(json_object_get(c, "errors")) == 0 &&
		json_array_size(json_object_get(c, "stuck")) == 0;
	AUTO_FREE char *text = c ? json_dumps(c, JSON_COMPACT) : NULL;
	cr_expect(ok, "%s: %s", who, text ? text : t->error);
	json_decref(c);
	return ok;
}

static struct deeds found_at(const json_t *report, const char *file, json_int_t line)
{
	struct deeds d = { 0 };
	size_t i;
	json_t *site;
	json_array_foreach(json_object_get(report, "sites"), i, site) {
		const json_t *top = json_array_get(json_object_get(site, "stack"), 0);
		const char *name = json_string_value(json_object_get(top, "file"));
		if (!name || strcmp(name, file) != 0 ||
		    json_integer_value(json_object_get(top, "line")) != line)
			continue;
		d.made += json_integer_value(json_object_get(site, "allocated_blocks"));
		d.made_bytes += json_integer_value(json_object_get(site, "allocated_bytes"));
		d.live += json_integer_value(json_object_get(site, "live_blocks"));
		d.live_bytes += json_integer_value(json_object_get(site, "live_bytes"));
	}
	return d;
}

static void expect_deeds(struct deeds want, json_t *report, json_t *lines, const char *who)
{
	const json_t *totals = json_object_get(report, "totals");
	struct deeds got = found_at(report, json_string_value(json_object_get(lines, "file")),
				    json_integer_value(json_object_get(lines, "line")));
	fprintf(stderr, "%s: %lld of %lld blocks live\n", who, (long long)got.live, (long long)got.made);
	cr_expect(got.made == want.made && got.made_bytes == want.made_bytes,
		  "%s: made %lld blocks of %lld bytes, found %lld of %lld", who, (long long)want.made,
		  (long long)want.made_bytes, (long long)got.made, (long long)got.made_bytes);
	cr_expect(got.live == want.live && got.live_bytes == want.live_bytes,
		  "%s: %lld blocks of %lld bytes live, found %lld of %lld", who, (long long)want.live,
		  (long long)want.live_bytes, (long long)got.live, (long long)got.live_bytes);
	cr_expect(json_integer_value(json_object_get(totals, "allocated_blocks")) -
			  json_integer_value(json_object_get(totals, "freed_blocks")) ==
		  json_integer_value(json_object_get(totals, "live_blocks")),
		  "%s: allocated - freed is not live", who);
	cr_expect(json_integer_value(json_object_get(json_object_get(report, "cost"), "dropped")) == 0,
		  "%s: events were dropped", who);
}

/* 3 interpreters and 2 more; each of the first makes 1500 blocks and gives 300 up. */
static struct deeds drive(struct target *t, bool more)
{
	const json_int_t a = 700 + 33, b = 900 + 33; /* sys.getsizeof(b"") is 33 from 3.8 to 3.15 */
	tell(t, "keep 1000 700");
	tell(t, "drop 300");
	if (!more) {
		tell(t, "keep 500 900");
		return (struct deeds){ 4500, 3600, 3000 * a + 1500 * b, 2100 * a + 1500 * b };
	}
	tell(t, "more 2");
	tell(t, "keep 500 900");
	tell(t, "fewer 1");
	return (struct deeds){ 5500, 4100, 3000 * a + 2500 * b, 2100 * a + 2000 * b };
}

static void compare(const struct python *py, const char *count, bool more)
{
	struct target t;
	struct cli_job job;
	struct cli done;
	char pid[16], file[] = "/tmp/pymemprof-gils-XXXXXX";
	const char *targs[] = { count, NULL };
	AUTO_CLOSE int fd = mkstemp(file);
	cr_assert(target_spawn(&t, py, &(struct target_options){ .script = "gils.py", .args = targs }),
		  "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-o", file, "-f", "--no-snapshot", NULL };
	cr_assert(cli_start(&job, NULL, args));
	cr_expect(cli_wait_text(&job, "recording", 10000) >= 0, "%s: no attach", py->name);
	if (strcmp(count, "0") == 0)
		tell(&t, "more " AT_FIRST);
	struct deeds want = drive(&t, more);
	json_t *lines = target_ask(&t, "lines", 10000);
	all_well(&t, py->name);
	cli_finish(&job, SIGINT, 20000, &done);
	cr_expect(done.status == 0, "%s: status %d, %s", py->name, done.status, done.err);
	cli_done(&done);
	all_well(&t, py->name);
	CLI(&done, 20000, "report", file, "--view", "sites", "--format", "json");
	json_t *report = cli_json(&done);
	expect_deeds(want, report, lines, py->name);
	cli_done(&done);
	json_decref(report);
	json_decref(lines);
	target_kill(&t);
	unlink(file);
}

static void on_every_python(const char *count, bool more)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons), tried = 0;
	for (size_t i = 0; i < n; i++)
		if (pythons[i].minor >= 12 && ++tried)
			compare(&pythons[i], count, more);
	if (!tried)
		cr_skip_test("no interpreter here has locks of its own");
}

Test(integration_gils, blocks_of_interpreters_that_run_at_the_same_time_are_counted_exactly)
{
	on_every_python(AT_FIRST, false);
}

Test(integration_gils, interpreters_may_come_and_go_while_recorded)
{
	on_every_python(AT_FIRST, true);
}
