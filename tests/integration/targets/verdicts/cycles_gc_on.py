# SPDX-License-Identifier: MIT
"""No leak: cycles that the collector finds when it is their turn."""
import json
import select
import sys

TRUTH = {"leaks": []}


class Node:
	def __init__(self, parent):
		self.parent = parent
		self.child = None
		self.data = bytes(200)


def build():
	root = Node(None)
	root.child = Node(root)


def serve():
	for i in range(3):
		build()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
