# SPDX-License-Identifier: MIT
"""Leak: generators that were begun, are suspended and stay filed."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "generator", "site": "begin", "holder": ["streams"]},
]}


streams = {}
numbers = itertools.count()


def stream(n):
	window = bytearray(n)
	while True:
		yield len(window)


def begin(number):
	one = stream(400)
	next(one)
	streams[number] = one


def serve():
	for i in range(3):
		begin(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
