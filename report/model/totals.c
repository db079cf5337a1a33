/* SPDX-License-Identifier: MIT */
/* Copies of single facts; the only arithmetic is none. */
#include "report/model/totals.h"

#include <string.h>

void totals_init(struct totals *t)
{
	memset(t, 0, sizeof *t);
	t->end = FACT_END_TRUNCATED;
}

void totals_deinit(struct totals *t)
{
	if (!t)
		return;
	arena_deinit(&t->arena);
	vec_deinit(&t->notes);
	memset(t, 0, sizeof *t);
}

static const char *keep(struct totals *t, const char *s)
{
	return s ? arena_str(&t->arena, s, strlen(s)) : "";
}

int totals_target(struct totals *t, const struct fact_target *f, struct err *err)
{
	struct fact_target own = *f;
	own.python_version = keep(t, f->python_version);
	own.implementation = keep(t, f->implementation);
	own.executable = keep(t, f->executable);
	own.arch = keep(t, f->arch);
	if (!own.python_version || !own.implementation || !own.executable || !own.arch)
		return err_nomem(err);
	t->target = own;
	t->have_target = true;
	return 0;
}

int totals_totals(struct totals *t, const struct fact_totals *f, struct err *err)
{
	(void)err;
	t->totals = *f;
	t->have_totals = true;
	return 0;
}

const char *totals_pause_name(uint32_t kind)
{
	switch ((enum fact_pause)kind) {
	case FACT_PAUSE_NONE:
		break;
	case FACT_PAUSE_CLONE:
		return "clone";
	case FACT_PAUSE_STOPPED:
		return "stopped";
	case FACT_PAUSE_CORE:
		return "core";
	}
	return "none";
}

int totals_cost(struct totals *t, const struct fact_cost *f, struct err *err)
{
	(void)err;
	t->cost = *f;
	t->have_cost = true;
	return 0;
}

int totals_note(struct totals *t, const struct fact_note *f, struct err *err)
{
	struct totals_note n = { .code = keep(t, f->code), .text = keep(t, f->text) };
	if (!n.code || !n.text)
		return err_nomem(err);
	for (size_t i = 0; i < t->notes.len; i++)
		if (strcmp(t->notes.at[i].code, n.code) == 0 &&
		    strcmp(t->notes.at[i].text, n.text) == 0)
			return 0;
	if (t->notes.len >= TOTALS_NOTES_MAX) {
		t->notes_dropped++;
		return 0;
	}
	return vec_push(&t->notes, n) < 0 ? err_nomem(err) : 0;
}

int totals_finish(struct totals *t, enum fact_end end, struct err *err)
{
	(void)err;
	t->end = end;
	t->have_end = true;
	return 0;
}

/*
 * Notes that say data is missing, and who cannot do without. The others are about names, places or
 * what the recorder left behind, and no figure depends on them.
 */
static const struct {
	const char *code;
	enum totals_need need;
} losses[] = {
	{ "truncated-file", TOTALS_FIGURES },  { "corrupt-section", TOTALS_FIGURES },
	{ "missing-section", TOTALS_FIGURES }, { "bad-batches", TOTALS_FIGURES },
	{ "lost-batches", TOTALS_FIGURES },    { "stream-corrupt", TOTALS_FIGURES },
	{ "live-limit", TOTALS_FIGURES },      { "dropped", TOTALS_EXACT },
	{ "offgil-dropped", TOTALS_EXACT },    { "unsent-tail", TOTALS_EXACT },
	{ "torn-tail", TOTALS_EXACT },	       { "replaced-blocks", TOTALS_EXACT },
	{ "unknown-unfree", TOTALS_EXACT },    { "undefined-sites", TOTALS_EXACT },
	{ "site-limit", TOTALS_EXACT },	       { "test-limit", TOTALS_EXACT },
	{ "no-snapshot", TOTALS_HEAP },	       { "torn", TOTALS_HEAP },
	{ "truncated-core", TOTALS_HEAP },     { "missing-files", TOTALS_HEAP },
};

#define LOST_SHARE 100 /* one event lost in so many, and the figures mislead whoever reads them */

const char *totals_missing(const struct totals *t, enum totals_need need)
{
	const struct fact_cost *c = &t->cost;
	for (enum totals_need level = TOTALS_FIGURES; level <= need; level++)
		for (size_t i = 0; i < t->notes.len; i++)
			for (size_t k = 0; k < sizeof losses / sizeof *losses; k++)
				if (losses[k].need == level &&
				    strcmp(t->notes.at[i].code, losses[k].code) == 0)
					return t->notes.at[i].text;
	if (!t->have_end || t->end == FACT_END_TRUNCATED)
		return "the recording has no end";
	if (c->dropped_events + c->offgil_dropped >
	    (need == TOTALS_FIGURES ? c->events / LOST_SHARE : 0))
		return "events were dropped: figures are too low";
	return NULL;
}

bool totals_estimated(const struct totals *t)
{
	return t->have_target && t->target.sample_bytes > 0;
}

const char *totals_end_name(enum fact_end end)
{
	switch (end) {
	case FACT_END_DETACHED:
		return "detached";
	case FACT_END_EXITED:
		return "exited";
	case FACT_END_EXECED:
		return "execed";
	case FACT_END_STREAM_CLOSED:
		return "stream-closed";
	case FACT_END_FINISHED:
		return "finished";
	case FACT_END_ELAPSED:
		return "elapsed";
	case FACT_END_TRUNCATED:
		return "truncated";
	}
	return "truncated";
}
