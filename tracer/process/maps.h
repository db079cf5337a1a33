/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/maps as sorted ranges. Text from the kernel, but names in it are the target's:
 * parsed bounded, fuzzed by fuzz_maps.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_MAPS_H
#define PYMEMPROF_TRACER_PROCESS_MAPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/taddr.h"

enum map_flag { MAP_R = 1, MAP_W = 2, MAP_X = 4, MAP_SHARED_MAP = 8 };

/* One line: 7f1c2a000000-7f1c2a021000 rw-p 00000000 08:01 1835 /usr/lib/libc.so.6 */
struct map_range {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t flags;
	const char *path; /* "" when anonymous; "[heap]", "[stack]"…; owned by the maps */
};

struct maps {
	struct map_range *ranges; /* sorted by start, disjoint */
	size_t count;
	char *names; /* backing store of the paths */
};

/* Parse text of len bytes (need not end in NUL). Skips nothing silently: a bad line is CORRUPT. */
int maps_parse(const char *text, size_t len, struct maps *ret, struct err *err) MUST_CHECK;
int maps_read(pid_t pid, struct maps *ret, struct err *err) MUST_CHECK;
void maps_deinit(struct maps *m);

/* Range containing addr, or NULL; borrowed from m. */
const struct map_range *maps_find(const struct maps *m, taddr addr);

#endif
