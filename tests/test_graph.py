"""Pictures made of glyphs, tested as text."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal
from unicodedata import category

import example
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.frame import Scene, View, lines, once, plan
from burnmon.frame.axes import axes_of
from burnmon.frame.explain import copied
from burnmon.frame.graph import bar, burn_up, in_one_colour, sparkline
from burnmon.frame.segments import Line, width_of
from burnmon.frame.view import LIMITS, limit_key
from burnmon.live.snapshot import Chart, Snapshot
from burnmon.records import Credits, ExtraUsage, Window

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


@pytest.mark.parametrize("size", [(200, 50), (120, 36), (80, 24), (60, 20), (40, 12)])
def test_layout_holds_still(size: tuple[int, int]) -> None:
    """No pane changes its height when sessions and events come and go."""
    many = replace(
        example.snapshot(),
        sessions=tuple(
            replace(example.sessions()[place % 7], session_id=f"id-{place}")
            for place in range(30)
        ),
        events=example.events() * 8,
    )
    few = replace(
        example.snapshot(), sessions=example.sessions()[:1], events=example.events()[:1]
    )
    heights = [plan(Scene(each, each, View()), size) for each in (few, many)]
    assert heights[0] == heights[1]


@pytest.mark.parametrize(
    ("width", "first_line"),
    [
        (110, "  14:32:07 · last line 0.4 s ago "),
        (80, " ■ Claude 7d binds: out Thu 11–19 h · 5h safe until 17:00  "),
        (60, " ■ Claude 7d binds: out Thu 11–19 h  "),
        (40, " ■ Claude 7d binds: out Thu…  "),
    ],
)
def test_answer_keeps_whole_phrases(width: int, first_line: str) -> None:
    """The first line drops phrases from its end, never a part of one nor the clock."""
    line = drawn(lines(example.snapshot(), width, 24)[0])
    assert first_line in line
    assert "14:32:07" in line


def test_agents_are_never_cut() -> None:
    """How many sub-agents work is seen whatever the tool's text and the width."""
    busy = replace(example.sessions()[0], doing="Bash " + "x" * 300)
    snapshot = replace(example.snapshot(), sessions=(busy,))
    for width in (53, 60, 68, 80, 88, 100, 104, 120, 140, 160, 200):
        assert "3 agents" in once(snapshot, width, 40)


def test_low_pane_is_filled() -> None:
    """A low pane uses what the limits leave for burn, counts and sessions."""
    rows = once(example.snapshot(), 100, 8).split("\n")
    assert rows[1].startswith(" Claude 7d")
    assert rows[5].startswith(" Budget day")
    assert "$0.42/min" in rows[6]
    assert "2 burning · 1 waiting for you · 4 idle" in rows[7]


def unkept() -> Snapshot:
    """Figures are live, but the ledger cannot be used."""
    failure = f"history is not kept: {'/home/sam/data/' * 3}ledger.sqlite3: disk full"
    health = replace(example.snapshot().health, failure=failure)
    return replace(example.snapshot(), health=health)


def test_history_that_is_not_kept_is_told() -> None:
    """Why nothing is kept stands below the answer, whole, and figures are not stale."""
    rows = once(unkept(), 80, 24).split("\n")
    told = " ".join(row.strip(" ▲") for row in rows[1:3])
    assert told == unkept().health.failure
    assert rows[3].startswith("╭")
    assert "figures are stale" not in "".join(rows)


def test_notice_leaves_the_answer_in_sight() -> None:
    """On a low screen a long notice gives way to the answer."""
    few = replace(unkept(), limits=unkept().limits[:1])
    rows = once(few, 80, 5).split("\n")
    assert "history is not kept" in rows[1]
    assert "binds" in rows[0]


def test_unknown_limit_has_no_bar() -> None:
    """A window without a figure shows its reason where others have a bar."""
    row = next(
        row
        for row in once(example.unknown_limit(), 120, 36).split("\n")
        if "Codex 5h" in row
    )
    assert "unknown  the last reading is older than the window · read 4 m ago" in row
    assert not set("━╸┃?") & set(row)
    assert "──" not in row


def window_line(window: Window) -> str:
    """The row of one window among those of the example."""
    row = replace(example.limit("Shown", window), window=window)
    shown = replace(example.snapshot(), limits=(row,))
    return once(shown, 120, 36).split("\n")[2]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param({}, ["≥37 %", "$12.84 of $35 today", "$19–27 tonight"], id="safe"),
        pytest.param({"unpriced": 0}, [" 37 %"], id="all is priced"),
        pytest.param({"kind": "week"}, ["$12.84 of $35", "$19–27 by"], id="a week"),
        pytest.param(
            {"verdict": "reached", "spent": Decimal(38)},
            ["OVER BUDGET", "$3.00 over"],
            id="passed",
        ),
    ],
)
def test_budget_row(more: dict[str, Any], words: list[str]) -> None:
    """A budget is told in dollars, and never that anything stops."""
    line = window_line(replace(example.budget(), **more))
    assert all(word in line for word in words)
    assert "REACHED" not in line


def test_extra_usage_row() -> None:
    """A limit that did not stop the work says what went on beyond it."""
    reached = example.limit_reached().limits[0].window
    assert "nothing left" in window_line(reached)
    extra = ExtraUsage(example.NOW, 4.1)
    assert "extra $4.10" in window_line(replace(reached, extra=extra))


def test_credits_are_explained() -> None:
    """Credits of an account stand in the explanation of its windows, and there only."""
    at = example.NOW - timedelta(minutes=3)
    cap = Decimal(50)
    stated = Credits("claude", "default", Decimal("12.34"), cap, at, "usage endpoint")
    shown = replace(example.snapshot(), credits=(stated,))
    view = View(pane=LIMITS)
    words = "credits: $12.34 of $50 used this month; official: usage endpoint"
    assert f"{words}, stated 3 m ago" in copied(Scene(shown, shown, view))
    codex = replace(view, limit=limit_key(shown.limits[2]))
    assert "credits" not in copied(Scene(shown, shown, codex))


def test_estimate_stands_apart() -> None:
    """What was presumably added follows the stated share, in a column of its own."""
    rows = once(example.snapshot(), 120, 36).split("\n")
    assert " 61 % +1.4  resets" in rows[3]
    assert " 83 %       resets" in rows[2]


def test_columns_are_aligned() -> None:
    """Every figure ends where those above it end, known or not."""
    picture = once(example.snapshot(), 120, 36).split("\n")
    header = next(row for row in picture if "project" in row)
    rows = [row for row in picture if row[2:3] in ("●", "◐", "○")]
    end = header.index("context") + len("context")
    assert {row[end - 1] for row in rows} == {"%", "–"}
    assert {row[end] for row in rows} == {" "}
    cost = header.index("cost") + len("cost")
    assert all(row[cost - 1].isalnum() and row[cost] in " +" for row in rows)


@given(
    st.text(min_size=0, max_size=80),
    st.text(alphabet="日本語ｶ가éé́🙂a -", max_size=60),
    st.integers(20, 200),
    st.integers(3, 50),
)
def test_any_name_holds_its_width(
    name: str, wide: str, width: int, height: int
) -> None:
    """Long, wide and combining names, and any other text, move no column."""
    row = replace(
        example.sessions()[0], project=wide, branch=name, title=wide, doing=name
    )
    event = replace(example.events()[0], text=wide, project=name)
    snapshot = replace(
        example.snapshot(),
        sessions=(row, *example.sessions()[1:]),
        events=(event,),
        answer=f"{wide} · {name}",
    )
    picture = lines(snapshot, width, height)
    assert [width_of(line) for line in picture] == [width] * height
    glyphs = "".join(text for line in picture for text, _ in line)
    assert not [glyph for glyph in glyphs if category(glyph).startswith("C")]
