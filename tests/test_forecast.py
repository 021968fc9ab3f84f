"""The forecast: what it promises, when it is silent, and that it knows no future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import Forecast
from burnmon.usage.forecast import ENOUGH_PAST, TOO_EARLY, Steps, foresee

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


def seen(steps: Steps, now: datetime, past: Past = ()) -> Forecast:
    """The forecast, where there must be one."""
    forecast = foresee(steps, RESET, LENGTH, past, now)
    assert forecast is not None
    return forecast


# --- silence -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "now"),
    [
        pytest.param((), after(0.5), id="nothing stated"),
        pytest.param(stairs((0.6, 0.3)), after(0.5), id="nothing stated yet"),
        pytest.param(stairs((0.0, 0.01)), after(TOO_EARLY / 2), id="too early"),
        pytest.param(stairs((0.5, 0.3)), RESET, id="the reset has come"),
        pytest.param(stairs((-0.2, 0.3)), after(-0.1), id="before its start"),
    ],
)
def test_silent_where_nothing_is_known(steps: Steps, now: datetime) -> None:
    """Where there is nothing to tell from, there is no forecast."""
    assert foresee(steps, RESET, LENGTH, (), now) is None


def test_history_speaks_before_the_pace_can() -> None:
    """With past windows there is a forecast from the first reading on."""
    now = after(TOO_EARLY / 2)
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
    assert forecast.exhaustion_probability > 0.9
    assert forecast.exhausted_at is not None
    first, middle, last = forecast.exhausted_at
    assert after(0.25) < first <= middle <= last <= RESET


def test_rises_when_work_becomes_faster() -> None:
    """Three sub-agents at work show within a tenth of the window."""
    calm = linear(0.5)[:10]
    hurried = (*calm, *stairs((0.51, 0.29), (0.53, 0.35), (0.55, 0.41)))
    now = after(0.56)
    slow, fast = seen(calm, now), seen(hurried, now)
    assert fast.exhaustion_probability > slow.exhaustion_probability + 0.2


def test_first_reading_is_no_burst() -> None:
    """What was used before anyone looked is spread over the time it had."""
    forecast = seen(stairs((0.5, 0.3)), after(0.51))
    assert forecast.p50 < 0.7
    assert forecast.exhaustion_probability < 0.1


@pytest.mark.parametrize("past", [(), history(0.9, 1.0, 1.0, 0.2, 0.6)])
def test_decays_when_work_stops(past: Past) -> None:
    """The chance falls with every minute in which nothing is stated."""
    steps = linear(1.6)[:8]
    instants = [after(0.4 + 0.59 * n / 40) for n in range(41)]
    chances = [seen(steps, now, past).exhaustion_probability for now in instants]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > chances[-1]
    assert chances[-1] < 0.1


def test_reached_is_certain_at_once() -> None:
    """A limit that is reached is reached now, with certainty."""
    now = after(0.5)
    forecast = seen(stairs((0.3, 1.0)), now)
    assert (forecast.p10, forecast.p50, forecast.p90) == (1.0, 1.0, 1.0)
    assert forecast.exhaustion_probability == 1
    assert forecast.exhausted_at == (now, now, now)


# --- past windows --------------------------------------------------------------------


def test_few_past_windows_are_not_trusted() -> None:
    """Below five past windows the window's own pace speaks."""
    few = history(*[0.9] * (ENOUGH_PAST - 1))
    steps, now = linear(0.5), after(0.5)
    assert seen(steps, now, few) == seen(steps, now)


def test_past_windows_tell_the_band() -> None:
    """With five past windows the band is what they still added from here on."""
    past = history(0.2, 0.4, 0.6, 0.8, 1.0)
    forecast = seen(linear(0.5), after(0.525), past)
    assert "5 past windows" in forecast.method
    assert forecast.p50 == pytest.approx(0.25 + 0.6 * 0.45)
    assert forecast.p90 > forecast.p50 > forecast.p10 > 0.25


def test_past_windows_never_claim_certainty() -> None:
    """A chance from past windows is neither nothing nor certainty while any is left."""
    calm = seen(linear(0.2), after(0.5), history(*[0.2] * 5))
    wild = seen(linear(1.0), after(0.5), history(*[2.0] * 5))
    assert 0 < calm.exhaustion_probability < 0.1
    assert 0.9 < wild.exhaustion_probability < 1


def test_windows_that_have_not_ended_are_no_past() -> None:
    """A past window counts from its reset on."""
    past = history(0.2, 0.4, 0.6, 0.8, 1.0)
    unended = [(steps, RESET + timedelta(hours=1)) for steps, _ in past]
    steps, now = linear(0.5), after(0.5)
    assert seen(steps, now, unended) == seen(steps, now)


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
    for quantile, least in ((forecast.p10, 0.75), (forecast.p50, 0.5)):
        assert chance >= least or quantile < 1 + 1e-9
    assert chance >= 0.1 - 1e-9 or forecast.p90 < 1 + 1e-9
    assert chance <= 0.5 or forecast.p90 > 1 - 1e-9


@given(rising, windows_before, moments)
def test_exhaustion_lies_ahead(
    steps: list[tuple[float, float]], past: Past, now: datetime
) -> None:
    """The instants of exhaustion are in order, after now and not after the reset."""
    forecast = foresee(stairs(*steps), RESET, LENGTH, past, now)
    if forecast is None or forecast.exhausted_at is None or forecast.p10 == 1:
        return
    first, middle, last = forecast.exhausted_at
    assert now < first <= middle <= last <= RESET
    assert forecast.exhaustion_probability >= 0.5


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
