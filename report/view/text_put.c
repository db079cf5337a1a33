/* SPDX-License-Identifier: MIT */
/*
 * Lines, columns and cuts of the text view. Widths are counted in terminal columns of escaped
 * text, so a hostile name can be ugly but never wider than its column.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/view/text.h"

#define NAME_BYTES_MAX 4096

void text_in_role(struct text *t, enum text_role role, const char *s)
{
	static const char *const start[] = {
		[TEXT_PLAIN] = "",	  [TEXT_STRONG] = "\033[1m", [TEXT_BAD] = "\033[1;31m",
		[TEXT_GOOD] = "\033[32m", [TEXT_DIM] = "\033[2m",
	};
	bool paint = t->o->colour && role != TEXT_PLAIN;
	if (paint)
		out_str(t->out, start[role]);
	out_str(t->out, s);
	if (paint)
		out_str(t->out, "\033[0m");
}

bool text_not_known(struct text *t, const char *title)
{
	const char *why = recording_nothing(t->r);
	char words[160];

	if (!why)
		return false;
	snprintf(words, sizeof words, "not known: %s.", why);
	out_put(t->out, "\n", 1);
	text_wrapped(t, title, strlen(title) + 2, words);
	return true;
}

void text_heading(struct text *t, const char *s, size_t columns)
{
	size_t n = strlen(s);
	text_in_role(t, TEXT_STRONG, s);
	out_fill(t->out, ' ', n < columns ? columns - n : 0);
}

void text_wrapped(struct text *t, const char *label, size_t indent, const char *safe_text)
{
	size_t used = strlen(label);
	text_in_role(t, *label == ' ' ? TEXT_PLAIN : TEXT_STRONG, label);
	out_fill(t->out, ' ', used < indent ? indent - used : 0);
	used = used < indent ? indent : used;
	bool fresh = true;
	for (const char *word = safe_text; *word;) {
		while (*word == ' ')
			word++;
		size_t n = strcspn(word, " ");
		size_t columns = escape_columns(word, n);
		if (!fresh && used + 1 + columns > t->width) {
			out_put(t->out, "\n", 1);
			out_fill(t->out, ' ', indent);
			used = indent;
			fresh = true;
		}
		if (!fresh) {
			out_put(t->out, " ", 1);
			used++;
		}
		/* A word longer than a line is cut into lines. */
		while (used + columns > t->width && t->width > indent) {
			size_t fits = escape_prefix(word, n, t->width - used);
			if (fits == 0)
				break;
			out_put(t->out, word, fits);
			out_put(t->out, "\n", 1);
			out_fill(t->out, ' ', indent);
			used = indent;
			word += fits;
			n -= fits;
			columns = escape_columns(word, n);
		}
		out_put(t->out, word, n);
		used += columns;
		word += n;
		fresh = n == 0 && fresh;
	}
	out_put(t->out, "\n", 1);
}

static enum escape_to charset(const struct text *t)
{
	return t->o->utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII;
}

/* Not ~, which marks estimates, and before a path means somebody's home; nor two dots, the parent folder. */
static const char *ellipsis(const struct text *t)
{
	return t->o->utf8 ? "\u2026" : "...";
}

static size_t ellipsis_columns(const struct text *t)
{
	return t->o->utf8 ? 1 : 3;
}

/* Escaped text in a bounded buffer; very long names keep their end. */
struct name {
	char text[NAME_BYTES_MAX];
	size_t n, columns;
};

static void make_name(const struct text *t, const char *s, size_t n, struct name *name)
{
	const size_t most = (NAME_BYTES_MAX - 1) / ESCAPE_GROWTH;
	if (n > most) {
		s += n - most;
		n = most;
	}
	name->n = escape(charset(t), s, n, name->text, sizeof name->text);
	name->columns = escape_columns(name->text, name->n);
}

/* Print at most `columns`, a third from the start and the rest from the end; returns columns used. */
static size_t put_cut(struct text *t, const struct name *name, size_t columns)
{
	if (name->columns <= columns) {
		out_put(t->out, name->text, name->n);
		return name->columns;
	}
	if (columns < 3 + ellipsis_columns(t)) {
		size_t fits = escape_prefix(name->text, name->n, columns);
		out_put(t->out, name->text, fits);
		return escape_columns(name->text, fits);
	}
	size_t mark = ellipsis_columns(t);
	size_t head = escape_prefix(name->text, name->n, (columns - mark) / 3);
	size_t used = escape_columns(name->text, head) + mark;
	size_t tail = escape_suffix(name->text, name->n, columns - used);
	out_put(t->out, name->text, head);
	out_str(t->out, ellipsis(t));
	out_put(t->out, name->text + tail, name->n - tail);
	return used + escape_columns(name->text + tail, name->n - tail);
}

void text_name(struct text *t, const char *s, size_t n, size_t columns, bool pad)
{
	struct name name;
	make_name(t, s, n, &name);
	size_t used = put_cut(t, &name, columns);
	if (pad && used < columns)
		out_fill(t->out, ' ', columns - used);
}

/* The innermost frame, or words that stand for it. */
static bool innermost(const struct text *t, uint32_t stack, struct stack_text *ret)
{
	uint32_t place = t->r->stacks.stacks.at[stack];
	if (stacks_next(&t->r->stacks, &place, ret))
		return true;
	*ret = (struct stack_text){ .function = "(no Python stack)", .file = "" };
	if (place == STACKS_TRUNCATED)
		ret->function = "(stack missing)";
	ret->function_bytes = strlen(ret->function);
	return false;
}

/* Last path component, so that a stack fits on few lines; the sites view has whole paths. */
static const char *base_name(const struct stack_text *f, size_t *ret_n)
{
	const char *slash = memrchr(f->file, '/', f->file_bytes);
	const char *base = slash && slash[1] ? slash + 1 : f->file;
	*ret_n = f->file_bytes - (size_t)(base - f->file);
	return base;
}

/*
 * A path in at most `columns`: whole, or an ellipsis and as many components from its end as
 * fit, or its last component shortened in the middle. Returns the columns used.
 */
static size_t put_path(struct text *t, const struct name *path, size_t columns)
{
	if (path->columns <= columns)
		return put_cut(t, path, columns);
	const char *end = path->text + path->n, *from = end;
	size_t mark = ellipsis_columns(t);
	for (const char *p = end; p > path->text; p--) {
		if (*p != '/' || p + 1 == end)
			continue;
		bool fits = escape_columns(p, (size_t)(end - p)) + mark <= columns;
		if (!fits && from != end)
			break;
		from = p;
		if (!fits)
			break;
	}
	size_t n = (size_t)(end - from);
	if (n > 0 && escape_columns(from, n) + mark <= columns) {
		out_str(t->out, ellipsis(t));
		out_put(t->out, from, n);
		return mark + escape_columns(from, n);
	}
	struct name last = *path;
	if (n > 0) {
		last.n = n - 1;
		memmove(last.text, path->text + (from + 1 - path->text), last.n);
		last.columns = escape_columns(last.text, last.n);
	}
	return put_cut(t, &last, columns);
}

static void put_place(struct text *t, struct stack_text f, bool named, size_t columns)
{
	struct name function, file;
	char line[16] = "";
	size_t base_bytes;
	make_name(t, f.function, f.function_bytes, &function);
	if (!named) {
		size_t used = put_cut(t, &function, columns);
		out_fill(t->out, ' ', columns - used);
		return;
	}
	const char *base = base_name(&f, &base_bytes);
	make_name(t, base, base_bytes, &file);
	snprintf(line, sizeof line, ":%u", f.line);
	size_t tail = strlen(line) + 1;
	size_t room = columns > tail ? columns - tail : 1;
	/* The function gets what the file's own name leaves, but at least a third. */
	size_t most = file.columns < room - room / 3 ? room - file.columns : room / 3;
	size_t used = put_cut(t, &function, function.columns < most ? function.columns : most);
	make_name(t, f.file, f.file_bytes, &file);
	out_put(t->out, " ", 1);
	used += put_path(t, &file, room > used ? room - used : 1);
	out_str(t->out, line);
	used += tail;
	out_fill(t->out, ' ', used < columns ? columns - used : 0);
}

void text_place(struct text *t, uint32_t stack, size_t columns)
{
	struct stack_text f;
	bool named = innermost(t, stack, &f);
	put_place(t, f, named, columns);
}

/* The place is worth more than the words. */
#define WAYS_ROOM 48
#define WAYS_MAX 32

static size_t ways_words(char *buf, size_t cap, const struct line *line, size_t room)
{
	*buf = '\0';
	if (line->stacks < 2)
		return 0;
	return (size_t)snprintf(buf, cap, room < WAYS_ROOM ? " x%u" : " in %u stacks", line->stacks);
}

size_t text_ways_columns(const struct line *lines, size_t n, size_t room)
{
	char words[WAYS_MAX];
	size_t most = 0;
	for (size_t i = 0; i < n; i++) {
		size_t wide = ways_words(words, sizeof words, &lines[i], room);
		most = wide > most ? wide : most;
	}
	return most;
}

void text_line_place(struct text *t, const struct line *line, size_t room, size_t ways)
{
	char words[WAYS_MAX];
	if (ways_words(words, sizeof words, line, room) == 0)
		ways = 0;
	text_place(t, line->stack, room - ways);
	out_printf(t->out, "%*s", (int)ways, words);
}

void text_frame_place(struct text *t, uint32_t frame, size_t columns)
{
	put_place(t, stacks_text(&t->r->stacks, frame), true, columns);
}

size_t text_frame_columns(const struct text *t, uint32_t frame)
{
	struct stack_text f = stacks_text(&t->r->stacks, frame);
	struct name function, file;
	char line[16];
	size_t n;
	const char *base = base_name(&f, &n);
	make_name(t, f.function, f.function_bytes, &function);
	make_name(t, base, n, &file);
	return function.columns + file.columns + 1 + (size_t)snprintf(line, sizeof line, ":%u", f.line);
}

enum file_form { FILE_WHOLE, FILE_BASE, FILE_NONE };

static void append_frame(const struct text *t, struct buf *line, const struct stack_text *f,
			 enum file_form form)
{
	struct name name;
	size_t n;
	if (strcmp(f->function, "?") != 0) { /* tracemalloc knows lines only */
		make_name(t, f->function, f->function_bytes, &name);
		size_t fits = escape_prefix(name.text, name.n, 60);
		buf_put(line, name.text, fits);
		buf_put(line, " ", 1);
	}
	const char *base = base_name(f, &n);
	if (form != FILE_NONE) {
		bool whole = form == FILE_WHOLE;
		make_name(t, whole ? f->file : base, whole ? f->file_bytes : n, &name);
		size_t from = escape_suffix(name.text, name.n, whole ? 200 : 40);
		buf_put(line, name.text + from, name.n - from);
	}
	buf_printf(line, ":%u", f->line);
}

void text_stack(struct text *t, const char *label, size_t indent, uint32_t stack, size_t max_frames)
{
	struct buf line = BUF_INIT;
	struct stack_text f, before = { 0 };
	uint32_t place = t->r->stacks.stacks.at[stack];
	size_t n = 0, depth = stacks_depth(&t->r->stacks, stack);
	while (n < max_frames && stacks_next(&t->r->stacks, &place, &f)) {
		enum file_form form = n == 0		    ? FILE_WHOLE :
				      f.file == before.file ? FILE_NONE :
							      FILE_BASE;
		if (n++ > 0)
			buf_str(&line, " < ");
		append_frame(t, &line, &f, form);
		before = f;
	}
	if (depth > n)
		buf_printf(&line, " < %zu more", depth - n);
	if (stacks_truncated(&t->r->stacks, stack))
		buf_str(&line, n ? " < (outer frames missing)" : "(outer frames missing)");
	else if (depth == 0)
		buf_str(&line, "(no Python stack)");
	const char *text = buf_cstr(&line);
	out_need(t->out, &line);
	text_wrapped(t, label, indent, text ? text : "");
	buf_deinit(&line);
}

void text_spark(struct text *t, const uint64_t *values, size_t n, uint64_t top)
{
	static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584",
					    "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char ascii[] = "_.-=+*%#";
	for (size_t i = 0; i < n; i++) {
		size_t level = top ? (size_t)((double)values[i] * 7.0 / (double)top + 0.5) : 0;
		level = level > 7 ? 7 : level;
		if (t->o->utf8)
			out_str(t->out, bars[level]);
		else
			out_put(t->out, &ascii[level], 1);
	}
}

static const char *marked(const struct text *t, struct units *buf)
{
	size_t n = strlen(buf->text), m = strlen(t->about);
	if (n + m < sizeof buf->text) {
		memmove(buf->text + m, buf->text, n + 1);
		memcpy(buf->text, t->about, m);
	}
	return buf->text;
}

const char *text_bytes(const struct text *t, struct units *buf, uint64_t bytes)
{
	units_bytes(buf, bytes);
	return marked(t, buf);
}

const char *text_count(const struct text *t, struct units *buf, uint64_t count)
{
	units_count_short(buf, count);
	return marked(t, buf);
}

const char *text_rate(const struct text *t, struct units *buf, double bytes_per_s)
{
	units_rate(buf, bytes_per_s);
	return marked(t, buf);
}
