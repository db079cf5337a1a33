/* SPDX-License-Identifier: MIT */
/* Any bytes as /proc/PID/status, stat and syscall: names in them are the target's choice. */
#include <stdlib.h>
#include <string.h>

#include "tracer/process/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

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
	return 0;
}
