/* SPDX-License-Identifier: MIT */
/* What a gate tells people of a culprit: its line's part, its type, its holder as reports call it. */
#include <string.h>

#include "report/view/check_view.h"

void check_put_line(struct out *out, const struct check_culprit *c, enum check_kind kind)
{
	char part[CHECK_VALUE_MAX], whole[CHECK_VALUE_MAX];
	double more = c->line_now - c->line_base;
	if (kind >= CHECK_SITE_KINDS)
		kind = CHECK_PEAK;
	check_value(kind, more, !c->alone, part);
	check_value(kind, c->now - c->base, !c->alone, whole);
	if (more > 0 && more < c->now - c->base && strcmp(part, whole) != 0)
		out_printf(out, "; %s of it at line %u", part, c->line);
}

/* "module store.SESSIONS[str]" as "store.SESSIONS[*]": no word for the root, no types of keys. Bytes used. */
static size_t plain_path(const char *path, size_t n, char *ret, size_t room)
{
	size_t used = 0;
	bool quoted = false; /* a key told by its name */
	if (strncmp(path, "module ", 7) == 0 && memchr(path, '.', n)) {
		path += 7;
		n -= 7;
	}
	for (size_t i = 0; i < n && used + 4 < room; i++) {
		bool opens = !quoted && path[i] == '[' && path[i + 1] != '\'';
		const char *end = opens ? memchr(path + i, ']', n - i) : NULL;
		quoted ^= path[i] == '\'';
		if (!end) {
			ret[used++] = path[i];
			continue;
		}
		memcpy(ret + used, "[*]", 3);
		used += 3;
		i = (size_t)(end - path);
	}
	ret[used] = '\0';
	return used;
}

/* The type of what is at this path, when that is a holder itself; ret_n 0: not known. */
static const char *type_at(const struct check_figures *f, const char *path, size_t n, size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < f->holders.len; i++) {
		const char *name = f->holders.at[i].name;
		if (strncmp(name, path, n) != 0 || strncmp(name + n, " (", 2) != 0)
			continue;
		*ret_n = strlen(name + n + 2) - 1;
		return name + n + 2;
	}
	return "";
}

const char *check_share_words(const struct check_figures *now, const struct check_finding *f,
			      const struct check_culprit *c, char buf[CHECK_SENTENCE_MAX])
{
	const char *name = c->function, *type = strrchr(name, '(');
	char path[CHECK_SENTENCE_MAX / 2];
	size_t n = type && type > name ? (size_t)(type - name) - 1 : 0, types = 0;
	if (c->what == CHECK_OF_TYPE || n == 0) {
		snprintf(buf, CHECK_SENTENCE_MAX, "%s %.400s", c->what == CHECK_OF_TYPE ? "type" : "held by", name);
		return buf;
	}
	types = strlen(++type) - 1;
	/* Of objects of the type that was asked for: the container they are in, else the place. */
	if (f->kind == CHECK_TYPE || f->kind == CHECK_RETAINED) {
		const char *in = NULL;
		for (size_t i = 0; name[n - 1] == ']' && i < n; i++)
			in = name[i] == '[' ? name + i : in;
		n = in ? (size_t)(in - name) : n;
		types = 0;
		type = in ? type_at(now, name, n, &types) : "";
	}
	plain_path(name, n, path, sizeof path);
	snprintf(buf, CHECK_SENTENCE_MAX, "held by %.*s%s%s", types < 150 ? (int)types : 150, type,
		 types ? " " : "", path);
	return buf;
}

bool check_shares_older(const struct check_finding *f)
{
	return f->older && f->nshares > 0;
}
