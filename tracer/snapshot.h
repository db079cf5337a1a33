/* SPDX-License-Identifier: MIT */
/*
 * One snapshot of a heap, from a process or from a core file: freeze, walk, account, push facts.
 * Owns everything that is changed in the target and puts it back. Prints nothing.
 */
#ifndef PYMEMPROF_TRACER_SNAPSHOT_H
#define PYMEMPROF_TRACER_SNAPSHOT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/cpython/py.h"
#include "tracer/facts.h"

#define SNAPSHOT_MAX_PAUSE_NS UINT64_C(50000000)

/* Who holds what: compute it, and keep every edge for later questions? */
enum snapshot_graph {
	SNAPSHOT_GRAPH_KEEP_SMALL = 0, /* computed; edges are kept of up to 2^20 objects */
	SNAPSHOT_GRAPH_RESULTS,	       /* computed; no edges */
	SNAPSHOT_GRAPH_KEEP,	       /* computed; all edges */
	SNAPSHOT_GRAPH_NONE,
};

struct snapshot_options {
	bool read_only;		   /* nothing is written to the target: read it while it is stopped */
	uint64_t max_pause_ns;	   /* 0: SNAPSHOT_MAX_PAUSE_NS for waiting; reading is not bounded */
	const char *sysroot;	   /* of a core file: where the files it names are; NULL: here */
	const char *assume_layout; /* "3.15" for an unknown version, or NULL */
	enum snapshot_graph graph;
	uint64_t graph_max_bytes; /* of our memory; 0: half of what is available */
};

struct snapshot_hooks {
	const struct fact_sink *const *sinks; /* borrowed, at most FANOUT_MAX */
	size_t nsinks;
	const volatile sig_atomic_t *stop; /* not 0: let go and return INTERRUPTED */
};

struct snapshot_result {
	struct fact_cost cost;
	struct err unfrozen; /* code not 0: what went wrong when the copy was put away */
	int sink_failed;     /* code of the first sink that failed; the others got everything */
	struct err sink_why;
};

/*
 * A running process. Freezes by clone; when the kernel refuses that, reads the stopped target and
 * pushes a note "clone-refused". Pushes target, notes, the snapshot's rows, cost, finish.
 * Errors: those of stop_attach and py_detect; UNSUPPORTED hint "no-pymalloc" (PYTHONMALLOC=malloc),
 * "not-initialized"; INTERRUPTED (stop; hint "max-pause": reading the stopped target took too
 * long); NOMEM, GONE, CORRUPT. The target is as before in every case.
 */
int snapshot_take(pid_t pid, const struct snapshot_options *options,
		  const struct snapshot_hooks *hooks, struct snapshot_result *ret,
		  struct err *err) MUST_CHECK;

/* A core file. Files are looked up below options->sysroot. Errors: those of core_open, too. */
int snapshot_core(const char *path, const struct snapshot_options *options,
		  const struct snapshot_hooks *hooks, struct snapshot_result *ret,
		  struct err *err) MUST_CHECK;

#endif
