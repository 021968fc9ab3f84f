"""A terminal driver that sleeps until a key is pressed, and outlives its terminal.

The stock driver looks for input ten times a second, also when nobody types. This one
waits in the kernel, woken by a key or by its own end. A terminal that goes away ends
the app; one that was stopped is set up anew when the process goes on. It leans on
private names of Textual, so `quiet_driver` looks for them and else leaves the stock
driver.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from textual._xterm_parser import XTermParser
from textual.driver import Driver

if TYPE_CHECKING:
    from textual.app import App

HUNG_UP = 128 + signal.SIGHUP
"""The exit code when the terminal went away, with or without a signal."""
_NEEDED = ("feed", "tick", "_timeout_time")
_NEEDED_OF_DRIVER = (
    "run_input_thread",
    "_sigtstp_application",
    "_sigcont_application",
)
_ESCAPE_DELAY = 0.1
"""Seconds to wait for the rest of an escape sequence, as the stock driver does."""


class WakingEvent(threading.Event):
    """An event that also makes a file descriptor readable while it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.readable, self._writable = os.pipe()

    def set(self) -> None:
        """Set the event and wake whoever waits on the descriptor."""
        if not self.is_set():
            os.write(self._writable, b"!")
        super().set()

    def clear(self) -> None:
        """Reset the event and empty the descriptor."""
        if self.is_set():
            os.read(self.readable, 1)
        super().clear()


class Output:
    """The terminal's output, which may end at any time.

    What writes to it would fill a queue and then wait for ever, if it died of that.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, words: str) -> None:
        """Write, or drop the words when nobody can see them any more."""
        with suppress(OSError):
            self._file.write(words)

    def flush(self) -> None:
        """Write what is buffered; nothing is left of it in either case."""
        try:
            self._file.flush()
        except OSError:
            forget_terminal()
            with suppress(OSError):
                self._file.flush()

    def fileno(self) -> int:
        """The descriptor of the terminal."""
        return self._file.fileno()


def forget_terminal() -> None:
    """Let nothing be where the terminal was: writing there is no error any more, not
    even for the interpreter, which flushes its streams once more when it ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with suppress(AttributeError, ValueError, OSError):
            os.dup2(nothing, stream.fileno())  # type: ignore[union-attr]  # a missing one is caught
    os.close(nothing)


def quiet_driver() -> type[Driver] | None:
    """The driver that sleeps, or None where this Textual does not allow it."""
    if "TEXTUAL_DRIVER" in os.environ:
        return None
    try:
        from textual.drivers.linux_driver import LinuxDriver  # absent on Windows
    except ImportError:
        return None
    parser = XTermParser(False)
    if not all(hasattr(parser, name) for name in _NEEDED):
        return None
    if not all(hasattr(LinuxDriver, name) for name in _NEEDED_OF_DRIVER):
        return None

    class QuietDriver(LinuxDriver):
        """The stock driver with an input thread that does not poll."""

        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            self.exit_event = WakingEvent()
            self._file = Output(sys.__stderr__)  # type: ignore[arg-type, assignment]  # all that is used of a file
            self._rules = False
            self._paused = False

        def start_application_mode(self) -> None:
            """Take the terminal, unless it is another job's."""
            super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's
            writer = self._writer_thread
            self._rules = writer is not None and writer.is_alive()

        def stop_application_mode(self) -> None:
            """Give the terminal back."""
            self._rules = False
            super().stop_application_mode()

        def run_input_thread(self) -> None:
            """Turn input into messages until the exit event is set."""
            if not _read_input(self, self.fileno, self.exit_event):  # type: ignore[arg-type]  # set above
                forget_terminal()
                self._call(self._app.exit, None, HUNG_UP)

        # Signals come in the middle of anything, also of a write. The loop answers
        # them, between two things.

        def _sigtstp_application(self, *_: object) -> None:
            self._call(self._pause)

        def _sigcont_application(self, *_: object) -> None:
            self._call(self._go_on)

        def _call(self, act: Any, *given: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(act, *given)

        def _pause(self) -> None:
            """Give the terminal back and stop, as the shell asked."""
            if self._rules:
                self._paused = True
                self.suspend_application_mode()
                os.kill(os.getpid(), signal.SIGSTOP)

        def _go_on(self) -> None:
            """Take the terminal again: others had it, also if nobody said so before."""
            if self._rules:
                self._paused = True
                self.suspend_application_mode()
            if self._paused:
                self.resume_application_mode()
                self._paused = not self._rules
                # Else only what changes is drawn, on a screen that was cleared.
                self._app.refresh(layout=True)

    return QuietDriver


def _read_input(driver: Driver, terminal: int, ended: WakingEvent) -> bool:
    """Hand keys over until told to end; False when the terminal went away."""
    parser = XTermParser(driver._debug)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while not ended.is_set():
        # A half-read escape sequence is the only reason to wake up without input.
        delay = None if parser._timeout_time is None else _ESCAPE_DELAY
        ready, _, _ = select.select([terminal, ended.readable], [], [], delay)
        if terminal in ready:
            try:
                typed = os.read(terminal, 4096)
            except OSError:
                return False
            if not typed:
                return False
            for message in parser.feed(decode(typed)):
                driver.process_message(message)
        for message in parser.tick():
            driver.process_message(message)
    return True
