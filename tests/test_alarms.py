"""How early the past was warned: the verdict followed through windows that ran out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median_high

from histories import LENGTH, even, evens, one_series, start, window

from burnmon.records import LimitReading
from burnmon.usage.alarms import Alarm, alarms
from burnmon.usage.backtest import foretold, replay

PAST = evens(*[0.5, 0.6, 0.4] * 3)
LAST = 9


def heard(readings: Sequence[LimitReading], length: timedelta = LENGTH) -> list[Alarm]:
    """What was said of the windows of a series."""
    windows = one_series(readings)
    return alarms(windows, length, list(replay(windows, length)))


def steps(*corners: tuple[float, float], looks: int = 60) -> list[LimitReading]:
    """The last window, used evenly from corner to corner and stated often."""
    stated = []
    for (begin, low), (end, high) in pairwise(corners):
        for n in range(round((end - begin) * looks)):
            part = begin + n / looks
            share = low + (high - low) * (part - begin) / (end - begin)
            stated.append((part, round(share, 2)))
    return window(LAST, [*stated, corners[-1]])


STEADY = steps((0, 0), (0.6, 1.0))


def test_steady_use_is_warned_of() -> None:
    """A window that is used too fast all along is warned of well before its end."""
    (alarm,) = heard([*PAST, *STEADY])
    assert alarm.place == LAST
    assert alarm.resets_at == start(LAST) + LENGTH
    assert alarm.known_at == start(LAST)
    assert alarm.reached_at == start(LAST) + LENGTH * 0.6
    assert alarm.warned_at is not None
    assert alarm.reached_at - alarm.warned_at > timedelta(minutes=30)
    assert alarm.raised == 1


def test_calm_windows_are_silent() -> None:
    """Windows that never come near the limit are not heard of."""
    assert heard(PAST) == []


def test_full_from_the_first_statement_has_no_warning() -> None:
    """What nobody could know of before it was full was not warned of."""
    (alarm,) = heard([*PAST, *window(LAST, [(0.4, 1.0), (0.5, 1.0)])])
    assert alarm.known_at == alarm.reached_at
    assert (alarm.warned_at, alarm.raised, alarm.off_by) == (None, 0, None)


def test_alarm_for_nothing_is_told_as_such() -> None:
    """A window that stops short of the limit, against what was said, is no warning."""
    (alarm,) = heard([*PAST, *steps((0, 0), (0.4, 0.9), (0.99, 0.91))])
    assert alarm.raised >= 1
    assert (alarm.reached_at, alarm.warned_at, alarm.off_by) == (None, None, None)


def test_warning_that_was_taken_back_does_not_count() -> None:
    """Only a warning that stood until the limit was reached is one."""
    early = steps((0, 0), (0.3, 0.8), (0.85, 0.81), (0.95, 1.0))
    (alarm,) = heard([*PAST, *early])
    assert alarm.reached_at == start(LAST) + LENGTH * 0.95
    assert alarm.raised >= 1
    assert alarm.warned_at is None or alarm.warned_at > start(LAST) + LENGTH * 0.6


def test_limit_that_was_given_back_was_reached() -> None:
    """A window that was full ran out, though the provider gave use back later."""
    again = window(LAST, [(0.7, 0.02), (0.8, 0.07), (0.9, 0.13)])
    (alarm,) = heard([*PAST, *STEADY, *again])
    assert alarm.reached_at == start(LAST) + LENGTH * 0.6
    assert alarm.warned_at is not None


def test_time_of_exhaustion_is_judged_by_its_median() -> None:
    """The instant that was foretold in the last hour is compared with the true one."""
    windows = one_series([*PAST, *STEADY])
    *_, last = replay(windows, LENGTH)
    (alarm,) = alarms(windows, LENGTH, [last])
    assert alarm.reached_at
    instants = [
        each.observed_at
        for each in STEADY
        if timedelta(0) < alarm.reached_at - each.observed_at <= timedelta(hours=1)
    ]
    told = [each for _, each in foretold(windows, LENGTH, instants, last.standing)]
    errors = [abs(x.exhausted_at[1] - alarm.reached_at) for x in told if x.exhausted_at]
    assert alarm.off_by == median_high(errors)


def test_warning_that_stands_at_the_last_statement_is_none_without_a_limit() -> None:
    """A window that was last stated just below the limit did not reach it."""
    (alarm,) = heard([*PAST, *steps((0, 0), (0.5, 0.99))])
    assert (alarm.raised, alarm.reached_at, alarm.warned_at) == (1, None, None)


def test_alarms_know_no_future() -> None:
    """What is stated after the limit was reached changes nothing of its warning."""
    more = even(LAST + 1, 0.9)
    (alarm, *_) = heard([*PAST, *STEADY, *more])
    assert [alarm] == heard([*PAST, *STEADY])
