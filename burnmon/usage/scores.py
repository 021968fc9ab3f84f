"""Forecasts against what came of them, beside the simple methods they must beat.

Windows are judged that were stated at five instants or more, came to 3 % or more and
have eight earlier windows of their series behind them, once in each tenth. Shares, not
percents, here as everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from burnmon.records import Forecast
from burnmon.usage.backtest import Retold
from burnmon.usage.experience import LEAST, pinball
from burnmon.usage.stretches import Stretch

ENOUGH_PAST, ENOUGH_READINGS = 8, 5
"""Earlier windows, and statements, that a window must have to be judged."""
OURS = "burnmon"
METHODS = (OURS, "past_windows", "least_squares", "even_pace", "stays")
BINS = 5

Band = tuple[float, float, float]


class Score(Struct, frozen=True):
    """How one method did."""

    points: int
    windows: int
    pinball: float
    """Mean quantile loss of p10, p50 and p90."""
    mae: float
    """Mean absolute error of p50."""
    coverage_80: float
    """Share of outcomes that lay between p10 and p90."""
    brier: float
    """Mean squared error of the chance to reach the limit."""


class Bin(Struct, frozen=True):
    """Forecasts of nearly the same chance, and how often it came so."""

    low: float
    high: float
    points: int
    foretold: float
    reached: float


class Tables:
    """Collects forecasts of many series and adds up their errors."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Band, float, float]]] = {
            name: [] for name in METHODS
        }
        self._windows = 0

    def add(
        self, windows: Sequence[Stretch], length: timedelta, found: Iterable[Retold]
    ) -> None:
        """Take the forecasts of one series but those that cannot be judged."""
        places = [place for place, each in enumerate(windows) if is_judged(each)]
        for each in found:
            if each.place not in places[ENOUGH_PAST:]:
                continue
            window = windows[each.place]
            past = [windows[place] for place in places if place < each.place]
            rows = [
                row
                for _, forecast in each.told
                for row in self._compared(window, past, length, forecast)
            ]
            self._windows += bool(rows)
            for name, band, chance in rows:
                self._rows[name].append((band, chance, window.top))

    def _compared(
        self,
        window: Stretch,
        past: Sequence[Stretch],
        length: timedelta,
        forecast: Forecast,
    ) -> Iterator[tuple[str, Band, float]]:
        """A forecast and what the simple methods said at the same instant."""
        at = forecast.made_at
        known = [each for each in past if at is not None and each.last_at <= at]
        if at is None or not known:
            return
        band = (forecast.p10, forecast.p50, forecast.p90)
        yield OURS, band, forecast.exhaustion_probability
        for name, (said, chance) in baselines(window, known, length, at).items():
            yield name, said, chance

    def scores(self) -> dict[str, Score]:
        """The errors of each method, ours first; empty where nothing was judged."""
        return {
            name: _score(rows, self._windows)
            for name, rows in self._rows.items()
            if rows
        }

    def reliability(self) -> list[Bin]:
        """Our chances in bins of a fifth, beside how often the limit was reached."""
        bins = []
        for place in range(BINS):
            low, high = place / BINS, (place + 1) / BINS
            rows = [
                (chance, final >= 1)
                for _, chance, final in self._rows[OURS]
                if low <= chance < high or (chance == high == 1)
            ]
            if rows:
                foretold = sum(chance for chance, _ in rows) / len(rows)
                reached = sum(full for _, full in rows) / len(rows)
                bins.append(Bin(low, high, len(rows), foretold, reached))
        return bins


def is_judged(window: Stretch) -> bool:
    """Whether a window was stated often enough, and used enough, to be judged by."""
    stated = sum(
        2 if each.repeated_at and each.repeated_at > each.observed_at else 1
        for each in window.readings
    )
    return stated >= ENOUGH_READINGS and window.top >= LEAST


def baselines(
    window: Stretch, past: Sequence[Stretch], length: timedelta, at: datetime
) -> dict[str, tuple[Band, float]]:
    """What the simple methods say at an instant: a band and a chance each.

    They use the window so far, and what past windows added from the same part on.
    """
    starts_at = window.readings[0].resets_at - length
    seen = [(x.observed_at, x.used) for x in window.readings if x.observed_at <= at]
    rises = _running(seen)
    used = rises[-1][1]
    left = (window.readings[0].resets_at - at) / length
    gone = max(timedelta(minutes=1), at - starts_at) / length
    pace = used + used / gone * left
    slope = _slope([((when - starts_at) / length, share) for when, share in rises])
    line = used + (used / gone if slope is None else slope) * left
    added = sorted(_added(each, gone, length) for each in past)
    low, middle, high = (
        used + added[min(len(added) - 1, int(level * len(added)))]
        for level in (0.1, 0.5, 0.9)
    )
    hits = sum(used + each >= 1 for each in added) / len(added)
    return {
        "past_windows": ((low, middle, high), hits),
        "least_squares": ((line, line, line), float(line >= 1)),
        "even_pace": ((pace, pace, pace), float(pace >= 1)),
        "stays": ((used, used, used), float(used >= 1)),
    }


def _running(seen: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    rises: list[tuple[datetime, float]] = []
    for when, share in seen:
        rises.append((when, max(share, rises[-1][1]) if rises else share))
    return rises


def _added(window: Stretch, part: float, length: timedelta) -> float:
    at = window.readings[0].resets_at - length * (1 - part)
    rises = _running([(each.observed_at, each.used) for each in window.readings])
    place = bisect_right([when for when, _ in rises], at)
    return window.top - (rises[place - 1][1] if place else 0.0)


def _slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Least squares; None below three points or where all are at one instant."""
    if len(points) < 3:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return None
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def _score(rows: Sequence[tuple[Band, float, float]], windows: int) -> Score:
    count = len(rows)
    inside = sum(
        min(1.0, band[0]) - 1e-9 <= final <= min(1.0, band[2]) + 1e-9
        for band, _, final in rows
    )
    return Score(
        count,
        windows,
        sum(pinball(band, final) for band, _, final in rows) / count,
        sum(abs(min(1.0, band[1]) - final) for band, _, final in rows) / count,
        inside / count,
        sum((chance - (final >= 1)) ** 2 for _, chance, final in rows) / count,
    )
