/* SPDX-License-Identifier: MIT */
/*
 * The verdicts on services that state their own truth (targets/verdicts): each is attached to for
 * some seconds, and what the report accuses is compared with what leaks. Prints a line for
 * each service, then precision and recall.
 *
 * PYMEMPROF_VERDICTS=all takes every interpreter instead of the oldest, one in the middle and the
 * newest; PYMEMPROF_SERVICE=substring and PYMEMPROF_SECONDS=n narrow and lengthen.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define SERVICES_MAX 100
#define AT_ONCE 8
#define SECONDS "5"

struct service {
	char script[96], name[64];
	struct target target;
	struct cli_job job;
	json_t *report;
};

struct score {
	unsigned accused, rightly; /* suspects that lead; of these, true leaks */
	unsigned leaks, found;	   /* true leaks; of these named with type, site and holder */
	unsigned acquitted;
};

static size_t find_services(struct service *ret)
{
	char pattern[512];
	const char *only = getenv("PYMEMPROF_SERVICE");
	glob_t found;
	size_t n = 0;
	snprintf(pattern, sizeof(pattern), "%s/verdicts/*.py", getenv("PYMEMPROF_TARGETS"));
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && n < SERVICES_MAX; i++) {
		const char *base = strrchr(found.gl_pathv[i], '/') + 1;
		if (only && !strstr(base, only))
			continue;
		snprintf(ret[n].script, sizeof(ret[n].script), "verdicts/%.80s", base);
		snprintf(ret[n].name, sizeof(ret[n].name), "%.*s", (int)strlen(base) - 3, base);
		n++;
	}
	globfree(&found);
	return n;
}

/* The oldest, one in the middle and the newest. */
static size_t choose(size_t n, struct python *p)
{
	const char *all = getenv("PYMEMPROF_VERDICTS"), *only = getenv("PYMEMPROF_ONLY");
	struct python chosen[3];
	size_t old = 0, new = 0, middle = 0;
	if (n <= 3 || (all && strcmp(all, "all") == 0) || (only && *only))
		return n;
	for (size_t i = 1; i < n; i++) {
		old = p[i].minor < p[old].minor ? i : old;
		new = p[i].minor >= p[new].minor ? i : new;
	}
	for (size_t i = 0; i < n; i++)
		if (abs(2 * p[i].minor - p[old].minor - p[new].minor) <
		    abs(2 * p[middle].minor - p[old].minor - p[new].minor))
			middle = i;
	chosen[0] = p[old];
	chosen[1] = p[middle];
	chosen[2] = p[new];
	memcpy(p, chosen, sizeof(chosen));
	return 3;
}

/* Criterion shows nothing of what a test prints when it writes TAP: tools/test shows this file. */
static __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	const char *path = getenv("PYMEMPROF_VERDICTS_LOG");
	FILE *out = path ? fopen(path, "a") : stdout;
	va_list ap;
	va_start(ap, fmt);
	if (out)
		vfprintf(out, fmt, ap);
	va_end(ap);
	if (out && out != stdout)
		fclose(out);
}

static bool begin(struct service *s, const struct python *py)
{
	const char *seconds = getenv("PYMEMPROF_SECONDS");
	char pid[16], duration[16];
	if (!target_spawn(&s->target, py, &(struct target_options){ .script = s->script })) {
		cr_expect_fail("%s", s->target.error);
		return false;
	}
	snprintf(pid, sizeof(pid), "%d", (int)s->target.pid);
	snprintf(duration, sizeof(duration), "%ss", seconds ? seconds : SECONDS);
	const char *args[] = { "attach", pid, "-d", duration, "--format", "json", NULL };
	return cli_start(&s->job, NULL, args);
}

static void finish(struct service *s, const struct python *py)
{
	struct cli done;
	cli_finish(&s->job, 0, 60000, &done);
	s->report = cli_json(&done);
	cr_expect(done.status == 0 && s->report, "%s: %s: status %d: %s", py->name, s->name,
		  done.status, done.err);
	cli_done(&done);
}

static const char *text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

static bool same_tail(const char *dotted, const char *name)
{
	const char *dot = strrchr(dotted, '.');
	return strcmp(dot ? dot + 1 : dotted, name) == 0;
}

/* One of the names, separated by blanks: whichever of two types an interpreter uses. */
static bool type_matches(const char *type, const char *names)
{
	char copy[128], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", names);
	for (char *one = strtok_r(copy, " ", &save); one; one = strtok_r(NULL, " ", &save))
		if (same_tail(type, one))
			return true;
	return false;
}

/* Does the row's sentence about who holds it contain one of the words the truth allows? */
static bool holder_matches(const json_t *row, const json_t *truth)
{
	size_t i;
	json_t *word;
	json_array_foreach(json_object_get(truth, "holder"), i, word)
	{
		const char *w = json_string_value(word);
		if (strstr(text(row, "holder"), w) || strstr(text(row, "path"), w) ||
		    (strcmp(w, "C code") == 0 && strcmp(text(row, "reach"), "c-reference") == 0) ||
		    (strcmp(w, "cycles") == 0 && strcmp(text(row, "reach"), "unreachable") == 0))
			return true;
	}
	return false;
}

static bool leads(const json_t *row)
{
	return strcmp(text(row, "state"), "accused") == 0 &&
	       json_is_null(json_object_get(row, "part_of"));
}

/* The truth this row tells, or -1. */
static int truth_of(const json_t *row, const json_t *truths)
{
	size_t i;
	json_t *truth;
	json_array_foreach(truths, i, truth)
	{
		if (type_matches(text(row, "type"), text(truth, "type")) &&
		    same_tail(text(row, "function"), text(truth, "site")) &&
		    holder_matches(row, truth))
			return (int)i;
	}
	return -1;
}

static void judge(const struct service *s, const struct python *py, struct score *sum)
{
	const json_t *truths = json_object_get(s->target.ready, "leaks");
	struct score own = { .leaks = (unsigned)json_array_size(truths) };
	bool told[16] = { false };
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(s->report, "leaks"), i, row)
	{
		own.acquitted += strcmp(text(row, "state"), "acquitted") == 0;
		if (!leads(row))
			continue;
		int k = truth_of(row, truths);
		bool right = k >= 0 && k < 16 && !told[k];
		if (right)
			told[k] = true;
		own.accused++;
		own.rightly += right;
		own.found += right;
		cr_expect(right, "%s: %s: accused without a reason: %s | %s | %s", py->name,
			  s->name, text(row, "sentence"), text(row, "path"), text(row, "why"));
	}
	cr_expect_eq(own.found, own.leaks, "%s: %s: %u of %u leaks named", py->name, s->name,
		     own.found, own.leaks);
	say("# %-14s %-18s %u of %u leaks named, %u accused, %u acquitted\n", py->name, s->name,
	    own.found, own.leaks, own.accused, own.acquitted);
	sum->accused += own.accused;
	sum->rightly += own.rightly;
	sum->leaks += own.leaks;
	sum->found += own.found;
	sum->acquitted += own.acquitted;
}

/* Some services at a time: they sleep most of their time, and so do their recordings. */
static void try_all(struct service *services, size_t n, const struct python *py, struct score *sum)
{
	for (size_t from = 0; from < n; from += AT_ONCE) {
		size_t to = from + AT_ONCE < n ? from + AT_ONCE : n;
		bool begun[AT_ONCE];
		for (size_t i = from; i < to; i++)
			begun[i - from] = begin(&services[i], py);
		for (size_t i = from; i < to; i++) {
			if (!begun[i - from])
				continue;
			finish(&services[i], py);
			if (services[i].report)
				judge(&services[i], py, sum);
			json_decref(services[i].report);
			services[i].report = NULL;
			target_kill(&services[i].target);
		}
	}
}

Test(integration_verdicts,
     every_leak_is_named_with_type_site_and_holder_and_nothing_else_is_accused)
{
	static struct python pythons[PYTHONS_MAX];
	static struct service services[SERVICES_MAX];
	struct score sum = { 0 };
	size_t n = find_services(services), npythons = pythons_find(PYTHONS_MAX, pythons);
	cr_assert_geq(n, getenv("PYMEMPROF_SERVICE") ? 1 : 20, "only %zu services", n);
	if (npythons == 0)
		cr_skip_test("no interpreter found");
	npythons = choose(npythons, pythons);
	for (size_t i = 0; i < npythons; i++)
		try_all(services, n, &pythons[i], &sum);
	say("# %zu services on %zu interpreters: precision %.3f (%u of %u accused), recall %.3f (%u "
	    "of %u leaks), %u acquitted\n",
	    n, npythons, sum.accused ? (double)sum.rightly / sum.accused : 1.0, sum.rightly,
	    sum.accused, sum.leaks ? (double)sum.found / sum.leaks : 1.0, sum.found, sum.leaks,
	    sum.acquitted);
}

/* --- diff --------------------------------------------------------------------------------- */

static void snapshot(const struct target *t, const char *file)
{
	struct cli done;
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t->pid);
	CLI(&done, 60000, "snapshot", pid, "-q", "-f", "-o", file);
	cr_expect_eq(done.status, 0, "%s", done.err);
	cli_done(&done);
}

static const json_t *row_of(const json_t *report, const char *table, const char *key,
			    const char *value)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(json_object_get(report, table), "rows"), i,
			   row) if (strstr(text(row, key), value) &&
				    strstr(text(row, "name"), "Listener")) return row;
	return NULL;
}

static json_int_t figure(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* The first process early and late, then another one of the same program. */
static void compare_snapshots(const struct python *py, const char *folder)
{
	static const struct target_options options = { .script = "verdicts/listeners.py" };
	struct target one, other;
	char a[96], b[96], c[96];
	struct cli done;
	snprintf(a, sizeof(a), "%s/a.pmp", folder);
	snprintf(b, sizeof(b), "%s/b.pmp", folder);
	snprintf(c, sizeof(c), "%s/c.pmp", folder);
	cr_assert(target_spawn(&one, py, &options), "%s", one.error);
	cr_assert(target_spawn(&other, py, &options), "%s", other.error);
	snapshot(&one, a);
	sleep(2);
	snapshot(&one, b);
	sleep(1);
	snapshot(&other, c);
	target_kill(&one);
	target_kill(&other);
	CLI(&done, 20000, "diff", a, b, "--format", "json", "--exit-code", "--min-delta", "1KiB");
	json_t *report = cli_json(&done);
	cr_expect(done.status == 1 && report, "%s: %d: %s", py->name, done.status, done.err);
	const json_t *type = row_of(report, "types", "name", "Listener");
	const json_t *holder = row_of(report, "holders", "path", "__main__.listeners[*]");
	cr_expect(type && figure(type, "delta_count") > 50, "%s: types", py->name);
	cr_expect(holder && figure(holder, "delta_count") == figure(type, "delta_count"),
		  "%s: holders: %lld, not %lld", py->name, (long long)figure(holder, "delta_count"),
		  (long long)figure(type, "delta_count"));
	cr_expect(holder && figure(holder, "delta_bytes") == figure(type, "delta_bytes"),
		  "%s: all are held there: %lld bytes, not %lld", py->name,
		  (long long)figure(holder, "delta_bytes"), (long long)figure(type, "delta_bytes"));
	json_decref(report);
	cli_done(&done);
	CLI(&done, 20000, "diff", a, b, c, "--format", "json");
	report = cli_json(&done);
	cr_expect(done.status == 0 && report, "%s: %d: %s", py->name, done.status, done.err);
	holder = row_of(report, "holders", "path", "__main__.listeners[*]");
	cr_expect(holder && figure(holder, "kept_count") > 50, "%s: kept %lld", py->name,
		  (long long)figure(holder, "kept_count"));
	json_decref(report);
	cli_done(&done);
}

Test(integration_verdicts, snapshots_of_two_processes_are_compared_by_type_and_holder)
{
	static struct python pythons[PYTHONS_MAX];
	char folder[] = "/tmp/pymemprof-diff-XXXXXX", command[96];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	n = choose(n, pythons);
	cr_assert(mkdtemp(folder));
	for (size_t i = 0; i < n; i++)
		compare_snapshots(&pythons[i], folder);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	cr_expect_eq(system(command), 0);
}
