#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Short tail: no function above 100 lines, no file above 800. Layout sheets are exempt."""
import re
import sys

from tap import ALL, Tap, blank_literals, sources, text_of

MAX_FUNCTION = 100
MAX_FILE = 800
EXEMPT = re.compile(r'^tracer/cpython/v3_\w+\.c$')
HEAD = re.compile(r'(\w+)\s*\([^;{}]*\)?[^;{}=]*$', re.S)


def functions(text):
    """(name, first line, lines) of every brace block at file level that follows a ')'."""
    lines = blank_literals(text).split('\n')
    depth, start, since = 0, 0, []
    in_macro = False
    for number, line in enumerate(lines, 1):
        macro, in_macro = in_macro or line.lstrip().startswith('#'), False
        if macro:
            in_macro = line.rstrip().endswith('\\')
            continue
        if depth == 0:
            since.append(line)
        opens, closes = line.count('{'), line.count('}')
        if depth == 0 and opens:
            head = '\n'.join(since)
            head = head[:head.rindex('{')] if opens > closes else head[:head.index('{')]
            start = number
        depth += opens - closes
        if depth <= 0 and closes:
            depth = 0
            match = HEAD.search(head.strip())
            if match and head.strip().endswith(')'):
                yield match.group(1), start, number - start + 1
            since = []
        elif depth == 0 and line.rstrip().endswith(';'):
            since = []


def check(path):
    problems = []
    text = text_of(path)
    count = text.count('\n')
    if count > MAX_FILE:
        problems.append(f'{path}: {count} lines; the limit is {MAX_FILE}')
    if path.suffix in ('.c', '.h'):
        for name, line, lines in functions(text):
            if lines > MAX_FUNCTION:
                problems.append(f'{path}:{line}: {name} has {lines} lines; '
                                f'the limit is {MAX_FUNCTION}')
    return problems


def main():
    tap = Tap()
    for path in sources(ALL, ('.c', '.h', '.S', '.py', '.js', '.css', '.sh')):
        if not EXEMPT.match(str(path)):
            tap.result(str(path), check(path))
    return tap.finish()


sys.exit(main())
