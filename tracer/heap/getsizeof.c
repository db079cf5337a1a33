/* SPDX-License-Identifier: MIT */
/*
 * __sizeof__ by family. Every rule names the C function it follows; sys.getsizeof adds the GC
 * head, and the managed words from 3.11 on (Python/sysmodule.c, _PySys_GetSizeOf).
 */
#include "tracer/heap/getsizeof.h"

#include "tracer/cpython/dict.h"
#include "tracer/cpython/str.h"
#include "tracer/heap/object.h"

#define HEAD_BYTES 1024
#define DEQUE_BLOCK_ITEMS 64

/* The object in question: its type and local bytes. */
struct subject {
	struct heap *h;
	const struct heap_type *t;
	uint64_t addr;
	const uint8_t *o;
	size_t avail;
};

static uint64_t field(const struct subject *s, int32_t off)
{
	return off < 0 || (size_t)off + 8 > s->avail ? 0 : le64(s->o + off);
}

/* Objects/typeobject.c, object___sizeof__: basic size and items. */
static uint64_t plain(const struct subject *s)
{
	uint64_t n;

	if (!s->t->sized)
		return s->t->basic;
	n = field(s, s->h->l->PyVarObject_ob_size);
	if ((int64_t)n < 0)
		n = 0 - n;
	return s->t->basic + n * s->t->item;
}

/* Objects/dictobject.c, _PyDict_SizeOf: values, and keys nobody shares. */
static uint64_t dict_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t size = s->t->basic;
	struct keys_shape k;

	if (!keys_shape_at(&s->h->r.base, l, field(s, l->PyDictObject_ma_keys), &k))
		return 0;
	if (field(s, l->PyDictObject_ma_values))
		size += (l->dict_keys == PY_KEYS_LOG2 ? k.entries + k.usable : k.capacity) * 8;
	return k.refcnt == 1 ? size + k.bytes : size;
}

/* Objects/odictobject.c, odict_sizeof. */
static uint64_t odict_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t size = dict_size(s);

	size += field(s, l->odictobject_od_fast_nodes_size) * 8;
	return size + field(s, l->PyDictObject_ma_used) * (uint64_t)l->odictnode_sizeof;
}

/* Objects/unicodeobject.c, unicode___sizeof__: the C structs, whatever the subclass. */
static uint64_t str_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t size, utf8, data = 0;
	struct str_form f;

	if (!str_form_of(l, s->o, s->avail, taddr_of(s->addr), &f))
		return 0;
	size = f.head_bytes;
	if (f.compact)
		size += (f.length + 1) * f.kind;
	else
		data = field(s, l->PyUnicodeObject_data);
	if (data)
		size += (f.length + 1) * f.kind;
	if (l->PyASCIIObject_wstr >= 0) {
		uint64_t wstr = field(s, l->PyASCIIObject_wstr);
		uint64_t text = f.compact ? s->addr + f.head_bytes : data;
		uint64_t n = f.compact && f.ascii ? f.length
						  : field(s, l->PyCompactUnicodeObject_wstr_length);

		if (wstr && wstr != text)
			size += (n + 1) * 4;
	}
	if (f.compact && f.ascii)
		return size;
	utf8 = field(s, l->PyCompactUnicodeObject_utf8);
	if (utf8 && utf8 != data)
		size += field(s, l->PyCompactUnicodeObject_utf8_length) + 1;
	return size;
}

/* Objects/typeobject.c, type___sizeof__. */
static uint64_t type_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	struct keys_shape k;
	uint64_t keys;

	if (!(field(s, l->PyTypeObject_tp_flags) & PY_TPFLAG_HEAPTYPE))
		return (uint64_t)l->PyTypeObject_sizeof;
	keys = field(s, l->PyHeapTypeObject_ht_cached_keys);
	if (!keys || !keys_shape_at(&s->h->r.base, l, keys, &k))
		return (uint64_t)l->PyHeapTypeObject_sizeof;
	return (uint64_t)l->PyHeapTypeObject_sizeof + k.bytes;
}

/* Modules/_collectionsmodule.c, deque_sizeof. */
static uint64_t deque_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t n = field(s, l->dequeobject_leftindex) + field(s, l->PyVarObject_ob_size);
	uint64_t blocks = (n + DEQUE_BLOCK_ITEMS - 1) / DEQUE_BLOCK_ITEMS;

	return s->t->basic + (blocks ? blocks : 1) * (uint64_t)l->deque_block_sizeof;
}

static uint64_t array_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t descr = field(s, l->arrayobject_ob_descr);
	uint32_t item = 0;

	(void)reader_u32(&s->h->r, descr + (uint64_t)l->arraydescr_itemsize, &item);
	return s->t->basic + field(s, l->arrayobject_allocated) * item;
}

static uint64_t set_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;

	if (field(s, l->PySetObject_table) == s->addr + (uint64_t)l->PySetObject_smalltable)
		return s->t->basic;
	return s->t->basic + (field(s, l->PySetObject_mask) + 1) * 16;
}

/* Objects/longobject.c, int___sizeof__. */
static uint64_t int_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t n = object_int_digits(l, s->o), least = (uint64_t)l->int_min_digits;

	return (uint64_t)l->PyLongObject_ob_digit + (n < least ? least : n) * 4;
}

/* From 3.15 on a bytearray's bytes are an object, which sys.getsizeof counts. */
static uint64_t bytearray_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t allocated = field(s, l->PyByteArrayObject_ob_alloc);

	if (l->PyByteArrayObject_ob_bytes_object < 0 || !allocated)
		return s->t->basic + allocated;
	return s->t->basic + heap_getsizeof(s->h, field(s, l->PyByteArrayObject_ob_bytes_object));
}

static uint64_t subject_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;

	switch (s->t->family) {
	case HEAP_INT:
		return int_size(s);
	case HEAP_STR:
		return str_size(s);
	case HEAP_LIST:
		return s->t->basic + field(s, l->PyListObject_allocated) * 8;
	case HEAP_DICT:
		return dict_size(s);
	case HEAP_ODICT:
		return odict_size(s);
	case HEAP_SET:
		return set_size(s);
	case HEAP_BYTEARRAY:
		return bytearray_size(s);
	case HEAP_TYPE:
		return type_size(s);
	case HEAP_DEQUE:
		return deque_size(s);
	case HEAP_ARRAY:
		return array_size(s);
	case HEAP_CODE: /* code_sizeof rounds as the allocation does */
		return (plain(s) + 7) & ~UINT64_C(7);
	case HEAP_BUFFERED:
		return s->t->basic + field(s, l->buffered_buffer_size);
	case HEAP_GENERATOR:
	case HEAP_FRAME:
		return object_own_bytes(s->h, s->t, s->o, s->avail);
	case HEAP_OBJECT:
	case HEAP_FLAT:
	case HEAP_BYTES:
	case HEAP_TUPLE:
	case HEAP_MODULE:
	case HEAP_STRINGIO:
	case HEAP_NDARRAY:
	case HEAP_DATETIME:
	case HEAP_WEAKREF:
	case HEAP_CONTEXTVAR:
	case HEAP_MEMORYVIEW:
	case HEAP_LRU_CACHE:
	case HEAP_VAR:
		break;
	}
	return plain(s);
}

static uint64_t head_size(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	/* PyObject_IS_GC: a static type is no GC object though its type is a GC type */
	bool is_static = s->t->family == HEAP_TYPE &&
			 !(field(s, l->PyTypeObject_tp_flags) & PY_TPFLAG_HEAPTYPE);

	switch (l->getsizeof) {
	case PY_GETSIZEOF_GC_HEAD:
		return is_static ? 0 : s->t->gc_head;
	case PY_GETSIZEOF_BY_TYPE:
		return s->t->pre;
	case PY_GETSIZEOF_BY_OBJECT:
		return is_static || !s->t->gc_head ? 0 : s->t->pre;
	}
	return 0;
}

uint64_t heap_getsizeof(struct heap *h, uint64_t addr)
{
	uint8_t head[HEAD_BYTES];
	struct subject s = { .h = h, .addr = addr, .o = head };
	uint32_t type;
	uint64_t meta, size;

	for (s.avail = HEAD_BYTES; s.avail >= OBJECT_HEAD_BYTES; s.avail /= 2) {
		if (reader_get(&h->r, addr, head, s.avail))
			break;
	}
	if (s.avail < OBJECT_HEAD_BYTES)
		return 0;
	meta = le64(head + h->l->PyObject_ob_type);
	type = types_known(&h->types, meta);
	if (!type)
		type = types_resolve(&h->types, meta);
	if (!type)
		return 0;
	s.t = types_at(&h->types, type);
	size = subject_size(&s);
	return size ? size + head_size(&s) : 0;
}
