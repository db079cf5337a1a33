/* SPDX-License-Identifier: MIT */
/*
 * Hash-consing in three steps (strings, frames, paths), each through one map with 64-bit
 * keys, so equal stacks meet whatever thread or order they arrive in.
 */
#include "report/model/stacks.h"

#include <string.h>

static int add_place(struct stacks *s, uint32_t parent, uint32_t frame, uint32_t depth,
		     struct err *err)
{
	struct stack_place p = {
		.parent = parent, .frame = frame, .stack = STACKS_NONE, .depth = depth
	};
	return vec_push(&s->places, p) < 0 ? err_nomem(err) : 0;
}

int stacks_init(struct stacks *s, struct err *err)
{
	memset(s, 0, sizeof *s);
	int r = strtab_new(&s->names, err);
	if (r == 0)
		r = add_place(s, STACKS_ROOT, 0, 0, err);
	if (r == 0)
		r = add_place(s, STACKS_TRUNCATED, 0, 0, err);
	if (r < 0)
		stacks_deinit(s);
	return r;
}

void stacks_deinit(struct stacks *s)
{
	if (!s)
		return;
	strtab_free(s->names);
	map_deinit(&s->pairs);
	map_deinit(&s->frame_of);
	map_deinit(&s->place_of);
	vec_deinit(&s->frames);
	vec_deinit(&s->places);
	vec_deinit(&s->stacks);
	vec_deinit(&s->sites);
	memset(s, 0, sizeof *s);
}

static uint64_t pair(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

static int intern_frame(struct stacks *s, const struct fact_frame *f, uint32_t *ret,
			struct err *err)
{
	uint32_t function, file;
	int r = strtab_add_str(s->names, f->function ? f->function : "", &function, err);
	if (r == 0)
		r = strtab_add_str(s->names, f->file ? f->file : "", &file, err);
	if (r < 0)
		return r;
	bool fresh;
	uint64_t *number = map_add(&s->pairs, pair(function, file), s->pairs.len, &fresh);
	if (!number)
		return err_nomem(err);
	uint64_t *place =
		map_add(&s->frame_of, pair((uint32_t)*number, f->line), s->frames.len, &fresh);
	if (!place)
		return err_nomem(err);
	if (fresh) {
		struct stack_frame frame = { .function = function,
					     .file = file,
					     .line = f->line,
					     .first_line = f->first_line };
		if (vec_push(&s->frames, frame) < 0) {
			map_del(&s->frame_of, pair((uint32_t)*number, f->line), NULL);
			return err_nomem(err);
		}
	}
	*ret = (uint32_t)*place;
	return 0;
}

static int step_down(struct stacks *s, uint32_t parent, uint32_t frame, uint32_t *ret,
		     struct err *err)
{
	bool fresh;
	uint64_t *at = map_add(&s->place_of, pair(parent, frame), s->places.len, &fresh);
	if (!at)
		return err_nomem(err);
	*ret = (uint32_t)*at;
	if (!fresh)
		return 0;
	int r = add_place(s, parent, frame, s->places.at[parent].depth + 1, err);
	if (r < 0)
		map_del(&s->place_of, pair(parent, frame), NULL);
	return r;
}

int stacks_add(struct stacks *s, const struct fact_site *f, struct err *err)
{
	if (f->site != s->sites.len + 1)
		return err_set(err, ERR_CORRUPT, "site %u defined out of order (expected %zu)",
			       f->site, s->sites.len + 1);
	if (s->places.len + f->nframes >= STACKS_NONE)
		return err_nomem(err);
	uint32_t at = f->truncated ? STACKS_TRUNCATED : STACKS_ROOT;
	for (uint32_t i = f->nframes; i-- > 0;) {
		uint32_t frame = 0;
		int r = intern_frame(s, &f->frames[i], &frame, err);
		if (r == 0)
			r = step_down(s, at, frame, &at, err);
		if (r < 0)
			return r;
	}
	if (s->places.at[at].stack == STACKS_NONE) {
		if (vec_push(&s->stacks, at) < 0)
			return err_nomem(err);
		s->places.at[at].stack = (uint32_t)(s->stacks.len - 1);
	}
	struct stack_site site = { .stack = s->places.at[at].stack, .thread = f->thread };
	return vec_push(&s->sites, site) < 0 ? err_nomem(err) : 0;
}

const struct stack_site *stacks_site(const struct stacks *s, uint32_t site)
{
	return site == 0 || site > s->sites.len ? NULL : &s->sites.at[site - 1];
}

struct stack_text stacks_text(const struct stacks *s, uint32_t frame)
{
	const struct stack_frame *f = &s->frames.at[frame];
	struct stack_text t = { .line = f->line, .first_line = f->first_line };
	t.function = strtab_get(s->names, f->function, &t.function_bytes);
	t.file = strtab_get(s->names, f->file, &t.file_bytes);
	return t;
}

bool stacks_next(const struct stacks *s, uint32_t *place, struct stack_text *ret)
{
	if (*place < STACKS_FIRST)
		return false;
	*ret = stacks_text(s, s->places.at[*place].frame);
	*place = s->places.at[*place].parent;
	return true;
}

uint32_t stacks_depth(const struct stacks *s, uint32_t stack)
{
	return s->places.at[s->stacks.at[stack]].depth;
}

bool stacks_truncated(const struct stacks *s, uint32_t stack)
{
	uint32_t at = s->stacks.at[stack];
	while (at >= STACKS_FIRST)
		at = s->places.at[at].parent;
	return at == STACKS_TRUNCATED;
}
