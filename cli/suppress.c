/* SPDX-License-Identifier: MIT */
/* From lines of text to patterns of the model; the lines are parsed by report/model/baseline. */
#include "cli/suppress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/check_io.h"
#include "report/model/baseline.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define TYPE "type:"

static int take(struct recording *r, const struct check_suppression *s, struct err *err)
{
	bool type = strncmp(s->metric, TYPE, strlen(TYPE)) == 0;
	struct leak_suppression one = { .type = type ? s->metric + strlen(TYPE) : NULL,
					.site = strcmp(s->site, "*") == 0 ? NULL : s->site,
					.reason = s->reason,
					.expired = s->expired };
	char text[400];
	struct fact_note note = { "expired-suppression", text };
	if (!type && strcmp(s->metric, "*") != 0 && strcmp(s->metric, "leak") != 0)
		return 0;
	snprintf(text, sizeof text, "the suppression of %.120s expired on %s: %.150s", s->site,
		 s->until ? s->until : "?", s->reason);
	int rc = s->expired ? totals_note(&r->totals, &note, err) : 0;
	return rc < 0 ? rc : leaks_suppress(&r->leaks, &one, err);
}

int suppress_read(struct recording *r, const char *path, struct err *err)
{
	AUTO(budget_deinit) struct budget budget = { 0 };
	AUTO_BUF struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	time_t now = time(NULL);
	char today[16];
	struct tm day;
	if (!path)
		return 0;
	strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &day));
	if (check_read(path, FILE_BYTES_MAX, &text, &why) < 0)
		return err_hint(err, err_set(err, ERR_USAGE, "%.250s", why.text), "");
	int rc = budget_parse_suppressions(&budget, (char *)text.bytes, text.len, today, err);
	if (rc < 0)
		return err_wrap(err, rc, "%.80s", path);
	for (size_t i = 0; rc == 0 && i < budget.suppressions.len; i++)
		rc = take(r, &budget.suppressions.at[i], err);
	return rc;
}
