# SPDX-License-Identifier: MIT
"""Leak: callbacks that keep what they closed over."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "function", "site": "on_ready", "holder": ["callbacks"]},
]}


callbacks = []


def on_ready(buffer):
	def callback():
		return len(buffer)

	callbacks.append(callback)


def serve():
	for i in range(3):
		on_ready(bytes(500))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
