# SPDX-License-Identifier: MIT
"""No leak: requests are parsed, answered and forgotten."""
import json
import select
import sys

TRUTH = {"leaks": []}


BODY = json.dumps({"items": [{"id": i, "name": "item %d" % i} for i in range(40)]})


def handle(body):
	items = json.loads(body)["items"]
	return json.dumps({item["name"]: item["id"] for item in items})


def serve():
	for i in range(3):
		handle(BODY)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
