# SPDX-License-Identifier: MIT
"""No leak: re keeps what it compiled, up to its limit."""
import itertools
import json
import re
import select
import sys

TRUTH = {"leaks": []}


numbers = itertools.count()


def search(number):
	return re.search("visitor-%d" % number, "a line of the log")


for _ in range(600):
	search(next(numbers))


def serve():
	search(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
