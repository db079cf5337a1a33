# SPDX-License-Identifier: MIT
"""Leak: a linked list that only ever gets longer."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Event", "site": "note", "holder": ["latest"]},
]}


latest = None


class Event:
	__slots__ = ("before", "text")

	def __init__(self, before):
		self.before = before
		self.text = bytes(200)


def note():
	global latest
	latest = Event(latest)


def serve():
	for i in range(3):
		note()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
