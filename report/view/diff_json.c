/* SPDX-License-Identifier: MIT */
/*
 * A comparison for programs: JSON (docs/schema/pymemprof-diff.schema.json) and CSV, every row
 * that changed.
 */
#include <inttypes.h>
#include <string.h>

#include "config.h"
#include "report/view/diff_view.h"
#include "report/view/json_put.h"

#define SCHEMA "pymemprof-diff/1"

static void put_signed(struct json *j, const char *name, int64_t v)
{
	json_key(j, name);
	out_printf(j->out, "%" PRId64, v);
	j->first = false;
}

static void put_string(struct json *j, const char *name, const char *s)
{
	json_text(j, name, s, strlen(s));
}

static void put_file(struct json *j, const struct diff *d, const struct diff_options *o, size_t i)
{
	const struct recording *r = d->files[i];
	const struct fact_target *t = &r->totals.target;
	json_open(j, NULL, '{');
	put_string(j, "file", o->names[i]);
	json_number(j, "pid", t->pid > 0 ? (uint64_t)t->pid : 0);
	put_string(j, "python_version", t->python_version ? t->python_version : "");
	json_number(j, "start_unix_ns", t->start_unix_ns);
	json_number(j, "duration_ns", r->totals.totals.duration_ns);
	json_bool(j, "recording", !recording_is_snapshot(r));
	json_bool(j, "snapshot", heaps_last(&r->heaps) != NULL);
	json_close(j, '}');
}

static void put_values(struct json *j, const char *name, const uint64_t *v, size_t n)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < n; i++) {
		out_printf(j->out, "%s%" PRIu64, i ? "," : "", v[i]);
		j->first = false;
	}
	json_close(j, ']');
}

/* null: the file does not tell it. */
static void put_told(struct json *j, const char *name, const uint64_t *v, const struct diff_row *row,
		     size_t n)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < n; i++) {
		out_str(j->out, i ? "," : "");
		if (row->untold[i])
			out_str(j->out, "null");
		else
			out_printf(j->out, "%" PRIu64, v[i]);
		j->first = false;
	}
	json_close(j, ']');
}

static bool at_least(const struct diff_row *row, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= row->untold[i];
	return any;
}

static void put_stack(struct json *j, const struct diff_row *row)
{
	struct stack_text f;
	uint32_t place = row->of->stacks.stacks.at[row->stack];
	json_open(j, "stack", '[');
	while (stacks_next(&row->of->stacks, &place, &f)) {
		json_open(j, NULL, '{');
		json_text(j, "function", f.function, f.function_bytes);
		json_text(j, "file", f.file, f.file_bytes);
		json_number(j, "line", f.line);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_row(struct json *j, const struct diff *d, enum diff_by by,
		    const struct diff_row *row)
{
	json_open(j, NULL, '{');
	json_word(j, "state", diff_state_name(row->state));
	put_string(j, "name", row->name);
	if (by == DIFF_HOLDER) {
		put_string(j, "type", row->type);
		put_string(j, "holder", row->holder);
		put_string(j, "path", row->path);
	}
	if (by == DIFF_SITE && row->of)
		put_stack(j, row);
	put_told(j, "counts", row->count, row, d->nfiles);
	put_told(j, "bytes", row->bytes, row, d->nfiles);
	json_bool(j, "at_least", at_least(row, d->nfiles));
	put_signed(j, "delta_count", row->delta_count);
	put_signed(j, "delta_bytes", row->delta_bytes);
	if (d->nfiles == 3) {
		json_number(j, "kept_count", row->kept_count);
		json_number(j, "kept_bytes", row->kept_bytes);
	}
	json_close(j, '}');
}

static bool changed(const struct diff_row *row)
{
	return (row->state != DIFF_SAME && row->state != DIFF_UNTOLD) || row->kept_bytes > 0 ||
	       row->delta_count != 0;
}

static void put_table(struct json *j, const struct diff *d, const struct diff_options *o,
		      enum diff_by by)
{
	static const char *const names[] = { "types", "sites", "holders" };
	const struct diff_table *t = &d->by[by];
	size_t n = 0;
	if (!t->known || !(o->by >> by & 1)) {
		json_nothing(j, names[by]);
		return;
	}
	json_open(j, names[by], '{');
	put_values(j, "bytes", t->bytes, d->nfiles);
	put_values(j, "counts", t->count, d->nfiles);
	for (int s = DIFF_SAME; s < DIFF_STATES; s++)
		json_number(j, diff_state_name((enum diff_state)s), t->counts[s]);
	json_open(j, "rows", '[');
	for (size_t i = 0; i < t->rows.len && (!o->top || n < o->top); i++) {
		if (!changed(&t->rows.at[i]))
			continue;
		put_row(j, d, by, &t->rows.at[i]);
		n++;
	}
	json_close(j, ']');
	json_close(j, '}');
}

static int draw_json(const struct diff *d, const struct diff_options *o, struct out *out,
		     struct err *err)
{
	struct json j = { .out = out, .first = true };
	json_open(&j, NULL, '{');
	json_word(&j, "schema", SCHEMA);
	json_word(&j, "generator", "pymemprof " PYMEMPROF_VERSION);
	json_open(&j, "files", '[');
	for (size_t i = 0; i < d->nfiles; i++)
		put_file(&j, d, o, i);
	json_close(&j, ']');
	json_number(&j, "min_delta_bytes", o->min_delta_bytes);
	json_bool(&j, "grew", diff_grew(d, o->by, o->min_delta_bytes));
	for (unsigned by = 0; by < DIFF_BYS; by++)
		put_table(&j, d, o, (enum diff_by)by);
	json_open(&j, "limits", '[');
	for (size_t i = 0; i < d->notes.len; i++) {
		const struct diff_note *note = &d->notes.at[i];
		if (note->by & o->by)
			json_element(&j, note->text);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	out_put(out, "\n", 1);
	return out_check(out, err);
}

const struct diff_view diff_json = { "json", draw_json };

/* --- CSV ---------------------------------------------------------------------------------- */

static void csv_row(struct out *out, const struct diff *d, enum diff_by by,
		    const struct diff_row *row)
{
	const char *texts[] = { row->name, row->type, row->holder, row->path };
	out_printf(out, "%s,%s", diff_by_name(by), diff_state_name(row->state));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		out_put(out, ",", 1);
		out_escaped(out, ESCAPE_CSV, texts[i], strlen(texts[i]));
	}
	for (size_t i = 0; i < DIFF_FILES_MAX; i++) {
		if (i < d->nfiles && !row->untold[i])
			out_printf(out, ",%" PRIu64 ",%" PRIu64, row->count[i], row->bytes[i]);
		else
			out_str(out, ",,");
	}
	out_printf(out, ",%" PRId64 ",%" PRId64, row->delta_count, row->delta_bytes);
	if (d->nfiles == 3)
		out_printf(out, ",%" PRIu64 ",%" PRIu64, row->kept_count, row->kept_bytes);
	else
		out_str(out, ",,");
	out_str(out, at_least(row, d->nfiles) ? ",yes\n" : ",no\n");
}

static int draw_csv(const struct diff *d, const struct diff_options *o, struct out *out,
		    struct err *err)
{
	out_str(out, "by,state,name,type,holder,path,old_count,old_bytes,new_count,new_bytes,"
		     "newer_count,newer_bytes,delta_count,delta_bytes,kept_count,kept_bytes,at_least\n");
	for (unsigned by = 0; by < DIFF_BYS; by++) {
		const struct diff_table *t = &d->by[by];
		size_t n = 0;
		if (!(o->by >> by & 1))
			continue;
		for (size_t i = 0; i < t->rows.len && (!o->top || n < o->top); i++) {
			if (!changed(&t->rows.at[i]))
				continue;
			csv_row(out, d, (enum diff_by)by, &t->rows.at[i]);
			n++;
		}
	}
	return out_check(out, err);
}

const struct diff_view diff_csv = { "csv", draw_csv };

const struct diff_view *diff_view_find(const char *name)
{
	static const struct diff_view *const all[] = { &diff_text, &diff_json, &diff_csv,
						       &diff_html };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
