#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The live view in real terminals (tmux): checks T1 to T14 of docs/faces-checks.md.

Needs PYMEMPROF (the program) and tmux; without tmux everything is a visible skip. Targets run on
this interpreter. Prints TAP.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata

PYMEMPROF = os.path.abspath(os.environ["PYMEMPROF"])
TARGET = """
import sys, time
class Session:
    def __init__(self, n):
        self.n = n; self.box = bytearray(1000)
keep = []
print("READY", flush=True)
while True:
    keep.append(Session(len(keep)))
    time.sleep(0.004)
"""
work = tempfile.mkdtemp(prefix="top.")
SOCKET = "top%d" % os.getpid()
UNICODE_RUN = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}


def tmux(*words, check=True):
    p = subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *words], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=30)
    if check and p.returncode:
        raise AssertionError("tmux %s: %s" % (words[0], p.stderr.decode()))
    return p.stdout.decode("utf-8", "replace")


def wait(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    return None


class Target:
    def __init__(self, script=TARGET):
        self.path = os.path.join(work, "target.py")
        with open(self.path, "w") as f:
            f.write(script)
        self.p = subprocess.Popen([sys.executable, self.path], stdout=subprocess.PIPE)
        assert self.p.stdout.readline() == b"READY\n"
        self.pid = self.p.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()
        self.p.stdout.close()

    def state(self):
        with open("/proc/%d/stat" % self.pid) as f:
            return f.read().rpartition(")")[2].split()[0]

    def clean(self):
        """Runs on, nobody traces it, nothing of ours is mapped."""
        with open("/proc/%d/status" % self.pid) as f:
            traced = re.search(r"TracerPid:\s+(\d+)", f.read()).group(1)
        found = subprocess.run([PYMEMPROF, "detach", str(self.pid)], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=60).stdout.decode()
        return self.state() not in "tTZ" and traced == "0" and "no agent" in found, found


class Screen:
    """A shell in a terminal of its own, with one command in it."""

    def __init__(self, words, columns=80, rows=24, env=None):
        self.name = "s%d" % id(self)
        settings = dict(UNICODE_RUN)
        settings.update(env or {})
        term = settings.pop("TERM")
        tmux("new-session", "-d", "-s", self.name, "-x", str(columns), "-y", str(rows), "sh")
        line = " ".join("%s=%s" % kv for kv in settings.items())
        self.keys_text("stty -a >%s/before; PS1='$ '; clear" % work, "Enter")
        self.keys_text("env %s TERM=%s %s; echo EXIT=$?; stty -a >%s/after" %
                       (line, term, " ".join([PYMEMPROF] + words), work), "Enter")

    def keys_text(self, text, *keys):
        tmux("send-keys", "-t", self.name, "-l", text)
        self.keys(*keys)

    def keys(self, *keys):
        for key in keys:
            tmux("send-keys", "-t", self.name, key)

    def text(self, attributes=False):
        return tmux("capture-pane", "-p", *(["-e"] if attributes else []), "-t", self.name)

    def shows(self, words, seconds=20):
        return wait(lambda: words in self.text(), seconds) is not None

    def resize(self, columns, rows):
        tmux("resize-window", "-t", self.name, "-x", str(columns), "-y", str(rows))

    def pid(self):
        shell = int(tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"))
        out = subprocess.run(["ps", "--ppid", str(shell), "-o", "pid=,comm="], stdout=subprocess.PIPE).stdout.decode()
        for line in out.splitlines():
            if "pymemprof" in line:
                return int(line.split()[0])
        return None

    def status(self, seconds=60):
        """Exit status of the program, once it has ended."""
        found = wait(lambda: re.search(r"EXIT=(\d+)", self.text()), seconds)
        return int(found.group(1)) if found else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        tmux("kill-session", "-t", self.name, check=False)


def cells(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


RECORDING = os.path.join(work, "r.pmp")


def run(*words, env=None):
    settings = dict(os.environ, LC_ALL="C")
    settings.update(env or {})
    return subprocess.run([PYMEMPROF, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings, timeout=120)


def make_recording():
    with Target() as t:
        p = run("attach", str(t.pid), "-d", "4s", "-o", RECORDING, "-q")
        assert p.returncode == 0, p.stderr


# --- checks ---------------------------------------------------------------------------------

def t1_panes_fit_at_every_size():
    for columns, rows in (120, 40), (80, 24), (60, 20), (40, 8):
        with Screen(["top", RECORDING], columns, rows) as s:
            assert s.shows("F1Help"), s.text()
            for key in "123456":
                s.keys(key)
                assert wait(lambda: "[%s " % key in s.text(), 5), (columns, key, s.text())
                lines = s.text().rstrip("\n").split("\n")
                assert max(map(cells, lines)) <= columns, lines
                assert lines[-1].startswith("F1Help"), lines


def t2_terminals_and_locales():
    for term in "xterm-256color", "tmux-256color", "screen", "linux", "vt100":
        for locale in "C", "C.UTF-8":
            with Screen(["top", RECORDING], env={"TERM": term, "LC_ALL": locale}) as s:
                assert s.shows("F1Help"), (term, locale, s.text())
                body = s.text()
                assert locale != "C" or all(ord(c) < 0x7f for c in body), (term, body)
                s.keys("q")
                assert s.shows("EXIT=0"), (term, s.text())
    with Screen(["top", RECORDING], env={"TERM": "dumb"}) as s:
        assert s.shows("EXIT=0"), s.text()


def t3_no_colour():
    words = None
    for env in {}, {"NO_COLOR": "1"}, {"TERM": "vt100"}:
        with Screen(["top", RECORDING], env=env) as s:
            assert s.shows("F1Help")
            raw, text = s.text(True), s.text()
            coloured = re.search(r"\x1b\[[0-9;]*(?<![0-9])[349][0-7]m", raw)
            assert bool(coloured) == (env == {}), (env, raw)
            words = words or text
            assert words == text, env


def t4_resizing():
    with Screen(["top", RECORDING]) as s:
        assert s.shows("F1Help")
        for i in range(60):
            s.resize(2 + i * 37 % 199, 2 + i * 11 % 58)
        s.resize(10, 3)
        assert s.shows("q quits", 5), s.text()
        s.keys("q")
        s.resize(80, 24)
        assert s.shows("EXIT=0"), s.text()


def t5_keys():
    with Screen(["top", RECORDING]) as s:
        assert s.shows("F1Help")
        s.keys("?")
        assert s.shows("KEYS")
        s.keys("q", "Enter")
        assert s.shows("MADE AT"), s.text()
        s.keys("q", "m")
        assert s.shows("mark A"), s.text()
        s.keys("T")
        assert s.shows("1 back"), s.text()
        s.keys("Escape", "Escape", "u", "u")
        s.keys("3", "h")
        assert s.shows("+ all threads"), s.text()
        s.keys("\\")
        s.keys_text("nothing-like-it", "Enter")
        assert s.shows("hidden by the filter"), s.text()
        s.keys("Escape", "q")
        assert s.shows("EXIT=0"), s.text()


def t6_targets():
    with Target() as t, Screen(["top", str(t.pid)]) as s:
        assert s.shows("[1 Growth]"), s.text()
        os.kill(t.pid, signal.SIGSTOP)
        assert s.shows("STOPPED"), s.text()
        os.kill(t.pid, signal.SIGCONT)
        assert wait(lambda: "STOPPED" not in s.text())
        t.p.kill()
        assert s.shows("TARGET EXITED"), s.text()
        assert "bytearray" in s.text()
        s.keys("q")
        assert s.shows("EXIT=0"), s.text()
    with Screen(["top", "999999999"]) as s:
        assert s.shows("EXIT=3") and "no process" in s.text(), s.text()


def t7_signals():
    for attach in False, True:
        for name in "INT", "TERM", "HUP", "SEGV", "KILL":
            with Target() as t, Screen(["attach" if attach else "top", str(t.pid)]) as s:
                assert s.shows("[1 Growth]"), s.text()
                time.sleep(1.2)
                os.kill(s.pid(), getattr(signal, "SIG" + name))
                assert s.status() is not None, (name, s.text())
                time.sleep(0.3)
                ok, found = wait(lambda: t.clean()[0] and t.clean(), 20) or t.clean()
                assert ok, (attach, name, found)
                if name == "KILL":
                    continue
                with open(work + "/before") as a, open(work + "/after") as b:
                    assert a.read() == b.read(), (attach, name)
                flag = tmux("display-message", "-p", "-t", s.name, "#{cursor_flag}#{alternate_on}").strip()
                assert flag == "10", (attach, name, flag)


def t8_hostile_names():
    script = TARGET.replace("keep = []", "Session.__qualname__ = Session.__name__ = 'a\\x1b]52;c;x\\x07\\u202eb\\u6f22'\nkeep = []")
    with Target(script) as t, Screen(["top", str(t.pid), "--pane", "types"]) as s:
        assert s.shows("\\x1b]52;c;x\\x07\\u202eb"), s.text()
        assert s.text().rstrip("\n").split("\n")[-1].startswith("F1Help")


def bytes_while(s, seconds):
    path = os.path.join(work, "pipe")
    open(path, "w").close()
    tmux("pipe-pane", "-t", s.name, "cat >" + path)
    time.sleep(seconds)
    tmux("pipe-pane", "-t", s.name)
    return os.path.getsize(path)


def cpu_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def t9_little_output_and_little_work():
    with Target() as t, Screen(["attach", str(t.pid)]) as s:
        assert s.shows("LIVE 1s"), s.text()
        time.sleep(3)
        before = cpu_of(s.pid())
        sent = bytes_while(s, 8)
        used = cpu_of(s.pid()) - before
        print("# %d bytes a frame, %.2f %% of a processor" % (sent / 8, 100 * used / 8))
        assert sent / 8 <= 2048, sent
        assert used / 8 <= 0.02, used
    with Target() as t, Screen(["top", str(t.pid)]) as s:
        assert s.shows("LIVE 1s"), s.text()
        s.keys("Space")
        assert s.shows("PAUSED")
        time.sleep(1.5)
        assert bytes_while(s, 3) == 0


def t10_keys_while_walking():
    script = TARGET.replace("keep = []", "keep = [[i, str(i)] for i in range(600000)]")
    with Target(script) as t, Screen(["top", str(t.pid)]) as s:
        assert s.shows("[1 Growth]", 60), s.text()
        slowest = 0
        for i in range(20):
            s.keys("R")
            key = "26"[i % 2]
            begun = time.monotonic()
            s.keys(key)
            assert wait(lambda: "[%s" % key in s.text(), 5)
            slowest = max(slowest, time.monotonic() - begun)
        print("# slowest answer, tmux and polling included: %.0f ms" % (slowest * 1000))
        assert slowest < 0.5


def t11_mouse():
    with Screen(["top", RECORDING]) as s:
        assert s.shows("F1Help")
        tmux("send-keys", "-t", s.name, "-l", "\x1b[<0;13;5M")
        assert s.shows("[2 Types]", 5), s.text()
    with Screen(["top", "--no-mouse", RECORDING]) as s:
        assert s.shows("F1Help")
        assert tmux("display-message", "-p", "-t", s.name, "#{mouse_any_flag}").strip() == "0"


def t12_suspend():
    with Target() as t, Screen(["attach", str(t.pid)]) as s:
        assert s.shows("[1 Growth]"), s.text()
        s.keys("C-z")
        assert wait(lambda: "F1Help" not in s.text()), s.text()
        assert wait(lambda: t.state() not in "tT", 5), t.state()
        s.keys_text("fg", "Enter")
        assert s.shows("F1Help"), s.text()
        s.keys("q")
        assert wait(lambda: s.pid() is None, 60), s.text()
        assert t.clean()[0], t.clean()


def t13_text():
    p = run("top", RECORDING, "-b", "-n", "3")
    assert p.returncode == 0 and p.stderr == b"", p
    frames = p.stdout.decode("ascii")
    assert "\x1b" not in frames and frames.count("pymemprof top") == 3
    assert max(map(len, frames.split("\n"))) <= 80
    with Target() as t:
        p = run("top", str(t.pid), "-b", "-n", "2")
        assert p.returncode == 0 and p.stdout.count(b"pymemprof top") == 2, p
        assert t.clean()[0], t.clean()


def t14_figures_are_equal_on_every_face():
    report = json.loads(run("report", RECORDING, "--format", "json").stdout)
    frame = run("top", RECORDING, "-b", "-u", "--top", "500").stdout.decode()
    live = sorted((s["live_bytes"] for s in report["sites"] if s["live_bytes"]), reverse=True)
    rows = frame[frame.index("ALLOCATED AT"):].split("\n")[1:]
    shown = sorted((int(m.group(1)) for m in (re.match(r"\s*\d*\s+\S+\s+[+-]?\d+\s+(\d+)\s", r) for r in rows) if m), reverse=True)
    assert shown == live, (shown[:5], live[:5])
    head = re.search(r"live (\d+)", frame)
    assert int(head.group(1)) == report["totals"]["live_bytes"]
    types = run("top", RECORDING, "-b", "-u", "--pane", "types", "--top", "900").stdout.decode()
    totals = sorted(int(r.split()[0]) for r in types[types.index("B/OBJ"):].split("\n")[1:] if re.match(r"\s*\d+\s+\d+\s", r))
    want = sorted(t["total_bytes"] for t in report["types"] if t["count"] and t["total_bytes"])
    assert totals == want, (totals[-5:], want[-5:])
    page = os.path.join(work, "r.html")
    assert run("report", RECORDING, "--format", "html", "-o", page).returncode == 0
    # The page's data is the recording it carries; the text's figures are those rounded.
    back = os.path.join(work, "back.pmp")
    assert run("extract", page, "-o", back).returncode == 0
    again = json.loads(run("report", back, "--format", "json").stdout)
    assert again["sites"] == report["sites"] and again["totals"] == report["totals"]
    text = run("report", RECORDING).stdout.decode()
    live = report["totals"]["live_bytes"]
    rounded = re.search(r"live = allocated - freed\s+([0-9.,]+) (B|KiB|MiB)", text)
    size = live / {"B": 1, "KiB": 1024, "MiB": 1 << 20}[rounded.group(2)]
    assert abs(size - float(rounded.group(1).replace(",", ""))) <= 0.5, (rounded.group(0), live)


CHECKS = [t1_panes_fit_at_every_size, t2_terminals_and_locales, t3_no_colour, t4_resizing, t5_keys, t6_targets,
          t7_signals, t8_hostile_names, t9_little_output_and_little_work, t10_keys_while_walking, t11_mouse,
          t12_suspend, t13_text, t14_figures_are_equal_on_every_face]


def main():
    wanted = [c for c in CHECKS if not sys.argv[1:] or c.__name__.split("_")[0] in sys.argv[1:]]
    if not shutil.which("tmux"):
        print("1..0 # SKIP tmux is not installed")
        return 0
    print("1..%d" % len(wanted))
    failed = 0
    try:
        # One session keeps the server alive between the checks.
        if wait(lambda: subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", "new-session", "-d", "cat"],
                                       stderr=subprocess.DEVNULL).returncode == 0, 10) is None:
            print("Bail out! tmux does not start")
            return 1
        make_recording()
        for i, check in enumerate(wanted, 1):
            try:
                check()
                print("ok %d - %s" % (i, check.__name__), flush=True)
            except Exception as e:  # whatever it is, the other checks go on
                failed += 1
                print("not ok %d - %s\n# %s" % (i, check.__name__, str(e).replace("\\n", "\n# ").replace("\n", "\n# ")), flush=True)
    finally:
        tmux("kill-server", check=False)
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
