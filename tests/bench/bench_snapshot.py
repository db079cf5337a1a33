#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a snapshot costs, beside what a user would do instead.

The target holds a mix of instances, dicts, tuples, floats and strings (about 150 bytes of RSS per
object) and waits. Reported per size: how long it stood still (as the snapshot says, how much of that
the target's own work took, the rest being its wait for a processor, and what a thread of the target
that does nothing but look at the clock says), time and CPU of the command for types and
fragmentation, its memory per object; and how long the target itself needs for gc.get_objects() with
sys.getsizeof and for objgraph.typestats(), which see containers only and stop the program meanwhile.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = r'''
import collections, gc, sys, time
class Row:
	def __init__(self, i):
		self.number = i + 1000
		self.name = "row number %d" % i + "." * 440
		self.pair = (i, float(i))
gc.disable()
n = int(sys.argv[1]) // 6
rows = [Row(i) for i in range(n)]
more = [{i: [i + 0.5]} for i in range(n // 4)]
gc.enable()
gc.freeze()
sys.stdout.write("READY %d\n" % sys.getallocatedblocks())
sys.stdout.flush()
for line in sys.stdin:
	start = time.perf_counter()
	if line.startswith("self"):
		gc.unfreeze()
		sizes = collections.Counter()
		for o in gc.get_objects():
			sizes[type(o)] += sys.getsizeof(o)
		sys.stdout.write("%.6f\n" % (time.perf_counter() - start))
	elif line.startswith("objgraph"):
		try:
			import objgraph
		except ImportError:
			objgraph = None
		start = time.perf_counter()
		if objgraph:
			objgraph.typestats()
		sys.stdout.write("%.6f\n" % (time.perf_counter() - start if objgraph else -1))
	else:
		worst, last = 0.0, start
		while last - start < float(line):
			now = time.perf_counter()
			worst, last = max(worst, now - last), now
		sys.stdout.write("%.6f\n" % worst)
	sys.stdout.flush()
'''


def interpreters(wanted):
	tool = os.environ.get("PYMEMPROF_INTERPRETERS") or os.path.join(HERE, "../../tools/interpreters")
	lines = subprocess.run([tool], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout
	for line in lines.splitlines():
		name, _, _, command = line.split("\t")
		if wanted in name:
			yield name, command.split()


def ask(target, line):
	target.stdin.write(line + "\n")
	target.stdin.flush()


def processor_ms(pid):
	"""What the target's threads ran (schedstat, first field)."""
	with open("/proc/%d/schedstat" % pid) as f:
		return int(f.read().split()[0]) / 1e6


def one(pymemprof, target, watch):
	ran = processor_ms(target.pid)
	if watch:
		ask(target, "3")
		time.sleep(0.3)
	begin = time.perf_counter()
	command = subprocess.Popen([pymemprof, "snapshot", str(target.pid), "--view", "types"], stdout=subprocess.DEVNULL,
				   stderr=subprocess.PIPE, universal_newlines=True)
	stopped = re.search(r"stopped ([0-9.]+) (ms|s|us)", command.stderr.read())
	_, status, used = os.wait4(command.pid, 0)
	wall = time.perf_counter() - begin
	if status != 0 or not stopped:
		sys.exit("bench_snapshot: status %d" % status)
	seen = float(target.stdout.readline()) if watch else None
	stop = float(stopped.group(1)) * {"s": 1e3, "ms": 1, "us": 1e-3}[stopped.group(2)]
	return stop, wall, used.ru_utime + used.ru_stime, seen, processor_ms(target.pid) - ran, used.ru_maxrss * 1024


def size_of(pymemprof, target):
	"""Objects on its heap, bytes resident."""
	done = subprocess.run([pymemprof, "snapshot", str(target.pid), "--format", "json"], stdout=subprocess.PIPE)
	report = json.loads(done.stdout)
	return (sum(t["count"] for t in report["types"]),
		sum(line["bytes"] for line in report["ledger"] if line["depth"] == 0))


def main():
	parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	parser.add_argument("--pymemprof", default=os.environ.get("PYMEMPROF"))
	parser.add_argument("--python", default=os.environ.get("PYMEMPROF_ONLY", ""), help="part of a name in tools/interpreters")
	parser.add_argument("--objects", default="100000,1000000,5000000,10000000")
	parser.add_argument("--turns", type=int, default=3)
	options = parser.parse_args()
	titles = ["objects", "RSS MiB", "stop ms", "of it work ms", "work ms/GiB", "seen inside ms", "wall s", "CPU s", "tool B/object",
		  "in the target s", "objgraph s"]
	print("%-16s" % "" + "".join("%16s" % title for title in titles))
	for name, command in interpreters(options.python):
		for count in options.objects.split(","):
			target = subprocess.Popen(command + ["-c", TARGET, count], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
						  universal_newlines=True)
			target.stdout.readline()
			objects, rss = size_of(options.pymemprof, target)
			runs = [one(options.pymemprof, target, False) for _ in range(options.turns)]
			seen = [one(options.pymemprof, target, True)[3] for _ in range(options.turns)]
			ask(target, "self")
			own = float(target.stdout.readline())
			ask(target, "objgraph")
			graph = float(target.stdout.readline())
			target.kill()
			target.wait()
			stop = statistics.median(r[0] for r in runs)
			work = statistics.median(r[4] for r in runs)
			row = ["%d" % objects, "%.0f" % (rss / 2**20), "%.2f" % stop, "%.2f" % work, "%.1f" % (work * 2**30 / rss),
			       "%.2f" % (min(seen) * 1e3), "%.2f" % statistics.median(r[1] for r in runs),
			       "%.2f" % statistics.median(r[2] for r in runs),
			       "%.1f" % (max(r[5] for r in runs) / objects), "%.2f" % own, "%.2f" % graph if graph >= 0 else "-"]
			print("%-16s" % name + "".join("%16s" % cell for cell in row), flush=True)
			print(json.dumps({"bench": "snapshot", "interpreter": name, "objects": objects, "rss": rss, "turns": options.turns,
					  "stop_ms": sorted(r[0] for r in runs), "work_ms": sorted(r[4] for r in runs),
					  "seen_ms": min(seen) * 1e3, "cpu": sorted(r[2] for r in runs),
					  "memory": max(r[5] for r in runs), "getsizeof": own,
					  "objgraph": graph if graph >= 0 else None}), flush=True)


if __name__ == "__main__":
	main()
