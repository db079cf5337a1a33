/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a process that is being recorded. The first is frozen once the hooks are live and
 * walked by a child of ours, which hands its facts over as a .pmp in memory, so that the pipe is
 * read meanwhile and no event waits. The second is taken when the agent is out again. A
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
		.ledger = all->ledger,
		.heap_end = all->heap_end,
	};
}

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
	struct fact_sink rows = rows_only(&s->fanout.sink);
	struct err why = ERR_INIT;
	int r = 0;

	side->helper = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)err_set(&why, ERR_SYS, "its helper failed (status %#x)", (unsigned)status);
		r = refuse(s, &why, err);
	} else if (lseek(side->fd, 0, SEEK_SET) == 0) {
		r = pmp_read_fd(side->fd, &rows, err);
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
			r = session_snapshot_poll(s, err);
	}
	return r;
}

int session_snapshot_last(struct session *s, struct err *err)
{
	struct session_side *side = side_new(s);
	struct err why = ERR_INIT;
	int r;

	if (!side)
		return err_nomem(err);
	side->hooks.stop = s->hooks->stop;
	side->snap.stop_from = s->hooks->stop ? *s->hooks->stop : 0;
	r = snapshot_hold(&side->snap, &why);
	if (r == 0)
		r = err_set(&why, ERR_SYS, "%.180s", side->snap.note);
	if (r > 0) {
		side->snap.fanout.sink = rows_only(&s->fanout.sink);
		side->snap.extra = session_join;
		side->snap.extra_ctx = s;
		r = snapshot_read_copy(&side->snap, &why);
	}
	side_free(s, side);
	if (r == ERR_GONE) /* it ended just now: so does the recording */
		return 0;
	return r < 0 && r != s->fanout.failed ? refuse(s, &why, err) : r < 0 ? r : 0;
}

void session_snapshot_drop(struct session *s)
{
	side_free(s, TAKE(s->side));
}
