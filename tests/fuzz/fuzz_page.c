/* SPDX-License-Identifier: MIT */
/* A page may have been sent by anyone: sections found in any bytes lie inside them and end. */
#include <stdlib.h>

#include "report/view/html/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *page = (const char *)data;
	struct page_section s;
	size_t at = 0, before = 0;
	while (unpack_next(page, n, &at, &s)) {
		struct buf b = BUF_INIT;
		need(at > before && at <= n);
		need(s.text >= page && s.text + s.text_bytes <= page + n);
		need(s.id >= page && s.id + s.id_bytes <= page + n && s.id_bytes > 0);
		if (unpack_bytes(&s, &b, NULL) == 0)
			need(b.len == s.bytes);
		buf_deinit(&b);
		before = at;
	}
	need(at == n || n == 0);
	return 0;
}
