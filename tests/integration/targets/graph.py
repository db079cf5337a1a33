# SPDX-License-Identifier: MIT
"""A program with nearly all of the standard library and one of everything a program makes itself,
which tells what each object the collector knows refers to.

Standard error gets 64-bit words: for each object its address, its type's, the number of its
referents and their addresses; a word 0 ends the list. After READY it answers questions: a line
"path A B C …" of addresses is answered by the names of those steps gc.get_referrers agrees to.
"""
import array
import asyncio
import collections
import contextvars
import ctypes
import dataclasses
import enum
import functools
import gc
import importlib
import json
import os
import pkgutil
import queue
import sys
import threading
import time
import types
import warnings
import weakref

NEVER = {"antigravity", "this", "idlelib", "turtledemo", "test", "lib2to3", "__main__", "msilib",
         "turtle", "tkinter", "_tkinter", "ensurepip", "venv", "nt", "winreg", "winsound",
         "_winapi", "msvcrt", "_osx_support", "_aix_support", "_bootsubprocess", "_pyrepl"}

warnings.simplefilter("ignore")
imported = 0
for name in sorted(getattr(sys, "stdlib_module_names", None)
                   or [m.name for m in pkgutil.iter_modules([os.path.dirname(os.__file__)])]):
	if name not in NEVER:
		try:
			importlib.import_module(name)
			imported += 1
		except BaseException:  # needs what this machine does not have
			pass
for name in ("concurrent.futures.thread", "email.mime.text", "http.server", "logging.handlers",
             "multiprocessing.pool", "unittest.mock", "urllib.request", "xml.dom.minidom",
             "xml.etree.ElementTree", "json.decoder", "importlib.metadata"):
	try:
		importlib.import_module(name)
		imported += 1
	except BaseException:
		pass


class Plain:
	def __init__(self, n):
		self.number = n
		self.items = [n, str(n)]


class Slots:
	__slots__ = ("left", "right", "__weakref__")

	def __init__(self):
		self.left = [1]
		self.right = {"a": self}


class SlotsChild(Slots):
	__slots__ = ("more",)


class Both(Slots):
	pass


class MyDict(dict):
	pass


class MyList(list):
	__slots__ = ("tag",)


class MyInt(int):
	pass


class MyTuple(tuple):
	pass


class Colour(enum.Enum):
	RED = 1
	BLUE = 2


@dataclasses.dataclass
class Point:
	x: int
	y: list


Pair = collections.namedtuple("Pair", "a b")


class Lazy:
	@functools.lru_cache(maxsize=64)
	def cached(self, n):
		return [n]

	@property
	def prop(self):
		return 1


def closure():
	captured = {"big": list(range(50))}

	def inner():
		return captured
	return inner


def suspended():
	kept = [object(), object()]
	other = "x" * 100
	yield kept
	yield other


async def waiting(event):
	kept = {"in": "coroutine"}
	await event.wait()
	return kept


async def agen():
	kept = ["in", "agen"]
	yield kept


def failing():
	local = ["kept", "by", "traceback"]
	raise ValueError(local)


def parked(ready):
	held = {"by": ["a", "thread"]}
	ready.set()
	time.sleep(100000)
	return held


keep = {}
keep["plain"] = [Plain(i) for i in range(500)]
keep["grown"] = Plain(1)
keep["grown"].__dict__["later"] = [1, 2]
for i in range(40):
	setattr(keep["plain"][0], "attribute%d" % i, [i])
del keep["plain"][1].number
keep["slots"] = [Slots(), SlotsChild(), Both()]
keep["slots"][1].more = keep["slots"][0]
keep["slots"][2].extra = [5]
keep["subclasses"] = [MyDict(a=1), MyList([1, [2]]), MyInt(5), MyTuple((1, [2])), Point(1, [2]), Pair([1], 2)]
keep["subclasses"][0].attribute = [1]
keep["subclasses"][1].tag = [2]
keep["subclasses"][2].attribute = [3]
keep["subclasses"][3].attribute = [4]
keep["dicts"] = [{}, {1: [2]}, {"a": {"b": {}}}, {(1, 2): [3]}, dict.fromkeys(map(str, range(1000)), [])]
del keep["dicts"][4]["7"]
keep["sets"] = [{1, (2, 3)}, frozenset([(4, 5)]), set(map(str, range(300)))]
keep["deques"] = [collections.deque(([i] for i in range(300)), maxlen=200), collections.deque()]
keep["ordered"] = collections.OrderedDict((str(i), [i]) for i in range(50))
keep["default"] = collections.defaultdict(list, a=[1])
keep["counter"] = collections.Counter("mississippi")
keep["chain"] = collections.ChainMap({}, {"a": []})
keep["closures"] = [closure() for _ in range(5)]
keep["generators"] = [suspended() for _ in range(3)]
next(keep["generators"][0])
list(keep["generators"][1])
keep["partial"] = functools.partial(print, [1], key=[2])
keep["bound"] = [Plain(7).__init__, [].append, {}.get]
keep["lazy"] = Lazy()
for i in range(100):
	keep["lazy"].cached(i)
keep["weak"] = [weakref.ref(keep["slots"][0]), weakref.WeakValueDictionary(a=keep["slots"][0]),
                weakref.WeakKeyDictionary(), weakref.WeakSet(keep["plain"][:5]),
                weakref.ref(keep["plain"][3], lambda r: None), weakref.proxy(keep["slots"][1])]
keep["weak"][2][keep["plain"][2]] = ["value"]
keep["contexts"] = [contextvars.ContextVar("one", default=[1]), contextvars.copy_context()]
keep["contexts"][0].set(["two"])
keep["views"] = [memoryview(bytearray(100)), {}.keys(), {"a": 1}.items(), iter([1]), iter({1: 2}), reversed([1])]
keep["queue"] = queue.Queue()
keep["queue"].put(["item"])
keep["array"] = [array.array("d", [1, 2]), bytearray(1000), ctypes.c_int(5), (ctypes.c_char * 5)()]
keep["namespace"] = types.SimpleNamespace(a=[1], b=2)
keep["proxy"] = types.MappingProxyType({"a": [1]})
keep["local"] = threading.local()
keep["local"].value = [1]
keep["slices"] = [slice([1], [2]), range(5), Colour.RED]
try:
	failing()
except ValueError as error:
	keep["error"] = error

loop = asyncio.new_event_loop()
keep["loop"] = loop


async def start():
	event = asyncio.Event()
	tasks = [asyncio.ensure_future(waiting(event)) for _ in range(3)]
	generator = agen()
	await generator.__anext__()
	keep["tasks"] = (event, tasks, generator)
	for _ in range(3):
		await asyncio.sleep(0)


loop.run_until_complete(start())
ready = threading.Event()
thread = threading.Thread(target=parked, args=(ready,), daemon=True)
thread.start()
ready.wait()


def truth():
	words = array.array("Q", [0]) * 8000000
	at = 0
	objects = gc.get_objects()
	own = {id(objects), id(sys._getframe()), id(globals()), id(gc.get_referents)}
	for o in objects:
		if id(o) in own:
			continue
		refs = gc.get_referents(o)
		words[at] = id(o)
		words[at + 1] = id(type(o))
		words[at + 2] = len(refs)
		at += 3
		for r in refs:
			words[at] = id(r)
			at += 1
	del objects, refs, o
	view = memoryview(words)[:at + 1].cast("B")
	while view:
		view = view[os.write(2, view):]


def step(a, b):
	"""Does a refer to b? What the collector passes over is looked up another way."""
	if any(r is a for r in gc.get_referrers(b)) or any(r is b for r in gc.get_referents(a)):
		return True
	if isinstance(a, type):  # static types, and what tp_traverse leaves out of heap types
		if isinstance(b, tuple) and all(isinstance(n, str) and n in vars(a) for n in b):
			return True  # names of __slots__
		return (gc.get_referents(vars(a))[0] is b or a.__mro__ is b or a.__base__ is b
		        or a.__bases__ is b or (isinstance(b, dict) and len(b) <= len(a.__subclasses__(a)
		        if a is type else a.__subclasses__())))
	return isinstance(a, types.FunctionType) and (a.__code__ is b or a.__name__ is b)


def agree(line):
	objects = [ctypes.cast(int(w), ctypes.py_object).value for w in line.split()[1:]]
	return [True if step(a, b) else type(a).__name__ + " " + getattr(a, "__name__", "") + " -> " + type(b).__name__
	        for a, b in zip(objects, objects[1:])]


def cached_names():
	"""Names looked up on a type, and their reference counts, which tell what the cache holds."""
	write, encode, count, sleep, target = os.write, str.encode, sys.getrefcount, time.sleep, Plain(1)
	names = ["attribute %d" % i for i in range(601)]
	for name in names[1:]:
		hasattr(target, name)
	for tries in range(3):  # what this looks up itself is in the cache, too, then, and puts no other name out
		text = encode('READY {"names": %s}\n' % [[id(name), count(name)] for name in names])
		write(1, b"")
		sleep(0)
	write(1, text)
	sleep(100000)


if "names" in sys.argv:
	cached_names()
gc.collect()
gc.disable()
truth_runs = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
truth()
gc.collect()
os.dup2(truth_runs, 2)
truth()
os.write(1, b"READY " + json.dumps({"modules": imported, "plain": id(keep["plain"][9]),
                                    "type": id(Plain)}).encode() + b"\n")
if "hold" in sys.argv:
	time.sleep(100000)
for line in sys.stdin:
	os.write(1, json.dumps(agree(line)).encode() + b"\n")
