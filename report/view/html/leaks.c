/* SPDX-License-Identifier: MIT */
/*
 * Leak suspects: a row each for the overview, and the evidence: the sentence that says who, where,
 * held by what and how fast, the course, what it is made of, the reason in words, the whole
 * stack. Then what grows for a reason, with the reason.
 */
#include <stdlib.h>
#include <string.h>

#include "report/view/html/html.h"

#define COURSE 48 /* points of a small curve */
#define PARTS_MAX 12

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Behind the last part of the row at lead. */
static size_t parts_end(const struct leaks *l, size_t lead)
{
	size_t i = lead + 1;
	while (i < l->rows.len && l->rows.at[i].lead == lead)
		i++;
	return i;
}

/* Live bytes over time of the stacks of a row and its parts, each stack once. */
static size_t course_of(const struct text *t, size_t lead, uint64_t *ret)
{
	const struct leaks *l = &t->r->leaks;
	uint64_t v[COURSE];
	size_t n = 0;
	memset(ret, 0, COURSE * sizeof *ret);
	for (size_t i = lead; i < parts_end(l, lead); i++) {
		bool seen = false;
		for (size_t k = lead; k < i; k++)
			seen |= l->rows.at[k].stack == l->rows.at[i].stack;
		if (seen)
			continue;
		n = growth_curve(&t->r->growth, l->rows.at[i].stack, v, COURSE);
		for (size_t k = 0; k < n; k++)
			ret[k] += v[k];
	}
	return n;
}

static void course(struct text *t, size_t lead, const char *class)
{
	uint64_t v[COURSE], top = 1;
	size_t n = course_of(t, lead, v);
	for (size_t i = 0; i < n; i++)
		top = v[i] > top ? v[i] : top;
	if (n < 2)
		return;
	out_printf(t->out,
		   "<svg class=\"%s\" viewBox=\"0 0 %d 24\" preserveAspectRatio=\"none\" "
		   "aria-hidden=\"true\"><polygon points=\"0,24 ",
		   class, COURSE);
	for (int line = 0; line < 2; line++) {
		for (size_t i = 0; i < n; i++)
			out_printf(t->out, "%.1f,%.1f ", (double)i * COURSE / (double)(n - 1),
				   23 - (double)v[i] / (double)top * 21);
		if (line)
			out_str(t->out, "\"/></svg>");
		else
			out_printf(t->out, "%d,24\"/><polyline points=\"", COURSE);
	}
}

/* "put <span>cache.py:88</span>" of the frame to blame, or the innermost one. */
static void made_at(struct text *t, const struct leak *row)
{
	struct stack_text f;
	uint32_t place = t->r->stacks.stacks.at[row->stack];
	if (row->blamed != STACKS_NONE)
		f = stacks_text(&t->r->stacks, row->blamed);
	else if (!stacks_next(&t->r->stacks, &place, &f))
		f = (struct stack_text){ .function = "(no Python stack)", .file = "",
					 .function_bytes = strlen("(no Python stack)") };
	html_frame(t, &f, false);
}

static void title(struct text *t, const struct leak *row)
{
	if (*row->type_name) {
		out_str(t->out, "<b class=\"type\"><bdi>");
		html_name_str(t, row->type_name);
		out_printf(t->out, "</bdi></b>%s <span class=\"at\">%s at ", row->container ? " that grows" : "",
			   leak_place_name(row->place));
		made_at(t, row);
		out_str(t->out, "</span>");
	} else {
		made_at(t, row);
	}
}

static void rate(struct text *t, double bytes_per_s)
{
	struct units u;
	out_printf(t->out, "<td class=\"n\">%s%s</td>", t->about, units_rate(&u, bytes_per_s));
}

static void suspect_row(struct text *t, size_t number, size_t lead, uint64_t whole)
{
	const struct leak *row = &t->r->leaks.rows.at[lead];
	const char *sure = growth_confidence_name(row->confidence);
	out_printf(t->out,
		   "<tr data-suspect=\"%zu\"><td class=\"n\">%zu</td><td class=\"name\">", number,
		   number);
	title(t, row);
	out_str(t->out, "</td><td class=\"name\">");
	if (*row->holder) {
		out_str(t->out, "<bdi>");
		html_name_str(t, row->holder);
		out_str(t->out, "</bdi>");
	} else {
		out_str(t->out, "<span class=\"nil\">not known</span>");
	}
	out_str(t->out, "</td><td class=\"spark\">");
	course(t, lead, "spark");
	out_str(t->out, "</td>");
	html_share_bytes(t, row->retained_bytes, whole);
	html_count(t, row->objects);
	rate(t, row->retained_per_s);
	out_printf(t->out, "<td><span class=\"tag %s\">%s</span></td></tr>\n", sure, sure);
}

static void words(struct text *t, const char *heading, const char *text)
{
	if (!*text)
		return;
	out_printf(t->out, "<h3>%s</h3><p><bdi>", heading);
	html_name_str(t, text);
	out_str(t->out, "</bdi></p>");
}

static void parts(struct text *t, size_t number, size_t lead)
{
	static const char *const titles[] = { "Type", "Made at", "#Bytes", "#Growth" };
	const struct leaks *l = &t->r->leaks;
	size_t end = parts_end(l, lead);
	char id[32], share[LEAK_SHARE_MAX];
	if (end == lead + 1)
		return;
	snprintf(id, sizeof id, "t-parts-%zu", number);
	out_str(t->out, "<h3>Made of</h3>");
	html_table(t, id, "The suspect itself and what hangs on it", titles, COUNT(titles));
	for (size_t i = lead; i < end && i < lead + PARTS_MAX; i++) {
		const struct leak *row = &l->rows.at[i];
		out_str(t->out, "<tr><td class=\"name\"><bdi>");
		html_name_str(t, *row->type_name ? row->type_name : "blocks");
		out_printf(t->out, "</bdi>%s%s</td><td class=\"name\">", row->container ? " that grows" : "",
			   i == lead ? "" : leak_held_share(row, share));
		if (row->place != LEAK_MADE) /* the column says so of the others */
			out_printf(t->out, "%s at ", leak_place_name(row->place));
		made_at(t, row);
		out_str(t->out, "</td>");
		html_share_bytes(t, row->bytes, l->rows.at[lead].retained_bytes);
		rate(t, row->bytes_per_s);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	if (end > lead + PARTS_MAX)
		out_printf(t->out, "<p class=\"note\">and %zu more</p>", end - lead - PARTS_MAX);
}

/* "36,272 blocks made here hold 36 MiB …": for a recording without a snapshot. */
static void sentence(struct text *t, const struct leak *row)
{
	struct units a, b, c;
	out_str(t->out, "<p class=\"claim\"><bdi>");
	if (*row->type_name) {
		html_name_str(t, row->sentence);
	} else {
		out_printf(t->out, "%s %s made here %s %s%s and grow%s by %s%s.",
			   units_count(&a, row->objects), row->objects == 1 ? "block" : "blocks",
			   row->objects == 1 ? "holds" : "hold", t->about,
			   units_bytes(&b, row->retained_bytes), row->objects == 1 ? "s" : "",
			   t->about, units_rate(&c, row->retained_per_s));
	}
	out_str(t->out, "</bdi></p>\n");
}

static void evidence(struct text *t, size_t number, size_t lead)
{
	const struct leak *row = &t->r->leaks.rows.at[lead];
	const char *sure = growth_confidence_name(row->confidence);
	out_printf(t->out,
		   "<details class=\"evidence\" data-suspect=\"%zu\"%s><summary>Suspect %zu: <bdi>",
		   number, number == 1 ? " open" : "", number);
	if (*row->type_name)
		html_name_str(t, row->type_name);
	else
		made_at(t, row);
	out_printf(t->out, "</bdi> <span class=\"tag %s\">%s confidence</span></summary>", sure, sure);
	sentence(t, row);
	course(t, lead, "course");
	words(t, "Held by", row->path);
	words(t, "Why", row->why);
	parts(t, number, lead);
	if (leak_tells_put(t->r, row)) {
		out_str(t->out, "<h3>Put in at</h3>");
		html_stack(t, row->put);
	}
	out_str(t->out, row->place == LEAK_MADE ? "<h3>Made at</h3>" :
						   "<h3>Made at, or an earlier one in the same memory</h3>");
	html_stack(t, row->stack);
	words(t, "Not a leak if", row->unless);
	out_str(t->out, "</details>\n");
}

static void explained(struct text *t)
{
	static const char *const titles[] = { "What", "#Live", "Verdict", "Reason" };
	const struct leaks *l = &t->r->leaks;
	size_t shown = 0;
	if (l->nacquitted + l->nsuppressed == 0)
		return;
	out_str(t->out, "<section id=\"s-explained\" data-view=\"leaks\"><h2>Explained</h2>\n");
	html_table(t, "t-explained", "Grows, but there is a reason", titles, COUNT(titles));
	for (size_t i = 0; i < l->rows.len && shown < HTML_TOP; i++) {
		const struct leak *row = &l->rows.at[i];
		if (row->state == LEAK_ACCUSED || row->lead != i)
			continue;
		shown++;
		out_str(t->out, "<tr><td class=\"name\">");
		title(t, row);
		out_str(t->out, "</td>");
		html_bytes(t, row->bytes);
		out_printf(t->out, "<td><span class=\"tag\">%s</span></td><td class=\"name\">",
			   leak_state_name(row->state));
		html_name_str(t, row->reason);
		out_str(t->out, "</td></tr>\n");
	}
	html_table_end(t);
	if (shown < l->nacquitted + l->nsuppressed)
		out_printf(t->out, "<p>%zu more.</p>\n", l->nacquitted + l->nsuppressed - shown);
	out_str(t->out, "</section>\n");
}

static void none(struct text *t)
{
	const char *nothing = recording_nothing(t->r);
	if (nothing)
		out_printf(t->out, "<p>Not known: %s.</p></section>\n", nothing);
	else
		out_printf(t->out, "<p>%s</p></section>\n",
			   t->r->overall.class == GROWTH_SHORT ?
				   "None named: the recording is too short." :
				   "None: nothing grew without end.");
}

void html_leaks(struct text *t)
{
	static const char *const titles[] = { "#No",	   "Suspect", "Held by", "Course",
					      "#Retained", "#Objects", "#Growth", "Confidence" };
	const struct leaks *l = &t->r->leaks;
	size_t lead[HTML_TOP], n = 0;
	if (recording_is_snapshot(t->r))
		return;
	for (size_t i = 0; i < l->rows.len && n < HTML_TOP; i = parts_end(l, i))
		if (l->rows.at[i].state == LEAK_ACCUSED)
			lead[n++] = i;
	out_str(t->out, "<section id=\"s-suspects\" data-view=\"summary leaks\">"
			"<h2>Leak suspects</h2>\n");
	if (n == 0) {
		none(t);
		explained(t);
		return;
	}
	html_table(t, "t-suspects", "What grows and stays, largest growth first", titles,
		   COUNT(titles));
	for (size_t i = 0; i < n; i++)
		suspect_row(t, i + 1, lead[i], t->r->totals.totals.live_bytes);
	html_table_end(t);
	if (n < l->naccused)
		out_printf(t->out, "<p>%zu more suspects are in the Sites view.</p>\n",
			   l->naccused - n);
	out_str(t->out, "<div id=\"s-evidence\" data-view=\"leaks\">\n");
	for (size_t i = 0; i < n; i++)
		evidence(t, i + 1, lead[i]);
	out_str(t->out, "</div>\n</section>\n");
	explained(t);
}
