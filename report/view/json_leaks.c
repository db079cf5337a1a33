/* SPDX-License-Identifier: MIT */
/* The suspects as JSON: member leaks of a report. Names are promises: pymemprof-json(5). */
#include <string.h>

#include "report/view/json_put.h"
#include "report/view/view.h"

static void put_text(struct json *j, const char *name, const char *text)
{
	if (*text)
		json_text(j, name, text, strlen(text));
	else
		json_nothing(j, name);
}

static void put_place(struct json *j, const struct recording *r, const struct leak *row)
{
	if (row->blamed == STACKS_NONE) {
		json_nothing(j, "function");
		json_nothing(j, "file");
		json_nothing(j, "line");
		return;
	}
	struct stack_text f = stacks_text(&r->stacks, row->blamed);
	json_text(j, "function", f.function, f.function_bytes);
	json_text(j, "file", f.file, f.file_bytes);
	json_number(j, "line", f.line);
}

static void put_bound(struct json *j, const struct leak *row)
{
	if (row->bound == FACT_BOUND_NONE) {
		json_nothing(j, "bound");
		return;
	}
	json_open(j, "bound", '{');
	json_word(j, "kind", row->bound == FACT_BOUND_DEQUE	   ? "deque" :
			     row->bound == FACT_BOUND_LRU_CACHE ? "lru_cache" :
								  "method_cache");
	if (row->bound_size)
		json_number(j, "size", row->bound_size);
	else
		json_nothing(j, "size");
	json_number(j, "used", row->bound_used);
	json_close(j, '}');
}

static void put_row(struct json *j, const struct recording *r, size_t i, const uint32_t *rank)
{
	const struct leak *row = &r->leaks.rows.at[i];
	json_open(j, NULL, '{');
	json_word(j, "state", leak_state_name(row->state));
	if (row->lead == i)
		json_nothing(j, "part_of");
	else
		json_number(j, "part_of", row->lead);
	put_text(j, "type", row->type_name);
	json_bool(j, "container", row->container);
	json_number(j, "site", rank[row->stack]);
	put_place(j, r, row);
	json_word(j, "place", row->place == LEAK_MADE	      ? "made" :
			      row->place == LEAK_PERHAPS_MADE ? "perhaps-made" :
			      row->place == LEAK_PUT	      ? "put" :
								"beside");
	if (row->put == STACKS_NONE)
		json_nothing(j, "put_site");
	else
		json_number(j, "put_site", rank[row->put]);
	put_text(j, "holder", row->holder);
	if (*row->path)
		json_fraction(j, "held_share", row->held_so / 1000.0, 3);
	else
		json_nothing(j, "held_share");
	put_text(j, "path", row->path);
	json_word(j, "reach", leak_reach_name(row->reach));
	if (totals_estimated(&r->totals))
		json_bool(j, "estimate", true);
	json_number(j, "objects", row->objects);
	json_fraction(j, "objects_per_second", row->objects_per_s, 2);
	json_number(j, "bytes", row->bytes);
	json_fraction(j, "bytes_per_second", row->bytes_per_s, 1);
	json_number(j, "retained_bytes", row->retained_bytes);
	json_fraction(j, "retained_bytes_per_second", row->retained_per_s, 1);
	json_number(j, "unreachable_objects", row->unreachable);
	json_number(j, "early_objects", row->early);
	put_bound(j, row);
	json_word(j, "confidence", growth_confidence_name(row->confidence));
	put_text(j, "sentence", row->sentence);
	put_text(j, "why", row->why);
	put_text(j, "not_a_leak_if", row->unless);
	put_text(j, "reason", row->reason);
	json_close(j, '}');
}

int json_leaks(struct json *j, const struct recording *r, const uint32_t *rank, struct err *err)
{
	json_open(j, "leaks", '[');
	for (size_t i = 0; i < r->leaks.rows.len; i++)
		put_row(j, r, i, rank);
	json_close(j, ']');
	return out_check(j->out, err);
}
