/* SPDX-License-Identifier: MIT */
/* JUnit XML: one test case per rule. What is not proven or only warned about passes, with a word. */
#include "report/view/check_view.h"

static void put_culprits(const struct check_report *r, const struct check_finding *f, struct out *out)
{
	char v[CHECK_VALUE_MAX], words[CHECK_SENTENCE_MAX];
	enum check_kind k = f->kind >= CHECK_SITE_KINDS ? CHECK_PEAK :
								       f->kind;
	for (size_t i = 0; i < f->nculprits; i++) {
		const struct check_culprit *c = &f->culprits[i];
		out_printf(out, "%s ", check_value(k, c->now - c->base, !c->alone, v));
		check_put(out, CHECK_XML, c->file);
		out_printf(out, ":%u ", c->line);
		check_put(out, CHECK_XML, c->function);
		check_put_line(out, c, k);
		check_put_caller(out, CHECK_XML, c, k);
		out_str(out, "\n");
	}
	if (check_shares_older(f))
		out_str(out, CHECK_OLDER "\n");
	for (size_t i = 0; i < f->nshares; i++) {
		const struct check_culprit *c = &f->shares[i];
		out_printf(out, "%s ", check_value(CHECK_PEAK, c->now - c->base, !c->alone, v));
		check_put(out, CHECK_XML, check_share_words(r->question->now, f, c, words));
		out_str(out, "\n");
	}
}

/* Neither held nor broken: no test that passed. */
static bool is_open(const struct check_finding *f)
{
	return f->verdict == CHECK_NOT_PROVEN || f->verdict == CHECK_NOT_MEASURED;
}

static void put_case(const struct check_report *r, const struct check_finding *f, struct out *out)
{
	char text[CHECK_SENTENCE_MAX];
	check_sentence(f, text);
	out_str(out, "    <testcase classname=\"pymemprof.");
	check_put(out, CHECK_XML, r->name);
	out_printf(out, "\" name=\"%s ", f->rule->increase ? "max-increase" : "max");
	check_put(out, CHECK_XML, f->name);
	out_printf(out, "=%s%s\" time=\"0\"", f->rule->text, f->rule->warn ? " (warn)" : "");
	if (f->verdict == CHECK_FAILED) {
		out_str(out, ">\n      <failure type=\"memory\" message=\"");
		check_put(out, CHECK_XML, text);
		out_str(out, "\">");
		put_culprits(r, f, out);
		out_str(out, "</failure>\n    </testcase>\n");
	} else if (is_open(f)) {
		out_printf(out, ">\n      <skipped message=\"%s: ", check_verdict_name(f->verdict));
		check_put(out, CHECK_XML, text);
		out_str(out, "\"></skipped>\n    </testcase>\n");
	} else {
		out_str(out, ">\n      <system-out>");
		out_printf(out, "%s: ", check_verdict_name(f->verdict));
		check_put(out, CHECK_XML, text);
		out_str(out, "\n");
		put_culprits(r, f, out);
		out_str(out, "</system-out>\n    </testcase>\n");
	}
}

/* A program that failed has broken no rule, and is not well either. */
static void put_error(const struct check_report *r, struct out *out)
{
	out_str(out, "    <testcase classname=\"pymemprof.");
	check_put(out, CHECK_XML, r->name);
	out_str(out, "\" name=\"measurement\" time=\"0\">\n      <error type=\"memory\" message=\"");
	check_put(out, CHECK_XML, r->why);
	out_str(out, "\"></error>\n    </testcase>\n");
}

static void draw(const struct check_report *r, struct out *out)
{
	const struct check_answer *a = r->answer;
	size_t tests = a->findings.len + (r->why != NULL);
	unsigned errors = r->why != NULL, open = 0;
	for (size_t i = 0; i < a->findings.len; i++)
		open += is_open(&a->findings.at[i]);
	out_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	out_printf(out,
		   "<testsuites tests=\"%zu\" failures=\"%u\" errors=\"%u\">\n"
		   "  <testsuite name=\"pymemprof check\" tests=\"%zu\" failures=\"%u\" "
		   "errors=\"%u\" skipped=\"%u\" time=\"0\">\n",
		   tests, a->failed, errors, tests, a->failed, errors, open);
	if (r->why)
		put_error(r, out);
	for (size_t i = 0; i < a->findings.len; i++)
		put_case(r, &a->findings.at[i], out);
	out_str(out, "  </testsuite>\n</testsuites>\n");
}

const struct check_view check_view_junit = { .name = "junit", .draw = draw };
