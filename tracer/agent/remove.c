/* SPDX-License-Identifier: MIT */
/*
 * Taking the agent out, ours or an orphan, and proving that it is gone. Whatever cannot be proved
 * leaves the mapping where it is, harmless, and says so.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/agent/inject_inside.h"
#include "tracer/agent/inside.h"
#include "tracer/agent/residual.h"
#include "tracer/agent/share.h"
#include "tracer/mem/live.h"
#include "tracer/process/smaps.h"

#define REMOVE_TRIES 2
#define TRIES_MAX 200
#define TRY_USEC_MIN 200
#define TRY_USEC_MAX 20000
#define PROBE_BYTES_MAX (16ull << 20)
#define PROBE_WORDS 4096
#define STACK_BYTES_MAX (64ull << 20)

/* --- unhooking ---------------------------------------------------------------------------------- */

/* Words that are ours get their original back; the rest is counted. */
static int restore_words(struct inject *in, struct inject_audit *ret, struct err *err)
{
	const struct agent_fixed *fx = &in->fixed;

	ret->foreign_words = 0;
	for (uint32_t d = 0; d < AGENT_DOMAINS; d++) {
		for (uint32_t f = 0; f < AGENT_FUNCS; f++) {
			uint64_t now = 0;
			int r = mem_u64(in->mem, inject_word(in, d, f), &now, err);

			if (r == 0 && now == fx->hook[d][f])
				r = live_write(in->mem, inject_word(in, d, f),
					       &fx->original[d].func[f], 8, err);
			else if (now != fx->original[d].func[f])
				ret->foreign_words++;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The table of the domain whose four functions are ours at word[0 … 3]; -1: none. */
static int copied_domain(const struct agent_fixed *fx, const uint64_t *word)
{
	for (int d = 0; d < AGENT_DOMAINS; d++)
		if (memcmp(word, fx->hook[d], sizeof(fx->hook[d])) == 0)
			return d;
	return -1;
}

static int restore_in_words(struct inject *in, const uint64_t *word, size_t n, uint64_t start, struct err *err)
{
	const struct agent_fixed *fx = &in->fixed;
	int r = 0;

	for (size_t i = 0; r == 0 && i + AGENT_FUNCS <= n; i++) {
		int d = word[i] - in->base.v < AGENT_MAP_BYTES ? copied_domain(fx, &word[i]) : -1;

		if (d >= 0)
			r = live_write(in->mem, taddr_of(start + i * 8), fx->original[d].func,
				       sizeof(fx->original[d].func), err);
	}
	return r;
}

/* Chunk by chunk, each with as much of the next as a copy that begins in it may reach. Nothing is kept where nothing can be read. */
static int restore_in(struct inject *in, uint64_t start, uint64_t end, struct err *err)
{
	uint64_t word[PROBE_WORDS + AGENT_FUNCS - 1];
	int r = 0;

	for (uint64_t at = start; r == 0 && at < end; at += PROBE_WORDS * 8) {
		size_t want = end - at < sizeof(word) ? (size_t)(end - at) : sizeof(word);
		int64_t got = mem_read_some(in->mem, taddr_of(at), word, want);

		if (got > 0)
			r = restore_in_words(in, word, (size_t)got / 8, at, err);
	}
	return r;
}

/*
 * Copies the interpreter made of its tables while they were ours, and calls through later: those
 * of tracemalloc, which keeps what it found when it was made ready, at start-up from 3.15 on
 * (Python/tracemalloc.c). They lie in its own static data.
 */
static int restore_copies(struct inject *in, struct err *err)
{
	const struct maps *m = &in->maps;
	const struct map_range *home = maps_find(m, taddr_of(in->fixed.table_addr[AGENT_RAW]));
	uint64_t reached = 0;
	int r = 0;

	for (size_t i = 0; home && r == 0 && i < m->count; i++) {
		const struct map_range *range = &m->ranges[i];
		bool same = *range->path && strcmp(range->path, home->path) == 0;

		if (range != home && !same && (*range->path || range->start != reached))
			continue;
		reached = range->end; /* static data without contents goes on behind it, unnamed */
		if (range->flags & MAP_W && range->end - range->start <= PROBE_BYTES_MAX)
			r = restore_in(in, range->start, range->end, err);
	}
	return r;
}

/* From here on the agent calls through and says nothing; nothing of its memory changes. */
static int silence(struct inject *in, struct err *err)
{
	const uint32_t mode[2] = { AGENT_MODE_PASS, AGENT_WHY_TOLD };

	return live_write(in->mem, taddr_of(in->fixed.gate_addr), mode, sizeof(mode), err);
}

/*
 * Copies on a stack are given back like those in static data: whoever puts his back later puts
 * back what was there before us, and where it is litter, as what an interpreter that starts leaves
 * below main, nobody minds. Half of one is left alone: a thread may be in the middle of making it.
 */
static int restore_stacks(struct inject *in, struct err *err)
{
	for (size_t i = 0; i < stop_count(in->stop); i++) {
		const struct map_range *stack;
		taddr pc, sp, tp;
		int r = stop_pc_sp_tp(in->stop, i, &pc, &sp, &tp, err);

		if (r == ERR_GONE)
			continue;
		stack = r == 0 ? maps_find(&in->maps, sp) : NULL;
		if (stack && stack->end - sp.v <= STACK_BYTES_MAX)
			r = restore_in(in, sp.v & ~7ull, stack->end, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_inside(struct inject *in, struct inject_audit *ret, struct err *err)
{
	const struct inside_range range = {
		.start = in->base.v,
		.end = in->base.v + in->fixed.text_bytes,
		.entry = &in->fixed.hook[0][0],
		.entries = AGENT_DOMAINS * AGENT_FUNCS,
	};
	struct inside_result found;
	int r;

	maps_deinit(&in->maps);
	in->maps = (struct maps){ 0 };
	r = maps_read(in->pid, &in->maps, err);
	if (r == 0)
		r = restore_stacks(in, err);
	if (r == 0)
		r = inside_check(in->stop, in->mem, &in->maps, &range, ret->tries, &found,
				 err);
	if (r < 0)
		return r;
	ret->tries++;
	ret->thread_inside = found.inside;
	ret->inside_tid = found.inside ? found.tid : 0;
	ret->stale_words = found.stale_words;
	return 0;
}

/* Nobody can enter any more; whoever is inside only needs time, and room in the pipe. */
static int wait_until_empty(struct inject *in, inject_drain_fn *drain, void *ctx,
			    struct inject_audit *ret, struct err *err)
{
	unsigned usec = TRY_USEC_MIN;
	int r = check_inside(in, ret, err);

	while (r == 0 && ret->thread_inside && ret->tries < TRIES_MAX) {
		if (drain) {
			r = drain(ctx, err);
			if (r < 0)
				return r;
		}
		r = stop_step(in->stop, usec, err);
		if (r == 0)
			r = check_inside(in, ret, err);
		if (usec < TRY_USEC_MAX)
			usec *= 2;
	}
	return r;
}

/* --- leaving nothing ------------------------------------------------------------------------------ */

static uint64_t resident_of(struct inject *in)
{
	struct pagemap *p = NULL;
	uint64_t bytes = 0;

	if (pagemap_open(in->pid, &p, NULL) == 0 &&
	    pagemap_count(p, in->base.v, in->base.v + AGENT_MAP_BYTES, &bytes, NULL, NULL) < 0)
		bytes = 0;
	pagemap_free(p);
	return bytes;
}

/* Shared memory can be read when the target runs again. An orphan's end is nobody's business. */
static int fetch_state(struct inject *in, struct err *err)
{
	int r;

	if (in->adopted || in->share_fd >= 0)
		return 0;
	r = mem_read(in->mem, taddr_of(in->fixed.state_addr), in->state, sizeof(*in->state), err);
	if (r < 0)
		return err_wrap(err, r, "the agent's memory");
	in->have_state = true;
	return 0;
}

/* Every descriptor of the target that leads to our pipe or memory, whatever became of its number. */
static int close_all_ends(struct inject *in, struct err *err)
{
	struct agent_gate gate;
	int r = mem_read(in->mem, taddr_of(in->fixed.gate_addr), &gate, sizeof(gate), err);

	if (r < 0)
		return r;
	memcpy(in->share_name, gate.share_name, sizeof(in->share_name));
	in->share_name[sizeof(in->share_name) - 1] = 0;
	inject_tell_pipe(in, gate.pipe_made);
	return inject_close_ours(in, err);
}

static int close_pipe(struct inject *in, struct err *err)
{
	int64_t fd = in->fixed.pipe_fd;
	bool ours = false;

	if (in->adopted)
		return close_all_ends(in, err);
	/* the program may have closed it and be using the number itself */
	int r = inject_owns_fd(in, in->fixed.pipe_fd, &ours, err);

	return r == 0 && ours ? inject_close_there(in, &fd, err) : r;
}

static int unmap(struct inject *in, struct err *err)
{
	const uint64_t arg[6] = { in->base.v, in->map_bytes };
	int64_t answer;

	in->unmapping = true;
	return inject_call(in, "munmap", remote_sys(in->remote)->munmap, arg, &answer, err);
}

/* --- audit ------------------------------------------------------------------------------------------ */

static int audit(struct inject *in, struct inject_audit *ret, struct err *err)
{
	struct maps maps = { 0 };
	int fd, r = maps_read(in->pid, &maps, err);

	if (r < 0)
		return r;
	ret->unmapped = true;
	for (size_t i = 0; i < maps.count; i++)
		if (maps.ranges[i].start < in->base.v + in->map_bytes &&
		    maps.ranges[i].end > in->base.v)
			ret->unmapped = false;
	maps_deinit(&maps);
	ret->fd_closed = inject_find_fd(in, &fd, NULL) == 0 && fd < 0;
	ret->words_restored = true;
	for (uint32_t d = 0; d < AGENT_DOMAINS; d++) {
		for (uint32_t f = 0; f < AGENT_FUNCS; f++) {
			uint64_t now = 0;

			r = mem_u64(in->mem, inject_word(in, d, f), &now, err);
			if (r < 0)
				return r;
			if (now >= in->base.v && now < in->base.v + AGENT_MAP_BYTES)
				ret->words_restored = false;
		}
	}
	ret->clean = ret->unmapped && ret->fd_closed && ret->words_restored;
	return 0;
}

/*
 * Somebody else's range at that address, perhaps after an unmap: the audit's "unmapped" would be
 * wrong. The threads are stopped from the munmap to the audit, so nobody can have mapped there.
 */
/* The target stands still: what it is now it will be when it is unmapped. */
static int take_out_blank(struct inject *in, struct inject_audit *ret, struct err *err)
{
	const struct map_range *m = maps_find(&in->maps, in->base);
	int r = 0;

	if (m && m->start == in->base.v && m->end - m->start == in->map_bytes && orphan_is_blank(in->pid, m))
		r = unmap(in, err);
	return r < 0 ? r : audit(in, ret, err);
}

static int take_out(struct inject *in, inject_drain_fn *drain, void *ctx, struct inject_audit *ret,
		    struct err *err)
{
	int r = restore_words(in, ret, err);

	ret->not_outermost = ret->foreign_words > 0;
	if (r == 0)
		r = restore_copies(in, err);
	/* a thread that waits for us (final.c) records nothing any more, and will not leave before */
	if (r == 0 && inject_waits(in, in->mem))
		r = silence(in, err);
	if (r == 0)
		r = wait_until_empty(in, drain, ctx, ret, err);
	if (r == 0)
		r = fetch_state(in, err);
	if (r == 0)
		r = silence(in, err);
	if (r < 0)
		return r;
	ret->resident_bytes = resident_of(in);
	/* the thread remote_new chose may be gone after a step */
	remote_free(in->remote);
	in->remote = NULL;
	r = inject_find_caller(in, err);
	if (r == 0)
		r = close_pipe(in, err);
	if (r == 0 && !ret->not_outermost && !ret->thread_inside)
		r = unmap(in, err);
	return r < 0 ? r : audit(in, ret, err);
}

int inject_remove(struct inject *in, struct stop *s, struct mem_source *mem, inject_drain_fn *drain,
		  void *ctx, struct inject_audit *ret, struct err *err)
{
	int r, tries = 0;

	inject_make_room(in);
	/* Again, when one call or look failed: all of it may be done twice but the end of the mapping. */
	do {
		*ret = (struct inject_audit){ 0 };
		r = inject_enter(in, s, mem, err);
		if (r == 0)
			r = in->blank ? take_out_blank(in, ret, err) : take_out(in, drain, ctx, ret, err);
		inject_leave(in);
	} while (r < 0 && r != ERR_GONE && !in->unmapping && ++tries < REMOVE_TRIES);
	in->hooked = r < 0 && r != ERR_GONE && !in->unmapping;
	return r;
}

int inject_rest(struct inject *in, uint64_t received, struct inject_rest *ret, struct err *err)
{
	int r = 0;

	*ret = (struct inject_rest){ 0 };
	if (!in->have_state && in->share_fd >= 0)
		r = share_read(in, 0, in->state, sizeof(*in->state), err);
	else if (!in->have_state)
		return 0;
	free(in->residual.bytes);
	in->residual = (struct residual){ 0 };
	if (r == 0)
		r = residual_build(&in->fixed, in->state, received, &in->residual, err);
	if (r < 0)
		return r;
	*ret = (struct inject_rest){
		.known = true,
		.bytes = in->residual.bytes,
		.n = in->residual.n,
		.torn = in->residual.torn,
		.counters = in->residual.counters,
	};
	return 0;
}

/* Reads and forgets: the recording is being given up. */
static int discard(void *ctx, struct err *err)
{
	const struct inject *in = ctx;
	char buf[65536];

	(void)err;
	while (in->read_fd >= 0 && read(in->read_fd, buf, sizeof(buf)) > 0)
		;
	return 0;
}

int inject_undo_remove(void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	struct inject *in = ctx;
	struct mem_source *mem = NULL;
	struct inject_audit result;
	struct stop *s = NULL;
	int r;

	(void)a;
	(void)b;
	if (!in->hooked)
		return 0;
	inject_make_room(in);
	r = live_new(in->pid, &mem, err);
	if (r == 0)
		r = stop_attach(in->pid, &s, err);
	if (r == 0)
		r = inject_remove(in, s, mem, discard, in, &result, err);
	if (s && stop_detach(s, NULL) < 0)
		r = 0; /* it is gone, and our agent with it */
	mem_free(mem);
	return r == ERR_GONE ? 0 : r;
}
