/* SPDX-License-Identifier: MIT */
/*
 * What is written is what is read, in the documented order; and every way a file can be bad:
 * cut anywhere, damaged anywhere, newer, no file at all, no space, no reader.
 */
#include "tracer/stream/pmp.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/tracer/stream/fact_log.h"
#include "tracer/stream/pmp_format.h"

TestSuite(tracer_stream_pmp, .timeout = 50);

static char dir[] = "/tmp/pymemprof-test.XXXXXX";
static char path[64];

static void open_dir(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.pmp", dir);
}

static void close_dir(void)
{
	unlink(path);
	rmdir(dir);
}

#define SEND(s, name, ...)                                                                         \
	cr_assert((s)->name == NULL || (s)->name((s)->ctx, &(__VA_ARGS__), NULL) == 0)

/* A recording with something of everything; the order of sections is the order of reading. */
static void send_head(const struct fact_sink *s)
{
	SEND(s, target,
	     (struct fact_target){ 4711, "3.12.1", "CPython", "python3", "x86_64", 8, 1700000000ull,
				   0, 512, true, false });
	SEND(s, thread, (struct fact_thread){ 1, 4711, 1, "MainThread" });
}

static void send_interval(const struct fact_sink *s, uint32_t n)
{
	struct fact_frame frames[3] = { { "leak", "app.py", 10 + n, 9 },
					{ "run", "app.py", 3, 5 },
					{ "<module>", "caf\xc3\xa9.py", 1, 0 } };
	struct fact_delta deltas[2] = { { n, 10, 1000, 4, 400, 2, 20 }, { 1, 1, 1, 0, 0, 0, 0 } };

	SEND(s, site, (struct fact_site){ n, 1, 3, n == 2, frames });
	SEND(s, tick, (struct fact_tick){ n * 100, 4096, 600, 6, 10, 4 });
	SEND(s, event, (struct fact_event){ 'a', 2, n, n * 100, 0x7f00001000, 64, 1 });
	SEND(s, event, (struct fact_event){ 't', 0, n, n * 100, 0, 640, 10 });
	SEND(s, interval,
	     (struct fact_interval){ (n - 1) * 100, n * 100, n == 1 ? 1 : 2, deltas,
				     n == 2 ? 130 : 0 });
}

static void send_tail(const struct fact_sink *s)
{
	SEND(s, note, (struct fact_note){ "dropped", "3 events were dropped" });
	SEND(s, site_peak, (struct fact_site_peak){ 1, 700, 7 });
	SEND(s, site_peak, (struct fact_site_peak){ 3, 70, 1 });
	SEND(s, block, (struct fact_block){ 0x7f00001000, 64, 1.0, 1, 2, 5000000 });
	SEND(s, block, (struct fact_block){ 0x7f00002000, 1 << 20, 1.5, 2, 0, 6000000 });
	SEND(s, test,
	     (struct fact_test){ 1, "a.py::test_caf\xc3\xa9[1]", 2, 10, 20, 30, 3000, 2000, 5, 500, 4,
				 400, { { 1, 100, 90 }, { 28, 2800, 2000 }, { 1, 100, 60 } }, 2, 1,
				 { { 1, 1500 }, { 3, 500 } }, { { 1, 400 } } });
	SEND(s, test, (struct fact_test){ .test = 2, .id = "a.py::nothing", .runs = 1 });
	SEND(s, totals,
	     (struct fact_totals){ 33, 3003, 12, 1200, 6, 60, 21, 1803, 2000, 25, 250, 99, 5, 300 });
	SEND(s, cost,
	     (struct fact_cost){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 });
	cr_assert_eq(s->finish(s->ctx, FACT_END_EXITED, NULL), 0);
}

static void send_all(const struct fact_sink *s)
{
	send_head(s);
	for (uint32_t n = 1; n <= 3; n++)
		send_interval(s, n);
	send_tail(s);
}

static void write_file(void (*send)(const struct fact_sink *))
{
	struct pmp_options o = { .path = path, .force = true, .events = true };
	struct pmp_writer *w;

	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	send(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
}

/* The file's bytes; caller frees. */
static uint8_t *slurp(size_t *ret_n)
{
	struct stat st;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &st), 0);
	uint8_t *p = malloc((size_t)st.st_size + 1);
	cr_assert_eq(read(fd, p, (size_t)st.st_size), st.st_size);
	*ret_n = (size_t)st.st_size;
	return p;
}

static const char EVERYTHING[] =
	"target 4711 3.12.1 CPython python3 x86_64 8 1700000000 0 512 1 0\n"
	"thread 1 tid=4711 tstate=1 'MainThread'\n"
	"site 1 thread=1 leak@app.py:11(9) run@app.py:3(5) <module>@caf\xc3\xa9.py:1(0).\n"
	"tick 100 4096 600 6 10 4\n"
	"event a d2 s1 100 7f00001000 64 1\n"
	"event t d0 s1 100 0 640 10\n"
	"interval 0-100 1:+10/1000-4/400t2/20.\n"
	"site 2 thread=1 truncated leak@app.py:12(9) run@app.py:3(5) <module>@caf\xc3\xa9.py:1(0).\n"
	"tick 200 4096 600 6 10 4\n"
	"event a d2 s2 200 7f00001000 64 1\n"
	"event t d0 s2 200 0 640 10\n"
	"interval 100-200w130 2:+10/1000-4/400t2/20 1:+1/1-0/0t0/0.\n"
	"site 3 thread=1 leak@app.py:13(9) run@app.py:3(5) <module>@caf\xc3\xa9.py:1(0).\n"
	"tick 300 4096 600 6 10 4\n"
	"event a d2 s3 300 7f00001000 64 1\n"
	"event t d0 s3 300 0 640 10\n"
	"interval 200-300 3:+10/1000-4/400t2/20 1:+1/1-0/0t0/0.\n"
	"note dropped: 3 events were dropped\n"
	"peak 1 700 7\n"
	"peak 3 70 1\n"
	"block 7f00001000 64 w1.0000 s1 d2 5000000\n"
	"block 7f00002000 1048576 w1.5000 s2 d0 6000000\n"
	"test 1 a.py::test_caf\xc3\xa9[1] x2 +30/3000 peak 2000 left 5/500 kept 4/400 setup 100^90 "
	"call 2800^2000 teardown 100^60 at 10 for 20 p1:1500 p3:500 k1:400\n"
	"test 2 a.py::nothing x1 +0/0 peak 0 left 0/0 kept 0/0 setup 0^0 call 0^0 teardown 0^0 at 0 "
	"for 0\n"
	"totals +33/3003 -12/1200 t6/60 live 21/1803 peak 25/2000@250 slack 99 foreign 5 for 300\n"
	"cost 1 2 3 4 5 6 7 8 9 10 11 12 13 14\n"
	"finish 1\n";

Test(tracer_stream_pmp, what_is_written_is_read_in_order)
{
	struct fact_log log;

	open_dir();
	fact_log_init(&log);
	write_file(send_all);
	cr_assert_eq(pmp_read_path(path, &log.sink, NULL), 0);
	cr_assert_str_eq(fact_log_text(&log), EVERYTHING);
	fact_log_deinit(&log);
	close_dir();
}

Test(tracer_stream_pmp, sinks_may_lack_every_callback)
{
	struct fact_sink none = { 0 };

	open_dir();
	write_file(send_all);
	cr_assert_eq(pmp_read_path(path, &none, NULL), 0);
	close_dir();
}

static void send_cut(const struct fact_sink *s)
{
	send_head(s);
	send_interval(s, 1);
	send_interval(s, 2);
}

Test(tracer_stream_pmp, a_killed_tracer_leaves_its_last_interval_readable)
{
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct fact_log log;
	struct fact_tick late = { .at_ns = 250 };

	open_dir();
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	send_cut(pmp_writer_sink(w));
	SEND(pmp_writer_sink(w), tick, late);
	/* Not closed: what is on disk now is what SIGKILL would leave. */
	fact_log_init(&log);
	cr_assert_eq(pmp_read_path(path, &log.sink, NULL), 0);
	const char *text = fact_log_text(&log);
	cr_assert_not_null(strstr(text, "interval 100-200w130 "));
	cr_assert_null(strstr(text, "tick 250"));
	cr_assert_not_null(strstr(text, "note truncated-file: "));
	cr_assert_not_null(strstr(text, "totals +21/2001 -8/800 t4/40 live 13/1201 "));
	cr_assert_not_null(strstr(text, "finish 4\n"));
	fact_log_deinit(&log);
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
	close_dir();
}

/* A reading must end well or with one of these; never crash, never lack a finish when it is 0. */
static void read_any(const uint8_t *p, size_t n)
{
	struct fact_log log;
	struct err err = ERR_INIT;

	fact_log_init(&log);
	int r = pmp_read_bytes(p, n, &log.sink, &err);
	if (r == 0)
		cr_assert_not_null(strstr(fact_log_text(&log), "finish "));
	else
		cr_assert((r == ERR_CORRUPT || r == ERR_UNSUPPORTED) && err.text[0]);
	fact_log_deinit(&log);
}

Test(tracer_stream_pmp, a_file_cut_anywhere_is_read_up_to_there)
{
	size_t n;

	open_dir();
	write_file(send_all);
	AUTO_FREE uint8_t *p = slurp(&n);
	for (size_t cut = 0; cut < n; cut++) {
		read_any(p, cut);
		if (cut >= PMP_HEADER_BYTES) {
			struct fact_log log;
			fact_log_init(&log);
			cr_assert_eq(pmp_read_bytes(p, cut, &log.sink, NULL), 0);
			cr_assert_not_null(strstr(fact_log_text(&log), "finish 4"));
			fact_log_deinit(&log);
		}
	}
	close_dir();
}

static void feed_pieces(const uint8_t *p, size_t n, size_t piece, struct fact_log *log)
{
	struct pmp_feed *feed = NULL;

	fact_log_init(log);
	cr_assert_eq(pmp_feed_new(&log->sink, &feed, NULL), 0);
	for (size_t at = 0; at < n; at += piece)
		cr_assert_eq(pmp_feed_put(feed, p + at, n - at < piece ? n - at : piece, NULL), 0);
	cr_assert_eq(pmp_feed_end(feed, NULL), 0);
	pmp_feed_free(feed);
}

Test(tracer_stream_pmp, bytes_that_arrive_in_pieces_give_the_same_facts)
{
	struct fact_log log;
	size_t n;

	open_dir();
	write_file(send_all);
	AUTO_FREE uint8_t *p = slurp(&n);
	for (size_t piece = 1; piece <= n; piece = piece * 3 + 1) {
		feed_pieces(p, n, piece, &log);
		cr_assert_str_eq(fact_log_text(&log), EVERYTHING, "pieces of %zu", piece);
		fact_log_deinit(&log);
	}
	feed_pieces(p, n - 5, 7, &log);
	cr_assert_not_null(strstr(fact_log_text(&log), "finish 4"));
	fact_log_deinit(&log);
	close_dir();
}

Test(tracer_stream_pmp, a_flipped_bit_anywhere_is_noticed_or_harmless)
{
	size_t n;

	open_dir();
	write_file(send_all);
	AUTO_FREE uint8_t *p = slurp(&n);
	for (size_t i = 0; i < n; i++) {
		struct fact_log log;

		p[i] ^= 0x10;
		read_any(p, n);
		fact_log_init(&log);
		if (i >= PMP_HEADER_BYTES && pmp_read_bytes(p, n, &log.sink, NULL) == 0)
			cr_assert_str_neq(fact_log_text(&log), EVERYTHING, "byte %zu", i);
		fact_log_deinit(&log);
		p[i] ^= 0x10;
	}
	close_dir();
}

Test(tracer_stream_pmp, a_damaged_section_is_named_and_the_rest_is_read)
{
	struct fact_log log;
	size_t n;

	open_dir();
	write_file(send_all);
	AUTO_FREE uint8_t *p = slurp(&n);
	/* Find the head of the second SITES section and spoil its payload. */
	unsigned seen = 0;
	for (size_t i = PMP_HEADER_BYTES; i + PMP_SECTION_HEAD_BYTES < n;) {
		struct cursor c = cursor_of(p + i, n - i);
		cr_assert_eq(cursor_u32(&c), PMP_SECTION_MARK);
		unsigned kind = cursor_u16(&c);
		(void)cursor_u16(&c);
		if (kind == PMP_SITES && ++seen == 2)
			p[i + PMP_SECTION_HEAD_BYTES] ^= 1;
		i += PMP_SECTION_HEAD_BYTES + cursor_u32(&c);
	}
	cr_assert_eq(seen, 3);
	fact_log_init(&log);
	cr_assert_eq(pmp_read_bytes(p, n, &log.sink, NULL), 0);
	const char *text = fact_log_text(&log);
	cr_assert_not_null(strstr(text, "note corrupt-section: the section \"sites\" at byte "));
	cr_assert_not_null(strstr(text, "site 2 thread=0.\n"), "%s", text);
	cr_assert_not_null(strstr(text, "totals +33/3003 "));
	cr_assert_not_null(strstr(text, "finish 4\n"));
	fact_log_deinit(&log);
	close_dir();
}

static void check_refused(uint8_t *p, size_t n, int code, const char *hint)
{
	struct fact_sink none = { 0 };
	struct err err = ERR_INIT;

	cr_assert_eq(pmp_read_bytes(p, n, &none, &err), code);
	if (hint)
		cr_assert_str_eq(err.hint, hint);
}

Test(tracer_stream_pmp, files_that_are_none_or_newer_are_refused_by_name)
{
	uint8_t text[] = "#!/usr/bin/env python3\nprint('hello, this is not it')\n";
	size_t n;

	open_dir();
	check_refused(text, sizeof text, ERR_CORRUPT, "not-pmp");
	check_refused(text, 0, ERR_CORRUPT, "not-pmp");
	write_file(send_all);
	AUTO_FREE uint8_t *p = slurp(&n);
	check_refused(p, PMP_HEADER_BYTES - 1, ERR_CORRUPT, NULL);
	p[8] = 2; /* major version */
	check_refused(p, n, ERR_UNSUPPORTED, "newer-file");
	close_dir();
}

Test(tracer_stream_pmp, sections_of_later_minor_versions_are_passed_over)
{
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct fact_log log;

	open_dir();
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	send_head(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_section(w, 40, "??", 2, NULL), 0);
	for (uint32_t n = 1; n <= 3; n++)
		send_interval(pmp_writer_sink(w), n);
	send_tail(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
	fact_log_init(&log);
	cr_assert_eq(pmp_read_path(path, &log.sink, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&log), "note newer-sections: "));
	cr_assert_not_null(strstr(fact_log_text(&log), "finish 1\n"));
	fact_log_deinit(&log);
	close_dir();
}

Test(tracer_stream_pmp, files_are_private_and_not_overwritten_unasked)
{
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	struct stat st;

	open_dir();
	mode_t old = umask(0);
	/* Nothing recorded, no file. */
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
	cr_assert_eq(stat(path, &st), -1);
	write_file(send_all);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(pmp_writer_new(&o, &w, &err), ERR_USAGE);
	cr_assert_str_eq(err.hint, "file-exists");
	cr_assert_eq(chmod(path, 0644), 0);
	write_file(send_all); /* force */
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	o.path = dir;
	o.force = true;
	cr_assert_eq(pmp_writer_new(&o, &w, &err), ERR_USAGE);
	o.path = "/nonexistent/folder/x.pmp";
	cr_assert_eq(pmp_writer_new(&o, &w, &err), ERR_SYS);
	umask(old);
	close_dir();
}

Test(tracer_stream_pmp, a_file_that_appears_before_the_first_fact_is_left_alone)
{
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	char kept[16] = "";

	open_dir();
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	AUTO_FCLOSE FILE *f = fopen(path, "w+");
	cr_assert(f && fputs("precious", f) >= 0 && fflush(f) == 0);
	struct fact_target target = { 4711, "3.12.1", "CPython", "python3", "x86_64", 8, 1700000000ull,
				      0, 512, true, false };
	const struct fact_sink *sink = pmp_writer_sink(w);
	int rc = sink->target(sink->ctx, &target, &err);
	if (rc == 0)
		rc = pmp_writer_close(w, &err);
	else
		(void)!pmp_writer_close(w, NULL);
	cr_expect_eq(rc, ERR_SYS, "%s", err.text);
	rewind(f);
	cr_expect_not_null(fgets(kept, sizeof kept, f));
	cr_expect_str_eq(kept, "precious");
	close_dir();
}

Test(tracer_stream_pmp, a_full_disk_keeps_what_was_good)
{
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct err err = ERR_INIT;
	struct fact_log log;
	struct rlimit old, tight;

	open_dir();
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	send_head(pmp_writer_sink(w));
	send_interval(pmp_writer_sink(w), 1);
	uint64_t good = pmp_writer_bytes(w);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = good + 50; /* the next write is cut in the middle, then EFBIG */
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct fact_interval f = { 100, 200, 0, NULL };
	struct fact_note note = { "long", "enough text to go beyond the fifty bytes that are left" };
	const struct fact_sink *s = pmp_writer_sink(w);
	SEND(s, note, note);
	cr_assert_eq(s->interval(s->ctx, &f, &err), ERR_SYS);
	cr_assert_str_eq(err.hint, "disk-full");
	cr_assert_eq(s->interval(s->ctx, &f, &err), ERR_SYS);
	cr_assert_eq(pmp_writer_close(w, &err), ERR_SYS);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq((uint64_t)st.st_size, good);
	fact_log_init(&log);
	cr_assert_eq(pmp_read_path(path, &log.sink, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&log), "interval 0-100 "));
	fact_log_deinit(&log);
	close_dir();
}

/* Standard output becomes fd for as long as the writer needs it. */
static struct pmp_writer *writer_to(int fd, int *ret_saved)
{
	struct pmp_options o = { .path = "-" };
	struct pmp_writer *w;

	*ret_saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	return w;
}

Test(tracer_stream_pmp, standard_output_may_be_a_pipe_and_its_end_is_no_signal)
{
	int fd[2], saved;
	struct err err = ERR_INIT;
	struct fact_log log;

	cr_assert_eq(pipe2(fd, O_CLOEXEC), 0);
	struct pmp_writer *w = writer_to(fd[1], &saved);
	send_all(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
	dup2(saved, STDOUT_FILENO);
	close(fd[1]);
	fact_log_init(&log);
	cr_assert_eq(pmp_read_fd(fd[0], &log.sink, NULL), 0);
	cr_assert_not_null(strstr(fact_log_text(&log), "finish 1\n"));
	fact_log_deinit(&log);
	close(fd[0]);

	cr_assert_eq(pipe2(fd, O_CLOEXEC), 0);
	signal(SIGPIPE, SIG_DFL);
	close(fd[0]);
	struct fact_target t = { .python_version = "3", .word_bytes = 8 };
	int other = saved;
	w = writer_to(fd[1], &saved);
	const struct fact_sink *s = pmp_writer_sink(w);
	int r = s->target(s->ctx, &t, &err);
	int r2 = pmp_writer_close(w, &err);
	dup2(saved, STDOUT_FILENO);
	cr_assert_eq(r, ERR_GONE);
	cr_assert_eq(r2, ERR_GONE);
	close(saved);
	close(other);
	close(fd[1]);
}

Test(tracer_stream_pmp, many_blocks_and_deltas_are_split_over_sections)
{
	enum { N = 150000 };
	struct pmp_options o = { .path = path };
	struct pmp_writer *w;
	struct fact_log log;
	AUTO_FREE struct fact_delta *d = calloc(N, sizeof *d);

	open_dir();
	cr_assert_eq(pmp_writer_new(&o, &w, NULL), 0);
	const struct fact_sink *s = pmp_writer_sink(w);
	send_head(s);
	for (uint32_t i = 0; i < N; i++) {
		SEND(s, site, (struct fact_site){ .site = i + 1 });
		d[i] = (struct fact_delta){ i + 1, 1, 8, 0, 0, 0, 0 };
	}
	SEND(s, interval, (struct fact_interval){ 0, 1, N, d });
	for (uint32_t i = 0; i < N; i++)
		SEND(s, block, (struct fact_block){ (i + 1) * 16ull, 8, 1.0, i + 1, 2, 0 });
	send_tail(s);
	cr_assert_eq(pmp_writer_close(w, NULL), 0);
	fact_log_init(&log);
	cr_assert_eq(pmp_read_path(path, &log.sink, NULL), 0);
	const char *text = fact_log_text(&log);
	cr_assert_not_null(strstr(text, " 150000:+1/8-0/0t0/0.\n"));
	cr_assert_not_null(strstr(text, "block 249f00 8 w1.0000 s150000 d2 0\n"));
	cr_assert_null(strstr(text, "note truncated"));
	fact_log_deinit(&log);
	close_dir();
}
