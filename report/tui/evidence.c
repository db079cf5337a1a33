/* SPDX-License-Identifier: MIT */
/* Screens of text: evidence of one row, help; and one row as text that can be carried away. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/tui/draw.h"
#include "report/view/escape.h"

void tui_evidence_lines(const struct tui_subject *s, const struct tui_state *state,
			const struct tui_rows *rows, struct tui_lines *l)
{
	const struct tui_row *row = tui_current(state, rows);
	struct buf names = BUF_INIT;

	if (!row) {
		tui_say(l, "this row is gone\n");
		return;
	}
	tui_row_names(rows, s, row, &names);
	tui_say_name(l, (const char *)names.bytes, names.failed ? 0 : names.len);
	buf_deinit(&names);
	tui_say(l, "\n\n");
	rows->pane->evidence(rows, s, state, row, l);
}

static void help_head(const struct tui_subject *s, const struct tui_state *state, struct tui_lines *l)
{
	struct units a;

	tui_say(l, "KEYS\n");
	(void)state;
	if (s->pause_max_ns)
		tui_say(l, "longest stop of the process so far: %s; samples %llu of %llu\n",
			units_duration(&a, s->pause_max_ns), (unsigned long long)s->taken,
			(unsigned long long)s->asked);
}

void tui_help_lines(const struct tui_state *state, const struct tui_subject *s, struct tui_lines *l)
{
	const struct tui_binding *left[64];
	size_t n = 0;
	bool two = state->columns >= 80;

	help_head(s, state, l);
	for (size_t i = 0; i < tui_bindings_len && n < 64; i++)
		if (tui_bindings[i].shown)
			left[n++] = &tui_bindings[i];
	size_t half = two ? (n + 1) / 2 : n;
	for (size_t i = 0; i < half; i++) {
		tui_say(l, "%-15.15s %-*.*s", left[i]->shown, 23, two ? 23 : 60, left[i]->help);
		if (two && half + i < n)
			tui_say(l, " %-12.12s %s", left[half + i]->shown, left[half + i]->help);
		tui_say(l, "\n");
	}
	tui_say(l, "~ estimate   - not known   S number of the suspect   LIVE bytes still allocated\n");
}

size_t tui_draw_lines(struct tui_grid *g, const struct tui_lines *l, unsigned from, unsigned to,
		      size_t skip)
{
	const char *p = (const char *)l->text.bytes, *end = p ? p + l->text.len : NULL;
	size_t line = 0;

	while (p && p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);
		unsigned indent = 0;
		do {
			size_t fits = escape_prefix(p, len, g->columns - indent);
			/* Break at a blank when there is one in the second half. */
			for (size_t k = fits; fits < len && k > fits / 2; k--)
				if (p[k] == ' ') {
					fits = k + 1;
					break;
				}
			if (fits == 0)
				fits = len;
			if (line >= skip && from + (line - skip) < to) {
				char text[4096];
				snprintf(text, sizeof text, "%.*s",
					 (int)(fits < sizeof text ? fits : sizeof text - 1), p);
				tui_put(g, from + (unsigned)(line - skip), indent,
					line == 0 ? TUI_BOLD : TUI_PLAIN, text);
			}
			line++;
			p += fits;
			len -= fits;
			indent = g->columns > 30 ? 10 : 0;
		} while (len > 0);
		p++;
	}
	return line;
}

void tui_row_text(const struct tui_subject *s, const struct tui_state *state,
		  const struct tui_rows *rows, struct buf *out)
{
	const struct tui_row *row = tui_current(state, rows);
	struct units u;

	if (!row)
		return;
	tui_row_names(rows, s, row, out);
	for (unsigned i = 0; i < rows->pane->ncolumns; i++)
		if (!isnan(row->v[i]))
			(void)buf_printf(out, "  %s %s", rows->pane->columns[i].title,
					 tui_figure(&u, rows->pane->columns[i].figure, row->v[i], true));
}

void tui_row_rule(const struct tui_subject *s, const struct tui_state *state,
		  const struct tui_rows *rows, struct buf *out)
{
	const struct tui_row *row = tui_current(state, rows);
	struct buf type = BUF_INIT;

	if (!row)
		return;
	if (state->pane == TUI_GROWTH && tui_by_stack(s)) {
		rows->pane->name(rows, s, row, 0, &type);
		if (!type.failed && type.len > 1)
			(void)buf_printf(out, "type:%.*s ", (int)type.len, (char *)type.bytes);
		(void)buf_str(out, "site:*:");
		tui_stack_function(&s->r->stacks, (uint32_t)(row->key - 1), out);
	} else {
		(void)buf_str(out, "type:");
		rows->pane->name(rows, s, row, 0, out);
	}
	(void)buf_str(out, "  # why");
	buf_deinit(&type);
}
