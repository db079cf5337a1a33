/* SPDX-License-Identifier: MIT */
/* tracemalloc's table in the form of each version, whole and damaged. */
#include "tracer/cpython/tracemalloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "fake_py.h"

TestSuite(tracer_cpython_tracemalloc, .timeout = 10);

#define BUCKETS 16

/* A runtime with tracemalloc on, its table in `table`. Only sheets with an address for it. */
struct world {
	struct fake_py p;
	taddr table, buckets;
	uint64_t count;
	struct tracemalloc_iter it;
};

static bool has_address(const struct py_sheet *sheet)
{
	return sheet->layout->tracemalloc_home == PY_TRACEMALLOC_IN_RUNTIME;
}

static struct world *world_new(const struct py_sheet *sheet)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct py_layout *l = sheet->layout;

	cr_assert(w);
	w->p = fake_py_new(sheet);
	w->p.py.tracemalloc_on = true;
	w->table = fake_py_alloc(&w->p, 256);
	w->buckets = fake_py_alloc(&w->p, BUCKETS * 8);
	fake_py_word(&w->p, w->table, l->_Py_hashtable_t_nbuckets, BUCKETS);
	fake_py_word(&w->p, w->table, l->_Py_hashtable_t_buckets, w->buckets.v);
	fake_py_word(&w->p, w->p.py.runtime, l->_PyRuntimeState_tracemalloc_traces, w->table.v);
	return w;
}

static void world_free(struct world *w)
{
	fake_py_free(&w->p);
	free(w);
}

static taddr put_traceback(struct world *w, const char *file, uint32_t line)
{
	const struct py_layout *l = w->p.layout;
	taddr at = fake_py_alloc(&w->p, 64), name;

	if (l->tracemalloc_filename == PY_TRACE_FILE_STR) {
		name = fake_py_str(&w->p, file);
	} else {
		name = fake_py_alloc(&w->p, 128);
		fake_mem_put_str(w->p.f, name.v, file);
	}
	fake_mem_put_u16(w->p.f, at.v + (uint64_t)l->tracemalloc_traceback_nframe, 1);
	fake_mem_put_u16(w->p.f, at.v + (uint64_t)l->tracemalloc_traceback_total_nframe, 9);
	fake_py_word(&w->p, at, l->tracemalloc_traceback_frames + l->tracemalloc_frame_filename, name.v);
	fake_mem_put_u32(w->p.f, at.v + (uint64_t)(l->tracemalloc_traceback_frames +
						   l->tracemalloc_frame_lineno), line);
	return at;
}

static taddr put_trace(struct world *w, uint64_t block, uint64_t size, taddr traceback)
{
	const struct py_layout *l = w->p.layout;
	taddr entry = fake_py_alloc(&w->p, 64), value = fake_py_alloc(&w->p, 32), head;
	taddr bucket = taddr_add(w->buckets, (int64_t)(block / 16 % BUCKETS) * 8);

	cr_assert_eq(mem_ptr(w->p.mem, bucket, &head, NULL), 0);
	fake_py_word(&w->p, entry, l->_Py_hashtable_entry_t_next, head.v);
	fake_py_word(&w->p, entry, l->_Py_hashtable_entry_t_key, block);
	fake_py_word(&w->p, entry, l->_Py_hashtable_entry_t_value, value.v);
	fake_py_word(&w->p, value, l->trace_t_size, size);
	fake_py_word(&w->p, value, l->trace_t_traceback, traceback.v);
	fake_mem_put_u64(w->p.f, bucket.v, entry.v);
	fake_py_word(&w->p, w->table, l->_Py_hashtable_t_nentries, ++w->count);
	return entry;
}

static int run(struct world *w, uint64_t *ret_count, uint64_t *ret_bytes)
{
	struct tracemalloc_trace t;
	int r = tracemalloc_iter_init(&w->it, &w->p.py, w->p.mem, NULL);

	*ret_count = *ret_bytes = 0;
	while (r == 0 && (r = tracemalloc_next(&w->it, &t, NULL)) > 0) {
		++*ret_count;
		*ret_bytes += t.size;
		r = 0;
	}
	return r;
}

Test(tracer_cpython_tracemalloc, every_trace_is_found_with_its_place)
{
	EACH_SHEET(sheet)
	{
		struct world *w;
		struct tracemalloc_place place;
		uint64_t count, bytes;
		uint32_t total;
		char *file = NULL;
		taddr tb;

		if (!has_address(sheet))
			continue;
		w = world_new(sheet);
		tb = put_traceback(w, "app.py", 77);
		for (uint64_t i = 0; i < 100; i++)
			(void)put_trace(w, 0x7000000 + i * 16, i, tb);
		cr_assert_eq(run(w, &count, &bytes), 0);
		cr_assert(count == 100 && bytes == 4950 && w->it.total == 100 && !w->it.damaged);
		cr_assert_eq(tracemalloc_frames(&w->p.py, w->p.mem, tb, &place, 1, &total, NULL), 1);
		cr_assert(place.line == 77 && total == 9);
		cr_assert_eq(tracemalloc_filename(&w->p.py, w->p.mem, place.filename, &file, NULL), 0);
		cr_assert_str_eq(file, "app.py");
		free(file);
		world_free(w);
	}
}

Test(tracer_cpython_tracemalloc, switched_off_it_has_no_traces)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	uint64_t count, bytes;

	(void)put_trace(w, 0x7000000, 1, put_traceback(w, "a", 1));
	w->p.py.tracemalloc_on = false;
	cr_assert_eq(run(w, &count, &bytes), 0);
	cr_assert_eq(count, 0);
	world_free(w);
}

Test(tracer_cpython_tracemalloc, broken_chain_is_counted_and_left)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	uint64_t count, bytes;
	taddr tb = put_traceback(w, "a", 1);

	(void)put_trace(w, 0x7000000, 1, tb);
	(void)put_trace(w, 0x7000010, 2, tb);
	fake_mem_put_u64(w->p.f, w->buckets.v + 7 * 8, 0x10); /* no memory there */
	cr_assert_eq(run(w, &count, &bytes), 0);
	cr_assert(count == 2 && bytes == 3);
	cr_assert_eq(w->it.damaged, 1);
	world_free(w);
}

Test(tracer_cpython_tracemalloc, chain_that_never_ends_is_corrupt)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	taddr entry = put_trace(w, 0x7000000, 1, put_traceback(w, "a", 1));
	uint64_t count, bytes;

	fake_py_word(&w->p, entry, w->p.layout->_Py_hashtable_entry_t_next, entry.v);
	cr_assert_eq(run(w, &count, &bytes), ERR_CORRUPT);
	world_free(w);
}

/* However many entries the table claims, a circle is noticed after at most a few laps. */
Test(tracer_cpython_tracemalloc, a_circle_is_noticed_whatever_the_table_claims)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	const struct py_layout *l = w->p.layout;
	taddr entry[9];
	uint64_t count = 0, bytes;

	for (size_t i = 0; i < 9; i++)
		entry[i] = put_trace(w, 0x7000000, 1, put_traceback(w, "a", 1));
	for (size_t i = 0; i < 8; i++)
		fake_py_word(&w->p, entry[i], l->_Py_hashtable_entry_t_next, entry[i + 1].v);
	fake_py_word(&w->p, entry[8], l->_Py_hashtable_entry_t_next, entry[3].v);
	for (size_t i = 0; i < BUCKETS; i++)
		fake_mem_put_u64(w->p.f, w->buckets.v + i * 8, i == 5 ? entry[0].v : 0);
	fake_py_word(&w->p, w->table, l->_Py_hashtable_t_nentries, UINT64_C(1) << 30);
	cr_assert_eq(run(w, &count, &bytes), ERR_CORRUPT);
	cr_assert_leq(w->it.visited, 4 * 9);
	world_free(w);
}

Test(tracer_cpython_tracemalloc, absurd_table_and_traceback_are_corrupt)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	taddr tb = put_traceback(w, "a", 1);
	struct tracemalloc_place place;
	uint64_t count, bytes;
	uint32_t total;

	fake_mem_put_u16(w->p.f, tb.v + (uint64_t)w->p.layout->tracemalloc_traceback_nframe, 0);
	cr_assert_eq(tracemalloc_frames(&w->p.py, w->p.mem, tb, &place, 1, &total, NULL), ERR_CORRUPT);
	fake_py_word(&w->p, w->table, w->p.layout->_Py_hashtable_t_nbuckets, 17);
	cr_assert_eq(run(w, &count, &bytes), ERR_CORRUPT);
	world_free(w);
}

/* The table at its beginning says what no table can; how it goes on nobody needs to see. */
Test(tracer_cpython_tracemalloc, what_a_table_says_of_itself_is_bounded)
{
	const uint64_t most = UINT64_C(1) << 36;
	const struct {
		uint64_t nbuckets, nentries, shift;
		int want;
	} c[] = {
		{ 16, 1, 0, 0 },
		{ most, most, 0, 0 },
		{ 0, 1, 0, ERR_CORRUPT },
		{ 17, 1, 0, ERR_CORRUPT },
		{ 24, 1, 0, ERR_CORRUPT },
		{ 2 * most, 1, 0, ERR_CORRUPT },
		{ UINT64_C(1) << 63, 1, 0, ERR_CORRUPT },
		{ 16, most + 1, 0, ERR_CORRUPT },
		{ 16, UINT64_MAX, 0, ERR_CORRUPT },
		{ 16, 1, 4, ERR_CORRUPT },
	};

	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;

		for (size_t i = 0; has_address(sheet) && i < sizeof(c) / sizeof(*c); i++) {
			struct world *w = world_new(sheet);

			fake_py_word(&w->p, w->table, l->_Py_hashtable_t_nbuckets, c[i].nbuckets);
			fake_py_word(&w->p, w->table, l->_Py_hashtable_t_nentries, c[i].nentries);
			fake_py_word(&w->p, w->table, l->_Py_hashtable_t_buckets,
				     w->buckets.v + c[i].shift);
			cr_expect_eq(tracemalloc_iter_init(&w->it, &w->p.py, w->p.mem, NULL), c[i].want,
				     "%s: table %zu", l->name, i);
			world_free(w);
		}
	}
}

/* As wide as the address space and hardly anything in it: given up, not read to its end. */
Test(tracer_cpython_tracemalloc, a_table_that_is_empty_for_its_size_is_corrupt)
{
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	uint64_t count, bytes;

	(void)put_trace(w, 0x7000000, 1, put_traceback(w, "a", 1));
	fake_py_word(&w->p, w->table, w->p.layout->_Py_hashtable_t_nbuckets, UINT64_C(1) << 36);
	cr_assert_eq(run(w, &count, &bytes), ERR_CORRUPT);
	cr_assert_eq(count, 1);
	world_free(w);
}

/* Every bucket leads to the same entry: no chain is a circle, all of them together are too long. */
Test(tracer_cpython_tracemalloc, more_entries_than_the_table_says_are_corrupt)
{
	const uint64_t nbuckets = 1 << 17;
	struct world *w = world_new(py_sheets[py_sheets_count - 1]);
	taddr entry = put_trace(w, 0x7000000, 1, put_traceback(w, "a", 1));
	taddr buckets = fake_py_alloc(&w->p, nbuckets * 8);
	uint64_t count, bytes;

	for (uint64_t i = 0; i < nbuckets; i++)
		fake_mem_put_u64(w->p.f, buckets.v + i * 8, entry.v);
	fake_py_word(&w->p, w->table, w->p.layout->_Py_hashtable_t_buckets, buckets.v);
	fake_py_word(&w->p, w->table, w->p.layout->_Py_hashtable_t_nbuckets, nbuckets);
	cr_assert_eq(run(w, &count, &bytes), ERR_CORRUPT);
	cr_assert_lt(count, nbuckets);
	world_free(w);
}

/* Domains that come round: no more tables than there is room for. */
Test(tracer_cpython_tracemalloc, domains_in_a_circle_end)
{
	EACH_SHEET(sheet)
	{
		const struct py_layout *l = sheet->layout;
		struct world *w;
		taddr domains, entry, buckets;

		if (!has_address(sheet) || l->_PyRuntimeState_tracemalloc_domains == PY_ABSENT)
			continue;
		w = world_new(sheet);
		domains = fake_py_alloc(&w->p, 256);
		entry = fake_py_alloc(&w->p, 64);
		buckets = fake_py_alloc(&w->p, BUCKETS * 8);
		fake_py_word(&w->p, w->p.py.runtime, l->_PyRuntimeState_tracemalloc_domains, domains.v);
		fake_py_word(&w->p, domains, l->_Py_hashtable_t_nbuckets, BUCKETS);
		fake_py_word(&w->p, domains, l->_Py_hashtable_t_buckets, buckets.v);
		fake_mem_put_u64(w->p.f, buckets.v, entry.v);
		fake_py_word(&w->p, entry, l->_Py_hashtable_entry_t_next, entry.v);
		fake_py_word(&w->p, entry, l->_Py_hashtable_entry_t_value, w->table.v);
		cr_expect_eq(tracemalloc_iter_init(&w->it, &w->p.py, w->p.mem, NULL), 0);
		cr_expect_eq(w->it.ntables, TRACEMALLOC_DOMAINS_MAX);
		world_free(w);
	}
}
