/* SPDX-License-Identifier: MIT */
/* Any bytes as /proc/PID/maps: parsed or refused, and what was parsed is sorted and findable. */
#include <stdlib.h>
#include <string.h>

#include "tracer/process/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct maps m;
	struct err err = ERR_INIT;
	size_t names = 0;

	if (maps_parse((const char *)bytes, len, &m, &err) < 0) {
		if (err.code != ERR_CORRUPT)
			abort();
		return 0;
	}
	for (size_t i = 0; i < m.count; i++) {
		const struct map_range *r = &m.ranges[i];

		if (r->start >= r->end || (i && r->start < r[-1].end))
			abort();
		if (maps_find(&m, taddr_of(r->start)) != r || maps_find(&m, taddr_of(r->end - 1)) != r)
			abort();
		names += strlen(r->path);
	}
	if (names > len)
		abort();
	maps_deinit(&m);
	return 0;
}
