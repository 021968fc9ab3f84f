"""The forecast: what it promises, when it is silent, and that it knows no future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import Forecast
from burnmon.usage.course import Steps
from burnmon.usage.forecast import (
    FULL,
    MOST_PAST,
    TELLS_WHEN,
    UNJUDGED,
    Standing,
    foresee,
)

RESET = datetime(2026, 11, 20, 15, tzinfo=UTC)
LENGTH = timedelta(hours=5)
START = RESET - LENGTH


def after(share: float) -> datetime:
    """The instant at which a share of the window has passed."""
    return START + LENGTH * share


def stairs(*steps: tuple[float, float], back: int = 0) -> Steps:
    """A staircase from pairs of shares: passed and used; of a window before."""
    return tuple((after(passed) - LENGTH * back, used) for passed, used in steps)


def linear(to: float, back: int = 0) -> Steps:
    """A window that was used evenly, in twenty steps."""
    return stairs(*((n / 20, to * n / 20) for n in range(1, 20)), back=back)


Past = Sequence[tuple[Steps, datetime]]


def history(*ends: float) -> Past:
    """Past windows that were used evenly up to these shares."""
    return [
        (linear(end, back), RESET - LENGTH * back) for back, end in enumerate(ends, 1)
    ]


def seen(
    steps: Steps, now: datetime, past: Past = (), standing: Standing = UNJUDGED
) -> Forecast:
    """The forecast, where there must be one."""
    forecast = foresee(steps, RESET, LENGTH, past, now, standing)
    assert forecast is not None
    return forecast


# --- silence -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "now"),
    [
        pytest.param((), after(0.5), id="nothing stated"),
        pytest.param(stairs((0.6, 0.3)), after(0.5), id="nothing stated yet"),
        pytest.param(stairs((0.5, 0.3)), RESET, id="the reset has come"),
        pytest.param(stairs((-0.2, 0.3)), after(-0.1), id="before its start"),
    ],
)
def test_silent_where_nothing_is_known(steps: Steps, now: datetime) -> None:
    """Where there is nothing to tell from, there is no forecast."""
    assert foresee(steps, RESET, LENGTH, (), now) is None


def test_history_speaks_from_the_first_reading_on() -> None:
    """With past windows there is a forecast from the first reading on."""
    now = after(0.01)
    forecast = seen(stairs((0.0, 0.0)), now, history(0.3, 0.4, 0.5, 0.6, 0.7))
    assert forecast.p10 < 0.5 < forecast.p90


# --- pace ----------------------------------------------------------------------------


def test_even_use_goes_on_evenly() -> None:
    """Four tenths in half of the time make eight tenths likely, the end less so."""
    forecast = seen(linear(0.8), after(0.5))
    assert forecast.p10 < 0.8 < forecast.p90
    assert 0.05 < forecast.exhaustion_probability < 0.5


def test_fast_use_runs_out() -> None:
    """A window used at thrice an even pace runs out, and it is told when."""
    forecast = seen(linear(3.0), after(0.25))
    assert forecast.exhaustion_probability > 0.6
    assert forecast.exhausted_at is not None
    first, middle, last = forecast.exhausted_at
    assert after(0.25) < first <= middle <= last <= RESET


def test_rises_when_work_becomes_faster() -> None:
    """Three sub-agents at work show within a tenth of the window."""
    calm = linear(0.5)[:10]
    hurried = (*calm, *stairs((0.51, 0.29), (0.53, 0.35), (0.55, 0.41)))
    now = after(0.56)
    slow, fast = seen(calm, now), seen(hurried, now)
    assert fast.exhaustion_probability > slow.exhaustion_probability + 0.05
    assert fast.p50 > slow.p50 + 0.1


def test_first_reading_is_no_burst() -> None:
    """What was used before anyone looked is spread over the time it had."""
    forecast = seen(stairs((0.5, 0.3)), after(0.51))
    assert forecast.p50 < 0.6
    assert forecast.exhaustion_probability < 0.2


@pytest.mark.parametrize("past", [(), history(0.9, 1.0, 1.0, 0.2, 0.6)])
def test_decays_when_work_stops(past: Past) -> None:
    """The chance falls while nothing is stated, and never rises by more than a hair."""
    steps = linear(1.6)[:8]
    instants = [after(0.4 + 0.59 * n / 40) for n in range(41)]
    chances = [seen(steps, now, past).exhaustion_probability for now in instants]
    for place, chance in enumerate(chances):
        assert chance <= min(chances[: place + 1]) + 0.03
    assert chances[-1] < 0.1


def test_reached_is_certain_at_once() -> None:
    """A limit that is reached is reached now, with certainty."""
    now = after(0.5)
    forecast = seen(stairs((0.3, 1.0)), now)
    assert (forecast.p10, forecast.p50, forecast.p90) == (1.0, 1.0, 1.0)
    assert forecast.exhaustion_probability == 1
    assert forecast.exhausted_at == (now, now, now)


# --- day one -------------------------------------------------------------------------


@pytest.mark.parametrize("used", [0.0, 0.01, 0.3, 0.95])
@pytest.mark.parametrize("passed", [0.001, 0.3, 0.97])
def test_works_without_any_past(passed: float, used: float) -> None:
    """The first window ever has a band from its first reading on, wide and honest."""
    forecast = seen(stairs((0.0, used)), after(passed))
    assert used <= forecast.p10 <= forecast.p50 <= forecast.p90
    assert forecast.made_at == after(passed)


def test_a_window_that_just_began_is_no_pause() -> None:
    """A window begins with use: its first 0 % does not mean that nobody works."""
    forecast = seen(stairs((0.0, 0.0)), after(0.001))
    assert forecast.p90 > 0.2


# --- past windows --------------------------------------------------------------------


def test_past_windows_tell_the_band() -> None:
    """Light windows of the past make a lighter forecast than heavy ones do."""
    steps, now = linear(0.3), after(0.525)
    light = seen(steps, now, history(*[0.35] * 8))
    heavy = seen(steps, now, history(*[0.9] * 8))
    assert "8 past windows" in light.method
    assert light.p50 < heavy.p50
    assert light.p90 < heavy.p90


def test_windows_that_end_alike_narrow_the_band() -> None:
    """What every past window did again and again is expected again."""
    steps, now = linear(0.5), after(0.525)
    alike = seen(steps, now, history(*[0.5] * 12), Standing(own=0.9))
    apart = seen(steps, now, history(*[0.2, 0.9, 0.4, 0.1] * 3), Standing(own=0.9))
    assert alike.p90 - alike.p10 < apart.p90 - apart.p10


def test_no_past_claims_certainty() -> None:
    """A window that is nearly full may still be left alone."""
    wild = seen(linear(1.0), after(0.9), history(*[1.0] * 5))
    assert 0.3 < wild.exhaustion_probability < 1


def test_only_the_newest_windows_are_looked_back_on() -> None:
    """Windows of long ago say nothing of today."""
    recent = history(*[0.4] * MOST_PAST)
    long_ago = [*history(*[0.4] * MOST_PAST, *[1.0] * 30)]
    steps, now = linear(0.3), after(0.5)
    assert seen(steps, now, long_ago) == seen(steps, now, recent)


# --- standing ------------------------------------------------------------------------


def test_the_say_follows_the_standing() -> None:
    """Whose opinion proved right is heard more."""
    steps, now, past = linear(0.3), after(0.5), history(*[0.95] * 8)
    chances = [
        seen(steps, now, past, Standing(own=share)).p50 for share in (0.1, 0.5, 0.9)
    ]
    assert chances == sorted(chances)
    assert chances[0] < chances[-1]


def test_quantiles_widen_the_band() -> None:
    """A band that proved too narrow is told from quantiles further apart."""
    steps, now, past = linear(0.3), after(0.5), history(0.3, 0.4, 0.5, 0.6, 0.7)
    narrow = seen(steps, now, past, Standing(low=0.1, high=0.8))
    wide = seen(steps, now, past, Standing(low=0.05, high=0.95))
    assert wide.p10 <= narrow.p10 <= narrow.p90 < wide.p90
    assert wide.exhaustion_probability == narrow.exhaustion_probability


# --- properties ----------------------------------------------------------------------

percents = st.integers(0, 100).map(lambda n: n / 100)
rising = st.lists(
    st.tuples(st.floats(0, 1), percents), min_size=1, max_size=8, unique_by=lambda s: s
).map(lambda found: list(zip(*map(sorted, zip(*found, strict=True)), strict=True)))
windows_before = st.lists(rising, max_size=8).map(
    lambda found: [
        (stairs(*steps, back=back), RESET - LENGTH * back)
        for back, steps in enumerate(found, 1)
    ]
)
moments = st.floats(0.001, 0.999).map(after)


@given(rising, windows_before, moments)
def test_band_is_ordered_and_above_the_present(
    steps: list[tuple[float, float]], past: Past, now: datetime
) -> None:
    """The band rises, begins at what is used, and agrees with the chance."""
    made = stairs(*steps)
    forecast = foresee(made, RESET, LENGTH, past, now)
    if forecast is None:
        return
    used = max(share for when, share in made if when <= now)
    assert used <= forecast.p10 <= forecast.p50 <= forecast.p90
    chance = forecast.exhaustion_probability
    assert 0 <= chance <= 1
    assert chance > 0.5 or forecast.p10 < FULL
    assert chance < 0.5 or forecast.p90 >= FULL - 1e-9


@given(rising, windows_before, moments)
def test_exhaustion_lies_ahead(
    steps: list[tuple[float, float]], past: Past, now: datetime
) -> None:
    """The instants of exhaustion are in order, after now and not after the reset."""
    forecast = foresee(stairs(*steps), RESET, LENGTH, past, now)
    if forecast is None or forecast.exhausted_at is None:
        return
    first, middle, last = forecast.exhausted_at
    assert now <= first <= middle <= last <= RESET
    assert forecast.exhaustion_probability >= TELLS_WHEN


@given(rising, windows_before, moments, st.data())
def test_knows_no_future(
    steps: list[tuple[float, float]], past: Past, now: datetime, data: st.DataObject
) -> None:
    """What is observed after an instant changes nothing of its forecast."""
    shift = timedelta(hours=data.draw(st.integers(0, 20)))
    late = [(tuple((at + shift, used) for at, used in s), reset) for s, reset in past]
    known = [(tuple(step for step in s if step[0] <= now), reset) for s, reset in late]
    made = stairs(*steps)
    until_now = tuple(step for step in made if step[0] <= now)
    told = foresee(made, RESET, LENGTH, late, now)
    assert told == foresee(until_now, RESET, LENGTH, known, now)


@given(rising, windows_before, moments, st.data())
def test_order_of_past_windows_does_not_matter(
    steps: list[tuple[float, float]], past: Past, now: datetime, data: st.DataObject
) -> None:
    """Past windows count alike, in whatever order they come."""
    shuffled = data.draw(st.permutations(past))
    made = stairs(*steps)
    assert foresee(made, RESET, LENGTH, past, now) == foresee(
        made, RESET, LENGTH, shuffled, now
    )
