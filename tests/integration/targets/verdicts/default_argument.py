# SPDX-License-Identifier: MIT
"""Leak: a default argument that is made once and grows ever after."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Sample", "site": "record", "holder": ["__defaults__", "record"]},
]}


class Sample:
	def __init__(self, value):
		self.value = value
		self.raw = bytes(150)


def record(value, samples=[]):
	samples.append(Sample(value))
	return len(samples)


def serve():
	for i in range(4):
		record(i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
