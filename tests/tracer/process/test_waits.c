/* SPDX-License-Identifier: MIT */
#include "tracer/process/waits.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/process/procfs.h"

TestSuite(tracer_process_waits, .timeout = 60);

Test(tracer_process_waits, one_thread_waited_what_it_waited)
{
	struct waits_thread before[] = { { 5, 100, 1000 } }, now[] = { { 5, 130, 1070 } };

	cr_expect_eq(waits_between(before, 1, now, 1), 70);
	cr_expect_eq(waits_between(now, 1, now, 1), 0);
	cr_expect_eq(waits_between(before, 1, NULL, 0), 0);
}

Test(tracer_process_waits, those_that_rest_have_no_say_and_two_do_not_wait_twice)
{
	struct waits_thread before[] = { { 5, 0, 0 }, { 6, 0, 0 }, { 7, 50, 900 } };
	struct waits_thread now[] = { { 5, 50, 50 }, { 6, 50, 50 }, { 7, 50, 900 } };

	cr_expect_eq(waits_between(before, 3, now, 3), 50);
	now[1].ran_ns = 0;
	now[1].waited_ns = 0;
	cr_expect_eq(waits_between(before, 3, now, 3), 50);
	now[1].waited_ns = 10; /* of 110, a hundred waited 50 and ten waited 10 */
	cr_expect_eq(waits_between(before, 3, now, 3), (100 * 50 + 10 * 10) / 110);
}

Test(tracer_process_waits, a_thread_that_is_born_counts_from_its_birth_and_one_that_ends_not_at_all)
{
	struct waits_thread before[] = { { 5, 10, 10 }, { 6, 0, 500 } };
	struct waits_thread now[] = { { 5, 10, 10 }, { 8, 3, 40 } };

	cr_expect_eq(waits_between(before, 2, now, 2), 40);
	now[1].tid = 6; /* the number was given anew */
	cr_expect_eq(waits_between(before, 2, now, 2), 40);
}

/* Two processes that are never done, on one processor: each waits for half of the time. */
static pid_t spin(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(0, &one);
		(void)sched_setaffinity(0, sizeof one, &one);
		for (volatile unsigned i = 0;; i++)
			;
	}
	cr_assert_gt(pid, 0);
	return pid;
}

Test(tracer_process_waits, the_kernel_tells_how_long_a_process_waited)
{
	struct timespec before, after, nap = { 1, 500000000 };
	struct waits w = { 0 };
	struct procfs_schedstat s;
	cpu_set_t all;

	cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
	if (!CPU_ISSET(0, &all) || procfs_schedstat(getpid(), getpid(), &s, NULL) < 0 ||
	    s.ran_ns == 0)
		cr_skip_test("no first processor, or no account of the kernel's");
	pid_t one = spin(), other = spin();
	cr_expect_eq(waits_since(&w, one), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	nanosleep(&nap, NULL);
	uint64_t waited = waits_since(&w, one);
	clock_gettime(CLOCK_MONOTONIC, &after);
	double share = (double)waited / ((double)(after.tv_sec - before.tv_sec) * 1e9 +
					 (double)(after.tv_nsec - before.tv_nsec));
	cr_expect(share > 0.2 && share < 1.1, "it waited for %.2f of the time", share);
	kill(one, SIGKILL);
	kill(other, SIGKILL);
	(void)waitpid(one, NULL, 0);
	(void)waitpid(other, NULL, 0);
	cr_expect_eq(waits_since(&w, one), 0, "it is gone");
	waits_deinit(&w);
}
