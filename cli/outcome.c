/* SPDX-License-Identifier: MIT */
/* Two tables. A new hint key needs a line here and one in pymemprof(1), DIAGNOSTICS. */
#include "cli/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "report/view/escape.h"

struct hint {
	const char *key, *sentence;
};

static const struct hint hints[] = {
	{ "abi-mismatch",
	  "the agent in the process is of another version of pymemprof: end it with that version's detach" },
	{ "already-attached",
	  "end the other recording, or run 'pymemprof detach PID' if its pymemprof was killed" },
	{ "already-traced",
	  "only one tracer at a time: end the debugger, strace or pymemprof named above" },
	{ "baseline",
	  "make one with --save-baseline and commit it, or go on with --baseline-lenient" },
	{ "being-recorded", "end that recording first, by Ctrl-C or SIGINT: it takes its agent out itself" },
	{ "cannot-create", "choose a place for it in a folder that exists and that you may write to" },
	{ "contradicts",
	  "its memory contradicts itself: it is damaged, or only looks like this Python; try again" },
	{ "cut-page", "copy it again, whole, or write it again: report --format html -o FILE.html" },
	{ "debug-build", "run the program with a release build of Python" },
	{ "disk-full",
	  "free some space or choose another place with -o; a .pmp is readable as far as it got" },
	{ "file-exists", "choose another name, or replace it with --force" },
	{ "free-threaded", "run the program with the default build of Python" },
	{ "damaged-file",
	  "copy it again, whole, or record again: without its beginning nothing can be read" },
	{ "incomplete", "what could be read is shown; record again for the rest" },
	{ "kernel-thread", "choose a process: 'pymemprof doctor' lists those of Python" },
	{ "needs-recording", "record the process, pymemprof attach, or choose text, json, csv or html" },
	{ "newer-file", "read it with the version of pymemprof that wrote it, or a later one" },
	{ "max-pause", "allow a longer stop with --max-pause, or leave out --read-only" },
	{ "no-descriptors", "raise the limit of open files (ulimit -n): some thirty are enough" },
	{ "no-graph", "take one that does: pymemprof snapshot --graph -o FILE PID" },
	{ "no-memory",
	  "pymemprof itself lacks memory: raise ulimit -v or its control group's limit" },
	{ "no-pymalloc", "start the program without PYTHONMALLOC=malloc" },
	{ "no-screen", "set TERM to the terminal's kind, or print text: pymemprof top -b" },
	{ "no-such-process", "list Python processes: pymemprof doctor" },
	{ "no-such-program",
	  "name it as for the shell: a program in PATH, or the path of a file that may be executed" },
	{ "no-such-type", "the names are in --view types; an address is one that --path or the program showed" },
	{ "not-a-core", "pass an ELF core file, as gcore or the kernel writes it" },
	{ "not-dumpable",
	  "run pymemprof as root: the process changed its user or hides its memory" },
	{ "not-embedded",
	  "it did not fit, or was not kept: write the page from a file, with a larger --max-size" },
	{ "not-initialized", "try again when the program has started" },
	{ "not-page", "pass a page that --html or --format html wrote" },
	{ "not-pmp", "pass a file that attach, run or snapshot wrote with -o" },
	{ "not-python",
	  "look for the interpreter's own process, perhaps a child: 'pymemprof doctor' lists them" },
	{ "other-user", "run it with sudo, or as the user who owns the process" },
	{ "output-closed", "the program that read the output went away; write to a file with -o" },
	{ "output-none", "open standard output, or write to a file with -o" },
	{ "own-pid", "name another process" },
	{ "page-sections", "list what is in it: pymemprof extract --list FILE.html" },
	{ "ptrace-denied",
	  "run it with sudo; in a container add --cap-add=SYS_PTRACE; see 'pymemprof doctor PID'" },
	{ "ran-no-python",
	  "give Python's own command after --: what a shell, make or tox starts is not followed" },
	{ "small-stack", "allow more: ulimit -s 8192" },
	{ "target-limit",
	  "a recording might take what the process asks for next: raise its limit (prlimit --pid), or take a snapshot" },
	{ "thread-does-not-stop",
	  "a thread waits in the kernel (state D): try again when its disk or network answers" },
	{ "thread-not-process", "pass the number of the process, not of the thread" },
	{ "unknown-version",
	  "this version of Python is not known to this pymemprof: a later one may know it" },
	{ "usage", "see 'pymemprof help', and 'pymemprof COMMAND --help' for options" },
	{ "user-namespace",
	  "run pymemprof inside the container's user namespace: nsenter -U -t PID" },
	{ "yama",
	  "run it with sudo, or allow it until the next boot: sudo sysctl kernel.yama.ptrace_scope=0" },
	{ "zombie", "it has ended already: nothing can be recorded" },
};

int outcome_status(int code)
{
	switch ((enum err_code)code) {
	case ERR_USAGE:
		return STATUS_USAGE;
	case ERR_NOMEM:
	case ERR_SYS:
	case ERR_FAULT:
	case ERR_CORRUPT:
	case ERR_UNSUPPORTED:
	case ERR_DENIED:
	case ERR_GONE:
	case ERR_INTERRUPTED:
		return STATUS_FAILED;
	}
	return STATUS_FAILED;
}

const char *outcome_hint(const char *key)
{
	for (size_t i = 0; key && i < sizeof hints / sizeof *hints; i++)
		if (strcmp(hints[i].key, key) == 0)
			return hints[i].sentence;
	return NULL;
}

const char *outcome_key(size_t i)
{
	return i < sizeof hints / sizeof *hints ? hints[i].key : NULL;
}

/* What anything may run out of, wherever it was. */
static const char *hint_of(const struct err *err)
{
	const char *hint = outcome_hint(err->hint);

	if (hint || err->hint)
		return hint;
	if (err->sys == EMFILE)
		return outcome_hint("no-descriptors");
	return err->code == ERR_NOMEM ? outcome_hint("no-memory") : NULL;
}

void outcome_print(const struct err *err, bool with_hint)
{
	char text[ERR_TEXT_MAX * ESCAPE_GROWTH + 1];
	const char *hint = hint_of(err);
	escape(ESCAPE_ASCII, err->text, strnlen(err->text, sizeof err->text), text, sizeof text);
	fprintf(stderr, "pymemprof: %s\n", *text ? text : err_code_name(err->code));
	if (hint && with_hint)
		fprintf(stderr, "hint: %s\n", hint);
}
