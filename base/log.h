/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics for developers: PYMEMPROF_DEBUG=mem,ptrace (or all) sends lines of those
 * domains to standard error. Never used for errors or results; silent unless asked for.
 */
#ifndef PYMEMPROF_BASE_LOG_H
#define PYMEMPROF_BASE_LOG_H

#include <stdint.h>

enum log_domain {
	LOG_MEM,
	LOG_PTRACE,
	LOG_ELF,
	LOG_PYTHON,
	LOG_HEAP,
	LOG_AGENT,
	LOG_STREAM,
	LOG_SESSION,
	LOG_REPORT,
	LOG_DOMAINS, /* number of domains */
};

/* Bit per domain; the only global mutable state. */
extern uint32_t log_mask;

/*
 * Set the mask from a list like "mem,heap" or "all"; NULL or "" is none. Unknown names are
 * ignored. Returns the mask. main calls it once with getenv("PYMEMPROF_DEBUG").
 */
uint32_t log_init(const char *list);

/* One line: "mem: text\n". Preserves errno. */
void log_line(enum log_domain domain, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Arguments are not evaluated when the domain is off. */
#define LOG(domain, ...)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(log_mask & (UINT32_C(1) << (domain)), 0))                     \
			log_line((domain), __VA_ARGS__);                                           \
	} while (0)

#endif
