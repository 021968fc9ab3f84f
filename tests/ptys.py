"""A burnmon in a terminal of its own: started, hurt, and looked at afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import burnmon

FRAME = "╰".encode()
"""The corner of a pane: the screen is up once it is drawn."""
PATIENCE = 30.0
"""Seconds after which a process is taken for hanging."""
MODES = {
    "alternate screen": (rb"\x1b\[\?1049h", rb"\x1b\[\?1049l"),
    "hidden cursor": (rb"\x1b\[\?25l", rb"\x1b\[\?25h"),
    "bracketed paste": (rb"\x1b\[\?2004h", rb"\x1b\[\?2004l"),
    "focus events": (rb"\x1b\[\?1004h", rb"\x1b\[\?1004l"),
    "no line wrap": (rb"\x1b\[\?7l", rb"\x1b\[\?7h"),
    "mouse": (rb"\x1b\[\?100[0-6]h", rb"\x1b\[\?100[0-6]l"),
    "resize reports": (rb"\x1b\[\?2048h", rb"\x1b\[\?2048l"),
    "keyboard protocol": (rb"\x1b\[>\d+u", rb"\x1b\[<u"),
}
"""What a screen switches on, and what switches it off again."""


class Terminal:
    """A pseudo-terminal with burnmon in it, as the foreground of its own session."""

    def __init__(
        self,
        words: Sequence[str] = ("--demo",),
        environ: Mapping[str, str | None] | None = None,
        *,
        size: tuple[int, int] = (100, 30),
        controlling: bool = True,
        reading: bool = True,
        streams: Mapping[str, Any] | None = None,
        command: Sequence[str] | None = None,
        directory: Path | None = None,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        """``streams``: standard streams that are not the terminal, by name;
        ``command``: what runs there instead of burnmon, ``directory``: and where;
        ``prepare``: called in the process before it becomes that."""
        self.master, self.slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        self.written = b""
        self._ended = threading.Event()
        self._reader: threading.Thread | None = None
        given = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(burnmon.__file__).parents[1]),
            "TERM": "xterm-256color",
            "HOME": "/nonexistent",
            "BURNMON_DEBUG": None,
            **(environ or {}),
        }
        inside = dict.fromkeys(("stdin", "stdout", "stderr"), self.slave)
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "burnmon", *words],
            env={name: value for name, value in given.items() if value is not None},
            cwd=directory,
            start_new_session=True,
            preexec_fn=partial(self._begin, controlling, prepare),
            **{**inside, **(streams or {})},
        )
        if reading:
            self.read()

    def _begin(self, controlling: bool, prepare: Callable[[], object] | None) -> None:
        # As a shell does it: whoever runs this may have begun deaf to signals.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        if controlling:
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        if prepare is not None:
            prepare()

    def read(self) -> None:
        """Take what is written from now on, as a terminal does."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                ending = self._ended.is_set()
                ready, _, _ = select.select([self.master], [], [], 0.05)
                if ready:
                    self.written += os.read(self.master, 1 << 16)
                elif ending:
                    break

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def play(self, keys: Iterable[tuple[str, str]]) -> None:
        """Wait for words, each behind those before, and type what belongs to them;
        until the process ends, or words do not come."""
        seen = 0
        for words, typed in keys:
            awaited = words.encode()
            if not self.until(lambda: awaited in self.written[seen:]):  # noqa: B023 - of this turn
                return
            seen = self.written.find(awaited, seen) + 1
            self.press(typed)

    def send(self, number: int) -> None:
        """Signal the process."""
        self.process.send_signal(number)

    def drawn(self, since: int = 0) -> bool:
        """Wait until a frame was drawn after so many bytes; False if it never was."""
        return self.until(lambda: FRAME in self.written[since:])

    def until(self, wanted: Any) -> bool:
        """Wait until something holds; False if it never did, or the process ended."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if wanted():
                return True
            if self.process.poll() is not None:
                return bool(wanted())
            time.sleep(0.01)
        return False

    def state(self) -> str:
        """The letter of the kernel for what the process does: S, R, T or Z."""
        told = Path(f"/proc/{self.process.pid}/stat").read_text()
        return told.rsplit(")", 1)[1].split()[0]

    def cpu(self, seconds: float = 1.0) -> float:
        """The share of a core that the process takes, measured for a while."""
        before, since = self._spent(), time.monotonic()
        time.sleep(seconds)
        return (self._spent() - before) / (time.monotonic() - since)

    def _spent(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def hang_up(self) -> None:
        """Close the terminal, as a window that is closed does."""
        self._stop_reading()
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def _stop_reading(self) -> None:
        # Before the descriptor is closed: the next terminal may get its number.
        self._ended.set()
        if self._reader is not None:
            self._reader.join()

    def wait(self) -> int | None:
        """The exit code; None for a process that does not end."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def left_on(self) -> list[str]:
        """What the process switched on and not off again, and changed settings."""
        time.sleep(0.2)
        found = []
        for name, (on, off) in MODES.items():
            last_on = max(
                (m.start() for m in re.finditer(on, self.written)), default=-1
            )
            last_off = max(
                (m.start() for m in re.finditer(off, self.written)), default=-1
            )
            if last_on > last_off:
                found.append(name)
        if self.slave >= 0 and termios.tcgetattr(self.slave) != self.before:
            found.append("settings")
        return found

    def is_raw(self) -> bool:
        """Whether keys reach the process one by one and unseen."""
        flags = termios.tcgetattr(self.slave)[3]
        return not flags & (termios.ICANON | termios.ECHO)

    def close(self) -> None:
        """End whatever is left."""
        self._stop_reading()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        for each in (self.slave, self.master):
            if each >= 0:
                with contextlib.suppress(OSError):
                    os.close(each)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
