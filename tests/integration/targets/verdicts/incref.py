# SPDX-License-Identifier: MIT
"""Leak: C code that takes a reference and never gives it back."""
import ctypes
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Token", "site": "grab", "holder": ["C code"]},
]}


class Token:
	__slots__ = ("value",)

	def __init__(self, value):
		self.value = value


take = ctypes.pythonapi.Py_IncRef
take.argtypes = [ctypes.py_object]
take.restype = None


def grab(value):
	token = Token(value)
	take(token)


def serve():
	for i in range(4):
		grab(float(i))


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	while not select.select([sys.stdin], [], [], 0.01)[0]:
		serve()
