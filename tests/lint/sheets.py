#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every sheet of CPython facts names every field and every trait: nothing is 0 by omission."""
import re
import sys

from tap import Tap, sources, text_of

SHEET = re.compile(r'^tracer/cpython/v3_\w+\.c$')
MEMBER = re.compile(r'^\t\.(\w+) = [^,]+,', re.M)


def fields():
    """Members of fields.def, as struct py_layout calls them."""
    text = text_of('tracer/cpython/fields.def')
    found = [name + '_sizeof' for name in re.findall(r'^PY_STRUCT\((\w+),', text, re.M)]
    return found + ['_'.join(m) for m in re.findall(r'^PY_FIELD\((\w+), (\w+),', text, re.M)]


def traits():
    """Members of struct py_layout before the fields: "enum py_x name;", "int32_t a, b;"."""
    text = text_of('tracer/cpython/layout.h')
    body = re.search(r'^struct py_layout \{(.*?)#define PY_STRUCT', text, re.M | re.S).group(1)
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.S)
    found = []
    for names in re.findall(r'^\t(?:enum \w+|int32_t|const char) ([^;]+);', body, re.M):
        found += [name.strip(' *') for name in names.split(',')]
    return found


def check(path, wanted):
    body = re.search(r'struct py_layout layout = \{(.*?)^\};', text_of(path), re.M | re.S)
    if not body:
        return [f'{path}: no layout']
    named = MEMBER.findall(body.group(1))
    problems = [f'{path}: {name} is missing' for name in wanted if name not in set(named)]
    return problems + [f'{path}: {name} is named twice' for name in sorted(set(named))
                       if named.count(name) > 1]


def main():
    tap = Tap()
    wanted = fields() + traits()
    for path in sources(('tracer/cpython',), ('.c',)):
        if SHEET.match(str(path)):
            tap.result(str(path), check(path, wanted))
    return tap.finish()


sys.exit(main())
