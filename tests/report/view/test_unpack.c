/* SPDX-License-Identifier: MIT */
/* What went into a page comes out of it again; what was changed on the way does not. */
#include "report/view/html/unpack.h"

#include "sample.h"

static struct recording r;
static uint8_t source[5000];
static char *page;
static size_t page_bytes;

static void setup(void)
{
	sample_make(&r, 0);
	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (uint8_t)(i * 7 + i / 251);
	page = sample_draw(&r, "html",
			   (struct view_options){ .source = source, .source_bytes = sizeof source },
			   &page_bytes);
}

static void teardown(void)
{
	free(page);
	recording_deinit(&r);
}

TestSuite(report_view_unpack, .init = setup, .fini = teardown, .timeout = 20);

static bool find(const char *id, struct page_section *ret)
{
	size_t at = 0;
	while (unpack_next(page, page_bytes, &at, ret))
		if (unpack_is(ret, id))
			return true;
	return false;
}

Test(report_view_unpack, the_recording_comes_back_byte_for_byte)
{
	struct page_section s;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf b = BUF_INIT;
	cr_assert(find(UNPACK_RECORDING, &s));
	cr_assert_not(s.deflated);
	cr_assert_eq(unpack_bytes(&s, &b, &err), 0, "%s", err.text);
	cr_assert_eq(b.len, sizeof source);
	cr_assert_arr_eq(b.bytes, source, sizeof source);
}

Test(report_view_unpack, every_section_of_a_page_is_whole_and_has_its_name_once)
{
	static const char *const names[] = { "recording", "facts",  "timeline", "places",
					     "frames",	  "sites",  "times",	"series",
					     "threads",	  "owners", "parts",	"suspects",  "snapshots", "strings" };
	struct page_section s;
	size_t at = 0, n = 0;
	while (unpack_next(page, page_bytes, &at, &s)) {
		AUTO_BUF struct buf b = BUF_INIT;
		cr_assert_eq(unpack_bytes(&s, &b, NULL), 0);
		cr_assert(n < sizeof names / sizeof *names && unpack_is(&s, names[n]),
			  "%.*s", (int)s.id_bytes, s.id);
		n++;
	}
	cr_assert_eq(n, sizeof names / sizeof *names);
	cr_assert_eq(at, page_bytes);
}

Test(report_view_unpack, a_changed_byte_of_any_section_is_noticed)
{
	struct page_section s;
	size_t at = 0;
	while (unpack_next(page, page_bytes, &at, &s)) {
		char *c = (char *)s.text + s.text_bytes / 2;
		char old = *c;
		AUTO_BUF struct buf b = BUF_INIT;
		*c = old == 'A' ? 'B' : 'A';
		cr_expect_lt(unpack_bytes(&s, &b, NULL), 0, "%.*s", (int)s.id_bytes, s.id);
		*c = old;
	}
}

Test(report_view_unpack, a_cut_page_gives_only_whole_sections)
{
	struct page_section s;
	cr_assert(find("sites", &s));
	size_t cut = (size_t)(s.text - page) + 4, at = 0, n = 0;
	while (unpack_next(page, cut, &at, &s))
		n++;
	cr_assert_eq(n, 5);
	cr_assert_eq(at, cut);
}

Test(report_view_unpack, a_later_version_is_refused_by_its_number)
{
	struct page_section s;
	struct err err = ERR_INIT;
	AUTO_BUF struct buf b = BUF_INIT;
	cr_assert(find("facts", &s));
	s.version = 9;
	cr_assert_eq(unpack_bytes(&s, &b, &err), ERR_UNSUPPORTED);
	cr_assert_str_eq(err.text, "has version 9");
	cr_assert_str_eq(err.hint, "newer-file");
}

Test(report_view_unpack, a_recording_too_large_for_the_page_is_left_out_and_named)
{
	size_t n;
	AUTO_FREE char *small = sample_draw(&r, "html",
					    (struct view_options){ .source_bytes = 3 << 20 }, &n);
	cr_assert_null(strstr(small, "pmp-recording"));
	cr_assert(strstr(small, "the recording itself (3.0 MiB) does not fit into this page"));
	cr_assert(strstr(page, "the recording itself (4.9 KiB) is in this page"));
}

Test(report_view_unpack, two_pages_of_one_recording_are_the_same_bytes)
{
	size_t n;
	AUTO_FREE char *again = sample_draw(
		&r, "html", (struct view_options){ .source = source, .source_bytes = sizeof source },
		&n);
	cr_assert_eq(n, page_bytes);
	cr_assert_eq(memcmp(page, again, n), 0);
}
