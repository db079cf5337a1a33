/* SPDX-License-Identifier: MIT */
/* The static section of advice: bounds of what could be saved, what to do, and when not to. */
#include <stdlib.h>

#include "report/model/advice.h"
#include "report/view/html/html.h"

#define LABEL_MAX 512

static void row(struct text *t, const struct heap_model *m, const struct advice *a)
{
	const struct advice_words *w = advice_words(a->kind);
	char label[LABEL_MAX];

	out_str(t->out, "<tr>");
	html_exact_bytes(t, a->saving.least);
	if (a->saving.most == HEAP_SAVING_UNKNOWN)
		out_str(t->out, "<td class=\"n nil\">-</td>");
	else
		html_exact_bytes(t, a->saving.most);
	out_printf(t->out, "<td class=\"name\">%s", w->what);
	if (a->kind == ADVICE_SLOTS) {
		heap_type_label(&m->types.at[a->type], label, sizeof label);
		out_str(t->out, "<b><bdi>");
		html_name_str(t, label);
		out_str(t->out, "</bdi></b>");
	}
	out_printf(t->out, "</td><td>%s</td></tr>\n", w->risk);
}

/* What to do, and when not to: once for each kind there is. */
static void explain(struct text *t, const struct advice *list, size_t n)
{
	for (unsigned kind = 0; kind < ADVICE_KINDS; kind++) {
		const struct advice_words *w = advice_words((enum advice_kind)kind);
		if (advice_has(list, n, (enum advice_kind)kind))
			out_printf(t->out, "<h3>%s</h3><dl class=\"figures\"><dt>Do</dt><dd>%s</dd><dt>Not if</dt><dd>%s</dd>"
				   "<dt>Based on</dt><dd>%s</dd></dl>\n", w->title, w->how, w->unless, w->based);
	}
}

int html_advice(struct text *t, const struct heap_model *m, struct err *err)
{
	static const char *const titles[] = { "#At least", "#At most", "What", "Risk" };
	struct advice *list = NULL;
	size_t n = 0;
	int rc = advice_of(m, &list, &n, err);

	if (rc < 0)
		return rc;
	out_str(t->out, "<section id=\"s-advice\" data-view=\"advice\"><h2>Advice</h2>\n");
	if (n == 0)
		out_str(t->out, "<p>Nothing found that would save at least 16 KiB: no class that __slots__ would help, little to "
				"trim, no garbage in cycles.</p>");
	else
		out_str(t->out, "<p class=\"note\">Bounds by the layout of the last snapshot. Savings overlap: do not add them "
				"up.</p>\n");
	if (n)
		html_table(t, "t-advice", "What could be saved", titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < n && i < HTML_TOP; i++)
		row(t, m, &list[i]);
	if (n)
		html_table_end(t);
	if (n > HTML_TOP)
		out_printf(t->out, "<p class=\"note\">%zu more would save less.</p>\n", n - HTML_TOP);
	explain(t, list, n);
	out_str(t->out, "</section>\n");
	free(list);
	return 0;
}
