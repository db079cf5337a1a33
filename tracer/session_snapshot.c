/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a process that is being recorded. The first is frozen once the hooks are live and
 * walked by a child of ours, which hands its facts over as a .pmp in memory, so that the pipe is
 * read meanwhile and no event waits. The second is taken when the agent is out again, which does not wait
 * for the first to be walked: there may be two copies then. A
 * snapshot that fails costs the recording a note and nothing else.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/session_private.h"
#include "tracer/snapshot_private.h"
#include "tracer/stream/pmp.h"

#define WAIT_SLICE_NS 2000000

struct session_side {
	struct snapshot snap;
	struct snapshot_options options;
	struct snapshot_hooks hooks;
	struct snapshot_result result;
	uint32_t number;
	pid_t helper; /* 0: none */
	int fd;	      /* its facts */
};

/* What a snapshot may add to a recording: no second target, no second end. */
static struct fact_sink rows_only(const struct fact_sink *all)
{
	return (struct fact_sink){
		.ctx = all->ctx,
		.note = all->note,
		.heap = all->heap,
		.heap_type = all->heap_type,
		.heap_buffer = all->heap_buffer,
		.heap_class = all->heap_class,
		.heap_arena = all->heap_arena,
		.heap_free_list = all->heap_free_list,
		.heap_unknown = all->heap_unknown,
		.heap_gc = all->heap_gc,
		.heap_cycle = all->heap_cycle,
		.heap_malloc = all->heap_malloc,
		.heap_join = all->heap_join,
		.heap_held = all->heap_held,
		.heap_graph = all->heap_graph,
		.heap_holder = all->heap_holder,
		.heap_path = all->heap_path,
		.heap_step = all->heap_step,
		.heap_refcount = all->heap_refcount,
		.heap_module = all->heap_module,
		.heap_name = all->heap_name,
		.heap_edges = all->heap_edges,
		.ledger = all->ledger,
		.heap_end = all->heap_end,
	};
}

/* --- rows of the helper, whose sites have numbers of their own ---------------------------- */

struct moved {
	struct session *s;
	struct fact_sink to;
	struct VEC(uint32_t) site; /* the helper's number - 1 → the recording's */
};

#define FORWARD(name, type)                                                                        \
	static int moved_##name(void *ctx, type f, struct err *err)                                \
	{                                                                                          \
		const struct fact_sink *to = &((struct moved *)ctx)->to;                           \
                                                                                                   \
		return to->name ? to->name(to->ctx, f, err) : 0;                                   \
	}

FORWARD(note, const struct fact_note *)
FORWARD(heap, const struct fact_heap *)
FORWARD(heap_type, const struct fact_heap_type *)
FORWARD(heap_buffer, const struct fact_heap_buffer *)
FORWARD(heap_class, const struct fact_heap_class *)
FORWARD(heap_free_list, const struct fact_heap_free_list *)
FORWARD(heap_unknown, const struct fact_heap_unknown *)
FORWARD(heap_gc, const struct fact_heap_gc *)
FORWARD(heap_cycle, const struct fact_heap_cycle *)
FORWARD(heap_malloc, const struct fact_heap_malloc *)
FORWARD(heap_graph, const struct fact_heap_graph *)
FORWARD(heap_holder, const struct fact_heap_holder *)
FORWARD(heap_path, const struct fact_heap_path *)
FORWARD(heap_step, const struct fact_heap_step *)
FORWARD(heap_refcount, const struct fact_heap_refcount *)
FORWARD(heap_module, const struct fact_heap_module *)
FORWARD(heap_name, const struct fact_heap_name *)
FORWARD(heap_edges, const struct fact_heap_edges *)
FORWARD(ledger, const struct fact_ledger *)
FORWARD(heap_end, uint32_t)

static uint32_t moved_number(const struct moved *m, uint32_t site)
{
	return site && site <= m->site.len ? m->site.at[site - 1] : 0;
}

static int moved_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct moved *m = ctx;
	int64_t site = ledger_add_site(m->s->ledger, f, err);

	if (site < 0)
		return (int)site;
	return vec_push(&m->site, (uint32_t)site) < 0 ? err_nomem(err) : 0;
}

static int moved_arena(void *ctx, const struct fact_heap_arena *f, struct err *err)
{
	struct moved *m = ctx;
	struct fact_heap_arena a = *f;

	for (uint32_t i = 0; i < a.npins; i++)
		a.pins[i].site = moved_number(m, a.pins[i].site);
	return m->to.heap_arena ? m->to.heap_arena(m->to.ctx, &a, err) : 0;
}

static int moved_join(void *ctx, const struct fact_heap_join *f, struct err *err)
{
	struct moved *m = ctx;
	struct fact_heap_join j = *f;

	j.site = moved_number(m, j.site);
	return m->to.heap_join && j.site ? m->to.heap_join(m->to.ctx, &j, err) : 0;
}

static int moved_held(void *ctx, const struct fact_heap_held *f, struct err *err)
{
	struct moved *m = ctx;
	struct fact_heap_held held = *f;

	held.site = moved_number(m, held.site);
	return m->to.heap_held ? m->to.heap_held(m->to.ctx, &held, err) : 0;
}

static int read_moved(struct session *s, int fd, struct err *err)
{
	struct moved m = { .s = s, .to = rows_only(&s->fanout.sink) };
	const struct fact_sink sink = {
		.ctx = &m,
		.site = moved_site,
		.note = moved_note,
		.heap = moved_heap,
		.heap_type = moved_heap_type,
		.heap_buffer = moved_heap_buffer,
		.heap_class = moved_heap_class,
		.heap_arena = moved_arena,
		.heap_free_list = moved_heap_free_list,
		.heap_unknown = moved_heap_unknown,
		.heap_gc = moved_heap_gc,
		.heap_cycle = moved_heap_cycle,
		.heap_malloc = moved_heap_malloc,
		.heap_join = moved_join,
		.heap_held = moved_held,
		.heap_graph = moved_heap_graph,
		.heap_holder = moved_heap_holder,
		.heap_path = moved_heap_path,
		.heap_step = moved_heap_step,
		.heap_refcount = moved_heap_refcount,
		.heap_module = moved_heap_module,
		.heap_name = moved_heap_name,
		.heap_edges = moved_heap_edges,
		.ledger = moved_ledger,
		.heap_end = moved_heap_end,
	};
	int r = pmp_read_fd(fd, &sink, err);

	vec_deinit(&m.site);
	return r;
}

/* --- one snapshot --------------------------------------------------------------------------- */

static int refuse(struct session *s, const struct err *why, struct err *err)
{
	const struct fact_sink *sink = &s->fanout.sink;
	char text[ERR_TEXT_MAX + 40];
	struct fact_note f = { "no-snapshot", text };

	snprintf(text, sizeof(text), "a snapshot could not be taken: %s", why->text);
	return sink->note ? sink->note(sink->ctx, &f, err) : 0;
}

static struct session_side *side_new(struct session *s)
{
	struct session_side *side = calloc(1, sizeof(*side));

	if (!side)
		return NULL;
	side->fd = -1;
	side->number = ++s->snapshots;
	side->snap = (struct snapshot){
		.pid = s->pid,
		.options = &side->options,
		.hooks = &side->hooks,
		.result = &side->result,
		.mem = s->mem, /* these two are the session's */
		.py = s->py,
		.number = side->number,
		.at_ns = clock_now(&s->clock),
	};
	if (s->ended_ns)
		s->ended_ns = side->snap.at_ns;
	side->snap.begun_ns = snapshot_now_ns();
	side->snap.begun_cpu_ns = snapshot_cpu_ns();
	return side;
}

static void add_cost(struct fact_cost *to, const struct fact_cost *from)
{
	if (from->pause_ns > to->pause_ns)
		to->pause_ns = from->pause_ns;
	to->pause_total_ns += from->pause_total_ns;
	to->pause_retries += from->pause_retries;
	if (from->pause_ns)
		to->pause_kind = FACT_PAUSE_CLONE;
}

static void side_free(struct session *s, struct session_side *side)
{
	if (!side)
		return;
	if (side->helper) {
		(void)kill(side->helper, SIGKILL);
		(void)waitpid(side->helper, NULL, 0);
	}
	side->snap.among_copies = s->side || s->held;
	snapshot_unfreeze(&side->snap);
	add_cost(&s->result->cost, &side->result.cost);
	if (side->fd >= 0)
		close(side->fd);
	side->snap.mem = NULL;
	side->snap.py = (struct py){ 0 };
	snapshot_deinit(&side->snap);
	free(side);
}

/* The child is not the program: nothing of the program's ending may run in it. */
__attribute__((noreturn)) static void end_helper(int status)
{
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

/* In the child: walk the copy, write what it holds, end. */
__attribute__((noreturn)) static void help(struct session_side *side, pid_t parent)
{
	struct pmp_options o = { .path = "-" };
	struct pmp_writer *writer = NULL;
	const struct fact_sink *sinks[1];
	int r = prctl(PR_SET_PDEATHSIG, SIGKILL);

	/* A Ctrl-C in the terminal is meant for the recording. */
	(void)signal(SIGINT, SIG_IGN);
	if (r < 0 || getppid() != parent || dup2(side->fd, STDOUT_FILENO) < 0)
		end_helper(1);
	r = pmp_writer_new(&o, &writer, NULL);
	if (r == 0) {
		sinks[0] = pmp_writer_sink(writer);
		r = fanout_init(&side->snap.fanout, sinks, 1, false, NULL);
	}
	if (r == 0)
		r = snapshot_read_copy(&side->snap, NULL);
	if (r == 0)
		r = snapshot_push_end(&side->snap, NULL);
	if (pmp_writer_close(writer, NULL) < 0 || r < 0)
		end_helper(1);
	end_helper(0);
}

/* A thread that moves a block may wait for room in the pipe, where it has not told its caller yet. */
static int agent_busy(void *ctx, struct err *err)
{
	struct session *s = ctx;
	int r = 0;

	if (!inject_busy(s->inject, s->mem))
		return 0;
	r = session_drain(s, err);
	return r < 0 ? r : 1;
}

int session_snapshot_begin(struct session *s, struct err *err)
{
	struct session_side *side = side_new(s);
	struct err why = ERR_INIT;
	pid_t parent = getpid();
	int r;

	if (!side)
		return err_nomem(err);
	if (inject_fixed(s->inject))
		side->snap.agent_at = inject_fixed(s->inject)->map_base;
	side->snap.busy = agent_busy;
	side->snap.busy_ctx = s;
	r = snapshot_hold(&side->snap, &why);
	if (r == 0)
		r = err_set(&why, ERR_SYS, "%.180s", side->snap.note);
	side->fd = r < 0 ? -1 : memfd_create("snapshot", MFD_CLOEXEC);
	if (r >= 0 && side->fd < 0)
		r = err_sys(&why, errno, "memory for it");
	if (r >= 0) {
		side->helper = fork();
		if (side->helper == 0)
			help(side, parent);
		if (side->helper < 0) {
			side->helper = 0;
			r = err_sys(&why, errno, "fork");
		}
	}
	if (r < 0) {
		side_free(s, side);
		return refuse(s, &why, err);
	}
	s->side = side;
	return 0;
}

/* The child has ended: take its facts over. */
static int take_over(struct session *s, int status, struct err *err)
{
	struct session_side *side = TAKE(s->side);
	struct err why = ERR_INIT;
	int r = 0;

	side->helper = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)err_set(&why, ERR_SYS, "its helper failed (status %#x)", (unsigned)status);
		r = refuse(s, &why, err);
	} else if (lseek(side->fd, 0, SEEK_SET) == 0) {
		r = read_moved(s, side->fd, err);
	}
	side_free(s, side);
	return r;
}

int session_snapshot_poll(struct session *s, struct err *err)
{
	int status;

	if (!s->side || waitpid(s->side->helper, &status, WNOHANG) != s->side->helper)
		return 0;
	return take_over(s, status, err);
}

int session_snapshot_wait(struct session *s, struct err *err)
{
	const struct timespec slice = { .tv_nsec = WAIT_SLICE_NS };
	int r = session_snapshot_poll(s, err);

	while (r == 0 && s->side) {
		nanosleep(&slice, NULL);
		r = session_drain(s, err); /* the target goes on */
		if (r == 0)
			r = session_tick(s, err);
		if (r == 0)
			r = session_snapshot_poll(s, err);
	}
	return r;
}

static uint32_t recorded(void *ctx, uint64_t block)
{
	return ledger_site_of(((struct session *)ctx)->ledger, block);
}

static int64_t add_site(void *ctx, const struct fact_site *f, struct err *err)
{
	return ledger_add_site(((struct session *)ctx)->ledger, f, err);
}

/* The last one's copy. 1: *ret_side has it; 0: there is none, as a note says. */
static int hold_last(struct session *s, struct session_side **ret_side, struct err *err)
{
	struct session_side *side = side_new(s);
	struct err why = ERR_INIT;
	int r;

	if (!side)
		return err_nomem(err);
	side->hooks.stop = s->hooks->stop;
	side->snap.stop_from = s->hooks->stop ? *s->hooks->stop : 0;
	side->snap.at_rest = s->hooked;
	r = snapshot_hold(&side->snap, &why);
	if (r == 0)
		r = err_set(&why, ERR_SYS, "%.180s", side->snap.note);
	if (r > 0) {
		*ret_side = side;
		return 1;
	}
	side_free(s, side);
	return r == ERR_GONE ? 0 : refuse(s, &why, err); /* it ended just now: so does the recording */
}

int session_snapshot_hold(struct session *s, struct err *err)
{
	struct err why = ERR_INIT;
	int r = inject_waits(s->inject, s->mem) ? hold_last(s, &s->held, err) : 1;

	/* Did it wait all the while? Then the copy is of that instant, too. */
	if (r <= 0 || inject_waits(s->inject, s->mem))
		return r < 0 ? r : 0;
	side_free(s, TAKE(s->held));
	(void)err_set(&why, ERR_GONE, "the program did not wait for it at its end (--stall-limit)");
	return refuse(s, &why, err);
}

int session_snapshot_settle(struct session *s, struct err *err)
{
	const struct timespec slice = { .tv_nsec = WAIT_SLICE_NS };
	sig_atomic_t stop_from = s->hooks->stop ? *s->hooks->stop : 0;
	struct err why = ERR_INIT;
	int r = session_snapshot_poll(s, err);

	if (r < 0 || !s->side)
		return r;
	r = hold_last(s, &s->held, err);
	s->no_last = r == 0;
	while (r >= 0 && s->side) {
		nanosleep(&slice, NULL);
		if (s->hooks->stop && *s->hooks->stop > stop_from) {
			side_free(s, TAKE(s->side));
			(void)err_set(&why, ERR_INTERRUPTED, "interrupted");
			return refuse(s, &why, err);
		}
		r = session_snapshot_poll(s, err);
	}
	return r < 0 ? r : 0;
}

int session_snapshot_last(struct session *s, struct err *err)
{
	struct session_side *side = TAKE(s->held);
	struct err why = ERR_INIT;
	bool was_held = side != NULL;
	int r = was_held ? 1 : hold_last(s, &side, err);

	if (r <= 0)
		return r;
	side->snap.fanout.sink = rows_only(&s->fanout.sink);
	side->snap.sites.recorded = recorded;
	side->snap.sites.add = add_site;
	side->snap.sites.ctx = s;
	side->snap.extra = session_join;
	side->snap.extra_ctx = s;
	r = snapshot_read_copy(&side->snap, &why);
	side_free(s, side);
	if (r == ERR_GONE && !was_held)
		return 0;
	return r < 0 && r != s->fanout.failed ? refuse(s, &why, err) : r < 0 ? r : 0;
}

void session_snapshot_drop(struct session *s)
{
	side_free(s, TAKE(s->side));
	side_free(s, TAKE(s->held));
}
