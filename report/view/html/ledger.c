/* SPDX-License-Identifier: MIT */
/*
 * Where the resident memory is, as a bar and as a table. A part is told by the colour of its
 * family, by the pattern of its place in the family, and by its name: never by colour alone.
 */
#include <string.h>

#include "report/view/html/html.h"

#define NAMED_SHARE 0.08  /* of the bar: wide enough for a name in it */
#define SHOWN_SHARE 0.004 /* narrower parts share one piece */
#define BAR_HEIGHT 46

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum family { PYTHON, FREE, MALLOC, FILES, OTHER, UNEXPLAINED };

static const char *const family_class[] = { "py", "fr", "ma", "fi", "ot", "un" };

/* Codes of fact_ledger; pattern 0 is plain. A code that is not here is "other". */
static const struct part {
	const char *code, *brief;
	enum family family;
	unsigned pattern;
} parts[] = {
	{ "objects", "objects", PYTHON, 0 },
	{ "buffers", "buffers", PYTHON, 1 },
	{ "large_blocks", "large blocks", PYTHON, 2 },
	{ "mapped_python", "own mappings", PYTHON, 3 },
	{ "frames", "frames", PYTHON, 4 },
	{ "free_blocks", "free blocks", FREE, 0 },
	{ "free_pools", "free pools", FREE, 1 },
	{ "free_lists", "free lists", FREE, 2 },
	{ "pool_overhead", "pool overhead", FREE, 3 },
	{ "unknown_blocks", "unknown blocks", UNEXPLAINED, 1 },
	{ "malloc_used", "malloc", MALLOC, 0 },
	{ "malloc_cached", "malloc cached", MALLOC, 1 },
	{ "malloc_free", "malloc free", MALLOC, 2 },
	{ "mapped_other", "other mappings", MALLOC, 3 },
	{ "python", "interpreter", FILES, 0 },
	{ "libraries", "libraries", FILES, 1 },
	{ "files", "files", FILES, 2 },
	{ "shared", "shared", FILES, 3 },
	{ "stacks", "stacks", OTHER, 0 },
	{ "kernel", "kernel", OTHER, 1 },
	{ "agent", "agent", OTHER, 2 },
	{ "unexplained", "unexplained", UNEXPLAINED, 0 },
};

static const struct part *part_of(const char *code)
{
	static const struct part other = { "", "other", OTHER, 3 };
	for (size_t i = 0; i < COUNT(parts); i++)
		if (strcmp(parts[i].code, code) == 0)
			return &parts[i];
	return &other;
}

static void patterns(struct text *t)
{
	static const char *const shape[] = {
		"M-1 9L9 -1M7 17L17 7M-1 1L1 -1M7 1L1 7", "M2 2h2v2h-2zM6 6h2v2h-2z",
		"M0 2H8M0 6H8", "M2 0V8M6 0V8",
	};
	out_str(t->out, "<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
	for (unsigned i = 0; i < COUNT(shape); i++)
		out_printf(t->out,
			   "<pattern id=\"pt%u\" width=\"8\" height=\"8\" "
			   "patternUnits=\"userSpaceOnUse\"><path class=\"pt\" d=\"%s\"/></pattern>",
			   i + 1, shape[i]);
	out_str(t->out, "</defs></svg>\n");
}

/* A filled box: the family's colour, the part's pattern over it. */
static void box(struct text *t, const struct part *p)
{
	out_printf(t->out, "<rect class=\"%s\" width=\"100%%\" height=\"100%%\"/>",
		   family_class[p->family]);
	if (p->pattern)
		out_printf(t->out, "<rect fill=\"url(#pt%u)\" width=\"100%%\" height=\"100%%\"/>",
			   p->pattern);
}

static void piece(struct text *t, const struct fact_ledger *f, double from, double share)
{
	const struct part *p = part_of(f->code);
	struct units u;
	out_printf(t->out, "<svg x=\"%.3f%%\" width=\"%.3f%%\" height=\"%d\"><title>", from * 100,
		   share * 100, BAR_HEIGHT);
	html_name_str(t, f->label);
	out_printf(t->out, ": %s%s</title>", f->estimate ? "~" : "", units_bytes(&u, f->bytes));
	box(t, p);
	out_printf(t->out, "<rect class=\"gap\" width=\"1.5\" height=\"%d\"/>", BAR_HEIGHT);
	if (share >= NAMED_SHARE)
		out_printf(t->out,
			   "<text class=\"on-%s\" x=\"10\" y=\"20\">%s</text><text class=\"on-%s\" "
			   "x=\"10\" y=\"36\">%s%s</text>",
			   family_class[p->family], p->brief, family_class[p->family],
			   f->estimate ? "~" : "", units_bytes(&u, f->bytes));
	out_str(t->out, "</svg>");
}

/* Lines of depth 0 side by side, in the ledger's order; what is too narrow to see at the end. */
static void bar(struct text *t, const struct heap_model *m, uint64_t rss)
{
	double x = 0;
	struct units u;
	out_printf(t->out,
		   "<svg class=\"bar\" width=\"100%%\" height=\"%d\" role=\"img\" "
		   "aria-label=\"Parts of resident memory, %s; the legend and the ledger name each\">",
		   BAR_HEIGHT, units_bytes(&u, rss));
	for (size_t i = 0; i < m->ledger.len; i++) {
		const struct fact_ledger *f = &m->ledger.at[i];
		double share = (double)f->bytes / (double)rss;
		if (f->depth != 0 || share < SHOWN_SHARE)
			continue;
		piece(t, f, x, share);
		x += share;
	}
	if (x < 1)
		out_printf(t->out,
			   "<svg x=\"%.3f%%\" width=\"%.3f%%\" height=\"%d\"><title>the rest: the ledger "
			   "names each</title><rect class=\"rest\" width=\"100%%\" height=\"100%%\"/></svg>",
			   x * 100, (1 - x) * 100, BAR_HEIGHT);
	out_str(t->out, "</svg>\n");
}

static void swatch(struct text *t, const struct fact_ledger *f)
{
	out_str(t->out, "<svg class=\"key\" width=\"14\" height=\"14\" aria-hidden=\"true\">");
	box(t, part_of(f->code));
	out_str(t->out, "</svg>");
}

static void legend(struct text *t, const struct heap_model *m, uint64_t rss)
{
	uint64_t rest = rss;
	size_t left = 0;
	struct units u;
	out_str(t->out, "<ul class=\"legend\">");
	for (size_t i = 0; i < m->ledger.len; i++) {
		const struct fact_ledger *f = &m->ledger.at[i];
		if (f->depth != 0)
			continue;
		if ((double)f->bytes / (double)rss < SHOWN_SHARE) {
			left++;
			continue;
		}
		rest -= f->bytes < rest ? f->bytes : rest;
		out_str(t->out, "<li>");
		swatch(t, f);
		out_str(t->out, "<bdi>");
		html_name_str(t, f->label);
		out_printf(t->out, "</bdi> <b>%s%s</b></li>", f->estimate ? "~" : "",
			   units_bytes(&u, f->bytes));
	}
	if (left)
		out_printf(t->out, "<li class=\"note\">%zu smaller parts <b>%s</b></li>", left,
			   units_bytes(&u, rest));
	out_str(t->out, "</ul></section>\n");
}

static void row(struct text *t, const struct fact_ledger *f, uint64_t rss)
{
	struct units u;
	out_printf(t->out, "<tr%s><th scope=\"row\" class=\"d%u\">",
		   (double)f->bytes / (double)rss < SHOWN_SHARE ? " class=\"faint\"" : "",
		   f->depth < 3 ? (unsigned)f->depth : 3u);
	if (f->depth == 0)
		swatch(t, f);
	out_str(t->out, "<bdi>");
	html_name_str(t, f->label);
	out_printf(t->out, "</bdi></th><td class=\"n%s\" data-v=\"%llu\">%s%s</td>",
		   html_share_class(f->bytes, rss), (unsigned long long)f->bytes,
		   f->estimate ? "~" : "", units_bytes(&u, f->bytes));
	html_percent(t, f->bytes, rss);
	out_str(t->out, "</tr>\n");
}

void html_ledger(struct text *t, const struct heap_model *m)
{
	static const char *const titles[] = { "What", "#Bytes", "#%" };
	uint64_t rss = 0;
	for (size_t i = 0; i < m->ledger.len; i++)
		rss += m->ledger.at[i].depth ? 0 : m->ledger.at[i].bytes;
	if (rss == 0)
		return;
	out_str(t->out, "<section id=\"s-where\" data-view=\"summary memory\">"
			"<h2>Where the memory is</h2>\n");
	patterns(t);
	bar(t, m, rss);
	legend(t, m, rss);
	out_str(t->out,
		"<section id=\"s-ledger\" data-view=\"memory\"><h2>Ledger</h2>\n");
	html_table(t, "t-ledger", "Every resident byte, once", titles, COUNT(titles));
	for (size_t i = 0; i < m->ledger.len; i++)
		row(t, &m->ledger.at[i], rss);
	out_str(t->out, "<tr class=\"sum\"><th scope=\"row\">resident (RSS)</th>");
	html_exact_bytes(t, rss);
	out_str(t->out, "<td class=\"n\">100</td></tr>\n");
	html_table_end(t);
	out_str(t->out, "</section>\n");
}
