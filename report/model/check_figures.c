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

bool check_place_of(const struct stacks *s, uint32_t stack, struct check_where *ret)
{
	struct stack_text f;
	uint32_t place = s->stacks.at[stack];
	bool own = false, found = false;
	memset(ret, 0, sizeof *ret);
	while (stacks_next(s, &place, &f)) {
		bool mine = check_own_code(f.file), part = check_inlined_later(f.function);
		ret->importing |= strncmp(f.file, "<frozen importlib", 17) == 0;
		if (!found || (!own && mine)) {
			ret->frame = f;
			own = mine && !part;
		} else if (own && mine && !part && !ret->has_caller &&
			   (strcmp(f.function, ret->frame.function) != 0 ||
			    strcmp(f.file, ret->frame.file) != 0)) {
			ret->caller = f;
			ret->has_caller = true;
		}
		found = true;
	}
	return found;
}

int check_by_site(const void *a, const void *b)
{
	const struct check_site *x = a, *y = b;
	int c = strcmp(x->file, y->file);
	return c ? c : strcmp(x->function, y->function);
}

/* A stack before its like are one: a site of one line and one caller. */
struct whole {
	struct check_site site;
	struct check_part part;
};

struct wholes VEC(struct whole);

static int by_part(const void *a, const void *b)
{
	const struct whole *x = a, *y = b;
	int c = check_by_site(&x->site, &y->site);
	if (c == 0)
		c = x->part.line < y->part.line ? -1 : x->part.line > y->part.line;
	if (c == 0)
		c = strcmp(x->part.file, y->part.file);
	return c ? c : strcmp(x->part.caller, y->part.caller);
}

static double weight(const double *value)
{
	return value[CHECK_PEAK] + value[CHECK_ALLOC_BYTES];
}

static void add_values(double *sum, const double *value)
{
	for (size_t k = 0; k < CHECK_SITE_KINDS; k++)
		sum[k] += value[k];
}

/* Into sites and parts, in order; a site has the line, a part its caller's, of the largest share. */
static int merge(struct wholes *all, struct check_figures *f, struct err *err)
{
	double largest = 0, largest_call = 0;
	vec_sort(all, by_part);
	for (size_t i = 0; i < all->len; i++) {
		const struct whole *w = &all->at[i], *last = i ? w - 1 : NULL;
		double heavy = weight(w->part.value);
		if (!last || check_by_site(&last->site, &w->site) != 0) {
			if (vec_push(&f->sites, w->site) < 0)
				return err_nomem(err);
			vec_last(&f->sites)->part = (uint32_t)f->parts.len;
			largest = 0;
			last = NULL;
		}
		if (!last || by_part(last, w) != 0) {
			if (vec_push(&f->parts, w->part) < 0)
				return err_nomem(err);
			vec_last(&f->sites)->nparts++;
			largest_call = heavy;
		} else {
			add_values(vec_last(&f->parts)->value, w->part.value);
			if (heavy > largest_call) {
				largest_call = heavy;
				vec_last(&f->parts)->caller_line = w->part.caller_line;
			}
		}
		add_values(vec_last(&f->sites)->value, w->part.value);
		if (heavy > largest) {
			largest = heavy;
			vec_last(&f->sites)->line = w->part.line;
		}
	}
	return 0;
}

static int put_names(struct check_figures *f, const struct stack_text *frame, const char *root,
		     const char **ret_file, const char **ret_function, struct err *err)
{
	char name[512];
	check_file_name(frame->file, root, name, sizeof name);
	const char *function = check_function_name(frame->function);
	*ret_file = arena_str(&f->arena, name, strlen(name));
	*ret_function = arena_str(&f->arena, function, strlen(function));
	return *ret_file && *ret_function ? 0 : err_nomem(err);
}

static int add_whole(struct check_figures *f, const struct check_where *w, const char *root,
		     const double *value, struct wholes *all, struct err *err)
{
	struct whole one = { .site = { .line = w->frame.line },
			     .part = { .file = "", .caller = "", .line = w->frame.line } };
	int rc = put_names(f, &w->frame, root, &one.site.file, &one.site.function, err);
	if (rc == 0 && w->has_caller) {
		rc = put_names(f, &w->caller, root, &one.part.file, &one.part.caller, err);
		one.part.caller_line = w->caller.line;
	}
	if (rc < 0)
		return rc;
	memcpy(one.part.value, value, sizeof one.part.value);
	return vec_push(all, one) < 0 ? err_nomem(err) : 0;
}

/* Seen to its very end; its stream may end a moment before it is seen to have ended. */
static bool has_ended(const struct recording *r)
{
	return r->totals.end == FACT_END_EXITED ||
	       (r->totals.target.from_start && r->totals.end == FACT_END_STREAM_CLOSED);
}

/* A program that ended left what it left; in one that runs only what grows without end is a leak. */
static bool is_leak(const struct recording *r, uint32_t stack, const struct check_where *w)
{
	if (has_ended(r))
		return !w->importing;
	for (size_t i = 0; i < r->nsuspects; i++)
		if (r->suspects[i] == stack)
			return true;
	return false;
}

/* The sites of the run before, for those of the next. */
static int put_away(struct check_figures *f, struct err *err)
{
	if (f->sites.len == 0)
		return 0;
	struct check_run_sites *run = vec_add(&f->other_runs);
	if (!run)
		return err_nomem(err);
	run->peak = f->sites_peak;
	memcpy(&run->sites, &f->sites, sizeof run->sites);
	memcpy(&run->parts, &f->parts, sizeof run->parts);
	memset(&f->sites, 0, sizeof f->sites);
	memset(&f->parts, 0, sizeof f->parts);
	return 0;
}

/* A median is judged: what makes it up is told by the run that is nearest to it. */
static void take_middle(struct check_figures *f)
{
	const struct check_series *peak = check_series_find(f, "peak");
	double middle = peak ? check_median(peak) : 0;
	for (size_t i = 0; i < f->other_runs.len; i++) {
		struct check_run_sites *run = &f->other_runs.at[i], was = { .peak = f->sites_peak };
		if (fabs(run->peak - middle) >= fabs(f->sites_peak - middle))
			continue;
		memcpy(&was.sites, &f->sites, sizeof was.sites);
		memcpy(&was.parts, &f->parts, sizeof was.parts);
		memcpy(&f->sites, &run->sites, sizeof f->sites);
		memcpy(&f->parts, &run->parts, sizeof f->parts);
		f->sites_peak = run->peak;
		*run = was;
	}
}

/* Each site's bytes at the peak are written at the end. Without one the peak is what is live, or more. */
static bool peak_is_cut(const struct recording *r)
{
	uint64_t peak = 0, live = 0;
	for (size_t i = 0; i < r->stacks.stacks.len; i++) {
		peak |= r->by_stack[i].peak_bytes;
		live |= counters_live_bytes(&r->by_stack[i]);
	}
	return peak == 0 && live > 0;
}

/*
 * They are those of the peak of all memory. What is counted here leaves out what has no frame: with more
 * of it live at the end than then it was highest later, and nothing tells how high.
 */
static bool peak_was_later(const struct recording *r)
{
	uint64_t peak = 0, live = 0;
	for (size_t i = 0; i < r->stacks.stacks.len; i++) {
		if (r->stacks.stacks.at[i] < STACKS_FIRST)
			continue;
		peak += r->by_stack[i].peak_bytes;
		live += counters_live_bytes(&r->by_stack[i]);
	}
	return live > peak;
}

static int sum_sites(struct check_figures *f, const struct recording *r, const char *root,
		     double *sum, struct err *err)
{
	struct wholes all = VEC_INIT;
	bool no_peak = peak_is_cut(r), later = peak_was_later(r);
	int rc = 0;
	if (later)
		f->peak_most = fmax(f->peak_most, r->totals.have_totals ? (double)r->totals.totals.peak_bytes :
									  INFINITY);
	f->cut |= no_peak || !r->totals.have_end || r->totals.end == FACT_END_TRUNCATED;
	for (size_t i = 0; rc == 0 && i < r->stacks.stacks.len; i++) {
		struct check_where w;
		const struct counters *c = &r->by_stack[i];
		double live = (double)counters_live_bytes(c);
		double v[CHECK_SITE_KINDS] = { [CHECK_ALLOC_BYTES] = (double)c->alloc_bytes,
					       [CHECK_ALLOCS] = (double)c->alloc_blocks,
					       [CHECK_PEAK] = later ? live : (double)c->peak_bytes,
					       [CHECK_LIVE] = live };
		if (!check_place_of(&r->stacks, (uint32_t)i, &w))
			continue;
		v[CHECK_LEAKED] = is_leak(r, (uint32_t)i, &w) ? live : 0;
		add_values(sum, v);
		if (c->alloc_bytes || v[CHECK_PEAK] > 0)
			rc = add_whole(f, &w, root, v, &all, err);
	}
	if (rc == 0)
		rc = put_away(f, err);
	if (rc == 0)
		rc = merge(&all, f, err);
	f->sites_peak = sum[CHECK_PEAK];
	vec_deinit(&all);
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

/* Of a program that runs, or did when its recording ended, time must tell what is a leak. */
static void find_unknown(struct check_figures *f, const struct recording *r)
{
	bool cut = !r->totals.have_end || r->totals.end == FACT_END_TRUNCATED;
	bool nothing = cut && r->totals.totals.alloc_blocks == 0;
	bool brief = r->overall.class == GROWTH_SHORT && !has_ended(r);
	for (size_t k = 0; nothing && k <= CHECK_LEAK_RATE; k++)
		f->unknown[k] = CHECK_NOTHING_RECORDED;
	if (cut && r->timeline.rss_max_bytes == 0)
		f->unknown[CHECK_RSS_PEAK] = CHECK_NOTHING_RECORDED;
	if (!nothing && brief && r->nsuspects == 0 && r->totals.end != FACT_END_EXECED) /* which keeps nothing */
		f->unknown[CHECK_LEAKED] = CHECK_TOO_SHORT;
	if (!nothing && brief)
		f->unknown[CHECK_LEAK_RATE] = CHECK_TOO_SHORT;
}

/* What the recording tells of it: a figure that is not known is no 0. */
static int put_known(struct check_figures *f, const struct recording *r, const double *sum, struct err *err)
{
	static const char *const names[] = { "alloc_bytes", "allocs", "peak", "live", "leaked" };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < CHECK_SITE_KINDS; i++)
		if (!f->unknown[i])
			rc = put(f, names[i], sum[i], err);
	if (rc == 0)
		take_middle(f);
	if (rc == 0 && !f->unknown[CHECK_RSS_PEAK])
		rc = put(f, "rss_peak", (double)r->timeline.rss_max_bytes, err);
	if (rc == 0 && r->totals.end != FACT_END_EXITED && !f->unknown[CHECK_LEAK_RATE])
		rc = put(f, "leak_rate",
			 r->overall.class == GROWTH_LEAKING ? fmax(r->overall.slope_bytes_per_s, 0) : 0,
			 err);
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
	f->attached = !t->from_start;
	int rc = check_shares_add(f, r, err);
	if (rc < 0)
		return rc;
	if (recording_is_snapshot(r)) /* nothing was recorded: there is no figure, which is not 0 */
		return put_asked(f, r, rules, nrules, err);
	find_unknown(f, r);
	rc = sum_sites(f, r, root, sum, err);
	if (rc == 0)
		rc = put_known(f, r, sum, err);
	if (rc == 0)
		rc = check_tests_add(f, r, root, err);
	return rc < 0 ? rc : put_asked(f, r, rules, nrules, err);
}
