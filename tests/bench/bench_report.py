#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a recording's file and its reports cost, beside memray's.

One program of programs/ runs the same rounds once recorded by pymemprof (with the snapshots an attach
takes) and once under memray with Python's allocators traced. Then each writes the reports it has, in
turn: pymemprof the summary, JSON and the page, memray its summary, statistics and flame graph. Told
are bytes of the recording and of each report, and processor time and memory of the command that makes it.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

import bench_overhead as overhead

OURS = [("summary", ["report", "{file}"]), ("json", ["report", "{file}", "--format", "json"]),
	("page", ["report", "{file}", "--format", "html", "-f", "-o", "{out}"])]
MEMRAY = [("summary", ["summary", "{file}"]), ("json", ["stats", "--json", "-f", "-o", "{out}", "{file}"]),
	  ("page", ["flamegraph", "-f", "-o", "{out}", "{file}"])]


def timed(command, out):
	"""Processor seconds, memory and bytes of what it printed or wrote."""
	if os.path.exists(out):
		os.remove(out)
	with tempfile.TemporaryFile() as printed:
		process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
		_, status, used = os.wait4(process.pid, 0)
		process.returncode = status
		if status != 0:
			raise overhead.Trouble("%s: status %d" % (" ".join(command), status))
		size = os.path.getsize(out) if os.path.exists(out) else os.fstat(printed.fileno()).st_size
	return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, size


def reports(command, kinds, file, out, root, turns):
	rows = {}
	for kind, words in kinds:
		runs = [timed(command + [w.format(file=file[len(root):], out=out[len(root):]) for w in words], out)
			for _ in range(turns)]
		rows[kind] = {"seconds": statistics.median(r[0] for r in runs), "memory": max(r[1] for r in runs),
			      "bytes": runs[-1][2]}
	return rows


def record_ours(options, python, program, cpus, file):
	target = overhead.Target(python, program, "base", cpus[0], file)
	process = subprocess.Popen([options.pymemprof, "attach", str(target.process.pid), "-o", file, "-f"],
				   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
	while b"recording" not in process.stderr.readline():
		if process.poll() is not None:
			raise overhead.Trouble("attach failed")
	target.run(options.rounds)
	process.send_signal(signal.SIGINT)
	process.communicate(timeout=overhead.TIMEOUT)
	target.end()


def record_memray(options, python, program, cpus, file):
	target = overhead.Target(python, program, "memray", cpus[0], file[len(python.root):])
	target.run(options.rounds)
	target.end()


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("--pymemprof", default=os.environ.get("PYMEMPROF"))
	parser.add_argument("--python", default=os.environ.get("PYMEMPROF_ONLY", ""), help="part of a name in tools/interpreters")
	parser.add_argument("--program", default="web_requests")
	parser.add_argument("--rounds", type=int, default=200)
	parser.add_argument("--turns", type=int, default=3)
	options = parser.parse_args()
	python = overhead.choose_python(options.python)
	program = overhead.Program(os.path.join(overhead.HERE, "programs", options.program + ".py"))
	cpus = sorted(os.sched_getaffinity(0))
	result = {"bench": "report", "program": options.program, "rounds": options.rounds, "python": python.version}
	with tempfile.TemporaryDirectory(dir=python.root + "/tmp") as folder:
		file, out = os.path.join(folder, "recording"), os.path.join(folder, "report")
		record_ours(options, python, program, cpus, file)
		result["pymemprof"] = dict(reports([options.pymemprof], OURS, file, out, "", options.turns),
					   file=os.path.getsize(file))
		if python.has_memray():
			os.remove(file)
			record_memray(options, python, program, cpus, file)
			result["memray"] = dict(reports(python.with_proc() + ["-m", "memray"], MEMRAY, file, out, python.root,
							options.turns), file=os.path.getsize(file))
	print(json.dumps(result), flush=True)


if __name__ == "__main__":
	try:
		main()
	except overhead.Trouble as trouble:
		sys.exit("bench_report: %s" % trouble)
