# SPDX-License-Identifier: MIT
"""Several threads that work hard, check what they compute, and notice a disturbed system call.

Commands: check (errors so far and rounds since the last check), rest, go, quit.
"""
import gc
import hashlib
import json
import os
import signal
import sys
import threading
import time
import zlib

try:
	import ctypes
	libc = ctypes.CDLL(None, use_errno=True)
except (ImportError, OSError):
	libc = None

errors = []
rounds = {}
running = threading.Event()
running.set()
halt = False
signals_seen = [0]
rest_lock = threading.Lock()


def say(value, head=""):
	sys.stdout.write(head + json.dumps(value) + "\n")
	sys.stdout.flush()


def worker(body):
	def loop():
		name = body.__name__
		rounds[name] = 0
		try:
			while not halt:
				running.wait()
				body()
				rounds[name] += 1
		except BaseException as error:
			errors.append("%s: %r" % (name, error))
	thread = threading.Thread(target=loop, daemon=True, name=body.__name__[:15])
	thread.start()
	return thread


DATA = bytes(range(256)) * 400
MD5 = hashlib.md5(DATA).hexdigest()
CRC = zlib.crc32(DATA)
PACKED = zlib.compress(DATA)


def checksums():
	if hashlib.md5(DATA).hexdigest() != MD5 or zlib.crc32(DATA) != CRC:
		errors.append("checksum differs")
	if zlib.decompress(PACKED) != DATA:
		errors.append("decompressed text differs")


def structures():
	made = [{"n": i, "s": str(i), "t": (i, i + 1), "b": bytes(i)} for i in range(300)]
	if sum(entry["n"] + len(entry["b"]) + entry["t"][1] for entry in made) != 3 * 44850 + 300:
		errors.append("sum differs")
	back = json.loads(json.dumps([entry["s"] for entry in made]))
	if [int(word) for word in back] != list(range(300)):
		errors.append("parsed list differs")


def growth():
	text = bytearray()
	total = 0
	for i in range(200):
		text.extend(b"x" * i)
		total += i
	if len(text) != total or text.count(b"x") != total:
		errors.append("grown text differs")


def generators():
	def squares(n):
		for i in range(n):
			yield i * i
	if sum(squares(500)) != 41541750:
		errors.append("generator sum differs")


def floats():
	x = 0.0
	for i in range(1, 800):
		x += 1.0 / (i * i)
	if abs(x - 1.6436832) > 1e-5:
		errors.append("float sum differs: %r" % x)


class Cycle:
	pass


def collections():
	"""Asking for the youngest generation so often, the interpreter never looks at the others by
	itself; what another thread's collection made older would stay for ever."""
	for _ in range(50):
		cycle = Cycle()
		cycle.me = cycle
	gc.collect(0 if rounds["collections"] % 20 else 2)


def sleeps():
	"""nanosleep and poll called directly: nothing here may hide an EINTR. Signals are blocked in
	this thread, so none is due: nanosleep(2), poll(2), signal(7)."""
	if libc is None:
		time.sleep(0.02)
		return
	start = time.monotonic()
	ctypes.set_errno(0)
	if libc.poll(None, 0, 15) != 0:
		errors.append("poll: errno %d" % ctypes.get_errno())
	if libc.usleep(10000) != 0:
		errors.append("usleep: errno %d" % ctypes.get_errno())
	spent = time.monotonic() - start
	if spent < 0.024:
		errors.append("slept only %.4f s" % spent)


READ_END, WRITE_END = os.pipe()


def reads():
	"""A blocking read that gets its byte after 10 ms, by another thread."""
	timer = threading.Timer(0.01, os.write, (WRITE_END, b"!"))
	timer.start()
	if libc is None:
		got = os.read(READ_END, 1)
	else:
		buffer = ctypes.create_string_buffer(2)
		ctypes.set_errno(0)
		n = libc.read(READ_END, buffer, 1)
		got = buffer.raw[:n] if n >= 0 else b"errno %d" % ctypes.get_errno()
	if got != b"!":
		errors.append("read: %r" % got)
	timer.join()


def signals():
	"""Every signal sent arrives, once."""
	before = signals_seen[0]
	os.kill(os.getpid(), signal.SIGUSR1)
	end = time.monotonic() + 20
	while signals_seen[0] == before:
		if time.monotonic() > end:
			errors.append("a signal was lost")
			return
		time.sleep(0.001)
	if signals_seen[0] != before + 1:
		errors.append("a signal arrived %d times" % (signals_seen[0] - before))


def on_signal(number, frame):
	signals_seen[0] += 1


ticks = [0]


def on_tick(number, frame):
	ticks[0] += 1


def check():
	had = dict(rounds)
	for _ in range(200):
		time.sleep(0.02)
		if all(rounds[name] > had[name] for name in had):
			break
	stuck = [name for name in had if rounds[name] == had[name]]
	before = ticks[0]
	time.sleep(0.03)
	if ticks[0] == before:
		errors.append("the timer is dead")
	return {"errors": errors[:20], "stuck": stuck, "rounds": sum(rounds.values())}


def main():
	signal.signal(signal.SIGUSR1, on_signal)
	signal.signal(signal.SIGALRM, on_tick)
	everything = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
	old = signal.pthread_sigmask(signal.SIG_BLOCK, everything - {signal.SIGSEGV, signal.SIGILL})
	for body in (checksums, structures, growth, generators, floats, collections, sleeps, reads, signals):
		worker(body)
	signal.pthread_sigmask(signal.SIG_SETMASK, old)
	signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
	time.sleep(0.5)
	say({"pid": os.getpid(), "version": sys.version.split()[0]}, "READY ")
	for line in sys.stdin:
		word = line.strip()
		if word == "check":
			say(check())
		elif word == "rest":
			running.clear()
			time.sleep(0.1)
			say(True)
		elif word == "go":
			running.set()
			say(True)
		elif word == "quit":
			break
	signal.setitimer(signal.ITIMER_REAL, 0)


main()
