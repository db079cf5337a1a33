/* SPDX-License-Identifier: MIT */
/*
 * References by family, after the tp_traverse functions of Objects/ and Modules/. What a C
 * struct borrows (a weak reference's referent, a context variable's cached value, the list of
 * weak references to an object) is left out by name; the rest of a struct is taken word by word.
 */
#include "tracer/heap/refs.h"

#include "tracer/cpython/dict.h"
#include "tracer/heap/heap.h"
#include "tracer/heap/object.h"

#define HEAD_BYTES 1024
#define PIECE_WORDS 512
#define ITEMS_MAX (UINT64_C(1) << 40)
#define LINKS_MAX (1u << 26)
#define NDARRAY_DIMS_MAX 64
#define OPAQUE_ITEMS (1u << 20) /* of an unknown C type, taken for references */

struct subject {
	struct heap *h;
	const struct heap_type *t;
	uint64_t addr;
	enum refs_view view;
	refs_fn *fn;
	void *ctx;
	size_t avail;
	uint8_t before[64];	   /* words in front of the object; ends where it begins */
	uint8_t o[HEAD_BYTES + 8];
};

static uint64_t field(const struct subject *s, int32_t off)
{
	return off < 0 || (size_t)off + 8 > s->avail ? 0 : le64(s->o + off);
}

static void visit(struct subject *s, uint64_t target, enum ref_place place, uint64_t index)
{
	if (target && target % 8 == 0)
		s->fn(s->ctx, target, place, index);
}

/* The pointer at an offset of the struct. */
static void visit_field(struct subject *s, int32_t off)
{
	visit(s, field(s, off), REF_WORD, (uint64_t)(int64_t)off);
}

/* Pointers in a row, stride bytes apart (a multiple of 8); mask clears tag bits. */
struct row {
	uint64_t addr, n;
	uint32_t stride;
	enum ref_place place;
	uint64_t mask;
};

static void visit_row(struct subject *s, struct row row)
{
	uint8_t piece[PIECE_WORDS * 8];
	uint64_t per = sizeof(piece) / row.stride, at = 0;

	if (row.n >= ITEMS_MAX || !reader_holds(&s->h->r, row.n * row.stride))
		return;
	while (at < row.n) {
		uint64_t now = row.n - at < per ? row.n - at : per;

		if (!reader_get(&s->h->r, row.addr + at * row.stride, piece,
				(size_t)((now - 1) * row.stride + 8)))
			return;
		for (uint64_t i = 0; i < now; i++) {
			uint64_t word = le64(piece + i * row.stride);

			/* a tagged slot of a frame borrows (Py_TAG_REFCNT, 3.14+) */
			if (!(word & ~row.mask & 1) || s->view == REFS_TRAVERSE)
				visit(s, word & row.mask, row.place, at + i);
		}
		at += now;
	}
}

#define ALL_BITS UINT64_MAX

static void visit_array(struct subject *s, uint64_t addr, uint64_t n, enum ref_place place)
{
	visit_row(s, (struct row){ addr, n, 8, place, ALL_BITS });
}

/* Words [from, to) of the struct, but for the weak reference list, which owns nothing. */
static void visit_words(struct subject *s, size_t from, size_t to)
{
	if (to > s->t->basic)
		to = s->t->basic;
	for (size_t at = from; at + 8 <= to && at + 8 <= s->avail; at += 8) {
		if ((int32_t)at != s->t->weak_offset && (int32_t)at != s->t->unvisited)
			visit(s, le64(s->o + at), REF_WORD, at);
	}
	/* what is beyond the bytes at hand: the state of a random.Random, a metatype's own fields */
	for (size_t at = from > s->avail ? from : s->avail; at + 8 <= to; at += 8) {
		uint64_t word;

		if ((int32_t)at == s->t->weak_offset || !reader_u64(&s->h->r, s->addr + at, &word))
			continue;
		visit(s, word, REF_WORD, at);
	}
}

/* Objects/dictobject.c, dict_traverse; a key is visited too, it is never the last reference lost. */
static void dict_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t keys = field(s, l->PyDictObject_ma_keys), values = field(s, l->PyDictObject_ma_values);
	struct keys_shape k;
	uint64_t entries;

	if (!keys_shape_at(&s->h->r.base, l, keys, &k))
		return;
	entries = keys + k.entries_at;
	if (values) {
		/* values inside the instance are visited through its dict once there is one (3.13.1) */
		if (l->dict_values == PY_VALUES_HEADER)
			values += (uint64_t)l->PyDictValues_values;
		visit_array(s, values, k.entries, REF_VALUE);
		return;
	}
	visit_row(s, (struct row){ entries + k.key_at, k.entries, k.entry_bytes, REF_KEY, ALL_BITS });
	visit_row(s, (struct row){ entries + k.value_at, k.entries, k.entry_bytes, REF_VALUE,
				   ALL_BITS });
}

static void odict_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t node = field(s, l->odictobject_od_first);

	dict_refs(s);
	visit_field(s, l->odictobject_od_inst_dict);
	for (uint32_t i = 0; node && i < LINKS_MAX; i++) {
		uint8_t b[32];

		if ((size_t)l->odictnode_sizeof > sizeof(b) ||
		    !reader_get(&s->h->r, node, b, (size_t)l->odictnode_sizeof))
			return;
		visit(s, le64(b + l->odictnode_key), REF_LINK, 0);
		node = le64(b + l->odictnode_next);
	}
}

static void deque_block(struct subject *s, uint64_t addr, uint64_t n, uint64_t first)
{
	uint8_t piece[PIECE_WORDS * 8];

	if (n > PIECE_WORDS || !reader_get(&s->h->r, addr, piece, n * 8))
		return;
	for (uint64_t i = 0; i < n; i++)
		visit(s, le64(piece + i * 8), REF_ITEM, first + i);
}

static void deque_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t block = field(s, l->dequeobject_leftblock);
	uint64_t index = field(s, l->dequeobject_leftindex);
	uint64_t left = field(s, l->PyVarObject_ob_size);
	uint64_t per = (uint64_t)(l->deque_block_rightlink - l->deque_block_data) / 8, done = 0;

	while (left && block && index < per && left < ITEMS_MAX) {
		uint64_t n = per - index < left ? per - index : left;

		deque_block(s, block + (uint64_t)l->deque_block_data + 8 * index, n, done);
		done += n;
		left -= n;
		index = 0;
		if (!reader_u64(&s->h->r, block + (uint64_t)l->deque_block_rightlink, &block))
			return;
	}
}

/* tp_flags of the type at addr; 0 when it is none the walk knows. */
static uint32_t heap_flags(const struct subject *s, uint64_t type)
{
	uint32_t index = types_known(&s->h->types, type);

	return index ? types_at(&s->h->types, index)->flags : 0;
}

/* Modules/_functoolsmodule.c, lru_cache_tp_traverse: the ring of links, then the fields. */
static void lru_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t root = s->addr + (uint64_t)l->lru_cache_object_root;
	uint64_t link = field(s, l->lru_cache_object_root_next);

	for (uint32_t i = 0; link && link != root && i < LINKS_MAX; i++) {
		uint8_t b[64];

		if ((size_t)l->lru_list_elem_sizeof > sizeof(b) ||
		    !reader_get(&s->h->r, link, b, (size_t)l->lru_list_elem_sizeof))
			break;
		if (s->view == REFS_OWNED)
			visit(s, link, REF_LINK, 0);
		else if ((heap_flags(s, le64(b + l->PyObject_ob_type)) & PY_TPFLAG_HEAPTYPE))
			visit(s, le64(b + l->PyObject_ob_type), REF_TYPE, 0);
		visit(s, le64(b + l->lru_list_elem_key), REF_LINK, 0);
		visit(s, le64(b + l->lru_list_elem_result), REF_LINK, 1);
		link = le64(b + l->lru_list_elem_next);
	}
	visit_words(s, (size_t)l->lru_cache_object_root + (size_t)l->lru_list_elem_sizeof,
		    s->t->family_basic);
}

/* Names of attributes its instances share: the keys object is the class's. */
static void shared_keys_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t keys = field(s, l->PyHeapTypeObject_ht_cached_keys);
	struct keys_shape k;

	if (keys && keys_shape_at(&s->h->r.base, l, keys, &k))
		visit_row(s, (struct row){ keys + k.entries_at + k.key_at, k.entries, k.entry_bytes,
					   REF_SHARED_KEY, ALL_BITS });
}

/* Objects/typeobject.c, type_traverse. */
static void type_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	const int32_t visited[] = { l->PyTypeObject_tp_dict, l->PyTypeObject_tp_cache,
				    l->PyTypeObject_tp_mro, l->PyTypeObject_tp_bases,
				    l->PyTypeObject_tp_base, l->PyHeapTypeObject_ht_module };
	const int32_t owned[] = { l->PyTypeObject_tp_subclasses, l->PyHeapTypeObject_ht_name,
				  l->PyHeapTypeObject_ht_qualname, l->PyHeapTypeObject_ht_slots };

	if (!(field(s, l->PyTypeObject_tp_flags) & PY_TPFLAG_HEAPTYPE)) {
		if (s->view == REFS_OWNED) {
			for (size_t i = 0; i < 5; i++)
				visit_field(s, visited[i]);
			visit_field(s, l->PyTypeObject_tp_subclasses);
		}
		return;
	}
	for (size_t i = 0; i < sizeof(visited) / sizeof(visited[0]); i++)
		visit_field(s, visited[i]);
	for (size_t i = 0; s->view == REFS_OWNED && i < sizeof(owned) / sizeof(owned[0]); i++)
		visit_field(s, owned[i]);
	if (s->view == REFS_OWNED)
		shared_keys_refs(s);
}

static void visit_frame_word(struct subject *s, const uint8_t *f, int32_t off)
{
	uint64_t mask = s->h->l->frame_kind == PY_FRAME_STACKREF ? ~UINT64_C(3) : ALL_BITS;

	visit(s, le64(f + off) & mask, REF_FRAME, (uint64_t)(int64_t)off);
}

/* Python/frame.c, _PyFrame_Traverse: not globals and builtins, which frames borrow. */
static void interpreter_frame_refs(struct subject *s, uint64_t frame, const uint8_t *f)
{
	const struct py_layout *l = s->h->l;
	uint64_t mask = l->frame_kind == PY_FRAME_STACKREF ? ~UINT64_C(3) : ALL_BITS, n = 0, code;
	uint32_t nlocals = 0;

	visit_frame_word(s, f, l->_PyInterpreterFrame_frame_obj);
	visit_frame_word(s, f, l->_PyInterpreterFrame_f_locals);
	visit_frame_word(s, f, l->_PyInterpreterFrame_f_funcobj);
	code = le64(f + l->_PyInterpreterFrame_f_executable) & mask;
	visit_frame_word(s, f, l->_PyInterpreterFrame_f_executable);
	if (l->frame_locals == PY_LOCALS_STACKPOINTER) {
		uint64_t top = le64(f + l->_PyInterpreterFrame_stackpointer);
		uint64_t bottom = frame + (uint64_t)l->_PyInterpreterFrame_localsplus;

		n = top >= bottom && top - bottom < (UINT64_C(1) << 24) ? (top - bottom) / 8 : UINT64_MAX;
	} else {
		int32_t top = (int32_t)le32(f + l->_PyInterpreterFrame_stacktop);

		n = top < 0 ? UINT64_MAX : (uint64_t)(uint32_t)top;
	}
	if (n == UINT64_MAX) {
		/* running: the locals are valid, how far the stack is nobody knows */
		if (!reader_u32(&s->h->r, code + (uint64_t)l->PyCodeObject_co_nlocalsplus, &nlocals))
			return;
		n = nlocals;
	}
	if (n < (1u << 20))
		visit_row(s, (struct row){ frame + (uint64_t)l->_PyInterpreterFrame_localsplus, n, 8,
					   REF_LOCAL, mask });
}

static void generator_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	size_t at = (size_t)l->PyGenObject_gi_iframe;
	int8_t state;

	if (l->frame_kind == PY_FRAME_OBJECT) {
		/* gi_exc_state ends with a pointer to no object */
		visit_words(s, OBJECT_WORDS_AT, s->t->family_basic);
		return;
	}
	visit_words(s, OBJECT_WORDS_AT, at);
	if (at + (size_t)l->_PyInterpreterFrame_localsplus > s->avail)
		return;
	state = (int8_t)s->o[l->PyGenObject_gi_frame_state];
	if (state < l->gen_cleared)
		interpreter_frame_refs(s, s->addr + at, s->o + at);
	else if (s->view == REFS_OWNED)
		visit_frame_word(s, s->o + at, l->_PyInterpreterFrame_f_executable);
}

/* Locals and cells end where the value stack begins, which ends at its top; nowhere while running. */
static uint64_t frame_object_slots(const struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t first = s->addr + (uint64_t)l->PyFrameObject_f_localsplus;
	uint64_t stack = field(s, l->PyFrameObject_f_valuestack), n, depth = 0;

	if (stack < first || stack - first > (UINT64_C(1) << 24))
		return 0;
	n = (stack - first) / 8;
	if (l->frame_locals == PY_LOCALS_DEPTH) {
		int32_t d = (int32_t)le32(s->o + l->PyFrameObject_f_stackdepth);

		depth = d > 0 ? (uint64_t)d : 0;
	} else {
		uint64_t top = field(s, l->PyFrameObject_f_stacktop);

		depth = top > stack ? (top - stack) / 8 : 0;
	}
	return depth < (1u << 20) ? n + depth : n;
}

/* Objects/frameobject.c, frame_traverse. */
static void frame_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t frame, own = s->addr + (uint64_t)l->PyFrameObject__f_frame_data;
	uint8_t f[128];

	if (l->frame_kind == PY_FRAME_OBJECT) {
		visit_words(s, OBJECT_WORDS_AT, (size_t)l->PyFrameObject_f_valuestack);
		visit_field(s, l->PyFrameObject_f_trace);
		visit_array(s, s->addr + (uint64_t)l->PyFrameObject_f_localsplus,
			    frame_object_slots(s), REF_LOCAL);
		return;
	}
	visit_field(s, l->PyFrameObject_f_back);
	visit_field(s, l->PyFrameObject_f_trace);
	visit_field(s, l->PyFrameObject_f_extra_locals);
	visit_field(s, l->PyFrameObject_f_locals_cache);
	visit_field(s, l->PyFrameObject_f_overwritten_fast_locals);
	frame = field(s, l->PyFrameObject_f_frame);
	if (frame == own && (size_t)l->_PyInterpreterFrame_sizeof <= sizeof(f) &&
	    reader_get(&s->h->r, frame, f, (size_t)l->_PyInterpreterFrame_sizeof))
		interpreter_frame_refs(s, frame, f);
}

static void module_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;
	uint64_t def = field(s, l->PyModuleObject_md_def), size = 0;

	visit_field(s, l->PyModuleObject_md_dict);
	if (s->view == REFS_OWNED)
		visit_field(s, l->PyModuleObject_md_name);
	if (l->PyModuleObject_md_state_size >= 0)
		size = field(s, l->PyModuleObject_md_state_size);
	else if (def)
		(void)reader_u64(&s->h->r, def + (uint64_t)l->PyModuleDef_m_size, &size);
	if ((int64_t)size > 0 && size < (1u << 24) && field(s, l->PyModuleObject_md_state))
		visit_array(s, field(s, l->PyModuleObject_md_state), size / 8, REF_STATE);
}

/* __dict__ and attribute values outside tp_dictoffset (3.11+), PyObject_VisitManagedDict. */
static void managed_refs(struct subject *s)
{
	const struct heap_type *t = s->t;
	const uint8_t *end = s->before + sizeof(s->before);
	uint64_t word, values = 0, n = t->shared_values;

	if (!(t->flags & (uint32_t)s->h->l->flag_managed_dict) || t->pre <= t->gc_head)
		return;
	word = le64(end - 24);
	switch (s->h->l->instance_dict) {
	case PY_INSTANCE_DICTOFFSET:
		return;
	case PY_INSTANCE_TWO_WORDS:
		values = le64(end - 32);
		break;
	case PY_INSTANCE_TAGGED_WORD:
		if (word & 1) {
			values = word + 1;
			word = 0;
		}
		break;
	case PY_INSTANCE_INLINE:
		if (!word && t->inline_bytes && t->basic + 4 <= s->avail && s->o[t->basic + 3]) {
			n = s->o[t->basic];
			values = s->addr + t->basic + (uint64_t)s->h->l->PyDictValues_values;
		}
		break;
	}
	visit(s, word, REF_DICT, 0);
	if (values)
		visit_array(s, values, n, REF_ATTRIBUTE);
}

/* Room for a dict pointer counted from the object's end (≤3.11: subclasses of int, tuple, bytes). */
static uint32_t end_dict_bytes(const struct subject *s)
{
	return s->t->dict_offset < 0 && s->t->item &&
			       !(s->t->flags & (uint32_t)s->h->l->flag_managed_dict) ?
		       8 :
		       0;
}

static void end_dict_ref(struct subject *s)
{
	uint64_t n, size;
	uint64_t dict;

	if (!end_dict_bytes(s))
		return;
	n = field(s, s->h->l->PyVarObject_ob_size);
	if ((int64_t)n < 0)
		n = 0 - n;
	if (n >= ITEMS_MAX)
		return;
	size = (s->t->basic + n * s->t->item + 7) & ~UINT64_C(7);
	if (reader_u64(&s->h->r, s->addr + size + (uint64_t)(int64_t)s->t->dict_offset, &dict))
		visit(s, dict, REF_DICT, 0);
}

/*
 * Elements of an array of dtype object that owns its memory: the collector does not see them, numpy counts them.
 * PyArrayObject_fields and the head of PyArray_Descr, numpy/core/include/numpy/ndarraytypes.h of 1.24 and
 * numpy/_core/include/numpy/ndarraytypes.h of 2.0: data 16, nd 24, dimensions 32, descr 56, flags 64; kind 24.
 * Memory that an array owns has no gaps.
 */
static void ndarray_items(struct subject *s)
{
	uint64_t dims[NDARRAY_DIMS_MAX], n = 1;
	uint32_t nd;
	uint8_t kind;

	if (s->avail < 68 || !(le32(s->o + 64) & 4)) /* NPY_ARRAY_OWNDATA */
		return;
	nd = le32(s->o + 24);
	if (nd > NDARRAY_DIMS_MAX || !reader_get(&s->h->r, le64(s->o + 56) + 24, &kind, 1) ||
	    kind != 'O' || (nd && !reader_get(&s->h->r, le64(s->o + 32), dims, nd * sizeof(*dims))))
		return;
	for (uint32_t i = 0; i < nd; i++)
		if (__builtin_mul_overflow(n, dims[i], &n))
			return;
	visit_array(s, le64(s->o + 16), n, REF_ITEM);
}

static void family_refs(struct subject *s)
{
	const struct py_layout *l = s->h->l;

	switch (s->t->family) {
	case HEAP_LIST:
		visit_array(s, field(s, l->PyListObject_ob_item), field(s, l->PyVarObject_ob_size), REF_ITEM);
		return;
	case HEAP_TUPLE:
		visit_array(s, s->addr + (uint64_t)l->PyTupleObject_ob_item,
			    field(s, l->PyVarObject_ob_size), REF_ITEM);
		return;
	case HEAP_DICT:
		dict_refs(s);
		return;
	case HEAP_ODICT:
		odict_refs(s);
		return;
	case HEAP_SET:
		visit_row(s, (struct row){ field(s, l->PySetObject_table),
					   field(s, l->PySetObject_mask) + 1, 16, REF_MEMBER,
					   ALL_BITS });
		return;
	case HEAP_TYPE:
		type_refs(s);
		return;
	case HEAP_FRAME:
		frame_refs(s);
		return;
	case HEAP_GENERATOR:
		generator_refs(s);
		return;
	case HEAP_MODULE:
		module_refs(s);
		return;
	case HEAP_DEQUE:
		deque_refs(s);
		return;
	case HEAP_LRU_CACHE:
		lru_refs(s);
		return;
	case HEAP_WEAKREF:
		visit_field(s, l->PyWeakReference_wr_callback);
		return;
	case HEAP_CONTEXTVAR:
		visit_field(s, l->PyContextVar_var_name);
		visit_field(s, l->PyContextVar_var_default);
		return;
	case HEAP_MEMORYVIEW:
		visit_field(s, l->PyMemoryViewObject_mbuf);
		return;
	case HEAP_INT:
	case HEAP_STR:
	case HEAP_BYTES:
	case HEAP_ARRAY:
	case HEAP_DATETIME:
		break;
	case HEAP_OBJECT:
	case HEAP_FLAT:
	case HEAP_BYTEARRAY:
	case HEAP_CODE:
	case HEAP_STRINGIO:
	case HEAP_BUFFERED:
	case HEAP_VAR:
		visit_words(s, OBJECT_WORDS_AT, s->t->family_basic);
		return;
	case HEAP_NDARRAY:
		visit_words(s, OBJECT_WORDS_AT, s->t->family_basic);
		if (s->view == REFS_OWNED)
			ndarray_items(s);
		return;
	}
}

void refs_of(struct heap *h, uint32_t type, uint64_t addr, enum refs_view view, refs_fn *fn,
	     void *ctx)
{
	const struct heap_type *t = types_at(&h->types, type);
	struct subject s; /* its arrays are large: filled as far as they are read */
	uint32_t want;

	if (t->leaf)
		return;
	s.h = h;
	s.t = t;
	s.addr = addr;
	s.view = view;
	s.fn = fn;
	s.ctx = ctx;
	want = t->basic + t->inline_bytes;
	if (t->family == HEAP_GENERATOR)
		want = t->basic;
	want = want < 64 ? 64 : want;
	s.avail = want < HEAD_BYTES ? want : HEAD_BYTES;
	if (!reader_get(&h->r, addr, s.o, s.avail)) {
		s.avail = OBJECT_HEAD_BYTES;
		if (!reader_get(&h->r, addr, s.o, s.avail))
			return;
	}
	if (t->pre && t->pre <= sizeof(s.before) &&
	    !reader_get(&h->r, addr - t->pre, s.before + sizeof(s.before) - t->pre, t->pre))
		return;
	family_refs(&s);
	if (t->opaque && t->sized && t->item == 8 && field(&s, h->l->PyVarObject_ob_size) < OPAQUE_ITEMS)
		visit_array(&s, addr + t->basic, field(&s, h->l->PyVarObject_ob_size), REF_ITEM);
	/* fields which classes between the C type and this one have added */
	visit_words(&s, t->family_basic, t->basic - end_dict_bytes(&s));
	managed_refs(&s);
	end_dict_ref(&s);
	/* subtype_traverse has always visited it; types made from specs do from 3.9 on */
	if (t->flags & PY_TPFLAG_HEAPTYPE && (h->l->type_visited || t->by_class || view == REFS_OWNED))
		visit(&s, t->addr, REF_TYPE, 0);
}
