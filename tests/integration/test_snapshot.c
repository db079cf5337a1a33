/* SPDX-License-Identifier: MIT */
/*
 * The snapshot command from end to end: what it prints adds up to RSS, three ways of reading one
 * heap agree, and the target never notices: no signal, no zombie, no second copy, no changed byte.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/heap_report.h"

/* What differs between two such texts, for the message. */
/*
 * A target at rest: RSS is explained to the byte, and hardly anything is unexplained. Reading a
 * process itself maps pages of files into it, which are resident then: RSS before and after.
 */
static void check_ledger(const json_t *report, pid_t pid, const char *who, long long before)
{
	json_int_t sum = ledger(report, NULL), unknown = ledger(report, "unexplained");
	long long rss = smaps_rss(pid);

	cr_expect(sum >= before && sum <= rss, "%s: ledger %lld, smaps %lld to %lld", who, sum,
		  before, rss);
	cr_expect(unknown * 100 < sum, "%s: %lld of %lld unexplained", who, unknown, sum);
	/* 60,000 objects and their dicts lie in arenas. */
	cr_expect(ledger(report, "objects") >= 3000000, "%s: %lld in arenas", who,
		  ledger(report, "objects"));
	/* The target holds 3 MB in one bytes object, and 500 bytearrays of 3000. */
	cr_expect(ledger(report, "mapped_python") >= 3000000, "%s: %lld in own mappings", who,
		  ledger(report, "mapped_python"));
	cr_expect(ledger(report, "large_blocks") >= 1500000, "%s: %lld in large blocks", who,
		  ledger(report, "large_blocks"));
	fprintf(stderr,
		"%s: RSS %lld KiB, unexplained %.3f %%, blocks of unknown use %.3f %%, stopped %.2f ms\n",
		who, rss / 1024, 100.0 * (double)unknown / (double)sum,
		100.0 * (double)number(json_object_get(report, "heap"), "unknown_bytes") /
			(double)number(json_object_get(report, "heap"), "block_bytes"),
		(double)number(json_object_get(report, "cost"), "pause_ns") / 1e6);
}

Test(integration_snapshot, ledger_adds_up_to_rss_on_every_interpreter)
{
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t i = 0; i < n; i++) {
		const char *const args[] = { "rest", NULL };
		struct target t;

		spawn(&t, &py[i], args);
		json_decref(snapshot(py[i].name, pid_word(&t), NULL));
		long long rss = smaps_rss(t.pid);
		json_t *clone = snapshot(py[i].name, pid_word(&t), NULL);
		cr_expect_eq(rss, smaps_rss(t.pid), "%s: reading a copy costs nothing", py[i].name);
		check_parts(clone, py[i].name);
		check_ledger(clone, t.pid, py[i].name, rss);
		cr_expect_str_eq(text_of(json_object_get(clone, "cost"), "pause_kind"), "clone",
				 "%s", py[i].name);
		json_t *stopped = snapshot(py[i].name, pid_word(&t), "--read-only");
		cr_expect_str_eq(text_of(json_object_get(stopped, "cost"), "pause_kind"), "stopped",
				 "%s", py[i].name);
		check_ledger(stopped, t.pid, py[i].name, rss);
		expect_same_types(clone, stopped, py[i].name, "--read-only");
		check_unharmed(&t, py[i].name);
		json_decref(clone);
		json_decref(stopped);
		target_kill(&t);
	}
}

/* Looking for a place to make a system call at, it reads the C library's text and no other library's. */
Test(integration_snapshot, large_libraries_do_not_become_resident)
{
	const char *const args[] = { "rest", "ssl", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t i = 0; i < n; i++) {
		struct target t;

		spawn(&t, &py[i], args);
		long long before = smaps_rss(t.pid);
		json_decref(snapshot(py[i].name, pid_word(&t), NULL));
		long long more = smaps_rss(t.pid) - before;
		cr_expect_leq(more, 256 << 10, "%s: %lld KiB more", py[i].name, more / 1024);
		target_kill(&t);
	}
}

/* Of allocated pymalloc bytes at least 99.5 % have an owner; what has none is shown by size class. */
static void check_coverage(const json_t *report, const char *who)
{
	const json_t *heap = json_object_get(report, "heap");
	json_int_t all = number(heap, "block_bytes"), unknown = number(heap, "unknown_bytes");
	json_t *row;
	size_t i;

	cr_expect(unknown * 200 <= all, "%s: %lld of %lld bytes are nobody's", who, unknown, all);
	fprintf(stderr, "%s: %.3f %% of %lld allocated bytes attributed (%.2f %% weakly)", who,
		100.0 * (double)(all - unknown) / (double)all, (long long)all,
		100.0 * (double)number(heap, "weak_bytes") / (double)all);
	json_array_foreach(json_object_get(report, "unknown_blocks"), i, row)
		fprintf(stderr, "%s %lld x %lld", i ? "," : "; unknown", number(row, "count"),
			number(row, "block_bytes"));
	fprintf(stderr, "\n");
}

/* Is it an interpreter of the distribution? Only those may have its packages. */
static bool of_the_system(const struct python *py)
{
	for (size_t i = 0; py->argv[i]; i++)
		if (strncmp(py->argv[i], "/usr/bin/python", 15) == 0)
			return true;
	return false;
}

/* What lies in an array of objects hangs on the array, one by one; the collector sees none of it. */
static void check_array_of_objects(const char *pid, const char *who)
{
	struct cli c;

	CLI(&c, 60000, "snapshot", pid, "--path", "Mark");
	cr_expect_eq(c.status, 0, "%s: %s", who, c.err);
	cr_expect(strstr(c.out, ".marks list > [0] numpy.ndarray > [*]") &&
			  strstr(c.out, "Mark x1000"),
		  "%s: %s", who, c.out);
	cr_expect_not(strstr(c.out, "C data"), "%s: %s", who, c.out);
	cli_done(&c);
}

Test(integration_snapshot, real_programs_are_explained)
{
	static const char *const programs[][6] = {
		{ "rest", "django", NULL },
		{ "rest", "flask", NULL },
		{ "rest", "numpy", "pandas", NULL },
		{ "rest", "asyncio", "sqlite3", "xml.etree.ElementTree", "ssl", NULL },
	};
	struct python *py;
	size_t n = all_pythons(&py), seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (!of_the_system(&py[i]))
			continue;
		for (size_t k = 0; k < sizeof programs / sizeof *programs; k++) {
			struct target t;
			char who[128];

			spawn(&t, &py[i], programs[k]);
			const json_t *found = json_object_get(t.ready, "modules");
			const char *version = text_of(found, programs[k][1]);
			snprintf(who, sizeof who, "%.40s, %.20s %.60s", py[i].name, programs[k][1],
				 version);
			if (strstr(version, "Error")) {
				fprintf(stderr, "%s: skipped\n", who);
				target_kill(&t);
				continue;
			}
			seen++;
			long long rss = smaps_rss(t.pid);
			json_t *report = snapshot(who, pid_word(&t), NULL);
			check_parts(report, who);
			check_coverage(report, who);
			check_ledger(report, t.pid, who, rss);
			if (strcmp(programs[k][1], "numpy") == 0)
				check_array_of_objects(pid_word(&t), who);
			json_decref(report);
			target_kill(&t);
		}
	}
	if (seen == 0)
		cr_skip_test("no such programs here");
}

/* --- core files --------------------------------------------------------------------------- */

Test(integration_snapshot, core_file_shows_the_same_types_as_the_process)
{
	char stem[] = "/tmp/pymemprof-core-XXXXXX";
	struct python *py;
	size_t n = all_pythons(&py), seen = 0;

	cr_assert(mkdtemp(stem));
	for (size_t i = 0; i < n; i++) {
		const char *const args[] = { "rest", NULL };
		char name[64], core[128];
		struct target t;

		if (strcmp(py[i].argv[0], "chroot") == 0)
			continue; /* its files are elsewhere: a core does not say where */
		spawn(&t, &py[i], args);
		snprintf(name, sizeof name, "%s/c", stem);
		if (!run_gcore(t.pid, name)) {
			target_kill(&t);
			continue;
		}
		seen++;
		json_t *live = snapshot(py[i].name, pid_word(&t), NULL);
		snprintf(core, sizeof core, "%s.%d", name, (int)t.pid);
		json_t *dead = snapshot(py[i].name, core, NULL);
		expect_same_types(live, dead, py[i].name, "core");
		cr_expect_str_eq(text_of(json_object_get(dead, "cost"), "pause_kind"), "core");
		json_decref(live);
		json_decref(dead);
		struct stat st;
		struct cli cut;
		cr_assert_eq(stat(core, &st), 0);
		cr_assert_eq(truncate(core, st.st_size / 2), 0);
		CLI(&cut, TIME_MS, "snapshot", core);
		cr_expect(cut.status == 3 || cut.status == 0 || cut.status == 6, "%s: %d",
			  py[i].name, cut.status);
		cr_expect(cut.status == 0 || strstr(cut.err, "cut off"), "%s: %s", py[i].name,
			  cut.err);
		cli_done(&cut);
		unlink(core);
		target_kill(&t);
	}
	rmdir(stem);
	if (seen == 0)
		cr_skip_test("no gcore here");
}

/* --- undisturbed -------------------------------------------------------------------------- */

Test(integration_snapshot, hundreds_of_snapshots_in_a_row_of_a_busy_target)
{
	const char *const args[] = { "append", "/dev/null", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t i = 0; i < n; i++) {
		struct target t;
		int cycles = cycles_wanted(500) / (i == 0 ? 1 : 25), torn = 0, done = 0;
		double pause = 0, worst = 0;

		spawn(&t, &py[i], args);
		for (; done < cycles; done++) {
			json_t *report = snapshot(py[i].name, pid_word(&t), NULL);
			double ms =
				(double)number(json_object_get(report, "cost"), "pause_ns") / 1e6;

			torn += number(json_object_get(report, "heap"), "torn") != 0;
			pause += ms;
			worst = ms > worst ? ms : worst;
			json_decref(report);
		}
		check_unharmed(&t, py[i].name);
		fprintf(stderr, "%s: %d snapshots, %d torn, stopped %.2f ms each, %.2f at most\n",
			py[i].name, done, torn, pause / done, worst);
		target_kill(&t);
	}
}

/* The same target as of attach: it would notice an EINTR. It makes classes for ever, so not long. */
Test(integration_snapshot, system_calls_are_not_disturbed)
{
	struct target_options o = { .script = "busy.py" };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t i = 0; i < n; i++) {
		struct target t;
		struct cli done;

		cr_assert(target_spawn(&t, &py[i], &o), "%s", t.error);
		for (int k = 0; k < 10; k++) {
			CLI(&done, TIME_MS, "snapshot", pid_word(&t), "--view", "ledger");
			cr_expect_eq(done.status, 0, "%s: %s", py[i].name, done.err);
			cli_done(&done);
		}
		json_t *check = target_ask(&t, "check", 30000);
		cr_expect(check && json_array_size(json_object_get(check, "errors")) == 0 &&
				  json_array_size(json_object_get(check, "stuck")) == 0,
			  "%s: disturbed", py[i].name);
		cr_expect_eq(children_of(t.pid), 0, "%s: zombies", py[i].name);
		json_decref(check);
		target_kill(&t);
	}
}

static void kill_many(const struct python *py, unsigned *seed, int kills)
{
	char file[] = "/tmp/pymemprof-pids-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "append", file, NULL };
	struct target t;

	spawn(&t, py, args);
	for (int i = 0; i < kills; i++) {
		const char *words[] = { "snapshot", pid_word(&t), "-o", "/dev/null", "-f", NULL };
		struct cli_job job;
		struct cli result;

		cr_assert(cli_start(&job, NULL, words));
		*seed = *seed * 1103515245u + 12345u;
		usleep((*seed >> 8) % 40000);
		cli_finish(&job, SIGKILL, 10000, &result);
		cli_done(&result);
	}
	cr_expect_eq(foreign_lines(file, t.pid), 0, "%s: a copy ran", py->name);
	/* The next one takes away what the killed ones left. */
	json_decref(snapshot(py->name, pid_word(&t), NULL));
	check_unharmed(&t, py->name);
	target_kill(&t);
	unlink(file);
}

Test(integration_snapshot, killed_at_any_instant_it_leaves_one_instance_running)
{
	struct python *py;
	size_t n = all_pythons(&py);
	unsigned seed = 20240811;

	for (size_t i = 0; i < n; i++)
		if (strcmp(py[i].argv[0], "chroot") != 0)
			kill_many(&py[i], &seed, cycles_wanted(200) / (i == 0 ? 1 : 10));
}

/* Not one that its parent is about to wait for. */
static bool a_copy_stays(pid_t pid)
{
	for (int i = 0; i < 20; i++) {
		if (children_of(pid) == 0)
			return false;
		usleep(10000);
	}
	return true;
}

/* Killed while the program runs on beside its copy: the copy has ended, and nobody has waited for it. */
static void leave_a_copy(struct target *t)
{
	for (int i = 0; i < 400 && !a_copy_stays(t->pid); i++) {
		const char *words[] = { "snapshot", pid_word(t), "-o", "/dev/null", "-f", NULL };
		struct cli_job job;
		struct cli result;

		cr_assert(cli_start(&job, NULL, words));
		usleep(2000 + 200 * (unsigned)i);
		cli_finish(&job, SIGKILL, 10000, &result);
		cli_done(&result);
	}
	cr_assert_gt(children_of(t->pid), 0, "no copy was left");
}

Test(integration_snapshot, detach_puts_away_what_killed_snapshots_left)
{
	struct python *py;
	size_t n = all_pythons(&py);
	const char *const args[] = { "append", "/dev/null", NULL };
	struct target t;
	struct cli done;

	if (n == 0)
		return;
	spawn(&t, &py[0], args);
	leave_a_copy(&t);
	CLI(&done, 20000, "detach", pid_word(&t));
	cr_expect_eq(done.status, 0, "%s", done.err);
	cr_expect(strstr(done.out, " of a killed snapshot put away\n") != NULL, "%s", done.out);
	cr_expect_eq(children_of(t.pid), 0);
	cli_done(&done);
	check_unharmed(&t, py[0].name);
	target_kill(&t);
}

/* The C library's rseq area holds the number of the CPU: it must not change by itself. */
static void pin(struct target *t)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	cr_assert_eq(sched_setaffinity(t->pid, sizeof one, &one), 0);
	json_decref(target_ask(t, "state", 10000)); /* it runs there once */
	usleep(50000);
}

/* FNV-1a over writable private memory; dead stack below the pointer may differ. */
static uint64_t memory_hash(pid_t pid)
{
	static unsigned char page[1 << 16];
	AUTO_FREE char *maps = target_proc(pid, "maps");
	char path[32];
	uint64_t h = 1469598103934665603u;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	AUTO_CLOSE int mem = open(path, O_RDONLY | O_CLOEXEC);
	for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long from, to;
		char flags[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) != 3 || flags[1] != 'w' ||
		    strstr(line, "[stack]"))
			continue;
		for (unsigned long at = from; at < to; at += sizeof page) {
			size_t want = to - at < sizeof page ? to - at : sizeof page;
			ssize_t n = pread(mem, page, want, (off_t)at);

			for (ssize_t i = 0; i < n; i++)
				h = (h ^ page[i]) * 1099511628211u;
		}
	}
	return h;
}

Test(integration_snapshot, no_byte_of_the_process_is_changed)
{
	struct python *py;
	size_t n = all_pythons(&py);
	const char *const args[] = { "rest", NULL };
	struct target t;

	for (size_t i = 0; i < n; i++) {
		spawn(&t, &py[i], args);
		pin(&t);
		uint64_t before = memory_hash(t.pid);
		AUTO_FREE char *maps = target_proc(t.pid, "maps");
		json_decref(snapshot(py[i].name, pid_word(&t), NULL));
		json_decref(snapshot(py[i].name, pid_word(&t), "--read-only"));
		AUTO_FREE char *maps_after = target_proc(t.pid, "maps");
		cr_expect_str_eq(maps, maps_after, "%s: mappings differ", py[i].name);
		cr_expect_eq(before, memory_hash(t.pid), "%s: memory differs", py[i].name);
		target_kill(&t);
	}
}

/* --- the command -------------------------------------------------------------------------- */

/* Records of a table that begin with this word; NULL: all. */
static size_t csv_rows(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = strchr(text, '\n'); p && p[1]; p = strchr(p + 1, '\n'))
		n += !word || strncmp(p + 1, word, strlen(word)) == 0;
	return n;
}

/* Each view of a snapshot is a table, and the one of fragmentation has every row of JSON's. */
static void check_csv(const char *file)
{
	static const char *const views[] = { "types",	"fragmentation", "ledger",  "gc", "holders",
					     "modules", "refcounts",	 "paths",   "advice" };
	struct cli done;

	CLI(&done, TIME_MS, "report", "--format", "json", file);
	json_t *report = cli_json(&done), *arena;
	cr_assert(report, "%s", done.err);
	cli_done(&done);
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		CLI(&done, TIME_MS, "report", "--view", views[i], "--format", "csv", file);
		cr_expect(done.status == 0 && csv_rows(done.out, NULL) > 0, "%s: %d %s", views[i], done.status,
			  done.err);
		if (i == 1) {
			const json_t *arenas = json_object_get(report, "arenas");
			size_t k, pins = 0;

			json_array_foreach(arenas, k, arena) pins +=
				json_array_size(json_object_get(arena, "pins"));
			cr_expect_eq(csv_rows(done.out, "arena,"), json_array_size(arenas));
			cr_expect_eq(csv_rows(done.out, "pin,"), pins);
			cr_expect_eq(csv_rows(done.out, "class,"),
				     json_array_size(json_object_get(report, "size_classes")));
			cr_expect_eq(csv_rows(done.out, "malloc_"),
				     json_array_size(json_object_get(report, "malloc")));
		}
		cli_done(&done);
	}
	json_decref(report);
}

Test(integration_snapshot, kept_snapshot_is_reported_as_it_was_shown)
{
	char file[] = "/tmp/pymemprof-snap-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "rest", NULL };
	struct python *py;
	struct cli done, shown;
	struct target t;

	(void)all_pythons(&py);
	spawn(&t, &py[0], args);
	CLI(&done, TIME_MS, "snapshot", pid_word(&t), "-o", file);
	cr_expect_eq(done.status, 2, "%s exists: status %d", file, done.status);
	cli_done(&done);
	CLI(&done, TIME_MS, "snapshot", "-p", pid_word(&t), "-o", file, "-f");
	cr_expect_eq(done.status, 0, "%s", done.err);
	cr_expect(strstr(done.err, "process stopped") && strstr(done.err, "(clone)"), "%s",
		  done.err);
	cli_done(&done);
	static const char *const views[] = { "summary", "types", "fragmentation", "ledger", "gc" };
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		CLI(&shown, TIME_MS, "report", "--view", views[i], file);
		cr_expect(shown.status == 0 && shown.out_len > 100, "%s: %d %s", views[i],
			  shown.status, shown.err);
		cli_done(&shown);
	}
	check_csv(file);
	CLI(&done, TIME_MS, "report", "--format", "json", file);
	json_t *kept = cli_json(&done), *fresh = snapshot("fresh", pid_word(&t), NULL);
	cr_assert(kept);
	expect_same_types(kept, fresh, py[0].name, "file");
	cr_expect_eq(ledger(kept, NULL), ledger(fresh, NULL));
	cli_done(&done);
	json_decref(kept);
	json_decref(fresh);
	target_kill(&t);
	unlink(file);
}

Test(integration_snapshot, recording_begins_and_ends_with_a_snapshot)
{
	char file[] = "/tmp/pymemprof-snap-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "append", "/dev/null", NULL };
	struct python *py;
	size_t n = all_pythons(&py), i;

	for (size_t k = 0; k < n; k++) {
		struct target t;
		struct cli done;

		spawn(&t, &py[k], args);
		CLI(&done, TIME_MS, "attach", "-d", "1s", "-o", file, "-f", pid_word(&t));
		cr_expect_eq(done.status, 0, "%s: %d %s", py[k].name, done.status, done.err);
		cli_done(&done);
		CLI(&done, TIME_MS, "report", "--format", "json", file);
		json_t *report = cli_json(&done), *type;
		cr_assert(report, "%s", done.err);
		cli_done(&done);
		cr_expect_eq(number(json_object_get(report, "heap"), "snapshot"), 2, "%s",
			     py[k].name);
		cr_expect(!has_note(report, "no-snapshot"), "%s", py[k].name);
		cr_expect_eq(number(json_object_get(report, "cost"), "dropped"), 0, "%s",
			     py[k].name);
		bool grown = false;
		json_array_foreach(json_object_get(report, "types"), i, type) grown |=
			json_object_get(type, "baseline_count") != NULL;
		cr_expect(grown, "%s: nothing to compare with", py[k].name);
		check_unharmed(&t, py[k].name);
		json_decref(report);
		target_kill(&t);
	}
	unlink(file);
}

/* Blocks and bytes made on one line, by all types of the report. */
static void made_on_line(const json_t *report, json_int_t line, json_int_t *blocks, json_int_t *bytes)
{
	size_t i, k;
	json_t *type, *site;

	*blocks = *bytes = 0;
	json_array_foreach(json_object_get(report, "types"), i, type)
	{
		json_array_foreach(json_object_get(type, "sites"), k, site)
		{
			const json_t *made = json_object_get(site, "made");

			if (number(made, "line") != line ||
			    !strstr(text_of(made, "file"), "snapshot.py"))
				continue;
			*blocks += number(site, "blocks");
			*bytes += number(site, "bytes");
		}
	}
}

Test(integration_snapshot, types_have_the_sites_the_programs_own_tracemalloc_knows)
{
	const char *const args[] = { "traced", NULL };
	const char *const env[] = { "PYTHONTRACEMALLOC=1", NULL };
	struct target_options o = { .script = "snapshot.py", .args = args, .env = env };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t k = 0; k < n; k++) {
		json_int_t blocks, bytes;
		struct target t;

		cr_assert(target_spawn(&t, &py[k], &o), "%s: %s", py[k].name, t.error);
		json_t *report = snapshot(py[k].name, pid_word(&t), NULL);
		cr_expect_gt(number(t.ready, "blocks"), 9000, "%s", py[k].name);
		made_on_line(report, number(t.ready, "line"), &blocks, &bytes);
		cr_expect_eq(blocks, number(t.ready, "blocks"), "%s: %lld blocks", py[k].name,
			     (long long)blocks);
		cr_expect_eq(bytes, number(t.ready, "bytes"), "%s: %lld bytes", py[k].name,
			     (long long)bytes);
		json_decref(report);
		target_kill(&t);
	}
}

static const json_t *type_named(const json_t *report, const char *name)
{
	json_t *type;
	size_t i;

	json_array_foreach(json_object_get(report, "types"), i, type)
	{
		if (strcmp(text_of(type, "type"), name) == 0)
			return type;
	}
	return NULL;
}

/* Objects of a type, and their bytes as sys.getsizeof counts them: without what only rounds up. */
static json_int_t exact_bytes(const json_t *type)
{
	return number(type, "total_bytes") - number(type, "rounding_bytes") - number(type, "slack_bytes");
}

Test(integration_snapshot, what_the_collector_does_not_know_is_counted_to_the_byte)
{
	const char *const args[] = { "counts", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t k = 0; k < n; k++) {
		const char *name;
		struct target t;
		json_t *row;

		spawn(&t, &py[k], args);
		for (int i = 0; i < 3; i++)
			json_decref(target_ask(&t, "fill", 10000));
		usleep(50000);
		json_t *before = snapshot(py[k].name, pid_word(&t), "--no-graph");
		json_t *made = target_ask(&t, "fill", 10000);
		usleep(50000);
		json_t *after = snapshot(py[k].name, pid_word(&t), "--no-graph");
		cr_expect_eq(json_object_size(made), 5, "%s", py[k].name);
		json_object_foreach(made, name, row)
		{
			const json_t *b = type_named(before, name), *a = type_named(after, name);
			json_int_t count = number(a, "count") - number(b, "count");
			json_int_t bytes = exact_bytes(a) - exact_bytes(b);

			cr_expect_eq(count, json_integer_value(json_array_get(row, 0)), "%s: %lld %s, made %lld",
				     py[k].name, count, name, json_integer_value(json_array_get(row, 0)));
			cr_expect_eq(bytes, json_integer_value(json_array_get(row, 1)),
				     "%s: %lld bytes of %s, made %lld", py[k].name, bytes, name,
				     json_integer_value(json_array_get(row, 1)));
		}
		json_decref(before);
		json_decref(made);
		json_decref(after);
		target_kill(&t);
	}
}

/* 2000 objects with a dict and 2000 with slots instead: what one costs more is what was promised. */
static void check_saving(const json_t *report, int attributes, const char *who)
{
	char with[16], without[16];

	snprintf(with, sizeof with, "Dict%d", attributes);
	snprintf(without, sizeof without, "Slot%d", attributes);
	const json_t *d = type_named(report, with), *s = type_named(report, without);
	json_int_t more = number(d, "total_bytes") + number(d, "instance_dict_bytes") - number(s, "total_bytes");
	json_int_t said = number(d, "slots_would_save_bytes");

	cr_expect_eq(number(d, "count"), 2000, "%s: %s", who, with);
	cr_expect_eq(more, said, "%s: %d attributes: slots would save %lld, it is said %lld", who, attributes,
		     more, said);
	cr_expect_eq(number(d, "slots_would_save_at_most_bytes"), said, "%s: all have %d attributes", who, attributes);
}

Test(integration_snapshot, slots_would_save_what_they_save)
{
	const char *const args[] = { "slots", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t k = 0; k < n; k++) {
		static const int attributes[] = { 1, 3, 8, 20 };
		struct target t;

		spawn(&t, &py[k], args);
		json_t *report = snapshot(py[k].name, pid_word(&t), NULL);
		for (size_t i = 0; i < 4; i++)
			check_saving(report, attributes[i], py[k].name);
		/* Their dict comes with the C base, or slots are not allowed. */
		cr_expect_eq(number(type_named(report, "Error"), "slots_would_save_bytes"), 0, "%s", py[k].name);
		cr_expect_eq(number(type_named(report, "Number"), "slots_would_save_bytes"), 0, "%s", py[k].name);
		json_decref(report);
		target_kill(&t);
	}
}

/* Is something that keeps a nearly empty arena known to have been made by this function? */
static bool pinned_by(const json_t *report, const char *function)
{
	size_t i, k;
	json_t *arena, *pin;

	json_array_foreach(json_object_get(report, "arenas"), i, arena)
	{
		json_array_foreach(json_object_get(arena, "pins"), k, pin)
		{
			if (strstr(text_of(json_object_get(pin, "made"), "function"), function) &&
			    strcmp(text_of(pin, "type"), "Pin") == 0)
				return true;
		}
	}
	return false;
}

Test(integration_snapshot, pins_of_nearly_empty_arenas_have_the_sites_a_recording_knows)
{
	char file[] = "/tmp/pymemprof-snap-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(file);
	const char *const args[] = { "pins", NULL };
	struct python *py;
	size_t n = all_pythons(&py);

	for (size_t k = 0; k < n; k++) {
		struct target t;
		struct cli done;

		bool pinned = false;

		spawn(&t, &py[k], args);
		/* The last snapshot may fall into a moment when the arenas are full. */
		for (int i = 0; i < 8 && !pinned; i++) {
			CLI(&done, TIME_MS, "attach", "-d", "700ms", "-o", file, "-f", pid_word(&t));
			cr_expect_eq(done.status, 0, "%s: %d %s", py[k].name, done.status, done.err);
			cli_done(&done);
			CLI(&done, TIME_MS, "report", "--format", "json", file);
			json_t *report = cli_json(&done);
			cr_assert(report, "%s", done.err);
			pinned = pinned_by(report, "pin_many");
			json_decref(report);
			cli_done(&done);
		}
		cr_expect(pinned, "%s: no pin with its site", py[k].name);
		CLI(&done, TIME_MS, "report", "--view", "fragmentation", file);
		cr_expect(strstr(done.out, "made pin_many"), "%s: %s", py[k].name, done.out);
		cli_done(&done);
		target_kill(&t);
	}
	unlink(file);
}

Test(integration_snapshot, what_cannot_be_read_is_refused_by_name)
{
	const char *const env[] = { "PYTHONMALLOC=malloc", NULL };
	const char *const debug[] = { "PYTHONMALLOC=pymalloc_debug", NULL };
	const char *const args[] = { "rest", NULL };
	struct target_options o = { .script = "snapshot.py", .args = args, .env = env };
	struct python *py;
	size_t n = all_pythons(&py);
	struct target t;
	struct cli done;

	for (size_t i = 0; i < n; i++) {
		o.env = env;
		cr_assert(target_spawn(&t, &py[i], &o), "%s", t.error);
		CLI(&done, TIME_MS, "snapshot", pid_word(&t));
		cr_expect(done.status == 3 && strstr(done.err, "PYTHONMALLOC"), "%s: %d %s",
			  py[i].name, done.status, done.err);
		cli_done(&done);
		target_kill(&t);
		o.env = debug;
		cr_assert(target_spawn(&t, &py[i], &o), "%s", t.error);
		json_t *report = snapshot(py[i].name, pid_word(&t), NULL);
		check_parts(report, py[i].name);
		json_decref(report);
		target_kill(&t);
	}
	CLI(&done, TIME_MS, "snapshot", "/proc/self/exe");
	cr_expect(done.status == 3 && strstr(done.err, "not a core"), "%s", done.err);
	cli_done(&done);
	CLI(&done, TIME_MS, "snapshot");
	cr_expect_eq(done.status, 2);
	cli_done(&done);
}
