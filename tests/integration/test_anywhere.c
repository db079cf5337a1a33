/* SPDX-License-Identifier: MIT */
/*
 * Wherever the target happens to be, an attach works and says something soon; and whatever
 * cannot be attached to is refused in one line with exit status 3. Times are printed, and
 * fail only at gross bounds: the machine may be busy.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/sanitized.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define GROSS_MS (SANITIZED ? 20000 : 3000)
#define STATUS_REFUSED 3
#define NOBODY 65534
#define ROOM "for a copy of five words, wherever the kernel puts the environment" /* on the stack */
#define FIRST_WORD "recording" /* on standard error, once hooks are live */
#define EVENTS "first event after"
#define IDLE "no allocation in the first"
#define VERDICT_MS 100 /* from the command to one of these two */
#define VERDICT_TRIES 5

struct situation {
	const char *name;
	int min_minor; /* first Python it makes sense on */
	bool answers;  /* it says {"done", "bad"} once by itself */
	bool optional; /* skipped when the target cannot start */
	bool idle;     /* it allocates nothing: what it does instead is told */
};

static const struct situation situations[] = {
	{ "sleep", 8, .idle = true },	 { "accept", 8, .idle = true },
	{ "lock", 8, .idle = true },	 { "select", 8, .idle = true },
	{ "poll", 8, .idle = true },	 { "read", 8, .idle = true },
	{ "loop", 8, .idle = true },	 { "gil", 8 },
	{ "pow", 8 },			 { "import", 8 },
	{ "collect", 8 },		 { "threads", 8 },
	{ "busy_threads", 8 },		 { "itimer", 8 },
	{ "asyncio", 8 },		 { "fork", 8, .answers = true },
	{ "spawn", 8, .answers = true }, { "subinterpreters", 8, .optional = true },
};

/* The mappings of the target that are there for good: file, permissions and place. */
static char *text_mappings(pid_t pid)
{
	AUTO_FREE char *maps = target_proc(pid, "maps");
	char *kept = maps ? calloc(1, strlen(maps) + 1) : NULL;
	for (char *line = maps, *next; kept && line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		char perms[8] = "";
		if (sscanf(line, "%*s %7s", perms) == 1 && strchr(perms, 'x'))
			strcat(strcat(kept, line), "\n");
	}
	return kept;
}

static char process_state(pid_t pid)
{
	AUTO_FREE char *stat = target_proc(pid, "stat");
	const char *after = stat ? strrchr(stat, ')') : NULL;
	return after && after[1] ? after[2] : '?';
}

static void expect_untouched(pid_t pid, const char *before, const char *said, const char *who,
			     const char *where)
{
	AUTO_FREE char *after = text_mappings(pid);
	cr_expect(after && before && strcmp(before, after) == 0,
		  "%s %s: executable mappings differ after detach:\n%s--\n%s--\n%s", who, where,
		  before ? before : "", after ? after : "", said ? said : "");
	cr_expect(target_status(pid, "TracerPid") == 0, "%s %s: still traced", who, where);
}

/*
 * What the machine adds just now: a program that only says its version takes about 2 ms where
 * nothing else runs. Ten starts' excess is granted to a verdict, which is far more work.
 */
static double allowed_ms(void)
{
	double best = 1e9;
	for (int i = 0; i < 3; i++) {
		struct cli done;
		CLI(&done, 10000, "--version");
		if ((double)done.ns / 1e6 < best)
			best = (double)done.ns / 1e6;
		cli_done(&done);
	}
	return VERDICT_MS + (best > 5 ? 10 * (best - 5) : 0);
}

/* The word about events or idleness that is due within a tenth of a second; "" and -1: none came. */
static double wait_verdict(struct cli_job *job, char *ret_text, size_t cap)
{
	ret_text[0] = 0;
	for (int64_t end = now_ms() + GROSS_MS; now_ms() < end; usleep(500)) {
		AUTO_FREE char *err = cli_text(job);
		const char *at = err ? strstr(err, EVENTS) : NULL;
		if (err && !at)
			at = strstr(err, IDLE);
		if (!at || !strchr(at, '\n'))
			continue;
		snprintf(ret_text, cap, "%.*s", (int)strcspn(at, "\n"), at);
		return (double)(now_ns() - job->start_ns) / 1e6;
	}
	return -1;
}

/* Attach, wait for the word about events, let it record a little, end it. */
static void attach_once(pid_t pid, const char *who, const char *where, char *ret_text, size_t cap,
			double *ret_ms)
{
	char word[16];
	snprintf(word, sizeof(word), "%d", (int)pid);
	AUTO_FREE char *before = text_mappings(pid);
	const char *args[] = { "attach", word, "-o", "/dev/null", "-f", NULL };
	struct cli_job job;
	struct cli done;
	cr_assert(cli_start(&job, NULL, args), "cannot start %s", getenv("PYMEMPROF"));
	*ret_ms = wait_verdict(&job, ret_text, cap);
	usleep(50000);
	cli_finish(&job, SIGINT, 10000, &done);
	cr_expect(*ret_ms >= 0 && done.status == 0, "%s %s: status %d, %s", who, where, done.status,
		  done.err);
	expect_untouched(pid, before, done.err, who, where);
	cli_done(&done);
}

/* The machine may be busy elsewhere for a moment: the best of a few attempts counts. */
static void attach_in_time(pid_t pid, const char *who, const char *where, char *ret_text, size_t cap)
{
	double ms = -1, limit = VERDICT_MS;
	int tries = 0;
	do {
		attach_once(pid, who, where, ret_text, cap, &ms);
		if (ms > limit)
			limit = allowed_ms();
	} while (ms > limit && ++tries < VERDICT_TRIES);
	fprintf(stderr, "%-16s %-16s %6.1f ms%s: %s\n", who, where, ms, tries ? " (again)" : "", ret_text);
	cr_expect(ms <= limit, "%s %s: the first word came after %.1f ms, due were %.1f", who, where, ms,
		  limit);
}

static void try_situation(const struct python *py, const struct situation *s)
{
	const char *args[] = { s->name, NULL };
	struct target t;
	if (!target_spawn(&t, py, &(struct target_options){ .script = "situations.py", .args = args })) {
		cr_expect(s->optional, "%s: %s", py->name, t.error);
		return;
	}
	usleep(100000);
	char text[512], place[64];
	attach_in_time(t.pid, py->name, s->name, text, sizeof(text));
	if (strcmp(s->name, "accept") == 0)
		snprintf(place, sizeof(place), "accept (socket.py:");
	else
		snprintf(place, sizeof(place), " at in_%s (situations.py:", s->name);
	cr_expect(!s->idle || (strncmp(text, IDLE, strlen(IDLE)) == 0 && strstr(text, place)),
		  "%s %s: %s", py->name, s->name, text);
	if (s->answers) {
		json_t *answer = target_hear(&t, 20000);
		cr_expect(answer && json_integer_value(json_object_get(answer, "bad")) == 0,
			  "%s %s: children fail: %s", py->name, s->name, t.error);
		json_decref(answer);
	}
	cr_expect(kill(t.pid, 0) == 0 && process_state(t.pid) != 'Z', "%s %s: target died", py->name,
		  s->name);
	target_kill(&t);
}

static size_t all_pythons(struct python **ret)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	*ret = pythons;
	return n;
}

Test(integration_anywhere, attach_works_wherever_the_target_is)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof(situations) / sizeof(*situations); k++)
			if (pythons[i].minor >= situations[k].min_minor)
				try_situation(&pythons[i], &situations[k]);
}

/* Where the package is missing the target does not start: told, and a skip when it is nowhere. */
static void try_optional(const char *situation)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons), tried = 0;
	for (size_t i = 0; i < n; i++) {
		const char *args[] = { situation, NULL };
		struct target t;
		if (!target_spawn(&t, &pythons[i],
				  &(struct target_options){ .script = "situations.py", .args = args }))
			continue;
		usleep(150000);
		char text[512];
		attach_in_time(t.pid, pythons[i].name, situation, text, sizeof(text));
		cr_expect(kill(t.pid, 0) == 0 && process_state(t.pid) != 'Z', "%s %s: target died",
			  pythons[i].name, situation);
		target_kill(&t);
		tried++;
	}
	if (!tried)
		cr_skip_test("no interpreter here has %s", situation);
}

Test(integration_anywhere, attach_works_under_greenlets)
{
	try_optional("greenlet");
}

Test(integration_anywhere, attach_works_under_gevent)
{
	try_optional("gevent");
}

/* Litter on a stack that stays there for long must not keep the agent in the target. */
Test(integration_anywhere, a_stale_address_of_the_agent_on_a_stack_does_not_keep_it)
{
	try_optional("stray");
}

/* Whoever has copied the allocator's table will put it back: what he has copied is what was there before us. */
static void give_back(const struct python *py)
{
	const char *words[] = { "copy", NULL }, *env[] = { "PYMEMPROF_TEST_ROOM=" ROOM, NULL };
	char pid[16];
	struct cli_job job;
	struct cli done;
	struct target t;
	cr_assert(target_spawn(&t, py, &(struct target_options){ .script = "situations.py", .args = words, .env = env }),
		  "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *attach[] = { "attach", pid, "-o", "/dev/null", "-f", NULL };
	cr_assert(cli_start(&job, NULL, attach));
	json_t *copied = target_hear(&t, 20000);
	cr_expect(json_is_true(json_object_get(copied, "differs")), "%s: %s", py->name, t.error);
	json_decref(copied);
	cli_finish(&job, SIGINT, 10000, &done);
	cr_expect_eq(done.status, 0, "%s: %s", py->name, done.err);
	cr_expect_not(strstr(done.err, "agent stays"), "%s: %s", py->name, done.err);
	cli_done(&done);
	json_t *back = target_ask(&t, "put", 20000);
	cr_expect(json_is_true(json_object_get(back, "given_back")), "%s: %s", py->name, t.error);
	json_decref(back);
	cr_expect(kill(t.pid, 0) == 0 && process_state(t.pid) != 'Z', "%s: target died", py->name);
	target_kill(&t);
}

Test(integration_anywhere, a_copy_of_the_allocators_table_on_a_stack_is_given_back)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++)
		give_back(&pythons[i]);
}

Test(integration_anywhere, a_stopped_target_is_recorded_and_left_stopped)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++) {
		const char *args[] = { "stopped", NULL };
		struct target t;
		cr_assert(target_spawn(&t, &pythons[i],
				       &(struct target_options){ .script = "situations.py", .args = args }),
			  "%s", t.error);
		kill(t.pid, SIGSTOP);
		usleep(50000);
		char text[512];
		attach_in_time(t.pid, pythons[i].name, "stopped", text, sizeof(text));
		cr_expect(strstr(text, "main thread is stopped by a signal at "),
			  "%s: %s", pythons[i].name, text);
		cr_expect(process_state(t.pid) == 'T', "%s: state %c after the attach",
			  pythons[i].name, process_state(t.pid));
		kill(t.pid, SIGCONT);
		usleep(50000);
		cr_expect(process_state(t.pid) == 'R', "%s: state %c after SIGCONT", pythons[i].name,
			  process_state(t.pid));
		target_kill(&t);
	}
}

/* Of a large heap the first walk takes longer than the recording: that does not make the recording longer. */
Test(integration_anywhere, a_recording_is_as_long_as_asked_whatever_its_first_snapshot_takes)
{
	struct python *pythons;
	const char *args[] = { "large", NULL };
	char pid[16], file[] = "/tmp/pymemprof-long-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	struct target t;
	struct cli done;
	cr_assert_gt(all_pythons(&pythons), 0);
	cr_assert(target_spawn(&t, &pythons[0], &(struct target_options){ .script = "situations.py", .args = args }), "%s",
		  t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	int64_t begin = now_ms();
	CLI(&done, 60000, "attach", pid, "-q", "-d", "100ms", "-f", "-o", file);
	int64_t took = now_ms() - begin;
	cr_expect_eq(done.status, 0, "%s", done.err);
	cli_done(&done);
	CLI(&done, 60000, "report", file, "--format", "json", "--view", "summary");
	json_t *report = cli_json(&done);
	json_int_t recorded = json_integer_value(json_object_get(json_object_get(report, "totals"), "duration_ns")) / 1000000;
	cr_expect_geq(recorded, 90);
	cr_expect_lt(recorded * 4, took, "recorded %lld ms of %lld", (long long)recorded, (long long)took);
	json_decref(report);
	cli_done(&done);
	/* both snapshots are there: the last has a type's count in the first */
	CLI(&done, 60000, "report", file, "--format", "json", "--view", "types");
	report = cli_json(&done);
	json_int_t most = 0, before;
	const json_t *type;
	size_t i;
	json_array_foreach(json_object_get(report, "types"), i, type) {
		before = json_integer_value(json_object_get(type, "baseline_count"));
		most = before > most ? before : most;
	}
	cr_expect_geq(most, 1500000, "%lld", (long long)most);
	json_decref(report);
	cli_done(&done);
	target_kill(&t);
	unlink(file);
}

/* --- the end of the target ------------------------------------------------------------- */

static void expect_ends_by_itself(const char *situation, const char *code)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++) {
		const char *args[] = { situation, NULL };
		struct target t;
		struct cli_job job;
		struct cli done;
		char pid[16], file[] = "/tmp/pymemprof-end-XXXXXX";
		AUTO_CLOSE int fd = mkstemp(file);
		cr_assert(target_spawn(&t, &pythons[i],
				       &(struct target_options){ .script = "situations.py", .args = args }),
			  "%s", t.error);
		snprintf(pid, sizeof(pid), "%d", (int)t.pid);
		const char *attach[] = { "attach", pid, "-o", file, "-f", NULL };
		cr_assert(cli_start(&job, NULL, attach));
		cr_expect(cli_wait_text(&job, FIRST_WORD, GROSS_MS) >= 0, "%s: no attach", pythons[i].name);
		target_tell(&t, "go");
		if (strcmp(code, "exit") == 0)
			target_end(&t, 5000); /* reaps it: we are its parent */
		cli_finish(&job, 0, 10000, &done);
		cr_expect(done.status == 0, "%s %s: status %d, %s", pythons[i].name, code, done.status,
			  done.err);
		cli_done(&done);
		CLI(&done, 10000, "report", file, "--format", "json", "--view", "sites");
		json_t *report = cli_json(&done);
		const json_t *totals = json_object_get(report, "totals");
		cr_expect(json_integer_value(json_object_get(totals, "allocated_blocks")) > 100,
			  "%s %s: the report is empty: %.300s%s", pythons[i].name, code, done.out, done.err);
		json_decref(report);
		cli_done(&done);
		target_kill(&t);
		unlink(file);
	}
}

Test(integration_anywhere, a_recording_ends_by_itself_when_the_target_exits)
{
	expect_ends_by_itself("exit", "exit");
}

Test(integration_anywhere, a_recording_ends_by_itself_when_the_target_execs)
{
	expect_ends_by_itself("exec", "exec");
}

/* --- other users and refusals ------------------------------------------------------------ */

static void expect_refused(struct cli *c, const char *what, const char *why)
{
	size_t lines = 0;
	for (const char *p = c->err; p && *p; p++)
		lines += *p == '\n';
	fprintf(stderr, "%s → %d: %s", what, c->status, c->err ? c->err : "");
	cr_expect(c->status == STATUS_REFUSED, "%s: status %d, %s", what, c->status, c->err);
	cr_expect(c->err && strncmp(c->err, "pymemprof: ", 11) == 0, "%s: no message", what);
	cr_expect(c->err && strstr(c->err, why), "%s: not \"%s\" but %s", what, why, c->err);
	cr_expect(lines >= 1 && lines <= 2, "%s: %zu lines where one and a hint are due", what, lines);
	cr_expect(c->out_len == 0, "%s: wrote to standard output", what);
	cli_done(c);
}

static void attach_refused(pid_t pid, const char *what, const char *why)
{
	char word[16];
	snprintf(word, sizeof(word), "%d", (int)pid);
	struct cli done;
	CLI(&done, 10000, "attach", word, "-d", "1s", "-o", "/dev/null", "-f");
	expect_refused(&done, what, why);
}

static pid_t spawn_plain(const char *program, const char *arg)
{
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		execlp(program, program, arg, (char *)NULL);
		_exit(127);
	}
	usleep(50000);
	return pid;
}

Test(integration_anywhere, what_is_no_living_python_process_is_refused)
{
	pid_t pid = spawn_plain("sleep", "30");
	attach_refused(pid, "a program that is not Python", "is no CPython");
	kill(pid, SIGKILL);
	usleep(20000);
	attach_refused(pid, "a zombie", "has exited and waits for its parent");
	waitpid(pid, NULL, 0);
	attach_refused(pid, "a dead process", "there is no process");

	char command[1024];
	snprintf(command, sizeof(command), "exec '%s' attach $$", getenv("PYMEMPROF"));
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	pid_t own = fork();
	if (own == 0) {
		dup2(fds[1], 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	char err[1024] = "";
	ssize_t n = read(fds[0], err, sizeof(err) - 1);
	int status = 0;
	waitpid(own, &status, 0);
	close(fds[0]);
	fprintf(stderr, "its own process → %d: %s", WEXITSTATUS(status), err);
	cr_expect(n > 0 && (WEXITSTATUS(status) == STATUS_REFUSED || WEXITSTATUS(status) == 2),
		  "own PID: status %d, %s", WEXITSTATUS(status), err);
}

/* PF_KTHREAD of include/linux/sched.h, shown as field 9 of /proc/PID/stat: proc(5). */
static pid_t find_kernel_thread(void)
{
	for (pid_t pid = 2; pid < 400; pid++) {
		AUTO_FREE char *stat = target_proc(pid, "stat");
		const char *p = stat ? strrchr(stat, ')') : NULL;
		unsigned flags = 0;
		if (p && sscanf(p, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & 0x200000))
			return pid;
	}
	return 0;
}

Test(integration_anywhere, a_kernel_thread_is_refused)
{
	pid_t pid = find_kernel_thread();
	if (!pid)
		cr_skip_test("no kernel thread is visible here");
	attach_refused(pid, "a kernel thread", "is a thread of the kernel");
}

static bool spawn_sleeper(struct target *t, struct python **ret_py)
{
	all_pythons(ret_py);
	const char *args[] = { "sleep", NULL };
	return target_spawn(t, *ret_py, &(struct target_options){ .script = "situations.py", .args = args });
}

Test(integration_anywhere, another_users_process_is_refused_without_privilege)
{
	struct python *py;
	struct target t;
	if (geteuid() != 0)
		cr_skip_test("needs root to become somebody else");
	cr_assert(spawn_sleeper(&t, &py), "%s", t.error);
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-d", "1s", "-o", "/dev/null", "-f", NULL };
	struct cli_job job;
	struct cli done;
	cr_assert(cli_start(&job, &(struct cli_options){ .uid = NOBODY }, args));
	cli_finish(&job, 0, 10000, &done);
	bool cannot_run = done.status == 127;
	if (!cannot_run) {
		expect_refused(&done, "another user's process", "belongs to user");
		args[0] = "doctor";
		args[2] = NULL;
		cr_assert(cli_start(&job, &(struct cli_options){ .uid = NOBODY }, args));
		cli_finish(&job, 0, 10000, &done);
		cr_expect(done.status == STATUS_REFUSED && strstr(done.out, "?    place       not known") &&
			  !strstr(done.out, "same namespaces"),
			  "doctor: status %d, %s%s", done.status, done.out, done.err);
		cli_done(&done);
	}
	target_kill(&t);
	if (cannot_run)
		cr_skip_test("the other user cannot reach the program's folder");
}

Test(integration_anywhere, root_attaches_to_another_users_process)
{
	struct python *pythons, nobody;
	if (geteuid() != 0)
		cr_skip_test("needs root");
	size_t n = all_pythons(&pythons), tried = 0;
	for (size_t i = 0; i < n; i++) {
		nobody = pythons[i];
		if (strcmp(nobody.argv[0], "chroot") == 0 || nobody.argv[1] ||
		    strncmp(nobody.argv[0], "/usr", 4) != 0)
			continue;
		char *path = nobody.argv[0];
		char *words[] = { (char *)"setpriv", (char *)"--reuid=65534", (char *)"--regid=65534",
				  (char *)"--clear-groups", path, NULL };
		memcpy(nobody.argv, words, sizeof(words));
		struct target t;
		const char *args[] = { "threads", NULL };
		cr_assert(target_spawn(&t, &nobody,
				       &(struct target_options){ .script = "situations.py", .args = args }),
			  "%s", t.error);
		cr_expect_eq(target_status(t.pid, "Uid"), NOBODY);
		char text[512];
		attach_in_time(t.pid, nobody.name, "other user", text, sizeof(text));
		target_kill(&t);
		tried++;
	}
	if (!tried)
		cr_skip_test("no interpreter another user could run");
}

Test(integration_anywhere, an_already_traced_process_is_refused)
{
	struct python *py;
	struct target t;
	cr_assert(spawn_sleeper(&t, &py), "%s", t.error);
	cr_assert_eq(ptrace(PTRACE_SEIZE, t.pid, 0, 0), 0);
	attach_refused(t.pid, "an already traced process", "is already traced by");
	ptrace(PTRACE_DETACH, t.pid, 0, 0);
	target_kill(&t);
}

Test(integration_anywhere, an_already_attached_process_is_refused_and_its_recording_goes_on)
{
	struct python *py;
	struct target t;
	cr_assert(spawn_sleeper(&t, &py), "%s", t.error);
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-o", "/dev/null", "-f", NULL };
	struct cli_job job;
	struct cli done;
	cr_assert(cli_start(&job, NULL, args));
	cr_assert(cli_wait_text(&job, FIRST_WORD, GROSS_MS) >= 0);
	attach_refused(t.pid, "an already attached process", "is being recorded by process");
	CLI(&done, 10000, "doctor", pid);
	cr_expect(done.status == STATUS_REFUSED && strstr(done.out, "NO   recording") &&
		  strstr(done.out, "is being recorded by process"),
		  "doctor: status %d, %s", done.status, done.out);
	cli_done(&done);
	CLI(&done, 10000, "detach", pid);
	cr_expect(strstr(done.err, "is being recorded by process") &&
		  strstr(done.err, "\nhint: end that recording first") && !strstr(done.err, "pymemprof detach"),
		  "detach: %s", done.err);
	expect_refused(&done, "detach from a process that is being recorded", "is being recorded by process");
	cr_expect(kill(job.pid, 0) == 0, "the first recording ended");
	cli_finish(&job, SIGINT, 10000, &done);
	cr_expect(done.status == 0, "first: status %d, %s", done.status, done.err);
	cli_done(&done);
	target_kill(&t);
}

Test(integration_anywhere, doctor_says_beforehand_what_an_attach_would_say)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	struct cli done;
	char pid[16];
	for (size_t i = 0; i < n; i++) {
		const char *args[] = { "sleep", NULL };
		struct target t;
		cr_assert(target_spawn(&t, &pythons[i],
				       &(struct target_options){ .script = "situations.py", .args = args }),
			  "%s", t.error);
		snprintf(pid, sizeof(pid), "%d", (int)t.pid);
		AUTO_FREE char *before = target_proc(t.pid, "maps");
		CLI(&done, 10000, "doctor", pid);
		AUTO_FREE char *after = target_proc(t.pid, "maps");
		cr_expect(done.status == 0 && done.out_len > 0, "%s: status %d, %s%s", pythons[i].name,
			  done.status, done.out, done.err);
		cr_expect(before && after && strcmp(before, after) == 0, "%s: mappings changed",
			  pythons[i].name);
		cli_done(&done);
		CLI(&done, 10000, "doctor", pid, "--json");
		json_t *told = cli_json(&done);
		cr_expect(done.status == 0 && json_is_true(json_object_get(told, "attachable")) &&
			  json_array_size(json_object_get(told, "findings")) >= 6,
			  "%s: %s%s", pythons[i].name, done.out, done.err);
		json_decref(told);
		cli_done(&done);
		target_kill(&t);
	}
	pid_t plain = spawn_plain("sleep", "30");
	snprintf(pid, sizeof(pid), "%d", (int)plain);
	CLI(&done, 10000, "doctor", pid);
	cr_expect_eq(done.status, STATUS_REFUSED, "a program that is not Python: status %d, %s%s",
		     done.status, done.out, done.err);
	cli_done(&done);
	CLI(&done, 10000, "doctor", pid, "--json");
	json_t *told = cli_json(&done);
	cr_expect(done.status == STATUS_REFUSED && json_is_false(json_object_get(told, "attachable")),
		  "%s", done.out);
	json_decref(told);
	cli_done(&done);
	kill(plain, SIGKILL);
	waitpid(plain, NULL, 0);
}

Test(integration_anywhere, wrong_words_are_usage_errors)
{
	static const char *const wrong[][4] = {
		{ "attach" }, { "attach", "x" }, { "attach", "-5" }, { "attach", "0" },
		{ "attach", "99999999999999999999" }, { "report" }, { "nonsense" },
		{ "attach", "1", "--nonsense" }, { "report", "x.pmp", "--view", "nonsense" },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct cli done;
		const char *args[5] = { wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL };
		cli_run(&done, 5000, args);
		cr_expect(done.status == 2, "%s %s %s: status %d, %s", args[0], args[1] ? args[1] : "",
			  args[2] ? args[2] : "", done.status, done.err);
		cli_done(&done);
	}
}
