#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every allocation and every system call of the program at work fails once; the target is always restored.

usage: faults.py [--seconds N | --all | --places [--depth N] [--from JOB]] [--seed N] [--only TEXT] [--job NAME] [--kind alloc|call] [--call NAME]

The program is run once whole and its allocations (tests/support/preload.c) and system calls (strace) after
main began are counted; then again and again with one of them failing, chosen at random until the
time is over, or one from each place in the program, by its whole stack (--places: hours; --depth: by so many innermost
frames, and only where no command before it has failed, which takes an hour; --from goes on with that command), or all one after the other (--all: days). After each the target computes, is traced by nobody, has
its mappings, descriptors and signal dispositions; the program has ended with a documented status, and with one line
that says why unless it did without. What a read-only command prints with status 0 is what it prints unharmed.
"""
import argparse
import collections
import contextlib
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'support'))
from harm import PRELOAD, PROGRAM, SANITIZED, Harm, Target, differs, interpreters, leave_an_agent, mine, run

LIMIT = 300
MANY = 600
CHECK_EVERY = 8
# What these fail with in earnest, but not what would say that the target is gone; everything else with EIO.
ERRORS = {
    'openat': ['EMFILE', 'EACCES', 'ENFILE'], 'read': ['EIO', 'EINTR'], 'pread64': ['EIO', 'EINTR'],
    'write': ['EIO', 'ENOSPC', 'EINTR'], 'writev': ['EIO', 'ENOSPC'], 'poll': ['EINTR', 'ENOMEM'],
    'wait4': ['EINTR'], 'waitid': ['EINTR'], 'ptrace': ['EPERM', 'EIO'],
    'process_vm_readv': ['EFAULT', 'ENOMEM', 'EPERM'], 'process_vm_writev': ['EFAULT', 'ENOMEM', 'EPERM'], 'mmap': ['ENOMEM'],
    'mremap': ['ENOMEM'], 'munmap': ['ENOMEM'], 'clone': ['EAGAIN'], 'clone3': ['EAGAIN'], 'pipe2': ['EMFILE'],
    'pidfd_open': ['EMFILE', 'ENODEV'], 'pidfd_getfd': ['EMFILE', 'EPERM'], 'tgkill': ['EPERM'],
    'getdents64': ['EIO', 'ENOMEM'], 'readlink': ['EIO', 'EACCES'], 'memfd_create': ['EMFILE', 'ENOMEM'],
    'clock_nanosleep': ['EINTR'], 'nanosleep': ['EINTR'], 'close': ['EIO', 'EINTR'],
}
# Cannot fail (brk answers with where the heap ends, and kill is of a child that waits for us), or is the
# loader's and the C library's own.
NEVER = {'exit_group', 'exit', 'execve', 'arch_prctl', 'set_tid_address', 'set_robust_list', 'rseq', 'prlimit64',
         'rt_sigreturn', 'restart_syscall', 'brk', 'kill', 'getpid', 'gettid', 'getuid', 'geteuid', 'getgid', 'getegid', 'futex'}
if SANITIZED:  # AddressSanitizer maps its own and ends the program when it may not
    NEVER |= {'mmap', 'munmap', 'mremap', 'mprotect', 'madvise'}
# Nothing that is undone needs an answer of these, nor memory: when they fail nothing is left, whatever is told.
GETTING = {'', 'mmap', 'pipe2', 'memfd_create', 'pidfd_open', 'pidfd_getfd', 'fcntl', 'clone', 'clone3', 'getrandom', 'fstat', 'newfstatat'}
STATUSES = {0, 3, 4, 6}
# LeakSanitizer looks at the program by ptrace, where strace is already.
UNTRACED = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}
KINDS = ['text', 'json', 'markdown', 'junit', 'sarif', 'github', 'gitlab', 'bencher', 'ghbench']


class Job:
    """One command: what precedes it, its words, and whether its output is always the same."""

    def __init__(self, name, words, before=None, constant=False, touches=True, explains=False, follow=False):
        self.name, self.words, self.before = name, words, before
        self.constant, self.touches, self.explains = constant, touches, explains
        self.follow = ['-f'] if follow else []  # its children, too: they do the work
        self.whole = None  # its output, unharmed
        self.counts = {}   # (kind, call) -> (first of ours, last)


def jobs(t, folder):
    pid, made = str(t.pid), str(folder / 'made.pmp')
    attach = ['attach', pid, '-q', '-d', '60ms', '-f', '-o', str(folder / 'a.pmp')]

    program = [sys.executable, '-S', '-c', 'x = [bytes(i) for i in range(2000)]']

    def orphan():
        leave_an_agent(t.pid)
    return [
        Job('attach', attach + ['--no-snapshot']),
        Job('attach with snapshots', attach),
        Job('attach that samples', attach + ['--no-snapshot', '--sample', '4K']),
        Job('snapshot', ['snapshot', pid, '-q', '-f', '-o', str(folder / 's.pmp')]),
        Job('snapshot read-only', ['snapshot', pid, '-q', '--read-only', '--max-pause', '60s']),
        Job('detach', ['detach', pid, '-q'], before=orphan),
        Job('attach over an orphan', attach + ['--no-snapshot'], before=orphan),
        Job('doctor', ['doctor', pid], explains=True),
        Job('run', ['run', '-q', '-f', '-o', str(folder / 'r.pmp'), '--', *program], touches=False),
        Job('report', ['report', made], constant=True, touches=False),
        Job('report html', ['report', made, '--format', 'html'], touches=False),
        Job('report json', ['report', made, '--format', 'json', '--view', 'leaks'], constant=True, touches=False),
        Job('report csv', ['report', made, '--format', 'csv', '--view', 'sites'], constant=True, touches=False),
        Job('report folded', ['report', made, '--format', 'folded', '--view', 'flame'], constant=True, touches=False),
        Job('report holders', ['report', made, '--view', 'holders'], constant=True, touches=False),
        Job('diff', ['diff', made, made], constant=True, touches=False),
        Job('check', ['check', made, '--max', 'peak=64GiB', *[w for kind in KINDS for w in ('--report', kind)]],
            touches=False),
        Job('check of a program', ['check', '-q', '--max', 'peak=64GiB', '--', *program], touches=False),
        Job('top', ['top', pid, '-b', '-n', '2', '-i', '100ms'], follow=True),
    ]


def where_it_always_lies():
    """In the child: no random addresses, so that a place has the same number in every command."""
    ctypes.CDLL(None).personality(0x0040000)


def go(job, folder, env=None, strace=None):
    """(status, output, what it said)"""
    if job.before and not (strace and '-c' in strace):
        job.before()
    words = [*(strace or []), PROGRAM, *job.words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # No locale to load, without which it says the same in other letters. A file, not a pipe: a child it leaves behind must not hold us up.
        p = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             env={**os.environ, 'LC_ALL': 'C', **(UNTRACED if strace else {}), **(env or {})},
                             start_new_session=True,
                             preexec_fn=where_it_always_lies if env and 'PYMEMPROF_PLACES' in env else None)
        try:
            status = p.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            raise Harm('does not end') from None
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read().decode(errors='replace')


def calls_of(words, folder, before=None, follow=()):
    if before:
        before()
    log = folder / 'strace'
    subprocess.run(['strace', *follow, '-c', '-U', 'calls,name', '-o', log, PROGRAM, *words], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT, check=False,
                   env={**os.environ, **UNTRACED})
    rows = re.findall(r'^\s*(\d+)\s+(\w+)\s*$', log.read_text(), re.M)
    return {name: int(n) for n, name in rows if name != 'total'}


def count(job, folder, kinds, only):
    """What there is to fail, and what the command says when nothing does."""
    tally = folder / 'tally'
    env = {'PYMEMPROF_FAULTS': str(tally)}
    status, job.whole, said = go(job, folder, {**env, 'LD_PRELOAD': PRELOAD} if PRELOAD else env)
    if status != 0:
        raise Harm(f'{job.name}: {status} unharmed: {said.strip()}')
    if 'alloc' in kinds:
        job.counts['alloc', ''] = 1, int(tally.read_text().split()[0])
    if 'call' in kinds:
        loading = calls_of(['--version'], folder)
        for name, n in calls_of(job.words, folder, job.before, job.follow).items():
            if name not in NEVER and only in ('', name) and n > loading.get(name, 0):
                job.counts['call', name] = loading.get(name, 0), n


def places_of_calls(job, folder, r, depth, known):
    """(call, n) of the first from each stack of the program, as strace unwinds them; of those too many for it a choice."""
    log = folder / 'stacks'
    calls = {name: span for (kind, name), span in job.counts.items() if kind == 'call'}
    many = {name for name, (first, last) in calls.items() if last - first > MANY}
    for name in many:
        first, last = calls[name]
        for n in {first + int((last - first + 1) ** r.random()) for _ in range(MANY // 10)}:
            yield name, max(1, min(n, last))
    if job.before:
        job.before()
    subprocess.run(['strace', *job.follow, '-k', '-e', 'trace=' + ','.join(sorted({*calls} - many)), '-o', log,
                    PROGRAM, *job.words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=10 * LIMIT, check=False)
    seen, counts, name, stack = known if depth else set(), collections.Counter(), '', []
    with open(log, errors='replace') as f:
        for line in [*f, 'end(']:
            if line.startswith(' > '):
                stack.append(line.rpartition('[')[2])
                continue
            place = (name, *stack[:depth])
            if name in calls and place not in seen and counts[name] >= calls[name][0]:
                seen.add(place)
                yield name, counts[name]
            name, stack = re.sub(r"^\d+ +", "", line).partition('(')[0], []
            counts[name] += 1


def places(job, folder, r, depth, known):
    """(kind, call, n, error) of each place; with a depth only of those not known yet."""
    if ('alloc', '') in job.counts and PRELOAD:
        log = folder / 'places'
        go(job, folder, {'LD_PRELOAD': PRELOAD, 'PYMEMPROF_PLACES': str(log), 'PYMEMPROF_DEPTH': str(depth or 0)})
        last, first = {}, {}
        for n, place in enumerate(log.read_text().split(), 1):
            if depth and place in known:
                continue
            first.setdefault(place, n)
            last[place] = n
        known.update(first)
        for n in sorted({*first.values(), *last.values()}):
            yield 'alloc', '', n, ''
    if any(kind == 'call' for kind, _ in job.counts):
        for name, n in places_of_calls(job, folder, r, depth, known):
            yield 'call', name, n, r.choice(ERRORS.get(name, ['EIO']))


def places_anew(chosen, begin, folder, r, depth, known):
    """(job, place) of the commands from begin on; those of the commands before it are known."""
    begun = not begin
    for job in chosen:
        some = shuffled(places(job, folder, r, depth, known), r)
        begun = begun or job.name == begin
        if begun:
            print(f'# {job.name}: {len(some)} places', flush=True)
            yield from ((job, one) for one in some)


def shuffled(some, r):
    some = list(some)
    r.shuffle(some)
    return some


def said_why(status, said):
    lines = [line for line in said.splitlines() if not line.startswith('hint: ')]
    if status in (0, 6):
        return len(lines) <= 1
    return len(lines) == 1 and lines[0].startswith('pymemprof: ')


def fault(job, folder, kind, name, n, error):
    """One run with one thing failing. How it ended: 'without', 'told'."""
    if kind == 'alloc':
        status, out, said = go(job, folder, {'LD_PRELOAD': PRELOAD, 'PYMEMPROF_FAIL_ALLOC': str(n)})
    else:
        status, out, said = go(job, folder, strace=['strace', *job.follow, '-qq', '-o', '/dev/null', '-e', f'trace={name}', '-e',
                                                    f'inject={name}:error={error}:when={n}'])
    if status == 127 and 'while loading shared libraries' in said:
        return 'before the program began'
    if status not in STATUSES:
        raise Harm(f'status {status}: {said.strip()[-300:]}')
    if job.explains and b'\nNO   ' in out and not said:
        return 'told'
    if not said_why(status, said):
        raise Harm(f'status {status} and these words: {said.strip()[-600:]!r}')
    if status == 0 and job.constant and out != job.whole:
        raise Harm('status 0 and another output than unharmed')
    return 'did without' if status == 0 else 'told'


def restored(t, before, tally):
    """Is the target as it was? What could not be taken out goes with the next detach; what that was."""
    t.alone()
    try:
        differs(t, before)
    except Harm as harm:
        run('detach', str(t.pid), '-q')
        differs(t, before)
        tally['left for detach'] += 1
        return str(harm)
    return ''


def pick(r, job):
    kind, name = r.choice(list(job.counts))
    if ('alloc', '') in job.counts and r.random() < .3:
        kind, name = 'alloc', ''
    first, last = job.counts[kind, name]
    # the beginning is where most different things happen
    n = first + int((last - first + 1) ** r.random()) if r.random() < .7 else r.randint(first, last)
    return kind, name, max(1, min(n, last)), r.choice(ERRORS.get(name, ['EIO']))


def every(job):
    for (kind, name), (first, last) in job.counts.items():
        for n in range(max(first, 1), last + 1):
            for error in ERRORS.get(name, ['EIO']):
                yield kind, name, n, error
                if kind == 'alloc':
                    break


class Trial:
    def __init__(self, options, folder):
        self.a, self.folder = options, folder
        self.r = random.Random(options.seed)
        self.tally, self.bad, self.lately, self.n = collections.Counter(), [], [], 0
        self.t = self.before = None
        self.known = set()

    def renew(self):
        if self.t:
            self.t.kill()
        name, argv = self.python
        self.t = Target(name, argv)
        self.before = mine(self.t.pid)

    def one(self, job, kind, name, n, error):
        what = f'{job.name}: {"allocation" if kind == "alloc" else name} {n}' + (f' {error}' if name else '')
        self.lately = [*self.lately[1 - CHECK_EVERY:], what]
        self.n += 1
        if self.a.verbose:
            print(f'# {what}', flush=True)
        try:
            how = fault(job, self.folder, kind, name, n, error)
            self.tally[how] += 1
            if job.touches:
                left = restored(self.t, self.before, self.tally)
                if left and how != 'told':
                    raise Harm(f'said nothing and left this: {left}')
                if left and name in GETTING and not job.before:
                    raise Harm(f'left this: {left}')
                if left and self.a.verbose:
                    print(f'# {what}: left for detach: {left}', flush=True)
                if self.n % CHECK_EVERY == 0:
                    self.t.check()
        except (Harm, OSError) as why:
            late = f' (one of {self.lately})' if 'not end' not in str(why) and 'errors' in str(why) else ''
            self.bad.append(f'{what}: {why}{late}')
            print(f'# HARM {self.bad[-1]}', flush=True)
            return job.touches
        return False

    def go(self, python, kinds):
        self.python = python
        self.renew()
        try:
            run('attach', str(self.t.pid), '-q', '-d', '200ms', '-f', '-o', str(self.folder / 'made.pmp'))
            chosen = [j for j in jobs(self.t, self.folder) if self.a.job in ('', j.name)]
            for job in chosen:
                count(job, self.folder, kinds, self.a.call)
            until = time.monotonic() + self.a.seconds
            chosen = [job for job in chosen if job.counts]
            queue = ((j, w) for j in chosen for w in every(j)) if self.a.all else \
                places_anew(chosen, self.a.begin, self.folder, self.r, self.a.depth, self.known) if self.a.places else \
                ((j, pick(self.r, j)) for j in iter(lambda: self.r.choice(chosen), None))
            for job, what in queue:
                if not self.a.all and not self.a.places and time.monotonic() > until:
                    break
                if self.one(job, *what):
                    self.renew()
                    anew = {job.name: job for job in jobs(self.t, self.folder)}
                    for job in chosen:
                        job.words, job.before = anew[job.name].words, anew[job.name].before
            self.t.check()
        except Harm as why:
            self.bad.append(f'{python[0]}: {why}')
            print(f'# HARM {self.bad[-1]}', flush=True)
        finally:
            self.t.kill()
            self.t = None


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--seconds', type=float, default=60)
    p.add_argument('--all', action='store_true')
    p.add_argument('--places', action='store_true')
    p.add_argument('--depth', type=int)
    p.add_argument('--from', dest='begin', default='')
    p.add_argument('--seed', type=int, default=int(time.time()))
    p.add_argument('--only', default=os.environ.get('PYMEMPROF_ONLY', ''))
    p.add_argument('--job', default='')
    p.add_argument('--kind', default='')
    p.add_argument('--call', default='')
    p.add_argument('--verbose', action='store_true')
    a = p.parse_args()
    a.seconds = float(os.environ.get('PYMEMPROF_SECONDS') or a.seconds)
    kinds = [k for k, there in (('alloc', PRELOAD), ('call', shutil.which('strace')))
             if there and (a.kind or ('call' if a.call else k)) == k]
    # an interpreter of a chroot is as good as any; one at random unless one is named
    found = [row for row in interpreters(a.only) if len(row[1]) == 1]
    if not kinds or not found:
        print(f'1..0 # SKIP {"neither preload nor strace" if not kinds else "no interpreter found"}')
        return 0
    with tempfile.TemporaryDirectory(prefix='pymemprof-faults-') as name:
        trial = Trial(a, pathlib.Path(name))
        python = found[0] if a.only else trial.r.choice(found)
        print(f'# seed {a.seed}, {python[0]}, {" and ".join(kinds)}', flush=True)
        trial.go(python, kinds)
    for what, n in sorted(trial.tally.items()):
        print(f'# {n:6} {what}')
    ok = trial.n > 0 and not trial.bad
    print(f'{"ok" if ok else "not ok"} 1 - {trial.n} faults, {len(trial.bad)} with harm\n1..1')
    return 0 if ok else 1


sys.exit(main())
