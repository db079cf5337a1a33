/* SPDX-License-Identifier: MIT */
/*
 * Judging type objects. A candidate is a type when its own type leads to PyType_Type, its
 * sizes are sane and its name is readable (Include/cpython/object.h). Families are found by
 * walking tp_base until a C type with a known name.
 */
#include "tracer/heap/types.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "tracer/cpython/dict.h"
#include "tracer/cpython/str.h"

#define BASIC_MAX (1u << 20)
#define ITEM_MAX (1u << 16)
#define CHAIN_MAX 64
#define TYPES_MAX (1u << 22)
#define REJECTED_MAX (1u << 20)
#define TP_READY (1u << 12)

/* Names as tp_name has them; types found through tp_base inherit the family. */
static const struct family_name {
	const char *name;
	enum heap_family family;
	bool leaf;
} families[] = {
	{ "int", HEAP_INT, true },
	{ "float", HEAP_FLAT, true },
	{ "complex", HEAP_FLAT, true },
	{ "str", HEAP_STR, true },
	{ "bytes", HEAP_BYTES, true },
	{ "bytearray", HEAP_BYTEARRAY, false },
	{ "list", HEAP_LIST, false },
	{ "tuple", HEAP_TUPLE, false },
	{ "dict", HEAP_DICT, false },
	{ "frozendict", HEAP_DICT, false },
	{ "collections.OrderedDict", HEAP_ODICT, false },
	{ "set", HEAP_SET, false },
	{ "frozenset", HEAP_SET, false },
	{ "type", HEAP_TYPE, false },
	{ "code", HEAP_CODE, false },
	{ "frame", HEAP_FRAME, false },
	{ "generator", HEAP_GENERATOR, false },
	{ "coroutine", HEAP_GENERATOR, false },
	{ "async_generator", HEAP_GENERATOR, false },
	{ "module", HEAP_MODULE, false },
	{ "collections.deque", HEAP_DEQUE, false },
	{ "array.array", HEAP_ARRAY, false },
	{ "_io.StringIO", HEAP_STRINGIO, false },
	{ "_io.BufferedReader", HEAP_BUFFERED, false },
	{ "_io.BufferedWriter", HEAP_BUFFERED, false },
	{ "_io.BufferedRandom", HEAP_BUFFERED, false },
	{ "numpy.ndarray", HEAP_NDARRAY, false },
	{ "datetime.datetime", HEAP_DATETIME, false },
	{ "datetime.time", HEAP_DATETIME, false },
	{ "object", HEAP_OBJECT, false },
	{ "BaseException", HEAP_FLAT, false },
	{ "memoryview", HEAP_MEMORYVIEW, false },
	{ "function", HEAP_FLAT, false },
	{ "method", HEAP_FLAT, false },
	{ "builtin_function_or_method", HEAP_FLAT, false },
	{ "builtin_method", HEAP_FLAT, false },
	{ "method_descriptor", HEAP_FLAT, false },
	{ "classmethod_descriptor", HEAP_FLAT, false },
	{ "wrapper_descriptor", HEAP_FLAT, false },
	{ "method-wrapper", HEAP_FLAT, false },
	{ "getset_descriptor", HEAP_FLAT, false },
	{ "member_descriptor", HEAP_FLAT, false },
	{ "classmethod", HEAP_FLAT, false },
	{ "staticmethod", HEAP_FLAT, false },
	{ "property", HEAP_FLAT, false },
	{ "mappingproxy", HEAP_FLAT, false },
	{ "cell", HEAP_FLAT, false },
	{ "slice", HEAP_FLAT, false },
	{ "range", HEAP_FLAT, false },
	{ "weakref", HEAP_WEAKREF, false },
	{ "weakref.ReferenceType", HEAP_WEAKREF, false },
	{ "weakproxy", HEAP_WEAKREF, false },
	{ "weakcallableproxy", HEAP_WEAKREF, false },
	{ "weakref.ProxyType", HEAP_WEAKREF, false },
	{ "weakref.CallableProxyType", HEAP_WEAKREF, false },
	{ "_contextvars.ContextVar", HEAP_CONTEXTVAR, false },
	{ "ContextVar", HEAP_CONTEXTVAR, false },
	{ "traceback", HEAP_FLAT, false },
	{ "types.SimpleNamespace", HEAP_FLAT, false },
	{ "types.GenericAlias", HEAP_FLAT, false },
	{ "functools.partial", HEAP_FLAT, false },
	{ "functools._lru_cache_wrapper", HEAP_LRU_CACHE, false },
	{ "functools._lru_list_elem", HEAP_FLAT, false },
};

static void hot_put(struct types *t, uint64_t addr, uint32_t index)
{
	size_t slot = types_hot_slot(addr);

	t->hot_addr[slot] = addr;
	t->hot_index[slot] = index;
}

int types_init(struct types *t, struct reader *r, const struct py *py, struct err *err)
{
	*t = (struct types){ .r = r, .py = py };
	t->hot_addr = calloc(TYPES_HOT, sizeof(*t->hot_addr));
	t->hot_index = calloc(TYPES_HOT, sizeof(*t->hot_index));
	if (!t->hot_addr || !t->hot_index || !vec_add(&t->list)) {
		types_deinit(t);
		return err_nomem(err);
	}
	t->list.at[0].name = "?";
	t->list.at[0].module = "";
	return 0;
}

void types_deinit(struct types *t)
{
	free(t->hot_addr);
	free(t->hot_index);
	vec_deinit(&t->list);
	map_deinit(&t->index);
	arena_deinit(&t->strings);
	t->hot_addr = NULL;
	t->hot_index = NULL;
}

/* The fields of one PyTypeObject, read once. */
struct type_bytes {
	uint64_t addr, meta, base, name;
	int64_t basic, item, dict_offset, weak_offset, nmembers;
	uint64_t flags;
	uint64_t dict;
};

/* A few types of the interpreter are used as they lie there, like 3.9's async_generator_wrapped_value. */
static bool never_readied(const struct types *t, const struct type_bytes *b)
{
	return b->addr >= t->py->data_start && b->addr < t->py->data_end && b->meta == t->py->type_type.v &&
	       b->name >= t->py->obj_start && b->name < t->py->obj_end;
}

static bool type_read(struct types *t, uint64_t addr, struct type_bytes *ret)
{
	const struct py_layout *l = t->py->layout;
	uint8_t b[512];
	size_t n = (size_t)l->PyTypeObject_sizeof;

	if (addr % 8 || n > sizeof(b) || !reader_get(t->r, addr, b, n))
		return false;
	ret->addr = addr;
	ret->meta = le64(b + l->PyObject_ob_type);
	ret->nmembers = (int64_t)le64(b + l->PyVarObject_ob_size);
	ret->name = le64(b + l->PyTypeObject_tp_name);
	ret->basic = (int64_t)le64(b + l->PyTypeObject_tp_basicsize);
	ret->item = (int64_t)le64(b + l->PyTypeObject_tp_itemsize);
	ret->flags = le64(b + l->PyTypeObject_tp_flags);
	ret->base = le64(b + l->PyTypeObject_tp_base);
	ret->dict_offset = (int64_t)le64(b + l->PyTypeObject_tp_dictoffset);
	ret->weak_offset = (int64_t)le64(b + l->PyTypeObject_tp_weaklistoffset);
	ret->dict = le64(b + l->PyTypeObject_tp_dict);
	return ret->basic >= l->PyObject_sizeof && ret->basic <= BASIC_MAX && ret->item >= 0 &&
	       ret->item <= ITEM_MAX && ret->dict_offset >= -(int64_t)BASIC_MAX &&
	       ret->dict_offset <= BASIC_MAX && ret->weak_offset >= -(int64_t)BASIC_MAX &&
	       ret->weak_offset <= BASIC_MAX && (ret->flags & TP_READY || never_readied(t, ret));
}

/* Does type(type(…)) reach PyType_Type, each step a metaclass? */
static bool meta_chain(struct types *t, uint64_t meta)
{
	const struct py_layout *l = t->py->layout;

	for (int i = 0; i < 8; i++) {
		uint64_t flags;

		if (meta == t->py->type_type.v)
			return true;
		if (!meta || meta % 8 ||
		    !reader_u64(t->r, meta + (uint64_t)l->PyTypeObject_tp_flags, &flags) ||
		    !(flags & PY_TPFLAG_TYPE) ||
		    !reader_u64(t->r, meta + (uint64_t)l->PyObject_ob_type, &meta))
			return false;
	}
	return false;
}

static const struct family_name *family_named(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (!strcmp(families[i].name, name))
			return &families[i];
	}
	return NULL;
}

/*
 * A name without a dot and not HEAPTYPE is a builtin; a dotted one is a C type wherever it was
 * allocated. A Python class may be called `list` too: its tp_name has no dot and it is a heap type.
 */
static const struct family_name *family_of(struct types *t, const struct type_bytes *b)
{
	char name[64];
	int n = reader_cstr(t->r, b->name, name, sizeof(name));
	bool heap = b->flags & PY_TPFLAG_HEAPTYPE;

	if (n <= 0 || (heap && !strchr(name, '.')))
		return NULL;
	return family_named(name);
}

/* A C type made from a spec has a name with a dot; a class statement's has none. */
static bool by_class(struct types *t, const struct type_bytes *b)
{
	char name[256];

	return b->flags & PY_TPFLAG_HEAPTYPE && reader_cstr(t->r, b->name, name, sizeof(name)) >= 0 &&
	       !strchr(name, '.');
}

/* __slots__ of one class; a C type made from a spec has members, not slots. */
static uint32_t class_slots(struct types *t, const struct type_bytes *b)
{
	return b->nmembers > 0 && b->nmembers < 4096 && by_class(t, b) ? (uint32_t)b->nmembers : 0;
}

/*
 * threading.local's callback is owned and not visited (Modules/_threadmodule.c, local_traverse,
 * until 3.12).
 */
static int32_t unvisited_of(struct types *t, const struct type_bytes *b)
{
	int32_t off = t->py->layout->localobject_wr_callback;
	char name[32];

	if (off <= 0 || reader_cstr(t->r, b->name, name, sizeof(name)) < 0 ||
	    strcmp(name, "_thread._local"))
		return 0;
	return off;
}

/* Words a class statement adds to its base: slots, __dict__, __weakref__ (typeobject.c, type_new). */
static bool basic_explained(const struct type_bytes *b, const struct type_bytes *base, int64_t words)
{
	int64_t extra = b->basic - base->basic;

	if (b->dict_offset != base->dict_offset)
		words++;
	if (b->weak_offset != base->weak_offset)
		words++;
	return extra >= 0 && extra <= words * 8;
}

static void family_fill(struct types *t, struct heap_type *ht, struct type_bytes b)
{
	ht->family = HEAP_OBJECT;
	ht->family_basic = (uint32_t)t->py->layout->PyObject_sizeof;
	ht->python = true;
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct family_name *f = family_of(t, &b);
		struct type_bytes base;
		uint32_t slots;

		if (f) {
			ht->family = f->family;
			ht->family_basic = (uint32_t)b.basic;
			ht->leaf = f->leaf && ht->python && !ht->slots && !ht->dict_offset &&
				   !ht->weak_offset && ht->pre == ht->gc_head;
			ht->python = i > 0 && ht->python;
			return;
		}
		if (!b.base || !type_read(t, b.base, &base)) {
			ht->opaque = true;
			ht->python = false;
			return;
		}
		slots = class_slots(t, &b);
		ht->slots += slots;
		if (!basic_explained(&b, &base, slots)) {
			ht->opaque = true;
			ht->python = false;
		} else if (!(b.flags & PY_TPFLAG_HEAPTYPE)) {
			ht->python = false;
		}
		b = base;
		if (!ht->unvisited)
			ht->unvisited = unvisited_of(t, &b);
	}
	ht->opaque = true;
}

static const char *string_keep(struct types *t, const char *s)
{
	char *kept = arena_str(&t->strings, s, strlen(s));

	t->nomem |= !kept;
	return kept ? kept : "";
}

static const char *utf8_keep(struct types *t, const char *s, size_t n)
{
	struct buf out = BUF_INIT;
	char *kept = NULL;

	if (utf8_from_bytes(&out, s, n) == 0)
		kept = arena_str(&t->strings, (const char *)out.bytes, out.len);
	buf_deinit(&out);
	t->nomem |= !kept;
	return kept ? kept : "";
}

/*
 * Heap types: ht_qualname and tp_dict['__module__']. Static types: tp_name, whose last dot
 * separates the module (Objects/typeobject.c, type_module).
 */
static void name_fill(struct types *t, struct heap_type *ht, const struct type_bytes *b)
{
	const struct py_layout *l = t->py->layout;
	char text[256], *dot;
	uint64_t p = 0;
	int n;

	ht->name = ht->module = "";
	if (b->flags & PY_TPFLAG_HEAPTYPE) {
		if (reader_u64(t->r, b->addr + (uint64_t)l->PyHeapTypeObject_ht_qualname, &p) &&
		    str_copy(&t->r->base, l, taddr_of(p), text, sizeof(text)) > 0)
			ht->name = string_keep(t, text);
		p = dict_get(&t->r->base, l, b->dict, "__module__");
		if (p && str_copy(&t->r->base, l, taddr_of(p), text, sizeof(text)) > 0)
			ht->module = string_keep(t, text);
	}
	if (*ht->name && *ht->module)
		return;
	n = reader_cstr(t->r, b->name, text, sizeof(text));
	if (n <= 0)
		return;
	dot = strrchr(text, '.');
	if (!*ht->module)
		ht->module = dot ? utf8_keep(t, text, (size_t)(dot - text)) : "builtins";
	if (!*ht->name)
		ht->name = dot ? utf8_keep(t, dot + 1, strlen(dot + 1)) : utf8_keep(t, text, (size_t)n);
}

/* Attribute values of instances have one slot per entry the shared keys can hold. */
static uint32_t shared_values(struct types *t, const struct type_bytes *b, uint32_t *ret_names)
{
	const struct py_layout *l = t->py->layout;
	struct keys_shape s;
	uint64_t keys;

	if (!(b->flags & PY_TPFLAG_HEAPTYPE) ||
	    !reader_u64(t->r, b->addr + (uint64_t)l->PyHeapTypeObject_ht_cached_keys, &keys) ||
	    !keys || !keys_shape_at(&t->r->base, l, keys, &s))
		return 0;
	if (s.entries + s.usable >= 256)
		return 0;
	*ret_names = (uint32_t)s.entries;
	return (uint32_t)(s.entries + s.usable);
}

/*
 * What a class statement's instances would be without its words for __dict__ and __weakref__ and those
 * of its Python bases; a dict that comes with a C base, or items behind the fields, leave no choice.
 */
static uint32_t bare_of(struct types *t, const struct heap_type *ht, struct type_bytes b)
{
	uint32_t slots = 0;

	for (int i = 0; i < CHAIN_MAX && by_class(t, &b); i++) {
		slots += class_slots(t, &b);
		if (!b.base || !type_read(t, b.base, &b))
			return 0;
	}
	return b.dict_offset || b.item || by_class(t, &b) ? 0 : ht->gc_head + (uint32_t)b.basic + 8 * slots;
}

static bool sized(const struct py_layout *l, const struct heap_type *ht)
{
	if (!ht->item)
		return false;
	if (ht->family == HEAP_INT)
		return l->int_repr == PY_INT_SIGNED_SIZE;
	if (ht->family == HEAP_GENERATOR || ht->family == HEAP_FRAME)
		return l->frame_kind == PY_FRAME_OBJECT;
	return true;
}

static uint32_t type_add(struct types *t, const struct type_bytes *b)
{
	const struct py_layout *l = t->py->layout;
	uint32_t managed = (uint32_t)(l->flag_managed_dict | l->flag_managed_weakref);
	uint32_t index = (uint32_t)t->list.len;
	struct heap_type ht = {
		.addr = b->addr,
		.meta = b->meta,
		.flags = (uint32_t)b->flags,
		.basic = (uint32_t)b->basic,
		.item = (uint32_t)b->item,
		.dict_offset = (int32_t)b->dict_offset,
		.weak_offset = (int32_t)b->weak_offset,
	};

	if (b->flags & PY_TPFLAG_HAVE_GC)
		ht.gc_head = (uint32_t)l->PyGC_Head_sizeof;
	ht.pre = ht.gc_head + (b->flags & managed ? 16 : 0);
	ht.shared_values = shared_values(t, b, &ht.shared_names);
	if (b->flags & (uint64_t)l->flag_inline_values)
		/* order bytes, values, head: _PyInlineValuesSize (3.13+) */
		ht.inline_bytes = (ht.shared_values + 7) / 8 * 8 + (ht.shared_values + 1) * 8;
	ht.unvisited = unvisited_of(t, b);
	family_fill(t, &ht, *b);
	ht.sized = sized(l, &ht);
	ht.by_class = by_class(t, b);
	ht.bare = ht.by_class ? bare_of(t, &ht, *b) : 0;
	name_fill(t, &ht, b);
	if (vec_push(&t->list, ht) < 0) {
		t->nomem = true;
		return 0;
	}
	return index;
}

uint32_t types_resolve(struct types *t, uint64_t addr)
{
	uint64_t *known = map_find(&t->index, addr);
	struct type_bytes b;
	uint32_t index = 0;

	if (known) {
		hot_put(t, addr, (uint32_t)*known);
		return (uint32_t)*known;
	}
	if (t->list.len < TYPES_MAX && type_read(t, addr, &b) && meta_chain(t, b.meta))
		index = type_add(t, &b);
	if (!index && t->rejected++ >= REJECTED_MAX)
		return 0;
	if (map_set(&t->index, addr, index) < 0) {
		t->nomem = true;
		return 0;
	}
	hot_put(t, addr, index);
	return index;
}

uint32_t types_pseudo(struct types *t, const char *module, const char *name)
{
	struct heap_type ht = { 0 };

	for (uint32_t i = 1; i < t->list.len; i++) {
		const struct heap_type *at = &t->list.at[i];

		if (!at->addr && !strcmp(at->name, name) && !strcmp(at->module, module))
			return i;
	}
	ht.name = string_keep(t, name);
	ht.module = string_keep(t, module);
	if (vec_push(&t->list, ht) < 0) {
		t->nomem = true;
		return 0;
	}
	return (uint32_t)t->list.len - 1;
}
