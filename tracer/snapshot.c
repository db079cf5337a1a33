/* SPDX-License-Identifier: MIT */
/*
 * From a running process to memory that does not move, and back. Everything that can be done
 * before the stop is done before it; while threads are stopped only tracer/process works and a
 * few words are read. Knows the order of things, refuses to know what is in the memory.
 */
#include "tracer/snapshot.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/own.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/cpython/interp.h"
#include "tracer/cpython/tables.h"
#include "tracer/mem/core.h"
#include "tracer/mem/live.h"
#include "tracer/process/cgroup.h"
#include "tracer/process/procfs.h"
#include "tracer/process/refusal.h"
#include "tracer/process/remote.h"
#include "tracer/snapshot_private.h"

#define STEP_US 1000
#define ROOM_PART 4 /* of resident memory may be written to while the copy is read */
#define ROOM_LEAST (16u << 20) /* room for kernel tables and the target's own needs */
#define FUNCTION_BYTES 1024 /* of pymalloc's four entry points, more than any build needs */
#define RETAKES 2
#define REAP_TRIES 50  /* a debugger may hold the target when the copy is to be reaped */
#define REAP_RETRY_NS 100000000

static void maps_deinit_p(struct maps *m)
{
	maps_deinit(m);
}

static void smaps_deinit_p(struct smaps *s)
{
	smaps_deinit(s);
}

static void core_free_p(struct core **c)
{
	core_free(*c);
}

void snapshot_deinit(struct snapshot *s)
{
	(void)!stop_detach(s->stop, NULL);
	(void)!freeze_free(s->freeze, NULL, NULL);
	py_deinit(&s->py);
	maps_deinit(&s->maps);
	mem_free(s->mem);
	mem_free(s->copied);
	vec_deinit(&s->sp);
	snapshot_sites_deinit(&s->sites);
}

static int snapshot_init(struct snapshot *s, const struct snapshot_options *options,
			 const struct snapshot_hooks *hooks, struct snapshot_result *ret,
			 struct err *err)
{
	*ret = (struct snapshot_result){ 0 };
	*s = (struct snapshot){ .options = options, .hooks = hooks, .result = ret };
	s->begun_ns = snapshot_now_ns();
	s->begun_cpu_ns = snapshot_cpu_ns();
	return fanout_init(&s->fanout, hooks->sinks, hooks->nsinks, false, err);
}

/* Whether a snapshot can say anything of the interpreter that was found. */
static int usable(const struct py *py, struct err *err)
{
	if (!py->initialized)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED, "Python has not started yet there"),
				"not-initialized");
	if (!py->pymalloc)
		return err_hint(err,
				err_set(err, ERR_UNSUPPORTED,
					"this Python does not use pymalloc (PYTHONMALLOC=malloc?)"),
				"no-pymalloc");
	return 0;
}

/* --- a source that ends ------------------------------------------------------------------- */

static int64_t guard_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct snapshot_guard *g = (struct snapshot_guard *)src;

	if (g->deadline_ns && !g->late)
		g->late = snapshot_now_ns() > g->deadline_ns;
	if (g->late || (g->stop && *g->stop > g->stop_from))
		return ERR_GONE;
	return mem_read_some(g->under, addr, buf, n);
}

static const struct mem_ops guard_ops = { guard_read, NULL };

static struct snapshot_guard guard_of(const struct snapshot *s, struct mem_source *under)
{
	return (struct snapshot_guard){ .base = { &guard_ops, under->word_bytes },
					.under = under,
					.stop = s->hooks->stop,
					.stop_from = s->stop_from };
}

/* A walk that was ended by its guard did not lose its target. */
static int guard_explain(const struct snapshot_guard *g, int r, struct err *err)
{
	if (r != ERR_GONE)
		return r;
	if (g->late)
		return err_hint(err,
				err_set(err, ERR_INTERRUPTED,
					"reading the stopped process takes longer than allowed"),
				"max-pause");
	return g->stop && *g->stop > g->stop_from ? err_set(err, ERR_INTERRUPTED, "interrupted") :
						    r;
}

/* --- the instant -------------------------------------------------------------------------- */

static bool collecting(struct snapshot *s)
{
	int32_t at = s->py.layout->gc_runtime_state_collecting;
	struct interp_iter it;
	taddr interp;
	uint32_t flag;

	if (at < 0 || interp_iter_init(&it, &s->py, s->mem, NULL) < 0)
		return false;
	while (interp_next(&it, &interp, NULL) > 0)
		if (mem_u32(s->mem, taddr_of(interp_gc(&s->py, interp).v + (uint64_t)at), &flag,
			    NULL) == 0 &&
		    flag)
			return true;
	return false;
}

/* Is a thread inside one of the functions the table of the obj domain names? */
static bool inside_allocator(struct snapshot *s)
{
	struct alloc_table t;
	taddr pc, sp, tp;

	if (tables_read(&s->py, s->mem, PY_OBJ, &t, NULL) < 0)
		return false;
	for (size_t i = 0; i < stop_count(s->stop); i++) {
		if (stop_pc_sp_tp(s->stop, i, &pc, &sp, &tp, NULL) < 0)
			continue;
		for (int k = 0; k < 4; k++)
			if (pc.v - t.func[k] < FUNCTION_BYTES)
				return true;
	}
	return false;
}

/* Let the target run on until nobody is where a snapshot would be torn. */
static int good_instant(struct snapshot *s, struct err *err)
{
	uint64_t most = s->options->max_pause_ns ? s->options->max_pause_ns : SNAPSHOT_MAX_PAUSE_NS;
	uint64_t begin = snapshot_now_ns();

	for (;;) {
		int r = s->at_rest				   ? 0 :
			collecting(s) || inside_allocator(s) ? 1 :
			s->busy				   ? s->busy(s->busy_ctx, err) :
							     0;

		if (r <= 0)
			return r;
		/* the time it runs in between counts, too: somebody waits for us */
		s->inside = snapshot_now_ns() - begin + STEP_US * UINT64_C(2000) > most;
		if (s->inside)
			return 0;
		r = stop_step(s->stop, STEP_US, err);
		if (r < 0)
			return r;
		s->result->cost.pause_retries++;
	}
}

static int stack_pointers(struct snapshot *s, struct err *err)
{
	taddr pc, sp, tp;

	s->sp.len = 0;
	for (size_t i = 0; i < stop_count(s->stop); i++)
		if (stop_pc_sp_tp(s->stop, i, &pc, &sp, &tp, NULL) == 0 &&
		    vec_push(&s->sp, sp.v) < 0)
			return err_nomem(err);
	return 0;
}

static void count_pause(struct snapshot *s, uint64_t ns)
{
	struct fact_cost *c = &s->result->cost;

	c->pause_total_ns += ns;
	if (ns > c->pause_ns)
		c->pause_ns = ns;
}

static int let_go(struct snapshot *s, struct err *err)
{
	struct stop *stop = TAKE(s->stop);

	if (!stop)
		return 0;
	count_pause(s, stop_elapsed_ns(stop));
	return stop_detach(stop, err);
}

/*
 * While the copy lives, each page the target writes to exists twice. Where its control groups have
 * no room for that, memory would run out, and the target might be what is killed: no copy then.
 */
static void look_for_room(struct snapshot *s)
{
	struct cgroup_room room;
	uint64_t rss;

	if (!cgroup_memory_room(s->pid, &room) || procfs_rss_bytes(s->pid, &rss, NULL) < 0)
		return;
	s->no_room = room.bytes < rss / ROOM_PART + ROOM_LEAST;
	if (s->no_room)
		snprintf(s->note, sizeof(s->note),
			 "the process's control group leaves it %llu MiB, too little for a copy",
			 (unsigned long long)(room.bytes >> 20));
}

/* 1: a copy was made; 0: the kernel refused one, the target is still stopped. */
static int copy(struct snapshot *s, struct err *err)
{
	struct err why = ERR_INIT;
	struct remote *remote;
	int r = s->no_room ? 0 : remote_new(s->stop, s->mem, &s->maps, &remote, err);

	if (s->no_room)
		return 0;

	if (r < 0)
		return r;
	r = freeze_new(remote, &s->freeze, &why);
	remote_free(remote);
	if (r == 0)
		return 1;
	if (why.hint && strcmp(why.hint, "clone-refused") == 0) {
		snprintf(s->note, sizeof(s->note), "%.120s", why.text);
		return 0;
	}
	if (err)
		*err = why;
	return r;
}

/* --- reading ------------------------------------------------------------------------------ */

/* A fork does not copy page tables of mappings a fault can refill (mm/memory.c, vma_needs_copy). */
static void add_unforked(struct smaps *copy, const struct smaps *target)
{
	size_t k = 0;

	for (size_t i = 0; i < copy->maps.count; i++) {
		const struct map_range *r = &copy->maps.ranges[i];

		while (k < target->maps.count && target->maps.ranges[k].start < r->start)
			k++;
		if (copy->usage[i].rss == 0 && k < target->maps.count &&
		    target->maps.ranges[k].start == r->start &&
		    target->maps.ranges[k].end == r->end)
			copy->usage[i] = target->usage[k];
	}
}

int snapshot_read_copy(struct snapshot *s, struct err *err)
{
	AUTO(maps_deinit_p) struct maps maps = { 0 };
	AUTO(smaps_deinit_p) struct smaps usage = { 0 };
	AUTO(smaps_deinit_p) struct smaps target = { 0 };
	pid_t pid = freeze_pid(s->freeze);
	int r = maps_read(pid, &maps, err);

	if (smaps_read(s->pid, &target, NULL) < 0)
		target = (struct smaps){ 0 }; /* it is gone by now */
	if (r == 0)
		r = smaps_read(pid, &usage, err);
	if (r == 0 && !s->copied)
		r = live_new(pid, &s->copied, err);
	if (r < 0)
		return r;
	add_unforked(&usage, &target);
	struct snapshot_guard guard = guard_of(s, s->copied);
	r = snapshot_read(s, &guard.base, &maps, &usage, pid, err);
	return guard_explain(&guard, r, err);
}

static int read_stopped(struct snapshot *s, struct err *err)
{
	AUTO(maps_deinit_p) struct maps maps = { 0 };
	AUTO(smaps_deinit_p) struct smaps usage = { 0 };
	struct snapshot_guard guard = guard_of(s, s->mem);
	int r = maps_read(s->pid, &maps, err);

	if (r == 0)
		r = smaps_read(s->pid, &usage, err);
	if (r < 0)
		return r;
	if (s->options->max_pause_ns && s->options->read_only)
		guard.deadline_ns = snapshot_now_ns() + s->options->max_pause_ns;
	r = snapshot_read(s, &guard.base, &maps, &usage, s->pid, err);
	return guard_explain(&guard, r, err);
}

/* --- the copy goes ------------------------------------------------------------------------ */

static bool hint_is(const struct err *err, const char *hint)
{
	return err->hint && strcmp(err->hint, hint) == 0;
}

/* A debugger may hold the target just now; it will leave, too. */
static int stop_patiently(struct snapshot *s, struct err *err)
{
	for (int i = 0;; i++) {
		struct timespec wait = { .tv_nsec = REAP_RETRY_NS };
		int r = stop_attach(s->pid, &s->stop, err);

		if (r == 0 || !hint_is(err, "already-traced") || i == REAP_TRIES)
			return r;
		nanosleep(&wait, NULL);
	}
}

/* Kill and reap the copy, and those an earlier, killed pymemprof left. */
void snapshot_unfreeze(struct snapshot *s)
{
	struct err *err = &s->result->unfrozen;
	struct freeze *copy = TAKE(s->freeze);
	struct remote *remote = NULL;
	int r;

	*err = ERR_INIT;
	mem_free(TAKE(s->copied)); /* of the next one, where it is taken anew */
	if (!copy)
		return;
	freeze_kill(copy);
	r = stop_patiently(s, err);
	if (r == 0)
		r = remote_new(s->stop, s->mem, &s->maps, &remote, err);
	if (r < 0) {
		struct err second = ERR_INIT;

		/* Its own way to stop the target: the last try. */
		if (freeze_free(copy, NULL, r == ERR_GONE ? NULL : &second) == 0 || r == ERR_GONE)
			*err = ERR_INIT;
		(void)!let_go(s, NULL);
		return;
	}
	r = freeze_free(copy, remote, err);
	if (r == 0 && !s->among_copies)
		(void)!freeze_reap_orphans(remote, NULL);
	remote_free(remote);
	(void)!let_go(s, NULL);
	if (r == 0)
		*err = ERR_INIT;
}

/* --- the whole ---------------------------------------------------------------------------- */

static void mark_time(struct snapshot *s)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	s->at_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int push_target(struct snapshot *s, struct err *err)
{
	AUTO_FREE char *exe = NULL;

	if (s->said_target)
		return 0;
	s->said_target = true;
	if (procfs_exe_base(s->pid, &exe, NULL) < 0)
		exe = NULL;
	return snapshot_push_target(s, exe, err);
}

/*
 * The copy was ended before it was read, as happens in a control group without memory: the target
 * itself is still there to be read.
 */
static int read_without_copy(struct snapshot *s, struct err *err)
{
	int r;

	snprintf(s->note, sizeof(s->note), "its copy was ended while it was read (out of memory?)");
	freeze_kill(s->freeze);
	r = stop_patiently(s, err);
	if (r == 0)
		r = good_instant(s, err);
	if (r == 0)
		r = stack_pointers(s, err);
	if (r < 0)
		return r;
	mark_time(s);
	s->result->cost.pause_kind = FACT_PAUSE_STOPPED;
	return read_stopped(s, err);
}

/*
 * With every thread stopped, until they run again. 1: somebody was in the middle of a change after
 * all, as no program counter tells where allocators are inlined; it may be taken anew.
 */
static int take_stopped(struct snapshot *s, struct err *err)
{
	int r = good_instant(s, err), copied = 0;

	if (r == 0)
		r = stack_pointers(s, err);
	if (r == 0 && !s->options->read_only)
		r = copied = copy(s, err);
	mark_time(s);
	if (r < 0)
		return r;
	if (copied) {
		s->result->cost.pause_kind = FACT_PAUSE_CLONE;
		r = let_go(s, err);
		if (r == 0)
			r = freeze_settle(s->freeze, err);
		if (r == 0)
			r = push_target(s, err);
		if (r == 0)
			r = snapshot_read_copy(s, err);
		if (r == ERR_GONE && !s->pushed && kill(s->pid, 0) == 0)
			r = read_without_copy(s, err);
		return r;
	}
	s->result->cost.pause_kind = FACT_PAUSE_STOPPED;
	r = push_target(s, err);
	return r < 0 ? r : read_stopped(s, err);
}

/* A helper of ours may read the copy; it may not be allowed to open it. */
static void open_copy(struct snapshot *s)
{
	if (live_new(freeze_pid(s->freeze), &s->copied, NULL) == 0)
		(void)!live_keep(s->copied, NULL);
	else
		s->copied = NULL;
}

int snapshot_hold(struct snapshot *s, struct err *err)
{
	int r = maps_read(s->pid, &s->maps, err), gone;

	if (r == 0)
		look_for_room(s);
	if (r == 0)
		r = stop_attach(s->pid, &s->stop, err);
	if (r < 0)
		return r;
	r = good_instant(s, err);
	if (r == 0)
		r = stack_pointers(s, err);
	if (r == 0)
		r = copy(s, err);
	mark_time(s);
	gone = let_go(s, r < 0 ? NULL : err);
	if (gone == 0 && r > 0)
		gone = freeze_settle(s->freeze, err);
	if (gone == 0 && r > 0)
		open_copy(s);
	return gone < 0 && r >= 0 ? gone : r;
}

/* A sink's failure is told by sink_failed, not as an error of ours. */
static int conclude(struct snapshot *s, int r, struct err *err)
{
	if (r == 0)
		r = snapshot_push_end(s, err);
	s->result->sink_failed = s->fanout.failed;
	s->result->sink_why = s->fanout.why;
	return r < 0 && r == s->fanout.failed ? 0 : r;
}

int snapshot_take(pid_t pid, const struct snapshot_options *options,
		  const struct snapshot_hooks *hooks, struct snapshot_result *ret, struct err *err)
{
	AUTO(snapshot_deinit) struct snapshot s = { 0 };
	int r = snapshot_init(&s, options, hooks, ret, err);

	s.pid = pid;
	if (r == 0)
		r = refusal_before(pid, err);
	if (r == 0)
		r = live_new(pid, &s.mem, err);
	if (r == 0)
		r = py_identify(pid, s.mem, options->assume_layout, &s.maps, &s.py, err);
	if (r == 0)
		r = usable(&s.py, err);
	if (r == 0 && !options->read_only)
		look_for_room(&s);
	if (r == 0)
		r = stop_attach(pid, &s.stop, err);
	if (r < 0)
		return r;
	int gone = 0;
	s.retakes = RETAKES;
	do {
		r = s.stop ? 0 : stop_attach(pid, &s.stop, err);
		if (r == 0)
			r = take_stopped(&s, err);
		gone = let_go(&s, r < 0 ? NULL : err);
		snapshot_unfreeze(&s);
	} while (r > 0 && gone == 0);
	return conclude(&s, r < 0 ? r : gone, err);
}

/* --- core files --------------------------------------------------------------------------- */

/*
 * What the file holds counts as resident: all of a writable mapping the first byte of which is
 * there. Cores do not tell which pages were.
 */
static int core_usage(struct core *c, struct smaps *ret, struct err *err)
{
	const struct maps *m = core_maps(c);

	ret->maps = *m;
	ret->usage = calloc(m->count + 1, sizeof(*ret->usage));
	if (!ret->usage)
		return err_nomem(err);
	for (size_t i = 0; i < m->count; i++) {
		const struct map_range *r = &m->ranges[i];
		uint8_t byte;

		if (r->flags & MAP_W &&
		    mem_u8(core_source(c), taddr_of(r->start), &byte, NULL) == 0)
			ret->usage[i].rss = ret->usage[i].anonymous = r->end - r->start;
		ret->total.rss += ret->usage[i].rss;
	}
	return 0;
}

static int core_notes(struct snapshot *s, struct core *c, struct err *err)
{
	char text[160];
	int r = snapshot_push_note(s, "core-resident",
				   "a core file does not tell which pages were resident: what it holds of memory that may "
				   "be written counts as such, and no other",
				   err);

	if (r == 0 && core_missing_bytes(c)) {
		snprintf(text, sizeof(text), "the core file was cut off: %llu bytes are missing",
			 (unsigned long long)core_missing_bytes(c));
		r = snapshot_push_note(s, "truncated-core", text, err);
	}
	if (r == 0 && core_missing_files(c)) {
		snprintf(
			text, sizeof(text),
			"%zu mapped files are absent or of another build: what they hold is missing",
			core_missing_files(c));
		r = snapshot_push_note(s, "missing-files", text, err);
	}
	return r;
}

/* When the file was written: cores do not hold the time. */
static uint64_t changed_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ?
		       (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec :
		       0;
}

/* Basename of the program: the file mapped at the lowest address. */
static const char *core_program(const struct core *c)
{
	const struct maps *m = core_maps(c);
	const char *slash = m->count ? strrchr(m->ranges[0].path, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

/*
 * The interpreter's data, if the file ends before it: called python3.11 or libpython3.11.so.1.0. Its own
 * file has only what it began with: objects cannot be found from that.
 */
static const struct map_range *lost_data(struct core *c)
{
	const struct maps *m = core_maps(c);

	for (size_t i = 0; i < m->count; i++) {
		const struct map_range *range = &m->ranges[i];
		const char *slash = strrchr(range->path, '/');
		uint8_t byte;

		if (!slash || !(range->flags & MAP_W) ||
		    (strncmp(slash, "/python", 7) != 0 && strncmp(slash, "/libpython", 10) != 0))
			continue;
		if (mem_u8(core_source(c), taddr_of(range->start), &byte, NULL) < 0 ||
		    mem_u8(core_source(c), taddr_of(range->end - 1), &byte, NULL) < 0)
			return range;
	}
	return NULL;
}

/* What was cut off, if that is why it cannot be read. */
static int explain_cut(struct core *c, const char *path, int r, struct err *err)
{
	const struct map_range *lost = lost_data(c);

	if (lost)
		r = err_set(err, ERR_CORRUPT,
			    "the data of %.80s at 0x%llx, from which all objects are found, lies beyond its end",
			    strrchr(lost->path, '/') + 1, (unsigned long long)lost->start);
	return err_wrap(err, r, "%.80s was cut off (%llu bytes are missing)", path,
			(unsigned long long)core_missing_bytes(c));
}

int snapshot_core(const char *path, const struct snapshot_options *options,
		  const struct snapshot_hooks *hooks, struct snapshot_result *ret, struct err *err)
{
	AUTO(snapshot_deinit) struct snapshot s = { 0 };
	AUTO(core_free_p) struct core *core = NULL;
	AUTO_FREE struct smaps_usage *rows = NULL;
	struct smaps usage = { 0 };
	int r = snapshot_init(&s, options, hooks, ret, err);

	if (r == 0)
		r = core_open(path, options->sysroot, &core, err);
	if (r < 0)
		return r;
	s.pid = core_pid(core);
	s.at_unix_ns = changed_at(path);
	struct snapshot_guard guard = guard_of(&s, core_source(core));
	size_t n;
	const struct core_thread *threads = core_threads(core, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = vec_push(&s.sp, threads[i].sp.v) < 0 ? err_nomem(err) : 0;
	if (r == 0)
		r = py_detect(-1, &guard.base, core_maps(core), options->assume_layout, &s.py, err);
	if ((r == ERR_CORRUPT || r == ERR_FAULT) && core_missing_bytes(core))
		r = py_detect_damaged(&guard.base, core_maps(core), options->assume_layout, &s.py,
				      err);
	if (r == 0)
		r = usable(&s.py, err);
	if (r < 0 && core_missing_bytes(core))
		return explain_cut(core, path, r, err);
	if (r == 0)
		r = core_usage(core, &usage, err);
	rows = usage.usage;
	s.core_bytes = core_bytes(core);
	ret->cost.pause_kind = FACT_PAUSE_CORE;
	if (r == 0)
		r = snapshot_push_target(&s, core_program(core), err);
	if (r == 0)
		r = core_notes(&s, core, err);
	if (r == 0)
		r = snapshot_read(&s, &guard.base, core_maps(core), &usage, 0, err);
	return conclude(&s, guard_explain(&guard, r, err), err);
}
