/* SPDX-License-Identifier: MIT */
/*
 * The walk says what the interpreter says of itself. Targets tell their own truth — types of
 * gc.get_objects(), sys.getsizeof, the collector's counters, sys._debugmallocstats — and hold
 * still; the heap is read from outside and every figure must be equal, on every interpreter.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/target.h"
#include "tracer/cpython/detect.h"
#include "tracer/heap/cycles.h"
#include "tracer/heap/getsizeof.h"
#include "tracer/heap/walk.h"
#include "tracer/mem/live.h"

#define PYTHONS_MAX 32
#define CLASSES_MAX 64
#define LISTS_MAX 128
#define TUPLES_MAX 32
#define SHOWN_MAX 8
#define SETTLE_US 20000
#define SETTLE_TRIES 200

/* What the sink keeps of one walk. */
struct view {
	struct fact_heap heap;
	struct fact_heap_gc gc;
	struct fact_heap_type *types;
	size_t ntypes;
	struct fact_heap_class classes[CLASSES_MAX];
	size_t nclasses;
	size_t ngc;
	struct fact_heap_cycle *cycles;
	size_t ncycles;
	struct fact_heap_free_list lists[LISTS_MAX];
	size_t nlists;
};

/* One interpreter, its target stopped, its heap walked. */
struct walked {
	const struct python *python;
	struct target target;
	int stats_fd;
	struct maps maps;
	struct mem_source *mem;
	struct py py;
	bool detected;
	struct heap *heap;
	struct view view;
	char error[512];
};

static int on_heap(void *ctx, const struct fact_heap *f, struct err *err)
{
	(void)err;
	((struct view *)ctx)->heap = *f;
	return 0;
}

static int on_type(void *ctx, const struct fact_heap_type *f, struct err *err)
{
	struct view *v = ctx;
	struct fact_heap_type *grown = realloc(v->types, (v->ntypes + 1) * sizeof(*grown));

	if (!grown)
		return err_nomem(err);
	v->types = grown;
	v->types[v->ntypes++] = *f; /* names live as long as the heap */
	return 0;
}

static int on_class(void *ctx, const struct fact_heap_class *f, struct err *err)
{
	struct view *v = ctx;

	(void)err;
	if (v->nclasses < CLASSES_MAX)
		v->classes[v->nclasses++] = *f;
	return 0;
}

static int on_free_list(void *ctx, const struct fact_heap_free_list *f, struct err *err)
{
	struct view *v = ctx;

	(void)err;
	if (v->nlists < LISTS_MAX)
		v->lists[v->nlists++] = *f; /* names live as long as the heap */
	return 0;
}

static int on_gc(void *ctx, const struct fact_heap_gc *f, struct err *err)
{
	struct view *v = ctx;

	(void)err;
	v->gc = *f;
	v->ngc++;
	return 0;
}

static int on_cycle(void *ctx, const struct fact_heap_cycle *f, struct err *err)
{
	struct view *v = ctx;
	struct fact_heap_cycle *grown = realloc(v->cycles, (v->ncycles + 1) * sizeof(*grown));

	if (!grown)
		return err_nomem(err);
	v->cycles = grown;
	v->cycles[v->ncycles++] = *f;
	return 0;
}

/*
 * It has told its last line, and must get from there to its sleep before it is stopped.
 * /proc/PID/syscall begins with the number: "230 0x0 0x0 …" is clock_nanosleep.
 */
static void settle(pid_t pid)
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		AUTO_FREE char *text = target_proc(pid, "syscall");

		usleep(SETTLE_US);
		if (text && strtol(text, NULL, 10) == SYS_clock_nanosleep)
			return;
	}
}

static bool walk(struct walked *w)
{
	struct fact_sink sink = { .ctx = &w->view, .heap = on_heap, .heap_type = on_type,
				  .heap_class = on_class, .heap_gc = on_gc, .heap_cycle = on_cycle,
				  .heap_free_list = on_free_list };
	struct err err = ERR_INIT;
	bool ok;

	settle(w->target.pid);
	kill(w->target.pid, SIGSTOP);
	ok = maps_read(w->target.pid, &w->maps, &err) == 0 &&
	     live_new(w->target.pid, &w->mem, &err) == 0 &&
	     py_detect(w->target.pid, w->mem, &w->maps, NULL, &w->py, &err) == 0;
	w->detected = ok;
	ok = ok && heap_walk(w->mem, &w->py, &w->maps, NULL, &w->heap, &err) == 0 &&
	     heap_find_cycles(w->heap, &err) == 0 && heap_push(w->heap, &sink, &err) == 0;
	if (!ok)
		snprintf(w->error, sizeof(w->error), "%s", err.text);
	return ok;
}

static void walked_deinit(struct walked *w)
{
	heap_free(w->heap);
	free(w->view.types);
	free(w->view.cycles);
	if (w->detected)
		py_deinit(&w->py);
	mem_free(w->mem);
	maps_deinit(&w->maps);
	target_kill(&w->target);
	if (w->stats_fd > 0)
		close(w->stats_fd);
}

static void on_every_python(const char *script, const char *arg, const char *env,
			    void (*check)(struct walked *w))
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);

	if (n == 0)
		cr_skip_test("no interpreter found");
	for (size_t i = 0; i < n; i++) {
		const char *args[] = { arg, NULL }, *envs[] = { env, NULL };
		struct walked w = { .python = &pythons[i] };
		struct target_options opt = { .script = script, .args = arg ? args : NULL,
					      .env = env ? envs : NULL };

		w.stats_fd = opt.stderr_fd = memfd_create("stats", MFD_CLOEXEC);
		if (!target_spawn(&w.target, w.python, &opt))
			cr_expect(false, "%s: %s", w.python->name, w.target.error);
		else
			check(&w);
		walked_deinit(&w);
	}
}

static const struct fact_heap_type *type_at(const struct view *v, uint64_t addr)
{
	for (size_t i = 0; i < v->ntypes; i++) {
		if (v->types[i].addr == addr)
			return &v->types[i];
	}
	return NULL;
}

/* Truth's rows are [address, count, module, name]. */
static int compare_types(struct walked *w, const json_t *rows)
{
	uint64_t told = 0, seen = 0;
	const json_t *row;
	size_t i;
	int bad = 0;

	json_array_foreach(rows, i, row) {
		uint64_t addr = strtoull(json_string_value(json_array_get(row, 0)) ?: "0", NULL, 10);
		uint64_t count = (uint64_t)json_integer_value(json_array_get(row, 1));
		const char *module = json_string_value(json_array_get(row, 2));
		const char *name = json_string_value(json_array_get(row, 3));
		const struct fact_heap_type *t;

		if (json_is_integer(json_array_get(row, 0)))
			addr = (uint64_t)json_integer_value(json_array_get(row, 0));
		t = type_at(&w->view, addr);
		told += count;
		if (t && t->tracked == count && !strcmp(t->name, name) && !strcmp(t->module, module))
			continue;
		if (bad++ < SHOWN_MAX)
			fprintf(stderr, "%s: %s.%s: %" PRIu64 " told, %" PRIu64 " of %s.%s seen\n",
				w->python->name, module, name, count, t ? t->tracked : 0,
				t ? t->module : "?", t ? t->name : "?");
	}
	for (i = 0; i < w->view.ntypes; i++)
		seen += w->view.types[i].tracked;
	if (told != seen)
		fprintf(stderr, "%s: %" PRIu64 " objects told, %" PRIu64 " seen\n", w->python->name,
			told, seen);
	return bad + (told != seen);
}

static void expect_collector(struct walked *w, const json_t *truth, const json_t *counts)
{
	const struct fact_heap_gc *g = &w->view.gc;

	for (size_t i = 0; i < FACT_GC_GENERATIONS; i++) {
		const json_t *s = json_array_get(json_object_get(truth, "stats"), i);

		cr_expect_eq(g->gen[i].threshold,
			     json_integer_value(json_array_get(json_object_get(truth, "threshold"), i)));
		cr_expect_eq(g->gen[i].count, json_integer_value(json_array_get(counts, i)),
			     "%s: count of generation %zu", w->python->name, i);
		cr_expect_eq((json_int_t)g->gen[i].collections, json_integer_value(json_array_get(s, 0)));
		cr_expect_eq((json_int_t)g->gen[i].collected, json_integer_value(json_array_get(s, 1)));
		cr_expect_eq((json_int_t)g->gen[i].uncollectable,
			     json_integer_value(json_array_get(s, 2)));
	}
	cr_expect_eq((json_int_t)g->frozen, json_integer_value(json_object_get(truth, "frozen")),
		     "%s: %" PRIu64 " frozen", w->python->name, g->frozen);
}

/*
 * Lines of sys._debugmallocstats (Objects/obmalloc.c): class, size, pools, blocks in use, avail.
 *     2     48          112           37919             161
 * The target prints them more than once; the last count.
 */
static size_t debugmallocstats_read(int fd, struct fact_heap_class *ret)
{
	char line[512];
	FILE *f = fdopen(dup(fd), "r");
	size_t n = 0;

	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned index, size, bytes;
		unsigned long pools, used, avail;

		if (sscanf(line, " %u %u %lu %lu %lu %u", &index, &size, &pools, &used, &avail,
			   &bytes) != 5 || index >= CLASSES_MAX)
			continue;
		n = index < n ? n : index + 1;
		ret[index] = (struct fact_heap_class){ .block_bytes = size, .pools = pools,
						       .used_blocks = used, .free_blocks = avail };
	}
	fclose(f);
	return n;
}

static void expect_debugmallocstats(struct walked *w)
{
	struct fact_heap_class told[CLASSES_MAX] = { 0 };
	size_t n = debugmallocstats_read(w->stats_fd, told);

	cr_expect(n > 20, "%s: %zu classes told", w->python->name, n);
	for (size_t i = 0; i < n; i++) {
		struct fact_heap_class c = { 0 };

		for (size_t k = 0; told[i].block_bytes && k < w->view.nclasses; k++) {
			if (w->view.classes[k].block_bytes == told[i].block_bytes)
				c = w->view.classes[k];
		}
		cr_expect(c.pools == told[i].pools && c.used_blocks == told[i].used_blocks &&
			  c.free_blocks == told[i].free_blocks,
			  "%s: %u-byte blocks: %" PRIu64 " pools, %" PRIu64 " used, %" PRIu64
			  " free told; %" PRIu64 " %" PRIu64 " %" PRIu64 " seen",
			  w->python->name, told[i].block_bytes, told[i].pools, told[i].used_blocks,
			  told[i].free_blocks, c.pools, c.used_blocks, c.free_blocks);
	}
}

/* "# bytes in available blocks          =            1,234,567": the figure; false: not such a line. */
static bool total_told(const char *line, const char *label, uint64_t *ret)
{
	const char *p = strstr(line, label);

	p = p ? strchr(p, '=') : NULL;
	if (!p)
		return false;
	*ret = 0;
	for (; *p; p++)
		*ret = *p >= '0' && *p <= '9' ? *ret * 10 + (uint64_t)(*p - '0') : *ret;
	return true;
}

/* What it says of all arenas together; the last lines count. */
static void expect_totals(struct walked *w)
{
	const struct fact_heap *h = &w->view.heap;
	const struct { const char *label; uint64_t seen; } totals[] = {
		{ "# arenas allocated current", h->arenas },
		{ " arenas * ", h->arena_bytes },
		{ "# bytes in allocated blocks", h->block_bytes },
		{ "# bytes in available blocks", h->free_bytes },
		{ " unused pools * ", h->free_pool_bytes },
		{ "# bytes lost to pool headers", h->pool_header_bytes },
		{ "# bytes lost to quantization", h->pool_tail_bytes },
		{ "# bytes lost to arena alignment", h->arena_align_bytes },
	};
	enum { TOTALS = sizeof(totals) / sizeof(*totals) };
	uint64_t told[TOTALS];
	char line[512];
	FILE *f = fdopen(dup(w->stats_fd), "r");

	memset(told, 0xff, sizeof(told));
	rewind(f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < TOTALS; i++)
			(void)total_told(line, totals[i].label, &told[i]);
	fclose(f);
	for (size_t i = 0; i < TOTALS; i++)
		cr_expect_eq(totals[i].seen, told[i], "%s: %s: %" PRIu64 " told, %" PRIu64 " seen",
			     w->python->name, totals[i].label, told[i], totals[i].seen);
}

static uint64_t on_list(const struct view *v, const char *name)
{
	for (size_t i = 0; i < v->nlists; i++)
		if (strcmp(v->lists[i].name, name) == 0)
			return v->lists[i].count;
	return 0;
}

/* Both are what a free list is called: by its own name, up to 3.9 by the type's. */
static void expect_list(struct walked *w, const char *name, const char *type, json_int_t told)
{
	uint64_t seen = on_list(&w->view, name) + on_list(&w->view, type);

	cr_expect_eq(seen, (uint64_t)told, "%s: free list of %s: %lld told, %" PRIu64 " seen", w->python->name,
		     name, told, seen);
}

/*
 * Lines of sys._debugmallocstats, the last ones count; up to 3.9 lists of tuples are one row.
 *      3 free PyDictObjects * 48 bytes each =                 144
 *      9 free 1-sized PyTupleObjects * 32 bytes each =        288
 */
static size_t expect_free_lists(struct walked *w, const json_t *free)
{
	static const struct { const char *told, *name, *type; } lists[] = {
		{ "PyCFunctionObjects", "", "builtin_function_or_method" }, { "PyDictObjects", "dict", "" },
		{ "PyDictKeysObjects", "dict keys", "" }, { "PyFloatObjects", "float", "" },
		{ "PyFrameObjects", "frame", "" }, { "PyListObjects", "list", "" },
		{ "PyMethodObjects", "", "method" },
	};
	enum { LISTS = sizeof(lists) / sizeof(*lists) };
	unsigned told[LISTS], tuples[TUPLES_MAX] = { 0 }, all = 0, n, size;
	char line[512], name[64];
	FILE *f = fdopen(dup(w->stats_fd), "r");
	size_t compared = 0;

	memset(told, 0xff, sizeof(told));
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %u free %u-sized PyTupleObjects", &n, &size) == 2 && size < TUPLES_MAX)
			tuples[size] = n;
		else if (sscanf(line, " %u free %63[A-Za-z]", &n, name) == 2)
			for (size_t i = 0; i < LISTS; i++)
				told[i] = strcmp(lists[i].told, name) ? told[i] : n;
	}
	fclose(f);
	for (size_t i = 0; i < LISTS; i++) {
		if (told[i] == UINT32_MAX)
			continue; /* this version has none */
		expect_list(w, lists[i].name, lists[i].type, told[i]);
		compared++;
	}
	for (size = 0; size < TUPLES_MAX; size++) {
		snprintf(name, sizeof(name), "tuple[%u]", size);
		if (w->py.layout->free_lists != PY_FREE_LISTS_STATIC)
			expect_list(w, name, "", tuples[size]);
		all += tuples[size];
	}
	if (w->py.layout->free_lists == PY_FREE_LISTS_STATIC)
		expect_list(w, "tuple", "", all);
	expect_list(w, "context", "Context", json_integer_value(json_object_get(free, "context")));
	expect_list(w, "async generator asend", "async_generator_asend",
		    json_integer_value(json_object_get(free, "asend")));
	expect_list(w, "async generator value", "async_generator_wrapped_value",
		    json_integer_value(json_object_get(free, "value")));
	return compared + 4;
}

/* Every byte of every arena, and of every allocated block, is accounted for once. */
static void expect_identities(struct walked *w)
{
	const struct fact_heap *f = &w->view.heap;
	uint64_t rows = 0;

	cr_expect_eq(f->block_bytes + f->free_bytes + f->pool_header_bytes + f->pool_tail_bytes +
			     f->free_pool_bytes + f->arena_align_bytes,
		     f->arena_bytes, "%s: arena bytes do not add up", w->python->name);
	cr_expect_eq(f->object_bytes + f->buffer_bytes + f->free_list_bytes + f->unknown_bytes,
		     f->block_bytes, "%s: block bytes do not add up", w->python->name);
	for (size_t i = 0; i < w->view.ntypes; i++)
		rows += w->view.types[i].total_bytes;
	cr_expect_eq(rows, f->object_bytes + f->buffer_bytes + f->large_bytes,
		     "%s: types' bytes do not add up: %" PRIu64 " in rows, %" PRIu64, w->python->name,
		     rows, f->object_bytes + f->buffer_bytes + f->large_bytes);
	cr_expect_eq(f->torn, 0, "%s: %" PRIu64 " torn", w->python->name, f->torn);
}

static void check_heap(struct walked *w)
{
	json_t *counts = target_hear(&w->target, 10000), *blocks = target_hear(&w->target, 10000);
	const struct fact_heap *f = &w->view.heap;

	if (!walk(w)) {
		cr_expect(false, "%s: %s", w->python->name, w->error);
	} else {
		double known = 100.0 * (double)(f->block_bytes - f->unknown_bytes) /
			       (double)f->block_bytes;

		cr_expect_eq(compare_types(w, json_object_get(w->target.ready, "types")), 0);
		expect_collector(w, w->target.ready, counts);
		expect_debugmallocstats(w);
		expect_totals(w);
		size_t lists = expect_free_lists(w, json_object_get(w->target.ready, "free"));
		expect_identities(w);
		if (f->raw_blocks)
			cr_expect_eq((json_int_t)(f->blocks + f->raw_blocks),
				     json_integer_value(blocks), "%s: sys.getallocatedblocks()",
				     w->python->name);
		cr_expect(known >= 99.5, "%s: only %.3f %% attributed", w->python->name, known);
		fprintf(stderr,
			"%s %s: %lld modules, %" PRIu64 " blocks, %zu kinds of free lists, %.3f %% of %" PRIu64
			" bytes attributed (%.2f %% weakly)\n",
			w->python->name, w->python->version,
			json_integer_value(json_object_get(w->target.ready, "modules")), f->blocks,
			lists, known, f->block_bytes,
			100.0 * (double)f->weak_bytes / (double)f->block_bytes);
	}
	json_decref(counts);
	json_decref(blocks);
}

Test(integration_heap, types_blocks_and_collector_equal_the_interpreters_own_account)
{
	on_every_python("heap.py", NULL, NULL, check_heap);
}

Test(integration_heap, a_frozen_heap_is_told_from_a_tracked_one)
{
	on_every_python("heap.py", "freeze", NULL, check_heap);
}

static void check_sizes(struct walked *w)
{
	const json_t *row;
	size_t i;
	int bad = 0;

	if (!walk(w)) {
		cr_expect(false, "%s: %s", w->python->name, w->error);
		return;
	}
	json_t *types = json_object();
	json_array_foreach(w->target.ready, i, row) {
		uint64_t addr = (uint64_t)json_integer_value(json_array_get(row, 0));
		uint64_t told = (uint64_t)json_integer_value(json_array_get(row, 1));
		uint64_t seen = heap_getsizeof(w->heap, addr);

		(void)json_object_set_new(types, json_string_value(json_array_get(row, 2)), json_true());
		if (told != seen && bad++ < SHOWN_MAX)
			fprintf(stderr, "%s: %s: %" PRIu64 " told, %" PRIu64 " seen\n",
				w->python->name, json_string_value(json_array_get(row, 2)), told, seen);
	}
	cr_expect(json_object_size(types) >= 60);
	cr_expect_eq(bad, 0, "%s: %d of %zu sizes differ", w->python->name, bad,
		     json_array_size(w->target.ready));
	fprintf(stderr, "%s %s: %zu sizes of %zu types compared\n", w->python->name, w->python->version,
		json_array_size(w->target.ready), json_object_size(types));
	json_decref(types);
}

Test(integration_heap, sizes_equal_sys_getsizeof_for_every_kind_of_object)
{
	on_every_python("sizes.py", NULL, NULL, check_sizes);
}

/* Truth's rows are [address of the type, objects, name]. */
static void check_cycles(struct walked *w)
{
	uint64_t told = 0, seen = 0;
	const json_t *row;
	size_t i;

	if (!walk(w)) {
		cr_expect(false, "%s: %s", w->python->name, w->error);
		return;
	}
	json_array_foreach(w->target.ready, i, row) {
		const struct fact_heap_type *t =
			type_at(&w->view, (uint64_t)json_integer_value(json_array_get(row, 0)));
		uint64_t want = (uint64_t)json_integer_value(json_array_get(row, 1)), have = 0;

		for (size_t k = 0; t && k < w->view.ncycles; k++)
			have += w->view.cycles[k].type == t->type ? w->view.cycles[k].count : 0;
		told += want;
		cr_expect_eq(have, want, "%s: %" PRIu64 " unreachable %s told, %" PRIu64 " seen",
			     w->python->name, want, json_string_value(json_array_get(row, 2)), have);
	}
	for (i = 0; i < w->view.ncycles; i++)
		seen += w->view.cycles[i].count;
	cr_expect_eq(seen, told, "%s: %" PRIu64 " unreachable objects told, %" PRIu64 " seen",
		     w->python->name, told, seen);
	cr_expect(w->view.gc.cycles_known && w->view.gc.unreachable == seen);
	fprintf(stderr, "%s %s: %" PRIu64 " unreachable objects compared\n", w->python->name,
		w->python->version, seen);
}

Test(integration_heap, unreachable_cycles_are_what_the_collector_would_free)
{
	on_every_python("cycles.py", NULL, NULL, check_cycles);
}
