# SPDX-License-Identifier: MIT
"""TAP for the lint checks: one subtest per file or rule, so meson counts them."""
import os
import pathlib
import sys

PRODUCT = ('base', 'tracer', 'report', 'cli')
ALL = PRODUCT + ('tests', 'tools')


def root():
    """The source root: the argument, or two folders above this file."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    return pathlib.Path(__file__).resolve().parent.parent.parent


def sources(folders, suffixes=('.c', '.h')):
    """Paths relative to the root of every source file below the folders, sorted."""
    top = root()
    found = []
    for folder in folders:
        for where, dirs, names in os.walk(top / folder):
            dirs[:] = [d for d in dirs if not d.startswith('.') and d != 'node_modules']
            found += [pathlib.Path(where, n).relative_to(top) for n in names
                      if n.endswith(suffixes)]
    return sorted(found)


def text_of(path):
    return (root() / path).read_text(encoding='utf-8')


def blank_literals(text, keep_comments=False):
    """The text with comments and literals blanked: same lines, same columns."""
    out = []
    i, n = 0, len(text)
    while i < n:
        c = text[i]
        if text.startswith('/*', i) or text.startswith('//', i):
            block = text[i + 1] == '*'
            end = text.find('*/' if block else '\n', i + 2)
            end = n if end < 0 else end + (2 if block else 0)
            part = text[i:end]
            out.append(part if keep_comments else ''.join('\n' if x == '\n' else ' ' for x in part))
            i = end
        elif c in '"\'':
            end = i + 1
            while end < n and text[end] != c and text[end] != '\n':
                end += 2 if text[end] == '\\' else 1
            end = min(end + 1, n)
            out.append(c + ' ' * (end - i - 2) + c if end - i >= 2 else c)
            i = end
        else:
            out.append(c)
            i += 1
    return ''.join(out)


class Tap:
    """Collects results; finish() prints the plan and returns the exit status."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def result(self, name, problems):
        self.count += 1
        if problems:
            self.failed += 1
        print(f'{"not ok" if problems else "ok"} {self.count} - {name}')
        for problem in problems:
            print(f'# {problem}')
            print(problem, file=sys.stderr)

    def finish(self):
        if self.count == 0:
            print('1..0 # SKIP nothing to check')
            return 0
        print(f'1..{self.count}')
        return 1 if self.failed else 0


def skip_all(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)
