/* SPDX-License-Identifier: MIT */
/*
 * The undo stack. It keeps order and nothing else: what an entry does is its owner's business,
 * and an entry that fails does not keep the older ones from running.
 */
#include "tracer/process/undo.h"

int undo_push(struct undo *u, const char *what, int (*fn)(void *, uint64_t, uint64_t, struct err *),
	      void *ctx, uint64_t a, uint64_t b, struct err *err)
{
	if (u->depth >= UNDO_MAX)
		return err_set(err, ERR_NOMEM, "undo stack is full at \"%s\"", what);
	u->entry[u->depth] = (struct undo_entry){ fn, ctx, a, b, what };
	/* A signal handler may run the stack: the entry must be whole before it counts. */
	__atomic_signal_fence(__ATOMIC_RELEASE);
	u->depth++;
	return 0;
}

void undo_drop(struct undo *u)
{
	if (u->depth > 0)
		u->depth--;
}

int undo_run(struct undo *u, int mark, struct err *err)
{
	int first = 0;

	while (u->depth > mark && u->depth > 0) {
		/* Dropped before it runs, so an inverse that crashes is not tried for ever. */
		struct undo_entry *e = &u->entry[--u->depth];
		struct err one = ERR_INIT;
		int r = e->fn(e->ctx, e->a, e->b, &one);

		if (r < 0 && first == 0) {
			first = err_wrap(&one, r, "undo \"%s\"", e->what);
			if (err)
				*err = one;
		}
	}
	return first;
}
