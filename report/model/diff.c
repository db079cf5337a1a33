/* SPDX-License-Identifier: MIT */
/*
 * One table per question, filled file by file under a text key that means the same in every
 * file; then compared row by row. Knows nothing of time: what is live at the end of each file
 * is what is compared.
 */
#include "report/model/diff.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/own.h"
#include "base/strtab.h"
#include "report/model/check.h"
#include "report/model/diff_private.h"
#include "report/model/leaks_private.h"

#define KEY_NAME_MAX 512

struct filling {
	struct diff *d;
	struct strtab *keys;
	struct map rows[DIFF_BYS]; /* key → index into the table's rows */
	struct buf text;
};

const char *diff_by_name(enum diff_by by)
{
	switch (by) {
	case DIFF_TYPE:
		return "type";
	case DIFF_SITE:
		return "site";
	case DIFF_HOLDER:
		return "holder";
	}
	return "type";
}

const char *diff_state_name(enum diff_state s)
{
	switch (s) {
	case DIFF_SAME:
		return "same";
	case DIFF_NEW:
		return "new";
	case DIFF_GROWN:
		return "grown";
	case DIFF_SHRUNK:
		return "shrunk";
	case DIFF_GONE:
		return "gone";
	case DIFF_UNTOLD:
		return "untold";
	}
	return "same";
}

const char *diff_unknown_why(enum diff_by by)
{
	return by == DIFF_SITE ? "not every file has a recording" : "not every file has a snapshot that tells";
}

void diff_deinit(struct diff *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DIFF_BYS; i++)
		vec_deinit(&d->by[i].rows);
	vec_deinit(&d->notes);
	arena_deinit(&d->arena);
	memset(d, 0, sizeof *d);
}

static void filling_deinit(struct filling *f)
{
	strtab_free(f->keys);
	for (size_t i = 0; i < DIFF_BYS; i++)
		map_deinit(&f->rows[i]);
	buf_deinit(&f->text);
}

/* --- filling ------------------------------------------------------------------------------ */

/* The row under the key now in f->text; *ret_new when it was made, with empty names. */
static struct diff_row *row_of(struct filling *f, enum diff_by by, bool *ret_new, struct err *err)
{
	struct diff_table *t = &f->d->by[by];
	uint32_t key;
	if (f->text.failed ||
	    strtab_add(f->keys, (const char *)f->text.bytes, f->text.len, &key, err) < 0) {
		(void)err_nomem(err);
		return NULL;
	}
	uint64_t *at = map_add(&f->rows[by], key, t->rows.len, ret_new);
	if (!at || (*ret_new && !vec_add(&t->rows))) {
		(void)err_nomem(err);
		return NULL;
	}
	struct diff_row *row = &t->rows.at[*at];
	if (*ret_new) {
		row->name = row->type = row->holder = row->path = "";
		row->stack = row->frame = STACKS_NONE;
	}
	return row;
}

static const char *keep(struct filling *f, const char *s)
{
	return arena_str(&f->d->arena, s, strlen(s));
}

static int add_types(struct filling *f, size_t file, struct err *err)
{
	const struct heap_model *m = heaps_last(&f->d->files[file]->heaps);
	char label[KEY_NAME_MAX];
	for (size_t i = 0; m && i < m->types.len; i++) {
		const struct fact_heap_type *t = &m->types.at[i];
		bool fresh;
		if (t->count == 0 && t->total_bytes == 0)
			continue;
		heap_type_label(t, label, sizeof label);
		buf_clear(&f->text);
		(void)buf_str(&f->text, label);
		struct diff_row *row = row_of(f, DIFF_TYPE, &fresh, err);
		if (!row)
			return ERR_NOMEM;
		row->count[file] += t->count;
		row->bytes[file] += t->total_bytes;
		if (fresh && !(row->name = row->type = keep(f, label)))
			return err_nomem(err);
	}
	return 0;
}

/* "cache.py put\nworker.py handle\n…": no lines, so that an edit above does not make it another. */
static void site_key(struct filling *f, const struct stacks *s, uint32_t stack)
{
	char file[KEY_NAME_MAX];
	struct stack_text frame;
	uint32_t place = s->stacks.at[stack];
	buf_clear(&f->text);
	for (size_t i = 0; i < DIFF_KEY_FRAMES_MAX && stacks_next(s, &place, &frame); i++) {
		check_file_name(frame.file, "", file, sizeof file);
		(void)buf_printf(&f->text, "%s %s\n", file, check_function_name(frame.function));
	}
	if (f->text.len == 0)
		(void)buf_str(&f->text, "(no Python stack)");
}

static int name_site(struct filling *f, struct diff_row *row, const struct recording *r,
		     uint32_t stack, struct err *err)
{
	char name[2 * KEY_NAME_MAX], file[KEY_NAME_MAX];
	row->of = r;
	row->stack = stack;
	row->frame = leaks_blamed(&r->stacks, stack);
	snprintf(name, sizeof name, "(no Python stack)");
	if (row->frame != STACKS_NONE) {
		struct stack_text t = stacks_text(&r->stacks, row->frame);
		check_file_name(t.file, "", file, sizeof file);
		snprintf(name, sizeof name, "%.500s %s:%u", t.function, file, t.line);
	}
	row->name = keep(f, name);
	return row->name ? 0 : err_nomem(err);
}

static int add_sites(struct filling *f, size_t file, struct err *err)
{
	const struct recording *r = f->d->files[file];
	for (size_t i = 0; i < r->stacks.stacks.len; i++) {
		const struct counters *c = &r->by_stack[i];
		bool fresh;
		if (counters_live_bytes(c) == 0)
			continue;
		site_key(f, &r->stacks, (uint32_t)i);
		struct diff_row *row = row_of(f, DIFF_SITE, &fresh, err);
		if (!row)
			return ERR_NOMEM;
		/* Two lines of one function are one row; its name is the larger's. */
		bool larger = fresh || row->of != r ||
			      counters_live_bytes(c) >
				      counters_live_bytes(&r->by_stack[row->stack]);
		row->count[file] += counters_live_blocks(c);
		row->bytes[file] += counters_live_bytes(c);
		if (larger && name_site(f, row, r, (uint32_t)i, err) < 0)
			return ERR_NOMEM;
	}
	return 0;
}

static int add_holders(struct filling *f, size_t file, struct err *err)
{
	const struct heap_model *m = heaps_last(&f->d->files[file]->heaps);
	char label[KEY_NAME_MAX], name[2 * KEY_NAME_MAX];
	for (size_t i = 0; m && i < m->helds.len && m->helds.at[i].site == 0; i++) {
		const struct fact_heap_held *h = &m->helds.at[i];
		const struct fact_heap_type *t = heap_type_of(m, h->type);
		bool fresh;
		if (!t)
			continue;
		heap_type_label(t, label, sizeof label);
		buf_clear(&f->text);
		(void)buf_printf(&f->text, "%s\n%s", label, h->path);
		struct diff_row *row = row_of(f, DIFF_HOLDER, &fresh, err);
		if (!row)
			return ERR_NOMEM;
		row->count[file] += h->objects;
		row->bytes[file] += h->bytes;
		if (!fresh)
			continue;
		snprintf(name, sizeof name, "%.400s held by %.400s", label,
			 *h->holder ? h->holder : *h->path ? h->path : "nothing found");
		row->name = keep(f, name);
		row->type = keep(f, label);
		row->holder = keep(f, h->holder);
		row->path = keep(f, h->path);
		if (!row->name || !row->type || !row->holder || !row->path)
			return err_nomem(err);
	}
	return 0;
}

/* The row of the type called so; of none there is one beyond the last. */
static int type_row(struct filling *f, const char *label, size_t *ret, struct err *err)
{
	uint32_t key;
	if (strtab_add(f->keys, label, strlen(label), &key, err) < 0)
		return err_nomem(err);
	*ret = map_get(&f->rows[DIFF_TYPE], key, f->d->by[DIFF_TYPE].rows.len);
	return 0;
}

static int add_told(struct filling *f, size_t file, struct diff_told *told, struct err *err)
{
	const struct heap_model *m = heaps_last(&f->d->files[file]->heaps);
	char label[KEY_NAME_MAX];
	size_t at;
	int rc = 0;
	for (size_t i = 0; rc == 0 && m && i < m->helds.len && m->helds.at[i].site == 0; i++) {
		const struct fact_heap_type *t = heap_type_of(m, m->helds.at[i].type);
		if (!t)
			continue;
		rc = type_row(f, heap_type_label(t, label, sizeof label), &at, err);
		if (rc < 0)
			return rc;
		told[at].count[file] += m->helds.at[i].objects;
		told[at].rows[file]++;
	}
	return rc;
}

/* A snapshot tells the larger holders of a type: what it lacks may be there all the same. */
static int bound_holders(struct filling *f, struct err *err)
{
	struct diff *d = f->d;
	struct diff_table *holders = &d->by[DIFF_HOLDER], *types = &d->by[DIFF_TYPE];
	AUTO_FREE struct diff_told *told = calloc(types->rows.len + 1, sizeof *told);
	size_t at;
	int rc = told ? 0 : err_nomem(err);
	for (size_t i = 0; rc == 0 && i < d->nfiles; i++)
		rc = add_told(f, i, told, err);
	for (size_t i = 0; rc == 0 && i < holders->rows.len; i++) {
		rc = type_row(f, holders->rows.at[i].type, &at, err);
		if (rc == 0 && at < types->rows.len)
			diff_bound(&holders->rows.at[i], &types->rows.at[at], &told[at], d->nfiles);
	}
	return rc;
}

/* --- comparing ---------------------------------------------------------------------------- */

static bool answers(const struct recording *r, enum diff_by by)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	switch (by) {
	case DIFF_TYPE:
		return m != NULL;
	case DIFF_SITE:
		return !recording_is_snapshot(r);
	case DIFF_HOLDER:
		return m && m->helds.len > 0 && m->helds.at[0].site == 0;
	}
	return false;
}

static uint64_t grown_by(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The most there may be on one side: a change is told when it is one all the same. */
static void compare_untold(struct diff_row *row, size_t last)
{
	const uint64_t *b = row->bytes, *c = row->count;
	bool more = !row->untold[last] && c[last] > c[0] && b[last] > b[0];
	bool less = !row->untold[0] && c[last] < c[0] && b[last] < b[0];
	row->state = more ? DIFF_GROWN : less ? DIFF_SHRUNK : DIFF_UNTOLD;
}

static void compare(const struct diff *d, enum diff_by by, struct diff_row *row)
{
	size_t last = d->nfiles - 1;
	const uint64_t *b = row->bytes, *c = row->count;
	/* Bytes by holder are the type's mean: without more objects they say nothing new. */
	if (by == DIFF_HOLDER && c[0] == c[last])
		row->bytes[last] = row->bytes[0];
	if (row->untold[0] || row->untold[last]) {
		compare_untold(row, last);
		if (row->state == DIFF_UNTOLD)
			return;
	}
	row->delta_bytes = (int64_t)(b[last] - b[0]);
	row->delta_count = (int64_t)(c[last] - c[0]);
	row->state = b[0] == b[last]			  ? DIFF_SAME :
		     b[0] == 0 && c[0] == 0		  ? DIFF_NEW :
		     b[last] == 0 && c[last] == 0	  ? DIFF_GONE :
		     b[last] > b[0]			  ? DIFF_GROWN :
							    DIFF_SHRUNK;
	if (d->nfiles == 3 && !row->untold[1] && !row->untold[2]) {
		row->kept_bytes = least(grown_by(b[0], b[1]), grown_by(b[0], b[2]));
		row->kept_count = least(grown_by(c[0], c[1]), grown_by(c[0], c[2]));
	}
}

static int row_order(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	if (x->kept_bytes != y->kept_bytes)
		return x->kept_bytes > y->kept_bytes ? -1 : 1;
	if (x->delta_bytes != y->delta_bytes)
		return x->delta_bytes > y->delta_bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int finish(struct diff *d, enum diff_by by, struct err *err)
{
	struct diff_table *t = &d->by[by];
	t->known = true;
	for (size_t i = 0; i < d->nfiles; i++)
		t->known = t->known && answers(d->files[i], by);
	if (!t->known)
		vec_clear(&t->rows);
	for (size_t i = 0; i < t->rows.len; i++) {
		struct diff_row *row = &t->rows.at[i];
		compare(d, by, row);
		t->counts[row->state]++;
		for (size_t k = 0; k < d->nfiles; k++) {
			t->bytes[k] += row->untold[k] ? 0 : row->bytes[k];
			t->count[k] += row->untold[k] ? 0 : row->count[k];
		}
	}
	int r = diff_tell_apart(d, by, err);
	vec_sort(&t->rows, row_order);
	return r;
}

static __attribute__((format(printf, 4, 5))) void note(struct diff *d, unsigned by, int *rc, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < d->notes.len; i++)
		if (strcmp(d->notes.at[i].text, text) == 0)
			return; /* of another pair of files */
	const char *own = *rc == 0 ? arena_str(&d->arena, text, strlen(text)) : NULL;
	if (*rc == 0 && (!own || vec_push(&d->notes, ((struct diff_note){ by, own })) < 0))
		*rc = ERR_NOMEM;
}

#define ANY_TABLE ((1u << DIFF_BYS) - 1)

static const char *const names[DIFF_FILES_MAX] = { "OLD", "NEW", "NEWER" };

static void note_one(struct diff *d, size_t i, int *rc)
{
	const struct fact_target *a = &d->files[0]->totals.target, *b = &d->files[i]->totals.target;
	double s = (double)d->files[0]->totals.totals.duration_ns / 1e9;
	double t = (double)d->files[i]->totals.totals.duration_ns / 1e9;
	const char *x = a->python_version, *y = b->python_version;
	if (x && y && strcmp(x, y) != 0)
		note(d, ANY_TABLE, rc, "Python %.20s is compared with Python %.20s: sizes of objects differ", x, y);
	if (d->by[DIFF_SITE].known && (s > 1.25 * t || t > 1.25 * s))
		note(d, 1u << DIFF_SITE, rc, "%s of %.0f s is compared with %s of %.0f s: sites hold what was made "
		     "since each began", names[i], t, names[0], s);
	if ((a->sample_bytes > 0) != (b->sample_bytes > 0))
		note(d, ANY_TABLE, rc, "a sample is compared with exact figures");
}

/* The words a report of that file has. */
static void note_missing(struct diff *d, int *rc)
{
	for (size_t i = 0; i < d->nfiles; i++) {
		const char *what = totals_missing(&d->files[i]->totals, TOTALS_FIGURES);
		if (what)
			note(d, ANY_TABLE, rc, "%s is incomplete: %.320s", names[i], what);
	}
}

static void note_untold(struct diff *d, int *rc)
{
	const struct diff_table *t = &d->by[DIFF_HOLDER];
	size_t untold = t->counts[DIFF_UNTOLD], bounded = 0;
	for (size_t i = 0; i < t->rows.len; i++) {
		const struct diff_row *row = &t->rows.at[i];
		bounded += row->state != DIFF_UNTOLD && (row->untold[0] || row->untold[d->nfiles - 1]);
	}
	if (untold)
		note(d, 1u << DIFF_HOLDER, rc,
		     "%zu %s not told by every file: a snapshot leaves out what holds few of a type",
		     untold, untold == 1 ? "row by holder is" : "rows by holder are");
	if (bounded)
		note(d, 1u << DIFF_HOLDER, rc, "a holder that a file does not tell counts there as the most it may have (<=)");
}

static int add_notes(struct diff *d)
{
	int rc = 0;
	note_missing(d, &rc);
	for (size_t i = 1; i < d->nfiles; i++)
		note_one(d, i, &rc);
	for (unsigned by = 0; by < DIFF_BYS; by++)
		if (!d->by[by].known)
			note(d, 1u << by, &rc, "nothing by %s: %s", diff_by_name((enum diff_by)by),
			     diff_unknown_why((enum diff_by)by));
	note_untold(d, &rc);
	return rc;
}

int diff_make(struct diff *d, const struct recording *const *files, size_t n, struct err *err)
{
	AUTO(filling_deinit) struct filling f = { .d = d };
	bool any = false;
	memset(d, 0, sizeof *d);
	d->nfiles = n;
	memcpy(d->files, files, n * sizeof *files);
	int rc = strtab_new(&f.keys, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = add_types(&f, i, err);
		if (rc == 0)
			rc = add_sites(&f, i, err);
		if (rc == 0)
			rc = add_holders(&f, i, err);
	}
	if (rc == 0)
		rc = bound_holders(&f, err);
	for (unsigned by = 0; rc == 0 && by < DIFF_BYS; by++) {
		rc = finish(d, (enum diff_by)by, err);
		any |= d->by[by].known;
	}
	if (rc == 0 && !any)
		rc = err_set(err, ERR_USAGE,
			     "nothing to compare: one file has only a recording, another only a snapshot");
	if (rc == 0 && add_notes(d) < 0)
		rc = err_nomem(err);
	if (rc < 0)
		diff_deinit(d);
	return rc;
}

uint64_t diff_worse(const struct diff *d, const struct diff_row *row)
{
	if (d->nfiles == 3)
		return row->kept_bytes;
	return row->delta_bytes > 0 ? (uint64_t)row->delta_bytes : 0;
}

size_t diff_count_grown(const struct diff *d, enum diff_by by, uint64_t min_bytes)
{
	const struct diff_table *t = &d->by[by];
	size_t n = 0;
	for (size_t i = 0; i < t->rows.len; i++) {
		uint64_t worse = diff_worse(d, &t->rows.at[i]);
		n += worse > 0 && worse >= min_bytes;
	}
	return n;
}

bool diff_grew(const struct diff *d, unsigned by, uint64_t min_bytes)
{
	for (unsigned i = 0; i < DIFF_BYS; i++)
		if ((by >> i & 1) && diff_count_grown(d, (enum diff_by)i, min_bytes) > 0)
			return true;
	return false;
}
