/* SPDX-License-Identifier: MIT */
/*
 * The reader of interpreters against every interpreter of this machine: what it finds from
 * outside must equal what the target says of itself. Uses the library, not the program.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/support/target.h"
#include "tracer/cpython/code.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/cpython/frame.h"
#include "tracer/cpython/interp.h"
#include "tracer/cpython/obmalloc.h"
#include "tracer/cpython/tables.h"
#include "tracer/cpython/tracemalloc.h"
#include "tracer/elf/symtab.h"
#include "tracer/mem/live.h"
#include "tracer/process/stop.h"

#define PYTHONS_MAX 32
#define DEPTH_MAX 4096
#define THREADS_MAX 64

/* One target under examination. */
struct scene {
	const struct python *python;
	struct target target;
	struct mem_source *mem;
	struct maps maps;
	struct py py;
	char why[768];
};

static bool fail(struct scene *s, const char *what, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s: %s", what, why);
	return false;
}

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool scene_begin(struct scene *s, const struct python *python, const char *word)
{
	const char *args[] = { word, NULL };
	struct target_options options = { .script = "stacks.py", .args = args };
	struct err err = ERR_INIT;

	*s = (struct scene){ .python = python };
	if (!target_spawn(&s->target, python, &options))
		return fail(s, "spawn", s->target.error);
	if (live_new(s->target.pid, &s->mem, &err) < 0)
		return fail(s, "open", err.text);
	if (py_identify(s->target.pid, s->mem, NULL, &s->maps, &s->py, &err) < 0)
		return fail(s, "detect", err.text);
	return true;
}

static void scene_end(struct scene *s)
{
	py_deinit(&s->py);
	maps_deinit(&s->maps);
	mem_free(s->mem);
	target_kill(&s->target);
}

static bool check_identity(struct scene *s)
{
	const json_t *truth = s->target.ready;

	if (s->py.hexversion != (uint32_t)number(truth, "hexversion"))
		return fail(s, "version", s->py.version);
	if (s->py.type_type.v != (uint64_t)number(truth, "type") ||
	    s->py.code_type.v != (uint64_t)number(truth, "code"))
		return fail(s, "PyType_Type, PyCode_Type", "other addresses than id()");
	if (s->py.is_static != !strcmp(s->python->kind, "static"))
		return fail(s, "kind", s->python->kind);
	if (s->py.offsets_differ)
		return fail(s, "debug offsets differ", s->py.offsets_note);
	if (!s->py.initialized || !s->py.pymalloc || s->py.debug_allocators)
		return fail(s, "state", "not an ordinary initialised interpreter");
	return true;
}

/* .dynsym of the mapped image and of the file agree. */
static bool check_image(struct scene *s)
{
	struct image *img = NULL;
	struct symbol runtime;
	struct err err = ERR_INIT;
	int r = image_open_mem(s->mem, taddr_of(s->py.obj_start), &img, &err);

	if (r == 0)
		r = symtab_dynamic(img, "_PyRuntime", &runtime, &err);
	if (r != 1 || runtime.vaddr + img->bias != s->py.runtime.v ||
	    runtime.bytes != s->py.runtime_bytes) {
		image_free(img);
		return fail(s, "image in memory", err.text);
	}
	image_free(img);
	return true;
}

static bool check_frame(struct scene *s, const struct frame *f, const json_t *truth)
{
	struct code code;
	struct err err = ERR_INIT;
	const char *name = json_string_value(json_array_get(truth, 0));
	const char *file = json_string_value(json_array_get(truth, 1));
	const json_t *line = json_array_get(truth, 2);
	bool same;

	if (code_read(&s->py, s->mem, f->code, &code, &err) < 0)
		return fail(s, "code", err.text);
	same = !strcmp(code.name, name) && !strcmp(code.file, file) &&
	       (json_is_null(line) || code_line(&code, f->lasti) == json_integer_value(line));
	if (!same)
		snprintf(s->why, sizeof(s->why), "frame %.200s at %d is said to be %.200s at %lld",
			 code.name, code_line(&code, f->lasti), name,
			 (long long)json_integer_value(line));
	code_deinit(&code);
	return same;
}

static bool check_stack(struct scene *s, taddr tstate, const json_t *frames)
{
	struct frame_iter it;
	struct frame f;
	struct err err = ERR_INIT;
	size_t depth = 0;
	int r = frame_iter_init(&it, &s->py, s->mem, tstate, &err);

	while (r == 0 && (r = frame_next(&it, &f, &err)) > 0) {
		if (depth == json_array_size(frames))
			return fail(s, "stack", "more frames than there are");
		if (!check_frame(s, &f, json_array_get(frames, depth++)))
			return false;
		r = 0;
	}
	if (r < 0)
		return fail(s, "stack", err.text);
	return depth == json_array_size(frames) || fail(s, "stack", "frames are missing");
}

static const json_t *thread_truth(const struct scene *s, uint64_t id)
{
	const json_t *threads = json_object_get(s->target.ready, "threads");

	for (size_t i = 0; i < json_array_size(threads); i++) {
		const json_t *t = json_array_get(threads, i);

		if ((uint64_t)number(t, "id") == id)
			return t;
	}
	return NULL;
}

static bool check_threads(struct scene *s, const pid_t *tids, size_t ntids)
{
	struct thread_iter it;
	struct interp_thread t;
	struct err err = ERR_INIT;
	size_t seen = 0;
	int r = thread_iter_init(&it, &s->py, s->mem, s->py.main_interp, &err);

	while (r == 0 && (r = thread_next(&it, &t, &err)) > 0) {
		const json_t *truth = thread_truth(s, t.thread_id);
		uint64_t tid = t.tid ? t.tid : interp_tid_of(s->mem, t.thread_id, tids, ntids);

		r = 0;
		if (!truth) {
			if (t.thread_id != (uint64_t)number(s->target.ready, "main"))
				return fail(s, "threads", "one that Python does not know");
			continue;
		}
		seen++;
		if (tid != (uint64_t)number(truth, "tid"))
			return fail(s, "threads", "another native id");
		if (!check_stack(s, t.tstate, json_object_get(truth, "frames")))
			return false;
	}
	if (r < 0)
		return fail(s, "threads", err.text);
	return seen == json_array_size(json_object_get(s->target.ready, "threads")) ||
	       fail(s, "threads", "one is missing");
}

/* Needs the threads stopped. Nothing runs Python, so nobody may seem attached. */
static bool check_access(struct scene *s, struct stop *stop)
{
	taddr tps[THREADS_MAX], pc, sp, tstate;
	struct err err = ERR_INIT;
	size_t n = 0;

	for (; n < stop_count(stop) && n < THREADS_MAX; n++)
		if (stop_pc_sp_tp(stop, n, &pc, &sp, &tps[n], &err) < 0)
			return fail(s, "registers", err.text);
	if (py_find_tstate_access(&s->py, s->mem, tps, n, &err) < 0)
		return fail(s, "thread state", err.text);
	for (size_t i = 0; i < n; i++) {
		if (py_tstate_of(&s->py, s->mem, tps[i], &tstate, &err) < 0)
			return fail(s, "thread state", err.text);
		if (!taddr_is_null(tstate))
			return fail(s, "thread state", "a thread in a system call seems attached");
	}
	return true;
}

static bool check_obmalloc(struct scene *s)
{
	struct obmalloc o;
	struct err err = ERR_INIT;

	if (obmalloc_find(&s->py, s->mem, s->py.main_interp, &o, &err) < 0)
		return fail(s, "pymalloc", err.text);
	if (taddr_is_null(o.arenas) || !o.maxarenas)
		return fail(s, "pymalloc", "no arenas");
	return true;
}

static bool check_stacks(struct scene *s)
{
	struct stop *stop = NULL;
	struct err err = ERR_INIT;
	pid_t tids[THREADS_MAX];
	size_t n = 0;
	bool ok;

	if (stop_attach(s->target.pid, &stop, &err) < 0)
		return fail(s, "stop", err.text);
	for (; n < stop_count(stop) && n < THREADS_MAX; n++)
		tids[n] = stop_tid(stop, n);
	ok = check_identity(s) && check_image(s) && check_threads(s, tids, n) &&
	     check_access(s, stop) && check_obmalloc(s);
	if (stop_detach(stop, &err) < 0 && ok)
		ok = fail(s, "detach", err.text);
	return ok;
}

/* --- tracemalloc ------------------------------------------------------------------------- */

static bool same_places(struct scene *s, const struct tracemalloc_trace *t, const json_t *frames)
{
	struct tracemalloc_place place[16];
	struct err err = ERR_INIT;
	uint32_t total;
	int n = tracemalloc_frames(&s->py, s->mem, t->traceback, place, 16, &total, &err);

	if (n < 0 || (size_t)n != json_array_size(frames))
		return fail(s, "traceback", n < 0 ? err.text : "another number of frames");
	for (int i = 0; i < n; i++) {
		const json_t *truth = json_array_get(frames, (size_t)i);
		AUTO_FREE char *file = NULL;

		if (tracemalloc_filename(&s->py, s->mem, place[i].filename, &file, &err) < 0)
			return fail(s, "traceback", err.text);
		if (strcmp(file, json_string_value(json_array_get(truth, 0))) ||
		    place[i].line != (uint32_t)json_integer_value(json_array_get(truth, 1)))
			return fail(s, "traceback", file);
	}
	return true;
}

/* The truth about a block, or NULL. */
static const json_t *trace_truth(const json_t *traces, uint64_t addr)
{
	for (size_t i = 0; i < json_array_size(traces); i++) {
		const json_t *t = json_array_get(traces, i);

		if ((uint64_t)json_integer_value(json_array_get(t, 0)) == addr)
			return t;
	}
	return NULL;
}

static bool traced_memory(struct scene *s, uint64_t *ret)
{
	taddr at;
	struct err err = ERR_INIT;

	if (s->py.layout->_PyRuntimeState_tracemalloc_traced_memory != PY_ABSENT)
		at = taddr_add(s->py.runtime, s->py.layout->_PyRuntimeState_tracemalloc_traced_memory);
	else if (py_symbol_local(&s->py, "tracemalloc_traced_memory", &at, &err) <= 0)
		return false;
	return mem_u64(s->mem, at, ret, &err) == 0;
}

static bool check_traces(struct scene *s)
{
	const json_t *traces = json_object_get(s->target.ready, "traces");
	AUTO_FREE struct tracemalloc_iter *it = calloc(1, sizeof(*it));
	struct tracemalloc_trace t;
	struct err err = ERR_INIT;
	uint64_t count = 0, bytes = 0, traced;
	size_t found = 0;
	int r;

	if (!s->py.tracemalloc_on)
		return fail(s, "tracemalloc", "seems off");
	r = tracemalloc_iter_init(it, &s->py, s->mem, &err);
	while (r == 0 && (r = tracemalloc_next(it, &t, &err)) > 0) {
		const json_t *truth = trace_truth(traces, t.block.v);

		r = 0;
		count++;
		bytes += t.size;
		if (!truth)
			continue;
		found++;
		if (t.size != (uint64_t)json_integer_value(json_array_get(truth, 1)))
			return fail(s, "trace", "another size");
		if (!same_places(s, &t, json_array_get(truth, 2)))
			return false;
	}
	if (r < 0)
		return fail(s, "traces", err.text);
	if (it->damaged || count != it->total)
		return fail(s, "traces", "the table is not whole");
	if (traced_memory(s, &traced) && traced != bytes)
		return fail(s, "traces", "sizes do not add up to the traced memory");
	return found == json_array_size(traces) || fail(s, "traces", "some are missing");
}

/* The target's threads go on: a table is whole when nobody is changing it just now. */
static bool check_traces_held(struct scene *s)
{
	bool ok = false;

	for (int i = 0; i < 20 && !ok; i++) {
		usleep(3000);
		kill(s->target.pid, SIGSTOP);
		usleep(1000);
		ok = check_traces(s);
		kill(s->target.pid, SIGCONT);
	}
	return ok;
}

/* --- tests ------------------------------------------------------------------------------- */

static void on_every_python(const char *word, bool (*check)(struct scene *))
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	size_t bad = 0;

	if (!n)
		cr_skip_test("no interpreter on this machine");
	for (size_t i = 0; i < n; i++) {
		struct scene s;
		bool ok = scene_begin(&s, &pythons[i], word) && check(&s);

		fprintf(stderr, "# %s %s: %s\n", pythons[i].name, pythons[i].version,
			ok ? "ok" : s.why);
		bad += !ok;
		scene_end(&s);
	}
	cr_assert_eq(bad, 0, "%zu of %zu interpreters are misread", bad, n);
}

Test(integration_cpython_live, stacks_threads_and_identity_equal_what_python_says, .timeout = 240)
{
	on_every_python("still", check_stacks);
}

Test(integration_cpython_live, tracemalloc_table_equals_what_python_says, .timeout = 240)
{
	on_every_python("trace", check_traces_held);
}

/* How many of all threads run Python at this instant; -1 when that cannot be told. */
static int attached(struct scene *s, pid_t pid, enum py_tstate_access *ret_access)
{
	taddr tps[THREADS_MAX], pc, sp, tstate;
	struct stop *stop = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;
	int count = 0, r = stop_attach(pid, &stop, &err);

	for (; r == 0 && n < stop_count(stop) && n < THREADS_MAX; n++)
		r = stop_pc_sp_tp(stop, n, &pc, &sp, &tps[n], &err);
	if (r == 0)
		r = py_find_tstate_access(&s->py, s->mem, tps, n, &err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = py_tstate_of(&s->py, s->mem, tps[i], &tstate, &err);
		count += !taddr_is_null(tstate);
	}
	*ret_access = s->py.tstate_access;
	snprintf(s->why, sizeof(s->why), "%s", err.text);
	if (stop && stop_detach(stop, &err) < 0)
		return -1;
	return r < 0 ? -1 : count;
}

/* Run the embedding program on this library; its pid once it runs Python, or -1. */
static pid_t embed(const char *library, const char *home)
{
	int out[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		setenv("PYTHONHOME", home, 1);
		dup2(out[1], STDOUT_FILENO);
		execl(getenv("PYMEMPROF_EMBED"), "embed", library, NULL);
		_exit(127);
	}
	close(out[1]);
	if (read(out[0], &byte, 1) != 1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(out[0]);
	return pid;
}

/* Never more than one thread is attached, and of many looks some meet one. */
static bool check_embedded(struct scene *s, pid_t pid)
{
	enum py_tstate_access want = s->py.tstate_access, access;
	struct err err = ERR_INIT;
	int met = 0;

	py_deinit(&s->py);
	maps_deinit(&s->maps);
	mem_free(s->mem);
	s->mem = NULL;
	s->maps = (struct maps){ 0 };
	if (live_new(pid, &s->mem, &err) < 0 ||
	    py_identify(pid, s->mem, NULL, &s->maps, &s->py, &err) < 0)
		return fail(s, "embedded", err.text);
	for (int i = 0; i < 20; i++) {
		int n = attached(s, pid, &access);

		if (n < 0 || n > 1)
			return n > 0 ? fail(s, "embedded", "two threads seem attached") : false;
		met += n;
		usleep(2000);
	}
	if (access != (want == PY_TSTATE_TLS_FIXED ? PY_TSTATE_TLS_DTV : want))
		return fail(s, "embedded", "another way to the thread state than expected");
	return met > 0 || fail(s, "embedded", "no thread ever runs Python");
}

Test(integration_cpython_live, library_loaded_late_has_its_state_in_dynamic_storage, .timeout = 120)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons), done = 0, bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct scene s;
		pid_t pid = -1;
		enum py_tstate_access access;
		bool ok;

		if (strcmp(pythons[i].kind, "shared"))
			continue;
		ok = scene_begin(&s, &pythons[i], "still") &&
		     attached(&s, s.target.pid, &access) == 0;
		if (ok) {
			pid = embed(s.py.path,
				    json_string_value(json_object_get(s.target.ready, "prefix")));
			ok = pid > 0 ? check_embedded(&s, pid) : fail(&s, "embed", "does not start");
		}
		fprintf(stderr, "# %s embedded: %s\n", pythons[i].name, ok ? "ok" : s.why);
		bad += !ok;
		done++;
		scene_end(&s);
		if (pid > 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	if (!done)
		cr_skip_test("no shared interpreter on this machine");
	cr_assert_eq(bad, 0);
}

/* A copy of a static interpreter whose file is gone while it runs. */
Test(integration_cpython_live, interpreter_whose_file_was_deleted_is_still_read, .timeout = 60)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons);
	char folder[] = "/tmp/pymemprof-test-XXXXXX", copy[64], command[1200];
	struct scene s;
	bool ok;
	size_t i = 0;

	while (i < n && (strcmp(pythons[i].kind, "static") || pythons[i].argv[1]))
		i++;
	if (i == n)
		cr_skip_test("no static interpreter outside a chroot");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(copy, sizeof(copy), "%s/snake", folder);
	snprintf(command, sizeof(command), "cp -L '%s' '%s'", pythons[i].argv[0], copy);
	cr_assert_eq(system(command), 0);
	pythons[i].argv[0] = copy;
	s = (struct scene){ .python = &pythons[i] };
	ok = target_spawn(&s.target, &pythons[i],
			  &(struct target_options){ .script = "stacks.py" });
	unlink(copy);
	rmdir(folder);
	if (ok) {
		struct err err = ERR_INIT;

		ok = live_new(s.target.pid, &s.mem, &err) == 0 &&
		     py_identify(s.target.pid, s.mem, NULL, &s.maps, &s.py, &err) == 0;
		snprintf(s.why, sizeof(s.why), "%s", err.text);
		ok = ok && check_stacks(&s);
	}
	scene_end(&s);
	cr_assert(ok, "%s", s.why);
}

/* A child that executes the interpreter after a moment; until then it is this program. */
static pid_t start_late(const struct python *py, useconds_t wait)
{
	char *argv[8] = { NULL };
	size_t n = 0;
	pid_t pid;

	while (n < 4 && py->argv[n]) {
		argv[n] = (char *)py->argv[n];
		n++;
	}
	argv[n++] = (char *)"-c";
	argv[n] = (char *)"import time; time.sleep(100)";
	pid = fork();
	if (pid == 0) {
		usleep(wait);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

Test(integration_cpython_live, process_that_is_about_to_become_an_interpreter_is_waited_for, .timeout = 120)
{
	static struct python pythons[PYTHONS_MAX];
	size_t n = pythons_find(PYTHONS_MAX, pythons), bad = 0;

	for (size_t i = 0; i < n; i++) {
		for (useconds_t wait = 0; wait < 12000; wait += 1500) {
			struct mem_source *mem = NULL;
			struct err err = ERR_INIT;
			struct maps maps = { 0 };
			struct py py = { 0 };
			pid_t pid = start_late(&pythons[i], wait);

			if (live_new(pid, &mem, &err) < 0 ||
			    py_identify(pid, mem, NULL, &maps, &py, &err) < 0) {
				fprintf(stderr, "# %s after %u us: %s\n", pythons[i].name, wait, err.text);
				bad++;
			} else {
				py_deinit(&py);
				maps_deinit(&maps);
			}
			mem_free(mem);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	cr_assert_eq(bad, 0);
}
