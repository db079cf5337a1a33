/* SPDX-License-Identifier: MIT */
/*
 * All stacks as one tree, outermost frame first, each place carrying its own bytes and those
 * of everything below it. What flame and folded views draw.
 */
#ifndef PYMEMPROF_REPORT_MODEL_TREE_H
#define PYMEMPROF_REPORT_MODEL_TREE_H

#include "report/model/sites.h"
#include "report/model/stacks.h"

struct tree_sum {
	uint64_t bytes, blocks;
};

struct tree_place {
	struct tree_sum self, total;
	uint32_t first_child, next_sibling; /* TREE_NONE ends; children by falling total bytes */
};

#define TREE_NONE UINT32_MAX

/* places[i] belongs to stacks->places.at[i]. */
struct tree {
	const struct stacks *stacks;
	struct tree_place *places;
	size_t n;
	struct tree_sum total;
};

/* by_stack: one entry per stack, as sites_by_stack gives. Errors: NOMEM. */
int tree_init(struct tree *t, const struct stacks *stacks, const struct counters *by_stack,
	      enum sites_metric metric, struct err *err) MUST_CHECK;
void tree_deinit(struct tree *t); /* accepts NULL and zeroed */

#endif
