/* SPDX-License-Identifier: MIT */
/*
 * Which objects an object refers to. Two questions: what its tp_traverse would visit (the
 * collector's view, exact for the layouts known, conservative for unknown C structs), and all
 * it keeps alive (names, keys, constants too), for paths and retained sizes.
 */
#ifndef PYMEMPROF_TRACER_HEAP_REFS_H
#define PYMEMPROF_TRACER_HEAP_REFS_H

#include <stdint.h>

struct heap;

enum refs_view {
	REFS_TRAVERSE = 0, /* what tp_traverse visits */
	REFS_OWNED,	   /* what the object keeps alive */
};

/* Where in the object a reference was found; edge_name.h makes names of it. */
enum ref_place {
	REF_WORD = 0,  /* word of the struct; index: its offset */
	REF_ITEM,      /* of a list, a tuple, a deque; index */
	REF_KEY,       /* key of a dict; index: of the entry */
	REF_VALUE,     /* value of a dict; index: of the entry */
	REF_ATTRIBUTE, /* attribute values of an instance; index: of the shared key */
	REF_DICT,      /* __dict__ kept outside the struct */
	REF_TYPE,      /* its class, of instances of heap types */
	REF_MEMBER,    /* of a set */
	REF_LOCAL,     /* local variable or value stack; index: of the slot */
	REF_FRAME,     /* word of an interpreter frame; index: its offset */
	REF_LINK,      /* of an ordered dict or an lru_cache: its own links, keys once more, results */
	REF_STATE,     /* word of a module's state; index: of the word */
	REF_SHARED_KEY, /* key of a class's shared keys; index: of the entry */
};

/* Called once for each reference; targets are not checked to be objects. */
typedef void refs_fn(void *ctx, uint64_t target, enum ref_place place, uint64_t index);

/*
 * References of the object at addr whose type is t (index of the type table). Damage ends the
 * object's references early, counted in nothing: the walk has counted it.
 */
void refs_of(struct heap *h, uint32_t type, uint64_t addr, enum refs_view view, refs_fn *fn,
	     void *ctx);

#endif
