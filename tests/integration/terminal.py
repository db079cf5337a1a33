# SPDX-License-Identifier: MIT
"""A terminal that is only a pty: the very bytes the program sends, and when they came."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Pty:
    def __init__(self, words, columns=80, rows=24, env=None, deaf=False):
        settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "LANG")}
        settings.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        settings.update(env or {})
        self.bytes = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if deaf:  # to SIGHUP
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
            os.execve(words[0], words, settings)
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What comes within that time; b"" also when the program has closed its end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            got = os.read(self.fd, 65536)
        except OSError:
            return b""
        self.bytes += got
        return got

    def quiet(self, seconds):
        """Read until nothing has come for that long."""
        while self.read(seconds):
            pass

    def expect(self, what, seconds=20, since=0):
        """Seconds until `what` is in the bytes after `since`, or None."""
        begun = time.monotonic()
        while what not in self.bytes[since:]:
            left = begun + seconds - time.monotonic()
            if left <= 0:
                return None
            self.read(left)
        return time.monotonic() - begun

    def send(self, keys):
        os.write(self.fd, keys)

    def answer(self, keys, what, seconds=20):
        """Seconds from the key to the bytes it must bring."""
        since = len(self.bytes)
        self.send(keys)
        return self.expect(what, seconds, since)

    def hang_up(self):
        os.close(self.fd)
        self.fd = -1

    def status(self, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.fd >= 0:
                self.read(0.05)
            else:
                time.sleep(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)
