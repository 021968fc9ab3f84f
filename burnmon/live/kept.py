"""Parts of a snapshot that still hold when the next one is taken.

Twenty snapshots a second differ in a few figures. What did not change is kept, by what
it rests on; what changes slowly is made anew once in a while.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


UNUSED = timedelta(minutes=1)
"""Parts that were not asked for are let go after this time, or twice as long."""


class Kept:
    """Parts of one instance's last snapshots."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, tuple[Any, Any]] = {}
        self._before: dict[Hashable, tuple[Any, Any]] = {}
        self._begun_at: datetime | None = None

    def begin(self, now: datetime) -> None:
        """Begin another snapshot."""
        if self._begun_at is None or abs(now - self._begun_at) >= UNUSED:
            self._begun_at = now
            self._before, self._parts = self._parts, {}

    def _held(self, name: Hashable) -> tuple[Any, Any] | None:
        held = self._parts.get(name)
        return self._before.get(name) if held is None else held

    def same(self, name: Hashable, basis: object, make: Callable[[], T]) -> T:
        """A part that is the same as long as its basis is."""
        held = self._held(name)
        if held is None or held[0] != basis:
            held = basis, make()
        self._parts[name] = held
        value: T = held[1]
        return value

    def lately(
        self,
        name: Hashable,
        now: datetime,
        every: timedelta,
        make: Callable[[], T],
        basis: object = None,
    ) -> T:
        """A part that may be so old; also older while its basis, if any, is the same.

        It is made anew for the same ``now``, and when the clock was set back.
        """
        held = self._held(name)
        if held is not None:
            made_at, rests_on = held[0]
            young = timedelta(0) < now - made_at < every
            if not young and (basis is None or rests_on != basis):
                held = None
        if held is None:
            held = (now, basis), make()
        self._parts[name] = held
        value: T = held[1]
        return value
