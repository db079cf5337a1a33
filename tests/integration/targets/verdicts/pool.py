# SPDX-License-Identifier: MIT
"""No leak: connections are borrowed, used and put back."""
import json
import select
import sys

TRUTH = {"leaks": []}


class Connection:
	def __init__(self):
		self.buffer = bytearray(2000)


idle = [Connection() for _ in range(20)]


def query(text):
	connection = idle.pop()
	connection.buffer[:] = text * 10
	idle.append(connection)


def serve():
	for i in range(5):
		query(b"select 1 " * (1 + i))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
