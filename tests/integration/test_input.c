/* SPDX-License-Identifier: MIT */
/*
 * Bad input and bad output: recordings cut short, damaged or from a later program, a full
 * disk, a closed standard output. Nothing crashes, hangs or stays silent, and the target of
 * a recording that cannot be written runs on.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"
#include "tests/support/target.h"

#define STATUS_REFUSED 3
#define STATUS_INCOMPLETE 6
#define PYTHONS_MAX 32

static char folder[64];

static struct python *any_python(void)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	if (n == 0)
		cr_skip_test("no interpreter found");
	return &pythons[n > 4 ? 4 : 0];
}

static void inside(const char *name, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s/%s", folder, name);
}

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/pymemprof-input-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

static bool spawn(struct target *t)
{
	const char *args[] = { "off", NULL };
	return target_spawn(t, any_python(),
			    &(struct target_options){ .script = "truth.py", .args = args });
}

static void record(const char *file)
{
	struct target t;
	struct cli_job job;
	struct cli done;
	char pid[16];
	cr_assert(spawn(&t), "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-o", file, "-f", NULL };
	cr_assert(cli_start(&job, NULL, args));
	cr_assert(cli_wait_text(&job, "recording", 10000) >= 0);
	json_decref(target_ask(&t, "populate", 30000));
	json_decref(target_ask(&t, "churn 0.3", 30000));
	cli_finish(&job, SIGINT, 20000, &done);
	cr_assert(done.status == 0, "%s", done.err);
	cli_done(&done);
	target_kill(&t);
}

static unsigned char *load(const char *file, size_t *ret_size)
{
	struct stat st;
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0);
	unsigned char *bytes = malloc((size_t)st.st_size);
	cr_assert(bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

static void store(const char *file, const unsigned char *bytes, size_t size)
{
	AUTO_CLOSE int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
}

/* Whatever the bytes: an orderly status, JSON when it says 0 or 6, a message when it does not say 0. */
static int read_report(const char *file, const char *what)
{
	struct cli done;
	CLI(&done, 20000, "report", file, "--format", "json", "--view", "sites");
	cr_expect(done.status == 0 || done.status == STATUS_REFUSED || done.status == STATUS_INCOMPLETE,
		  "%s: status %d, %s", what, done.status, done.err);
	json_t *json = cli_json(&done);
	cr_expect(json || done.status == STATUS_REFUSED, "%s: status %d but no JSON", what, done.status);
	cr_expect(done.status != STATUS_REFUSED || (done.err && *done.err), "%s: refused in silence", what);
	json_decref(json);
	int status = done.status;
	cli_done(&done);
	return status;
}

Test(integration_input, a_file_cut_anywhere_is_read_as_far_as_it_goes, .init = setup, .fini = teardown)
{
	char whole[96], cut[96], what[64];
	inside("whole.pmp", whole, sizeof(whole));
	inside("cut.pmp", cut, sizeof(cut));
	record(whole);
	size_t size;
	AUTO_FREE unsigned char *bytes = load(whole, &size);
	cr_expect_eq(read_report(whole, "the whole file"), 0);
	int incomplete = 0;
	for (int i = 0; i < 60; i++) {
		size_t keep = i < 20 ? (size_t)i * 5 : size * (size_t)(i - 19) / 41;
		snprintf(what, sizeof(what), "%zu of %zu bytes", keep, size);
		store(cut, bytes, keep);
		int status = read_report(cut, what);
		cr_expect(status != 0 || keep >= size, "%s: not reported as incomplete", what);
		cr_expect(status == STATUS_INCOMPLETE || keep < 400 || keep >= size,
			  "%s: of no use, though its first sections are whole", what);
		incomplete += status == STATUS_INCOMPLETE;
	}
	cr_expect(incomplete > 30, "%d cut files were of any use", incomplete);
}

/* Places inside payloads that only a checksum guards, not a compressed stream: pymemprof-file(5). */
static size_t stored_places(const unsigned char *bytes, size_t size, size_t max, size_t *ret)
{
	uint32_t at, stored;
	size_t n = 0;
	memcpy(&at, bytes + 12, sizeof(at));
	for (size_t s = at; n < max && s + 24 <= size; s += 24 + (size_t)stored) {
		memcpy(&stored, bytes + s + 8, sizeof(stored));
		if (!(bytes[s + 6] & 1) && stored && s + 24 + stored <= size)
			ret[n++] = s + 24 + stored / 2;
	}
	return n;
}

Test(integration_input, a_damaged_file_is_never_believed_in_silence, .init = setup, .fini = teardown)
{
	char whole[96], bad[96], what[64];
	inside("whole.pmp", whole, sizeof(whole));
	inside("bad.pmp", bad, sizeof(bad));
	record(whole);
	size_t size;
	AUTO_FREE unsigned char *bytes = load(whole, &size);
	unsigned seed = 77;
	int silent = 0;
	size_t places[24], nplaces = stored_places(bytes, size, 24, places);
	cr_assert_gt(nplaces, 0, "all sections are compressed");
	for (size_t i = 0; i < 80; i++) {
		seed = seed * 1103515245u + 12345u;
		size_t at = i < 16 ? i : i < 16 + nplaces ? places[i - 16] : (seed >> 4) % size;
		unsigned char was = bytes[at];
		bytes[at] = (unsigned char)(was ^ (1u << (seed >> 28 & 7)));
		snprintf(what, sizeof(what), "byte %zu of %zu flipped", at, size);
		store(bad, bytes, size);
		silent += read_report(bad, what) == 0;
		bytes[at] = was;
	}
	cr_expect_eq(silent, 0, "%d of 80 damaged files were believed", silent);
}

Test(integration_input, other_files_are_refused_by_name, .init = setup, .fini = teardown)
{
	char file[96];
	inside("other.pmp", file, sizeof(file));
	static const unsigned char text[] = "this is not a recording at all, only text\n";
	store(file, text, sizeof(text));
	cr_expect_eq(read_report(file, "a text file"), STATUS_REFUSED);
	store(file, text, 0);
	cr_expect_neq(read_report(file, "an empty file"), 0);
	cr_expect_eq(read_report(folder, "a folder"), STATUS_REFUSED);
	inside("absent.pmp", file, sizeof(file));
	cr_expect_eq(read_report(file, "no file"), STATUS_REFUSED);
	cr_expect_eq(read_report("/dev/null", "the null device") == 0, 0);
}

static void expect_written_or_told(const char *file, const char *what)
{
	struct target t;
	struct cli_job job;
	struct cli done;
	char pid[16];
	cr_assert(spawn(&t), "%s", t.error);
	snprintf(pid, sizeof(pid), "%d", (int)t.pid);
	const char *args[] = { "attach", pid, "-o", file, "-f", NULL };
	cr_assert(cli_start(&job, NULL, args));
	cli_wait_text(&job, "recording", 3000);
	json_decref(target_ask(&t, "populate", 30000));
	json_decref(target_ask(&t, "churn 0.5", 30000));
	cli_finish(&job, SIGINT, 20000, &done);
	cr_expect(done.status == STATUS_REFUSED || done.status == STATUS_INCOMPLETE, "%s: status %d, %s",
		  what, done.status, done.err);
	cr_expect(done.err && strstr(done.err, "No space left"), "%s: not said: %s", what, done.err);
	cli_done(&done);
	json_t *alive = target_ask(&t, "churn 0.05", 10000);
	cr_expect(alive != NULL, "%s: the target suffered: %s", what, t.error);
	json_decref(alive);
	cr_expect_eq(target_status(t.pid, "TracerPid"), 0);
	target_kill(&t);
}

Test(integration_input, a_full_disk_is_told_and_the_target_runs_on, .init = setup, .fini = teardown)
{
	expect_written_or_told("/dev/full", "/dev/full");
}

Test(integration_input, a_disk_that_fills_up_is_told_and_the_target_runs_on, .init = setup,
     .fini = teardown)
{
	char file[96];
	if (mount("none", folder, "tmpfs", 0, "size=8k") < 0)
		cr_skip_test("cannot mount a small disk here: %s", strerror(errno));
	inside("small.pmp", file, sizeof(file));
	expect_written_or_told(file, "a disk of 8 KiB");
	umount(folder);
}

/* One line of error, at most one hint, and no half of a page that looks like a whole one. */
Test(integration_input, a_report_that_does_not_fit_leaves_nothing_behind, .init = setup,
     .fini = teardown)
{
	char whole[] = "/tmp/pymemprof-input-whole-XXXXXX", page[96];
	struct cli done;
	size_t lines = 0;
	AUTO_CLOSE int fd = mkstemp(whole);
	record(whole);
	if (mount("none", folder, "tmpfs", 0, "size=8k") < 0) {
		unlink(whole);
		cr_skip_test("cannot mount a small disk here: %s", strerror(errno));
	}
	inside("page.html", page, sizeof(page));
	CLI(&done, 20000, "report", whole, "--format", "html", "-o", page);
	for (const char *p = done.err; p && *p; p++)
		lines += *p == '\n';
	cr_expect(done.status == STATUS_REFUSED && lines == 2 && strstr(done.err, "\nhint: "),
		  "status %d, %s", done.status, done.err);
	cr_expect_lt(access(page, F_OK), 0, "half a page is left");
	cli_done(&done);
	umount(folder);
	unlink(whole);
}

Test(integration_input, what_is_missing_of_a_cut_recording_is_told_in_one_line, .init = setup,
     .fini = teardown)
{
	char file[96];
	struct cli done;
	inside("whole.pmp", file, sizeof(file));
	record(file);
	struct stat st;
	cr_assert_eq(stat(file, &st), 0);
	cr_assert_eq(truncate(file, st.st_size - 7), 0);
	CLI(&done, 20000, "report", file, "--format", "folded");
	cr_expect(done.status == STATUS_INCOMPLETE && done.out_len > 0 &&
		  strstr(done.err, "the file ends before the recording did"),
		  "status %d, %s", done.status, done.err);
	cli_done(&done);
	cr_assert_eq(truncate(file, 20), 0);
	CLI(&done, 20000, "report", file);
	cr_expect(done.status == STATUS_REFUSED && strstr(done.err, "\nhint: copy it again"),
		  "status %d, %s", done.status, done.err);
	cli_done(&done);
}

Test(integration_input, a_closed_standard_output_is_told, .init = setup, .fini = teardown)
{
	char whole[96], command[512];
	inside("whole.pmp", whole, sizeof(whole));
	record(whole);
	static const char *const ends[] = { ">&-", ">/dev/full" };
	for (size_t i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "'%s' report '%s' %s 2>'%s/err'", getenv("PYMEMPROF"),
			 whole, ends[i], folder);
		int status = system(command);
		char err[96];
		inside("err", err, sizeof(err));
		struct stat st;
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) != 0, "%s: wait status %x", ends[i],
			  status);
		cr_expect(stat(err, &st) == 0 && st.st_size > 0, "%s: silence", ends[i]);
	}
	/* A reader that went away is no error worth a word, but must not hang or crash. */
	snprintf(command, sizeof(command), "'%s' report '%s' --format json 2>&1 | head -c 10 >/dev/null",
		 getenv("PYMEMPROF"), whole);
	cr_expect_eq(system(command), 0);
}
