/* SPDX-License-Identifier: MIT */
/* Registers, stack words, and unwinding by the target's own tables, in that order. */
#include "tracer/agent/inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "tracer/elf/unwind.h"
#include "tracer/process/arch.h"
#include "tracer/process/ptrace.h"

#define CHUNK_WORDS 4096
/* user_fpregs_struct, user_fpsimd_state: at most 528 bytes, 8-byte words where vectors are */
#define VECTOR_WORDS 66
/* More used stack than this is not searched but unwound. */
#define STACK_MAX_BYTES (64ull << 20)

/* What the words of one stack are. */
struct found {
	uint32_t returns; /* into the text */
	uint32_t strays;  /* addresses of entry points */
	uint32_t copies;  /* two of them side by side as in a table: a copy of it, or half of one */
};

/* Of what a thread's registers hold. */
enum held { HELD_NOTHING, HELD_STRAY, HELD_INSIDE };

static bool in_text(const struct inside_range *r, uint64_t v)
{
	return v >= r->start && v < r->end;
}

static int entry_index(const struct inside_range *r, uint64_t v)
{
	for (uint32_t i = 0; i < r->entries; i++)
		if (r->entry[i] == v)
			return (int)i;
	return -1;
}

/*
 * The program counter, or (aarch64) the link register, or an entry point that was loaded and not
 * called yet. Other values are left-overs: no code of ours runs without being on the stack. So is
 * an entry point in a thread that waits in the kernel: what calls it calls at once, and the
 * registers a call may spoil are nobody's there; those it keeps are looked at frame by frame.
 */
static int look_at_registers(struct stop *s, size_t i, struct mem_source *mem,
			     const struct inside_range *range, enum held *ret, struct err *err)
{
	const struct arch *arch = arch_native();
	struct stop_regs regs;
	uint32_t instruction = 0;
	bool entry = false;
	int r = stop_get_regs(s, i, &regs, err);

	if (r < 0)
		return r;
	taddr pc = arch->pc(&regs);

	*ret = in_text(range, pc.v) ? HELD_INSIDE : HELD_NOTHING;
#ifdef __aarch64__
	if (in_text(range, regs.word[30]))
		*ret = HELD_INSIDE;
#endif
	for (size_t w = 0; w < regs.count; w++)
		entry |= entry_index(range, regs.word[w]) >= 0;
	if (!entry || *ret == HELD_INSIDE)
		return 0;
	(void)!mem_read(mem, pc, &instruction, sizeof(instruction), NULL);
	*ret = arch->where(&regs, instruction) == ARCH_IN_USER ? HELD_INSIDE : HELD_STRAY;
	return 0;
}

/*
 * A table is copied through vector registers, two words at a time. What one holds may be about to
 * be stored, or be years old: like a lone entry on the stack it counts until it has stood for some looks.
 */
static int look_at_vectors(struct stop *s, size_t i, const struct inside_range *range, enum held *held,
			   struct err *err)
{
	uint64_t word[VECTOR_WORDS] = { 0 };
	size_t len = sizeof(word);
	int r = ptrace_get_regset(stop_tid(s, i), PTRACE_REGS_FP, word, &len, err);

	for (size_t w = 0; r == 0 && *held == HELD_NOTHING && w < len / 8; w++)
		if (entry_index(range, word[w]) >= 0)
			*held = HELD_STRAY;
	return r;
}

static void look_at_words(const uint64_t *word, size_t n, const struct inside_range *range,
			  int *last_entry, struct found *ret)
{
	for (size_t w = 0; w < n; w++) {
		int entry = in_text(range, word[w]) ? entry_index(range, word[w]) : -1;

		if (entry >= 0)
			ret->strays++;
		else if (in_text(range, word[w]))
			ret->returns++;
		ret->copies += entry > 0 && *last_entry == entry - 1;
		*last_entry = entry;
	}
}

static int scan_stack(struct mem_source *mem, const struct maps *maps, taddr sp,
		      const struct inside_range *range, struct found *ret, struct err *err)
{
	const struct map_range *stack = maps_find(maps, sp);
	AUTO_FREE uint64_t *chunk = malloc(CHUNK_WORDS * 8);
	uint64_t at = sp.v & ~7ull;
	int last_entry = -1;

	*ret = (struct found){ 0 };
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
		look_at_words(chunk, (size_t)got / 8, range, &last_entry, ret);
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

static bool frame_seen(void *ctx, const struct unwind_frame *frame)
{
	struct walk *w = ctx;

	w->hit |= in_text(w->range, frame->pc.v);
	for (size_t i = 0; i < frame->regs; i++)
		w->hit |= entry_index(w->range, frame->reg[i]) >= 0;
	return !w->hit;
}

/* Does the unwinder prove that what was found is litter? */
static int prove_litter(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
			const struct inside_range *range, bool *ret, struct err *err)
{
	struct walk walk = { range, false };
	bool whole = false;
	int r = unwind_thread(s, i, mem, maps, frame_seen, &walk, &whole, err);

	*ret = r == 0 && whole && !walk.hit;
	return r;
}

static int thread_inside(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
			 const struct inside_range *range, uint32_t earlier,
			 struct inside_result *ret, struct err *err)
{
	struct found found = { 0 };
	enum held held;
	bool inside, litter = false;
	taddr pc, sp, tp;
	int r = look_at_registers(s, i, mem, range, &held, err);

	if (r == 0)
		r = look_at_vectors(s, i, range, &held, err);
	if (r == 0 && held != HELD_INSIDE)
		r = stop_pc_sp_tp(s, i, &pc, &sp, &tp, err);
	if (r == 0 && held != HELD_INSIDE)
		r = scan_stack(mem, maps, sp, range, &found, err);
	if (r < 0)
		return r == ERR_GONE ? 0 : r; /* a thread that is no more is not inside */
	found.strays += held == HELD_STRAY;
	inside = held == HELD_INSIDE || found.copies ||
		 (found.strays && earlier < INSIDE_STRAY_TRIES);
	if (!inside && (found.returns || found.strays)) {
		r = prove_litter(s, i, mem, maps, range, &litter, err);
		if (r < 0)
			return r;
		inside = !litter;
		if (litter)
			ret->stale_words += found.returns + found.strays;
	}
	if (inside) {
		LOG(LOG_AGENT,
		    "look %u: thread %d may be inside: registers %d; on its stack %u returns, %u entries, "
		    "%u of them side by side",
		    earlier, (int)stop_tid(s, i), (int)held, found.returns, found.strays, found.copies);
		ret->inside = true;
		ret->tid = stop_tid(s, i);
	}
	return 0;
}

int inside_check(struct stop *s, struct mem_source *mem, const struct maps *maps,
		 const struct inside_range *range, uint32_t earlier, struct inside_result *ret,
		 struct err *err)
{
	*ret = (struct inside_result){ 0 };
	for (size_t i = 0; i < stop_count(s) && !ret->inside; i++) {
		int r = thread_inside(s, i, mem, maps, range, earlier, ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}
