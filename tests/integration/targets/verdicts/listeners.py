# SPDX-License-Identifier: MIT
"""Leak: whoever subscribes is never taken off the list."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Listener", "site": "subscribe", "holder": ["listeners"]},
]}


listeners = []


class Listener:
	def __init__(self, name):
		self.name = name
		self.inbox = bytearray(300)


def subscribe(name):
	listener = Listener(name)
	listeners.append(listener)
	return listener


def serve():
	for i in range(3):
		subscribe("visitor")


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
