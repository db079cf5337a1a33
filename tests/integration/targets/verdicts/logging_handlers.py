# SPDX-License-Identifier: MIT
"""Leak: every job adds a handler to one logger and leaves it there."""
import json
import logging
import select
import sys

TRUTH = {"leaks": [
	{"type": "JobHandler", "site": "start_job", "holder": ["handlers"]},
]}


log = logging.getLogger("jobs")
log.propagate = False


class JobHandler(logging.Handler):
	def __init__(self):
		super().__init__()
		self.lines = bytearray(200)

	def emit(self, record):
		pass


def start_job():
	log.addHandler(JobHandler())


def serve():
	start_job()
	start_job()


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
