#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Advice taken: what a snapshot says could be saved, against what is saved when a program does it.

Needs PYMEMPROF and PYMEMPROF_INTERPRETERS (tools/interpreters). Prints TAP, three checks an interpreter.
"""
import json
import os
import subprocess
import sys

PYMEMPROF = os.environ["PYMEMPROF"]
ATTRIBUTES = (1, 2, 3, 5, 8, 12)
SLOTS = """
import sys
def made(name, k, slots):
    body = "class %s:\\n" % name + ("    __slots__ = %r\\n" % (tuple("a%d" % i for i in range(k)),) if slots else "")
    body += "    def __init__(self):\\n" + "".join("        self.a%d = None\\n" % i for i in range(k))
    space = {"__name__": "m"}
    exec(body, space)
    return [space[name]() for _ in range(3000)]
keep = [made("%s%d" % ("S" if slots else "P", k), k, slots) for k in (1, 2, 3, 5, 8, 12) for slots in (False, True)]
print("READY", flush=True)
sys.stdin.readline()
"""
COLLECT = """
import gc, sys
gc.disable()
for i in range(20000):
    a = [i]; a.append(a)
del a
print("READY", flush=True)
sys.stdin.readline()
gc.collect()
print("DONE", flush=True)
sys.stdin.readline()
"""
TRIM = """
import ctypes, sys
trim = ctypes.CDLL(None).malloc_trim
keep = [bytearray(3000) for _ in range(12000)]
keep = keep[::40]
print("READY", flush=True)
sys.stdin.readline()
trim(0)
print("DONE", flush=True)
sys.stdin.readline()
"""


def interpreters():
    out = subprocess.run([os.environ["PYMEMPROF_INTERPRETERS"]], stdout=subprocess.PIPE).stdout.decode()
    only = os.environ.get("PYMEMPROF_ONLY", "")
    for line in out.splitlines():
        name, _, _, words = line.split("\t") if "\t" in line else line.split(None, 3)
        if only in name:
            yield name, words.split()


class Target:
    def __init__(self, words, script):
        self.p = subprocess.Popen([*words, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.wait("READY")

    def wait(self, word):
        line = self.p.stdout.readline().decode().strip()
        if line != word:
            raise AssertionError("%r instead of %s" % (line, word))

    def go(self):
        self.p.stdin.write(b"\n")
        self.p.stdin.flush()
        self.wait("DONE")

    def snapshot(self):
        out = subprocess.run([PYMEMPROF, "snapshot", str(self.p.pid), "--format", "json"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=300)
        if out.returncode:
            raise AssertionError(out.stderr.decode())
        return json.loads(out.stdout)

    def rss(self):
        with open("/proc/%d/statm" % self.p.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()


def bounds(report, kind, name=""):
    for a in report["advice"]:
        if a["kind"] == kind and a["type"].rpartition(".")[2] == name:
            return a["saves_at_least_bytes"], a["saves_at_most_bytes"]
    return 0, 16384  # not worth saying


def check_slots(words):
    with Target(words, SLOTS) as t:
        report = t.snapshot()
    types = {x["type"].rpartition(".")[2]: x for x in report["types"]}
    for k in ATTRIBUTES:
        plain, slotted = types["P%d" % k], types["S%d" % k]
        assert plain["count"] == slotted["count"] == 3000, (plain["count"], slotted["count"])
        saved = plain["total_bytes"] + plain["instance_dict_bytes"] - slotted["total_bytes"]
        least, most = bounds(report, "slots", "P%d" % k)
        assert least <= saved <= most, "%d attributes: %d saved, said %d to %d" % (k, saved, least, most)
        assert bounds(report, "slots", "S%d" % k)[0] == 0, "a class with __slots__ is told to have them"


def check_collect(words):
    with Target(words, COLLECT) as t:
        before = t.snapshot()
        least, most = bounds(before, "collect")
        t.go()
        after = t.snapshot()
    saved = before["heap"]["block_bytes"] - after["heap"]["block_bytes"]
    # A collection frees a little of the interpreter's own besides, and may make some.
    assert least > 1000000, least
    assert least - 32768 <= saved <= 1.01 * most + 32768, "%d freed, said %d to %d" % (saved, least, most)
    assert bounds(after, "collect")[0] == 0, after["advice"]


def check_trim(words):
    with Target(words, TRIM) as t:
        most = bounds(t.snapshot(), "trim")[1]
        before = t.rss()
        t.go()
        saved = before - t.rss()
    assert most > 8000000, most
    assert 0.9 * most - 262144 <= saved <= most + 262144, "%d given back, said up to %d" % (saved, most)


def main():
    found = list(interpreters())
    print("1..%d" % (3 * len(found)))
    number = failed = 0
    for name, words in found:
        for check in check_slots, check_collect, check_trim:
            number += 1
            try:
                check(words)
                print("ok %d - %s %s" % (number, name, check.__name__), flush=True)
            except Exception as e:  # whatever it is, the others go on
                failed += 1
                print("not ok %d - %s %s\n# %s" % (number, name, check.__name__, str(e).replace("\n", "\n# ")), flush=True)
    return 1 if failed else 0


sys.exit(main())
