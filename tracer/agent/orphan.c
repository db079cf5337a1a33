/* SPDX-License-Identifier: MIT */
/* Agents whose tracers died: how one is known, by its hooks, its marks or, unwritten, by its shape, and made ours. */
#include <stdlib.h>
#include <string.h>

#include "tracer/agent/inject_inside.h"
#include "tracer/process/procfs.h"
#include "tracer/process/smaps.h"

#define PROBE_BYTES_MAX (16ull << 20)
#define BLANK_MAX 64

static bool tracer_lives(const struct agent_fixed *fx)
{
	struct procfs_stat st;

	return fx->tracer_pid > 0 && procfs_stat(fx->tracer_pid, 0, &st, NULL) == 0 &&
	       st.start_ticks == fx->tracer_start && st.state != 'Z' && st.state != 'X';
}

/* Does an agent's mapping begin here? */
static bool probe_at(struct mem_source *mem, uint64_t at, struct inject_orphan *ret)
{
	struct agent_head head;
	struct agent_fixed fixed;

	/* what is written first is not at the beginning */
	if (mem_read(mem, taddr_of(at), &head, sizeof(head), NULL) < 0 || (head.magic != AGENT_MAGIC && head.magic))
		return false;
	if (mem_read(mem, taddr_of(at + AGENT_FIXED_OFFSET), &fixed, sizeof(fixed), NULL) < 0 ||
	    fixed.magic != AGENT_MAGIC || fixed.map_base != at)
		return false;
	*ret = (struct inject_orphan){ .base = taddr_of(at), .fixed = fixed, .tracer_alive = tracer_lives(&fixed) };
	return true;
}

/* The mapping around a hook that may be an agent's. */
static bool probe_hook(struct mem_source *mem, const struct maps *maps, uint64_t hook,
		       struct inject_orphan *ret)
{
	const struct map_range *m = maps_find(maps, taddr_of(hook));

	if (!m || !(m->flags & MAP_X) || m->path[0])
		return false;
	/* neighbouring ranges of equal protection are one line in maps: look at each page */
	for (uint64_t at = hook & ~4095ull; at >= m->start && at + AGENT_FIXED_OFFSET > hook; at -= 4096)
		if (probe_at(mem, at, ret))
			return true;
	return false;
}

static bool in_agent(const struct inject_orphan *o, uint64_t word)
{
	return word >= o->base.v && word < o->base.v + AGENT_MAP_BYTES;
}

/*
 * An agent no word leads to: its tracer died before the first word or after the last. Only when
 * the tables are as that agent found them; else somebody who came later may still call it.
 */
static bool abandoned(struct mem_source *mem, const struct inject_orphan *o)
{
	for (int d = 0; d < AGENT_DOMAINS; d++) {
		uint64_t words[1 + AGENT_FUNCS];

		if (mem_read(mem, taddr_of(o->fixed.table_addr[d]), words, sizeof(words), NULL) < 0)
			return false;
		for (int f = 0; f < AGENT_FUNCS; f++)
			if (words[1 + f] != o->fixed.original[d].func[f] && !in_agent(o, words[1 + f]))
				return false;
	}
	return true;
}

/* Ranges nobody may write to and that have no name are few: a just-in-time compiler's, ours. */
static bool probe_ranges(struct mem_source *mem, const struct maps *maps, struct inject_orphan *ret)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct map_range *m = &maps->ranges[i];
		uint64_t end = m->end;

		if (m->flags & MAP_W || !(m->flags & MAP_R) || m->path[0])
			continue;
		if (end - m->start > PROBE_BYTES_MAX)
			end = m->start + PROBE_BYTES_MAX;
		for (uint64_t at = m->start; at < end; at += 4096)
			if (probe_at(mem, at, ret) && abandoned(mem, ret))
				return true;
	}
	return false;
}

/*
 * A tracer that was killed before it had written a byte leaves what nobody else makes: an unnamed private
 * range of our size, or of several, that may only be read, without reserve, and with no page in it. Nothing
 * can be in it then, and whoever reads it reads zeros. (The kernel does not keep the flag where it never
 * overcommits: such a range is not recognised, and stays.)
 */
bool orphan_is_blank(pid_t pid, const struct map_range *m)
{
	struct smaps s;
	bool blank = false;

	if (m->flags != MAP_R || m->path[0] || m->inode || (m->end - m->start) % AGENT_MAP_BYTES ||
	    (m->end - m->start) / AGENT_MAP_BYTES > BLANK_MAX || smaps_read(pid, &s, NULL) < 0)
		return false;
	for (size_t i = 0; i < s.maps.count; i++) {
		const struct map_range *now = &s.maps.ranges[i];
		const struct smaps_usage *u = &s.usage[i];

		if (now->start == m->start && now->end == m->end && now->flags == m->flags)
			blank = u->noreserve && u->rss == 0 && u->swap == 0;
	}
	smaps_deinit(&s);
	return blank;
}

static bool find_blank(pid_t pid, const struct maps *maps, struct inject_orphan *ret)
{
	for (size_t i = 0; i < maps->count; i++) {
		const struct map_range *m = &maps->ranges[i];

		if (orphan_is_blank(pid, m)) {
			*ret = (struct inject_orphan){ .base = taddr_of(m->start), .blank_bytes = m->end - m->start };
			return true;
		}
	}
	return false;
}

int inject_find(pid_t pid, const struct py *py, struct mem_source *mem, const struct maps *maps,
		struct inject_orphan *ret, struct err *err)
{
	for (int d = 0; d < PY_DOMAINS; d++) {
		uint64_t words[1 + AGENT_FUNCS];
		int r = mem_read(mem, py->table[d], words, sizeof(words), err);

		if (r < 0)
			return r;
		for (int f = 1; f <= AGENT_FUNCS; f++) {
			if (words[f] >= py->obj_start && words[f] < py->obj_end)
				continue;
			if (probe_hook(mem, maps, words[f], ret))
				return 1;
		}
	}
	return probe_ranges(mem, maps, ret) || (pid && find_blank(pid, maps, ret));
}

static int adopt_blank(const struct inject_orphan *orphan, const struct py *py, struct inject **ret, struct err *err)
{
	int r = inject_new(&INJECT_OPTIONS_DEFAULT, ret, err);

	if (r < 0)
		return r;
	for (int d = 0; d < PY_DOMAINS; d++) /* the audit looks at them */
		(*ret)->fixed.table_addr[d] = py->table[d].v;
	(*ret)->base = orphan->base;
	(*ret)->map_bytes = orphan->blank_bytes;
	(*ret)->py = py;
	(*ret)->adopted = (*ret)->blank = true;
	return 0;
}

int inject_adopt(const struct inject_orphan *orphan, const struct py *py, struct inject **ret,
		 struct err *err)
{
	const struct agent_fixed *fx = &orphan->fixed;
	struct inject *in;
	int r;

	if (orphan->blank_bytes)
		return adopt_blank(orphan, py, ret, err);
	if (fx->abi_version != AGENT_ABI_VERSION || fx->bytes != sizeof(*fx))
		return err_hint(err, err_set(err, ERR_UNSUPPORTED,
					     "the agent there is of another version (%u)",
					     fx->abi_version),
				"abi-mismatch");
	for (int d = 0; d < PY_DOMAINS; d++)
		if (fx->table_addr[d] != py->table[d].v)
			return err_set(err, ERR_CORRUPT, "the agent there names other tables");
	if (fx->map_bytes != AGENT_MAP_BYTES || fx->text_bytes > AGENT_FIXED_OFFSET ||
	    fx->gate_addr != orphan->base.v + AGENT_GATE_OFFSET ||
	    fx->state_addr != orphan->base.v + AGENT_STATE_OFFSET)
		return err_set(err, ERR_CORRUPT, "the agent there contradicts itself");
	r = inject_new(&INJECT_OPTIONS_DEFAULT, &in, err);
	if (r < 0)
		return r;
	in->fixed = *fx;
	in->base = orphan->base;
	in->py = py;
	in->adopted = true;
	*ret = in;
	return 0;
}
