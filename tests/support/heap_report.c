/* SPDX-License-Identifier: MIT */
/* What the suites of snapshots share: the targets, the command, and what every report must say. */
#include "tests/support/heap_report.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/cli.h"

#define PYTHONS_MAX 32

size_t all_pythons(struct python **ret)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);

	if (n == 0)
		cr_skip_test("no interpreter found");
	*ret = pythons;
	return n;
}

int cycles_wanted(int usual)
{
	const char *text = getenv("PYMEMPROF_CYCLES");

	return text && atoi(text) > 0 ? atoi(text) : usual;
}

void spawn(struct target *t, const struct python *py, const char *const *args)
{
	struct target_options o = { .script = "snapshot.py", .args = args };

	cr_assert(target_spawn(t, py, &o), "%s: %s", py->name, t->error);
	usleep(50000); /* until it waits for a line */
}

const char *pid_word(const struct target *t)
{
	static char word[16];

	snprintf(word, sizeof word, "%d", (int)t->pid);
	return word;
}

json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* snapshot WORD [more] --format json */
json_t *snapshot(const char *who, const char *word, const char *more)
{
	struct cli done;
	json_t *report;

	CLI(&done, TIME_MS, "snapshot", word, "--format", "json", more);
	report = cli_json(&done);
	cr_assert(done.status == 0 && report, "%s: status %d: %s", who, done.status, done.err);
	cli_done(&done);
	return report;
}

bool has_note(const json_t *report, const char *code)
{
	size_t i;
	json_t *note;

	json_array_foreach(json_object_get(report, "limits"), i,
			   note) if (strcmp(text_of(note, "code"), code) == 0) return true;
	return false;
}

json_int_t ledger(const json_t *report, const char *code)
{
	json_int_t sum = 0;
	size_t i;
	json_t *line;

	json_array_foreach(json_object_get(report, "ledger"), i,
			   line) if (number(line, "depth") == 0 &&
				     (!code || strcmp(text_of(line, "code"), code) == 0)) sum +=
		number(line, "bytes");
	return sum;
}

long long smaps_rss(pid_t pid)
{
	AUTO_FREE char *text = target_proc(pid, "smaps");
	long long sum = 0;

	for (const char *p = text; p && (p = strstr(p, "\nRss:")); p++)
		sum += atoll(p + 5) * 1024;
	return sum;
}

/* Every byte of every arena is in one column of its row, and the rows add up to the whole heap's. */
static void check_arenas(const json_t *report, const char *who)
{
	static const char *const of_arena[] = { "live_bytes", "free_bytes", "free_pool_bytes",
						"header_bytes", "tail_bytes", "align_bytes" };
	static const char *const of_heap[] = { "block_bytes", "free_bytes", "free_pool_bytes",
					       "pool_header_bytes", "pool_tail_bytes", "arena_align_bytes" };
	const json_t *heap = json_object_get(report, "heap"), *arenas = json_object_get(report, "arenas");
	json_int_t sum[6] = { 0 };
	json_t *a;
	size_t i;

	cr_expect_eq(json_array_size(arenas), number(heap, "arenas"), "%s: arenas", who);
	json_array_foreach(arenas, i, a)
	{
		json_int_t all = 0;

		for (size_t k = 0; k < 6; k++) {
			all += number(a, of_arena[k]);
			sum[k] += number(a, of_arena[k]);
		}
		cr_expect_eq(all, number(heap, "arena_size_bytes"), "%s: arena %s: %lld bytes", who,
			     text_of(a, "address"), all);
		cr_expect_eq(strlen(text_of(a, "map")), number(a, "pools"), "%s: map of arena %s", who,
			     text_of(a, "address"));
	}
	for (size_t k = 0; k < 6; k++)
		cr_expect_eq(sum[k], number(heap, of_heap[k]), "%s: %s of arenas: %lld, not %lld", who,
			     of_heap[k], sum[k], number(heap, of_heap[k]));
}

void check_parts(const json_t *report, const char *who)
{
	const json_t *heap = json_object_get(report, "heap");
	json_int_t parts = number(heap, "object_bytes") + number(heap, "buffer_bytes") +
			   number(heap, "free_list_bytes") + number(heap, "unknown_bytes");
	json_t *t;
	size_t i;

	cr_expect_eq(parts, number(heap, "block_bytes"), "%s: %lld of %lld", who, parts,
		     number(heap, "block_bytes"));
	cr_expect_eq(number(heap, "torn"), 0, "%s: torn", who);
	json_array_foreach(json_object_get(report, "types"), i, t)
	{
		json_int_t sum = number(t, "payload_bytes") + number(t, "header_bytes") +
				 number(t, "gc_head_bytes") + number(t, "dict_bytes") +
				 number(t, "buffer_bytes") + number(t, "slack_bytes") +
				 number(t, "rounding_bytes");

		cr_expect_eq(sum, number(t, "total_bytes"), "%s: %s", who, text_of(t, "type"));
		if (strcmp(text_of(t, "type"), "Plain") == 0)
			cr_expect_eq(number(t, "count"), 20000, "%s: Plain", who);
	}
	check_arenas(report, who);
	static const char *const members[] = { "arenas", "size_classes", "malloc",
					       "gc",	 "cost",	 "free_lists" };
	for (i = 0; i < sizeof members / sizeof *members; i++)
		cr_expect(json_object_get(report, members[i]), "%s: no %s", who, members[i]);
}

/* Lines of the file that are not `pid`. */
size_t foreign_lines(const char *path, pid_t pid)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	char line[64];
	size_t foreign = 0, all = 0;

	cr_assert(f);
	while (fgets(line, sizeof line, f)) {
		foreign += atoi(line) != pid;
		all++;
	}
	cr_expect(all > 100, "%s: only %zu lines", path, all);
	return foreign;
}

int children_of(pid_t pid)
{
	char file[64];
	int n = 0;

	snprintf(file, sizeof file, "task/%d/children", (int)pid);
	AUTO_FREE char *text = target_proc(pid, file);
	for (char *p = text; p && *p; p++)
		n += *p == ' ';
	return n;
}

void check_unharmed(struct target *t, const char *who)
{
	json_t *state = target_ask(t, "state", 10000);

	cr_assert(state, "%s: %s", who, t->error);
	cr_expect_eq(number(state, "sigchld"), 0, "%s: got SIGCHLD", who);
	cr_expect_eq(target_status(t->pid, "TracerPid"), 0, "%s: still traced", who);
	cr_expect_eq(children_of(t->pid), 0, "%s: %d children", who, children_of(t->pid));
	json_decref(state);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *types_text(const json_t *report)
{
	const json_t *types = json_object_get(report, "types");
	size_t n = json_array_size(types), size = 1;
	char **lines = calloc(n + 1, sizeof *lines), *all;
	json_t *t;
	size_t i;

	json_array_foreach(types, i, t)
	{
		cr_assert(asprintf(&lines[i], "%s.%s %lld objects, %lld bytes, %lld tracked\n",
				   text_of(t, "module"), text_of(t, "type"), number(t, "count"),
				   number(t, "total_bytes"), number(t, "tracked")) > 0);
		size += strlen(lines[i]);
	}
	qsort(lines, n, sizeof *lines, by_text);
	all = calloc(size, 1);
	for (i = 0; i < n; i++) {
		strcat(all, lines[i]);
		free(lines[i]);
	}
	free(lines);
	return all;
}

void expect_same_types(const json_t *a, const json_t *b, const char *who, const char *what)
{
	AUTO_FREE char *x = types_text(a);
	AUTO_FREE char *y = types_text(b);
	size_t i = 0, line = 0;

	cr_assert(json_array_size(json_object_get(a, "types")) > 20, "%s: few types", who);
	for (; x[i] && x[i] == y[i]; i++)
		line = x[i] == '\n' ? i + 1 : line;
	cr_expect(strcmp(x, y) == 0, "%s: %s: %.*s | %.*s", who, what, (int)strcspn(x + line, "\n"),
		  x + line, (int)strcspn(y + line, "\n"), y + line);
}

bool run_gcore(pid_t pid, const char *stem)
{
	char word[16];
	int status;
	pid_t child = fork();

	snprintf(word, sizeof word, "%d", (int)pid);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("gcore", "gcore", "-o", stem, word, (char *)NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
