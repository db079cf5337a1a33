/* SPDX-License-Identifier: MIT */
/*
 * What we say is what the interpreter says. On every interpreter of this machine a target that
 * also runs tracemalloc allocates known populations after the attach; live bytes, live blocks
 * and the whole stack of each population line must be equal, and every total must balance.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define SHOWN_MAX 8

enum tracing { TRACING_BEFORE, TRACING_AFTER };

struct round {
	const struct python *py;
	enum tracing tracing;
	const char *option, *value; /* one more option of attach, or NULL */
	const char *scale;	    /* how many times the usual number of blocks, or NULL */
	bool run;		    /* started by `pymemprof run` instead of attached to */
	json_t *truth, *report;
	char error[512];
};

static int64_t number(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_integer(v) ? json_integer_value(v) : json_is_real(v) ?
		llround(json_real_value(v)) : INT64_MIN;
}

static bool fail(struct round *r, const char *what, const char *why)
{
	snprintf(r->error, sizeof(r->error), "%s: %s", what, why ? why : "");
	return false;
}

static bool say(struct round *r, struct target *t, const char *command, int timeout_ms)
{
	json_t *answer = target_ask(t, command, timeout_ms);
	if (!answer)
		return fail(r, command, t->error);
	json_decref(answer);
	return true;
}

/* Between the attach and the end of the recording. */
static bool drive(struct round *r, struct target *t)
{
	if (r->tracing == TRACING_AFTER &&
	    (!say(r, t, "tracemalloc on", 5000) || !say(r, t, "populate", 60000) ||
	     !say(r, t, "forget", 10000)))
		return false;
	if (!say(r, t, "populate", 60000))
		return false;
	r->truth = target_ask(t, "truth", 60000);
	if (!r->truth)
		return fail(r, "truth", t->error);
	return r->tracing == TRACING_BEFORE || say(r, t, "tracemalloc off", 10000);
}

static bool record(struct round *r, struct target *t, const char *file)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t->pid);
	const char *args[] = { "attach", "--no-snapshot", pid, "-o", file, "-f", r->option, r->value, NULL };
	struct cli_job job;
	struct cli done;
	if (!cli_start(&job, NULL, args))
		return fail(r, "attach", "cannot start");
	bool began = cli_wait_text(&job, "recording", 10000) >= 0;
	bool driven = began && drive(r, t);
	cli_finish(&job, SIGINT, 20000, &done);
	if (!began || (driven && done.status != 0))
		driven = fail(r, "attach", done.err);
	cli_done(&done);
	if (driven && !say(r, t, "churn 0.05", 10000))
		return false;
	return driven;
}

static bool report(struct round *r, const char *file)
{
	struct cli done;
	CLI(&done, 20000, "report", file, "--view", "sites", "--format", "json");
	r->report = cli_json(&done);
	bool ok = done.status == 0 && r->report;
	if (!ok)
		fail(r, "report", done.err && *done.err ? done.err : "not JSON");
	cli_done(&done);
	return ok;
}

/*
 * The same target as a child of `pymemprof run`: everything it ever allocates is recorded, so
 * tracemalloc comes second. It ends without a clean-up, which would free the populations, and
 * only when what waited in the agent has been sent.
 */
static bool run_under_run(struct round *r, const char *file)
{
	struct python wrapped = *r->py;
	const char *before[] = { getenv("PYMEMPROF"), "run", "-o", file, "-f", "--" };
	size_t n = sizeof(before) / sizeof(*before);
	for (size_t i = 0; i < n; i++)
		wrapped.argv[i] = (char *)before[i];
	for (size_t i = 0; i <= PYTHON_ARGS_MAX - n; i++)
		wrapped.argv[n + i] = r->py->argv[i];
	const char *args[] = { "after", NULL };
	struct target t;
	if (!target_spawn(&t, &wrapped, &(struct target_options){ .script = "truth.py", .args = args }))
		return fail(r, "run", t.error);
	bool ok = drive(r, &t) && say(r, &t, "churn 0.4", 10000);
	int status = ok && target_tell(&t, "vanish") ? target_end(&t, 20000) : -1;
	target_kill(&t);
	if (ok && status != 0)
		return fail(r, "run", "did not end with the status of the program");
	return ok && report(r, file);
}

static bool run_round(struct round *r)
{
	struct target t;
	char file[] = "/tmp/pymemprof-truth-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	if (r->run) {
		bool well = run_under_run(r, file);
		unlink(file);
		return well;
	}
	const char *args[] = { r->tracing == TRACING_BEFORE ? "before" : "after", r->scale, NULL };
	bool ok = target_spawn(&t, r->py, &(struct target_options){ .script = "truth.py", .args = args });
	if (!ok)
		return fail(r, "target", t.error);
	ok = record(r, &t, file) && report(r, file);
	if (ok && !say(r, &t, "churn 0.02", 5000))
		ok = false;
	target_kill(&t);
	unlink(file);
	return ok;
}

static void round_done(struct round *r)
{
	json_decref(r->truth);
	json_decref(r->report);
}

/* --- comparing ------------------------------------------------------------------------- */

static json_t *line_set(const json_t *truth)
{
	json_t *set = json_object();
	size_t i;
	json_t *pair;
	char key[512];
	json_array_foreach(json_object_get(truth, "lines"), i, pair) {
		snprintf(key, sizeof(key), "%s:%" JSON_INTEGER_FORMAT,
			 json_string_value(json_array_get(pair, 0)),
			 json_integer_value(json_array_get(pair, 1)));
		json_object_set_new(set, key, json_true());
	}
	return set;
}

/* "file:line<file:line<…", innermost first. */
static void append_frame(char *key, size_t size, const char *file, json_int_t line)
{
	size_t n = strlen(key);
	snprintf(key + n, size - n, "%s%s:%" JSON_INTEGER_FORMAT, n ? "<" : "", file ? file : "?", line);
}

static void add_to(json_t *map, const char *key, int64_t bytes, int64_t blocks)
{
	json_t *had = json_object_get(map, key);
	if (!had) {
		had = json_pack("[I,I]", (json_int_t)0, (json_int_t)0);
		json_object_set_new(map, key, had);
	}
	json_array_set_new(had, 0, json_integer(json_integer_value(json_array_get(had, 0)) + bytes));
	json_array_set_new(had, 1, json_integer(json_integer_value(json_array_get(had, 1)) + blocks));
}

static json_t *truth_map(const json_t *truth)
{
	json_t *map = json_object(), *site, *frame;
	size_t i, k;
	json_array_foreach(json_object_get(truth, "sites"), i, site) {
		char key[16384] = "";
		json_array_foreach(json_object_get(site, "stack"), k, frame)
			append_frame(key, sizeof(key), json_string_value(json_array_get(frame, 0)),
				     json_integer_value(json_array_get(frame, 1)));
		add_to(map, key, number(site, "bytes"), number(site, "blocks"));
	}
	return map;
}

/* Only sites whose innermost line is a population line; threads with one stack are added up. */
static json_t *report_map(const json_t *report, const json_t *lines, const char *bytes,
			  const char *blocks)
{
	json_t *map = json_object(), *site, *frame;
	size_t i, k;
	json_array_foreach(json_object_get(report, "sites"), i, site) {
		char key[16384] = "";
		bool wanted = false;
		json_array_foreach(json_object_get(site, "stack"), k, frame) {
			append_frame(key, sizeof(key), json_string_value(json_object_get(frame, "file")),
				     json_integer_value(json_object_get(frame, "line")));
			if (k == 0)
				wanted = json_object_get(lines, key) != NULL;
		}
		if (wanted && (number(site, blocks) || number(site, bytes)))
			add_to(map, key, number(site, bytes), number(site, blocks));
	}
	return map;
}

/*
 * A tracemalloc that starts after us allocates its tracebacks through us, one per stack: 12 bytes
 * and 12 per frame. Some versions never free them: hashtable_new(…, NULL, raw_free) in
 * Modules/_tracemalloc.c from 3.9 on hands the destructor to the value, and the key leaks.
 */
static bool differs_by_a_traceback(const json_t *want, const json_t *got, const char *key)
{
	json_int_t frames = 1;
	for (const char *p = strchr(key, '<'); p; p = strchr(p + 1, '<'))
		frames += p[1] != '<';
	json_int_t bytes = json_integer_value(json_array_get(got, 0)) -
		json_integer_value(json_array_get(want, 0));
	json_int_t blocks = json_integer_value(json_array_get(got, 1)) -
		json_integer_value(json_array_get(want, 1));
	return blocks == 1 && bytes == 12 + 12 * frames;
}

static int compare_one_way(const json_t *a, const json_t *b, const struct round *r, bool ours)
{
	int bad = 0;
	const char *key, *what = ours ? "only we have" : "tracemalloc has", *name = r->py->name;
	json_t *value;
	json_object_foreach((json_t *)a, key, value) {
		const json_t *other = json_object_get(b, key);
		if (other && (ours || json_equal(value, other)))
			continue;
		if (r->tracing == TRACING_AFTER &&
		    (ours ? differs_by_a_traceback(other, value, key) :
			    other && differs_by_a_traceback(value, other, key)))
			continue;
		if (bad++ < SHOWN_MAX)
			fprintf(stderr, "%s: %s %.200s: %lld bytes in %lld, other side %lld in %lld\n",
				name, what, key, json_integer_value(json_array_get(value, 0)),
				json_integer_value(json_array_get(value, 1)),
				other ? json_integer_value(json_array_get(other, 0)) : -1,
				other ? json_integer_value(json_array_get(other, 1)) : -1);
	}
	return bad;
}

static void expect_live_equal(const struct round *r)
{
	json_t *lines = line_set(r->truth);
	json_t *want = truth_map(r->truth);
	json_t *got = report_map(r->report, lines, "live_bytes", "live_blocks");
	cr_expect(json_object_size(want) > 70, "%s: the target made only %zu sites", r->py->name,
		  json_object_size(want));
	int bad = compare_one_way(want, got, r, false) + compare_one_way(got, want, r, true);
	cr_expect(bad == 0, "%s: %d of %zu sites differ from tracemalloc's", r->py->name, bad,
		  json_object_size(want));
	json_decref(lines);
	json_decref(want);
	json_decref(got);
}

/* Lines that make one block per execution: births are known by construction. */
static void expect_allocated(const struct round *r)
{
	size_t i, k;
	json_t *line, *site;
	json_array_foreach(json_object_get(r->truth, "allocated"), i, line) {
		int64_t bytes = 0, blocks = 0;
		json_array_foreach(json_object_get(r->report, "sites"), k, site) {
			const json_t *top = json_array_get(json_object_get(site, "stack"), 0);
			const char *file = json_string_value(json_object_get(top, "file"));
			if (!file || strcmp(file, "truth.py") != 0 ||
			    number(top, "line") != number(line, "line"))
				continue;
			bytes += number(site, "allocated_bytes");
			blocks += number(site, "allocated_blocks");
		}
		cr_expect(blocks == number(line, "blocks") &&
			  bytes == number(line, "bytes"),
			  "%s: line %lld allocated %lld bytes in %lld blocks, known are %lld in %lld",
			  r->py->name, (long long)number(line, "line"), (long long)bytes,
			  (long long)blocks, (long long)(number(line, "bytes")),
			  (long long)(number(line, "blocks")));
	}
}

static bool name_is_one_of(const json_t *names, const char *file, json_int_t line, const char *got)
{
	size_t i, k;
	json_t *entry, *name;
	json_array_foreach(names, i, entry) {
		if (strcmp(json_string_value(json_array_get(entry, 0)), file) != 0 ||
		    json_integer_value(json_array_get(entry, 1)) != line)
			continue;
		json_array_foreach(json_array_get(entry, 2), k, name)
			if (strcmp(json_string_value(name), got) == 0)
				return true;
		return false;
	}
	return true;
}

static void expect_names(const struct round *r)
{
	size_t i;
	json_t *site;
	int bad = 0;
	json_array_foreach(json_object_get(r->report, "sites"), i, site) {
		const json_t *top = json_array_get(json_object_get(site, "stack"), 0);
		const char *file = json_string_value(json_object_get(top, "file"));
		const char *function = json_string_value(json_object_get(top, "function"));
		if (file && function &&
		    !name_is_one_of(json_object_get(r->truth, "names"), file, number(top, "line"),
				    function) && bad++ < SHOWN_MAX)
			fprintf(stderr, "%s: %s:%lld is called %s\n", r->py->name, file,
				(long long)number(top, "line"), function);
	}
	cr_expect(bad == 0, "%s: %d sites carry a wrong function name", r->py->name, bad);
}

static void expect_balance(const struct round *r)
{
	const json_t *totals = json_object_get(r->report, "totals");
	int64_t live_bytes = 0, live_blocks = 0, bytes = 0, blocks = 0;
	size_t i;
	json_t *site;
	json_array_foreach(json_object_get(r->report, "sites"), i, site) {
		live_bytes += number(site, "live_bytes");
		live_blocks += number(site, "live_blocks");
		bytes += number(site, "allocated_bytes");
		blocks += number(site, "allocated_blocks");
	}
	cr_expect(number(totals, "allocated_bytes") - number(totals, "freed_bytes") ==
			  number(totals, "live_bytes") &&
		  number(totals, "allocated_blocks") - number(totals, "freed_blocks") ==
			  number(totals, "live_blocks"),
		  "%s: allocated - freed is not live", r->py->name);
	cr_expect(live_bytes == number(totals, "live_bytes") &&
		  live_blocks == number(totals, "live_blocks"),
		  "%s: sites hold %lld bytes live, totals say %lld", r->py->name,
		  (long long)live_bytes, (long long)number(totals, "live_bytes"));
	cr_expect(bytes == number(totals, "allocated_bytes") &&
		  blocks == number(totals, "allocated_blocks"),
		  "%s: sites allocated %lld bytes, totals say %lld", r->py->name, (long long)bytes,
		  (long long)number(totals, "allocated_bytes"));
	cr_expect(number(json_object_get(r->report, "cost"), "dropped") == 0, "%s: events were dropped",
		  r->py->name);
}

static void on_these(const struct python *pythons, size_t n, struct round form,
		     void (*check)(const struct round *r))
{
	if (n == 0)
		cr_skip_test("no interpreter found");
	for (size_t i = 0; i < n; i++) {
		struct round r = form;
		r.py = &pythons[i];
		bool ok = run_round(&r);
		cr_expect(ok, "%s: %s", r.py->name, r.error);
		if (ok)
			check(&r);
		fprintf(stderr, "%s %s: %s\n", r.py->name, r.py->version, ok ? "compared" : r.error);
		round_done(&r);
	}
}

static void on_every_python(struct round form, void (*check)(const struct round *r))
{
	static struct python pythons[PYTHONS_MAX];
	on_these(pythons, pythons_find(PYTHONS_MAX, pythons), form, check);
}

static void check_all(const struct round *r)
{
	expect_live_equal(r);
	expect_names(r);
	/* Started after us, tracemalloc's own blocks count among those of the line. */
	if (r->tracing == TRACING_BEFORE)
		expect_allocated(r);
	expect_balance(r);
}

Test(integration_truth, sites_equal_tracemallocs_with_tracemalloc_on_before_the_attach)
{
	on_every_python((struct round){ .tracing = TRACING_BEFORE }, check_all);
}

Test(integration_truth, sites_equal_tracemallocs_without_the_cancel_window)
{
	on_every_python((struct round){ .option = "--window", .value = "0" }, check_all);
}

Test(integration_truth, sites_equal_tracemallocs_in_a_program_started_by_run)
{
	on_every_python((struct round){ .run = true, .tracing = TRACING_AFTER }, check_all);
}

Test(integration_truth, sites_equal_tracemallocs_with_tracemalloc_started_after_the_attach)
{
	on_every_python((struct round){ .tracing = TRACING_AFTER }, check_all);
}

/* The thread state is in storage the C library makes for each thread when it is first used. */
Test(integration_truth, sites_equal_tracemallocs_in_a_program_that_loads_python_late)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_embedded(PYTHONS_MAX, pythons);
	on_these(pythons, n, (struct round){ .tracing = TRACING_BEFORE }, check_all);
}

/*
 * Poisson sampling of bytes: a block of s bytes is seen with p = 1 − exp(−s/R) and weighs 1/p,
 * so it adds s²(1 − p)/p ≤ s × R to the variance, and a total B has a standard deviation of at
 * most sqrt(B × R). The interval may have doubled twice; six deviations never come by chance.
 */
#define SAMPLE_BYTES_MAX (4 * 4096)

static void check_sample(const struct round *r)
{
	json_t *lines = line_set(r->truth), *site, *value;
	json_t *got = report_map(r->report, lines, "live_bytes", "live_blocks");
	double want = 0, have = 0;
	size_t i;
	const char *key;
	json_array_foreach(json_object_get(r->truth, "sites"), i, site)
		want += (double)number(site, "bytes");
	json_object_foreach(got, key, value)
		have += (double)json_integer_value(json_array_get(value, 0));
	double bound = 6 * sqrt(want * SAMPLE_BYTES_MAX);
	fprintf(stderr, "%s: sampled %.0f of %.0f bytes, bound %.0f\n", r->py->name, have, want, bound);
	cr_expect(fabs(have - want) <= bound, "%s: estimated %.0f bytes where %.0f are live",
		  r->py->name, have, want);
	json_decref(lines);
	json_decref(got);
}

Test(integration_truth, a_sampled_total_lies_within_its_statistical_bounds)
{
	struct round form = { .option = "--sample", .value = "4KiB", .scale = "10" };
	on_every_python(form, check_sample);
}
