"""What a dollar takes from a window: learned from its readings and the local spend.

Vendors state whole percents, seldom while work is under way, and publish no price of a
percent. Between two statements the spend of this machine tells how fast the window
fills, as far as it did so before. Other devices fill it too: what rises without local
spend must not pass for a dear dollar. Pure; every answer is an estimate, and None where
it would be a guess.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from burnmon.records import Exchange
from burnmon.usage.course import Steps

RISE = 0.03
"""Share a window must have risen between two readings that are compared: readings are
whole percents, and their rounding may not decide the ratio."""
ENOUGH_POINTS = 4
"""Comparisons it takes before they say anything of the next one."""
WIDEST = 4.0
"""The upper quartile may be so many times the lower one; beyond, no rate is known."""
EXPLAINED = 0.5
"""Part of all rises that local spend must account for, within twice the rate."""
HALF_LIFE = timedelta(days=4)
"""A comparison counts half after this time, or after ``HALF_LIFE_WINDOWS`` windows if
that is longer: vendors change their rates."""
HALF_LIFE_WINDOWS = 4
NEVER_REACHED = 0.99
"""An estimate ends here: that a limit is reached is for its vendor to say."""


class Spending:
    """Dollars over time of one account of one agent, added up for quick questions."""

    __slots__ = ("_dollars", "_instants", "_requests", "_unpriced", "since")

    def __init__(self, since: datetime, parts: Iterable[Part]) -> None:
        """``since``: nothing before it is known. Parts may come in any order."""
        self.since = since
        ordered = sorted(parts)
        self._instants = array("d", [each[0] for each in ordered])
        dollars = accumulate((each[1] for each in ordered), initial=0.0)
        requests = accumulate((each[2] for each in ordered), initial=0)
        unpriced = accumulate((each[3] for each in ordered), initial=0)
        self._dollars, self._requests = array("d", dollars), array("q", requests)
        self._unpriced = array("q", unpriced)

    def between(self, after: datetime, until: datetime) -> float | None:
        """Dollars spent after an instant, up to another; None where not all is known.

        A request without a price makes the sum unknown, and so does a span that
        begins before ``since``.
        """
        first, last = self._place(after), self._place(until)
        if after < self.since or self._unpriced[last] > self._unpriced[first]:
            return None
        return max(0.0, self._dollars[last] - self._dollars[first])

    def latest(self, count: int, now: datetime) -> tuple[int, float]:
        """The last priced requests until now, and their dollars; at least ``count``.

        Requests that were added up before are not told apart, so it may be some more.
        """
        last = self._place(now)
        first = last
        while first > 0 and self._requests[last] - self._requests[first] < count:
            first -= 1
        requests = self._requests[last] - self._requests[first]
        return requests, self._dollars[last] - self._dollars[first]

    def next(self, after: datetime) -> datetime | None:
        """When something was spent first after an instant; None if it never was."""
        place = self._place(after)
        if place == len(self._instants):
            return None
        return datetime.fromtimestamp(self._instants[place], UTC)

    def last(self, until: datetime) -> datetime | None:
        """When something was spent last up to an instant; None if it never was."""
        place = self._place(until)
        return datetime.fromtimestamp(self._instants[place - 1], UTC) if place else None

    def _place(self, at: datetime) -> int:
        return bisect_right(self._instants, at.timestamp())


Part = tuple[float, float, int, int]
"""An instant in epoch seconds; then dollars, priced and unpriced requests."""


class _Rise(NamedTuple):
    """A rise between two readings of one window."""

    window: int
    at: datetime
    share: float
    dollars: float


def learn(
    past: Sequence[Steps], length: timedelta, spending: Spending, now: datetime
) -> Exchange | None:
    """The exchange of a series of windows; None where nothing can be compared.

    ``past`` holds the staircases of its windows, the running one included.
    """
    rises = [
        rise for n, steps in enumerate(past) for rise in _rises(n, steps, spending, now)
    ]
    half_life = max(HALF_LIFE, length * HALF_LIFE_WINDOWS)
    # By dollars: a rise beside hardly any spend came from elsewhere.
    ratios = sorted(
        (each.share / each.dollars, each.dollars * 0.5 ** ((now - each.at) / half_life))
        for each in rises
        if each.dollars > 0
    )
    if not ratios:
        return None
    low, rate, high = (_quantile(ratios, part) for part in (0.25, 0.5, 0.75))
    explained = sum(min(each.share, 2 * rate * each.dollars) for each in rises)
    explained /= sum(each.share for each in rises)
    windows = len({each.window for each in rises if each.dollars > 0})
    found = Exchange(rate, low, high, len(ratios), windows)
    return found._replace(doubt=_doubt(found, explained))


def _doubt(found: Exchange, explained: float) -> str:
    """Why an exchange says too little of the next dollar; empty if it says enough."""
    if found.points < ENOUGH_POINTS:
        return f"only {found.points} of {ENOUGH_POINTS} comparisons that it takes"
    if explained < EXPLAINED:
        return f"spend seen here explains {explained * 100:.0f} % of what was used"
    if found.high > found.low * WIDEST:
        return "what a dollar took varies too much"
    return ""


def _rises(
    window: int, steps: Steps, spending: Spending, now: datetime
) -> Iterator[_Rise]:
    """Rises of at least ``RISE`` during which all local spend is known."""
    known = [step for step in steps if spending.since <= step[0] <= now]
    if not known:
        return
    start_at, before = known[0]
    for at, share in known[1:]:
        # A little slack: whole percents are no exact binary fractions.
        if share - before < RISE - 1e-6:
            continue
        dollars = spending.between(start_at, at)
        if dollars is not None:
            yield _Rise(window, at, share - before, dollars)
        start_at, before = at, share


def _quantile(weighted: Sequence[tuple[float, float]], part: float) -> float:
    """The value below which a part of all weight lies; values rise."""
    goal = part * sum(weight for _, weight in weighted)
    below = 0.0
    for value, weight in weighted:
        below += weight
        if below >= goal:
            return value
    return weighted[-1][0]


def presumed(
    exchange: Exchange | None, used: float, dollars: float | None
) -> float | None:
    """Share presumably added by dollars spent since ``used`` was stated.

    None where the dollars or the rate are not known; never up to the limit itself.
    """
    if dollars is None:
        return None
    if dollars <= 0 or used >= 1:
        return 0.0
    if exchange is None or exchange.doubt:
        return None
    return min(exchange.rate * dollars, max(0.0, NEVER_REACHED - used))
