#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No function of ours has the name of one in a library we link: whoever calls it gets the wrong one.

usage: symbols.py ROOT PROGRAM
"""
import re
import subprocess
import sys

from tap import Tap

# Of the loader and of compilers, in every library.
EVERYWHERE = {'_init', '_fini', '_edata', '_end', '__bss_start', 'data_start', '_start', 'main'}


def symbols(path, *options):
    done = subprocess.run(['nm', *options, path], capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[2].split('@')[0] for row in rows if len(row) == 3 and row[1] in 'TDBRVW'} - EVERYWHERE


def main():
    tap, program = Tap(), sys.argv[2]
    ours = symbols(program)
    tap.result('the program has symbols', [] if len(ours) > 500 else [f'{len(ours)} only'])
    linked = subprocess.run(['ldd', program], capture_output=True, text=True, timeout=60, check=True)
    for library in re.findall(r'=> (/\S+)', linked.stdout):
        same = ours & symbols(library, '-D', '--defined-only')
        if 'san.so' not in library:  # a sanitizer's library is there to take places
            tap.result(library, [f'{name} is also in {library}' for name in sorted(same)])
    return tap.finish()


sys.exit(main())
