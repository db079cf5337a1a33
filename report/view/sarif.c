/* SPDX-License-Identifier: MIT */
/* SARIF 2.1.0 for code scanning, and GitLab's code quality list: what failed, at its first culprit. */
#include <string.h>

#include "config.h"
#include "report/view/check_view.h"
#include "report/view/json_put.h"

static void put_location(struct json *j, const struct check_culprit *c)
{
	json_open(j, NULL, '{');
	json_open(j, "physicalLocation", '{');
	json_open(j, "artifactLocation", '{');
	json_key(j, "uri");
	out_str(j->out, "\"");
	check_put(j->out, CHECK_URI, c->file);
	out_str(j->out, "\"");
	json_close(j, '}');
	json_open(j, "region", '{');
	json_number(j, "startLine", c->line ? c->line : 1);
	json_close(j, '}');
	json_close(j, '}');
	json_open(j, "logicalLocations", '[');
	json_open(j, NULL, '{');
	json_text(j, "name", c->function, strlen(c->function));
	json_close(j, '}');
	json_close(j, ']');
	json_close(j, '}');
}

static const char *rule_id(const struct check_finding *f)
{
	return f->rule->increase ? "memory-increase" : "memory-limit";
}

static void put_result(struct json *j, const struct check_finding *f)
{
	char text[CHECK_SENTENCE_MAX], print[CHECK_VALUE_MAX];
	check_sentence(f, text);
	json_open(j, NULL, '{');
	json_word(j, "ruleId", rule_id(f));
	json_word(j, "level", f->verdict == CHECK_FAILED ? "error" : "warning");
	json_open(j, "message", '{');
	json_text(j, "text", text, strlen(text));
	json_close(j, '}');
	json_open(j, "locations", '[');
	if (f->nculprits)
		put_location(j, &f->culprits[0]);
	json_close(j, ']');
	if (f->nculprits > 1) {
		json_open(j, "relatedLocations", '[');
		for (size_t i = 1; i < f->nculprits; i++)
			put_location(j, &f->culprits[i]);
		json_close(j, ']');
	}
	json_open(j, "partialFingerprints", '{');
	json_word(j, "pymemprof/v1", check_fingerprint(f, print));
	json_close(j, '}');
	json_close(j, '}');
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
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	json_open(&j, "results", '[');
	for (size_t i = 0; i < r->answer->findings.len; i++)
		if (check_is_told(&r->answer->findings.at[i]))
			put_result(&j, &r->answer->findings.at[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
	out_str(out, "\n");
}

const struct check_view check_view_sarif = { .name = "sarif", .draw = draw };

static void draw_gitlab(const struct check_report *r, struct out *out)
{
	struct json j = { .out = out, .first = true };
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < r->answer->findings.len; i++) {
		const struct check_finding *f = &r->answer->findings.at[i];
		char text[CHECK_SENTENCE_MAX], print[CHECK_VALUE_MAX];
		const char *path = f->nculprits ? f->culprits[0].file : "pymemprof.json";
		unsigned line = f->nculprits && f->culprits[0].line ? f->culprits[0].line : 1;
		if (!check_is_told(f))
			continue;
		check_sentence(f, text);
		/* GitLab reads five members; those of Code Climate, whose format it is, are complete. */
		json_open(&j, NULL, '{');
		json_word(&j, "type", "issue");
		json_open(&j, "categories", '[');
		out_str(out, "\"Performance\"");
		json_close(&j, ']');
		json_text(&j, "description", text, strlen(text));
		json_word(&j, "check_name", rule_id(f));
		json_word(&j, "fingerprint", check_fingerprint(f, print));
		json_word(&j, "severity", f->verdict == CHECK_FAILED ? "major" : "minor");
		json_open(&j, "location", '{');
		json_text(&j, "path", path, strlen(path));
		json_open(&j, "lines", '{');
		json_number(&j, "begin", line);
		json_number(&j, "end", line);
		json_close(&j, '}');
		json_close(&j, '}');
		json_close(&j, '}');
	}
	json_close(&j, ']');
	out_str(out, "\n");
}

const struct check_view check_view_gitlab = { .name = "gitlab", .draw = draw_gitlab };
