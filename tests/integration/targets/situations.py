# SPDX-License-Identifier: MIT
"""Puts its main thread into one situation an attach must survive, named by the first word.

READY is written just before; nothing is read. It ends by itself after LIMIT seconds.
"""
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time

LIMIT = 60
SITUATION = sys.argv[1]


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


def ready(**more):
	say(dict(more, situation=SITUATION, pid=os.getpid()), "READY ")


def in_sleep():
	ready()
	time.sleep(LIMIT)


def in_accept():
	server = socket.socket()
	server.bind(("127.0.0.1", 0))
	server.listen(1)
	ready()
	server.accept()


def in_lock():
	lock = threading.Lock()
	lock.acquire()
	ready()
	lock.acquire()


def in_select():
	ready()
	select.select([], [], [], LIMIT)


def in_poll():
	left, right = os.pipe()
	poller = select.poll()
	poller.register(left, select.POLLIN)
	ready()
	poller.poll(LIMIT * 1000)


def in_read():
	left, right = os.pipe()
	ready()
	os.read(left, 1)


def in_gil():
	"""One C call that never lets the GIL go."""
	ready()
	sum(range(1 << 40))


def in_loop():
	"""The same, but it does not allocate either."""
	import itertools
	ready()
	None in itertools.repeat(0)


def in_pow():
	ready()
	pow(3, 1 << 2000000, (1 << 20000) + 7)


def in_import():
	"""A chain of modules, each of which imports the next, over and over."""
	with tempfile.TemporaryDirectory() as folder:
		for i in range(60):
			with open(os.path.join(folder, "chain%d.py" % i), "w") as module:
				module.write("data = [str(j) for j in range(200)]\n")
				if i < 59:
					module.write("import chain%d\n" % (i + 1))
		sys.path.insert(0, folder)
		sys.dont_write_bytecode = True
		sys.setrecursionlimit(10000)
		ready()
		end = time.time() + LIMIT
		while time.time() < end:
			import chain0
			for name in [n for n in sys.modules if n.startswith("chain")]:
				del sys.modules[name]


def in_collect():
	class Cycle:
		pass
	kept = []
	for i in range(200000):
		made = Cycle()
		made.me = made
		kept.append(made)
	ready()
	end = time.time() + LIMIT
	while time.time() < end:
		gc.collect()


def in_stopped():
	ready()
	end = time.time() + LIMIT
	while time.time() < end:
		bytes(1000)


def in_threads():
	halt = threading.Event()
	threads = [threading.Thread(target=halt.wait, args=(LIMIT,), daemon=True) for _ in range(200)]
	for thread in threads:
		thread.start()
	ready()
	end = time.time() + LIMIT
	kept = []
	while time.time() < end:
		kept = [bytes(i) for i in range(100)]
		time.sleep(0.001)


def in_busy_threads():
	def work():
		end = time.time() + LIMIT
		while time.time() < end:
			[str(i) for i in range(100)]
	for _ in range(8):
		threading.Thread(target=work, daemon=True).start()
	ready()
	time.sleep(LIMIT)


def in_itimer():
	count = [0]

	def tick(number, frame):
		count[0] += 1
	signal.signal(signal.SIGALRM, tick)
	signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
	ready()
	end = time.time() + LIMIT
	kept = []
	while time.time() < end:
		kept = [bytes(i) for i in range(100)]
		time.sleep(0.01)


def in_asyncio():
	import asyncio

	async def client(n):
		kept = []
		while True:
			kept = [bytes(n * 10) for _ in range(20)]
			await asyncio.sleep(0.005)

	async def all_of_them():
		tasks = [asyncio.ensure_future(client(n)) for n in range(50)]
		ready()
		await asyncio.wait(tasks, timeout=LIMIT)
	asyncio.run(all_of_them())


def in_fork():
	"""Workers come and go; each must end well although its parent is recorded."""
	bad = 0
	done = 0
	ready()
	end = time.time() + LIMIT
	kept = []
	while time.time() < end:
		pid = os.fork()
		if pid == 0:
			made = [bytes(i) for i in range(2000)]
			os._exit(0 if len(made) == 2000 else 1)
		kept = [bytes(i) for i in range(200)]
		_, status = os.waitpid(pid, 0)
		done += 1
		bad += status != 0
		if done == 40:
			say({"done": done, "bad": bad})


def in_greenlet():
	import greenlet

	def other():
		while True:
			kept = [bytes(i) for i in range(50)]
			main.switch(kept)
	main = greenlet.getcurrent()
	side = greenlet.greenlet(other)
	ready()
	end = time.time() + LIMIT
	while time.time() < end:
		side.switch()
		time.sleep(0.001)


def allocator_words():
	"""ctypes, its C library, and a function that asks for the function words of the obj domain."""
	import ctypes

	class Table(ctypes.Structure):
		_fields_ = [("ctx", ctypes.c_void_p)] + [("f%d" % i, ctypes.c_void_p) for i in range(4)]
	table = Table()

	def ask():
		ctypes.pythonapi.PyMem_GetAllocator(2, ctypes.byref(table))
		return table
	return ctypes, ctypes.CDLL(None), ask


def in_stray():
	"""A long system call under a C frame that has the recorder's address on its stack, for nothing."""
	ctypes, libc, ask = allocator_words()
	before = ask().f0
	libc.usleep.argtypes = [ctypes.c_uint] + [ctypes.c_void_p] * 9
	ready()
	end = time.time() + LIMIT
	while time.time() < end:
		time.sleep(0.005)
		if ask().f0 != before:
			libc.usleep(20000000, *[ask().f0] * 9)


def in_copy():
	"""A copy of the table on the main thread's stack (where the kernel put the environment), put back when told."""
	ctypes, libc, ask = allocator_words()
	words = lambda at: bytes(ctypes.string_at(at, 40))
	before = words(ctypes.addressof(ask()))
	libc.getenv.restype = ctypes.c_void_p
	place = libc.getenv(b"PYMEMPROF_TEST_ROOM") + 7 & ~7
	ready()
	end = time.time() + LIMIT
	while words(ctypes.addressof(ask())) == before and time.time() < end:
		time.sleep(0.005)
	ctypes.memmove(place, ctypes.byref(ask()), 40)
	say({"differs": words(place) != before})
	sys.stdin.readline()
	given_back = words(place) == before
	ctypes.pythonapi.PyMem_SetAllocator(2, ctypes.c_void_p(place))
	work_a_while()
	say({"given_back": given_back})
	time.sleep(LIMIT)


def in_gevent():
	"""Greenlets on gevent's loop: a server, clients, sleepers."""
	import gevent
	import gevent.server

	def answer(connection, address):
		while True:
			text = connection.recv(100)
			if not text:
				return
			connection.sendall(text[::-1])

	def ask(port):
		with gevent.socket.create_connection(("127.0.0.1", port)) as connection:
			while True:
				connection.sendall(b"abc")
				if connection.recv(100) != b"cba":
					os._exit(1)
				gevent.sleep(0.002)
	server = gevent.server.StreamServer(("127.0.0.1", 0), answer)
	server.start()
	for _ in range(10):
		gevent.spawn(ask, server.server_port)
	ready()
	gevent.sleep(LIMIT)


def in_subinterpreters():
	try:
		import _interpreters as interpreters
	except ImportError:
		try:
			import _xxsubinterpreters as interpreters
		except ImportError:
			return
	code = "import time\nend = time.time() + %d\nwhile time.time() < end:\n\tx = [str(i) for i in range(99)]\n\ttime.sleep(.001)\n" % LIMIT

	def other():
		interpreters.run_string(interpreters.create(), code)
	threading.Thread(target=other, daemon=True).start()
	ready()
	end = time.time() + LIMIT
	while time.time() < end:
		kept = [bytes(i) for i in range(100)]
		time.sleep(0.001)


def work_a_while():
	"""Allocate for longer than events may wait in the program (a tenth of a second)."""
	end = time.time() + 0.4
	kept = []
	while time.time() < end:
		kept.append(bytes(100))
		time.sleep(0.0001)


def in_exec():
	"""Becomes another program half a second after the first line on its input."""
	ready()
	sys.stdin.readline()
	work_a_while()
	os.execv("/bin/sleep", ["sleep", "30"])


def in_large():
	"""Takes seconds to walk."""
	keep = [[i] for i in range(1500000)]
	ready()
	time.sleep(LIMIT)
	del keep


def in_exit():
	ready()
	sys.stdin.readline()
	work_a_while()
	sys.exit(7)


def in_spawn():
	"""posix_spawn and vfork children."""
	import subprocess
	ready()
	end = time.time() + LIMIT
	done = bad = 0
	while time.time() < end:
		kept = [bytes(i) for i in range(200)]
		bad += subprocess.call(["/bin/true"]) != 0
		done += 1
		if done == 20:
			say({"done": done, "bad": bad})


globals()["in_" + SITUATION]()
