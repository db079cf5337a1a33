# SPDX-License-Identifier: MIT
"""Garbage of every kind that only the collector can free, and what it would free.

A forked child with the same heap runs the collector with DEBUG_SAVEALL and tells how many
objects of which type it found; the parent's heap stays as it was. No kind is left out on any version.
"""
import asyncio
import collections
import contextvars
import functools
import gc
import json
import os
import sys
import threading
import time
import types
import weakref


class Node:
	def __init__(self, other=None):
		self.other = other


class Opened(Node):
	pass


class Slotted:
	__slots__ = ("a", "b", "__weakref__")


class Tree(dict):
	pass


class Number(int):
	pass


def closure():
	def inner():
		return inner
	return inner


async def coroutine(held):
	await asyncio.sleep(0)
	return held


def cycle_of(make, n=3):
	for _ in range(n):
		make()


def nodes():
	a = Node()
	a.other = Node(a)


def materialised():
	a = Opened()
	a.__dict__["self"] = a


def slotted():
	a, b = Slotted(), Slotted()
	a.a, b.a = b, a
	a.b = [b, (a, b)]


def containers():
	l = []
	d = {"l": l, 1: (l,)}
	l.append(d)
	l.append({frozenset([1, 2]): l})
	s = {1, 2}
	n = Node(s)
	s.add(n)
	t = Tree()
	t["t"] = t
	t.x = t
	o = collections.OrderedDict()
	o["o"] = o
	q = collections.deque()
	q.append(q)
	d = collections.defaultdict(list)
	d[0] = d


def numbers():
	n = Number(2 ** 70)
	n.self = n


def functions():
	closure()
	f = functools.partial(print)
	f.keywords["f"] = f
	n = Node()
	n.bound = n.__init__

	@functools.lru_cache(maxsize=None)
	def cached(x):
		return cached
	cached(1)


def coroutines():
	# no open generator: its finaliser would take the cycle apart before it is told
	n = Node()
	n.other = coroutine(n)
	n.other.close()


def classes():
	class Local:
		def method(self):
			return Local
	Local().method()
	type("Made", (Local,), {"x": 1})


def exceptions():
	try:
		raise ValueError("held")
	except ValueError as e:
		kept = e
		n = Node(kept)
		kept.node = n


def weak():
	n = Node()
	n.ref = weakref.ref(n)
	n.proxy = weakref.WeakValueDictionary()
	n.proxy["n"] = n


def modules():
	m = types.ModuleType("made")
	m.self = m
	s = types.SimpleNamespace()
	s.s = s
	v = contextvars.ContextVar("v", default=[])
	v.get().append(v)
	l = threading.local()
	l.l = l


KINDS = (nodes, materialised, slotted, containers, numbers, functions, coroutines, classes,
	exceptions, weak, modules)


def opened_dicts(objects):
	return {id(o) for o in objects if type(o) is dict and type(o.get("self")) is Opened}


def freed_dicts():
	"""How many dicts of materialised instances a collection frees."""
	out, into = os.pipe()
	if os.fork() == 0:
		before = opened_dicts(gc.get_objects())
		gc.collect()
		os.write(into, b"%d" % len(before - opened_dicts(gc.get_objects())))
		os._exit(0)
	os.wait()
	return int(os.read(out, 20))


def in_child():
	freed = freed_dicts()
	gc.set_debug(gc.DEBUG_SAVEALL)
	gc.collect()
	counts = collections.Counter(map(id, map(type, gc.garbage)))
	# 3.13.0 frees the dict of an instance with inline values with the instance, but does not count it as
	# garbage: the instance's traversal passes by it.
	missing = freed - len(opened_dicts(gc.garbage))
	assert missing == (freed if sys.version_info[:3] == (3, 13, 0) else 0), missing
	counts[id(dict)] += missing
	rows = []
	for o in gc.garbage:
		t = type(o)
		if counts[id(t)]:
			rows.append([id(t), counts.pop(id(t)), t.__qualname__])
	return ("READY " + json.dumps(rows) + "\n").encode()


only = [k for k in KINDS if k.__name__ in sys.argv] or list(KINDS)
gc.collect()
gc.disable()
for kind in only:
	cycle_of(kind)
live = [Node() for _ in range(10)]
live.append(live)
child = os.fork()
if child == 0:
	line = in_child()
	while line:
		line = line[os.write(1, line):]
	os._exit(0)
os.waitpid(child, 0)
time.sleep(1000)
