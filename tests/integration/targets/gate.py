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


def knob(name, otherwise=0):
    return int(os.environ.get('GATE_' + name, otherwise))


held = table(knob('TABLE', 4000))
temporaries(knob('TEMPORARY', 20))
leak(knob('LEAK'))
cache(knob('CACHE'))
sys.exit(knob('EXIT'))
