/* SPDX-License-Identifier: MIT */
/*
 * The target is left as it was found. A busy target with several threads, a timer, signals and
 * system calls that would notice an EINTR checks itself while it is attached to hundreds of
 * times, and while pymemprof is killed at random instants. Afterwards its executable
 * mappings and their bytes, descriptors, signal masks and handlers are what they were.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define FIRST_WORD "recording"
#define TEXT_MAX (1u << 20)

/* What must be the same before and after, as one text per kind. */
struct state {
	char *maps, *fds, *signals, *text;
};

static void state_done(struct state *s)
{
	free(s->maps);
	free(s->fds);
	free(s->signals);
	free(s->text);
}

static void add_line(char *to, const char *line)
{
	size_t n = strlen(to);
	if (n + strlen(line) + 2 < TEXT_MAX)
		snprintf(to + n, TEXT_MAX - n, "%s\n", line);
}

/* FNV-1a over the bytes of one mapping. */
static uint64_t hash_range(int mem, unsigned long from, unsigned long to)
{
	static unsigned char page[1 << 16];
	uint64_t h = 1469598103934665603u;
	for (unsigned long at = from; at < to; at += sizeof(page)) {
		size_t want = to - at < sizeof(page) ? to - at : sizeof(page);
		ssize_t n = pread(mem, page, want, (off_t)at);
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ page[i]) * 1099511628211u;
	}
	return h;
}

/* Executable and file-backed mappings: where anonymous memory lies is the program's business. */
static void read_maps(pid_t pid, struct state *s)
{
	AUTO_FREE char *maps = target_proc(pid, "maps");
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	AUTO_CLOSE int mem = open(path, O_RDONLY | O_CLOEXEC);
	for (char *line = maps, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		unsigned long from, to;
		char perms[8] = "", file[512] = "";
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %511[^\n]", &from, &to, perms, file) < 3)
			continue;
		bool exec = strchr(perms, 'x') != NULL;
		if (exec || *file == '/')
			add_line(s->maps, line);
		if (!exec || strcmp(file, "[vsyscall]") == 0)
			continue;
		char hash[64];
		snprintf(hash, sizeof(hash), "%lx %016llx", from,
			 (unsigned long long)hash_range(mem, from, to));
		add_line(s->text, hash);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so the order of /proc does not matter. */
static void read_fds(pid_t pid, struct state *s)
{
	char folder[64], path[128], link[512], *lines[512];
	size_t n = 0;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d)) && n < 512;) {
		snprintf(path, sizeof(path), "%s/%.20s", folder, e->d_name);
		ssize_t got = readlink(path, link, sizeof(link) - 1);
		if (got < 0)
			continue;
		link[got] = 0;
		if (asprintf(&lines[n], "%s %s", e->d_name, link) > 0)
			n++;
	}
	if (d)
		closedir(d);
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++) {
		add_line(s->fds, lines[i]);
		free(lines[i]);
	}
}

/* Masks of the threads that were there from the start, named by their comm: proc(5). */
static void read_signals(pid_t pid, struct state *s)
{
	char folder[64], path[128], *lines[512];
	size_t n = 0;
	snprintf(folder, sizeof(folder), "/proc/%d/task", (int)pid);
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d)) && n < 512;) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "task/%.20s/status", e->d_name);
		AUTO_FREE char *status = target_proc(pid, path);
		char blocked[32] = "", ignored[32] = "", caught[32] = "", *p;
		if (status && (p = strstr(status, "SigBlk:")))
			sscanf(p, "SigBlk: %31s", blocked);
		if (status && (p = strstr(status, "SigIgn:")))
			sscanf(p, "SigIgn: %31s", ignored);
		if (status && (p = strstr(status, "SigCgt:")))
			sscanf(p, "SigCgt: %31s", caught);
		if (asprintf(&lines[n], "%s %s %s %s", e->d_name, blocked, ignored, caught) > 0)
			n++;
	}
	if (d)
		closedir(d);
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++) {
		add_line(s->signals, lines[i]);
		free(lines[i]);
	}
}

static struct state read_state(struct target *t)
{
	struct state s = { calloc(1, TEXT_MAX), calloc(1, TEXT_MAX), calloc(1, TEXT_MAX),
			   calloc(1, TEXT_MAX) };
	cr_assert(s.maps && s.fds && s.signals && s.text);
	json_decref(target_ask(t, "rest", 30000));
	usleep(100000); /* timer threads of `reads` end */
	read_maps(t->pid, &s);
	read_fds(t->pid, &s);
	read_signals(t->pid, &s);
	json_decref(target_ask(t, "go", 10000));
	return s;
}

static bool has_line(const char *text, const char *line, size_t n)
{
	for (const char *p = text; (p = memmem(p, strlen(p), line, n)); p++)
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return true;
	return false;
}

/* Lines of a that b lacks, to standard error, the first also into ret_first; how many. */
static int tell_lines(const char *a, const char *b, const char *who, const char *what, char ret_first[200])
{
	int n = 0;
	for (const char *line = a, *next; *line; line = next + 1) {
		next = strchrnul(line, '\n');
		if (!has_line(b, line, (size_t)(next - line)) && n++ < 10) {
			fprintf(stderr, "%s: %s: %.*s\n", who, what, (int)(next - line), line);
			if (!*ret_first)
				snprintf(ret_first, 200, "%s: %.*s", what, (int)(next - line), line);
		}
		if (!*next)
			break;
	}
	return n;
}

static void expect_text(const char *a, const char *b, const char *who, const char *gone,
			const char *fresh)
{
	char first[200] = "";
	int n = tell_lines(a, b, who, gone, first);
	n += tell_lines(b, a, who, fresh, first);
	cr_expect(n == 0, "%s: %d lines differ; %s", who, n, first);
}

static void expect_same(const struct state *a, const struct state *b, const char *who)
{
	expect_text(a->maps, b->maps, who, "mapping gone", "new mapping");
	expect_text(a->text, b->text, who, "text before", "text now");
	expect_text(a->fds, b->fds, who, "descriptor gone", "new descriptor");
	expect_text(a->signals, b->signals, who, "masks before", "masks now");
}

static bool check_target(struct target *t, const char *who, int cycle)
{
	json_t *c = target_ask(t, "check", 30000);
	bool ok = c && json_array_size(json_object_get(c, "errors")) == 0 &&
		json_array_size(json_object_get(c, "stuck")) == 0;
	AUTO_FREE char *text = c ? json_dumps(c, JSON_COMPACT) : NULL;
	cr_expect(ok, "%s after %d cycles: %s", who, cycle, text ? text : t->error);
	json_decref(c);
	return ok;
}

static int cycles_wanted(int usual)
{
	const char *text = getenv("PYMEMPROF_CYCLES");
	return text && atoi(text) > 0 ? atoi(text) : usual;
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

static bool attach_cycle(struct target *t, const char *who, int cycle)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t->pid);
	const char *args[] = { "attach", pid, "-o", "/dev/null", "-f", "--no-snapshot", NULL };
	struct cli_job job;
	struct cli done;
	if (!cli_start(&job, NULL, args))
		return false;
	int64_t first = cli_wait_text(&job, FIRST_WORD, 10000);
	usleep((useconds_t)(cycle % 7) * 3000);
	cli_finish(&job, SIGINT, 20000, &done);
	bool ok = first >= 0 && done.status == 0;
	cr_expect(ok, "%s cycle %d: status %d, %s", who, cycle, done.status, done.err);
	cli_done(&done);
	return ok;
}

static void attach_many_times(const struct python *py, const char *script, int cycles)
{
	struct target t;
	cr_assert(target_spawn(&t, py, &(struct target_options){ .script = script }), "%s", t.error);
	if (!check_target(&t, py->name, 0)) {
		target_kill(&t);
		return;
	}
	struct state before = read_state(&t);
	int done = 0;
	int64_t start = now_ms();
	bool ok = true;
	while (ok && done < cycles) {
		ok = attach_cycle(&t, py->name, done++);
		if (ok && done % 50 == 0)
			ok = check_target(&t, py->name, done);
	}
	if (check_target(&t, py->name, done)) {
		struct state after = read_state(&t);
		expect_same(&before, &after, py->name);
		state_done(&after);
	}
	fprintf(stderr, "%s %s: %d attach and detach cycles, %.0f ms each\n", py->name, script, done,
		(double)(now_ms() - start) / done);
	state_done(&before);
	target_kill(&t);
}

Test(integration_harmless, hundreds_of_attach_cycles_leave_no_trace)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++)
		attach_many_times(&pythons[i], "busy.py", cycles_wanted(300));
}

Test(integration_harmless, attach_cycles_leave_no_trace_in_a_program_that_loads_python_late)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_embedded(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no shared interpreter on this machine");
	for (size_t i = 0; i < n; i++)
		attach_many_times(&pythons[i], "busy.py", cycles_wanted(50));
}

Test(integration_harmless, attach_cycles_leave_no_trace_in_interpreters_with_their_own_locks)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons), tried = 0;
	for (size_t i = 0; i < n; i++)
		if (pythons[i].minor >= 12 && ++tried)
			attach_many_times(&pythons[i], "gils.py", cycles_wanted(50));
	if (!tried)
		cr_skip_test("no interpreter here has locks of its own");
}

/* A killed tracer: the target runs on; what it left behind goes with the next attach. */
static void kill_many_times(const struct python *py, const char *script, int kills, unsigned *seed)
{
	struct target t;
	cr_assert(target_spawn(&t, py, &(struct target_options){ .script = script }), "%s", t.error);
	struct state before = read_state(&t);
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	int done = 0;
	bool ok = true;
	while (ok && done < kills) {
		const char *args[] = { "attach", pid, "-o", "/dev/null", "-f", NULL };
		struct cli_job job;
		struct cli result;
		cr_assert(cli_start(&job, NULL, args));
		*seed = *seed * 1103515245u + 12345u;
		usleep((*seed >> 8) % 60000);
		cli_finish(&job, SIGKILL, 10000, &result);
		cli_done(&result);
		if (++done % 20 == 0)
			ok = check_target(&t, py->name, done);
	}
	ok = check_target(&t, py->name, done) && attach_cycle(&t, py->name, done);
	if (ok && check_target(&t, py->name, done + 1)) {
		struct cli result;
		CLI(&result, 20000, "detach", pid);
		cr_expect(result.status == 0, "%s: detach: status %d, %s", py->name, result.status,
			  result.err);
		cli_done(&result);
		struct state after = read_state(&t);
		expect_same(&before, &after, py->name);
		state_done(&after);
	}
	fprintf(stderr, "%s %s: %d tracers killed\n", py->name, script, done);
	state_done(&before);
	target_kill(&t);
}

Test(integration_harmless, a_killed_tracer_does_no_harm_and_the_next_attach_cleans_up)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	unsigned seed = 20240229;
	for (size_t i = 0; i < n; i++)
		kill_many_times(&pythons[i], "busy.py", cycles_wanted(200), &seed);
	for (size_t i = 0; i < n; i++)
		if (pythons[i].minor >= 12)
			kill_many_times(&pythons[i], "gils.py", cycles_wanted(30), &seed);
}

Test(integration_harmless, detach_removes_an_orphan)
{
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++) {
		struct target t;
		cr_assert(target_spawn(&t, &pythons[i], &(struct target_options){ .script = "busy.py" }),
			  "%s", t.error);
		struct state before = read_state(&t);
		char pid[16];
		snprintf(pid, sizeof(pid), "%d", (int)t.pid);
		const char *args[] = { "attach", pid, "-o", "/dev/null", "-f", NULL };
		struct cli_job job;
		struct cli done;
		cr_assert(cli_start(&job, NULL, args));
		cr_expect(cli_wait_text(&job, FIRST_WORD, 10000) >= 0, "%s: no attach", pythons[i].name);
		cli_finish(&job, SIGKILL, 10000, &done);
		cli_done(&done);
		check_target(&t, pythons[i].name, 1);
		CLI(&done, 20000, "doctor", pid);
		cr_expect(done.status == 0 && strstr(done.out, "the agent of a killed pymemprof is in it"),
			  "%s: doctor: status %d, %s", pythons[i].name, done.status, done.out);
		cli_done(&done);
		CLI(&done, 20000, "detach", pid);
		cr_expect(done.status == 0, "%s: status %d, %s", pythons[i].name, done.status, done.err);
		cli_done(&done);
		struct state after = read_state(&t);
		expect_same(&before, &after, pythons[i].name);
		check_target(&t, pythons[i].name, 2);
		state_done(&before);
		state_done(&after);
		target_kill(&t);
	}
}
