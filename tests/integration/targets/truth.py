# SPDX-License-Identifier: MIT
"""Allocates known populations at known lines and says what tracemalloc knows of them.

A line that ends in the comment POP is a population line: whatever is allocated while it is the
innermost line is compared, stack by stack, with tracemalloc's account. A line that ends in ONE
also allocates exactly one block per execution; ALLOCATED says how many and how large in all.

Why only those lines: when an object comes back from a free list, tracemalloc moves its trace to
the line that took it (_PyTraceMalloc_NewReference, 3.7 on) although no allocator was called.
Free lists are emptied by a full collection, so each population starts with one.

Commands: populate, forget, truth, tracemalloc on, tracemalloc off, churn SECONDS, quit, vanish.
"""
import array
import gc
import io
import json
import os
import random
import sys
import threading
import time
import tracemalloc

FRAMES = 100
MODE = sys.argv[1] if len(sys.argv) > 1 else "before"
SCALE = int(sys.argv[2]) if len(sys.argv) > 2 else 1
held = []
gc.disable()

# Everything a population needs, made before it starts so that its line makes nothing else.
SIZES = [300 + 8 * (i % 90) for i in range(120 * SCALE)]
PAIRS = list(enumerate(SIZES))
TRIPLES = [(i, size, size + 1) for i, size in PAIRS]
X = b"x"  # X * n is one block; bytes(n) may also make a tuple of its argument
BIG = [5000 + 1000 * i for i in range(40)]
THIRTY = list(range(1000, 1030))
KEYS = ["key%d" % i for i in range(40)]
DEPTHS = list(range(12))
THREADS = list(range(4))


class Plain:
	pass


class Slotted:
	__slots__ = ("a", "b", "c", "d")


class Node:
	def __init__(self, left, right):
		self.left = left  # POP
		self.right = right  # POP


def place(keep, pairs):
	for i, size in pairs:
		keep[i] = X * size  # ONE


def pop_bytes(keep):
	place(keep, PAIRS)


def pop_small_bytes(keep):
	for i, _ in PAIRS:
		keep[i] = X * 40  # ONE


def pop_large_bytes(keep):
	for i, size in enumerate(BIG):
		keep[i] = bytes(size)  # POP


def pop_ascii(keep):
	for i, size in PAIRS:
		keep[i] = "x" * size  # POP


def pop_latin(keep):
	for i, size in PAIRS:
		keep[i] = "\u00e9" * size  # POP


def pop_wide(keep):
	for i, size in PAIRS:
		keep[i] = "\u20ac" * size  # POP


def pop_astral(keep):
	for i, size in PAIRS:
		keep[i] = "\U0001f600" * size  # POP


def pop_bytearray(keep):
	for i, size in PAIRS:
		keep[i] = bytearray(size)  # POP


def pop_plain(keep):
	for i, _ in PAIRS:
		made = Plain()  # POP
		made.name = i  # POP
		made.other = keep  # POP
		made.third = None  # POP
		keep[i] = made


def pop_slotted(keep):
	for i, _ in PAIRS:
		made = Slotted()  # POP
		made.a = made
		keep[i] = made


def pop_tuple(keep):
	for i, _ in PAIRS:
		keep[i] = tuple(THIRTY)  # POP


def pop_list(keep):
	for i, _ in PAIRS:
		keep[i] = [i] * 50  # POP


def pop_dict(keep):
	for i, _ in PAIRS:
		keep[i] = dict.fromkeys(KEYS)  # POP


def pop_dict_growth(keep):
	grown = {}
	for i, size in PAIRS:
		grown[i] = size  # POP
	keep[0] = grown


def pop_set(keep):
	for i, _ in PAIRS:
		keep[i] = set(THIRTY)  # POP


def pop_int(keep):
	for i, size in PAIRS:
		keep[i] = 1 << size * 8  # POP


def pop_array(keep):
	for i, _ in PAIRS:
		keep[i] = array.array("q", THIRTY)  # POP


def pop_locks(keep):
	allocate = threading.Lock
	for i, _ in PAIRS:
		keep[i] = allocate()  # POP


def pop_bytesio(keep):
	for i, _ in PAIRS:
		made = io.BytesIO()  # POP
		made.write(b"0123456789" * 9)  # POP
		keep[i] = made


def deep4(keep, i):
	keep[i] = X * 700  # ONE


def deep3(keep, i):
	keep[i + 1] = X * 701  # ONE
	deep4(keep, i)


def deep2(keep, i):
	keep[i + 2] = X * 702  # ONE
	deep3(keep, i)


def pop_depths(keep):
	for i in range(0, 90, 3):
		deep2(keep, i)


def dive(keep, level):
	keep[level] = X * 900  # ONE
	if level:
		dive(keep, level - 1)


def pop_recursion(keep):
	for _ in range(3):
		dive(keep, 40)


def produce(pairs):
	for _, size in pairs:
		yield X * size  # ONE


def relay(pairs):
	yield from produce(pairs)


def pop_generator(keep):
	i = 0
	for made in relay(PAIRS):
		keep[i] = made
		i += 1


def pop_comprehension(keep):
	keep[0] = [bytes(s) for s in SIZES]  # POP


def pop_genexpr(keep):
	i = 0
	for made in (bytes(s) for s in SIZES):  # POP
		keep[i] = made
		i += 1


def pop_lambda(keep):
	i = 0
	for made in map(lambda s: bytes(s), SIZES):  # POP
		keep[i] = made
		i += 1


def pop_dictcomp(keep):
	keep[0] = {k: bytes(600) for k in KEYS}  # POP


async def waiter(keep, i):
	keep[i] = X * 1200  # ONE


def pop_coroutine(keep):
	for i in range(30):
		coro = waiter(keep, i)
		try:
			coro.send(None)
		except StopIteration:
			pass


def pop_list_growth(keep):
	grown = []
	for i, _ in PAIRS:
		grown.append(i)  # POP
	keep[0] = grown


def pop_bytearray_growth(keep):
	grown = bytearray()  # POP
	for i, _ in PAIRS:
		grown.extend(b"0123456789abcdef" * 8)  # POP
	keep[0] = grown


def pop_str_growth(keep):
	grown = ""
	for i, _ in PAIRS:
		grown += "some more text "  # POP
	keep[0] = grown


def pop_shrink(keep):
	for i, _ in PAIRS:
		made = bytearray(4000)  # POP
		del made[100:]  # POP
		keep[i] = made


def pop_frees(keep):
	for i, size in PAIRS:
		keep[i] = bytes(size + 1000)  # POP
	order = list(range(len(PAIRS)))
	random.Random(5).shuffle(order)
	for i in order[::2]:
		keep[i] = None


def pop_temporaries(keep):
	for i, size, more in TRIPLES:
		made = X * size  # ONE
		made = X * more  # ONE
		keep[i] = made


def pop_nodes(keep):
	made = None
	for i, _ in PAIRS:
		made = Node(made, None)
	keep[0] = made


def thread_body(keep, base):
	size = 800 + base
	for i in range(25):
		keep[base + i] = X * size  # ONE


def pop_threads(keep):
	threads = [threading.Thread(target=thread_body, args=(keep, 25 * t)) for t in THREADS]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()


def pop_freed_by_thread(keep):
	for i, size in PAIRS:
		keep[i] = bytes(size)  # POP

	def drop():
		for i, _ in PAIRS[::3]:
			keep[i] = None
	thread = threading.Thread(target=drop)
	thread.start()
	thread.join()


NAMES = "def gr\u00f6\u00dfe_\u540d(keep):\n\tfor i in range(60):\n\t\tkeep[i] = bytes(333)  # POP\n"
NAMES_FILE = "/tmp/d\u00e4mon-\u6587\u4ef6.py"
exec(compile(NAMES, NAMES_FILE, "exec"))


def pop_names(keep):
	globals()["gr\u00f6\u00dfe_\u540d"](keep)


def pop_one_line_def(keep):
	def inner(i): keep[i] = bytes(444)  # POP
	for i in range(30):
		inner(i)


def pop_multi_line(keep):
	for i, size in PAIRS:
		keep[i] = bytes(
			size)  # POP


HEADER = sys.getsizeof(b"")
ALLOCATED = {  # text of a ONE line -> blocks, bytes
	"keep[i] = X * size  # ONE": (len(SIZES), sum(SIZES)),
	"keep[i] = X * 40  # ONE": (len(SIZES), 40 * len(SIZES)),
	"keep[i] = X * 700  # ONE": (30, 30 * 700),
	"keep[i + 1] = X * 701  # ONE": (30, 30 * 701),
	"keep[i + 2] = X * 702  # ONE": (30, 30 * 702),
	"keep[level] = X * 900  # ONE": (3 * 41, 3 * 41 * 900),
	"yield X * size  # ONE": (len(SIZES), sum(SIZES)),
	"keep[i] = X * 1200  # ONE": (30, 30 * 1200),
	"made = X * size  # ONE": (len(SIZES), sum(SIZES)),
	"made = X * more  # ONE": (len(SIZES), sum(SIZES) + len(SIZES)),
	"keep[base + i] = X * size  # ONE": (100, sum(25 * (800 + 25 * t) for t in THREADS)),
}
POPULATIONS = [value for name, value in sorted(globals().items()) if name.startswith("pop_")]


def marked():
	lines = {(SCRIPT, i + 1): None for i, text in enumerate(SOURCE.split("\n"))
		 if text.endswith(("# POP", "# ONE"))}
	# A call over two lines belongs to its first line before 3.8 and to either after it.
	for file, line in list(lines):
		if SOURCE.split("\n")[line - 1].strip() == "size)  # POP":
			lines[file, line - 1] = None
	lines[NAMES_FILE, 3] = None
	return lines


def function_names():
	"""(file, line) -> the name a site must show: co_qualname from 3.11 on, co_name before."""
	names = {}

	def visit(code, inside):
		if inside:
			for _, line in ((o, n) for o, n in __import__("dis").findlinestarts(code) if n):
				names.setdefault((code.co_filename, line), set()).add(
					getattr(code, "co_qualname", code.co_name))
		for const in code.co_consts:
			if hasattr(const, "co_code"):
				visit(const, True)

	visit(compile(SOURCE, SCRIPT, "exec"), False)
	visit(compile(NAMES, NAMES_FILE, "exec"), False)
	return names


def populate():
	"""Every population, each from the same line whatever its turn."""
	for function in POPULATIONS:
		keep = [None] * (130 * SCALE)
		held.append(keep)
		gc.collect()
		function(keep)
	return len(POPULATIONS)


def truth():
	lines = marked()
	names = function_names()
	raw = tracemalloc.take_snapshot().traces._traces
	sites = {}
	for trace in raw:
		size, frames = trace[1], trace[2]
		if frames[0] not in lines:
			continue
		had = sites.setdefault(frames, [0, 0])
		had[0] += size
		had[1] += 1
	allocated = []
	for i, text in enumerate(SOURCE.split("\n")):
		if text.endswith("# ONE") and text.strip() in ALLOCATED:
			blocks, size = ALLOCATED[text.strip()]
			allocated.append({"line": i + 1, "blocks": blocks, "bytes": size + blocks * HEADER})
	return {
		"script": SCRIPT,
		"lines": [[f, n] for f, n in lines],
		"allocated": allocated,
		"names": [[f, n, sorted(v)] for (f, n), v in names.items() if (f, n) in lines],
		"sites": [{"stack": [list(f) for f in frames], "bytes": b, "blocks": n}
			  for frames, (b, n) in sites.items()],
	}


def churn(seconds):
	end = time.time() + seconds
	rounds = 0
	while time.time() < end:
		json.loads(json.dumps([{"a": i, "b": str(i)} for i in range(100)]))
		rounds += 1
	return rounds


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


def main():
	if MODE == "before":
		tracemalloc.start(FRAMES)
	say({"version": sys.version.split()[0], "pid": os.getpid()}, "READY ")
	for line in sys.stdin:
		words = line.split()
		if words[0] == "quit":
			break
		if words[0] == "vanish":
			os._exit(0)
		if words[0] == "populate":
			say(populate())
		elif words[0] == "forget":
			held.clear()
			gc.collect()
			say(True)
		elif words[0] == "truth":
			say(truth())
		elif words[0] == "churn":
			say(churn(float(words[1])))
		elif words[0] == "tracemalloc":
			if words[1] == "on":
				tracemalloc.start(FRAMES)
			else:
				tracemalloc.stop()
			say(tracemalloc.is_tracing())


main()
