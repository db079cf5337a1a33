/* SPDX-License-Identifier: MIT */
/*
 * Open-addressing hash map. Load factor at most 3/4; the free slot is key 0, which therefore
 * is kept beside the table.
 */
#include "base/map.h"

#include <sys/random.h>
#include <time.h>

#define MIN_SLOTS 16
#define MAX_KEYS (SIZE_MAX / 256 / sizeof(struct map_slot)) /* absurd, and rounding up is safe */

void map_deinit(struct map *m)
{
	if (!m)
		return;
	free(m->slots);
	*m = MAP_INIT;
}

void map_clear(struct map *m)
{
	for (size_t i = 0; m->slots && i <= m->mask; i++)
		m->slots[i].key = 0;
	m->len = m->used = 0;
	m->has_zero = false;
}

/* Unpredictable to the target; the fall-back only has to differ between runs. */
static uint64_t new_seed(const struct map *m)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		seed = (uint64_t)now.tv_nsec * UINT64_C(0x2545f4914f6cdd1d) ^ (uintptr_t)m;
	}
	return seed;
}

/* The slot holding key, or the free one where it belongs. The table has a free slot. */
static struct map_slot *slot_of(const struct map *m, uint64_t key)
{
	size_t i = map_home_(m, key);

	while (m->slots[i].key != key && m->slots[i].key != 0)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static int rehash(struct map *m, size_t slots)
{
	struct map next = *m;

	next.slots = calloc(slots, sizeof(*next.slots));
	if (!next.slots)
		return ERR_NOMEM;
	if (!m->slots)
		next.seed = new_seed(m);
	next.mask = slots - 1;
	for (size_t i = 0; m->slots && i <= m->mask; i++) {
		if (m->slots[i].key != 0)
			*slot_of(&next, m->slots[i].key) = m->slots[i];
	}
	free(m->slots);
	*m = next;
	return 0;
}

int map_reserve(struct map *m, size_t n)
{
	size_t slots = m->slots ? m->mask + 1 : MIN_SLOTS;

	if (n > MAX_KEYS)
		return ERR_NOMEM;
	while (slots - slots / 4 < n)
		slots *= 2;
	if (m->slots && slots == m->mask + 1)
		return 0;
	return rehash(m, slots);
}

uint64_t *map_add(struct map *m, uint64_t key, uint64_t value, bool *ret_new)
{
	struct map_slot *slot = NULL;
	bool is_new;

	if (key == 0) {
		is_new = !m->has_zero;
		if (is_new) {
			m->has_zero = true;
			m->zero_value = value;
			m->len++;
		}
		if (ret_new)
			*ret_new = is_new;
		return &m->zero_value;
	}
	if (m->slots)
		slot = slot_of(m, key);
	is_new = !slot || slot->key == 0;
	if (is_new) {
		if (!slot || m->used + 1 > m->mask + 1 - (m->mask + 1) / 4) {
			if (map_reserve(m, m->used + 1) < 0)
				return NULL;
			slot = slot_of(m, key);
		}
		*slot = (struct map_slot){ .key = key, .value = value };
		m->used++;
		m->len++;
	}
	if (ret_new)
		*ret_new = is_new;
	return &slot->value;
}

int map_set(struct map *m, uint64_t key, uint64_t value)
{
	uint64_t *place = map_add(m, key, value, NULL);

	if (!place)
		return ERR_NOMEM;
	*place = value;
	return 0;
}

uint64_t *map_find(const struct map *m, uint64_t key)
{
	struct map_slot *slot;

	if (key == 0)
		return m->has_zero ? (uint64_t *)&m->zero_value : NULL;
	if (!m->slots)
		return NULL;
	slot = slot_of(m, key);
	return slot->key ? &slot->value : NULL;
}

uint64_t map_get(const struct map *m, uint64_t key, uint64_t absent)
{
	const uint64_t *place = map_find(m, key);

	return place ? *place : absent;
}

bool map_has(const struct map *m, uint64_t key)
{
	return map_find(m, key) != NULL;
}

/*
 * Close the gap at i: an entry further along the run moves into it unless its home lies
 * cyclically after the gap, where a probe would no longer find it.
 */
static void close_gap(struct map *m, size_t gap)
{
	size_t i = gap;

	for (;;) {
		size_t home;

		i = (i + 1) & m->mask;
		if (m->slots[i].key == 0)
			break;
		home = map_home_(m, m->slots[i].key);
		if (((i - home) & m->mask) >= ((i - gap) & m->mask)) {
			m->slots[gap] = m->slots[i];
			gap = i;
		}
	}
	m->slots[gap].key = 0;
}

bool map_del(struct map *m, uint64_t key, uint64_t *ret_value)
{
	uint64_t *place = map_find(m, key);

	if (!place)
		return false;
	if (ret_value)
		*ret_value = *place;
	m->len--;
	if (key == 0) {
		m->has_zero = false;
		return true;
	}
	m->used--;
	close_gap(m, (size_t)(slot_of(m, key) - m->slots));
	return true;
}

bool map_next(const struct map *m, size_t *pos, uint64_t *ret_key, uint64_t *ret_value)
{
	size_t slots = m->slots ? m->mask + 1 : 0;

	while (*pos < slots) {
		const struct map_slot *slot = &m->slots[(*pos)++];

		if (slot->key != 0) {
			*ret_key = slot->key;
			*ret_value = slot->value;
			return true;
		}
	}
	if (*pos == slots && m->has_zero) {
		(*pos)++;
		*ret_key = 0;
		*ret_value = m->zero_value;
		return true;
	}
	return false;
}
