/* SPDX-License-Identifier: MIT */
/*
 * The page: policy, title, style, script, static sections, data. The policy allows exactly the
 * two inline texts made at build time, by hash; nothing can be fetched, posted or injected.
 */
#include <string.h>

#include "config.h"
#include "report/view/html/html.h"
#include "report/view/html/pack.h"
#include "report/view/html/unpack.h"

void html_name(struct text *t, const char *s, size_t n)
{
	out_escaped(t->out, ESCAPE_HTML, s, n);
}

void html_name_str(struct text *t, const char *s)
{
	html_name(t, s, strlen(s));
}

static bool innermost(struct text *t, uint32_t stack, struct stack_text *f)
{
	uint32_t place = t->r->stacks.stacks.at[stack];
	if (stacks_next(&t->r->stacks, &place, f))
		return true;
	out_str(t->out, place == STACKS_TRUNCATED ? "(stack missing)" : "(no Python stack)");
	return false;
}

void html_frame(struct text *t, const struct stack_text *f, bool whole)
{
	const char *slash = memrchr(f->file, '/', f->file_bytes);
	const char *base = slash && slash[1] && !whole ? slash + 1 : f->file;
	out_str(t->out, "<b><bdi>");
	html_name(t, f->function, f->function_bytes);
	out_str(t->out, "</bdi></b>");
	if (!f->file_bytes)
		return;
	out_str(t->out, " <span class=\"file\"><bdi>");
	html_name(t, base, f->file_bytes - (size_t)(base - f->file));
	out_printf(t->out, "</bdi>:%u</span>", f->line);
}

void html_place(struct text *t, uint32_t stack)
{
	struct stack_text f;
	out_str(t->out, "<td class=\"name\">");
	if (innermost(t, stack, &f))
		html_frame(t, &f, false);
	out_str(t->out, "</td>");
}

void html_stack(struct text *t, uint32_t stack)
{
	struct stack_text f;
	uint32_t place = t->r->stacks.stacks.at[stack];
	out_str(t->out, "<ol class=\"stack\">");
	while (stacks_next(&t->r->stacks, &place, &f)) {
		out_str(t->out, "<li>");
		html_frame(t, &f, true);
		out_str(t->out, "</li>");
	}
	if (stacks_truncated(&t->r->stacks, stack))
		out_str(t->out, "<li>(outer frames missing)</li>");
	out_str(t->out, "</ol>");
}

void html_table(struct text *t, const char *id, const char *caption, const char *const *titles,
		size_t n)
{
	out_printf(t->out,
		   "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"%s-c\">"
		   "<table id=\"%s\"><caption id=\"%s-c\">%s</caption><thead><tr>",
		   id, id, id, caption);
	for (size_t i = 0; i < n; i++)
		out_printf(t->out, "<th scope=\"col\"%s>%s</th>",
			   *titles[i] == '#' ? " class=\"n\"" : "",
			   titles[i] + (*titles[i] == '#'));
	out_str(t->out, "</tr></thead><tbody>\n");
}

void html_table_end(struct text *t)
{
	out_str(t->out, "</tbody></table></div>\n");
}

static void figure(struct text *t, uint64_t exact, const char *about, const char *shown)
{
	out_printf(t->out, "<td class=\"n\" data-v=\"%llu\">%s%s</td>", (unsigned long long)exact,
		   about, shown);
}

void html_bytes(struct text *t, uint64_t bytes)
{
	struct units u;
	figure(t, bytes, t->about, units_bytes(&u, bytes));
}

void html_exact_bytes(struct text *t, uint64_t bytes)
{
	struct units u;
	figure(t, bytes, "", units_bytes(&u, bytes));
}

void html_count(struct text *t, uint64_t count)
{
	struct units u;
	figure(t, count, "", units_count(&u, count));
}

const char *html_share_class(uint64_t part, uint64_t whole)
{
	static const char *const class[] = { "",	" b b1",  " b b2",  " b b3",  " b b4",
					     " b b5",  " b b6",  " b b7",  " b b8",  " b b9",
					     " b b10", " b b11", " b b12", " b b13", " b b14",
					     " b b15", " b b16", " b b17", " b b18", " b b19",
					     " b b20" };
	double share = whole ? (double)part / (double)whole : 0;
	return class[(size_t)(share > 1 ? 20 : share * 20 + 0.5)];
}

void html_share_bytes(struct text *t, uint64_t bytes, uint64_t whole)
{
	struct units u;
	out_printf(t->out, "<td class=\"n%s\" data-v=\"%llu\">%s%s</td>",
		   html_share_class(bytes, whole), (unsigned long long)bytes, t->about,
		   units_bytes(&u, bytes));
}

void html_percent(struct text *t, uint64_t part, uint64_t whole)
{
	struct units u;
	out_str(t->out, "<td class=\"n\">");
	html_name_str(t, units_percent(&u, part, whole)); /* "<0.1" */
	out_str(t->out, "</td>");
}

void html_words(struct text *t, const char *words)
{
	out_printf(t->out, "<td>%s</td>", words);
}

void html_verdict(struct text *t, const char *words)
{
	out_printf(t->out, "<td><span class=\"tag %s\">%s</span></td>", words, words);
}

static void head(struct text *t)
{
	char words[TEXT_VERDICT_MAX];
	const char *verdict;
	const struct fact_target *f = &t->r->totals.target;
	text_verdict(t, &verdict, words);
	out_printf(t->out,
		   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		   "script-src '%s'; style-src '%s'; form-action 'none'; base-uri 'none'\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"color-scheme\" content=\"light dark\">\n"
		   "<meta name=\"referrer\" content=\"no-referrer\">\n"
		   "<meta name=\"generator\" content=\"pymemprof " PYMEMPROF_VERSION "\">\n<title>%s: ",
		   html_script_hash, html_style_hash, verdict);
	if (t->r->totals.have_target) {
		html_name_str(t, f->executable);
		out_printf(t->out, " pid %d", f->pid);
	} else {
		out_str(t->out, "recording");
	}
	out_str(t->out, " - pymemprof</title>\n<style>");
	out_put(t->out, html_style, html_style_bytes);
	out_str(t->out, "</style>\n<script type=\"module\">");
	out_put(t->out, html_script, html_script_bytes);
	out_str(t->out, "</script></head>\n<body>\n");
}

/* The recording's own file into the page, when there is room for it beside used bytes. */
static int carry(const struct view_options *o, size_t most, size_t used, struct html_merged *merged,
		 struct buf *ret, struct err *err)
{
	merged->recording_bytes = o->source_bytes;
	merged->recording_inside = o->source && used + pack_raw_bytes(o->source_bytes) <= most;
	if (!merged->recording_inside)
		return 0;
	return pack_raw(o->source, o->source_bytes, UNPACK_RECORDING, ret, err);
}

int html_page(const struct recording *r, const struct view_options *o,
	      const struct html_compare *compare, struct out *out, struct err *err)
{
	struct text t = { .r = r,
			  .o = o,
			  .out = out,
			  .width = VIEW_WIDTH,
			  .about = totals_estimated(&r->totals) ? "~" : "" };
	AUTO_BUF struct buf data = BUF_INIT, source = BUF_INIT;
	struct html_merged merged;
	struct out page;
	size_t most = o->max_bytes ? o->max_bytes : HTML_BYTES_MAX;
	/* Once without data, to know its size. */
	out_init(&page, OUT_MEMORY);
	t.out = &page;
	head(&t);
	int rc = html_static(&t, &(struct html_merged){ .share = 1 }, compare, err);
	size_t rest = page.buf.len + 512;
	out_deinit(&page);
	if (rc == 0)
		rc = html_data(r, compare, most > rest ? most - rest : 0, &data, &merged, err);
	if (rc == 0)
		rc = carry(o, most, rest + data.len, &merged, &source, err);
	if (rc < 0)
		return rc;
	t.out = out;
	head(&t);
	rc = html_static(&t, &merged, compare, err);
	if (rc < 0)
		return rc;
	out_put(out, source.bytes, source.len);
	out_put(out, data.bytes, data.len);
	out_str(out, "</body></html>\n");
	return out_check(out, err);
}

static int draw(const struct recording *r, const struct view_options *o, struct out *out,
		struct err *err)
{
	return html_page(r, o, NULL, out, err);
}

const struct view view_html = {
	.name = "html",
	.summary = "one self-contained page to read, explore and send",
	.questions = (1u << VIEW_QUESTIONS) - 1,
	.draw = draw,
};
