# SPDX-License-Identifier: MIT
"""Leak: references of C to objects the collector does not know."""
import ctypes
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "bytearray", "site": "receive", "holder": ["C code"]},
]}


take = ctypes.pythonapi.Py_IncRef
take.argtypes = [ctypes.py_object]
take.restype = None


def receive(n):
	packet = bytearray(n)
	take(packet)
	return len(packet)


def serve():
	for i in range(3):
		receive(700)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
