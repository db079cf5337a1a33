/* SPDX-License-Identifier: MIT */
/* The facts as a whole: unique sizes, ordered epochs, patches that say what they should. */
#include "tracer/cpython/sheet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(tracer_cpython_sheet, .timeout = 10);

static struct py_layout *build(const struct py_sheet *sheet, enum py_arch arch,
			       const struct py_epoch *epoch)
{
	struct py_layout *layout;

	cr_assert_eq(sheet_build(sheet, arch, epoch, &layout, NULL), 0);
	return layout;
}

static struct py_layout *build_for(int minor, int patch, uint64_t bytes)
{
	const struct py_sheet *sheet = sheet_find(minor);
	const struct py_epoch *epoch = sheet_epoch(sheet, PY_X86_64, bytes, patch);

	cr_assert(epoch);
	return build(sheet, PY_X86_64, epoch);
}

Test(tracer_cpython_sheet, size_of_a_runtime_belongs_to_one_minor_version)
{
	for (int arch = 0; arch < PY_ARCHS; arch++)
		for (size_t i = 0; i < py_sheets_count; i++)
			for (const struct py_epoch *e = py_sheets[i]->epochs; e->runtime_bytes[0]; e++)
				cr_assert_eq(sheet_by_size((enum py_arch)arch, e->runtime_bytes[arch]),
					     py_sheets[i], "%s: %u", py_sheets[i]->layout->name,
					     e->runtime_bytes[arch]);
}

Test(tracer_cpython_sheet, patched_layout_has_the_size_of_its_epoch_on_both_architectures)
{
	for (int arch = 0; arch < PY_ARCHS; arch++)
		for (size_t i = 0; i < py_sheets_count; i++)
			for (const struct py_epoch *e = py_sheets[i]->epochs; e->runtime_bytes[0]; e++) {
				struct py_layout *l = build(py_sheets[i], (enum py_arch)arch, e);

				cr_assert_eq((uint32_t)l->_PyRuntimeState_sizeof,
					     e->runtime_bytes[arch], "%s.%u", l->name, e->first);
				free(l);
			}
}

Test(tracer_cpython_sheet, epochs_cover_every_patch_release_once)
{
	for (size_t i = 0; i < py_sheets_count; i++) {
		int next = 0, last = -1;

		for (const struct py_epoch *e = py_sheets[i]->epochs; e->runtime_bytes[0]; e++) {
			cr_assert_leq(e->first, e->last);
			cr_assert(e->first == next || e->last == last, "%s.%u",
				  py_sheets[i]->layout->name, e->first);
			last = e->last;
			next = e->last + 1;
		}
		cr_assert_eq(last, 255);
	}
}

Test(tracer_cpython_sheet, sheets_are_in_order_and_found_by_minor)
{
	for (size_t i = 0; i < py_sheets_count; i++) {
		cr_assert_eq(sheet_find(py_sheets[i]->layout->minor), py_sheets[i]);
		cr_assert(!i || py_sheets[i]->layout->minor == py_sheets[i - 1]->layout->minor + 1);
	}
	cr_assert_null(sheet_find(7));
	cr_assert_null(sheet_find(py_sheets[py_sheets_count - 1]->layout->minor + 1));
	cr_assert_null(sheet_by_size(PY_X86_64, 12345));
}

Test(tracer_cpython_sheet, epochs_of_equal_size_are_told_apart_by_patch_release)
{
	const struct py_sheet *sheet = sheet_find(9);
	const struct py_epoch *odd = sheet_epoch(sheet, PY_X86_64, 656, 3);
	const struct py_epoch *newest = sheet_epoch(sheet, PY_X86_64, 656, -1);
	struct py_layout *l = build(sheet, PY_X86_64, odd);

	cr_assert_eq(odd->first, 3);
	cr_assert_eq(l->PyThreadState_tracing, 48);
	free(l);
	cr_assert_eq(newest->last, 255);
	l = build(sheet, PY_X86_64, newest);
	cr_assert_eq(l->PyThreadState_tracing, 44);
	free(l);
}

Test(tracer_cpython_sheet, collector_of_3_14_changes_with_the_epoch)
{
	struct py_layout *old = build_for(14, 0, 316536), *new = build_for(14, 10, 316616);

	cr_assert_eq(old->gc_kind, PY_GC_INCREMENTAL);
	cr_assert_eq(old->gc_runtime_state_generation0, PY_ABSENT);
	cr_assert_eq(old->PyInterpreterState_obmalloc, 10872);
	cr_assert_eq(new->gc_kind, PY_GC_GENERATIONS);
	cr_assert_eq(new->gc_runtime_state_generation0, 256);
	cr_assert_eq(new->PyInterpreterState_obmalloc, 10904);
	cr_assert_eq(old->gc_runtime_state_generations, new->gc_runtime_state_generations);
	free(old);
	free(new);
}

Test(tracer_cpython_sheet, mutexes_of_aarch64_move_what_follows_a_lock)
{
	const struct py_sheet *sheet = sheet_find(12);
	const struct py_epoch *epoch = sheet_epoch(sheet, PY_AARCH64, 459960, 1);
	struct py_layout *l = build(sheet, PY_AARCH64, epoch);

	cr_assert_eq(l->PyInterpreterState_obmalloc, 3976);
	cr_assert_eq(l->PyInterpreterState_gc, 112);
	cr_assert_eq(l->_PyRuntimeState__main_interpreter, 76392);
	free(l);
}

Test(tracer_cpython_sheet, every_trait_is_set)
{
	for (size_t i = 0; i < py_sheets_count; i++) {
		const struct py_layout *l = py_sheets[i]->layout;

		cr_assert(l->refcount && l->int_repr && l->dict_keys && l->dict_values &&
			  l->instance_dict && l->weakref_list && l->static_types && l->gc_home &&
			  l->gc_kind && l->gc_stats_kind && l->gc_immortals && l->frame_kind &&
			  l->frame_locals && l->line_kind && l->tstate_kind && l->allocator_home &&
			  l->obmalloc_home && l->arena_lookup && l->free_lists &&
			  l->tracemalloc_home && l->tracemalloc_table && l->tracemalloc_filename);
		cr_assert(l->lasti_scale && l->arena_bytes && l->pool_bytes && l->block_align);
	}
}
