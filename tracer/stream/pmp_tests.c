/* SPDX-License-Identifier: MIT */
/*
 * Tests in a .pmp: section 14. A row starts with its length, so a later minor version can append
 * figures and this reader passes over them. Knows how a fact is spelled, nothing else.
 */
#include "tracer/stream/pmp_format.h"

#define ID_BYTES_MAX 4096u
#define RUNS_MAX UINT32_MAX
#define SITES_IN_FILE_MAX (1u << 23)

static void put_sites(struct buf *b, const struct fact_test_site *sites, uint32_t n)
{
	(void)buf_uvarint(b, n);
	for (uint32_t i = 0; i < n; i++) {
		(void)buf_uvarint(b, sites[i].site);
		(void)buf_uvarint(b, sites[i].bytes);
	}
}

void pmp_put_test(struct buf *b, const struct fact_test *f)
{
	const uint64_t figures[] = {
		f->runs,       f->first_ns,   f->duration_ns, f->alloc_blocks, f->alloc_bytes,
		f->peak_bytes, f->left_blocks, f->left_bytes, f->kept_blocks,  f->kept_bytes,
	};
	AUTO_BUF struct buf row = BUF_INIT;

	pmp_put_str(&row, f->id);
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		(void)buf_uvarint(&row, figures[i]);
	for (size_t i = 0; i < FACT_TEST_PHASES; i++) {
		(void)buf_uvarint(&row, f->phase[i].alloc_blocks);
		(void)buf_uvarint(&row, f->phase[i].alloc_bytes);
		(void)buf_uvarint(&row, f->phase[i].peak_bytes);
	}
	put_sites(&row, f->peak, f->npeak);
	put_sites(&row, f->kept, f->nkept);
	(void)buf_uvarint(b, row.len);
	(void)buf_put(b, row.bytes, row.len);
	b->failed |= row.failed;
}

static uint32_t get_sites(struct pmp_reader *r, struct cursor *c, struct fact_test_site *ret)
{
	uint32_t n = (uint32_t)cursor_bounded(c, FACT_TEST_SITES);

	for (uint32_t i = 0; i < n; i++) {
		ret[i].site = (uint32_t)cursor_bounded(c, SITES_IN_FILE_MAX);
		ret[i].bytes = cursor_uvarint(c);
		if (!r->damaged && (ret[i].site == 0 || ret[i].site > r->nsites))
			cursor_fail(c);
	}
	return c->failed ? 0 : n;
}

static int read_row(struct pmp_reader *r, struct cursor *c, uint32_t number, struct err *err)
{
	char id[ID_BYTES_MAX];
	struct fact_test f = { .test = number, .id = id };
	uint64_t *const figures[] = {
		&f.first_ns,	&f.duration_ns, &f.alloc_blocks, &f.alloc_bytes, &f.peak_bytes,
		&f.left_blocks, &f.left_bytes,	&f.kept_blocks,	 &f.kept_bytes,
	};

	pmp_get_str(c, id, sizeof id);
	f.runs = (uint32_t)cursor_bounded(c, RUNS_MAX);
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		*figures[i] = cursor_uvarint(c);
	for (size_t i = 0; i < FACT_TEST_PHASES; i++) {
		f.phase[i].alloc_blocks = cursor_uvarint(c);
		f.phase[i].alloc_bytes = cursor_uvarint(c);
		f.phase[i].peak_bytes = cursor_uvarint(c);
	}
	f.npeak = get_sites(r, c, f.peak);
	f.nkept = get_sites(r, c, f.kept);
	if (c->failed)
		return 1;
	return r->sink->test ? r->sink->test(r->sink->ctx, &f, err) : 0;
}

static int read_tests(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	size_t n = pmp_get_count(c, 2);

	for (size_t i = 0; i < n; i++) {
		size_t bytes = (size_t)cursor_bounded(c, cursor_left(c));
		const uint8_t *at = cursor_take(c, bytes);

		if (c->failed)
			return 1;
		struct cursor row = cursor_of(at, bytes);
		int e = read_row(r, &row, ++r->ntests, err);
		if (e != 0)
			return e;
	}
	return c->failed;
}

const struct pmp_section PMP_TEST_SECTIONS[] = {
	{ PMP_TESTS, "tests", read_tests },
	{ 0, NULL, NULL },
};
