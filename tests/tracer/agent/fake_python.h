/* SPDX-License-Identifier: MIT */
/*
 * As much of an interpreter as the agent sees: thread states, frames, code objects with line
 * tables, and two allocators, all in this process. The agent is compiled hosted and recorded into
 * a real pipe. One at a time: the agent's memory is global.
 */
#ifndef PYMEMPROF_TESTS_AGENT_FAKE_PYTHON_H
#define PYMEMPROF_TESTS_AGENT_FAKE_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/agent/state.h"

extern struct agent_fixed agent_fixed;
extern struct agent_gate agent_gate;
extern struct agent_state agent_state;

/* The agent's entry points; ctx is ignored by contract. */
#define FAKE_HOOKS(d)                                                                              \
	void *hook_##d##_malloc(void *ctx, size_t n);                                              \
	void *hook_##d##_calloc(void *ctx, size_t n, size_t size);                                 \
	void *hook_##d##_realloc(void *ctx, void *ptr, size_t n);                                  \
	void hook_##d##_free(void *ctx, void *ptr);
FAKE_HOOKS(raw)
FAKE_HOOKS(mem)
FAKE_HOOKS(obj)

#define FAKE_CODES 4096
#define FAKE_THREADS 4
#define FAKE_DEPTH 1200

/* The two families of frames; layouts are those of 3.10 and 3.13, as far as the agent looks. */
struct fake_code {
	uint64_t refcnt, type, size;
	uint64_t filename, name, linetable, firsttraceable_and_line;
	uint8_t instr[64];
};

struct fake_frame {
	uint64_t code;	   /* f_executable */
	uint64_t previous; /* f_back */
	uint64_t instr;	   /* instr_ptr, or f_lasti in the low half */
	uint8_t owner, pad[7];
	uint64_t locals[4]; /* references: tagged where frame_kind says so */
};

struct fake_tstate {
	uint64_t interp, thread_id, id, frame; /* frame: current_frame, cframe or f */
	uint64_t cframe[2];
	struct fake_frame frames[FAKE_DEPTH];
	uint16_t place[FAKE_DEPTH]; /* in frames, of the one at this depth: the depth, or as fake_call_at says */
	uint32_t depth;
};

struct fake {
	struct fake_tstate thread[FAKE_THREADS];
	uint64_t current; /* what tstate_kind GLOBAL points to */
	uint64_t interp[2], gil[2];
	int pipe_read;
	bool fail_next; /* the next original call returns NULL */
	uint64_t nested_calls;
};
extern struct fake fake;

/* All zero; then adjust agent_fixed as the test likes; then fake_go. */
void fake_init(enum agent_frame_kind kind);
void fake_go(void);
void fake_done(void);

/* Thread t (0 …) holds the GIL from here on; -1: nobody. */
void fake_gil(int t);
/* A code object of n instructions, each on its own line, in a block from the obj domain. */
struct fake_code *fake_code(const char *static_name, uint32_t first_line, uint32_t n);
/* The same in another file; its name and file are at most 39 characters long. */
struct fake_code *fake_code_in(const char *static_file, const char *static_name,
			       uint32_t first_line, uint32_t n);
/* A str for a local variable of the innermost frame; at most 39 characters. NULL: not assigned. */
void fake_local(uint32_t i, const char *text);
void fake_code_free(struct fake_code *c);
/* Frames of the thread that holds the GIL. */
void fake_call(struct fake_code *c, uint32_t instr);
/* The same with a frame that lies elsewhere, as those of generators do; place is free. */
void fake_call_at(uint32_t place, struct fake_code *c, uint32_t instr);
void fake_return(void);
void fake_at(uint32_t instr);
/* "t1 name:line name:line …", innermost first, as the reader should see it. At most limit frames. */
void fake_where(char *buf, size_t n, uint32_t limit);

/* Everything the agent still holds goes to the pipe. */
void fake_flush(void);
/* All bytes in the pipe now; caller frees. */
uint8_t *fake_read(size_t *ret_n);

#endif
