/* SPDX-License-Identifier: MIT */
/* See json_put.h. Text of the target passes through escape.h here and nowhere else. */
#include "report/view/json_put.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void json_key(struct json *j, const char *name)
{
	out_printf(j->out, "%s\"%s\":", j->first ? "" : ",", name);
	j->first = false;
}

void json_open(struct json *j, const char *name, char bracket)
{
	if (name)
		json_key(j, name);
	else if (!j->first)
		out_put(j->out, ",", 1);
	out_put(j->out, &bracket, 1);
	j->first = true;
}

void json_close(struct json *j, char bracket)
{
	out_put(j->out, &bracket, 1);
	j->first = false;
}

void json_number(struct json *j, const char *name, uint64_t v)
{
	json_key(j, name);
	out_printf(j->out, "%" PRIu64, v);
}

/* JSON knows no infinity and no NaN. */
void json_fraction(struct json *j, const char *name, double v, int digits)
{
	json_key(j, name);
	if (isfinite(v))
		out_printf(j->out, "%.*f", digits, v);
	else
		out_str(j->out, "null");
}

void json_bool(struct json *j, const char *name, bool v)
{
	json_key(j, name);
	out_str(j->out, v ? "true" : "false");
}

void json_nothing(struct json *j, const char *name)
{
	json_key(j, name);
	out_str(j->out, "null");
}

void json_text(struct json *j, const char *name, const char *text, size_t n)
{
	json_key(j, name);
	out_put(j->out, "\"", 1);
	out_escaped(j->out, ESCAPE_JSON, text, n);
	out_put(j->out, "\"", 1);
}

void json_element(struct json *j, const char *word)
{
	out_str(j->out, j->first ? "\"" : ",\"");
	out_escaped(j->out, ESCAPE_JSON, word, strlen(word));
	out_put(j->out, "\"", 1);
	j->first = false;
}

void json_word(struct json *j, const char *name, const char *word)
{
	json_text(j, name, word, strlen(word));
}
