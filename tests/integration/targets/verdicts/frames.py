# SPDX-License-Identifier: MIT
"""Leak: a worker's local variable that grows while its function runs for ever."""
import json
import queue
import select
import sys
import threading

TRUTH = {"leaks": [
	{"type": "Line", "site": "collect", "holder": ["lines"]},
]}


work = queue.Queue()


class Line:
	def __init__(self, number):
		self.number = number
		self.text = bytes(200)


def collect(number):
	return Line(number)


def worker():
	lines = []
	while True:
		lines.append(collect(work.get()))


threading.Thread(target=worker, name="worker", daemon=True).start()


def serve():
	for i in range(3):
		work.put(i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
