# SPDX-License-Identifier: MIT
"""Leak: an attribute of the one application object."""
import itertools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Session", "site": "log_in", "holder": ["sessions"]},
]}


numbers = itertools.count()


class Session:
	def __init__(self, user):
		self.user = user
		self.basket = [user] * 30


class Application:
	def __init__(self):
		self.sessions = {}

	def log_in(self, number):
		user = "user-%d" % number
		self.sessions[user] = Session(user)


application = Application()


def serve():
	for i in range(3):
		application.log_in(next(numbers))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
