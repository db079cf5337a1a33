/* SPDX-License-Identifier: MIT */
/*
 * For tests whose subject AddressSanitizer or valgrind replaces: both bring an allocator of their
 * own and map memory of theirs, valgrind also answers some system calls itself. Both make
 * everything slow. suite.sh leaves PYMEMPROF_VALGRIND set where it runs a suite under valgrind.
 */
#ifndef PYMEMPROF_TESTS_SUPPORT_SANITIZED_H
#define PYMEMPROF_TESTS_SUPPORT_SANITIZED_H

#include <stdlib.h>

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

#define UNDER_VALGRIND (getenv("PYMEMPROF_VALGRIND") != NULL)
#define SKIP_IF_VALGRIND(why)                                                                      \
	do {                                                                                       \
		if (UNDER_VALGRIND)                                                                \
			cr_skip_test("under valgrind: " why);                                      \
	} while (0)

#endif
