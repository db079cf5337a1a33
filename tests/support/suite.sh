#!/bin/sh
# SPDX-License-Identifier: MIT
# Run one Criterion suite: suite.sh EXE [ARGS…]. Criterion passes a test whose worker leaks or
# trips a sanitizer after the body, and knows nothing of descriptors; here either fails the suite.
set -u
[ $# -ge 1 ] || { echo "usage: suite.sh EXE [ARGS...]" >&2; exit 2; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/pymemprof-suite.XXXXXX") || exit 99
trap 'rm -rf "$logs"' EXIT
trap 'exit 99' HUP INT TERM

# Settings from outside come last and win: ASAN_OPTIONS=detect_leaks=0 where something traces us,
# which LeakSanitizer cannot bear. gcc's UBSan ignores log_path beside ASan, so it halts instead.
ASAN_OPTIONS="log_path=$logs/asan:abort_on_error=0:${ASAN_OPTIONS:-}"
UBSAN_OPTIONS="log_path=$logs/ubsan:print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}"
PYMEMPROF_FD_LOG=$logs
export ASAN_OPTIONS UBSAN_OPTIONS PYMEMPROF_FD_LOG
unset PYMEMPROF_DEBUG

# Run under valgrind when the test setup of that name says so; but not the suites that make system
# calls it does not know (3.19: openat2, pidfd_open) or drive other processes.
case ${1##*/} in
suite_tracer_process_* | suite_tracer_agent_*) unset PYMEMPROF_VALGRIND ;;
esac
if [ -n "${PYMEMPROF_VALGRIND:-}" ]; then
	set -- "$PYMEMPROF_VALGRIND" -q --trace-children=yes --leak-check=full \
		--errors-for-leak-kinds=definite --show-leak-kinds=definite \
		"--log-file=$logs/valgrind.%p" "$@"
fi

"$@"
status=$?

for log in "$logs"/*; do
	[ -s "$log" ] || continue
	echo "# ${log##*/}" >&2
	cat "$log" >&2
	echo "Bail out! ${log##*/}: $(grep -m1 -E 'ERROR|runtime error|leaked|lost in|Invalid|uninit' "$log" | cut -c1-200)"
	[ $status -ne 0 ] || status=1
done
exit $status
