# SPDX-License-Identifier: MIT
"""Leak: a list that belongs to the class, not to its instances."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Order", "site": "place", "holder": ["history"]},
]}


class Order:
	history = []

	def __init__(self, amount):
		self.amount = amount
		self.note = "note" * amount
		self.history.append(self)


def place(amount):
	return Order(amount).amount


def serve():
	for i in range(3):
		place(60 + i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
