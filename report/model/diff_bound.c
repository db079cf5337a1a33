/* SPDX-License-Identifier: MIT */
/* The most that can be where a snapshot tells nothing. Knows how a snapshot chooses its rows, and no names. */
#include "report/model/diff_private.h"

#define TOLD_SHARE 50 /* of a type's objects: a pattern of fewer is not told, */
#define TOLD_MOST 6   /* nor one beyond so many: it is no larger than any of them */

static uint64_t most_untold(uint64_t all, uint64_t told, size_t rows)
{
	uint64_t left = all > told ? all - told : 0;
	uint64_t share = all / TOLD_SHARE, beyond = rows < TOLD_MOST ? 0 : told / TOLD_MOST;
	uint64_t most = share > beyond ? share : beyond;

	if (rows == 0) /* the largest is always told: nobody looked at this type */
		return left;
	return left < most ? left : most;
}

/* As large as in the newest file that tells it. */
static double mean_bytes(const struct diff_row *row, size_t nfiles)
{
	for (size_t i = nfiles; i-- > 0;)
		if (row->count[i])
			return (double)row->bytes[i] / (double)row->count[i];
	return 0;
}

void diff_bound(struct diff_row *row, const struct diff_row *type, const struct diff_told *told, size_t nfiles)
{
	double mean = mean_bytes(row, nfiles);
	bool missing[DIFF_FILES_MAX];

	for (size_t i = 0; i < nfiles; i++)
		missing[i] = row->count[i] == 0 && row->bytes[i] == 0;
	for (size_t i = 0; i < nfiles; i++) {
		uint64_t most = missing[i] ? most_untold(type->count[i], told->count[i], told->rows[i]) : 0;

		if (most == 0)
			continue;
		row->untold[i] = true;
		row->count[i] = most;
		row->bytes[i] = (uint64_t)(mean * (double)most + 0.5);
	}
}
