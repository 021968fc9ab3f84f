"""Invented windows of one series, stated at parts of their length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from burnmon.records import LimitReading
from burnmon.usage.stretches import Stretch, stretches

BEGINNING = datetime(2026, 11, 2, 8, tzinfo=UTC)
LENGTH = timedelta(hours=5)
EVERY = timedelta(hours=6)
"""From the start of one window to that of the next, unless told otherwise."""

Stated = Sequence[tuple[float, float]]
"""Parts of a window that had passed, and the share that was stated then."""


def start(place: int) -> datetime:
    """When a window begins."""
    return BEGINNING + EVERY * place


def window(
    place: int,
    stated: Stated,
    *,
    begins_at: datetime | None = None,
    jitter: Sequence[int] = (),
    account: str = "",
) -> list[LimitReading]:
    """Readings of one window; ``jitter`` moves their resets, in seconds."""
    begin = begins_at or start(place)
    moved = [*jitter, *[0] * (len(stated) - len(jitter))]
    return [
        LimitReading(
            "claude",
            account,
            "five_hour",
            300,
            share,
            begin + LENGTH + timedelta(seconds=seconds),
            begin + LENGTH * part,
            "statusline",
        )
        for (part, share), seconds in zip(stated, moved, strict=True)
    ]


def even(place: int, final: float, looks: int = 10) -> list[LimitReading]:
    """A window that is used evenly, as whole percents, and stated at equal spans."""
    parts = [(n + 0.5) / looks for n in range(looks)]
    shares = [round(final * (n + 1) / looks, 2) for n in range(looks)]
    return window(place, list(zip(parts, shares, strict=True)))


def evens(*finals: float) -> list[LimitReading]:
    """One even window after the other."""
    return [each for n, final in enumerate(finals) for each in even(n, final)]


def one_series(readings: Iterable[LimitReading]) -> tuple[Stretch, ...]:
    """The windows of readings that are of one series."""
    (found,) = stretches(readings).values()
    return found
