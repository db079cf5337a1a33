# SPDX-License-Identifier: MIT
"""Allocates a known population at a line of populate(), says how much that is, and dies at once.

Word: the way to die (exit, kill, exec, end, storm). With "wait" as a second word it first prints
READY {} and reads a line. Before its end it prints {"line", "blocks", "bytes", "temps"}. "storm"
does not end: it allocates until somebody kills it.
"""
import json
import os
import signal
import sys


def populate():
	for i, n in enumerate(sizes):
		kept[i] = bytes(n)
	for i in range(TEMPS):
		bytearray(40)


TEMPS = 1500
sizes = list(range(1000, 1700))
kept = [None] * len(sizes)


def storm():
	while True:
		populate()
		kept[:] = sizes


if sys.argv[2:] == ["wait"]:
	print("READY {}", flush=True)
	sys.stdin.readline()
if sys.argv[1] == "storm":
	storm()
populate()
told = {"line": populate.__code__.co_firstlineno + 2, "blocks": len(kept), "temps": TEMPS,
	"young": populate.__code__.co_firstlineno + 4, "bytes": sum(map(sys.getsizeof, kept))}
os.write(1, json.dumps(told).encode() + bytes([10]))
if sys.argv[1] == "exit":
	os._exit(0)
if sys.argv[1] == "kill":
	os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "exec":
	os.execv("/bin/sh", ["sh", "-c", "exit 0"])
