# SPDX-License-Identifier: MIT
"""No leak: counters of a fixed set of labels, whose numbers grow."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": []}


totals = dict.fromkeys(("get", "post", "put", "delete", "errors"), 10 ** 12)
numbers = itertools.count()


def count(label, bytes_sent):
	totals[label] += bytes_sent


def serve():
	for label in list(totals):
		count(label, next(numbers) * 1000)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
