/* SPDX-License-Identifier: MIT */
#include "base/pace.h"

void pace_own(const struct pace_span *spans, size_t n, double *ret_ns)
{
	double more = 0;

	for (size_t i = n; i-- > 0;) {
		double own = (double)spans[i].ns - (double)spans[i].waited_ns - more;
		more = own < 0 ? -own : 0;
		ret_ns[i] = own < 0 ? 0 : own;
	}
}

uint64_t pace_half(const struct pace_span *spans, const double *own_ns, size_t n)
{
	double all = 0, sum = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		all += own_ns[i];
	for (size_t i = 0; i < n; i++) {
		if (own_ns[i] > 0 && sum + own_ns[i] >= all / 2)
			return (uint64_t)(at + (double)spans[i].ns * (all / 2 - sum) / own_ns[i]);
		sum += own_ns[i];
		at += (double)spans[i].ns;
	}
	return (uint64_t)(at / 2);
}
