/* SPDX-License-Identifier: MIT */
/* PyCodeObject, Include/cpython/code.h. */
#include "tracer/cpython/code.h"

#include <stdlib.h>

#include "base/own.h"
#include "tracer/cpython/linetable.h"
#include "tracer/cpython/str.h"

void code_deinit(struct code *c)
{
	free(c->name);
	free(c->file);
	free(c->linetable);
	*c = (struct code){ 0 };
}

static void code_deinit_p(struct code *c)
{
	code_deinit(c);
}

int code_check(const struct py *py, struct mem_source *mem, taddr addr, struct err *err)
{
	taddr type;
	int r;

	if (taddr_is_null(addr) || addr.v % mem->word_bytes)
		return 0;
	r = mem_ptr(mem, taddr_add(addr, py->layout->PyObject_ob_type), &type, err);
	if (r < 0)
		return err_wrap(err, r, "code object");
	return taddr_eq(type, py->code_type);
}

/* A member that points to a str. */
static int read_str(const struct py *py, struct mem_source *mem, taddr member, size_t max,
		    char **ret, struct err *err)
{
	taddr str;
	int r = mem_ptr(mem, member, &str, err);

	return r < 0 ? r : str_read(mem, py->layout, str, max, ret, err);
}

static int read_linetable(const struct py *py, struct mem_source *mem, taddr member,
			  struct code *c, struct err *err)
{
	const struct py_layout *l = py->layout;
	uint64_t bytes;
	taddr table;
	int r = mem_ptr(mem, member, &table, err);

	if (r == 0)
		r = mem_word(mem, taddr_add(table, l->PyVarObject_ob_size), &bytes, err);
	if (r < 0)
		return r;
	if (bytes > CODE_TABLE_MAX)
		return err_set(err, ERR_CORRUPT, "line table of %llu bytes",
			       (unsigned long long)bytes);
	c->linetable = malloc(bytes + 1);
	if (!c->linetable)
		return err_nomem(err);
	c->linetable_bytes = bytes;
	return mem_read(mem, taddr_add(table, l->PyBytesObject_ob_sval), c->linetable, bytes, err);
}

int code_read(const struct py *py, struct mem_source *mem, taddr addr, struct code *ret,
	      struct err *err)
{
	const struct py_layout *l = py->layout;
	AUTO(code_deinit_p) struct code c = { .addr = addr, .line_kind = (uint32_t)l->line_kind };
	int32_t name = l->PyCodeObject_co_qualname != PY_ABSENT ? l->PyCodeObject_co_qualname :
								  l->PyCodeObject_co_name;
	int r = read_str(py, mem, taddr_add(addr, name), CODE_NAME_MAX, &c.name, err);

	if (r == 0)
		r = read_str(py, mem, taddr_add(addr, l->PyCodeObject_co_filename), CODE_FILE_MAX,
			     &c.file, err);
	if (r == 0)
		r = mem_u32(mem, taddr_add(addr, l->PyCodeObject_co_firstlineno),
			    (uint32_t *)&c.firstline, err);
	if (r == 0)
		r = read_linetable(py, mem, taddr_add(addr, l->PyCodeObject_co_linetable), &c, err);
	if (r < 0)
		return err_wrap(err, r, "code object");
	*ret = c;
	c = (struct code){ 0 };
	return 0;
}

int32_t code_line(const struct code *c, int32_t lasti)
{
	return linetable_line(c->line_kind, c->linetable, c->linetable_bytes, c->firstline, lasti);
}
