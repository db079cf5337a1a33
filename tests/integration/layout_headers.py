# SPDX-License-Identifier: MIT
"""Every sheet against the real headers of every interpreter that has them installed.

    layout_headers.py PRINT_LAYOUT     TAP, one point per interpreter

Compared is each member tools/layout-probe can see; structs private to C files are not in headers.
A member the headers have and the sheet calls absent is a failure too.
"""
import os
import subprocess
import sys

# Members a distribution moves and nobody reads: Debian packs PyGC_Head differently in 3.13 (its patch
# gchead-alignment), so the array is reached through the generation0 pointer (interp_gc_generations).
MOVED = {("gc_runtime_state_generations", 20)}

TOOLS = os.path.dirname(os.environ["PYMEMPROF_INTERPRETERS"])


def table(text):
	return {name: int(value) for name, value in (line.split("\t") for line in text.splitlines())}


def pythons():
	run = subprocess.run([os.environ["PYMEMPROF_INTERPRETERS"]], capture_output=True, text=True)
	return [line.split("\t") for line in run.stdout.splitlines()]


def include(command, root):
	run = subprocess.run(command + ["-I", "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
		capture_output=True, text=True)
	return root + run.stdout.strip()


def check(print_layout, name, version, command):
	"""Result line after "ok N - " and whether it is a failure."""
	root = command[1] if command[0] == "chroot" else ""
	run = subprocess.run([os.path.join(TOOLS, "layout-probe"), "--include", include(command, root)],
		capture_output=True, text=True)
	if run.returncode == 3:
		return "%s # SKIP its headers are not installed" % name, False
	if run.returncode:
		return "%s: %s" % (name, run.stderr.strip().replace("#", "")), True
	real = table(run.stdout)
	minor, patch = version.split(".")[1:3]
	run = subprocess.run([print_layout, minor, patch, str(real["_PyRuntimeState_sizeof"]), os.uname().machine],
		capture_output=True, text=True)
	if run.returncode == 3:
		return "%s: no epoch has a runtime of %d bytes" % (name, real["_PyRuntimeState_sizeof"]), True
	sheet = table(run.stdout)
	wrong = ["%s is %d, sheet says %s" % (m, v, sheet.get(m, "absent")) for m, v in real.items()
		if sheet.get(m) != v and (m, v) not in MOVED]
	for line in wrong:
		print("# " + line)
	return "%s: %d members, %d wrong" % (name, len(real), len(wrong)), bool(wrong)


def main():
	found = pythons()
	print("1..%d" % len(found))
	for number, (name, version, _, command) in enumerate(found, 1):
		text, failed = check(sys.argv[1], name, version, command.split())
		print("%s %d - %s" % ("not ok" if failed else "ok", number, text), flush=True)


if __name__ == "__main__":
	main()
