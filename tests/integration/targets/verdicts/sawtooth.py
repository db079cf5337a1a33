# SPDX-License-Identifier: MIT
"""No leak: a batch is gathered, sent, and forgotten."""
import json
import select
import sys

TRUTH = {"leaks": []}


batch = []


def gather():
	batch.append(bytes(500))
	if len(batch) >= 120:
		batch.clear()


def serve():
	for i in range(3):
		gather()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
