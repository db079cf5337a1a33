/* SPDX-License-Identifier: MIT */
/* Everything, exact; and the two small formats that services which keep histories read. */
#include <string.h>

#include "config.h"
#include "report/view/check_view.h"
#include "report/view/json_put.h"

static void text(struct json *j, const char *name, const char *s)
{
	json_text(j, name, s, strlen(s));
}

static void number(struct json *j, const char *name, double v)
{
	char buf[CHECK_VALUE_MAX];
	if (name)
		json_key(j, name);
	else if (!j->first)
		out_str(j->out, ",");
	j->first = false;
	out_str(j->out, check_number(v, buf));
}

static void put_shares(struct json *j, const struct check_finding *f, enum check_what what,
		       const char *name)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < f->nshares; i++) {
		if (f->shares[i].what != what)
			continue;
		json_open(j, NULL, '{');
		text(j, "name", f->shares[i].function);
		number(j, "base", f->shares[i].base);
		number(j, "now", f->shares[i].now);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_culprit(struct json *j, const struct check_culprit *c)
{
	json_open(j, NULL, '{');
	text(j, "file", c->file);
	json_number(j, "line", c->line);
	text(j, "function", c->function);
	number(j, "base", c->base);
	number(j, "now", c->now);
	number(j, "line_base", c->line_base);
	number(j, "line_now", c->line_now);
	if (c->caller) {
		json_open(j, "caller", '{');
		text(j, "file", c->caller_file);
		json_number(j, "line", c->caller_line);
		text(j, "function", c->caller);
		number(j, "base", c->caller_base);
		number(j, "now", c->caller_now);
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void put_finding(struct json *j, const struct check_finding *f)
{
	char sentence[CHECK_SENTENCE_MAX];
	json_open(j, NULL, '{');
	text(j, "metric", f->name);
	json_word(j, "rule", f->rule->increase ? "max_increase" : "max");
	text(j, "pattern", f->rule->metric.name);
	json_number(j, "tests", f->alike);
	json_bool(j, "warn", f->rule->warn);
	text(j, "limit", f->rule->text);
	json_word(j, "unit", check_kind_unit(f->kind));
	json_word(j, "verdict", check_verdict_name(f->verdict));
	text(j, "sentence", check_sentence(f, sentence));
	if (f->have_base)
		number(j, "base", f->base);
	else
		json_nothing(j, "base");
	number(j, "now", f->now);
	json_bool(j, "at_least", f->at_least);
	number(j, "allowed", f->allowed);
	number(j, "noise", f->noise);
	json_bool(j, "whole_heap", check_shares_older(f));
	json_open(j, "culprits", '[');
	for (size_t i = 0; i < f->nculprits; i++)
		put_culprit(j, &f->culprits[i]);
	json_close(j, ']');
	put_shares(j, f, CHECK_OF_TYPE, "types");
	put_shares(j, f, CHECK_HOLDER, "holders");
	json_close(j, '}');
}

static void put_metrics(struct json *j, const struct check_figures *f)
{
	json_open(j, "metrics", '{');
	for (size_t i = 0; i < f->series.len; i++) {
		const struct check_series *s = &f->series.at[i];
		out_str(j->out, j->first ? "\"" : ",\"");
		out_escaped(j->out, ESCAPE_JSON, s->metric.name, strlen(s->metric.name));
		out_str(j->out, "\":[");
		j->first = true;
		for (size_t k = 0; k < s->runs.len; k++)
			number(j, NULL, s->runs.at[k]);
		json_close(j, ']');
	}
	json_close(j, '}');
}

static void put_tests(struct json *j, const struct check_figures *f)
{
	json_open(j, "tests", '{');
	for (size_t i = 0; i < f->tests.len; i++) {
		const struct check_test *t = &f->tests.at[i];
		out_str(j->out, j->first ? "\"" : ",\"");
		out_escaped(j->out, ESCAPE_JSON, t->id, strlen(t->id));
		out_str(j->out, "\":{");
		j->first = true;
		for (size_t k = 0; k < CHECK_TEST_FIGURES; k++) {
			json_open(j, check_test_figures[k], '[');
			for (size_t n = 0; n < t->figure[k].runs.len; n++)
				number(j, NULL, t->figure[k].runs.at[n]);
			json_close(j, ']');
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void draw(const struct check_report *r, struct out *out)
{
	struct json j = { .out = out, .first = true };
	const struct check_figures *now = r->question->now;
	json_open(&j, NULL, '{');
	json_word(&j, "schema", "pymemprof-check/1");
	json_word(&j, "generator", "pymemprof " PYMEMPROF_VERSION);
	text(&j, "name", r->name);
	json_open(&j, "target", '{');
	text(&j, "implementation", now->implementation);
	text(&j, "python", now->python);
	text(&j, "arch", now->arch);
	text(&j, "hash_seed", now->hash_seed);
	if (r->exit_status < 0)
		json_nothing(&j, "exit");
	else
		json_number(&j, "exit", (uint64_t)r->exit_status);
	json_close(&j, '}');
	json_number(&j, "status", (uint64_t)r->status);
	json_number(&j, "runs", r->runs);
	put_metrics(&j, now);
	put_tests(&j, now);
	json_open(&j, "findings", '[');
	for (size_t i = 0; i < r->answer->findings.len; i++)
		put_finding(&j, &r->answer->findings.at[i]);
	json_close(&j, ']');
	json_open(&j, "notes", '[');
	for (size_t i = 0; i < r->nnotes; i++) {
		if (!j.first)
			out_str(out, ",");
		j.first = false;
		out_str(out, "\"");
		out_escaped(out, ESCAPE_JSON, r->notes[i], strlen(r->notes[i]));
		out_str(out, "\"");
	}
	json_close(&j, ']');
	json_close(&j, '}');
	out_str(out, "\n");
}

const struct check_view check_view_json = { .name = "json", .draw = draw };

static void bounds(const struct check_series *s, double *low, double *high)
{
	*low = *high = s->runs.at[0];
	for (size_t i = 1; i < s->runs.len; i++) {
		*low = s->runs.at[i] < *low ? s->runs.at[i] : *low;
		*high = s->runs.at[i] > *high ? s->runs.at[i] : *high;
	}
}

/* Figures for a history: of a run that failed or is not to be trusted there are none. */
static size_t history(const struct check_report *r)
{
	return r->why ? 0 : r->question->now->series.len;
}

#define BENCHER_MEASURE_MAX 64 /* a longer name of a measure is refused */

/* Bencher Metric Format: {"benchmark": {"measure": {"value", "lower_value", "upper_value"}}}. */
static void draw_bencher(const struct check_report *r, struct out *out)
{
	const struct check_figures *now = r->question->now;
	struct json j = { .out = out, .first = true };
	out_str(out, "{\"");
	out_escaped(out, ESCAPE_JSON, r->name, strlen(r->name));
	out_str(out, "\":{");
	for (size_t i = 0; i < history(r); i++) {
		const struct check_series *s = &now->series.at[i];
		double low, high;
		if (strlen(s->metric.name) > BENCHER_MEASURE_MAX)
			continue;
		bounds(s, &low, &high);
		out_str(out, j.first ? "\"" : ",\"");
		out_escaped(out, ESCAPE_JSON, s->metric.name, strlen(s->metric.name));
		out_str(out, "\":{");
		j.first = true;
		number(&j, "value", check_median(s));
		number(&j, "lower_value", low);
		number(&j, "upper_value", high);
		json_close(&j, '}');
	}
	out_str(out, "}}\n");
}

const struct check_view check_view_bencher = { .name = "bencher", .draw = draw_bencher };

/* github-action-benchmark, customSmallerIsBetter: [{"name", "unit", "value", "range"}]. */
static void draw_ghbench(const struct check_report *r, struct out *out)
{
	const struct check_figures *now = r->question->now;
	struct json j = { .out = out, .first = true };
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < history(r); i++) {
		const struct check_series *s = &now->series.at[i];
		double low, high;
		char range[CHECK_VALUE_MAX], number_text[CHECK_VALUE_MAX];
		bounds(s, &low, &high);
		json_open(&j, NULL, '{');
		json_key(&j, "name");
		out_str(out, "\"");
		out_escaped(out, ESCAPE_JSON, r->name, strlen(r->name));
		out_str(out, " ");
		out_escaped(out, ESCAPE_JSON, s->metric.name, strlen(s->metric.name));
		out_str(out, "\"");
		json_word(&j, "unit", check_kind_unit(s->metric.kind));
		number(&j, "value", check_median(s));
		snprintf(range, sizeof range, "%s", check_number(high - low, number_text));
		json_word(&j, "range", range);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	out_str(out, "\n");
}

const struct check_view check_view_ghbench = { .name = "ghbench", .draw = draw_ghbench };
