/* SPDX-License-Identifier: MIT */
/*
 * A fuse for the tracer: linked with --wrap=ptrace, the process that set it kills itself right
 * before its n-th ptrace request.
 */
#ifndef PYMEMPROF_TESTS_TRACER_PROCESS_FUSE_H
#define PYMEMPROF_TESTS_TRACER_PROCESS_FUSE_H

void fuse_set(long n);

#endif
