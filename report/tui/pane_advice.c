/* SPDX-License-Identifier: MIT */
/* Advice: what the newest snapshot says could be saved. Bounds, and they overlap. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/advice.h"
#include "report/tui/state.h"

enum { LEAST, MOST };

static const struct tui_column columns[] = { { "AT LEAST", TUI_BYTES, 0 }, { "AT MOST", TUI_BYTES, 0 } };

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct heap_model *m = rows->heap;
	struct advice *list = NULL;
	size_t n = 0;

	(void)state;
	if (!m) {
		snprintf(rows->absent, sizeof rows->absent, "advice needs a snapshot of the heap%s",
			 s->kind == TUI_RECORDING ? ": R takes one now" : "");
		return 0;
	}
	int rc = advice_of(m, &list, &n, err);
	rows->own = list;
	rows->own_free = free;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint64_t key = list[i].kind == ADVICE_SLOTS ? tui_type_key(&m->types.at[list[i].type]) : list[i].kind;
		struct tui_row *row = tui_row_add(rows, key, (uint32_t)i);
		if (!row)
			return err_nomem(err);
		row->v[LEAST] = (double)list[i].saving.least;
		if (list[i].saving.most != HEAP_SAVING_UNKNOWN)
			row->v[MOST] = (double)list[i].saving.most;
	}
	if (rc == 0 && rows->rows.len == 0)
		snprintf(rows->absent, sizeof rows->absent, "%s",
			 "nothing found that would save at least 16 KiB: no class that __slots__ would "
			 "help, little to trim, no garbage in cycles");
	return rc;
}

static const struct advice *advice_at(const struct tui_rows *rows, const struct tui_row *row)
{
	return (const struct advice *)rows->own + row->index;
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	const struct advice *a = advice_at(rows, row);
	char label[256];

	(void)s;
	(void)buf_str(out, i == 1 ? advice_words(a->kind)->risk : advice_words(a->kind)->what);
	if (i == 0 && a->kind == ADVICE_SLOTS)
		(void)buf_str(out, heap_type_label(&rows->heap->types.at[a->type], label, sizeof label));
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)rows;
	(void)s;
	(void)state;
	(void)row;
	tui_say(out, "bounds by the last snapshot; savings overlap: do not add them up");
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	const struct advice *a = advice_at(rows, row);
	const struct advice_words *w = advice_words(a->kind);

	(void)s;
	(void)state;
	tui_say(out, "saves at least %.0f bytes", row->v[LEAST]);
	if (!isnan(row->v[MOST]))
		tui_say(out, ", at most %.0f", row->v[MOST]);
	tui_say(out, "\n\nDo        %s\nNot if    %s\nBased on  %s\n\n", w->how, w->unless, w->based);
	if (a->kind == ADVICE_SLOTS)
		tui_say_type(rows->heap, &rows->heap->types.at[a->type], out);
}

const struct tui_pane tui_advice = {
	.title = "Advice",
	.columns = columns,
	.ncolumns = 2,
	.sort = LEAST,
	.names = { "WHAT", "RISK" },
	.name_share = 85,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
