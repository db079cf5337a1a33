/* SPDX-License-Identifier: MIT */
/* The list of views and of the questions they answer, and nothing else. */
#include <string.h>

#include "report/view/view.h"

const struct view *const views[] = { &view_text,   &view_json,	 &view_csv,
				     &view_folded, &view_html,	 &view_speedscope,
				     &view_pprof,  &view_digest, NULL };

static const char *const question_names[VIEW_QUESTIONS] = {
	[VIEW_SUMMARY] = "summary", [VIEW_LEAKS] = "leaks",	  [VIEW_SITES] = "sites",
	[VIEW_FLAME] = "flame",	    [VIEW_TIMELINE] = "timeline", [VIEW_THREADS] = "threads",
	[VIEW_TESTS] = "tests",
	[VIEW_TYPES] = "types",	    [VIEW_FRAGMENTATION] = "fragmentation",
	[VIEW_LEDGER] = "ledger",   [VIEW_GC] = "gc",
	[VIEW_HOLDERS] = "holders", [VIEW_PATHS] = "paths",
	[VIEW_MODULES] = "modules", [VIEW_REFCOUNTS] = "refcounts",
	[VIEW_ADVICE] = "advice",
};

const struct view *view_find(const char *name)
{
	for (size_t i = 0; views[i]; i++)
		if (strcmp(views[i]->name, name) == 0)
			return views[i];
	return NULL;
}

const char *view_question_name(enum view_question q)
{
	return question_names[q];
}

int view_question_parse(const char *name, enum view_question *ret, struct err *err)
{
	for (size_t i = 0; i < VIEW_QUESTIONS; i++) {
		if (strcmp(question_names[i], name) == 0) {
			*ret = (enum view_question)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "unknown view '%.40s'; one of summary, leaks, sites, flame, timeline, threads, tests, "
		       "types, fragmentation, ledger, gc, holders, paths, modules, refcounts, advice", name);
}

int view_check(const struct view *v, enum view_question q, bool snapshot, struct err *err)
{
	if (snapshot && v->recorded)
		return err_hint(err, err_set(err, ERR_USAGE, "format %s has nothing of a snapshot: it "
					     "says who allocated, as a recording knows", v->name),
				"needs-recording");
	if (!(v->questions >> q & 1))
		return err_set(err, ERR_USAGE, "format %s has no %s view", v->name, question_names[q]);
	return 0;
}

int view_check_metric(const struct view *v, const struct recording *r, enum sites_metric metric, struct err *err)
{
	if (v->recorded && metric == SITES_PEAK && r->peaks_cut)
		return err_set(err, ERR_USAGE, "format %s has nothing by peak: what each site held then is written at the "
			       "end of a recording, and this one has none", v->name);
	return 0;
}

int view_draw(const struct view *v, const struct recording *r, const struct view_options *o,
	      struct out *out, struct err *err)
{
	int rc = view_check(v, o->question, recording_is_snapshot(r), err);

	if (rc == 0)
		rc = view_check_metric(v, r, o->metric, err);
	return rc < 0 ? rc : v->draw(r, o, out, err);
}
