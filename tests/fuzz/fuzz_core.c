/* SPDX-License-Identifier: MIT */
/* Whatever the bytes of a core file: open, walk the threads and the maps, read around. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/mem/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	struct core *c = NULL;
	char path[64], buf[512];
	struct err err = ERR_INIT;
	size_t threads;

	if (fd < 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* files named by the core are looked up in an empty place */
	if (write(fd, bytes, len) == (ssize_t)len && core_open(path, "/nonexistent", &c, &err) == 0) {
		const struct core_thread *t = core_threads(c, &threads);

		for (size_t i = 0; i < threads; i++)
			(void)!mem_read_some(core_source(c), t[i].sp, buf, sizeof buf);
		for (size_t i = 0; i < core_maps(c)->count; i++)
			(void)!mem_read_some(core_source(c), taddr_of(core_maps(c)->ranges[i].end - 100),
					     buf, sizeof buf);
		core_free(c);
	}
	close(fd);
	return 0;
}
