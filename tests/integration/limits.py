#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program with too little of one thing, by every amount from almost nothing to enough.

usage: limits.py [--only TEXT] [--what NAME]

Descriptors one by one, address space, stack and the size of a file by steps; each for a recording, with and without
snapshots, to a file, a snapshot, and putting away what a killed tracer left. Whatever amount it was: the status is a
documented one, a failure says what was lacking and one hint, and unless it is killed what the program made in
the target is gone when it ends. Last, a target that is as close to its own limit of descriptors as can be never gets one less.
"""
import argparse
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'support'))
from harm import PROGRAM, SANITIZED, Harm, Target, differs, interpreters, leave_an_agent, limited, mine, proc, run, threads

ENOUGH = 3  # times in a row without a complaint: there is more than it needs
MIB = 1 << 20


def recording(*more):
    return lambda pid, folder: ['attach', str(pid), '-d', '40ms', *(str(folder / 'a.pmp') if w == 'FILE' else w for w in more)]


COMMANDS = {
    'attach': recording(),
    'attach --no-snapshot': recording('--no-snapshot'),
    'attach --sample': recording('--no-snapshot', '--sample', '1K', '--window', '0'),
    'attach -o': recording('-f', '-o', 'FILE'),
    'snapshot': lambda pid, folder: ['snapshot', str(pid)],
    'snapshot --read-only': lambda pid, folder: ['snapshot', '--read-only', str(pid)],
    'top': lambda pid, folder: ['top', str(pid), '-b', '-n', '1', '-i', '100ms'],
    'detach': lambda pid, folder: ['detach', str(pid)],
}
# What is limited: from where, by what step, up to where it is at last enough.
LIMITS = {
    'RLIMIT_NOFILE': (3, 1, 80),
    'RLIMIT_AS': (8 * MIB, MIB // 2, 400 * MIB),
    'RLIMIT_STACK': (32 << 10, 32 << 10, MIB),
    'RLIMIT_FSIZE': (0, 29989, 8 * MIB),
}
# Where all commands do the same.
ONLY = {'RLIMIT_FSIZE': ['attach -o'], 'RLIMIT_STACK': ['attach']}
if SANITIZED:  # slow, and no other calls are made
    ONLY['RLIMIT_NOFILE'] = ['attach', 'snapshot', 'detach']
# A program that opens as many files as it may, all the time, and is told of each it does not get.
OPENING = r"""
import json, os, select, sys
errors = []
print('READY', flush=True)
sys.stdin.readline()
print(len(os.listdir('/proc/self/fd')) - 1, flush=True)
sys.stdin.readline()
while True:
    mine = []
    for _ in range(int(sys.argv[1])):
        try:
            mine.append(os.open('/dev/null', os.O_RDONLY))
        except OSError as why:
            errors.append(str(why))
    for fd in mine:
        os.close(fd)
    if select.select([sys.stdin], [], [], 0)[0]:
        sys.stdin.readline()
        print(json.dumps({'errors': errors[:3]}), flush=True)
"""
# The dynamic loader and the sanitizers end a program that has not even begun.
NOT_BEGUN = {1, 127, -signal.SIGSEGV}


def attempt(t, what, words, limit):
    """One run; was there enough?"""
    if what == 'detach':
        leave_an_agent(t.pid)
    before = mine(t.pid, constant=True)
    p = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                       preexec_fn=limited(**limit), timeout=300, check=False)
    said = p.stderr.decode(errors='replace').splitlines()
    if what != 'detach':
        differs(t, before, constant=True)
    if p.returncode in NOT_BEGUN and not any(line.startswith('pymemprof: ') for line in said):
        return False
    if p.returncode not in {0, 3, 6}:
        raise Harm(f'status {p.returncode}: {said[-3:]}')
    errors = [line for line in said if line.startswith('pymemprof: ')]
    if p.returncode == 3 and (len(errors) != 1 or not said[-1].startswith('hint: ')):
        raise Harm(f'a failure without its line and hint: {said[-4:]}')
    if any('stays in the process' in line for line in said):
        raise Harm(f'{said}')
    if what == 'detach' and p.returncode == 0:
        if 'pymemprof' in proc(t.pid, 'maps'):
            raise Harm('says it is gone')
    elif what == 'detach':  # it is no worse than before, and who has enough can do it
        run('detach', str(t.pid))
        if 'pymemprof' in proc(t.pid, 'maps'):
            raise Harm('nobody can put it away any more')
    if any(proc(t.pid, f'task/{tid}/children').strip() for tid in threads(t.pid)):
        raise Harm('its copy was left')
    return p.returncode == 0


def sweep(name, argv, what, kind, folder):
    """By every amount; how many, and from which on it is enough."""
    least, step, most = LIMITS[kind]
    amount, n, enough = least, 0, 0
    t = Target(name, argv)
    try:
        run('attach', str(t.pid), '-q', '-d', '40ms')  # what it keeps for good, as pages of tables, it has then
        while amount <= most and enough < ENOUGH:
            try:
                good = attempt(t, what, COMMANDS[what](t.pid, folder), {kind: amount})
                enough = enough + 1 if good else 0
                n += 1
                if n % 16 == 0:
                    t.check()
            except (Harm, subprocess.TimeoutExpired) as harm:
                raise Harm(f'{kind} {amount}: {what}: {harm}') from None
            amount += step
        t.check()
        if enough < ENOUGH:
            raise Harm(f'{kind} {amount}: {what}: and still not enough')
    finally:
        t.kill()
    return n, amount - ENOUGH * step


def the_targets_own(name, argv):
    """It has all it ever opens, and from none to some more; how often it was attached to."""
    opens, begun = 12, 0
    t = Target(name, argv, OPENING, [str(opens)])
    try:
        t.process.stdin.write(b'how many?\n')
        base = int(t.line(60))
        resource.prlimit(t.pid, resource.RLIMIT_NOFILE, (base + opens, 4096))
        t.process.stdin.write(b'begin\n')
        for more in range(32):
            resource.prlimit(t.pid, resource.RLIMIT_NOFILE, (base + opens + more, 4096))
            for words in COMMANDS['attach'](t.pid, None), COMMANDS['snapshot'](t.pid, None):
                p = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, timeout=300, check=False)
                refused = p.returncode == 3 and b'descriptors open: too close to its limit\nhint: ' in p.stderr
                if p.returncode != 0 and not (refused and words[0] == 'attach'):
                    raise Harm(f'{more}: {words[0]}: {p.stderr[-200:]}')
                begun += p.returncode == 0
            t.compute()
        if begun < 36:
            raise Harm(f'only {begun} times')
    finally:
        t.kill()
    return begun


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--only', default=os.environ.get('PYMEMPROF_ONLY', ''))
    p.add_argument('--what', default='')
    a = p.parse_args()
    found = [row for row in interpreters(a.only) if len(row[1]) == 1]
    if not found:
        print('1..0 # SKIP no interpreter found')
        return 0
    name, argv = found[-1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f'# {name}')
    bad = n = 0
    with tempfile.TemporaryDirectory(prefix='pymemprof-limits-') as folder:
        for kind in LIMITS:
            for what in COMMANDS:
                label = f'{what} by every {kind}'
                if a.what not in label or what not in ONLY.get(kind, [what]):
                    continue
                n += 1
                if SANITIZED and kind == 'RLIMIT_AS':
                    print(f'ok {n} - {label} # SKIP a sanitized program maps terabytes')
                    continue
                try:
                    times, least = sweep(name, argv, what, kind, pathlib.Path(folder))
                    print(f'ok {n} - {label}\n# {times} amounts; enough from {least} on', flush=True)
                except Harm as harm:
                    bad += 1
                    print(f'not ok {n} - {label}\n# {harm}', flush=True)
    n += 1
    try:
        print(f'ok {n} - a target with few descriptors of its own gets all it asks for\n# {the_targets_own(name, argv)} times', flush=True)
    except Harm as harm:
        bad += 1
        print(f'not ok {n} - a target with few descriptors of its own\n# {harm}', flush=True)
    print(f'1..{n}')
    return 1 if bad else 0


sys.exit(main())
