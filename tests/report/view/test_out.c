/* SPDX-License-Identifier: MIT */
#include "report/view/out.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

Test(report_view_out, a_full_disk_is_one_error_with_a_hint)
{
	AUTO_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		cr_skip_test("no /dev/full here");
	struct out o;
	struct err err = ERR_INIT;
	out_init(&o, fd);
	for (int i = 0; i < 100000; i++)
		out_printf(&o, "line %d\n", i);
	cr_assert_eq(out_flush(&o, &err), ERR_SYS);
	cr_assert_eq(err.sys, ENOSPC);
	cr_assert_str_eq(err.hint, "disk-full");
	cr_assert_lt(o.buf.cap, 1 << 20);
	out_deinit(&o);
}

Test(report_view_out, a_reader_that_left_is_one_error_with_a_hint)
{
	signal(SIGPIPE, SIG_IGN);
	int p[2];
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	struct out o;
	struct err err = ERR_INIT;
	out_init(&o, p[1]);
	out_str(&o, "hello");
	cr_assert_eq(out_flush(&o, &err), ERR_SYS);
	cr_assert_str_eq(err.hint, "output-closed");
	out_deinit(&o);
	close(p[1]);
}

Test(report_view_out, memory_keeps_everything)
{
	struct out o;
	out_init(&o, OUT_MEMORY);
	for (int i = 0; i < 100000; i++)
		out_str(&o, "0123456789");
	out_escaped(&o, ESCAPE_JSON, "\"", 1);
	cr_assert_eq(out_flush(&o, NULL), 0);
	cr_assert_eq(o.buf.len, 1000002);
	out_deinit(&o);
}
