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
#include "config.h"
#include "report/view/json_put.h"
#include "report/view/out.h"
#include "tracer/agent/inject.h"
#include "tracer/cpython/detect.h"
#include "tracer/cpython/identify.h"
#include "tracer/mem/live.h"
#include "tracer/process/maps.h"
#include "tracer/process/procfs.h"
#include "tracer/process/refusal.h"
#include "tracer/session.h"

#define CANDIDATES_MAX 200

struct doctor {
	struct out out;
	enum escape_to charset;
	bool as_json;
	struct json json; /* as_json: in `findings`, later in `processes` */
	int refusals;
};

enum mark { MARK_NO, MARK_OK, MARK_UNKNOWN };

/* hint: what helps, or NULL. */
static void tell(struct doctor *d, enum mark mark, const char *what, const char *text, const char *hint)
{
	static const char *const marks[] = { "NO", "ok", "?" };
	d->refusals += mark == MARK_NO;
	if (d->as_json) {
		json_open(&d->json, NULL, '{');
		json_word(&d->json, "what", what);
		if (mark == MARK_UNKNOWN)
			json_nothing(&d->json, "ok");
		else
			json_bool(&d->json, "ok", mark == MARK_OK);
		json_word(&d->json, "text", text);
		if (hint)
			json_word(&d->json, "hint", hint);
		else
			json_nothing(&d->json, "hint");
		json_close(&d->json, '}');
		return;
	}
	out_printf(&d->out, "%-5s%-12s", marks[mark], what);
	out_escaped(&d->out, d->charset, text, strlen(text));
	out_put(&d->out, "\n", 1);
	if (hint)
		out_printf(&d->out, "%17s%s\n", "", hint);
}

static void finding(struct doctor *d, bool ok, const char *what, const char *text, const char *hint)
{
	tell(d, ok ? MARK_OK : MARK_NO, what, text, hint);
}

static void refused(struct doctor *d, const char *what, const struct err *err)
{
	finding(d, false, what, err->text, outcome_hint(err->hint));
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
	snprintf(text, sizeof text, "%d (%s), program %.100s, %u thread%s, user %u, state %c",
		 (int)pid, s.comm, exe ? exe : "unreadable", s.threads, s.threads == 1 ? "" : "s",
		 (unsigned)s.uid, s.state);
	finding(d, true, "process", text, NULL);
	if (s.seccomp)
		finding(d, true, "seccomp",
			"the process filters its system calls; an attach makes mmap, munmap, mprotect, "
			"madvise, pipe2, fcntl and close in it, a snapshot clone and wait4, the agent "
			"write, fstat, ppoll, gettid and rt_sigprocmask",
			NULL);
	return true;
}

static void add_word(char *list, size_t cap, const char *word)
{
	size_t n = strlen(list);
	snprintf(list + n, cap - n, "%s%s", n ? ", " : "", word);
}

/* What the kernel does not show to this user is not known: it may be the same or not. */
static void look_at_namespaces(struct doctor *d, pid_t pid)
{
	static const char *const kinds[] = { "pid", "mnt", "user", "net" };
	char others[64] = "", unknown[80] = "", text[400] = "";
	AUTO_FREE char *root = NULL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int same = procfs_same_namespace(pid, kinds[i], NULL);
		if (same <= 0)
			add_word(same < 0 ? unknown : others, same < 0 ? sizeof unknown : sizeof others, kinds[i]);
	}
	if (procfs_root(pid, &root, NULL) < 0)
		add_word(unknown, sizeof unknown, "root directory");
	bool elsewhere = root && strcmp(root, "/") != 0;
	if (*others || elsewhere)
		snprintf(text, sizeof text, "%s%s%s%.120s: no obstacle by itself",
			 *others ? "other namespaces: " : "", others,
			 elsewhere ? (*others ? "; root directory " : "root directory ") : "",
			 elsewhere ? root : "");
	else if (!*unknown)
		snprintf(text, sizeof text, "same namespaces and root directory as pymemprof");
	if (*unknown) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof text - n, "%snot known, could not be read: %s", n ? "; " : "", unknown);
	}
	tell(d, *unknown ? MARK_UNKNOWN : MARK_OK, "place", text, NULL);
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
		finding(d, true, "permission", "its memory may be read, so it may be attached to", NULL);
		return true;
	}
	if (refusal_explain(pid, &err) < 0)
		refused(d, "permission", &err);
	return false;
}

/* What another pymemprof has in it: one that records is in the way, what a killed one left is not. */
static void look_at_agent(struct doctor *d, pid_t pid, struct mem_source *mem, const struct maps *maps,
			  const struct py *py)
{
	struct err err = ERR_INIT;
	struct inject_orphan o;
	char text[160];
	int rc = inject_find(pid, py, mem, maps, &o, &err);
	if (rc < 0) {
		snprintf(text, sizeof text, "not known: %.120s", err.text);
		tell(d, MARK_UNKNOWN, "recording", text, NULL);
	} else if (rc > 0 && o.tracer_alive) {
		snprintf(text, sizeof text, "process %d is being recorded by process %d", (int)pid,
			 (int)o.fixed.tracer_pid);
		finding(d, false, "recording", text, outcome_hint("already-attached"));
	} else if (rc > 0) {
		finding(d, true, "recording",
			"the agent of a killed pymemprof is in it: attach removes it first, detach at once",
			NULL);
	}
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
	finding(d, true, "python", text, NULL);
	look_at_agent(d, pid, mem, &maps, &py);
	if (session_room(pid, &err) < 0)
		refused(d, "limits", &err);
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
		struct err better = ERR_INIT;
		bool explained = err.code == ERR_DENIED && refusal_explain(pid, &better) < 0;
		refused(d, "permission", explained ? &better : &err);
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
		finding(d, !*known, "machine", text, NULL);
	}
	if (procfs_status(getpid(), 0, &self, NULL) == 0) {
		bool ptrace_any =
			self.capabilities >> 19 & 1; /* CAP_SYS_PTRACE, linux/capability.h */
		snprintf(text, sizeof text, "user %u, %s CAP_SYS_PTRACE", (unsigned)self.euid,
			 ptrace_any ? "with" : "without");
		finding(d, true, "privilege", text, NULL);
	}
	int scope = procfs_ptrace_scope();
	if (scope < 0)
		finding(d, true, "yama", "not in this kernel", NULL);
	else {
		snprintf(text, sizeof text, "kernel.yama.ptrace_scope is %d", scope);
		finding(d, scope < 3, "yama", text, scope > 0 ? outcome_hint("yama") : NULL);
	}
	long fd = syscall(SYS_pidfd_open, getpid(), 0);
	finding(d, true, "pidfd", fd >= 0 ? "available" : "not available: /proc is used instead",
		NULL);
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

static void tell_candidate(struct doctor *d, pid_t pid, const char *name, bool attachable, bool first)
{
	if (d->as_json) {
		json_open(&d->json, NULL, '{');
		json_number(&d->json, "pid", (uint64_t)pid);
		json_word(&d->json, "name", name);
		json_bool(&d->json, "attachable", attachable);
		json_close(&d->json, '}');
		return;
	}
	if (first)
		out_str(&d->out, "\nprocesses that look like Python:\n");
	out_printf(&d->out, "  %-9d", (int)pid);
	out_escaped(&d->out, d->charset, name, strlen(name));
	out_printf(&d->out, "  %s\n",
		   attachable ? "can be attached to" : "no: see pymemprof doctor PID");
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
		if (procfs_status(pid, 0, &s, NULL) == 0)
			tell_candidate(d, pid, s.comm, one.refusals == 0, found++ == 0);
		out_deinit(&one.out);
	}
	if (dir)
		closedir(dir);
	if (found == 0 && !d->as_json)
		out_str(&d->out, "\nno process looks like Python\n");
}

/* pid 0: the machine and what runs on it. */
static void tell_text(struct doctor *d, pid_t pid)
{
	look_at_machine(d);
	if (!pid)
		list_candidates(d);
	else
		examine(d, pid);
	if (pid && d->refusals == 0)
		out_printf(&d->out, "\nnothing stands in the way: pymemprof attach %d\n", (int)pid);
}

static void tell_json(struct doctor *d, pid_t pid)
{
	struct json *j = &d->json;
	d->json = (struct json){ .out = &d->out, .first = true };
	json_open(j, NULL, '{');
	json_word(j, "schema", "pymemprof-doctor/1");
	json_word(j, "generator", "pymemprof " PYMEMPROF_VERSION);
	if (pid)
		json_number(j, "pid", (uint64_t)pid);
	else
		json_nothing(j, "pid");
	json_open(j, "findings", '[');
	look_at_machine(d);
	if (pid)
		examine(d, pid);
	json_close(j, ']');
	json_bool(j, "attachable", d->refusals == 0);
	json_open(j, "processes", '[');
	if (!pid)
		list_candidates(d);
	json_close(j, ']');
	json_close(j, '}');
	out_str(&d->out, "\n");
}

static int run(struct cli *cli, struct opt_args *args, struct err *err)
{
	struct doctor d = { .charset = cli->term.utf8 ? ESCAPE_UTF8 : ESCAPE_ASCII,
			    .as_json = opt_given(args, "json") };
	const char *word = opt_value(args, "pid");
	uint64_t pid = 0;
	if (args->nwords + (word != NULL) > 1)
		return err_set(err, ERR_USAGE, "one PID at a time");
	if (!word && args->nwords == 1)
		word = args->words[0];
	int rc = word ? opt_pid(word, &pid, err) : 0;
	if (rc < 0)
		return rc;
	out_init(&d.out, STDOUT_FILENO);
	if (d.as_json)
		tell_json(&d, (pid_t)pid);
	else
		tell_text(&d, (pid_t)pid);
	rc = out_flush(&d.out, err);
	out_deinit(&d.out);
	return rc < 0 ? rc : d.refusals ? STATUS_FAILED : STATUS_FINE;
}

static const struct opt options[] = {
	{ 'p', "pid", "PID", "the process to look at; without one, the machine and what runs on it",
	  NULL, NULL },
	{ 0, "json", NULL, "tell it as JSON", NULL, NULL },
	{ 0 },
};

const struct command cmd_doctor = {
	.name = "doctor",
	.operands = "[PID]",
	.summary = "say what blocks an attach, and what unblocks it",
	.options = options,
	.run = run,
};
