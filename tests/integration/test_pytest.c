/* SPDX-License-Identifier: MIT */
/*
 * Tests of pytest, seen from outside: exact figures against a runner that says what it made, on
 * every interpreter; the real pytest where it is installed; and a real package's tests, which
 * must come out the same under the gate as without it.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cli.h"
#include "tests/support/sanitized.h"
#include "tests/support/target.h"

#define PYTHONS_MAX 32
#define LIMIT_MS 60000

static char folder[64];
static struct python pythons[PYTHONS_MAX];
static size_t npythons;
static const struct python *with_pytest; /* NULL: none */

static int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	return system(command);
}

static void setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/pymemprof-pytest-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	npythons = pythons_find(PYTHONS_MAX, pythons);
	if (npythons == 0)
		cr_skip_test("no interpreter found");
	for (size_t i = 0; i < npythons && !with_pytest; i++)
		if (!pythons[i].argv[1] &&
		    shell("'%s' -c 'import pytest' 2>/dev/null", pythons[i].argv[0]) == 0)
			with_pytest = &pythons[i];
	unsetenv("GITHUB_ACTIONS");
	unsetenv("PYTEST_ADDOPTS");
	setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
}

static void teardown(void)
{
	if (chdir("/") < 0 || shell("rm -rf '%s'", folder) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

TestSuite(integration_pytest, .init = setup, .fini = teardown);

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	cr_assert(f && fputs(text, f) >= 0);
	fclose(f);
}

static char *read_file(const char *path)
{
	static char text[16384];
	FILE *f = fopen(path, "re");

	cr_assert(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* The report's row of a test, borrowed. */
static const json_t *row(const json_t *report, const char *id)
{
	const json_t *rows = json_object_get(report, "tests"), *r;
	size_t i;

	json_array_foreach(rows, i, r)
		if (strcmp(json_string_value(json_object_get(r, "test")), id) == 0)
			return r;
	return NULL;
}

static long long number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static json_t *report(const char *file)
{
	struct cli done;

	CLI(&done, LIMIT_MS, "report", "--view", "tests", "--format", "json", file);
	cr_assert_eq(done.status, 0, "%s", done.err);
	json_t *r = cli_json(&done);
	cr_assert_not_null(r);
	cli_done(&done);
	return r;
}

static void compare(const struct python *py, const json_t *seen, const char *id, const json_t *want)
{
	static const char *const keys[][2] = { { "runs", "runs" },	  { "allocs", "allocated_blocks" },
					       { "alloc_bytes", "allocated_bytes" },
					       { "peak", "peak_bytes" },  { "kept", "kept_bytes" },
					       { "left", "left_bytes" } };
	const json_t *r = row(seen, id);

	cr_assert(r, "%s: %s is missing", py->name, id);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		cr_expect_eq(number(r, keys[i][1]), number(want, keys[i][0]), "%s: %s: %s %lld, not %lld",
			     py->name, id, keys[i][1], number(r, keys[i][1]),
			     number(want, keys[i][0]));
}

Test(integration_pytest, figures_of_tests_are_exact_on_every_interpreter)
{
	char script[512];

	snprintf(script, sizeof script, "%s/tests.py", getenv("PYMEMPROF_TARGETS"));
	char *source = read_file(script);
	for (size_t i = 0; i < npythons; i++) {
		const char *args[PYTHON_ARGS_MAX + 12] = { "run", "-q", "-f", "-o", "t.pmp", "--" };
		size_t n = 6;
		struct cli done;
		const char *id;
		json_t *want;

		for (size_t k = 0; pythons[i].argv[k]; k++)
			args[n++] = pythons[i].argv[k];
		args[n++] = "-c";
		args[n++] = source;
		cli_run(&done, LIMIT_MS, args);
		cr_assert_eq(done.status, 0, "%s: %d: %s", pythons[i].name, done.status, done.err);
		json_t *truth = cli_json(&done), *seen = report("t.pmp");
		cr_expect_eq(json_array_size(json_object_get(seen, "tests")), 3);
		json_object_foreach(truth, id, want)
			compare(&pythons[i], seen, id, want);
		json_decref(truth);
		json_decref(seen);
		cli_done(&done);
	}
}

static const char TESTS[] =
	"import pytest, threading, unittest\n"
	"KEPT = []\n"
	"@pytest.fixture\n"
	"def big():\n"
	"    yield [bytes(1000) for _ in range(1000)]\n"
	"def test_nothing(): pass\n"
	"@pytest.mark.parametrize('n', [10, 1000])\n"
	"def test_param(n):\n"
	"    x = [bytes(500) for _ in range(n)]\n"
	"def test_leak():\n"
	"    for i in range(300): KEPT.append(bytes(1000))\n"
	"class TestC:\n"
	"    def test_m(self, big): assert len(big) == 1000\n"
	"class TestU(unittest.TestCase):\n"
	"    def setUp(self): self.y = bytes(50000)\n"
	"    def test_u(self): self.z = [bytes(3000) for _ in range(10)]\n"
	"def work():\n"
	"    global W\n"
	"    W = [bytes(700) for _ in range(100)]\n"
	"def test_thread():\n"
	"    t = threading.Thread(target=work); t.start(); t.join()\n";

static void need_pytest(void)
{
	if (!with_pytest)
		cr_skip_test("no interpreter has pytest");
	write_file("test_a.py", TESTS);
}

#define PYTEST with_pytest->argv[0], "-m", "pytest", "-q", "-p", "no:cacheprovider"

static void expect_between(const json_t *seen, const char *id, const char *key, long long low,
			   long long high)
{
	const json_t *r = row(seen, id);

	cr_assert(r, "%s is missing", id);
	cr_expect(number(r, key) >= low && number(r, key) <= high, "%s: %s is %lld, not %lld to %lld",
		  id, key, number(r, key), low, high);
}

Test(integration_pytest, what_each_test_needs_and_leaves_is_told_without_a_plug_in)
{
	struct cli done;

	need_pytest();
	CLI(&done, LIMIT_MS, "run", "-q", "-o", "a.pmp", "--", PYTEST, "test_a.py");
	cr_assert_eq(done.status, 0, "%s%s", done.out, done.err);
	cr_expect(strstr(done.out, "7 passed"), "%s", done.out);
	cli_done(&done);
	json_t *seen = report("a.pmp");
	cr_expect_eq(json_array_size(json_object_get(seen, "tests")), 7);
	expect_between(seen, "test_a.py::test_nothing", "peak_bytes", 0, 1000);
	expect_between(seen, "test_a.py::test_param[10]", "peak_bytes", 5330, 9000);
	expect_between(seen, "test_a.py::test_param[1000]", "peak_bytes", 533000, 550000);
	expect_between(seen, "test_a.py::test_param[1000]", "kept_bytes", 0, 500);
	expect_between(seen, "test_a.py::test_leak", "kept_bytes", 300 * 1033, 330000);
	expect_between(seen, "test_a.py::TestC::test_m", "peak_bytes", 1033000, 1060000);
	expect_between(seen, "test_a.py::TestC::test_m", "kept_bytes", 0, 500);
	expect_between(seen, "test_a.py::TestU::test_u", "peak_bytes", 80000, 90000);
	expect_between(seen, "test_a.py::test_thread", "kept_bytes", 73300, 80000);
	const json_t *leak = row(seen, "test_a.py::test_leak");
	cr_expect_eq(number(leak, "line"), 10);
	cr_expect_str_eq(json_string_value(json_object_get(leak, "function")), "test_leak");
	const json_t *setup_of = json_object_get(row(seen, "test_a.py::TestC::test_m"), "setup");
	cr_expect_geq(number(setup_of, "allocated_bytes"), 1033000, "fixtures are made in setup");
	json_decref(seen);
}

Test(integration_pytest, a_limit_holds_for_each_test_its_pattern_matches)
{
	struct cli done;

	need_pytest();
	CLI(&done, LIMIT_MS, "check", "--report", "json=r.json", "--max", "test:*::test_*:peak=100KiB",
	    "--max", "test:*:leaked=200KiB", "--", PYTEST, "test_a.py");
	cr_assert_eq(done.status, 1, "%d: %s", done.status, done.err);
	cli_done(&done);
	json_t *r = json_load_file("r.json", 0, NULL);
	const json_t *findings = json_object_get(r, "findings"), *f;
	size_t i, failed = 0;
	json_array_foreach(findings, i, f)
		failed += strcmp(json_string_value(json_object_get(f, "verdict")), "failed") == 0;
	cr_expect_eq(failed, 4, "three peaks and one leak: %s", json_dumps(findings, 0));
	const json_t *first = json_array_get(findings, 0);
	cr_expect_str_eq(json_string_value(json_object_get(first, "metric")),
			 "test:test_a.py::TestC::test_m:peak");
	const json_t *culprit = json_array_get(json_object_get(first, "culprits"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(culprit, "file")), "test_a.py");
	cr_expect_str_eq(json_string_value(json_object_get(culprit, "function")), "big");
	json_decref(r);
	CLI(&done, LIMIT_MS, "check", "--max", "test:tests/*:peak=1KiB", "--", PYTEST, "test_a.py");
	cr_expect_eq(done.status, 2, "a pattern that matches nothing is a mistake: %s", done.err);
	cli_done(&done);
}

Test(integration_pytest, baselines_know_tests_and_new_ones_pass)
{
	struct cli done;

	need_pytest();
	CLI(&done, LIMIT_MS, "check", "--save-baseline", "main", "--", PYTEST, "test_a.py", "-k",
	    "not thread");
	cr_assert_eq(done.status, 0, "%s", done.err);
	cli_done(&done);
	CLI(&done, LIMIT_MS, "check", "--baseline", "main", "--max-increase", "test:*:alloc_bytes=1%",
	    "--", PYTEST, "test_a.py");
	cr_expect_eq(done.status, 0, "%d: %s", done.status, done.err);
	cr_expect(strstr(done.err, "nothing to be compared with"), "%s", done.err);
	cli_done(&done);
	cr_assert_eq(shell("sed -i 's/range(n)\\]/range(n + 400)]/' test_a.py"), 0);
	CLI(&done, LIMIT_MS, "check", "--baseline", "main", "--max-increase", "test:*:alloc_bytes=1%",
	    "--", PYTEST, "test_a.py");
	cr_expect_eq(done.status, 1, "%d: %s", done.status, done.err);
	cr_expect(strstr(done.err, "failed     test:test_a.py::test_param[1000]:alloc_bytes") &&
			  strstr(done.err, "failed     test:test_a.py::test_param[10]:alloc_bytes") &&
			  strstr(done.err, "4 tests did not grow"),
		  "%s", done.err);
	cli_done(&done);
}

/* What became of each test, as lines of class, name and outcome, from pytest's own JUnit file. */
static const char OUTCOMES[] =
	"import sys, xml.etree.ElementTree as t\n"
	"for path in sys.argv[1:]:\n"
	"    rows = sorted((c.get('classname'), c.get('name'), ' '.join(sorted(e.tag for e in c\n"
	"                   if e.tag in ('failure', 'error', 'skipped')))) for c in t.parse(path).iter('testcase'))\n"
	"    open(path + '.txt', 'w').write('\\n'.join(map(repr, rows)))\n"
	"    print(len(rows), path)\n";

struct suite {
	const char *name, *folder; /* of its tests; the working directory of pytest */
	const char *words;	   /* what is run of it */
	size_t least;		   /* tests that have figures */
	unsigned seconds;	   /* more for one of the two runs is an error */
};

/* Where the options end and the paths begin. */
static size_t first_path(const char *words)
{
	return *words == '-' ? strcspn(words, " ") + 1 : 0;
}

static int64_t children_cpu_ns(void)
{
	struct rusage ru;

	cr_assert_eq(getrusage(RUSAGE_CHILDREN, &ru), 0);
	return ((int64_t)ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000 +
	       ((int64_t)ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

/* Wall clock, and processor time with the recorder's: what a busy machine does not blur. */
static void tell_cost(const struct suite *s, const int64_t plain_ns[2], const int64_t under_ns[2],
		      size_t tests)
{
	fprintf(stderr,
		"%s: %.2f s, under check %.2f s: %.2f times; processor %.2f s, %.2f s: %.2f times; "
		"%zu tests with figures\n",
		s->name, (double)plain_ns[0] / 1e9, (double)under_ns[0] / 1e9,
		(double)under_ns[0] / (double)plain_ns[0], (double)plain_ns[1] / 1e9,
		(double)under_ns[1] / 1e9, (double)under_ns[1] / (double)plain_ns[1], tests);
}

/* pytest's words but the tests; its files go to the folder `here`. */
#define TO_XML "-m pytest -q -o cache_dir=$here/cache --basetemp=$here/tmp --junitxml=$here/"

/* The same tests with and without: what became of each must be the same. */
static void compare_suite(const struct suite *s)
{
	struct cli done;
	char line[1024];

	if (SANITIZED)
		cr_skip_test("whole suites of others take too long with a sanitized recorder");
	if (!with_pytest)
		cr_skip_test("no interpreter has pytest");
	if (shell("cd '%s' && ls -d %s >/dev/null 2>&1", s->folder, s->words + first_path(s->words)) != 0)
		cr_skip_test("%s is not here", s->name);
	setenv("PYTHONHASHSEED", "0", 1);
	int64_t plain_ns[2] = { now_ns(), children_cpu_ns() };
	int plain = shell("here=$PWD && cd '%s' && exec timeout %u '%s' " TO_XML
			  "plain.xml %s >$here/plain.log 2>&1",
			  s->folder, s->seconds, with_pytest->argv[0], s->words);
	plain_ns[0] = now_ns() - plain_ns[0];
	plain_ns[1] = children_cpu_ns() - plain_ns[1];
	snprintf(line, sizeof line,
		 "here=$PWD && cd '%s' && exec '%s' " TO_XML "under.xml %s >$here/under.log 2>&1",
		 s->folder, with_pytest->argv[0], s->words);
	CLI(&done, (int)s->seconds * 2000, "check", "--max", "test:*:peak=4GiB", "--report", "json=r.json",
	    "--", "/bin/sh", "-c", line);
	bool passed = WIFEXITED(plain) && WEXITSTATUS(plain) == 0;
	cr_assert_eq(done.status, passed ? 0 : 4, "%s: %d: %s", s->name, done.status, done.err);
	int64_t under_ns[2] = { done.ns, done.cpu_ns };
	cli_done(&done);
	write_file("outcomes.py", OUTCOMES);
	cr_assert_eq(shell("'%s' outcomes.py plain.xml under.xml", with_pytest->argv[0]), 0);
	cr_expect_eq(shell("diff plain.xml.txt under.xml.txt >&2"), 0, "%s: other results", s->name);
	json_t *r = json_load_file("r.json", 0, NULL);
	size_t tests = json_object_size(json_object_get(r, "tests"));
	tell_cost(s, plain_ns, under_ns, tests);
	cr_expect_geq(tests, s->least);
	json_decref(r);
}

Test(integration_pytest, tests_of_zope_interface_come_out_the_same_under_the_gate)
{
	compare_suite(&(struct suite){ "zope.interface", "/usr/lib/python3/dist-packages",
				       "zope/interface", 1000, 240 });
}

Test(integration_pytest, tests_of_greenlet_come_out_the_same_under_the_gate)
{
	compare_suite(&(struct suite){ "greenlet", "/usr/lib/python3/dist-packages",
				       "--ignore=greenlet/tests/test_leaks.py greenlet/tests", 40,
				       240 });
}

/*
 * Debian's python3-pytest has no tests, its source has; many of them run pytest within pytest. A third
 * of them, or all (they need python3-hypothesis and python3-xmlschema), which takes minutes:
 * PYMEMPROF_PYTEST_WHOLE=1 PYMEMPROF_TIMEOUT=9000 meson test -t 15 integration_pytest
 */
Test(integration_pytest, pytests_own_suite_comes_out_the_same_under_the_gate)
{
	char path[512] = "";
	bool whole = getenv("PYMEMPROF_PYTEST_WHOLE") != NULL;
	FILE *f = popen("exec \"${PYMEMPROF_INTERPRETERS%/*}/debian-source\" python3-pytest", "re");

	cr_assert(f);
	if (fgets(path, sizeof path, f))
		path[strcspn(path, "\n")] = '\0';
	if (pclose(f) != 0)
		cr_skip_test("the source of pytest is not to be had from the mirror");
	compare_suite(
		&(struct suite){ "pytest", path,
				 whole ? "testing" :
					 "testing/test_skipping.py testing/test_mark.py "
					 "testing/test_runner.py testing/test_reports.py "
					 "testing/test_collection.py testing/python/collect.py",
				 whole ? 3000 : 400, whole ? 3000 : 240 });
}
