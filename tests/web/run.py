#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the fixtures, find node and a Chromium, run checks.mjs; skip with the reason otherwise.

usage: run.py WEB_FIXTURE        PYMEMPROF_CHROMIUM names another browser
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BROWSERS = ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome')


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def main():
    fixture = sys.argv[1]
    node = shutil.which('node')
    if not node:
        skip('there is no node')
    named = os.environ.get('PYMEMPROF_CHROMIUM')
    browser = named or next((p for p in map(shutil.which, BROWSERS) if p), None)
    if not browser:
        skip('there is no Chromium; PYMEMPROF_CHROMIUM names one')
    for module in ('playwright-core', 'axe-core'):
        if not (HERE / 'node_modules' / module).is_dir():
            skip(f'{module} is not installed: npm ci in tests/web')
    with tempfile.TemporaryDirectory(prefix='pymemprof-web-') as folder:
        subprocess.run([fixture, folder], check=True, timeout=120)
        firefox = shutil.which('firefox-esr') or ''
        return subprocess.run([node, str(HERE / 'checks.mjs'), folder, browser, firefox],
                              timeout=560, check=False).returncode


sys.exit(main())
