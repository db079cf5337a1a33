/* SPDX-License-Identifier: MIT */
/*
 * One real interpreter under the agent, for the live tests: attach, read what comes, remove, and
 * the strict reader's account of it.
 */
#ifndef PYMEMPROF_TESTS_AGENT_LIVE_H
#define PYMEMPROF_TESTS_AGENT_LIVE_H

#include "tests/support/target.h"
#include "tests/tracer/agent/replay.h"
#include "tracer/agent/inject.h"

struct live {
	const struct python *python;
	struct target target;
	struct mem_source *mem;
	struct py py;
	struct stop *stop;
	struct inject *in;
	struct undo undo;
	struct replay replay;
	struct inject_audit audit;
	uint64_t received; /* bytes of the stream since the attach */
	struct agent_public at_end; /* counters right before the removal */
	int64_t attach_stop_ns, detach_stop_ns;
	uint64_t stream_bytes;
	bool decode; /* else bytes are only counted */
	char why[768];
};

/* Spawn targets/SCRIPT with up to one word. False: why says what went wrong; end with live_end. */
bool live_begin(struct live *l, const struct python *python, const char *script, const char *word);
void live_end(struct live *l);

bool live_attach(struct live *l, const struct inject_options *options);
/* Read the pipe for about ms milliseconds. */
bool live_read(struct live *l, int ms);
/* Ask the target while reading the pipe, or it may wait for us. NULL: why. */
json_t *live_ask(struct live *l, const char *command);
/* Remove; the rest of the stream is read too. Looks at nothing: see audit. */
bool live_remove(struct live *l);
/* What the agent had not sent: after the removal, or after the target died. */
bool live_rest(struct live *l);
/* Is the target as it was, and does it still compute? */
bool live_check_target(struct live *l);
/* Do the stream's figures balance with the agent's? */
bool live_check_stream(struct live *l);

#endif
