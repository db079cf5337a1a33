# SPDX-License-Identifier: MIT
"""No leak: the last 50000 readings are kept, and no more."""
import collections
import json
import select
import sys

TRUTH = {"leaks": []}


readings = collections.deque(maxlen=50000)


class Reading:
	__slots__ = ("value",)

	def __init__(self, value):
		self.value = value


def serve():
	for i in range(5):
		readings.append(Reading(float(i)))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
