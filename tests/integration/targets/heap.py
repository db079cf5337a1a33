# SPDX-License-Identifier: MIT
"""A program with many modules in it, which tells what it holds and then does nothing at all.

Everything that could allocate later is done once before: the truth is computed twice and only
the second is told. After READY comes one more line with what the first telling itself would
disturb: the collector's counts and the number of allocated blocks. sys._debugmallocstats goes
to standard error before either.
"""
import collections
import contextvars
import gc
import importlib
import json
import os
import sys
import time
import warnings

MODULES = """
abc argparse array ast asyncio base64 bisect bz2 calendar cmath code codecs collections
colorsys compileall concurrent.futures configparser contextlib contextvars copy copyreg csv
ctypes curses dataclasses datetime dbm decimal difflib dis doctest email email.mime.text
email.parser email.policy encodings.idna enum errno faulthandler fcntl filecmp fileinput
fnmatch fractions ftplib functools genericpath getopt getpass gettext glob graphlib grp gzip
hashlib heapq hmac html html.entities html.parser http http.client http.cookiejar http.cookies
http.server idlelib imaplib importlib importlib.metadata importlib.resources inspect io
ipaddress itertools json keyword linecache locale logging logging.config logging.handlers lzma
mailbox marshal math mimetypes mmap modulefinder multiprocessing multiprocessing.pool
multiprocessing.managers netrc numbers opcode operator optparse os pathlib pdb pickle
pickletools pkgutil platform plistlib poplib posixpath pprint profile pstats pty pwd py_compile
pyclbr pydoc queue quopri random re readline reprlib resource rlcompleter runpy sched secrets
select selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat
statistics string stringprep struct subprocess symtable sysconfig tabnanny tarfile tempfile
textwrap threading time timeit token tokenize trace traceback tracemalloc tty types typing
unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request urllib.robotparser
uuid venv warnings wave weakref webbrowser wsgiref.simple_server xml.dom.minidom
xml.etree.ElementTree xml.sax xml.sax.expatreader xmlrpc.client xmlrpc.server zipapp zipfile
zipimport zlib zoneinfo tomllib turtle tkinter cProfile bdb cmd crypt nntplib telnetlib imp
asyncore asynchat smtpd distutils.core lib2to3.refactor test.support ensurepip xdrlib uu sndhdr
pipes msilib nis ossaudiodev spwd audioop cgi cgitb chunk aifc sunau
"""

warnings.simplefilter("ignore")
imported = 0
for name in MODULES.split():
	try:
		importlib.import_module(name)
		imported += 1
	except BaseException:  # not every version has every module
		pass


def names(t):
	module = t.__dict__.get("__module__") if t.__flags__ & (1 << 9) else t.__module__
	return [module if isinstance(module, str) else "", t.__qualname__]


def truth():
	objects = gc.get_objects()
	counts = collections.Counter(map(id, map(type, objects)))
	# no comprehension: its free variables would be cells made before the objects were asked for
	found = {}
	for o in objects:
		t = type(o)
		if id(t) not in found:
			found[id(t)] = [id(t), counts[id(t)]] + names(t)
	stats = []
	for s in gc.get_stats():
		stats.append([s["collections"], s["collected"], s["uncollectable"]])
	out = {
		"modules": imported,
		"types": list(found.values()),
		"stats": stats,
		"threshold": gc.get_threshold(),
		"frozen": gc.get_freeze_count(),
		"free": FREE,
	}
	return ("READY " + json.dumps(out) + "\n").encode()


def tell(line):
	while line:
		line = line[os.write(1, line):]


def last(fd):
	sys._debugmallocstats()
	# the tuple and the bytes of these lines are gone again when they have been written
	os.write(fd, b"[%d, %d, %d]\n" % gc.get_count())
	os.write(fd, b"%d\n" % sys.getallocatedblocks())


class Bound:
	def method(self):
		pass


async def values():
	yield 1


def deep(n):
	return n and deep(n - 1)


FREE = {"context": 10, "asend": 5, "value": 1}


def fill():
	"""Leave something on every free list there is.

	A full collection has just emptied them, so of what _debugmallocstats does not tell there is FREE.
	"""
	deep(20)
	bound = Bound()
	methods = [bound.method for _ in range(12)]
	builtins = [[].append for _ in range(9)]
	floats = [i / 7 for i in range(30)]
	slices = slice(*map(int, "12"))
	contexts = [contextvars.copy_context() for _ in range(10)]
	dicts = [dict(zip("ab", "cd")) for _ in range(11)]
	lists = [list("ab") for _ in range(13)]
	tuples = [tuple("a" * n) for n in range(1, 19) for _ in range(3)]
	sends = [values().__anext__() for _ in range(5)]
	for send in sends:
		try:
			send.send(None)
		except StopIteration:
			pass


gc.collect()
if "freeze" in sys.argv:
	gc.freeze()
gc.disable()
nowhere = os.open(os.devnull, os.O_WRONLY)
truth()
fill()
last(nowhere)
gc.collect()
tell(truth())
fill()
for _ in range(5):
	last(nowhere)
	time.sleep(.02)
last(1)
time.sleep(1000)
