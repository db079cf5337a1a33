/* SPDX-License-Identifier: MIT */
/*
 * SARIF 2.1.0 for code scanning, and GitLab's code quality list: what failed, at its first culprit,
 * and that nothing was judged, which must not look like a run without findings.
 */
#include <string.h>

#include "config.h"
#include "report/view/check_view.h"
#include "report/view/json_put.h"

#define NOT_MEASURED "memory-not-measured"

/* function NULL: the place is a file and no more is known. */
static void put_location(struct json *j, const char *file, unsigned line, const char *function)
{
	json_open(j, NULL, '{');
	json_open(j, "physicalLocation", '{');
	json_open(j, "artifactLocation", '{');
	json_key(j, "uri");
	out_str(j->out, "\"");
	check_put(j->out, CHECK_URI, file);
	out_str(j->out, "\"");
	json_close(j, '}');
	json_open(j, "region", '{');
	json_number(j, "startLine", line ? line : 1);
	json_close(j, '}');
	json_close(j, '}');
	if (function) {
		json_open(j, "logicalLocations", '[');
		json_open(j, NULL, '{');
		json_text(j, "name", function, strlen(function));
		json_close(j, '}');
		json_close(j, ']');
	}
	json_close(j, '}');
}

static void put_message(struct json *j, const char *text)
{
	json_open(j, "message", '{');
	json_text(j, "text", text, strlen(text));
	json_close(j, '}');
}

static void put_print(struct json *j, const char *print)
{
	json_open(j, "partialFingerprints", '{');
	json_word(j, "pymemprof/v1", print);
	json_close(j, '}');
}

static const char *rule_id(const struct check_finding *f)
{
	return f->rule->increase ? "memory-increase" : "memory-limit";
}

/* GitHub refuses a file with a result that is nowhere. */
static void put_result(struct json *j, const struct check_report *r, const struct check_finding *f)
{
	char text[CHECK_SENTENCE_MAX], print[CHECK_VALUE_MAX];
	const struct check_culprit *c = check_place_of_finding(f);
	json_open(j, NULL, '{');
	json_word(j, "ruleId", rule_id(f));
	json_word(j, "level", f->verdict == CHECK_FAILED ? "error" : "warning");
	put_message(j, check_sentence(f, text));
	json_open(j, "locations", '[');
	put_location(j, c ? c->file : r->place, c ? c->line : 1, c ? c->function : NULL);
	json_close(j, ']');
	json_open(j, "relatedLocations", '[');
	for (size_t i = 0; i < f->nculprits; i++)
		if (&f->culprits[i] != c && f->culprits[i].file[0] != '<')
			put_location(j, f->culprits[i].file, f->culprits[i].line,
				     f->culprits[i].function);
	json_close(j, ']');
	put_print(j, check_fingerprint(f, print));
	json_close(j, '}');
}

/*
 * A program that failed has no findings, and whoever counts results must not take that for none. So it is
 * one, and what SARIF has for a tool that could not do its work says it as well.
 */
static void put_not_measured(struct json *j, const struct check_report *r)
{
	char print[CHECK_VALUE_MAX];
	json_open(j, NULL, '{');
	json_word(j, "ruleId", NOT_MEASURED);
	json_word(j, "level", "error");
	put_message(j, r->why);
	json_open(j, "locations", '[');
	put_location(j, r->place, 1, NULL);
	json_close(j, ']');
	put_print(j, check_fingerprint(NULL, print));
	json_close(j, '}');
}

static void put_invocation(struct json *j, const struct check_report *r)
{
	json_open(j, "invocations", '[');
	json_open(j, NULL, '{');
	json_bool(j, "executionSuccessful", !r->why);
	json_number(j, "exitCode", (uint64_t)r->status);
	if (r->why) {
		json_open(j, "toolExecutionNotifications", '[');
		json_open(j, NULL, '{');
		json_word(j, "level", "error");
		put_message(j, r->why);
		json_close(j, '}');
		json_close(j, ']');
	}
	json_close(j, '}');
	json_close(j, ']');
}

static void put_rule(struct json *j, const char *id, const char *text)
{
	json_open(j, NULL, '{');
	json_word(j, "id", id);
	json_open(j, "shortDescription", '{');
	json_word(j, "text", text);
	json_close(j, '}');
	json_close(j, '}');
}

static void draw(const struct check_report *r, struct out *out)
{
	struct json j = { .out = out, .first = true };
	json_open(&j, NULL, '{');
	json_word(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_word(&j, "version", "2.1.0");
	json_open(&j, "runs", '[');
	json_open(&j, NULL, '{');
	json_open(&j, "tool", '{');
	json_open(&j, "driver", '{');
	json_word(&j, "name", "pymemprof");
	json_word(&j, "version", PYMEMPROF_VERSION);
	json_open(&j, "rules", '[');
	put_rule(&j, "memory-limit", "A memory figure is above its limit");
	put_rule(&j, "memory-increase", "A memory figure grew more than allowed");
	put_rule(&j, NOT_MEASURED, "The program failed or its recording is incomplete");
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	put_invocation(&j, r);
	json_open(&j, "results", '[');
	if (r->why)
		put_not_measured(&j, r);
	for (size_t i = 0; i < r->answer->findings.len; i++)
		if (check_is_told(&r->answer->findings.at[i]))
			put_result(&j, r, &r->answer->findings.at[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
	out_str(out, "\n");
}

const struct check_view check_view_sarif = { .name = "sarif", .draw = draw };

/* GitLab reads five members; those of Code Climate, whose format it is, are complete. */
static void put_issue(struct json *j, const char *check, const char *text, const char *print,
		      const char *severity, const char *path, unsigned line)
{
	json_open(j, NULL, '{');
	json_word(j, "type", "issue");
	json_open(j, "categories", '[');
	out_str(j->out, "\"Performance\"");
	json_close(j, ']');
	json_text(j, "description", text, strlen(text));
	json_word(j, "check_name", check);
	json_word(j, "fingerprint", print);
	json_word(j, "severity", severity);
	json_open(j, "location", '{');
	json_text(j, "path", path, strlen(path));
	json_open(j, "lines", '{');
	json_number(j, "begin", line ? line : 1);
	json_number(j, "end", line ? line : 1);
	json_close(j, '}');
	json_close(j, '}');
	json_close(j, '}');
}

static void draw_gitlab(const struct check_report *r, struct out *out)
{
	struct json j = { .out = out, .first = true };
	char print[CHECK_VALUE_MAX];
	json_open(&j, NULL, '[');
	if (r->why) /* an empty list would be read as: nothing was found */
		put_issue(&j, NOT_MEASURED, r->why, check_fingerprint(NULL, print), "blocker", r->place, 1);
	for (size_t i = 0; i < r->answer->findings.len; i++) {
		const struct check_finding *f = &r->answer->findings.at[i];
		const struct check_culprit *c = check_place_of_finding(f);
		char text[CHECK_SENTENCE_MAX];
		if (check_is_told(f))
			put_issue(&j, rule_id(f), check_sentence(f, text),
				  check_fingerprint(f, print),
				  f->verdict == CHECK_FAILED ? "major" : "minor",
				  c ? c->file : r->place, c ? c->line : 1);
	}
	json_close(&j, ']');
	out_str(out, "\n");
}

const struct check_view check_view_gitlab = { .name = "gitlab", .draw = draw_gitlab };
