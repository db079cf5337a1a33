# SPDX-License-Identifier: MIT
"""Leak: coroutines that are made and never awaited."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "coroutine", "site": "plan", "holder": ["plans"]},
]}


plans = []


async def send(payload):
	return len(payload)


def plan(n):
	plans.append(send(bytes(n)))


def serve():
	for i in range(3):
		plan(400)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
