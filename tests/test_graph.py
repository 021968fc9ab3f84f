"""Pictures made of glyphs, tested as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Literal

import example
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.frame import lines, once
from burnmon.frame.axes import axes_of
from burnmon.frame.graph import bar, burn_up, in_one_colour, sparkline
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


def band(chart: Chart, columns: int, rows: int) -> list[str]:
    """The forecast of a chart without its colours, column by column."""
    picture = [in_one_colour(line) for line in burn_up(chart, columns, rows)]
    cells = [
        [
            text if style.split(" ")[0] in ("near", "far", "alarm") else " "
            for run, style in line
            for text in run
        ]
        for line in picture
    ]
    return ["".join(column[::-1]) for column in zip(*cells, strict=True)]


def test_forecast_widens() -> None:
    """The band starts at what is used and widens towards the end."""
    columns = band(ramp(0.4, (0.5, 0.8, 1.0)), 12, 11)[7:]
    heights = [len(column.strip()) for column in columns]
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] >= 1


def test_forecast_has_smooth_edges() -> None:
    """The upper edge of the band rises in eighths of a cell."""
    edges = {
        column.strip()[-1] for column in band(ramp(0.4, (0.45, 0.5, 0.6)), 60, 11)[32:]
    }
    assert len(edges & set("▁▂▃▄▅▆▇")) >= 5


def test_forecast_in_one_colour() -> None:
    """Without backgrounds no cell of the band is taken for what was used."""
    picture = [
        in_one_colour(line) for line in burn_up(ramp(0.4, (0.5, 0.8, 1.0)), 60, 11)
    ]
    grounds = {text for line in picture for text, style in line if " on-" in style}
    assert set("".join(grounds)) <= set("▒░")


def test_band_above_the_limit() -> None:
    """The part of the band that passes the limit is alarming, and only that part."""
    chart = ramp(0.6, (0.9, 1.1, 1.4))
    styles = [" ".join(style for _, style in line) for line in burn_up(chart, 20, 10)]
    limit = axes_of(chart, 20, 10).row_above(1.0)
    assert "alarm" in styles[limit]
    assert not any("alarm" in each for each in styles[limit + 1 :])
    assert not any("near" in each for each in styles[: limit + 1])


@pytest.mark.parametrize("rows", range(5, 40))
@pytest.mark.parametrize("unit", ["share", "usd"])
def test_labels_lie_evenly(rows: int, unit: Literal["share", "usd"]) -> None:
    """Labels are the same number of rows apart, at least two and three of them."""
    limit = 1.0 if unit == "share" else None
    chart = replace(ramp(0.83, (0.85, 0.9, 0.97)), unit=unit, limit=limit)
    labels = list(axes_of(chart, 40, rows).levels())
    gaps = {upper - lower for upper, lower in pairwise(labels)}
    assert len(gaps) == 1
    assert gaps.pop() >= 2
    assert len(labels) >= (3 if rows > 4 else 2)


@given(st.floats(0, 1e7), st.integers(1, 60))
def test_chart_holds_what_was_used(last: float, rows: int) -> None:
    """A chart in dollars is high enough for all of it, and at most three times so."""
    chart = replace(ramp(last, None), unit="usd", limit=None)
    top = axes_of(chart, 20, rows).top
    assert top >= last * 0.99
    assert rows < 4 or top <= max(last * 3, 2.0)


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
