#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every option of `pymemprof CMD --help` is in man/pymemprof-CMD.1, and the other way round.

usage: help_vs_man.py SOURCE_ROOT PYMEMPROF
"""
import os
import pathlib
import re
import subprocess
import sys

from tap import Tap, skip_all, text_of

OPTION = re.compile(r'(?<![\w-])(--?[a-zA-Z0-9][\w-]*)')
# Every command has these; they are described once, in pymemprof.1.
COMMON = {'-h', '--help'}


def help_of(program, *args):
    done = subprocess.run([program, *args, '--help'], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=20, check=False,
                          env={**os.environ, 'COLUMNS': '200', 'NO_COLOR': '1'})
    return done.stdout if done.returncode == 0 else ''


def listed_options(text):
    """Options that begin an entry: lines like "  -o, --output FILE   where to write"."""
    found = set()
    for line in text.split('\n'):
        entry = re.match(r'^\s+(-.*)$', line)
        if entry:
            head = re.split(r'\s{2,}', entry.group(1), maxsplit=1)[0]
            found |= set(OPTION.findall(head))
    return found - COMMON


def man_options(text):
    """Options a page documents: .It Fl lines of mdoc, or .B/.TP lines of man."""
    found = set()
    for line in text.split('\n'):
        if line.startswith('.It'):
            for name in re.findall(r'\bFl\s+(\S+)', line):
                found.add('-' + name.replace('\\-', '-').rstrip(','))
        elif line.startswith(('.B ', '.BR ', '.BI ', '.IP ')):
            found |= set(OPTION.findall(line.replace('\\-', '-').replace('\\fR', ' ')))
    return found - COMMON


def commands(text):
    """Command names: the indented entries below a line that ends in "ommands:"."""
    found, inside = [], False
    for line in text.split('\n'):
        if re.search(r'ommands:?\s*$', line):
            inside = True
        elif inside and re.match(r'^\s{1,8}[a-z][\w-]*(\s|$)', line):
            found.append(line.split()[0])
        elif line.strip() and not line.startswith(' '):
            inside = False
    return found


def main():
    program = sys.argv[2] if len(sys.argv) > 2 else ''
    if not program or not os.access(program, os.X_OK):
        skip_all('there is no pymemprof binary')
    tap = Tap()
    names = commands(help_of(program))
    tap.result('pymemprof --help lists commands', [] if names else ['no commands found'])
    for name in names:
        page = pathlib.Path('man', f'pymemprof-{name}.1')
        try:
            documented = man_options(text_of(page))
        except FileNotFoundError:
            tap.result(name, [f'{page} is missing'] if name != 'help' else [])
            continue
        offered = listed_options(help_of(program, name))
        problems = [f'{page}: {o} is in --help only' for o in sorted(offered - documented)]
        problems += [f'{page}: {o} is in the page only' for o in sorted(documented - offered)]
        tap.result(name, problems)
    return tap.finish()


sys.exit(main())
