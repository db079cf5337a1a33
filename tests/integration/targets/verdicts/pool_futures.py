# SPDX-License-Identifier: MIT
"""Two leaks that have nothing in common but the pool between them: what the workers made, and the futures of it."""
import concurrent.futures
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Document", "site": "fetch", "holder": ["documents"]},
	{"type": "Future", "site": "serve", "holder": ["futures"]},
]}


documents = []
futures = []
pool = concurrent.futures.ThreadPoolExecutor(2)


class Document:
	def __init__(self, rows):
		self.rows = rows


def fetch(number):
	rows = json.loads('{"rows": [%d, 2, 3], "more": [[1], [2], {"a": []}]}' % number)
	documents.append(Document(rows["rows"]))


def serve():
	for i in range(3):
		futures.append(pool.submit(fetch, i))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
	pool.shutdown()
