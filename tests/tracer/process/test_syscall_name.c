/* SPDX-License-Identifier: MIT */
#include "tracer/process/syscall_name.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

TestSuite(tracer_process_syscall_name, .timeout = 20);

Test(tracer_process_syscall_name, calls_a_thread_may_wait_in_have_names)
{
	cr_expect_str_eq(syscall_name(SYS_clock_nanosleep), "clock_nanosleep");
	cr_expect_str_eq(syscall_name(SYS_futex), "futex");
	cr_expect_str_eq(syscall_name(SYS_read), "read");
	cr_expect_str_eq(syscall_name(SYS_epoll_pwait), "epoll_pwait");
}

Test(tracer_process_syscall_name, what_is_not_listed_has_none)
{
	cr_expect_null(syscall_name(-1));
	cr_expect_null(syscall_name(SYS_getpid));
	cr_expect_null(syscall_name(INT64_MAX));
}
