/* SPDX-License-Identifier: MIT */
/*
 * Interned strings: an arena of bytes, an array of places, and a table of ids probed by a
 * seeded hash. Equality is always decided by the bytes, never by the hash alone.
 */
#include "base/strtab.h"

#include <string.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/vec.h"

struct place {
	const char *s;
	uint32_t len;
	uint32_t hash;
};

struct strtab {
	struct arena arena;
	struct VEC(struct place) places;
	uint32_t *slots; /* id + 1; 0 is free */
	size_t mask;
	uint64_t seed;
};

#define FIRST_SLOTS 64

int strtab_new(struct strtab **ret, struct err *err)
{
	struct strtab *t = calloc(1, sizeof(*t));
	uint32_t id;

	if (!t)
		return err_nomem(err);
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != (ssize_t)sizeof(t->seed))
		t->seed = (uintptr_t)t * UINT64_C(0x2545f4914f6cdd1d);
	if (strtab_add(t, "", 0, &id, err) < 0) {
		strtab_free(t);
		return ERR_NOMEM;
	}
	*ret = t;
	return 0;
}

void strtab_free(struct strtab *t)
{
	if (!t)
		return;
	arena_deinit(&t->arena);
	vec_deinit(&t->places);
	free(t->slots);
	free(t);
}

static uint32_t hash_of(const struct strtab *t, const char *s, size_t n)
{
	uint64_t h = t->seed ^ n * UINT64_C(0x9e3779b97f4a7c15);

	while (n > 0) {
		uint64_t word = 0;
		size_t take = n < 8 ? n : 8;

		memcpy(&word, s, take);
		h = (h ^ word) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
		s += take;
		n -= take;
	}
	return (uint32_t)(h ^ (h >> 29));
}

/* The slot of an equal string, or the free one where it belongs. */
static size_t probe(const struct strtab *t, const char *s, size_t n, uint32_t hash)
{
	size_t i = hash & t->mask;

	while (t->slots[i]) {
		const struct place *p = &t->places.at[t->slots[i] - 1];

		if (p->hash == hash && p->len == n && (n == 0 || memcmp(p->s, s, n) == 0))
			break;
		i = (i + 1) & t->mask;
	}
	return i;
}

static int grow(struct strtab *t)
{
	size_t slots = t->slots ? (t->mask + 1) * 2 : FIRST_SLOTS;
	uint32_t *fresh = calloc(slots, sizeof(*fresh));

	if (!fresh)
		return ERR_NOMEM;
	free(t->slots);
	t->slots = fresh;
	t->mask = slots - 1;
	for (size_t id = 0; id < t->places.len; id++) {
		size_t i = t->places.at[id].hash & t->mask;

		while (fresh[i])
			i = (i + 1) & t->mask;
		fresh[i] = (uint32_t)id + 1;
	}
	return 0;
}

int strtab_add(struct strtab *t, const char *s, size_t n, uint32_t *ret, struct err *err)
{
	uint32_t hash = hash_of(t, s, n);
	char *copy;
	size_t slot;

	if (n > UINT32_MAX)
		return err_nomem(err);
	if (t->slots) {
		slot = probe(t, s, n, hash);
		if (t->slots[slot]) {
			*ret = t->slots[slot] - 1;
			return 0;
		}
	}
	if (t->places.len >= UINT32_MAX - 1)
		return err_nomem(err);
	if ((!t->slots || (t->places.len + 1) * 4 > (t->mask + 1) * 3) && grow(t) < 0)
		return err_nomem(err);
	if (vec_reserve(&t->places, 1) < 0)
		return err_nomem(err);
	copy = arena_str(&t->arena, s, n);
	if (!copy)
		return err_nomem(err);
	slot = probe(t, s, n, hash);
	(void)vec_push(&t->places, (struct place){ .s = copy, .len = (uint32_t)n, .hash = hash });
	t->slots[slot] = (uint32_t)t->places.len;
	*ret = (uint32_t)t->places.len - 1;
	return 0;
}

int strtab_add_str(struct strtab *t, const char *s, uint32_t *ret, struct err *err)
{
	return strtab_add(t, s, strlen(s), ret, err);
}

uint32_t strtab_find(const struct strtab *t, const char *s, size_t n)
{
	uint32_t id = t->slots[probe(t, s, n, hash_of(t, s, n))];

	return id ? id - 1 : STRTAB_NONE;
}

const char *strtab_get(const struct strtab *t, uint32_t id, size_t *ret_len)
{
	if (id >= t->places.len)
		id = 0;
	if (ret_len)
		*ret_len = t->places.at[id].len;
	return t->places.at[id].s;
}

uint32_t strtab_count(const struct strtab *t)
{
	return (uint32_t)t->places.len;
}

size_t strtab_bytes(const struct strtab *t)
{
	return t->arena.total_bytes + t->places.cap * sizeof(*t->places.at) +
	       (t->mask + 1) * sizeof(*t->slots);
}
