# SPDX-License-Identifier: MIT
"""Garbage of every kind that only the collector can free, and what it would free.

A forked child with the same heap runs the collector with DEBUG_SAVEALL and tells how many
objects of which type it found; the parent's heap stays as it was.
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


def in_child():
	gc.set_debug(gc.DEBUG_SAVEALL)
	gc.collect()
	counts = collections.Counter(map(id, map(type, gc.garbage)))
	rows = []
	for o in gc.garbage:
		t = type(o)
		if counts[id(t)]:
			rows.append([id(t), counts.pop(id(t)), t.__qualname__])
	return ("READY " + json.dumps(rows) + "\n").encode()


only = [k for k in KINDS if k.__name__ in sys.argv] or list(KINDS)
if sys.version_info[:3] == (3, 13, 0) and len(only) > 1:
	# saves such an instance's dict only when there is no other garbage; 3.13.5 saves it always
	only.remove(materialised)
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
