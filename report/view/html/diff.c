/* SPDX-License-Identifier: MIT */
/*
 * A comparison as a page: the page of the newest file with one view more, which comes first. Says
 * which file is before; a change has a sign and a word, never a colour alone.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/view/diff_view.h"
#include "report/view/html/data.h"

#define ROWS_MAX 3000 /* of one table in the data */

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static void files(struct text *t, const struct html_compare *c)
{
	static const char *const titles[] = { "When", "File", "#Pid", "Python", "#Recorded",
					      "#Live" };
	static const char *const when[] = { "before", "after", "last" };
	struct units u;
	html_table(t, "t-files", "What is compared, the oldest first", titles, COUNT(titles));
	for (size_t i = 0; i < c->diff->nfiles; i++) {
		const struct recording *r = c->diff->files[i];
		const struct fact_target *f = &r->totals.target;
		out_printf(t->out, "<tr><th scope=\"row\">%s</th><td class=\"name\"><bdi>", when[i]);
		html_name_str(t, base_name(c->options->names[i]));
		out_printf(t->out, "</bdi></td><td class=\"n\">%d</td><td><bdi>", f->pid);
		html_name_str(t, f->python_version ? f->python_version : "?");
		out_printf(t->out, "</bdi></td><td class=\"n\">%s</td>",
			   recording_is_snapshot(r) ?
				   "snapshot" :
				   units_duration(&u, r->totals.totals.duration_ns));
		if (recording_is_snapshot(r))
			out_str(t->out, "<td class=\"n\">-</td></tr>\n");
		else
			html_exact_bytes(t, r->totals.totals.live_bytes);
	}
	html_table_end(t);
}

static void change(struct text *t, int64_t bytes)
{
	struct units u;
	out_printf(t->out, "<td class=\"n %s\" data-v=\"%" PRId64 "\">%s</td>",
		   bytes > 0 ? "more" : bytes < 0 ? "less" : "", bytes,
		   units_delta(&u, (double)bytes));
}

static void row(struct text *t, const struct diff *d, const struct diff_row *r)
{
	const char *state = diff_state_name(r->state);
	struct units u;
	out_str(t->out, "<tr><td class=\"name\"><bdi>");
	html_name_str(t, r->name);
	out_str(t->out, "</bdi></td>");
	for (size_t i = 0; i < d->nfiles; i++)
		if (r->untold[i])
			out_printf(t->out, "<td class=\"n\" data-v=\"%" PRIu64 "\">at most %s</td>", r->bytes[i],
				   units_bytes(&u, r->bytes[i]));
		else
			html_exact_bytes(t, r->bytes[i]);
	change(t, d->nfiles == 3 && r->kept_bytes ? (int64_t)r->kept_bytes : r->delta_bytes);
	out_printf(t->out, "<td class=\"n\" data-v=\"%" PRId64 "\">%s%s</td>", r->delta_count,
		   r->delta_count > 0 ? "+" : r->delta_count < 0 ? "-" : "",
		   units_count(&u, r->delta_count < 0 ? -(uint64_t)r->delta_count :
							(uint64_t)r->delta_count));
	out_printf(t->out, "<td><span class=\"tag %s\">%s</span></td></tr>\n", state, state);
}

/* The first growers, then the largest shrinkers. */
static void table(struct text *t, const struct diff *d, enum diff_by by)
{
	static const char *const two[] = { "What", "#Before", "#After", "#Change", "#Objects", "State" };
	static const char *const three[] = { "What",  "#Before",  "#After", "#Last",
					     "#Kept", "#Objects", "State" };
	static const char *const ids[] = { "t-diff-type", "t-diff-site", "t-diff-holder" };
	static const char *const captions[] = { "By type", "By site", "By holder" };
	const struct diff_table *b = &d->by[by];
	size_t shown = 0, less = b->rows.len;
	if (!b->known)
		return;
	out_printf(t->out, "<h3>%s</h3><p class=\"note\">%zu new, %zu grown, %zu shrunk, %zu gone, %zu as before",
		   captions[by], b->counts[DIFF_NEW], b->counts[DIFF_GROWN], b->counts[DIFF_SHRUNK],
		   b->counts[DIFF_GONE], b->counts[DIFF_SAME]);
	if (b->counts[DIFF_UNTOLD])
		out_printf(t->out, ", %zu not told by every file", b->counts[DIFF_UNTOLD]);
	out_str(t->out, "</p>");
	html_table(t, ids[by], captions[by], d->nfiles == 3 ? three : two,
		   d->nfiles == 3 ? COUNT(three) : COUNT(two));
	for (size_t i = 0; i < b->rows.len && shown < HTML_TOP; i++) {
		const struct diff_row *r = &b->rows.at[i];
		if (r->delta_bytes <= 0 && r->kept_bytes == 0)
			continue;
		row(t, d, r);
		shown++;
	}
	for (shown = 0; less-- > 0 && shown < HTML_TOP / 3; shown++) {
		const struct diff_row *r = &b->rows.at[less];
		if (r->delta_bytes >= 0 || r->kept_bytes)
			break;
		row(t, d, r);
	}
	html_table_end(t);
}

void html_diff(struct text *t, const struct html_compare *c)
{
	int64_t live = 0;
	const struct recording *first = c->diff->files[0], *last = c->diff->files[c->diff->nfiles - 1];
	struct units a, b, e;
	out_str(t->out, "<section id=\"s-diff\" data-view=\"diff\"><h2>What changed</h2>\n");
	if (!recording_is_snapshot(first) && !recording_is_snapshot(last)) {
		live = (int64_t)(last->totals.totals.live_bytes - first->totals.totals.live_bytes);
		out_printf(t->out, "<p class=\"lead\">Python live: before %s, after %s, <b>%s</b>.</p>\n",
			   units_bytes(&a, first->totals.totals.live_bytes),
			   units_bytes(&b, last->totals.totals.live_bytes),
			   units_delta(&e, (double)live));
	}
	files(t, c);
	for (unsigned by = 0; by < DIFF_BYS; by++)
		table(t, c->diff, (enum diff_by)by);
	for (size_t i = 0; i < c->diff->notes.len; i++) {
		out_str(t->out, "<p class=\"note\">");
		html_name_str(t, c->diff->notes.at[i].text);
		out_str(t->out, "</p>");
	}
	out_str(t->out, "</section>\n");
}

/* "serve worker.py" per frame, outermost first, a line each: what sites are matched by. */
static void stack_words(const struct diff_row *r, struct buf *ret)
{
	struct stack_text f[128];
	uint32_t place = r->of->stacks.stacks.at[r->stack];
	size_t n = 0;
	buf_clear(ret);
	while (n < COUNT(f) && stacks_next(&r->of->stacks, &place, &f[n]))
		n++;
	while (n-- > 0) {
		buf_put(ret, f[n].function, f[n].function_bytes);
		buf_str(ret, " ");
		buf_str(ret, base_name(f[n].file));
		if (n)
			buf_str(ret, "\x1f");
	}
}

static void text_column(struct pack *p, struct strtab *strings, const struct diff_table *b,
			enum diff_by by, bool stacks)
{
	AUTO_BUF struct buf words = BUF_INIT;
	pack_column(p, stacks ? "stack" : "name", stacks ? 'b' : 't');
	for (size_t i = 0; i < b->rows.len && i < ROWS_MAX; i++) {
		const struct diff_row *r = &b->rows.at[i];
		buf_clear(&words);
		if (stacks && by == DIFF_SITE && r->of)
			stack_words(r, &words);
		pack_need(p, &words);
		if (stacks)
			pack_words(p, (char *)words.bytes, words.len);
		else
			pack_number(p, pack_text(p, strings, r->name, strlen(r->name)));
	}
}

static int put_table(const struct diff *d, enum diff_by by, struct pack *p, struct strtab *strings,
		     struct buf *ret, struct err *err)
{
	static const char *const ids[] = { "diff-type", "diff-site", "diff-holder" };
	static const char *const names[] = { "before", "after", "kept", "objects", "state",
					     "untold" };
	const struct diff_table *b = &d->by[by];
	pack_begin(p, b->rows.len < ROWS_MAX ? b->rows.len : ROWS_MAX);
	text_column(p, strings, b, by, false);
	text_column(p, strings, b, by, true);
	for (int column = 0; column < 6; column++) {
		pack_column(p, names[column], column == 3 ? 's' : 'u');
		for (size_t i = 0; i < b->rows.len && i < ROWS_MAX; i++) {
			const struct diff_row *r = &b->rows.at[i];
			const uint64_t v[] = { r->bytes[0], r->bytes[d->nfiles - 1], r->kept_bytes,
					       0, r->state,
					       r->untold[0] + 2u * r->untold[d->nfiles - 1] };
			if (column == 3)
				pack_signed(p, r->delta_count);
			else
				pack_number(p, v[column]);
		}
	}
	return pack_end(p, ids[by], ret, err);
}

int data_diff(const struct diff *d, struct pack *p, struct strtab *strings, struct buf *ret,
	      struct err *err)
{
	int rc = 0;
	for (unsigned by = 0; by < DIFF_BYS && rc == 0; by++)
		rc = put_table(d, (enum diff_by)by, p, strings, ret, err);
	return rc;
}

static int draw(const struct diff *d, const struct diff_options *o, struct out *out, struct err *err)
{
	const struct html_compare c = { d, o };
	const struct view_options plain = { .width = VIEW_WIDTH };
	return html_page(d->files[d->nfiles - 1], &plain, &c, out, err);
}

const struct diff_view diff_html = { "html", draw };
