"""Scores: small cases reckoned by hand, and large ones reckoned in another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import fmean

import pytest
from histories import LENGTH, even, evens, one_series, start, window
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.records import Forecast, LimitReading
from burnmon.usage.backtest import Retold, checkpoints
from burnmon.usage.forecast import UNJUDGED, Outlook
from burnmon.usage.scores import METHODS, Tables, baselines, is_judged
from burnmon.usage.stretches import Stretch

Said = tuple[float, float, float, float]
"""A band and a chance."""


def retold(place: int, *said: tuple[datetime, Said]) -> Retold:
    """A window's forecasts, made up."""
    forecasts = [
        (
            Outlook(0.0, 0.5, at, (), (), 0),
            Forecast(low, middle, high, chance, None, "", made_at=at),
        )
        for at, (low, middle, high, chance) in said
    ]
    return Retold(place, UNJUDGED, forecasts)


def judged(readings: Iterable[LimitReading], *found: Retold) -> Tables:
    """Tables of one series."""
    tables = Tables()
    tables.add(one_series(readings), LENGTH, found)
    return tables


NINE = evens(*[0.4] * 8, 0.5)
HALF = start(8) + LENGTH / 2


# --- by hand -------------------------------------------------------------------------


def test_one_forecast() -> None:
    """The errors of one forecast are what they are by hand."""
    tables = judged(NINE, retold(8, (HALF, (0.2, 0.4, 0.6, 0.25))))
    ours = tables.scores()["burnmon"]
    assert (ours.points, ours.windows) == (1, 1)
    assert ours.pinball == pytest.approx((0.1 * 0.3 + 0.5 * 0.1 + 0.1 * 0.1) / 3)
    assert ours.mae == pytest.approx(0.1)
    assert ours.coverage_80 == 1
    assert ours.brier == pytest.approx(0.25**2)


def test_errors_are_means_over_forecasts() -> None:
    """Of several forecasts the errors are averaged, and windows are counted once."""
    later = HALF + LENGTH / 10
    said = [(HALF, (0.5, 0.5, 0.5, 0.0)), (later, (0.6, 0.7, 0.8, 0.4))]
    ours = judged(NINE, retold(8, *said)).scores()["burnmon"]
    assert (ours.points, ours.windows) == (2, 1)
    assert ours.mae == pytest.approx(0.1)
    assert ours.coverage_80 == 0.5
    assert ours.brier == pytest.approx(0.08)


def test_no_use_passes_the_limit() -> None:
    """A band above the limit is judged as one that ends at it."""
    full = [*evens(*[0.4] * 8), *even(8, 1.0)]
    ours = judged(full, retold(8, (HALF, (1.2, 1.6, 2.0, 0.8)))).scores()["burnmon"]
    assert (ours.pinball, ours.mae, ours.coverage_80) == (0, 0, 1)
    assert ours.brier == pytest.approx(0.04)


def test_methods_stand_beside_each_other() -> None:
    """Every method is judged at the same instants, burnmon first."""
    scores = judged(NINE, retold(8, (HALF, (0.2, 0.4, 0.6, 0)))).scores()
    assert tuple(scores) == METHODS
    assert {each.points for each in scores.values()} == {1}


def test_simple_methods() -> None:
    """Each simple method says what its name says, of the window so far and the past."""
    stated = [(0.1, 0.1), (0.2, 0.15), (0.4, 0.3)]
    past = one_series([*even(0, 0.4), *even(1, 0.8), *even(2, 1.0)])
    (now,) = one_series(window(3, stated))
    said = baselines(now, past, LENGTH, start(3) + LENGTH * 0.4)
    assert said["stays"][0] == pytest.approx([0.3] * 3)
    assert said["even_pace"][0] == pytest.approx([0.75] * 3)
    # Through (.1, .1), (.2, .15) and (.4, .3) the line rises by .68 a length.
    slope = 0.095 / 0.14
    assert said["least_squares"][0] == pytest.approx([0.3 + slope * 0.6] * 3, abs=1e-3)
    # After four of ten even steps the past added .24, .48 and .6.
    assert said["past_windows"][0] == pytest.approx((0.54, 0.78, 0.9))
    assert [chance for _, chance in said.values()] == [0] * 4


def test_two_statements_have_no_least_squares() -> None:
    """Below three statements the line goes on at the even pace."""
    (now,) = one_series(window(1, [(0.1, 0.1), (0.5, 0.6)]))
    said = baselines(now, one_series(even(0, 0.4)), LENGTH, start(1) + LENGTH / 2)
    assert said["least_squares"] == said["even_pace"]
    assert said["even_pace"] == ((1.2, 1.2, 1.2), 1.0)


def test_chance_of_past_windows_is_how_many_would_reach() -> None:
    """Past windows say how many of them would have filled what is left."""
    past = one_series([*even(0, 0.4), *even(1, 1.0)])
    (now,) = one_series(window(2, [(0.5, 0.6)]))
    band, chance = baselines(now, past, LENGTH, start(2) + LENGTH / 2)["past_windows"]
    assert chance == 0.5
    assert band == pytest.approx((0.8, 1.1, 1.1))


def test_later_statements_are_not_used() -> None:
    """A simple method knows nothing that was stated after the instant either."""
    past, at = one_series(even(0, 0.4)), start(1) + LENGTH / 2
    stated = [(0.1, 0.1), (0.3, 0.2), (0.5, 0.3)]
    early, late = (
        one_series(window(1, [*stated, *more]))[0] for more in ([], [(0.6, 0.9)])
    )
    assert baselines(early, past, LENGTH, at) == baselines(late, past, LENGTH, at)


# --- what is judged ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "fit"),
    [
        ([(n / 10, 0.03) for n in range(5)], True),
        ([(n / 10, 0.03) for n in range(4)], False),
        ([(n / 10, 0.02) for n in range(9)], False),
    ],
)
def test_window_must_be_stated_and_used(
    stated: Sequence[tuple[float, float]], fit: bool
) -> None:
    """Five statements and three percent make a window that can be judged."""
    (found,) = one_series(window(0, stated))
    assert is_judged(found) is fit


def test_figure_that_was_repeated_was_stated_twice() -> None:
    """A figure that was stated again counts as two statements."""
    stated = window(0, [(0.1, 0.03), (0.2, 0.05), (0.3, 0.06)])
    again = [
        replace(each, repeated_at=each.observed_at + LENGTH / 20) for each in stated
    ]
    assert [is_judged(*one_series(found)) for found in (stated, again)] == [False, True]


def test_open_windows_are_no_past() -> None:
    """Past windows that were still stated after an instant are not looked at there."""
    waits = replace(even(7, 0.4)[0], repeated_at=HALF + LENGTH / 4)
    long_ago = [*evens(*[0.4] * 7), *even(7, 1.0), waits, *even(8, 0.5)]
    found = [retold(8, (HALF, (0.2, 0.4, 0.6, 0)))]
    closed = judged(NINE, *found).scores()["past_windows"]
    assert judged(long_ago, *found).scores()["past_windows"] == closed


def test_first_eight_windows_are_not_judged() -> None:
    """Windows with fewer than eight before them are left out of the tables."""
    found = [retold(n, (start(n) + LENGTH / 2, (0.2, 0.4, 0.6, 0))) for n in range(9)]
    tables = judged(NINE, *found)
    assert tables.scores()["burnmon"].points == 1
    assert judged(NINE, *found[:8]).scores() == {}
    assert judged(NINE, *found[:8]).reliability() == []


def test_hardly_used_windows_are_no_past() -> None:
    """A window that cannot be judged is none of the eight."""
    readings = [*evens(*[0.4] * 7, 0.02), *even(8, 0.5)]
    assert judged(readings, retold(8, (HALF, (0.2, 0.4, 0.6, 0)))).scores() == {}


def test_series_add_up() -> None:
    """Forecasts of several series stand in one table."""
    tables = Tables()
    for _ in range(2):
        found = retold(8, (HALF, (0.2, 0.4, 0.6, 0)))
        tables.add(one_series(NINE), LENGTH, [found])
    ours = tables.scores()["burnmon"]
    assert (ours.points, ours.windows) == (2, 2)


# --- chances -------------------------------------------------------------------------


def test_chances_stand_beside_what_came() -> None:
    """Chances of a fifth each are told beside how often the limit was reached."""
    full = [*evens(*[0.4] * 8), *even(8, 1.0), *even(9, 0.5)]
    tables = judged(
        full,
        retold(8, (HALF, (0, 0, 0, 0.1)), (HALF + LENGTH / 10, (0, 0, 0, 1.0))),
        retold(9, (start(9) + LENGTH / 2, (0, 0, 0, 0.15))),
    )
    low, high = tables.reliability()
    assert (low.low, low.high, low.points, low.reached) == (0, 0.2, 2, 0.5)
    assert low.foretold == pytest.approx(0.125)
    assert (high.low, high.high, high.points, high.reached) == (0.8, 1, 1, 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_every_chance_is_in_one_bin(chances: list[float]) -> None:
    """No forecast is left out of the bins, and none is in two."""
    said = [(HALF + timedelta(n), (0.0, 0.0, 0.0, x)) for n, x in enumerate(chances)]
    bins = judged(NINE, retold(8, *said)).reliability()
    assert sum(each.points for each in bins) == len(chances)
    assert all(each.low <= each.foretold <= each.high for each in bins)


# --- reckoned in another way ---------------------------------------------------------

Row = tuple[Sequence[float], float, float]


class Plain:
    """A window in seconds and percents, its use the running maximum."""

    def __init__(self, stretch: Stretch) -> None:
        self.span = LENGTH.total_seconds()
        self.start = stretch.readings[0].resets_at.timestamp() - self.span
        self.seen: list[tuple[float, float]] = []
        for each in sorted(stretch.readings, key=lambda each: each.observed_at):
            top = max(100 * each.used, *(used for _, used in self.seen), 0)
            self.seen.append((each.observed_at.timestamp(), top))
        self.final = self.seen[-1][1]

    def level(self, at: float) -> float:
        return max((used for seen, used in self.seen if seen <= at), default=0)

    def says(self, at: float, past: Sequence[Plain]) -> dict[str, tuple[float, ...]]:
        """Bands of the simple methods."""
        used, gone = self.level(at), at - self.start
        left = self.span - gone
        points = [each for each in self.seen if each[0] <= at]
        mean_t, mean_u = (fmean(each) for each in zip(*points, strict=True))
        spread = sum((t - mean_t) ** 2 for t, _ in points)
        tilt = used / gone
        if len(points) > 2 and spread:
            tilt = sum((t - mean_t) * (u - mean_u) for t, u in points) / spread
        added = sorted(each.final - each.level(each.start + gone) for each in past)
        near = [added[int(level * len(added))] for level in (0.1, 0.5, 0.9)]
        return {
            "stays": (used,) * 3,
            "even_pace": (used + used / gone * left,) * 3,
            "least_squares": (used + max(0, tilt) * left,) * 3,
            "past_windows": tuple(used + each for each in near),
        }


def losses(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Pinball, mean error and coverage of bands in percents."""
    pinball, errors, inside = [], [], []
    for band, _, final in rows:
        told = [min(100, max(0, each)) for each in band]
        pinball += [
            max(level * (final - each), (1 - level) * (each - final))
            for level, each in zip((0.1, 0.5, 0.9), told, strict=True)
        ]
        errors.append(abs(told[1] - final))
        inside.append(told[0] - 1e-9 <= final <= told[2] + 1e-9)
    return fmean(pinball), fmean(errors), fmean(inside)


stated_evenly = st.lists(st.integers(3, 100), min_size=5, max_size=9).map(
    lambda found: [((n + 0.3) / len(found), used / 100) for n, used in enumerate(found)]
)
bands = st.tuples(*[st.floats(0, 1.5)] * 3, st.floats(0, 1)).map(
    lambda found: (*sorted(found[:3]), found[3])
)


@settings(max_examples=40)
@given(st.lists(stated_evenly, min_size=9, max_size=11), st.data())
def test_tables_equal_plain_reckoning(
    histories: list[list[tuple[float, float]]], data: st.DataObject
) -> None:
    """The tables say what a plain reckoning in seconds and percents says."""
    windows = one_series(
        each for n, stated in enumerate(histories) for each in window(n, stated)
    )
    found = [
        retold(n, *((at, data.draw(bands)) for at in checkpoints(each, LENGTH)))
        for n, each in enumerate(windows)
    ]
    tables = Tables()
    tables.add(windows, LENGTH, found)
    plain = [Plain(each) for each in windows]
    rows: dict[str, list[Row]] = defaultdict(list)
    for each in found[8:]:
        now = plain[each.place]
        for _, told in each.told:
            assert told.made_at
            says = now.says(told.made_at.timestamp(), plain[: each.place])
            says["burnmon"] = tuple(100 * x for x in (told.p10, told.p50, told.p90))
            for name, band in says.items():
                rows[name].append((band, told.exhaustion_probability, now.final))
    scores = tables.scores()
    assert set(scores) == set(rows)
    for name, score in scores.items():
        got = 100 * score.pinball, 100 * score.mae, score.coverage_80
        assert got == pytest.approx(losses(rows[name]), rel=1e-6, abs=1e-4)
    misses = [chance - (final >= 100) for _, chance, final in rows["burnmon"]]
    assert scores["burnmon"].brier == pytest.approx(fmean(x * x for x in misses))
