#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Join the ES modules and the style into C text with the hashes of the page's policy.

usage: bundle.py OUTPUT.c STYLE.css MODULE.js...

Modules are joined in the order given, so a module stands after those it imports; names at
their top level share one scope and must differ. import and export lines lose their meaning
and go.
"""
import base64
import hashlib
import pathlib
import re
import sys

IMPORT = re.compile(r"^import\s[^;]*?from\s+'\./([\w.]+)';\n", re.M | re.S)
EXPORT = re.compile(r'^export\s+(?=(async\s+)?function|const|let|class)', re.M)
TOP = re.compile(r'^(?:export\s+)?(?:async\s+)?(?:function\*?|const|let|class)\s+(\w+)', re.M)
COMMENT = re.compile(r'^\s*/\*.*?\*/\n', re.M | re.S)
FORBIDDEN = re.compile(r'https?:|//cdn|@import|</script|</style|<!--', re.I)


def join(paths):
    parts, seen, names = [], set(), {}
    for path in paths:
        text = path.read_text(encoding='utf-8')
        for wanted in IMPORT.findall(text):
            if wanted not in seen:
                sys.exit(f'{path}: imports {wanted}, which does not stand before it')
        for name in TOP.findall(text):
            if name in names:
                sys.exit(f'{path}: {name} is in {names[name]} too')
            names[name] = path.name
        seen.add(path.name)
        text = COMMENT.sub('', EXPORT.sub('', IMPORT.sub('', text)))
        parts.append(re.sub(r'^\t+', '', re.sub(r'\n{2,}', '\n', text), flags=re.M).strip() + '\n')
    return ''.join(parts)


def as_c(name, text):
    data = text.encode('utf-8')
    rows = [', '.join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return (f'const char html_{name}[] = {{\n' + ',\n'.join(rows) + '\n};\n'
            f'const size_t html_{name}_bytes = {len(data)};\n'
            f'const char html_{name}_hash[] = "sha256-{digest}";\n')


def main():
    out, style, *modules = [pathlib.Path(a) for a in sys.argv[1:]]
    css = re.sub(r'/\*.*?\*/', '', style.read_text(encoding='utf-8'), flags=re.S)
    css = re.sub(r'\n\s*', '\n', css).strip() + '\n'
    script = join(modules)
    for what, text in (('style', css), ('script', script)):
        found = FORBIDDEN.search(text)
        if found:
            sys.exit(f'the {what} contains {found.group(0)!r}')
    out.write_text('/* Made by report/web/bundle.py. */\n#include "report/view/html/html.h"\n' +
                   as_c('script', script) + as_c('style', css), encoding='ascii')


main()
