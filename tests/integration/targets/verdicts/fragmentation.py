# SPDX-License-Identifier: MIT
"""No leak: many are made, most die, the few that stay are replaced in turn."""
import json
import select
import sys

TRUTH = {"leaks": []}


pins = [None] * 500
turn = 0


def burst():
	global turn
	many = [bytes(100) for _ in range(2000)]
	pins[turn % 500] = many[turn * 7 % 2000]
	turn += 1


for _ in range(500):
	burst()


def serve():
	burst()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
