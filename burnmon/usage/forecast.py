"""How much of a window will be used at its reset, from what is known at one instant.

With history: what past windows still added from the same point on. Without: the pace of
the window and of its last tenth, with a wide band. Labelled experimental; it never
reads a clock, and it is silent where nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from burnmon.records import Forecast

Steps = Sequence[tuple[datetime, float]]
"""A staircase: instants and the share used from each on, both rising."""

ENOUGH_PAST = 5
"""Past windows it takes before their own spread is trusted."""
TOO_EARLY = 0.02
"""Share of a window that must have passed before its own pace says anything."""
HALF_STEP = 0.005
"""Readings are whole percents: a stated 0 % may be almost half a percent."""


def foresee(
    steps: Steps,
    resets_at: datetime,
    length: timedelta,
    past: Sequence[tuple[Steps, datetime]],
    now: datetime,
) -> Forecast | None:
    """The distribution of use at reset; None when it is too early to tell.

    ``past`` holds the staircases and resets of earlier windows of the same series.
    """
    used = _level(steps, now)
    elapsed = 1 - (resets_at - now) / length
    if used is None or not 0 <= elapsed < 1:
        return None
    if used >= 1:
        return Forecast(1.0, 1.0, 1.0, 1.0, (now, now, now), "limit reached")
    added = [
        _added(each, reset - length * (1 - elapsed), now)
        for each, reset in past
        if reset <= now
    ]
    if len(added) >= ENOUGH_PAST:
        return _from_past(used, sorted(added), resets_at, now)
    if elapsed < TOO_EARLY:
        return None
    return _from_pace(steps, used, resets_at, length, now)


def _level(steps: Steps, at: datetime) -> float | None:
    return max((share for when, share in steps if when <= at), default=None)


def _presumed(steps: Steps, starts_at: datetime, at: datetime) -> float:
    """The level at an instant; before the first statement, as if use had been even."""
    known = _level(steps, at)
    if known is not None:
        return known
    first_at, share = steps[0]
    return share * ((at - starts_at) / (first_at - starts_at))


def _added(steps: Steps, at: datetime, now: datetime) -> float:
    """What a past window still used from an instant on, as far as ``now`` can know."""
    return (_level(steps, now) or 0.0) - (_level(steps, at) or 0.0)


def _from_past(
    used: float, added: Sequence[float], resets_at: datetime, now: datetime
) -> Forecast:
    low, middle, high = (used + _quantile(added, q) for q in (0.1, 0.5, 0.9))
    reaching = sum(used + each >= 1 for each in added)
    # Half a window more on either side, so that a few windows never claim certainty.
    chance = (reaching + 0.5) / (len(added) + 1) if high > used else 0.0
    return _forecast(
        (low, middle, high), chance, used, resets_at, now, f"{len(added)} past windows"
    )


def _from_pace(
    steps: Steps, used: float, resets_at: datetime, length: timedelta, now: datetime
) -> Forecast:
    starts_at = resets_at - length
    left = resets_at - now
    overall = max(used, HALF_STEP) * (left / (now - starts_at))
    lately_from = max(starts_at, now - length / 10)
    lately = used - _presumed(steps, starts_at, lately_from)
    recent = lately * (left / (now - lately_from))
    low = used + 0.25 * min(overall, recent)
    middle = used + (overall + recent) / 2 * 0.75
    high = used + 1.5 * max(overall, recent)
    chance = _beyond((used, low, middle, high), 1.0)
    return _forecast(
        (low, middle, high), chance, used, resets_at, now, "pace of this window"
    )


def _quantile(values: Sequence[float], q: float) -> float:
    place = q * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def _beyond(points: tuple[float, float, float, float], level: float) -> float:
    """Chance of passing a level, straight between 0, 10, 50, 90 and 100 %."""
    used, low, middle, high = points
    knots = [(used, 1.0), (low, 0.9), (middle, 0.5), (high, 0.1)]
    knots.append((high + (high - middle), 0.0))
    for (left, above), (right, below) in pairwise(knots):
        if level <= left:
            return above
        if level < right:
            return above + (below - above) * (level - left) / (right - left)
    return 0.0


def _forecast(
    band: tuple[float, float, float],
    chance: float,
    used: float,
    resets_at: datetime,
    now: datetime,
    method: str,
) -> Forecast:
    """The forecast, with instants of exhaustion where it is as likely as not.

    Each instant lies where a straight line to a quantile of use meets the limit.
    """
    when = None
    if chance >= 0.5:
        early, middle, late = (
            now + (resets_at - now) * min(1.0, (1 - used) / max(at - used, 1e-9))
            for at in reversed(band)
        )
        when = (early, middle, late)
    return Forecast(*band, chance, when, method)
