/* SPDX-License-Identifier: MIT */
/*
 * The first word after an attach: do events arrive, or does the program just not allocate? The
 * agent's own counters answer at once, long before its first batch does; of an idle program
 * it is told what its threads are doing instead.
 */
#include <poll.h>
#include <string.h>

#include "tracer/cpython/activity.h"
#include "tracer/session_private.h"

#define MS 1000000ull
/* From the command: leaves time to look at the threads before a tenth of a second is over. */
#define VERDICT_NS (75 * MS)
#define VERDICT_LEAST_NS (10 * MS) /* after the hooks, however long it took to get there */
#define LOOK_MIN_NS (200 * 1000ull)
#define LOOK_MAX_NS (4 * MS)

/* When the first call was seen, unless that is known already. */
void session_see_first(struct session *s)
{
	if (s->result->cost.first_event_ns == 0 && s->agent.allocs + s->agent.frees > 0)
		s->result->cost.first_event_ns = clock_monotonic_ns() - s->begun_ns;
}

static void tell(struct session *s, bool events)
{
	struct session_verdict v = {
		.events = events,
		.since_command_ns = clock_monotonic_ns() - s->begun_ns,
		.since_hook_ns = clock_now(&s->clock),
		.activity = s->activity,
	};

	if (s->hooks->verdict)
		s->hooks->verdict(s->hooks->ctx, &v);
}

static int look_at_threads(struct session *s, struct err *err)
{
	struct activity a = { 0 };
	int r = activity_read(s->pid, &s->py, s->mem, &a, err);

	if (r == 0)
		activity_text(&a, s->activity, sizeof(s->activity));
	activity_deinit(&a);
	return r;
}

/* Sleep a little; true when the caller or the target's end asks for attention. */
static bool disturbed(const struct session *s, uint64_t ns)
{
	struct pollfd p[2] = {
		{ .fd = s->pidfd, .events = POLLIN },
		{ .fd = s->hooks->wake_fd > 0 ? s->hooks->wake_fd : -1, .events = POLLIN },
	};
	struct timespec ts = { .tv_nsec = (long)ns };

	return ppoll(p, 2, &ts, NULL) != 0 || session_stop_asked(s);
}

int session_tell_first(struct session *s, struct err *err)
{
	uint64_t pause = LOOK_MIN_NS, deadline = s->begun_ns + VERDICT_NS;
	uint64_t now = clock_monotonic_ns();

	if (deadline < now + VERDICT_LEAST_NS)
		deadline = now + VERDICT_LEAST_NS;
	for (;;) {
		/* Unreadable: it exits or execs just now, which the loop will find out and say. */
		if (inject_public(s->inject, s->mem, &s->agent, NULL) < 0)
			return 0;
		session_see_first(s);
		if (s->result->cost.first_event_ns) {
			tell(s, true);
			return 0;
		}
		now = clock_monotonic_ns();
		if (now >= deadline)
			break;
		if (disturbed(s, pause < deadline - now ? pause : deadline - now))
			return 0;
		pause = pause * 2 < LOOK_MAX_NS ? pause * 2 : LOOK_MAX_NS;
	}
	int r = look_at_threads(s, err);
	if (r == 0)
		tell(s, false);
	return r == ERR_GONE ? 0 : r;
}
