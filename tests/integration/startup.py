#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attach to interpreters that are just starting, executing another, or keeping a copy of their tables.

usage: startup.py [--rounds N] [--seed N] [--only TEXT]

Python is started and attached to some milliseconds later, for a moment; now and then the tool is killed. It
executes itself again and again and is attached to meanwhile. A copy of an allocator table is made on
its stack while we are there, and put back when we are gone. After each the program has gone on and computed, and
has no executable memory, no file in memory and no descriptor that it did not have.
"""
import argparse
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'support'))
from harm import CALM, PROGRAM, Harm, Target, end, interpreters, proc, run, start

STARTING = r'''
import json, os, sys
print('READY', flush=True)
x = [[object()] for _ in range(30000)]
sys.stdin.readline()
print('good' if len(x) == 30000 and json.loads('[1]') == [1] else 'bad', flush=True)
'''
EXECUTING = r'''
import os, sys
n = int(sys.argv[2])
if n == 12:
    print('READY', flush=True)
x = [[object()] for _ in range(3000)]
if n:
    os.execv(sys.executable, [sys.executable, '-c', sys.argv[1], sys.argv[1], str(n - 1)])
sys.stdin.readline()
print('good', flush=True)
'''
# A table where no frame is: in what the kernel laid on the stack, as what main's callees left below it.
COPYING = r'''
import ctypes, os, sys
class Table(ctypes.Structure):
    _fields_ = [(n, ctypes.c_void_p) for n in ('ctx', 'malloc', 'calloc', 'realloc', 'free')]
place = ctypes.c_void_p.in_dll(ctypes.CDLL(None), 'environ').value
strings = ctypes.cast(place, ctypes.POINTER(ctypes.c_void_p))
at = next(strings[i] for i in range(1000) if ctypes.string_at(strings[i], 5) == b'ROOM=') + 15 & ~15
table, now = Table.from_address(at), Table()
look = ctypes.pythonapi.PyMem_GetAllocator
look(2, ctypes.byref(now))
before = [getattr(now, n) for n, _ in Table._fields_]
print('READY', flush=True)
sys.stdin.readline()
look(2, ctypes.byref(table))
print('ours' if table.malloc != before[1] else 'theirs', flush=True)
sys.stdin.readline()
same = [getattr(table, n) for n, _ in Table._fields_] == before
ctypes.pythonapi.PyMem_SetAllocator(2, ctypes.byref(table))
x = [[object()] for _ in range(30000)]
print('good' if same and len(x) == 30000 else 'bad', flush=True)
'''


def left(pid):
    maps = [row for row in map(str.split, proc(pid, 'maps').splitlines())
            if 'memfd:pymemprof' in row[-2] or ('x' in row[1] and len(row) < 6)]
    fds = [os.readlink(f'/proc/{pid}/fd/{n}') for n in os.listdir(f'/proc/{pid}/fd')]
    return [' '.join(row) for row in maps[:3]] + [f for f in fds if 'memfd:pymemprof' in f] + \
        (['a pipe'] if sum(f.startswith('pipe:') for f in fds) > 2 else [])


def nothing_left(t, what):
    t.alone()
    if left(t.pid):
        raise Harm(f'{what}: left behind: {left(t.pid)}')


def finish(t, what):
    t.process.stdin.write(b'\n')
    said = t.line(120)
    if said != 'good' or t.process.wait(60) != 0:
        raise Harm(f'{what}: said {said!r} and ended with {t.process.poll()}')


class Starting(Target):
    """One that is not waited for."""

    def __init__(self, name, argv, script, args=()):  # pylint: disable=super-init-not-called
        self.name = name
        self.process = subprocess.Popen([*argv, '-c', script, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0)
        self.pid = self.process.pid


def starting(name, argv, r, tally):
    began = time.monotonic()
    t = Starting(name, argv, STARTING)
    try:
        time.sleep(r.random() * .04)
        after = time.monotonic() - began
        words = ['attach', str(t.pid), '-q', '-d', f'{r.choice([1, 20, 100, 300])}ms',
                 *r.choice([[], ['--no-snapshot'], ['--no-snapshot']])]
        what = f'{name}: {" ".join(words)} after {after * 1000:.1f} ms'
        if r.random() < .2:
            tool = start(*words)
            time.sleep(r.random() * .1)
            tool.kill()
            tool.wait()
            run('detach', str(t.pid))
        else:
            tally[end(start(*words), {0, 3})] += 1
        if t.line(120) != 'READY':
            raise Harm(f'{what}: did not start')
        nothing_left(t, what)
        finish(t, what)
    finally:
        t.kill()


def executing(name, argv, r, tally):
    t = Starting(name, argv, EXECUTING, [EXECUTING, '12'])
    try:
        t.line(120)
        for _ in range(3):
            time.sleep(r.random() * .05)
            tally[end(start('attach', str(t.pid), '-q', '-d', f'{r.choice([1, 50, 200])}ms', '--no-snapshot'),
                      CALM)] += 1
        finish(t, f'{name}: executing')
    finally:
        t.kill()


def copying(name, argv, r, _tally):
    what = f'{name}: a copy of the table on its stack'
    t = Starting(name, ['env', 'ROOM=' + '.' * 80, *argv], COPYING)
    try:
        t.line(120)
        tool = subprocess.Popen([PROGRAM, 'attach', str(t.pid), '--no-snapshot', '-d', '60s'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tool.stderr.readline()
        t.process.stdin.write(b'\n')
        if t.line(120) != 'ours':
            raise Harm(f'{name}: the agent is not there')
        tool.send_signal(r.choice([signal.SIGKILL, signal.SIGTERM]))
        tool.wait()
        tool.stderr.close()
        run('detach', str(t.pid), allowed={0})
        nothing_left(t, what)
        finish(t, what)
    finally:
        t.kill()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--seed', type=int, default=int(time.time()))
    p.add_argument('--only', default=os.environ.get('PYMEMPROF_ONLY', ''))
    a = p.parse_args()
    r = random.Random(a.seed)
    found = interpreters(a.only)
    if not found:
        print('1..0 # SKIP no interpreter found')
        return 0
    print(f'# seed {a.seed}')
    count = bad = 0
    for name, argv in found:
        for what, rounds in ((starting, a.rounds), (executing, max(a.rounds // 8, 1)), (copying, max(a.rounds // 8, 1))):
            harm, tally = [], collections.Counter()
            for _ in range(rounds):
                try:
                    what(name, argv, r, tally)
                except (Harm, OSError) as why:
                    harm.append(str(why))
            count += 1
            bad += bool(harm)
            print(f'{"not ok" if harm else "ok"} {count} - {name}: {what.__name__}', flush=True)
            print(f'# attach ended with {dict(tally)}')
            for why in harm:
                print(f'# {why}')
    print(f'1..{count}')
    return bad > 0


if __name__ == '__main__':
    sys.exit(main())
