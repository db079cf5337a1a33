/* SPDX-License-Identifier: MIT */
/* smaps text: whatever the bytes, parse or refuse; totals are the sum of the parts. */
#include <stdlib.h>

#include "tracer/process/smaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct smaps s;
	struct err err = ERR_INIT;
	uint64_t rss = 0;

	if (smaps_parse((const char *)bytes, len, &s, &err) < 0)
		return 0;
	for (size_t i = 0; i < s.maps.count; i++)
		rss += s.usage[i].rss;
	if (rss != s.total.rss)
		abort();
	smaps_deinit(&s);
	return 0;
}
