"""How much of a window will be used at its reset, from what is known at one instant.

Two opinions are mixed. *Moments like this one*: what came after those instants of one's
own past that were most alike in recent use, pause, hour and part of the window. *What
is common*: what windows of other people add after such a pause with so much time left,
scaled to one's own. How much each counts, and how wide the band is, follows from one's
own past errors (``experience``). Nothing here reads a clock, and nothing observed after
``now`` has a say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import exp, log
from operator import itemgetter, mul
from typing import NamedTuple

from msgspec import Struct

from burnmon.records import Forecast
from burnmon.usage.course import DAY, HOUR, HOURS, Course, Steps

Past = Sequence[tuple[Steps, datetime]]
"""Earlier windows of the same series: their staircases and resets, oldest first."""

FULL = 0.995
"""Readings are whole percents: what is stated as 100 % begins half a percent below."""
USUAL = 0.35
"""What a window comes to where nothing else is known; it counts as one past window."""
LEAST_SCALE = 0.03
"""Windows that come to less are too coarse to scale by."""
ANECDOTES = 4
"""Past windows with which moments of one's own past have half their say."""
MOST_PAST = 20
"""Windows that are looked back on; older ones say little of today."""
TELLS_WHEN = 0.1
"""Chance from which the instants of exhaustion are worth stating."""


class Standing(Struct, frozen=True):
    """What one's own past errors taught; as it is here, nothing yet."""

    own: float = 0.5
    """Share of the say that moments of one's own past have, 0–1."""
    low: float = 0.1
    """Quantile that is told as p10."""
    high: float = 0.87
    """Quantile that is told as p90. Windows that add nothing more end on p10 and so
    inside the band, which may leave out a little more above."""


UNJUDGED = Standing()


class Possibility(NamedTuple):
    """A share that may yet be used, and how much that possibility counts."""

    rise: float
    weight: float
    full_in: float | None = None
    """Seconds until the limit, where it would be reached before the reset."""


class Outlook(Struct, frozen=True):
    """Everything that is thought possible at one instant, either opinion apart."""

    used: float
    scale: float
    """What a window of this series usually comes to, as a share."""
    now: datetime
    own: tuple[Possibility, ...]
    """From moments of one's own past like this one; empty without any."""
    common: tuple[Possibility, ...]
    """From what is common among other people."""
    past: int
    """Closed windows that were looked back on."""

    def forecast(self, standing: Standing = UNJUDGED) -> Forecast:
        """The two opinions as one, by their standing."""
        # A few windows are an anecdote, however well they fit.
        trust = self.past / (self.past + ANECDOTES)
        share = standing.own * trust if self.own else 0.0
        mixed = sorted(_weighed(self.own, share) + _weighed(self.common, 1 - share))
        band = quantiles(mixed, (standing.low, 0.5, standing.high))
        low, middle, high = (self.used + rise for rise in band)
        ends = [
            (each.full_in, each.weight) for each in mixed if each.full_in is not None
        ]
        chance = min(1.0, sum(weight for _, weight in ends))
        when = None
        if chance >= TELLS_WHEN:
            spans = quantiles(sorted(ends), (0.1, 0.5, 0.9))
            early, likely, late = (self.now + timedelta(seconds=s) for s in spans)
            when = (early, likely, late)
        return Forecast(
            low, middle, high, chance, when, self.method, "experimental", self.now
        )

    def band(self, opinion: Sequence[Possibility]) -> tuple[float, ...]:
        """p10, p50 and p90 of use at reset, as one opinion alone has them."""
        rises = quantiles(sorted(opinion), (0.1, 0.5, 0.9))
        return tuple(self.used + rise for rise in rises)

    @property
    def method(self) -> str:
        """Whence the forecast, in words."""
        if not self.own or not self.past:
            return "what is common after such a pause"
        windows = "window" if self.past == 1 else "windows"
        return f"moments like this one in {self.past} past {windows}"


class _Here(NamedTuple):
    """The instant an outlook is for; instants and spans in seconds."""

    at: float
    length: float
    left: float
    used: float
    scale: float
    course: Course


def foresee(
    steps: Steps,
    resets_at: datetime,
    length: timedelta,
    past: Past,
    now: datetime,
    standing: Standing = UNJUDGED,
) -> Forecast | None:
    """The distribution of use at reset; None where nothing is known of the window.

    ``steps`` may end with local estimates of what was used since the last statement.
    """
    if _level(steps, now) >= 1 and resets_at > now:
        when = (now, now, now)
        return Forecast(1.0, 1.0, 1.0, 1.0, when, "limit reached", "experimental", now)
    seen = outlook(steps, resets_at, length, past, now)
    return None if seen is None else seen.forecast(standing)


def outlook(
    steps: Steps, resets_at: datetime, length: timedelta, past: Past, now: datetime
) -> Outlook | None:
    """What is possible for a window; None where nothing is known of it at ``now``."""
    elapsed = 1 - (resets_at - now) / length
    if not steps or steps[0][0] > now or not 0 <= elapsed < 1:
        return None
    used = _level(steps, now)
    known = [each for each in past if each[0] and each[0][0][0] <= now]
    known = sorted(known, key=itemgetter(1))[-MOST_PAST:]
    closed = [each for each in known if each[1] <= now]
    # While there is no past, the window itself tells of what order it is.
    guess = min(1.0, max(USUAL, used / max(elapsed, 0.25)))
    ends, adds = [guess], [guess * (1 - elapsed)]
    for each, reset in closed:
        ends.append(_level(each, now))
        adds.append(ends[-1] - _level(each, reset - length * (1 - elapsed)))
    here = _Here(
        now.timestamp(),
        length.total_seconds(),
        (resets_at - now).total_seconds(),
        used,
        max(LEAST_SCALE, sum(ends) / len(ends)),
        Course([*known, (steps, resets_at)], length.total_seconds(), now.timestamp()),
    )
    windows = [(each[0][0], reset) for each, reset in (*known, (steps, resets_at))]
    own = tuple(_alike(here, windows))
    common = tuple(_common(here, sum(adds) / len(adds)))
    return Outlook(used, here.scale, now, own, common, len(closed))


def _level(steps: Steps, at: datetime) -> float:
    place = bisect_right(steps, at, key=itemgetter(0))
    return steps[place - 1][1] if place else 0.0


# --- moments like this one -----------------------------------------------------------

POINTS = 10
"""Instants of each past window that the present is compared with."""
CLOSE = (0.8, 0.8, 2.0)
"""How far apart, on a logarithmic scale, the recent uses of like moments may be."""
SAME_PAUSE, SAME_PART, SAME_HOUR = 0.3, 1.0, 6.0
"""The same for pauses and parts of the window, in lengths, and for hours of the day."""
FLOOR = 0.01
"""What the least alike moment still counts."""
FADES = 60
"""Windows after which a moment counts half."""
FOLLOWS = 0.3
"""How far what came after is scaled to the present pace: 0 not at all, 1 wholly."""


def _alike(
    here: _Here, windows: Sequence[tuple[datetime, datetime]]
) -> Iterator[Possibility]:
    """What came after moments of past windows, weighed by their likeness to this one.

    ``windows`` holds when each was first seen and its reset, oldest first.
    """
    here_part = 1 - here.left / here.length
    now = here.course.moment(here.at, here_part, here.length)
    hour = here.at % DAY / HOUR
    recent = [log(each / here.scale + 0.05) for each in now[:3]]
    for at, part, fading in _moments(here, windows):
        then = here.course.moment(at, part, here.length)
        apart = abs(at % DAY / HOUR - hour)
        far = (
            ((then.pause - now.pause) / SAME_PAUSE) ** 2
            + ((part - here_part) / SAME_PART) ** 2
            + (min(apart, HOURS - apart) / SAME_HOUR) ** 2
        )
        for mine, theirs, close in zip(recent, then[:3], CLOSE, strict=True):
            far += ((mine - log(theirs / here.scale + 0.05)) / close) ** 2
        tenth = here.scale / 10
        pace = ((now.before + tenth) / (then.before + tenth)) ** FOLLOWS
        yield _followed(here, at, pace, fading * (FLOOR + exp(-far / 2)))


def _moments(
    here: _Here, windows: Sequence[tuple[datetime, datetime]]
) -> Iterator[tuple[float, float, float]]:
    """Instants of windows after which as much time passed as is left, with the part of
    the window at each and what its age leaves of it."""
    for back, (seen_at, resets_at) in enumerate(reversed(windows)):
        ends_at, first_at = resets_at.timestamp(), seen_at.timestamp()
        for point in range(POINTS):
            part = (point + 0.5) / POINTS
            at = ends_at - here.length * (1 - part)
            if first_at <= at <= here.at - here.left:
                yield at, part, 0.5 ** (back / FADES)


def _followed(here: _Here, at: float, pace: float, weight: float) -> Possibility:
    """What came after a moment, at the present pace."""
    course = here.course
    before = course.at(at)
    rise = (course.at(at + here.left) - before) * pace
    if here.used + rise < FULL:
        return Possibility(rise, weight)
    reached_at = course.reaches(before + (FULL - here.used) / pace)
    return Possibility(rise, weight, min(here.left, max(0.0, reached_at - at)))


# --- what is common ------------------------------------------------------------------


class _Common(NamedTuple):
    """A Weibull distribution with a chance of nothing; both lists weigh ``_signs``.

    Fitted by maximum likelihood to the windows of seventeen developers, made from the
    instants and list prices of their published sessions; judged on those left out.
    """

    goes_on: tuple[float, ...]
    """Log odds that anything more is used before the reset."""
    size: tuple[float, ...]
    """Log of how much, in usual windows."""
    shape: float


HALF_DAYS = _Common(
    (-1.29, -1.04, 0.60, 0.67, 0.20, -0.10), (0.23, 0.01, 0.55, 0.20, 0.12, 0.20), 1.13
)
WEEKS = _Common(
    (0.32, -0.95, 0.49, 0.36, 0.64, -0.28),
    (-0.54, -0.17, 0.69, 0.45, -0.11, -0.05),
    1.1,
)
LONG = 2 * DAY
"""From this length on, in seconds, a window holds nights and is like a week."""
QUANTILES = tuple((2 * n + 1) / 80 for n in range(40))


def _signs(here: _Here, added: float) -> tuple[float, ...]:
    """What the rest of a window depends on.

    Nothing, the pause, the time left, the habit of the hours left, what past windows
    added from this part on, and the present pace.
    """
    moment = here.course.moment(here.at, 1 - here.left / here.length, here.length)
    habit = here.course.habit(here.at, here.at + here.left)
    return (
        1.0,
        log(moment.pause + 0.03),
        log(here.left / here.length),
        log(habit + 0.2),
        log(added / here.scale + 0.05),
        log(moment.before / here.scale + 0.1),
    )


def _common(here: _Here, added: float) -> Iterator[Possibility]:
    """Equally likely rises; ``added``: what past windows added from here on average."""
    law = HALF_DAYS if here.length < LONG else WEEKS
    signs = _signs(here, added)
    goes_on = 1 / (1 + exp(-sum(map(mul, law.goes_on, signs))))
    size = here.scale * exp(sum(map(mul, law.size, signs)))
    need = max(0.0, FULL - here.used)
    for level in QUANTILES:
        if level <= 1 - goes_on:
            yield Possibility(0.0, 1.0, 0.0 if need <= 0 else None)
            continue
        rise = size * (-log((1 - level) / goes_on)) ** (1 / law.shape)
        if rise < need:
            yield Possibility(rise, 1.0)
            continue
        # A rise grows with the power of the time left that the size was found to have.
        yield Possibility(rise, 1.0, here.left * (need / rise) ** (1 / law.size[2]))


# --- distributions -------------------------------------------------------------------


def _weighed(found: Sequence[Possibility], share: float) -> list[Possibility]:
    """Possibilities with weights that add up to a share of the say."""
    if not share:
        return []
    total = sum(each.weight for each in found)
    return [each._replace(weight=each.weight * share / total) for each in found]


def quantiles(
    found: Sequence[Possibility | tuple[float, float]], levels: Sequence[float]
) -> list[float]:
    """Weighted quantiles of (value, weight, …), which come sorted; straight between."""
    total = sum(each[1] for each in found)
    knots, below = [], 0.0
    for each in found:
        value, weight = each[0], each[1]
        knots.append(((below + weight / 2) / total, value))
        below += weight
    result = []
    for level in levels:
        place = bisect_right(knots, level, key=itemgetter(0))
        if place in (0, len(knots)):
            result.append(knots[min(place, len(knots) - 1)][1])
            continue
        (left, low), (right, high) = knots[place - 1 : place + 1]
        result.append(low + (high - low) * (level - left) / (right - left))
    return result
