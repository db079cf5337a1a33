# SPDX-License-Identifier: MIT
"""Leak: a cache whose keys never come back."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Page", "site": "render", "holder": ["pages"]},
]}


pages = {}
numbers = itertools.count()


class Page:
	__slots__ = ("title", "words")

	def __init__(self, number):
		self.title = "page %d" % number
		self.words = ["word"] * 40


def render(number):
	if number not in pages:
		pages[number] = Page(number)
	return pages[number]


def serve():
	for i in range(3):
		render(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
