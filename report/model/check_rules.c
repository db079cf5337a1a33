/* SPDX-License-Identifier: MIT */
/* Metrics, sizes and rules as they are written on the command line and in the budget file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/model/check.h"

static const struct {
	const char *name, *unit;
} kinds[CHECK_KINDS] = {
	[CHECK_ALLOC_BYTES] = { "alloc_bytes", "bytes" },
	[CHECK_ALLOCS] = { "allocs", "count" },
	[CHECK_PEAK] = { "peak", "bytes" },
	[CHECK_LIVE] = { "live", "bytes" },
	[CHECK_LEAKED] = { "leaked", "bytes" },
	[CHECK_LEAK_RATE] = { "leak_rate", "bytes/unit" },
	[CHECK_RSS_PEAK] = { "rss_peak", "bytes" },
	[CHECK_FRAG] = { "frag", "share" },
	[CHECK_TYPE] = { "type:", "count" },
};

const char *check_kind_unit(enum check_kind k)
{
	return kinds[k].unit;
}

int check_metric_parse(const char *text, size_t n, struct check_metric *ret, struct err *err)
{
	if (n >= 9 && memcmp(text, "retained:", 9) == 0)
		return err_set(err, ERR_USAGE,
			       "retained:TYPE needs retained sizes, which recordings do not hold");
	for (size_t i = 0; n < CHECK_NAME_MAX && i < CHECK_KINDS; i++) {
		size_t m = strlen(kinds[i].name);
		bool type = i == CHECK_TYPE && n > m;
		if ((type || n == m) && i + (n == m) != CHECK_TYPE + 1 &&
		    memcmp(text, kinds[i].name, m) == 0) {
			*ret = (struct check_metric){ .kind = (enum check_kind)i };
			memcpy(ret->name, text, n);
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "unknown metric '%.*s'; one of alloc_bytes, allocs, peak, live, leaked, "
		       "leak_rate, rss_peak, frag, type:NAME",
		       (int)(n > 40 ? 40 : n), text);
}

bool check_size_parse(const char *text, double *ret)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = { { "", 1 },
		      { "B", 1 },
		      { "K", 1 << 10 },
		      { "KiB", 1 << 10 },
		      { "KB", 1e3 },
		      { "kB", 1e3 },
		      { "M", 1 << 20 },
		      { "MiB", 1 << 20 },
		      { "MB", 1e6 },
		      { "G", 1 << 30 },
		      { "GiB", 1 << 30 },
		      { "GB", 1e9 } };
	char *end;
	if (*text < '0' || *text > '9' || text[1] == 'x' || text[1] == 'X')
		return false;
	double v = strtod(text, &end);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		*ret = v * units[i].factor;
		return *ret < 9e15;
	}
	return false;
}

static bool share_parse(const char *text, double *ret)
{
	char *end;
	if (*text < '0' || *text > '9' || text[1] == 'x' || text[1] == 'X')
		return false;
	*ret = strtod(text, &end) / 100;
	return end[0] == '%' && !end[1] && *ret < 1e9;
}

int check_rule_parse(enum check_option option, const char *text, struct check_rule *ret,
		     struct err *err)
{
	static const char *const names[] = { "max", "max-increase", "warn" };
	const char *equals = strrchr(text, '=');
	struct check_rule r = { .warn = option == CHECK_OPTION_WARN,
				.increase = option == CHECK_OPTION_MAX_INCREASE };
	if (!equals)
		return err_set(err, ERR_USAGE, "--%s: '%.60s' is no METRIC=VALUE", names[option],
			       text);
	int rc = check_metric_parse(text, (size_t)(equals - text), &r.metric, err);
	if (rc < 0)
		return rc;
	const char *value = equals + 1;
	snprintf(r.text, sizeof r.text, "%s", value);
	bool plus = *value == '+', share = share_parse(value + plus, &r.limit);
	if (plus && option == CHECK_OPTION_MAX)
		value = "+";
	if (option == CHECK_OPTION_WARN)
		r.increase = plus || (share && r.metric.kind != CHECK_FRAG);
	r.relative = share && r.increase && r.metric.kind != CHECK_FRAG;
	bool count = r.metric.kind == CHECK_ALLOCS || r.metric.kind == CHECK_TYPE;
	if (share ? !r.relative && r.metric.kind != CHECK_FRAG :
		    r.metric.kind == CHECK_FRAG || !check_size_parse(value + plus, &r.limit))
		return err_set(err, ERR_USAGE, "--%s %s: '%.40s' is no %s", names[option],
			       r.metric.name, equals + 1,
			       r.metric.kind == CHECK_FRAG ? "share (30%)" :
			       count			   ? "number" :
			       r.increase ? "size (64KiB) and no share (5%)" :
					    "size (64KiB)");
	*ret = r;
	return 0;
}

const char *check_verdict_name(enum check_verdict v)
{
	switch (v) {
	case CHECK_FINE:
		return "ok";
	case CHECK_IMPROVED:
		return "improved";
	case CHECK_SMALL:
		return "too small to matter";
	case CHECK_NOT_PROVEN:
		return "not proven";
	case CHECK_NO_BASE:
		return "no baseline";
	case CHECK_WARNED:
		return "warning";
	case CHECK_FAILED:
		return "failed";
	}
	return "failed";
}
