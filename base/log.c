/* SPDX-License-Identifier: MIT */
/*
 * Debug lines. Each is formatted into a fixed buffer and written at once, so that lines of
 * parent and child do not interleave.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint32_t log_mask;

static const char *const names[LOG_DOMAINS] = {
	[LOG_MEM] = "mem",	 [LOG_PTRACE] = "ptrace",   [LOG_ELF] = "elf",
	[LOG_PYTHON] = "python", [LOG_HEAP] = "heap",	    [LOG_AGENT] = "agent",
	[LOG_STREAM] = "stream", [LOG_SESSION] = "session", [LOG_REPORT] = "report",
};

static uint32_t mask_of(const char *name, size_t n)
{
	if (n == 3 && memcmp(name, "all", 3) == 0)
		return (UINT32_C(1) << LOG_DOMAINS) - 1;
	for (unsigned i = 0; i < LOG_DOMAINS; i++) {
		if (strlen(names[i]) == n && memcmp(name, names[i], n) == 0)
			return UINT32_C(1) << i;
	}
	return 0;
}

uint32_t log_init(const char *list)
{
	log_mask = 0;
	while (list && *list) {
		size_t n = strcspn(list, ", ");

		log_mask |= mask_of(list, n);
		list += n;
		list += strspn(list, ", ");
	}
	return log_mask;
}

void log_line(enum log_domain domain, const char *fmt, ...)
{
	int saved = errno;
	char line[512];
	va_list ap;
	size_t at;
	int n;

	n = snprintf(line, sizeof(line), "%s: ", names[domain]);
	at = n > 0 ? (size_t)n : 0;
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		at += (size_t)n < sizeof(line) - at - 1 ? (size_t)n : sizeof(line) - at - 2;
	line[at++] = '\n';
	if (write(STDERR_FILENO, line, at) < 0)
		errno = 0; /* nowhere to say it */
	errno = saved;
}
