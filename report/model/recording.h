/* SPDX-License-Identifier: MIT */
/*
 * Everything a report knows about one recording: all models behind one fact sink. A live
 * session and a file push into the same sink; views read from here.
 */
#ifndef PYMEMPROF_REPORT_MODEL_RECORDING_H
#define PYMEMPROF_REPORT_MODEL_RECORDING_H

#include "report/model/cases.h"
#include "report/model/growth.h"
#include "report/model/heaps.h"
#include "report/model/leaks.h"
#include "report/model/sites.h"
#include "report/model/stacks.h"
#include "report/model/table.h"
#include "report/model/threads.h"
#include "report/model/timeline.h"
#include "report/model/totals.h"
#include "report/model/tree.h"
#include "tracer/facts.h"

struct recording {
	struct stacks stacks;
	struct sites sites;
	struct growth growth;
	struct threads threads;
	struct timeline timeline;
	struct totals totals;
	struct heaps heaps;
	struct cases cases;
	/* Made by recording_conclude: */
	struct counters *by_stack;
	struct growth_verdict *verdicts; /* by stack */
	struct growth_verdict overall;
	/* Stacks judged leaking and not acquitted, by confidence, then by falling slope. */
	uint32_t *suspects;
	size_t nsuspects, nconfident; /* of all, those with more than low confidence come first */
	uint64_t suspect_bytes;	      /* live bytes of all suspects */
	bool peaks_cut;		      /* what each site held at the peak is written at the end, which is missing */
	struct leaks leaks; /* the suspects with type and holder; its suppressions may be set before */
	bool concluded;
};

/* Errors: NOMEM; *r is zeroed then. */
int recording_init(struct recording *r, struct err *err) MUST_CHECK;
void recording_deinit(struct recording *r); /* accepts NULL and zeroed */

/* The sink; valid as long as r. */
struct fact_sink recording_sink(struct recording *r);

/*
 * Sum and judge, once, after the last fact; called again it does nothing. Also fills in
 * totals that an unfinished file does not have, and adds notes about what follows from the
 * figures together. Errors: NOMEM.
 */
int recording_conclude(struct recording *r, struct err *err) MUST_CHECK;

/* True when there is a snapshot and nothing was recorded besides. */
bool recording_is_snapshot(const struct recording *r);

/* Why nothing can be said of who allocated and what grew, a clause; NULL: something was recorded. */
const char *recording_nothing(const struct recording *r);

/*
 * Tables for CSV and for whoever draws rows. top 0: all rows. The recording must be
 * concluded; strings are borrowed from it; the caller calls table_deinit. Errors: NOMEM.
 */
int recording_sites_table(const struct recording *r, enum sites_metric metric, size_t top,
			  struct table *ret, struct err *err) MUST_CHECK;
int recording_leaks_table(const struct recording *r, size_t top, struct table *ret,
			  struct err *err) MUST_CHECK;
int recording_threads_table(const struct recording *r, struct table *ret,
			    struct err *err) MUST_CHECK;
int recording_timeline_table(const struct recording *r, struct table *ret,
			     struct err *err) MUST_CHECK;

#endif
