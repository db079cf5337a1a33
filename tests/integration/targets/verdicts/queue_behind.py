# SPDX-License-Identifier: MIT
"""Leak: a queue nobody reads."""
import json
import queue
import select
import sys

TRUTH = {"leaks": [
	{"type": "Job", "site": "submit", "holder": ["jobs", "queue", "deque"]},
]}


jobs = queue.Queue()


class Job:
	def __init__(self, number):
		self.number = number
		self.payload = bytes(250)


def submit(number):
	jobs.put(Job(number))


def serve():
	for i in range(3):
		submit(i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
