# SPDX-License-Identifier: MIT
"""One object or more of every kind, and what sys.getsizeof says of each."""
import array
import asyncio
import collections
import contextvars
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import json
import operator
import os
import pathlib
import queue
import re
import string
import sys
import threading
import time
import types
import typing
import uuid
import weakref


class Plain:

	def __init__(s):
		s.a = 1
		s.b = 2


class Big:

	def __init__(s):
		for i in range(12):
			setattr(s, 'x%d' % i, i)


class Slots:
	__slots__ = ('a', 'b', 'c')


class SlotsSub(Slots):
	__slots__ = ('d',)


class SlotsDict(Slots):
	pass


class WeakSlots:
	__slots__ = ('a', '__weakref__')


class Derived(Plain):

	def __init__(s):
		super().__init__()
		s.z = 1


class MyInt(int):
	pass


class MyStr(str):
	pass


class MyList(list):
	pass


class MyDict(dict):
	pass


class MyTuple(tuple):
	pass


class MySet(set):
	pass


class MyBytes(bytes):
	pass


class MyFloat(float):
	pass


class MyExc(Exception):
	pass


class Meta(type):
	pass


class WithMeta(metaclass=Meta):
	x = 1


class Col(enum.Enum):
	A = 1
	B = 2


class Fl(enum.Flag):
	A = 1
	B = 2


@dataclasses.dataclass
class DC:
	a: int = 1
	b: str = 'x'


NT = collections.namedtuple('NT', 'a b c')


class TNT(typing.NamedTuple):
	a: int
	b: int


def gen():
	x = 1
	while True:
		yield x


async def coro():
	await asyncio.sleep(1)


async def agen():
	yield 1


def outer():
	v = [1]

	def inner():
		return v
	return inner


sp = [Plain() for _ in range(3)]
mat = Plain()
mat.__dict__
late = Plain()
late.__dict__['weird'] = 1
delattr_ = Plain()
del delattr_.a
S = []


def add(*a):
	S.extend(a)


add(1, 0, -5, 2 ** 30, 2 ** 31, 2 ** 64, 10 ** 100, -10 ** 50, True, 1.5, 1j, None, Ellipsis,
	NotImplemented)
add('', 'a', 'abc' * 50, 'é' * 10, 'Ж' * 10, '😀' * 5, 'x' * 5000, MyStr('hello'), MyStr('Ж'),
	b'', b'abc', b'x' * 2000, bytearray(), bytearray(b'abc'), bytearray(b'x' * 1000),
	MyBytes(b'abcd'))
u = 'é' * 10
u.encode()
add(u)
add([], [1], [1, 2, 3], list(range(1000)), MyList([1, 2]), (), (1,), tuple(range(50)),
	MyTuple((1, 2, 3)), NT(1, 2, 3), TNT(1, 2))
l = []
[l.append(i) for i in range(17)]
add(l)
d = {}
d2 = {i: i for i in range(100)}
d3 = {'k%d' % i: i for i in range(6)}
d4 = {'a': 1}
d5 = dict.fromkeys(range(5))
d5.clear()
add(d, d2, d3, d4, d5, MyDict(a=1), collections.OrderedDict(a=1, b=2),
	collections.defaultdict(int, {1: 2}), collections.Counter('abracadabra'),
	collections.ChainMap({}))
d6 = {i: i for i in range(1000)}
for i in range(990):
	del d6[i]
add(d6)
add(set(), {1, 2, 3}, set(range(100)), frozenset(), frozenset({1, 2}), frozenset(range(500)),
	MySet({1, 2, 3, 4, 5, 6}))
add(collections.deque(), collections.deque(range(10)), collections.deque(range(1000)),
	collections.deque(range(5), maxlen=3))
add(array.array('d', [1.0] * 10), array.array('b'), array.array('i', range(100)))
add(Plain(), mat, late, delattr_, Derived(), Big(), Slots(), SlotsSub(), SlotsDict(),
	WeakSlots(), MyInt(5), MyInt(2 ** 70), MyFloat(1.5), MyExc('x'), ValueError('x'),
	KeyError(1), OSError(2, 'x'), UnicodeDecodeError('utf-8', b'', 0, 1, 'x'),
	SyntaxError('x'), StopIteration(1), ImportError('x'), SystemExit(1))
add(Plain, WithMeta, Meta, Col, Fl, DC, NT, int, type, object, dict, Slots, Col.A, Fl.A, DC(),
	WithMeta())
add(len, [].append, Plain.__init__, Plain().__init__, gen, gen(), lambda: 1, outer(),
	outer().__closure__[0], coro.__code__, gen.__code__, property(), staticmethod(len),
	classmethod(len), range(10), slice(1, 2), iter([]), iter(()), iter({}), iter(set()),
	iter(range(3)), iter('abc'), enumerate([]), zip([]), map(len, []), filter(None, []),
	reversed([]), memoryview(b'abc'), memoryview(bytearray(10)))
c = coro()
add(c)
c.close()
ag = agen()
add(ag)
g = gen()
next(g)
add(g)
add(types.SimpleNamespace(a=1), types.MappingProxyType({}), types.ModuleType('m'), sys,
	weakref.ref(Plain), weakref.WeakValueDictionary(), weakref.WeakSet(),
	functools.partial(len), functools.lru_cache(lambda x: x), itertools.count(),
	itertools.chain([]), itertools.repeat(1), itertools.cycle([1]), operator.itemgetter(1),
	operator.attrgetter('x'), operator.methodcaller('x'))
add(decimal.Decimal('1.5'), fractions.Fraction(1, 2), datetime.datetime(2020, 1, 1),
	datetime.date(2020, 1, 1), datetime.time(1), datetime.timedelta(1),
	datetime.timezone.utc, datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
	io.StringIO('abc'), io.BytesIO(), re.compile('a+b'), re.match('a', 'a'),
	contextvars.ContextVar('x'), contextvars.copy_context(), threading.Lock(),
	threading.RLock(), threading.local(), uuid.UUID(int=1), pathlib.Path('/'),
	queue.Queue(), string.Template('x'), typing.List[int], typing.Union[int, str],
	open('/dev/null', 'rb'), open('/dev/null'), open('/dev/null', 'wb'))
if sys.version_info >= (3, 9):
	add(list[int])
if sys.version_info >= (3, 10):
	add(int | str)
try:
	raise MyExc('tb')
except MyExc as e:
	add(e, e.__traceback__)
add(dict(a=1).keys(), dict(a=1).items(), dict(a=1).values(), object(), type.__call__, str.join,
	int.__add__, 1 .__add__, types.FunctionType.__code__, Slots.a,
	super(Derived, Derived()))
out = [[id(o), sys.getsizeof(o), type(o).__module__ + '.' + type(o).__qualname__] for o in S]
line = ('READY ' + json.dumps(out) + '\n').encode()
while line:
	line = line[os.write(1, line):]
time.sleep(1000)
