/* SPDX-License-Identifier: MIT */
/* The suspects: a row each, what they are made of, and what was explained away. */
#include <stdio.h>
#include <string.h>

#include "report/view/text.h"

#define FIGURE 11
#define SUSPECT_FRAMES 6
#define PARTS_SHOWN 4
#define INDENT 11

/* Words with names of the target in them, made safe and wrapped behind a label. */
static void put_words(struct text *t, const char *label, const char *words)
{
	size_t n = strlen(words);
	struct buf safe = BUF_INIT;
	if (n == 0)
		return;
	if (buf_reserve(&safe, n * ESCAPE_GROWTH + 1) == 0)
		safe.len += escape(t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII, words, n,
				   (char *)safe.bytes, n * ESCAPE_GROWTH + 1);
	const char *text = buf_cstr(&safe);
	out_need(t->out, &safe);
	text_wrapped(t, label, INDENT, text ? text : "");
	buf_deinit(&safe);
}

/*
 * "feed.Listener  subscribe feed.py:19" in exactly so many columns: the program's own line, not a library's. Where it
 * would be cut the type goes without its module, which the sentence below has.
 */
static void put_title(struct text *t, const struct leak *row, size_t columns)
{
	const char *type = row->type_name, *last = strrchr(type, '.');
	bool placed = row->blamed != STACKS_NONE;
	size_t place = placed ? text_frame_columns(t, row->blamed) : 0, own = escape_columns(type, strlen(type));
	if (last && last[1] && own + 2 + place > columns) {
		type = last + 1;
		own = escape_columns(type, strlen(type));
	}
	if (own > columns / 2)
		own = columns / 2;
	if (own > 0) {
		text_name(t, type, strlen(type), own, true);
		out_str(t->out, "  ");
		columns -= own + 2;
	}
	if (placed)
		text_frame_place(t, row->blamed, columns);
	else
		text_place(t, row->stack, columns);
}

static void put_part(struct text *t, const struct leak *row)
{
	struct units a;
	struct stack_text f = { .function = "?", .file = "" };
	struct buf line = BUF_INIT;
	if (row->blamed != STACKS_NONE)
		f = stacks_text(&t->r->stacks, row->blamed);
	const char *slash = strrchr(f.file, '/');
	char share[LEAK_SHARE_MAX];
	buf_printf(&line, "%s%s, %s%s, %s at %s %s:%u",
		   *row->type_name ? row->type_name : "blocks",
		   row->container ? " that grows" : "", text_bytes(t, &a, row->bytes), leak_held_share(row, share),
		   leak_place_name(row->place), f.function,
		   slash && slash[1] ? slash + 1 : f.file, f.line);
	const char *words = buf_cstr(&line);
	out_need(t->out, &line);
	put_words(t, "     with", words ? words : "");
	buf_deinit(&line);
}

/* Parts follow their lead. Returns the index behind the last of them. */
static size_t put_parts(struct text *t, size_t lead)
{
	const struct leaks *l = &t->r->leaks;
	size_t i = lead + 1, hidden = 0;
	for (; i < l->rows.len && l->rows.at[i].lead == lead; i++) {
		if (i - lead <= PARTS_SHOWN)
			put_part(t, &l->rows.at[i]);
		else
			hidden++;
	}
	if (hidden)
		out_printf(t->out, "           and %zu more\n", hidden);
	return i;
}

static void put_suspect(struct text *t, size_t number, const struct leak *row, size_t figures)
{
	struct units a, b, c;
	char unless[400];
	out_printf(t->out, "%-3zu", number);
	put_title(t, row, t->width - figures - 3);
	out_printf(t->out, " %*s %*s %*s ", FIGURE, text_bytes(t, &a, row->retained_bytes), FIGURE,
		   text_count(t, &b, row->objects), FIGURE, text_rate(t, &c, row->retained_per_s));
	out_printf(t->out, "%6s\n", growth_confidence_name(row->confidence));
	if (*row->type_name)
		put_words(t, "     who", row->sentence);
	if (leak_tells_put(t->r, row))
		text_stack(t, "     put   ", INDENT, row->put, SUSPECT_FRAMES);
	text_stack(t, row->place == LEAK_MADE ? "     made  " : "     made? ", INDENT, row->stack, SUSPECT_FRAMES);
	put_words(t, "     held", row->path);
	put_words(t, "     why", row->why);
	snprintf(unless, sizeof unless, "a leak if %s", row->unless);
	put_words(t, "     not", *row->unless ? unless : "");
}

void text_section_suspects(struct text *t, size_t top)
{
	const struct leaks *l = &t->r->leaks;
	const size_t figures = 3 * (FIGURE + 1) + 7;
	size_t shown = 0;
	if (text_not_known(t, "LEAK SUSPECTS"))
		return;
	out_put(t->out, "\n", 1);
	if (l->naccused == 0) {
		text_wrapped(t, "LEAK SUSPECTS", 15,
			     t->r->overall.class == GROWTH_SHORT ?
				     "none named: the recording is too short." :
				     "none: nothing grew without end.");
		return;
	}
	text_heading(t, "LEAK SUSPECTS", t->width - figures);
	out_printf(t->out, " %*s %*s %*s   CONF\n", FIGURE, "RETAINED", FIGURE, "OBJECTS", FIGURE,
		   "GROWTH");
	for (size_t i = 0; i < l->rows.len && shown < top;) {
		if (l->rows.at[i].state != LEAK_ACCUSED)
			break;
		put_suspect(t, ++shown, &l->rows.at[i], figures);
		i = put_parts(t, i);
	}
	if (shown < l->naccused)
		out_printf(t->out, "   %zu more suspects: --view leaks, --top N\n",
			   l->naccused - shown);
}

void text_section_explained(struct text *t, size_t top)
{
	const struct leaks *l = &t->r->leaks;
	const size_t figures = FIGURE + 1 + 12;
	size_t shown = 0;
	struct units a;
	for (size_t i = 0; i < l->rows.len && shown < top; i++) {
		const struct leak *row = &l->rows.at[i];
		if (row->state == LEAK_ACCUSED || row->lead != i)
			continue;
		if (shown++ == 0) {
			out_put(t->out, "\n", 1);
			text_heading(t, "EXPLAINED (grows, but there is a reason)",
				     t->width - figures);
			out_printf(t->out, " %*s    VERDICT\n", FIGURE, "LIVE");
		}
		out_str(t->out, "   ");
		put_title(t, row, t->width - figures - 3);
		out_printf(t->out, " %*s %11s\n", FIGURE, text_bytes(t, &a, row->bytes),
			   leak_state_name(row->state));
		put_words(t, "     held", row->path);
		put_words(t, "     why", row->reason);
	}
}
