/* SPDX-License-Identifier: MIT */
/* Advice: what the newest snapshot says could be saved. Estimates, and they overlap. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/state.h"

enum { SAVES };
enum { TRIM = UINT32_MAX - 2, COLLECT = UINT32_MAX - 1 };
#define LEAST_BYTES 4096

static const struct tui_column columns[] = { { "SAVES", TUI_BYTES, 0 } };

static uint64_t trimmable(const struct heap_model *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->mallocs.len; i++)
		sum += m->mallocs.at[i].trimmable_bytes;
	return sum;
}

static uint64_t unreachable(const struct heap_model *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->gc.len; i++)
		sum += m->gc.at[i].cycles_known ? m->gc.at[i].unreachable_bytes : 0;
	return sum;
}

static int add(struct tui_rows *rows, uint64_t bytes, uint32_t what, uint64_t key, struct err *err)
{
	if (bytes < LEAST_BYTES)
		return 0;
	struct tui_row *row = tui_row_add(rows, key, what);
	if (!row)
		return err_nomem(err);
	row->v[SAVES] = (double)bytes;
	return 0;
}

static int build(struct tui_rows *rows, const struct tui_subject *s, const struct tui_state *state,
		 struct err *err)
{
	const struct heap_model *m = rows->heap;
	int rc = 0;

	(void)state;
	if (!m) {
		snprintf(rows->absent, sizeof rows->absent, "advice needs a snapshot of the heap%s",
			 s->kind == TUI_RECORDING ? ": R takes one now" : "");
		return 0;
	}
	for (size_t i = 0; i < m->types.len && rc == 0; i++)
		rc = add(rows, heap_type_slots_saving(&m->types.at[i]), (uint32_t)i,
			 tui_type_key(&m->types.at[i]), err);
	if (rc == 0)
		rc = add(rows, trimmable(m), TRIM, 1, err);
	if (rc == 0)
		rc = add(rows, unreachable(m), COLLECT, 2, err);
	if (rc == 0 && rows->rows.len == 0)
		snprintf(rows->absent, sizeof rows->absent, "%s",
			 "nothing found that would save at least 4 KiB: no class that __slots__ would "
			 "help, little to trim, no garbage in cycles");
	return rc;
}

static void name(const struct tui_rows *rows, const struct tui_subject *s, const struct tui_row *row,
		 unsigned i, struct buf *out)
{
	char label[256];

	(void)s;
	if (i == 1) {
		(void)buf_str(out, row->index == TRIM ? "none" : "low");
	} else if (row->index == TRIM) {
		(void)buf_str(out, "malloc_trim: whole free pages of the C library");
	} else if (row->index == COLLECT) {
		(void)buf_str(out, "cycles nothing reaches: gc.collect()");
	} else {
		(void)buf_str(out, "__slots__ on ");
		(void)buf_str(out, heap_type_label(&rows->heap->types.at[row->index], label, sizeof label));
	}
}

static void status(const struct tui_rows *rows, const struct tui_subject *s,
		   const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)rows;
	(void)s;
	(void)state;
	(void)row;
	tui_say(out, "estimates of the last snapshot; savings overlap: do not add them up");
}

static void evidence(const struct tui_rows *rows, const struct tui_subject *s,
		     const struct tui_state *state, const struct tui_row *row, struct tui_lines *out)
{
	(void)s;
	(void)state;
	tui_say(out, "saves ~%.0f bytes\n\n", row->v[SAVES]);
	if (row->index == TRIM)
		tui_say(out, "Do     ctypes.CDLL(None).malloc_trim(0), or MALLOC_TRIM_THRESHOLD_ / "
			     "MALLOC_ARENA_MAX in the environment\nNot if the program needs the memory "
			     "again at once\nBased on the C library's own lists of free chunks\n");
	else if (row->index == COLLECT)
		tui_say(out, "Do     gc.collect() after the work that makes cycles, or break them with "
			     "weakref\nNot if the pause of a full collection is dearer than the memory\n"
			     "Based on the references of all objects the collector tracks\n");
	else
		tui_say_type(rows->heap, &rows->heap->types.at[row->index], out);
}

const struct tui_pane tui_advice = {
	.title = "Advice",
	.columns = columns,
	.ncolumns = 1,
	.names = { "WHAT", "RISK" },
	.name_share = 85,
	.build = build,
	.name = name,
	.status = status,
	.evidence = evidence,
};
