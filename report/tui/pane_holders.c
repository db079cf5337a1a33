/* SPDX-License-Identifier: MIT */
/* Holders: the dominator tree of the newest snapshot, grouped; retained is what would be freed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/state.h"

enum { RETAINED, SHARE, SELF, OBJECTS };
#define OPEN_SHARE 0.10
#define SMALL_SHARE 0.001

static const struct tui_column columns[] = {
	{ "RETAINED", TUI_BYTES, 0 },
	{ "%", TUI_PERCENT, 60 },
	{ "SELF", TUI_BYTES, 72 },
	{ "OBJS", TUI_COUNT, 60 },
};

struct laying {
	struct tui_rows *rows;
	const struct holders *h;
	const struct tui_state *state;
	struct err *err;
};

static void fill(const struct laying *l, struct tui_row *row, double bytes, double own, double objects)
{
	row->v[RETAINED] = bytes;
	row->v[SHARE] = l->rows->total > 0 ? 100 * bytes / l->rows->total : 0;
	row->v[SELF] = own;
	row->v[OBJECTS] = objects;
}

static int lay_rest(const struct laying *l, uint32_t at, uint16_t depth, uint64_t guide)
{
	double bytes = 0, objects = 0;
	uint64_t key = UINT64_C(1) << 40 | at;
	uint32_t n = 0;

	for (; at; at = holders_next(l->h, at), n++) {
		bytes += (double)holders_row(l->h, at)->retained_bytes;
		objects += (double)holders_row(l->h, at)->retained_objects;
	}
	struct tui_row *row = tui_row_add(l->rows, key, n);
	if (!row)
		return err_nomem(l->err);
	row->depth = depth;
	row->guide = guide;
	row->rest = row->last = true;
	fill(l, row, bytes, NAN, objects);
	return 0;
}

static int lay(const struct laying *l, uint32_t at, uint16_t depth, uint64_t guide, bool last)
{
	const struct fact_heap_holder *f = holders_row(l->h, at);
	uint32_t child = holders_child(l->h, at);
	struct tui_row *row = f ? tui_row_add(l->rows, at, at) : NULL;
	int rc = 0;

	if (!f)
		return 0;
	if (!row)
		return err_nomem(l->err);
	row->depth = depth;
	row->guide = guide;
	row->last = last;
	fill(l, row, (double)f->retained_bytes, (double)f->own_bytes, (double)f->retained_objects);
	bool open = child && depth < TUI_DEPTH_MAX &&
		    tui_open(l->state, row->key,
			     depth == 0 || (double)f->retained_bytes >= OPEN_SHARE * l->rows->total);
	row->open = open;
	row->folded = child && !open;
	if (!last)
		guide |= UINT64_C(1) << depth;
	unsigned shown = 0;
	for (uint32_t i = open ? child : 0; i && rc == 0; i = holders_next(l->h, i)) {
		double bytes = (double)holders_row(l->h, i)->retained_bytes;
		if (shown && holders_next(l->h, i) && bytes < SMALL_SHARE * l->rows->total &&
		    !l->state->unfold_all)
			return lay_rest(l, i, (uint16_t)(depth + 1), guide);
		rc = lay(l, i, (uint16_t)(depth + 1), guide, holders_next(l->h, i) == 0);
		shown++;
	}
	return rc;
}

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct heap_model *m = rows->heap;
	const char *need = s->kind == TUI_RECORDING ? ": R takes a snapshot now" : "";

	if (!m || !m->holders.known || m->holders.graph.skipped[0] || m->holders.rows.len == 0) {
		snprintf(rows->absent, sizeof rows->absent, "holders need %s%s%s%s",
			 m ? "a snapshot with its graph of references" : "a snapshot of the heap",
			 m && m->holders.known && m->holders.graph.skipped[0] ? "; there is none: " : "",
			 m && m->holders.known ? m->holders.graph.skipped : "", m ? "" : need);
		return 0;
	}
	struct laying l = { rows, &m->holders, state, err };
	int rc = 0;
	const struct fact_heap_holder *all = holders_row(&m->holders, 1);
	rows->total = all ? (double)all->retained_bytes : 0;
	for (uint32_t i = holders_child(&m->holders, 0); i && rc == 0; i = holders_next(&m->holders, i))
		rc = lay(&l, i, 0, 0, holders_next(&m->holders, i) == 0);
	return rc;
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	const struct holders *h = &rows->heap->holders;
	char text[300], label[200];

	(void)s;
	if (row->rest) {
		if (i == 0)
			(void)buf_printf(out, "(%u more)", row->index);
		return;
	}
	const struct fact_heap_holder *f = holders_row(h, row->index);
	const struct fact_heap_type *t = heap_type_of(rows->heap, f->type);
	if (i == 1) {
		(void)buf_str(out, holders_edge_text(f->edge, f->name, 0, true, text, sizeof text));
		return;
	}
	if (f->root != FACT_ROOT_NONE) {
		(void)buf_str(out, holders_root_text(f->root, f->name, f->where, text, sizeof text));
		return;
	}
	if (f->count > 1)
		(void)buf_printf(out, "%.0f x ", (double)f->count);
	(void)buf_str(out, t ? heap_type_label(t, label, sizeof label) : f->name);
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	char when[TUI_CLOCK_MAX];

	(void)s;
	(void)state;
	(void)row;
	tui_say(out, "retained = freed if this one went; of the walk at %sZ, not live",
		tui_clock(rows->heap->heap.at_unix_ns, when));
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct holders *h = &rows->heap->holders;
	const struct fact_heap_holder *f = row->rest ? NULL : holders_row(h, row->index);
	unsigned depth = 0;

	(void)state;
	if (!f) {
		tui_say(out, "%u holders too small to be shown one by one; * shows them\n", row->index);
		return;
	}
	tui_say(out, "retained  %.0f bytes in %.0f objects; own %.0f bytes\n", (double)f->retained_bytes,
		(double)f->retained_objects, (double)f->own_bytes);
	if (f->count > 1)
		tui_say(out, "of these  the one that retains most: %.0f bytes, at 0x%llx\n",
			(double)f->addr_retained_bytes, (unsigned long long)f->addr);
	tui_say(out, "\nPATH      from the root; each retains what is above it\n");
	for (; f && depth < TUI_DEPTH_MAX; f = holders_row(h, f->parent), depth++) {
		struct tui_row at = { .index = f->holder };
		struct buf text = BUF_INIT;
		name(rows, s, &at, 0, &text);
		(void)buf_str(&text, "  ");
		name(rows, s, &at, 1, &text);
		tui_say(out, "%*s%s", 10, "", depth ? "< " : "  ");
		tui_say_name(out, (const char *)text.bytes, text.failed ? 0 : text.len);
		tui_say(out, "\n");
		buf_deinit(&text);
	}
}

const struct tui_pane tui_holders = {
	.title = "Holders",
	.columns = columns,
	.ncolumns = 4,
	.names = { "HOLDER -> what it keeps", "HELD AS" },
	.name_share = 65,
	.tree = true,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
