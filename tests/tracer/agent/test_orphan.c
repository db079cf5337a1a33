/* SPDX-License-Identifier: MIT */
/* Which mappings are agents of other tracers, and which of these may be taken out. In fake memory. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/fake_mem.h"
#include "tracer/agent/inject.h"
#include "tracer/agent/inject_inside.h"

TestSuite(tracer_agent_orphan, .timeout = 10);

#define BASE UINT64_C(0x7f1000000000)
#define OBJECT UINT64_C(0x400000) /* the interpreter's object */
#define OBJECT_BYTES UINT64_C(0x100000)
#define TABLES (OBJECT + 0x1000)

struct world {
	struct fake_mem *f;
	struct py py;
	struct agent_head head;
	struct agent_fixed fixed;
	struct map_range ranges[2];
	struct maps maps;
};

static uint64_t original(int d, int f)
{
	return OBJECT + 0x8000 + (uint64_t)(d * AGENT_FUNCS + f) * 64;
}

static void word(struct world *w, int d, int f, uint64_t v)
{
	fake_mem_put_u64(w->f, w->py.table[d].v + 8 + (uint64_t)f * 8, v);
}

/* An interpreter whose tables are its own, and an agent whose tracer is gone beside it. */
static void world_init(struct world *w)
{
	*w = (struct world){ .f = fake_mem_new(8) };
	w->py.obj_start = OBJECT;
	w->py.obj_end = OBJECT + OBJECT_BYTES;
	w->head = (struct agent_head){ .magic = AGENT_MAGIC, .abi_version = AGENT_ABI_VERSION };
	w->fixed = (struct agent_fixed){
		.magic = AGENT_MAGIC,
		.abi_version = AGENT_ABI_VERSION,
		.bytes = sizeof(w->fixed),
		.map_base = BASE,
		.map_bytes = AGENT_MAP_BYTES,
		.text_bytes = 40000,
		.gate_addr = BASE + AGENT_GATE_OFFSET,
		.state_addr = BASE + AGENT_STATE_OFFSET,
	};
	for (int d = 0; d < AGENT_DOMAINS; d++) {
		w->py.table[d] = taddr_of(TABLES + (uint64_t)d * 64);
		w->fixed.table_addr[d] = w->py.table[d].v;
		for (int f = 0; f < AGENT_FUNCS; f++) {
			w->fixed.original[d].func[f] = original(d, f);
			w->fixed.hook[d][f] = BASE + 0x100 + (uint64_t)(d * AGENT_FUNCS + f) * 16;
			word(w, d, f, original(d, f));
		}
	}
	w->ranges[0] = (struct map_range){ .start = OBJECT, .end = OBJECT + OBJECT_BYTES, .path = "/python",
					   .flags = MAP_R | MAP_W };
	w->ranges[1] = (struct map_range){ .start = BASE, .end = BASE + AGENT_GATE_OFFSET, .path = "",
					   .flags = MAP_R | MAP_X };
	w->maps = (struct maps){ .ranges = w->ranges, .count = 2 };
	fake_mem_map(w->f, BASE, AGENT_GATE_OFFSET);
}

static void hook(struct world *w)
{
	for (int d = 0; d < AGENT_DOMAINS; d++)
		for (int f = 0; f < AGENT_FUNCS; f++)
			word(w, d, f, w->fixed.hook[d][f]);
}

static int find(struct world *w, struct inject_orphan *ret)
{
	fake_mem_put(w->f, BASE, &w->head, sizeof(w->head));
	fake_mem_put(w->f, BASE + AGENT_FIXED_OFFSET, &w->fixed, sizeof(w->fixed));
	return inject_find(0, &w->py, fake_mem_source(w->f), &w->maps, ret, NULL);
}

enum lie { HEAD_MAGIC, FIXED_MAGIC, OTHER_BASE, LIES };

static void tell(struct world *w, int lie)
{
	switch (lie) {
	case HEAD_MAGIC:
		w->head.magic ^= 1;
		break;
	case FIXED_MAGIC:
		w->fixed.magic ^= 1;
		break;
	case OTHER_BASE:
		w->fixed.map_base += 4096;
		break;
	}
}

Test(tracer_agent_orphan, one_that_is_called_is_found_unless_a_mark_is_wrong)
{
	struct inject_orphan o;
	struct world w;

	for (int lie = 0; lie <= LIES; lie++) {
		world_init(&w);
		hook(&w);
		tell(&w, lie);
		cr_expect_eq(find(&w, &o), lie == LIES, "lie %d", lie);
		if (lie == LIES)
			cr_expect(o.base.v == BASE && !o.tracer_alive);
		fake_mem_free(w.f);
	}
}

Test(tracer_agent_orphan, one_that_nobody_calls_is_found_unless_a_mark_is_wrong)
{
	struct inject_orphan o;
	struct world w;

	for (int lie = 0; lie <= LIES; lie++) {
		world_init(&w);
		tell(&w, lie);
		cr_expect_eq(find(&w, &o), lie == LIES, "lie %d", lie);
		fake_mem_free(w.f);
	}
}

/* Code with a name, or where nothing runs, is no agent's; nor is one below others who came later. */
Test(tracer_agent_orphan, where_no_agent_would_be_none_is_found)
{
	struct inject_orphan o;
	struct world w;

	world_init(&w);
	hook(&w);
	w.ranges[1].path = "/lib/jit.so";
	cr_expect_eq(find(&w, &o), 0);
	fake_mem_free(w.f);

	world_init(&w);
	w.ranges[1].flags = MAP_R | MAP_W;
	cr_expect_eq(find(&w, &o), 0);
	hook(&w);
	cr_expect_eq(find(&w, &o), 0);
	fake_mem_free(w.f);

	world_init(&w);
	word(&w, AGENT_OBJ, AGENT_FREE, original(AGENT_OBJ, AGENT_FREE) + 16);
	cr_expect_eq(find(&w, &o), 0);
	fake_mem_free(w.f);
}

static int adopt(struct world *w, const struct agent_fixed *fixed)
{
	const struct inject_orphan o = { .base = taddr_of(BASE), .fixed = *fixed };
	struct inject *in = NULL;
	int r = inject_adopt(&o, &w->py, &in, NULL);

	inject_free(in);
	return r;
}

Test(tracer_agent_orphan, one_that_contradicts_itself_is_not_adopted)
{
	struct agent_fixed fx;
	struct world w;

	world_init(&w);
	fx = w.fixed;
	cr_expect_eq(adopt(&w, &fx), 0);
	fx.abi_version++;
	cr_expect_eq(adopt(&w, &fx), ERR_UNSUPPORTED);
	fx = w.fixed, fx.bytes -= 8;
	cr_expect_eq(adopt(&w, &fx), ERR_UNSUPPORTED);
	for (int d = 0; d < AGENT_DOMAINS; d++) {
		fx = w.fixed, fx.table_addr[d] += 8;
		cr_expect_eq(adopt(&w, &fx), ERR_CORRUPT, "%d", d);
	}
	fx = w.fixed, fx.map_bytes += 4096;
	cr_expect_eq(adopt(&w, &fx), ERR_CORRUPT);
	fx = w.fixed, fx.text_bytes = AGENT_FIXED_OFFSET + 1;
	cr_expect_eq(adopt(&w, &fx), ERR_CORRUPT);
	fx = w.fixed, fx.gate_addr += 8;
	cr_expect_eq(adopt(&w, &fx), ERR_CORRUPT);
	fx = w.fixed, fx.state_addr = 8;
	cr_expect_eq(adopt(&w, &fx), ERR_CORRUPT);
	fake_mem_free(w.f);
}

/* What is written first lies behind the beginning: a tracer may be killed in between. */
Test(tracer_agent_orphan, one_whose_code_was_not_written_yet_is_found)
{
	struct inject_orphan o;
	struct world w;

	world_init(&w);
	w.head.magic = 0;
	cr_expect_eq(find(&w, &o), 1);
	cr_expect_eq(o.blank_bytes, 0);
	fake_mem_free(w.f);
}

/* --- before anything was written, in our own process -------------------------------------------------- */

#define ROOM (8 * (size_t)AGENT_MAP_BYTES)

/* A range of its own: with a gap on either side. */
static struct map_range blank(size_t bytes, int flags)
{
	char *room = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = mmap(room + AGENT_MAP_BYTES, bytes, PROT_READ,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	cr_assert(room != MAP_FAILED && p == room + AGENT_MAP_BYTES);
	return (struct map_range){ .start = (uintptr_t)p, .end = (uintptr_t)p + bytes, .path = "", .flags = MAP_R };
}

/* A kernel that never overcommits does not keep the flag. */
static bool kernel_keeps_noreserve(void)
{
	FILE *f = fopen("/proc/sys/vm/overcommit_memory", "re");
	int c = f ? fgetc(f) : '2';

	if (f)
		fclose(f);
	return c != '2';
}

Test(tracer_agent_orphan, one_that_was_never_written_to_is_known_by_its_shape)
{
	const pid_t us = getpid();
	struct map_range m = blank(AGENT_MAP_BYTES, MAP_NORESERVE), two, other;

	if (!kernel_keeps_noreserve())
		cr_skip_test("the kernel never overcommits");
	cr_expect(orphan_is_blank(us, &m));
	cr_expect_eq(*(volatile char *)m.start, 0); /* who reads it makes no page of its own */
	cr_expect(orphan_is_blank(us, &m));
	two = blank(2 * (size_t)AGENT_MAP_BYTES, MAP_NORESERVE);
	cr_expect(orphan_is_blank(us, &two), "two of them side by side");
	other = blank(AGENT_MAP_BYTES, 0);
	cr_expect(!orphan_is_blank(us, &other), "somebody else's");
	other = blank(AGENT_MAP_BYTES - 4096, MAP_NORESERVE);
	cr_expect(!orphan_is_blank(us, &other), "of another size");
	other = m, other.flags = MAP_R | MAP_W;
	cr_expect(!orphan_is_blank(us, &other));
	other = m, other.path = "/dev/zero (deleted)";
	cr_expect(!orphan_is_blank(us, &other));
	other = two, other.end -= AGENT_MAP_BYTES;
	cr_expect(!orphan_is_blank(us, &other), "only a part of a range");
	/* written to, and then made as it was */
	cr_assert_eq(mprotect((void *)m.start, 4096, PROT_READ | PROT_WRITE), 0);
	*(volatile char *)m.start = 1;
	cr_assert_eq(mprotect((void *)m.start, 4096, PROT_READ), 0);
	cr_expect(!orphan_is_blank(us, &m), "there is something in it");
}
