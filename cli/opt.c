/* SPDX-License-Identifier: MIT */
/*
 * Long options take "--name=value" or "--name value", letters "-d30s" or "-d 30s" and may be
 * joined. No abbreviations: a new option must not change the meaning of an old command line.
 */
#include "cli/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t place_of(const struct opt *table, const char *name, size_t n)
{
	for (size_t i = 0; table[i].name; i++)
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return i;
	return OPT_MAX;
}

static void note_option(struct opt_args *a, size_t i, const char *value)
{
	const char *same = a->table[i].same_as;
	if (same) {
		size_t k = place_of(a->table, same, strlen(same));
		i = k < OPT_MAX ? k : i;
	}
	a->count[i]++;
	if (!value)
		return;
	a->value[i] = value;
	a->all[a->nall++] = (struct opt_one){ i, value };
}

struct reading {
	struct opt_args *a;
	int argc, at;
	char **argv;
};

static int want_value(struct reading *r, size_t i, const char *attached, const char **ret,
		      struct err *err)
{
	const struct opt *o = &r->a->table[i];
	*ret = attached;
	if (!o->argument)
		return attached ?
			       err_set(err, ERR_USAGE, "option --%s takes no argument", o->name) :
			       0;
	if (attached)
		return 0;
	if (r->at + 1 >= r->argc)
		return err_set(err, ERR_USAGE, "option --%s needs %s", o->name, o->argument);
	*ret = r->argv[++r->at];
	return 0;
}

static int read_long(struct reading *r, const char *word, struct err *err)
{
	const char *equals = strchr(word, '='), *value;
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	size_t i = place_of(r->a->table, word, n);
	if (i == OPT_MAX)
		return err_set(err, ERR_USAGE, "unknown option --%.*s", (int)(n > 40 ? 40 : n),
			       word);
	int rc = want_value(r, i, equals ? equals + 1 : NULL, &value, err);
	if (rc == 0)
		note_option(r->a, i, value);
	return rc;
}

static int read_letters(struct reading *r, const char *letters, struct err *err)
{
	for (; *letters; letters++) {
		const struct opt *table = r->a->table;
		size_t i = 0;
		while (table[i].name && table[i].letter != *letters)
			i++;
		if (!table[i].name)
			return err_set(err, ERR_USAGE, "unknown option -%c",
				       *letters > 0x20 && *letters < 0x7f ? *letters : '?');
		if (!table[i].argument) {
			note_option(r->a, i, NULL);
			continue;
		}
		const char *value;
		int rc = want_value(r, i, letters[1] ? letters + 1 : NULL, &value, err);
		if (rc == 0)
			note_option(r->a, i, value);
		return rc;
	}
	return 0;
}

int opt_parse(const struct opt *table, int argc, char **argv, bool stop_at_word,
	      struct opt_args *ret, int *ret_used, struct err *err)
{
	memset(ret, 0, sizeof *ret);
	ret->table = table;
	ret->words = calloc((size_t)argc + 1, sizeof *ret->words);
	ret->all = calloc((size_t)argc + 1, sizeof *ret->all); /* a word carries one value at most */
	if (!ret->words || !ret->all) {
		opt_deinit(ret);
		return err_nomem(err);
	}
	struct reading r = { .a = ret, .argc = argc, .argv = argv };
	int rc = 0;
	for (; rc == 0 && r.at < argc; r.at++) {
		char *word = argv[r.at];
		if (strcmp(word, "--") == 0) {
			ret->program = argv + r.at + 1;
			r.at = argc;
			break;
		}
		if (word[0] == '-' && word[1] == '-')
			rc = read_long(&r, word + 2, err);
		else if (word[0] == '-' && word[1])
			rc = read_letters(&r, word + 1, err);
		else if (stop_at_word)
			break;
		else
			ret->words[ret->nwords++] = word;
	}
	if (ret_used)
		*ret_used = r.at;
	if (rc < 0)
		opt_deinit(ret);
	return rc;
}

void opt_deinit(struct opt_args *a)
{
	if (!a)
		return;
	free(a->words);
	free(a->all);
	memset(a, 0, sizeof *a);
}

unsigned opt_count(const struct opt_args *a, const char *name)
{
	size_t i = place_of(a->table, name, strlen(name));
	return i == OPT_MAX ? 0 : a->count[i];
}

bool opt_given(const struct opt_args *a, const char *name)
{
	return opt_count(a, name) > 0;
}

const char *opt_value(const struct opt_args *a, const char *name)
{
	size_t i = place_of(a->table, name, strlen(name));
	return i == OPT_MAX ? NULL : a->value[i];
}

const char *opt_next(const struct opt_args *a, const char *name, size_t *at)
{
	size_t i = place_of(a->table, name, strlen(name));
	while (*at < a->nall) {
		const struct opt_one *one = &a->all[(*at)++];
		if (one->option == i)
			return one->value;
	}
	return NULL;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A decimal number, perhaps with a fraction, and one of the units; the product fits 63 bits. */
static bool with_unit(const char *text, const struct unit *units, uint64_t *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	double v = strtod(text, &end);
	if (errno || end == text || text[1] == 'x' || text[1] == 'X')
		return false;
	for (; units->name; units++) {
		if (strcmp(end, units->name) != 0)
			continue;
		v *= (double)units->factor;
		if (!(v < 9e18))
			return false;
		*ret = (uint64_t)(v + 0.5);
		return true;
	}
	return false;
}

int opt_duration(const char *option, const char *text, uint64_t *ret_ns, struct err *err)
{
	static const struct unit units[] = { { "", 1000000000 },
					     { "s", 1000000000 },
					     { "ms", 1000000 },
					     { "m", UINT64_C(60000000000) },
					     { "min", UINT64_C(60000000000) },
					     { "h", UINT64_C(3600000000000) },
					     { NULL, 0 } };
	if (with_unit(text, units, ret_ns))
		return 0;
	return err_hint(err,
			err_set(err, ERR_USAGE, "--%s: '%.40s' is no duration (30s, 500ms, 5m, 2h)", option,
				text),
			"");
}

int opt_size(const char *option, const char *text, uint64_t *ret_bytes, struct err *err)
{
	static const struct unit units[] = { { "", 1 },
					     { "B", 1 },
					     { "K", 1 << 10 },
					     { "k", 1 << 10 },
					     { "KiB", 1 << 10 },
					     { "kB", 1000 },
					     { "KB", 1000 },
					     { "M", 1 << 20 },
					     { "MiB", 1 << 20 },
					     { "MB", 1000000 },
					     { "G", 1 << 30 },
					     { "GiB", 1 << 30 },
					     { "GB", 1000000000 },
					     { NULL, 0 } };
	if (with_unit(text, units, ret_bytes))
		return 0;
	return err_hint(err,
			err_set(err, ERR_USAGE, "--%s: '%.40s' is no size (65536, 64KiB, 1MB)", option, text),
			"");
}

int opt_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret,
	       struct err *err)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' || v < least || v > most)
		return err_hint(err,
				err_set(err, ERR_USAGE, "%s: '%.40s' is no number from %llu to %llu", option,
					text, (unsigned long long)least, (unsigned long long)most),
				"");
	*ret = v;
	return 0;
}

int opt_pid(const char *text, uint64_t *ret, struct err *err)
{
	int rc = opt_number("PID", text, 1, INT32_MAX, ret, err);
	return rc < 0 ? err_hint(err, rc, "no-such-process") : rc;
}

int opt_choice(const char *option, const char *text, const char *choices, int *ret, struct err *err)
{
	size_t n = strlen(text);
	int place = 0;
	for (const char *p = choices; *p; place++) {
		size_t m = strcspn(p, " ");
		if (m == n && memcmp(p, text, n) == 0) {
			*ret = place;
			return 0;
		}
		p += m;
		p += strspn(p, " ");
	}
	return err_hint(err, err_set(err, ERR_USAGE, "--%s: '%.40s' is none of: %s", option, text, choices), "");
}
