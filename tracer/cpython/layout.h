/* SPDX-License-Identifier: MIT */
/*
 * The facts about one CPython version: byte offsets (fields.def) and traits, small enums for
 * behaviour. Code asks for the trait; only v3_*.c files know a number like 13.
 */
#ifndef PYMEMPROF_TRACER_CPYTHON_LAYOUT_H
#define PYMEMPROF_TRACER_CPYTHON_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define PY_ABSENT (-1)

/*
 * Offsets are members named Struct_field, dots as underscores: layout->PyTypeObject_tp_name.
 * sizeof is Struct_sizeof. PY_ABSENT where this version has no such field.
 */
struct py_layout;

#endif
