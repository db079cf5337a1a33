/* SPDX-License-Identifier: MIT */
/*
 * Figures per run of a test. What the peak of a run consists of, and what was alive when the last
 * test had ended, are both found in one pass by the ledger's trick: a figure is set aside before
 * its first change after the instant that matters.
 */
#include "tracer/stream/tests.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/strtab.h"
#include "base/utf8.h"

#define MOMENT_MS 10 /* blocks of one run born within so long may share a moment */

/* A figure, and what it was when the last test that has ended so far ended. */
struct kept {
	uint64_t now, then;
	uint32_t ends; /* `then` is of this end; else nothing changed since */
};

struct kept_site {
	uint32_t site;
	struct kept bytes;
};

struct run {
	uint32_t test;
	uint32_t next; /* of the same test; 0: the last */
	uint64_t first_ns, end_ns;
	uint64_t live_bytes, live_blocks, left_bytes, left_blocks;
	uint64_t peak_bytes;
	struct kept kept_bytes, kept_blocks;
	struct fact_test_phase phase[FACT_TEST_PHASES];
	uint32_t npeak, nkept;
	struct fact_test_site peak[FACT_TEST_SITES];
	struct kept_site kept[FACT_TEST_SITES];
};

/* What a site has of the run that goes on. */
struct run_site {
	uint32_t run;
	uint32_t peak_gen;
	uint64_t live, peak;
	uint64_t kept;
};

struct tests_private {
	struct strtab *ids;
	struct VEC(uint32_t) by_id;  /* string → test */
	struct VEC(struct run) runs; /* run − 1 */
	struct VEC(uint32_t) name, first, last; /* test − 1 → string, first and last run */
	struct VEC(struct run_site) sites;
	struct VEC(uint32_t) touched;
	uint32_t peak_gen, ends;
	unsigned phase;
	bool ran_teardown;
	uint64_t at_ns; /* of the newest label: time never runs backwards */
	uint64_t lost; /* runs beyond TESTS_RUNS_MAX */
	struct buf text;
};

int tests_init(struct tests *t, struct err *err)
{
	*t = (struct tests){ 0 };
	t->p = calloc(1, sizeof *t->p);
	if (!t->p)
		return err_nomem(err);
	t->p->ends = 1;
	int r = strtab_new(&t->p->ids, err);
	if (r < 0)
		tests_deinit(t);
	return r;
}

void tests_deinit(struct tests *t)
{
	if (!t)
		return;
	vec_deinit(&t->moments);
	vec_deinit(&t->sites);
	if (t->p) {
		strtab_free(t->p->ids);
		vec_deinit(&t->p->by_id);
		vec_deinit(&t->p->runs);
		vec_deinit(&t->p->name);
		vec_deinit(&t->p->first);
		vec_deinit(&t->p->last);
		vec_deinit(&t->p->sites);
		vec_deinit(&t->p->touched);
		buf_deinit(&t->p->text);
		free(t->p);
	}
	*t = (struct tests){ 0 };
}

/* --- whose code? -------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && memcmp(s + n - m, tail, m) == 0;
}

static const char *last_name(const char *function)
{
	const char *dot = strrchr(function, '.');

	return dot && dot[1] ? dot + 1 : function;
}

/* From these functions pytest, or a plug-in in its place, calls what belongs to a test. */
static bool calls_tests(const char *function, const char *file)
{
	static const struct {
		const char *function, *file; /* file "": any */
	} callers[] = {
		{ "pytest_pyfunc_call", "" },
		{ "call_fixture_func", "_pytest/fixtures.py" },
		{ "_teardown_yield_fixture", "_pytest/fixtures.py" },
		{ "runtest", "_pytest/unittest.py" },
		{ "runtest", "_pytest/doctest.py" },
	};
	const char *name = last_name(function);

	for (size_t i = 0; i < sizeof callers / sizeof *callers; i++)
		if (strcmp(name, callers[i].function) == 0 && ends_with(file, callers[i].file))
			return true;
	return false;
}

unsigned tests_kind(const char *function, const char *file)
{
	return (calls_tests(function, file) ? TESTS_CALLER : 0) |
	       (ends_with(file, "/conftest.py") ? TESTS_CONFTEST : 0) |
	       (strncmp(file, "<frozen importlib", 17) == 0 ? TESTS_IMPORTLIB : 0) |
	       (strstr(file, "/_pytest/") ? TESTS_PYTEST : 0);
}

unsigned tests_whose(const uint8_t *kinds, uint32_t n, bool truncated)
{
	unsigned import = 0;
	bool pytest = false;

	for (uint32_t i = 0; i < n; i++) {
		if ((i > 0 && (kinds[i] & TESTS_CALLER)) || (kinds[i] & TESTS_CONFTEST))
			return TESTS_OWN | import;
		if (kinds[i] & TESTS_IMPORTLIB)
			import = TESTS_IMPORT;
		pytest |= (kinds[i] & TESTS_PYTEST) != 0;
	}
	/* without pytest below it: another thread */
	return n > 0 && !pytest && !truncated ? TESTS_OWN | import : 0;
}

int tests_define(struct tests *t, uint32_t site, unsigned whose, struct err *err)
{
	if (site >= t->sites.len) {
		size_t more = site + 1 - t->sites.len;
		if (vec_reserve(&t->sites, more) < 0)
			return err_nomem(err);
		memset(t->sites.at + t->sites.len, 0, more);
		t->sites.len += more;
	}
	t->sites.at[site] = (uint8_t)whose;
	return 0;
}

/* --- runs --------------------------------------------------------------------------------- */

static struct run *run_of(const struct tests *t, uint32_t run)
{
	return run > 0 && run <= t->p->runs.len ? &t->p->runs.at[run - 1] : NULL;
}

static void change(const struct tests *t, struct kept *k, int64_t by)
{
	if (k->ends != t->p->ends) {
		k->ends = t->p->ends;
		k->then = k->now;
	}
	k->now += (uint64_t)by;
}

static uint64_t kept_of(const struct tests *t, const struct kept *k)
{
	return k->ends == t->p->ends ? k->then : k->now;
}

/* Into a list of at most FACT_TEST_SITES, largest first. Its length. */
static uint32_t keep_largest(struct fact_test_site *list, uint32_t n, struct fact_test_site s)
{
	uint32_t at = n;

	if (s.bytes == 0)
		return n;
	while (at > 0 && (list[at - 1].bytes < s.bytes ||
			  (list[at - 1].bytes == s.bytes && list[at - 1].site > s.site)))
		at--;
	if (at >= FACT_TEST_SITES)
		return n;
	n = n < FACT_TEST_SITES ? n + 1 : n;
	memmove(&list[at + 1], &list[at], (n - 1 - at) * sizeof *list);
	list[at] = s;
	return n;
}

static void end_run(struct tests *t, uint64_t at_ns)
{
	struct tests_private *p = t->p;
	struct run *r = run_of(t, t->run);
	struct fact_test_site kept[FACT_TEST_SITES];
	uint32_t nkept = 0;

	if (r) {
		r->end_ns = at_ns;
		r->left_bytes = r->live_bytes;
		r->left_blocks = r->live_blocks;
		for (size_t i = 0; i < p->touched.len; i++) {
			uint32_t site = p->touched.at[i];
			const struct run_site *s = &p->sites.at[site];
			uint64_t peak = s->peak_gen == p->peak_gen ? s->peak : s->live;

			r->npeak = keep_largest(r->peak, r->npeak, (struct fact_test_site){ site, peak });
			nkept = keep_largest(kept, nkept, (struct fact_test_site){ site, s->kept });
		}
		for (uint32_t i = 0; i < nkept; i++)
			r->kept[i] = (struct kept_site){ kept[i].site, { kept[i].bytes, 0, 0 } };
		r->nkept = nkept;
		p->ends++;
	}
	vec_clear(&p->touched);
	t->run = 0;
}

static int test_of(struct tests *t, const char *id, size_t n, uint32_t *ret, struct err *err)
{
	struct tests_private *p = t->p;
	uint32_t string;
	int r = strtab_add(p->ids, id, n, &string, err);

	if (r < 0)
		return r;
	while (p->by_id.len <= string)
		if (vec_push(&p->by_id, 0) < 0)
			return err_nomem(err);
	if (p->by_id.at[string] == 0) {
		if (vec_push(&p->name, string) < 0 || vec_push(&p->first, 0) < 0 ||
		    vec_push(&p->last, 0) < 0)
			return err_nomem(err);
		p->by_id.at[string] = (uint32_t)p->first.len;
	}
	*ret = p->by_id.at[string];
	return 0;
}

static int begin_run(struct tests *t, uint32_t test, uint64_t at_ns, struct err *err)
{
	struct tests_private *p = t->p;

	if (p->runs.len >= TESTS_RUNS_MAX) {
		p->lost++;
		return 0;
	}
	if (vec_push(&p->runs, (struct run){ .test = test, .first_ns = at_ns }) < 0)
		return err_nomem(err);
	t->run = (uint32_t)p->runs.len;
	if (p->last.at[test - 1])
		p->runs.at[p->last.at[test - 1] - 1].next = t->run;
	else
		p->first.at[test - 1] = t->run;
	p->last.at[test - 1] = t->run;
	p->peak_gen++;
	p->ran_teardown = false;
	return 0;
}

/* "tests/test_a.py::test_b[1] (call)" → length of the id, phase; phase 1 when there is none. */
static size_t split(const char *text, size_t n, unsigned *ret_phase)
{
	static const char *const phases[] = { " (setup)", " (call)", " (teardown)" };

	*ret_phase = 1;
	for (unsigned i = 0; i < FACT_TEST_PHASES; i++) {
		size_t m = strlen(phases[i]);
		if (n > m && memcmp(text + n - m, phases[i], m) == 0) {
			*ret_phase = i;
			return n - m;
		}
	}
	return n;
}

/* One line of valid UTF-8 in p->text. */
static int label_text(struct tests_private *p, const struct stream_label *l, const uint8_t *bytes,
		      struct err *err)
{
	buf_clear(&p->text);
	if (l->kind == 1)
		(void)utf8_from_latin1(&p->text, bytes, l->chars);
	else if (l->kind == 2)
		(void)utf8_from_ucs2(&p->text, bytes, l->chars);
	else
		(void)utf8_from_ucs4(&p->text, bytes, l->chars);
	for (size_t i = 0; i < p->text.len; i++)
		if (p->text.bytes[i] < ' ')
			p->text.bytes[i] = '?';
	return buf_check(&p->text, err);
}

/* Cut at a character's end. */
static size_t bounded(const char *id, size_t n)
{
	if (n <= TESTS_ID_BYTES_MAX)
		return n;
	return utf8_valid(id, TESTS_ID_BYTES_MAX);
}

int tests_label(struct tests *t, const struct record *r, uint64_t at_ns, struct err *err)
{
	struct tests_private *p = t->p;
	struct stream_label l;
	uint32_t test = 0;
	unsigned phase;

	if (r->blocks < sizeof l)
		return 1;
	memcpy(&l, r->meta, sizeof l);
	if ((l.kind != 1 && l.kind != 2 && l.kind != 4) || l.chars > AGENT_LABEL_CHARS ||
	    (size_t)l.chars * l.kind > r->blocks - sizeof l)
		return 1;
	p->at_ns = at_ns = at_ns < p->at_ns ? p->at_ns : at_ns;
	if (!t->active) {
		t->active = true;
		t->first = (uint32_t)(at_ns / 1000000u) + 1;
	}
	if (l.chars == 0) { /* after a phase; after the last one the test is over */
		if (t->run && p->ran_teardown)
			end_run(t, at_ns);
		return 0;
	}
	int e = label_text(p, &l, (const uint8_t *)r->meta + sizeof l, err);
	if (e < 0)
		return e;
	const char *id = (const char *)p->text.bytes;
	size_t n = bounded(id, split(id, p->text.len, &phase));
	e = test_of(t, id, n, &test, err);
	if (e < 0)
		return e;
	const struct run *run = run_of(t, t->run);
	if (!run || run->test != test || (phase == 0 && p->phase != 0)) {
		end_run(t, at_ns);
		e = begin_run(t, test, at_ns, err);
	}
	p->phase = phase;
	p->ran_teardown |= phase == 2;
	return e;
}

/* --- moments ------------------------------------------------------------------------------ */

uint32_t tests_moment(struct tests *t, uint64_t at_ns)
{
	uint32_t ms = (uint32_t)(at_ns / 1000000u);
	size_t n = t->moments.len;
	const struct tests_moment *last = n ? &t->moments.at[n - 1] : NULL;

	if (!t->active)
		return ms;
	if (last && last->run == t->run && ms < last->ms + MOMENT_MS)
		return t->first + (uint32_t)n - 1;
	if (n >= TESTS_MOMENTS_MAX || vec_push(&t->moments, ((struct tests_moment){ ms, t->run })) < 0)
		return n ? t->first + (uint32_t)n - 1 : t->first - 1;
	return t->first + (uint32_t)n;
}

struct tests_moment tests_when(const struct tests *t, uint32_t moment)
{
	if (!t->active || moment < t->first || moment - t->first >= t->moments.len)
		return (struct tests_moment){ moment, 0 };
	return t->moments.at[moment - t->first];
}

/* --- blocks ------------------------------------------------------------------------------- */

static unsigned flags_of(const struct tests *t, uint32_t site)
{
	return site < t->sites.len ? t->sites.at[site] : 0;
}

/* The site's share of the run that goes on, its value at the newest peak set aside; or NULL. */
static struct run_site *site_of(struct tests *t, uint32_t site)
{
	struct tests_private *p = t->p;

	if (site >= p->sites.len) {
		size_t more = t->sites.len > site ? t->sites.len - p->sites.len : 0;
		if (more == 0 || vec_reserve(&p->sites, more) < 0)
			return NULL;
		memset(p->sites.at + p->sites.len, 0, more * sizeof *p->sites.at);
		p->sites.len += more;
	}
	struct run_site *s = &p->sites.at[site];
	if (s->run != t->run) {
		if (vec_push(&p->touched, site) < 0)
			return NULL;
		*s = (struct run_site){ .run = t->run, .peak_gen = p->peak_gen };
	}
	if (s->peak_gen != p->peak_gen) {
		s->peak_gen = p->peak_gen;
		s->peak = s->live;
	}
	return s;
}

void tests_born(struct tests *t, uint32_t moment, uint32_t site, uint64_t bytes)
{
	struct tests_private *p = t->p;
	unsigned flags = flags_of(t, site);
	uint32_t owner = tests_when(t, moment).run;
	struct run *r = run_of(t, owner);

	if (!r || !(flags & TESTS_OWN))
		return;
	struct run_site *s = owner == t->run ? site_of(t, site) : NULL;
	r->live_bytes += bytes;
	r->live_blocks++;
	if (!(flags & TESTS_IMPORT)) {
		change(t, &r->kept_bytes, (int64_t)bytes);
		change(t, &r->kept_blocks, 1);
	}
	if (owner != t->run)
		return;
	struct fact_test_phase *phase = &r->phase[p->phase];
	phase->alloc_blocks++;
	phase->alloc_bytes += bytes;
	if (s) {
		s->live += bytes;
		s->kept += flags & TESTS_IMPORT ? 0 : bytes;
	}
	if (r->live_bytes > phase->peak_bytes)
		phase->peak_bytes = r->live_bytes;
	if (r->live_bytes > r->peak_bytes) {
		r->peak_bytes = r->live_bytes;
		p->peak_gen++;
	}
}

void tests_died(struct tests *t, uint32_t moment, uint32_t site, uint64_t bytes)
{
	unsigned flags = flags_of(t, site);
	uint32_t owner = tests_when(t, moment).run;
	struct run *r = run_of(t, owner);

	if (!r || !(flags & TESTS_OWN))
		return;
	struct run_site *s = owner == t->run ? site_of(t, site) : NULL;
	r->live_bytes -= bytes;
	r->live_blocks--;
	if (s) {
		s->live -= bytes;
		s->kept -= flags & TESTS_IMPORT ? 0 : bytes;
	}
	if (flags & TESTS_IMPORT)
		return;
	change(t, &r->kept_bytes, -(int64_t)bytes);
	change(t, &r->kept_blocks, -1);
	for (uint32_t i = 0; i < r->nkept; i++)
		if (r->kept[i].site == site)
			change(t, &r->kept[i].bytes, -(int64_t)bytes);
}

void tests_passed(struct tests *t, uint32_t site, uint64_t blocks, uint64_t bytes)
{
	struct run *r = run_of(t, t->run);

	if (!r || !(flags_of(t, site) & TESTS_OWN))
		return;
	r->phase[t->p->phase].alloc_blocks += blocks;
	r->phase[t->p->phase].alloc_bytes += bytes;
}

/* --- what is pushed ----------------------------------------------------------------------- */

static void add_run(const struct tests *t, const struct run *r, struct fact_test *f)
{
	f->runs++;
	f->duration_ns += r->end_ns - r->first_ns;
	f->left_blocks += r->left_blocks;
	f->left_bytes += r->left_bytes;
	f->kept_blocks += kept_of(t, &r->kept_blocks);
	f->kept_bytes += kept_of(t, &r->kept_bytes);
	for (size_t i = 0; i < FACT_TEST_PHASES; i++) {
		f->phase[i].alloc_blocks += r->phase[i].alloc_blocks;
		f->phase[i].alloc_bytes += r->phase[i].alloc_bytes;
		f->alloc_blocks += r->phase[i].alloc_blocks;
		f->alloc_bytes += r->phase[i].alloc_bytes;
		if (r->phase[i].peak_bytes > f->phase[i].peak_bytes)
			f->phase[i].peak_bytes = r->phase[i].peak_bytes;
	}
	if (r->peak_bytes > f->peak_bytes || f->runs == 1) {
		f->peak_bytes = r->peak_bytes;
		f->npeak = r->npeak;
		memcpy(f->peak, r->peak, sizeof f->peak);
	}
	f->nkept = 0; /* of the last run */
	for (uint32_t i = 0; i < r->nkept; i++)
		f->nkept = keep_largest(f->kept, f->nkept,
					(struct fact_test_site){ r->kept[i].site,
								 kept_of(t, &r->kept[i].bytes) });
}

int tests_push(struct tests *t, uint64_t end_ns, const struct fact_sink *sink, struct err *err)
{
	struct tests_private *p = t->p;
	uint32_t pushed = 0;
	int e = 0;

	if (t->run) /* the program ended in the middle of a test */
		end_run(t, end_ns);
	if (p->lost && sink->note)
		e = sink->note(sink->ctx, &(struct fact_note){ "test-limit",
			       "tests are missing: there were too many" }, err);
	for (size_t i = 0; e >= 0 && sink->test && i < p->first.len; i++) {
		struct fact_test f = { .test = ++pushed };

		if (p->first.at[i] == 0) { /* its only run was one too many */
			pushed--;
			continue;
		}
		f.first_ns = p->runs.at[p->first.at[i] - 1].first_ns;
		for (uint32_t run = p->first.at[i]; run; run = p->runs.at[run - 1].next)
			add_run(t, &p->runs.at[run - 1], &f);
		f.id = strtab_get(p->ids, p->name.at[i], NULL);
		e = sink->test(sink->ctx, &f, err);
	}
	return e;
}
