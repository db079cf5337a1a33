/* SPDX-License-Identifier: MIT */
/*
 * Byte-weighted sampling: a block of n bytes is taken with probability 1 − exp(−n / mean), so
 * weight 1 / that makes every sum unbiased. The addresses of live samples are kept, so that only
 * their frees are sent; as the table fills, the mean doubles. Integer arithmetic only.
 */
#include "tracer/agent/lane.h"

#define LN2_32 0xb17217f8ull /* ln 2 × 2^32 */
#define BOW_64 0x57f62b6ae7d56800ull /* 0.3436 × 2^64 */
#define LOG_BITS 8

/* Marsaglia's xorshift with a final multiplication: plenty for choosing blocks. */
static uint64_t random_next(void)
{
	uint64_t x = COLD->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	COLD->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

uint64_t sample_distance(uint64_t r, uint64_t mean)
{
	uint64_t m, log, whole, f;
	unsigned zeros;

	if (!r)
		r = 1;
	/* −log2(r / 2^64) in 32.32: leading zeros, then one bit of the fraction per squaring */
	zeros = (unsigned)__builtin_clzll(r);
	m = r << zeros; /* in [2^63, 2^64): 1 ≤ m / 2^63 < 2 */
	log = 0;
	for (int bit = 31; bit > 31 - LOG_BITS; bit--) {
		unsigned __int128 square = (unsigned __int128)m * m;

		if (square >> 127) {
			log |= 1ull << bit;
			m = (uint64_t)(square >> 64);
		} else {
			m = (uint64_t)(square >> 63);
		}
	}
	/* the rest is below 2^−LOG_BITS: log2(1 + f) is f + 0.3436 f (1 − f) but for 0.0086 */
	f = m << 1;
	log += (f + (uint64_t)((unsigned __int128)(uint64_t)((unsigned __int128)f * -f >> 64) *
			       BOW_64 >> 64)) >> (32 + LOG_BITS);
	log = ((uint64_t)(zeros + 1) << 32) - log;
	log = (uint64_t)(((unsigned __int128)log * LN2_32) >> 32);
	whole = (uint64_t)(((unsigned __int128)log * mean) >> 32);
	return whole + 1;
}

static uint64_t *place(uint64_t addr)
{
	/* neighbours share a cache line: a program frees where it just was */
	uint64_t i = lane_hash(addr >> 10) % AGENT_SAMPLES;

	while (agent_state.samples[i] && agent_state.samples[i] != addr)
		i = (i + 1) % AGENT_SAMPLES;
	return &agent_state.samples[i];
}

void sample_init(void)
{
	PUB->sample_bytes_now = agent_fixed.sample_bytes;
	COLD->samples_limit = AGENT_SAMPLES / 2;
	COLD->random = agent_fixed.seed | 1;
	LANE->sample_left = sample_distance(random_next(), PUB->sample_bytes_now);
}

static void sample_insert(uint64_t addr)
{
	uint64_t *at = place(addr);

	if (*at)
		return;
	*at = addr;
	COLD->samples_used++;
	++*sample_page(addr);
}

/* Half of the room that was left is used: sample half as often from here on. */
static void sample_double(void)
{
	struct agent_cold *c = COLD;
	uint64_t *at = put_reserve(2);

	if (!at)
		return;
	PUB->sample_bytes_now *= 2;
	at[0] = STREAM_META | STREAM_SAMPLE << 8 | 2ull << 16;
	at[1] = PUB->sample_bytes_now;
	put_commit(2);
	c->samples_limit += (AGENT_SAMPLES - c->samples_limit) / 8;
}

static void take_sample(uint64_t addr, uint64_t size, uint32_t domain, uint64_t site)
{
	if (!site || COLD->samples_used >= AGENT_SAMPLES - 8) {
		PUB->dropped_events++;
		PUB->dropped_bytes += size;
	} else if (put_alloc(addr, size, (uint32_t)site, domain, 1)) {
		sample_insert(addr);
		/* the mean of a sample is the one before it */
		if (COLD->samples_used >= COLD->samples_limit)
			sample_double();
	}
	LANE->sample_left = sample_distance(random_next(), PUB->sample_bytes_now);
}

void sample_alloc(uint64_t addr, uint64_t size, uint32_t domain)
{
	take_sample(addr, size, domain, stack_site());
}

void sample_elsewhere(uint64_t addr, uint64_t size, uint32_t domain)
{
	if (size < LANE->sample_left)
		LANE->sample_left -= size;
	else
		take_sample(addr, size, domain, stack_site_none());
}

bool sample_free(uint64_t addr)
{
	uint64_t hole, i;

	if (SYS_LIKELY(!*sample_page(addr)))
		return false;
	if (SYS_UNLIKELY(stack_maybe_code(addr)))
		stack_code_freed(addr);
	hole = i = (uint64_t)(place(addr) - agent_state.samples);
	if (SYS_LIKELY(!agent_state.samples[hole]))
		return false;
	/* samples are too few to meet the first allocation of the interpreter's end */
	final_look();
	for (;;) {
		uint64_t home;

		i = (i + 1) % AGENT_SAMPLES;
		if (!agent_state.samples[i])
			break;
		home = lane_hash(agent_state.samples[i] >> 10) % AGENT_SAMPLES;
		if ((i - home) % AGENT_SAMPLES < (i - hole) % AGENT_SAMPLES)
			continue;
		agent_state.samples[hole] = agent_state.samples[i];
		hole = i;
	}
	agent_state.samples[hole] = 0;
	COLD->samples_used--;
	--*sample_page(addr);
	put_word(addr, STREAM_FREE);
	return true;
}

void sample_unfree(uint64_t addr)
{
	sample_insert(addr);
	put_word(addr, STREAM_UNFREE);
}
