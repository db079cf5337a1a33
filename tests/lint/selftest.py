#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checks of this folder must be able to fail: each is run on a source with one fault."""
import pathlib
import subprocess
import sys
import tempfile

from tap import Tap

HEAD = '/* SPDX-License-Identifier: MIT */\n'
LONG = 'int f(int a,\n      int b)\n{\n' + '\ta++;\n' * 99 + '}\n'

# check, file, content, words the report must hold (None: the check must pass)
CASES = (
    ('layers', 'base/a.c', '#include "tracer/facts.h"\n', 'must not include'),
    ('layers', 'report/model/a.c', '#include "tracer/heap/walk.h"\n', 'must not include'),
    ('layers', 'report/model/a.c', '#include "tracer/facts.h"\n', None),
    ('layers', 'tracer/heap/a.c', '#include "tracer/stream/b.h"\n', 'must not include'),
    ('layers', 'tracer/heap/a.c', '#include "report/view/b.h"\n', 'must not include'),
    ('layers', 'tracer/mem/a.c', '#include "tests/support/b.h"\n', 'no part of the product'),
    ('layers', 'cli/a.c', '#include "tracer/heap/b.h"\n#include "report/view/c.h"\n', None),
    ('layers', 'report/view/a.c', '#include <ncurses.h>\n', 'only report/tui/curses.c'),
    ('version_branch', 'cli/a.c', 'int f(int hexversion) { return hexversion >= 5; }\n', 'compares'),
    ('version_branch', 'report/a.c', 'int v = 0x030d00f0;\n', 'by its number'),
    ('version_branch', 'cli/a.c', 'int f(int x) { return x; /* hexversion >= 5 */ }\n', None),
    ('sizes', 'cli/a.c', LONG, 'has 101 lines'),
    ('sizes', 'cli/a.c', LONG.replace('\ta++;\n', '', 1), None),
    ('sizes', 'cli/a.c', 'int a;\n' * 801, '802 lines'),
    ('style', 'cli/a.c', 'int f(void)\n{\n\tgoto out;\n}\n', 'goto'),
    ('style', 'cli/a.c', 'int a; // b\n', '// comment'),
    ('style', 'cli/a.c', 'const char *a = "http://b";\n', None),
    ('style', 'tracer/a.c', 'void f(void)\n{\n\tprintf("x");\n}\n', 'only cli/ may'),
    ('style', 'cli/a.c', 'void f(char *a)\n{\n\tstrcpy(a, "x");\n}\n', 'calls strcpy'),
    ('style', 'cli/a.c', 'int a; /* %s: later */\n' % ('TO' 'DO'), 'leaves something open'),
    ('style', 'cli/a.c', 'int a;', 'newline'),
)


def main():
    here = pathlib.Path(__file__).resolve().parent
    tap = Tap()
    for number, (check, name, content, expected) in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as top:
            path = pathlib.Path(top, name)
            path.parent.mkdir(parents=True)
            path.write_text(HEAD + content, encoding='utf-8')
            done = subprocess.run([sys.executable, here / f'{check}.py', top], text=True,
                                  capture_output=True, check=False)
        problems = []
        if expected is None and done.returncode != 0:
            problems = [f'{check} refused a good file: {done.stderr.strip()}']
        elif expected is not None and (done.returncode == 0 or expected not in done.stderr):
            problems = [f'{check} did not say "{expected}": {done.stderr.strip()}']
        tap.result(f'{check} case {number}: {expected or "good file"}', problems)
    return tap.finish()


sys.exit(main())
