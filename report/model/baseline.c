/* SPDX-License-Identifier: MIT */
/* Baselines as JSON. Numbers are checked to be finite and not negative, lists to be bounded. */
#include "report/model/baseline.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "config.h"
#include "report/model/check_private.h"

#define FIGURE_MAX 9e15 /* above, a double is no exact count */

static const char *const site_names[CHECK_SITE_KINDS] = { "alloc_bytes", "allocs", "peak", "live",
							  "leaked" };

static int bad(struct err *err, const char *what)
{
	return err_hint(err, err_set(err, ERR_CORRUPT, "the baseline has a bad '%.60s'", what),
			"baseline");
}

static bool text_of(const json_t *root, const char *name, char *ret, size_t n)
{
	const char *s = json_string_value(json_object_get(root, name));
	if (!s || strlen(s) >= n)
		return false;
	memcpy(ret, s, strlen(s) + 1);
	return true;
}

static bool figure_of(const json_t *v, double *ret)
{
	*ret = json_number_value(v);
	return json_is_number(v) && isfinite(*ret) && *ret >= 0 && *ret <= FIGURE_MAX;
}

static int read_series(struct check_figures *f, const char *name, const json_t *runs,
		       struct err *err)
{
	struct check_metric m;
	if (check_metric_parse(name, strlen(name), &m, NULL) < 0)
		return 0; /* of a later version */
	size_t n = json_array_size(runs);
	struct check_series *s = check_series_of(f, &m);
	if (!s)
		return err_nomem(err);
	if (n == 0 || n > CHECK_RUNS_MAX || s->runs.len)
		return bad(err, name);
	for (size_t i = 0; i < n; i++) {
		double v;
		if (!figure_of(json_array_get(runs, i), &v))
			return bad(err, name);
		if (vec_push(&s->runs, v) < 0)
			return err_nomem(err);
	}
	return 0;
}

static bool line_of(const json_t *o, const char *name, uint32_t *ret)
{
	json_int_t v = json_integer_value(json_object_get(o, name));
	*ret = (uint32_t)v;
	return v >= 0 && v <= UINT32_MAX;
}

static int read_values(const json_t *o, double value[CHECK_SITE_KINDS], struct err *err)
{
	for (size_t k = 0; k < CHECK_SITE_KINDS; k++) {
		const json_t *v = json_object_get(o, site_names[k]);
		if (v && !figure_of(v, &value[k]))
			return bad(err, site_names[k]);
	}
	return 0;
}

static char *keep_text(struct check_figures *f, const json_t *v)
{
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	return arena_str(&f->arena, text, strlen(text));
}

static int read_part(struct check_figures *f, const json_t *o, struct err *err)
{
	struct check_part p = { .file = keep_text(f, json_object_get(o, "caller_file")),
				.caller = keep_text(f, json_object_get(o, "caller")) };
	if (!line_of(o, "line", &p.line) || !line_of(o, "caller_line", &p.caller_line))
		return bad(err, "parts");
	int rc = read_values(o, p.value, err);
	if (rc < 0)
		return rc;
	return !p.file || !p.caller || vec_push(&f->parts, p) < 0 ? err_nomem(err) : 0;
}

/* A site without parts is one: its line and its figures, called by nobody that is known. */
static int read_parts(struct check_figures *f, const json_t *site, struct check_site *s,
		      struct err *err)
{
	const json_t *parts = json_object_get(site, "parts");
	size_t n = json_array_size(parts);
	int rc = 0;
	if (parts && (!json_is_array(parts) || n > BASELINE_PARTS_MAX))
		return bad(err, "parts");
	s->part = (uint32_t)f->parts.len;
	s->nparts = n ? (uint32_t)n : 1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_part(f, json_array_get(parts, i), err);
	return n ? rc : read_part(f, site, err);
}

static int read_site(struct check_figures *f, const json_t *site, struct err *err)
{
	const char *file = json_string_value(json_object_get(site, "file"));
	const char *function = json_string_value(json_object_get(site, "function"));
	struct check_site s = { 0 };
	if (!file || !function || !line_of(site, "line", &s.line))
		return bad(err, "sites");
	s.file = arena_str(&f->arena, file, strlen(file));
	s.function = arena_str(&f->arena, function, strlen(function));
	int rc = read_values(site, s.value, err);
	if (rc == 0)
		rc = read_parts(f, site, &s, err);
	if (rc < 0)
		return rc;
	return !s.file || !s.function || vec_push(&f->sites, s) < 0 ? err_nomem(err) : 0;
}

/* One test: lists of runs by figure. */
static int read_test(struct check_figures *f, const char *id, const json_t *test, struct err *err)
{
	struct check_test *t = json_is_object(test) ? check_test_of(f, id) : NULL;
	if (!t)
		return json_is_object(test) ? err_nomem(err) : bad(err, "tests");
	for (size_t k = 0; k < CHECK_TEST_FIGURES; k++) {
		const json_t *runs = json_object_get(test, check_test_figures[k]);
		size_t n = json_array_size(runs);
		if (n > CHECK_RUNS_MAX || (runs && n == 0))
			return bad(err, "tests");
		for (size_t i = 0; i < n; i++) {
			double v;
			if (!figure_of(json_array_get(runs, i), &v))
				return bad(err, "tests");
			if (vec_push(&t->figure[k].runs, v) < 0)
				return err_nomem(err);
		}
	}
	return 0;
}

static int read_share(struct check_figures *f, bool type, const char *name, const json_t *v,
		      struct err *err)
{
	struct check_share s = { arena_str(&f->arena, name, strlen(name)), 0, 0 };
	if (!figure_of(v, &s.bytes))
		return bad(err, type ? "types" : "holders");
	if (!s.name)
		return err_nomem(err);
	return (type ? vec_push(&f->types, s) : vec_push(&f->holders, s)) < 0 ? err_nomem(err) : 0;
}

/* Members of an object of figures by name. */
static int read_shares(struct check_figures *f, const json_t *root, bool type, struct err *err)
{
	const json_t *all = json_object_get(root, type ? "types" : "holders");
	const char *name;
	json_t *v;
	int rc = 0;
	if (all && (!json_is_object(all) || json_object_size(all) > CHECK_SHARES_MAX))
		return bad(err, type ? "types" : "holders");
	json_object_foreach((json_t *)all, name, v)
		if (rc == 0)
			rc = read_share(f, type, name, v, err);
	return rc;
}

static int read_tests(struct check_figures *f, const json_t *tests, struct err *err)
{
	const char *id;
	json_t *test;
	int rc = 0;
	if (tests && (!json_is_object(tests) || json_object_size(tests) > BASELINE_TESTS_MAX))
		return bad(err, "tests");
	json_object_foreach((json_t *)tests, id, test)
		if (rc == 0)
			rc = read_test(f, id, test, err);
	check_tests_sort(f);
	return rc;
}

static int read_all(struct check_figures *f, const json_t *root, struct err *err)
{
	const json_t *metrics = json_object_get(root, "metrics");
	const json_t *sites = json_object_get(root, "sites"), *noise, *word;
	const char *schema = json_string_value(json_object_get(root, "schema")), *name;
	json_t *runs;
	int rc = 0;
	if (!schema || strcmp(schema, BASELINE_SCHEMA) != 0)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED, "the baseline is no %s",
					BASELINE_SCHEMA),
				"baseline");
	word = json_object_get(root, "word_bytes");
	if (!text_of(root, "python", f->python, sizeof f->python) ||
	    !text_of(root, "implementation", f->implementation, sizeof f->implementation) ||
	    !text_of(root, "arch", f->arch, sizeof f->arch) ||
	    !text_of(root, "hash_seed", f->hash_seed, sizeof f->hash_seed) ||
	    (json_integer_value(word) != 4 && json_integer_value(word) != 8))
		return bad(err, "python, implementation, arch, hash_seed or word_bytes");
	f->word_bytes = (uint32_t)json_integer_value(word);
	json_object_foreach((json_t *)metrics, name, runs)
		if (rc == 0)
			rc = read_series(f, name, runs, err);
	if (rc == 0 && !json_is_object(metrics))
		rc = bad(err, "metrics");
	noise = json_object_get(root, "noise");
	for (size_t i = 0; rc == 0 && i < f->series.len; i++) {
		const json_t *v = json_object_get(noise, f->series.at[i].metric.name);
		if (v && !figure_of(v, &f->series.at[i].noise))
			rc = bad(err, "noise");
	}
	if (rc == 0 && (!json_is_array(sites) || json_array_size(sites) > BASELINE_SITES_MAX))
		rc = bad(err, "sites");
	for (size_t i = 0; rc == 0 && i < json_array_size(sites); i++)
		rc = read_site(f, json_array_get(sites, i), err);
	vec_sort(&f->sites, check_by_site);
	if (rc == 0)
		rc = read_shares(f, root, true, err);
	if (rc == 0)
		rc = read_shares(f, root, false, err);
	return rc < 0 ? rc : read_tests(f, json_object_get(root, "tests"), err);
}

int baseline_parse(const char *text, size_t n, struct check_figures *ret, struct err *err)
{
	json_error_t why;
	*ret = (struct check_figures){ 0 };
	if (n > BASELINE_BYTES_MAX)
		return bad(err, "size: it is longer than 4 MiB");
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_hint(err,
				err_set(err, ERR_CORRUPT, "the baseline is no JSON: line %d: %.80s",
					why.line, why.text),
				"baseline");
	int rc = read_all(ret, root, err);
	json_decref(root);
	if (rc < 0)
		check_figures_deinit(ret);
	return rc;
}

/* One JSON value on one line. */
static void put_value(struct buf *out, json_t *v)
{
	char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10)) : NULL;
	if (text)
		(void)buf_str(out, text);
	else
		out->failed = true;
	free(text);
	json_decref(v);
}

static json_t *figure(double v)
{
	return v == floor(v) ? json_integer((json_int_t)v) : json_real(v);
}

static void put_figures(json_t *o, const double value[CHECK_SITE_KINDS])
{
	for (size_t k = 0; k < CHECK_SITE_KINDS; k++)
		if (value[k] > 0)
			json_object_set_new(o, site_names[k], figure(value[k]));
}

/* The largest share a part has of any figure of its site. */
static double part_share(const struct check_site *s, const struct check_part *p)
{
	double most = 0;
	for (size_t k = 0; k < CHECK_SITE_KINDS; k++)
		if (s->value[k] > 0)
			most = fmax(most, p->value[k] / s->value[k]);
	return most;
}

static json_t *part_of(const struct check_part *p)
{
	json_t *o = json_object();
	json_object_set_new(o, "line", json_integer(p->line));
	if (*p->caller) {
		json_object_set_new(o, "caller_file", json_string(p->file));
		json_object_set_new(o, "caller", json_string(p->caller));
		json_object_set_new(o, "caller_line", json_integer(p->caller_line));
	}
	put_figures(o, p->value);
	return o;
}

static size_t parts_above(const struct check_figures *f, const struct check_site *s, double least)
{
	size_t n = 0;
	for (uint32_t i = 0; i < s->nparts; i++)
		n += part_share(s, &f->parts.at[s->part + i]) >= least;
	return n;
}

/* Lines and callers of a site, the largest; a site without them has its own line and no caller. */
static void put_parts(const struct check_figures *f, const struct check_site *s, json_t *o)
{
	json_t *parts = json_array();
	double least = 0.01;
	while (parts_above(f, s, least) > BASELINE_PARTS_MAX)
		least *= 1.5;
	for (uint32_t i = 0; i < s->nparts; i++) {
		const struct check_part *p = &f->parts.at[s->part + i];
		if (part_share(s, p) >= least && (s->nparts > 1 || *p->caller))
			json_array_append_new(parts, part_of(p));
	}
	if (json_array_size(parts))
		json_object_set(o, "parts", parts);
	json_decref(parts);
}

static void put_site(const struct check_figures *f, struct buf *out, const struct check_site *s)
{
	json_t *o = json_object();
	json_object_set_new(o, "file", json_string(s->file));
	json_object_set_new(o, "function", json_string(s->function));
	json_object_set_new(o, "line", json_integer(s->line));
	put_figures(o, s->value);
	put_parts(f, s, o);
	put_value(out, o);
}

#define LEAST_SHARE 0.001 /* of any metric: a site with less is not kept */

/* The largest share this site has of any metric. */
static double share(const struct check_figures *f, const struct check_site *s)
{
	double most = 0;
	for (size_t k = 0; k < CHECK_SITE_KINDS; k++) {
		const struct check_series *all = check_series_find(f, site_names[k]);
		double sum = all ? check_median(all) : 0;
		if (sum > 0)
			most = fmax(most, s->value[k] / sum);
	}
	return most;
}

double baseline_least_share(const struct check_figures *f)
{
	double least = f->sites.len < BASELINE_SITES_MAX ? LEAST_SHARE : 1;
	for (size_t i = 0; f->sites.len >= BASELINE_SITES_MAX && i < f->sites.len; i++)
		least = fmin(least, fmax(share(f, &f->sites.at[i]), LEAST_SHARE));
	return least;
}

static int falling(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x > y ? -1 : x < y;
}

static int put_sites(const struct check_figures *f, struct buf *out, struct err *err)
{
	AUTO_FREE double *shares = calloc(2 * f->sites.len + 1, sizeof *shares);
	if (!shares)
		return err_nomem(err);
	double *sorted = shares + f->sites.len, least = LEAST_SHARE;
	for (size_t i = 0; i < f->sites.len; i++)
		shares[i] = sorted[i] = share(f, &f->sites.at[i]);
	qsort(sorted, f->sites.len, sizeof *sorted, falling);
	if (f->sites.len > BASELINE_SITES_MAX)
		least = fmax(least, sorted[BASELINE_SITES_MAX - 1]);
	size_t n = 0;
	(void)buf_str(out, " \"sites\": [");
	for (size_t i = 0; i < f->sites.len && n < BASELINE_SITES_MAX; i++) {
		if (shares[i] < least)
			continue;
		(void)buf_str(out, n++ ? ",\n  " : "\n  ");
		put_site(f, out, &f->sites.at[i]);
	}
	(void)buf_str(out, "\n ]");
	return 0;
}

static json_t *runs_of(const struct check_series *s)
{
	json_t *runs = json_array();
	for (size_t k = 0; k < s->runs.len; k++)
		json_array_append_new(runs, figure(s->runs.at[k]));
	return runs;
}

static void put_shares(struct buf *out, const char *name, const struct check_share *at, size_t n)
{
	if (n == 0)
		return;
	(void)buf_printf(out, ",\n \"%s\": {", name);
	for (size_t i = 0; i < n; i++) {
		(void)buf_str(out, i ? ",\n  " : "\n  ");
		put_value(out, json_string(at[i].name));
		(void)buf_str(out, ": ");
		put_value(out, figure(at[i].bytes));
	}
	(void)buf_str(out, "\n }");
}

static void put_tests(const struct check_figures *f, struct buf *out)
{
	if (f->tests.len == 0)
		return;
	(void)buf_str(out, ",\n \"tests\": {");
	for (size_t i = 0; i < f->tests.len && i < BASELINE_TESTS_MAX; i++) {
		const struct check_test *t = &f->tests.at[i];
		json_t *o = json_object();
		for (size_t k = 0; k < CHECK_TEST_FIGURES; k++)
			if (t->figure[k].runs.len) /* an empty list is no figure, and refused when read */
				json_object_set_new(o, check_test_figures[k], runs_of(&t->figure[k]));
		(void)buf_str(out, i ? ",\n  " : "\n  ");
		put_value(out, json_string(t->id));
		(void)buf_str(out, ": ");
		put_value(out, o);
	}
	(void)buf_str(out, "\n }");
}

static void put_member(struct buf *out, const char *name, json_t *v)
{
	(void)buf_printf(out, " \"%s\": ", name);
	put_value(out, v);
	(void)buf_str(out, ",\n");
}

static void put_series(struct buf *out, const struct check_series *s, bool first)
{
	(void)buf_str(out, first ? "\n  " : ",\n  ");
	put_value(out, json_string(s->metric.name));
	(void)buf_str(out, ": ");
	put_value(out, runs_of(s));
}

int baseline_print(const struct check_figures *f, struct buf *out, struct err *err)
{
	(void)buf_str(out, "{\n");
	put_member(out, "schema", json_string(BASELINE_SCHEMA));
	put_member(out, "generator", json_string("pymemprof " PYMEMPROF_VERSION));
	put_member(out, "implementation", json_string(f->implementation));
	put_member(out, "python", json_string(f->python));
	put_member(out, "arch", json_string(f->arch));
	put_member(out, "word_bytes", json_integer(f->word_bytes));
	put_member(out, "hash_seed", json_string(f->hash_seed));
	(void)buf_str(out, " \"metrics\": {");
	json_t *noise = json_object();
	for (size_t i = 0; i < f->series.len; i++) {
		put_series(out, &f->series.at[i], i == 0);
		if (f->series.at[i].noise > 0)
			json_object_set_new(noise, f->series.at[i].metric.name,
					    figure(f->series.at[i].noise));
	}
	(void)buf_str(out, "\n },\n");
	put_member(out, "noise", noise);
	int rc = put_sites(f, out, err);
	put_tests(f, out);
	put_shares(out, "types", f->types.at, f->types.len);
	put_shares(out, "holders", f->holders.at, f->holders.len);
	(void)buf_str(out, "\n}\n");
	return rc < 0 ? rc : out->failed ? err_nomem(err) : 0;
}
