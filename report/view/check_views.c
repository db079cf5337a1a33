/* SPDX-License-Identifier: MIT */
/* The list of views of a gate, and the words, figures and escapes they share. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "report/view/check_view.h"
#include "report/view/units.h"

#define NAME_CUT 240 /* bytes of a metric's name in a sentence */

const struct check_view *const check_views[] = {
	&check_view_text,   &check_view_json,	&check_view_markdown, &check_view_junit,
	&check_view_sarif,  &check_view_github, &check_view_gitlab,   &check_view_bencher,
	&check_view_ghbench, NULL,
};

int check_view_find(const char *name, size_t n, const struct check_view **ret, struct err *err)
{
	for (size_t i = 0; check_views[i]; i++) {
		if (strlen(check_views[i]->name) != n || memcmp(check_views[i]->name, name, n) != 0)
			continue;
		*ret = check_views[i];
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "--report: '%.*s' is none of: text json markdown junit sarif github gitlab "
		       "bencher ghbench",
		       (int)(n > 40 ? 40 : n), name);
}

static const char *replaced(enum check_escape to, char c)
{
	static const struct {
		enum check_escape to;
		char c;
		const char *by;
	} table[] = {
		{ CHECK_XML, '&', "&amp;" },	 { CHECK_XML, '<', "&lt;" },
		{ CHECK_XML, '>', "&gt;" },	 { CHECK_XML, '"', "&quot;" },
		{ CHECK_XML, '\'', "&#39;" },	 { CHECK_MARKDOWN, '|', "\\|" },
		{ CHECK_MARKDOWN, '`', "'" },	 { CHECK_MARKDOWN, '<', "&lt;" },
		{ CHECK_MARKDOWN, '>', "&gt;" }, { CHECK_MARKDOWN, '&', "&amp;" },
		{ CHECK_MARKDOWN, '@', "&#64;" }, { CHECK_MARKDOWN, '[', "\\[" },
		{ CHECK_MARKDOWN, '*', "\\*" },	 { CHECK_MARKDOWN, '_', "\\_" },
		{ CHECK_COMMAND, '%', "%25" },	 { CHECK_PROPERTY, '%', "%25" },
		{ CHECK_PROPERTY, ':', "%3A" },	 { CHECK_PROPERTY, ',', "%2C" },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].to == to && table[i].c == c)
			return table[i].by;
	return NULL;
}

static void put_uri(struct out *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-._~/", *p);
		out_printf(out, plain ? "%c" : "%%%02X", *p);
	}
}

void check_put(struct out *out, enum check_escape to, const char *text)
{
	struct out line;
	if (to == CHECK_URI) {
		put_uri(out, text);
		return;
	}
	out_init(&line, OUT_MEMORY);
	out_escaped(&line, ESCAPE_UTF8, text, strlen(text));
	for (size_t i = 0; i < line.buf.len; i++) {
		const char *by = replaced(to, (char)line.buf.bytes[i]);
		if (by)
			out_str(out, by);
		else
			out_put(out, &line.buf.bytes[i], 1);
	}
	out->buf.failed |= line.buf.failed;
	out_deinit(&line);
}

const char *check_value(enum check_kind kind, double v, bool delta, char buf[CHECK_VALUE_MAX])
{
	struct units u;
	const char *sign = delta && v > 0 ? "+" : v < 0 ? "-" : "";
	if (isnan(v))
		snprintf(buf, CHECK_VALUE_MAX, "not known");
	else if (kind == CHECK_FRAG)
		snprintf(buf, CHECK_VALUE_MAX, "%s%.1f %%", sign, fabs(v) * 100);
	else if (kind == CHECK_ALLOCS || kind == CHECK_TYPE)
		snprintf(buf, CHECK_VALUE_MAX, "%s%s", sign, units_count(&u, (uint64_t)fabs(v)));
	else
		snprintf(buf, CHECK_VALUE_MAX, "%s%s", sign, units_bytes(&u, (uint64_t)fabs(v)));
	return buf;
}

const char *check_number(double v, char buf[CHECK_VALUE_MAX])
{
	if (isnan(v))
		snprintf(buf, CHECK_VALUE_MAX, "null");
	else
		snprintf(buf, CHECK_VALUE_MAX, v == floor(v) ? "%.0f" : "%.6f", v);
	return buf;
}

bool check_is_told(const struct check_finding *f)
{
	return f->verdict == CHECK_FAILED || f->verdict == CHECK_WARNED;
}

const struct check_culprit *check_place_of_finding(const struct check_finding *f)
{
	for (size_t i = 0; i < f->nculprits; i++)
		if (f->culprits[i].file[0] != '<')
			return &f->culprits[i];
	return NULL;
}

/* Many tests under one rule that need not be told one by one. */
static void alike_sentence(const struct check_finding *f, char buf[CHECK_SENTENCE_MAX])
{
	char now[CHECK_VALUE_MAX], allowed[CHECK_VALUE_MAX];
	check_value(f->kind, f->now, false, now);
	check_value(f->kind, f->allowed, false, allowed);
	if (f->verdict == CHECK_NO_BASE)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.160s: %u tests have nothing to be compared with",
			 f->name, f->alike);
	else if (check_is_told(f) || f->verdict == CHECK_NOT_PROVEN)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.160s: %u tests more are above what is allowed",
			 f->name, f->alike);
	else if (f->rule->increase)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.160s: %u tests did not grow by more than %s",
			 f->name, f->alike, f->rule->text);
	else
		snprintf(buf, CHECK_SENTENCE_MAX,
			 "%.160s: %u tests are within the limit of %s; the most is %s", f->name, f->alike,
			 allowed, now);
}

/* ", +4.5 %"; nothing has no share of nothing. */
static const char *share_text(const struct check_finding *f, char buf[32])
{
	*buf = '\0';
	if (f->base > 0)
		snprintf(buf, 32, ", %+.1f %%", (f->now / f->base - 1) * 100);
	return buf;
}

/* A figure of the finding; of a rate with what it is for each of. */
static const char *figure(const struct check_finding *f, double v, bool delta,
			  char buf[CHECK_VALUE_MAX])
{
	check_value(f->kind, v, delta, buf);
	if (f->each)
		snprintf(buf + strlen(buf), CHECK_VALUE_MAX - strlen(buf), "%s", f->each);
	return buf;
}

const char *check_sentence(const struct check_finding *f, char buf[CHECK_SENTENCE_MAX])
{
	char now[CHECK_VALUE_MAX], base[CHECK_VALUE_MAX], delta[CHECK_VALUE_MAX],
		allowed[CHECK_VALUE_MAX], noise[CHECK_VALUE_MAX];
	enum check_kind k = f->kind;
	const char *name = f->name;
	char share[32];
	bool over = f->now > f->allowed;
	figure(f, f->now, false, now);
	figure(f, f->allowed, false, allowed);
	figure(f, f->noise, false, noise);
	if (k == CHECK_LEAK_RATE && !f->rule->increase && f->noise > 0) /* its confidence interval */
		snprintf(now + strlen(now), sizeof now - strlen(now), " +/- %.20s", noise);
	if (f->alike > 1) {
		alike_sentence(f, buf);
		return buf;
	}
	if (f->unknown)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.*s is not known: %s", NAME_CUT, name, f->unknown);
	else if (f->at_least && f->now <= 0)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.*s is not known", NAME_CUT, name);
	else if (f->at_least && !over && (!f->rule->increase || f->have_base))
		snprintf(buf, CHECK_SENTENCE_MAX,
			 "%.*s is at least %s; whether it is within %s is not known", NAME_CUT, name, now,
			 allowed);
	else if (!f->rule->increase)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.*s %s%s is %s the limit of %s%s", NAME_CUT, name,
			 f->at_least ? "of at least " : "", now, over ? "above" : "within", allowed,
			 f->verdict == CHECK_NOT_PROVEN ? ", but not in every run" : "");
	else if (!f->have_base)
		snprintf(buf, CHECK_SENTENCE_MAX, "%.*s %s has nothing to be compared with",
			 NAME_CUT, name, now);
	else
		snprintf(buf, CHECK_SENTENCE_MAX,
			 "%.*s went from %s to %s%s (%s%s); %s may be added%s%s", NAME_CUT, name,
			 figure(f, f->base, false, base), f->at_least ? "at least " : "", now,
			 figure(f, f->now - f->base, true, delta), share_text(f, share),
			 f->rule->text, f->verdict == CHECK_NOT_PROVEN ? "; the noise is " : "",
			 f->verdict == CHECK_NOT_PROVEN ? noise : "");
	return buf;
}

void check_put_caller(struct out *out, enum check_escape to, const struct check_culprit *c,
		      enum check_kind kind)
{
	char delta[CHECK_VALUE_MAX];
	if (!c->caller)
		return;
	if (kind >= CHECK_SITE_KINDS)
		kind = CHECK_PEAK;
	out_printf(out, "; %s of it for ",
		   check_value(kind, c->caller_now - c->caller_base, !c->alone, delta));
	check_put(out, to, c->caller_file);
	out_printf(out, ":%u ", c->caller_line);
	check_put(out, to, c->caller);
}

const char *check_headline(const struct check_report *r)
{
	const struct check_answer *a = r->answer;
	if (r->why)
		return a->findings.len ? "NOT TO BE TRUSTED" : "NOT JUDGED";
	return a->failed	 ? "FAILED" :
	       a->warned	 ? "passed with warnings" :
	       a->findings.len ? "passed" :
				 "measured";
}

static uint64_t mix(uint64_t h, const char *text)
{
	return hash_bytes(h, text, strlen(text) + 1);
}

const char *check_fingerprint(const struct check_finding *f, char buf[CHECK_VALUE_MAX])
{
	uint64_t h = mix(HASH_START, f ? f->name : "not measured");
	if (f) {
		h = mix(h, f->rule->increase ? "increase" : "limit");
		h = mix(h, f->rule->warn ? "warn" : "fail");
	}
	if (f && f->nculprits) {
		h = mix(h, f->culprits[0].file);
		h = mix(h, f->culprits[0].function);
	}
	snprintf(buf, CHECK_VALUE_MAX, "%016" PRIx64, h);
	return buf;
}
