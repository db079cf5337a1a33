/* SPDX-License-Identifier: MIT */
/* The interpreter's half of the agent's unit tests. Knows layouts only the agent is told of. */
#include "tests/tracer/agent/fake_python.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/agent/lane.h"

struct agent_fixed agent_fixed;
struct agent_gate agent_gate;
/* on pages of its own: a forked child of a target has none of it */
struct agent_state agent_state __attribute__((aligned(4096)));
struct fake fake;

static uint64_t code_type_word;

struct fake_str {
	uint64_t refcnt, type, length, hash;
	uint32_t state, pad;
	char chars[40];
};

struct fake_bytes {
	uint64_t refcnt, type, size, hash;
	uint8_t data[256];
};

static struct fake_str strings[512];
static uint32_t nstrings;
static struct fake_bytes table_of_32;

/* --- originals: a pool like pymalloc's for ≤ 512 bytes, else the raw table, as CPython does ------- */

#define POOL_BYTES (8u << 20)
#define STEP 32

static uint8_t pool[POOL_BYTES] __attribute__((aligned(64)));
static size_t pool_used;
static void *pool_free[512 / STEP + 1];

static bool in_pool(const void *p)
{
	return (const uint8_t *)p >= pool && (const uint8_t *)p < pool + POOL_BYTES;
}

static bool fails(void)
{
	bool f = fake.fail_next;

	fake.fail_next = false;
	return f;
}

static void *raw_malloc(void *ctx, size_t n)
{
	(void)ctx;
	return fails() ? NULL : malloc(n ? n : 1);
}

static void *raw_calloc(void *ctx, size_t n, size_t size)
{
	(void)ctx;
	return fails() ? NULL : calloc(n ? n : 1, size ? size : 1);
}

static void *raw_realloc(void *ctx, void *p, size_t n)
{
	(void)ctx;
	return fails() ? NULL : realloc(p, n ? n : 1);
}

static void raw_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

/* A pool block's class is in the 16 bytes before it. */
static void *pool_malloc(size_t n)
{
	size_t class = (n + STEP - 1) / STEP;
	uint8_t *p = pool_free[class];

	if (p) {
		memcpy(&pool_free[class], p, sizeof(void *));
		return p;
	}
	if (pool_used + 16 + class * STEP + STEP > POOL_BYTES)
		return NULL;
	p = pool + pool_used + 16;
	pool_used += 16 + (class ? class : 1) * STEP;
	p[-16] = (uint8_t) class;
	return p;
}

static void pool_release(void *p)
{
	size_t class = ((uint8_t *)p)[-16];

	memcpy(p, &pool_free[class], sizeof(void *));
	pool_free[class] = p;
}

static void *obj_malloc(void *ctx, size_t n)
{
	(void)ctx;
	if (fails())
		return NULL;
	if (n <= 512) {
		void *p = pool_malloc(n);

		if (p)
			return p;
	}
	fake.nested_calls++;
	return hook_raw_malloc(NULL, n);
}

static void obj_free(void *ctx, void *p)
{
	(void)ctx;
	if (!p)
		return;
	if (in_pool(p)) {
		pool_release(p);
		return;
	}
	fake.nested_calls++;
	hook_raw_free(NULL, p);
}

static void *obj_calloc(void *ctx, size_t n, size_t size)
{
	void *p = obj_malloc(ctx, n * size);

	if (p)
		memset(p, 0, n * size);
	return p;
}

static void *obj_realloc(void *ctx, void *p, size_t n)
{
	void *q;
	size_t have;

	if (!p)
		return obj_malloc(ctx, n);
	if (fails())
		return NULL;
	if (!in_pool(p)) {
		fake.nested_calls++;
		return hook_raw_realloc(NULL, p, n);
	}
	have = ((uint8_t *)p)[-16] * (size_t)STEP;
	if (n <= have)
		return p;
	q = obj_malloc(ctx, n);
	if (q) {
		memcpy(q, p, have);
		pool_release(p);
	}
	return q;
}

/* --- layouts ------------------------------------------------------------------------------------------ */

static void fill_offsets(enum agent_frame_kind kind)
{
	struct agent_offsets *o = &agent_fixed.off;

	*o = (struct agent_offsets){
		.tstate_id = offsetof(struct fake_tstate, id),
		.tstate_interp = offsetof(struct fake_tstate, interp),
		.tstate_thread_id = offsetof(struct fake_tstate, thread_id),
		.tstate_frame = offsetof(struct fake_tstate, frame),
		.cframe_current_frame = 8,
		.frame_previous = offsetof(struct fake_frame, previous),
		.frame_code = offsetof(struct fake_frame, code),
		.frame_instr = offsetof(struct fake_frame, instr),
		.frame_owner =
			kind == AGENT_FRAME_OBJECT ? -1 : (int)offsetof(struct fake_frame, owner),
		.code_firstlineno = offsetof(struct fake_code, firsttraceable_and_line),
		.code_filename = offsetof(struct fake_code, filename),
		.code_name = offsetof(struct fake_code, name),
		.code_linetable = offsetof(struct fake_code, linetable),
		.code_adaptive =
			kind == AGENT_FRAME_OBJECT ? -1 : (int)offsetof(struct fake_code, instr),
		.code_firsttraceable =
			kind == AGENT_FRAME_OBJECT ?
				-1 :
				(int)offsetof(struct fake_code, firsttraceable_and_line) + 4,
		.unicode_length = offsetof(struct fake_str, length),
		.unicode_state = offsetof(struct fake_str, state),
		.unicode_ascii_data = offsetof(struct fake_str, chars),
		.unicode_compact_data = offsetof(struct fake_str, chars) + 16,
		.unicode_kind_shift = 2,
		.unicode_compact_shift = 5,
		.unicode_ascii_shift = 6,
		.bytes_size = offsetof(struct fake_bytes, size),
		.bytes_data = offsetof(struct fake_bytes, data),
		.ob_type = 8,
		.frame_locals = offsetof(struct fake_frame, locals),
		.code_locals = offsetof(struct fake_code, size),
		.interp_gil = 8,
	};
	agent_fixed.frame_kind = kind;
	agent_fixed.lasti_scale = kind == AGENT_FRAME_OBJECT ? 2 : 1;
	/* 3.10's table for both: (2 bytes of code, 1 line) a pair */
	agent_fixed.line_kind = AGENT_LINES_PEP626;
	agent_fixed.code_type = (uint64_t)&code_type_word;
}

static void fill_tables(void)
{
	const struct agent_table_copy raw = { 0,
					      { (uint64_t)raw_malloc, (uint64_t)raw_calloc,
						(uint64_t)raw_realloc, (uint64_t)raw_free } };
	const struct agent_table_copy obj = { 0,
					      { (uint64_t)obj_malloc, (uint64_t)obj_calloc,
						(uint64_t)obj_realloc, (uint64_t)obj_free } };

	agent_fixed.original[AGENT_RAW] = raw;
	agent_fixed.original[AGENT_MEM] = obj;
	agent_fixed.original[AGENT_OBJ] = obj;
}

void fake_init(enum agent_frame_kind kind)
{
	struct stat st;
	int fds[2];

	memset(&agent_fixed, 0, sizeof(agent_fixed));
	memset(&agent_gate, 0, sizeof(agent_gate));
	memset(&agent_state, 0, sizeof(agent_state));
	memset(&fake, 0, sizeof(fake));
	memset(pool_free, 0, sizeof(pool_free));
	pool_used = 0;
	memset(strings, 0, sizeof(strings));
	nstrings = 0;
	fill_offsets(kind);
	fill_tables();
	for (int i = 0; i < 64; i++) {
		table_of_32.data[2 * i] = 2;
		table_of_32.data[2 * i + 1] = i ? 1 : 0;
	}
	table_of_32.size = 128;
	for (int t = 0; t < FAKE_THREADS; t++) {
		fake.thread[t].id = (uint64_t)t + 1;
		fake.thread[t].interp = (uint64_t)&fake.interp;
		fake.thread[t].thread_id = sys_thread_pointer() + 16;
		if (kind == AGENT_FRAME_CFRAME)
			fake.thread[t].frame = (uint64_t)fake.thread[t].cframe;
	}
	fake.interp[1] = (uint64_t)&fake.gil[0];
	agent_fixed.main_gil = (uint64_t)&fake.gil[0];
	agent_fixed.tstate_kind = AGENT_TSTATE_GLOBAL;
	agent_fixed.tstate_base = (uint64_t)&fake.current;
	agent_fixed.thread_id_bias = 16;
	agent_fixed.window = 64;
	agent_fixed.window_max_bytes = 400;
	agent_fixed.max_frames = AGENT_FRAMES_MAX;
	agent_fixed.seed = 12345;
	agent_fixed.cookie = 0xc00c1e;
	agent_fixed.stall_limit_ms = 1000;
	agent_fixed.batch_words = AGENT_OUT_WORDS;
	agent_fixed.ticks_per_ms = 1000000;
	agent_fixed.flush_ticks = UINT64_MAX / 2;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && fstat(fds[1], &st) == 0) {
		agent_fixed.pipe_fd = fds[1];
		agent_fixed.pipe_dev = st.st_dev;
		agent_fixed.pipe_ino = st.st_ino;
		fake.pipe_read = fds[0];
		fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	}
	fake_gil(0);
}

void fake_go(void)
{
	agent_gate.mode = AGENT_MODE_RECORD | AGENT_GATE_FRESH |
			  (agent_fixed.sample_bytes ? AGENT_GATE_SAMPLE : 0);
}

void fake_done(void)
{
	agent_gate.mode = 0;
	if (fake.pipe_read >= 0)
		close(fake.pipe_read);
	close(agent_fixed.pipe_fd);
}

void fake_gil(int t)
{
	fake.current = t < 0 ? 0 : (uint64_t)&fake.thread[t];
}

/* --- Python ------------------------------------------------------------------------------------------- */

static uint64_t fake_string(const char *s)
{
	struct fake_str *f = strings;

	/* one object per text: there are as many as tests have names */
	while (f < &strings[nstrings] && strncmp(f->chars, s, sizeof(f->chars)))
		f++;
	if (f == &strings[nstrings])
		nstrings++;
	f->length = strlen(s);
	f->state = 1u << 2 | 1u << 5 | 1u << 6; /* one byte each, compact, ASCII */
	memcpy(f->chars, s, f->length);
	return (uint64_t)f;
}

struct fake_code *fake_code(const char *static_name, uint32_t first_line, uint32_t n)
{
	return fake_code_in("m.py", static_name, first_line, n);
}

struct fake_code *fake_code_in(const char *static_file, const char *static_name,
			       uint32_t first_line, uint32_t n)
{
	struct fake_code *c = hook_obj_malloc(NULL, sizeof(*c));

	memset(c, 0, sizeof(*c));
	c->type = (uint64_t)&code_type_word;
	c->size = n;
	c->name = fake_string(static_name);
	c->filename = fake_string(static_file);
	c->linetable = (uint64_t)&table_of_32;
	c->firsttraceable_and_line = first_line;
	return c;
}

void fake_code_free(struct fake_code *c)
{
	hook_obj_free(NULL, c);
}

static struct fake_tstate *holder(void)
{
	return (struct fake_tstate *)fake.current;
}

/* The frame at this depth, the outermost being 1. */
static struct fake_frame *frame_at(struct fake_tstate *t, uint32_t depth)
{
	return depth ? &t->frames[t->place[depth - 1]] : NULL;
}

static void set_leaf(struct fake_tstate *t)
{
	uint64_t leaf = (uint64_t)frame_at(t, t->depth);

	if (agent_fixed.frame_kind == AGENT_FRAME_CFRAME)
		t->cframe[1] = leaf;
	else
		t->frame = leaf;
}

void fake_at(uint32_t instr)
{
	struct fake_tstate *t = holder();
	struct fake_frame *f = frame_at(t, t->depth);

	if (agent_fixed.frame_kind == AGENT_FRAME_OBJECT)
		f->instr = instr;
	else
		f->instr = (uint64_t)((struct fake_code *)(f->code & ~3ull))->instr + 2 * instr;
}

void fake_call_at(uint32_t place, struct fake_code *c, uint32_t instr)
{
	struct fake_tstate *t = holder();

	t->frames[place] = (struct fake_frame){
		.code = (uint64_t)c | (agent_fixed.frame_kind == AGENT_FRAME_STACKREF ? 1 : 0),
		.previous = (uint64_t)frame_at(t, t->depth),
	};
	t->place[t->depth++] = (uint16_t)place;
	set_leaf(t);
	fake_at(instr);
}

void fake_call(struct fake_code *c, uint32_t instr)
{
	fake_call_at(holder()->depth, c, instr);
}

void fake_local(uint32_t i, const char *text)
{
	struct fake_tstate *t = holder();
	uint64_t tag = agent_fixed.frame_kind == AGENT_FRAME_STACKREF ? 1 : 0;

	frame_at(t, t->depth)->locals[i] = (text ? fake_string(text) : 0) | tag;
}

void fake_return(void)
{
	struct fake_tstate *t = holder();

	t->depth--;
	set_leaf(t);
}

void fake_where(char *buf, size_t n, uint32_t limit)
{
	struct fake_tstate *t = holder();
	size_t used;

	used = (size_t)snprintf(buf, n, "t%u", (unsigned)t->id);
	for (uint32_t i = t->depth; i > 0 && t->depth - i < limit && used < n; i--) {
		const struct fake_frame *f = frame_at(t, i);
		const struct fake_code *c = (const struct fake_code *)(f->code & ~3ull);
		const struct fake_str *name = (const struct fake_str *)c->name;
		uint64_t line = (uint32_t)c->firsttraceable_and_line;

		if (f->owner >= 3)
			continue;
		line += agent_fixed.frame_kind == AGENT_FRAME_OBJECT ?
				(uint32_t)f->instr :
				(f->instr - (uint64_t)c->instr) / 2;
		used += (size_t)snprintf(buf + used, n - used, " %.*s:%u", (int)name->length,
					 name->chars, (unsigned)line);
	}
	if (t->depth > limit && used < n)
		snprintf(buf + used, n - used, " …");
}

/* --- the pipe ------------------------------------------------------------------------------------------- */

void fake_flush(void)
{
	side_drain();
	window_sweep();
	site_flush_temps();
	put_flush();
}

uint8_t *fake_read(size_t *ret_n)
{
	uint8_t *all = NULL;
	size_t have = 0;
	int waiting = 0;

	while (ioctl(fake.pipe_read, FIONREAD, &waiting) == 0 && waiting > 0) {
		ssize_t n;

		all = realloc(all, have + (size_t)waiting);
		n = read(fake.pipe_read, all + have, (size_t)waiting);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	*ret_n = have;
	return all;
}
