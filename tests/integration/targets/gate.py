# SPDX-License-Identifier: MIT
"""What a gate judges: one knob of the environment for each way a program can change."""
import ctypes
import os
import sys

kept = []


def table(n):
    return [bytes(1000) for _ in range(n)]


def temporaries(n):
    for _ in range(n):
        bytes(100000)


def leak(n):
    for i in range(n):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(bytearray(5000 + i)))


def cache(n):
    for _ in range(n):
        kept.append(bytes(2000))


def make(n):
    """A helper that many call."""
    return [bytes(1000) for _ in range(n)]


def first():
    return make(500)


def second():
    return make(knob('MAKE', 500))


def third():
    return [make(50) for _ in range(10)]


def lines(n):
    much = [bytes(1000) for _ in range(1000)]
    return much, [bytes(1001) for _ in range(n)]


class Session:
    def __init__(self):
        self.data = bytes(1000)


class App:
    def __init__(self):
        self.sessions = []


app = App()


def sessions(n):
    for _ in range(n):
        app.sessions.append(Session())


def churn(n):
    """Goes a little higher, and on for a while."""
    more = [bytes(1000) for _ in range(n and 1000)]
    for i in range(n):
        bytes(100 + i % 7)
    return len(more)


def rss(n):
    """n KiB of memory that is none of Python's."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    ctypes.memset(libc.malloc(ctypes.c_size_t(n * 1024)), 1, n * 1024)


def knob(name, otherwise=0):
    return int(os.environ.get('GATE_' + name, otherwise))


held = table(knob('TABLE', 4000)), first(), second(), third(), lines(knob('LINES', 100))
temporaries(knob('TEMPORARY', 20))
leak(knob('LEAK'))
cache(knob('CACHE'))
sessions(knob('SESSIONS'))
churn(knob('CHURN'))
if knob('HELD'):
    rss(knob('HELD') * 1024)
if knob('NOISE'):
    rss(os.getpid() * 7919 % knob('NOISE') + 1)

sys.exit(knob('EXIT'))
