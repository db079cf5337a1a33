/* SPDX-License-Identifier: MIT */
/*
 * The sites view taken apart by thread: who allocated. A block freed by another thread
 * still counts for the thread that made it.
 */
#ifndef PYMEMPROF_REPORT_MODEL_THREADS_H
#define PYMEMPROF_REPORT_MODEL_THREADS_H

#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "report/model/sites.h"
#include "tracer/facts.h"

#define THREADS_TOP 5

struct thread_row {
	uint32_t thread;  /* 0: no Python thread state */
	uint32_t tid;	  /* 0: unknown */
	const char *name; /* borrowed; "" when unknown */
	struct counters counters;
	uint32_t top_sites[THREADS_TOP]; /* site ids with the most live bytes, falling; 0: none */
};

struct thread_identity {
	uint32_t thread, tid, name;
};

struct threads {
	struct strtab *names;
	struct map index; /* thread → place in known */
	struct VEC(struct thread_identity) known;
};

int threads_init(struct threads *t, struct err *err) MUST_CHECK; /* NOMEM */
void threads_deinit(struct threads *t);				 /* accepts NULL and zeroed */

/* Fact; a later one about the same thread replaces the earlier. Errors: NOMEM. */
int threads_add(struct threads *t, const struct fact_thread *f, struct err *err) MUST_CHECK;

/*
 * One row per thread that has a site or was named, by falling live bytes, then by number.
 * malloc'ed, caller frees; names borrowed from t. Errors: NOMEM.
 */
int threads_rows(const struct threads *t, const struct sites *sites, struct thread_row **ret,
		 size_t *ret_n, struct err *err) MUST_CHECK;

#endif
