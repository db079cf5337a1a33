/* SPDX-License-Identifier: MIT */
/*
 * What the program says it is doing. pytest tells its tests' names to everybody who looks: before
 * each phase of a test _update_current_test_var (src/_pytest/runner.py, 3.2+) puts "nodeid (phase)"
 * into the environment, and takes it out after the last. Its frame is recognised by name when it
 * allocates, which it always does, and its local variable `value` is read. No other program pays
 * for this: code objects are compared once, when the reader is told of them.
 */
#include "tracer/agent/lane.h"

static const char LABEL_NAME[] = "_update_current_test_var";
static const char LABEL_FILE[] = "_pytest/runner.py";

/* item, when, var_name, value: co_varnames of that function, in all versions from 3.2 to 9.0. */
#define LABEL_LOCAL 3
#define LABEL_LOCALS 4
#define LABEL_TAIL 16 /* characters kept of the end of a long text: " (teardown)" */

/* --- texts ---------------------------------------------------------------------------------- */

/* PEP 393 (Include/cpython/unicodeobject.h, 3.3+). */
struct text text_of(uint64_t object)
{
	const struct agent_offsets *o = &agent_fixed.off;
	struct text t = { NULL, 0, 1 };
	uint32_t state;

	if (!object)
		return t;
	state = lane_load32(object, o->unicode_state);
	if (!(state >> o->unicode_compact_shift & 1))
		return t;
	t.kind = state >> o->unicode_kind_shift & 7;
	if (t.kind != 1 && t.kind != 2 && t.kind != 4)
		return (struct text){ NULL, 0, 1 };
	t.length = lane_load(object, o->unicode_length);
	t.chars = (const uint8_t *)object + (state >> o->unicode_ascii_shift & 1 ?
						     o->unicode_ascii_data :
						     o->unicode_compact_data);
	return t;
}

struct text text_first(struct text t, uint64_t most)
{
	if (t.length > most)
		t.length = most;
	return t;
}

struct text text_last(struct text t, uint64_t most)
{
	if (t.length > most) {
		t.chars += (t.length - most) * t.kind;
		t.length = most;
	}
	return t;
}

void text_copy(uint64_t *to, struct text t)
{
	uint8_t *p = (uint8_t *)to;
	uint64_t n = t.length * t.kind;

	if (n)
		to[(n - 1) / 8] = 0; /* padding */
	for (uint64_t i = 0; i < n; i++)
		p[i] = t.chars[i];
}

static bool text_is(struct text t, const char *s, uint64_t n)
{
	if (t.kind != 1 || t.length != n)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (t.chars[i] != (uint8_t)s[i])
			return false;
	return true;
}

/* --- the label ------------------------------------------------------------------------------- */

bool label_knows(uint64_t addr, struct text name, struct text file)
{
	const struct agent_offsets *o = &agent_fixed.off;

	/* samples are too few to meet that function each time */
	return !agent_fixed.sample_bytes && text_is(name, LABEL_NAME, sizeof(LABEL_NAME) - 1) &&
	       text_is(text_last(file, sizeof(LABEL_FILE) - 1), LABEL_FILE,
		       sizeof(LABEL_FILE) - 1) &&
	       o->frame_locals > 0 && o->code_locals > 0 &&
	       lane_load32(addr, o->code_locals) >= LABEL_LOCALS;
}

/*
 * The text in the local variable; none while it is not assigned yet. Local variables own what they
 * refer to, and their thread holds the GIL: it is this one.
 */
static struct text label_text(void)
{
	const struct agent_offsets *o = &agent_fixed.off;
	uint64_t frame = COLD->label_frame, value = lane_load(frame, o->frame_locals + 8 * LABEL_LOCAL);
	uint64_t code = lane_load(frame, o->frame_code);

	if (agent_fixed.frame_kind == AGENT_FRAME_STACKREF) {
		value &= ~3ull;
		code &= ~3ull;
	}
	/* of the same type as the function's name: exactly str */
	if (!value || lane_load(value, o->ob_type) !=
			      lane_load(lane_load(code, o->code_name), o->ob_type))
		return (struct text){ NULL, 0, 1 };
	return text_of(value);
}

static uint64_t text_hash(struct text t)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (uint64_t i = 0; i < t.length * t.kind; i++)
		h = (h ^ t.chars[i]) * 0x100000001b3ull;
	return t.length ? h | 1 : 0;
}

void label_look(void)
{
	struct text t = label_text(), head = t, tail = { NULL, 0, 1 };
	uint64_t hash = text_hash(t), *at;
	struct stream_label *s;
	uint32_t words;

	if (hash == COLD->label)
		return;
	/* what waits was born before; what comes is to be seen at once */
	window_sweep();
	site_flush_temps();
	LANE->window_limit = 0;
	if (t.length > AGENT_LABEL_CHARS) {
		head = text_first(t, AGENT_LABEL_CHARS - LABEL_TAIL);
		tail = text_last(t, LABEL_TAIL);
	}
	t.length = head.length + tail.length;
	words = 1 + sizeof(*s) / 8 + text_words(t);
	at = put_reserve(words);
	if (!at)
		return; /* the next event in there tries again */
	at[0] = STREAM_META | STREAM_LABEL << 8 | (uint64_t)words << 16;
	s = (struct stream_label *)(at + 1);
	*s = (struct stream_label){ .ticks = sys_ticks(), .chars = (uint32_t)t.length,
				    .kind = (uint16_t)t.kind };
	text_copy((uint64_t *)(s + 1), head);
	/* both lengths are multiples of 8 bytes where there is a tail */
	text_copy((uint64_t *)(s + 1) + text_words(head), tail);
	put_commit(words);
	COLD->label = hash;
}
