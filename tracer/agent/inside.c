/* SPDX-License-Identifier: MIT */
/* Registers, stack words, and unwinding by the target's own tables, in that order. */
#include "tracer/agent/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/elf/unwind.h"

#define CHUNK_WORDS 4096
/* More used stack than this is not searched but unwound. */
#define STACK_MAX_BYTES (64ull << 20)

/* What the words of one stack are. */
struct found {
	uint32_t returns; /* into the text */
	uint32_t entries; /* addresses of entry points: somebody may be about to call one */
};

static bool in_text(const struct inside_range *r, uint64_t v)
{
	return v >= r->start && v < r->end;
}

static bool is_entry(const struct inside_range *r, uint64_t v)
{
	for (uint32_t i = 0; i < r->entries; i++)
		if (r->entry[i] == v)
			return true;
	return false;
}

/*
 * The program counter, or an entry point that was loaded and not called yet, or (aarch64) the
 * link register. Other values are left-overs: no code of ours runs without being on the stack.
 */
static int registers_inside(struct stop *s, size_t i, const struct inside_range *range, bool *ret,
			    struct err *err)
{
	struct stop_regs regs;
	taddr pc, sp, tp;
	int r = stop_get_regs(s, i, &regs, err);

	if (r == 0)
		r = stop_pc_sp_tp(s, i, &pc, &sp, &tp, err);
	if (r < 0)
		return r;
	*ret = in_text(range, pc.v);
	for (size_t w = 0; w < regs.count; w++)
		*ret |= is_entry(range, regs.word[w]);
#ifdef __aarch64__
	*ret |= in_text(range, regs.word[30]);
#endif
	return 0;
}

static int scan_stack(struct mem_source *mem, const struct maps *maps, taddr sp,
		      const struct inside_range *range, struct found *ret, struct err *err)
{
	const struct map_range *stack = maps_find(maps, sp);
	AUTO_FREE uint64_t *chunk = malloc(CHUNK_WORDS * 8);
	uint64_t at = sp.v & ~7ull;

	*ret = (struct found){ 0, 0 };
	if (!chunk)
		return err_nomem(err);
	if (!stack || stack->end - at > STACK_MAX_BYTES) {
		ret->returns = 1; /* unknown: let the unwinder decide */
		return 0;
	}
	while (at < stack->end) {
		uint64_t want = stack->end - at;
		int64_t got;

		if (want > CHUNK_WORDS * 8)
			want = CHUNK_WORDS * 8;
		got = mem_read_some(mem, taddr_of(at), chunk, want);
		if (got < 0)
			return err_set(err, (int)got, "stack of a thread");
		for (int64_t w = 0; w < got / 8; w++) {
			if (!in_text(range, chunk[w]))
				continue;
			if (is_entry(range, chunk[w]))
				ret->entries++;
			else
				ret->returns++;
		}
		if ((uint64_t)got < want)
			break;
		at += want;
	}
	return 0;
}

struct walk {
	const struct inside_range *range;
	bool hit;
};

static bool frame_seen(void *ctx, taddr pc)
{
	struct walk *w = ctx;

	w->hit |= in_text(w->range, pc.v);
	return !w->hit;
}

static int thread_inside(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
			 const struct inside_range *range, struct inside_result *ret,
			 struct err *err)
{
	struct walk walk = { range, false };
	struct found found = { 0, 0 };
	bool inside = false, whole = false;
	taddr pc, sp, tp;
	int r = registers_inside(s, i, range, &inside, err);

	if (r == 0 && !inside)
		r = stop_pc_sp_tp(s, i, &pc, &sp, &tp, err);
	if (r == 0 && !inside)
		r = scan_stack(mem, maps, sp, range, &found, err);
	if (r < 0)
		return r == ERR_GONE ? 0 : r; /* a thread that is no more is not inside */
	if (!inside && found.entries)
		inside = true;
	if (!inside && found.returns) {
		r = unwind_thread(s, i, mem, maps, frame_seen, &walk, &whole, err);
		if (r < 0)
			return r;
		inside = walk.hit || !whole;
		if (!inside)
			ret->stale_words += found.returns;
	}
	if (inside) {
		ret->inside = true;
		ret->tid = stop_tid(s, i);
	}
	return 0;
}

int inside_check(struct stop *s, struct mem_source *mem, const struct maps *maps,
		 const struct inside_range *range, struct inside_result *ret, struct err *err)
{
	*ret = (struct inside_result){ 0 };
	for (size_t i = 0; i < stop_count(s) && !ret->inside; i++) {
		int r = thread_inside(s, i, mem, maps, range, ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}
