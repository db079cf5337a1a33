/* SPDX-License-Identifier: MIT */
/* The static sections of a snapshot: types, fragmentation, collector. */
#include <stdlib.h>
#include <string.h>

#include "report/view/html/html.h"

#define LABEL_MAX 512

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int largest_first(const void *a, const void *b)
{
	const struct fact_heap_type *x = *(const struct fact_heap_type *const *)a;
	const struct fact_heap_type *y = *(const struct fact_heap_type *const *)b;
	if (x->total_bytes != y->total_bytes)
		return x->total_bytes < y->total_bytes ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* Where most of a type's bytes were made, as a cell. */
static void made_at(struct text *t, const struct heap_model *m, const struct fact_heap_type *f)
{
	size_t i = heap_type_made(m, f->type);
	const struct stack_site *site = NULL;
	if (i < m->made.len && m->made.at[i].type == f->type)
		site = stacks_site(&t->r->stacks, m->made.at[i].site);
	if (site)
		html_place(t, site->stack);
	else
		out_str(t->out, "<td class=\"nil\">-</td>");
}

static void type_row(struct text *t, const struct heap_model *m, const struct heap_model *old,
		     const struct fact_heap_type *f, uint64_t whole)
{
	char label[LABEL_MAX];
	struct units u;
	heap_type_label(f, label, sizeof label);
	out_str(t->out, "<tr><td class=\"name\"><bdi>");
	html_name_str(t, label);
	out_str(t->out, "</bdi></td>");
	out_printf(t->out, "<td class=\"n%s\" data-v=\"%llu\">%s</td>",
		   html_share_class(f->total_bytes, whole), (unsigned long long)f->total_bytes,
		   units_bytes(&u, f->total_bytes));
	html_count(t, f->count);
	html_exact_bytes(t, f->header_bytes + f->gc_head_bytes);
	html_exact_bytes(t, f->dict_bytes);
	html_exact_bytes(t, f->buffer_bytes);
	html_exact_bytes(t, f->slack_bytes + f->rounding_bytes);
	if (old) {
		const struct fact_heap_type *was = heap_type_in(old, f);
		out_printf(t->out, "<td class=\"n\">%s</td>",
			   units_delta(&u, (double)f->total_bytes -
						   (was ? (double)was->total_bytes : 0)));
	}
	if (m->made.len)
		made_at(t, m, f);
	out_str(t->out, "</tr>\n");
}

static int types(struct text *t, const struct heap_model *m, struct err *err)
{
	const char *titles[9] = { "Type",    "#Total",	    "#Objects", "#Heads",
				  "#Attributes", "#Buffers", "#Slack" };
	size_t columns = 7;
	const struct heap_model *old = heaps_baseline(&t->r->heaps);
	AUTO_FREE const struct fact_heap_type **list = calloc(m->types.len + 1, sizeof *list);
	size_t n = 0;
	uint64_t whole = 0;
	if (!list)
		return err_nomem(err);
	if (old)
		titles[columns++] = "#Growth";
	if (m->made.len)
		titles[columns++] = "Made most at";
	for (size_t i = 0; i < m->types.len; i++)
		if (m->types.at[i].count && m->types.at[i].total_bytes)
			list[n++] = &m->types.at[i];
	for (size_t i = 0; i < n; i++)
		whole += list[i]->total_bytes;
	if (n)
		qsort(list, n, sizeof *list, largest_first);
	out_str(t->out, "<section id=\"s-types\" data-view=\"summary\"><h2>Top types</h2>\n");
	html_table(t, "t-types", old ? "Objects by type; growth since the first snapshot" :
				       "Objects by type",
		   titles, columns);
	for (size_t i = 0; i < n && i < HTML_TOP; i++)
		type_row(t, m, old, list[i], whole);
	html_table_end(t);
	out_str(t->out, "</section>\n");
	return 0;
}

static void fragmentation(struct text *t, const struct heap_model *m)
{
	static const char *const titles[] = { "#Class", "#Pools", "#Used", "#Free", "#Never used",
					      "#Free bytes" };
	char line[TEXT_FRAGMENTATION_MAX];
	text_fragmentation(m, line);
	out_printf(t->out,
		   "<section id=\"s-fragmentation\" data-view=\"memory\"><h2>Fragmentation</h2>"
		   "<p>%s</p>\n",
		   line);
	html_table(t, "t-classes", "Size classes of pymalloc", titles, COUNT(titles));
	for (size_t i = 0; i < m->classes.len; i++) {
		const struct fact_heap_class *f = &m->classes.at[i];
		if (!f->pools)
			continue;
		out_str(t->out, "<tr>");
		html_exact_bytes(t, f->block_bytes);
		html_count(t, f->pools);
		html_count(t, f->used_blocks);
		html_count(t, f->free_blocks);
		html_count(t, f->virgin_blocks);
		html_exact_bytes(t, f->free_blocks * f->block_bytes);
		out_str(t->out, "</tr>\n");
	}
	html_table_end(t);
	out_str(t->out, "</section>\n");
}

static void collector(struct text *t, const struct heap_model *m)
{
	static const char *const titles[] = { "#Interpreter", "#Generation", "#Objects",
					      "#Count",	      "#Threshold",  "#Collections" };
	struct units a, b;
	out_str(t->out, "<section id=\"s-gc\" data-view=\"memory\"><h2>Collector</h2>\n");
	html_table(t, "t-gc", "Generations", titles, COUNT(titles));
	for (size_t i = 0; i < m->gc.len; i++) {
		const struct fact_heap_gc *g = &m->gc.at[i];
		for (size_t k = 0; k < FACT_GC_GENERATIONS && k < g->generations; k++) {
			out_printf(t->out, "<tr><td class=\"n\">%lld</td><td class=\"n\">%zu</td>",
				   (long long)g->interpreter, k);
			html_count(t, g->gen[k].objects);
			out_printf(t->out, "<td class=\"n\">%d</td><td class=\"n\">%d</td>",
				   g->gen[k].count, g->gen[k].threshold);
			html_count(t, g->gen[k].collections);
			out_str(t->out, "</tr>\n");
		}
	}
	html_table_end(t);
	for (size_t i = 0; i < m->gc.len; i++)
		if (m->gc.at[i].cycles_known)
			out_printf(t->out,
				   "<p>Unreachable, waiting for a collection: %s objects, %s.</p>\n",
				   units_count(&a, m->gc.at[i].unreachable),
				   units_bytes(&b, m->gc.at[i].unreachable_bytes));
	out_str(t->out, "</section>\n");
}

int html_snapshot(struct text *t, struct err *err)
{
	const struct heap_model *m = heaps_last(&t->r->heaps);
	if (!m)
		return 0;
	html_ledger(t, m);
	int rc = types(t, m, err);
	if (rc < 0)
		return rc;
	rc = html_holders(t, err);
	if (rc < 0)
		return rc;
	fragmentation(t, m);
	if (m->gc.len)
		collector(t, m);
	rc = html_advice(t, m, err);
	if (rc < 0)
		return rc;
	return out_check(t->out, err);
}
