/* SPDX-License-Identifier: MIT */
/* Types: what the newest snapshot holds, where its bytes go, and how many more there are. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/state.h"

enum { LIVE, COUNT, EACH, HEADS, DICT, SLACK, RETAINED, MORE };

static const struct tui_column columns[] = {
	{ "LIVE", TUI_BYTES, 0 },	{ "COUNT", TUI_COUNT, 0 },     { "B/OBJ", TUI_BYTES, 60 },
	{ "HDR+GC", TUI_BYTES, 80 },	{ "DICT", TUI_BYTES, 80 },     { "SLACK", TUI_BYTES, 100 },
	{ "RETAINED", TUI_BYTES, 100 }, { "+OBJS", TUI_COUNT_DELTA, 72 },
};

/* What would go with all objects of a type, when the snapshot has a graph; else unknown. */
static double retained(const struct holders *h, uint32_t type)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < h->paths.len; i++)
		if (h->paths.at[i].type == type)
			bytes += h->paths.at[i].retained_bytes;
	return bytes ? (double)bytes : NAN;
}

static const struct tui_capture *before(const struct tui_subject *s, const struct tui_state *state)
{
	return &s->marks[state->mark < s->nmarks ? state->mark : 0];
}

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct heap_model *m = rows->heap, *first = heaps_baseline(&s->r->heaps);

	if (!m) {
		snprintf(rows->absent, sizeof rows->absent,
			 "types need a snapshot of the heap: %s",
			 s->kind == TUI_FILE ? "this recording has none (attach takes them, run does not)" :
			 s->kind == TUI_RECORDING ? "R takes one now" : "the first is being taken");
		return 0;
	}
	for (size_t i = 0; i < m->types.len; i++) {
		const struct fact_heap_type *t = &m->types.at[i];
		if (!t->count || !t->total_bytes)
			continue;
		struct tui_row *row = tui_row_add(rows, tui_type_key(t), (uint32_t)i);
		if (!row)
			return err_nomem(err);
		row->v[LIVE] = (double)t->total_bytes;
		row->v[COUNT] = (double)t->count;
		uint64_t each = t->total_bytes / t->count;
		row->v[EACH] = (double)each;
		row->v[HEADS] = (double)(t->header_bytes + t->gc_head_bytes);
		row->v[DICT] = (double)t->dict_bytes;
		row->v[SLACK] = (double)(t->slack_bytes + t->rounding_bytes);
		row->v[RETAINED] = retained(&m->holders, t->type);
		if (!tui_by_stack(s)) {
			const struct tui_counted *old = tui_counted_of(before(s, state), row->key);
			row->v[MORE] = (double)t->count - (old ? (double)old->blocks : 0);
		} else if (first && first != m) {
			const struct fact_heap_type *old = heap_type_in(first, t);
			row->v[MORE] = (double)t->count - (old ? (double)old->count : 0);
		}
		rows->total += row->v[LIVE];
	}
	return 0;
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	char label[256];
	(void)s;
	(void)i;
	if (row->index < rows->heap->types.len)
		(void)buf_str(out, heap_type_label(&rows->heap->types.at[row->index], label, sizeof label));
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct fact_heap_type *t = &rows->heap->types.at[row->index];
	struct heap_saving saving = heap_type_slots_saving(t);
	char when[TUI_CLOCK_MAX];
	uint64_t at_unix_ns;
	struct units a, b;
	(void)state;
	if (saving.least >= 1024) {
		tui_say_name(out, t->name, strlen(t->name));
		tui_say(out, ": __slots__ would save ");
		if (saving.least != saving.most)
			tui_say(out, "%s to ", tui_figure(&a, TUI_BYTES, (double)saving.least, false));
		else
			tui_say(out, "~");
		tui_say(out, "%s   ", tui_figure(&b, TUI_BYTES, (double)saving.most, false));
	}
	tui_say(out, "Enter: layout");
	if (tui_heap_is_older(s, &at_unix_ns))
		tui_say(out, "; of the walk at %sZ, R walks again", tui_clock(at_unix_ns, when));
}

static void part(struct tui_lines *out, const char *what, uint64_t bytes, const struct fact_heap_type *t)
{
	struct units a;

	if (!bytes)
		return;
	tui_say(out, "  %-34s %14.0f %8s  %5.1f %%\n", what, (double)bytes,
		t->count ? tui_figure(&a, TUI_BYTES, (double)bytes / (double)t->count, false) : "-",
		t->total_bytes ? 100.0 * (double)bytes / (double)t->total_bytes : 0.0);
}

void tui_say_type(const struct heap_model *m, const struct fact_heap_type *t, struct tui_lines *out)
{
	char label[256];
	struct heap_saving saving = heap_type_slots_saving(t);

	heap_type_label(t, label, sizeof label);
	tui_say(out, "TYPE ");
	tui_say_name(out, label, strlen(label));
	tui_say(out, "\n%.0f objects, %.0f bytes\n\n  %-34s %14s %8s\n", (double)t->count,
		(double)t->total_bytes, "WHERE THE BYTES GO", "BYTES", "EACH");
	part(out, "fields and items", t->payload_bytes, t);
	part(out, "header: reference count and type", t->header_bytes, t);
	part(out, "head of the collector", t->gc_head_bytes, t);
	part(out, "attributes", t->dict_bytes, t);
	part(out, "buffers, used", t->buffer_bytes, t);
	part(out, "buffers, unused", t->slack_bytes, t);
	part(out, "rounding to size classes", t->rounding_bytes, t);
	if (t->instance_dict_bytes)
		tui_say(out, "\nTheir __dict__ objects besides: %.0f bytes (counted at dict)\n",
			(double)t->instance_dict_bytes);
	if (saving.most)
		tui_say(out, "\n__slots__ would save %.0f to %.0f bytes: %s\n", (double)saving.least,
			(double)saving.most, "the __dict__ objects and values go, a word for each attribute comes");
	for (size_t i = heap_type_buffers(m, t->type);
	     i < m->buffers.len && m->buffers.at[i].type == t->type; i++)
		tui_say(out, "%s  %-24s %10.0f of them %14.0f bytes\n",
			m->buffers.at[i].weak ? "~" : " ", m->buffers.at[i].kind,
			(double)m->buffers.at[i].count, (double)m->buffers.at[i].bytes);
	for (size_t i = heap_helds_of(m, 0, t->type);
	     i < m->helds.len && m->helds.at[i].site == 0 && m->helds.at[i].type == t->type; i++) {
		tui_say(out, "\nHELD BY   ");
		tui_say_name(out, m->helds.at[i].holder, strlen(m->helds.at[i].holder));
		tui_say(out, "  (%.0f objects)\n          ", (double)m->helds.at[i].objects);
		tui_say_name(out, m->helds.at[i].path, strlen(m->helds.at[i].path));
		tui_say(out, "\n");
	}
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)s;
	(void)state;
	tui_say_type(rows->heap, &rows->heap->types.at[row->index], out);
}

const struct tui_pane tui_types = {
	.title = "Types",
	.columns = columns,
	.ncolumns = 8,
	.sort = LIVE,
	.names = { "TYPE" },
	.name_share = 100,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
