"""A terminal driver that sleeps until a key is pressed.

The stock driver looks for input ten times a second, also when nobody types. This
one waits in the kernel, woken by a key or by its own end. It leans on two private
names of Textual, so `quiet_driver` looks for them and else leaves the stock driver.
"""

from __future__ import annotations

import codecs
import os
import select
import threading
from typing import TYPE_CHECKING, Any

from textual._xterm_parser import XTermParser
from textual.driver import Driver

if TYPE_CHECKING:
    from textual.app import App

_NEEDED = ("feed", "tick", "_timeout_time")
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
    if not hasattr(LinuxDriver, "run_input_thread"):
        return None

    class QuietDriver(LinuxDriver):
        """The stock driver with an input thread that does not poll."""

        def __init__(self, app: App[Any], **options: Any) -> None:
            super().__init__(app, **options)
            self.exit_event = WakingEvent()

        def run_input_thread(self) -> None:
            """Turn input into messages until the exit event is set."""
            _read_input(self, self.fileno, self.exit_event)  # type: ignore[arg-type]  # set above

    return QuietDriver


def _read_input(driver: Driver, terminal: int, ended: WakingEvent) -> None:
    parser = XTermParser(driver._debug)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while not ended.is_set():
        # A half-read escape sequence is the only reason to wake up without input.
        delay = None if parser._timeout_time is None else _ESCAPE_DELAY
        ready, _, _ = select.select([terminal, ended.readable], [], [], delay)
        if terminal in ready:
            typed = os.read(terminal, 4096)
            if not typed:
                return  # the terminal is gone
            for message in parser.feed(decode(typed)):
                driver.process_message(message)
        for message in parser.tick():
            driver.process_message(message)
