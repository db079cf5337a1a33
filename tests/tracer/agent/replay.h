/* SPDX-License-Identifier: MIT */
/*
 * A second reader of the agent's stream, written from abi.h alone: small, slow, and strict. It
 * keeps who is alive and who was born where, with whole stacks as text, so a test can compare it
 * with what really happened.
 */
#ifndef PYMEMPROF_TESTS_AGENT_REPLAY_H
#define PYMEMPROF_TESTS_AGENT_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/agent/abi.h"

struct replay_site {
	char *where;
	uint64_t births, birth_bytes;
	uint64_t temps, temp_bytes; /* of the births: those which died in the window */
	double estimate;	    /* weighted bytes of sampled births */
	uint32_t next;		    /* with the same hash, + 1; 0: the last */
};

struct replay_block {
	uint64_t addr, size;
	uint32_t site; /* index into sites */
	uint8_t domain;
	bool sampled, dead; /* dead: freed, kept for UNFREE */
};

#define REPLAY_CHAINS 16384

struct replay {
	struct replay_site *sites;
	size_t nsites;
	uint32_t *chains; /* by hash of the text: index + 1 */
	struct replay_block *table; /* open addressing; addr 0: free */
	size_t table_size, table_used;
	uint64_t live, live_bytes;
	uint64_t frees, foreign_frees, unfrees, doubled; /* doubled: ALLOC of a live address */
	uint64_t stacks, codes, threads, resets, hellos, batches, finals;
	uint64_t sample_bytes;
	uint64_t labels, label_live; /* how many; live blocks when the last one came */
	char label[64];		     /* its first characters */
	struct stream_batch last;
	uint32_t *site_of; /* agent's serial → sites index + 1 */
	size_t nserials;
	char **code_name; /* serial → "name" */
	size_t ncodes;
	uint64_t *thread_id; /* serial → tstate id */
	size_t nthreads;
	uint8_t *rest;
	size_t nrest;
	char bad[160]; /* why the bytes were refused, "" so far */
};

void replay_init(struct replay *r);
void replay_deinit(struct replay *r);
/* Any piece of the stream. False once something contradicts the format: see bad. */
bool replay_feed(struct replay *r, const uint8_t *bytes, size_t n);
const struct replay_block *replay_find(const struct replay *r, uint64_t addr);
/* Index of a site by its text, or -1. */
long replay_site(const struct replay *r, const char *where);

#endif
