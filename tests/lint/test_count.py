#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/count-results on logs by hand: what is counted, and that nothing failed passes."""
import json
import pathlib
import subprocess
import sys
import tempfile

from tap import Tap, root


def entry(result, stdout='', name='s'):
    return {'name': name, 'result': result, 'stdout': stdout, 'stderr': ''}


# name, entries of a testlog, TAP text, the sums expected
CASES = (
    ('subtests are counted', [entry('OK', 'TAP version 13\n1..2\nok - a\nok - b\n')], '',
     '2 passed, 0 failed, 0 skipped'),
    ('a failing subtest is one failure',
     [entry('FAIL', '1..2\nok 1 - a\nnot ok 2 - b\n')], '', '1 passed, 1 failed, 0 skipped'),
    ('a suite that fails without a failing subtest is one failure',
     [entry('ERROR', '1..1\nok - a\n')], '', '1 passed, 1 failed, 0 skipped'),
    ('a bail out is a failure', [entry('ERROR', '1..1\nok - a\nBail out! leak\n')], '',
     '1 passed, 1 failed, 0 skipped'),
    ('a timeout is a failure', [entry('TIMEOUT')], '', '0 passed, 1 failed, 0 skipped'),
    ('an interrupted test is a failure', [entry('INTERRUPT')], '', '0 passed, 1 failed, 0 skipped'),
    ('skips are counted apart', [entry('OK', '1..2\nok - a\nok - b # SKIP no root\n')], '',
     '1 passed, 0 failed, 1 skipped'),
    ('a suite of nothing is a skip', [entry('SKIP', '1..0 # SKIP nothing\n')], '',
     '0 passed, 0 failed, 1 skipped'),
    ('programs without subtests count as one', [entry('OK', 'fine'), entry('FAIL', 'bad')], '',
     '1 passed, 1 failed, 0 skipped'),
    ('plain TAP is read too', [], 'ok 1 - a\nnot ok 2 - b\nok 3 - c # skip x\n1..3\n',
     '1 passed, 1 failed, 1 skipped'),
)


def main():
    tap = Tap()
    tool = root() / 'tools' / 'count-results'
    for name, entries, text, expected in CASES:
        with tempfile.TemporaryDirectory() as top:
            paths = [pathlib.Path(top, 'testlog.json'), pathlib.Path(top, 'x.tap')]
            paths[0].write_text('\n'.join(json.dumps(e) for e in entries), encoding='utf-8')
            paths[1].write_text(text, encoding='utf-8')
            done = subprocess.run([sys.executable, tool, *paths], text=True, capture_output=True,
                                  check=False)
        last = (done.stdout.strip() or 'nothing').split('\n')[-1]
        failing = ' 0 failed' not in expected
        problems = []
        if last != expected:
            problems.append(f'{name}: {last} where {expected} is due')
        if (done.returncode != 0) != failing:
            problems.append(f'{name}: exit status {done.returncode}')
        tap.result(name, problems)
    missing = subprocess.run([sys.executable, tool, '/nonexistent.json'], text=True,
                             capture_output=True, check=False)
    tap.result('a missing log is a failure',
               [] if missing.returncode == 1 else ['a missing log passed'])
    return tap.finish()


sys.exit(main())
