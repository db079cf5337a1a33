/* SPDX-License-Identifier: MIT */
/* What a snapshot says could be saved, then what to do, once for each kind there is. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "report/model/advice.h"
#include "report/view/text.h"

#define LABEL_MAX 512
#define FIGURES 30 /* columns before the words */

static void row(struct text *t, const struct heap_model *m, const struct advice *a)
{
	const struct advice_words *w = advice_words(a->kind);
	char label[LABEL_MAX], most_text[] = "?";
	size_t room = t->width - FIGURES;
	struct units least, most;

	out_printf(t->out, "%10s %10s  %-5s  ", units_bytes(&least, a->saving.least),
		   a->saving.most == HEAP_SAVING_UNKNOWN ? most_text : units_bytes(&most, a->saving.most), w->risk);
	if (a->kind == ADVICE_SLOTS) {
		heap_type_label(&m->types.at[a->type], label, sizeof label);
		out_str(t->out, w->what);
		text_name(t, label, strlen(label), room - strlen(w->what), false);
	} else {
		text_name(t, w->what, strlen(w->what), room, false);
	}
	out_put(t->out, "\n", 1);
}

static void explain(struct text *t, const struct advice *list, size_t n)
{
	for (unsigned kind = 0; kind < ADVICE_KINDS; kind++) {
		const struct advice_words *w = advice_words((enum advice_kind)kind);

		if (!advice_has(list, n, (enum advice_kind)kind))
			continue;
		out_put(t->out, "\n", 1);
		text_heading(t, w->title, 0);
		out_put(t->out, "\n", 1);
		text_wrapped(t, "     do        ", 15, w->how);
		text_wrapped(t, "     not if    ", 15, w->unless);
		text_wrapped(t, "     based on  ", 15, w->based);
	}
}

int text_section_advice(struct text *t, size_t top, struct err *err)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	AUTO_FREE struct advice *list = NULL;
	size_t n = 0;
	int r = m ? advice_of(m, &list, &n, err) : 0;

	if (r < 0)
		return r;
	out_put(t->out, "\n", 1);
	if (n == 0) {
		text_wrapped(t, "ADVICE", 8, m ? "none: nothing found that would save at least 16 KiB. No class that __slots__ "
						 "would help, little to trim, no garbage in cycles." :
						 "there is no snapshot in this file; pymemprof snapshot PID takes one.");
		return 0;
	}
	text_heading(t, "  AT LEAST    AT MOST  RISK   ADVICE", 0);
	out_put(t->out, "\n", 1);
	for (size_t i = 0; i < n && i < top; i++)
		row(t, m, &list[i]);
	if (n > top)
		out_printf(t->out, "%23s (%zu more would save less)\n", "", n - top);
	out_put(t->out, "\n", 1);
	text_wrapped(t, "  ", 2, "Bounds by the layout of what is there. Savings overlap: do not add them up.");
	explain(t, list, n);
	return 0;
}
