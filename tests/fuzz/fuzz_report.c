/* SPDX-License-Identifier: MIT */
/*
 * A recording somebody sent: whatever its sections say, the models add it up and the views draw
 * it without a control character. Which three of them, the input's checksum says.
 */
#include "tests/fuzz/pmp_wrap.h"

#include "report/model/recording.h"
#include "report/view/out.h"
#include "report/view/view.h"
#include "tracer/stream/pmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void draw(const struct recording *r, const struct view *view, int question)
{
	const struct view_options o = { .question = (enum view_question)question,
					.metric = (enum sites_metric)(question % 3),
					.width = VIEW_WIDTH, .path = question % 2 ? "list" : "0x10" };
	struct out out;
	struct err err = ERR_INIT;

	out_init(&out, OUT_MEMORY);
	if (view_draw(view, r, &o, &out, &err) < 0 && err.text[0] == '\0')
		abort();
	for (size_t i = 0; i < out.buf.len && !view->binary; i++) {
		uint8_t c = out.buf.bytes[i];

		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
			abort();
	}
	out_deinit(&out);
}

/* The n-th of all pairs of a format and a question it answers. */
static void choose(const struct recording *r, uint32_t n)
{
	int pairs = 0;

	for (int pass = 0; pass < 2; pass++) {
		uint32_t left = pass ? n % (uint32_t)pairs : UINT32_MAX;

		for (size_t v = 0; views[v]; v++)
			for (int q = 0; q < VIEW_QUESTIONS; q++) {
				if (!(views[v]->questions & 1u << q))
					continue;
				pairs += !pass;
				if (left-- == 0)
					draw(r, views[v], q);
			}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct recording r;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (recording_init(&r, &err) < 0)
		return 0;
	pmp_wrap(bytes, len, &b);
	struct fact_sink sink = recording_sink(&r);
	if (pmp_read_bytes(b.bytes, b.len, &sink, &err) == 0 && recording_conclude(&r, &err) == 0)
		for (int i = 0; i < 3; i++)
			choose(&r, (uint32_t)crc32((uLong)i, bytes, (uInt)len));
	recording_deinit(&r);
	buf_deinit(&b);
	return 0;
}
