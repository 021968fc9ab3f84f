"""Use over time: staircases joined to one line, and what instants are compared by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.usage.course import DAY, HOUR, Course, Steps

LENGTH = 5 * HOUR
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
LATE = MIDNIGHT.timestamp() + 300 * DAY


def instant(hours: float) -> float:
    """Epoch seconds so many hours after midnight."""
    return MIDNIGHT.timestamp() + hours * HOUR


def used(start: float, *steps: tuple[float, float]) -> tuple[Steps, datetime]:
    """A window of five hours that begins at an hour; steps by hours since then."""
    begins_at = MIDNIGHT + timedelta(hours=start)
    stairs = [(begins_at + timedelta(hours=hours), share) for hours, share in steps]
    return stairs, begins_at + timedelta(seconds=LENGTH)


def course(*windows: tuple[Steps, datetime], now: float = LATE) -> Course:
    """The course of windows, as it was known at an instant."""
    return Course(windows, LENGTH, now)


MORNING = used(8, (0, 0.0), (1, 0.1), (3, 0.4))
EVENING = used(18, (0.1, 0.05), (2, 0.25))


# --- one line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "level"),
    [(7, 0), (8.9, 0), (9, 0.1), (11, 0.4), (18, 0.4), (18.1, 0.45), (90, 0.65)],
)
def test_windows_add_up(hours: float, level: float) -> None:
    """What was used of one window after the other is one line that rises."""
    assert course(MORNING, EVENING).at(instant(hours)) == pytest.approx(level)


def test_nothing_known_is_nothing_used() -> None:
    """Without windows nothing was used, and no hour is busier than another."""
    empty = course()
    assert empty.at(instant(12)) == 0
    assert empty.habit(instant(8), instant(13)) == 1
    assert empty.moment(instant(12), 0.3, LENGTH) == (0, 0, 0, 0.3)


def test_nothing_used_is_no_habit() -> None:
    """Windows that stay empty tell of no hour that is busier than another."""
    assert course(used(8, (0, 0.0))).habit(instant(8), instant(10)) == 1


def test_later_rises_are_not_known() -> None:
    """What is stated after the present is no part of the course."""
    now = instant(10)
    known = course(used(8, (0, 0.0), (1, 0.1)), now=now)
    assert course(MORNING, EVENING, now=now).levels == known.levels


def test_use_before_the_first_look_is_spread() -> None:
    """What was used before anybody looked is spread over the time it had."""
    late = course(used(8, (2.5, 0.3)))
    assert late.at(instant(8)) == 0
    assert late.at(instant(9.25)) == pytest.approx(0.15, abs=0.03)
    assert late.at(instant(10.5)) == pytest.approx(0.3)
    assert len(late.times) > 5


def test_soon_looked_at_is_one_rise() -> None:
    """A first look soon after the start has nothing to spread."""
    assert course(used(8, (0.2, 0.3))).times == [instant(8.2)]


def test_use_after_the_first_look_is_not_spread() -> None:
    """Between two looks nothing rose but at the second."""
    assert course(used(8, (0, 0.0), (4, 0.5))).at(instant(11.9)) == 0


@pytest.mark.parametrize("early", [0.1, 0.3, 1, 4])
def test_statement_before_the_start_counts_in_whole(early: float) -> None:
    """What is stated before the start that its reset suggests is used all the same."""
    assert course(used(8, (-early, 0.2), (1, 0.3))).levels[-1] == pytest.approx(0.3)


def test_level_is_reached_at_its_rise() -> None:
    """A level is reached at the rise that leads to it or beyond it."""
    line = course(MORNING, EVENING)
    for level, hours in [(0.1, 9), (0.11, 11), (0.4, 11), (0.42, 18.1), (0.65, 20)]:
        assert line.reaches(level) == instant(hours)


def test_level_beyond_the_end_is_reached_at_the_last_rise() -> None:
    """A level that rounding lifts above the end belongs to the last rise."""
    assert course(MORNING).reaches(0.41) == instant(11)


# --- moments -------------------------------------------------------------------------


def test_moment_looks_back_by_parts_of_the_length() -> None:
    """A moment knows the use of the last 6 %, the last 20 % and the last length."""
    steps = ((0, 0.0), (1, 0.2), (3.5, 0.3), (3.9, 0.35))
    moment = course(used(8, *steps)).moment(instant(12), 0.8, LENGTH)
    assert moment[:3] == pytest.approx((0.05, 0.15, 0.35))
    assert moment.pause == pytest.approx(0.1 / 5)


def test_pause_ends_at_the_start_of_the_window() -> None:
    """A window begins with use, so no pause is longer than what passed of it."""
    assert course(MORNING).moment(instant(20), 0.02, LENGTH).pause == 0.02


def test_moment_knows_earlier_windows() -> None:
    """The use of a window before is recent use of the window that follows."""
    line = course(used(8, (0, 0.0), (4.5, 0.6)), used(13, (0.1, 0.0)))
    assert line.moment(instant(13.2), 0.04, LENGTH).before == pytest.approx(0.6)


# --- habits --------------------------------------------------------------------------


def days(count: int) -> Course:
    """Days on which work is done at ten, and at no other hour."""
    return course(*[used(24 * n + 9, (0, 0.0), (1.5, 0.4)) for n in range(count)])


def test_usual_hours_are_busier() -> None:
    """Hours of work are above the mean, hours of rest below, a whole day is even."""
    line = days(20)
    assert line.habit(instant(10), instant(11)) > 3
    assert line.habit(instant(0), instant(4)) < 0.3
    assert line.habit(instant(3), instant(27)) == pytest.approx(1)
    assert line.habit(instant(3.5), instant(75.5)) == pytest.approx(1)


def test_part_of_an_hour_counts_in_part() -> None:
    """A span that begins and ends within hours has the mean of its time."""
    line = days(20)
    busy, calm = (line.habit(instant(h), instant(h + 1)) for h in (12, 13))
    assert line.habit(instant(12.5), instant(13.25)) == pytest.approx(
        (2 * busy + calm) / 3
    )


def test_few_days_are_no_habit() -> None:
    """What was done on one day is hardly a habit yet, and more so on each day."""
    one, some, many = (days(n).habit(instant(10), instant(11)) for n in (1, 5, 30))
    assert 1 < one < some < many


# --- properties ----------------------------------------------------------------------

rising = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 100)), min_size=1, max_size=6
).map(
    lambda found: [
        (at, share / 100)
        for at, share in zip(
            sorted(at for at, _ in found),
            sorted(share for _, share in found),
            strict=True,
        )
    ]
)
pasts = st.lists(st.tuples(st.integers(0, 200), rising), max_size=5).map(
    lambda found: [used(start, *steps) for start, steps in found]
)


@given(pasts, st.data())
def test_line_rises_to_the_sum_of_its_windows(
    windows: list[tuple[Steps, datetime]], data: st.DataObject
) -> None:
    """The line only rises, ends at all that was used, and knows no order of windows."""
    line = course(*data.draw(st.permutations(windows)))
    levels = [line.at(instant(hours)) for hours in range(0, 210, 7)]
    assert levels == sorted(levels)
    ends = [steps[-1][1] for steps, _ in windows]
    assert line.levels[-1] == pytest.approx(sum(ends))
    assert line.levels == course(*windows).levels


@given(pasts, st.integers(0, 200), st.floats(0.1, 60))
def test_habit_is_never_negative(
    windows: list[tuple[Steps, datetime]], start: int, hours: float
) -> None:
    """However little is known, a span of time is somewhat busy."""
    assert course(*windows).habit(instant(start), instant(start + hours)) >= 0
