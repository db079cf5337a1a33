/* SPDX-License-Identifier: MIT */
/*
 * A target made of byte segments: the mem_source of unit tests. Failures of the test's own
 * memory abort; nothing here is product code.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_FAKE_MEM_H
#define PYMEMPROF_TESTS_SUPPORT_FAKE_MEM_H

#include "tracer/mem/source.h"

struct fake_mem;

/* An empty address space; word_bytes is 8 or 4. */
struct fake_mem *fake_mem_new(uint8_t word_bytes);
void fake_mem_free(struct fake_mem *f); /* accepts NULL; do not also mem_free its source */

/* Borrowed: dies with f. */
struct mem_source *fake_mem_source(struct fake_mem *f);

/* Make n zeroed bytes readable at addr, which must not be readable yet; abutting is fine. */
void fake_mem_map(struct fake_mem *f, uint64_t addr, size_t n);
/* Take a mapped segment away (by its start). */
void fake_mem_unmap(struct fake_mem *f, uint64_t addr);

/* Write; bytes outside every segment are mapped, by 16-byte granules. */
void fake_mem_put(struct fake_mem *f, uint64_t addr, const void *bytes, size_t n);
void fake_mem_put_str(struct fake_mem *f, uint64_t addr, const char *s); /* with its NUL */
void fake_mem_put_u8(struct fake_mem *f, uint64_t addr, uint8_t v);
void fake_mem_put_u16(struct fake_mem *f, uint64_t addr, uint16_t v);
void fake_mem_put_u32(struct fake_mem *f, uint64_t addr, uint32_t v);
void fake_mem_put_u64(struct fake_mem *f, uint64_t addr, uint64_t v);
void fake_mem_put_word(struct fake_mem *f, uint64_t addr, uint64_t v); /* word_bytes wide */

/* From the n-th read on (counted from now, first is 1) reads return code; 0 stops that. */
void fake_mem_fail_from(struct fake_mem *f, uint64_t n, int code);

/* Number of reads so far, and of bytes they returned. */
uint64_t fake_mem_reads(const struct fake_mem *f);
uint64_t fake_mem_bytes(const struct fake_mem *f);

#endif
