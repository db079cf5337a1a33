/* SPDX-License-Identifier: MIT */
/*
 * Tests of pytest as figures with rules. A rule about tests is a rule about each test its
 * pattern matches; those that break it are findings of their own, the others one together.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/check_private.h"

/* ---- figures ---- */

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct check_test *)a)->id, ((const struct check_test *)b)->id);
}

void check_tests_sort(struct check_figures *f)
{
	vec_sort(&f->tests, by_id);
}

static struct check_test *find_among(const struct check_figures *f, size_t sorted, const char *id)
{
	const struct check_test key = { .id = id };
	return sorted ? bsearch(&key, f->tests.at, sorted, sizeof key, by_id) : NULL;
}

const struct check_test *check_test_find(const struct check_figures *f, const char *id)
{
	return f ? find_among(f, f->tests.len, id) : NULL;
}

struct check_test *check_test_of(struct check_figures *f, const char *id)
{
	struct check_test *t = vec_add(&f->tests);
	if (!t)
		return NULL;
	t->id = arena_str(&f->arena, id, strlen(id));
	if (t->id)
		return t;
	f->tests.len--;
	return NULL;
}

static int put_place(struct check_figures *f, const char *root, const char *file,
		     const char *function, uint32_t line, struct check_place *ret, struct err *err)
{
	char name[512];
	check_file_name(file, root, name, sizeof name);
	function = check_function_name(function);
	ret->file = arena_str(&f->arena, name, strlen(name));
	ret->function = arena_str(&f->arena, function, strlen(function));
	ret->line = line;
	return ret->file && ret->function ? 0 : err_nomem(err);
}

/* Sites of a test by the place in its own code; two of one place are one. */
static int put_sites(struct check_figures *f, const struct recording *r, const char *root,
		     const struct fact_test_site *sites, uint32_t n, struct check_test *t, size_t k,
		     struct err *err)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct stack_site *s = stacks_site(&r->stacks, sites[i].site);
		struct check_place *p = &t->places[k][t->nplaces[k]];
		struct check_where w;
		size_t same = 0;
		if (!s || !check_place_of(&r->stacks, s->stack, &w))
			continue;
		int rc = put_place(f, root, w.frame.file, w.frame.function, w.frame.line, p, err);
		if (rc < 0)
			return rc;
		p->value = (double)sites[i].bytes;
		while (same < t->nplaces[k] && (strcmp(t->places[k][same].file, p->file) != 0 ||
						strcmp(t->places[k][same].function, p->function) != 0))
			same++;
		if (same < t->nplaces[k])
			t->places[k][same].value += p->value;
		else
			t->nplaces[k]++;
	}
	return 0;
}

/* known: tests of earlier runs, sorted. Ids of one run are unique. */
static int put_test(struct check_figures *f, size_t known, const struct recording *r,
		    const char *root, const struct test_case *c, struct err *err)
{
	const struct fact_test *fact = &c->fact;
	const double figures[CHECK_TEST_FIGURES] = {
		[CHECK_TEST_PEAK] = (double)fact->peak_bytes,
		[CHECK_TEST_LEAKED] = (double)fact->kept_bytes,
		[CHECK_TEST_ALLOC_BYTES] = (double)fact->alloc_bytes,
		[CHECK_TEST_ALLOCS] = (double)fact->alloc_blocks,
	};
	struct check_test *t = find_among(f, known, fact->id);
	int rc = 0;
	if (!t) {
		t = check_test_of(f, fact->id);
		if (!t)
			return err_nomem(err);
		rc = put_place(f, root, c->file, c->function, c->line, &t->own, err);
		if (rc == 0)
			rc = put_sites(f, r, root, fact->peak, fact->npeak, t, 0, err);
		if (rc == 0)
			rc = put_sites(f, r, root, fact->kept, fact->nkept, t, 1, err);
	}
	for (size_t k = 0; rc == 0 && k < CHECK_TEST_FIGURES; k++)
		if (t->figure[k].runs.len < CHECK_RUNS_MAX &&
		    vec_push(&t->figure[k].runs, figures[k]) < 0)
			rc = err_nomem(err);
	return rc;
}

int check_tests_add(struct check_figures *f, const struct recording *r, const char *root,
		    struct err *err)
{
	size_t known = f->tests.len;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < r->cases.rows.len; i++)
		rc = put_test(f, known, r, root, &r->cases.rows.at[i], err);
	check_tests_sort(f);
	return rc;
}

/* ---- judgement ---- */

static enum check_test_figure figure_of(const struct check_rule *rule)
{
	enum check_kind of = rule->metric.of;
	return of == CHECK_LEAKED      ? CHECK_TEST_LEAKED :
	       of == CHECK_ALLOC_BYTES ? CHECK_TEST_ALLOC_BYTES :
	       of == CHECK_ALLOCS      ? CHECK_TEST_ALLOCS :
					 CHECK_TEST_PEAK;
}

/* Suppressions of tests name a figure, so that none of a site takes a whole test out. */
static bool suppressed(const struct check_question *q, const struct check_rule *rule,
		       const struct check_test *t)
{
	const char *figure = check_test_figures[figure_of(rule)];
	for (size_t i = 0; i < q->nsuppressions; i++) {
		struct check_suppression *s = &q->suppressions[i];
		if (s->expired || strncmp(s->metric, "test:", 5) != 0 ||
		    (strcmp(s->metric + 5, figure) != 0 && strcmp(s->metric + 5, "*") != 0) ||
		    fnmatch(s->site, t->id, 0) != 0)
			continue;
		s->used++;
		return true;
	}
	return false;
}

static void find_culprits(const struct check_test *t, struct check_finding *f)
{
	size_t k = f->kind == CHECK_LEAKED ? 1 : 0;
	for (size_t i = 0; i < t->nplaces[k]; i++) {
		const struct check_place *p = &t->places[k][i];
		f->culprits[f->nculprits++] = (struct check_culprit){ .file = p->file,
								      .function = p->function,
								      .line = p->line,
								      .now = p->value,
								      .alone = true };
	}
	if (f->nculprits || !t->own.file)
		return;
	f->culprits[f->nculprits++] = (struct check_culprit){ .file = t->own.file,
							      .function = t->own.function,
							      .line = t->own.line,
							      .base = f->base,
							      .now = f->now,
							      .alone = !f->have_base };
}

static int name_finding(struct check_answer *ret, const struct check_test *t,
			struct check_finding *f, struct err *err)
{
	const char *figure = check_test_figures[figure_of(f->rule)];
	size_t n = strlen("test:") + strlen(t->id) + 1 + strlen(figure) + 1;
	char *name = arena_alloc(&ret->arena, n);
	if (!name)
		return err_nomem(err);
	snprintf(name, n, "test:%s:%s", t->id, figure);
	f->name = name;
	return 0;
}

struct judged {
	struct check_finding finding;
	const struct check_test *test;
};

static int worst_first(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;
	double dx = x->finding.now - x->finding.allowed, dy = y->finding.now - y->finding.allowed;
	if (x->finding.verdict != y->finding.verdict)
		return x->finding.verdict < y->finding.verdict ? 1 : -1;
	return dx > dy ? -1 : dx < dy ? 1 : strcmp(x->test->id, y->test->id);
}

/* Those that are told as findings of their own, the others of each verdict as one. */
static int tell(const struct judged *all, size_t n, struct check_answer *ret, struct err *err)
{
	size_t shown = 0, rest = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		struct check_finding f = all[i].finding;
		bool guilty = check_wants_culprits(&f);
		bool alone = (guilty || f.verdict == CHECK_NOT_PROVEN) && shown < CHECK_TESTS_SHOWN;
		int rc = 0;
		if (!alone && rest != SIZE_MAX && ret->findings.at[rest].verdict == f.verdict) {
			ret->findings.at[rest].alike++;
			continue;
		}
		if (alone) {
			shown++;
			if (guilty)
				find_culprits(all[i].test, &f);
			rc = name_finding(ret, all[i].test, &f, err);
		} else {
			f.alike = 1;
			f.name = f.rule->metric.name;
			rest = ret->findings.len;
		}
		if (rc < 0)
			return rc;
		if (vec_push(&ret->findings, f) < 0)
			return err_nomem(err);
	}
	return 0;
}

int check_judge_tests(const struct check_question *q, const struct check_rule *rule,
		      struct check_answer *ret, struct err *err)
{
	enum check_test_figure k = figure_of(rule);
	size_t n = 0, seen = 0;
	AUTO_FREE struct judged *all = calloc(q->now->tests.len + 1, sizeof *all);
	if (!all)
		return err_nomem(err);
	for (size_t i = 0; i < q->now->tests.len; i++) {
		const struct check_test *t = &q->now->tests.at[i];
		if (!check_test_matches(&rule->metric, t->id) || t->figure[k].runs.len == 0)
			continue;
		seen++;
		if (suppressed(q, rule, t))
			continue;
		const struct check_test *base = check_test_find(q->base, t->id);
		struct check_compared c = { .now = &t->figure[k],
					    .base = base ? &base->figure[k] : NULL };
		all[n].finding.rule = rule;
		all[n].test = t;
		check_judge_one(q, &c, &all[n++].finding);
	}
	if (seen == 0)
		return err_set(err, ERR_USAGE, "no test of pytest ran that matches %.120s",
			       rule->metric.name);
	qsort(all, n, sizeof *all, worst_first);
	return tell(all, n, ret, err);
}
