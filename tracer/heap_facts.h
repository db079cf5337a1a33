/* SPDX-License-Identifier: MIT */
/*
 * The waist, second half: what one snapshot of the heap says. Included by facts.h. A snapshot
 * is pushed as one heap, then any number of type, class, arena, free list, unknown and cycle
 * rows, gc rows, ledger lines, join and held rows, and heap_end. Every byte of an allocated pymalloc block is in
 * exactly one column of exactly one type row, one free-list row or one unknown row.
 */
#ifndef PYMEMPROF_TRACER_HEAP_FACTS_H
#define PYMEMPROF_TRACER_HEAP_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole, and how far it can be believed. Bytes are bytes of blocks unless said otherwise. */
struct fact_heap {
	uint32_t snapshot;	/* 1, 2, … within one file */
	uint64_t at_unix_ns;	/* CLOCK_REALTIME of the instant shown */
	uint64_t at_ns;		/* since the recording began; 0 without one */
	uint32_t interpreters;
	uint32_t arenas, arena_size_bytes, pool_size_bytes;
	uint64_t arena_bytes;	/* mapped for pymalloc's arenas */
	uint64_t block_bytes, blocks; /* allocated pymalloc blocks */
	uint64_t free_bytes;	/* free blocks in used pools, never-used tails included */
	uint64_t free_pool_bytes; /* pools of arenas which no size class uses */
	uint64_t pool_header_bytes, pool_tail_bytes; /* headers; what is left after the last block */
	uint64_t arena_align_bytes; /* lost because an arena does not start on a pool boundary */
	uint64_t raw_blocks;	/* large blocks outstanding by the interpreter's count; 0: not kept */
	/* Attribution of block_bytes: the four add up to it. */
	uint64_t object_bytes, buffer_bytes, free_list_bytes, unknown_bytes;
	uint64_t weak_bytes;	/* part of buffer_bytes attributed by following pointers of C data */
	/* Outside the arenas: objects and buffers found through their owners. */
	uint64_t large_blocks, large_bytes;
	uint64_t static_objects, static_bytes; /* in mapped files: not heap */
	uint64_t mapped_bytes;	/* part of large_bytes without a malloc chunk around it */
	/* Damage and doubt: counted, never guessed. */
	uint64_t torn;		/* pools, lists and blocks which contradict themselves */
	uint64_t unreadable;	/* reads which failed */
	uint64_t first_torn;	/* address, 0: none */
	bool collecting;	/* taken during a collection */
	bool inside_allocator;	/* a thread was inside pymalloc: the session knows, not the walk */
};

/*
 * One type. total_bytes = payload + header + gc_head + dict + buffer + slack + rounding, and
 * covers the objects' own blocks and the buffers only they own, inside and outside arenas.
 */
struct fact_heap_type {
	uint32_t type;		/* dense, from 1 */
	uint64_t addr;		/* of the type object; tells types of one name apart */
	uint64_t metatype;	/* address of type(type) */
	const char *name;	/* __qualname__ */
	const char *module;	/* __module__; "" unknown */
	bool pseudo;		/* not a Python type: "static data of _ssl.so" and the like */
	bool is_heap_type;	/* made by a class statement or PyType_FromSpec */
	bool is_gc;
	bool has_dict;		/* instances can have a __dict__ */
	bool has_weakrefs;
	uint32_t basic_bytes, item_bytes; /* tp_basicsize, tp_itemsize */
	uint32_t pre_bytes;	/* GC head and managed words before the object */
	uint32_t slots;		/* __slots__ entries of the class and its Python bases */
	uint64_t count;		/* objects alive on the heap, small and large */
	uint64_t tracked;	/* of these, in a GC generation gc.get_objects() shows */
	uint64_t frozen;	/* in the permanent generation */
	uint64_t static_count, static_bytes; /* in mapped files; not in count and total */
	uint64_t immortal_count;
	uint64_t large_count;	/* of count, blocks outside the arenas */
	uint64_t total_bytes;
	uint64_t payload_bytes;	/* the objects' own fields and items */
	uint64_t header_bytes;	/* reference count and type pointer: 16 each */
	uint64_t gc_head_bytes;
	uint64_t dict_bytes;	/* managed words before the object, attribute values */
	uint64_t buffer_bytes;	/* used part of owned buffers */
	uint64_t slack_bytes;	/* over-allocation: unused part of owned buffers */
	uint64_t rounding_bytes; /* size-class rounding of own blocks and buffers */
	uint64_t instance_dict_bytes; /* __dict__ objects of instances: counted in the row of dict */
	uint64_t retained_bytes; /* by all its objects together, nothing twice; 0 without a graph */
	/* With bare_bytes: in __dict__ objects and attribute values of instances, together. */
	uint64_t attributes;
	/* Of an instance of this class, GC head included, had it and its bases no __dict__; 0: it must have one. */
	uint32_t bare_bytes;
};

/* How the buffers of one type divide by kind (dict keys, list items …). */
struct fact_heap_buffer {
	uint32_t type;
	const char *kind; /* "dict keys", "items", "set table", "text", "state" … */
	uint64_t count, bytes;
	bool weak; /* attributed by following pointers of unknown C data */
};

struct fact_heap_class {
	uint32_t block_bytes;
	uint64_t pools;
	uint64_t used_blocks, free_blocks; /* in pools of this class */
	uint64_t virgin_blocks; /* of free_blocks, never handed out */
	uint64_t object_blocks, buffer_blocks, free_list_blocks, unknown_blocks;
	uint64_t tail_bytes;
};

/* What keeps an arena from being returned. */
struct fact_heap_pin {
	uint32_t type;	/* of the object, or of the owner of the buffer; 0: unknown */
	bool buffer;
	uint64_t count, bytes;
	uint32_t site;	/* where they were made; 0: not known */
};

#define FACT_HEAP_PINS 8

struct fact_heap_arena {
	uint64_t addr;
	uint32_t interpreter;
	uint32_t pools, used_pools, free_pools; /* free: never used included */
	uint64_t live_blocks, live_bytes;
	uint64_t free_blocks, free_bytes; /* in its used pools, never-used ones included */
	uint64_t header_bytes, tail_bytes; /* of used pools */
	uint64_t align_bytes; /* lost because it does not start on a pool boundary */
	/* One byte per pool: 0 free, 255 full, else 1 + 253·used/capacity. Valid during the call. */
	const uint8_t *occupancy;
	uint32_t npins; /* largest first; filled for arenas at most a quarter full */
	struct fact_heap_pin pins[FACT_HEAP_PINS];
	uint64_t pin_addr; /* one live block, so that a site may be looked up; 0: none */
};

/* One arena of the C library's malloc, or (mmapped) all blocks with a mapping of their own. */
struct fact_heap_malloc {
	uint64_t addr;
	bool main, mmapped;
	uint64_t heaps;
	uint64_t system_bytes;	/* obtained from the kernel */
	uint64_t used_chunks, used_bytes;
	uint64_t python_chunks, python_bytes; /* of used: large blocks of Python objects */
	uint64_t cached_bytes;	/* in threads' caches: free for one thread only */
	uint64_t free_chunks, free_bytes; /* binned, fast bins included, top not */
	uint64_t top_bytes, largest_free_bytes;
	uint64_t trimmable_bytes; /* whole pages malloc_trim(0) could give back */
	uint64_t torn;
};

struct fact_heap_free_list {
	const char *name; /* "float", "tuple[3]" … */
	uint64_t count, bytes;
};

/* Allocated blocks nobody claims, by size; the ten most frequent first words help to name them. */
struct fact_heap_unknown {
	uint32_t block_bytes;
	uint64_t count, bytes;
	uint64_t sample_addr;
};

#define FACT_GC_GENERATIONS 3

struct fact_heap_gc {
	int64_t interpreter;
	bool enabled, collecting, incremental;
	uint32_t debug;
	uint32_t generations; /* 3 */
	struct {
		int32_t threshold, count;
		uint64_t collections, collected, uncollectable;
		uint64_t objects;  /* tracked, by walking the list */
	} gen[FACT_GC_GENERATIONS];
	uint64_t frozen;	/* permanent generation, by walking it */
	uint64_t garbage;	/* length of gc.garbage */
	uint64_t long_lived_total, long_lived_pending;
	bool cycles_known;	/* unreachable_* were computed */
	uint64_t unreachable, unreachable_bytes;
};

/* Objects only unreachable cycles hold, by type. */
struct fact_heap_cycle {
	uint32_t type;
	uint64_t count, bytes;
};

enum fact_join_use {
	FACT_JOIN_OBJECT = 0, /* the block is an object of the type */
	FACT_JOIN_BUFFER,     /* it is a buffer of an object of the type: items, keys, text … */
	FACT_JOIN_FREE_LIST,  /* an object that waits to be used again */
	FACT_JOIN_OTHER,      /* no object and nobody's buffer: C data */
	FACT_JOIN_GONE,	      /* freed between the recording's last event and the snapshot */
};

/*
 * Recording and snapshot joined by address: the blocks made at one site and still alive which
 * the snapshot found to be objects of one type, or their buffers. One row per site, type and
 * use. Bytes are those the recording knows: requested.
 */
struct fact_heap_join {
	uint32_t site;	/* of the recording */
	uint32_t type;	/* 0: unknown */
	uint8_t use;	/* enum fact_join_use */
	uint64_t blocks, bytes; /* weighted when sampled */
	uint64_t oldest_ns, newest_ns; /* births, since start */
	uint64_t unreachable; /* of blocks: objects only unreachable cycles hold */
	uint64_t unexplained; /* of blocks: objects with references nothing found accounts for */
	uint64_t retained_bytes; /* would go with the row's objects; 0: not computed */
	uint64_t early_blocks;	 /* of blocks: born in the first half of the recording, in the target's own time */
};

/* What limits a container a path goes through. */
enum fact_bound {
	FACT_BOUND_NONE = 0,
	FACT_BOUND_LRU_CACHE, /* functools.lru_cache(maxsize) */
	FACT_BOUND_DEQUE,     /* collections.deque(maxlen) */
	FACT_BOUND_METHOD_CACHE, /* the interpreter's cache of attribute names */
};

/*
 * Where objects of one type, made at one site (0: wherever), hang: those whose paths differ in
 * keys and indices only are one row, so there are few. Largest first for one (site, type).
 */
struct fact_heap_held {
	uint32_t site, type;
	uint64_t objects, bytes; /* bytes of their own blocks and buffers; may be scaled up */
	const char *holder; /* the container they gather in: "list feed.listeners"; "" unknown */
	const char *path;   /* as an expression: "feed.listeners[*].inbox"; "" unknown */
	uint8_t bound;	    /* enum fact_bound, of a container on the path */
	uint64_t bound_size, bound_used; /* its limit and how much of it is used */
};

/* One line of the account of RSS. Depth 0 lines add up to RSS; deeper ones explain their parent. */
struct fact_ledger {
	const char *code; /* stable word for JSON: "objects", "buffers", "free_blocks" … */
	const char *label;
	uint8_t depth;
	uint64_t bytes;
	bool estimate;
};

#endif
