/* SPDX-License-Identifier: MIT */
/*
 * Figures as people read them: bytes in powers of 1024, counts with separators, times.
 * Every function writes into the caller's buffer and returns it, so it can stand in an
 * argument list. Exact bytes belong in JSON and CSV, never here.
 */
#ifndef PYMEMPROF_REPORT_VIEW_UNITS_H
#define PYMEMPROF_REPORT_VIEW_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_MAX 32

struct units {
	char text[UNITS_MAX];
};

/* "0 B", "1023 B", "1.0 KiB", "9.9 MiB", "512 MiB"; from 999.5 of a unit on the next one is used. */
const char *units_bytes(struct units *buf, uint64_t bytes);

/* The same with a sign, "+1.5 KiB", "-12 B"; zero has none. */
const char *units_delta(struct units *buf, double bytes);

/* "+0.32 MiB/s". Values below half a byte a second are "0 B/s". */
const char *units_rate(struct units *buf, double bytes_per_second);

/* "41,200". */
const char *units_count(struct units *buf, uint64_t count);

/* The same up to 9,999,999; above that "50.6 M", "1.2 G" in powers of 1000: at most nine columns. */
const char *units_count_short(struct units *buf, uint64_t count);

/* "17 us", "2.0 ms", "9.3 s", "118 s", "10 min", "3.2 h": two significant digits or more. */
const char *units_duration(struct units *buf, uint64_t ns);

/* part of whole as "97", "0.3", "<0.1"; "-" when whole is 0. No sign. */
const char *units_percent(struct units *buf, uint64_t part, uint64_t whole);

#endif
