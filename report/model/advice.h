/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot says could be saved by a change, and within which bounds. Bounds come from the
 * layout of what is there; tests/integration/advice.py takes the advice and measures.
 */
#ifndef PYMEMPROF_REPORT_MODEL_ADVICE_H
#define PYMEMPROF_REPORT_MODEL_ADVICE_H

#include "report/model/heaps.h"

#define ADVICE_LEAST_BYTES 16384 /* what could not save this much is not said */

enum advice_kind {
	ADVICE_SLOTS,	/* __slots__ on a class */
	ADVICE_TRIM,	/* free pages of the C library */
	ADVICE_COLLECT, /* cycles nothing reaches */
	ADVICE_KINDS,
};

struct advice {
	enum advice_kind kind;
	uint32_t type; /* of ADVICE_SLOTS: index into the model's types */
	struct heap_saving saving;
};

/* By falling least, then most. malloc'ed, n may be 0. Errors: NOMEM. */
int advice_of(const struct heap_model *m, struct advice **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* Is there any of a kind in the list? */
bool advice_has(const struct advice *list, size_t n, enum advice_kind kind);

/* A row each, of the newest snapshot; none without one. Errors: NOMEM. */
int advice_table(const struct heaps *h, size_t top, struct table *ret, struct err *err) MUST_CHECK;

/* Words of ours for a kind. what of ADVICE_SLOTS ends before the name of the class. */
struct advice_words {
	const char *key, *title; /* "slots", "__slots__" */
	const char *what, *risk, *how, *unless, *based;
};
const struct advice_words *advice_words(enum advice_kind kind);

#endif
