/* SPDX-License-Identifier: MIT */
/*
 * Claims. Every family's handler knows which pointers of its C struct own memory and how much
 * was asked for; sources are the allocating functions in Objects/ and Modules/ named at each.
 */
#include "tracer/heap/owner.h"

#include "tracer/cpython/dict.h"
#include "tracer/cpython/str.h"
#include "tracer/heap/object.h"
#include "tracer/heap/outside.h"

#define NODES_MAX (1u << 26) /* of one list: beyond it the list is a lie */
#define BYTES_MAX (UINT64_C(1) << 46)

const char *owner_kind_name(enum buffer_kind kind)
{
	static const char *const names[BUFFER_KINDS] = {
		[BUFFER_ITEMS] = "items",	[BUFFER_KEYS] = "dict keys",
		[BUFFER_SHARED_KEYS] = "shared keys",
		[BUFFER_VALUES] = "attribute values", [BUFFER_TABLE] = "set table",
		[BUFFER_TEXT] = "text",		[BUFFER_BYTES] = "bytes",
		[BUFFER_NODES] = "nodes",	[BUFFER_STATE] = "module state",
		[BUFFER_CODE] = "code extra",	[BUFFER_TYPE] = "type extra",
		[BUFFER_FRAME] = "kept frame",	[BUFFER_ARRAY] = "array data",
		[BUFFER_OTHER] = "other",
	};

	return kind < BUFFER_KINDS ? names[kind] : "other";
}

static void sum_buffer(struct heap *h, uint32_t owner, enum buffer_kind kind, uint64_t block,
		       uint64_t bytes, uint64_t used)
{
	struct heap_sums *s = &types_at(&h->types, owner)->sum;
	uint64_t *part = kind == BUFFER_VALUES ? &s->dict : &s->buffer;

	*part += used;
	s->slack += bytes - used;
	s->rounding += block - bytes;
}

/* An object turned out to be its owner's buffer: remember to take it back. */
static void override(struct heap *h, uint64_t block, uint32_t type)
{
	struct overridden o = { .block = block, .type = type };

	if (vec_push(&h->overridden, o) < 0)
		h->nomem = true;
}

/* Take the block for a claim; false when it is not to be had. */
static bool block_take(struct heap *h, uint32_t b, uint64_t block_at, uint32_t state)
{
	switch (STATE_KIND(h->state[b])) {
	case BLOCK_FREE:
		heap_torn(h, block_at);
		return false;
	case BLOCK_BUFFER:
	case BLOCK_FREE_LIST:
		return false;
	case BLOCK_OBJECT:
		override(h, block_at, STATE_TYPE(h->state[b]));
		break;
	case BLOCK_UNSEEN:
	case BLOCK_WEAK:
	case BLOCK_UNKNOWN:
		break;
	}
	h->state[b] = state;
	return true;
}

void owner_claim(struct heap *h, uint64_t addr, uint64_t bytes, uint64_t used, uint32_t owner,
		 enum buffer_kind kind)
{
	uint32_t off = 0, b, size;

	if (!addr || bytes > BYTES_MAX)
		return;
	b = pymalloc_block_of(&h->pm, addr, &off);
	if (b == PYMALLOC_NONE) {
		if (pymalloc_has(&h->pm, addr))
			heap_torn(h, addr);
		else
			outside_buffer(h, addr, bytes, used, owner, kind);
		return;
	}
	size = h->pm.block_size[h->pm.pools.at[pymalloc_pool_of(&h->pm, addr) - 2].szidx];
	if (off != h->lead || bytes + h->lead + h->trail > size) {
		heap_torn(h, addr);
		return;
	}
	if (h->measuring) {
		h->measured += size;
		return;
	}
	if (!block_take(h, b, addr - off, STATE(BLOCK_BUFFER, kind, owner)))
		return;
	if (!bytes)
		bytes = used = size;
	sum_buffer(h, owner, kind, size, bytes, used < bytes ? used : bytes);
}

void owner_claim_weak(struct heap *h, uint64_t addr, uint32_t owner)
{
	uint32_t off = 0, b = pymalloc_block_of(&h->pm, addr, &off);

	if (b == PYMALLOC_NONE || off != h->lead || h->measuring)
		return;
	if (STATE_KIND(h->state[b]) == BLOCK_UNSEEN || STATE_KIND(h->state[b]) == BLOCK_UNKNOWN)
		h->state[b] = STATE(BLOCK_WEAK, BUFFER_OTHER, owner);
}

void owner_keys(struct heap *h, uint64_t addr, const uint8_t *bytes, uint32_t owner,
		enum buffer_kind kind)
{
	const struct py_layout *l = h->l;
	struct keys_shape s;
	uint8_t b[64];
	uint64_t live;

	if (!bytes) {
		if ((size_t)l->PyDictKeysObject_dk_indices > sizeof(b) ||
		    !heap_get(h, addr, b, (size_t)l->PyDictKeysObject_dk_indices)) {
			heap_torn(h, addr);
			return;
		}
		bytes = b;
	}
	if (!keys_shape(l, bytes, &s)) {
		heap_torn(h, addr);
		return;
	}
	/* Split keys are the class's: it claims them by ht_cached_keys. */
	if (kind == BUFFER_KEYS && s.split && s.refcnt > 1) {
		owner_claim_weak(h, addr, owner);
		return;
	}
	live = s.entries_at + s.entries * s.entry_bytes;
	owner_claim(h, addr, s.bytes, live, owner, kind);
}

static uint64_t word(const uint8_t *o, int32_t off)
{
	return off < 0 ? 0 : le64(o + off);
}

/* Objects/listobject.c: ob_item holds `allocated` pointers. */
static void list_buffers(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t allocated = word(o, l->PyListObject_allocated);

	if (allocated < BYTES_MAX / 8)
		owner_claim(h, word(o, l->PyListObject_ob_item), allocated * 8,
			    word(o, l->PyVarObject_ob_size) * 8, type, BUFFER_ITEMS);
}

/* A values array: its block and size by how this version lays it out (Objects/dictobject.c). */
static void values_claim(struct heap *h, uint32_t type, uint64_t values, uint64_t slots,
			 uint64_t used)
{
	uint8_t head[4];

	switch (h->l->dict_values) {
	case PY_VALUES_BARE:
		owner_claim(h, values, slots * 8, used * 8, type, BUFFER_VALUES);
		return;
	case PY_VALUES_PREFIX:
		if (!heap_get(h, values - 1, head, 1))
			return;
		owner_claim(h, values - head[0], slots ? head[0] + slots * 8 : 0,
			    head[0] + used * 8, type, BUFFER_VALUES);
		return;
	case PY_VALUES_HEADER:
		if (!heap_get(h, values, head, sizeof(head)) || head[2])
			return; /* embedded: part of the instance */
		slots = head[0];
		owner_claim(h, values, 8 + slots * 8 + (slots + 7) / 8 * 8, 8 + head[1] * 9u, type,
			    BUFFER_VALUES);
		return;
	}
}

static void dict_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t keys = word(o, l->PyDictObject_ma_keys);
	uint64_t values = word(o, l->PyDictObject_ma_values);
	struct keys_shape s;

	(void)addr;
	if (!values) {
		owner_keys(h, keys, NULL, type, BUFFER_KEYS);
		return;
	}
	owner_claim_weak(h, keys, type);
	if (!keys_shape_at(&h->r.base, l, keys, &s))
		s = (struct keys_shape){ 0 };
	values_claim(h, type, values,
		     l->dict_values == PY_VALUES_BARE ? s.capacity : s.entries + s.usable,
		     word(o, l->PyDictObject_ma_used));
}

/* Objects/odictobject.c: one node per key, and a table of node pointers of the dict's size. */
static void odict_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t node = word(o, l->odictobject_od_first);
	uint64_t slots = word(o, l->odictobject_od_fast_nodes_size);

	dict_buffers(h, type, addr, o);
	if (slots < BYTES_MAX / 8)
		owner_claim(h, word(o, l->odictobject_od_fast_nodes), slots * 8, slots * 8, type,
			    BUFFER_NODES);
	for (uint32_t i = 0; node && i < NODES_MAX; i++) {
		uint64_t size = (uint64_t)l->odictnode_sizeof;

		owner_claim(h, node, size, size, type, BUFFER_NODES);
		if (!heap_u64(h, node + (uint64_t)l->odictnode_next, &node))
			break;
	}
}

/* Objects/setobject.c: small tables are inside the object. */
static void set_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t table = word(o, l->PySetObject_table), mask = word(o, l->PySetObject_mask);

	if (table != addr + (uint64_t)l->PySetObject_smalltable && mask < BYTES_MAX / 16)
		owner_claim(h, table, (mask + 1) * 16, word(o, l->PySetObject_used) * 16, type,
			    BUFFER_TABLE);
}

/* Text apart from the object, its UTF-8 copy, its wchar_t copy (≤3.11). */
static void str_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o, size_t avail)
{
	const struct py_layout *l = h->l;
	uint64_t data = 0, text_bytes, utf8, n;
	struct str_form s;

	if (!str_form_of(l, o, avail, taddr_of(addr), &s))
		return;
	text_bytes = (s.length + 1) * s.kind;
	if (l->PyASCIIObject_wstr >= 0 && avail >= (size_t)l->PyASCIIObject_sizeof) {
		uint64_t wstr = word(o, l->PyASCIIObject_wstr);

		if (wstr && wstr != addr + s.head_bytes &&
		    (s.compact || wstr != word(o, l->PyUnicodeObject_data)))
			owner_claim(h, wstr, 0, 0, type, BUFFER_TEXT);
	}
	if (s.compact && s.ascii)
		return;
	if (!s.compact && avail >= (size_t)l->PyUnicodeObject_sizeof) {
		data = word(o, l->PyUnicodeObject_data);
		owner_claim(h, data, text_bytes, text_bytes, type, BUFFER_TEXT);
	}
	if (avail < (size_t)l->PyCompactUnicodeObject_sizeof)
		return;
	utf8 = word(o, l->PyCompactUnicodeObject_utf8);
	n = word(o, l->PyCompactUnicodeObject_utf8_length) + 1;
	if (utf8 && utf8 != data && utf8 != addr + s.head_bytes)
		owner_claim(h, utf8, n, n, type, BUFFER_TEXT);
}

/*
 * A type's own copy of a text, of as many bytes as its block has. It is text through and through, and
 * behind it may lie what is left of an object which had the block before, so the claim is a strong one.
 */
static void claim_copy(struct heap *h, uint64_t addr, uint32_t owner)
{
	uint32_t off = 0, b = pymalloc_block_of(&h->pm, addr, &off);

	if (b != PYMALLOC_NONE && off == h->lead)
		owner_claim(h, addr, 0, 0, owner, BUFFER_TEXT);
}

/* Heap types: shared keys, copies of the doc string and of the name, member tables. */
static void type_buffers(struct heap *h, uint32_t type, const uint8_t *o, size_t avail)
{
	const struct py_layout *l = h->l;
	uint64_t flags = le64(o + l->PyTypeObject_tp_flags), keys;

	owner_claim_weak(h, word(o, l->PyTypeObject_tp_members), type);
	if (!(flags & PY_TPFLAG_HEAPTYPE) || avail < (size_t)l->PyHeapTypeObject_sizeof)
		return;
	keys = word(o, l->PyHeapTypeObject_ht_cached_keys);
	if (keys)
		owner_keys(h, keys, NULL, type, BUFFER_SHARED_KEYS);
	claim_copy(h, word(o, l->PyTypeObject_tp_doc), type);
	claim_copy(h, word(o, l->PyHeapTypeObject__ht_tpname), type);
	owner_claim_weak(h, word(o, l->PyTypeObject_tp_name), type);
}

/* What hangs off a code object (Objects/codeobject.c, code_dealloc). */
static void code_buffers(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	const int32_t extras[] = {
		l->PyCodeObject_co_extra,     l->PyCodeObject_co_opcache_map,
		l->PyCodeObject_co_opcache,   l->PyCodeObject_co_cell2arg,
		l->PyCodeObject__co_linearray, l->PyCodeObject__co_monitoring,
		l->PyCodeObject_co_executors,
	};
	uint64_t p = word(o, l->PyCodeObject_co_zombieframe);

	if (p) /* a frame with a GC head, kept for the next call; its reference count is 0 */
		owner_claim(h, p - (uint64_t)l->PyGC_Head_sizeof, 0, 0, type, BUFFER_FRAME);
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
		owner_claim(h, word(o, extras[i]), 0, 0, type, BUFFER_CODE);
	/* 3.12+: a pointer to cached objects; 3.11's _co_code is a bytes object */
	owner_claim(h, word(o, l->PyCodeObject__co_cached), 0, 0, type, BUFFER_CODE);
}

static void module_buffers(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t def = word(o, l->PyModuleObject_md_def), size = 0;

	if (l->PyModuleObject_md_state_size >= 0)
		size = word(o, l->PyModuleObject_md_state_size);
	else if (def)
		(void)heap_u64(h, def + (uint64_t)l->PyModuleDef_m_size, &size);
	if ((int64_t)size <= 0 || size > BYTES_MAX)
		size = 0;
	owner_claim(h, word(o, l->PyModuleObject_md_state), size, size, type, BUFFER_STATE);
}

/* Modules/_collectionsmodule.c: a doubly linked list of blocks, and a few kept free (3.11+). */
static void deque_buffers(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t block = word(o, l->dequeobject_leftblock), last = word(o, l->dequeobject_rightblock);
	uint64_t size = (uint64_t)l->deque_block_sizeof, kept;

	for (uint32_t i = 0; block && i < NODES_MAX; i++) {
		owner_claim(h, block, size, size, type, BUFFER_ITEMS);
		if (block == last || !heap_u64(h, block + (uint64_t)l->deque_block_rightlink, &block))
			break;
	}
	if (l->dequeobject_freeblocks < 0)
		return;
	kept = word(o, l->dequeobject_numfreeblocks);
	for (uint64_t i = 0; i < kept && i < 16; i++)
		owner_claim(h, le64(o + l->dequeobject_freeblocks + 8 * i), size, 0, type,
			    BUFFER_ITEMS);
}

static void array_buffers(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct py_layout *l = h->l;
	uint64_t descr = word(o, l->arrayobject_ob_descr), allocated = word(o, l->arrayobject_allocated);
	uint8_t b[4];
	uint32_t item;

	if (!heap_get(h, descr + (uint64_t)l->arraydescr_itemsize, b, sizeof(b)))
		return;
	item = le32(b);
	if (item && item <= 64 && allocated < BYTES_MAX / 64)
		owner_claim(h, word(o, l->arrayobject_ob_item), allocated * item,
			    word(o, l->PyVarObject_ob_size) * item, type, BUFFER_ARRAY);
}

/*
 * numpy/core/include/numpy/ndarraytypes.h, PyArrayObject_fields: data, nd, dimensions, strides,
 * base, descr, flags. Dimensions and strides are one allocation of 2·nd words.
 */
static void ndarray_buffers(struct heap *h, uint32_t type, const uint8_t *o, size_t avail)
{
	uint64_t dims, strides, extent = 0;
	uint32_t nd, flags;
	uint8_t b[64 * 16];

	if (avail < 68)
		return;
	nd = le32(o + 24);
	dims = le64(o + 32);
	strides = le64(o + 40);
	flags = le32(o + 64);
	if (nd > 64)
		return;
	if (nd && strides == dims + nd * 8)
		owner_claim(h, dims, nd * 16, nd * 16, type, BUFFER_OTHER);
	if (!(flags & 4) || !nd) { /* NPY_ARRAY_OWNDATA */
		if (flags & 4)
			owner_claim(h, le64(o + 16), 0, 0, type, BUFFER_ARRAY);
		return;
	}
	if (!heap_get(h, dims, b, nd * 8) || !heap_get(h, strides, b + nd * 8, nd * 8))
		return;
	for (uint32_t i = 0; i < nd; i++) {
		uint64_t n = le64(b + 8 * i), step = le64(b + 8 * (nd + i)), span;

		if ((int64_t)step < 0)
			step = 0 - step;
		if (!__builtin_mul_overflow(n, step, &span) && span > extent)
			extent = span;
	}
	owner_claim(h, le64(o + 16), extent, extent, type, BUFFER_ARRAY);
}

/* An instance's attribute values where they are a block of their own (3.11, 3.12). */
static void instance_values(struct heap *h, uint32_t type, const uint8_t *o)
{
	const struct heap_type *t = types_at(&h->types, type);
	uint64_t values = 0;

	if (!(t->flags & (uint32_t)h->l->flag_managed_dict))
		return;
	switch (h->l->instance_dict) {
	case PY_INSTANCE_TWO_WORDS:
		values = le64(o - 32);
		break;
	case PY_INSTANCE_TAGGED_WORD:
		values = le64(o - 24);
		values = values & 1 ? values + 1 : 0;
		break;
	case PY_INSTANCE_DICTOFFSET:
	case PY_INSTANCE_INLINE:
		return;
	}
	if (values)
		values_claim(h, type, values, t->shared_values, t->shared_values);
}

/* A C struct nobody described: pointers to blocks which turn out to be no objects are its own. */
static void opaque_buffers(struct heap *h, uint32_t type, const uint8_t *o, size_t avail)
{
	const struct heap_type *t = types_at(&h->types, type);
	size_t end = t->sized ? avail : t->basic;

	if (end > avail)
		end = avail;
	for (size_t i = OBJECT_WORDS_AT; i + 8 <= end; i += 8)
		owner_claim_weak(h, le64(o + i), type);
}

void owner_buffers(struct heap *h, uint32_t type, uint64_t addr, const uint8_t *o, size_t avail)
{
	const struct heap_type *t = types_at(&h->types, type);
	const struct py_layout *l = h->l;

	if (t->pre > t->gc_head)
		instance_values(h, type, o);
	if (t->opaque)
		opaque_buffers(h, type, o, avail);
	if (t->family != HEAP_STR && avail < t->basic && avail < 256)
		return;
	switch (t->family) {
	case HEAP_LIST:
		list_buffers(h, type, o);
		break;
	case HEAP_DICT:
		dict_buffers(h, type, addr, o);
		break;
	case HEAP_ODICT:
		odict_buffers(h, type, addr, o);
		break;
	case HEAP_SET:
		set_buffers(h, type, addr, o);
		break;
	case HEAP_STR:
		str_buffers(h, type, addr, o, avail);
		break;
	case HEAP_TYPE:
		type_buffers(h, type, o, avail);
		break;
	case HEAP_CODE:
		code_buffers(h, type, o);
		break;
	case HEAP_MODULE:
		module_buffers(h, type, o);
		break;
	case HEAP_DEQUE:
		deque_buffers(h, type, o);
		break;
	case HEAP_ARRAY:
		array_buffers(h, type, o);
		break;
	case HEAP_NDARRAY:
		ndarray_buffers(h, type, o, avail);
		break;
	case HEAP_BYTEARRAY:
		if (l->PyByteArrayObject_ob_bytes_object < 0)
			owner_claim(h, word(o, l->PyByteArrayObject_ob_bytes),
				    word(o, l->PyByteArrayObject_ob_alloc),
				    word(o, l->PyVarObject_ob_size) + 1, type, BUFFER_BYTES);
		break;
	case HEAP_STRINGIO:
		owner_claim(h, word(o, l->stringio_buf), word(o, l->stringio_buf_size) * 4,
			    word(o, l->stringio_string_size) * 4, type, BUFFER_TEXT);
		break;
	case HEAP_BUFFERED:
		owner_claim(h, word(o, l->buffered_buffer), word(o, l->buffered_buffer_size),
			    word(o, l->buffered_buffer_size), type, BUFFER_BYTES);
		owner_claim(h, word(o, l->buffered_lock), 0, 0, type, BUFFER_OTHER);
		break;
	case HEAP_OBJECT:
	case HEAP_INT:
	case HEAP_FLAT:
	case HEAP_BYTES:
	case HEAP_TUPLE:
	case HEAP_FRAME:
	case HEAP_GENERATOR:
	case HEAP_WEAKREF:
	case HEAP_CONTEXTVAR:
	case HEAP_MEMORYVIEW:
	case HEAP_LRU_CACHE:
	case HEAP_VAR:
	case HEAP_DATETIME:
		break;
	}
}
