/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of the stream, for tests: appends records to batches exactly as
 * tracer/agent/abi.h describes them, also wrong ones. Aborts when memory runs out.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_STREAM_IMAGE_H
#define PYMEMPROF_TESTS_SUPPORT_STREAM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/agent/abi.h"

struct stream_image {
	uint64_t *words;
	size_t n, cap;
	size_t batch; /* index of the open batch's head */
	uint32_t serial;
};

/* Starts with an open, empty batch. */
void stream_image_init(struct stream_image *s);
void stream_image_deinit(struct stream_image *s);

/* End the batch (bytes filled in) and open the next. window: its window_peak_bytes. */
void stream_image_batch(struct stream_image *s, uint64_t window);
/* Close an empty open batch away: afterwards words[0…n) is the finished stream. */
void stream_image_end(struct stream_image *s);

void stream_image_word(struct stream_image *s, uint64_t w);
void stream_image_alloc(struct stream_image *s, uint64_t addr, uint64_t size, uint32_t site,
			unsigned domain);
void stream_image_sampled(struct stream_image *s, uint64_t addr, uint64_t size, uint32_t site);
void stream_image_free(struct stream_image *s, uint64_t addr);
void stream_image_unfree(struct stream_image *s, uint64_t addr);
void stream_image_temp(struct stream_image *s, uint32_t site, uint32_t blocks, uint64_t bytes);
void stream_image_hello(struct stream_image *s, uint64_t sample_bytes);
void stream_image_sample(struct stream_image *s, uint64_t sample_bytes);
void stream_image_code(struct stream_image *s, uint32_t serial, const char *name, const char *file,
		       int first_line);
/* name as kind-2 characters */
void stream_image_code16(struct stream_image *s, uint32_t serial, const uint16_t *name,
			 unsigned chars, const char *file);
void stream_image_thread(struct stream_image *s, uint32_t serial, uint32_t tid, uint64_t tstate_id);
/* frames: n words code serial | line << 32, innermost first */
void stream_image_stack(struct stream_image *s, uint32_t site, uint32_t thread, unsigned flags,
			const uint64_t *frames, uint32_t n);
/* Latin-1; "" when no test runs. */
void stream_image_label(struct stream_image *s, const char *text);
void stream_image_reset(struct stream_image *s);

#endif
