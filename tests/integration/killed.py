#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program is killed before each of its system calls; the target goes on, and the next detach leaves nothing in it.

usage: killed.py [--seconds N | --all] [--seed N] [--only TEXT] [--job NAME] [--call NAME] [--verbose]

Between two system calls the program cannot change anything outside of itself, so the moments before each call that can change a
target (CHANGING) are all the moments there are; strace kills it there (the call is not made any more). A choice of them until
the time is over, or with --all every one, call by call; --call names others. After each the target computes, is traced by
nobody, and has no child that is not its own; nothing of the program runs any more; and when detach has been there its
mappings, descriptors and signal dispositions are what they were.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'support'))
from harm import PROGRAM, Harm, Target, differs, end, interpreters, leave_an_agent, mine, proc, run

CHANGING = ['ptrace', 'process_vm_writev', 'pwrite64', 'write', 'kill', 'tgkill', 'clone', 'clone3', 'close', 'fcntl', 'exit_group']
CHECK_EVERY = 8
KILLED = 128 + 9, -9  # strace ends as what it traced did
UNTRACED = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}


def jobs(pid, folder):
    """Commands, and whether an agent without its tracer is there when they begin."""
    recording = ['attach', str(pid), '-q', '-d', '60ms']
    return {
        'attach': ([*recording, '--no-snapshot'], False),
        'attach with snapshots': ([*recording, '-f', '-o', str(folder / 'a.pmp')], False),
        'attach that samples': ([*recording, '--no-snapshot', '--sample', '4K'], False),
        'snapshot': (['snapshot', str(pid), '-q'], False),
        'snapshot read-only': (['snapshot', str(pid), '-q', '--read-only', '--max-pause', '60s'], False),
        'detach': (['detach', str(pid), '-q'], True),
        'attach over an orphan': ([*recording, '--no-snapshot'], True),
    }


def traced(words, *options):
    return subprocess.Popen(['strace', *options, PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True, env={**os.environ, **UNTRACED})


def calls_of(words, folder):
    log = folder / 'calls'
    end(traced(words, '-c', '-U', 'calls,name', '-o', str(log)), {0})
    return {name: int(n) for n, name in re.findall(r'^\s*(\d+)\s+(\w+)\s*$', log.read_text(), re.M) if name != 'total'}


def of_session(session):
    """Processes of it that are no zombies."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        fields = proc(pid, 'stat').rpartition(')')[2].split()
        if fields and int(fields[3]) == session and fields[0] not in 'ZX':
            yield pid


class Trial:
    def __init__(self, options, python, folder):
        self.a, (self.name, self.argv), self.folder = options, python, folder
        self.n, self.bad, self.tally = 0, [], collections.Counter()
        self.t = self.before = None

    def renew(self):
        if self.t:
            self.t.kill()
        self.t = Target(self.name, self.argv)
        run('attach', str(self.t.pid), '-q', '-d', '60ms')
        self.before = mine(self.t.pid, constant=True)

    def moments(self):
        """(job, call, n) of every one; what the loader does before main is left out."""
        loading = calls_of(['--version'], self.folder)
        for job, (words, orphaned) in jobs(self.t.pid, self.folder).items():
            if self.a.job not in ('', job):
                continue
            if orphaned:
                leave_an_agent(self.t.pid)
            for call, n in calls_of(words, self.folder).items():
                if call in ([self.a.call] if self.a.call else CHANGING):
                    yield from ((job, call, i) for i in range(loading.get(call, 0) + 1, n + 1))

    def kill(self, job, call, n):
        words, orphaned = jobs(self.t.pid, self.folder)[job]
        if orphaned:
            leave_an_agent(self.t.pid)
        p = traced(words, '-qq', '-o', '/dev/null', '-e', f'trace={call}', '-e', f'inject={call}:signal=KILL:when={n}')
        status = end(p, {0, 3, 6, *KILLED})
        until = time.monotonic() + 20
        while any(of_session(p.pid)):
            if time.monotonic() > until:
                raise Harm('a process of it lives on')
            time.sleep(.005)
        self.tally['killed' if status in KILLED else 'done before'] += 1
        self.t.alone()
        if self.n % CHECK_EVERY == 0:
            self.t.compute()
        if any(differs_how(self.t, self.before)):
            self.tally['left for detach'] += 1
        if run('detach', str(self.t.pid), '-q') != 0:
            raise Harm('detach failed')
        differs(self.t, self.before, constant=True)

    def go(self, r):
        self.renew()
        try:
            moments = list(self.moments())
            print(f'# {len(moments)} moments: {dict(collections.Counter(m[0] for m in moments))}', flush=True)
            r.shuffle(moments)
            until = time.monotonic() + self.a.seconds
            for job, call, n in moments:
                if not self.a.all and time.monotonic() > until:
                    break
                self.n += 1
                if self.a.verbose:
                    print(f'# {job}: before {call} {n}', flush=True)
                try:
                    self.kill(job, call, n)
                except (Harm, OSError) as why:
                    self.bad.append(f'{job}: before {call} {n}: {why}')
                    print(f'# HARM {self.bad[-1]}', flush=True)
                    self.renew()
            self.t.check()
        except Harm as why:
            self.bad.append(str(why))
            print(f'# HARM {why}', flush=True)
        finally:
            self.t.kill()


def differs_how(t, before):
    with contextlib.suppress(Harm):
        differs(t, before, constant=True)
        return
    yield True


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seconds', type=float, default=40)
    p.add_argument('--all', action='store_true')
    p.add_argument('--seed', type=int, default=int(time.time()))
    p.add_argument('--only', default=os.environ.get('PYMEMPROF_ONLY', ''))
    p.add_argument('--job', default='')
    p.add_argument('--call', default='')
    p.add_argument('--verbose', action='store_true')
    a = p.parse_args()
    a.seconds = float(os.environ.get('PYMEMPROF_SECONDS') or a.seconds)
    found = [row for row in interpreters(a.only) if len(row[1]) == 1]
    if not found or not shutil.which('strace'):
        print(f'1..0 # SKIP {"no strace" if found else "no interpreter found"}')
        return 0
    r = random.Random(a.seed)
    python = found[0] if a.only else r.choice(found)
    print(f'# seed {a.seed}, {python[0]}', flush=True)
    with tempfile.TemporaryDirectory(prefix='pymemprof-killed-') as name:
        trial = Trial(a, python, pathlib.Path(name))
        trial.go(r)
    for what, n in sorted(trial.tally.items()):
        print(f'# {n:6} {what}')
    ok = trial.n > 0 and not trial.bad
    print(f'{"ok" if ok else "not ok"} 1 - {trial.n} moments, {len(trial.bad)} with harm\n1..1')
    return 0 if ok else 1


sys.exit(main())
