# SPDX-License-Identifier: MIT
"""Pickles, unpickles and copies a graph of objects."""
import copy
import pickle
import sys


class Record:
	def __init__(self, n, peer):
		self.number = n
		self.name = "record %d" % n
		self.parts = [n * i for i in range(5)]
		self.peer = peer


sys.modules["__main__"].Record = Record  # pickle looks there, whoever runs us
RECORDS = []
for number in range(300):
	RECORDS.append(Record(number, RECORDS[-1] if number % 5 else None))


def work():
	text = pickle.dumps(RECORDS, protocol=4)
	back = pickle.loads(text)
	twice = copy.deepcopy(back[:60])
	return len(text) + len(twice) + back[-1].number
