"""Past windows forecast again, as each moment knew them: to learn and to be scored.

A forecast made at an instant uses nothing that was observed later, in its own window or
in any other, and nothing that later windows taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from burnmon.records import Forecast
from burnmon.usage.course import Steps
from burnmon.usage.experience import Experience
from burnmon.usage.forecast import Outlook, Standing, outlook
from burnmon.usage.limits import Stretch

FIRST, LAST = 0.05, 0.95
"""Parts of a window between which forecasts are judged: one in each tenth."""
TENTHS = 10
FIRST_LOOK = 60
"""Closed windows of a history that are judged when there is no experience yet."""


class Retold(NamedTuple):
    """One window of the past, forecast again."""

    place: int
    """Which window of its series it is, oldest first."""
    standing: Standing
    """What earlier windows had taught when it began."""
    told: list[tuple[Outlook, Forecast]]
    """Its forecasts at its checkpoints."""


def checkpoints(window: Stretch, length: timedelta) -> list[datetime]:
    """The first instant in each tenth of a window at which its use was stated."""
    starts_at = window.readings[0].resets_at - length
    first: dict[int, datetime] = {}
    for each in window.readings:
        seen, last = each.observed_at, each.repeated_at or each.observed_at
        start = max(FIRST, (seen - starts_at) / length)
        end = min(LAST, (last - starts_at) / length)
        if start > end:
            continue
        for tenth in range(int(start * TENTHS), int(end * TENTHS) + 1):
            at = max(seen, starts_at + length * max(FIRST, tenth / TENTHS))
            first[tenth] = min(at, first.get(tenth, at))
    return sorted(first.values())


def foretold(
    windows: Sequence[Stretch],
    length: timedelta,
    instants: Sequence[datetime],
    standing: Standing,
) -> list[tuple[Outlook, Forecast]]:
    """What was to be said of the last of some windows at instants of it."""
    found = []
    for at in instants:
        *past, window = (_steps(each, at) for each in windows)
        resets = [each.resets_at for each in windows]
        seen = outlook(
            window, resets[-1], length, list(zip(past, resets, strict=False)), at
        )
        if seen is not None:
            found.append((seen, seen.forecast(standing)))
    return found


def _steps(window: Stretch, at: datetime) -> Steps:
    """A staircase as it was known at an instant."""
    if window.last_at <= at:
        return window.steps()
    known = window.known_at(at)
    return () if known is None else known.steps()


def learned(
    experience: Experience,
    windows: Sequence[Stretch],
    length: timedelta,
    now: datetime,
    most: int,
) -> Experience:
    """The experience with at most so many of the windows that closed meanwhile.

    The oldest first; of a long history no more than ``FIRST_LOOK`` windows.
    """
    fresh = [
        place
        for place, each in enumerate(windows)
        if each.resets_at <= now
        and (experience.judged_to is None or each.resets_at > experience.judged_to)
    ]
    for place in fresh[-FIRST_LOOK:][:most]:
        experience = _judged(experience, windows[: place + 1], length)
    return experience


def _judged(
    experience: Experience, windows: Sequence[Stretch], length: timedelta
) -> Experience:
    window = windows[-1]
    told = foretold(windows, length, checkpoints(window, length), experience.standing)
    return experience.judged(told, window.steps()[-1][1], window.resets_at)


def replay(windows: Sequence[Stretch], length: timedelta) -> Iterator[Retold]:
    """All windows of a series with the forecasts made in them, the oldest first."""
    experience = Experience()
    waiting: list[Retold] = []
    for place, window in enumerate(windows):
        instants = checkpoints(window, length)
        if not instants:
            continue
        for each in list(waiting):
            before = windows[each.place]
            if before.resets_at <= instants[0]:
                final = before.steps()[-1][1]
                experience = experience.judged(each.told, final, before.resets_at)
                waiting.remove(each)
        standing = experience.standing
        told = foretold(windows[: place + 1], length, instants, standing)
        waiting.append(Retold(place, standing, told))
        yield waiting[-1]
