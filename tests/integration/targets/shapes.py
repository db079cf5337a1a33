# SPDX-License-Identifier: MIT
"""Makes memory of a known shape on command, for reports about it.

rise: 100 blocks of 100000 bytes, all alive at once, then freed: the peak.
keep: 50 blocks of 3000 bytes that stay.
threads: three named threads that each keep 20 blocks of 5000 bytes.
names: code whose file and function names need escaping.
"""
import json
import sys
import threading
import time

kept = []


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


def rise():
	top = [None] * 100
	for i in range(100):
		top[i] = bytearray(100000)
	time.sleep(0.3)
	return len(top)


def keep():
	block = [None] * 50
	for i in range(50):
		block[i] = bytes(3000)
	kept.append(block)
	return 50


def body(store):
	for i in range(20):
		store.append(bytes(5000))
	time.sleep(0.1)


def in_threads():
	store = []
	kept.append(store)
	threads = [threading.Thread(target=body, args=(store,), name="worker-%d" % i) for i in range(3)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	return len(store)


HOSTILE = "<b>\"'&;,\\x1b[31m;\tx\u202e.py"


def in_names():
	scope = {}
	exec(compile("def f(keep):\n\tkeep.append(bytes(7777))\n", HOSTILE, "exec"), scope)
	store = []
	kept.append(store)
	for _ in range(10):
		scope["f"](store)
	return len(store)


COMMANDS = {"rise": rise, "keep": keep, "threads": in_threads, "names": in_names}
say({"version": sys.version.split()[0]}, "READY ")
for line in sys.stdin:
	if line.strip() == "quit":
		break
	say(COMMANDS[line.strip()]())
