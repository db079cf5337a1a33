/* SPDX-License-Identifier: MIT */
/*
 * What a suspect says about itself: the sentence, why it is one, what would make it none, and
 * what acquits it. Every face repeats these words; escaping is theirs.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "report/model/leaks_private.h"
#include "report/model/spell.h"

#define HELD_SO_MOST 950 /* of a thousand: more are all of them, as far as a sample can tell */
#define LINE_TELLS 0.7

/* Places where growing is usual, and what to make of it: how the path begins. */
static const struct custom {
	const char *begins;
	bool bounded; /* it has a limit of its own: nobody is accused */
	const char *words;
} customs[] = {
	{ "re._cache", true, "re's cache of patterns, which is emptied at its limit" },
	{ "re._compile.", true, "re's cache of patterns, which is emptied at its limit" },
	{ "interpreter interned", false, "the strings come from a limited set: they are interned" },
	{ "logging._handler", false, "the handlers are closed later: logging keeps each until then" },
	{ "linecache.cache", false, "the number of source files is limited: it is linecache's cache" },
	{ "sys.modules", false, "modules are still being imported" },
	{ "weakref.finalize", false, "their objects do die: finalizers are kept until then" },
	{ "threading._active", false, "the threads end" },
};

static const struct custom *custom_of(const struct leak *row)
{
	for (size_t i = 0; i < sizeof customs / sizeof *customs; i++)
		if (strncmp(row->path, customs[i].begins, strlen(customs[i].begins)) == 0)
			return &customs[i];
	return NULL;
}

static __attribute__((format(printf, 2, 3))) const char *keep(struct leaks *l, const char *fmt, ...)
{
	AUTO_BUF struct buf text = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	(void)buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return text.failed ? NULL : arena_str(&l->arena, (const char *)text.bytes, text.len);
}

static void put_bytes(struct buf *b, double bytes)
{
	struct spell s;
	(void)buf_str(b, spell_bytes(&s, bytes));
}

static void put_count(struct buf *b, uint64_t n)
{
	struct spell s;
	(void)buf_str(b, spell_count(&s, n));
}

static const char *base_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash && slash[1] ? slash + 1 : file;
}

static void put_what(struct buf *b, const struct leak *row)
{
	if (row->container && *row->type_name) {
		(void)buf_printf(b, "One %s grows by ", row->type_name);
		put_bytes(b, row->bytes_per_s);
		(void)buf_str(b, "/s");
		return;
	}
	put_count(b, row->objects);
	if (*row->type_name)
		(void)buf_printf(b, " object%s of type %s", row->objects == 1 ? "" : "s", row->type_name);
	else
		(void)buf_str(b, row->objects == 1 ? " block" : " blocks");
	if (row->objects_per_s >= 0.05)
		(void)buf_printf(b, row->objects_per_s < 10 ? " (+%.1f/s)" : " (+%.0f/s)",
				 row->objects_per_s);
}

const char *leak_held_share(const struct leak *row, char buf[LEAK_SHARE_MAX])
{
	*buf = '\0';
	if (*row->path && row->held_so <= HELD_SO_MOST)
		snprintf(buf, LEAK_SHARE_MAX, " (%u %% held there)", (row->held_so + 5) / 10);
	return buf;
}

static void put_held(struct buf *b, const struct leaks *l, const struct leak *row)
{
	(void)l;
	switch (row->reach) {
	case LEAK_REACHABLE:
		if (row->held_so <= HELD_SO_MOST)
			(void)buf_printf(b, ", %u %% of them", (row->held_so + 5) / 10);
		else
			(void)buf_str(b, ",");
		(void)buf_printf(b, " held by %s", *row->holder ? row->holder : row->path);
		return;
	case LEAK_UNREACHABLE:
		(void)buf_str(b, ", held only by their own reference cycles");
		return;
	case LEAK_C_REFERENCE:
		(void)buf_str(b, ", held by references that no Python object accounts for: C code");
		return;
	case LEAK_REACH_UNKNOWN:
		return;
	}
}

static const char *say_sentence(struct leaks *l, const struct recording *r, const struct leak *row)
{
	AUTO_BUF struct buf b = BUF_INIT;
	put_what(&b, row);
	if (row->blamed != STACKS_NONE) {
		struct stack_text f = stacks_text(&r->stacks, row->blamed);
		(void)buf_printf(&b, ", %s at %s %s:%u", leak_place_name(row->place), f.function,
				 base_of(f.file), f.line);
	}
	put_held(&b, l, row);
	if (!row->container) {
		(void)buf_str(&b, row->with_parts		    ? ", with all that leaks there " :
				  row->retained_bytes > row->bytes ? ", retain " :
								     ", are ");
		put_bytes(&b, (double)row->retained_bytes);
	}
	(void)buf_str(&b, ".");
	return b.failed ? NULL : arena_str(&l->arena, (const char *)b.bytes, b.len);
}

static const char *say_why(struct leaks *l, const struct recording *r, const struct leak *row)
{
	char reason[GROWTH_REASON_MAX];
	const struct growth_verdict *v = &r->verdicts[row->stack];
	AUTO_BUF struct buf b = BUF_INIT;
	if (v->class == GROWTH_LEAKING)
		(void)buf_str(&b, growth_reason(v, reason));
	else
		(void)buf_str(&b, "they came evenly over the time and stayed; that what holds them doubles "
				  "now and then hides it in the bytes");
	/* Where what holds them doubles a line through bytes explains little, and their ages tell. */
	if (v->class == GROWTH_LEAKING && (v->r2 >= LINE_TELLS || (v->r2 > 0 && !leaks_steady(row->objects, row->early))))
		(void)buf_printf(&b, "; a straight line explains %.0f %% of it", 100 * v->r2);
	if (row->objects > 0 && !row->container && row->early > 0)
		(void)buf_printf(&b, "; %.0f %% of these are from the first half",
				 100.0 * (double)row->early / (double)row->objects);
	if (row->reach == LEAK_UNREACHABLE)
		(void)buf_str(&b, "; nothing reaches them and the collector is off");
	return b.failed ? NULL : arena_str(&l->arena, (const char *)b.bytes, b.len);
}

static const char *say_unless(struct leaks *l, const struct leak *row)
{
	const struct custom *custom = custom_of(row);
	if (custom)
		return custom->words;
	if (row->bound == FACT_BOUND_LRU_CACHE && row->bound_size == 0)
		return keep(l,
			    "the arguments come from a limited set: lru_cache(maxsize=None) forgets "
			    "nothing, %" PRIu64 " results are in it",
			    row->bound_used);
	switch (row->reach) {
	case LEAK_C_REFERENCE:
		return "the C code gives the references back later";
	case LEAK_UNREACHABLE:
		return "somebody calls gc.collect() later";
	case LEAK_REACH_UNKNOWN:
		return "something limits it, or empties it later";
	case LEAK_REACHABLE:
		break;
	}
	if (strstr(row->holder, "deque"))
		return "the consumer of the queue catches up: the deque has no maxlen";
	return "something limits or empties what holds it: no bound was seen, and it was still growing";
}

int leaks_say(struct leaks *l, const struct recording *r, struct leak *row, struct err *err)
{
	row->sentence = say_sentence(l, r, row);
	row->why = say_why(l, r, row);
	row->unless = row->state == LEAK_ACCUSED ? say_unless(l, row) : "";
	return row->sentence && row->why && row->unless ? 0 : err_nomem(err);
}

/* --- acquittals --------------------------------------------------------------------------- */

/* Is the collector of every interpreter on? Unknown counts as on: nobody is accused by it. */
static bool collected(const struct recording *r)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	for (size_t i = 0; m && i < m->gc.len; i++)
		if (!m->gc.at[i].enabled)
			return false;
	return true;
}

static bool site_matches(const struct recording *r, uint32_t stack, const char *pattern)
{
	struct stack_text f;
	uint32_t place = r->stacks.stacks.at[stack];
	char name[1024];
	while (stacks_next(&r->stacks, &place, &f)) {
		snprintf(name, sizeof name, "%s:%s", f.file, f.function);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
		snprintf(name, sizeof name, "%s:%s", base_of(f.file), f.function);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
	}
	return false;
}

static bool suppress(struct leaks *l, const struct recording *r, struct leak *row)
{
	for (size_t i = 0; i < l->suppressions.len; i++) {
		struct leak_suppression *s = &l->suppressions.at[i];
		if (s->expired || (s->type && fnmatch(s->type, row->type_name, 0) != 0) ||
		    (s->site && !site_matches(r, row->stack, s->site) &&
		     (row->put == STACKS_NONE || !site_matches(r, row->put, s->site))))
			continue;
		s->used++;
		row->state = LEAK_SUPPRESSED;
		row->reason = s->reason;
		return true;
	}
	return false;
}

static const char *bound_words(enum fact_bound bound)
{
	switch (bound) {
	case FACT_BOUND_DEQUE:
		return "a deque";
	case FACT_BOUND_LRU_CACHE:
		return "an lru_cache";
	case FACT_BOUND_METHOD_CACHE:
		return "the interpreter's cache of attribute names, which C code fills with new strings,";
	case FACT_BOUND_NONE:
		break;
	}
	return "a container";
}

int leaks_judge(struct leaks *l, const struct recording *r, struct leak *row, struct err *err)
{
	const struct custom *custom = custom_of(row);
	if (suppress(l, r, row))
		return 0;
	if (custom && custom->bounded) {
		row->state = LEAK_ACQUITTED;
		row->reason = custom->words;
		return 0;
	}
	if (row->bound != FACT_BOUND_NONE && row->bound_size > 0) {
		row->state = LEAK_ACQUITTED;
		row->reason = keep(l, "bounded: %s with room for %" PRIu64 ", %" PRIu64 " used",
				   bound_words(row->bound), row->bound_size, row->bound_used);
	} else if (row->reach == LEAK_UNREACHABLE && collected(r)) {
		row->state = LEAK_ACQUITTED;
		row->reason = "garbage in cycles that waits for the collector, which is on";
	}
	return row->reason ? 0 : err_nomem(err);
}
