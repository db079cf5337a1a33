/* SPDX-License-Identifier: MIT */
/*
 * Leak suspects: what the recording says (it grows, made there) joined with what the last
 * snapshot says (it is of this type, hangs there). One row per site and type; rows that are one
 * leak are parts of its leading row. What a bound or the collector explains is acquitted, what
 * the user has explained is suppressed; both are kept, with the reason.
 */
#ifndef PYMEMPROF_REPORT_MODEL_LEAKS_H
#define PYMEMPROF_REPORT_MODEL_LEAKS_H

#include "base/arena.h"
#include "base/vec.h"
#include "report/model/growth.h"

struct recording;

enum leak_state { LEAK_ACCUSED, LEAK_ACQUITTED, LEAK_SUPPRESSED };

enum leak_reach {
	LEAK_REACH_UNKNOWN, /* no snapshot, or no path was found */
	LEAK_REACHABLE,
	LEAK_UNREACHABLE, /* only cycles hold them */
	LEAK_C_REFERENCE, /* held by references no object and no root accounts for */
};

/* How sure it is that the row's objects were made where they are said to be. */
enum leak_place {
	LEAK_MADE,
	LEAK_PERHAPS_MADE, /* used again: the stack may be that of an earlier object in the same memory */
	LEAK_PUT,	   /* so, and blamed is where they are put */
	LEAK_BESIDE,	   /* so, and blamed is where other objects of the leak are made, in the same container */
};

struct leak {
	uint32_t lead;	/* index of the row it is part of; its own: it leads */
	uint32_t stack; /* where they are made: a stack of the recording */
	/*
	 * Index into stacks.frames: the innermost frame of the stack that is no library's; STACKS_NONE. With LEAK_PUT
	 * such a frame of put, with LEAK_BESIDE that of another row.
	 */
	uint32_t blamed;
	uint32_t caller; /* the next such frame outwards on the stack; STACKS_NONE */
	bool by_library; /* a library made them on behalf of the innermost such frame */
	enum leak_place place;
	uint32_t put; /* the stack their container, the last on their path, was last enlarged at; STACKS_NONE: not known */
	uint32_t type;	/* number of the type in the last snapshot; 0: not known */
	bool container; /* no objects are made here: an older object of the type grows */
	bool table;	 /* of a container whose own line is not suspected: a part of what it holds, or nothing */
	bool of_buffers; /* no objects are made here, but their buffers: of many of the type */
	enum leak_state state;
	enum leak_reach reach;
	enum growth_confidence confidence;
	const char *type_name; /* "feed.Listener", "str"; "" not known */
	const char *holder, *path; /* as in struct fact_heap_held; "" not known */
	uint32_t held_so; /* of a thousand of its objects: held as holder and path say, as far as the snapshot tells */
	uint64_t objects, bytes; /* live, made here */
	double objects_per_s, bytes_per_s;
	uint64_t retained_bytes; /* of a lead: what would go with it, parts included; ≥ bytes */
	bool with_parts;	 /* retained_bytes are those of its parts: its objects alone retain less */
	double retained_per_s;	 /* growth of that, bytes per second */
	uint64_t unreachable, unexplained, early; /* of objects */
	uint8_t bound; /* enum fact_bound */
	uint64_t bound_size, bound_used;
	/* One sentence each; "" none. Names of the target are in them: escape. */
	const char *sentence; /* who, how many, made where, held by what, retaining how much */
	const char *why;      /* what makes it a suspect */
	const char *unless;   /* "not a leak if …", without these words */
	const char *reason;   /* why it is acquitted or suppressed */
};

/* A reason to keep quiet, given by the user. Patterns are shell patterns (fnmatch). */
struct leak_suppression {
	const char *type; /* on the type's name; NULL: any */
	const char *site; /* on "file:function" of any frame; NULL: any */
	const char *reason;
	bool expired;
	unsigned used; /* rows it took out */
};

struct leaks {
	struct arena arena;
	/* Accused leads by rank, each followed by its parts; then acquitted ones, then suppressed ones. */
	struct VEC(struct leak) rows;
	size_t naccused, nacquitted, nsuppressed; /* leads */
	uint64_t bytes; /* live bytes of all accused rows */
	struct VEC(struct leak_suppression) suppressions; /* filled in before leaks_find; strings in the arena */
};

void leaks_deinit(struct leaks *l); /* accepts NULL and zeroed; zeroed is empty and usable */

/* Copies the strings. Errors: NOMEM. */
int leaks_suppress(struct leaks *l, const struct leak_suppression *s, struct err *err) MUST_CHECK;

/*
 * Find them, once, after the stacks were judged (r->verdicts, r->suspects). Errors: NOMEM.
 */
int leaks_find(struct leaks *l, const struct recording *r, struct err *err) MUST_CHECK;

/* Set by_stack[stack] for every stack with an accused row; the rest of the array is left alone. */
void leaks_accused(const struct leaks *l, bool *by_stack);

#define LEAK_SHARE_MAX 24

/* " (52 % held there)" of a part whose objects are not all held as its path says; else "". Returns buf. */
const char *leak_held_share(const struct leak *row, char buf[LEAK_SHARE_MAX]);

/* Was it of a type that had a free list in every CPython of 3.8 to 3.15, so that its stack may be another one's? */
bool leak_used_again(const struct leak *row);

/* "made", "perhaps made", "put in", "beside what is made": what is said before "at" and the blamed frame. */
const char *leak_place_name(enum leak_place p);

/* Is where they are put another function than the one blamed, or the blamed one itself? Then it is worth telling. */
bool leak_tells_put(const struct recording *r, const struct leak *row);

/* "accused" …; "reachable", "unreachable", "c-reference", "unknown". */
const char *leak_state_name(enum leak_state s);
const char *leak_reach_name(enum leak_reach r);

#endif
