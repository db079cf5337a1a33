/* SPDX-License-Identifier: MIT */
/*
 * `pymemprof run -- CMD` is invisible to whoever started it: the program's exit status, its
 * standard output and standard error are its own, and it reads the standard input it was given.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32

static char folder[64];

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/pymemprof-run-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

/* Start the interpreter's command with more words, recorded or not, and wait for its end. */
static void run_python(const struct python *py, bool recorded, const char *const *words, struct cli *ret)
{
	char file[96];
	snprintf(file, sizeof(file), "%s/run.pmp", folder);
	const char *args[32] = { "run", "-q", "-f", "-o", file, "--" };
	size_t n = 6;
	for (size_t i = 0; py->argv[i]; i++)
		args[n++] = py->argv[i];
	for (size_t i = 0; words[i]; i++)
		args[n++] = words[i];
	args[n] = NULL;
	if (recorded) {
		cli_run(ret, 30000, args);
		return;
	}
	char *saved = strdup(getenv("PYMEMPROF"));
	char path[512];
	const char *program = py->argv[0];
	if (*program != '/') {
		snprintf(path, sizeof(path), "/usr/sbin/%s", program);
		program = path;
	}
	setenv("PYMEMPROF", program, 1);
	cli_run(ret, 30000, args + 7);
	setenv("PYMEMPROF", saved, 1);
	free(saved);
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

Test(integration_run, the_programs_exit_status_is_ours, .init = setup, .fini = teardown)
{
	static const struct {
		const char *code;
		int status;
	} ends[] = {
		{ "pass", 0 },
		{ "import sys; sys.exit(7)", 7 },
		{ "raise SystemExit(255)", 255 },
		{ "1/0", 1 },
		{ "import os; os._exit(3)", 3 },
		{ "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + 9 },
		{ "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 128 + 15 },
	};
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof(ends) / sizeof(*ends); k++) {
			struct cli done;
			const char *words[] = { "-c", ends[k].code, NULL };
			run_python(&pythons[i], true, words, &done);
			cr_expect_eq(done.status, ends[k].status, "%s: %s: status %d, %s", pythons[i].name,
				     ends[k].code, done.status, done.err);
			cli_done(&done);
		}
}

Test(integration_run, standard_output_and_error_are_the_programs_own, .init = setup, .fini = teardown)
{
	const char *words[] = { "-c",
				"import sys\n"
				"for i in range(3000):\n"
				"\tprint('line', i)\n"
				"\tprint('complaint', i, file=sys.stderr)\n",
				NULL };
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++) {
		struct cli plain, recorded;
		run_python(&pythons[i], false, words, &plain);
		run_python(&pythons[i], true, words, &recorded);
		cr_expect(plain.status == 0 && recorded.status == 0, "%s: %d, %d: %s", pythons[i].name,
			  plain.status, recorded.status, recorded.err);
		cr_expect(plain.out_len > 20000 && plain.out_len == recorded.out_len &&
			  memcmp(plain.out, recorded.out, plain.out_len) == 0,
			  "%s: standard output differs", pythons[i].name);
		cr_expect(plain.err && recorded.err && strcmp(plain.err, recorded.err) == 0,
			  "%s: standard error differs", pythons[i].name);
		cli_done(&plain);
		cli_done(&recorded);
	}
}

Test(integration_run, a_recording_holds_everything_from_the_first_allocation, .init = setup,
     .fini = teardown)
{
	const char *words[] = { "-c", "kept = [bytes(5000) for i in range(200)]", NULL };
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	char file[96];
	snprintf(file, sizeof(file), "%s/run.pmp", folder);
	for (size_t i = 0; i < n; i++) {
		struct cli done;
		run_python(&pythons[i], true, words, &done);
		cli_done(&done);
		CLI(&done, 10000, "report", file, "--view", "sites", "--format", "json");
		json_t *report = cli_json(&done);
		const json_t *totals = json_object_get(report, "totals");
		json_int_t blocks = json_integer_value(json_object_get(totals, "allocated_blocks"));
		json_int_t peak = json_integer_value(json_object_get(totals, "peak_bytes"));
		json_int_t foreign = json_integer_value(json_object_get(totals, "foreign_frees"));
		fprintf(stderr, "%s: %lld blocks from the first on, peak %lld bytes, %lld foreign frees\n",
			pythons[i].name, blocks, peak, foreign);
		cr_expect(blocks > 5000, "%s: only %lld blocks in the life of an interpreter: %s",
			  pythons[i].name, blocks, done.err);
		cr_expect(peak > 200 * 5000, "%s: peak %lld", pythons[i].name, peak);
		cr_expect(foreign < 50, "%s: %lld blocks were older than the recording", pythons[i].name,
			  foreign);
		json_decref(report);
		cli_done(&done);
	}
}

Test(integration_run, a_command_that_is_none_is_told, .init = setup, .fini = teardown)
{
	struct cli done;
	CLI(&done, 10000, "run", "--", "/nonexistent/program");
	cr_expect(done.status != 0 && done.err && strncmp(done.err, "pymemprof: ", 11) == 0,
		  "status %d, %s", done.status, done.err);
	cli_done(&done);
	CLI(&done, 10000, "run", "--");
	cr_expect_eq(done.status, 2, "status %d, %s", done.status, done.err);
	cli_done(&done);
}

/* --- a program that leaks and comes to its end -------------------------------------------------- */

/* Its class's __del__ runs when the interpreter takes itself down: after the recording. */
static const char leaking[] =
	"import sys, time\n"
	"kept = []\n"
	"class Listener:\n"
	"\tdef __init__(self):\n"
	"\t\tself.inbox = bytearray(300)\n"
	"def subscribe():\n"
	"\tkept.append(Listener())\n"
	"def serve(seconds):\n"
	"\tend = time.time() + seconds\n"
	"\twhile time.time() < end:\n"
	"\t\tfor i in range(3):\n"
	"\t\t\tsubscribe()\n"
	"\t\ttime.sleep(0.01)\n"
	"serve(3)\n"
	"sys.exit(7)\n";

struct leaking_job {
	struct cli_job job;
	char file[96];
};

static bool begin_leaking(const struct python *py, size_t i, const char *option, const char *value,
			  struct leaking_job *ret)
{
	const char *args[32] = { "run", "-q", "-f", "-o", ret->file, option, value, "--" };
	size_t n = 8;
	snprintf(ret->file, sizeof(ret->file), "%s/leak%zu.pmp", folder, i);
	for (size_t k = 0; py->argv[k]; k++)
		args[n++] = py->argv[k];
	args[n++] = "-c";
	args[n++] = leaking;
	args[n] = NULL;
	return cli_start(&ret->job, NULL, args);
}

static const char *word_of(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "";
}

/* How the recording ended, and which accused row leads. */
static void judge_leaking(const struct python *py, const char *file)
{
	struct cli done;
	CLI(&done, 20000, "report", file, "--format", "json");
	json_t *report = cli_json(&done);
	const json_t *leak = json_array_get(json_object_get(report, "leaks"), 0);
	const json_t *totals = json_object_get(report, "totals");
	cr_expect_str_eq(word_of(totals, "end"), "finished", "%s: %s", py->name,
			 word_of(totals, "end"));
	cr_expect_str_eq(word_of(leak, "type"), "__main__.Listener", "%s: %s", py->name,
			 word_of(leak, "sentence"));
	cr_expect_str_eq(word_of(leak, "function"), "subscribe", "%s", py->name);
	cr_expect_str_eq(word_of(leak, "path"), "__main__.kept[*]", "%s: %s", py->name,
			 word_of(leak, "path"));
	cr_expect_str_eq(word_of(leak, "state"), "accused", "%s", py->name);
	json_decref(report);
	cli_done(&done);
}

/*
 * All at once. judged: types, sites and holders are those of the instant before the interpreter took
 * itself down; else the recording ends first, and what was left behind must not harm that end (3.15
 * copies the allocator's table while it starts, and calls through the copy while it ends).
 */
static void try_leaking(const char *option, const char *value, bool judged)
{
	static struct leaking_job jobs[PYTHONS_MAX];
	bool begun[PYTHONS_MAX];
	struct python *pythons;
	size_t n = all_pythons(&pythons);
	for (size_t i = 0; i < n; i++)
		begun[i] = begin_leaking(&pythons[i], i, option, value, &jobs[i]);
	for (size_t i = 0; i < n; i++) {
		struct cli done;
		cr_expect(begun[i], "%s", pythons[i].name);
		if (!begun[i])
			continue;
		cli_finish(&jobs[i].job, 0, 60000, &done);
		cr_expect_eq(done.status, 7, "%s: status %d: %s", pythons[i].name, done.status,
			     done.err);
		if (judged)
			judge_leaking(&pythons[i], jobs[i].file);
		cli_done(&done);
	}
}

Test(integration_run, a_leak_of_a_program_that_ends_is_named_with_type_site_and_holder, .init = setup,
     .fini = teardown)
{
	try_leaking("--stall-limit", "60s", true);
}

Test(integration_run, a_recording_that_ends_before_its_program_does_no_harm_to_it, .init = setup,
     .fini = teardown)
{
	try_leaking("--duration", "1s", false);
}
