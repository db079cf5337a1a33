/* SPDX-License-Identifier: MIT */
/*
 * Paths asked for: how the objects of a type, or the one object at an address, are held, found
 * in a stored graph. All objects of the type are looked at; those held alike are one path.
 */
#ifndef PYMEMPROF_REPORT_MODEL_PATHS_H
#define PYMEMPROF_REPORT_MODEL_PATHS_H

#include "report/model/heaps.h"

/* Objects held alike, the way to the one that retains most. */
struct held_alike {
	uint64_t count, own_bytes;
	uint64_t retained_bytes; /* by all of them together, nothing twice */
	uint64_t addr;
	size_t first, steps; /* in paths.steps; step 0 is the root */
};

/* One direct reference to the object asked for. */
struct direct_holder {
	struct fact_heap_step step; /* type and address of the holder, the edge from it */
};

struct paths {
	uint32_t type;	  /* of the objects; 0: none found */
	uint64_t objects; /* of the type */
	uint64_t unreached; /* of these, reached from no root (a broken graph) */
	struct VEC(struct held_alike) ways; /* most objects first */
	struct VEC(struct fact_heap_step) steps;
	struct VEC(struct fact_heap_step) direct; /* of one object: who refers to it */
	uint64_t ways_found; /* more than ways.len when the rest was left out */
};

#define PATHS_MOST 50

/* Can what be asked for at all? NULL: nothing is. Errors: USAGE. */
int paths_check(const char *what, struct err *err) MUST_CHECK;

/*
 * what: "Name", "module.Name" or "0x7f…". Strings of the result are borrowed from m; the caller
 * calls paths_deinit. Errors: USAGE with hint "no-graph" when the graph was not stored, USAGE
 * ("no-such-type") when there is no such type or object; CORRUPT (a damaged file), NOMEM.
 */
int paths_find(const struct heap_model *m, const char *what, struct paths *ret,
	       struct err *err) MUST_CHECK;
void paths_deinit(struct paths *p); /* accepts zeroed */

#endif
