/* SPDX-License-Identifier: MIT */
/* /proc for the kernel's side of a thread, the interpreter's lists for Python's, joined by tid. */
#include "tracer/cpython/activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/utf8.h"
#include "tracer/cpython/code.h"
#include "tracer/cpython/frame.h"
#include "tracer/cpython/interp.h"
#include "tracer/process/procfs.h"
#include "tracer/process/syscall_name.h"

#define GROUPS_SAID 3
#define DEED_MAX (3 * ACTIVITY_NAME_MAX)

/* --- looking ----------------------------------------------------------------------------- */

static void copy_name(char *to, size_t cap, const char *from)
{
	size_t n = utf8_valid(from, strlen(from));

	while (n >= cap)
		n = utf8_valid(from, cap - 1);
	memcpy(to, from, n);
	to[n] = 0;
}

/* The kernel's side; *ret_inner is the thread's number in its own namespace. */
static int look_at_thread(pid_t pid, pid_t tid, struct activity_thread *t, pid_t *ret_inner)
{
	struct procfs_status status;
	struct procfs_syscall call;

	if (procfs_status(pid, tid, &status, NULL) < 0)
		return ERR_GONE;
	*t = (struct activity_thread){ .tid = tid, .main = tid == pid, .state = status.state,
				       .running = status.state == 'R', .syscall = -1 };
	*ret_inner = status.nspid_count ? status.nspid[status.nspid_count - 1] : tid;
	copy_name(t->comm, sizeof(t->comm), status.comm);
	if (procfs_syscall(pid, tid, &call, NULL) == 0) {
		t->running = call.running;
		t->syscall = call.nr;
	}
	return 0;
}

static void look_at_frame(const struct py *py, struct mem_source *mem, taddr tstate,
			  struct activity_thread *t)
{
	AUTO(code_deinit) struct code code = { 0 };
	struct frame_iter it;
	struct frame frame;
	const char *base;

	if (frame_iter_init(&it, py, mem, tstate, NULL) < 0 || frame_next(&it, &frame, NULL) <= 0 ||
	    code_read(py, mem, frame.code, &code, NULL) < 0)
		return;
	base = strrchr(code.file, '/');
	copy_name(t->function, sizeof(t->function), code.name);
	copy_name(t->file, sizeof(t->file), base ? base + 1 : code.file);
	t->line = code_line(&code, frame.lasti);
}

struct inner {
	pid_t *tid; /* of a->thread[i], in the target's namespace */
	const struct activity *a;
};

static void place_thread(const struct py *py, struct mem_source *mem, const struct inner *in,
			 const struct interp_thread *pt)
{
	uint64_t tid = pt->tid ? pt->tid :
				 interp_tid_of(mem, pt->thread_id, in->tid, in->a->count);
	taddr holder;

	for (size_t i = 0; i < in->a->count; i++) {
		struct activity_thread *t = &in->a->thread[i];

		if ((uint64_t)in->tid[i] != tid)
			continue;
		look_at_frame(py, mem, pt->tstate, t);
		if (interp_gil_holder(py, mem, pt->interp, &holder, NULL) == 0)
			t->holds_gil |= taddr_eq(holder, pt->tstate);
		return;
	}
}

static void look_at_python(const struct py *py, struct mem_source *mem, const struct inner *in)
{
	struct interp_iter interps;
	taddr interp;
	size_t seen = 0;

	if (!py->initialized || interp_iter_init(&interps, py, mem, NULL) < 0)
		return;
	while (interp_next(&interps, &interp, NULL) > 0) {
		struct thread_iter threads;
		struct interp_thread pt;

		if (thread_iter_init(&threads, py, mem, interp, NULL) < 0)
			continue;
		while (seen++ < 4 * ACTIVITY_THREADS_MAX && thread_next(&threads, &pt, NULL) > 0)
			place_thread(py, mem, in, &pt);
	}
}

int activity_read(pid_t pid, const struct py *py, struct mem_source *mem, struct activity *ret,
		  struct err *err)
{
	AUTO_FREE pid_t *tids = NULL;
	struct activity a = { 0 };
	size_t count = 0;
	int r = procfs_threads(pid, &tids, &count, err);

	if (r < 0)
		return r;
	a.total = count;
	if (count > ACTIVITY_THREADS_MAX)
		count = ACTIVITY_THREADS_MAX;
	AUTO_FREE pid_t *inner = calloc(count + 1, sizeof(*inner));
	a.thread = calloc(count + 1, sizeof(*a.thread));
	if (!inner || !a.thread) {
		activity_deinit(&a);
		return err_nomem(err);
	}
	for (size_t i = 0; i < count; i++)
		if (look_at_thread(pid, tids[i], &a.thread[a.count], &inner[a.count]) == 0)
			a.count++;
	look_at_python(py, mem, &(struct inner){ inner, &a });
	*ret = a;
	return 0;
}

void activity_deinit(struct activity *a)
{
	free(a->thread);
	*a = (struct activity){ 0 };
}

/* --- telling ----------------------------------------------------------------------------- */

/* "waits in futex at wait (threading.py:331)"; of several threads "wait in …". */
static void say_deed(const struct activity_thread *t, bool several, char *buf, size_t cap)
{
	const char *s = several ? "" : "s", *is = several ? "are" : "is";
	const char *call = syscall_name(t->syscall);
	char doing[64], place[2 * ACTIVITY_NAME_MAX + 24] = "";

	if (t->state == 'T')
		snprintf(doing, sizeof(doing), "%s stopped by a signal", is);
	else if (t->state == 't')
		snprintf(doing, sizeof(doing), "%s held by a debugger", is);
	else if (t->running)
		snprintf(doing, sizeof(doing), "run%s%s", s, t->holds_gil ? " with the GIL" : "");
	else if (call)
		snprintf(doing, sizeof(doing), "wait%s in %s%s", s, call,
			 t->state == 'D' ? ", uninterruptibly," : "");
	else if (t->syscall >= 0)
		snprintf(doing, sizeof(doing), "wait%s in system call %lld", s, (long long)t->syscall);
	else
		snprintf(doing, sizeof(doing), "wait%s", s);
	if (t->function[0] && t->line > 0)
		snprintf(place, sizeof(place), " at %s (%s:%d)", t->function, t->file, (int)t->line);
	else if (t->function[0])
		snprintf(place, sizeof(place), " at %s (%s)", t->function, t->file);
	snprintf(buf, cap, "%s%s", doing, place);
}

struct group {
	const struct activity_thread *first;
	size_t count;
	bool main;
};

static bool same_deed(const struct activity_thread *a, const struct activity_thread *b)
{
	return a->state == b->state && a->running == b->running && a->syscall == b->syscall &&
	       a->holds_gil == b->holds_gil && a->line == b->line &&
	       strcmp(a->function, b->function) == 0 && strcmp(a->file, b->file) == 0;
}

/* The main thread for itself and first; then who runs; then the many. */
static bool comes_before(const struct group *a, const struct group *b)
{
	if (a->main != b->main)
		return a->main;
	if (a->first->running != b->first->running)
		return a->first->running;
	return a->count > b->count;
}

static size_t group_threads(const struct activity *a, struct group *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct activity_thread *t = &a->thread[i];
		size_t g = 0;

		while (g < n && (t->main || ret[g].main || !same_deed(ret[g].first, t)))
			g++;
		if (g == n)
			ret[n++] = (struct group){ .first = t, .main = t->main };
		ret[g].count++;
	}
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && comes_before(&ret[k], &ret[k - 1]); k--) {
			struct group one = ret[k];

			ret[k] = ret[k - 1];
			ret[k - 1] = one;
		}
	return n;
}

static void say_who(const struct group *g, const char *main_comm, char *buf, size_t cap)
{
	if (g->main)
		snprintf(buf, cap, "main thread");
	else if (g->count > 1)
		snprintf(buf, cap, "%zu threads", g->count);
	else if (strcmp(g->first->comm, main_comm) != 0)
		snprintf(buf, cap, "thread %d (%s)", (int)g->first->tid, g->first->comm);
	else
		snprintf(buf, cap, "thread %d", (int)g->first->tid);
}

const char *activity_text(const struct activity *a, char *buf, size_t cap)
{
	AUTO_FREE struct group *groups = calloc(a->count + 1, sizeof(*groups));
	const char *main_comm = "";
	size_t n = groups ? group_threads(a, groups) : 0, told = 0, len = 0;

	buf[0] = 0;
	for (size_t i = 0; i < a->count; i++)
		if (a->thread[i].main)
			main_comm = a->thread[i].comm;
	for (size_t i = 0; i < n && i < GROUPS_SAID && len + 1 < cap; i++) {
		char who[128], deed[DEED_MAX];

		say_who(&groups[i], main_comm, who, sizeof(who));
		say_deed(groups[i].first, groups[i].count > 1, deed, sizeof(deed));
		int more = snprintf(buf + len, cap - len, "%s%s %s", len ? "; " : "", who, deed);
		len += more > 0 ? (size_t)more : 0;
		told += groups[i].count;
	}
	if (told < a->total && len + 1 < cap)
		snprintf(buf + len, cap - len, "%s%zu %sthread%s", len ? "; " : "", a->total - told,
			 told ? "other " : "", a->total - told == 1 ? "" : "s");
	len = strlen(buf);
	buf[utf8_valid(buf, len)] = 0;
	return buf;
}
