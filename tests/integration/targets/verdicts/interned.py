# SPDX-License-Identifier: MIT
"""No leak: interned strings of a limited alphabet."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": []}


numbers = itertools.count()
seen = {}


def intern(number):
	word = sys.intern("status-%d" % (number % 200))
	seen[word] = number


def serve():
	for i in range(5):
		intern(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
