# SPDX-License-Identifier: MIT
"""Two leaks of one service: they must not be taken for one."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Listener", "site": "subscribe", "holder": ["listeners"]},
	{"type": "Receipt", "site": "pay", "holder": ["receipts"]},
]}


listeners = []
receipts = {}
numbers = itertools.count()


class Listener:
	def __init__(self):
		self.inbox = bytearray(300)


class Receipt:
	def __init__(self, number):
		self.number = number
		self.text = "paid " * 50


def subscribe():
	listeners.append(Listener())


def pay(number):
	receipts[number] = Receipt(number)


def serve():
	for i in range(3):
		subscribe()
		pay(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
