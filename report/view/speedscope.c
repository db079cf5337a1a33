/* SPDX-License-Identifier: MIT */
/*
 * The file format of speedscope (its file-format-schema.json, version 1.25): the frames once, and
 * one profile for each metric, whose samples are stacks, outermost frame first, weighted by bytes.
 */
#include "config.h"
#include "report/view/json_put.h"
#include "report/view/view.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"
#define FRAMES_OF_OURS 2 /* before the recording's own */

enum { NO_PYTHON, OUTER_MISSING };

static const enum sites_metric metrics[] = { SITES_LIVE, SITES_PEAK, SITES_ALLOCATED, SITES_FREED, SITES_TEMPORARY };
#define METRICS (sizeof metrics / sizeof *metrics)

static void put_frames(struct json *j, const struct stacks *s)
{
	json_open(j, "shared", '{');
	json_open(j, "frames", '[');
	for (unsigned i = 0; i < FRAMES_OF_OURS; i++) {
		json_open(j, NULL, '{');
		json_word(j, "name", i == NO_PYTHON ? "(no Python stack)" : "(outer frames missing)");
		json_close(j, '}');
	}
	for (size_t i = 0; i < s->frames.len; i++) {
		struct stack_text f = stacks_text(s, (uint32_t)i);

		json_open(j, NULL, '{');
		json_text(j, "name", f.function, f.function_bytes);
		json_text(j, "file", f.file, f.file_bytes);
		if (f.line)
			json_number(j, "line", f.line);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_index(struct json *j, uint64_t index)
{
	out_printf(j->out, "%s%llu", j->first ? "" : ",", (unsigned long long)index);
	j->first = false;
}

/* Frames of a stack from its outermost one; path has room for the deepest. */
static void put_stack(struct json *j, const struct stacks *s, uint32_t stack, uint32_t *path)
{
	uint32_t at = s->stacks.at[stack];
	size_t n = 0;

	for (; at >= STACKS_FIRST; at = s->places.at[at].parent)
		path[n++] = s->places.at[at].frame;
	json_open(j, NULL, '[');
	if (at == STACKS_TRUNCATED)
		put_index(j, OUTER_MISSING);
	else if (n == 0)
		put_index(j, NO_PYTHON);
	while (n-- > 0)
		put_index(j, FRAMES_OF_OURS + path[n]);
	json_close(j, ']');
}

static uint32_t deepest(const struct stacks *s)
{
	uint32_t most = 0;

	for (size_t i = 0; i < s->stacks.len; i++)
		most = stacks_depth(s, (uint32_t)i) > most ? stacks_depth(s, (uint32_t)i) : most;
	return most;
}

static int put_profile(struct json *j, const struct recording *r, enum sites_metric metric, uint32_t *path,
		       struct err *err)
{
	AUTO_FREE uint32_t *order = NULL;
	uint64_t sum = 0;
	size_t n = 0;
	int rc = sites_order(r->by_stack, r->stacks.stacks.len, metric, &order, err);

	if (rc < 0)
		return rc;
	for (; n < r->stacks.stacks.len && sites_metric(&r->by_stack[order[n]], metric); n++)
		sum += sites_metric(&r->by_stack[order[n]], metric);
	json_open(j, NULL, '{');
	json_word(j, "type", "sampled");
	json_word(j, "name", sites_metric_name(metric));
	json_word(j, "unit", "bytes");
	json_number(j, "startValue", 0);
	json_number(j, "endValue", sum);
	json_open(j, "samples", '[');
	for (size_t i = 0; i < n; i++)
		put_stack(j, &r->stacks, order[i], path);
	json_close(j, ']');
	json_open(j, "weights", '[');
	for (size_t i = 0; i < n; i++)
		put_index(j, sites_metric(&r->by_stack[order[i]], metric));
	json_close(j, ']');
	json_close(j, '}');
	return out_check(j->out, err);
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out, struct err *err)
{
	AUTO_FREE uint32_t *path = malloc(((size_t)deepest(&r->stacks) + 1) * sizeof *path);
	struct json j = { .out = out, .first = true };
	size_t active = 0, n = 0;
	int rc = 0;

	if (!path)
		return err_nomem(err);
	json_open(&j, NULL, '{');
	json_word(&j, "$schema", SCHEMA);
	put_frames(&j, &r->stacks);
	json_open(&j, "profiles", '[');
	for (size_t i = 0; i < METRICS && rc == 0; i++) {
		if (metrics[i] == SITES_PEAK && r->peaks_cut)
			continue;
		active = metrics[i] == o->metric ? n : active;
		n++;
		rc = put_profile(&j, r, metrics[i], path, err);
	}
	if (rc < 0)
		return rc;
	json_close(&j, ']');
	json_number(&j, "activeProfileIndex", active);
	json_word(&j, "name", r->totals.have_target ? r->totals.target.executable : "");
	json_word(&j, "exporter", "pymemprof " PYMEMPROF_VERSION);
	json_close(&j, '}');
	out_str(out, "\n");
	return out_check(out, err);
}

const struct view view_speedscope = {
	.name = "speedscope",
	.summary = "stacks and bytes by every metric, for speedscope",
	.recorded = true,
	.questions = 1u << VIEW_SUMMARY | 1u << VIEW_SITES | 1u << VIEW_FLAME,
	.draw = draw,
};
