/* SPDX-License-Identifier: MIT */
/* Metrics, sizes and rules as they are written on the command line and in the budget file. */
#include <fnmatch.h>
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
	[CHECK_RETAINED] = { "retained:", "bytes" },
	[CHECK_TEST] = { "test:", "" },
};

const char *check_kind_unit(enum check_kind k)
{
	return kinds[k].unit;
}

const char *const check_test_figures[CHECK_TEST_FIGURES] = {
	[CHECK_TEST_PEAK] = "peak",
	[CHECK_TEST_LEAKED] = "leaked",
	[CHECK_TEST_ALLOC_BYTES] = "alloc_bytes",
	[CHECK_TEST_ALLOCS] = "allocs",
};

/* "test:PATTERN:FIGURE"; ids have colons themselves, so the figure is behind the last one. */
static int test_metric(const char *text, size_t n, struct check_metric *ret, struct err *err)
{
	static const enum check_kind of[CHECK_TEST_FIGURES] = { CHECK_PEAK, CHECK_LEAKED,
								CHECK_ALLOC_BYTES, CHECK_ALLOCS };
	const char *colon = memrchr(text + 5, ':', n - 5);
	for (size_t i = 0; colon > text + 5 && i < CHECK_TEST_FIGURES; i++) {
		size_t m = strlen(check_test_figures[i]);
		if ((size_t)(text + n - colon - 1) != m ||
		    memcmp(colon + 1, check_test_figures[i], m) != 0)
			continue;
		*ret = (struct check_metric){ .kind = CHECK_TEST, .of = of[i] };
		memcpy(ret->name, text, n);
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "'%.*s' is no test:PATTERN:FIGURE with a figure of peak, leaked, alloc_bytes, "
		       "allocs",
		       (int)(n > 80 ? 80 : n), text);
}

bool check_test_matches(const struct check_metric *m, const char *id)
{
	char pattern[CHECK_NAME_MAX];
	const char *begin = m->name + strlen("test:"), *end = strrchr(m->name, ':');
	if (m->kind != CHECK_TEST || end <= begin)
		return false;
	snprintf(pattern, sizeof pattern, "%.*s", (int)(end - begin), begin);
	/* an id is its own pattern, brackets of its parameters included */
	return strcmp(pattern, id) == 0 || fnmatch(pattern, id, 0) == 0;
}

int check_metric_parse(const char *text, size_t n, struct check_metric *ret, struct err *err)
{
	if (n >= 5 && n < CHECK_NAME_MAX && memcmp(text, "test:", 5) == 0)
		return test_metric(text, n, ret, err);
	for (size_t i = 0; n < CHECK_NAME_MAX && i < CHECK_TEST; i++) {
		size_t m = strlen(kinds[i].name);
		bool named = i == CHECK_TYPE || i == CHECK_RETAINED;
		if ((named ? n > m : n == m) && memcmp(text, kinds[i].name, m) == 0) {
			*ret = (struct check_metric){ .kind = (enum check_kind)i,
						      .of = (enum check_kind)i };
			memcpy(ret->name, text, n);
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "unknown metric '%.*s'; one of alloc_bytes, allocs, peak, live, leaked, "
		       "leak_rate, rss_peak, frag, type:NAME, retained:TYPE, test:PATTERN:FIGURE",
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
		r.increase = plus || (share && r.metric.of != CHECK_FRAG);
	r.relative = share && r.increase && r.metric.of != CHECK_FRAG;
	bool count = r.metric.of == CHECK_ALLOCS || r.metric.of == CHECK_TYPE;
	if (share ? !r.relative && r.metric.of != CHECK_FRAG :
		    r.metric.of == CHECK_FRAG || !check_size_parse(value + plus, &r.limit))
		return err_set(err, ERR_USAGE, "--%s %s: '%.40s' is no %s", names[option],
			       r.metric.name, equals + 1,
			       r.metric.of == CHECK_FRAG ? "share (30%)" :
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
	case CHECK_NOT_MEASURED:
		return "not measured";
	case CHECK_WARNED:
		return "warning";
	case CHECK_FAILED:
		return "failed";
	}
	return "failed";
}
