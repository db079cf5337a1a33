/* SPDX-License-Identifier: MIT */
/*
 * Snapshots where they are hard to take: no room for a copy, no memory for the target or for us,
 * core files that are damaged, cut or come from elsewhere.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/heap_report.h"

#define ROUNDS 12
#define MIB (1ll << 20)

Test(integration_snapshot_hard, without_room_for_a_copy_it_reads_the_stopped_process)
{
	struct python *py;
	size_t n = all_pythons(&py);
	const char *const args[] = { "nproc", NULL };
	struct target t;

	if (geteuid() != 0)
		cr_skip_test("needs root, to make a process of another user");
	for (size_t i = 0; i < n; i++) {
		spawn(&t, &py[i], args);
		for (int k = 0; k < (i ? 1 : cycles_wanted(ROUNDS)); k++) {
			json_t *report = snapshot(py[i].name, pid_word(&t), NULL);
			cr_expect_str_eq(text_of(json_object_get(report, "cost"), "pause_kind"), "stopped",
					 "%s", py[i].name);
			cr_expect(has_note(report, "clone-refused"), "%s: no note", py[i].name);
			check_parts(report, py[i].name);
			json_decref(report);
		}
		check_unharmed(&t, py[i].name);
		target_kill(&t);
	}
}

/* --- control groups ------------------------------------------------------------------------ */

/* One group of our own, in either version's hierarchy of the memory controller. */
struct group {
	char dir[256];
	const char *limit, *usage; /* names of its files */
};

static bool put_text(const char *dir, const char *file, const char *text)
{
	char path[320];
	AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static long long get_number(const char *dir, const char *file)
{
	char path[320];
	long long v = -1;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%lld", &v) != 1)
		v = -1;
	return v;
}

static bool group_at(struct group *g, const char *root, const char *limit, const char *usage)
{
	char path[320];

	snprintf(g->dir, sizeof g->dir, "%s/pymemprof-test-%d", root, (int)getpid());
	g->limit = limit;
	g->usage = usage;
	if (mkdir(g->dir, 0755) < 0)
		return false;
	snprintf(path, sizeof path, "%s/%s", g->dir, limit);
	if (access(path, W_OK) == 0)
		return true;
	rmdir(g->dir);
	return false;
}

static void group_new(struct group *g)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to make a control group");
	if (group_at(g, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"))
		return;
	(void)put_text("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	if (!group_at(g, "/sys/fs/cgroup", "memory.max", "memory.current"))
		cr_skip_test("no control group with a memory limit can be made here");
}

static void group_limit(const struct group *g, long long bytes)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", bytes);
	cr_assert(put_text(g->dir, g->limit, text), "%s: %s", g->limit, strerror(errno));
}

static bool enter(const char *dir)
{
	return put_text(dir, "cgroup.procs", "0");
}

/* Back to where this process came from: the parent folder is what every hierarchy has. */
static void leave(const struct group *g)
{
	char dir[256];

	snprintf(dir, sizeof dir, "%s", g->dir);
	*strrchr(dir, '/') = 0;
	cr_assert(enter(dir), "%s: %s", dir, strerror(errno));
}

/* A snapshot within the group: its status, 128 + the signal that ended it. */
static int snapshot_within(const struct group *g, const char *word, const char *file)
{
	const char *program = getenv("PYMEMPROF");
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)!dup2(null, STDERR_FILENO);
		if (enter(g->dir))
			execl(program ? program : "pymemprof", "pymemprof", "snapshot", word, "-q", "-o",
			      file, "-f", (char *)NULL);
		_exit(127);
	}
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void group_end(const struct group *g)
{
	for (int i = 0; i < 100 && rmdir(g->dir) < 0; i++)
		usleep(20000);
}

Test(integration_snapshot_hard, a_full_control_group_costs_the_target_nothing)
{
	char file[] = "/tmp/pymemprof-hard-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "append", file, "40", NULL };
	struct group g;
	struct python *py;
	struct target t;
	int clones = 0;

	(void)all_pythons(&py);
	group_new(&g);
	cr_assert(enter(g.dir), "%s: %s", g.dir, strerror(errno));
	spawn(&t, &py[0], args);
	leave(&g);
	usleep(1000000); /* until it has what it needs by itself */
	group_limit(&g, get_number(g.dir, g.usage) + 6 * MIB);
	for (int i = 0; i < cycles_wanted(ROUNDS); i++) {
		json_t *report = snapshot(py[0].name, pid_word(&t), NULL);

		check_parts(report, py[0].name);
		clones += strcmp(text_of(json_object_get(report, "cost"), "pause_kind"), "clone") == 0;
		cr_expect(has_note(report, "clone-refused"), "%s: no note", py[0].name);
		json_decref(report);
	}
	cr_expect_eq(clones, 0, "%s: %d copies where there is no room", py[0].name, clones);
	group_limit(&g, get_number(g.dir, g.usage) + 80 * MIB);
	json_t *copied = snapshot(py[0].name, pid_word(&t), NULL);
	cr_expect_str_eq(text_of(json_object_get(copied, "cost"), "pause_kind"), "clone");
	json_decref(copied);
	cr_expect_eq(foreign_lines(file, t.pid), 0, "a copy ran");
	check_unharmed(&t, py[0].name);
	target_kill(&t);
	group_end(&g);
	unlink(file);
}

/* A program with that many objects more, which has made them all. */
static pid_t spawn_large(const struct python *py)
{
	const char *args[PYTHON_ARGS_MAX + 3];
	int made[2];
	char byte;
	size_t n = 0;

	cr_assert_eq(pipe2(made, O_CLOEXEC), 0);
	for (; py->argv[n]; n++)
		args[n] = py->argv[n];
	args[n++] = "-c";
	args[n++] = "import time; kept = [(float(i),) for i in range(400000)]; print('made', flush=True); "
		    "time.sleep(60)";
	args[n] = NULL;
	pid_t pid = fork();
	if (pid == 0) {
		(void)!dup2(made[1], STDOUT_FILENO);
		execvp(args[0], (char *const *)args);
		_exit(127);
	}
	close(made[1]);
	/* to the end of the line: unbuffered, it is written in two parts */
	do
		cr_assert(pid > 0 && read(made[0], &byte, 1) == 1, "%s: no target", py->name);
	while (byte != '\n');
	close(made[0]);
	return pid;
}

Test(integration_snapshot_hard, a_heap_larger_than_our_memory_has_types_and_says_why_it_has_no_graph)
{
	char folder[] = "/tmp/pymemprof-large-XXXXXX", file[64], word[16];
	struct group g;
	struct python *py;
	struct cli done;

	if (getenv("PYMEMPROF_SANITIZED"))
		cr_skip_test("a sanitized program needs more than the limit for itself");
	(void)all_pythons(&py);
	group_new(&g);
	cr_assert(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/large.pmp", folder);
	pid_t pid = spawn_large(&py[0]);
	snprintf(word, sizeof word, "%d", (int)pid);
	group_limit(&g, 48 * MIB); /* the graph takes 60, the walk 25 */
	cr_expect_eq(snapshot_within(&g, word, file), 0, "%s", py[0].name);
	CLI(&done, 20000, "report", file, "--format", "json");
	json_t *report = cli_json(&done);
	const char *why = text_of(json_object_get(report, "graph"), "skipped");
	cr_expect(why && strstr(why, "memory"), "%s: %s", py[0].name, why ? why : "a graph, or no word of it");
	cr_expect_gt(json_array_size(json_object_get(report, "types")), 50, "%s: no types", py[0].name);
	json_decref(report);
	cli_done(&done);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	unlink(file);
	rmdir(folder);
	group_end(&g);
}

Test(integration_snapshot_hard, without_memory_for_ourselves_the_target_goes_on)
{
	char file[] = "/tmp/pymemprof-hard-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "append", file, "40", NULL };
	struct group g;
	struct python *py;
	struct target t;
	int killed = 0;

	(void)all_pythons(&py);
	group_new(&g);
	spawn(&t, &py[0], args);
	for (long long mib = 4; mib <= 96; mib += 4) {
		group_limit(&g, mib * MIB);
		int status = snapshot_within(&g, pid_word(&t), "/dev/null");
		cr_expect(status == 0 || status == 3 || status == 128 + SIGKILL,
			  "%lld MiB: status %d", mib, status);
		killed += status != 0;
	}
	fprintf(stderr, "%s: %d of 24 snapshots ended for want of memory\n", py[0].name, killed);
	json_decref(snapshot(py[0].name, pid_word(&t), NULL)); /* takes away what they left */
	cr_expect_eq(foreign_lines(file, t.pid), 0, "a copy ran");
	check_unharmed(&t, py[0].name);
	target_kill(&t);
	group_end(&g);
	unlink(file);
}

/* --- core files ---------------------------------------------------------------------------- */

static bool in_chroot(const struct python *py)
{
	return strcmp(py->argv[0], "chroot") == 0;
}

/*
 * The kernel's own core of a target whose working folder is `folder`: its path; "" when it is
 * written elsewhere. live, when not NULL, is what the process itself showed.
 */
static const char *kernel_core(const struct python *py, const char *folder, json_t **live)
{
	static char path[256];
	const char *const args[] = { "rest", NULL };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct target t;
	pid_t pid;

	cr_assert_eq(setrlimit(RLIMIT_CORE, &all), 0);
	spawn(&t, py, args);
	if (live)
		*live = snapshot(py->name, pid_word(&t), NULL);
	pid = t.pid;
	kill(pid, SIGABRT);
	(void)target_end(&t, 20000);
	target_kill(&t);
	snprintf(path, sizeof path, "%s/core", folder);
	if (access(path, R_OK) < 0)
		snprintf(path, sizeof path, "%s/core.%d", folder, (int)pid);
	return access(path, R_OK) == 0 ? path : "";
}

Test(integration_snapshot_hard, core_of_a_process_in_another_root_needs_sysroot)
{
	struct python *py;
	size_t n = all_pythons(&py), seen = 0;

	for (size_t i = 0; i < n; i++) {
		json_t *live = NULL, *dead;
		struct cli done;

		if (!in_chroot(&py[i]))
			continue;
		const char *core = kernel_core(&py[i], py[i].argv[1], &live);
		if (*core) {
			CLI(&done, TIME_MS, "snapshot", core, "--sysroot", py[i].argv[1], "--format",
			    "json");
			dead = cli_json(&done);
			cr_assert(done.status == 0 && dead, "%s: %d %s", py[i].name, done.status,
				  done.err);
			expect_same_types(live, dead, py[i].name, "core with --sysroot");
			cli_done(&done);
			json_decref(dead);
			unlink(core);
			seen++;
		}
		json_decref(live);
	}
	if (seen == 0)
		cr_skip_test("no interpreter in a root of its own, or no core files of the kernel");
}

static json_int_t objects_of(const json_t *report)
{
	json_int_t sum = 0;
	json_t *type;
	size_t i;

	json_array_foreach(json_object_get(report, "types"), i, type)
		sum += number(type, "count");
	return sum;
}

/* Interpreters of one file have their data at low addresses, which a core has first. */
static void check_cut(const struct python *py, const char *core, off_t whole)
{
	json_int_t before = INT32_MAX;

	for (int percent = 100; percent >= 25; percent -= 25) {
		struct cli done;

		cr_assert_eq(truncate(core, whole / 100 * percent), 0);
		CLI(&done, TIME_MS, "snapshot", core, "--format", "json");
		if (strcmp(py->kind, "static") == 0) {
			json_t *report = cli_json(&done);

			cr_assert(report, "%s: %d %%: %d %s", py->name, percent, done.status, done.err);
			json_int_t objects = objects_of(report);
			fprintf(stderr, "%s: %d %% of a core: %lld objects\n", py->name, percent,
				(long long)objects);
			cr_expect(objects >= 100 && objects <= before, "%s: %d %%: %lld objects",
				  py->name, percent, (long long)objects);
			cr_expect(percent == 100 || has_note(report, "truncated-core"), "%s", py->name);
			before = objects;
			json_decref(report);
		}
		cr_expect(done.status == 0 || done.status == 3 || done.status == 6, "%s: %d %%: %d %s",
			  py->name, percent, done.status, done.err);
		cr_expect(done.status != 3 || (strstr(done.err, "cut off") &&
					       strstr(done.err, "python3.") && strstr(done.err, "lies beyond")),
			  "%s: %s", py->name, done.err);
		cli_done(&done);
	}
}

Test(integration_snapshot_hard, what_is_left_of_a_core_that_was_cut_is_read)
{
	char dir[] = "/tmp/pymemprof-core-XXXXXX";
	struct python *py;
	size_t n = all_pythons(&py), seen = 0;

	cr_assert(mkdtemp(dir) && chdir(dir) == 0);
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		const char *core = in_chroot(&py[i]) ? "" : kernel_core(&py[i], dir, NULL);

		if (!*core)
			continue;
		cr_assert_eq(stat(core, &st), 0);
		check_cut(&py[i], core, st.st_size);
		seen++;
		unlink(core);
	}
	cr_assert(chdir("/") == 0);
	rmdir(dir);
	if (seen == 0)
		cr_skip_test("the kernel writes no core files into the current folder");
}

#define FLIPS 100 /* bits in one run */
#define FLIPPED_RUNS 120

/* Flip bits all over the file; the same seed puts them back. */
static void flip(int fd, off_t bytes, unsigned seed)
{
	for (int i = 0; i < FLIPS; i++) {
		off_t at;
		uint8_t b;

		seed = seed * 1103515245u + 12345u;
		at = (off_t)(((uint64_t)seed << 12 ^ seed >> 3) % (uint64_t)bytes);
		cr_assert_eq(pread(fd, &b, 1, at), 1);
		b ^= (uint8_t)(1u << (seed >> 28 & 7));
		cr_assert_eq(pwrite(fd, &b, 1, at), 1);
	}
}

Test(integration_snapshot_hard, thousands_of_flipped_bits_neither_crash_nor_hang_it)
{
	char stem[] = "/tmp/pymemprof-flip-XXXXXX", core[64], name[48];
	const char *const args[] = { "append", "/dev/null", NULL };
	struct python *py;
	struct target t;
	struct stat st;
	int read = 0;
	int64_t worst = 0;

	(void)all_pythons(&py);
	cr_assert(mkdtemp(stem));
	snprintf(name, sizeof name, "%s/c", stem);
	spawn(&t, &py[0], args);
	snprintf(core, sizeof core, "%s.%d", name, (int)t.pid);
	bool made = run_gcore(t.pid, name);
	target_kill(&t);
	if (!made) {
		rmdir(stem);
		cr_skip_test("no gcore here");
	}
	AUTO_CLOSE int fd = open(core, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &st) == 0);
	for (unsigned run = 0; run < FLIPPED_RUNS; run++) {
		struct cli done;

		flip(fd, st.st_size, run * 7919);
		CLI(&done, 20000, "snapshot", core, "--format", "json");
		cr_expect(done.status == 0 || done.status == 3 || done.status == 6, "seed %u: %d %s",
			  run * 7919, done.status, done.err);
		read += done.status != 3;
		worst = done.cpu_ns > worst ? done.cpu_ns : worst;
		cli_done(&done);
		flip(fd, st.st_size, run * 7919);
	}
	fprintf(stderr, "%s: %d bits in %d runs, %d of them read, %.0f ms of processor at most\n",
		py[0].name, FLIPS * FLIPPED_RUNS, FLIPPED_RUNS, read, (double)worst / 1e6);
	cr_expect_lt(worst, 5000000000);
	cr_expect_gt(read, FLIPPED_RUNS / 2);
	unlink(core);
	rmdir(stem);
}

/* --- contradictions ------------------------------------------------------------------------ */

Test(integration_snapshot_hard, what_stays_torn_is_taken_anew_a_few_times_and_then_counted)
{
	const char *const args[] = { "torn", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t i = 0; i < n; i++) {
		struct target t;

		spawn(&t, &py[i], args);
		if (strcmp(text_of(t.ready, "ctypes"), "there") == 0) {
			json_t *report = snapshot(py[i].name, pid_word(&t), NULL);

			cr_expect_geq(number(json_object_get(report, "heap"), "torn"), 1, "%s",
				      py[i].name);
			cr_expect(has_note(report, "torn"), "%s: no note", py[i].name);
			cr_expect_geq(number(json_object_get(report, "cost"), "pause_retries"), 2, "%s",
				      py[i].name);
			check_unharmed(&t, py[i].name);
			json_decref(report);
		}
		target_kill(&t);
	}
}
