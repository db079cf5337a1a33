/* SPDX-License-Identifier: MIT */
/*
 * Sizes as the allocating functions ask for them: _PyObject_VAR_SIZE and the __sizeof__ methods
 * of Objects/ and Modules/. A block may be larger than its object: by the size class, by the
 * sentinel item of PyType_GenericAlloc, by a shrinking realloc that keeps the block
 * (Objects/obmalloc.c: while more than three quarters stay in use), by an int's normalising.
 */
#include "tracer/heap/object.h"

#include "tracer/cpython/str.h"



#define REFCOUNT_MAX (UINT64_C(1) << 36)
#define FRAME_SLOTS_MAX (1u << 20)
#define OWN_MAX (UINT64_C(1) << 47)
#define FIELDS_MAX 256 /* no field read below lies beyond */
#define ITEM_LIMIT (1u << 16)

bool object_refcount_sane(const struct py_layout *l, const uint8_t *o)
{
	uint64_t word = le64(o);
	uint32_t low = (uint32_t)word;

	switch (l->refcount) {
	case PY_REFCOUNT_PLAIN:
		return word && word < REFCOUNT_MAX;
	case PY_REFCOUNT_SIGN32:
		/* 3.12: immortal is UINT32_MAX in a 64-bit word; 3.13 too */
		return low && word < REFCOUNT_MAX;
	case PY_REFCOUNT_FLAGS:
		/* a free list's link has its upper half in ob_overflow */
		return low && !(word >> 32 & 0xffff);
	}
	return false;
}

bool object_immortal(const struct py_layout *l, const uint8_t *o)
{
	switch (l->refcount) {
	case PY_REFCOUNT_PLAIN:
		return false;
	case PY_REFCOUNT_SIGN32:
	case PY_REFCOUNT_FLAGS:
		return (int32_t)le32(o) < 0;
	}
	return false;
}

uint64_t object_int_digits(const struct py_layout *l, const uint8_t *o)
{
	int64_t n;

	if (l->int_repr == PY_INT_TAG)
		return le64(o + l->PyLongObject_lv_tag) >> 3;
	n = (int64_t)le64(o + l->PyVarObject_ob_size);
	return n < 0 ? (uint64_t)-n : (uint64_t)n;
}

static uint64_t str_own(const struct heap *h, const struct heap_type *t, const uint8_t *o,
			size_t avail)
{
	struct str_form s;

	if (!str_form_of(h->l, o, avail, TADDR_NULL, &s))
		return 0;
	if (!s.compact)
		return t->basic + t->inline_bytes;
	return s.head_bytes + (s.length + 1) * s.kind;
}

/* Room for locals and stack behind a frame head: the code object tells (3.11+). */
static uint64_t frame_slots(struct heap *h, const uint8_t *frame)
{
	const struct py_layout *l = h->l;
	int32_t off = l->_PyInterpreterFrame_f_executable; /* f_code until 3.12 */
	uint8_t b[256];
	uint64_t code;
	uint32_t n;

	code = le64(frame + off) & ~UINT64_C(3);
	if (!code || (size_t)l->PyCodeObject_co_localsplusnames > sizeof(b) ||
	    !heap_get(h, code, b, (size_t)l->PyCodeObject_co_localsplusnames) ||
	    le64(b + l->PyObject_ob_type) != h->py->code_type.v)
		return 0;
	n = le32(b + l->PyCodeObject_co_nlocalsplus) + le32(b + l->PyCodeObject_co_stacksize);
	return n <= FRAME_SLOTS_MAX ? n : 0;
}

static uint64_t generator_own(struct heap *h, const struct heap_type *t, const uint8_t *o,
			      size_t avail)
{
	const struct py_layout *l = h->l;

	if (l->frame_kind == PY_FRAME_OBJECT)
		return t->basic;
	if (avail < (size_t)l->PyGenObject_gi_iframe + 16)
		return 0;
	return t->basic + frame_slots(h, o + l->PyGenObject_gi_iframe) * 8;
}

static uint64_t frame_own(struct heap *h, const struct heap_type *t, const uint8_t *o, size_t avail)
{
	const struct py_layout *l = h->l;
	uint8_t frame[128];
	size_t n = (size_t)l->_PyInterpreterFrame_sizeof;
	uint64_t at;

	if (l->frame_kind == PY_FRAME_OBJECT) {
		uint64_t extras = le64(o + l->PyVarObject_ob_size);

		return extras <= FRAME_SLOTS_MAX ? t->basic + extras * t->item : 0;
	}
	if (avail < (size_t)l->PyFrameObject_f_frame + 8 || n > sizeof(frame))
		return 0;
	at = le64(o + l->PyFrameObject_f_frame);
	if (!at || !heap_get(h, at, frame, n))
		return t->basic;
	return t->basic + frame_slots(h, frame) * 8;
}

uint64_t object_own_bytes(struct heap *h, const struct heap_type *t, const uint8_t *o,
			  size_t avail)
{
	uint64_t n;

	if (avail < (t->family == HEAP_STR ? OBJECT_HEAD_BYTES : t->basic) && avail < FIELDS_MAX)
		return 0;
	switch (t->family) {
	case HEAP_INT:
		n = object_int_digits(h->l, o);
		return n < OWN_MAX / 8 ? t->basic + (n ? n : 1) * 4 : 0;
	case HEAP_STR:
		return str_own(h, t, o, avail);
	case HEAP_GENERATOR:
		return generator_own(h, t, o, avail);
	case HEAP_FRAME:
		return frame_own(h, t, o, avail);
	case HEAP_DATETIME:
		/* Modules/_datetimemodule.c: hastzinfo follows the hash code */
		return t->basic + t->inline_bytes - (o[24] || t->python ? 0 : 8);
	case HEAP_TYPE:
		/* type_new allocates one member more than it uses; static types are as they are */
		n = le64(o + h->l->PyVarObject_ob_size);
		return n < 65536 ? t->basic + (n + 1) * t->item : 0;
	case HEAP_OBJECT:
	case HEAP_FLAT:
	case HEAP_BYTES:
	case HEAP_BYTEARRAY:
	case HEAP_LIST:
	case HEAP_TUPLE:
	case HEAP_DICT:
	case HEAP_ODICT:
	case HEAP_SET:
	case HEAP_CODE:
	case HEAP_MODULE:
	case HEAP_DEQUE:
	case HEAP_ARRAY:
	case HEAP_STRINGIO:
	case HEAP_BUFFERED:
	case HEAP_NDARRAY:
	case HEAP_WEAKREF:
	case HEAP_CONTEXTVAR:
	case HEAP_MEMORYVIEW:
	case HEAP_LRU_CACHE:
	case HEAP_VAR:
		break;
	}
	if (!t->sized)
		return t->basic + t->inline_bytes;
	n = le64(o + h->l->PyVarObject_ob_size);
	if ((int64_t)n < 0)
		n = 0 - n;
	return n < OWN_MAX / ITEM_LIMIT ? t->basic + n * t->item + t->inline_bytes : 0;
}

/* How much larger than its object may the block be? */
static uint64_t slack_allowed(const struct heap *h, const struct heap_type *t, uint64_t need)
{
	uint64_t allowed = h->pm.align - 1 + h->lead + h->trail;

	switch (t->family) {
	case HEAP_INT:
		return UINT32_MAX;
	case HEAP_STR:
	case HEAP_BYTES:
	case HEAP_TUPLE:
	case HEAP_MEMORYVIEW:
	case HEAP_VAR:
		return allowed + need / 3 + t->item;
	case HEAP_OBJECT:
	case HEAP_FLAT:
	case HEAP_BYTEARRAY:
	case HEAP_LIST:
	case HEAP_DICT:
	case HEAP_ODICT:
	case HEAP_SET:
	case HEAP_TYPE:
	case HEAP_CODE:
	case HEAP_FRAME:
	case HEAP_GENERATOR:
	case HEAP_MODULE:
	case HEAP_DEQUE:
	case HEAP_ARRAY:
	case HEAP_STRINGIO:
	case HEAP_BUFFERED:
	case HEAP_NDARRAY:
	case HEAP_DATETIME:
	case HEAP_WEAKREF:
	case HEAP_CONTEXTVAR:
	case HEAP_LRU_CACHE:
		break;
	}
	/* shared keys may have grown or shrunk by a slot since the instance was made */
	return allowed + t->item + (t->inline_bytes ? 32 : 0);
}

uint64_t object_fits(struct heap *h, uint32_t type, const uint8_t *bytes, uint32_t block,
		     uint32_t pre)
{
	const struct heap_type *t = types_at(&h->types, type);
	uint32_t lead = h->lead + pre;
	const uint8_t *o = bytes + lead;
	uint64_t own, need;

	if (t->pre != pre || !object_refcount_sane(h->l, o))
		return 0;
	own = object_own_bytes(h, t, o, block - lead);
	if (own < 16)
		return 0;
	need = lead + own + h->trail;
	if (need > block) {
		/* an instance made while its class shared fewer keys */
		if (!t->inline_bytes || need - block > 32)
			return 0;
		return own - (need - block);
	}
	return block - need <= slack_allowed(h, t, need) ? own : 0;
}

/* A word that could be a type: in writable memory, aligned, not in an arena (types are large). */
static bool may_be_type(struct heap *h, uint64_t word)
{
	return word % 8 == 0 && word >= h->low && word < h->high && !pymalloc_has(&h->pm, word);
}

static uint32_t resolve(struct heap *h, uint64_t word)
{
	return may_be_type(h, word) && heap_zone(h, word) ? types_resolve(&h->types, word) : 0;
}

static const uint8_t pre_tried[] = { 0, 16, 32 };

uint32_t object_in_block(struct heap *h, const uint8_t *bytes, uint32_t block, uint64_t *ret_own)
{
	uint64_t word[3] = { 0 };
	uint32_t type;

	for (size_t i = 0; i < 3; i++) {
		uint32_t at = h->lead + pre_tried[i] + 8;

		if (at + 8 > block)
			break;
		word[i] = le64(bytes + at);
		type = types_known(&h->types, word[i]);
		if (type && (*ret_own = object_fits(h, type, bytes, block, pre_tried[i])))
			return type;
	}
	for (size_t i = 0; i < 3; i++) {
		if (!word[i] || types_known(&h->types, word[i]))
			continue;
		type = resolve(h, word[i]);
		if (type && (*ret_own = object_fits(h, type, bytes, block, pre_tried[i])))
			return type;
	}
	return 0;
}
