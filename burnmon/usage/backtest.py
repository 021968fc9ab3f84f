"""Past windows forecast again, as each moment knew them: to learn and to be scored.

A forecast made at an instant uses nothing that was observed later, in its own window or
in any other, and nothing that later windows taught.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from burnmon.records import Forecast
from burnmon.usage.experience import Experience
from burnmon.usage.forecast import Outlook, Standing, outlook
from burnmon.usage.stretches import SAME_RESET, Stretch

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
        *past, window = (each.known_at(at) for each in windows)
        if window is None:
            continue
        before = [(each.steps(), each.resets_at) for each in past if each is not None]
        seen = outlook(window.steps(), window.resets_at, length, before, at)
        if seen is not None:
            found.append((seen, seen.forecast(standing)))
    return found


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
    # An echo may move the reset of a window that was judged by seconds.
    judged_to = experience.judged_to and experience.judged_to + SAME_RESET
    fresh = [
        place
        for place, each in enumerate(windows)
        if each.resets_at <= now and (judged_to is None or each.resets_at > judged_to)
    ]
    for place in fresh[-FIRST_LOOK:][:most]:
        experience = _judged(experience, windows[: place + 1], length)
    return experience


def _judged(
    experience: Experience, windows: Sequence[Stretch], length: timedelta
) -> Experience:
    window = windows[-1]
    told = foretold(windows, length, checkpoints(window, length), experience.standing)
    return _after(experience, window, told)


def _after(
    experience: Experience, window: Stretch, told: list[tuple[Outlook, Forecast]]
) -> Experience:
    """The experience with what was told of a window and what it came to."""
    final = window.used(window.resets_at)
    # Of a window that was stated only after its end nothing was told either.
    return experience.judged(told, final or 0.0, window.resets_at)


def replay(windows: Sequence[Stretch], length: timedelta) -> Iterator[Retold]:
    """The windows of a series with the forecasts made in them, by their first instant.

    That is the order of their resets but for windows that overlap: of two accounts, or
    after an early reset.
    """
    experience = Experience()
    waiting: list[Retold] = []
    looks = [(checkpoints(each, length), place) for place, each in enumerate(windows)]
    for instants, place in sorted(each for each in looks if each[0]):
        for each in sorted(waiting, key=attrgetter("place")):
            if windows[each.place].resets_at <= instants[0]:
                experience = _after(experience, windows[each.place], each.told)
                waiting.remove(each)
        standing = experience.standing
        told = foretold(windows[: place + 1], length, instants, standing)
        waiting.append(Retold(place, standing, told))
        yield waiting[-1]
