/* SPDX-License-Identifier: MIT */
#include "base/reserve.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define BYTES (64u << 20)

TestSuite(base_reserve, .timeout = 10);

static int open_more(int *fd, int max)
{
	int n = 0;

	while (n < max && (fd[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	return n;
}

static void close_all(const int *fd, int n)
{
	while (n > 0)
		close(fd[--n]);
}

Test(base_reserve, what_was_held_is_there_when_nothing_else_is)
{
	struct rlimit few = { 40, 40 };
	struct reserve r = { 0 };
	int fd[64], n;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_assert_eq(reserve_hold(&r, BYTES, NULL), 0);
	n = open_more(fd, 64);
	cr_expect_lt(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	reserve_release(&r);
	cr_expect_eq(open_more(fd + n, 64 - n), RESERVE_FDS);
	close_all(fd, n + RESERVE_FDS);
}

Test(base_reserve, too_few_are_an_error_and_nothing_is_held)
{
	struct rlimit few = { 40, 40 };
	struct err err = ERR_INIT;
	struct reserve r = { 0 };
	int fd[64], n;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	n = open_more(fd, 64);
	for (int left = 0; left < RESERVE_FDS; left++) {
		close_all(fd + n - left, left);
		cr_expect_lt(reserve_hold(&r, BYTES, &err), 0);
		cr_expect_str_eq(err.text, "descriptors for the way out: Too many open files");
		cr_expect_null(r.memory);
		cr_expect_eq(open_more(fd + n - left, left + 1), left, "it took what it had not got");
	}
	close_all(fd, n);
}

Test(base_reserve, more_than_there_is_is_an_error)
{
	struct reserve r = { 0 };

	cr_expect_eq(reserve_hold(&r, (size_t)1 << 60, NULL), ERR_NOMEM);
	cr_expect_eq(r.fds, 0);
	reserve_release(&r);
}

Test(base_reserve, held_once_whoever_asks_again)
{
	struct reserve r = { 0 };
	void *first;

	cr_assert_eq(reserve_hold(&r, BYTES, NULL), 0);
	first = r.memory;
	cr_expect_eq(reserve_hold(&r, BYTES, NULL), 0);
	cr_expect_eq(r.memory, first);
	reserve_release(&r);
	reserve_release(&r);
	cr_expect_eq(r.fds, 0);
}
