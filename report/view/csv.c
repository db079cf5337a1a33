/* SPDX-License-Identifier: MIT */
/*
 * One table per question: exact figures, fields quoted as in RFC 4180, lines ended as Unix
 * does. The last column of a site is its whole stack, innermost frame first.
 */
#include <inttypes.h>
#include <string.h>

#include "report/model/advice.h"
#include "report/view/view.h"

/* "f a.py:1;main a.py:9" as one field; "(no Python stack)". */
static int put_stack(const struct recording *r, uint32_t stack, struct out *out)
{
	struct buf text = BUF_INIT;
	struct stack_text frame;
	uint32_t place = r->stacks.stacks.at[stack];
	while (stacks_next(&r->stacks, &place, &frame))
		buf_printf(&text, "%s%s %s:%u", text.len ? ";" : "", frame.function, frame.file,
			   frame.line);
	if (text.len == 0)
		buf_str(&text, place == STACKS_TRUNCATED ? "(outer frames missing)" : "(no Python stack)");
	if (text.failed) {
		buf_deinit(&text);
		return ERR_NOMEM;
	}
	out_escaped(out, ESCAPE_CSV, (const char *)text.bytes, text.len);
	buf_deinit(&text);
	return 0;
}

static int put_cell(const struct recording *r, const struct table_column *column,
		    const struct table_cell *cell, struct out *out)
{
	if (cell->none)
		return 0;
	switch (column->kind) {
	case TABLE_BYTES:
	case TABLE_COUNT:
	case TABLE_TIME_NS:
	case TABLE_NUMBER:
		out_printf(out, "%" PRIu64, cell->count);
		return 0;
	case TABLE_SIGNED:
		out_printf(out, "%" PRId64, (int64_t)cell->count);
		return 0;
	case TABLE_ADDRESS:
		out_printf(out, "0x%" PRIx64, cell->count);
		return 0;
	case TABLE_RATE:
		out_printf(out, "%.1f", cell->real);
		return 0;
	case TABLE_NAME:
		out_escaped(out, ESCAPE_CSV, cell->text, strlen(cell->text));
		return 0;
	case TABLE_WORD:
		out_str(out, cell->text);
		return 0;
	case TABLE_STACK:
		return put_stack(r, (uint32_t)cell->count, out);
	}
	return 0;
}

static int put_table(const struct recording *r, const struct table *t, struct out *out,
		     struct err *err)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		out_printf(out, "%s%s", i ? "," : "", t->columns[i].key);
	out_str(out, "\n");
	for (size_t k = 0; k < t->rows.len; k++) {
		for (size_t i = 0; i < t->ncolumns; i++) {
			if (i)
				out_put(out, ",", 1);
			if (put_cell(r, &t->columns[i], &t->rows.at[k][i], out) < 0)
				return err_nomem(err);
		}
		out_str(out, "\n");
	}
	return out_check(out, err);
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	struct table t = { 0 };
	int rc = 0;
	switch (o->question) {
	case VIEW_SUMMARY:
	case VIEW_SITES:
	case VIEW_FLAME:
		rc = recording_sites_table(r, o->metric, o->top, &t, err);
		break;
	case VIEW_LEAKS:
		rc = recording_leaks_table(r, o->top, &t, err);
		break;
	case VIEW_TIMELINE:
		rc = recording_timeline_table(r, &t, err);
		break;
	case VIEW_THREADS:
		rc = recording_threads_table(r, &t, err);
		break;
	case VIEW_TESTS:
		rc = cases_table(&r->cases, o->metric == SITES_ALLOCATED ? CASES_ALLOCATED : CASES_PEAK,
				 o->top, &t, err);
		break;
	case VIEW_TYPES:
		rc = heaps_types_table(&r->heaps, &r->stacks, o->top, &t, err);
		break;
	case VIEW_FRAGMENTATION:
		rc = heaps_fragmentation_table(&r->heaps, &r->stacks, &t, err);
		break;
	case VIEW_LEDGER:
		rc = heaps_ledger_table(&r->heaps, &t, err);
		break;
	case VIEW_GC:
		rc = heaps_gc_table(&r->heaps, &t, err);
		break;
	case VIEW_HOLDERS:
		rc = heaps_holders_table(&r->heaps, o->top, &t, err);
		break;
	case VIEW_PATHS:
		rc = heaps_paths_table(&r->heaps, o->path, o->top, &t, err);
		break;
	case VIEW_MODULES:
		rc = heaps_modules_table(&r->heaps, o->top, &t, err);
		break;
	case VIEW_REFCOUNTS:
		rc = heaps_refcounts_table(&r->heaps, o->top, &t, err);
		break;
	case VIEW_ADVICE:
		rc = advice_table(&r->heaps, o->top, &t, err);
		break;
	}
	if (rc == 0)
		rc = put_table(r, &t, out, err);
	table_deinit(&t);
	return rc;
}

const struct view view_csv = {
	.name = "csv",
	.summary = "one table with exact figures, for spreadsheets",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
