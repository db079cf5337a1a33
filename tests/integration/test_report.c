/* SPDX-License-Identifier: MIT */
/*
 * Reports about memory of a known shape: the peak by site, threads, every view in every
 * format, and names that would break a terminal, a CSV or a JSON reader if they got through.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/sanitized.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define RISE_BYTES (100 * (100000 + 1)) /* a bytearray keeps one byte for the NUL: bytearrayobject.c */
#define RISE_LINE 25
#define KEEP_LINE 33
#define BODY_LINE 40

static char file[] = "/tmp/pymemprof-report-XXXXXX";

static void record(const struct python *py)
{
	struct target t;
	struct cli_job job;
	struct cli done;
	char pid[16];
	AUTO_CLOSE int fd = mkstemp(file);
	cr_assert(target_spawn(&t, py, &(struct target_options){ .script = "shapes.py" }), "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-o", file, "-f", NULL };
	cr_assert(cli_start(&job, NULL, args));
	cr_assert(cli_wait_text(&job, "recording", 10000) >= 0, "%s: no attach", py->name);
	static const char *const commands[] = { "rise", "keep", "threads", "names" };
	for (size_t i = 0; i < 4; i++) {
		json_t *answer = target_ask(&t, commands[i], 10000);
		cr_assert(answer, "%s: %s: %s", py->name, commands[i], t.error);
		json_decref(answer);
	}
	cli_finish(&job, SIGINT, 20000, &done);
	cr_assert(done.status == 0, "%s: %s", py->name, done.err);
	cli_done(&done);
	target_kill(&t);
}

static void forget(void)
{
	unlink(file);
	memcpy(strrchr(file, '-') + 1, "XXXXXX", 6);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* The sum of one figure over sites whose innermost frame is that line. */
static json_int_t at_line(const json_t *report, int line, const char *key)
{
	size_t i;
	json_t *site;
	json_int_t sum = 0;
	json_array_foreach(json_object_get(report, "sites"), i, site) {
		const json_t *top = json_array_get(json_object_get(site, "stack"), 0);
		const char *name = json_string_value(json_object_get(top, "file"));
		if (name && strcmp(name, "shapes.py") == 0 && number(top, "line") == line)
			sum += number(site, key);
	}
	return sum;
}

static json_t *view(const char *name)
{
	struct cli done;
	CLI(&done, 20000, "report", file, "--view", name, "--format", "json");
	json_t *json = cli_json(&done);
	cr_expect(done.status == 0 && json, "--view %s: status %d, %s", name, done.status, done.err);
	cli_done(&done);
	return json;
}

Test(integration_report, the_peak_is_exact_by_site_on_every_interpreter)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	for (size_t i = 0; i < n; i++) {
		record(&pythons[i]);
		json_t *report = view("sites");
		const json_t *totals = json_object_get(report, "totals");
		json_int_t rise = at_line(report, RISE_LINE, "peak_bytes");
		/* 56 bytes of object each, plus its buffer; 3.8 to 3.15 agree within a word or two. */
		cr_expect(rise >= RISE_BYTES && rise <= RISE_BYTES + 100 * 80, "%s: peak of the rise %lld",
			  pythons[i].name, rise);
		cr_expect_eq(at_line(report, RISE_LINE, "live_bytes"), 0, "%s", pythons[i].name);
		cr_expect_eq(at_line(report, KEEP_LINE, "peak_bytes"), 0, "%s", pythons[i].name);
		cr_expect_eq(at_line(report, KEEP_LINE, "live_bytes"), 50 * 3033, "%s", pythons[i].name);
		cr_expect_eq(at_line(report, BODY_LINE, "live_blocks") >= 60, 1, "%s", pythons[i].name);
		size_t k;
		json_t *site;
		json_int_t sum = 0;
		json_array_foreach(json_object_get(report, "sites"), k, site)
			sum += number(site, "peak_bytes");
		cr_expect_eq(sum, number(totals, "peak_bytes"), "%s: sites' peaks add up to %lld, not %lld",
			     pythons[i].name, sum, number(totals, "peak_bytes"));
		json_decref(report);
		forget();
	}
}

/* Anything a terminal would act upon; RFC 4180 ends lines with CR LF. */
static bool has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		bool line_end = c == '\n' || (c == '\r' && i + 1 < size && text[i + 1] == '\n');
		if ((c < 0x20 && !line_end && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

Test(integration_report, every_view_comes_in_every_format)
{
	static struct python pythons[PYTHONS_MAX];
	static const char *const views[] = { "summary", "leaks", "sites", "flame", "timeline", "threads" };
	static const char *const formats[] = { "text", "json", "csv", "folded" };
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	record(&pythons[n > 4 ? 4 : 0]);
	for (size_t v = 0; v < 6; v++)
		for (size_t f = 0; f < 4; f++) {
			struct cli done;
			CLI(&done, 20000, "report", file, "--view", views[v], "--format", formats[f]);
			/* Folded stacks exist of views made of stacks; the others say so. */
			bool may_refuse = strcmp(formats[f], "folded") == 0;
			cr_expect(done.status == 0 || (may_refuse && done.status == 2),
				  "--view %s --format %s: status %d, %s", views[v], formats[f], done.status,
				  done.err);
			cr_expect(done.status != 0 || done.out_len > 0, "--view %s --format %s: nothing",
				  views[v], formats[f]);
			cr_expect(!has_control(done.out, done.out_len),
				  "--view %s --format %s: control characters", views[v], formats[f]);
			if (strcmp(formats[f], "json") == 0) {
				json_t *json = cli_json(&done);
				cr_expect(json && json_object_get(json, "totals") &&
					  json_object_get(json, "target") && json_object_get(json, "cost") &&
					  json_object_get(json, "limits"),
					  "--view %s: JSON lacks a part", views[v]);
				json_decref(json);
			}
			cli_done(&done);
		}
	forget();
}

Test(integration_report, folded_stacks_add_up_to_live_bytes)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	record(&pythons[n > 4 ? 4 : 0]);
	json_t *report = view("sites");
	struct cli done;
	CLI(&done, 20000, "report", file, "--view", "flame", "--format", "folded");
	long long sum = 0;
	for (char *line = done.out, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		char *last = strrchr(line, ' ');
		sum += last ? atoll(last + 1) : 0;
	}
	cr_expect_eq(sum, number(json_object_get(report, "totals"), "live_bytes"),
		     "folded stacks hold %lld bytes", sum);
	json_decref(report);
	cli_done(&done);
	forget();
}

/* The same populations by another way of attaching; the file must tell the same story. */
static void expect_same_story(const char *const *attach, bool to_stdout, const char *what)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	struct target t;
	struct cli_job job;
	struct cli done;
	char pid[16];
	if (n == 0)
		cr_skip_test("no interpreter found");
	AUTO_CLOSE int fd = mkstemp(file);
	cr_assert(target_spawn(&t, &pythons[n > 4 ? 4 : 0],
			       &(struct target_options){ .script = "shapes.py" }), "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[12] = { "attach", pid, "-o", to_stdout ? "-" : file, "-f" };
	for (size_t i = 0; attach[i]; i++)
		args[5 + i] = attach[i];
	int64_t start = now_ms();
	cr_assert(cli_start(&job, &(struct cli_options){ .stdout_fd = to_stdout ? fd : 0 }, args));
	cr_assert(cli_wait_text(&job, "recording", 10000) >= 0, "%s: no attach", what);
	json_decref(target_ask(&t, "keep", 10000));
	cli_finish(&job, 0, 20000, &done);
	int64_t took = now_ms() - start;
	cr_expect(done.status == 0, "%s: status %d, %s", what, done.status, done.err);
	cr_expect(took >= 950 && took < (SANITIZED ? 60000 : 4000), "%s: one second took %lld ms", what,
		  (long long)took);
	cli_done(&done);
	json_t *report = view("sites");
	cr_expect_eq(at_line(report, KEEP_LINE, "live_bytes"), 50 * 3033, "%s: %lld bytes", what,
		     at_line(report, KEEP_LINE, "live_bytes"));
	json_decref(report);
	target_kill(&t);
	forget();
}

Test(integration_report, a_recording_can_go_to_standard_output)
{
	expect_same_story((const char *const[]){ "-d", "1s", NULL }, true, "-o -");
}

Test(integration_report, a_recording_that_keeps_every_event_tells_the_same)
{
	expect_same_story((const char *const[]){ "-d", "1s", "--events", NULL }, false, "--events");
}

Test(integration_report, a_duration_may_be_written_in_several_units)
{
	expect_same_story((const char *const[]){ "-d", "1000ms", NULL }, false, "-d 1000ms");
}

Test(integration_report, a_recording_is_private_and_not_overwritten_unasked)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	struct target t;
	struct cli done;
	if (n == 0)
		cr_skip_test("no interpreter found");
	cr_assert(target_spawn(&t, &pythons[0], &(struct target_options){ .script = "shapes.py" }), "%s",
		  t.error);
	char pid[16], path[96], command[256];
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	snprintf(path, sizeof(path), "/tmp/pymemprof-private-%d.pmp", (int)getpid());
	CLI(&done, 20000, "attach", pid, "-d", "1s", "-o", path);
	cr_expect_eq(done.status, 0, "%s", done.err);
	cli_done(&done);
	snprintf(command, sizeof(command), "test \"$(stat -c %%a '%s')\" = 600", path);
	cr_expect_eq(system(command), 0, "the file is readable by others");
	CLI(&done, 20000, "attach", pid, "-d", "1s", "-o", path);
	cr_expect(done.status == 2 || done.status == 3, "overwritten: status %d", done.status);
	cli_done(&done);
	unlink(path);
	target_kill(&t);
}
