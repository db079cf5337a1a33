# SPDX-License-Identifier: MIT
"""Runs one program of programs/ as often as it is told to and says what that took.

Words: PROGRAM (its name), TRACEMALLOC_FRAMES (0: off). The program's text is on descriptor 4, so
that an interpreter inside a chroot can run it. Reads lines, each a number of rounds; answers
each with one line of JSON.
"""
import os
import sys
import time

with os.fdopen(4, encoding="utf-8") as text:
	exec(compile(text.read(), sys.argv[1], "exec"))


def main():
	frames = int(sys.argv[2])
	check = work()
	if frames:
		import tracemalloc
		tracemalloc.start(frames)
	print("READY", flush=True)
	for line in sys.stdin:
		rounds = int(line)
		wall, cpu = time.perf_counter(), time.process_time()
		for _ in range(rounds):
			if work() != check:
				sys.exit("the program computes something else now")
		wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
		print('{"wall": %.9f, "cpu": %.9f}' % (wall, cpu), flush=True)


main()
