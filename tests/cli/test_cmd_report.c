/* SPDX-License-Identifier: MIT */
/* The report command on files made by the writer from facts pushed by hand. */
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell.h"
#include "tests/support/sanitized.h"
#include "tracer/stream/pmp.h"

static char folder[64];
static struct shell s;

static void push(const struct fact_sink *k)
{
	struct fact_target target = { .pid = 4242,
				      .python_version = "3.12.7",
				      .implementation = "CPython",
				      .executable = "python3.12",
				      .arch = "x86_64",
				      .word_bytes = 8,
				      .start_unix_ns = UINT64_C(1786708991000000000) };
	struct fact_thread thread = { .thread = 1, .tid = 4242, .name = "python3.12" };
	struct fact_frame frames[2] = {
		{ .function = "put\033[31m", .file = "app/cache.py", .line = 88 },
		{ .function = "serve", .file = "worker.py", .line = 77 }
	};
	struct fact_site site = { .site = 1, .thread = 1, .nframes = 2, .frames = frames };
	cr_assert_eq(k->target(k->ctx, &target, NULL), 0);
	cr_assert_eq(k->thread(k->ctx, &thread, NULL), 0);
	cr_assert_eq(k->site(k->ctx, &site, NULL), 0);
	for (uint64_t i = 0; i < 60; i++) {
		struct fact_delta d = { 1, 10, 1000, 0, 0, 0, 0 };
		struct fact_interval f = { .from_ns = i * 1000000000,
					   .to_ns = (i + 1) * 1000000000,
					   .ndeltas = 1,
					   .deltas = &d };
		struct fact_tick tick = { .at_ns = f.to_ns,
					  .rss_bytes = 1 << 20,
					  .live_bytes = 1000 * (i + 1),
					  .live_blocks = 10 * (i + 1) };
		cr_assert_eq(k->interval(k->ctx, &f, NULL), 0);
		cr_assert_eq(k->tick(k->ctx, &tick, NULL), 0);
	}
}

static void push_end(const struct fact_sink *k)
{
	struct fact_site_peak peak = { .site = 1, .bytes = 60000, .blocks = 600 };
	struct fact_block block = { .addr = 0x7f0000001000,
				    .size = 100,
				    .weight = 1,
				    .site = 1,
				    .domain = 2,
				    .birth_ns = 500000000 };
	struct fact_totals t = { .alloc_blocks = 600,
				 .alloc_bytes = 60000,
				 .live_blocks = 600,
				 .live_bytes = 60000,
				 .peak_bytes = 60000,
				 .peak_blocks = 600,
				 .peak_at_ns = UINT64_C(60000000000),
				 .duration_ns = UINT64_C(60000000000) };
	struct fact_cost c = { .attach_stop_ns = 400000, .agent_bytes = 524288, .events = 600 };
	cr_assert_eq(k->site_peak(k->ctx, &peak, NULL), 0);
	cr_assert_eq(k->block(k->ctx, &block, NULL), 0);
	cr_assert_eq(k->totals(k->ctx, &t, NULL), 0);
	cr_assert_eq(k->cost(k->ctx, &c, NULL), 0);
	cr_assert_eq(k->finish(k->ctx, FACT_END_DETACHED, NULL), 0);
}

static void make(const char *name, bool whole)
{
	char path[128];
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	cr_assert_eq(pmp_writer_new(&(struct pmp_options){ .path = path }, &w, &err), 0, "%s",
		     err.text);
	push(pmp_writer_sink(w));
	if (whole)
		push_end(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, &err), 0, "%s", err.text);
}

static void setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/pymemprof-cli-XXXXXX");
	cr_assert(mkdtemp(folder));
	make("a.pmp", true);
}

static void teardown(void)
{
	shell(&s, "rm -rf '%s'", folder);
}

static int count_of(const char *text, const char *what)
{
	int n = 0;
	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

TestSuite(cli_cmd_report, .init = setup, .fini = teardown);

Test(cli_cmd_report, the_summary_names_the_leak_with_file_and_line)
{
	shell(&s, "\"$P\" report %s/a.pmp", folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert(strstr(s.text, "VERDICT  GROWING"), "%s", s.text);
	cr_assert(strstr(s.text, "cache.py:88"), "%s", s.text);
	cr_assert_null(strchr(s.text, '\033'));
	cr_assert(strstr(s.text, "put\\x1b[31m"), "%s", s.text);
}

Test(cli_cmd_report, other_names_of_the_views)
{
	static const char *const names[] = { "summary", "leaks", "sites",
					     "table",	"tree",	 "flamegraph" };
	for (size_t i = 0; i < 6; i++) {
		shell(&s, "\"$P\" %s %s/a.pmp", names[i], folder);
		cr_expect_eq(s.status, 0, "%s: %s", names[i], s.text);
	}
	shell(&s, "\"$P\" report --leaks %s/a.pmp", folder);
	cr_assert(strstr(s.text, "LEAK SUSPECTS"), "%s", s.text);
}

Test(cli_cmd_report, json_parses_and_has_the_figures)
{
	shell(&s, "\"$P\" report %s/a.pmp --format json", folder);
	cr_assert_eq(s.status, 0);
	json_error_t why;
	json_t *root = json_loads(s.text, 0, &why);
	cr_assert(root, "%s", why.text);
	json_t *site = json_array_get(json_object_get(root, "sites"), 0);
	cr_assert_eq(json_integer_value(json_object_get(site, "live_bytes")), 60000);
	cr_assert_eq(json_integer_value(json_object_get(site, "peak_bytes")), 60000);
	json_decref(root);
}

Test(cli_cmd_report, standard_input_is_read_as_a_dash)
{
	shell(&s, "\"$P\" report - --format folded <%s/a.pmp", folder);
	cr_assert_eq(s.status, 0);
	cr_assert_str_eq(s.text, "serve (worker.py:77);put\\x1b[31m (app/cache.py:88) 60000\n");
	shell(&s, "\"$P\" report - </dev/null");
	cr_assert_eq(s.status, 3, "%s", s.text);
}

Test(cli_cmd_report, a_profile_goes_to_a_file_or_a_pipe_but_not_to_a_terminal)
{
	shell(&s, "\"$P\" report %s/a.pmp --format pprof -o %s/a.pb.gz && gzip -t %s/a.pb.gz", folder, folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	shell(&s, "\"$P\" report %s/a.pmp --format pprof | gzip -dc | grep -c inuse_space", folder);
	cr_assert(s.status == 0 && strcmp(s.text, "1\n") == 0, "%s", s.text);
	shell(&s, "script -qec '\"'\"$P\"'\" report %s/a.pmp --format pprof' /dev/null </dev/null", folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
	cr_assert(strstr(s.text, "format pprof is not for a terminal; write it to a file"), "%s", s.text);
}

static void make_snapshot(const char *name)
{
	struct fact_target target = { .pid = 4242, .python_version = "3.12.7", .implementation = "CPython",
				      .executable = "python3.12", .arch = "x86_64", .word_bytes = 8 };
	struct fact_heap heap = { .snapshot = 1, .interpreters = 1 };
	char path[128];
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	cr_assert_eq(pmp_writer_new(&(struct pmp_options){ .path = path }, &w, &err), 0, "%s", err.text);
	const struct fact_sink *k = pmp_writer_sink(w);
	cr_assert_eq(k->target(k->ctx, &target, &err), 0);
	cr_assert_eq(k->heap(k->ctx, &heap, &err), 0);
	cr_assert_eq(k->heap_end(k->ctx, 1, &err), 0);
	cr_assert_eq(k->finish(k->ctx, FACT_END_DETACHED, &err), 0);
	cr_assert_eq(pmp_writer_close(w, &err), 0, "%s", err.text);
}

Test(cli_cmd_report, formats_of_who_allocated_are_refused_of_a_snapshot)
{
	static const char *const formats[] = { "folded", "speedscope", "pprof" };
	make_snapshot("s.pmp");
	for (size_t i = 0; i < 3; i++) {
		shell(&s, "cd %s; echo kept >out; \"$P\" report s.pmp -F %s -f -o out; echo $?; cat out", folder,
		      formats[i]);
		cr_expect(strstr(s.text, "has nothing of a snapshot") && strstr(s.text, "\nhint: record") &&
			  strstr(s.text, "\n2\nkept\n"), "%s: %s", formats[i], s.text);
	}
	shell(&s, "\"$P\" report %s/s.pmp -F json", folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
}

Test(cli_cmd_report, a_recording_without_an_end_is_shown_and_called_incomplete)
{
	make("cut.pmp", false);
	shell(&s, "\"$P\" report %s/cut.pmp", folder);
	cr_assert_eq(s.status, 6, "%d: %s", s.status, s.text);
	cr_assert(strstr(s.text, "the file ends before the recording did"), "%s", s.text);
	shell(&s, "head -c 600 %s/a.pmp >%s/short.pmp; \"$P\" report %s/short.pmp", folder, folder,
	      folder);
	cr_assert(s.status == 6 || s.status == 3, "%d: %s", s.status, s.text);
}

Test(cli_cmd_report, files_that_are_none_are_refused)
{
	shell(&s, "\"$P\" report %s/absent.pmp", folder);
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "absent.pmp: No such file"), "%s", s.text);
	shell(&s, "echo text >%s/b; \"$P\" report %s/b", folder, folder);
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "\nhint: "), "%s", s.text);
	shell(&s, "\"$P\" report %s", folder);
	cr_assert_eq(s.status, 3);
}

Test(cli_cmd_report, output_is_private_and_never_replaced_unasked)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s/out.json", folder);
	shell(&s, "umask 0; \"$P\" report %s/a.pmp --format json -o %s", folder, path);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_gt(st.st_size, 100);
	shell(&s, "\"$P\" report %s/a.pmp -o %s", folder, path);
	cr_assert_eq(s.status, 2);
	cr_assert(strstr(s.text, "exists already\nhint: "), "%s", s.text);
	shell(&s, "\"$P\" report %s/a.pmp -f -o %s", folder, path);
	cr_assert_eq(s.status, 0, "%s", s.text);
	shell(&s, "\"$P\" report %s/a.pmp -o - | head -1", folder);
	cr_assert_eq(strncmp(s.text, "pymemprof ", 10), 0, "%s", s.text);
}

Test(cli_cmd_report, output_that_fails_is_one_line_and_a_status)
{
	static const char *const ends[] = { ">/dev/full", ">&-", "-o /dev/full" };
	for (size_t i = 0; i < 3; i++) {
		if (UNDER_VALGRIND && strcmp(ends[i], ">&-") == 0)
			continue; /* the closed descriptor becomes that of valgrind's log */
		shell(&s, "\"$P\" report %s/a.pmp %s", folder, ends[i]);
		cr_expect_eq(s.status, 3, "%s: %d", ends[i], s.status);
		cr_expect_eq(strncmp(s.text, "pymemprof: ", 11), 0, "%s: %s", ends[i], s.text);
		cr_expect_leq(count_lines(s.text), 2);
	}
	shell(&s, "\"$P\" report %s/a.pmp | head -0; echo done", folder);
	cr_assert(strstr(s.text, "done\n"), "%s", s.text);
}

Test(cli_cmd_report, colour_only_when_asked_for)
{
	shell(&s, "\"$P\" --color always report %s/a.pmp", folder);
	cr_assert(strstr(s.text, "\033[1m"), "%s", s.text);
	shell(&s, "NO_COLOR=1 CLICOLOR_FORCE=1 \"$P\" report %s/a.pmp", folder);
	cr_assert_null(strchr(s.text, '\033'));
}

Test(cli_cmd_report, a_page_gives_the_recording_back_byte_for_byte)
{
	shell(&s, "cd %s; \"$P\" report a.pmp --format html -o a.html && \"$P\" extract a.html -o b.pmp && "
		  "cmp a.pmp b.pmp && \"$P\" extract - <a.html | cmp - a.pmp && "
		  "\"$P\" report b.pmp --format html -o b.html && cmp a.html b.html",
	      folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	shell(&s, "cd %s; \"$P\" extract a.html -o b.pmp", folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
	shell(&s, "\"$P\" extract --list %s/a.html", folder);
	cr_assert_eq(s.status, 0);
	cr_assert(strstr(s.text, "recording ") && strstr(s.text, "sites "), "%s", s.text);
	cr_assert_null(strstr(s.text, "differs"));
}

Test(cli_cmd_report, a_page_that_lost_or_never_had_its_recording_says_so)
{
	shell(&s, "cd %s; \"$P\" report - --format html -o c.html <a.pmp; \"$P\" extract c.html", folder);
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "no section 'recording'\nhint: "), "%s", s.text);
	shell(&s, "cd %s; \"$P\" report a.pmp --format html | sed 's/\\(pmp-recording[^>]*>....\\)./\\1A/' >d.html; "
		  "\"$P\" extract d.html -o d.pmp; echo $?; ls d.pmp; \"$P\" extract -l d.html; echo $?", folder);
	cr_assert(strstr(s.text, "recording: differs from its checksum"), "%s", s.text);
	cr_assert(strstr(s.text, "\n3\n"), "%s", s.text);
	cr_assert(strstr(s.text, "d.pmp': No such file"), "%s", s.text);
	cr_assert(strstr(s.text, "\n6\n"), "%s", s.text);
	shell(&s, "\"$P\" extract %s/a.pmp", folder);
	cr_assert_eq(s.status, 3);
	cr_assert(strstr(s.text, "there is no data in it"), "%s", s.text);
}

Test(cli_cmd_report, a_page_that_was_cut_is_called_that)
{
	shell(&s, "cd %s; \"$P\" report a.pmp --format html -o e.html; for n in 2000 $(($(stat -c %%s e.html) / 2)) "
		  "$(($(stat -c %%s e.html) - 200)); do head -c $n e.html >f.html; \"$P\" extract f.html -s strings -o g; "
		  "echo $?; \"$P\" extract -l f.html >h; echo $?; done; ls g", folder);
	cr_assert_eq(count_of(s.text, "the page is cut: its end is missing\nhint: copy it again"), 5, "%s", s.text);
	cr_assert(strstr(s.text, "g': No such file"), "%s", s.text);
}

Test(cli_cmd_report, a_suppression_takes_a_suspect_out_and_says_why)
{
	shell(&s, "printf 'leak *cache.py:put* -- it is a cache\\nleak *none -- x\\n' >%s/s.txt; "
		  "\"$P\" report %s/a.pmp --view leaks --suppressions %s/s.txt", folder, folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert(strstr(s.text, "LEAK SUSPECTS  none"), "%s", s.text);
	cr_assert(strstr(s.text, "suppressed"), "%s", s.text);
	cr_assert(strstr(s.text, "it is a cache"), "%s", s.text);
	shell(&s, "echo 'leak *put*' >%s/s.txt; \"$P\" report %s/a.pmp --suppressions %s/s.txt",
	      folder, folder, folder);
	cr_assert_eq(s.status, 2, "%s", s.text);
	cr_assert(strstr(s.text, "no reason"), "%s", s.text);
	shell(&s, "echo 'leak *put* until 2020-01-01 -- old' >%s/s.txt; \"$P\" report %s/a.pmp "
		  "--view leaks --suppressions %s/s.txt", folder, folder, folder);
	cr_assert_eq(s.status, 0, "%s", s.text);
	cr_assert(strstr(s.text, "expired on 2020-01-01"), "%s", s.text);
}

Test(cli_cmd_report, a_path_with_another_view_is_refused)
{
	make_snapshot("s.pmp");
	shell(&s, "\"$P\" report %s/s.pmp --view types --path list", folder);
	cr_expect_eq(s.status, 2, "%s", s.text);
	cr_expect(strstr(s.text, "--path is of --view paths, not of types"), "%s", s.text);
	shell(&s, "\"$P\" snapshot --view types --path list %d", 1);
	cr_expect(s.status == 2 && strstr(s.text, "--path is of --view paths"), "%s", s.text);
}

Test(cli_cmd_report, a_list_of_a_page_goes_nowhere_else)
{
	shell(&s, "cd %s; \"$P\" report a.pmp -F html -o a.html; \"$P\" extract -l -o out a.html", folder);
	cr_expect(s.status == 2 && strstr(s.text, "not with --output"), "%s", s.text);
	shell(&s, "\"$P\" extract -l -s sites %s/a.html", folder);
	cr_expect(s.status == 2 && strstr(s.text, "not with --section"), "%s", s.text);
}
