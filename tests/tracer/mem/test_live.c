/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing a real process: a forked child of the test, which any user may ptrace
 * without privilege, and which needs no Python.
 */
#include "tracer/mem/live.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(tracer_mem_live, .timeout = 20);

#define PAGE 4096u

/* Four pages: writable, read-only, PROT_NONE, unmapped. */
static uint8_t *area;

static void make_area(void)
{
	area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(area, MAP_FAILED);
	memset(area, 'w', PAGE);
	memset(area + PAGE, 'r', PAGE);
	memset(area + 2 * PAGE, 'n', PAGE);
	cr_assert_eq(mprotect(area + PAGE, PAGE, PROT_READ), 0);
	cr_assert_eq(mprotect(area + 2 * PAGE, PAGE, PROT_NONE), 0);
	cr_assert_eq(munmap(area + 3 * PAGE, PAGE), 0);
}

/* A stopped child with the same memory; the caller ends it. */
static pid_t stopped_child(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) {
		int why = errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cr_skip_test("ptrace is not possible here: %s", strerror(why));
	}
	cr_assert_eq(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
	cr_assert_eq(waitpid(pid, NULL, __WALL), pid);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}

static taddr at(size_t offset)
{
	return taddr_of((uintptr_t)area + offset);
}

static struct mem_source *live(pid_t pid)
{
	struct mem_source *src = NULL;
	struct err err = ERR_INIT;

	cr_assert_eq(live_new(pid, &src, &err), 0, "%s", err.text);
	return src;
}

Test(tracer_mem_live, reads_bytes_of_another_process)
{
	struct mem_source *src;
	uint8_t got[2];
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	area[PAGE - 1] = 'x'; /* ours now differs */
	cr_assert_eq(mem_read(src, at(PAGE - 1), got, 2, NULL), 0);
	cr_assert_eq(got[0], 'w');
	cr_assert_eq(got[1], 'r');
	cr_assert_eq(src->word_bytes, sizeof(void *));
	mem_free(src);
	end_child(pid);
}

Test(tracer_mem_live, reads_pages_the_target_itself_may_not)
{
	static uint8_t got[4 * PAGE];
	struct err err = ERR_INIT;
	struct mem_source *src;
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	cr_assert_eq(mem_read(src, at(0), got, 3 * PAGE, &err), 0, "%s", err.text);
	cr_assert_eq(got[0], 'w');
	cr_assert_eq(got[PAGE], 'r');
	cr_assert_eq(got[2 * PAGE], 'n');
	cr_assert_eq(got[3 * PAGE - 1], 'n');
	mem_free(src);
	end_child(pid);
}

Test(tracer_mem_live, hole_is_named_by_its_first_address)
{
	static uint8_t got[4 * PAGE];
	struct err err = ERR_INIT;
	struct mem_source *src;
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	cr_assert_eq(mem_read(src, at(17), got, 4 * PAGE - 17, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, at(3 * PAGE).v);
	cr_assert_eq(mem_read_some(src, at(3 * PAGE), got, 8), 0);
	cr_assert_eq(mem_read_some(src, taddr_of(0), got, 8), 0);
	cr_assert_eq(mem_read_some(src, taddr_of(UINT64_C(0xffff800000000000)), got, 8), 0);
	cr_assert_eq(mem_read_some(src, taddr_of(UINT64_MAX - 3), got, 8), 0);
	mem_free(src);
	end_child(pid);
}

Test(tracer_mem_live, writes_reach_read_only_pages_too)
{
	struct err err = ERR_INIT;
	struct mem_source *src;
	uint8_t got[4];
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	cr_assert_eq(live_write(src, at(PAGE - 2), "ABCD", 4, &err), 0, "%s", err.text);
	cr_assert_eq(mem_read(src, at(PAGE - 2), got, 4, NULL), 0);
	cr_assert_eq(memcmp(got, "ABCD", 4), 0);
	cr_assert_eq(area[PAGE - 2], 'w', "our own copy is untouched");
	cr_assert_eq(live_write(src, at(3 * PAGE), "x", 1, &err), ERR_FAULT);
	cr_assert_eq(err.addr.v, at(3 * PAGE).v);
	mem_free(src);
	end_child(pid);
}

Test(tracer_mem_live, dead_target_is_gone_not_unreadable)
{
	struct err err = ERR_INIT;
	struct mem_source *src;
	uint8_t got[8];
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	cr_assert_eq(mem_read(src, at(0), got, 8, NULL), 0);
	kill(pid, SIGKILL);
	/* Dead but not reaped: the pid still exists. */
	cr_assert_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	cr_assert_eq(mem_read(src, at(0), got, 8, &err), ERR_GONE, "%s", err.text);
	cr_assert_eq(mem_read(src, at(2 * PAGE), got, 8, &err), ERR_GONE, "%s", err.text);
	waitpid(pid, NULL, __WALL);
	cr_assert_eq(mem_read(src, at(0), got, 8, &err), ERR_GONE);
	cr_assert_eq(live_write(src, at(0), "x", 1, &err), ERR_GONE, "%s", err.text);
	mem_free(src);
	cr_assert_eq(live_new(pid, &src, &err), ERR_GONE);
}

Test(tracer_mem_live, what_was_opened_is_read_by_a_child_that_might_not_open_it)
{
	struct mem_source *src;
	struct err err = ERR_INIT;
	char got[8];
	int status;

	if (geteuid() != 0)
		cr_skip_test("needs root, to be somebody else");
	make_area();
	pid_t pid = stopped_child(), reader;
	src = live(pid);
	for (int kept = 0; kept < 2; kept++) {
		if (kept)
			cr_assert_eq(live_keep(src, &err), 0, "%s", err.text);
		reader = fork();
		if (reader == 0)
			_exit(setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ? 2 :
			      mem_read(src, at(0), got, 8, NULL) == 0			       ? 0 :
													   1);
		waitpid(reader, &status, 0);
		cr_expect_eq(WEXITSTATUS(status), !kept, "%d: %d", kept, WEXITSTATUS(status));
	}
	mem_free(src);
	end_child(pid);
}

Test(tracer_mem_live, target_that_died_before_the_first_read_is_gone)
{
	struct err err = ERR_INIT;
	struct mem_source *src;
	uint8_t got[8];
	pid_t pid;

	make_area();
	pid = stopped_child();
	src = live(pid);
	end_child(pid);
	cr_assert_eq(mem_read(src, at(0), got, 8, &err), ERR_GONE, "%s", err.text);
	mem_free(src);
}
