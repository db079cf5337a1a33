# SPDX-License-Identifier: MIT
"""Leak: a counter per label, and every visitor is a label."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "str", "site": "count", "holder": ["totals"]},
]}


totals = {}
numbers = itertools.count()


def count(number):
	label = "requests.visitor-%012d.total" % number
	totals[label] = totals.get(label, 0) + 1


def serve():
	for i in range(6):
		count(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
