# SPDX-License-Identifier: MIT
"""Leak: a worker that lives as long as the program files requests in its thread local."""
import json
import queue
import select
import sys
import threading

TRUTH = {"leaks": [
	{"type": "Request", "site": "handle", "holder": ["pending", "here"]},
]}


here = threading.local()
work = queue.Queue()


class Request:
	def __init__(self, number):
		self.number = number
		self.body = bytes(300)


def handle(number):
	if not hasattr(here, "pending"):
		here.pending = []
	here.pending.append(Request(number))


def worker():
	while True:
		handle(work.get())


threading.Thread(target=worker, name="worker", daemon=True).start()


def serve():
	for i in range(3):
		work.put(i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
