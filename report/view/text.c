/* SPDX-License-Identifier: MIT */
/*
 * Which sections answer which question, in which order. The verdict comes first, limits and
 * next commands last; a section without a model behind it is absent and LIMITS says why.
 */
#include "report/view/text.h"

#define SUMMARY_SUSPECTS 8
#define SUMMARY_ACQUITTED 5
#define SUMMARY_SITES 10
#define SITES_ROWS 40
#define SUMMARY_TYPES 10
#define TYPES_ROWS 40
#define LEAKS_ROWS 50
#define FLAME_ROWS 60
#define HOLDERS_ROWS 50
#define PATHS_ROWS 20

static size_t top_or(const struct view_options *o, size_t own)
{
	return o->top ? o->top : own;
}

static int draw_heap_summary(struct text *t, struct err *err)
{
	int rc = text_section_types(t, top_or(t->o, SUMMARY_TYPES), err);

	if (rc == 0)
		rc = text_section_fragmentation(t, 0, err);
	if (rc == 0)
		text_section_ledger(t);
	return rc;
}

static int draw_body(struct text *t, struct err *err)
{
	const struct view_options *o = t->o;
	int rc = 0;
	switch (o->question) {
	case VIEW_SUMMARY:
		if (recording_is_snapshot(t->r)) {
			rc = draw_heap_summary(t, err);
			text_section_cost(t);
			break;
		}
		text_section_memory(t);
		text_section_suspects(t, top_or(o, SUMMARY_SUSPECTS));
		text_section_explained(t, top_or(o, SUMMARY_ACQUITTED));
		rc = text_section_acquitted(t, top_or(o, SUMMARY_ACQUITTED), err);
		if (rc == 0)
			rc = text_section_sites(t, top_or(o, SUMMARY_SITES), err);
		if (rc == 0 && heaps_last(&t->r->heaps))
			rc = draw_heap_summary(t, err);
		text_section_cost(t);
		break;
	case VIEW_LEAKS:
		text_section_suspects(t, top_or(o, LEAKS_ROWS));
		text_section_explained(t, top_or(o, LEAKS_ROWS));
		rc = text_section_acquitted(t, top_or(o, LEAKS_ROWS), err);
		break;
	case VIEW_SITES:
		rc = text_section_sites(t, top_or(o, SITES_ROWS), err);
		break;
	case VIEW_FLAME:
		rc = text_section_flame(t, top_or(o, FLAME_ROWS), err);
		break;
	case VIEW_TIMELINE:
		text_section_timeline(t);
		break;
	case VIEW_THREADS:
		rc = text_section_threads(t, top_or(o, SITES_ROWS), err);
		break;
	case VIEW_TESTS:
		rc = text_section_tests(t, top_or(o, SITES_ROWS), err);
		break;
	case VIEW_TYPES:
		rc = text_section_types(t, top_or(o, TYPES_ROWS), err);
		break;
	case VIEW_FRAGMENTATION:
		rc = text_section_fragmentation(t, o->top, err);
		break;
	case VIEW_LEDGER:
		text_section_ledger(t);
		break;
	case VIEW_GC:
		text_section_gc(t, top_or(o, SUMMARY_TYPES));
		break;
	case VIEW_HOLDERS:
		text_section_holders(t, top_or(o, HOLDERS_ROWS));
		break;
	case VIEW_PATHS:
		rc = text_section_paths(t, top_or(o, PATHS_ROWS), err);
		break;
	case VIEW_MODULES:
		rc = text_section_modules(t, top_or(o, TYPES_ROWS), err);
		break;
	case VIEW_REFCOUNTS:
		rc = text_section_refcounts(t, top_or(o, TYPES_ROWS), err);
		break;
	case VIEW_ADVICE:
		rc = text_section_advice(t, top_or(o, TYPES_ROWS), err);
		break;
	}
	return rc;
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	struct text t = {
		.r = r,
		.o = o,
		.out = out,
		.width = o->width < VIEW_WIDTH_MIN ? VIEW_WIDTH_MIN :
			 o->width > VIEW_WIDTH_MAX ? VIEW_WIDTH_MAX :
						     o->width,
		.about = totals_estimated(&r->totals) ? "~" : "",
	};
	text_section_header(&t);
	text_section_verdict(&t);
	int rc = draw_body(&t, err);
	if (rc < 0)
		return rc;
	text_section_limits(&t);
	text_section_next(&t);
	return out_check(out, err);
}

const struct view view_text = {
	.name = "text",
	.summary = "for people: verdict first, 80 columns",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
