/* SPDX-License-Identifier: MIT */
/*
 * What stands in the way of an attach, and the command that removes it. Looks, reads memory
 * the kernel lets it read, and never stops or changes anything.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/command.h"
#include "cli/outcome.h"
#include "report/view/out.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/mem/live.h"
#include "tracer/process/maps.h"
#include "tracer/process/procfs.h"
#include "tracer/process/refusal.h"

#define CANDIDATES_MAX 200

struct doctor {
	struct out out;
	enum escape_to charset;
	int refusals;
};

static void finding(struct doctor *d, const char *mark, const char *what, const char *text)
{
	out_printf(&d->out, "%-5s%-12s", mark, what);
	out_escaped(&d->out, d->charset, text, strlen(text));
	out_put(&d->out, "\n", 1);
}

static void refused(struct doctor *d, const char *what, const struct err *err)
{
	const char *hint = outcome_hint(err->hint);
	finding(d, "NO", what, err->text);
	if (hint)
		out_printf(&d->out, "%17s%s\n", "", hint);
	d->refusals++;
}

/* True when the process is one that could be attached to at all. */
static bool look_at_process(struct doctor *d, pid_t pid)
{
	struct err err = ERR_INIT;
	struct procfs_status s;
	char text[256];
	AUTO_FREE char *exe = NULL;
	if (refusal_before(pid, &err) < 0 || procfs_status(pid, 0, &s, &err) < 0) {
		refused(d, "process", &err);
		return false;
	}
	if (procfs_exe_base(pid, &exe, NULL) < 0)
		exe = NULL;
	snprintf(text, sizeof text, "%d (%s), program %.100s, %u threads, user %u, state %c",
		 (int)pid, s.comm, exe ? exe : "unreadable", s.threads, (unsigned)s.uid, s.state);
	finding(d, "ok", "process", text);
	if (s.seccomp)
		finding(d, "ok", "seccomp",
			"the process filters its system calls; the agent needs only write, mmap and "
			"munmap in it");
	return true;
}

static void look_at_namespaces(struct doctor *d, pid_t pid)
{
	static const char *const kinds[] = { "pid", "mnt", "user", "net" };
	char others[64] = "";
	AUTO_FREE char *root = NULL;
	char text[256];
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (procfs_same_namespace(pid, kinds[i], NULL) == 0)
			snprintf(others + strlen(others), sizeof others - strlen(others), "%s%s",
				 *others ? ", " : "", kinds[i]);
	if (procfs_root(pid, &root, NULL) < 0)
		root = NULL;
	bool elsewhere = root && strcmp(root, "/") != 0;
	if (!*others && !elsewhere) {
		finding(d, "ok", "place", "same namespaces and root directory as pymemprof");
		return;
	}
	snprintf(text, sizeof text, "%s%s%s%.120s: no obstacle by itself",
		 *others ? "other namespaces: " : "", others,
		 elsewhere ? (*others ? "; root directory " : "root directory ") : "",
		 elsewhere ? root : "");
	finding(d, "ok", "place", text);
}

/* process_vm_readv needs the very permission an attach needs: ptrace(2), PTRACE_MODE_ATTACH. */
static bool look_at_permission(struct doctor *d, pid_t pid, struct mem_source *mem,
			       const struct maps *maps)
{
	struct err err = ERR_INIT;
	uint8_t byte;
	int rc = ERR_DENIED;
	for (size_t i = 0; i < maps->count; i++) {
		if (!(maps->ranges[i].flags & MAP_R) || maps->ranges[i].path[0] == '[')
			continue;
		rc = mem_u8(mem, taddr_of(maps->ranges[i].start), &byte, &err);
		break;
	}
	if (rc == 0) {
		finding(d, "ok", "permission", "its memory may be read, so it may be attached to");
		return true;
	}
	if (refusal_explain(pid, &err) < 0)
		refused(d, "permission", &err);
	return false;
}

static void look_at_python(struct doctor *d, pid_t pid, struct mem_source *mem)
{
	struct err err = ERR_INIT;
	struct maps maps;
	struct py py;
	char text[256];
	if (py_identify(pid, mem, NULL, &maps, &py, &err) < 0) {
		refused(d, "python", &err);
		return;
	}
	snprintf(text, sizeof text, "CPython %s, %s%s%s", py.version,
		 py.is_static ? "static" : "shared library",
		 py.tracemalloc_on ? ", tracemalloc is on" : "",
		 py.debug_allocators ? ", with debug allocators" : "");
	finding(d, "ok", "python", text);
	py_deinit(&py);
	maps_deinit(&maps);
}

static void examine(struct doctor *d, pid_t pid)
{
	struct err err = ERR_INIT;
	struct maps maps = { 0 };
	struct mem_source *mem = NULL;
	if (!look_at_process(d, pid))
		return;
	look_at_namespaces(d, pid);
	if (maps_read(pid, &maps, &err) < 0 || live_new(pid, &mem, &err) < 0) {
		if (err.code == ERR_DENIED && refusal_explain(pid, &err) >= 0)
			return;
		refused(d, "permission", &err);
	} else if (maps.count == 0) {
		if (refusal_explain(pid, &err) < 0)
			refused(d, "permission", &err);
	} else if (look_at_permission(d, pid, mem, &maps)) {
		look_at_python(d, pid, mem);
	}
	mem_free(mem);
	maps_deinit(&maps);
}

static void look_at_machine(struct doctor *d)
{
	struct utsname u;
	struct procfs_status self;
	char text[256];
	const char *known = "";
	if (uname(&u) == 0) {
		known = strcmp(u.machine, "x86_64") && strcmp(u.machine, "aarch64") ?
				": not supported" :
				"";
		snprintf(text, sizeof text, "%.60s %.60s on %.30s%s", u.sysname, u.release,
			 u.machine, known);
		finding(d, *known ? "NO" : "ok", "machine", text);
		d->refusals += *known != 0;
	}
	if (procfs_status(getpid(), 0, &self, NULL) == 0) {
		bool ptrace_any =
			self.capabilities >> 19 & 1; /* CAP_SYS_PTRACE, linux/capability.h */
		snprintf(text, sizeof text, "user %u, %s CAP_SYS_PTRACE", (unsigned)self.euid,
			 ptrace_any ? "with" : "without");
		finding(d, "ok", "privilege", text);
	}
	int scope = procfs_ptrace_scope();
	if (scope < 0)
		finding(d, "ok", "yama", "not in this kernel");
	else {
		snprintf(text, sizeof text, "kernel.yama.ptrace_scope is %d", scope);
		finding(d, scope < 3 ? "ok" : "NO", "yama", text);
		if (scope > 0)
			out_printf(&d->out, "%17s%s\n", "", outcome_hint("yama"));
		d->refusals += scope >= 3;
	}
	long fd = syscall(SYS_pidfd_open, getpid(), 0);
	finding(d, "ok", "pidfd", fd >= 0 ? "available" : "not available: /proc is used instead");
	if (fd >= 0)
		close((int)fd);
}

static bool named_like_python(pid_t pid)
{
	AUTO_FREE char *exe = NULL;
	struct procfs_status s;
	if (procfs_exe_base(pid, &exe, NULL) == 0)
		return strstr(exe, "python") != NULL;
	return procfs_status(pid, 0, &s, NULL) == 0 && strstr(s.comm, "python");
}

static void list_candidates(struct doctor *d)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	size_t found = 0;
	while (dir && (e = readdir(dir)) && found < CANDIDATES_MAX) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid <= 0 || pid == getpid() || !named_like_python(pid))
			continue;
		struct doctor one = { .charset = d->charset };
		struct procfs_status s = { 0 };
		out_init(&one.out, OUT_MEMORY);
		examine(&one, pid);
		if (procfs_status(pid, 0, &s, NULL) == 0) {
			if (found++ == 0)
				out_str(&d->out, "\nprocesses that look like Python:\n");
			out_printf(&d->out, "  %-9d", (int)pid);
			out_escaped(&d->out, d->charset, s.comm, strlen(s.comm));
			out_printf(&d->out, "  %s\n",
				   one.refusals ? "no: see pymemprof doctor PID" :
						  "can be attached to");
		}
		out_deinit(&one.out);
	}
	if (dir)
		closedir(dir);
	if (found == 0)
		out_str(&d->out, "\nno process looks like Python\n");
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct doctor d = { .charset = cli->term.utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII };
	const char *word = opt_value(args, "pid");
	uint64_t pid = 0;
	if (args->nwords + (word != NULL) > 1)
		return err_set(err, ERR_USAGE, "one PID at a time");
	if (!word && args->nwords == 1)
		word = args->words[0];
	int rc = word ? opt_number("PID", word, 1, INT32_MAX, &pid, err) : 0;
	if (rc < 0)
		return rc;
	out_init(&d.out, STDOUT_FILENO);
	look_at_machine(&d);
	if (word) {
		examine(&d, (pid_t)pid);
		if (d.refusals == 0)
			out_printf(&d.out, "\nnothing stands in the way: pymemprof attach %d\n",
				   (int)pid);
	} else {
		list_candidates(&d);
	}
	rc = out_flush(&d.out, err);
	out_deinit(&d.out);
	return rc < 0 ? rc : d.refusals ? STATUS_FAILED : STATUS_FINE;
}

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process to look at; without one, the machine and what runs on it",
	  NULL, NULL },
	{ 0 },
};

const struct command cmd_doctor = {
	.name = "doctor",
	.operands = "[PID]",
	.summary = "say what blocks an attach, and what unblocks it",
	.options = options,
	.run = run,
};
