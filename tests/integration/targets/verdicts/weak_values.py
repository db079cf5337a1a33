# SPDX-License-Identifier: MIT
"""No leak: a dictionary of weak references lets go."""
import itertools
import json
import select
import sys
import weakref

TRUTH = {"leaks": []}


known = weakref.WeakValueDictionary()
numbers = itertools.count()
recent = []


class Document:
	def __init__(self, number):
		self.number = number
		self.text = bytes(400)


def serve():
	for i in range(3):
		number = next(numbers)
		known[number] = document = Document(number)
		recent.append(document)
		del recent[:-30]


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
