#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The build needs no node and no npm, and without them the browser suite skips and says so (W20).

usage: without_node.py SOURCE_ROOT BUILT_SHELL WEB_FIXTURE
"""
import pathlib
import subprocess
import sys
import tempfile


def main():
    root, shell, fixture = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    web = root / 'report' / 'web'
    names = [n.strip(" '\n") for n in (web / 'meson.build').read_text(encoding='utf-8')
             .split('files(', 1)[1].split(')', 1)[0].split(',')]
    results = []
    with tempfile.TemporaryDirectory(prefix='pymemprof-bare-') as folder:
        out = pathlib.Path(folder) / 'shell.c'
        # Nothing on the path, no site packages, no environment.
        subprocess.run([sys.executable, '-I', '-S', str(web / 'bundle.py'), str(out), str(web / 'style.css'),
                        *[str(web / n) for n in names]], check=True, timeout=60, env={'PATH': folder})
        results.append(('the bundle comes out the same with nothing but Python', out.read_bytes() == shell.read_bytes()))
        done = subprocess.run([sys.executable, str(root / 'tests' / 'web' / 'run.py'), fixture], check=False,
                              timeout=60, env={'PATH': folder}, capture_output=True, text=True)
        results.append(('without node the browser suite skips and says so',
                        done.returncode == 0 and done.stdout == '1..0 # SKIP there is no node\n'))
    print(f'1..{len(results)}')
    for i, (name, holds) in enumerate(results):
        print(f'{"ok" if holds else "not ok"} {i + 1} - {name}')
    return 0 if all(holds for _, holds in results) else 1


sys.exit(main())
