/* SPDX-License-Identifier: MIT */
/*
 * How much memory the control groups of a process leave it (cgroup(7), both versions). Only an
 * estimate is possible and only an estimate is wanted; what cannot be read is no limit.
 */
#ifndef PYMEMPROF_TRACER_PROCESS_CGROUP_H
#define PYMEMPROF_TRACER_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of the group with the least room. */
struct cgroup_room {
	uint64_t bytes; /* that may still be allocated, caches of files that can be dropped included */
	uint64_t limit;
};

/* The least room of all groups above process pid. False when no limit is known. */
bool cgroup_memory_room(pid_t pid, struct cgroup_room *ret);

/*
 * The same for the text of /proc/PID/cgroup and hierarchies mounted below root ("/sys/fs/cgroup"):
 *   "4:memory:/user.slice" below root/memory, "0::/user.slice" below root or root/unified.
 */
bool cgroup_room_of(const char *text, const char *root, struct cgroup_room *ret);

#endif
