/* SPDX-License-Identifier: MIT */
/* For people: one line per rule, the sites behind what failed. Plain ASCII words, UTF-8 names. */
#include <string.h>

#include "report/view/check_view.h"

/* "                  +3.9 MiB of it for feed/read.py:30 load" */
static void put_caller(const struct check_culprit *c, enum check_kind k, struct out *out)
{
	char delta[CHECK_VALUE_MAX];
	if (!c->caller)
		return;
	out_printf(out, "      %12s    %s of it for ", "",
		   check_value(k, c->caller_now - c->caller_base, !c->alone, delta));
	out_escaped(out, ESCAPE_ASCII, c->caller_file, strlen(c->caller_file));
	out_printf(out, ":%u ", c->caller_line);
	out_escaped(out, ESCAPE_ASCII, c->caller, strlen(c->caller));
	out_str(out, "\n");
}

static void put_now(const struct check_culprit *c, enum check_kind k, struct out *out)
{
	char now[CHECK_VALUE_MAX];
	if (!c->alone)
		out_printf(out, "  (now %s)", check_value(k, c->now, false, now));
	out_str(out, "\n");
}

static void put_culprits(const struct check_finding *f, struct out *out)
{
	enum check_kind k = f->kind;
	char delta[CHECK_VALUE_MAX];
	if (k == CHECK_LEAK_RATE || k == CHECK_RSS_PEAK)
		k = CHECK_PEAK;
	for (size_t i = 0; i < f->nculprits; i++) {
		const struct check_culprit *c = &f->culprits[i];
		out_printf(out, "      %12s  ", check_value(k, c->now - c->base, !c->alone, delta));
		out_escaped(out, ESCAPE_ASCII, c->file, strlen(c->file));
		out_printf(out, ":%u ", c->line);
		out_escaped(out, ESCAPE_ASCII, c->function, strlen(c->function));
		check_put_line(out, c, k);
		put_now(c, k, out);
		put_caller(c, k, out);
	}
}

static void put_shares(const struct check_report *r, const struct check_finding *f, struct out *out)
{
	char delta[CHECK_VALUE_MAX], words[CHECK_SENTENCE_MAX];
	if (check_shares_older(f))
		out_str(out, "      " CHECK_OLDER "\n");
	for (size_t i = 0; i < f->nshares; i++) {
		const struct check_culprit *c = &f->shares[i];
		out_printf(out, "      %12s  ", check_value(CHECK_PEAK, c->now - c->base, !c->alone, delta));
		check_share_words(r->question->now, f, c, words);
		out_escaped(out, ESCAPE_ASCII, words, strlen(words));
		put_now(c, CHECK_PEAK, out);
	}
}

static void draw(const struct check_report *r, struct out *out)
{
	char text[CHECK_SENTENCE_MAX];
	const struct check_answer *a = r->answer;
	out_str(out, "pymemprof check ");
	out_escaped(out, ESCAPE_ASCII, r->name, strlen(r->name));
	out_printf(out, ": %s\n", check_headline(r));
	for (size_t i = 0; i < r->nnotes; i++) {
		out_str(out, "  note: ");
		out_escaped(out, ESCAPE_ASCII, r->notes[i], strlen(r->notes[i]));
		out_str(out, "\n");
	}
	for (size_t i = 0; i < a->findings.len; i++) {
		const struct check_finding *f = &a->findings.at[i];
		out_printf(out, "  %-10s ", check_verdict_name(f->verdict));
		check_sentence(f, text);
		out_escaped(out, ESCAPE_ASCII, text, strlen(text));
		out_str(out, "\n");
		put_culprits(f, out);
		put_shares(r, f, out);
	}
	if (a->findings.len > 0 || r->why)
		return;
	for (size_t i = 0; i < r->question->now->series.len; i++) {
		const struct check_series *s = &r->question->now->series.at[i];
		const char *each = check_each(r->question, s->metric.kind);
		out_printf(out, "  %-12s %s%s\n", s->metric.name,
			   check_value(s->metric.kind, check_median(s), false, text), each ? each : "");
	}
}

const struct check_view check_view_text = { .name = "text", .draw = draw };
