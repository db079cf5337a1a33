# SPDX-License-Identifier: MIT
"""No leak: an lru_cache with room for 300 results, always turned over."""
import functools
import itertools
import json
import select
import sys

TRUTH = {"leaks": []}


numbers = itertools.count()


@functools.lru_cache(maxsize=300)
def load(number):
	return bytes(400)


def serve():
	for i in range(3):
		load(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
