# SPDX-License-Identifier: MIT
"""Computes all the time, checks its own results, and does what it is told besides.

Words: "threads=N" workers (default 1). READY {hexversion}. Commands, one answer each:
check        {rounds, bad, alive}: rounds of work since the start, and how many were wrong
keep N       allocates N blocks of 1000 to 1000 + N - 1 bytes in keep_blocks() and keeps them
drop         frees them
trace, untrace   tracemalloc.start(), tracemalloc.stop()
fork, spawn  runs a child that works for a while: {status}
codes N      runs N freshly compiled functions, one after the other
"""
import gc
import json
import os
import subprocess
import sys
import threading

WORDS = dict(w.split("=") for w in sys.argv[1:] if "=" in w)
state = {"rounds": 0, "bad": 0, "stop": False}
kept = []


def recurse(n):
	return [n] + recurse(n - 1) if n else []


def numbers(n):
	for i in range(n):
		yield i * 1000003 % 65537


def work():
	table = {}
	for i in numbers(300):
		table[str(i)] = [i, float(i), (i, str(i))]
	text = json.dumps(table, sort_keys=True)
	back = json.loads(text)
	grown = []
	for key in sorted(back):
		grown.append(key * 3)
		if len(grown) % 7 == 0:
			grown = grown[3:]
	big = bytearray(5000)
	big.extend(b"x" * 70000)
	return len(text), len(grown), sum(recurse(30)), len(big)


EXPECTED = work()


def worker():
	while not state["stop"]:
		if work() != EXPECTED:
			state["bad"] += 1
		state["rounds"] += 1


def keep_blocks(n):
	for i in range(n):
		kept.append(bytes(1000 + i))


def child():
	bad = 0
	for _ in range(20):
		bad += work() != EXPECTED
	os._exit(3 if bad else 0)


def in_fork():
	pid = os.fork()
	if pid == 0:
		child()
	return {"status": os.waitpid(pid, 0)[1]}


def run_codes(n):
	total = 0
	for i in range(n):
		space = {}
		exec("def made_%d(a):\n\tb = [a] * 3\n\treturn [b, str(a)]\n" % (i % 5), space)
		total += len(space["made_%d" % (i % 5)](i))
	return {"total": total}


def command(words):
	if words[0] == "check":
		return {"rounds": state["rounds"], "bad": state["bad"],
			"alive": sum(t.is_alive() for t in threads)}
	if words[0] == "keep":
		keep_blocks(int(words[1]))
	elif words[0] == "drop":
		kept.clear()
		gc.collect()
	elif words[0] == "trace":
		import tracemalloc
		tracemalloc.start()
	elif words[0] == "untrace":
		import tracemalloc
		tracemalloc.stop()
	elif words[0] == "fork":
		return in_fork()
	elif words[0] == "spawn":
		return {"status": subprocess.call([sys.executable, "-c", "print(len(str(10 ** 1000)))"],
						  stdout=subprocess.DEVNULL)}
	elif words[0] == "codes":
		return run_codes(int(words[1]))
	return {}


threads = [threading.Thread(target=worker, daemon=True) for _ in range(int(WORDS.get("threads", 1)))]
for t in threads:
	t.start()
print("READY", json.dumps({"hexversion": sys.hexversion}), flush=True)
for line in sys.stdin:
	# one write: whoever reads the answer may be who empties the agent's pipe
	sys.stdout.write(json.dumps(command(line.split())) + "\n")
	sys.stdout.flush()
state["stop"] = True
