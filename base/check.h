/* SPDX-License-Identifier: MIT */
/*
 * The assertion of this project: always compiled in, for bugs only, never reachable from
 * target bytes or user input. Before it aborts it runs one registered hook, which puts the
 * target back as it was found.
 */
#ifndef PYMEMPROF_BASE_CHECK_H
#define PYMEMPROF_BASE_CHECK_H

/*
 * Register the hook run once before abort; NULL removes it. It runs at whatever depth the
 * check failed, so it must not allocate. A failed check inside the hook aborts at once.
 */
typedef void check_hook_fn(void *ctx);
void check_set_hook(check_hook_fn *hook, void *ctx);

/* Run the registered hook, at most once; also for handlers of fatal signals. */
void check_run_hook(void);

void check_failed(const char *what, const char *file, int line, const char *func)
	__attribute__((noreturn, cold));

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			check_failed(#cond, __FILE__, __LINE__, __func__);                         \
	} while (0)

#endif
