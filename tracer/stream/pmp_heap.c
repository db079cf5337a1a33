/* SPDX-License-Identifier: MIT */
/*
 * Each fact struct is described once, as a list of its members in file order; writing and
 * reading walk the same list. A row starts with its length, so a later minor version can append
 * members and this reader passes over them. Knows no snapshot; only how its facts are spelled.
 */
#include "tracer/stream/pmp_heap.h"

#include <stddef.h>
#include <string.h>

#include "tracer/stream/pmp_format.h"

#define FLUSH_BYTES (1u << 20)
#define STRING_BYTES_MAX 1024u
#define STRINGS_PER_ROW_MAX 4u
#define POOLS_MAX 4096u /* of one arena: 2 MiB / 4 KiB is 512 */

enum member_kind { U8, BOOL, U32, I32, U64, I64, STR, BLOB };

/* BLOB: a pointer to bytes, as many as the u32 member at count_offset says. */
struct member {
	enum member_kind kind;
	size_t offset, count_offset;
};

struct row_format {
	const struct member *members;
	size_t nmembers;
};

#define M(type, kind, member) { kind, offsetof(struct type, member), 0 }

#define H(kind, member) M(fact_heap, kind, member)
static const struct member heap_members[] = {
	H(U32, snapshot), H(U64, at_unix_ns), H(U64, at_ns), H(U32, interpreters), H(U32, arenas),
	H(U32, arena_size_bytes), H(U32, pool_size_bytes), H(U64, arena_bytes), H(U64, block_bytes),
	H(U64, blocks), H(U64, free_bytes), H(U64, free_pool_bytes), H(U64, pool_header_bytes),
	H(U64, pool_tail_bytes), H(U64, arena_align_bytes), H(U64, raw_blocks),
	H(U64, object_bytes), H(U64, buffer_bytes), H(U64, free_list_bytes), H(U64, unknown_bytes),
	H(U64, weak_bytes), H(U64, large_blocks), H(U64, large_bytes), H(U64, static_objects),
	H(U64, static_bytes), H(U64, mapped_bytes), H(U64, torn), H(U64, unreadable),
	H(U64, first_torn), H(BOOL, collecting), H(BOOL, inside_allocator),
};

#define T(kind, member) M(fact_heap_type, kind, member)
static const struct member type_members[] = {
	T(U32, type), T(U64, addr), T(U64, metatype), T(STR, name), T(STR, module), T(BOOL, pseudo),
	T(BOOL, is_heap_type), T(BOOL, is_gc), T(BOOL, has_dict), T(BOOL, has_weakrefs),
	T(U32, basic_bytes), T(U32, item_bytes), T(U32, pre_bytes), T(U32, slots), T(U64, count),
	T(U64, tracked), T(U64, frozen), T(U64, static_count), T(U64, static_bytes),
	T(U64, immortal_count), T(U64, large_count), T(U64, total_bytes), T(U64, payload_bytes),
	T(U64, header_bytes), T(U64, gc_head_bytes), T(U64, dict_bytes), T(U64, buffer_bytes),
	T(U64, slack_bytes), T(U64, rounding_bytes), T(U64, instance_dict_bytes),
	T(U64, retained_bytes), T(U64, attributes), T(U32, bare_bytes),
};

#define B(kind, member) M(fact_heap_buffer, kind, member)
static const struct member buffer_members[] = {
	B(U32, type), B(STR, kind), B(U64, count), B(U64, bytes), B(BOOL, weak),
};

#define C(kind, member) M(fact_heap_class, kind, member)
static const struct member class_members[] = {
	C(U32, block_bytes), C(U64, pools), C(U64, used_blocks), C(U64, free_blocks),
	C(U64, virgin_blocks), C(U64, object_blocks), C(U64, buffer_blocks),
	C(U64, free_list_blocks), C(U64, unknown_blocks), C(U64, tail_bytes),
};

#define A(kind, member) M(fact_heap_arena, kind, member)
#define PIN(i) A(U32, pins[i].type), A(BOOL, pins[i].buffer), A(U64, pins[i].count), A(U64, pins[i].bytes)
static const struct member arena_members[] = {
	A(U64, addr), A(U32, interpreter), A(U32, pools), A(U32, used_pools), A(U32, free_pools),
	A(U64, live_blocks), A(U64, live_bytes), A(U32, npins), A(U64, pin_addr),
	{ BLOB, offsetof(struct fact_heap_arena, occupancy), offsetof(struct fact_heap_arena, pools) },
	PIN(0), PIN(1), PIN(2), PIN(3), PIN(4), PIN(5), PIN(6), PIN(7),
	A(U32, pins[0].site), A(U32, pins[1].site), A(U32, pins[2].site), A(U32, pins[3].site),
	A(U32, pins[4].site), A(U32, pins[5].site), A(U32, pins[6].site), A(U32, pins[7].site),
	A(U64, free_blocks), A(U64, free_bytes), A(U64, header_bytes), A(U64, tail_bytes),
	A(U64, align_bytes),
};
_Static_assert(FACT_HEAP_PINS == 8, "arena rows list eight pins");

#define L(kind, member) M(fact_heap_free_list, kind, member)
static const struct member free_list_members[] = { L(STR, name), L(U64, count), L(U64, bytes) };

#define U(kind, member) M(fact_heap_unknown, kind, member)
static const struct member unknown_members[] = {
	U(U32, block_bytes), U(U64, count), U(U64, bytes), U(U64, sample_addr),
};

#define G(kind, member) M(fact_heap_gc, kind, member)
#define GEN(i)                                                                                     \
	G(I32, gen[i].threshold), G(I32, gen[i].count), G(U64, gen[i].collections),                \
		G(U64, gen[i].collected), G(U64, gen[i].uncollectable), G(U64, gen[i].objects)
static const struct member gc_members[] = {
	G(I64, interpreter), G(BOOL, enabled), G(BOOL, collecting), G(BOOL, incremental), G(U32, debug),
	G(U32, generations), GEN(0), GEN(1), GEN(2), G(U64, frozen), G(U64, garbage),
	G(U64, long_lived_total), G(U64, long_lived_pending), G(BOOL, cycles_known),
	G(U64, unreachable), G(U64, unreachable_bytes),
};
_Static_assert(FACT_GC_GENERATIONS == 3, "gc rows list three generations");

#define Y(kind, member) M(fact_heap_cycle, kind, member)
static const struct member cycle_members[] = { Y(U32, type), Y(U64, count), Y(U64, bytes) };

#define C_(kind, member) M(fact_heap_malloc, kind, member)
static const struct member malloc_members[] = {
	C_(U64, addr), C_(BOOL, main), C_(BOOL, mmapped), C_(U64, heaps), C_(U64, system_bytes),
	C_(U64, used_chunks), C_(U64, used_bytes), C_(U64, python_chunks), C_(U64, python_bytes),
	C_(U64, cached_bytes), C_(U64, free_chunks), C_(U64, free_bytes), C_(U64, top_bytes),
	C_(U64, largest_free_bytes), C_(U64, trimmable_bytes), C_(U64, torn),
};

#define D(kind, member) M(fact_ledger, kind, member)
static const struct member ledger_members[] = {
	D(STR, code), D(STR, label), D(U8, depth), D(U64, bytes), D(BOOL, estimate),
};

#define J(kind, member) M(fact_heap_join, kind, member)
static const struct member join_members[] = {
	J(U32, site), J(U32, type), J(U8, use), J(U64, blocks), J(U64, bytes), J(U64, oldest_ns),
	J(U64, newest_ns), J(U64, unreachable), J(U64, unexplained), J(U64, retained_bytes),
	J(U64, early_blocks),
};

#define O(kind, member) M(fact_heap_held, kind, member)
static const struct member held_members[] = {
	O(U32, site), O(U32, type), O(U64, objects), O(STR, holder), O(STR, path), O(U8, bound),
	O(U64, bound_size), O(U64, bound_used), O(U64, bytes),
};

#define F(kind, member) M(fact_heap_graph, kind, member)
static const struct member graph_members[] = {
	F(STR, skipped), F(BOOL, stored), F(U64, objects), F(U64, edges), F(U64, weak_edges),
	F(U64, roots), F(U64, reached_objects), F(U64, reached_bytes), F(U64, c_only_objects),
	F(U64, c_only_bytes), F(U64, garbage_objects), F(U64, garbage_bytes), F(U64, tool_bytes),
	F(U64, edge_tool_bytes), F(U64, build_ns), F(U64, solve_ns), F(U64, audited),
	F(U64, exact), F(U64, more), F(U64, excess), F(U64, explained), F(U64, fewer),
};

#define Q(kind, member) M(fact_heap_holder, kind, member)
static const struct member holder_members[] = {
	Q(U32, holder), Q(U32, parent), Q(U32, root), Q(U32, type), Q(U32, edge), Q(STR, name),
	Q(STR, where), Q(U64, count), Q(U64, own_bytes), Q(U64, retained_objects),
	Q(U64, retained_bytes), Q(U64, addr), Q(U64, addr_retained_bytes), Q(BOOL, drop),
};

#define P(kind, member) M(fact_heap_path, kind, member)
static const struct member path_members[] = {
	P(U32, path), P(U32, type), P(U64, count), P(U64, own_bytes), P(U64, retained_bytes),
	P(U64, addr), P(U32, steps),
};

#define S(kind, member) M(fact_heap_step, kind, member)
static const struct member step_members[] = {
	S(U32, path), S(U32, step), S(U32, root), S(U32, type), S(U64, addr), S(U32, edge),
	S(STR, name), S(STR, where), S(U64, index), S(U64, alike),
};

#define R(kind, member) M(fact_heap_refcount, kind, member)
static const struct member refcount_members[] = {
	R(U32, type), R(U64, objects), R(U64, excess), R(U64, explained), R(STR, holder),
	R(U64, largest), R(U64, addr),
};

#define N(kind, member) M(fact_heap_module, kind, member)
static const struct member module_members[] = {
	N(U64, addr), N(STR, name), N(U64, objects), N(U64, retained_objects),
	N(U64, retained_bytes), N(U32, importers), N(U32, functions), N(U32, called),
	N(BOOL, extension), N(BOOL, idle),
};

static const struct member name_members[] = {
	M(fact_heap_name, U32, name), M(fact_heap_name, STR, text),
};

_Static_assert(sizeof(enum fact_root) == 4 && sizeof(enum fact_edge) == 4, "written as u32");

#define FORMAT(kind, members)                                                                      \
	[(kind)-PMP_SNAPSHOT_FIRST] = { (members), sizeof(members) / sizeof(*(members)) }

static const struct row_format formats[PMP_HEAP_KINDS] = {
	FORMAT(PMP_HEAP, heap_members),
	FORMAT(PMP_HEAP_TYPES, type_members),
	FORMAT(PMP_HEAP_BUFFERS, buffer_members),
	FORMAT(PMP_HEAP_CLASSES, class_members),
	FORMAT(PMP_HEAP_ARENAS, arena_members),
	FORMAT(PMP_HEAP_FREE_LISTS, free_list_members),
	FORMAT(PMP_HEAP_UNKNOWN, unknown_members),
	FORMAT(PMP_HEAP_GC, gc_members),
	FORMAT(PMP_HEAP_CYCLES, cycle_members),
	FORMAT(PMP_HEAP_MALLOC, malloc_members),
	FORMAT(PMP_HEAP_LEDGER, ledger_members),
	FORMAT(PMP_HEAP_JOIN, join_members),
	FORMAT(PMP_HEAP_HELD, held_members),
	FORMAT(PMP_HEAP_GRAPH, graph_members),
	FORMAT(PMP_HEAP_HOLDERS, holder_members),
	FORMAT(PMP_HEAP_PATHS, path_members),
	FORMAT(PMP_HEAP_STEPS, step_members),
	FORMAT(PMP_HEAP_REFCOUNTS, refcount_members),
	FORMAT(PMP_HEAP_MODULES, module_members),
	FORMAT(PMP_HEAP_NAMES, name_members),
};

/* --- writing ------------------------------------------------------------------------------ */

static void put_member(struct buf *b, const struct member *m, const char *fact)
{
	const char *at = fact + m->offset;

	switch (m->kind) {
	case U8:
		(void)buf_uvarint(b, *(const uint8_t *)at);
		return;
	case BOOL:
		(void)buf_uvarint(b, *(const bool *)at);
		return;
	case U32:
		(void)buf_uvarint(b, *(const uint32_t *)at);
		return;
	case I32:
		(void)buf_svarint(b, *(const int32_t *)at);
		return;
	case U64:
		(void)buf_uvarint(b, *(const uint64_t *)at);
		return;
	case I64:
		(void)buf_svarint(b, *(const int64_t *)at);
		return;
	case STR: {
		const char *s = *(const char *const *)at;
		size_t n = s ? strnlen(s, STRING_BYTES_MAX - 1) : 0;

		n = n ? utf8_valid(s, n) : 0; /* a cut inside a character ends before it */
		(void)buf_uvarint(b, n);
		(void)buf_put(b, n ? s : "", n);
		return;
	}
	case BLOB: {
		const void *p = *(const void *const *)at;
		uint32_t n = *(const uint32_t *)(fact + m->count_offset);

		(void)buf_uvarint(b, p ? n : 0);
		(void)buf_put(b, p ? p : "", p ? n : 0);
		return;
	}
	}
}

static int flush_kind(struct pmp_heap *h, unsigned kind, struct err *err)
{
	struct buf *rows = &h->rows[kind - PMP_SNAPSHOT_FIRST];
	uint64_t *count = &h->count[kind - PMP_SNAPSHOT_FIRST];
	int r;

	if (*count == 0)
		return 0;
	buf_clear(&h->scratch);
	(void)buf_uvarint(&h->scratch, *count);
	(void)buf_put(&h->scratch, rows->bytes, rows->len);
	if (rows->failed || h->scratch.failed)
		return err_nomem(err);
	r = pmp_writer_section(h->w, kind, h->scratch.bytes, h->scratch.len, err);
	buf_clear(rows);
	*count = 0;
	return r;
}

/* In kind order: the heap, then types, then what names them; the end at the end. */
int pmp_heap_flush(struct pmp_heap *h, struct err *err)
{
	for (unsigned kind = PMP_SNAPSHOT_FIRST; kind < PMP_HEAP_KINDS_END; kind++) {
		int r = kind == PMP_HEAP_END ? 0 : flush_kind(h, kind, err);

		if (r < 0)
			return r;
	}
	return flush_kind(h, PMP_HEAP_END, err);
}

static int put_row(struct pmp_heap *h, unsigned kind, const void *fact, struct err *err)
{
	const struct row_format *f = &formats[kind - PMP_SNAPSHOT_FIRST];
	struct buf *rows = &h->rows[kind - PMP_SNAPSHOT_FIRST];

	buf_clear(&h->scratch);
	for (size_t i = 0; i < f->nmembers; i++)
		put_member(&h->scratch, &f->members[i], fact);
	(void)buf_uvarint(rows, h->scratch.len);
	(void)buf_put(rows, h->scratch.bytes, h->scratch.len);
	h->count[kind - PMP_SNAPSHOT_FIRST]++;
	if (rows->failed || h->scratch.failed)
		return err_nomem(err);
	return rows->len > FLUSH_BYTES ? pmp_heap_flush(h, err) : 0;
}

#define CALLBACK(callback, type, kind)                                                             \
	static int on_##callback(void *ctx, const struct type *f, struct err *err)                 \
	{                                                                                          \
		return put_row(pmp_writer_heap(ctx), (kind), f, err);                              \
	}

CALLBACK(heap, fact_heap, PMP_HEAP)
CALLBACK(heap_type, fact_heap_type, PMP_HEAP_TYPES)
CALLBACK(heap_buffer, fact_heap_buffer, PMP_HEAP_BUFFERS)
CALLBACK(heap_class, fact_heap_class, PMP_HEAP_CLASSES)
CALLBACK(heap_arena, fact_heap_arena, PMP_HEAP_ARENAS)
CALLBACK(heap_free_list, fact_heap_free_list, PMP_HEAP_FREE_LISTS)
CALLBACK(heap_unknown, fact_heap_unknown, PMP_HEAP_UNKNOWN)
CALLBACK(heap_gc, fact_heap_gc, PMP_HEAP_GC)
CALLBACK(heap_cycle, fact_heap_cycle, PMP_HEAP_CYCLES)
CALLBACK(heap_malloc, fact_heap_malloc, PMP_HEAP_MALLOC)
CALLBACK(ledger, fact_ledger, PMP_HEAP_LEDGER)
CALLBACK(heap_join, fact_heap_join, PMP_HEAP_JOIN)
CALLBACK(heap_held, fact_heap_held, PMP_HEAP_HELD)
CALLBACK(heap_graph, fact_heap_graph, PMP_HEAP_GRAPH)
CALLBACK(heap_holder, fact_heap_holder, PMP_HEAP_HOLDERS)
CALLBACK(heap_path, fact_heap_path, PMP_HEAP_PATHS)
CALLBACK(heap_step, fact_heap_step, PMP_HEAP_STEPS)
CALLBACK(heap_refcount, fact_heap_refcount, PMP_HEAP_REFCOUNTS)
CALLBACK(heap_module, fact_heap_module, PMP_HEAP_MODULES)
CALLBACK(heap_name, fact_heap_name, PMP_HEAP_NAMES)

static int on_heap_end(void *ctx, uint32_t snapshot, struct err *err)
{
	struct pmp_heap *h = pmp_writer_heap(ctx);

	(void)buf_uvarint(&h->rows[PMP_HEAP_END - PMP_SNAPSHOT_FIRST], snapshot);
	h->count[PMP_HEAP_END - PMP_SNAPSHOT_FIRST]++;
	return pmp_heap_flush(h, err);
}

void pmp_heap_init(struct pmp_heap *h, struct pmp_writer *w, struct fact_sink *sink)
{
	h->w = w;
	sink->heap = on_heap;
	sink->heap_type = on_heap_type;
	sink->heap_buffer = on_heap_buffer;
	sink->heap_class = on_heap_class;
	sink->heap_arena = on_heap_arena;
	sink->heap_free_list = on_heap_free_list;
	sink->heap_unknown = on_heap_unknown;
	sink->heap_gc = on_heap_gc;
	sink->heap_cycle = on_heap_cycle;
	sink->heap_malloc = on_heap_malloc;
	sink->ledger = on_ledger;
	sink->heap_join = on_heap_join;
	sink->heap_held = on_heap_held;
	sink->heap_graph = on_heap_graph;
	sink->heap_holder = on_heap_holder;
	sink->heap_path = on_heap_path;
	sink->heap_step = on_heap_step;
	sink->heap_refcount = on_heap_refcount;
	sink->heap_module = on_heap_module;
	sink->heap_name = on_heap_name;
	sink->heap_edges = pmp_graph_edges;
	sink->heap_end = on_heap_end;
}

void pmp_heap_deinit(struct pmp_heap *h)
{
	for (size_t i = 0; i < PMP_HEAP_KINDS; i++)
		buf_deinit(&h->rows[i]);
	buf_deinit(&h->scratch);
}

/* --- reading ------------------------------------------------------------------------------ */

/* One row decoded: the struct itself, and the strings and bytes it borrows. */
struct row {
	union {
		struct fact_heap heap;
		struct fact_heap_type type;
		struct fact_heap_buffer buffer;
		struct fact_heap_class class;
		struct fact_heap_arena arena;
		struct fact_heap_free_list free_list;
		struct fact_heap_unknown unknown;
		struct fact_heap_gc gc;
		struct fact_heap_cycle cycle;
		struct fact_heap_malloc malloc;
		struct fact_ledger ledger;
		struct fact_heap_join join;
		struct fact_heap_held held;
		struct fact_heap_graph graph;
		struct fact_heap_holder holder;
		struct fact_heap_path path;
		struct fact_heap_step step;
		struct fact_heap_refcount refcount;
		struct fact_heap_module module;
		struct fact_heap_name name;
	} fact;
	char text[STRINGS_PER_ROW_MAX][STRING_BYTES_MAX];
	uint8_t blob[POOLS_MAX];
	unsigned ntexts;
};

static void get_member(struct cursor *c, const struct member *m, struct row *row)
{
	char *at = (char *)&row->fact + m->offset;

	switch (m->kind) {
	case U8:
		*(uint8_t *)at = (uint8_t)cursor_bounded(c, UINT8_MAX);
		return;
	case BOOL:
		*(bool *)at = cursor_bounded(c, 1);
		return;
	case U32:
		*(uint32_t *)at = pmp_get_u32(c);
		return;
	case I32: {
		int64_t v = cursor_svarint(c);

		if (v < INT32_MIN || v > INT32_MAX)
			cursor_fail(c);
		else
			*(int32_t *)at = (int32_t)v;
		return;
	}
	case U64:
		*(uint64_t *)at = cursor_uvarint(c);
		return;
	case I64:
		*(int64_t *)at = cursor_svarint(c);
		return;
	case STR:
		pmp_get_str(c, row->text[row->ntexts], STRING_BYTES_MAX);
		*(const char **)at = row->text[row->ntexts++];
		return;
	case BLOB: {
		size_t n = (size_t)cursor_bounded(c, POOLS_MAX);
		uint32_t claimed = *(uint32_t *)((char *)&row->fact + m->count_offset);

		if (n && n != claimed)
			cursor_fail(c);
		else if (n)
			cursor_copy(c, row->blob, n);
		*(const uint8_t **)at = n && !c->failed ? row->blob : NULL;
		return;
	}
	}
}

/* A row of an earlier minor version ends before its last members: they stay zero, or "". */
static void get_row(struct cursor *c, const struct row_format *f, struct row *row)
{
	size_t k = 0;

	memset(&row->fact, 0, sizeof row->fact);
	row->ntexts = 0;
	while (k < f->nmembers && !cursor_done(c))
		get_member(c, &f->members[k++], row);
	for (; k < f->nmembers; k++)
		if (f->members[k].kind == STR)
			*(const char **)((char *)&row->fact + f->members[k].offset) = "";
}

static int read_rows(struct pmp_reader *r, struct cursor *c, unsigned kind,
		     int (*push)(struct pmp_reader *, const struct row *, struct err *),
		     struct err *err)
{
	const struct row_format *f = &formats[kind - PMP_SNAPSHOT_FIRST];
	size_t n = pmp_get_count(c, 1 + f->nmembers);
	struct row row;

	for (size_t i = 0; i < n; i++) {
		struct cursor one = cursor_sub(c, (size_t)cursor_bounded(c, cursor_left(c)));

		get_row(&one, f, &row);
		if (c->failed || one.failed ||
		    (kind == PMP_HEAP_ARENAS && row.fact.arena.npins > FACT_HEAP_PINS))
			return 1;
		int e = push(r, &row, err);
		if (e < 0)
			return e;
	}
	return c->failed;
}

#define READER(callback, member, row_kind)                                                         \
	static int push_##callback(struct pmp_reader *r, const struct row *row, struct err *err)   \
	{                                                                                          \
		return r->sink->callback ?                                                         \
			       r->sink->callback(r->sink->ctx, &row->fact.member, err) :           \
			       0;                                                                  \
	}                                                                                          \
	static int read_##callback(struct pmp_reader *r, struct cursor *c, struct err *err)        \
	{                                                                                          \
		return read_rows(r, c, (row_kind), push_##callback, err);                          \
	}

READER(heap, heap, PMP_HEAP)
READER(heap_type, type, PMP_HEAP_TYPES)
READER(heap_buffer, buffer, PMP_HEAP_BUFFERS)
READER(heap_class, class, PMP_HEAP_CLASSES)
READER(heap_arena, arena, PMP_HEAP_ARENAS)
READER(heap_free_list, free_list, PMP_HEAP_FREE_LISTS)
READER(heap_unknown, unknown, PMP_HEAP_UNKNOWN)
READER(heap_gc, gc, PMP_HEAP_GC)
READER(heap_cycle, cycle, PMP_HEAP_CYCLES)
READER(heap_malloc, malloc, PMP_HEAP_MALLOC)
READER(ledger, ledger, PMP_HEAP_LEDGER)
READER(heap_join, join, PMP_HEAP_JOIN)
READER(heap_held, held, PMP_HEAP_HELD)
READER(heap_graph, graph, PMP_HEAP_GRAPH)
READER(heap_path, path, PMP_HEAP_PATHS)
READER(heap_refcount, refcount, PMP_HEAP_REFCOUNTS)
READER(heap_module, module, PMP_HEAP_MODULES)
READER(heap_name, name, PMP_HEAP_NAMES)

/* Kinds of roots and edges a later minor version may know are nothing to us. */
#define NAMED_READER(callback, member, row_kind)                                                   \
	static int push_##callback(struct pmp_reader *r, const struct row *row, struct err *err)   \
	{                                                                                          \
		struct fact_##callback f = row->fact.member;                                       \
                                                                                                   \
		f.root = f.root < FACT_ROOTS ? f.root : FACT_ROOT_NONE;                            \
		f.edge = f.edge < FACT_EDGES ? f.edge : FACT_EDGE_NONE;                            \
		return r->sink->callback ? r->sink->callback(r->sink->ctx, &f, err) : 0;           \
	}                                                                                          \
	static int read_##callback(struct pmp_reader *r, struct cursor *c, struct err *err)        \
	{                                                                                          \
		return read_rows(r, c, (row_kind), push_##callback, err);                          \
	}

NAMED_READER(heap_holder, holder, PMP_HEAP_HOLDERS)
NAMED_READER(heap_step, step, PMP_HEAP_STEPS)

static int read_end(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	uint64_t n = cursor_uvarint(c);
	uint32_t snapshot = pmp_get_u32(c);

	if (c->failed || n != 1)
		return 1;
	return r->sink->heap_end ? r->sink->heap_end(r->sink->ctx, snapshot, err) : 0;
}

const struct pmp_section PMP_HEAP_SECTIONS[] = {
	{ PMP_HEAP, "heap", read_heap },
	{ PMP_HEAP_TYPES, "types", read_heap_type },
	{ PMP_HEAP_BUFFERS, "buffers", read_heap_buffer },
	{ PMP_HEAP_CLASSES, "size classes", read_heap_class },
	{ PMP_HEAP_ARENAS, "arenas", read_heap_arena },
	{ PMP_HEAP_FREE_LISTS, "free lists", read_heap_free_list },
	{ PMP_HEAP_UNKNOWN, "unknown blocks", read_heap_unknown },
	{ PMP_HEAP_GC, "gc", read_heap_gc },
	{ PMP_HEAP_CYCLES, "cycles", read_heap_cycle },
	{ PMP_HEAP_MALLOC, "malloc", read_heap_malloc },
	{ PMP_HEAP_LEDGER, "ledger", read_ledger },
	{ PMP_HEAP_END, "end of snapshot", read_end },
	{ PMP_HEAP_JOIN, "join", read_heap_join },
	{ PMP_HEAP_HELD, "held", read_heap_held },
	{ PMP_HEAP_GRAPH, "graph", read_heap_graph },
	{ PMP_HEAP_HOLDERS, "holders", read_heap_holder },
	{ PMP_HEAP_PATHS, "paths", read_heap_path },
	{ PMP_HEAP_STEPS, "steps", read_heap_step },
	{ PMP_HEAP_REFCOUNTS, "reference counts", read_heap_refcount },
	{ PMP_HEAP_MODULES, "modules", read_heap_module },
	{ PMP_HEAP_NAMES, "names", read_heap_name },
	{ PMP_HEAP_EDGES, "edges", pmp_graph_read },
	{ 0 },
};
