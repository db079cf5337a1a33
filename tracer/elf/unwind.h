/* SPDX-License-Identifier: MIT */
/*
 * Native stack of a stopped thread: libunwind over mem/source, with the unwind tables read from
 * the target's own memory (PT_GNU_EH_FRAME of each mapped object), so containers, deleted files
 * and the vdso need no special care. Without libunwind (-Dunwind=disabled) nothing is ever whole.
 */
#ifndef PYMEMPROF_TRACER_ELF_UNWIND_H
#define PYMEMPROF_TRACER_ELF_UNWIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tracer/mem/source.h"
#include "tracer/process/maps.h"
#include "tracer/process/stop.h"

#define UNWIND_FRAMES_MAX 100000

#define UNWIND_REGS_MAX 32

/*
 * One frame. Registers are those whose values the frame still owns: what functions keep for
 * their callers (rbx, rbp, r12–r15; x19–x29), or all when a signal interrupted it. None of the
 * innermost frame, whose registers are the thread's.
 */
struct unwind_frame {
	taddr pc;
	uint64_t reg[UNWIND_REGS_MAX];
	size_t regs;
};

/* Called with each frame, innermost first; false ends the walk. */
typedef bool unwind_frame_fn(void *ctx, const struct unwind_frame *frame);

/*
 * Walk thread i of s. *ret_whole: the outermost frame was reached and every frame on the way was
 * described by a table: no guess was needed. Unwinding that fails is no error, only not whole.
 * Errors: NOMEM, GONE.
 */
int unwind_thread(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
		  unwind_frame_fn *fn, void *ctx, bool *ret_whole, struct err *err) MUST_CHECK;

#endif
