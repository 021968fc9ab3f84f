"""A snapshot that another process makes, while this one loads what shows it."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable

    from burnmon.live.snapshot import Snapshot

    First = Callable[[], Snapshot | None]
    """Makes a snapshot; None where there is nothing to show."""

ROOM = 1 << 20
"""Bytes that may wait for the screen."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ahead:
    """A forked child that makes one snapshot. No thread may run when it begins."""

    def __init__(self, make: First) -> None:
        """Raises OSError where there is no room for another process."""
        self._loop: AbstractEventLoop | None = None
        self._packed = bytearray()
        self._pipe, tell = os.pipe()
        # A signal that comes right now would have the child end as this program does.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            self._child = os.fork()
            if self._child == 0:
                _make(make, self._pipe, tell, held)
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            os.close(tell)

    def give(
        self, loop: AbstractEventLoop, take: Callable[[Snapshot | None], None]
    ) -> None:
        """Call ``take`` in the loop once the snapshot is there, or fails to come."""

        def read() -> None:
            piece = os.read(self._pipe, ROOM)
            self._packed += piece
            if not piece:
                self.end()
                take(_unpacked(self._packed))

        self._loop = loop
        loop.add_reader(self._pipe, read)

    def end(self) -> None:
        """Let go of the child, whether it is through or not."""
        child, self._child = self._child, 0
        if not child:
            return
        if self._loop is not None:  # what came already may wait for its turn to be read
            self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):  # who began deaf to SIGCHLD has none to await
            os.waitpid(child, 0)


def _make(make: First, pipe: int, tell: int, held: Iterable[int]) -> NoReturn:
    """The child: it never returns into the program that was forked.

    It has no terminal to write to or to give back, and signals just end it.
    """
    with suppress(BaseException):
        os.close(pipe)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        with suppress(AttributeError, OSError):
            fcntl.fcntl(tell, fcntl.F_SETPIPE_SZ, ROOM)
        packed = pickle.dumps(make(), pickle.HIGHEST_PROTOCOL)
        with open(tell, "wb") as answers:
            answers.write(packed)
    os._exit(0)


def _unpacked(packed: bytearray) -> Snapshot | None:
    """What the child, which is this program, made; None if it failed."""
    with suppress(Exception):
        from burnmon.live.snapshot import Snapshot

        snapshot = pickle.loads(packed)
        return snapshot if isinstance(snapshot, Snapshot) else None
    return None
