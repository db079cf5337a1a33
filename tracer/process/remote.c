/* SPDX-License-Identifier: MIT */
/*
 * One system call in somebody else's thread. It chooses the thread, writes the dead man's frame,
 * makes the call and puts everything back; what the call is for it does not know.
 *
 * The order is the point. The frame is written into dead stack first and harms nobody. One
 * PTRACE_SETREGS then arms it: from here on the thread needs nobody, it makes the call, returns
 * into sigreturn and is where it was. The signal mask comes after the registers and goes back
 * before them, so there is no instant in which our death leaves signals blocked for good.
 */
#include "tracer/process/remote.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/process/arch.h"
#include "tracer/process/procfs.h"
#include "tracer/process/ptrace.h"
#include "tracer/process/remote_inside.h"
#include "tracer/process/stop_thread.h"

#define SCRATCH_BYTES 1024
/* Below the frame: a signal handler must fit there if we die before the mask is set. */
#define HANDLER_ROOM_BYTES 4096
/* The kernel keeps so much free below a stack that grows (stack_guard_gap, 256 pages), and some more. */
#define STACK_GUARD_BYTES ((uint64_t)257 * 65536)
#define TEXT_CHUNK ((size_t)64 << 10)
#define TEXT_OVERLAP 16
#define CALL_TIMEOUT_MS 10000
#define CALL_TRIES 4

/* Signals the kernel raises for an instruction; blocked, they would kill (signal.c, force_sig). */
#define SYNCHRONOUS_SIGNALS                                                                        \
	(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGILL - 1) |                     \
	 1ull << (SIGFPE - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGSYS - 1))

/* Answers of an interrupted call, ERESTARTSYS … ERESTART_RESTARTBLOCK (linux/errno.h). */
#define RESTART_FIRST (-516)
#define RESTART_LAST (-512)

struct remote {
	struct stop *stop;
	struct mem_source *mem;
	const struct arch *arch;
	struct maps own_maps; /* read again when the caller's were too old */
	const struct maps *maps;
	taddr syscall_at[2]; /* the second for a thread that stands at the first */
	taddr sigreturn_at;
	unsigned generation;
	size_t index;
	pid_t tid;
	enum arch_where where;
	taddr scratch;
	bool filtered;
	pid_t born; /* child of a traced clone, see remote_inside.h */
	struct arch_state state;
	struct arch_frame frame;
	uint8_t fp[ARCH_FP_MAX];
	uint8_t sve[ARCH_FP_MAX];
	uint8_t text[TEXT_CHUNK];
};

/* --- finding the instructions ---------------------------------------------------------------- */

static bool have_instructions(const struct remote *r)
{
	return !taddr_is_null(r->syscall_at[1]) && !taddr_is_null(r->sigreturn_at);
}

static void note_syscall(struct remote *r, taddr at)
{
	if (taddr_is_null(r->syscall_at[0]))
		r->syscall_at[0] = at;
	else if (taddr_is_null(r->syscall_at[1]) && !taddr_eq(r->syscall_at[0], at))
		r->syscall_at[1] = at;
}

static void search_chunk(struct remote *r, taddr base, size_t len)
{
	size_t from = 0, at;

	while (taddr_is_null(r->syscall_at[1]) && from < len) {
		at = r->arch->find_syscall(r->text + from, len - from);
		if (at == ARCH_NOT_FOUND)
			break;
		note_syscall(r, taddr_add(base, (int64_t)(from + at)));
		from += at + 4;
	}
	if (taddr_is_null(r->sigreturn_at)) {
		at = r->arch->find_sigreturn(r->text, len);
		if (at != ARCH_NOT_FOUND)
			r->sigreturn_at = taddr_add(base, (int64_t)at);
	}
}

static void search_range(struct remote *r, const struct map_range *range)
{
	uint64_t at = range->start;

	while (at < range->end && !have_instructions(r)) {
		uint64_t left = range->end - at;
		size_t n = left < TEXT_CHUNK ? (size_t)left : TEXT_CHUNK;
		int64_t got = r->mem->ops->read(r->mem, taddr_of(at), r->text, n);

		if (got <= TEXT_OVERLAP)
			return;
		search_chunk(r, taddr_of(at), (size_t)got);
		at += (uint64_t)got < left ? (uint64_t)got - TEXT_OVERLAP : left;
	}
}

/*
 * The C library and the vdso have both; a static program has them in its own text. What is read becomes
 * resident in the target, so not libcrypto: "libc.so.6", "libc-2.31.so", "ld-musl-x86_64.so.1".
 */
static bool is_likely(const struct map_range *range)
{
	const char *name = strrchr(range->path, '/');

	return strcmp(range->path, "[vdso]") == 0 ||
	       (name && (strncmp(name, "/libc.", 6) == 0 || strncmp(name, "/libc-", 6) == 0 ||
			 strncmp(name, "/ld-", 4) == 0));
}

static void find_instructions(struct remote *r)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < r->maps->count && !have_instructions(r); i++) {
			const struct map_range *range = &r->maps->ranges[i];

			/* Writable text may change under us; [vsyscall] cannot run a call. */
			if ((range->flags & (MAP_R | MAP_W | MAP_X)) != (MAP_R | MAP_X))
				continue;
			if (is_likely(range) == (pass == 0))
				search_range(r, range);
		}
	}
}

/* --- choosing the thread --------------------------------------------------------------------- */

/* The thread's own stack, as opposed to a signal stack or a coroutine's in the heap. */
static bool on_own_stack(struct remote *r, size_t i, const struct map_range *range)
{
	taddr pc, sp, tp;

	if (stop_tid(r->stop, i) == stop_pid(r->stop))
		return strncmp(range->path, "[stack", 6) == 0;
	if (stop_pc_sp_tp(r->stop, i, &pc, &sp, &tp, NULL) < 0)
		return false;
	return tp.v >= range->start && tp.v < range->end;
}

/*
 * Inside a restartable sequence (rseq(2)) the kernel would forget the sequence when it sees a
 * program counter outside of it.
 */
static bool in_rseq(struct remote *r, pid_t tid, taddr pc)
{
	taddr rseq = ptrace_rseq(tid);
	uint64_t at = 0, cs[4]; /* version+flags, start_ip, post_commit_offset, abort_ip */

	if (taddr_is_null(rseq))
		return false;
	if (ptrace_read_memory(stop_pid(r->stop), taddr_add(rseq, 8), &at, sizeof(at), NULL) < 0 ||
	    at == 0)
		return false;
	if (ptrace_read_memory(stop_pid(r->stop), taddr_of(at), cs, sizeof(cs), NULL) < 0)
		return true;
	return pc.v - cs[1] < cs[2];
}

static bool has_room(const struct map_range *range, taddr sp, size_t need)
{
	return range && (range->flags & (MAP_R | MAP_W | MAP_SHARED_MAP)) == (MAP_R | MAP_W) &&
	       sp.v - range->start >= need;
}

static size_t room_needed(const struct remote *r)
{
	return r->arch->red_zone_bytes + SCRATCH_BYTES + HANDLER_ROOM_BYTES +
	       (r->arch == &arch_x86_64 ? r->state.fp_len + 1024 + REMOTE_BELOW_BYTES :
					  4096 + 1024 + REMOTE_BELOW_ARM_BYTES);
}

/* How well thread i suits: 0 not at all, 6 as well as can be. */
static int rate_thread(struct remote *r, size_t i)
{
	const struct map_range *range;
	pid_t tid = stop_tid(r->stop, i);
	struct stop_regs regs;
	uint32_t instruction = 0;
	taddr sp, pc;
	enum arch_where where;

	if (ptrace_get_regs(tid, &regs, NULL) < 0 || !r->arch->native(&regs))
		return 0;
	sp = r->arch->sp(&regs);
	pc = r->arch->pc(&regs);
	range = maps_find(r->maps, sp);
	if (!has_room(range, sp, room_needed(r)))
		return 0;
	(void)!ptrace_read_memory(stop_pid(r->stop), pc, &instruction, sizeof(instruction), NULL);
	where = r->arch->where(&regs, instruction);
	if (where == ARCH_IN_USER && in_rseq(r, tid, pc))
		return 0;
	return 1 + (where == ARCH_IN_RESTART_BLOCK ? 0 : 2) + (on_own_stack(r, i, range) ? 3 : 0);
}

/* seccomp strict mode kills for any call; a shadow stack refuses the return into the stub. */
static bool thread_may_call(struct remote *r, size_t i)
{
	struct procfs_status status;

	if (procfs_status(stop_pid(r->stop), stop_tid(r->stop, i), &status, NULL) < 0 ||
	    status.seccomp == 1 || status.shadow_stack)
		return false;
	r->filtered = status.seccomp != 0;
	return true;
}

static bool pick_thread(struct remote *r)
{
	int best = 0;

	for (size_t i = 0; i < stop_count(r->stop) && best < 6; i++) {
		int rating = rate_thread(r, i);

		if (rating > best && thread_may_call(r, i)) {
			best = rating;
			r->index = i;
		}
	}
	return best > 0;
}

/*
 * The main thread's stack is as large as it has ever been: at the deepest point so far there is no room below it,
 * however long we wait. It is made as large as a signal's frame there would make it, and stays so. False: it is not that.
 */
static bool grow_stack(struct remote *r)
{
	for (size_t i = 0; i < stop_count(r->stop); i++) {
		pid_t tid = stop_tid(r->stop, i);
		const struct map_range *stack;
		struct rlimit limit;
		struct stop_regs regs;
		uint64_t lowest;
		taddr sp;

		if (tid != stop_pid(r->stop) || ptrace_get_regs(tid, &regs, NULL) < 0 || !r->arch->native(&regs))
			continue;
		sp = r->arch->sp(&regs);
		stack = maps_find(r->maps, sp);
		if (!stack || strncmp(stack->path, "[stack", 6) != 0 || has_room(stack, sp, room_needed(r)))
			return false;
		lowest = (sp.v - room_needed(r)) & ~(uint64_t)4095;
		if (prlimit(tid, RLIMIT_STACK, NULL, &limit) < 0 || stack->end - lowest > limit.rlim_cur)
			return false;
		if (stack > r->maps->ranges && stack[-1].end + STACK_GUARD_BYTES > lowest)
			return false;
		return ptrace_touch(tid, taddr_of(lowest));
	}
	return false;
}

/* --- saving its state ------------------------------------------------------------------------ */

static int save_fp(struct remote *r, struct err *err)
{
	int ret;

	r->state.fp = r->fp;
	r->state.fp_len = sizeof(r->fp);
	ret = ptrace_get_regset(r->tid, r->arch->fp_regset, r->fp, &r->state.fp_len, err);
	if (ret == ERR_UNSUPPORTED && r->arch->fp_regset != PTRACE_REGS_FP) {
		r->state.fp_len = sizeof(r->fp);
		ret = ptrace_get_regset(r->tid, PTRACE_REGS_FP, r->fp, &r->state.fp_len, err);
	}
	return ret;
}

/*
 * A system call may spoil the SVE registers (arch/arm64/sve.rst), so live ones are saved and put
 * back. Streaming mode, ZA and guarded control stacks are refused: no frame is built for them.
 */
static int save_arm_extras(struct remote *r, struct err *err)
{
	uint8_t head[64];
	size_t len = sizeof(r->sve);
	uint64_t gcs[3] = { 0 };
	uint16_t flags;

	r->state.sve = NULL;
	if (r->arch != &arch_aarch64)
		return 0;
	if (ptrace_get_regset(r->tid, PTRACE_REGS_ARM_SVE, r->sve, &len, NULL) == 0 && len > 16) {
		memcpy(&flags, r->sve + 12, sizeof(flags));
		if (flags & 1) {
			r->state.sve = r->sve;
			r->state.sve_len = len;
		}
	}
	len = sizeof(head);
	if (ptrace_get_regset(r->tid, PTRACE_REGS_ARM_SSVE, head, &len, NULL) == 0 && len >= 16) {
		memcpy(&flags, head + 12, sizeof(flags));
		if (flags & 1)
			return err_set(err, ERR_UNSUPPORTED, "thread %d is in streaming mode",
				       (int)r->tid);
	}
	len = sizeof(head);
	if (ptrace_get_regset(r->tid, PTRACE_REGS_ARM_ZA, head, &len, NULL) == 0 && len > 16)
		return err_set(err, ERR_UNSUPPORTED, "thread %d uses ZA", (int)r->tid);
	len = sizeof(gcs);
	if (ptrace_get_regset(r->tid, PTRACE_REGS_ARM_GCS, gcs, &len, NULL) == 0 && (gcs[0] & 1))
		return err_set(err, ERR_UNSUPPORTED, "thread %d has a guarded stack", (int)r->tid);
	return 0;
}

static int save_state(struct remote *r, struct err *err)
{
	uint32_t instruction = 0;
	taddr top;
	int ret;

	r->tid = stop_tid(r->stop, r->index);
	ret = ptrace_get_regs(r->tid, &r->state.regs, err);
	if (ret == 0)
		ret = ptrace_get_sigmask(r->tid, &r->state.sigmask, err);
	if (ret == 0)
		ret = save_fp(r, err);
	if (ret == 0)
		ret = save_arm_extras(r, err);
	if (ret < 0)
		return ret;
	(void)!ptrace_read_memory(stop_pid(r->stop), r->arch->pc(&r->state.regs), &instruction,
				  sizeof(instruction), NULL);
	r->where = r->arch->where(&r->state.regs, instruction);
	top = taddr_add(r->arch->sp(&r->state.regs),
			-(int64_t)(r->arch->red_zone_bytes + SCRATCH_BYTES));
	r->scratch = taddr_of(top.v & ~63ull);
	ret = r->arch->frame_build(&r->state, r->where, r->scratch, r->sigreturn_at, &r->frame, err);
	r->generation = stop_generation(r->stop);
	return ret;
}

static bool pick_anew(struct remote *r, struct err *err)
{
	maps_deinit(&r->own_maps);
	r->own_maps = (struct maps){ 0 };
	if (maps_read(stop_pid(r->stop), &r->own_maps, err) < 0)
		return false;
	r->maps = &r->own_maps;
	return pick_thread(r);
}

static int choose(struct remote *r, struct err *err)
{
	bool found;

	/* The size of the register state decides how much stack is needed. */
	r->state.fp_len = sizeof(r->fp);
	if (stop_count(r->stop) > 0) {
		r->tid = stop_tid(r->stop, 0);
		if (save_fp(r, NULL) < 0)
			r->state.fp_len = sizeof(r->fp);
	}
	found = pick_thread(r) || pick_anew(r, err) || (grow_stack(r) && pick_anew(r, err));
	if (found)
		return save_state(r, err);
	return err_hint(err, err_set(err, ERR_UNSUPPORTED,
				     "process %d: none of %zu threads can make a call: no room on "
				     "its stack, seccomp or a shadow stack",
				     (int)stop_pid(r->stop), stop_count(r->stop)),
			"no-thread-for-call");
}

int remote_new(struct stop *s, struct mem_source *mem, const struct maps *maps,
	       struct remote **ret, struct err *err)
{
	struct remote *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return err_nomem(err);
	r->stop = s;
	r->mem = mem;
	r->maps = maps;
	r->arch = arch_native();
	find_instructions(r);
	if (taddr_is_null(r->syscall_at[0]) || taddr_is_null(r->sigreturn_at))
		code = err_hint(err, err_set(err, ERR_UNSUPPORTED, "process %d: no %s in its text",
					     (int)stop_pid(s),
					     taddr_is_null(r->sigreturn_at) ?
						     "return from a signal handler" :
						     "system call instruction"),
				"no-instructions");
	else
		code = choose(r, err);
	if (code < 0) {
		remote_free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	maps_deinit(&r->own_maps);
	free(r);
}

/* --- the call -------------------------------------------------------------------------------- */

static int resume(struct remote *r, enum ptrace_stop_kind wanted, int sig, struct err *err)
{
	return wanted == PTRACE_STOP_SYSCALL ? ptrace_to_syscall(r->tid, sig, err) :
					       ptrace_cont(r->tid, sig, err);
}

/* A signal in the middle: deliver what others sent; an instruction of ours must not raise one. */
static int pass_signal(struct remote *r, enum ptrace_stop_kind wanted, int sig, struct err *err)
{
	bool raised;

	if (!(SYNCHRONOUS_SIGNALS & 1ull << (sig - 1)) ||
	    ptrace_signal_raised(r->tid, &raised, NULL) < 0 || !raised)
		return resume(r, wanted, sig, err);
	return err_set(err, ERR_UNSUPPORTED, "the call raised signal %d in thread %d", sig,
		       (int)r->tid);
}

/* Let the thread run on to the next stop of the wanted kind (TRAP: any rest). */
static int run_to(struct remote *r, enum ptrace_stop_kind wanted, struct err *err)
{
	struct stop_thread *t = stop_thread_at(r->stop, r->index);
	int code = resume(r, wanted, 0, err);

	while (code == 0) {
		int status;
		unsigned long message;
		enum ptrace_stop_kind kind;

		t->stopped = false;
		code = ptrace_wait(r->tid, CALL_TIMEOUT_MS, &status, err);
		if (code < 0)
			return code;
		kind = ptrace_stop_kind(status);
		if (kind == PTRACE_STOP_GONE)
			return err_set(err, ERR_GONE, "thread %d exited in the call", (int)r->tid);
		t->stopped = true;
		if (kind == PTRACE_STOP_TRAP || kind == PTRACE_STOP_GROUP)
			t->group_stopped = kind == PTRACE_STOP_GROUP;
		if (kind == wanted || (wanted == PTRACE_STOP_TRAP && kind == PTRACE_STOP_GROUP))
			return 0;
		if (kind == PTRACE_STOP_SIGNAL) {
			code = pass_signal(r, wanted, ptrace_stop_signal(status), err);
			continue;
		}
		if (kind == PTRACE_STOP_EVENT && ptrace_event_message(r->tid, &message, NULL) == 0)
			r->born = (pid_t)message;
		code = resume(r, wanted, 0, err);
	}
	return code;
}

/*
 * Bring the thread back to rest on its way out of the kernel: only there the kernel restarts an
 * interrupted call of the program (arch_do_signal_or_restart). Then mask, then registers.
 */
static int put_back(struct remote *r, struct err *err)
{
	struct stop_regs regs;
	int code = ptrace_interrupt(r->tid, err);

	if (code == 0)
		code = run_to(r, PTRACE_STOP_TRAP, err);
	if (code == 0)
		code = ptrace_set_sigmask(r->tid, r->state.sigmask, err);
	if (code < 0)
		return code;
	r->arch->restore_regs(&r->state.regs, r->where, &regs);
	code = ptrace_set_regs(r->tid, &regs, err);
	if (code == 0 && r->state.sve)
		code = ptrace_set_regset(r->tid, PTRACE_REGS_ARM_SVE, r->state.sve,
					 r->state.sve_len, err);
	return code;
}

static int make_call(struct remote *r, const struct arch_call *call,
		     const struct remote_write *writes, size_t count, int64_t *ret, struct err *err)
{
	struct stop_regs regs;
	int code;

	r->arch->call_regs(&r->state.regs, call, &regs);
	code = ptrace_write_memory(stop_pid(r->stop), r->frame.addr, r->frame.bytes, r->frame.len,
				   err);
	for (size_t i = 0; code == 0 && i < count; i++)
		code = ptrace_write_memory(stop_pid(r->stop), writes[i].addr, writes[i].bytes,
					   writes[i].len, err);
	if (code == 0)
		code = ptrace_set_regs(r->tid, &regs, err);
	if (code < 0)
		return code;
	/* Armed. Whatever fails from here on, the thread gets home alone. */
	code = ptrace_set_sigmask(r->tid, ~SYNCHRONOUS_SIGNALS, err);
	if (code == 0)
		code = run_to(r, PTRACE_STOP_SYSCALL, err);
	if (code == 0)
		code = run_to(r, PTRACE_STOP_SYSCALL, err);
	if (code == 0)
		code = ptrace_get_regs(r->tid, &regs, err);
	if (code == 0)
		*ret = r->arch->call_result(&regs);
	if (code == ERR_GONE)
		return code;
	if (!stop_thread_at(r->stop, r->index)->stopped) {
		/* Still in the call: detaching waits for it, the frame brings it home. */
		stop_thread_at(r->stop, r->index)->interrupted =
			ptrace_interrupt(r->tid, NULL) == 0;
		return code;
	}
	if (code < 0) {
		(void)!put_back(r, NULL);
		return code;
	}
	return put_back(r, err);
}

static int refresh(struct remote *r, struct err *err)
{
	return r->generation == stop_generation(r->stop) ? 0 : choose(r, err);
}

int remote_prepare(struct remote *r, struct arch_call *ret_call, struct arch_state *ret_state,
		   struct err *err)
{
	int code = refresh(r, err);

	if (code < 0)
		return code;
	*ret_call = (struct arch_call){ .syscall_at = r->syscall_at[0],
					.sigreturn_at = r->sigreturn_at,
					.frame = r->frame.addr };
	/* arm64 would take a thread that stands at the very instruction for one to restart. */
	if (taddr_eq(r->arch->pc(&r->state.regs), r->syscall_at[0]) &&
	    !taddr_is_null(r->syscall_at[1]))
		ret_call->syscall_at = r->syscall_at[1];
	if (ret_state)
		*ret_state = r->state;
	return 0;
}

int remote_run(struct remote *r, const struct arch_call *call, const struct remote_write *writes,
	       size_t count, int64_t *ret, struct err *err)
{
	int64_t answer = 0;

	for (int i = 0; i < CALL_TRIES; i++) {
		int code = make_call(r, call, writes, count, &answer, err);

		if (code < 0)
			return err_wrap(err, code, "system call %ld in process %d", call->nr,
					(int)stop_pid(r->stop));
		if (answer < RESTART_FIRST || answer > RESTART_LAST)
			break;
	}
	*ret = answer;
	return 0;
}

int remote_syscall(struct remote *r, long nr, const uint64_t arg[6], int64_t *ret, struct err *err)
{
	struct arch_call call;
	int code = remote_prepare(r, &call, NULL, err);

	if (code < 0)
		return code;
	call.nr = nr;
	memcpy(call.arg, arg, sizeof(call.arg));
	return remote_run(r, &call, NULL, 0, ret, err);
}

bool remote_filtered(const struct remote *r)
{
	return r->filtered;
}

taddr remote_scratch(struct remote *r)
{
	(void)!refresh(r, NULL);
	return r->scratch;
}

const struct remote_sys *remote_sys(const struct remote *r)
{
	return &r->arch->sys;
}

pid_t remote_tid(const struct remote *r)
{
	return r->tid;
}

struct stop *remote_stop(const struct remote *r)
{
	return r->stop;
}

const struct arch *remote_arch(const struct remote *r)
{
	return r->arch;
}

pid_t remote_take_born(struct remote *r)
{
	pid_t born = r->born;

	r->born = 0;
	return born;
}
