# SPDX-License-Identifier: MIT
"""No leak: a table that is read anew again and again, the old one going."""
import json
import select
import sys

TRUTH = {"leaks": []}


rates = {}
turn = 0


def refresh():
	global rates
	rates = {"rate-%d" % i: [float(i)] * 20 for i in range(300)}


def serve():
	global turn
	turn += 1
	if turn % 20 == 1:
		refresh()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
