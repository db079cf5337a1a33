/* SPDX-License-Identifier: MIT */
/*
 * The waist, third part: who holds what in one snapshot. Included by facts.h. Pushed after the
 * type rows and before heap_end: one heap_graph, then holder rows (parents before children),
 * paths (before their steps), steps, reference count rows, module rows; with the whole graph
 * stored, names and edges too. Without a graph only heap_graph is pushed, and it says why.
 */
#ifndef PYMEMPROF_TRACER_GRAPH_FACTS_H
#define PYMEMPROF_TRACER_GRAPH_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* Where a chain of references that keeps objects alive begins. Values are stored in files. */
enum fact_root {
	FACT_ROOT_NONE = 0,
	FACT_ROOT_ALL,	       /* the one above all: holder 1, retains whatever is alive */
	FACT_ROOT_MODULE,      /* a module of sys.modules */
	FACT_ROOT_THREAD,      /* a thread's state: context, exceptions; its frames are below it */
	FACT_ROOT_FRAME,       /* a running frame: locals and value stack */
	FACT_ROOT_INTERPRETER, /* the interpreter's own state: sys.modules, codecs, … */
	FACT_ROOT_STATIC,      /* objects in mapped files: built-in types, singletons */
	FACT_ROOT_C,	       /* C data we can name: static variables of a library, a C struct */
	FACT_ROOT_C_ONLY,      /* reference counts nothing found explains: C code holds it */
	FACT_ROOT_GARBAGE,     /* nothing: unreachable cycles */
	FACT_ROOTS,
};

/* How one object refers to the next. Values are stored in files. */
enum fact_edge {
	FACT_EDGE_NONE = 0,  /* unnamed, or not a direct reference */
	FACT_EDGE_ROOT,	     /* from a root; its own name says how */
	FACT_EDGE_ATTRIBUTE, /* .name of an instance, slots too */
	FACT_EDGE_DICT,	     /* .__dict__: not shown in a path, the next edge is an attribute */
	FACT_EDGE_KEY,	     /* ['name'], a dict's value under a str key that is an identifier */
	FACT_EDGE_VALUE,     /* a dict's value under another key; name is the key's type */
	FACT_EDGE_KEY_ITSELF, /* it is a key of the dict */
	FACT_EDGE_INDEX,     /* [index] of a list, a tuple, a deque */
	FACT_EDGE_MEMBER,    /* of a set */
	FACT_EDGE_GLOBAL,    /* name, a variable of a module */
	FACT_EDGE_LOCAL,     /* name, a local variable of a frame or of a suspended generator */
	FACT_EDGE_STACK,     /* a value on a frame's stack; index */
	FACT_EDGE_CELL,	     /* name, a variable of an enclosing function */
	FACT_EDGE_TYPE,	     /* its class */
	FACT_EDGE_FIELD,     /* name, a field of a C struct as Python spells it: __globals__, f_back */
	FACT_EDGE_WORD,	     /* a word of a C struct nobody has a name for; index is its offset */
	FACT_EDGE_CONTENTS,  /* of a cell: cell_contents */
	FACT_EDGE_CALLBACK,  /* of a weak reference */
	FACT_EDGE_WEAK,	     /* a weak reference's referent: holds nothing */
	FACT_EDGES,
};

/* The graph as a whole. Bytes are those of objects' own blocks and the buffers only they own. */
struct fact_heap_graph {
	const char *skipped;	/* "" or why there is no graph: "too many objects for the memory allowed" */
	bool stored;		/* names and edges follow: paths of any object can be asked for */
	uint64_t objects, edges, weak_edges, roots;
	uint64_t reached_objects, reached_bytes; /* from a root other than C-only and garbage */
	uint64_t c_only_objects, c_only_bytes;	 /* only from C-only roots: retained by them */
	uint64_t garbage_objects, garbage_bytes; /* in unreachable cycles and what these retain */
	uint64_t tool_bytes;	/* memory of the tool for all this, at most */
	uint64_t edge_tool_bytes; /* of that, the edges themselves */
	uint64_t build_ns, solve_ns; /* processor time: edges; dominators and the rest */
	/* The audit of reference counts. */
	uint64_t audited;	/* objects that are not immortal */
	uint64_t exact;		/* of these, count = references found */
	uint64_t more, excess;	/* objects with more than was found; by how much together */
	uint64_t explained;	/* of the excess, found in C data with a name */
	uint64_t fewer;		/* objects with fewer: something borrowed was taken for owned */
};

/*
 * One row of the dominator tree, grouped: objects of one type, below the same row, held the same
 * way. Retained bytes are freed when the group goes; children's are part of their parent's.
 */
struct fact_heap_holder {
	uint32_t holder;	/* dense from 1 */
	uint32_t parent;	/* 0: the root of all */
	enum fact_root root;	/* of rows for roots; NONE for objects */
	uint32_t type;		/* of the objects; 0 for roots, and for "the rest" (name says) */
	enum fact_edge edge;	/* from the parent, when all objects of the group are held alike */
	const char *name;	/* of the edge; of roots: the module's, the function's, the thread's … */
	const char *where;	/* of frames: "server.py:12"; of threads: "thread 2"; else "" */
	uint64_t count;		/* objects in the group */
	uint64_t own_bytes;
	uint64_t retained_objects, retained_bytes;
	uint64_t addr;		/* the one that retains most; 0 for roots */
	uint64_t addr_retained_bytes;
	bool drop;		/* one object, and below it no single one keeps half of what it retains */
};

/* Objects of one type that are held in one way, by a shortest path from a root. */
struct fact_heap_path {
	uint32_t path;		/* dense from 1 */
	uint32_t type;
	uint64_t count;		/* objects of the type held like this */
	uint64_t own_bytes, retained_bytes; /* all together */
	uint64_t addr;		/* the example the steps lead to */
	uint32_t steps;		/* rows that follow */
};

/* Step 0 is the root; the last is the object itself. */
struct fact_heap_step {
	uint32_t path, step;
	enum fact_root root;	/* step 0 and the frame below a thread; else NONE */
	uint32_t type;		/* of the object reached; 0 for roots */
	uint64_t addr;
	enum fact_edge edge;	/* from the step before */
	const char *name;	/* of the edge, or of the root */
	const char *where;	/* as in fact_heap_holder */
	uint64_t index;		/* of INDEX, STACK, WORD */
	uint64_t alike;		/* objects at this step over all of the path's objects; 0: not counted */
};

/* Objects of one type with more references than were found. */
struct fact_heap_refcount {
	uint32_t type;
	uint64_t objects, excess; /* how many objects, how many references too many together */
	uint64_t explained;	/* of the excess, pointers found in C data with a name */
	const char *holder;	/* the most frequent such: "static data of _ssl.so"; "" none */
	uint64_t largest;	/* excess of one object, */
	uint64_t addr;		/* this one */
};

/* A module of sys.modules. */
struct fact_heap_module {
	uint64_t addr;
	const char *name;
	uint64_t objects;	/* in its namespace */
	uint64_t retained_objects, retained_bytes; /* reachable only through it */
	uint32_t importers;	/* other modules whose namespace, or whose names, refer to it */
	uint32_t functions, called; /* Python functions of it; of these, with a sign of a call */
	bool extension;		/* made by C code: functions say nothing */
	bool idle;		/* no function of it shows a call, no importer but packages */
};

/* Strings of edges: pushed before the edges that name them. */
struct fact_heap_name {
	uint32_t name; /* dense from 1 */
	const char *text;
};

/*
 * A piece of the whole graph: objects node … node + count − 1, numbered from 1 in order of
 * pushing; arrays are valid during the call. Roots are numbered with them and have addr 0.
 */
struct fact_heap_edges {
	uint32_t node, count;
	const uint64_t *addr;
	const uint32_t *type;	   /* for roots: enum fact_root */
	const uint64_t *own_bytes;
	const uint32_t *name;	   /* of roots; else 0 */
	const uint32_t *where;	   /* of roots; else 0 */
	const uint32_t *degree;	   /* number of edges of each, in order in what follows */
	uint64_t nedges;
	const uint32_t *to;
	const uint8_t *edge;	   /* enum fact_edge */
	const uint32_t *edge_name; /* name's number, or the index for INDEX, STACK, WORD */
};

#endif
