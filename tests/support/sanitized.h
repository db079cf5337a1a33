/* SPDX-License-Identifier: MIT */
/*
 * For tests whose subject AddressSanitizer replaces: it brings an allocator of its own and maps
 * terabytes of shadow. It makes everything slow.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_SANITIZED_H
#define PYMEMPROF_TESTS_SUPPORT_SANITIZED_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#define SKIP_IF_SANITIZED() cr_skip_test("AddressSanitizer replaces what is tested")
#else
#define SANITIZED 0
#define SKIP_IF_SANITIZED() ((void)0)
#endif

#endif
