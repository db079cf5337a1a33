/* SPDX-License-Identifier: MIT */
/* The diff command on files made by the writer from facts pushed by hand: forms and statuses. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "shell.h"
#include "tracer/stream/pmp.h"

static char folder[64];
static struct shell s;

/* One site that keeps `bytes`, one type with `count` objects. */
static void write_file(const char *name, uint64_t bytes, uint64_t count)
{
	char path[128];
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s.pmp", folder, name);
	struct pmp_options o = { .path = path, .force = true };
	struct pmp_writer *w;
	cr_assert_eq(pmp_writer_new(&o, &w, &err), 0, "%s", err.text);
	const struct fact_sink *k = pmp_writer_sink(w);
	struct fact_target target = { .pid = 42, .python_version = "3.12.7", .implementation = "CPython",
				      .executable = "python3", .arch = "x86_64", .word_bytes = 8 };
	struct fact_frame frame = { "put", "/srv/app/cache.py", 88, 80 };
	struct fact_site site = { .site = 1, .thread = 1, .nframes = 1, .frames = &frame };
	struct fact_delta delta = { 1, 10, bytes, 0, 0, 0, 0 };
	struct fact_interval f = { .to_ns = 1000000000, .ndeltas = 1, .deltas = &delta };
	struct fact_heap_type type = { .type = 1, .name = "Page", .module = "app", .count = count,
				       .total_bytes = 100 * count };
	struct fact_totals t = { .alloc_blocks = 10, .alloc_bytes = bytes, .live_blocks = 10,
				 .live_bytes = bytes, .duration_ns = 1000000000 };
	struct fact_thread thread = { .thread = 1, .tid = 42, .name = "python3" };
	int rc = k->target(k->ctx, &target, &err);
	rc |= k->thread(k->ctx, &thread, &err);
	rc |= k->site(k->ctx, &site, &err);
	rc |= k->interval(k->ctx, &f, &err);
	rc |= k->heap(k->ctx, &(struct fact_heap){ .snapshot = 1 }, &err);
	rc |= k->heap_type(k->ctx, &type, &err);
	rc |= k->heap_end(k->ctx, 1, &err);
	rc |= k->totals(k->ctx, &t, &err);
	rc |= k->finish(k->ctx, FACT_END_DETACHED, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
	cr_assert_eq(pmp_writer_close(w, &err), 0);
}

static void setup(void)
{
	strcpy(folder, "/tmp/pymemprof-diff-XXXXXX");
	cr_assert(mkdtemp(folder));
	write_file("a", 1000, 100);
	write_file("b", 201000, 150);
	write_file("c", 101000, 140);
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

TestSuite(cli_cmd_diff, .init = setup, .fini = teardown);

Test(cli_cmd_diff, the_status_says_whether_something_grew_when_asked)
{
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp", folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert(strstr(s.text, "put app/cache.py:88"), "%s", s.text);
	cr_assert(strstr(s.text, "app.Page"), "%s", s.text);
	shell(&s, "\"$P\" diff --exit-code %s/a.pmp %s/b.pmp", folder, folder);
	cr_assert_eq(s.status, 1, "%s", s.text);
	shell(&s, "\"$P\" diff --exit-code --min-delta 1MiB %s/a.pmp %s/b.pmp", folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	shell(&s, "\"$P\" diff --exit-code %s/b.pmp %s/a.pmp", folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
}

Test(cli_cmd_diff, the_result_counts_each_table_and_only_those_that_are_shown)
{
	shell(&s, "\"$P\" diff --min-delta 1KB %s/a.pmp %s/b.pmp", folder, folder);
	cr_expect(strstr(s.text, "RESULT 1 type and 1 site grew by "), "%s", s.text);
	cr_expect(strstr(s.text, "most, +195 KiB:\n       site put app/cache.py:88\n"), "%s", s.text);
	shell(&s, "\"$P\" diff --by type --min-delta 1KB %s/a.pmp %s/b.pmp", folder, folder);
	cr_expect(strstr(s.text, "RESULT 1 type grew by "), "%s", s.text);
	cr_expect(strstr(s.text, "type app.Page\n"), "%s", s.text);
	shell(&s, "\"$P\" diff --by type --exit-code %s/a.pmp %s/b.pmp", folder, folder);
	cr_expect_eq(s.status, 0, "5 kB of a type: %s", s.text);
	cr_expect(strstr(s.text, "RESULT nothing grew by 64 KiB"), "%s", s.text);
	shell(&s, "\"$P\" diff --min-delta 1KB %s/a.pmp %s/b.pmp %s/c.pmp", folder, folder, folder);
	cr_expect(strstr(s.text, "RESULT 1 type and 1 site kept what they gained, by "), "%s", s.text);
}

Test(cli_cmd_diff, a_question_that_alone_is_asked_and_has_no_answer_is_refused)
{
	shell(&s, "\"$P\" diff --by holder --exit-code %s/a.pmp %s/b.pmp", folder, folder);
	cr_expect_eq(s.status, 2, "%s", s.text);
	cr_expect(strstr(s.text, "nothing to compare by holder: not every file has a snapshot that tells"),
		  "%s", s.text);
}

Test(cli_cmd_diff, an_incomplete_file_is_named_with_what_is_missing)
{
	shell(&s, "cd %s && head -c $(($(stat -c %%s b.pmp) - 100)) b.pmp > cut.pmp && "
		  "\"$P\" diff a.pmp cut.pmp", folder);
	cr_expect_eq(s.status, 6, "%s", s.text);
	cr_expect(strstr(s.text, "NEW is incomplete: the file ends before the recording did"), "%s", s.text);
	cr_expect(strstr(s.text, "pymemprof: cut.pmp: the file ends before the recording did"), "%s", s.text);
	cr_expect_null(strstr(s.text, "OLD is incomplete"), "%s", s.text);
	shell(&s, "cd %s && \"$P\" diff cut.pmp a.pmp --format json 2>/dev/null", folder);
	cr_expect(strstr(s.text, "\"limits\":[\"OLD is incomplete: the file ends"), "%s", s.text);
}

Test(cli_cmd_diff, three_files_show_what_was_kept)
{
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp %s/c.pmp --format json", folder, folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	json_t *root = json_loads(s.text, 0, NULL);
	cr_assert(root, "%s", s.text);
	const json_t *row = json_array_get(json_object_get(json_object_get(root, "types"), "rows"), 0);
	cr_assert_eq(json_integer_value(json_object_get(row, "kept_count")), 40);
	row = json_array_get(json_object_get(json_object_get(root, "sites"), "rows"), 0);
	cr_assert_eq(json_integer_value(json_object_get(row, "kept_bytes")), 100000);
	json_decref(root);
}

Test(cli_cmd_diff, one_table_can_be_asked_for_and_kept_in_a_file)
{
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp --by type --format csv -o %s/d.csv && cat %s/d.csv",
	      folder, folder, folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert_eq(count_lines(s.text), 2, "%s", s.text);
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp -o %s/d.csv", folder, folder, folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
}

Test(cli_cmd_diff, wrong_command_lines_and_files_are_refused)
{
	shell(&s, "\"$P\" diff %s/a.pmp", folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp --by size", folder, folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
	shell(&s, "\"$P\" diff %s/a.pmp %s/none.pmp", folder, folder);
	cr_assert_eq(s.status, 3, "%s", s.text);
	cr_assert(strstr(s.text, "none.pmp"), "%s", s.text);
	shell(&s, "\"$P\" diff %s/a.pmp %s/b.pmp -o %s/none/x", folder, folder, folder);
	cr_assert_eq(s.status, 3, "what cannot be written is no bad command line: %s", s.text);
}
