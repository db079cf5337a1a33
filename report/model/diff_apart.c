/* SPDX-License-Identifier: MIT */
/* Names of rows that are different and would be called the same. Knows names, not figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "report/model/check.h"
#include "report/model/diff_private.h"

#define NAME_MAX_BYTES 1024
#define STEP_BYTES 400

struct namesake {
	struct diff_row *row;
	char step[STEP_BYTES]; /* the one looked at: " < serve worker.py", "" beyond the last */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct namesake *)a)->row->name,
		      ((const struct namesake *)b)->row->name);
}

/* The first after i with another name. */
static size_t alike(const struct namesake *all, size_t i, size_t n)
{
	size_t to = i + 1;

	while (to < n && strcmp(all[to].row->name, all[i].row->name) == 0)
		to++;
	return to;
}

static void say(char step[STEP_BYTES], const char *arrow, const struct stacks *s, uint32_t place)
{
	struct stack_text t = stacks_text(s, s->places.at[place].frame);
	char file[STEP_BYTES];

	check_file_name(t.file, "", file, sizeof file);
	snprintf(step, STEP_BYTES, " %s %.180s %.180s", arrow, check_function_name(t.function),
		 file);
}

/* First the callers of the frame a site is blamed on, going out, then what it called, going in. */
static void look(struct namesake *one, size_t step)
{
	const struct stacks *s = &one->row->of->stacks;
	uint32_t places[DIFF_KEY_FRAMES_MAX];
	size_t n = 0, blamed = 0;

	one->step[0] = '\0';
	for (uint32_t p = s->stacks.at[one->row->stack];
	     p >= STACKS_FIRST && n < DIFF_KEY_FRAMES_MAX; p = s->places.at[p].parent) {
		if (s->places.at[p].frame == one->row->frame)
			blamed = n;
		places[n++] = p;
	}
	if (blamed + 1 + step < n)
		say(one->step, "<", s, places[blamed + 1 + step]);
	else if (n > 0 && step - (n - 1 - blamed) < blamed)
		say(one->step, ">", s, places[blamed - 1 - (step - (n - 1 - blamed))]);
}

static int lengthen(struct diff *d, struct diff_row *row, const char *more, struct err *err)
{
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof name, "%.600s%.400s", row->name, more);
	row->name = arena_str(&d->arena, name, strlen(name));
	return row->name ? 0 : err_nomem(err);
}

/* Those that are still alike at the first step where not all are, are told apart by the steps beyond. */
static int tell_sites(struct diff *d, struct namesake *all, size_t n, size_t step, struct err *err)
{
	size_t differ = 0;
	int r = 0;

	for (; differ == 0 && step < DIFF_KEY_FRAMES_MAX; step++)
		for (size_t i = 0; i < n; i++) {
			look(&all[i], step);
			differ += i > 0 && strcmp(all[i].step, all[0].step) != 0;
		}
	if (differ == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = lengthen(d, all[i].row, all[i].step, err);
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0, to; r == 0 && i < n; i = to) {
		to = alike(all, i, n);
		if (to - i > 1)
			r = tell_sites(d, all + i, to - i, step, err);
	}
	return r;
}

static int tell_holders(struct diff *d, struct namesake *all, size_t n, struct err *err)
{
	char more[STEP_BYTES];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		snprintf(more, sizeof more, " at %.380s", all[i].row->path);
		r = lengthen(d, all[i].row, more, err);
	}
	return r;
}

int diff_tell_apart(struct diff *d, enum diff_by by, struct err *err)
{
	struct diff_table *t = &d->by[by];
	AUTO_FREE struct namesake *all = calloc(t->rows.len + 1, sizeof *all);
	size_t n = 0;
	int r = 0;

	if (!all)
		return err_nomem(err);
	for (size_t i = 0; i < t->rows.len; i++)
		if (by != DIFF_TYPE &&
		    ((t->rows.at[i].state != DIFF_SAME && t->rows.at[i].state != DIFF_UNTOLD) ||
		     t->rows.at[i].kept_bytes > 0))
			all[n++].row = &t->rows.at[i];
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0, to; r == 0 && i < n; i = to) {
		to = alike(all, i, n);
		if (to - i > 1)
			r = by == DIFF_SITE ? tell_sites(d, all + i, to - i, 0, err) :
					      tell_holders(d, all + i, to - i, err);
	}
	return r;
}
