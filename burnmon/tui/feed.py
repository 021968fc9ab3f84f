"""The seam between the screen and whatever makes snapshots, on any thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context

from burnmon.live.snapshot import Snapshot

Post = Callable[[Snapshot], None]
"""Hands a snapshot over; may be called from any thread."""

Feed = Callable[[Post], Callable[[], None]]
"""Starts posting snapshots, and returns what stops it."""


class Latest:
    """The latest snapshot, on its way from any thread to the loop it is made in.

    One that was not taken yet gives way to the next. Many come each second, and as a
    message of Textual each would cost as much again as drawing it.
    """

    def __init__(self, take: Post) -> None:
        """``take`` is called in the loop, in the context of now."""
        self._take = take
        self._loop, self._context = asyncio.get_running_loop(), copy_context()
        self._newest: deque[Snapshot] = deque(maxlen=1)

    def post(self, snapshot: Snapshot) -> None:
        """Hand over a snapshot, from any thread."""
        self._newest.append(snapshot)
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._hand_over, context=self._context)

    def _hand_over(self) -> None:
        if self._newest:
            self._take(self._newest.pop())
