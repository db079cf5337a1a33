/* SPDX-License-Identifier: MIT */
/*
 * Debug domains: chosen by name, silent otherwise.
 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

TestSuite(base_log, .timeout = 10);

static int evaluated;

static int count_me(void)
{
	return ++evaluated;
}

/* Point standard error at a pipe; returns its read end. */
static int catch_stderr(void)
{
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

Test(base_log, domains_are_chosen_by_name)
{
	cr_assert_eq(log_init(NULL), 0);
	cr_assert_eq(log_init(""), 0);
	cr_assert_eq(log_init("mem"), 1u << LOG_MEM);
	cr_assert_eq(log_init("mem,heap"), 1u << LOG_MEM | 1u << LOG_HEAP);
	cr_assert_eq(log_init(",, heap ,nonsense"), 1u << LOG_HEAP);
	cr_assert_eq(log_init("all"), (1u << LOG_DOMAINS) - 1);
}

Test(base_log, silent_domain_does_not_evaluate)
{
	log_init("heap");
	LOG(LOG_MEM, "%d", count_me());
	cr_assert_eq(evaluated, 0);
}

Test(base_log, line_names_its_domain_and_keeps_errno)
{
	AUTO_CLOSE int fd = catch_stderr();
	char got[64] = "";

	log_init("stream");
	errno = EXDEV;
	LOG(LOG_STREAM, "batch %d", 3);
	cr_assert_eq(errno, EXDEV);
	cr_assert_gt(read(fd, got, sizeof(got) - 1), 0);
	cr_assert_str_eq(got, "stream: batch 3\n");
}

Test(base_log, long_line_is_cut_and_still_ends)
{
	AUTO_CLOSE int fd = catch_stderr();
	char got[1024], text[2000];
	ssize_t n;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_init("mem");
	LOG(LOG_MEM, "%s", text);
	n = read(fd, got, sizeof(got));
	cr_assert(n > 400 && n < 600);
	cr_assert_eq(got[n - 1], '\n');
	cr_assert_eq(got[n - 2], 'x');
}
