# SPDX-License-Identifier: MIT
"""Leak: exceptions are kept, with their frames and all their locals."""
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "QueryError", "site": "query", "holder": ["errors"]},
]}


errors = []


class QueryError(Exception):
	pass


def query(number):
	rows = [number] * 100
	raise QueryError(len(rows))


def attempt(number):
	try:
		query(number)
	except QueryError as error:
		errors.append(error)


def serve():
	for i in range(3):
		attempt(i)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
