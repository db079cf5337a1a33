/* SPDX-License-Identifier: MIT */
/*
 * GitHub workflow commands. At most ten annotations of a kind are shown for a step and the
 * rest is dropped silently, so no more are written: findings come worst first.
 */
#include "report/view/check_view.h"

#define ANNOTATIONS_MAX 10

static void draw(const struct check_report *r, struct out *out)
{
	char text[CHECK_SENTENCE_MAX];
	unsigned n = 0;
	if (r->why) {
		out_str(out, "::error title=pymemprof::");
		check_put(out, CHECK_COMMAND, r->why);
		out_str(out, "\n");
		n++;
	}
	for (size_t i = 0; i < r->answer->findings.len && n < ANNOTATIONS_MAX; i++) {
		const struct check_finding *f = &r->answer->findings.at[i];
		const struct check_culprit *c = check_place_of_finding(f);
		if (!check_is_told(f))
			continue;
		n++;
		out_printf(out, "::%s ", f->verdict == CHECK_FAILED ? "error" : "warning");
		if (c) {
			out_str(out, "file=");
			check_put(out, CHECK_PROPERTY, c->file);
			out_printf(out, ",line=%u,", c->line ? c->line : 1);
		}
		out_str(out, "title=pymemprof ");
		check_put(out, CHECK_PROPERTY, f->name);
		out_str(out, "::");
		check_put(out, CHECK_COMMAND, check_sentence(f, text));
		if (f->nculprits) {
			out_str(out, "; most of it in ");
			check_put(out, CHECK_COMMAND, f->culprits[0].function);
			check_put_line(out, &f->culprits[0], f->kind);
			check_put_caller(out, CHECK_COMMAND, &f->culprits[0], f->kind);
		}
		out_str(out, "\n");
	}
}

const struct check_view check_view_github = { .name = "github", .draw = draw };
