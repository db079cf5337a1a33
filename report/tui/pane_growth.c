/* SPDX-License-Identifier: MIT */
/*
 * Growth: what became more since the mark, by the stack that made it; by type when there are
 * snapshots only.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/state.h"

enum { SUSPECT, RATE, GROWN, LIVE, OBJECTS };

static const struct tui_column columns[] = {
	{ "S", TUI_ORDER, 40 },
	{ "+BYTES/s", TUI_BYTES_RATE, 60 },
	{ "+BYTES", TUI_BYTES_DELTA, 60 },
	{ "LIVE", TUI_BYTES, 0 },
	{ "+COUNT", TUI_COUNT_DELTA, 80 },
};

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct tui_capture *mark = &s->marks[state->mark < s->nmarks ? state->mark : 0];
	bool stacks = tui_by_stack(s);

	if (s->now.n == 0 && !stacks && !rows->heap)
		snprintf(rows->absent, sizeof rows->absent, "waiting for the first snapshot");
	else if (s->now.n == 0)
		snprintf(rows->absent, sizeof rows->absent,
			 "nothing was allocated through Python's allocators so far");
	/* Without a joined snapshot nothing is known of types: no column then. */
	rows->first_name = stacks ? 1 : 0;
	rows->last_name = stacks ? 0 : 1;
	for (size_t i = 0; stacks && i < s->nstacks; i++)
		if (s->stacks[i].type || s->stacks[i].leak != UINT32_MAX)
			rows->first_name = 0;
	for (size_t i = 0; i < s->now.n; i++) {
		const struct tui_counted *now = &s->now.rows[i], *old = tui_counted_of(mark, now->key);
		if (now->bytes == 0 && (!old || old->bytes == 0))
			continue;
		struct tui_row *row = tui_row_add(rows, now->key + 1, (uint32_t)i);
		if (!row)
			return err_nomem(err);
		row->v[SUSPECT] = stacks && i < s->nstacks && s->stacks[i].suspect ?
					  (double)s->stacks[i].suspect : NAN;
		row->v[RATE] = tui_rate(s, now->key);
		row->v[GROWN] = (double)now->bytes - (old ? (double)old->bytes : 0);
		row->v[LIVE] = (double)now->bytes;
		if (s->now.blocks_known && mark->blocks_known)
			row->v[OBJECTS] = (double)now->blocks - (old ? (double)old->blocks : 0);
		rows->total += row->v[LIVE];
	}
	return 0;
}

const struct fact_heap_type *tui_type_of_key(const struct heap_model *m, uint64_t key)
{
	for (size_t i = 0; m && i < m->types.len; i++)
		if (tui_type_key(&m->types.at[i]) == key)
			return &m->types.at[i];
	return NULL;
}

static void type_label(const struct tui_subject *s, uint64_t key, struct buf *out)
{
	const struct fact_heap_type *t = tui_type_of_key(s->r ? heaps_last(&s->r->heaps) : NULL, key);
	char label[256];

	(void)buf_str(out, t ? heap_type_label(t, label, sizeof label) : "(gone)");
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	uint64_t key = row->key - 1;
	const struct heap_model *last = heaps_last(&s->r->heaps);
	char label[256];

	(void)rows;
	if (!tui_by_stack(s)) {
		if (i == 0)
			type_label(s, key, out);
		return;
	}
	const struct tui_stack *t = key < s->nstacks ? &s->stacks[key] : NULL;
	const struct leak *l = t && t->leak < s->r->leaks.rows.len ? &s->r->leaks.rows.at[t->leak] : NULL;
	if (i == 0) {
		const struct fact_heap_type *type = t && t->type && last ? heap_type_of(last, t->type) : NULL;
		if (type)
			(void)buf_str(out, heap_type_label(type, label, sizeof label));
		else
			(void)buf_str(out, l && *l->type_name ? l->type_name : "-");
	} else if (i == 1) {
		tui_stack_place(&s->r->stacks, (uint32_t)key, out);
		if (out->len)
			(void)buf_put(out, " ", 1);
		tui_stack_function(&s->r->stacks, (uint32_t)key, out);
	} else if (l && *l->holder) {
		(void)buf_str(out, l->holder);
	}
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	uint64_t key = row->key - 1;
	(void)rows;
	(void)state;
	if (!tui_by_stack(s)) {
		tui_say(out, "by type: a snapshot has no sites; attach tells who allocates");
		return;
	}
	const struct tui_stack *t = key < s->nstacks ? &s->stacks[key] : NULL;
	const struct leak *l = t && t->leak < s->r->leaks.rows.len ? &s->r->leaks.rows.at[t->leak] : NULL;
	if (l && *l->holder) {
		tui_say(out, "held by ");
		tui_say_name(out, l->holder, strlen(l->holder));
	} else if (s->r->concluded && key < s->nstacks) {
		char words[GROWTH_REASON_MAX];
		const struct growth_verdict *v = &s->r->verdicts[key];
		tui_say(out, "%s: %s", growth_class_name(v->class), growth_reason(v, words));
	} else {
		tui_say(out, "F9 marks: growth counts from there");
	}
}

static void say_curve(struct tui_lines *out, const struct tui_subject *s, uint32_t stack)
{
	uint64_t values[40], top = 0;
	char line[40 * 4 + 1];
	size_t n = growth_curve(&s->r->growth, stack, values, 40);

	for (size_t i = 0; i < n; i++)
		top = values[i] > top ? values[i] : top;
	struct units u;
	if (n)
		tui_say(out, "bytes     %s  to %s\n", tui_spark(values, n, top, !out->ascii, line),
			tui_figure(&u, TUI_BYTES, (double)top, false));
}

static void say_leak(struct tui_lines *out, const struct leak *l)
{
	struct {
		const char *label, *text;
	} parts[] = { { "", l->sentence }, { "HELD BY   ", l->path }, { "WHY       ", l->why },
		      { "NOT A LEAK IF ", l->unless } };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!parts[i].text || !*parts[i].text)
			continue;
		tui_say(out, "%s", parts[i].label);
		tui_say_name(out, parts[i].text, strlen(parts[i].text));
		tui_say(out, "\n");
	}
}

static void stack_evidence(const struct tui_subject *s, const struct tui_row *row,
			   struct tui_lines *out)
{
	uint32_t stack = (uint32_t)(row->key - 1);
	const struct tui_stack *t = stack < s->nstacks ? &s->stacks[stack] : NULL;
	struct growth_verdict v = growth_judge(&s->r->growth, stack);
	char words[GROWTH_REASON_MAX];
	struct units a, b;

	if (t && t->suspect)
		tui_say(out, "SUSPECT %u\n", t->suspect);
	if (t && t->leak < s->r->leaks.rows.len)
		say_leak(out, &s->r->leaks.rows.at[t->leak]);
	tui_say(out, "%s, confidence %s", growth_class_name(v.class), growth_confidence_name(v.confidence));
	/* A suspect has said why. */
	if (!t || t->leak >= s->r->leaks.rows.len)
		tui_say(out, ": %s", growth_reason(&v, words));
	tui_say(out, "\n\n");
	tui_say(out, "live      %.0f bytes", row->v[LIVE]);
	if (!isnan(row->v[OBJECTS]))
		tui_say(out, "; since the mark %+.0f blocks", row->v[OBJECTS]);
	tui_say(out, "; %s/s, R2 %.2f\n",
		tui_figure(&a, TUI_BYTES_RATE, v.slope_bytes_per_s, false), v.r2);
	say_curve(out, s, stack);
	if (v.oldest_block_ns != UINT64_MAX)
		tui_say(out, "oldest    made %s after the start; %.1f %% of what outlived the window lives\n",
			units_duration(&b, v.oldest_block_ns), v.surviving * 100);
	tui_say(out, "\n");
	tui_say_stack(out, &s->r->stacks, stack);
	tui_say(out, "\nSUPPRESS  site:");
	struct buf place = BUF_INIT;
	tui_stack_function(&s->r->stacks, stack, &place);
	tui_say_name(out, (const char *)place.bytes, place.failed ? 0 : place.len);
	tui_say(out, "  # why\n");
	buf_deinit(&place);
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)rows;
	(void)state;
	if (tui_by_stack(s)) {
		stack_evidence(s, row, out);
		return;
	}
	const struct heap_model *m = heaps_last(&s->r->heaps);
	const struct fact_heap_type *t = tui_type_of_key(m, row->key - 1);
	if (t)
		tui_say_type(m, t, out);
}

const struct tui_pane tui_growth = {
	.title = "Growth",
	.columns = columns,
	.ncolumns = 5,
	.sort = RATE,
	.names = { "TYPE", "ALLOCATED AT", "HELD BY" },
	.name_share = 30,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
