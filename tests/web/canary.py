#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Secrets of a recorded program do not stand in its page, nor in the recording carried in it (W18).

usage: canary.py PYMEMPROF       skips where nothing can be attached to
"""
import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import zlib

PROGRAM = """
import sys, time, os
kept, secret = [], os.environ["TOKEN"]
class Account:
    def __init__(self, i):
        self.password = "canaryvalue%d" % i
        self.blob = b"canarybytes" * 3
        self.table = {"canary key %d" % i: "canaryvalue"}
def leak(i):
    kept.append(Account(i))  # canarycomment: a source line
print("ready", flush=True)
end = time.monotonic() + 60
i = 0
while time.monotonic() < end:
    leak(i)
    i += 1
    time.sleep(0.002)
"""
CANARIES = ('canaryvalue', 'canarybytes', 'canary key', 'canarycomment', 'canaryargument', 'canarytoken', 'canaryhost')


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def decoded(page):
    """The page's text, its data decoded, and what is deflated inside the recording."""
    parts = [page]
    for enc, text in re.findall(rb'data-enc="([\w-]+)"[^>]*>([^<]*)<', page):
        raw = base64.b64decode(text)
        parts.append(raw if enc == b'none' else zlib.decompress(raw, -15))
        if enc == b'none':
            parts.extend(inside(raw))
    return b'\n'.join(parts)


def inside(raw):
    """Every zlib or raw deflate stream that begins anywhere in the bytes."""
    for at in range(len(raw)):
        for bits in ((15,) if raw[at] == 0x78 else ()) + (-15,):
            try:
                yield zlib.decompressobj(bits).decompress(raw[at:], 1 << 22)
            except zlib.error:
                continue


def record(program, folder):
    page = folder / 'page.html'
    script = folder / 'app.py'
    script.write_text(PROGRAM, encoding='utf-8')
    host = ['unshare', '--uts', 'sh', '-c', 'hostname canaryhost && exec "$@"', 'sh'] if os.geteuid() == 0 else []
    command = [*host, sys.executable, str(script), 'canaryargument']
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, 'TOKEN': 'canarytoken'}) as target:
        try:
            if target.stdout.readline() != b'ready\n':
                skip('no target: unshare or hostname is missing')
            time.sleep(0.2)
            done = subprocess.run([program, 'attach', str(target.pid), '-d', '3s', '-q', '-o', str(folder / 'r.pmp'),
                                   '--html', str(page)], check=False, timeout=60, capture_output=True, text=True)
        finally:
            target.kill()
    if done.returncode == 3:
        skip('cannot attach here: ' + done.stderr.split('\n')[0])
    return done, page


def main():
    with tempfile.TemporaryDirectory(prefix='pymemprof-canary-') as name:
        done, page = record(sys.argv[1], pathlib.Path(name))
        text = decoded(page.read_bytes()) if page.exists() else b''
    found = [c for c in CANARIES if c.encode() in text or c.encode('utf-16-le') in text]
    checks = [('a page is written', done.returncode == 0, done.stderr),
              ('names are in it, so that the search means something', b'leak' in text and b'app.py' in text
               and b'Account' in text and b'pmp-recording' in text, ''),
              ('no value, source line, argument, environment or host name is', not found, ', '.join(found))]
    print(f'1..{len(checks)}')
    for i, (what, holds, why) in enumerate(checks):
        print(f'{"ok" if holds else "not ok"} {i + 1} - {what}' + ('' if holds else f'\n# {why}'))
    return 0 if all(holds for _, holds, _ in checks) else 1


sys.exit(main())
