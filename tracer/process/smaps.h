/* SPDX-License-Identifier: MIT */
/*
 * Where a process's resident pages are: /proc/PID/smaps by mapping, /proc/PID/pagemap by page.
 * Knows what the kernel charges (see proc_pid_smaps(5), Documentation/admin-guide/mm/pagemap.rst);
 * refuses to know who uses it.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_SMAPS_H
#define PYMEMPROF_TRACER_PROCESS_SMAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tracer/process/maps.h"

/* Bytes of one mapping; parallel to maps.ranges. */
struct smaps_usage {
	uint64_t rss, pss, shared, private_clean, private_dirty, anonymous, swap;
	bool noreserve; /* VmFlags has nr: mapped with MAP_NORESERVE; never in total */
};

struct smaps {
	struct maps maps;
	struct smaps_usage *usage; /* maps.count of them */
	struct smaps_usage total;
};

/* Errors: CORRUPT (a line that is no smaps line), NOMEM. */
int smaps_parse(const char *text, size_t len, struct smaps *ret, struct err *err) MUST_CHECK;
/* Errors: GONE, DENIED, and as above. The caller owns *ret: smaps_deinit. */
int smaps_read(pid_t pid, struct smaps *ret, struct err *err) MUST_CHECK;
void smaps_deinit(struct smaps *s);

/* Reads the present and swapped bits of pages. */
struct pagemap; /* opaque */

/* Errors: GONE, DENIED, NOMEM. */
int pagemap_open(pid_t pid, struct pagemap **ret, struct err *err) MUST_CHECK;
void pagemap_free(struct pagemap *p); /* accepts NULL */

/*
 * Bytes of [start, end) in resident and in swapped pages. A page that is only partly inside
 * counts with the part inside. Errors: GONE, SYS. Either output may be NULL.
 */
int pagemap_count(struct pagemap *p, uint64_t start, uint64_t end, uint64_t *ret_resident,
		  uint64_t *ret_swapped, struct err *err) MUST_CHECK;

/*
 * Set bit i of bits for each resident page i of [start, end), counted from start, a page's
 * border; the others are left alone. Errors: SYS.
 */
int pagemap_present(struct pagemap *p, uint64_t start, uint64_t end, uint64_t *bits,
		    struct err *err) MUST_CHECK;

#endif
