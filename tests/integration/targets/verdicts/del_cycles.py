# SPDX-License-Identifier: MIT
"""Leak: cycles whose __del__ files the dead away."""
import gc
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Session", "site": "open_session", "holder": ["undead"]},
]}


undead = []


class Session:
	def __init__(self):
		self.state = bytearray(300)
		self.me = self

	def __del__(self):
		undead.append(self)


def open_session():
	return Session()


def serve():
	for i in range(3):
		open_session()
	gc.collect()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
