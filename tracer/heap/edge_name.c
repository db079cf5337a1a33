/* SPDX-License-Identifier: MIT */
/*
 * Names by place: dict entries by their keys, attribute values by the class's shared keys, slots and
 * members of C structs by tp_members (Include/descrobject.h), what those leave out by a table.
 */
#include "tracer/heap/edge_name.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "tracer/cpython/dict.h"
#include "tracer/cpython/str.h"
#include "tracer/heap/heap.h"

#define MEMBERS_MAX 4096
#define BASES_MAX 64
#define MEMBER_OBJECT 6	    /* Py_T_OBJECT, Py_T_OBJECT_EX: Include/descrobject.h */
#define MEMBER_OBJECT_EX 16

/* Fields Python shows by getset descriptors, or not at all. */
static const struct field_name {
	const char *module, *type; /* of the type or of a base */
	size_t at;	  /* of the offset in struct py_layout */
	const char *name;
} field_names[] = {
#define F(type, member, name) { "builtins", type, offsetof(struct py_layout, member), name }
	F("function", PyFunctionObject_func_code, "__code__"),
	F("function", PyFunctionObject_func_globals, "__globals__"),
	F("function", PyFunctionObject_func_builtins, "__builtins__"),
	F("function", PyFunctionObject_func_defaults, "__defaults__"),
	F("function", PyFunctionObject_func_kwdefaults, "__kwdefaults__"),
	F("function", PyFunctionObject_func_closure, "__closure__"),
	F("function", PyFunctionObject_func_name, "__name__"),
	F("function", PyFunctionObject_func_qualname, "__qualname__"),
	F("function", PyFunctionObject_func_annotations, "__annotations__"),
	F("method", PyMethodObject_im_func, "__func__"),
	F("method", PyMethodObject_im_self, "__self__"),
	F("BaseException", PyBaseExceptionObject_args, "args"),
	F("BaseException", PyBaseExceptionObject_traceback, "__traceback__"),
	F("BaseException", PyBaseExceptionObject_context, "__context__"),
	F("BaseException", PyBaseExceptionObject_cause, "__cause__"),
	F("BaseException", PyBaseExceptionObject_notes, "__notes__"),
	F("traceback", PyTracebackObject_tb_next, "tb_next"),
	F("traceback", PyTracebackObject_tb_frame, "tb_frame"),
	F("frame", PyFrameObject_f_back, "f_back"),
	F("frame", PyFrameObject_f_code, "f_code"),
	F("frame", PyFrameObject_f_globals, "f_globals"),
	F("frame", PyFrameObject_f_builtins, "f_builtins"),
	F("frame", PyFrameObject_f_locals, "f_locals"),
	F("frame", PyFrameObject_f_trace, "f_trace"),
	F("generator", PyGenObject_gi_frame, "gi_frame"),
	F("generator", PyGenObject_gi_code, "gi_code"),
	F("coroutine", PyGenObject_gi_frame, "cr_frame"),
	F("coroutine", PyGenObject_gi_code, "cr_code"),
	F("type", PyTypeObject_tp_mro, "__mro__"),
	F("type", PyTypeObject_tp_bases, "__bases__"),
	F("type", PyTypeObject_tp_base, "__base__"),
	F("type", PyTypeObject_tp_subclasses, "__subclasses__"),
	F("type", PyTypeObject_tp_cache, "tp_cache"),
	F("type", PyHeapTypeObject_ht_name, "__name__"),
	F("type", PyHeapTypeObject_ht_qualname, "__qualname__"),
	F("type", PyHeapTypeObject_ht_slots, "__slots__"),
	F("type", PyHeapTypeObject_ht_module, "__module__"),
#undef F
	{ "functools", "_lru_cache_wrapper", offsetof(struct py_layout, lru_cache_object_cache), "cache" },
	{ "functools", "_lru_cache_wrapper", offsetof(struct py_layout, lru_cache_object_func), "__wrapped__" },
};

static void set_name(struct edge_name *ret, enum fact_edge edge, const char *name)
{
	ret->edge = edge;
	snprintf(ret->name, EDGE_NAME_BYTES, "%s", name);
}

/* --- strings that are names ------------------------------------------------------------------- */

static bool is_identifier(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 80 || (*s >= '0' && *s <= '9'))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || c >= 0x80))
			return false;
	}
	return true;
}

/* Text of the str at addr when it is one and an identifier; else the name of its type. */
static bool key_text(struct heap_graph *g, uint64_t key, char ret[EDGE_NAME_BYTES])
{
	uint32_t v = key ? graph_vertex(g, key) : DIGRAPH_NONE;
	const struct heap_type *t;

	*ret = '\0';
	if (v == DIGRAPH_NONE)
		return false;
	t = types_at(&g->h->types, graph_type(g, v));
	if (t->family == HEAP_STR &&
	    str_copy(&g->h->r.base, g->h->l, taddr_of(key), ret, EDGE_NAME_BYTES) > 0 &&
	    is_identifier(ret))
		return true;
	snprintf(ret, EDGE_NAME_BYTES, "%.*s", EDGE_NAME_BYTES - 1, t->name);
	return false;
}

/* The key of one entry of a keys object; 0 when there is none. */
static uint64_t key_at(struct heap_graph *g, uint64_t keys, uint64_t entry)
{
	struct keys_shape k;
	uint64_t key = 0;

	if (!keys_shape_at(&g->h->r.base, g->h->l, keys, &k) || entry >= k.entries)
		return 0;
	(void)reader_u64(&g->h->r, keys + k.entries_at + entry * k.entry_bytes + k.key_at, &key);
	return key;
}

static void dict_value(struct heap_graph *g, uint32_t from, uint64_t entry, struct edge_name *ret)
{
	uint64_t addr = graph_addr(g, from), keys;

	ret->edge = FACT_EDGE_VALUE;
	if (!reader_u64(&g->h->r, addr + (uint64_t)g->h->l->PyDictObject_ma_keys, &keys))
		return;
	if (!key_text(g, key_at(g, keys, entry), ret->name))
		return;
	if (map_has(&g->module_of, from))
		ret->edge = FACT_EDGE_GLOBAL;
	else
		ret->edge = graph_bit(g->is_dict, from) ? FACT_EDGE_ATTRIBUTE : FACT_EDGE_KEY;
}

static void attribute(struct heap_graph *g, const struct heap_type *t, uint64_t entry,
		      struct edge_name *ret)
{
	uint64_t keys;

	ret->edge = FACT_EDGE_ATTRIBUTE;
	if (reader_u64(&g->h->r, t->addr + (uint64_t)g->h->l->PyHeapTypeObject_ht_cached_keys, &keys))
		(void)key_text(g, key_at(g, keys, entry), ret->name);
}

/* --- locals ------------------------------------------------------------------------------------- */

/* Item i of a tuple of names; false when there is none. */
static bool tuple_name(struct heap_graph *g, uint64_t tuple, uint64_t i, char ret[EDGE_NAME_BYTES])
{
	const struct py_layout *l = g->h->l;
	uint64_t n, item;

	return tuple && reader_u64(&g->h->r, tuple + (uint64_t)l->PyVarObject_ob_size, &n) && i < n &&
	       reader_u64(&g->h->r, tuple + (uint64_t)l->PyTupleObject_ob_item + 8 * i, &item) &&
	       key_text(g, item, ret);
}

static uint64_t tuple_size(struct heap_graph *g, uint64_t tuple)
{
	uint64_t n = 0;

	(void)reader_u64(&g->h->r, tuple + (uint64_t)g->h->l->PyVarObject_ob_size, &n);
	return n;
}

/* Slot i of a frame of that code: a local's name, or a place on the value stack. */
static void local_name(struct heap_graph *g, uint64_t code, uint64_t i, struct edge_name *ret)
{
	const struct py_layout *l = g->h->l;
	const int32_t old[] = { l->PyCodeObject_co_varnames, l->PyCodeObject_co_cellvars,
				l->PyCodeObject_co_freevars };
	uint64_t names, at = i;

	ret->edge = FACT_EDGE_LOCAL;
	if (l->PyCodeObject_co_localsplusnames >= 0) {
		if (reader_u64(&g->h->r, code + (uint64_t)l->PyCodeObject_co_localsplusnames, &names) &&
		    tuple_name(g, names, i, ret->name))
			return;
	} else {
		for (size_t k = 0; k < 3; k++) {
			uint64_t n;

			if (!reader_u64(&g->h->r, code + (uint64_t)old[k], &names))
				break;
			n = tuple_size(g, names);
			if (at < n && tuple_name(g, names, at, ret->name))
				return;
			if (at < n)
				break;
			at -= n;
		}
	}
	ret->edge = FACT_EDGE_STACK;
	ret->index = i;
}

/* The code object of a frame object or a generator at addr. */
static uint64_t code_of(struct heap_graph *g, const struct heap_type *t, uint64_t addr)
{
	const struct py_layout *l = g->h->l;
	uint64_t at, code = 0;

	if (l->frame_kind == PY_FRAME_OBJECT) {
		at = addr + (uint64_t)(t->family == HEAP_FRAME ? l->PyFrameObject_f_code :
								 l->PyGenObject_gi_code);
	} else {
		at = addr + (uint64_t)(t->family == HEAP_FRAME ? l->PyFrameObject__f_frame_data :
								 l->PyGenObject_gi_iframe);
		at += (uint64_t)l->_PyInterpreterFrame_f_executable;
	}
	(void)reader_u64(&g->h->r, at, &code);
	return code & ~UINT64_C(3);
}

bool edge_name_cell(struct heap_graph *g, uint32_t function, uint64_t index, char ret[EDGE_NAME_BYTES])
{
	const struct py_layout *l = g->h->l;
	const struct heap_type *t = types_at(&g->h->types, graph_type(g, function));
	uint64_t code, names;

	if (strcmp(t->name, "function") || strcmp(t->module, "builtins") ||
	    !reader_u64(&g->h->r, graph_addr(g, function) + (uint64_t)l->PyFunctionObject_func_code, &code))
		return false;
	if (l->PyCodeObject_co_localsplusnames < 0)
		return reader_u64(&g->h->r, code + (uint64_t)l->PyCodeObject_co_freevars, &names) &&
		       tuple_name(g, names, index, ret);
	/* free variables are the last of localsplus */
	uint32_t all = 0, free_vars = 0;

	if (!reader_u32(&g->h->r, code + (uint64_t)l->PyCodeObject_co_nlocalsplus, &all) ||
	    !reader_u32(&g->h->r, code + (uint64_t)l->PyCodeObject_co_nfreevars, &free_vars) ||
	    index >= free_vars || free_vars > all ||
	    !reader_u64(&g->h->r, code + (uint64_t)l->PyCodeObject_co_localsplusnames, &names))
		return false;
	return tuple_name(g, names, all - free_vars + index, ret);
}

/* --- C structs ---------------------------------------------------------------------------------- */

/* One class's tp_members: the name of the object pointer at that offset. */
static bool member_name(struct heap_graph *g, uint64_t type, uint64_t offset, char ret[EDGE_NAME_BYTES])
{
	const struct py_layout *l = g->h->l;
	uint64_t at;
	uint8_t b[64];

	if ((size_t)l->PyMemberDef_sizeof > sizeof(b) ||
	    !reader_u64(&g->h->r, type + (uint64_t)l->PyTypeObject_tp_members, &at))
		return false;
	for (uint32_t i = 0; at && i < MEMBERS_MAX; i++, at += (uint64_t)l->PyMemberDef_sizeof) {
		uint32_t kind;

		if (!reader_get(&g->h->r, at, b, (size_t)l->PyMemberDef_sizeof) ||
		    !le64(b + l->PyMemberDef_name))
			return false;
		kind = le32(b + l->PyMemberDef_type);
		if (le64(b + l->PyMemberDef_offset) == offset &&
		    (kind == MEMBER_OBJECT || kind == MEMBER_OBJECT_EX))
			return reader_cstr(&g->h->r, le64(b + l->PyMemberDef_name), ret,
					   EDGE_NAME_BYTES) > 0 &&
			       is_identifier(ret);
	}
	return false;
}

static bool table_name(struct heap_graph *g, const struct heap_type *t, uint64_t offset,
		       char ret[EDGE_NAME_BYTES])
{
	for (size_t i = 0; i < sizeof(field_names) / sizeof(field_names[0]); i++) {
		const struct field_name *f = &field_names[i];
		int32_t at;

		memcpy(&at, (const char *)g->h->l + f->at, sizeof(at));
		if (at < 0 || (uint64_t)at != offset || strcmp(f->type, t->name) ||
		    strcmp(t->module, f->module))
			continue;
		snprintf(ret, EDGE_NAME_BYTES, "%s", f->name);
		return true;
	}
	return false;
}

static void word_name(struct heap_graph *g, const struct heap_type *t, uint64_t offset,
		      struct edge_name *ret)
{
	const struct py_layout *l = g->h->l;
	uint64_t type = t->addr;
	bool python = t->flags & PY_TPFLAG_HEAPTYPE;

	if (t->dict_offset > 0 && offset == (uint64_t)t->dict_offset) {
		ret->edge = FACT_EDGE_DICT;
		return;
	}
	if (t->family == HEAP_WEAKREF && offset == (uint64_t)l->PyWeakReference_wr_callback) {
		ret->edge = FACT_EDGE_CALLBACK;
		return;
	}
	for (uint32_t i = 0; type && i < BASES_MAX; i++) {
		uint32_t index = types_known(&g->h->types, type);
		const struct heap_type *at = index ? types_at(&g->h->types, index) : NULL;

		if (at && !strcmp(at->name, "cell") && !strcmp(at->module, "builtins")) {
			ret->edge = FACT_EDGE_CONTENTS;
			return;
		}
		if ((at && table_name(g, at, offset, ret->name)) ||
		    member_name(g, type, offset, ret->name)) {
			ret->edge = python && t->python ? FACT_EDGE_ATTRIBUTE : FACT_EDGE_FIELD;
			return;
		}
		if (!reader_u64(&g->h->r, type + (uint64_t)l->PyTypeObject_tp_base, &type))
			break;
	}
	ret->edge = FACT_EDGE_WORD;
	ret->index = offset;
	*ret->name = '\0';
}

static void frame_word(struct heap_graph *g, uint64_t offset, struct edge_name *ret)
{
	const struct py_layout *l = g->h->l;

	if ((int64_t)offset == l->_PyInterpreterFrame_f_executable)
		set_name(ret, FACT_EDGE_FIELD, "f_code");
	else if ((int64_t)offset == l->_PyInterpreterFrame_f_locals)
		set_name(ret, FACT_EDGE_FIELD, "f_locals");
	else if ((int64_t)offset == l->_PyInterpreterFrame_frame_obj)
		set_name(ret, FACT_EDGE_FIELD, "f_frame");
	else
		set_name(ret, FACT_EDGE_FIELD, "f_func");
}

/* --- by place ------------------------------------------------------------------------------------- */

void edge_name_at(struct heap_graph *g, uint32_t from, enum ref_place place, uint64_t index,
		  struct edge_name *ret)
{
	const struct heap_type *t = types_at(&g->h->types, graph_type(g, from));

	*ret = (struct edge_name){ .edge = FACT_EDGE_NONE };
	switch (place) {
	case REF_WORD:
		word_name(g, t, index, ret);
		return;
	case REF_ITEM:
		ret->edge = FACT_EDGE_INDEX;
		ret->index = index;
		return;
	case REF_KEY:
		ret->edge = FACT_EDGE_KEY_ITSELF;
		return;
	case REF_VALUE:
		dict_value(g, from, index, ret);
		return;
	case REF_ATTRIBUTE:
		attribute(g, t, index, ret);
		return;
	case REF_DICT:
		ret->edge = FACT_EDGE_DICT;
		return;
	case REF_TYPE:
		ret->edge = FACT_EDGE_TYPE;
		return;
	case REF_MEMBER:
		ret->edge = FACT_EDGE_MEMBER;
		return;
	case REF_LOCAL:
		local_name(g, code_of(g, t, graph_addr(g, from)), index, ret);
		return;
	case REF_FRAME:
		frame_word(g, index, ret);
		return;
	case REF_LINK:
		if (t->family == HEAP_LRU_CACHE)
			set_name(ret, FACT_EDGE_FIELD, index ? "cache" : "cache_key");
		else
			ret->edge = FACT_EDGE_KEY_ITSELF;
		return;
	case REF_STATE:
		set_name(ret, FACT_EDGE_FIELD, "module_state");
		return;
	case REF_SHARED_KEY:
		set_name(ret, FACT_EDGE_FIELD, "attribute_names");
		return;
	}
}

/* --- between two vertices ---------------------------------------------------------------------- */

struct hunt {
	struct heap_graph *g;
	uint32_t to;
	unsigned best; /* how much the place found says */
	enum ref_place place;
	uint64_t index;
};

static unsigned says(enum ref_place place)
{
	switch (place) {
	case REF_ATTRIBUTE:
	case REF_VALUE:
	case REF_LOCAL:
		return 4;
	case REF_DICT:
	case REF_ITEM:
	case REF_MEMBER:
	case REF_WORD:
	case REF_FRAME:
		return 3;
	case REF_KEY:
	case REF_TYPE:
	case REF_STATE:
		return 2;
	case REF_LINK:
	case REF_SHARED_KEY:
		break;
	}
	return 1;
}

static void on_hunted(void *ctx, uint64_t target, enum ref_place place, uint64_t index)
{
	struct hunt *h = ctx;
	uint32_t v;

	if (h->best >= says(place))
		return;
	v = graph_vertex(h->g, target);
	if (v == DIGRAPH_NONE)
		return;
	if (v != h->to && (h->to < h->g->objects ||
			   map_get(&h->g->module_of, v, UINT64_MAX) != h->to - h->g->objects))
		return;
	h->best = says(place);
	h->place = place;
	h->index = index;
}

/* Slots of a running frame: where in it does the object lie? */
static void frame_slot(struct heap_graph *g, const struct graph_root *root, uint32_t to,
		       struct edge_name *ret)
{
	const struct py_layout *l = g->h->l;
	uint64_t mask = l->frame_kind == PY_FRAME_STACKREF ? ~UINT64_C(3) : UINT64_MAX;
	uint32_t nlocals = 0, stack = 0;

	if (l->frame_kind == PY_FRAME_OBJECT)
		return;
	(void)reader_u32(&g->h->r, root->code + (uint64_t)l->PyCodeObject_co_nlocalsplus, &nlocals);
	(void)reader_u32(&g->h->r, root->code + (uint64_t)l->PyCodeObject_co_stacksize, &stack);
	for (uint64_t i = 0; i < (uint64_t)nlocals + stack && i < MEMBERS_MAX; i++) {
		uint64_t word;

		if (!reader_u64(&g->h->r,
				root->addr + (uint64_t)l->_PyInterpreterFrame_localsplus + 8 * i, &word))
			return;
		if (graph_vertex(g, word & mask) == to) {
			local_name(g, root->code, i, ret);
			return;
		}
	}
}

bool edge_name(struct heap_graph *g, uint32_t from, uint32_t to, struct edge_name *ret)
{
	const struct graph_root *root = graph_root(g, from);
	struct hunt hunt = { .g = g, .to = to };

	*ret = (struct edge_name){ .edge = FACT_EDGE_NONE };
	if (root) {
		ret->edge = FACT_EDGE_ROOT;
		if (root->kind == FACT_ROOT_FRAME && to < g->objects)
			frame_slot(g, root, to, ret);
		return true;
	}
	refs_of(g->h, graph_type(g, from), graph_addr(g, from), REFS_OWNED, on_hunted, &hunt);
	if (!hunt.best)
		return false;
	edge_name_at(g, from, hunt.place, hunt.index, ret);
	return true;
}
