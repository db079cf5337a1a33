# SPDX-License-Identifier: MIT
"""Two leaks that one function feeds, each held by something else: to mend one is not to mend the other."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Request", "site": "before", "holder": ["audit"]},
	{"type": "function", "site": "before", "holder": ["callbacks"]},
]}


audit = {}
callbacks = []
numbers = itertools.count()


class Request:
	def __init__(self, number):
		self.number = number
		self.tags = [number] * 5


def before(number):
	request = Request(number)
	audit[number] = request
	callbacks.append(lambda: number)


def serve():
	for i in range(3):
		before(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
