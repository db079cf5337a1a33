#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Only tracer/cpython knows a CPython version; everybody else asks for a trait."""
import re
import sys

from tap import PRODUCT, Tap, blank_literals, sources, text_of

COMPARISON = r'(?:==|!=|<=|>=|<|>)'
VERSION_NAME = r'\b(?:\w*hexversion|py_version|py_minor|version_minor|minor_version)\b'
RULES = (
    (re.compile(r'\bPY_VERSION_HEX\b'), 'uses PY_VERSION_HEX'),
    (re.compile(VERSION_NAME + r'[^;\n]{0,20}?' + COMPARISON), 'compares a Python version'),
    (re.compile(COMPARISON + r'\s*[\w.>-]*' + VERSION_NAME), 'compares a Python version'),
    (re.compile(r'\b0x03[01][0-9a-fA-F]{5}\b'), 'names a Python version by its number'),
    (re.compile(r'\bswitch\s*\([^)]*' + VERSION_NAME), 'switches on a Python version'),
)


def check(path):
    problems = []
    for number, line in enumerate(blank_literals(text_of(path)).split('\n'), 1):
        for rule, what in RULES:
            if rule.search(line):
                problems.append(f'{path}:{number}: {what}: {line.strip()}')
                break
    return problems


def main():
    tap = Tap()
    for path in sources(PRODUCT):
        if not str(path).startswith('tracer/cpython/'):
            tap.result(str(path), check(path))
    return tap.finish()


sys.exit(main())
