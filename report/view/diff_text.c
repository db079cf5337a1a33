/* SPDX-License-Identifier: MIT */
/* A comparison for people: what grew first, a table per question, limits last. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/view/diff_view.h"
#include "report/view/units.h"

#define FIGURE 9
#define ROWS 15
#define STATE 7
#define WIDTH_MIN 72

struct page {
	const struct diff *d;
	const struct diff_options *o;
	struct out *out;
	size_t width;
};

static enum escape_to charset(const struct page *p)
{
	return p->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII;
}

static void bold(struct page *p, const char *s)
{
	out_str(p->out, p->o->colour ? "\033[1m" : "");
	out_str(p->out, s);
	out_str(p->out, p->o->colour ? "\033[0m" : "");
}

/* Escaped and cut in the middle to so many columns, padded. */
static void put_name(struct page *p, const char *s, size_t columns, bool pad)
{
	struct buf safe = BUF_INIT;
	size_t n = strlen(s), used = 0;
	if (buf_reserve(&safe, n * ESCAPE_GROWTH + 1) == 0)
		safe.len = escape(charset(p), s, n, (char *)safe.bytes, n * ESCAPE_GROWTH + 1);
	out_need(p->out, &safe);
	const char *text = (const char *)safe.bytes;
	used = safe.len ? escape_columns(text, safe.len) : 0;
	if (used <= columns) {
		out_put(p->out, text, safe.len);
	} else {
		size_t head = escape_prefix(text, safe.len, (columns - 1) / 2);
		used = escape_columns(text, head) + 1;
		size_t tail = escape_suffix(text, safe.len, columns - used);
		out_put(p->out, text, head);
		out_str(p->out, "~");
		out_put(p->out, text + tail, safe.len - tail);
		used += escape_columns(text + tail, safe.len - tail);
	}
	out_fill(p->out, ' ', pad && used < columns ? columns - used : 0);
	buf_deinit(&safe);
}

static const char *signed_count(struct units *u, int64_t n)
{
	struct units plain;
	uint64_t size = n < 0 ? (uint64_t)-n : (uint64_t)n;
	snprintf(u->text, sizeof u->text, "%s%s", n < 0 ? "-" : n > 0 ? "+" : "",
		 units_count_short(&plain, size));
	return u->text;
}

static void put_row(struct page *p, const struct diff_row *row, size_t names)
{
	struct units u;
	size_t n = strlen(row->name);
	out_str(p->out, "  ");
	/* A long name has a line of its own, for its two ends say different things. */
	if (escape_columns(row->name, n) > names) {
		put_name(p, row->name, p->width - 2, false);
		out_str(p->out, "\n");
		out_fill(p->out, ' ', names + 2);
	} else {
		put_name(p, row->name, names, true);
	}
	for (size_t i = 0; i < p->d->nfiles; i++) {
		char cell[UNITS_MAX + 2];
		snprintf(cell, sizeof cell, "%s%s", row->untold[i] ? "<=" : "", units_bytes(&u, row->bytes[i]));
		out_printf(p->out, " %*s", FIGURE, cell);
	}
	if (p->d->nfiles == 3)
		out_printf(p->out, " %*s", FIGURE, units_delta(&u, (double)row->kept_bytes));
	else
		out_printf(p->out, " %*s", FIGURE, units_delta(&u, (double)row->delta_bytes));
	out_printf(p->out, " %*s %*s\n", FIGURE,
		   signed_count(&u, p->d->nfiles == 3 ? (int64_t)row->kept_count : row->delta_count),
		   STATE - 1, diff_state_name(row->state));
}

/* Worth a line: it changed, and of three files it is kept or changed between first and last. */
static bool shown(const struct diff_row *row)
{
	return (row->state != DIFF_SAME && row->state != DIFF_UNTOLD) || row->kept_bytes > 0;
}

static bool rose(const struct diff_row *row)
{
	return row->kept_bytes > 0 || row->delta_bytes >= 0;
}

static void put_table(struct page *p, enum diff_by by)
{
	static const char *const titles[] = { "BY TYPE", "BY SITE", "BY HOLDER" };
	const struct diff_table *t = &p->d->by[by];
	size_t figures = (p->d->nfiles + 2) * (FIGURE + 1) + STATE + 2;
	size_t names = p->width > figures + 20 ? p->width - figures : 20;
	size_t top = p->o->top ? p->o->top : ROWS, up = 0, down = 0, more;
	if (!t->known)
		return;
	out_str(p->out, "\n");
	bold(p, titles[by]);
	if (t->counts[DIFF_SAME] + t->counts[DIFF_UNTOLD] == t->rows.len) {
		out_str(p->out, t->counts[DIFF_UNTOLD] ? "  no change is known\n" : "  nothing changed\n");
		return;
	}
	out_fill(p->out, ' ', names + 2 - strlen(titles[by]));
	static const char *const heads[2][3] = { { "OLD", "NEW", "" }, { "OLD", "NEW", "NEWER" } };
	for (size_t i = 0; i < p->d->nfiles; i++)
		out_printf(p->out, " %*s", FIGURE, heads[p->d->nfiles - 2][i]);
	out_printf(p->out, " %*s %*s\n", FIGURE, p->d->nfiles == 3 ? "KEPT" : "CHANGE", FIGURE,
		   p->d->nfiles == 3 ? "OBJECTS" : "COUNT");
	/* The best growers from the front, then the best shrinkers from the back: of both as many as there is room. */
	for (size_t i = 0; i < t->rows.len; i++) {
		up += shown(&t->rows.at[i]) && rose(&t->rows.at[i]);
		down += shown(&t->rows.at[i]) && !rose(&t->rows.at[i]);
	}
	more = up + down;
	if (more > top) {
		size_t least = top > up ? top - up : top / 4;
		down = down < least ? down : least;
		up = top - down;
	}
	more -= up + down;
	for (size_t i = 0; i < t->rows.len && up > 0; i++)
		if (shown(&t->rows.at[i]) && rose(&t->rows.at[i])) {
			put_row(p, &t->rows.at[i], names);
			up--;
		}
	for (size_t i = t->rows.len; i-- > 0 && down > 0;)
		if (shown(&t->rows.at[i]) && !rose(&t->rows.at[i])) {
			put_row(p, &t->rows.at[i], names);
			down--;
		}
	out_printf(p->out, "  (%zu new, %zu grown, %zu shrunk, %zu gone, %zu as before",
		   t->counts[DIFF_NEW], t->counts[DIFF_GROWN], t->counts[DIFF_SHRUNK],
		   t->counts[DIFF_GONE], t->counts[DIFF_SAME]);
	if (t->counts[DIFF_UNTOLD])
		out_printf(p->out, ", %zu not told", t->counts[DIFF_UNTOLD]);
	if (more)
		out_printf(p->out, "; %zu not shown: --top N", more);
	out_str(p->out, ")\n");
}

static void put_head(struct page *p)
{
	static const char *const words[] = { "OLD", "NEW", "NEWER" };
	struct units a;
	for (size_t i = 0; i < p->d->nfiles; i++) {
		const struct recording *r = p->d->files[i];
		const struct fact_target *t = &r->totals.target;
		struct buf line = BUF_INIT;
		(void)buf_printf(&line, "%s  CPython %s, pid %d", p->o->names[i],
				 t->python_version ? t->python_version : "?", t->pid);
		if (!recording_is_snapshot(r))
			(void)buf_printf(&line, ", recorded %s",
					 units_duration(&a, r->totals.totals.duration_ns));
		(void)buf_str(&line, heaps_last(&r->heaps) ? ", with a snapshot" : "");
		char head[16];
		snprintf(head, sizeof head, "%-7s", words[i]);
		bold(p, head);
		const char *text = buf_cstr(&line);
		out_need(p->out, &line);
		put_name(p, text ? text : "", p->width - 7, false);
		out_str(p->out, "\n");
		buf_deinit(&line);
	}
}

/* "2 types and 1 holder": one growth is a row of each table. */
static size_t put_kinds(struct page *p)
{
	size_t n[DIFF_BYS] = { 0 }, kinds = 0, all = 0, put = 0;
	for (unsigned by = 0; by < DIFF_BYS; by++) {
		n[by] = p->o->by >> by & 1 ? diff_count_grown(p->d, (enum diff_by)by, p->o->min_delta_bytes) : 0;
		kinds += n[by] > 0;
		all += n[by];
	}
	for (unsigned by = 0; by < DIFF_BYS; by++) {
		if (n[by] == 0)
			continue;
		out_printf(p->out, "%s%zu %s%s", put == 0 ? "" : put + 1 == kinds ? " and " : ", ", n[by],
			   diff_by_name((enum diff_by)by), n[by] == 1 ? "" : "s");
		put++;
	}
	return all;
}

static void put_verdict(struct page *p)
{
	struct units u;
	const struct diff_row *most = NULL;
	enum diff_by most_by = DIFF_TYPE;
	bold(p, "RESULT ");
	if (!diff_grew(p->d, p->o->by, p->o->min_delta_bytes)) {
		out_printf(p->out, "nothing grew by %s or more\n",
			   units_bytes(&u, p->o->min_delta_bytes));
		return;
	}
	size_t worst = put_kinds(p);
	for (unsigned by = 0; by < DIFF_BYS; by++)
		for (size_t i = 0; (p->o->by >> by & 1) && i < p->d->by[by].rows.len; i++) {
			const struct diff_row *row = &p->d->by[by].rows.at[i];
			if (most && diff_worse(p->d, row) <= diff_worse(p->d, most))
				continue;
			most = row;
			most_by = (enum diff_by)by;
		}
	out_printf(p->out, " %s by %s or more",
		   p->d->nfiles < 3 ? "grew" :
		   worst == 1	    ? "kept what it gained," :
				      "kept what they gained,",
		   units_bytes(&u, p->o->min_delta_bytes));
	const char *kind = most_by == DIFF_HOLDER ? "" : most_by == DIFF_SITE ? "site " : "type ";
	out_printf(p->out, "; most, %s:\n       %s", units_delta(&u, (double)diff_worse(p->d, most)), kind);
	put_name(p, most->name, p->width - 7 - strlen(kind), false);
	out_str(p->out, "\n");
}

static int draw(const struct diff *d, const struct diff_options *o, struct out *out,
		struct err *err)
{
	struct page p = { d, o, out, o->width < WIDTH_MIN ? WIDTH_MIN : o->width };
	put_head(&p);
	put_verdict(&p);
	for (unsigned by = 0; by < DIFF_BYS; by++)
		if (o->by >> by & 1)
			put_table(&p, (enum diff_by)by);
	for (size_t i = 0, n = 0; i < d->notes.len; i++) {
		const struct diff_note *note = &d->notes.at[i];
		char safe[400 * ESCAPE_GROWTH + 1];
		if (!(note->by & o->by))
			continue;
		escape(charset(&p), note->text, strlen(note->text), safe, sizeof safe);
		out_str(out, n ? "        " : "\n");
		if (n++ == 0)
			bold(&p, "LIMITS  ");
		out_printf(out, "%s\n", safe);
	}
	return out_check(out, err);
}

const struct diff_view diff_text = { "text", draw };
