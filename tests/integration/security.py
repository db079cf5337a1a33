#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The claims of docs/SECURITY.md that can be tried on one machine: one TAP line each.

usage: security.py      PYMEMPROF names the program
"""
import contextlib
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zlib

PROGRAM = os.environ['PYMEMPROF']
NOBODY = 65534
# Secrets in every place a value can be: heap, environment, arguments, source text, host name.
TARGET = '''
import os, sys, time
kept = []
class Account:
    def __init__(self, i):
        self.password = "canaryvalue%d" % i
        self.blob = b"canarybytes" * 3
        self.table = {"canary key %d" % i: "canaryvalue"}
def leak(i):
    kept.append(Account(i))  # canarycomment
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
i = 0
while time.monotonic() < end:
    leak(i)
    i += 1
    time.sleep(0.001)
'''
SLEEP = 'print("ready", flush=True); time.sleep(60)'
UNDUMPABLE = f'import ctypes, time; ctypes.CDLL(None).prctl(4, 0); {SLEEP}'
CANARY = re.compile(rb'canary(value|bytes| key|comment|argument|token)')
count = 0


def result(ok, name, why=''):
    global count
    count += 1
    print(f'{"ok" if ok else "not ok"} {count} - {name}', flush=True)
    if not ok:
        print('\n'.join('# ' + line for line in str(why).splitlines()[:12]))


def skip(name, why):
    global count
    count += 1
    print(f'ok {count} - {name} # SKIP {why}', flush=True)


def run(*args, **more):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, timeout=120, **more)


def target(seconds=60, **more):
    t = subprocess.Popen([sys.executable, '-c', TARGET, str(seconds), 'canaryargument'],
                         stdout=subprocess.PIPE, env={**os.environ, 'TOKEN': 'canarytoken'}, **more)
    t.stdout.readline()
    return t


def end(t):
    t.kill()
    t.wait()
    t.stdout.close()


def payloads(pmp):
    """What the sections of a .pmp hold, decompressed: pymemprof-file(5)."""
    at = struct.unpack_from('<I', pmp, 12)[0]
    while at + 24 <= len(pmp):
        _, _, flags, stored = struct.unpack_from('<IHHI', pmp, at)
        body = pmp[at + 24:at + 24 + stored]
        yield zlib.decompress(body) if flags & 1 else body
        at += 24 + stored


def privacy(folder):
    t = target()
    pmp, snap, base = folder / 'a.pmp', folder / 's.pmp', folder / 'b.json'
    try:
        first = run('attach', t.pid, '-q', '-d', '1s', '-o', pmp)
        second = run('snapshot', t.pid, '-q', '-o', snap)
    finally:
        end(t)
    if first.returncode == 3:
        return skip('values stay out of files and reports', first.stderr.decode().strip())
    run('check', '--max', 'peak=1GiB', '--save-baseline', base, '--report', f'json={folder / "c.json"}',
        '--', sys.executable, '-c', TARGET, '0.3', 'canaryargument')
    files = [*payloads(pmp.read_bytes()), *payloads(snap.read_bytes()), base.read_bytes(),
             (folder / 'c.json').read_bytes(), first.stdout, second.stdout]
    for source in (pmp, snap):
        for form in ('text', 'json', 'csv', 'html'):
            files.append(run('report', source, '--format', form).stdout)
    found = [m.group() for data in files for m in [CANARY.search(data)] if m]
    # the classes' and functions' names are there: the search is not for nothing
    seen = any(b'Account' in data for data in files) and any(b'leak' in data for data in files)
    return result(seen and not found, 'values stay out of files and reports', found or 'no name was found')


def modes(folder):
    old = os.umask(0)
    job = ('--', sys.executable, '-c', 'x = [bytes(i) for i in range(9999)]')
    files = [folder / name for name in ('m.pmp', 'm.html', 'm.json', 'm.txt', 'm.base.json')]
    try:
        run('run', '-q', '-o', files[0], '--html', files[1], *job)
        run('check', '--max', 'peak=1GiB', '--report', f'json={files[2]}', '--save-baseline', files[4], *job)
        run('report', files[0], '-o', files[3])
    finally:
        os.umask(old)
    bad = [f'{f.name} {oct(f.stat().st_mode)}' for f in files
           if not f.exists() or stat.S_IMODE(f.stat().st_mode) != 0o600]
    result(not bad, 'files are created 0600 whatever the umask', bad)


def links(folder):
    """Without -f nothing that exists is opened, and no link is followed to something new."""
    job = ('--', sys.executable, '-c', 'pass')
    victim = folder / 'victim'
    victim.write_bytes(b'precious')
    link, dangling = folder / 'link', folder / 'dangling'
    link.symlink_to(victim)
    dangling.symlink_to(folder / 'not-there')
    statuses = []
    for path in (victim, link, dangling):
        statuses.append(run('run', '-q', '-o', path, *job).returncode)
        statuses.append(run('report', folder / 'm.pmp', '-o', path).returncode)
        statuses.append(run('check', '--max', 'peak=1GiB', '--report', f'json={path}', *job).returncode)
        statuses.append(run('run', '-q', '--html', path, *job).returncode)
    ok = victim.read_bytes() == b'precious' and not (folder / 'not-there').exists() and 0 not in statuses
    result(ok, 'existing files and symbolic links are left alone without -f', statuses)
    run('run', '-q', '-f', '-o', link, *job)
    result(victim.read_bytes() == b'precious' and not link.is_symlink(),
           'a recording with -f takes the place of a link, not of what it points to')


def between(folder):
    """A file that appears while the program runs is not overwritten."""
    path = folder / 'late.json'
    job = ('--', sys.executable, '-c',
           f'import time; time.sleep(0.3); open({str(path)!r}, "w").write("precious")')
    done = run('check', '--max', 'peak=1GiB', '--report', f'json={path}', *job)
    result(path.read_bytes() == b'precious' and done.returncode != 0,
           'a report that appeared meanwhile is not overwritten', done.returncode)


def at_once(folder):
    """A page that cannot be written is refused before the program runs, and nothing is made."""
    trace, link = folder / 'ran', folder / 'to-nowhere'
    link.symlink_to(folder / 'not-there')
    job = ('--', sys.executable, '-c', f'open({str(trace)!r}, "w")')
    places = {folder / 'none' / 'x.html': 3, folder / 'm.pmp' / 'x.html': 3, folder: 2, link: 2}
    said = [(path, run('run', '--html', path, *job)) for path in places]
    late = folder / 'late.html'
    job = ('--', sys.executable, '-c', f'open({str(late)!r}, "w").write("precious")')
    meanwhile = run('run', '-q', '--html', late, *job)
    ok = all(d.returncode == places[path] and str(path).encode() in d.stderr for path, d in said) and \
        not trace.exists() and not (folder / 'not-there').exists() and \
        late.read_bytes() == b'precious' and meanwhile.returncode != 0
    failed = folder / 'failed.html'
    run('run', '--html', failed, '--', '/nonexistent/program')
    result(ok and not failed.exists(), 'a page that cannot be written is refused at once', [*said, meanwhile])


def nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


@contextlib.contextmanager
def nobodys(python, script):
    """A process of nobody's, and a pymemprof nobody can execute."""
    reachable = shutil.copy(PROGRAM, tempfile.mkdtemp(prefix='pymemprof-public-'))
    os.chmod(os.path.dirname(reachable), 0o755)
    t = subprocess.Popen([python, '-c', script], stdout=subprocess.PIPE, preexec_fn=nobody)
    t.stdout.readline()
    try:
        yield t, reachable
    finally:
        end(t)
        shutil.rmtree(os.path.dirname(reachable))


def refused(name, python, script):
    """Nobody starts it, nobody's pymemprof may not look at it, and it lives on."""
    with nobodys(python, script) as (t, reachable):
        done = [subprocess.run([reachable, *words, str(t.pid)], preexec_fn=nobody, capture_output=True,
                               timeout=30)
                for words in (['attach', '-d', '1s'], ['snapshot'], ['detach'], ['top', '-b', '-n', '1'])]
        ok = all(d.returncode == 3 and b'hint: ' in d.stderr for d in done) and t.poll() is None
        result(ok, name, [(d.returncode, d.stderr) for d in done])


def under_yama(folder, scope, reachable, *words):
    """As nobody, where the kernel seems to have that ptrace_scope: another one lies over the real, if any."""
    (folder / 'yama').mkdir(exist_ok=True)
    (folder / 'yama' / 'ptrace_scope').write_text(f'{scope}\n')
    folder.chmod(0o755)
    return subprocess.run(['unshare', '-m', 'sh', '-c', 'mount --bind "$1" /proc/sys/kernel || exit 99; shift; '
                           'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"', 'sh', str(folder),
                           reachable, *words], capture_output=True, timeout=60)


def yama(folder):
    """Which setting is in the way is said, by doctor beforehand and by what was refused."""
    name = "what Yama forbids is explained"
    if os.geteuid() != 0:
        return skip(name, 'needs root to become somebody else')
    with nobodys('/usr/bin/python3', UNDUMPABLE) as (t, reachable):
        child_only = under_yama(folder, 1, reachable, 'attach', '-d', '1s', str(t.pid))
        if child_only.returncode in (1, 99):
            return skip(name, child_only.stderr.decode().strip())
        nobody_may = under_yama(folder, 3, reachable, 'attach', '-d', '1s', str(t.pid))
        before = [under_yama(folder, scope, reachable, 'doctor', str(t.pid)) for scope in (0, 1, 3)]
    ok = child_only.returncode == nobody_may.returncode == 3 and \
        b'ptrace_scope is 1' in child_only.stderr and b'ptrace_scope is 3' in nobody_may.stderr and \
        b'hint: ' in child_only.stderr and \
        re.search(rb'^ok +yama +kernel.yama.ptrace_scope is 0\n', before[0].stdout, re.M) and \
        re.search(rb'^ok +yama .* is 1\n.*sudo', before[1].stdout, re.M) and \
        re.search(rb'^NO +yama .* is 3\n', before[2].stdout, re.M) and before[2].returncode == 3
    return result(ok, name, [child_only, nobody_may, *before])


def protected():
    """What prctl(PR_SET_DUMPABLE, 0) or a set-user-ID bit protects."""
    names = ('a process that may not be traced is refused', 'a set-user-ID program is refused to its own user')
    if os.geteuid() != 0:
        return [skip(name, 'needs root to become somebody else') for name in names]
    refused(names[0], '/usr/bin/python3', UNDUMPABLE)
    with tempfile.TemporaryDirectory(prefix='pymemprof-setuid-') as folder:
        os.chmod(folder, 0o755)
        python = shutil.copy(os.path.realpath('/usr/bin/python3'), folder)
        os.chmod(python, 0o4755)
        refused(names[1], python, f'import os, time; assert os.geteuid() == 0 != os.getuid(); {SLEEP}')


def rights(pid):
    return {line.split()[1] for line in pathlib.Path(f'/proc/{pid}/maps').read_text().splitlines()}


def during():
    """While a recording runs: no socket, no memory that is writable and executable, no open door."""
    t = target()
    before = rights(t.pid)
    tool = subprocess.Popen([PROGRAM, 'attach', str(t.pid), '-q', '-d', '20s', '--no-snapshot'],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            ours = [f'/proc/{t.pid}/fd/{n}' for n in os.listdir(f'/proc/{t.pid}/fd') if int(n) > 2]
            if any(os.readlink(f).startswith('pipe:') for f in ours) or tool.poll() is not None:
                break
            time.sleep(.05)
        if tool.poll() is not None:
            return skip('nothing is opened to others', tool.stderr.read().decode().strip())
        sockets = [os.readlink(f'/proc/{tool.pid}/fd/{n}') for n in os.listdir(f'/proc/{tool.pid}/fd')]
        result(not [s for s in sockets if s.startswith('socket:')], 'no socket is opened', sockets)
        result(not [r for r in rights(t.pid) - before if 'w' in r and 'x' in r],
               'no mapping of the target becomes writable and executable')
        flags = [int(re.search(r'flags:\s+(\d+)', pathlib.Path(f.replace('/fd/', '/fdinfo/')).read_text())[1], 8)
                 for f in ours if os.readlink(f).startswith('pipe:')]
        result(flags and all(f & os.O_CLOEXEC for f in flags),
               'the descriptor in the target is closed by exec', flags)
    finally:
        tool.terminate()
        tool.wait(60)
        tool.stderr.close()
        end(t)


def main():
    with tempfile.TemporaryDirectory(prefix='pymemprof-security-') as name:
        folder = pathlib.Path(name)
        privacy(folder)
        modes(folder)
        links(folder)
        between(folder)
        at_once(folder)
    with tempfile.TemporaryDirectory(prefix='pymemprof-yama-') as name:
        yama(pathlib.Path(name))
    protected()
    during()
    print(f'1..{count}')


main()
