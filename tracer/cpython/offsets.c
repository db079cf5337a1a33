/* SPDX-License-Identifier: MIT */
/*
 * Reading, validating and laying over the target's own table of offsets. Where it stands in
 * each version is in the sheets (_Py_DebugOffsets_*), so nothing here depends on one.
 */
#include "tracer/cpython/offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"

#define OFFSETS_BYTES_MAX 4096
#define STRUCT_BYTES_MAX (64u << 20)
#define COOKIE "xdebugpy" /* _Py_Debug_Cookie, Include/internal/pycore_debug_offsets.h, 3.13 */

/* One entry: where it is in the table, which member of the layout it speaks of. */
struct entry {
	uint32_t in_table, member, of; /* of: the sizeof member of its struct */
	uint32_t width;		       /* bytes of the field; 0: the entry is a sizeof */
	const char *name;
};

#define PY_STRUCT(s, spellings)
#define PY_FIELD(s, f, path, bytes) WIDTH_##s##_##f = (bytes),
enum {
#include "tracer/cpython/fields.def"
};
#undef PY_STRUCT
#undef PY_FIELD

#define FIELD(e, s, f)                                                                             \
	{ offsetof(struct py_layout, _Py_DebugOffsets_##e), offsetof(struct py_layout, s##_##f),   \
	  offsetof(struct py_layout, s##_sizeof), WIDTH_##s##_##f, #s "." #f },
#define SIZE(e, s)                                                                                 \
	{ offsetof(struct py_layout, _Py_DebugOffsets_##e),                                        \
	  offsetof(struct py_layout, s##_sizeof), 0, 0, "sizeof " #s },

static const struct entry entries[] = {
#include "tracer/cpython/offsets_entries.def"
};

static int32_t get(const struct py_layout *layout, uint32_t member)
{
	int32_t v;

	memcpy(&v, (const char *)layout + member, sizeof(v));
	return v;
}

static void set(struct py_layout *layout, uint32_t member, int32_t v)
{
	memcpy((char *)layout + member, &v, sizeof(v));
}

int offsets_head(struct mem_source *mem, taddr runtime, struct offsets_head *ret, struct err *err)
{
	uint8_t head[24]; /* cookie, u64 version, u64 free_threaded */
	int r = mem_read(mem, runtime, head, sizeof(head), err);

	if (r < 0)
		return err_wrap(err, r, "_PyRuntime");
	if (memcmp(head, COOKIE, 8))
		return 0;
	memcpy(&ret->hexversion, head + 8, sizeof(ret->hexversion));
	ret->free_threaded = head[16] != 0;
	return 1;
}

static bool absurd(const struct entry *e, uint64_t value)
{
	uint32_t align = e->width && e->width < 8 && !(e->width & (e->width - 1)) ? e->width : 8;

	if (!e->width)
		return value == 0 || value > STRUCT_BYTES_MAX;
	return value > STRUCT_BYTES_MAX || (value % align && e->width <= 8);
}

/* Take one entry over into layout. table has bytes bytes, in the form `form` describes. */
static int take(const struct entry *e, const uint8_t *table, int32_t bytes,
		const struct py_layout *form, struct py_layout *layout, struct offsets_report *report,
		struct err *err)
{
	int32_t at = get(form, e->in_table), known = get(form, e->member);
	uint64_t value;

	if (at < 0 || at + 8 > bytes || known < 0)
		return 0; /* this version's table or struct has no such thing */
	memcpy(&value, table + at, sizeof(value));
	if (absurd(e, value))
		return err_set(err, ERR_CORRUPT, "debug offset of %s is absurd: %llu", e->name,
			       (unsigned long long)value);
	report->compared++;
	if (value == (uint64_t)known)
		return 0;
	LOG(LOG_PYTHON, "debug offset of %s is %llu, sheet says %d", e->name,
	    (unsigned long long)value, known);
	if (!report->differ++)
		snprintf(report->first, sizeof(report->first), "%s", e->name);
	set(layout, e->member, (int32_t)value);
	return 0;
}

/* Every member spoken of still lies inside its struct, whose size may have changed. */
static int check_bounds(const struct py_layout *layout, struct err *err)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *e = &entries[i];
		int32_t offset = get(layout, e->member), size = e->width ? get(layout, e->of) : 0;

		if (e->width && offset != PY_ABSENT && offset >= size)
			return err_set(err, ERR_CORRUPT,
				       "debug offset of %s, %d, is outside its struct of %d bytes",
				       e->name, offset, size);
	}
	return 0;
}

int offsets_overlay(struct mem_source *mem, taddr runtime, struct py_layout *layout,
		    struct offsets_report *ret, struct err *err)
{
	uint8_t table[OFFSETS_BYTES_MAX];
	AUTO_FREE struct py_layout *copy = NULL;
	int32_t bytes = layout->_Py_DebugOffsets_sizeof;
	int r;

	*ret = (struct offsets_report){ 0 };
	if (bytes == PY_ABSENT)
		return 0;
	if (bytes > OFFSETS_BYTES_MAX)
		return err_set(err, ERR_UNSUPPORTED, "debug offsets of %d bytes", bytes);
	r = mem_read(mem, runtime, table, (size_t)bytes, err);
	if (r < 0)
		return err_wrap(err, r, "debug offsets");
	copy = malloc(sizeof(*copy));
	if (!copy)
		return err_nomem(err);
	*copy = *layout;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		r = take(&entries[i], table, bytes, layout, copy, ret, err);
		if (r < 0)
			return r;
	}
	r = check_bounds(copy, err);
	if (r < 0)
		return r;
	*layout = *copy;
	return 0;
}
