/* SPDX-License-Identifier: MIT */
/*
 * The Python stack of one thread, from outside, innermost frame first. Frames which are no
 * Python code (entries into C, the shims of specialised calls) are passed over, as Python's
 * own sys._current_frames does.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_FRAME_H
#define PYMEMPROF_TRACER_CPYTHON_FRAME_H

#include "tracer/cpython/py.h"

#define FRAME_DEPTH_MAX 200000

struct frame {
	taddr addr;    /* PyFrameObject (≤3.10) or _PyInterpreterFrame */
	taddr code;    /* a code object: checked */
	int32_t lasti; /* byte offset of the current instruction; −1: not started */
	bool generator; /* the frame lies inside a generator, coroutine or async generator */
};

struct frame_iter {
	const struct py *py;
	struct mem_source *mem;
	taddr next;
	uint32_t depth;
};

/*
 * Begin at the innermost frame of the thread state. The thread should be stopped or the
 * source frozen; a running one gives torn stacks. Errors: FAULT, GONE.
 */
int frame_iter_init(struct frame_iter *it, const struct py *py, struct mem_source *mem,
		    taddr tstate, struct err *err) MUST_CHECK;

/*
 * 1 and the next frame outwards, 0 at the end. Errors: FAULT, GONE (torn or damaged stack),
 * CORRUPT (deeper than FRAME_DEPTH_MAX).
 */
int frame_next(struct frame_iter *it, struct frame *ret, struct err *err) MUST_CHECK;

#endif
