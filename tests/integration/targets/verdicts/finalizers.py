# SPDX-License-Identifier: MIT
"""Leak: finalizers that hold the very object they wait for."""
import json
import select
import sys
import weakref

TRUTH = {"leaks": [
	{"type": "Connection", "site": "connect", "holder": ["_registry"]},
]}


class Connection:
	def __init__(self):
		self.buffer = bytearray(250)
		weakref.finalize(self, self.close)

	def close(self):
		pass


def connect():
	return Connection()


def serve():
	for i in range(3):
		connect()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
