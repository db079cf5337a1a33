/* SPDX-License-Identifier: MIT */
/* Budget files and suppressions. A member that is not known is an error: a typo must not pass. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/baseline.h"

void budget_deinit(struct budget *b)
{
	if (!b)
		return;
	vec_deinit(&b->rules);
	vec_deinit(&b->suppressions);
	arena_deinit(&b->arena);
	memset(b, 0, sizeof *b);
}

static int bad(struct err *err, const char *name)
{
	return err_set(err, ERR_USAGE, "the budget has an unknown or bad member '%.60s'", name);
}

/* A day there is: of one there is not nobody would know when it is over. */
static bool is_date(const char *s)
{
	static const char shape[] = "dddd-dd-dd";
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	size_t i = 0;
	for (; shape[i] && s[i]; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != '-')
			return false;
	if (shape[i] || s[i])
		return false;
	int year = (int)strtol(s, NULL, 10), month = (int)strtol(s + 5, NULL, 10);
	int day = (int)strtol(s + 8, NULL, 10);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap);
}

static char *keep(struct budget *b, const char *s)
{
	return arena_str(&b->arena, s, strlen(s));
}

static int suppress(struct budget *b, const char *const part[4], const char *today, struct err *err)
{
	struct check_metric m;
	const char *metric = part[0], *until = part[2];
	/* leak: the suspects of a report; check has no such metric and passes over it. */
	if (strcmp(metric, "*") != 0 && strcmp(metric, "leak") != 0 &&
	    check_metric_parse(metric, strlen(metric), &m, err) < 0)
		return ERR_USAGE;
	if (until && !is_date(until))
		return err_set(err, ERR_USAGE, "suppression: '%.40s' is no date (2027-01-31)",
			       until);
	if (!part[3] || !*part[3])
		return err_set(err, ERR_USAGE, "suppression of %.80s: no reason is given", part[1]);
	struct check_suppression s = { .metric = keep(b, metric),
				       .site = keep(b, part[1]),
				       .until = until ? keep(b, until) : NULL,
				       .reason = keep(b, part[3]),
				       .expired = until && strcmp(until, today) < 0 };
	if (!s.metric || !s.site || !s.reason || (until && !s.until) ||
	    vec_push(&b->suppressions, s) < 0)
		return err_nomem(err);
	return 0;
}

static int read_suppressions(struct budget *b, const json_t *list, const char *today,
			     struct err *err)
{
	static const char *const names[4] = { "metric", "site", "until", "reason" };
	int rc = json_is_array(list) ? 0 : bad(err, "suppressions");
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *part[4];
		size_t known = 0;
		for (size_t k = 0; k < 4; k++) {
			part[k] = json_string_value(json_object_get(one, names[k]));
			known += part[k] != NULL;
		}
		if (known != json_object_size(one) || !part[0] || !part[1])
			rc = err_set(
				err, ERR_USAGE,
				"suppressions[%zu]: it has metric, site, reason and perhaps until, "
				"all texts",
				i);
		else
			rc = suppress(b, part, today, err);
	}
	return rc;
}

static int read_rules(struct budget *b, enum check_option option, const char *name,
		      json_t *rules, struct err *err)
{
	const char *metric;
	json_t *v;
	if (!json_is_object(rules))
		return bad(err, name);
	json_object_foreach(rules, metric, v) {
		char text[CHECK_NAME_MAX + 48];
		struct check_rule r;
		const char *value = json_string_value(v);
		if (!json_is_integer(v) && !value)
			return err_set(err, ERR_USAGE, "%s of %.80s is neither a number nor a text",
				       name, metric);
		if (json_is_integer(v))
			snprintf(text, sizeof text, "%.160s=%lld", metric,
				 (long long)json_integer_value(v));
		else
			snprintf(text, sizeof text, "%.160s=%.40s", metric, value);
		int rc = check_rule_parse(option, text, &r, err);
		if (rc < 0)
			return rc;
		if (vec_push(&b->rules, r) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int read_word(struct budget *b, const char *name, json_t *v, const char **ret,
		     struct err *err)
{
	if (!json_is_string(v))
		return bad(err, name);
	*ret = keep(b, json_string_value(v));
	return *ret ? 0 : err_nomem(err);
}

static int read_count(const char *name, json_t *v, uint64_t *ret, struct err *err)
{
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0 || n > CHECK_RUNS_MAX)
		return bad(err, name);
	*ret = (uint64_t)n;
	return 0;
}

static int read_member(struct budget *b, const char *name, json_t *v, const char *today,
		       struct err *err)
{
	if (strcmp(name, "schema") == 0 || strcmp(name, "$schema") == 0)
		return 0;
	if (strcmp(name, "max") == 0)
		return read_rules(b, CHECK_OPTION_MAX, name, v, err);
	if (strcmp(name, "max_increase") == 0)
		return read_rules(b, CHECK_OPTION_MAX_INCREASE, name, v, err);
	if (strcmp(name, "warn") == 0)
		return read_rules(b, CHECK_OPTION_WARN, name, v, err);
	if (strcmp(name, "suppressions") == 0)
		return read_suppressions(b, v, today, err);
	if (strcmp(name, "baseline") == 0)
		return read_word(b, name, v, &b->baseline, err);
	if (strcmp(name, "min_delta") == 0)
		return read_word(b, name, v, &b->min_delta, err);
	if (strcmp(name, "repeat") == 0)
		return read_count(name, v, &b->repeat, err);
	if (strcmp(name, "warmup") == 0)
		return read_count(name, v, &b->warmup, err);
	return bad(err, name);
}

int budget_parse(struct budget *b, const char *text, size_t n, const char *today, struct err *err)
{
	json_error_t why;
	const char *name;
	json_t *v, *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_set(err, ERR_USAGE, "the budget is no JSON: line %d: %.80s", why.line,
			       why.text);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	int rc = schema && strcmp(schema, BUDGET_SCHEMA) == 0 ?
			 0 :
			 err_set(err, ERR_USAGE,
				 "the budget has schema '%.40s'; it must be an object with "
				 "\"schema\": \"" BUDGET_SCHEMA "\"",
				 schema ? schema : "");
	json_object_foreach(root, name, v)
		if (rc == 0)
			rc = read_member(b, name, v, today, err);
	json_decref(root);
	return rc;
}

static int suppression_line(struct budget *b, char *line, const char *today, struct err *err)
{
	const char *part[4] = { NULL };
	char *reason = strstr(line, " -- "), *save = NULL, *word;
	if (reason) {
		*reason = '\0';
		part[3] = reason + 4 + strspn(reason + 4, " \t");
	}
	size_t i = 0;
	for (word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		bool until = i == 2 && strcmp(word, "until") == 0;
		if (until && (word = strtok_r(NULL, " \t", &save)) == NULL)
			return err_set(err, ERR_USAGE, "suppression: until what day?");
		if (i > 2 || (i == 2 && !until))
			return err_set(err, ERR_USAGE, "suppression: '%.40s' is one word too many",
				       word);
		part[i++] = word;
	}
	if (!part[0])
		return 0;
	if (!part[1])
		return err_set(err, ERR_USAGE, "suppression: METRIC PATTERN [until DATE] -- REASON");
	return suppress(b, part, today, err);
}

int budget_parse_suppressions(struct budget *b, const char *text, size_t n, const char *today,
			      struct err *err)
{
	AUTO_FREE char *copy = strndup(text, n);
	unsigned number = 0;
	if (!copy)
		return err_nomem(err);
	for (char *at = copy, *end; at; at = end) {
		end = strchr(at, '\n');
		if (end)
			*end++ = '\0';
		number++;
		int rc = *at == '#' ? 0 : suppression_line(b, at, today, err);
		if (rc < 0)
			return err_wrap(err, rc, "line %u", number);
	}
	return 0;
}
