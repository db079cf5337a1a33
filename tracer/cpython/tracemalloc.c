/* SPDX-License-Identifier: MIT */
/*
 * Modules/_tracemalloc.c (to 3.12), Python/tracemalloc.c (3.13+): tracemalloc_traces is a
 * _Py_hashtable_t (Modules/hashtable.c, Python/hashtable.c) from block address to trace_t;
 * tracemalloc_domains maps the numbers of other domains to tables of the same form.
 */
#include "tracer/cpython/tracemalloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/utf8.h"
#include "tracer/cpython/str.h"

#define BUCKETS_MAX (UINT64_C(1) << 36)
#define SPARSE_BUCKETS (UINT64_C(1) << 18) /* so many say whether a table is as full as it must be */
#define ENTRIES_SLACK 65536
#define DATA_BYTES_MAX (64u << 20)
#define PATH_BYTES_MAX 4096

struct table {
	uint64_t nentries, nbuckets;
	taddr buckets;
	uint64_t key_bytes, data_bytes; /* PY_TRACES_INLINE only */
};

static int read_table(const struct py *py, struct mem_source *mem, taddr at, struct table *ret,
		      struct err *err)
{
	const struct py_layout *l = py->layout;
	struct table t = { 0 };
	int r = mem_word(mem, taddr_add(at, l->_Py_hashtable_t_nentries), &t.nentries, err);

	if (r == 0)
		r = mem_word(mem, taddr_add(at, l->_Py_hashtable_t_nbuckets), &t.nbuckets, err);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(at, l->_Py_hashtable_t_buckets), &t.buckets, err);
	if (r == 0 && l->tracemalloc_table == PY_TRACES_INLINE) {
		r = mem_word(mem, taddr_add(at, l->_Py_hashtable_t_key_size), &t.key_bytes, err);
		if (r == 0)
			r = mem_word(mem, taddr_add(at, l->_Py_hashtable_t_data_size), &t.data_bytes,
				     err);
	}
	if (r < 0)
		return err_wrap(err, r, "tracemalloc's table");
	if (!t.nbuckets || t.nbuckets > BUCKETS_MAX || (t.nbuckets & (t.nbuckets - 1)) ||
	    t.nentries > BUCKETS_MAX || t.buckets.v % 8)
		return err_set(err, ERR_CORRUPT, "tracemalloc's table is absurd");
	*ret = t;
	return 0;
}

/* --- entries ----------------------------------------------------------------------------- */

/* The trace of one entry; *ret_next is the rest of its chain. */
static int read_entry(const struct tracemalloc_iter *it, taddr entry, taddr *ret_next,
		      struct tracemalloc_trace *ret)
{
	const struct py_layout *l = it->py->layout;
	struct mem_source *mem = it->mem;
	struct tracemalloc_trace t = { 0 };
	taddr value;
	int r = mem_ptr(mem, taddr_add(entry, l->_Py_hashtable_entry_t_next), ret_next, NULL);

	switch (l->tracemalloc_table) {
	case PY_TRACES_INLINE:
		value = taddr_add(entry, it->value_at);
		/* {pointer, domain}, packed, when domains are in use; else the pointer alone */
		if (r == 0)
			r = mem_ptr(mem, taddr_add(entry, l->_Py_hashtable_entry_t_sizeof), &t.block,
				    NULL);
		if (r == 0 && it->value_at > (uint32_t)l->_Py_hashtable_entry_t_sizeof + 8)
			r = mem_u32(mem, taddr_add(entry, l->_Py_hashtable_entry_t_sizeof + 8),
				    &t.domain, NULL);
		break;
	case PY_TRACES_POINTERS:
		t.domain = it->domain[it->table];
		if (r == 0)
			r = mem_ptr(mem, taddr_add(entry, l->_Py_hashtable_entry_t_key), &t.block,
				    NULL);
		if (r == 0)
			r = mem_ptr(mem, taddr_add(entry, l->_Py_hashtable_entry_t_value), &value, NULL);
		break;
	}
	if (r == 0)
		r = mem_word(mem, taddr_add(value, l->trace_t_size), &t.size, NULL);
	if (r == 0)
		r = mem_ptr(mem, taddr_add(value, l->trace_t_traceback), &t.traceback, NULL);
	if (r == 0)
		*ret = t;
	return r;
}

static int open_table(struct tracemalloc_iter *it, struct err *err)
{
	struct table t;
	int r = read_table(it->py, it->mem, it->tables[it->table], &t, err);

	if (r < 0)
		return r;
	it->nentries = t.nentries;
	it->nbuckets = t.nbuckets;
	it->buckets = t.buckets;
	it->bucket = 0;
	it->visited = 0;
	it->entry = TADDR_NULL;
	it->value_at = (uint32_t)it->py->layout->_Py_hashtable_entry_t_sizeof + (uint32_t)t.key_bytes;
	return 0;
}

/* Head of the next bucket's chain, through a copy of a part of the array. */
static int next_chain(struct tracemalloc_iter *it, struct err *err)
{
	uint64_t in = it->bucket % TRACEMALLOC_CHUNK;

	if (in == 0) {
		uint64_t n = it->nbuckets - it->bucket;
		int64_t got;

		/* CPython makes a table smaller when less than a tenth of it is in use (hashtable.c) */
		if (it->bucket >= SPARSE_BUCKETS && it->visited < it->bucket / 64)
			return err_set(err, ERR_CORRUPT, "tracemalloc's table is empty for its size");
		if (n > TRACEMALLOC_CHUNK)
			n = TRACEMALLOC_CHUNK;
		memset(it->chunk, 0, sizeof(it->chunk));
		got = mem_read_some(it->mem, taddr_add(it->buckets, (int64_t)it->bucket * 8), it->chunk,
				    n * 8);
		if (got < 0)
			return err_set(err, (int)got, "tracemalloc's table");
		if ((uint64_t)got < n * 8)
			it->damaged++;
	}
	it->entry = taddr_of(it->chunk[in]);
	it->bucket++;
	it->mark = TADDR_NULL;
	it->steps = 0;
	it->lap = 1;
	return 0;
}

/* Does the chain lead from `entry` to where it has been? An entry is kept in mind for twice as many steps each time. */
static bool goes_round(struct tracemalloc_iter *it, taddr entry, taddr next)
{
	if (++it->steps == it->lap) {
		it->mark = entry;
		it->steps = 0;
		it->lap *= 2;
	}
	return !taddr_is_null(next) && next.v == it->mark.v;
}

int tracemalloc_next(struct tracemalloc_iter *it, struct tracemalloc_trace *ret, struct err *err)
{
	while (it->table < it->ntables) {
		taddr next;
		int r;

		if (taddr_is_null(it->entry)) {
			if (it->bucket < it->nbuckets) {
				r = next_chain(it, err);
			} else if (++it->table < it->ntables) {
				r = open_table(it, err);
			} else {
				return 0;
			}
			if (r < 0)
				return r;
			continue;
		}
		if (it->visited++ > it->nentries + ENTRIES_SLACK)
			return err_set(err, ERR_CORRUPT, "tracemalloc's table has no end");
		r = read_entry(it, it->entry, &next, ret);
		if (r == ERR_GONE)
			return err_set(err, r, "tracemalloc's table");
		if (r < 0) {
			it->damaged++;
			it->entry = TADDR_NULL;
			continue;
		}
		if (goes_round(it, it->entry, next))
			return err_set(err, ERR_CORRUPT, "tracemalloc's table goes round in a circle");
		it->entry = next;
		return 1;
	}
	return 0;
}

/* --- where the tables are ---------------------------------------------------------------- */

/* Does the first entry found lead to a traceback of str or text? Only for the search. */
static bool looks_like_traces(const struct py *py, struct mem_source *mem, taddr table)
{
	AUTO_FREE struct tracemalloc_iter *it = calloc(1, sizeof(*it));
	struct tracemalloc_trace trace;
	struct tracemalloc_place place;
	uint32_t total;
	AUTO_FREE char *name = NULL;

	if (!it)
		return false;
	it->py = py;
	it->mem = mem;
	it->tables[0] = table;
	it->ntables = 1;
	if (open_table(it, NULL) < 0 || !it->nentries || it->nentries > it->nbuckets * 4)
		return false;
	if (tracemalloc_next(it, &trace, NULL) <= 0 || it->damaged || trace.block.v % 8 ||
	    taddr_is_null(trace.block) || trace.size > UINT64_C(1) << 48 ||
	    trace.traceback.v % 8 || taddr_is_null(trace.traceback))
		return false;
	return tracemalloc_frames(py, mem, trace.traceback, &place, 1, &total, NULL) == 1 &&
	       !tracemalloc_filename(py, mem, place.filename, &name, NULL);
}

/* The table's functions are the interpreter's; cheap enough to be asked of every word. */
static bool has_functions(const struct py *py, struct mem_source *mem, taddr table)
{
	const struct py_layout *l = py->layout;
	uint64_t hash, compare;

	if (mem_word(mem, taddr_add(table, l->_Py_hashtable_t_hash_func), &hash, NULL) < 0 ||
	    mem_word(mem, taddr_add(table, l->_Py_hashtable_t_compare_func), &compare, NULL) < 0)
		return false;
	return hash >= py->text_start && hash < py->text_end && compare >= py->text_start &&
	       compare < py->text_end;
}

static int search_traces(const struct py *py, struct mem_source *mem, taddr *ret, struct err *err)
{
	uint64_t bytes = (py->data_end - py->data_start) & ~UINT64_C(7);
	AUTO_FREE uint64_t *words = NULL;
	int64_t got;

	*ret = TADDR_NULL;
	if (bytes > DATA_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "data of the interpreter is absurdly large");
	words = malloc(bytes + 8);
	if (!words)
		return err_nomem(err);
	got = mem_read_some(mem, taddr_of(py->data_start), words, bytes);
	if (got < 0)
		return err_set(err, (int)got, "data of the interpreter");
	for (uint64_t i = 0; i < (uint64_t)got / 8; i++) {
		taddr table = taddr_of(words[i]);

		if (table.v < 4096 || table.v % 8 || table.v >> 56)
			continue;
		if (has_functions(py, mem, table) && looks_like_traces(py, mem, table)) {
			*ret = table;
			return 0;
		}
	}
	return 0;
}

/* Address of the variable: _PyRuntime's member, or a static when .symtab has it. */
static int find_variable(const struct py *py, int32_t member, const char *name, taddr *ret,
			 struct err *err)
{
	int r;

	if (member != PY_ABSENT) {
		*ret = taddr_add(py->runtime, member);
		return 1;
	}
	r = py_symbol_local(py, name, ret, err);
	return r;
}

/* Tables of other domains (3.9+): key is the number, value the table. */
static int find_domains(struct tracemalloc_iter *it, struct err *err)
{
	const struct py_layout *l = it->py->layout;
	struct table t;
	taddr at, table;
	int r = find_variable(it->py, l->_PyRuntimeState_tracemalloc_domains, "tracemalloc_domains",
			      &at, err);

	if (r <= 0 || l->tracemalloc_table == PY_TRACES_INLINE)
		return r < 0 ? r : 0;
	r = mem_ptr(it->mem, at, &table, err);
	if (r < 0 || taddr_is_null(table))
		return r;
	r = read_table(it->py, it->mem, table, &t, err);
	for (uint64_t i = 0; r == 0 && i < t.nbuckets && i < 65536; i++) {
		taddr entry;

		r = mem_ptr(it->mem, taddr_add(t.buckets, (int64_t)i * 8), &entry, err);
		while (r == 0 && !taddr_is_null(entry) && it->ntables < TRACEMALLOC_DOMAINS_MAX) {
			uint64_t key;

			r = mem_word(it->mem, taddr_add(entry, l->_Py_hashtable_entry_t_key), &key, err);
			if (r == 0)
				r = mem_ptr(it->mem, taddr_add(entry, l->_Py_hashtable_entry_t_value),
					    &it->tables[it->ntables], err);
			if (r == 0)
				r = mem_ptr(it->mem, taddr_add(entry, l->_Py_hashtable_entry_t_next),
					    &entry, err);
			it->domain[it->ntables++] = (uint32_t)key;
		}
	}
	return r;
}

static int count_traces(struct tracemalloc_iter *it, struct err *err)
{
	for (uint32_t i = 0; i < it->ntables; i++) {
		struct table t;
		int r = read_table(it->py, it->mem, it->tables[i], &t, err);

		if (r < 0)
			return r;
		it->total += t.nentries;
	}
	return 0;
}

int tracemalloc_iter_init(struct tracemalloc_iter *it, const struct py *py, struct mem_source *mem,
			  struct err *err)
{
	taddr at, traces = TADDR_NULL;
	int r;

	memset(it, 0, sizeof(*it));
	it->py = py;
	it->mem = mem;
	if (!py->tracemalloc_on)
		return 0;
	r = find_variable(py, py->layout->_PyRuntimeState_tracemalloc_traces, "tracemalloc_traces", &at,
			  err);
	if (r > 0)
		r = mem_ptr(mem, at, &traces, err);
	else if (r == 0)
		r = search_traces(py, mem, &traces, err);
	if (r < 0)
		return r;
	if (taddr_is_null(traces))
		return 0;
	it->tables[it->ntables++] = traces;
	r = find_domains(it, err);
	if (r == 0)
		r = count_traces(it, err);
	return r < 0 ? r : open_table(it, err);
}

/* --- tracebacks -------------------------------------------------------------------------- */

int tracemalloc_frames(const struct py *py, struct mem_source *mem, taddr traceback,
		       struct tracemalloc_place *ret, size_t max, uint32_t *ret_total,
		       struct err *err)
{
	const struct py_layout *l = py->layout;
	bool wide = l->tracemalloc_traceback_total_nframe == PY_ABSENT;
	uint16_t nframe16 = 0, total16 = 0;
	uint32_t nframe, total;
	size_t n;
	int r;

	if (wide) {
		r = mem_u32(mem, taddr_add(traceback, l->tracemalloc_traceback_nframe), &nframe, err);
		total = nframe;
	} else {
		r = mem_u16(mem, taddr_add(traceback, l->tracemalloc_traceback_nframe), &nframe16, err);
		if (r == 0)
			r = mem_u16(mem, taddr_add(traceback, l->tracemalloc_traceback_total_nframe),
				    &total16, err);
		nframe = nframe16;
		total = total16;
	}
	if (r < 0)
		return err_wrap(err, r, "traceback");
	if (!nframe || nframe > TRACEMALLOC_FRAMES_MAX)
		return err_set(err, ERR_CORRUPT, "traceback of %u frames", nframe);
	n = nframe < max ? nframe : max;
	for (size_t i = 0; i < n; i++) {
		taddr frame = taddr_add(traceback, l->tracemalloc_traceback_frames +
							   (int64_t)i * l->tracemalloc_frame_sizeof);

		r = mem_ptr(mem, taddr_add(frame, l->tracemalloc_frame_filename), &ret[i].filename, err);
		if (r == 0)
			r = mem_u32(mem, taddr_add(frame, l->tracemalloc_frame_lineno), &ret[i].line,
				    err);
		if (r < 0)
			return err_wrap(err, r, "traceback");
	}
	*ret_total = total;
	return (int)n;
}

int tracemalloc_filename(const struct py *py, struct mem_source *mem, taddr filename, char **ret,
			 struct err *err)
{
	AUTO_BUF struct buf text = BUF_INIT;
	AUTO_FREE char *raw = NULL;
	int r;

	switch (py->layout->tracemalloc_filename) {
	case PY_TRACE_FILE_STR:
		return str_read(mem, py->layout, filename, PATH_BYTES_MAX, ret, err);
	case PY_TRACE_FILE_UTF8:
		break;
	}
	r = mem_cstr(mem, filename, PATH_BYTES_MAX, &raw, err);
	if (r < 0)
		return err_wrap(err, r, "file name");
	utf8_from_bytes(&text, raw, strlen(raw));
	*ret = buf_take(&text, NULL);
	return *ret ? 0 : err_nomem(err);
}
