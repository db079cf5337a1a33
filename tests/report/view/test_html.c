/* SPDX-License-Identifier: MIT */
/* The page as bytes: balanced, inert, within its size, with the hashes its policy names. */
#include "sample_graph.h"

#include <zlib.h>

static struct recording r;

static void teardown(void)
{
	recording_deinit(&r);
}

TestSuite(report_view_html, .fini = teardown);

/* End of the tag at p ('<'), with its name; quoted values are passed over. */
static const char *tag_end(const char *p, char *name, size_t cap)
{
	size_t n = 0;
	p += p[1] == '/' ? 2 : 1;
	while (n + 1 < cap && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
		name[n++] = *p++;
	name[n] = '\0';
	for (char quote = 0; *p && (quote || *p != '>'); p++)
		if (quote ? *p == quote : *p == '"')
			quote = quote ? 0 : *p;
	return *p ? p : NULL;
}

static bool is_void(const char *name)
{
	return strcmp(name, "meta") == 0;
}

/* Every element that is opened is closed, in order; nothing else looks like a tag. */
static void check_balanced(const char *text)
{
	static char stack[64][16];
	char name[16];
	size_t depth = 0;
	for (const char *p = strchr(text + 1, '<'); p; p = strchr(p, '<')) {
		const char *end = tag_end(p, name, sizeof name);
		cr_assert(end && *name, "no tag: %.60s", p);
		if (p[1] == '/') {
			cr_assert(depth > 0 && strcmp(stack[depth - 1], name) == 0,
				  "</%s> closes <%s>: %.80s", name, depth ? stack[depth - 1] : "", p);
			depth--;
		} else if (end[-1] != '/' && !is_void(name)) {
			cr_assert(depth < 64);
			memcpy(stack[depth++], name, sizeof name);
		}
		p = end;
		if (p[-1] != '/' && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0) &&
		    depth > 0 && strcmp(stack[depth - 1], name) == 0) {
			char close[24];
			snprintf(close, sizeof close, "</%s>", name);
			p = strstr(p, close);
			cr_assert(p, "<%s> has no end", name);
		}
	}
	cr_assert_eq(depth, 0);
}

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static char *page(size_t max_bytes, size_t *ret_n)
{
	return sample_draw(&r, "html", (struct view_options){ .max_bytes = max_bytes }, ret_n);
}

Test(report_view_html, a_page_of_a_recording_is_balanced_and_says_the_verdict_first)
{
	sample_make(&r, 0);
	AUTO_FREE char *text = page(0, NULL);
	check_balanced(text);
	const char *h1 = strstr(text, "<h1 "), *body = strstr(text, "<body>");
	cr_assert(body && h1 && h1 > body);
	cr_assert(strstr(h1, ">GROWING</h1>"));
	cr_assert(strstr(text, "<td class=\"n\" data-v=\"400000\">391 KiB</td>"), "%s", h1);
	cr_assert(strstr(text, "<title>GROWING: python3.12 pid 4242 - pymemprof</title>"));
	cr_assert_eq(count_of(text, "<h1"), 1);
}

Test(report_view_html, the_policy_names_no_source_but_hashes)
{
	sample_make(&r, 0);
	AUTO_FREE char *text = page(0, NULL);
	const char *policy = strstr(text, "Content-Security-Policy");
	cr_assert(policy);
	cr_assert(strstr(policy, "default-src 'none'; script-src 'sha256-") &&
		  strstr(policy, "'; style-src 'sha256-"));
	cr_assert_null(strstr(text, "unsafe-inline"));
	cr_assert_eq(count_of(text, "<script type=\"module\">"), 1);
	cr_assert_eq(count_of(text, "<style>"), 1);
	cr_assert_eq(count_of(text, " style=\""), 0);
	cr_assert_eq(count_of(text, " src="), 0);
	cr_assert_eq(count_of(text, "http:") + count_of(text, "https:"), 0);
	cr_assert_eq(count_of(text, "@import"), 0);
}

Test(report_view_html, hostile_names_stay_text_wherever_they_stand)
{
	sample_make_hostile(&r);
	size_t n;
	AUTO_FREE char *text = page(0, &n);
	cr_assert_eq(strlen(text), n);
	check_balanced(text);
	cr_assert_null(strstr(text, "<img"));
	cr_assert_null(strstr(text, "\033"));
	cr_assert_null(strstr(text, "\xe2\x80\xae"));
	cr_assert(strstr(text, "&#60;/script&#62;&#60;img src=x onerror=1&#62;"));
	cr_assert(strstr(text, "\\u202etxt.exe"));
}

Test(report_view_html, a_snapshot_has_its_ledger_its_types_and_no_growth)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot(&r, 1, "Session");
	cr_assert_eq(recording_conclude(&r, &err), 0);
	AUTO_FREE char *text = page(0, NULL);
	check_balanced(text);
	cr_assert(strstr(text, ">SNAPSHOT</h1>"));
	cr_assert(strstr(text, "app.models.Session"));
	cr_assert(strstr(text, "id=\"t-ledger\""));
	cr_assert(strstr(text, "id=\"pmp-arenas\""));
	cr_assert_null(strstr(text, "id=\"t-suspects\""));
}

Test(report_view_html, an_empty_recording_is_a_whole_page)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(&r, NULL), 0);
	cr_assert_eq(recording_conclude(&r, &err), 0);
	AUTO_FREE char *text = page(0, NULL);
	check_balanced(text);
	cr_assert(strstr(text, ">IDLE</h1>"), "%s", strstr(text, "<h1"));
}

Test(report_view_html, two_pages_of_one_recording_are_the_same_bytes)
{
	sample_make(&r, 0);
	size_t n, m;
	AUTO_FREE char *a = page(0, &n), *b = page(0, &m);
	cr_assert(n == m && memcmp(a, b, n) == 0);
}

/* A bushy tree of `width` callers with `each` callees of distinct names. */
static void make_wide(unsigned width, unsigned each)
{
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	struct fact_sink s = recording_sink(&r);
	uint32_t site = 0;
	for (unsigned i = 0; i < width; i++) {
		for (unsigned k = 0; k < each; k++) {
			char inner[64], outer[64];
			snprintf(inner, sizeof inner, "call_%x_%u", k * 2654435761u + i, k);
			snprintf(outer, sizeof outer, "view_%u", i);
			struct fact_frame f[] = { { inner, "/srv/app/inner.py", k + 1, 1 },
						  { outer, "/srv/app/outer.py", i + 1, 1 } };
			struct fact_site fact = { .site = ++site, .thread = 1, .nframes = 2, .frames = f };
			cr_assert_eq(s.site(s.ctx, &fact, NULL), 0);
			struct fact_delta d = { site, 1, 64 + site % 977, 0, 0, 0, 0 };
			feed_interval(&r, site, site + 1, &d, 1);
		}
	}
	sample_end(&r);
}

Test(report_view_html, a_page_keeps_its_size_and_says_what_it_merged)
{
	make_wide(200, 200);
	size_t n;
	AUTO_FREE char *text = page(300000, &n);
	cr_assert(n <= 300000, "%zu bytes", n);
	check_balanced(text);
	cr_assert(strstr(text, "are merged into their callers"));
	AUTO_FREE char *whole = page(0, &n);
	cr_assert(n <= 2000000);
	cr_assert(strstr(whole, "nothing was merged or left out of this page"));
}

/* The text of the element with this id, decoded. */
static uint8_t *section(const char *text, const char *id, size_t *ret_n)
{
	char mark[64];
	snprintf(mark, sizeof mark, "id=\"pmp-%s\"", id);
	const char *p = strstr(text, mark), *bytes = p ? strstr(p, "data-bytes=\"") : NULL;
	cr_assert(bytes, "no section %s", id);
	size_t want = strtoul(bytes + 12, NULL, 10), m = 0;
	const char *at = strchr(bytes, '>') + 1, *end = strchr(at, '<');
	AUTO_FREE uint8_t *raw = malloc((size_t)(end - at) + 4);
	uint8_t *out = malloc(want + 1);
	cr_assert(raw && out);
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (uint32_t v = 0, k = 0; at < end && *at != '='; at++) {
		v = v << 6 | (uint32_t)(strchr(digits, *at) - digits);
		if (++k % 4 == 0) {
			raw[m++] = (uint8_t)(v >> 16);
			raw[m++] = (uint8_t)(v >> 8);
			raw[m++] = (uint8_t)v;
		} else if (at + 1 == end || at[1] == '=') {
			raw[m++] = (uint8_t)(v >> (k % 4 == 2 ? 4 : 10));
			if (k % 4 == 3)
				raw[m++] = (uint8_t)(v >> 2);
		}
	}
	z_stream z = { .next_in = raw, .avail_in = (uInt)m, .next_out = out, .avail_out = (uInt)want };
	cr_assert_eq(inflateInit2(&z, -MAX_WBITS), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	cr_assert_eq(z.total_out, want);
	*ret_n = want;
	return out;
}

static uint64_t varint(const uint8_t **p)
{
	uint64_t v = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t b = *(*p)++;
		v |= (uint64_t)(b & 127) << shift;
		if (!(b & 128))
			return v;
	}
}

static uint64_t column_sum(const uint8_t *table, size_t n, const char *name)
{
	const uint8_t *p = table, *end = table + n;
	uint64_t rows = varint(&p), sum = 0;
	while (p < end) {
		uint64_t len = varint(&p);
		bool this = strlen(name) == len && memcmp(p, name, len) == 0;
		p += len + 1;
		len = varint(&p);
		const uint8_t *next = p + len;
		for (uint64_t i = 0; this && i < rows; i++)
			sum += varint(&p);
		cr_assert(!this || p == next);
		p = next;
	}
	return sum;
}

Test(report_view_html, the_data_adds_up_to_the_totals_merged_or_not)
{
	make_wide(100, 100);
	const struct counters all = sites_sum(&r.sites);
	for (size_t most = 0; most <= 200000; most += 200000) {
		size_t n;
		AUTO_FREE char *text = page(most, NULL);
		AUTO_FREE uint8_t *sites = section(text, "sites", &n);
		cr_assert_eq(column_sum(sites, n, "live"), counters_live_bytes(&all));
		cr_assert_eq(column_sum(sites, n, "live_blocks"), counters_live_blocks(&all));
		cr_assert_eq(column_sum(sites, n, "alloc"), all.alloc_bytes);
		cr_assert_eq(column_sum(sites, n, "peak"), all.peak_bytes);
	}
}

Test(report_view_html, holders_are_a_view_with_hostile_names_inert)
{
	struct err err = ERR_INIT;
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	sample_snapshot_with_graph(&r, 1, hostile_names[3], hostile_names[2]);
	cr_assert_eq(recording_conclude(&r, &err), 0);
	AUTO_FREE char *text = page(0, NULL);
	check_balanced(text);
	cr_assert(strstr(text, "id=\"t-holders\"") && strstr(text, "id=\"pmp-holders\""));
	cr_assert(strstr(text, "id=\"pmp-paths\""));
	cr_assert_null(strstr(text, "<img"));
	cr_assert(strstr(text, "data-v=\"561000000\">535 MiB</td>"));
	cr_assert(strstr(text, "&#60;/script&#62;&#60;img src=x onerror=1&#62; \xe2\x86\x92 .\\u202etxt.exe dict"));
}

Test(report_view_html, without_a_graph_there_is_no_view_of_holders)
{
	sample_make(&r, 0);
	AUTO_FREE char *text = page(0, NULL);
	cr_assert_null(strstr(text, "t-holders"));
	cr_assert_null(strstr(text, "pmp-holders"));
	cr_assert(strstr(text, "Holders"), "About names what is absent");
}

Test(report_view_html, types_say_where_their_objects_were_made)
{
	struct err err = ERR_INIT;
	struct fact_delta d = { 1, 40, 4000, 0, 0, 0, 0 };
	struct fact_heap_join join = { .site = 1, .type = 2, .blocks = 40, .bytes = 4000 };
	cr_assert_eq(recording_init(&r, NULL), 0);
	feed_target(&r, 0);
	feed_site(&r, 1, 1, "put app/cache.py:88 < serve worker.py:77");
	feed_interval(&r, 0, 1, &d, 1);
	struct fact_sink s = recording_sink(&r);
	cr_assert_eq(s.heap(s.ctx, &(struct fact_heap){ .snapshot = 1 }, NULL), 0);
	cr_assert_eq(s.heap_type(s.ctx, &(struct fact_heap_type){ .type = 1, .name = "dict", .module = "builtins",
								  .count = 2, .total_bytes = 500 }, NULL), 0);
	cr_assert_eq(s.heap_type(s.ctx, &(struct fact_heap_type){ .type = 2, .name = "Session", .module = "app",
								  .count = 40, .total_bytes = 4100 }, NULL), 0);
	cr_assert_eq(s.heap_join(s.ctx, &join, NULL), 0);
	cr_assert_eq(s.heap_end(s.ctx, 1, NULL), 0);
	cr_assert_eq(recording_conclude(&r, &err), 0);
	AUTO_FREE char *text = page(0, NULL);
	check_balanced(text);
	const char *types = strstr(text, "id=\"t-types\"");
	cr_assert(types && strstr(text, "id=\"pmp-made\""));
	const char *session = strstr(types, "<bdi>app.Session</bdi>"), *dict = strstr(types, "<bdi>dict</bdi>");
	cr_assert(session && dict && session < dict);
	const char *made = strstr(session, "<bdi>cache.py</bdi>:88");
	cr_assert(made && made < dict);
}
