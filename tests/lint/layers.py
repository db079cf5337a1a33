#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Includes point one way, from bytes to facts to models to views (docs/ARCHITECTURE.md)."""
import re
import sys

from tap import PRODUCT, Tap, sources, text_of

# layer -> layers or headers it may include besides itself. Headers named here are interfaces:
# they declare, and may be seen by a layer below the one that implements them.
FACTS = 'facts'  # tracer/facts.h and the fact headers beside it
MAY = {
    'base': [],
    FACTS: ['base'],
    'tracer/process': ['base', 'tracer/mem/source.h'],
    'tracer/mem': ['base', 'tracer/process'],
    'tracer/elf': ['base', 'tracer/process', 'tracer/mem'],
    'tracer/cpython': ['base', FACTS, 'tracer/process', 'tracer/mem', 'tracer/elf',
                       'tracer/agent/abi.h'],
    'tracer/heap': ['base', FACTS, 'tracer/process', 'tracer/mem', 'tracer/elf', 'tracer/cpython'],
    'tracer/stream': ['base', FACTS, 'tracer/process', 'tracer/mem', 'tracer/elf',
                      'tracer/cpython', 'tracer/agent/abi.h'],
    'tracer/agent': ['base', FACTS, 'tracer/process', 'tracer/mem', 'tracer/elf',
                     'tracer/cpython'],
    'session': ['base', FACTS, 'tracer'],
    'report/model': ['base', FACTS],
    'report/view': ['base', FACTS, 'report/model'],
    'report/web': ['base', FACTS, 'report/model', 'report/view'],
    'report/tui': ['base', FACTS, 'report/model', 'report/view'],
    'cli': ['base', FACTS, 'tracer', 'report', 'session'],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
FACT_HEADER = re.compile(r'^tracer/(\w+_)?facts\.h$')


def layer_of(path):
    parts = str(path).split('/')
    if FACT_HEADER.match(str(path)):
        return FACTS
    if parts[0] == 'tracer' and len(parts) == 2:
        return 'session'
    if parts[0] in ('tracer', 'report') and len(parts) > 2:
        return '/'.join(parts[:2])
    return parts[0]


def allowed(layer, header):
    if layer_of(header) == layer:
        return True
    for may in MAY[layer]:
        if may == header or may == layer_of(header) or header.startswith(may + '/'):
            return True
    return False


def check(path, modules):
    layer = layer_of(path)
    problems = []
    if layer not in MAY:
        return [f'{path}: folder is in no layer']
    text = text_of(path)
    includes = INCLUDE.findall(text)
    for header in includes:
        if '/' not in header:
            if not (header.startswith('config') or header.endswith(('_gen.h', '.def', '.inc'))):
                problems.append(f'{path}: "{header}" is not written from the root')
        elif header.split('/')[0] not in PRODUCT:
            problems.append(f'{path}: includes {header}, which is no part of the product')
        elif not allowed(layer, header):
            problems.append(f'{path}: {layer} must not include {header}')
    own = str(path)[:-2] + '.h'
    if path.suffix == '.c' and own in modules:
        first = re.search(r'^\s*#\s*include\s+(\S+)', text, re.M)
        if not first or first.group(1) != f'"{own}"':
            problems.append(f'{path}: does not include its own header first')
    if re.search(r'^\s*#\s*include\s+<(n?curses|ncursesw/curses)\.h>', text, re.M) and \
            str(path) != 'report/tui/curses.c':
        problems.append(f'{path}: only report/tui/curses.c sees curses')
    return problems


def main():
    tap = Tap()
    paths = sources(PRODUCT, ('.c', '.h', '.S'))
    modules = {str(p) for p in paths}
    for path in paths:
        tap.result(str(path), check(path, modules))
    return tap.finish()


sys.exit(main())
