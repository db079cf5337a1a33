/* SPDX-License-Identifier: MIT */
/*
 * Snapshot facts through a file: what was written is read back member by member, and copying a
 * file through reader and writer gives the same bytes.
 */
#include "tracer/stream/pmp.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct fact_heap heap;
	struct fact_heap_type type[2];
	struct fact_heap_arena arena;
	struct fact_heap_gc gc;
	struct fact_ledger ledger;
	struct fact_heap_join join;
	struct fact_heap_held held;
	char name[2][64], module[64], label[64], holder[64], path[64];
	uint8_t occupancy[64];
	size_t ntypes, classes, buffers, free_lists, unknowns, cycles, ends;
} got;

static int on_heap(void *ctx, const struct fact_heap *f, struct err *err)
{
	(void)ctx, (void)err;
	got.heap = *f;
	return 0;
}

static int on_type(void *ctx, const struct fact_heap_type *f, struct err *err)
{
	(void)ctx, (void)err;
	cr_assert_lt(got.ntypes, 2);
	got.type[got.ntypes] = *f;
	strcpy(got.name[got.ntypes], f->name);
	strcpy(got.module, f->module);
	got.ntypes++;
	return 0;
}

static int on_arena(void *ctx, const struct fact_heap_arena *f, struct err *err)
{
	(void)ctx, (void)err;
	got.arena = *f;
	memcpy(got.occupancy, f->occupancy, f->pools);
	return 0;
}

static int on_gc(void *ctx, const struct fact_heap_gc *f, struct err *err)
{
	(void)ctx, (void)err;
	got.gc = *f;
	return 0;
}

static int on_ledger(void *ctx, const struct fact_ledger *f, struct err *err)
{
	(void)ctx, (void)err;
	got.ledger = *f;
	strcpy(got.label, f->label);
	return 0;
}

static int on_join(void *ctx, const struct fact_heap_join *f, struct err *err)
{
	(void)ctx, (void)err;
	got.join = *f;
	return 0;
}

static int on_held(void *ctx, const struct fact_heap_held *f, struct err *err)
{
	(void)ctx, (void)err;
	got.held = *f;
	strcpy(got.holder, f->holder);
	strcpy(got.path, f->path);
	return 0;
}

#define COUNT(name, type, member)                                                                  \
	static int on_##name(void *ctx, const struct type *f, struct err *err)                     \
	{                                                                                          \
		(void)ctx, (void)err, (void)f;                                                     \
		got.member++;                                                                      \
		return 0;                                                                          \
	}
COUNT(class, fact_heap_class, classes)
COUNT(buffer, fact_heap_buffer, buffers)
COUNT(free_list, fact_heap_free_list, free_lists)
COUNT(unknown, fact_heap_unknown, unknowns)
COUNT(cycle, fact_heap_cycle, cycles)

static int on_end(void *ctx, uint32_t snapshot, struct err *err)
{
	(void)ctx, (void)err;
	cr_assert_eq(snapshot, 7);
	got.ends++;
	return 0;
}

static const struct fact_sink capture = {
	.heap = on_heap, .heap_type = on_type, .heap_arena = on_arena, .heap_gc = on_gc,
	.ledger = on_ledger, .heap_class = on_class, .heap_buffer = on_buffer,
	.heap_free_list = on_free_list, .heap_unknown = on_unknown, .heap_cycle = on_cycle,
	.heap_end = on_end, .heap_join = on_join, .heap_held = on_held,
};

static const struct fact_heap_join join = { 4, 1, FACT_JOIN_BUFFER, 10, 2000, 7, 9, 3, 2, 4000, 6 };
static const struct fact_heap_held held = { 4, 1, 10, 900, "dict m.cache", "m.cache[*]",
					    FACT_BOUND_DEQUE, 500, 20 };

static const struct fact_heap heap = { .snapshot = 7, .arena_bytes = 1ull << 40, .torn = 3,
				       .first_torn = 0x7f0012345678, .inside_allocator = true };
static const struct fact_heap_type types[2] = {
	{ .type = 1, .addr = 0x55aa, .name = "Sitzung\xc3\xa4", .module = "app.models", .is_gc = true,
	  .count = 41200, .total_bytes = UINT64_MAX, .rounding_bytes = 12, .instance_dict_bytes = 9 },
	{ .type = 2, .name = "dict", .module = "builtins", .slots = 5 },
};

static void push_all(const struct fact_sink *s)
{
	static const uint8_t occupancy[3] = { 0, 7, 255 };
	struct fact_heap_arena arena = { .addr = 0x7f00aa000000, .pools = 3, .occupancy = occupancy,
					 .npins = 2, .pins = { { 1, true, 5, 160 }, { 2, false, 1, 48 } },
					 .free_blocks = 11, .free_bytes = 13, .header_bytes = 17,
					 .tail_bytes = 19, .align_bytes = 23 };
	struct fact_heap_gc gc = { .interpreter = -1, .generations = 3, .cycles_known = true,
				   .gen = { { 700, -3, 1, 2, 3, 4 }, { 10, 1, 5, 6, 7, 8 },
					    { 10, 0, 9, 10, 11, 12 } }, .unreachable_bytes = 77 };
	struct err err = ERR_INIT;
	int r = s->heap(s->ctx, &heap, &err);

	r |= s->heap_type(s->ctx, &types[0], &err);
	r |= s->heap_type(s->ctx, &types[1], &err);
	r |= s->heap_arena(s->ctx, &arena, &err);
	r |= s->heap_gc(s->ctx, &gc, &err);
	r |= s->heap_class(s->ctx, &(struct fact_heap_class){ .block_bytes = 16 }, &err);
	r |= s->heap_buffer(s->ctx, &(struct fact_heap_buffer){ .type = 2, .kind = "keys" }, &err);
	r |= s->heap_free_list(s->ctx, &(struct fact_heap_free_list){ .name = "float" }, &err);
	r |= s->heap_unknown(s->ctx, &(struct fact_heap_unknown){ .block_bytes = 32 }, &err);
	r |= s->heap_cycle(s->ctx, &(struct fact_heap_cycle){ .type = 1, .count = 2 }, &err);
	r |= s->ledger(s->ctx, &(struct fact_ledger){ "objects", "live objects", 1, 99, true }, &err);
	r |= s->heap_join(s->ctx, &join, &err);
	r |= s->heap_held(s->ctx, &held, &err);
	r |= s->heap_end(s->ctx, 7, &err);
	cr_assert_eq(r, 0, "%s", err.text);
}

static struct pmp_writer *new_writer(const char *path)
{
	struct pmp_options options = { .path = path, .force = true };
	struct pmp_writer *w = NULL;
	struct err err = ERR_INIT;

	cr_assert_eq(pmp_writer_new(&options, &w, &err), 0, "%s", err.text);
	return w;
}

static size_t slurp(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, ret, size);

	close(fd);
	return (size_t)n;
}

Test(tracer_stream_pmp_heap, every_fact_comes_back)
{
	char path[] = "/tmp/pymemprof-heap-XXXXXX";
	struct err err = ERR_INIT;
	struct pmp_writer *w;

	close(mkstemp(path));
	w = new_writer(path);
	push_all(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, &err), 0);
	cr_assert_eq(pmp_read_path(path, &capture, &err), 0, "%s", err.text);
	unlink(path);
	cr_assert_eq(memcmp(&got.heap, &heap, sizeof heap), 0);
	cr_assert_eq(got.ntypes, 2);
	cr_assert_str_eq(got.name[0], types[0].name);
	cr_assert_eq(got.type[0].total_bytes, UINT64_MAX);
	cr_assert_eq(got.type[0].instance_dict_bytes, 9);
	cr_assert_eq(got.type[1].slots, 5);
	cr_assert_str_eq(got.module, "builtins");
	cr_assert_eq(got.arena.npins, 2);
	cr_assert_eq(got.arena.pins[1].bytes, 48);
	cr_assert(got.arena.free_blocks == 11 && got.arena.free_bytes == 13 && got.arena.header_bytes == 17 &&
		  got.arena.tail_bytes == 19 && got.arena.align_bytes == 23);
	cr_assert(got.arena.pins[0].buffer);
	cr_assert_eq(got.occupancy[2], 255);
	cr_assert_eq(got.gc.interpreter, -1);
	cr_assert_eq(got.gc.gen[0].count, -3);
	cr_assert_eq(got.gc.gen[2].objects, 12);
	cr_assert_eq(got.ledger.bytes, 99);
	cr_assert(got.ledger.estimate);
	cr_assert_str_eq(got.label, "live objects");
	cr_assert_eq(memcmp(&got.join, &join, sizeof join), 0);
	cr_assert_eq(got.held.bound, FACT_BOUND_DEQUE);
	cr_assert_eq(got.held.bound_used, 20);
	cr_assert_str_eq(got.holder, held.holder);
	cr_assert_str_eq(got.path, held.path);
	cr_assert_eq(got.classes + got.buffers + got.free_lists + got.unknowns + got.cycles + got.ends, 6);
}

Test(tracer_stream_pmp_heap, a_copy_through_reader_and_writer_is_identical)
{
	char a[] = "/tmp/pymemprof-heap-XXXXXX", b[] = "/tmp/pymemprof-heap-XXXXXX";
	static char bytes_a[65536], bytes_b[65536];
	struct err err = ERR_INIT;
	struct pmp_writer *w;
	struct fact_sink only_heap;

	close(mkstemp(a));
	close(mkstemp(b));
	w = new_writer(a);
	push_all(pmp_writer_sink(w));
	cr_assert_eq(pmp_writer_close(w, &err), 0);
	w = new_writer(b);
	only_heap = *pmp_writer_sink(w);
	only_heap.target = NULL;
	only_heap.finish = NULL;
	only_heap.totals = NULL;
	only_heap.note = NULL;
	cr_assert_eq(pmp_read_path(a, &only_heap, &err), 0, "%s", err.text);
	cr_assert_eq(pmp_writer_close(w, &err), 0);
	size_t n = slurp(a, bytes_a, sizeof bytes_a);
	cr_assert_gt(n, 300);
	cr_assert_eq(slurp(b, bytes_b, sizeof bytes_b), n);
	cr_assert_arr_eq(bytes_a, bytes_b, n);
	unlink(a);
	unlink(b);
}

Test(tracer_stream_pmp_heap, thousands_of_types_are_split_into_sections)
{
	char path[] = "/tmp/pymemprof-heap-XXXXXX", name[900];
	struct err err = ERR_INIT;
	struct pmp_writer *w;
	const struct fact_sink *s;

	close(mkstemp(path));
	w = new_writer(path);
	s = pmp_writer_sink(w);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	cr_assert_eq(s->heap(s->ctx, &heap, &err), 0);
	for (uint32_t i = 1; i <= 30000; i++)
		cr_assert_eq(s->heap_type(s->ctx, &(struct fact_heap_type){ .type = i, .name = name, .module = "m" },
					  &err), 0, "%s", err.text);
	cr_assert_eq(s->heap_end(s->ctx, 7, &err), 0);
	cr_assert_eq(pmp_writer_close(w, &err), 0);
	struct fact_sink end_only = { .heap_end = on_end };
	cr_assert_eq(pmp_read_path(path, &end_only, &err), 0);
	cr_assert_eq(got.ends, 1);
	unlink(path);
}
