# SPDX-License-Identifier: MIT
"""Targets that check themselves, the program at work on them, and how harm is seen.

For tools/soak and tests/integration/faults.py. PYMEMPROF names the program.
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import select
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGETS = ROOT / 'tests/integration/targets'
PROGRAM = os.environ.get('PYMEMPROF', str(ROOT / 'build/cli/pymemprof'))
# tests/support/preload.c; none beside a sanitizer
PRELOAD = os.environ.get('PYMEMPROF_PRELOAD')
SANITIZED = 'PYMEMPROF_SANITIZED' in os.environ
# A command hangs when it has used so many seconds of processor, or taken so many in all: on a busy
# machine the first says more.
TOOL_CPU, TOOL_LIMIT = 60, 900
# Statuses a command may end with when nothing but its own circumstances is wrong.
CALM = {0, 3, 4, 6, 130, 143}


class Harm(Exception):
    """Something is not as it was."""


def interpreters(only):
    out = subprocess.run([ROOT / 'tools/interpreters'], capture_output=True, text=True, timeout=300)
    rows = [line.split('\t') for line in out.stdout.splitlines()]
    return [(row[0], row[-1].split()) for row in rows if only in row[0]]


def proc(pid, name):
    try:
        return pathlib.Path(f'/proc/{pid}/{name}').read_text(errors='replace')
    except OSError:
        return ''


def threads(pid):
    with contextlib.suppress(OSError):
        return os.listdir(f'/proc/{pid}/task')
    return []


def mine(pid, constant=False):
    """What must not change: mappings of code and files (and those nobody writes to), descriptors, signal dispositions."""
    maps = sorted(' '.join(f[:2] + f[5:]) for f in map(str.split, proc(pid, 'maps').splitlines())
                  if 'x' in f[1] or (constant and f[1].startswith('r-')) or (len(f) > 5 and f[5].startswith('/')))
    fds = []
    with contextlib.suppress(OSError):
        fds = sorted(os.readlink(f'/proc/{pid}/fd/{n}') for n in os.listdir(f'/proc/{pid}/fd'))
    # the mask of a thread in a system call of its own may be anything for a moment; handlers not
    caught = re.findall(r'^(?:SigIgn|SigCgt):.*$', proc(pid, 'status'), re.M)
    return {'maps': maps, 'descriptors': fds, 'signals': caught}


class Target:
    def __init__(self, name, argv, script=None, args=()):
        self.name = name
        source = script or (TARGETS / 'busy.py').read_text()
        self.process = subprocess.Popen([*argv, '-c', source, *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.pid = self.process.pid
        line = self.line(300)
        if not line.startswith('READY'):
            self.kill()
            raise OSError(f'{name}: no target: {line!r}')

    def line(self, seconds):
        got = b''
        end = time.monotonic() + seconds
        while not got.endswith(b'\n'):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Harm(f'{self.name}: says nothing for {seconds} s')
            byte = os.read(self.process.stdout.fileno(), 4096)
            if not byte:
                break
            got += byte
        return got.decode(errors='replace').strip()

    def compute(self):
        """Does it go on, unharmed?"""
        self.process.stdin.write(b'check\n')
        text = self.line(300)
        answer = json.loads(text) if text else {'errors': [f'ended: {self.process.poll()}']}
        if answer['errors'] or answer.get('stuck'):
            raise Harm(f'{self.name}: {answer}')

    def check(self):
        """Does it still compute, unharmed and alone?"""
        self.compute()
        self.alone()

    def alone(self):
        for tid in threads(self.pid):
            status = proc(self.pid, f'task/{tid}/status')
            if status and '\nTracerPid:\t0\n' not in status:
                raise Harm(f'{self.name}: thread {tid} is still traced')
            if re.search(r'^State:\s+[tT]', status, re.M):
                raise Harm(f'{self.name}: thread {tid} stands still')
            # what is left of a copy whose maker was killed goes with the next attach
            for words in (['detach'], ['attach', '-q', '-d', '50ms'], ['snapshot', '-q']):
                if proc(self.pid, f'task/{tid}/children').strip():
                    run(words[0], str(self.pid), *words[1:])
            if proc(self.pid, f'task/{tid}/children').strip():
                raise Harm(f'{self.name}: a child that is not its own')

    def kill(self):
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        for end in (self.process.stdin, self.process.stdout):
            end.close()


def limited(**limits):
    def apply():
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))
    return apply


def start(*args, **more):
    more.setdefault('stdout', subprocess.DEVNULL)
    return subprocess.Popen([PROGRAM, *args], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


class Cgroup:
    """A limit of memory; where none can be made it limits nothing."""

    def __init__(self, limit):
        self.limit, self.folder, self.home = limit, None, None

    def __enter__(self):
        rows = [row.split(':', 2) for row in proc('self', 'cgroup').splitlines()]
        old = next((path for _, names, path in rows if 'memory' in names.split(',')), None)
        top = pathlib.Path('/sys/fs/cgroup')
        homes = [top / 'memory' / old.lstrip('/'), top / 'memory'] if old is not None else \
            [top / path.lstrip('/') for _, names, path in rows if not names] + [top]
        self.home = next((home for home in homes if (home / 'cgroup.procs').exists()), None)
        file = 'memory.limit_in_bytes' if old is not None else 'memory.max'
        try:
            self.folder = self.home / f'pymemprof-soak-{os.getpid()}'
            self.folder.mkdir(exist_ok=True)
            (self.folder / file).write_text(str(self.limit))
        except (OSError, TypeError):
            self.__exit__()
        return self

    def enter(self, pid=0):
        if self.folder:
            (self.folder / 'cgroup.procs').write_text(str(pid))

    def leave(self, pid):
        if self.folder:
            (self.home / 'cgroup.procs').write_text(str(pid))

    def __exit__(self, *why):
        for _ in range(100):
            try:
                if self.folder:
                    self.folder.rmdir()
                self.folder = None
                break
            except FileNotFoundError:
                self.folder = None
            except OSError:
                time.sleep(.05)


def used(pid):
    """Seconds of processor."""
    fields = proc(pid, 'stat').rpartition(')')[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK') if fields else 0


def end(process, allowed=CALM):
    until = time.monotonic() + TOOL_LIMIT
    while True:
        try:
            status = process.wait(2)
            break
        except subprocess.TimeoutExpired:
            if used(process.pid) < TOOL_CPU and time.monotonic() < until:
                continue
            process.kill()
            process.wait()
            raise Harm(f'{" ".join(process.args[1:])} does not end') from None
    if status not in allowed and status != -signal.SIGKILL:
        raise Harm(f'{" ".join(process.args[1:])} ended with {status}')
    return status


def run(*args, allowed=CALM, **more):
    return end(start(*args, **more), allowed)


def leave_an_agent(pid):
    """That of a recording whose pymemprof was killed."""
    tool = subprocess.Popen([PROGRAM, 'attach', str(pid), '-d', '60s', '--no-snapshot'], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    tool.stderr.readline()
    tool.kill()
    tool.wait()
    tool.stderr.close()


def differs(t, before, constant=False):
    now = mine(t.pid, constant)
    for what, was in before.items():
        if now[what] != was:
            gone = [x for x in was if x not in now[what]]
            new = [x for x in now[what] if x not in was]
            raise Harm(f'{t.name}: {what} changed: gone {gone[:3]}, new {new[:3]}')
