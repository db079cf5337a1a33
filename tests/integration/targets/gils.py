# SPDX-License-Identifier: MIT
"""Interpreters with locks of their own (3.12+), each on a thread, that really run at the same time.

Each works all the time and checks what it computes. Commands:
  keep N SIZE   every interpreter keeps N more bytes objects of SIZE payload bytes
  drop N        every interpreter gives up N of them
  lines         {"interpreters": n, "file": …, "line": of the allocation, "overhead": of bytes}
  more N        start N more interpreters; fewer N: end the newest ones
  check         {"errors", "stuck", "rounds"}
  rest, go      hold the work; go on
  quit
"""
import json
import os
import sys
import threading
import time

try:
	import _interpreters as interpreters
except ImportError:
	import _xxsubinterpreters as interpreters

FILE = "gils-worker.py"
WORKER = '''
import os
kept = []
errors = rounds = 0
def churn():
	words = [str(i) * 3 for i in range(200)]
	table = {word: len(word) for word in words}
	grown = bytearray()
	for word in words:
		grown.extend(word.encode())
	return sum(table.values()) + len(grown)
def keep(n, size):
	for i in range(n):
		made = bytes(size)
		kept.append(made)
want = churn()
os.set_blocking(commands, False)
while True:
	errors += churn() != want
	rounds += 1
	try:
		words = os.read(commands, 200).split()
	except BlockingIOError:
		continue
	if not words:
		break
	if words[0] == b"keep":
		keep(int(words[1]), int(words[2]))
	elif words[0] == b"drop":
		del kept[:int(words[1])]
	elif words[0] == b"rest":
		os.write(answers, b"0 0\\n")
		os.set_blocking(commands, True)
		os.read(commands, 200)
		os.set_blocking(commands, False)
	os.write(answers, b"%d %d\\n" % (rounds, errors))
'''
LINE = 1 + WORKER[:WORKER.index("made = bytes")].count("\n")
workers = []


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


def create():
	try:
		return interpreters.create("isolated")
	except TypeError:
		return interpreters.create(isolated=True)


class Worker:
	def __init__(self):
		self.inside, self.commands = os.pipe()
		self.answers, outside = os.pipe()
		self.trouble = ""
		code = "commands = %d\nanswers = %d\nexec(compile(%r, %r, 'exec'))\n" % (self.inside, outside, WORKER, FILE)
		self.interpreter = create()
		self.thread = threading.Thread(target=self.run, args=(code,), daemon=True)
		self.thread.start()

	def run(self, code):
		trouble = interpreters.run_string(self.interpreter, code)
		if trouble is not None:
			self.trouble = str(trouble)

	def tell(self, text):
		os.write(self.commands, text.encode())

	def hear(self):
		return [int(word) for word in os.read(self.answers, 100).split()]

	def end(self):
		os.close(self.commands)
		self.thread.join()
		interpreters.destroy(self.interpreter)


def ask_all(text):
	for worker in workers:
		worker.tell(text)
	return [worker.hear() for worker in workers]


def check():
	before = ask_all("look")
	time.sleep(0.3)
	after = ask_all("look")
	errors = [worker.trouble for worker in workers if worker.trouble]
	errors += ["%d wrong results" % answer[1] for answer in after if answer[1]]
	stuck = [i for i in range(len(workers)) if after[i][0] <= before[i][0]]
	return {"errors": errors, "stuck": stuck, "rounds": sum(answer[0] for answer in after)}


def main():
	for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
		workers.append(Worker())
	ask_all("look")
	say({"pid": os.getpid()}, "READY ")
	for line in sys.stdin:
		word, *numbers = line.split()
		if word in ("keep", "drop"):
			ask_all(line.strip())
			say(True)
		elif word == "lines":
			say({"interpreters": len(workers), "file": FILE, "line": LINE, "overhead": sys.getsizeof(b"")})
		elif word == "more":
			for _ in range(int(numbers[0])):
				workers.append(Worker())
			ask_all("look")
			say(True)
		elif word == "fewer":
			for _ in range(int(numbers[0])):
				workers.pop().end()
			say(True)
		elif word == "check":
			say(check())
		elif word == "rest":
			ask_all("rest")
			say(True)
		elif word == "go":
			for worker in workers:
				worker.tell("go")
				worker.hear()
			say(True)
		elif word == "quit":
			break


main()
os._exit(0)  # CPython does not end well with interpreters left
