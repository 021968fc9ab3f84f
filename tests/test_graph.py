"""Pictures made of glyphs, tested as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import example
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.frame import lines, once
from burnmon.frame.graph import bar, burn_up, sparkline
from burnmon.frame.segments import Line, width_of
from burnmon.live.snapshot import Chart, Snapshot

SHARES = st.floats(0, 2, allow_nan=False)


def drawn(line: Line) -> str:
    """The glyphs of a line."""
    return "".join(segment.text for segment in line)


def ramp(last: float, band: tuple[float, float, float] | None) -> Chart:
    """A chart of ten hours, half of them over, that rises evenly to ``last``."""
    start = example.NOW - timedelta(hours=5)
    points = tuple(
        (start + timedelta(minutes=30 * step), last * step / 10) for step in range(11)
    )
    end = start + timedelta(hours=10)
    return Chart("ramp", "share", start, end, points, 1.0, band)


@pytest.mark.parametrize(
    ("part", "pace", "glyphs"),
    [
        (0.0, None, "──────────"),
        (0.5, None, "━━━━━─────"),
        (0.55, None, "━━━━━╸────"),
        (0.5, 0.2, "━━┃━━─────"),
        (0.5, 0.8, "━━━━━───┃─"),
        (1.7, 1.0, "━━━━━━━━━┃"),
        (0.001, None, "╸─────────"),
        (None, 0.5, "─────┃────"),
    ],
)
def test_bar(part: float | None, pace: float | None, glyphs: str) -> None:
    """A bar shows what is used and a notch at even pace; a trace is not nothing."""
    assert drawn(bar(part, pace, 10, "calm")) == glyphs


@pytest.mark.parametrize(
    ("values", "glyphs"),
    [
        ((), "    "),
        ((0.0, 0.0), "    "),
        ((1.0, 2.0), "  ▄▇"),
        ((9, 1, 2, 3, 4), "▃▄▅▇"),
    ],
    ids=["none", "zeros", "short", "long"],
)
def test_sparkline(values: tuple[float, ...], glyphs: str) -> None:
    """A sparkline shows the newest values at its right end."""
    assert sparkline(values, 4) == glyphs


def test_chart_without_forecast() -> None:
    """What is used rises to now, and after now only the limit is drawn."""
    picture = [drawn(line) for line in burn_up(ramp(1.0, None), 10, 5)]
    assert picture == [
        "┈┈┈┈┈┈┈┈┈┈",
        "   ▂██    ",
        "  ▃███    ",
        " ▅████    ",
        "▆█████    ",
    ]


def test_chart_with_forecast() -> None:
    """The band starts at what is used and widens towards the end."""
    picture = [drawn(line) for line in burn_up(ramp(0.4, (0.5, 0.8, 1.0)), 12, 11)]
    heights = [sum(row[column] in "▒░" for row in picture) for column in range(7, 12)]
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] >= 1


def test_band_above_the_limit() -> None:
    """The part of the band that passes the limit is alarming."""
    styles = {
        segment.style
        for line in burn_up(ramp(0.6, (0.9, 1.1, 1.4)), 20, 10)[:2]
        for segment in line
    }
    assert "alarm" in styles


def test_chart_that_has_not_begun() -> None:
    """A chart without points draws its limit and nothing else."""
    empty = replace(ramp(1.0, None), points=())
    assert {drawn(line) for line in burn_up(empty, 8, 4)} == {"┈" * 8, " " * 8}


@given(st.none() | SHARES, st.none() | st.floats(0, 1), st.integers(0, 60))
def test_bar_width(part: float | None, pace: float | None, width: int) -> None:
    """A bar is exactly as wide as asked."""
    assert width_of(bar(part, pace, width, "calm")) == width


@given(st.lists(st.floats(0, 1e9), max_size=30), st.integers(0, 20))
def test_sparkline_width(values: list[float], width: int) -> None:
    """A sparkline is exactly as wide as asked."""
    assert len(sparkline(values, width)) == width


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.floats(0, 3),
    st.none() | st.tuples(SHARES, SHARES, SHARES),
)
def test_chart_size(
    columns: int, rows: int, last: float, band: tuple[float, float, float] | None
) -> None:
    """A chart fills its grid exactly, whatever it shows."""
    picture = burn_up(ramp(last, band), columns, rows)
    assert [width_of(line) for line in picture] == [columns] * rows


VARIANTS = (
    example.snapshot,
    example.idle,
    example.one_session,
    example.limit_reached,
    example.unknown_limit,
    example.stale,
    example.scanning,
    example.empty,
)


@given(
    st.sampled_from(VARIANTS).map(lambda make: make()),
    st.integers(1, 220),
    st.integers(1, 70),
)
def test_picture_size(snapshot: Snapshot, width: int, height: int) -> None:
    """The whole picture fills the screen exactly, whatever its size."""
    picture = lines(snapshot, width, height)
    assert [width_of(line) for line in picture] == [width] * height


def test_once_has_no_blank_ends() -> None:
    """The plain picture has one line per row, and no blanks at their ends."""
    rows = once(example.snapshot(), 80, 24).split("\n")
    assert len(rows) == 24
    assert rows == [row.rstrip() for row in rows]


def test_hostile_words_are_harmless() -> None:
    """What a file calls a branch, title or tool cannot steer the terminal."""
    evil = "x\x1b]0;owned\x07\n\x1b[2J\u202ey"
    row = replace(
        example.sessions()[0], project=evil, branch=evil, title=evil, doing=evil
    )
    event = replace(example.events()[0], text=evil, project=evil)
    hostile = replace(example.snapshot(), answer=evil, sessions=(row,), events=(event,))
    picture = once(hostile, 160, 45)
    assert "\x1b" not in picture
    assert "\u202e" not in picture
    assert len(picture.split("\n")) == 45
