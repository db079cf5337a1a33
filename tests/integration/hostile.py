#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processes that lie about their memory, against bounded time and memory: one TAP line per lie.

usage: hostile.py [--only LIE] [--figures]

Targets: targets/liar.py, Python programs that write over their own objects, on the newest interpreter
(PYMEMPROF_ONLY: on those whose name contains it, 3. on all); pretender, a C program which says it is
CPython. Each is doctored, snapshot, attached to and watched; whatever pymemprof makes of it, it
ends by itself with a documented status, within CPU_MAX seconds of processor and RSS_MAX of memory
for each command, prints no control character, and the target goes on.
"""
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ['PYMEMPROF']
HERE = pathlib.Path(__file__).resolve().parent
LIAR = HERE / 'targets' / 'liar.py'
CPU_MAX, RSS_MAX, WALL_MAX = 10, 512 << 20, 120
SANITIZED = 'PYMEMPROF_SANITIZED' in os.environ
if SANITIZED:  # AddressSanitizer's own, and what it keeps back of what was freed
    CPU_MAX, RSS_MAX = 4 * CPU_MAX, 2 * RSS_MAX
# done, could not attach or measure, the target failed, incomplete
STATUSES = {0, 3, 4, 6}
CONTROL = re.compile(rb'[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae')
# told by another process, which writes to the target
THROUGH_PROC = ('agents_memory', 'pipe_noise', 'pipe_batches', 'pipe_sizes', 'traces_sparse', 'traces_circle')
TORN, UNREAD = rb'contradict\s+themselves', rb'could\s+not\s+be\s+read'
# Lies that cannot be overlooked: the status of one command, or what the report of the snapshot says.
SAID = {
    'billion': ('report', TORN), 'sparse': ('report', TORN), 'dicts': ('report', TORN), 'circles': ('report', TORN),
    'pools': ('report', TORN), 'traces_sparse': ('report', UNREAD), 'traces_circle': ('report', UNREAD),
    'threads': ('doctor', 3), 'orphan': ('attach', 3), 'pipe_noise': ('attach', 6), 'pipe_batches': ('attach', 6),
    'pipe_sizes': ('attach', 6),
}
SAID_OF_PRETENDER = {
    **dict.fromkeys(['zeros', 'words', 'offsets', 'interpreters', 'threads', 'modules', 'many_modules'], ('doctor', 3)),
    **dict.fromkeys(['noise', 'collector', 'arenas', 'pools'], ('snapshot', 3)),
    'endless_arenas': ('report', TORN),
}
if SANITIZED:  # the pretender is, too, and where its arenas claim to be there is memory of AddressSanitizer's
    SAID_OF_PRETENDER['arenas'] = ('', None)
ASKED = os.environ.get('PYMEMPROF_ONLY')
count = 0


def result(ok, name, why=()):
    global count
    count += 1
    print(f'{"ok" if ok else "not ok"} {count} - {name}', flush=True)
    for line in why:
        print('# ' + line, flush=True)


def run(figures, words, out, said):
    """One command, measured by the kernel. Returns what is wrong with it; how it ended and its words go into said."""
    with open(out, 'wb') as f:
        tool = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=f,
                                stderr=subprocess.STDOUT)
        watch = os.pidfd_open(tool.pid)
        if not select.select([watch], [], [], WALL_MAX)[0]:
            tool.kill()
        os.close(watch)
        _, status, usage = os.wait4(tool.pid, 0)
        tool.returncode = 0 # it has been waited for
    status = os.waitstatus_to_exitcode(status)
    cpu, rss = usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
    text = out.read_bytes()
    said.setdefault(words[0], (status, text))
    figures.append(f'{words[0]} {status} {cpu:.1f}s {rss >> 20}M')
    wrong = []
    if status not in STATUSES:
        wrong.append(f'status {status}')
    if cpu > CPU_MAX:
        wrong.append(f'{cpu:.1f} s of processor')
    if rss > RSS_MAX:
        wrong.append(f'{rss >> 20} MiB')
    if CONTROL.search(text) and '-o' not in words:
        wrong.append(f'control characters: {CONTROL.search(text)}')
    if re.search(rb'copy\s+was\s+ended', text):
        wrong.append('blames a lack of memory')
    if status == 3 and words[0] != 'doctor' and len(text.splitlines()) > 2:
        wrong.append('more than one line and a hint')
    return [f'{" ".join(words)}: {w}' for w in wrong] and \
        [f'{" ".join(words)}: {w}' for w in wrong] + text[-400:].decode(errors='replace').splitlines()


def commands(pid, folder, lie):
    pmp = str(folder / 's.pmp')
    yield ['doctor', pid]
    yield ['snapshot', pid, '-q', '-f', '-o', pmp]
    yield ['report', pmp]
    yield ['report', pmp, '--format', 'json', '-f', '-o', str(folder / 's.json')]
    yield ['report', pmp, '--format', 'html', '-f', '-o', str(folder / 's.html')]
    for view in ('types', 'fragmentation', 'ledger', 'gc', 'holders'):
        yield ['report', pmp, '--view', view]
    # a stream that makes no sense ends it, however late that is on a busy machine
    yield ['attach', pid, '-d', '30s' if lie.startswith('pipe_') else '500ms']
    yield ['top', pid, '-b', '-n', '2', '-i', '200ms']
    yield ['detach', pid]


def unsaid(expected, said):
    word, what = expected
    status, text = said.get(word, (None, b''))
    if what in (status, None) or isinstance(what, bytes) and re.search(what, text):
        return []
    return [f'{word} says nothing of it: {status}', *text[-400:].decode(errors='replace').splitlines()]


def expected_of(lie, version, kind):
    """What must be said of a lie; of tracemalloc's table not where no symbol tells where it is (up to 3.11)."""
    if lie.startswith('traces_') and kind == 'static' and int(version.split('.')[1]) < 12:
        return '', None
    return SAID.get(lie, ('', None))


def look_at(name, command, lie, expected, show):
    figures, wrong, said = [], [], {}
    with tempfile.TemporaryDirectory(prefix='pymemprof-hostile-') as work:
        folder = pathlib.Path(work)
        t = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            if t.stdout.readline().strip() != b'ready':
                return result(False, name, ['the liar cannot lie'])
            for words in commands(str(t.pid), folder, lie):
                if words[0] == 'report' and not (folder / 's.pmp').exists():
                    continue
                wrong += run(figures, words, folder / 'out', said)
            wrong += unsaid(expected, said)
            page = folder / 's.html'
            if page.exists() and b'<img src=x>' in page.read_bytes():
                wrong.append('markup of the target is in the page')
            if t.poll() is not None:
                wrong.append(f'the target ended: {t.returncode}')
            state = pathlib.Path(f'/proc/{t.pid}/status').read_text() if t.poll() is None else ''
            if state and not re.search(r'TracerPid:\s+0\n', state):
                wrong.append('the target is still traced')
        finally:
            t.kill()
            t.wait()
            t.stdout.close()
    return result(not wrong, name, wrong + (['; '.join(figures)] if show or wrong else []))


def interpreters():
    """The newest and the newest that has a /proc, or those asked for."""
    out = subprocess.run([os.environ['PYMEMPROF_INTERPRETERS']], capture_output=True, text=True)
    found = [line.split('\t') for line in out.stdout.splitlines()]
    found.sort(key=lambda f: [int(n) for n in f[1].split('.')])
    if ASKED:
        return [f for f in found if ASKED in f[0]]
    plain = [f for f in found if len(f[-1].split()) == 1]
    return [f for f in found if f in (found[-1:] + plain[-1:])]


def main():
    only = sys.argv[sys.argv.index('--only') + 1] if '--only' in sys.argv else ''
    show = '--figures' in sys.argv
    lies = subprocess.run([sys.executable, LIAR, '--list'], capture_output=True, text=True).stdout.split()
    source = LIAR.read_text()
    there = interpreters()
    for name, version, kind, command in there:
        plain = len(command.split()) == 1
        for lie in lies:
            # a liar in a chroot has no /proc to lie through; one beside it lies through it only
            if only in lie and (plain if lie in THROUGH_PROC else name == there[-1][0] or ASKED):
                look_at(f'{name}: {lie}', [*command.split(), '-c', source, lie], lie, expected_of(lie, version, kind), show)
    pretender = os.environ.get('PYMEMPROF_PRETENDER')
    if pretender:
        listed = subprocess.run([pretender, '--list'], capture_output=True, text=True).stdout.split()
        for lie in listed:
            if only in lie:
                look_at(f'pretender: {lie}', [pretender, lie], lie, SAID_OF_PRETENDER[lie], show)
    print(f'1..{count}')


main()
