/* SPDX-License-Identifier: MIT */
/*
 * The memory a dead target's agent left, which the target may have written whatever it liked to.
 * The input is a few patches of a zeroed state: offset (3 bytes), length (1 byte), that many
 * bytes. What is made of it must be a whole number of batches a decoder accepts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/agent/residual.h"
#include "tracer/stream/decode.h"
#include "tracer/stream/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void feed(const uint8_t *bytes, size_t n)
{
	const struct fact_sink sink = { .ctx = NULL };
	struct ledger_options options = { .live_max = 100000 };
	struct decode *d = NULL;
	struct ledger *l = NULL;
	struct decode_batch batch;
	size_t room;
	int r = 0;

	if (decode_new(&d, NULL) < 0 || ledger_new(&options, &sink, &l, NULL) < 0)
		abort();
	void *to = decode_room(d, &room);
	if (n > room)
		abort();
	if (n)
		memcpy(to, bytes, n);
	decode_filled(d, n);
	while ((r = decode_next(d, &batch, NULL)) > 0)
		if (ledger_apply(l, &batch, 1, NULL) < 0)
			abort();
	if (ledger_finish(l, 2, NULL) < 0)
		abort();
	ledger_free(l);
	decode_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct agent_state *state = calloc(1, sizeof(*state));
	struct agent_fixed fixed = { .window = AGENT_WINDOW_MAX };
	struct residual rest;
	uint64_t received = 0;

	if (!state)
		abort();
	if (len >= 8) {
		memcpy(&received, bytes, 8);
		bytes += 8;
		len -= 8;
	}
	while (len > 4) {
		size_t at = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
		size_t n = bytes[3] < len - 4 ? bytes[3] : len - 4;

		at %= sizeof(*state);
		if (n > sizeof(*state) - at)
			n = sizeof(*state) - at;
		memcpy((uint8_t *)state + at, bytes + 4, n);
		bytes += 4 + n;
		len -= 4 + n;
	}
	if (residual_build(&fixed, state, received, &rest, NULL) < 0)
		abort();
	if (rest.n % 8)
		abort();
	feed(rest.bytes, rest.n);
	free(rest.bytes);
	free(state);
	return 0;
}
