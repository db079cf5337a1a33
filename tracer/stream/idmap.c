/* SPDX-License-Identifier: MIT */
/*
 * Linear probing over digests; the digest's first word is the hash.
 */
#include "tracer/stream/idmap.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x, uint64_t k)
{
	unsigned __int128 p = (unsigned __int128)(x ^ k) * 0xd6e8feb86659fd93ull;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

struct digest digest_word(struct digest d, uint64_t word)
{
	struct digest next;

	next.a = mix(d.a + word, 0xa4093822299f31d0ull) + d.b;
	next.b = mix(d.b ^ word, 0x082efa98ec4e6c89ull) * 3 + d.a;
	return next;
}

struct digest digest_bytes(struct digest d, const void *bytes, size_t n)
{
	const char *p = bytes;
	uint64_t word;

	d = digest_word(d, n);
	for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		d = digest_word(d, word);
	}
	word = 0;
	if (n)
		memcpy(&word, p, n);
	return digest_word(d, word);
}

void idmap_deinit(struct idmap *m)
{
	free(m->slots);
	memset(m, 0, sizeof *m);
}

static struct idmap_slot *find(const struct idmap *m, struct digest key)
{
	size_t i = (size_t)key.a & (m->cap - 1);

	while (m->slots[i].id != 0 && (m->slots[i].key.a != key.a || m->slots[i].key.b != key.b))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

uint32_t idmap_get(const struct idmap *m, struct digest key)
{
	return m->cap ? find(m, key)->id : 0;
}

static bool grow(struct idmap *m)
{
	struct idmap next = { .cap = m->cap ? m->cap * 2 : 64, .count = m->count };

	next.slots = calloc(next.cap, sizeof *next.slots);
	if (!next.slots)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].id)
			*find(&next, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = next;
	return true;
}

bool idmap_put(struct idmap *m, struct digest key, uint32_t id)
{
	if (m->count >= m->cap / 2 && !grow(m))
		return false;
	*find(m, key) = (struct idmap_slot){ key, id };
	m->count++;
	return true;
}
