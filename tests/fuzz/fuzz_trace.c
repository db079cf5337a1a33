/* SPDX-License-Identifier: MIT */
/* The .pmp reader: what it pushes is numbered, named and finished, whatever the bytes (pmp_wrap.h). */
#include "tests/fuzz/pmp_wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct seen {
	uint32_t sites, threads;
	size_t text;
	int finished;
};

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->thread != ++s->threads)
		abort();
	s->text += strlen(f->name);
	return 0;
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->site != ++s->sites || f->thread > s->threads)
		abort();
	for (uint32_t i = 0; i < f->nframes; i++)
		s->text += strlen(f->frames[i].function) + strlen(f->frames[i].file);
	return 0;
}

static int on_interval(void *ctx, const struct fact_interval *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	for (size_t i = 0; i < f->ndeltas; i++)
		if (f->deltas[i].site == 0 || f->deltas[i].site > s->sites)
			abort();
	return 0;
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (f->site > s->sites || f->domain > 2)
		abort();
	return 0;
}

static int on_finish(void *ctx, enum fact_end end, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	(void)end;
	s->finished++;
	return 0;
}

static void read_file(const uint8_t *bytes, size_t len)
{
	struct seen s = { 0 };
	struct fact_sink sink = { .ctx = &s, .thread = on_thread, .site = on_site,
				  .interval = on_interval, .block = on_block, .finish = on_finish };
	struct err err = ERR_INIT;
	int r = pmp_read_bytes(bytes, len, &sink, &err);

	if (r == 0 ? s.finished != 1 : err.text[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf b = BUF_INIT;

	pmp_wrap(bytes, len, &b);
	read_file(b.bytes, b.len);
	buf_deinit(&b);
	return 0;
}
