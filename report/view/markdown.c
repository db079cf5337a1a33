/* SPDX-License-Identifier: MIT */
/*
 * A comment for a merge request: at most 60 lines, with a hidden marker by which a robot
 * finds its earlier comment again.
 */
#include "report/view/check_view.h"

#define RULES_MAX 16

static void put_row(const struct check_finding *f, struct out *out)
{
	char v[CHECK_VALUE_MAX];
	enum check_kind k = f->kind;
	out_str(out, "| ");
	check_put(out, CHECK_MARKDOWN, f->name);
	out_printf(out, " | %s", f->have_base ? check_value(k, f->base, false, v) : "");
	out_printf(out, " | %s%s", f->at_least ? "at least " : "", check_value(k, f->now, false, v));
	out_printf(out, " | %s", f->have_base ? check_value(k, f->now - f->base, true, v) : "");
	out_printf(out, " | %s%s",
		   f->rule->increase && f->rule->text[0] != '+' ? "+" : "", f->rule->text);
	out_printf(out, " | %s%s%s |\n", f->verdict == CHECK_FAILED ? "**" : "",
		   check_verdict_name(f->verdict), f->verdict == CHECK_FAILED ? "**" : "");
}

static void put_culprits(const struct check_report *r, const struct check_finding *f, struct out *out)
{
	char v[CHECK_VALUE_MAX], words[CHECK_SENTENCE_MAX];
	enum check_kind k = f->kind >= CHECK_SITE_KINDS ? CHECK_PEAK :
								       f->kind;
	if (f->nculprits == 0)
		return;
	out_str(out, "\nWhere ");
	check_put(out, CHECK_MARKDOWN, f->name);
	out_str(out, " comes from:\n\n");
	for (size_t i = 0; i < f->nculprits; i++) {
		const struct check_culprit *c = &f->culprits[i];
		out_printf(out, "- %s ", check_value(k, c->now - c->base, !c->alone, v));
		check_put(out, CHECK_MARKDOWN, c->file);
		out_printf(out, ":%u ", c->line);
		check_put(out, CHECK_MARKDOWN, c->function);
		check_put_line(out, c, k);
		check_put_caller(out, CHECK_MARKDOWN, c, k);
		out_str(out, "\n");
	}
	if (check_shares_older(f))
		out_str(out, "\n" CHECK_OLDER "\n\n");
	for (size_t i = 0; i < f->nshares; i++) {
		const struct check_culprit *c = &f->shares[i];
		out_printf(out, "- %s ", check_value(CHECK_PEAK, c->now - c->base, !c->alone, v));
		check_put(out, CHECK_MARKDOWN, check_share_words(r->question->now, f, c, words));
		out_str(out, "\n");
	}
}

static void draw(const struct check_report *r, struct out *out)
{
	const struct check_answer *a = r->answer;
	out_str(out, "<!-- pymemprof:check -->\n### Memory: ");
	check_put(out, CHECK_MARKDOWN, r->name);
	bool bad = a->failed || r->why;
	out_printf(out, bad ? " **%s**\n\n" : " %s\n\n", check_headline(r));
	if (a->findings.len)
		out_str(out, "| metric | baseline | now | change | allowed | verdict |\n"
			     "|---|---:|---:|---:|---:|---|\n");
	for (size_t i = 0; i < a->findings.len && i < RULES_MAX; i++)
		put_row(&a->findings.at[i], out);
	if (a->findings.len > RULES_MAX)
		out_printf(out, "\n%zu more rules are not shown.\n", a->findings.len - RULES_MAX);
	/* Findings are ordered by weight: two lists at most keep the comment short. */
	for (size_t i = 0; i < a->findings.len && i < 2; i++)
		put_culprits(r, &a->findings.at[i], out);
	if (r->nnotes)
		out_str(out, "\n");
	for (size_t i = 0; i < r->nnotes && i < 8; i++) {
		out_str(out, "- ");
		check_put(out, CHECK_MARKDOWN, r->notes[i]);
		out_str(out, "\n");
	}
}

const struct check_view check_view_markdown = { .name = "markdown", .draw = draw };
