"""The seam between the screen and whatever makes snapshots, on any thread."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from burnmon.live.snapshot import Snapshot

Post = Callable[[Snapshot], None]
"""Hands a snapshot over; may be called from any thread."""

Feed = Callable[[Post], Callable[[], None]]
"""Starts posting snapshots, and returns what stops it."""


class SnapshotReady(Message):
    """A snapshot has arrived; a newer one takes its place in the queue."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Let the latest win."""
        return isinstance(message, SnapshotReady)
