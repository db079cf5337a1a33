/* SPDX-License-Identifier: MIT */
/*
 * The stacks of one recording. Frames and strings are stored once; stacks share their outer
 * part, as paths from the root of one tree. Sites that differ only in their thread have the
 * same stack. Knows names and lines, refuses to know any figure.
 */
#ifndef PYMEMPROF_REPORT_MODEL_STACKS_H
#define PYMEMPROF_REPORT_MODEL_STACKS_H

#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "tracer/facts.h"

/* Places of the tree that are no frames. Every stack is a path down from one of them. */
enum {
	STACKS_ROOT = 0,      /* complete stacks; alone: a site without any Python frame */
	STACKS_TRUNCATED = 1, /* stacks whose outermost frames are missing */
	STACKS_FIRST = 2,
};

struct stack_frame {
	uint32_t function, file; /* strtab ids */
	uint32_t line, first_line;
};

/* One step of a path. parent < own number, so a reverse scan visits children first. */
struct stack_place {
	uint32_t parent;
	uint32_t frame; /* index into frames; meaningless below STACKS_FIRST */
	uint32_t stack; /* the stack that ends here, or STACKS_NONE */
	uint32_t depth; /* frames from the root to here */
};

#define STACKS_NONE UINT32_MAX

struct stack_site {
	uint32_t stack; /* index into stacks */
	uint32_t thread;
};

struct stacks {
	struct strtab *names;
	struct map pairs;    /* function, file → number */
	struct map frame_of; /* pair, line → index into frames */
	struct map place_of; /* parent, frame → index into places */
	struct VEC(struct stack_frame) frames;
	struct VEC(struct stack_place) places;
	struct VEC(uint32_t) stacks;	     /* stack → its innermost place */
	struct VEC(struct stack_site) sites; /* site - 1 → stack and thread */
};

/* Errors: NOMEM. On failure *s is zeroed. */
int stacks_init(struct stacks *s, struct err *err) MUST_CHECK;
void stacks_deinit(struct stacks *s); /* accepts NULL and zeroed */

/*
 * Take in one site; ids must come as 1, 2, 3 …. Errors: CORRUPT (id out of order), NOMEM.
 */
int stacks_add(struct stacks *s, const struct fact_site *f, struct err *err) MUST_CHECK;

/* Stack and thread of a site id, NULL when it was never defined. Borrowed until the next add. */
const struct stack_site *stacks_site(const struct stacks *s, uint32_t site);

/* A frame with its strings, borrowed from the registry. */
struct stack_text {
	const char *function, *file;
	size_t function_bytes, file_bytes;
	uint32_t line, first_line;
};

struct stack_text stacks_text(const struct stacks *s, uint32_t frame);

/*
 * Walk a stack from its innermost frame outwards: start with *place = s->stacks.at[stack];
 * false after the outermost frame.
 */
bool stacks_next(const struct stacks *s, uint32_t *place, struct stack_text *ret);

uint32_t stacks_depth(const struct stacks *s, uint32_t stack);
bool stacks_truncated(const struct stacks *s, uint32_t stack);

#endif
