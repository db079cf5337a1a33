/* SPDX-License-Identifier: MIT */
/* The list of CPUs: which table is the one this build needs. */
#include "tracer/process/arch.h"

const struct arch *arch_native(void)
{
#if defined(__x86_64__)
	return &arch_x86_64;
#elif defined(__aarch64__)
	return &arch_aarch64;
#else
#error "no table for this CPU: add tracer/process/arch_<cpu>.c"
#endif
}
