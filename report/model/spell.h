/* SPDX-License-Identifier: MIT */
/*
 * Figures inside sentences of models, spelled as the views spell theirs in columns: one rule, which
 * report/view/units.c calls and report/web/units.js follows.
 */
#ifndef PYMEMPROF_REPORT_MODEL_SPELL_H
#define PYMEMPROF_REPORT_MODEL_SPELL_H

#include <stddef.h>
#include <stdint.h>

#define SPELL_MAX 32

struct spell {
	char text[SPELL_MAX];
};

/* "41,200" into buf, which is returned. */
const char *spell_count(struct spell *buf, uint64_t count);

/*
 * v >= 0 bytes: "512 B", "1.0 KiB", "998 KiB"; from 999.5 of a unit on the next one is used, one decimal
 * below ten. Returns buf.
 */
const char *spell_bytes(struct spell *buf, double v);

#endif
