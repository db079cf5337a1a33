/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as /proc/PID/status, stat, syscall and cgroup, and as memory a version of Python is
 * looked for in: names in them are the target's choice.
 */
#include <stdlib.h>
#include <string.h>

#include "tracer/cpython/version.h"
#include "tracer/process/cgroup.h"
#include "tracer/process/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look_for_more(const char *bytes, size_t len)
{
	char text[4096];
	struct cgroup_room room;
	uint32_t hex = 0;

	for (int bare = 0; bare < 2; bare++) {
		hex = 0;
		if (version_scan(bytes, len, bare, -1, &hex) && hex && version_major(hex) != 3)
			abort();
	}
	if (len >= sizeof(text))
		return;
	memcpy(text, bytes, len);
	text[len] = '\0';
	(void)cgroup_room_of(text, "/nonexistent", &room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct procfs_status status;
	struct procfs_stat stat;
	struct procfs_syscall call;
	struct err err = ERR_INIT;

	if (procfs_status_parse((const char *)bytes, len, &status, &err) == 0) {
		if (strnlen(status.comm, sizeof(status.comm)) == sizeof(status.comm) ||
		    status.nspid_count > PROCFS_NSPID_MAX)
			abort();
	} else if (err.code != ERR_CORRUPT) {
		abort();
	}
	if (procfs_stat_parse((const char *)bytes, len, &stat, &err) < 0 && err.code != ERR_CORRUPT)
		abort();
	if (procfs_syscall_parse((const char *)bytes, len, &call, &err) == 0 && call.nr < -1)
		abort();
	look_for_more((const char *)bytes, len);
	return 0;
}
