# SPDX-License-Identifier: MIT
"""Blocks a dozen threads in stacks of every shape and says where they stand.

Words: "trace" also runs tracemalloc and names some blocks with their tracebacks.
READY {hexversion, type, code, threads: [{tid, id, frames: [[name, file, line]]}], traces: …},
frames innermost first, after all threads are blocked. Then it waits for end of input.
"""
import functools
import json
import os
import sys
import threading
import time

TRACE = "trace" in sys.argv[1:]
if TRACE:
	import tracemalloc
	tracemalloc.start(7)

lock = threading.Lock()
lock.acquire()
blocked = []


def wait():
	blocked.append(threading.get_ident())
	lock.acquire()


def plain(depth=5):
	if depth:
		return plain(
			depth - 1)
	wait()


def generator():
	yield 1
	wait()
	yield 2


def in_generator():
	for _ in generator():
		pass


async def coroutine(depth=2):
	if depth:
		await coroutine(depth - 1)
	else:
		wait()


def in_coroutine():
	coroutine().send(None)


def in_c():
	return sorted([2, 1], key=lambda x: list(map(lambda y: wait(), [x])))


class Made:
	def __init__(self):
		wait()

	@property
	def attribute(self):
		return wait()

	@staticmethod
	def static():
		wait()

	def __eq__(self, other):
		wait()


def in_init():
	for _ in range(3):
		Made()


def in_property():
	made = object.__new__(Made)
	return made.attribute


def in_compare():
	return [object.__new__(Made)].index(1)


def in_exec():
	exec("def made():\n\n\n\twait()\n\nmade()", {"wait": wait})


def in_partial():
	functools.partial(plain, 2)()


def in_finally():
	try:
		raise ValueError
	except ValueError:
		try:
			pass
		finally:
			wait()


def in_loop():
	while True:
		if (lambda a=1,
			b=2: wait())():
			break


def größe_名前():
	class Ä(Made):
		def 関数(self):
			wait()
	object.__new__(Ä).関数()


def deep(n=900):
	if n:
		deep(n - 1)
	else:
		wait()


SHAPES = [plain, in_generator, in_coroutine, in_c, in_init, in_property, in_compare, in_exec,
	in_partial, in_finally, in_loop, größe_名前, deep, Made.static]


def frames_of(frame):
	found = []
	while frame:
		code = frame.f_code
		found.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
		frame = frame.f_back
	return found


def traced():
	"""Blocks whose address is their object's, with distinct sizes."""
	kept = [bytes(1000 + i) for i in range(200)]
	kept += [b"x" * (i + 2) + b"y" for i in range(100)]
	said = []
	for block in kept:
		trace = tracemalloc.get_object_traceback(block)
		said.append([id(block), sys.getsizeof(block), [[f.filename, f.lineno] for f in reversed(trace)]])
	return kept, said


threads = [threading.Thread(target=shape, daemon=True) for shape in SHAPES]
for thread in threads:
	thread.start()
while len(blocked) < len(SHAPES):
	time.sleep(0.01)
time.sleep(0.2)
ready = {"hexversion": sys.hexversion, "type": id(type), "code": id(type(plain.__code__)),
	"version": "%d.%d.%d" % sys.version_info[:3], "main": threading.get_ident(), "prefix": sys.prefix,
	"threads": []}
current = sys._current_frames()
for thread in threads:
	ready["threads"].append({"id": thread.ident, "tid": thread.native_id,
		"frames": frames_of(current[thread.ident])})
if TRACE:
	kept, ready["traces"] = traced()
sys.stdout.write("READY " + json.dumps(ready) + "\n")
sys.stdout.flush()
sys.stdin.read()
os._exit(0)
