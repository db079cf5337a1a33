# SPDX-License-Identifier: MIT
"""No leak: names of attributes made anew at each look-up, which the interpreter's method cache keeps up to 4,096 of."""
import json
import re
import select
import sys

TRUTH = {"leaks": []}


class Handler:
	def do_GET(self):
		return 200


pattern = re.compile("[0-9]+")
handler = Handler()


def dispatch(command):
	return hasattr(handler, "do_" + command)  # as http.server does


def serve():
	for line in ("GET /1", "PUT /22", "HEAD /333"):
		for match in pattern.finditer(line):  # asks for "search" by a C string
			dispatch(line.split()[0])


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
