/* SPDX-License-Identifier: MIT */
/*
 * Batches and records as the agent writes them.
 */
#include "tests/support/stream_image.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_WORDS (sizeof(struct stream_batch) / 8)

static void put(struct stream_image *s, const void *bytes, size_t n)
{
	size_t words = (n + 7) / 8;

	while (s->n + words > s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->words = realloc(s->words, s->cap * 8);
		if (!s->words)
			abort();
	}
	memset(s->words + s->n, 0, words * 8);
	memcpy(s->words + s->n, bytes, n);
	s->n += words;
}

void stream_image_word(struct stream_image *s, uint64_t w)
{
	put(s, &w, sizeof w);
}

static void open_batch(struct stream_image *s)
{
	struct stream_batch head = {
		.magic = STREAM_MAGIC | (uint64_t)AGENT_ABI_VERSION << 48,
		.serial = s->serial++,
	};

	s->batch = s->n;
	put(s, &head, sizeof head);
}

void stream_image_init(struct stream_image *s)
{
	memset(s, 0, sizeof *s);
	open_batch(s);
}

void stream_image_deinit(struct stream_image *s)
{
	free(s->words);
	memset(s, 0, sizeof *s);
}

void stream_image_batch(struct stream_image *s, uint64_t window)
{
	struct stream_batch head;

	memcpy(&head, s->words + s->batch, sizeof head);
	head.bytes = (uint32_t)(s->n - s->batch) * 8;
	head.window_peak_bytes = window;
	memcpy(s->words + s->batch, &head, sizeof head);
	open_batch(s);
}

void stream_image_end(struct stream_image *s)
{
	if (s->n > s->batch + HEAD_WORDS)
		stream_image_batch(s, 0);
	s->n = s->batch;
}

static void alloc(struct stream_image *s, uint64_t addr, uint64_t size, uint64_t second)
{
	uint64_t small = size < 0xffff ? size : 0xffff;

	stream_image_word(s, addr | STREAM_ALLOC | small << 48);
	stream_image_word(s, second);
	if (small == 0xffff)
		stream_image_word(s, size);
}

void stream_image_alloc(struct stream_image *s, uint64_t addr, uint64_t size, uint32_t site,
			unsigned domain)
{
	alloc(s, addr, size, site | (uint64_t)domain << 32);
}

void stream_image_sampled(struct stream_image *s, uint64_t addr, uint64_t size, uint32_t site)
{
	alloc(s, addr, size, site | (uint64_t)AGENT_OBJ << 32 | 1ull << 40);
}

void stream_image_free(struct stream_image *s, uint64_t addr)
{
	stream_image_word(s, addr | STREAM_FREE);
}

void stream_image_unfree(struct stream_image *s, uint64_t addr)
{
	stream_image_word(s, addr | STREAM_UNFREE);
}

void stream_image_temp(struct stream_image *s, uint32_t site, uint32_t blocks, uint64_t bytes)
{
	stream_image_word(s, STREAM_TEMP | (uint64_t)site << 32);
	stream_image_word(s, blocks | bytes << 24);
}

static size_t meta(struct stream_image *s, enum stream_meta type)
{
	stream_image_word(s, STREAM_META | (uint64_t)type << 8);
	return s->n - 1;
}

static void meta_end(struct stream_image *s, size_t first)
{
	s->words[first] |= (uint64_t)(s->n - first) << 16;
}

void stream_image_hello(struct stream_image *s, uint64_t sample_bytes)
{
	struct stream_hello h = { .abi_version = AGENT_ABI_VERSION, .domains = 7,
				  .sample_bytes = sample_bytes, .window = 512 };
	size_t m = meta(s, STREAM_HELLO);

	put(s, &h, sizeof h);
	meta_end(s, m);
}

void stream_image_sample(struct stream_image *s, uint64_t sample_bytes)
{
	struct stream_sample h = { sample_bytes };
	size_t m = meta(s, STREAM_SAMPLE);

	put(s, &h, sizeof h);
	meta_end(s, m);
}

static void code(struct stream_image *s, const struct stream_code *c, const void *name,
		 const char *file)
{
	size_t m = meta(s, STREAM_CODE);

	put(s, c, sizeof *c);
	put(s, name, (size_t)c->name_chars * c->name_kind);
	put(s, file, c->file_chars);
	meta_end(s, m);
}

void stream_image_code(struct stream_image *s, uint32_t serial, const char *name, const char *file,
		       int first_line)
{
	struct stream_code c = {
		.serial = serial,
		.firstlineno = first_line,
		.name_chars = (uint16_t)strlen(name),
		.file_chars = (uint16_t)strlen(file),
		.name_kind = 1,
		.file_kind = 1,
	};

	code(s, &c, name, file);
}

void stream_image_code16(struct stream_image *s, uint32_t serial, const uint16_t *name,
			 unsigned chars, const char *file)
{
	struct stream_code c = {
		.serial = serial,
		.name_chars = (uint16_t)chars,
		.file_chars = (uint16_t)strlen(file),
		.name_kind = 2,
		.file_kind = 1,
	};

	code(s, &c, name, file);
}

void stream_image_thread(struct stream_image *s, uint32_t serial, uint32_t tid, uint64_t tstate_id)
{
	struct stream_thread t = { serial, tid, tstate_id, 0 };
	size_t m = meta(s, STREAM_THREAD);

	put(s, &t, sizeof t);
	meta_end(s, m);
}

void stream_image_stack(struct stream_image *s, uint32_t site, uint32_t thread, unsigned flags,
			const uint64_t *frames, uint32_t n)
{
	struct stream_stack k = { site, thread, n, flags };
	size_t m = meta(s, STREAM_STACK);

	put(s, &k, sizeof k);
	put(s, frames, (size_t)n * 8);
	meta_end(s, m);
}

void stream_image_reset(struct stream_image *s)
{
	meta_end(s, meta(s, STREAM_RESET));
}

void stream_image_label(struct stream_image *s, const char *text)
{
	struct stream_label l = { .chars = (uint32_t)strlen(text), .kind = 1 };
	size_t m = meta(s, STREAM_LABEL);

	put(s, &l, sizeof l);
	put(s, text, l.chars);
	meta_end(s, m);
}
