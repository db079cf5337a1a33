/* SPDX-License-Identifier: MIT */
/* Order, filter and search are the same for all panes; trees keep their own order. */
#include "report/tui/rows.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/tui/state.h"
#include "report/view/escape.h"

void tui_rows_deinit(struct tui_rows *r)
{
	if (!r)
		return;
	vec_deinit(&r->rows);
	if (r->own_free)
		r->own_free(r->own);
	*r = (struct tui_rows){ 0 };
}

struct tui_row *tui_row_add(struct tui_rows *r, uint64_t key, uint32_t index)
{
	struct tui_row *row = vec_add(&r->rows);

	if (!row)
		return NULL;
	row->key = key;
	row->index = index;
	for (size_t i = 0; i < TUI_COLUMNS_MAX; i++)
		row->v[i] = NAN;
	return row;
}

void tui_row_names(const struct tui_rows *r, const struct tui_subject *s, const struct tui_row *row,
		   struct buf *out)
{
	for (unsigned i = 0; i < TUI_NAMES_MAX && r->pane->names[i]; i++) {
		if (i)
			(void)buf_put(out, " ", 1);
		r->pane->name(r, s, row, i, out);
	}
}

bool tui_contains(const char *text, size_t n, const char *words)
{
	size_t k = strlen(words);

	for (size_t i = 0; i + k <= n; i++) {
		size_t j = 0;
		while (j < k && tolower((unsigned char)text[i + j]) == tolower((unsigned char)words[j]))
			j++;
		if (j == k)
			return true;
	}
	return k == 0;
}

/* "1M" of ">1M" in bytes. */
static double size_of(const char *text, size_t n)
{
	char copy[32], *end;

	snprintf(copy, sizeof copy, "%.*s", (int)n, text);
	double v = strtod(copy, &end);
	static const char letters[] = "KMGT";
	const char *at = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
	for (const char *p = letters; at && p <= at; p++)
		v *= 1024;
	return v;
}

/* The largest figure in bytes of a row, for ">1M". */
static double largest(const struct tui_rows *r, const struct tui_row *row)
{
	double most = 0;

	for (unsigned i = 0; i < r->pane->ncolumns; i++)
		if (r->pane->columns[i].figure == TUI_BYTES && row->v[i] > most)
			most = row->v[i];
	return most;
}

/* One word of the filter: "type:x", "site:x", "-x", ">1M", "x". */
static bool word_fits(const struct tui_rows *r, const struct tui_subject *s,
		      const struct tui_row *row, const char *word, size_t n)
{
	char text[TUI_TEXT_MAX];
	bool without = n > 1 && word[0] == '-';
	struct buf names = BUF_INIT;
	unsigned only = TUI_NAMES_MAX;

	if (word[0] == '>' || word[0] == '<')
		return word[0] == '>' ? largest(r, row) > size_of(word + 1, n - 1) :
					largest(r, row) < size_of(word + 1, n - 1);
	word += without;
	n -= without;
	if (n > 5 && (memcmp(word, "type:", 5) == 0 || memcmp(word, "site:", 5) == 0)) {
		only = word[0] == 't' || !r->pane->names[1] ? 0 : 1;
		word += 5;
		n -= 5;
	}
	snprintf(text, sizeof text, "%.*s", (int)n, word);
	if (only < TUI_NAMES_MAX)
		r->pane->name(r, s, row, only, &names);
	else
		tui_row_names(r, s, row, &names);
	bool fits = !names.failed && tui_contains((const char *)names.bytes, names.len, text);
	buf_deinit(&names);
	return fits != without;
}

static bool fits_filter(const struct tui_rows *r, const struct tui_subject *s,
			const struct tui_row *row, const char *filter)
{
	while (*filter) {
		size_t n = strcspn(filter, " ");
		if (n && !word_fits(r, s, row, filter, n))
			return false;
		filter += n;
		filter += *filter == ' ';
	}
	return true;
}

/* Rows of a tree stay when anything below them fits. */
static void apply_filter(struct tui_rows *r, const struct tui_subject *s, const char *filter)
{
	size_t n = r->rows.len, kept = 0;
	AUTO_FREE bool *keep = calloc(n + 1, 1);
	int wanted_depth = -1;

	for (size_t i = n; keep && i-- > 0;) {
		struct tui_row *row = &r->rows.at[i];
		bool fits = fits_filter(r, s, row, filter);
		if (r->pane->tree && wanted_depth > row->depth)
			fits = true;
		if (r->pane->tree && fits)
			wanted_depth = row->depth;
		keep[i] = fits;
	}
	for (size_t i = 0; keep && i < n; i++)
		if (keep[i])
			r->rows.at[kept++] = r->rows.at[i];
	if (keep)
		r->rows.len = kept;
	r->hidden = n - r->rows.len;
}

struct order {
	const struct tui_rows *rows;
	unsigned column;
	bool rising;
};

static int compare(const void *a, const void *b, void *ctx)
{
	const struct tui_row *x = a, *y = b;
	const struct order *o = ctx;
	double p = x->v[o->column], q = y->v[o->column];

	if (x->rest != y->rest)
		return x->rest ? 1 : -1;
	if (isnan(p) || isnan(q))
		p = isnan(p) ? 0 : p, q = isnan(q) ? 0 : q;
	if (p < q || p > q)
		return (p < q) != o->rising ? 1 : -1;
	p = largest(o->rows, x);
	q = largest(o->rows, y);
	if (p < q || p > q)
		return p < q ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

int tui_rows_build(struct tui_rows *r, const struct tui_subject *s, const struct tui_state *state,
		   struct err *err)
{
	const struct tui_pane *pane = tui_pane(state->pane);

	tui_rows_deinit(r);
	r->pane = pane;
	r->heap = tui_heap(s);
	if (!s->r) {
		snprintf(r->absent, sizeof r->absent, "waiting for the first figures");
		return 0;
	}
	int rc = pane->build(r, s, state, err);
	if (rc < 0)
		return rc;
	if (state->filter[0])
		apply_filter(r, s, state->filter);
	if (!pane->tree && r->rows.len > 1) {
		struct order o = { r, state->panes[state->pane].sort, state->panes[state->pane].inverted };
		if (o.column >= pane->ncolumns)
			o.column = pane->sort;
		qsort_r(r->rows.at, r->rows.len, sizeof *r->rows.at, compare, &o);
	}
	return 0;
}

size_t tui_rows_find(const struct tui_rows *r, const struct tui_subject *s, const char *words,
		     size_t from, bool back)
{
	size_t n = r->rows.len;

	for (size_t i = 0; i < n && *words; i++) {
		size_t at = (from + (back ? n - i : i)) % n;
		struct buf names = BUF_INIT;
		tui_row_names(r, s, &r->rows.at[at], &names);
		bool hit = !names.failed && tui_contains((const char *)names.bytes, names.len, words);
		buf_deinit(&names);
		if (hit)
			return at;
	}
	return SIZE_MAX;
}

/* --- text --------------------------------------------------------------------------------- */

void tui_say(struct tui_lines *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)buf_vprintf(&l->text, fmt, ap);
	va_end(ap);
}

void tui_say_name(struct tui_lines *l, const char *name, size_t n)
{
	char safe[1024 * ESCAPE_GROWTH];

	if (n > 1023) {
		name += n - 1023;
		n = 1023;
	}
	size_t len = escape(l->ascii ? ESCAPE_ASCII : ESCAPE_UTF8, name, n, safe, sizeof safe);
	(void)buf_put(&l->text, safe, len);
}

static bool innermost(const struct stacks *s, uint32_t stack, struct stack_text *f)
{
	uint32_t place = stack < s->stacks.len ? s->stacks.at[stack] : STACKS_ROOT;

	return stacks_next(s, &place, f);
}

void tui_stack_function(const struct stacks *s, uint32_t stack, struct buf *out)
{
	struct stack_text f;

	if (innermost(s, stack, &f))
		(void)buf_put(out, f.function, f.function_bytes);
	else
		(void)buf_str(out, "(no Python stack)");
}

void tui_stack_place(const struct stacks *s, uint32_t stack, struct buf *out)
{
	struct stack_text f;

	if (!innermost(s, stack, &f))
		return;
	tui_file_line(f.file, f.file_bytes, f.line, out);
}

void tui_file_line(const char *file, size_t n, uint32_t line, struct buf *out)
{
	size_t from = n;

	/* Two components tell files apart well enough; the evidence has the whole path. */
	for (unsigned slashes = 0; from > 0; from--)
		if (file[from - 1] == '/' && ++slashes == 2)
			break;
	(void)buf_put(out, file + from, n - from);
	(void)buf_printf(out, ":%u", line);
}

void tui_say_stack(struct tui_lines *l, const struct stacks *stacks, uint32_t stack)
{
	struct stack_text f;
	uint32_t place = stack < stacks->stacks.len ? stacks->stacks.at[stack] : STACKS_ROOT;
	unsigned n = 0;

	while (stacks_next(stacks, &place, &f)) {
		tui_say(l, "%s", n++ ? "          < " : "MADE AT   ");
		tui_say_name(l, f.function, f.function_bytes);
		tui_say(l, "  ");
		tui_say_name(l, f.file, f.file_bytes);
		tui_say(l, ":%u\n", f.line);
	}
	if (n == 0)
		tui_say(l, "MADE AT   no Python stack: start-up, or a thread without the GIL\n");
	else if (place == STACKS_TRUNCATED)
		tui_say(l, "          < (outer frames are missing)\n");
}
