/* SPDX-License-Identifier: MIT */
/*
 * One line per stack, outermost frame first: "main (a.py:9);f (a.py:1) 4096". What flame
 * graph tools read. Stacks of weight 0 are left out.
 */
#include <inttypes.h>

#include "report/view/view.h"

static void put_frames(const struct recording *r, uint32_t stack, struct out *out)
{
	uint32_t path[UINT8_MAX + 1];
	size_t depth = 0;
	uint32_t at = r->stacks.stacks.at[stack];
	bool cut = false;
	for (; at >= STACKS_FIRST; at = r->stacks.places.at[at].parent) {
		if (depth < sizeof path / sizeof *path)
			path[depth++] = at;
		else
			cut = true;
	}
	if (at == STACKS_TRUNCATED || cut)
		out_str(out, depth ? "(outer frames missing);" : "(outer frames missing)");
	else if (depth == 0)
		out_str(out, "(no Python stack)");
	while (depth-- > 0) {
		struct stack_text f =
			stacks_text(&r->stacks, r->stacks.places.at[path[depth]].frame);
		out_escaped(out, ESCAPE_FOLDED, f.function, f.function_bytes);
		out_str(out, " (");
		out_escaped(out, ESCAPE_FOLDED, f.file, f.file_bytes);
		out_printf(out, ":%u)%s", f.line, depth ? ";" : "");
	}
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	AUTO_FREE uint32_t *order = NULL;
	size_t n = r->stacks.stacks.len;
	int rc = sites_order(r->by_stack, n, o->metric, &order, err);
	if (rc < 0)
		return rc;
	if (o->top && n > o->top)
		n = o->top;
	for (size_t i = 0; i < n; i++) {
		uint64_t weight = sites_metric(&r->by_stack[order[i]], o->metric);
		if (weight == 0)
			break;
		put_frames(r, order[i], out);
		out_printf(out, " %" PRIu64 "\n", weight);
	}
	return out_check(out, err);
}

const struct view view_folded = {
	.name = "folded",
	.summary = "one line per stack and its bytes, for flame graph tools",
	.recorded = true,
	.questions = 1u << VIEW_SUMMARY | 1u << VIEW_SITES | 1u << VIEW_FLAME,
	.draw = draw,
};
