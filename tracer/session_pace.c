/* SPDX-License-Identifier: MIT */
/*
 * How fast the target could run: what it waited for a processor, and for us. Knows clocks, not what
 * the target did meanwhile.
 */
#include "tracer/session_private.h"

#define SPANS_MAX 4096 /* then neighbours become one */

static void coarsen(struct session *s)
{
	size_t kept = 0;

	for (size_t i = 0; i + 1 < s->spans.len; i += 2) {
		const struct pace_span *a = &s->spans.at[i];

		s->spans.at[kept++] =
			(struct pace_span){ a[0].ns + a[1].ns, a[0].waited_ns + a[1].waited_ns };
	}
	s->spans.len = kept;
}

int session_pace(struct session *s, uint64_t *ret_now, struct err *err)
{
	uint64_t waited = waits_since(&s->waits, s->pid), now = clock_now(&s->clock);

	if (s->agent.stall_ns > s->stalled_ns) {
		waited += s->agent.stall_ns - s->stalled_ns;
		s->stalled_ns = s->agent.stall_ns;
	}
	ledger_waited(s->ledger, waited);
	if (s->spans.len == SPANS_MAX)
		coarsen(s);
	if (now > s->paced_ns &&
	    vec_push(&s->spans, (struct pace_span){ now - s->paced_ns, waited }) < 0)
		return err_nomem(err);
	*ret_now = s->paced_ns = now;
	return 0;
}

uint64_t session_half_ns(const struct session *s, uint64_t at_ns)
{
	double own[SPANS_MAX];
	uint64_t until = 0;
	size_t n = 0;

	while (n < s->spans.len && until + s->spans.at[n].ns <= at_ns)
		until += s->spans.at[n++].ns;
	if (n == 0)
		return at_ns / 2;
	pace_own(s->spans.at, n, own);
	return pace_half(s->spans.at, own, n);
}
