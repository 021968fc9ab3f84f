"""Use over time: the staircases of a series' windows as one line that only rises."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

Steps = Sequence[tuple[datetime, float]]
"""A staircase: instants and the share used from each on, both rising."""
HOUR, DAY = 3600.0, 86400.0
HOURS = 24
SMOOTHING = (0.1, 0.2, 0.4, 0.2, 0.1)
"""How an hour's use is spread over the hours around it."""
LOOKED = 0.06
"""Part of a window for which nobody may have looked before use counts as sudden."""
DOUBT = 3.0
"""Days of use at any hour alike, which a habit must outweigh."""


class Moment(NamedTuple):
    """What instants are compared by; spans are parts of the window's length."""

    lately: float
    """Share used in the last 6 % of a length."""
    before: float
    """In the last 20 %."""
    long: float
    """In the last whole length."""
    pause: float
    """Time since the last rise, or since the window began, which use does."""


class Course:
    """Cumulative use over time, in windows' worth; instants are epoch seconds."""

    __slots__ = ("levels", "times")

    def __init__(
        self, windows: Iterable[tuple[Steps, datetime]], length: float, now: float
    ) -> None:
        """Takes what was known at ``now`` of windows: staircases and resets."""
        rises = [
            rise
            for steps, resets_at in windows
            for rise in _rises(steps, resets_at.timestamp() - length, length)
            if rise[0] <= now
        ]
        rises.sort()
        self.times = [at for at, _ in rises]
        self.levels = [0.0]
        level = 0.0
        for _, rise in rises:
            level += rise
            self.levels.append(level)

    def at(self, instant: float) -> float:
        """What was used up to an instant."""
        return self.levels[bisect_right(self.times, instant)]

    def reaches(self, level: float) -> float:
        """The instant at which use came to a level, which it did at last."""
        place = bisect_left(self.levels, level - 1e-9)
        return self.times[min(max(place, 1), len(self.times)) - 1]

    def moment(self, instant: float, part: float, length: float) -> Moment:
        """What can be said of an instant, ``part`` of its window having passed."""
        place = bisect_right(self.times, instant)
        level = self.levels[place]
        pause = part
        if place:
            pause = min(part, (instant - self.times[place - 1]) / length)
        return Moment(
            level - self.at(instant - 0.06 * length),
            level - self.at(instant - 0.2 * length),
            level - self.at(instant - length),
            pause,
        )

    def habit(self, start: float, end: float) -> float:
        """How much busier than any hour one usually is between two instants: 1 is as
        busy. By the hour of the day, shrunk towards 1 while days are few.
        """
        if not self.times or self.levels[-1] <= 0:
            return 1.0
        hours = self._hours()
        whole = (end - start) // DAY
        total, at = 0.0, start + whole * DAY
        while at < end:
            until = min(end, (at // HOUR + 1) * HOUR)
            total += hours[int(at % DAY // HOUR)] * (until - at)
            at = until
        return (total + whole * DAY) / (end - start)

    def _hours(self) -> list[float]:
        """Use by hour of the day, relative to the mean."""
        used = [0.0] * HOURS
        before = 0.0
        for at, level in zip(self.times, self.levels[1:], strict=True):
            used[int(at % DAY // HOUR)] += level - before
            before = level
        days = max(1.0, (self.times[-1] - self.times[0]) / DAY)
        trust = days / (days + DOUBT)
        mean = before / HOURS
        return [
            trust
            * sum(
                weight * used[(hour + shift - 2) % HOURS]
                for shift, weight in enumerate(SMOOTHING)
            )
            / mean
            + 1
            - trust
            for hour in range(HOURS)
        ]


def _rises(
    steps: Steps, starts_at: float, length: float
) -> Iterator[tuple[float, float]]:
    """Instants and rises; what was used before anyone looked is spread evenly."""
    before = 0.0
    for place, (at, share) in enumerate(steps):
        instant = at.timestamp()
        unseen = 0.0 if place else (instant - starts_at) / length
        pieces = 1 + max(0, int(unseen / LOOKED))
        for piece in range(pieces):
            back = (instant - starts_at) * piece / pieces
            yield instant - back, (share - before) / pieces
        before = share
