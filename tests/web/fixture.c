/* SPDX-License-Identifier: MIT */
/* Writes NAME.html and NAME.json of the recordings the web suite looks at into a folder. */
#include "report/view/diff_view.h"
#include "tests/report/view/sample_graph.h"

#include <stdio.h>

#define BIG_SITES 48000

static int write_file(const struct recording *r, const char *folder, const char *name, const char *format)
{
	char path[4096];
	size_t n;
	AUTO_FREE char *text = sample_draw(r, format, (struct view_options){ 0 }, &n);
	snprintf(path, sizeof path, "%s/%s.%s", folder, name, format);
	FILE *f = fopen(path, "w");
	if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

/* Stacks of up to eight frames out of 8,000 names: about 10^5 places. */
static void make_big(struct recording *r)
{
	uint32_t seed = 12345;
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	struct fact_sink s = recording_sink(r);
	static struct fact_delta d[BIG_SITES];
	for (uint32_t i = 0; i < BIG_SITES; i++) {
		char names[8][48], files[8][64];
		struct fact_frame f[8];
		uint32_t depth = 4 + i % 5;
		for (uint32_t k = 0; k < depth; k++) {
			/* Outer frames are shared, inner ones differ. */
			uint32_t outer = depth - 1 - k;
			seed = seed * 1664525u + 1013904223u;
			uint32_t id = outer < 2 ? i / 400 % 40 + outer * 40 :
				      outer < 4 ? i / 20 + outer : seed >> 8;
			id %= 8000;
			snprintf(names[k], sizeof names[k], "Handler%u.step_%u", id % 97, id);
			snprintf(files[k], sizeof files[k], "/srv/app/package_%u/module_%u.py", id % 23, id % 211);
			f[k] = (struct fact_frame){ names[k], files[k], id % 900 + 1, 1 };
		}
		struct fact_site fact = { .site = i + 1, .thread = 1, .nframes = depth, .frames = f };
		cr_assert_eq(s.site(s.ctx, &fact, NULL), 0);
		d[i] = (struct fact_delta){ i + 1, 1 + i % 9, 64 + (seed >> 12) % 40000, 0, 0, 0, 0 };
	}
	feed_interval(r, 0, 1, d, BIG_SITES);
	sample_end(r);
}

static void make_snapshot(struct recording *r)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	sample_snapshot(r, 1, "Session");
	sample_snapshot(r, 2, "Session");
	cr_assert_eq(recording_conclude(r, &err), 0);
}

static void make_holders(struct recording *r)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	sample_snapshot_with_graph(r, 1, "app.cache", "_store");
	cr_assert_eq(recording_conclude(r, &err), 0);
}

static void make_empty(struct recording *r)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(r, NULL), 0);
	cr_assert_eq(recording_conclude(r, &err), 0);
}

/* A recording, and the same with one site more and one grown, compared. */
static int write_diff(const char *folder)
{
	struct recording old, new;
	const struct recording *files[] = { &old, &new };
	struct diff_options o = { .by = DIFF_ALL, .names = { "old.pmp", "new.pmp" } };
	struct diff d;
	struct out out;
	char path[4096];
	sample_make(&old, 0);
	sample_make(&new, 0);
	new.by_stack[0].alloc_bytes += 300000;
	new.by_stack[0].alloc_blocks += 30;
	cr_assert_eq(diff_make(&d, files, 2, NULL), 0);
	snprintf(path, sizeof path, "%s/diff.html", folder);
	FILE *f = fopen(path, "w");
	out_init(&out, OUT_MEMORY);
	cr_assert_eq(diff_view_find("html")->draw(&d, &o, &out, NULL), 0);
	int rc = !f || fwrite(out.buf.bytes, 1, out.buf.len, f) != out.buf.len || fclose(f) != 0;
	out_deinit(&out);
	diff_deinit(&d);
	recording_deinit(&old);
	recording_deinit(&new);
	return rc;
}

/* The same twenty stacks met in another order, with other bytes: what a second run looks like. */
static void make_run(struct recording *r, uint32_t from, uint32_t by, uint64_t bytes)
{
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	struct fact_delta d[20];
	for (uint32_t i = 0; i < 20; i++) {
		char stack[160];
		uint32_t k = (from + i * by) % 20;
		snprintf(stack, sizeof stack, "leaf_%u /srv/app/leaf.py:%u < middle_%u /srv/app/middle.py:%u < main "
			 "/srv/app/main.py:%u", k, 10 + k, k % 4, 20 + k % 4, 5u + k % 2);
		feed_site(r, i + 1, 1, stack);
		d[i] = (struct fact_delta){ i + 1, 1, bytes + k * 1000, 0, 0, 0, 0 };
	}
	feed_interval(r, 0, 1, d, 20);
	sample_end(r);
}

static void make_first(struct recording *r)
{
	make_run(r, 0, 1, 50000);
}

static void make_second(struct recording *r)
{
	make_run(r, 7, 3, 90000);
}

/* One stack of two threads, one of each alone, and imports: frames of the interpreter's own. */
static void make_threads(struct recording *r)
{
	static const struct fact_frame deep[] = { { "table", "/srv/app/tables.py", 3, 1 },
						  { "exec_module", "<frozen importlib._bootstrap_external>", 883, 1 },
						  { "_load", "<frozen importlib._bootstrap>", 688, 1 },
						  { "main", "/srv/app/main.py", 1, 1 },
						  { "_run_code", "<frozen runpy>", 88, 1 } };
	static const struct fact_frame work[] = { { "leaf", "/srv/app/leaf.py", 7, 1 },
						  { "work", "/srv/app/work.py", 5, 1 },
						  { "run", "/usr/lib/python3.12/threading.py", 982, 1 } };
	static const struct fact_frame alone[] = { { "alone", "/srv/app/leaf.py", 9, 1 },
						   { "work", "/srv/app/work.py", 6, 1 },
						   { "run", "/usr/lib/python3.12/threading.py", 982, 1 } };
	const struct fact_site site[] = { { .site = 1, .thread = 1, .nframes = 5, .frames = deep },
					  { .site = 2, .thread = 2, .nframes = 3, .frames = work },
					  { .site = 3, .thread = 3, .nframes = 3, .frames = work },
					  { .site = 4, .thread = 3, .nframes = 3, .frames = alone } };
	const struct fact_thread thread[] = { { .thread = 1, .tid = 4242, .name = "python3.12" },
					      { .thread = 2, .tid = 4250, .name = "worker" },
					      { .thread = 3, .tid = 4251, .name = "worker" } };
	cr_assert_eq(recording_init(r, NULL), 0);
	feed_target(r, 0);
	struct fact_sink s = recording_sink(r);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(s.thread(s.ctx, &thread[i], NULL), 0);
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(s.site(s.ctx, &site[i], NULL), 0);
	for (int i = 0; i < 20; i++) {
		struct fact_delta d[] = { { 1, 10, 9000, 0, 0, 0, 0 }, { 2, 3, 1200, 0, 0, 0, 0 },
					  { 3, 5, 7000, 0, 0, 0, 0 }, { 4, 2, 300, 0, 0, 0, 0 } };
		feed_interval(r, i, i + 1, d, 4);
		feed_tick(r, i + 1, 50 << 20, r->timeline.live_bytes);
	}
	sample_end(r);
}

static void make_plain(struct recording *r)
{
	sample_make(r, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(struct recording *r);
	} all[] = { { "plain", make_plain },
		    { "empty", make_empty },
		    { "hostile", sample_make_hostile },
		    { "snapshot", make_snapshot },
		    { "holders", make_holders },
		    { "first", make_first },
		    { "second", make_second },
		    { "threads", make_threads },
		    { "big", make_big } };
	int rc = argc == 2 ? 0 : 2;
	for (size_t i = 0; rc == 0 && i < sizeof all / sizeof *all; i++) {
		struct recording r;
		all[i].make(&r);
		if (strcmp(all[i].name, "big") == 0)
			fprintf(stderr, "big: %zu places\n", r.stacks.places.len);
		rc = write_file(&r, argv[1], all[i].name, "html") ||
		     write_file(&r, argv[1], all[i].name, "json") ||
		     write_file(&r, argv[1], all[i].name, "text");
		recording_deinit(&r);
	}
	return rc ? rc : write_diff(argv[1]);
}
