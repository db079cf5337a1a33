/* SPDX-License-Identifier: MIT */
/*
 * Targets are children with three descriptors of ours: 0 commands, 1 answers, 3 the script.
 * A one-line bootstrap reads the script from descriptor 3, because a path of ours means
 * nothing inside a chroot, and compiles it under its own file name.
 */
#include "tests/support/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define READY_TIMEOUT_MS 30000
#define ANSWER_MAX (64u << 20)

static const char bootstrap[] =
	"import os as _o\n"
	"with _o.fdopen(3, 'rb') as _f: SOURCE = _f.read().decode('utf-8')\n"
	"import sys as _s\n"
	"SCRIPT = _s.argv[1]; del _s.argv[1]\n"
	"exec(compile(SOURCE, SCRIPT, 'exec'))\n";

int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/* "pyenv-3.12.1<TAB>3.12.1<TAB>shared<TAB>/path/python3 …" */
static bool parse_python(const char *line, struct python *ret)
{
	struct python p = { 0 };
	int used = 0;
	if (sscanf(line, "%63[^\t]\t%15[^\t]\t%31[^\t]\t%n", p.name, p.version, p.kind, &used) != 3 ||
	    used == 0 || sscanf(p.version, "3.%d", &p.minor) != 1)
		return false;
	snprintf(p.words, sizeof(p.words), "%s", line + used);
	*ret = p;
	int n = 0;
	char *save = NULL;
	for (char *w = strtok_r(ret->words, " \t\n", &save); w && n < PYTHON_ARGS_MAX;
	     w = strtok_r(NULL, " \t\n", &save))
		ret->argv[n++] = w;
	ret->argv[n] = NULL;
	return n > 0;
}

size_t pythons_find(size_t max, struct python *ret)
{
	const char *tool = getenv("PYMEMPROF_INTERPRETERS");
	const char *only = getenv("PYMEMPROF_ONLY");
	if (!tool)
		return 0;
	FILE *f = popen(tool, "r");
	if (!f)
		return 0;
	char line[1024];
	size_t n = 0;
	while (n < max && fgets(line, sizeof(line), f)) {
		if (!parse_python(line, &ret[n]) || ret[n].minor < 8)
			continue;
		if (only && *only && !strstr(ret[n].name, only))
			continue;
		n++;
	}
	pclose(f);
	return n;
}

/* PREFIX/bin/python3.12 runs PREFIX/lib/libpython3.12.so.1.0. */
static bool embed_python(const struct python *py, const char *program, struct python *ret)
{
	char prefix[512], library[560];
	snprintf(prefix, sizeof(prefix), "%s", py->argv[0]);
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(prefix, '/');
		if (!slash)
			return false;
		*slash = 0;
	}
	snprintf(library, sizeof(library), "%s/lib/libpython3.%d.so.1.0", prefix, py->minor);
	if (access(library, R_OK) < 0)
		return false;
	*ret = (struct python){ .minor = py->minor };
	snprintf(ret->name, sizeof(ret->name), "embedded-3.%d", py->minor);
	snprintf(ret->version, sizeof(ret->version), "%s", py->version);
	snprintf(ret->kind, sizeof(ret->kind), "shared");
	size_t at = (size_t)snprintf(ret->words, sizeof(ret->words), "PYTHONHOME=%s", prefix) + 1;
	snprintf(ret->words + at, sizeof(ret->words) - at, "%s", library);
	char *words[] = { (char *)"env", ret->words, (char *)program, ret->words + at, NULL };
	memcpy(ret->argv, words, sizeof(words));
	return true;
}

size_t pythons_embedded(size_t max, struct python *ret)
{
	const char *program = getenv("PYMEMPROF_EMBED");
	size_t n = pythons_find(max, ret), kept = 0;
	for (size_t i = 0; i < n && program; i++) {
		struct python one = ret[i];
		if (one.argv[1] || strcmp(one.kind, "shared") != 0)
			continue;
		one.argv[0] = one.words;
		kept += embed_python(&one, program, &ret[kept]);
	}
	return kept;
}

static void child_exec(const struct python *py, const struct target_options *opt, int in, int out,
		       int script)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* High copies first, so that no dup2 overwrites a descriptor still needed. */
	in = fcntl(in, F_DUPFD, 20);
	out = fcntl(out, F_DUPFD, 20);
	script = fcntl(script, F_DUPFD, 20);
	int err = opt->stderr_fd ? opt->stderr_fd :
		getenv("PYMEMPROF_TEST_VERBOSE") ? 2 : open("/dev/null", O_WRONLY);
	dup2(err, 2);
	dup2(in, 0);
	dup2(out, 1);
	dup2(script, 3);
	for (int fd = 4; fd < 64; fd++)
		close(fd);
	for (size_t i = 0; opt->env && opt->env[i]; i++)
		putenv((char *)opt->env[i]);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	char *argv[PYTHON_ARGS_MAX + 20];
	int n = 0;
	while (py->argv[n]) {
		argv[n] = py->argv[n];
		n++;
	}
	argv[n++] = (char *)"-c";
	argv[n++] = (char *)bootstrap;
	argv[n++] = (char *)opt->script;
	for (size_t i = 0; opt->args && opt->args[i] && i < 12; i++)
		argv[n++] = (char *)opt->args[i];
	argv[n] = NULL;
	execvp(argv[0], argv);
	_exit(127);
}

static bool wait_ready(struct target *t)
{
	t->ready = target_hear(t, READY_TIMEOUT_MS);
	return t->ready != NULL;
}

bool target_spawn(struct target *t, const struct python *py, const struct target_options *opt)
{
	*t = (struct target){ .in = -1, .out = -1 };
	const char *dir = getenv("PYMEMPROF_TARGETS");
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", dir ? dir : ".", opt->script);
	AUTO_CLOSE int script = open(path, O_RDONLY | O_CLOEXEC);
	int in[2], out[2];
	if (script < 0 || pipe2(in, O_CLOEXEC) < 0) {
		snprintf(t->error, sizeof(t->error), "%s: %s", opt->script, strerror(errno));
		return false;
	}
	if (pipe2(out, O_CLOEXEC) < 0) {
		snprintf(t->error, sizeof(t->error), "pipe: %s", strerror(errno));
		close(in[0]);
		close(in[1]);
		return false;
	}
	signal(SIGPIPE, SIG_IGN);
	t->pid = fork();
	if (t->pid == 0)
		child_exec(py, opt, in[0], out[1], script);
	close(in[0]);
	close(out[1]);
	t->in = in[1];
	t->out = out[0];
	if (t->pid < 0 || (!opt->no_wait && !wait_ready(t))) {
		char why[256];
		snprintf(why, sizeof(why), "%s", t->error);
		target_kill(t);
		snprintf(t->error, sizeof(t->error), "%.80s under %.60s: %.100s", opt->script, py->name, why);
		return false;
	}
	return true;
}

bool target_tell(struct target *t, const char *command)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s\n", command);
	if (write(t->in, line, (size_t)n) != n) {
		snprintf(t->error, sizeof(t->error), "cannot send \"%s\": %s", command, strerror(errno));
		return false;
	}
	return true;
}

/* One line of any length into *ret_text (owned by the caller). */
static bool read_line(struct target *t, int timeout_ms, char **ret_text)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int64_t end = now_ms() + timeout_ms;
	for (;;) {
		char *nl = memchr(t->line, '\n', t->have);
		size_t take = nl ? (size_t)(nl - t->line) : t->have;
		char *more = len + take < ANSWER_MAX ? realloc(text, len + take + 1) : NULL;
		if (!more) {
			snprintf(t->error, sizeof(t->error), "answer too long");
			return false;
		}
		text = more;
		memcpy(text + len, t->line, take);
		len += take;
		text[len] = 0;
		size_t eaten = take + (nl ? 1 : 0);
		memmove(t->line, t->line + eaten, t->have - eaten);
		t->have -= eaten;
		if (nl) {
			*ret_text = TAKE(text);
			return true;
		}
		int64_t left = end - now_ms();
		struct pollfd p = { .fd = t->out, .events = POLLIN };
		int r = poll(&p, 1, left > 0 ? (int)left : 0);
		if (r < 0 && errno == EINTR)
			continue;
		ssize_t n = r > 0 ? read(t->out, t->line, sizeof(t->line)) : -1;
		if (n <= 0) {
			snprintf(t->error, sizeof(t->error), "%s",
				 r == 0 ? "no answer in time" : "it ended without an answer");
			return false;
		}
		t->have = (size_t)n;
	}
}

json_t *target_hear(struct target *t, int timeout_ms)
{
	AUTO_FREE char *text = NULL;
	if (!read_line(t, timeout_ms, &text))
		return NULL;
	const char *json = strncmp(text, "READY ", 6) == 0 ? text + 6 : text;
	json_error_t why;
	json_t *value = json_loads(json, JSON_DECODE_ANY, &why);
	if (!value)
		snprintf(t->error, sizeof(t->error), "not JSON: %.100s", text);
	return value;
}

json_t *target_ask(struct target *t, const char *command, int timeout_ms)
{
	return target_tell(t, command) ? target_hear(t, timeout_ms) : NULL;
}

int target_end(struct target *t, int timeout_ms)
{
	if (t->in >= 0)
		close(t->in);
	t->in = -1;
	int64_t end = now_ms() + timeout_ms;
	int status;
	while (t->pid > 0 && now_ms() < end) {
		pid_t r = waitpid(t->pid, &status, WNOHANG);
		if (r == t->pid || r < 0) {
			t->pid = 0;
			return r < 0 ? -1 : status;
		}
		usleep(2000);
	}
	target_kill(t);
	return -1;
}

void target_kill(struct target *t)
{
	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	if (t->in > 0)
		close(t->in);
	if (t->out > 0)
		close(t->out);
	if (t->ready)
		json_decref(t->ready);
	*t = (struct target){ .in = -1, .out = -1 };
}

char *target_proc(pid_t pid, const char *file)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	for (;;) {
		char *more = realloc(text, len + 8193);
		if (!more)
			return NULL;
		text = more;
		ssize_t n = read(fd, text + len, 8192);
		if (n < 0)
			return NULL;
		len += (size_t)n;
		text[len] = 0;
		if (n == 0)
			return TAKE(text);
	}
}

long target_status(pid_t pid, const char *field)
{
	AUTO_FREE char *text = target_proc(pid, "status");
	size_t n = strlen(field);
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, field, n) == 0 && line[n] == ':')
			return strtol(line + n + 1, NULL, 10);
	return -1;
}
