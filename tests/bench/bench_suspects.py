#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it costs to name the suspects of a large recording: from the signal that ends an attach to the
last byte of its report. The target makes N objects, a third each of a class of its own, floats and
tuples, all kept by one list. One JSON line a size: processor time of the recorder from there on (walk,
join, graph, dominators, suspects, file, report), its highest memory, and whether the suspect is right.

usage: bench_suspects.py PYMEMPROF [OBJECTS ...]      (default 1000000 3000000 10000000)
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

TARGET = """
import gc, sys, time
class P:
	__slots__ = ("a", "b")
	def __init__(self, a, b):
		self.a, self.b = a, b
kept = []
def make(n):
	for i in range(n):
		kept.append(P(float(i), (i,)))
gc.disable()
print("ready", flush=True)
sys.stdin.readline()
for step in range(40):
	make(int(sys.argv[1]) // 3 // 40)
	time.sleep(0.02)
print("made", flush=True)
sys.stdin.readline()
"""


def figures(pid):
	"""Processor seconds and highest resident bytes of a process."""
	with open("/proc/%d/stat" % pid) as f:
		stat = f.read().rsplit(")", 1)[1].split()
	with open("/proc/%d/status" % pid) as f:
		hwm = [int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM")]
	return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), hwm[0] if hwm else 0


def measure(program, objects, folder):
	target = subprocess.Popen([sys.executable, "-c", TARGET, str(objects)], stdin=subprocess.PIPE,
				  stdout=subprocess.PIPE, text=True)
	target.stdout.readline()
	report = os.path.join(folder, "report.json")
	with open(report, "w") as out:
		recorder = subprocess.Popen([program, "attach", str(target.pid), "--plain", "--format", "json",
					     "-f", "-o", os.path.join(folder, "big.pmp")],
					    stdout=out, stderr=subprocess.PIPE, text=True)
	recorder.stderr.readline()  # it records
	time.sleep(1)
	target.stdin.write("go\n")
	target.stdin.flush()
	target.stdout.readline()
	time.sleep(0.5)
	before, peak = figures(recorder.pid)
	after = before
	recorder.send_signal(signal.SIGTERM)
	while recorder.poll() is None:
		try:
			after, resident = figures(recorder.pid)
			peak = max(peak, resident)
		except (OSError, IndexError):
			pass
		time.sleep(0.01)
	target.kill()
	with open(report) as f:
		result = json.load(f)
	leak = result["leaks"][0] if result["leaks"] else {}
	return {"name": "suspects", "objects": objects, "cpu_seconds": round(after - before, 2),
		"ns_per_object": round((after - before) * 1e9 / objects),
		"peak_bytes_per_object": round(peak / objects, 1),
		"graph": result.get("graph", {}).get("skipped") or "whole",
		"right": leak.get("type") == "__main__.P" and leak.get("function") == "make" and
		leak.get("path") == "__main__.kept[*]"}


def main():
	sizes = [int(n) for n in sys.argv[2:]] or [1000000, 3000000, 10000000]
	with tempfile.TemporaryDirectory() as folder:
		for objects in sizes:
			print(json.dumps(measure(sys.argv[1], objects, folder)), flush=True)


if __name__ == "__main__":
	main()
