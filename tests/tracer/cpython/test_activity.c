/* SPDX-License-Identifier: MIT */
/* Sentences about threads, and a look at our own process through a Python that is not there. */
#include "tracer/cpython/activity.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_py.h"

TestSuite(tracer_cpython_activity, .timeout = 20);

static struct activity_thread waiting(pid_t tid, const char *function, int32_t line)
{
	struct activity_thread t = { .tid = tid, .state = 'S', .syscall = SYS_futex, .line = line,
				     .comm = "python3" };

	snprintf(t.function, sizeof(t.function), "%s", function);
	snprintf(t.file, sizeof(t.file), "threading.py");
	return t;
}

static const char *text_of(struct activity_thread *t, size_t n, size_t total)
{
	static char buf[512];

	return activity_text(&(struct activity){ t, n, total }, buf, sizeof(buf));
}

Test(tracer_cpython_activity, a_waiting_thread_is_told_with_its_call_and_line)
{
	struct activity_thread t = waiting(7, "wait", 331);

	t.main = true;
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread waits in futex at wait (threading.py:331)");
	t.line = 0;
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread waits in futex at wait (threading.py)");
	t.function[0] = 0;
	t.syscall = 9999;
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread waits in system call 9999");
	t.syscall = -1;
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread waits");
	t.syscall = SYS_read;
	t.state = 'D';
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread waits in read, uninterruptibly,");
}

Test(tracer_cpython_activity, running_stopped_and_traced_threads_are_told_as_such)
{
	struct activity_thread t = { .main = true, .state = 'R', .running = true, .syscall = -1,
				     .holds_gil = true };

	cr_expect_str_eq(text_of(&t, 1, 1), "main thread runs with the GIL");
	t.holds_gil = false;
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread runs");
	t.state = 'T';
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread is stopped by a signal");
	t.state = 't';
	cr_expect_str_eq(text_of(&t, 1, 1), "main thread is held by a debugger");
}

Test(tracer_cpython_activity, threads_that_do_the_same_are_told_together_after_those_that_run)
{
	struct activity_thread t[6] = {
		waiting(1, "main", 10), waiting(2, "wait", 331), waiting(3, "wait", 331),
		waiting(4, "wait", 331), waiting(5, "get", 20),
		{ .tid = 6, .state = 'R', .running = true, .syscall = -1, .comm = "busy" },
	};

	t[0].main = true;
	cr_expect_str_eq(text_of(t, 6, 6),
			 "main thread waits in futex at main (threading.py:10); thread 6 (busy) runs; "
			 "3 threads wait in futex at wait (threading.py:331); 1 other thread");
	cr_expect_str_eq(text_of(t, 1, 300), "main thread waits in futex at main (threading.py:10); "
					     "299 other threads");
	cr_expect_str_eq(text_of(t, 0, 0), "");
}

Test(tracer_cpython_activity, a_text_that_does_not_fit_is_cut_between_characters)
{
	struct activity_thread t = waiting(1, "\xc3\xa4\xc3\xa4\xc3\xa4", 1);
	char buf[64];

	t.main = true;
	for (size_t cap = 1; cap < sizeof(buf); cap++) {
		activity_text(&(struct activity){ &t, 1, 1 }, buf, cap);
		cr_expect_lt(strlen(buf), cap);
		cr_expect(strlen(buf) == 0 || (buf[strlen(buf) - 1] & 0xff) != 0xc3, "cap %zu", cap);
	}
}

Test(tracer_cpython_activity, the_frame_of_a_living_thread_is_found_by_its_number)
{
	EACH_SHEET(sheet)
	{
		struct fake_py p = fake_py_new(sheet);
		taddr code = fake_py_code(&p, "serve", "/srv/app/net.py");
		taddr pthread = fake_py_alloc(&p, 0x900);
		taddr tstate = fake_py_thread(&p, p.py.main_interp, pthread.v);
		struct activity a;
		struct err err = ERR_INIT;
		char text[256], what[128];
		int fds[2];
		char c;

		cr_assert_eq(pipe(fds), 0);
		pid_t pid = fork();
		if (pid == 0)
			_exit(read(fds[0], &c, 1) != 1);
		fake_py_word(&p, pthread, 0x2d0, (uint64_t)pid);
		if (p.layout->PyThreadState_native_thread_id != PY_ABSENT)
			fake_py_word(&p, tstate, p.layout->PyThreadState_native_thread_id,
				     (uint64_t)pid);
		fake_py_set_top(&p, tstate, fake_py_frame(&p, TADDR_NULL, code, 4, 0));
		p.py.initialized = true;
		for (int i = 0; i < 200; i++) {
			cr_assert_eq(activity_read(pid, &p.py, p.mem, &a, &err), 0, "%s", err.text);
			activity_text(&a, text, sizeof(text));
			if (strstr(text, "waits in read"))
				break;
			activity_deinit(&a);
			usleep(5000);
		}
		snprintf(what, sizeof(what), "main thread waits in read at serve (net.py:%d)", 12);
		cr_expect_str_eq(text, what, "%s: %s", sheet->layout->name, text);
		activity_deinit(&a);
		cr_assert_eq(write(fds[1], "x", 1), 1);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
		cr_expect_eq(activity_read(pid, &p.py, p.mem, &a, &err), ERR_GONE);
		close(fds[0]);
		close(fds[1]);
		fake_py_free(&p);
	}
}
