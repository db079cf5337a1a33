/* SPDX-License-Identifier: MIT */
#include "tracer/process/waits.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/own.h"
#include "tracer/process/procfs.h"

#define THREADS_MAX 256 /* looked at: some 8 microseconds each */

void waits_deinit(struct waits *w)
{
	if (w)
		vec_deinit(&w->threads);
}

/* A thread that is new has waited since it was born; of one that has ended the last bit is not known. */
uint64_t waits_between(const struct waits_thread *before, size_t nbefore,
		       const struct waits_thread *now, size_t nnow)
{
	double weighted = 0, weights = 0;

	for (size_t i = 0, k = 0; i < nnow; i++) {
		struct waits_thread old = { 0 };

		while (k < nbefore && before[k].tid < now[i].tid)
			k++;
		if (k < nbefore && before[k].tid == now[i].tid &&
		    before[k].ran_ns <= now[i].ran_ns && before[k].waited_ns <= now[i].waited_ns)
			old = before[k];
		double waited = (double)(now[i].waited_ns - old.waited_ns);
		double wanted = (double)(now[i].ran_ns - old.ran_ns) + waited;
		weighted += wanted * waited;
		weights += wanted;
	}
	return weights > 0 ? (uint64_t)(weighted / weights) : 0;
}

uint64_t waits_since(struct waits *w, pid_t pid)
{
	AUTO_FREE pid_t *tids = NULL;
	AUTO(waits_deinit) struct waits now = { 0 };
	bool first = w->threads.len == 0;
	size_t n = 0;

	if (procfs_threads(pid, &tids, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n && n <= THREADS_MAX; i++) {
		struct procfs_schedstat s;

		if (procfs_schedstat(pid, tids[i], &s, NULL) < 0)
			continue;
		struct waits_thread t = { tids[i], s.ran_ns, s.waited_ns };
		if (vec_push(&now.threads, t) < 0)
			return 0;
	}
	uint64_t ns = waits_between(w->threads.at, w->threads.len, now.threads.at, now.threads.len);
	struct waits old = *w;
	*w = now;
	now = old;
	return first ? 0 : ns;
}
