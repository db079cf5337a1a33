/* SPDX-License-Identifier: MIT */
/* Tests as rows. Ids are pytest's words: "folder/test_a.py::TestB::test_c[1-x]". */
#include "report/model/cases.h"

#include <stdlib.h>
#include <string.h>

void cases_deinit(struct cases *c)
{
	if (!c)
		return;
	vec_deinit(&c->rows);
	arena_deinit(&c->arena);
}

/* The id's file, and its function without parameters, as pieces of the id. */
static void split_id(const char *id, size_t *ret_file, const char **ret_function, size_t *ret_n)
{
	const char *colons = strstr(id, "::");
	size_t end;

	*ret_file = colons ? (size_t)(colons - id) : strlen(id);
	*ret_function = colons ? colons + 2 : id;
	end = strcspn(*ret_function, "[");
	for (const char *p; (p = memmem(*ret_function, end, "::", 2)) != NULL;) {
		end -= (size_t)(p + 2 - *ret_function);
		*ret_function = p + 2;
	}
	*ret_n = end;
}

int cases_add(struct cases *c, const struct fact_test *f, struct err *err)
{
	struct test_case row = { .fact = *f };
	const char *function;
	size_t file_bytes, n;

	row.fact.id = arena_str(&c->arena, f->id, strlen(f->id));
	if (!row.fact.id)
		return err_nomem(err);
	split_id(row.fact.id, &file_bytes, &function, &n);
	row.file = arena_str(&c->arena, row.fact.id, file_bytes);
	row.function = arena_str(&c->arena, function, n);
	return !row.file || !row.function || vec_push(&c->rows, row) < 0 ? err_nomem(err) : 0;
}

/* One function of the program: last part of its name, file, first line. */
struct place {
	const char *name, *file;
	uint32_t line;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->file, y->file);
}

static bool is_file(const char *path, const char *tail)
{
	size_t n = strlen(path), m = strlen(tail);

	return n >= m && strcmp(path + n - m, tail) == 0 && (n == m || path[n - m - 1] == '/');
}

static void locate(struct test_case *t, const struct place *places, size_t n)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(places[mid].name, t->function) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && strcmp(places[lo].name, t->function) == 0; lo++) {
		if (!is_file(places[lo].file, t->file))
			continue;
		t->file = places[lo].file;
		t->line = places[lo].line;
		return;
	}
}

int cases_locate(struct cases *c, const struct stacks *s, struct err *err)
{
	size_t n = s->frames.len, kept = 0;

	if (c->rows.len == 0)
		return 0;
	AUTO_FREE struct place *places = calloc(n + 1, sizeof *places);
	if (!places)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		struct stack_text f = stacks_text(s, (uint32_t)i);
		const char *dot = strrchr(f.function, '.');
		places[i] = (struct place){ dot && dot[1] ? dot + 1 : f.function, f.file,
					    f.first_line };
	}
	qsort(places, n, sizeof *places, by_place);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_place(&places[kept - 1], &places[i]) != 0)
			places[kept++] = places[i];
	for (size_t i = 0; i < c->rows.len; i++)
		locate(&c->rows.at[i], places, kept);
	return 0;
}

static uint64_t figure(const struct fact_test *f, enum cases_order by)
{
	return by == CASES_KEPT	     ? f->kept_bytes :
	       by == CASES_ALLOCATED ? f->alloc_bytes :
				       f->peak_bytes;
}

struct ranked {
	uint64_t figure;
	uint32_t row;
};

static int largest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->figure != y->figure)
		return x->figure > y->figure ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

int cases_sorted(const struct cases *c, enum cases_order by, uint32_t **ret, struct err *err)
{
	size_t n = c->rows.len;
	AUTO_FREE struct ranked *ranked = calloc(n + 1, sizeof *ranked);

	*ret = calloc(n + 1, sizeof **ret);
	if (!ranked || !*ret) {
		free(*ret);
		*ret = NULL;
		return err_nomem(err);
	}
	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){ figure(&c->rows.at[i].fact, by), (uint32_t)i };
	qsort(ranked, n, sizeof *ranked, largest_first);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = ranked[i].row;
	return 0;
}

static void put_row(const struct test_case *t, struct table_cell *cell)
{
	const struct fact_test *f = &t->fact;
	const uint64_t figures[] = {
		f->peak_bytes,	f->kept_bytes,	f->kept_blocks, f->left_bytes,
		f->left_blocks, f->alloc_bytes, f->alloc_blocks, f->phase[0].alloc_bytes,
		f->phase[0].peak_bytes, f->phase[1].alloc_bytes, f->phase[1].peak_bytes,
		f->phase[2].alloc_bytes, f->phase[2].peak_bytes, f->runs, f->first_ns,
		f->duration_ns,
	};
	const size_t n = sizeof figures / sizeof *figures;

	cell[0].text = f->id;
	for (size_t i = 0; i < n; i++)
		cell[1 + i].count = figures[i];
	cell[n + 1].text = t->function;
	cell[n + 2].text = t->file;
	cell[n + 3].count = t->line;
}

int cases_table(const struct cases *c, enum cases_order by, size_t top, struct table *ret,
		struct err *err)
{
	static const struct table_column columns[] = {
		{ "test", "TEST", TABLE_NAME },
		{ "peak_bytes", "PEAK", TABLE_BYTES },
		{ "kept_bytes", "KEPT", TABLE_BYTES },
		{ "kept_blocks", "KEPT BLOCKS", TABLE_COUNT },
		{ "left_bytes", "LEFT", TABLE_BYTES },
		{ "left_blocks", "LEFT BLOCKS", TABLE_COUNT },
		{ "allocated_bytes", "ALLOCATED", TABLE_BYTES },
		{ "allocated_blocks", "ALLOCS", TABLE_COUNT },
		{ "setup_allocated_bytes", "SETUP", TABLE_BYTES },
		{ "setup_peak_bytes", "SETUP PEAK", TABLE_BYTES },
		{ "call_allocated_bytes", "CALL", TABLE_BYTES },
		{ "call_peak_bytes", "CALL PEAK", TABLE_BYTES },
		{ "teardown_allocated_bytes", "TEARDOWN", TABLE_BYTES },
		{ "teardown_peak_bytes", "TEARDOWN PEAK", TABLE_BYTES },
		{ "runs", "RUNS", TABLE_COUNT },
		{ "first_ns", "AT", TABLE_TIME_NS },
		{ "duration_ns", "TIME", TABLE_TIME_NS },
		{ "function", "FUNCTION", TABLE_NAME },
		{ "file", "FILE", TABLE_NAME },
		{ "line", "LINE", TABLE_NUMBER },
	};
	AUTO_FREE uint32_t *order = NULL;
	int rc = cases_sorted(c, by, &order, err);

	if (rc == 0)
		rc = table_init(ret, columns, sizeof columns / sizeof *columns, err);
	for (size_t i = 0; rc == 0 && i < c->rows.len && (top == 0 || i < top); i++) {
		struct table_cell *cell = table_row(ret);
		if (!cell) {
			table_deinit(ret);
			return err_nomem(err);
		}
		put_row(&c->rows.at[order[i]], cell);
	}
	return rc;
}
