# SPDX-License-Identifier: MIT
"""Leak: receivers are never disconnected. An lru_cache of limited size knows them, too."""
import functools
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Audit", "site": "handle", "holder": ["signals[*][*].receivers", "signals"]},
]}


@functools.lru_cache(maxsize=5000)
def parameters(receiver):
	return receiver.__call__.__code__.co_varnames


class Audit:
	def __init__(self, path):
		self.path = path
		self.rows = [path] * 20

	def __call__(self, sender):
		return self.rows


class Signal:
	def __init__(self):
		self.receivers = []

	def connect(self, receiver):
		if parameters(receiver):
			self.receivers.append((id(receiver), receiver))


signals = {"request": [Signal()]}


def handle(path):
	signals["request"][0].connect(Audit(path))


def serve():
	for i in range(3):
		handle("/")


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
