# SPDX-License-Identifier: MIT
"""Leak: lru_cache(maxsize=None) and arguments that never repeat."""
import functools
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Result", "site": "load", "holder": ["load", "lru_cache"]},
]}


numbers = itertools.count()


class Result:
	def __init__(self, number):
		self.number = number
		self.data = bytes(300)


@functools.lru_cache(maxsize=None)
def load(number):
	return Result(number)


def serve():
	for i in range(3):
		load(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
