/* SPDX-License-Identifier: MIT */
/* The little statistics a gate needs: medians, a rank test, a straight line with its doubt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/check.h"

#define ALPHA 0.05
#define EXACT_MAX 40 /* runs on both sides together; above, the normal approximation is good */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double check_median(const struct check_series *s)
{
	double sorted[CHECK_RUNS_MAX];
	size_t n = s->runs.len < CHECK_RUNS_MAX ? s->runs.len : CHECK_RUNS_MAX;
	if (n == 0)
		return 0;
	memcpy(sorted, s->runs.at, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_value);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Chance of U or more when both sides are alike: subsets of ranks, counted by their sum. */
static double exact_p(size_t n, size_t m, size_t u)
{
	static const size_t sums = EXACT_MAX * (EXACT_MAX + 1) / 2 + 1;
	AUTO_FREE double *ways = calloc((n + 1) * sums, sizeof *ways);
	double all = 0, as_far = 0;
	if (!ways)
		return 1;
	ways[0] = 1;
	for (size_t rank = 1; rank <= n + m; rank++)
		for (size_t k = rank < n ? rank : n; k > 0; k--)
			for (size_t s = sums - 1; s >= rank; s--)
				ways[k * sums + s] += ways[(k - 1) * sums + s - rank];
	for (size_t s = n * (n + 1) / 2; s < sums; s++) {
		all += ways[n * sums + s];
		if (s - n * (n + 1) / 2 >= u)
			as_far += ways[n * sums + s];
	}
	return as_far / all;
}

static double rough_p(size_t n, size_t m, size_t u)
{
	double mean = (double)(n * m) / 2, sd = sqrt((double)(n * m * (n + m + 1)) / 12);
	return 0.5 * erfc(((double)u - 0.5 - mean) / sd / sqrt(2));
}

bool check_proven(const double *now, size_t nnow, const double *base, size_t nbase, double allowed)
{
	size_t above = 0;
	for (size_t i = 0; i < nnow; i++)
		for (size_t k = 0; k < nbase; k++)
			above += now[i] > base[k] + allowed;
	if (nnow < 4 || nbase < 4)
		return above == nnow * nbase && above > 0;
	return (nnow + nbase <= EXACT_MAX ? exact_p(nnow, nbase, above) :
					    rough_p(nnow, nbase, above)) <= ALPHA;
}

/* Student's t, 97.5 %: table for few degrees of freedom, then its limit. */
static double student(size_t df)
{
	static const double t[] = { 0,	   12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
				    2.306, 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
				    2.120, 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
				    2.064, 2.060,  2.056, 2.052, 2.048, 2.045, 2.042 };
	return df < sizeof t / sizeof *t ? t[df] : 2.0;
}

struct check_slope check_regress(const double *x, const double *y, size_t n)
{
	double mx = 0, my = 0, sxx = 0, sxy = 0, rest = 0;
	for (size_t i = 0; i < n; i++) {
		mx += x[i] / (double)n;
		my += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		sxx += (x[i] - mx) * (x[i] - mx);
		sxy += (x[i] - mx) * (y[i] - my);
	}
	if (n < 3 || sxx <= 0)
		return (struct check_slope){ 0 };
	double slope = sxy / sxx;
	for (size_t i = 0; i < n; i++) {
		double off = y[i] - my - slope * (x[i] - mx);
		rest += off * off;
	}
	return (struct check_slope){
		slope, student(n - 2) * sqrt(rest / (double)(n - 2) / sxx)
	};
}
