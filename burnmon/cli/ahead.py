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
    from collections.abc import Callable

    from burnmon.live.snapshot import Snapshot

    First = Callable[[], Snapshot | None]
    """Makes a snapshot; None where there is nothing to show."""

ROOM = 1 << 20
"""Bytes that may wait for the screen."""


class Ahead:
    """A forked child that makes one snapshot. No thread may run when it begins."""

    def __init__(self, make: First) -> None:
        self._pipe, tell = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._pipe)
            _make(make, tell)
        os.close(tell)
        self._packed = bytearray()

    def give(
        self, loop: AbstractEventLoop, take: Callable[[Snapshot | None], None]
    ) -> None:
        """Call ``take`` in the loop once the snapshot is there, or fails to come."""

        def read() -> None:
            piece = os.read(self._pipe, ROOM)
            self._packed += piece
            if not piece:
                loop.remove_reader(self._pipe)
                self.end()
                take(_unpacked(self._packed))

        loop.add_reader(self._pipe, read)

    def end(self) -> None:
        """Let go of the child, whether it is through or not."""
        if self._child:
            os.close(self._pipe)
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0


def _make(make: First, tell: int) -> NoReturn:
    """The child: it never returns into the program that was forked."""
    with suppress(BaseException):
        with suppress(AttributeError, OSError):
            fcntl.fcntl(tell, fcntl.F_SETPIPE_SZ, ROOM)
        packed = memoryview(pickle.dumps(make(), pickle.HIGHEST_PROTOCOL))
        while packed:
            packed = packed[os.write(tell, packed) :]
    os._exit(0)


def _unpacked(packed: bytearray) -> Snapshot | None:
    """What the child, which is this program, made; None if it failed."""
    with suppress(Exception):
        from burnmon.live.snapshot import Snapshot

        snapshot = pickle.loads(packed)
        return snapshot if isinstance(snapshot, Snapshot) else None
    return None
