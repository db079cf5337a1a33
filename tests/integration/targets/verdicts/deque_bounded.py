# SPDX-License-Identifier: MIT
"""No leak: the last hundred lines."""
import collections
import json
import select
import sys

TRUTH = {"leaks": []}


lines = collections.deque(maxlen=100)


def log(text):
	lines.append(text * 20)


def serve():
	for i in range(4):
		log("line of the log ")


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
