/* SPDX-License-Identifier: MIT */
/*
 * The pipe: any bytes through reassembly, decoder and ledger. What is pushed must balance.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/stream/decode.h"
#include "tracer/stream/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define PIECE 4093 /* prime: batches are split at odd places */

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	size_t *seen = ctx;

	(void)err;
	if (f->site != *seen + 1)
		abort();
	*seen = f->site;
	for (uint32_t i = 0; i < f->nframes; i++)
		seen[1] += strlen(f->frames[i].function) + strlen(f->frames[i].file);
	return 0;
}

static int on_totals(void *ctx, const struct fact_totals *f, struct err *err)
{
	(void)ctx;
	(void)err;
	if (f->live_blocks != f->alloc_blocks - f->free_blocks ||
	    f->live_bytes != f->alloc_bytes - f->free_bytes)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t seen[2] = { 0 };
	struct fact_sink sink = { .ctx = seen, .site = on_site, .totals = on_totals };
	struct ledger_options options = { .live_max = 100000 };
	struct decode *d = NULL;
	struct ledger *l = NULL;
	struct decode_batch batch;
	int r = 0;

	if (decode_new(&d, NULL) < 0 || ledger_new(&options, &sink, &l, NULL) < 0)
		abort();
	while (len > 0 && r >= 0) {
		size_t room, n = len < PIECE ? len : PIECE;
		void *to = decode_room(d, &room);

		memcpy(to, bytes, n);
		decode_filled(d, n);
		bytes += n;
		len -= n;
		while ((r = decode_next(d, &batch, NULL)) > 0)
			if (ledger_apply(l, &batch, 1, NULL) < 0)
				abort();
	}
	if (ledger_finish(l, 2, NULL) < 0)
		abort();
	ledger_free(l);
	decode_free(d);
	return 0;
}
