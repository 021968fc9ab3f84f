"""Past windows forecast again: each moment as it was, and what earlier ones taught."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from histories import EVERY, LENGTH, even, evens, one_series, start, window
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.records import Forecast, LimitReading
from burnmon.usage.backtest import (
    FIRST_LOOK,
    Retold,
    checkpoints,
    foretold,
    learned,
    replay,
)
from burnmon.usage.experience import Experience
from burnmon.usage.forecast import UNJUDGED
from burnmon.usage.stretches import Stretch, extended


def parts(stretch: Stretch) -> list[float]:
    """Checkpoints as parts of the window."""
    starts_at = stretch.resets_at - LENGTH
    return [round((at - starts_at) / LENGTH, 6) for at in checkpoints(stretch, LENGTH)]


def spanned(*spans: tuple[float, float, float]) -> Stretch:
    """A window of figures that were stated from one part of it to another."""
    readings = [
        replace(reading, repeated_at=start(0) + LENGTH * last)
        for first, last, share in spans
        for reading in window(0, [(first, share)])
    ]
    return one_series(readings)[0]


# --- checkpoints ---------------------------------------------------------------------


def test_first_statement_of_each_tenth_is_a_checkpoint() -> None:
    """Raw readings are looked at once in each tenth, when it was first stated."""
    stated = [(0.12, 0.1), (0.13, 0.1), (0.19, 0.1), (0.2, 0.1), (0.57, 0.3)]
    assert parts(one_series(window(0, stated))[0]) == [0.12, 0.2, 0.57]


def test_ends_of_a_window_are_not_looked_at() -> None:
    """The first and the last twentieth of a window hold no checkpoint."""
    stated = [(0.01, 0.0), (0.049, 0.1), (0.05, 0.1), (0.95, 0.2), (0.96, 0.3)]
    assert parts(one_series(window(0, stated))[0]) == [0.05, 0.95]


def test_repeated_figure_is_looked_at_in_each_tenth() -> None:
    """A figure that was repeated for long was stated in each tenth between."""
    assert parts(spanned((0.02, 0.33, 0.1), (0.71, 0.99, 0.4))) == [
        *(0.05, 0.1, 0.2, 0.3),
        *(0.71, 0.8, 0.9),
    ]


def test_spans_that_overlap_are_one() -> None:
    """Echoes of an old figure add no second checkpoint to a tenth."""
    assert parts(spanned((0.11, 0.45, 0.1), (0.15, 0.31, 0.2))) == [
        *(0.11, 0.2, 0.3, 0.4)
    ]


def test_window_stated_only_outside_has_no_checkpoint() -> None:
    """A window that was stated before its start or at its end alone is passed over."""
    stretches = one_series(window(0, [(-0.3, 0.0), (0.97, 0.5)]))
    assert parts(stretches[0]) == []
    assert list(replay(stretches, LENGTH)) == []


# --- one replay ----------------------------------------------------------------------


def test_each_window_is_told_again_at_its_checkpoints() -> None:
    """Every window has its forecasts, each made at its checkpoint of what was known."""
    windows = one_series(evens(0.4, 0.5, 0.6))
    found = list(replay(windows, LENGTH))
    assert [each.place for each in found] == [0, 1, 2]
    for each in found:
        made = [forecast.made_at for _, forecast in each.told]
        assert made == checkpoints(windows[each.place], LENGTH)
        used = [windows[each.place].used(at) for at in made if at]
        assert [seen.used for seen, _ in each.told] == used


def test_windows_teach_once_they_closed() -> None:
    """The standing of a forecast is what the windows before had taught."""
    windows = one_series(evens(*[0.3, 0.9] * 4))
    standings = [each.standing for each in replay(windows, LENGTH)]
    assert standings[0] == UNJUDGED
    taught = [
        learned(Experience(), windows[:place], LENGTH, start(place), 99).standing
        for place in range(len(windows))
    ]
    assert standings == taught


def test_reset_is_what_was_known_of_it() -> None:
    """A reset that is stated later by seconds does not show in earlier forecasts."""
    stated = [(0.1, 0.1), (0.3, 0.2), (0.6, 0.3)]
    early, late = ([0, 0, 0], [0, 0, 58])
    found = [
        foretold(one_series(window(0, stated, jitter=each)), LENGTH, [at], UNJUDGED)
        for each in (early, late)
        for at in [start(0) + LENGTH * 0.4]
    ]
    assert found[0] == found[1]


def test_unstated_window_is_not_foretold() -> None:
    """Before its first statement nothing is told of a window."""
    windows = one_series([*even(0, 0.4), *window(1, [(0.5, 0.2)])])
    assert foretold(windows, LENGTH, [start(1) + LENGTH * 0.4], UNJUDGED) == []


# --- windows that overlap ------------------------------------------------------------


def early_reset() -> list[LimitReading]:
    """Windows, the last of which begins while the one before has not ended."""
    past = evens(0.3, 0.4, 0.5, 0.6)
    stopped = window(4, [(0.1, 0.3), (0.2, 0.6), (0.3, 0.9)])
    again = start(4) + LENGTH * 0.35
    stated = [(0.06, 0.0), (0.2, 0.1), (0.5, 0.2), (0.9, 0.4)]
    return [*past, *stopped, *window(5, stated, begins_at=again)]


def test_early_reset_teaches_at_its_end() -> None:
    """A window that was reset early teaches nothing to the one that replaced it."""
    *_, before, last = replay(one_series(early_reset()), LENGTH)
    assert (before.place, last.place) == (4, 5)
    assert last.standing == before.standing


def test_window_that_is_first_seen_late_tells_the_earlier_nothing() -> None:
    """Of two accounts' windows the one first seen late is told of last."""
    long_ago = even(0, 0.4)
    ends_first = window(1, [(0.8, 0.3), (0.9, 0.4)])
    begins_first = window(
        1, [(0.1, 0.3), (0.8, 0.9)], begins_at=start(1) + LENGTH * 0.3
    )
    found = list(replay(one_series([*long_ago, *ends_first, *begins_first]), LENGTH))
    assert [each.place for each in found] == [0, 2, 1]


# --- nothing of the future -----------------------------------------------------------

GAPS = [timedelta(minutes=30), timedelta(hours=2), LENGTH, EVERY, timedelta(days=2)]

stated_parts = st.lists(
    st.tuples(st.integers(0, 98), st.integers(0, 20), st.integers(-29, 29)),
    min_size=1,
    max_size=6,
)


@st.composite
def histories(draw: st.DrawFn) -> list[LimitReading]:
    """Windows, some of which overlap, with echoes of old figures and moving resets."""
    begins_at, readings = start(0), []
    for _ in range(draw(st.integers(1, 4))):
        found = draw(stated_parts)
        stated = [(part / 100, used / 20) for part, used, _ in found]
        jitter = [seconds for _, _, seconds in found]
        readings += window(0, stated, begins_at=begins_at, jitter=jitter)
        begins_at += draw(st.sampled_from(GAPS))
    return readings


def told(found: Sequence[Retold], until: datetime) -> list[Forecast]:
    """Forecasts that were made until an instant."""
    forecasts = [forecast for each in found for _, forecast in each.told]
    made = [each for each in forecasts if each.made_at and each.made_at <= until]
    return sorted(made, key=lambda each: (each.made_at, each.p50))


@settings(max_examples=200)
@given(histories(), st.integers(0, 60))
def test_replay_knows_no_future(readings: list[LimitReading], hours: int) -> None:
    """What is observed after an instant changes no forecast made until then."""
    until = start(0) + timedelta(hours=hours / 2)
    known = [each for each in readings if each.observed_at <= until]
    whole = list(replay(one_series(readings), LENGTH))
    part = list(replay(one_series(known), LENGTH)) if known else []
    assert told(whole, until) == told(part, until)


@settings(max_examples=30)
@given(histories(), st.integers(1, 8))
def test_merged_readings_know_no_future(
    readings: list[LimitReading], eighth: int
) -> None:
    """Figures that were joined with their repetitions tell no more at an instant."""
    until = start(0) + LENGTH * eighth / 8
    rising = [
        replace(each, used=round((each.observed_at - start(0)) / LENGTH / 10, 1))
        for each in readings
    ]
    known = [each for each in rising if each.observed_at <= until]
    if not known:
        return
    whole = [each for each in extended((), rising) if each.known_at(until)]
    found = foretold(whole, LENGTH, [until], UNJUDGED)
    assert found == foretold(extended((), known), LENGTH, [until], UNJUDGED)


@settings(max_examples=30)
@given(histories(), st.data())
def test_order_of_arrival_leaves_no_trace(
    readings: list[LimitReading], data: st.DataObject
) -> None:
    """However readings arrive, in what order and in what pieces, the replay is one."""
    shuffled = data.draw(st.permutations(readings))
    cut = data.draw(st.integers(0, len(readings)))
    grown = extended(extended((), shuffled[:cut]), shuffled[cut:])
    assert one_series(shuffled) == one_series(readings)
    assert list(replay(grown, LENGTH)) == list(replay(extended((), readings), LENGTH))


# --- learning ------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 5])
def test_learning_goes_on_where_it_stopped(most: int) -> None:
    """Windows that are judged a few at a time teach what they teach at once."""
    windows, now = one_series(evens(*[0.3, 0.9, 0.5] * 3)), start(99)
    experience = Experience()
    for _ in range(0, len(windows), most):
        experience = learned(experience, windows, LENGTH, now, most)
    assert experience == learned(Experience(), windows, LENGTH, now, 99)
    assert learned(experience, windows, LENGTH, now, most) == experience


def test_learning_as_windows_close_is_learning_at_once() -> None:
    """Whoever watches all along learns what one learns who comes later."""
    readings = evens(*[0.3, 0.9, 0.5] * 3)
    experience = Experience()
    for place in range(1, 10):
        now = start(place)
        known = one_series(each for each in readings if each.observed_at <= now)
        experience = learned(experience, known, LENGTH, now, 1)
    whole = learned(Experience(), one_series(readings), LENGTH, start(99), 99)
    assert experience == whole


def test_open_window_is_not_judged() -> None:
    """A window teaches only when its reset has come."""
    windows = one_series(evens(0.4, 0.5))
    assert learned(Experience(), windows, LENGTH, start(1), 9) == learned(
        Experience(), windows[:1], LENGTH, start(9), 9
    )


def test_long_history_is_judged_from_its_end() -> None:
    """Of a long history the newest windows are judged, the oldest of them first."""
    windows = one_series(
        each for n in range(FIRST_LOOK + 5) for each in window(n, [(0.5, 0.3)])
    )
    first = learned(Experience(), windows, LENGTH, start(999), 1)
    assert first.judged_to == windows[5].resets_at


def test_moved_reset_is_not_judged_twice() -> None:
    """An echo that moves the reset of a judged window by seconds teaches nothing."""
    windows = one_series(evens(0.3, 0.9))
    before = learned(Experience(), windows, LENGTH, start(9), 9)
    echo = even(1, 0.9)[-1]
    late = replace(echo, resets_at=echo.resets_at + timedelta(seconds=58))
    moved = extended(windows, [late])
    assert moved[-1].resets_at > windows[-1].resets_at
    assert learned(before, moved, LENGTH, start(9), 9) == before


def test_next_window_is_judged_however_soon_it_ends() -> None:
    """A window that ends minutes after a judged one is another, and is judged."""
    soon = start(0) + timedelta(minutes=3)
    windows = one_series([*even(0, 0.5), *window(0, [(0.5, 0.4)], begins_at=soon)])
    before = learned(Experience(), windows, LENGTH, start(9), 1)
    assert learned(before, windows, LENGTH, start(9), 1).judged_to == soon + LENGTH


def test_statement_after_the_reset_teaches_nothing() -> None:
    """What is stated of a window after its reset is no outcome of it."""
    late = window(0, [(1.1, 0.9)])
    plain, echoed = (one_series([*even(0, 0.5), *more]) for more in ([], late))
    assert learned(Experience(), echoed, LENGTH, start(9), 9) == learned(
        Experience(), plain, LENGTH, start(9), 9
    )
    only_late = learned(Experience(), one_series(late), LENGTH, start(9), 9)
    assert only_late == Experience(judged_to=start(0) + LENGTH)
