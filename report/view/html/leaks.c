/* SPDX-License-Identifier: MIT */
/*
 * Leak suspects: a row each for the overview, and the evidence: a sentence that says what, where,
 * how much and how fast, the course, the reason in words, and the whole stack.
 */
#include <stdio.h>

#include "report/view/html/html.h"

#define COURSE 48 /* points of a small curve */

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The live bytes of one stack over the recording, without axes. */
static void course(struct text *t, uint32_t stack, const char *class)
{
	uint64_t v[COURSE], top = 1;
	size_t n = growth_curve(&t->r->growth, stack, v, COURSE);
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
		out_printf(t->out, line ? "\"/></svg>" : "%d,24\"/><polyline points=\"", COURSE);
	}
}

static void suspect_row(struct text *t, size_t i)
{
	uint32_t stack = t->r->suspects[i];
	const struct growth_verdict *v = &t->r->verdicts[stack];
	const struct counters sum = sites_sum(&t->r->sites);
	struct units u;
	out_printf(t->out, "<tr data-suspect=\"%zu\"><td class=\"n\">%zu</td>", i + 1, i + 1);
	html_place(t, stack);
	out_str(t->out, "<td class=\"spark\">");
	course(t, stack, "spark");
	out_str(t->out, "</td>");
	html_share_bytes(t, counters_live_bytes(&t->r->by_stack[stack]), counters_live_bytes(&sum));
	html_count(t, counters_live_blocks(&t->r->by_stack[stack]));
	out_printf(t->out, "<td class=\"n\">%s%s</td><td><span class=\"tag %s\">%s</span></td></tr>\n",
		   t->about, units_rate(&u, v->slope_bytes_per_s),
		   growth_confidence_name(v->confidence), growth_confidence_name(v->confidence));
}

/* "36,272 blocks made in put() at cache.py:88 hold 36 MiB, 50 % of what is live, and grow by …" */
static void sentence(struct text *t, uint32_t stack)
{
	const struct counters *c = &t->r->by_stack[stack], sum = sites_sum(&t->r->sites);
	const struct growth_verdict *v = &t->r->verdicts[stack];
	uint64_t blocks = counters_live_blocks(c);
	struct units a, b, d, e;
	out_printf(t->out, "<p class=\"claim\"><b>%s</b> %s made here %s <b>%s%s</b> (",
		   units_count(&a, blocks), blocks == 1 ? "block" : "blocks",
		   blocks == 1 ? "holds" : "hold", t->about,
		   units_bytes(&b, counters_live_bytes(c)));
	html_name_str(t, units_percent(&d, counters_live_bytes(c), counters_live_bytes(&sum)));
	out_printf(t->out, " %% of what is live) and grow%s by <b>%s%s</b>.</p>\n",
		   blocks == 1 ? "s" : "", t->about, units_rate(&e, v->slope_bytes_per_s));
}

static void evidence(struct text *t, size_t i)
{
	char reason[GROWTH_REASON_MAX];
	struct stack_text f;
	uint32_t stack = t->r->suspects[i], place = t->r->stacks.stacks.at[stack];
	const struct growth_verdict *v = &t->r->verdicts[stack];
	out_printf(t->out,
		   "<details class=\"evidence\" data-suspect=\"%zu\"%s><summary>Suspect %zu", i + 1,
		   i ? "" : " open", i + 1);
	if (stacks_next(&t->r->stacks, &place, &f)) {
		out_str(t->out, ": <bdi>");
		html_name(t, f.function, f.function_bytes);
		out_str(t->out, "</bdi>");
	}
	out_printf(t->out, " <span class=\"tag %s\">%s confidence</span></summary>",
		   growth_confidence_name(v->confidence), growth_confidence_name(v->confidence));
	sentence(t, stack);
	course(t, stack, "course");
	out_str(t->out, "<h3>Why</h3><p>");
	html_name_str(t, growth_reason(v, reason));
	out_str(t->out, "</p><h3>Made at</h3>");
	html_stack(t, stack);
	out_str(t->out, "</details>\n");
}

void html_leaks(struct text *t)
{
	static const char *const titles[] = { "#No",	 "Made at", "Course",	 "#Live",
					      "#Blocks", "#Growth", "Confidence" };
	const struct recording *r = t->r;
	size_t n = r->nsuspects < HTML_TOP ? r->nsuspects : HTML_TOP;
	if (recording_is_snapshot(r))
		return;
	out_str(t->out, "<section id=\"s-suspects\" data-view=\"summary leaks\">"
			"<h2>Leak suspects</h2>\n");
	if (n == 0) {
		out_printf(t->out, "<p>%s</p></section>\n",
			   r->overall.class == GROWTH_SHORT ?
				   "None named: the recording is too short." :
				   "None: nothing grew without end.");
		return;
	}
	html_table(t, "t-suspects", "Stacks whose live bytes grow and stay", titles, COUNT(titles));
	for (size_t i = 0; i < n; i++)
		suspect_row(t, i);
	html_table_end(t);
	if (n < r->nsuspects)
		out_printf(t->out, "<p>%zu more suspects are in the Sites view.</p>\n",
			   r->nsuspects - n);
	out_str(t->out, "<div id=\"s-evidence\" data-view=\"leaks\">\n");
	for (size_t i = 0; i < n; i++)
		evidence(t, i);
	out_str(t->out, "</div>\n</section>\n");
}
