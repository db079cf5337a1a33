#!/bin/sh
# SPDX-License-Identifier: MIT
# Run one suite: suite.sh EXE [ARGS…]. Criterion passes a test whose worker leaks or trips a
# sanitizer after the body, and knows nothing of descriptors; an integration suite sees of the program it
# runs what is printed and its status. Here what either leaves in a log fails the suite.
set -u
[ $# -ge 1 ] || { echo "usage: suite.sh EXE [ARGS...]" >&2; exit 2; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/pymemprof-suite.XXXXXX") || exit 99
trap 'rm -rf "$logs"' EXIT
chmod 1777 "$logs" || exit 99 # some suites run the program as another user
trap 'exit 99' HUP INT TERM

# Settings from outside come last and win: ASAN_OPTIONS=detect_leaks=0 where something traces us,
# which LeakSanitizer cannot bear. gcc's UBSan ignores log_path beside ASan, so it halts instead.
ASAN_OPTIONS="log_path=$logs/asan:abort_on_error=0:verify_asan_link_order=0:${ASAN_OPTIONS:-}"
UBSAN_OPTIONS="log_path=$logs/ubsan:print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}"
PYMEMPROF_FD_LOG=$logs
export ASAN_OPTIONS UBSAN_OPTIONS PYMEMPROF_FD_LOG
unset PYMEMPROF_DEBUG

# By hand, for a suite that is to do more than usual (with meson's -t): seconds for each of its tests.
[ -z "${PYMEMPROF_VALGRIND:-}" ] || PYMEMPROF_TIMEOUT=${PYMEMPROF_TIMEOUT:-900}
[ -z "${PYMEMPROF_TIMEOUT:-}" ] || set -- "$@" --timeout "$PYMEMPROF_TIMEOUT"

# Run under valgrind when the test setup of that name says so. A traced child would be valgrind's
# own machine, not the program a suite stops and steps through.
if [ -n "${PYMEMPROF_VALGRIND:-}" ]; then
	case ${1##*/} in
	suite_tracer_process_freeze | suite_tracer_process_remote | suite_tracer_process_spawn | \
		suite_tracer_process_stop)
		echo "1..0 # SKIP under valgrind: traces its children, which would be valgrind itself"
		exit 0
		;;
	esac
	# script(1), which is not ours, loses what it duplicates.
	set -- "$PYMEMPROF_VALGRIND" -q --vgdb=no --trace-children=yes '--trace-children-skip=*/script' --leak-check=full \
		--errors-for-leak-kinds=definite --show-leak-kinds=definite \
		"--log-file=$logs/valgrind.%p" "$@"
fi

"$@"
status=$?

# What valgrind says of itself, a system call it does not know (openat2; our callers do without).
for log in "$logs"/valgrind.*; do
	[ ! -f "$log" ] || sed -i '/^--[0-9]*-- /d' "$log"
done
for log in "$logs"/*; do
	[ -s "$log" ] || continue
	echo "# ${log##*/}" >&2
	cat "$log" >&2
	echo "Bail out! ${log##*/}: $(grep -m1 -E 'ERROR|runtime error|leaked|lost in|Invalid|uninit' "$log" | cut -c1-200)"
	[ $status -ne 0 ] || status=1
done
exit $status
