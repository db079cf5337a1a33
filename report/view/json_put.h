/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) as it goes: keys, brackets, commas. Shared by the files of the JSON
 * view; knows nothing of what is said. name NULL: an element of an array.
 */
#ifndef PYMEMPROF_REPORT_VIEW_JSON_PUT_H
#define PYMEMPROF_REPORT_VIEW_JSON_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/model/recording.h"
#include "report/view/out.h"

/* What is open: `first` says whether the next value needs no comma. */
struct json {
	struct out *out;
	bool first;
};

void json_key(struct json *j, const char *name);
void json_open(struct json *j, const char *name, char bracket);
void json_close(struct json *j, char bracket);
void json_number(struct json *j, const char *name, uint64_t v);
void json_fraction(struct json *j, const char *name, double v, int digits);
void json_bool(struct json *j, const char *name, bool v);
void json_nothing(struct json *j, const char *name);
void json_text(struct json *j, const char *name, const char *text, size_t n);
void json_element(struct json *j, const char *word); /* of an array */
void json_word(struct json *j, const char *name, const char *word);

/* Members types, size_classes, arenas, ledger, gc … of the newest snapshot; null without one. */
int json_heap(struct json *j, const struct recording *r, const char *path, struct err *err) MUST_CHECK;

/* Members graph, holders, paths, refcounts, modules; and asked, when what is not NULL. */
int json_holders(struct json *j, const struct heap_model *m, const char *what,
		 struct err *err) MUST_CHECK;

/* Member leaks; rank: stack → index into sites. */
int json_leaks(struct json *j, const struct recording *r, const uint32_t *rank,
	       struct err *err) MUST_CHECK;

#endif
