# SPDX-License-Identifier: MIT
"""No leak: a cache that fills in its first second, then serves."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": []}


pages = {}
numbers = itertools.count()


def render(number):
	if number not in pages:
		pages[number] = ("<h1>%d</h1>" % number) + "text " * 100
	return pages[number]


def serve():
	for i in range(4):
		render(next(numbers) % 400)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
