# SPDX-License-Identifier: MIT
"""Leak: rows of a log. Each is a dict of the free list, in memory that parsing asked for."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "dict", "site": "handle", "holder": ["log"]},
]}

log = []


def parse(path):
	return [{"key": i, "of": path} for i in range(60)]


def handle(path):
	parts = parse(path)
	size = len(parts)
	del parts
	log.append({"path": path, "size": size})


def serve():
	for i in range(3):
		handle("/")


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
