/* SPDX-License-Identifier: MIT */
/*
 * The host's side of the agent: put it into a stopped target, take it out again, prove that
 * nothing of it is left. Knows the mapping and the twelve function words; refuses to know what
 * the stream says, and never touches the context words.
 *
 * Order of a recording: inject_new; stop the target; py_find_tstate_access; inject_attach; let
 * go; read inject_fd() until enough; stop; inject_remove; let go; inject_rest is fed to the
 * decoder after the last byte of the pipe; inject_free. When the target died instead,
 * inject_rest works as well if inject_shared.
 */
#ifndef PYMEMPROF_TRACER_AGENT_INJECT_H
#define PYMEMPROF_TRACER_AGENT_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tracer/agent/abi.h"
#include "tracer/cpython/py.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"
#include "tracer/process/stop.h"
#include "tracer/process/undo.h"

struct inject_options {
	enum agent_on_full on_full;
	uint32_t stall_limit_ms;
	uint32_t window; /* slots, power of two ≤ AGENT_WINDOW_MAX; 0: off */
	uint32_t window_max_bytes;
	uint32_t max_frames;
	uint64_t sample_bytes; /* 0: exact */
	bool past_final;       /* the interpreter taking itself down is recorded, too */
	uint32_t flush_ms;     /* a partly filled batch is sent after about that long */
	/* Short batches and a short pipe: the target is never more than some thousand events ahead. */
	bool lockstep;
};

#define INJECT_OPTIONS_DEFAULT                                                                     \
	((struct inject_options){ .on_full = AGENT_FULL_BLOCK, .stall_limit_ms = 10000,            \
				  .window = 1024, .window_max_bytes = 4096,                        \
				  .max_frames = AGENT_FRAMES_MAX, .flush_ms = 100 })

/* What is left in the target after a removal, looked up anew and not concluded. */
struct inject_audit {
	bool clean;	      /* everything below is as it was before the attach */
	bool words_restored;  /* no table word points into the agent */
	bool not_outermost;   /* somebody installed himself on top: the agent stays, passing through */
	bool thread_inside;   /* within the bound a thread never left: the agent stays, unhooked */
	bool unmapped, fd_closed;
	uint32_t foreign_words; /* table words of somebody else, left alone */
	uint32_t tries;	      /* times the target was stopped to look for threads inside */
	uint32_t stale_words; /* return addresses on stacks the unwinder proved to be dead */
	uint64_t resident_bytes; /* of the agent's mapping when it was removed */
	pid_t inside_tid;     /* with thread_inside: one of them */
};

struct inject; /* opaque */

/*
 * Everything that can be done before the target is stopped: memory, calibration (1 ms).
 * The caller owns *ret: inject_free. Errors: NOMEM, USAGE.
 */
int inject_new(const struct inject_options *options, struct inject **ret, struct err *err) MUST_CHECK;

/* Closes the read end. Does not touch the target. Accepts NULL. */
void inject_free(struct inject *in);

/*
 * Hook the interpreter py of the process stopped in s. mem is live memory of it; both are used
 * during the call only, py until inject_free. Each change registers its inverse in undo before it is made;
 * on failure they have been run and the target is as before. On success one entry "remove the
 * agent" stays in undo: it stops the target by itself, and does nothing once inject_remove was
 * called. Errors: DENIED hint "already-attached" (a living tracer's) or "orphan-agent" (clean up
 * first); UNSUPPORTED (tables hold no code; kernel without MADV_WIPEONFORK); DENIED (mprotect); …
 */
int inject_attach(struct inject *in, struct stop *s, struct mem_source *mem, const struct py *py,
		  struct undo *undo, struct err *err) MUST_CHECK;

/* Read end of the stream, non-blocking; owned by in. -1 before the attach and for orphans. */
int inject_fd(const struct inject *in);
const struct agent_fixed *inject_fixed(const struct inject *in);
/* Is what the agent remembers shared with us, so that it outlives the target? */
bool inject_shared(const struct inject *in);
/* Counters of the agent now; frees are all the stream was told of. The target may run. Errors: FAULT (exec, exit), GONE, SYS. */
int inject_public(const struct inject *in, struct mem_source *mem, struct agent_public *ret,
		  struct err *err) MUST_CHECK;

/*
 * Give up what the attach held back for the removal. Before whatever belongs to it, as stopping the target;
 * inject_remove does it, too. Never fails.
 */
void inject_make_room(struct inject *in);

/*
 * Called between two stops while a thread has to leave the agent: read what waits in the pipe,
 * or a thread that waits for room in it never will. Negative ends the removal with that code.
 */
typedef int inject_drain_fn(void *ctx, struct err *err);

/*
 * Unhook, wait (bounded) until no thread is inside, fetch what is left, unmap, audit. The target
 * is stopped in s, and stopped again when this returns; it may have run in between. Restores only
 * words which are still ours. drain may be NULL. A target that keeps the agent is not an error:
 * see *ret. After an error the entry in undo may do it yet. Errors: GONE, FAULT, SYS, NOMEM.
 */
int inject_remove(struct inject *in, struct stop *s, struct mem_source *mem, inject_drain_fn *drain,
		  void *ctx, struct inject_audit *ret, struct err *err) MUST_CHECK;

/*
 * Is a block being moved, or an original at work, so that what the heap says contradicts itself? As
 * far as threads of the main interpreter's GIL go. False, too, when the agent cannot be read.
 */
bool inject_busy(const struct inject *in, struct mem_source *mem);

/* Does a thread wait in the agent, the program's work being done, until it is removed? The target may run. */
bool inject_waits(const struct inject *in, struct mem_source *mem);

/* The end of the stream that never reached the pipe, as ordinary stream bytes. */
struct inject_rest {
	bool known;	      /* false: the target died and its memory was its own */
	const uint8_t *bytes; /* borrowed from in */
	size_t n;
	uint64_t torn;	      /* pieces of its memory that made no sense */
	struct agent_public counters; /* the last ones */
};

/*
 * After inject_remove, or after the target's end; received: bytes that came through the pipe,
 * which is empty now. Errors: NOMEM, SYS.
 */
int inject_rest(struct inject *in, uint64_t received, struct inject_rest *ret,
		struct err *err) MUST_CHECK;

/* --- agents of other tracers ------------------------------------------------------------------ */

struct inject_orphan {
	taddr base;
	struct agent_fixed fixed;
	bool tracer_alive; /* its tracer still runs: not an orphan */
	uint64_t blank_bytes; /* not 0: mapped, and never written to; there is nothing in fixed */
};

/*
 * A table word that points outside the interpreter's object into a mapping that begins like ours,
 * or such a mapping that no word leads to, of a tracer that died on its way in or out; with a pid also one it
 * had not written to. 1 and *ret when there is one, 0 when not. The target may run. Errors: FAULT, GONE, NOMEM.
 */
int inject_find(pid_t pid, const struct py *py, struct mem_source *mem, const struct maps *maps,
		struct inject_orphan *ret, struct err *err) MUST_CHECK;

/* Make it ours, for inject_remove. The caller owns *ret. Errors: NOMEM, UNSUPPORTED (other ABI). */
int inject_adopt(const struct inject_orphan *orphan, const struct py *py, struct inject **ret,
		 struct err *err) MUST_CHECK;

#endif
