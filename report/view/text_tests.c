/* SPDX-License-Identifier: MIT */
/* The section about the tests of a pytest run: who needs most, who keeps something. */
#include <stdio.h>
#include <string.h>

#include "report/view/text.h"

#define FIGURE 11
#define TIME 9
#define KEEPERS 10

static void put_sites(struct text *t, const struct fact_test_site *sites, uint32_t n)
{
	struct units a;

	for (uint32_t i = 0; i < n; i++) {
		const struct stack_site *s = stacks_site(&t->r->stacks, sites[i].site);
		if (!s || sites[i].bytes == 0)
			continue;
		out_printf(t->out, "     %*s  ", FIGURE, text_bytes(t, &a, sites[i].bytes));
		text_place(t, s->stack, t->width - FIGURE - 7);
		out_put(t->out, "\n", 1);
	}
}

static void put_keepers(struct text *t, const uint32_t *order)
{
	const struct cases *c = &t->r->cases;
	struct units a, b;
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < c->rows.len; i++) {
		const struct fact_test *f = &c->rows.at[order[i]].fact;
		if (f->kept_bytes == 0)
			break;
		if (shown >= KEEPERS) {
			more++;
			continue;
		}
		if (shown++ == 0) {
			out_put(t->out, "\n", 1);
			text_heading(t, "WHAT TESTS LEFT BEHIND", t->width - 2 * (FIGURE + 1));
			out_printf(t->out, " %*s %*s\n", FIGURE, "KEPT", FIGURE, "BLOCKS");
		}
		text_name(t, f->id, strlen(f->id), t->width - 2 * (FIGURE + 1), true);
		out_printf(t->out, " %*s %*s\n", FIGURE, text_bytes(t, &a, f->kept_bytes), FIGURE,
			   text_count(t, &b, f->kept_blocks));
		put_sites(t, f->kept, f->nkept < 3 ? f->nkept : 3);
	}
	if (more)
		out_printf(t->out, "(%zu more tests left something)\n", more);
}

int text_section_tests(struct text *t, size_t top, struct err *err)
{
	const struct cases *c = &t->r->cases;
	const size_t figures = 3 * (FIGURE + 1) + TIME + 1;
	bool allocated = t->o->metric == SITES_ALLOCATED;
	AUTO_FREE uint32_t *order = NULL, *keepers = NULL;
	int rc = cases_sorted(c, allocated ? CASES_ALLOCATED : CASES_PEAK, &order, err);

	if (rc == 0)
		rc = cases_sorted(c, CASES_KEPT, &keepers, err);
	if (rc < 0)
		return rc;
	out_put(t->out, "\n", 1);
	if (c->rows.len == 0) {
		text_wrapped(t, "TESTS", 7, "none: no test of pytest ran while this was recorded, or it "
					    "was recorded with --sample.");
		return 0;
	}
	text_heading(t, allocated ? "TESTS (by allocated)" : "TESTS (by peak)", t->width - figures);
	out_printf(t->out, " %*s %*s %*s %*s\n", FIGURE, "PEAK", FIGURE, "KEPT", FIGURE, "ALLOCATED",
		   TIME, "TIME");
	for (size_t i = 0; i < c->rows.len && i < top; i++) {
		const struct fact_test *f = &c->rows.at[order[i]].fact;
		struct units a, b, d, e;
		text_name(t, f->id, strlen(f->id), t->width - figures, true);
		out_printf(t->out, " %*s %*s %*s %*s\n", FIGURE, text_bytes(t, &a, f->peak_bytes),
			   FIGURE, text_bytes(t, &b, f->kept_bytes), FIGURE,
			   text_bytes(t, &d, f->alloc_bytes), TIME,
			   units_duration(&e, f->duration_ns));
		if (i < 5)
			put_sites(t, f->peak, f->npeak < 2 ? f->npeak : 2);
	}
	if (c->rows.len > top)
		out_printf(t->out, "(%zu more tests)\n", c->rows.len - top);
	put_keepers(t, keepers);
	return 0;
}
