/* SPDX-License-Identifier: MIT */
/*
 * From a concluded recording to figures. A site is the innermost frame of the program's own
 * code (no standard library, no installed package) of a stack: what its owner can change, and
 * what is there again after the interpreter was updated.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/model/check_private.h"

static const char *after_last(const char *text, const char *mark)
{
	const char *found = NULL;
	for (const char *p = text; (p = strstr(p, mark)); p++)
		found = p + strlen(mark);
	return found;
}

/* The part of a path behind site-packages or lib/pythonX.Y, or NULL. */
static const char *behind_library(const char *file)
{
	const char *p = after_last(file, "/site-packages/");
	if (!p)
		p = after_last(file, "/dist-packages/");
	if (!p && (p = after_last(file, "/lib/python3")) != NULL)
		p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL;
	return p;
}

void check_file_name(const char *file, const char *root, char *ret, size_t n)
{
	size_t length = strlen(root);
	const char *p = behind_library(file), *at;
	if (!p && length && strncmp(file, root, length) == 0 && file[length] == '/')
		p = file + length + 1;
	if (!p && file[0] == '/') {
		p = file + 1;
		for (at = strrchr(file, '/'); at > file && *(at - 1) != '/'; at--)
			;
		p = at > file ? at : p;
	}
	if (!p)
		p = strncmp(file, "./", 2) == 0 ? file + 2 : file;
	snprintf(ret, n, "%s", p);
}

const char *check_function_name(const char *function)
{
	const char *dot = strrchr(function, '.');
	return dot && dot[1] ? dot + 1 : function;
}

bool check_own_code(const char *file)
{
	return file[0] != '<' && !behind_library(file);
}

/* From 3.12 on these have no frame of their own (PEP 709): what they make is their function's. */
bool check_inlined_later(const char *function)
{
	const char *name = check_function_name(function);
	return strcmp(name, "<listcomp>") == 0 || strcmp(name, "<dictcomp>") == 0 ||
	       strcmp(name, "<setcomp>") == 0;
}

bool check_place_of(const struct stacks *s, uint32_t stack, struct stack_text *ret,
		    bool *ret_importing)
{
	struct stack_text f;
	uint32_t place = s->stacks.at[stack];
	bool own = false, found = false;
	*ret_importing = false;
	while (stacks_next(s, &place, &f)) {
		*ret_importing |= strncmp(f.file, "<frozen importlib", 17) == 0;
		if (!found || (!own && check_own_code(f.file))) {
			*ret = f;
			own = check_own_code(f.file) && !check_inlined_later(f.function);
		}
		found = true;
	}
	return found;
}

struct where {
	struct stack_text frame;
	bool found, importing;
};

static struct where place_of(const struct stacks *s, uint32_t stack)
{
	struct where w = { 0 };
	w.found = check_place_of(s, stack, &w.frame, &w.importing);
	return w;
}

static int by_name(const void *a, const void *b)
{
	const struct check_site *x = a, *y = b;
	int c = strcmp(x->file, y->file);
	return c ? c : strcmp(x->function, y->function);
}

/* Sorted; sites of one name become one, with the line of its largest part. */
static void merge(struct check_figures *f)
{
	size_t kept = 0;
	double largest = 0;
	vec_sort(&f->sites, by_name);
	for (size_t i = 0; i < f->sites.len; i++) {
		struct check_site *s = &f->sites.at[i], *last = kept ? &f->sites.at[kept - 1] : NULL;
		double weight = s->value[CHECK_PEAK] + s->value[CHECK_ALLOC_BYTES];
		if (!last || by_name(last, s) != 0) {
			f->sites.at[kept++] = *s;
			largest = weight;
			continue;
		}
		for (size_t k = 0; k < CHECK_SITE_KINDS; k++)
			last->value[k] += s->value[k];
		if (weight > largest) {
			largest = weight;
			last->line = s->line;
		}
	}
	f->sites.len = kept;
}

static int add_site(struct check_figures *f, const struct where *w, const char *root,
		    const double *value, struct err *err)
{
	char name[512];
	check_file_name(w->frame.file, root, name, sizeof name);
	const char *function = check_function_name(w->frame.function);
	struct check_site s = { .line = w->frame.line,
				.file = arena_str(&f->arena, name, strlen(name)),
				.function = arena_str(&f->arena, function, strlen(function)) };
	memcpy(s.value, value, sizeof s.value);
	return !s.file || !s.function || vec_push(&f->sites, s) < 0 ? err_nomem(err) : 0;
}

/* A program that ended left what it left; in one that runs only what grows without end is a leak. */
static bool is_leak(const struct recording *r, uint32_t stack, const struct where *w)
{
	if (r->totals.end == FACT_END_EXITED || (r->totals.target.from_start &&
						 r->totals.end == FACT_END_STREAM_CLOSED))
		return !w->importing; /* its stream may end a moment before it is seen to have ended */
	for (size_t i = 0; i < r->nsuspects; i++)
		if (r->suspects[i] == stack)
			return true;
	return false;
}

static int sum_sites(struct check_figures *f, const struct recording *r, const char *root,
		     double *sum, struct err *err)
{
	bool first = f->sites.len == 0;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < r->stacks.stacks.len; i++) {
		struct where w = place_of(&r->stacks, (uint32_t)i);
		const struct counters *c = &r->by_stack[i];
		double live = (double)counters_live_bytes(c);
		double v[CHECK_SITE_KINDS] = { [CHECK_ALLOC_BYTES] = (double)c->alloc_bytes,
					       [CHECK_ALLOCS] = (double)c->alloc_blocks,
					       [CHECK_PEAK] = (double)c->peak_bytes,
					       [CHECK_LIVE] = live };
		if (!w.found)
			continue;
		v[CHECK_LEAKED] = is_leak(r, (uint32_t)i, &w) ? live : 0;
		for (size_t k = 0; k < CHECK_SITE_KINDS; k++)
			sum[k] += v[k];
		if (first && (c->alloc_bytes || c->peak_bytes))
			rc = add_site(f, &w, root, v, err);
	}
	if (first)
		merge(f);
	return rc;
}

static int put(struct check_figures *f, const char *name, double v, struct err *err)
{
	struct check_metric m;
	int rc = check_metric_parse(name, strlen(name), &m, err);
	if (rc < 0)
		return rc;
	struct check_series *s = check_series_of(f, &m);
	if (!s || s->runs.len >= CHECK_RUNS_MAX || vec_push(&s->runs, v) < 0)
		return err_nomem(err);
	return 0;
}

static int put_heap(struct check_figures *f, const struct recording *r,
		    const struct check_rule *rule, struct err *err)
{
	const struct heap_model *m = heaps_last(&r->heaps);
	char label[CHECK_NAME_MAX];
	double count = 0;
	if (!m)
		return err_set(err, ERR_USAGE,
			       "%.80s needs a snapshot of the heap, and this recording has none",
			       rule->metric.name);
	if (rule->metric.kind == CHECK_FRAG)
		return put(f, "frag", heap_model_fragmentation(m), err);
	if (rule->metric.kind == CHECK_RETAINED && !m->holders.known)
		return err_set(err, ERR_USAGE, "%.80s: the snapshot does not know who holds what",
			       rule->metric.name);
	if (rule->metric.kind == CHECK_RETAINED)
		return put(f, rule->metric.name,
			   check_retained(m, rule->metric.name + strlen("retained:")), err);
	for (size_t i = 0; i < m->types.len; i++)
		if (strcmp(heap_type_label(&m->types.at[i], label, sizeof label),
			   rule->metric.name + strlen("type:")) == 0)
			count += (double)m->types.at[i].count;
	return put(f, rule->metric.name, count, err);
}

bool check_needs_snapshot(enum check_kind k)
{
	return k == CHECK_FRAG || k == CHECK_TYPE || k == CHECK_RETAINED;
}

static int put_asked(struct check_figures *f, const struct recording *r,
		     const struct check_rule *rules, size_t n, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= strcmp(rules[k].metric.name, rules[i].metric.name) == 0;
		if (!again && check_needs_snapshot(rules[i].metric.kind))
			rc = put_heap(f, r, &rules[i], err);
	}
	return rc;
}

int check_figures_add(struct check_figures *f, const struct recording *r, const char *root,
		      const struct check_rule *rules, size_t nrules, struct err *err)
{
	const struct fact_target *t = &r->totals.target;
	double sum[CHECK_SITE_KINDS] = { 0 };
	snprintf(f->python, sizeof f->python, "%s", t->python_version ? t->python_version : "");
	snprintf(f->implementation, sizeof f->implementation, "%s",
		 t->implementation ? t->implementation : "");
	snprintf(f->arch, sizeof f->arch, "%s", t->arch ? t->arch : "");
	f->word_bytes = t->word_bytes;
	int rc = check_shares_add(f, r, err);
	if (rc < 0)
		return rc;
	if (recording_is_snapshot(r)) /* nothing was recorded: there is no figure, which is not 0 */
		return put_asked(f, r, rules, nrules, err);
	rc = sum_sites(f, r, root, sum, err);
	static const char *const names[] = { "alloc_bytes", "allocs", "peak", "live", "leaked" };
	for (size_t i = 0; rc == 0 && i < CHECK_SITE_KINDS; i++)
		rc = put(f, names[i], sum[i], err);
	if (rc == 0)
		rc = put(f, "rss_peak", (double)r->timeline.rss_max_bytes, err);
	if (rc == 0 && r->totals.end != FACT_END_EXITED)
		rc = put(f, "leak_rate",
			 r->overall.class == GROWTH_LEAKING ? fmax(r->overall.slope_bytes_per_s, 0) : 0,
			 err);
	if (rc == 0)
		rc = check_tests_add(f, r, root, err);
	return rc < 0 ? rc : put_asked(f, r, rules, nrules, err);
}
