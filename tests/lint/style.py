#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What docs/STYLE.md asks of every file and a machine can see."""
import re
import sys

from tap import PRODUCT, Tap, blank_literals, sources, text_of

BANNED = re.compile(r'(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets)\s*\(')
# Below cli/ nothing speaks, exits or aborts. base/check.c and base/log.c are how bugs and
# debug lines leave; a stand-alone tool is a main.
SPEAKS = re.compile(r'(?<![\w.>])(printf|puts|putchar|perror|exit|_exit|abort|assert)\s*\(')
MAY_SPEAK = ('base/check.c', 'base/log.c')
GOTO = re.compile(r'(?<!")\bgoto\s+\w+\s*;')
OPEN_ENDS = re.compile(r'\b(TODO|FIXME|XXX)\b')
SPDX = 'SPDX-License-Identifier: MIT'


def check(path):
    problems = []
    text = text_of(path)
    code = blank_literals(text)
    product = str(path).split('/')[0] in PRODUCT

    def say(number, what):
        problems.append(f'{path}:{number}: {what}')

    if SPDX not in text.split('\n', 2)[0] and not (
            text.startswith('#!') and SPDX in text.split('\n', 2)[1]):
        say(1, 'does not begin with its SPDX line')
    if path.suffix == '.S':
        return problems
    commented = blank_literals(text, keep_comments=True)
    line_comments = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group(0).count('\n'), commented,
                           flags=re.S)
    for number, line in enumerate(line_comments.split('\n'), 1):
        if '//' in line:
            say(number, 'has a // comment')
    for number, line in enumerate(code.split('\n'), 1):
        if GOTO.search(line):
            say(number, 'has a goto')
        if product and BANNED.search(line):
            say(number, f'calls {BANNED.search(line).group(1)}')
        if product and not str(path).startswith('cli/') and str(path) not in MAY_SPEAK and \
                SPEAKS.search(line):
            say(number, f'calls {SPEAKS.search(line).group(1)}, which only cli/ may')
    for number, line in enumerate(text.split('\n'), 1):
        if OPEN_ENDS.search(line):
            say(number, 'leaves something open')
        if line != line.rstrip():
            say(number, 'ends in blanks')
    if text and not text.endswith('\n'):
        say(text.count('\n') + 1, 'does not end in a newline')
    return problems


def main():
    tap = Tap()
    for path in sources(PRODUCT + ('tests',), ('.c', '.h', '.S')):
        tap.result(str(path), check(path))
    return tap.finish()


sys.exit(main())
