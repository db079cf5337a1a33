# SPDX-License-Identifier: MIT
"""Holds a heap of many shapes and rests, or notes its process id for ever.

First word: rest [MODULE …] (import these, hold objects, answer lines), append FILE [MB] (write the own
process id to FILE again and again: a second instance of this program would show up in it),
nproc (become another user whose processes are as many as allowed),
traced (tracemalloc is on: say how much was made on one line),
torn (one of the allocator's own counts is wrong for good),
counts (command fill: make so many objects that the collector does not know; after the first time
nothing else is new),
slots (classes DictN and SlotN of N attributes, and what has a dict anyway),
pins (leave nearly empty arenas behind again and again).
Commands: state, fill.
"""
import gc
import importlib
import itertools
import json
import os
import resource
import signal
import sys
import threading
import time

signals = [0]


def on_child(number, frame):
	signals[0] += 1


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


class Plain:
	pass


class Slotted:
	__slots__ = ("a", "b")


def shapes():
	held = []
	for i in range(20000):
		plain = Plain()
		plain.number = i
		plain.text = "text %d" % i
		held.append(plain)
		slotted = Slotted()
		slotted.a = slotted.b = plain
		held.append(slotted)
	held.append([{i: str(i)} for i in range(5000)])
	held.append([bytearray(3000) for _ in range(500)])
	held.append(b"y" * 3000000)
	return held


def web(names):
	"""A little of what such a program does, so that its lazy parts are there."""
	found = {}
	for name in names:
		try:
			module = importlib.import_module(name)
		except Exception as error:
			found[name] = repr(error)
			continue
		found[name] = getattr(module, "__version__", "there")
		if name == "django":
			from django.conf import settings
			settings.configure(DEBUG=True, ROOT_URLCONF="django.conf.urls",
				INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
			module.setup()
		elif name == "flask":
			app = module.Flask("x")
			app.route("/")(lambda: "hello")
			for _ in range(100):
				app.test_client().get("/")
		elif name == "numpy":
			keep.append([module.arange(n) for n in (10, 1000, 1000000)])
			marks.append(module.array([[Mark(), Mark()] for _ in range(500)], dtype=object))
		elif name == "pandas":
			keep.append(module.DataFrame({"a": range(100000), "b": ["s%d" % i for i in range(100000)]}))
	return found


def fill():
	"""Objects of every kind the collector does not track, and what they are."""
	n = 1000
	made = {}
	for make in (
		lambda i: (1 << 40) + i, lambda i: (1 << 400) + i, lambda i: i + 0.5, lambda i: complex(i, 1),
		lambda i: "a%d" % (i + 10000), lambda i: "\xe9%d" % (i + 10000),
		lambda i: "\u0416%d" % (i + 10000), lambda i: "\U0001f600%d" % (i + 10000), lambda i: "a%d" % i * 300,
		lambda i: b"b%d" % (i + 10000), lambda i: b"b%d" % (i + 10000) * 200,
	):
		held = [None] * n
		for i in range(n):
			held[i] = make(i)
		keep.append(held)
		row = made.setdefault(type(held[0]).__name__, [0, 0])
		row[0] += n
		row[1] += sum(map(sys.getsizeof, held))
	return made


class Mark:
	"""In an array of numpy's, and nowhere else."""


keep = []
marks = []
mode = sys.argv[1]
signal.signal(signal.SIGCHLD, on_child)
if mode == "append":
	if len(sys.argv) > 3:
		keep.append([bytearray(1000) for _ in range(int(sys.argv[3]) * 1000)])
	number = (str(os.getpid()) + "\n").encode()
	out = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)

	def churn():
		while True:
			[{"n": i} for i in range(1000)]
			os.write(out, number)
			if len(sys.argv) > 3:
				time.sleep(0.005)  # a control group has room for few pages of files

	threading.Thread(target=churn, daemon=True).start()
	say({}, "READY ")
elif mode == "nproc":
	keep.append(shapes())
	os.setgid(23456)
	os.setuid(23456)
	resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
	say({}, "READY ")
elif mode == "traced":
	import tracemalloc
	class Traced:
		def __init__(self, i):
			self.pair = (i, [str(i)])
	def made(n):
		return [Traced(i) for i in range(n)]
	keep.append(made(3000))
	gc.collect()
	inner = Traced.__init__.__code__.co_firstlineno + 1  # no frame is ever made there
	blocks = total = 0
	for trace in tracemalloc.take_snapshot().traces:
		frame = trace.traceback[0]
		if frame.filename == made.__code__.co_filename and frame.lineno == inner:
			blocks += 1
			total += trace.size
	say({"line": inner, "blocks": blocks, "bytes": total}, "READY ")
elif mode == "slots":
	for n in (1, 3, 8, 20):
		names = tuple("a%d" % i for i in range(n))
		for kind, body in (("Dict", {}), ("Slot", {"__slots__": names})):
			one = type("%s%d" % (kind, n), (object,), body)
			for _ in range(2000):
				keep.append(one())
				for name in names:
					setattr(keep[-1], name, None)
	class Error(Exception):
		pass
	class Number(int):
		pass
	for i in range(2000):
		keep.append(Error())
		keep[-1].a = keep[-1].b = i
		keep.append(Number(i))
		keep[-1].a = i
	say({}, "READY ")
elif mode == "torn":
	keep.append(shapes())
	found = "no ctypes"
	try:
		import ctypes
		keep.append([b"%d" % i * 150 for i in range(100, 110)])  # a size class few others use
		pool = id(keep[-1][5]) & ~((1 << (14 if sys.version_info >= (3, 10) else 12)) - 1)
		count = ctypes.c_uint32.from_address(pool)
		count.value -= 1
		found = "there"
	except ImportError:
		pass
	say({"ctypes": found}, "READY ")
elif mode == "pins":
	class Pin:
		__slots__ = ("a",)
	def pin_many():
		made = list(itertools.starmap(Pin, itertools.repeat((), 100000)))
		return made[::3000]
	def churn():
		while len(keep) < 400:
			keep.append(pin_many())
			time.sleep(0.05)
	threading.Thread(target=churn, daemon=True).start()
	say({}, "READY ")
else:
	found = web(sys.argv[2:])
	keep.append(shapes())
	gc.collect()
	say({"modules": found}, "READY ")

for line in sys.stdin:
	if line.strip() == "state":
		say({"sigchld": signals[0], "pid": os.getpid()})
	elif line.strip() == "fill":
		say(fill())
