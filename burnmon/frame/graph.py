"""Pictures made of block glyphs: bars, sparklines and the burn-up chart.

Pure: figures in, lines out. A cell is divided in eighths, upwards or to the right;
no braille, which common terminal fonts lack.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from burnmon.frame.axes import Axes, axes_of
from burnmon.frame.segments import Line, Segment
from burnmon.live.snapshot import Chart

UP = " ▁▂▃▄▅▆▇█"
FILL, HALF, TRACK, PACE, LIMIT = "━", "╸", "─", "┃", "┈"
NEAR, FAR = "▒", "░"
_THINNEST = 2
"""Eighths of a cell that a band takes where its edges meet."""


def bar(part: float | None, pace: float | None, width: int, style: str) -> Line:
    """How full a window is, with a notch at even pace; an unknown share is a track."""
    if width < 1:
        return []
    halves = round(min(1.0, max(0.0, part or 0.0)) * width * 2)
    full, rest = divmod(max(halves, 1 if part else 0), 2)
    glyphs = (FILL * full + HALF * rest).ljust(width, TRACK)
    filled = full + rest
    if pace is None:
        return _split(glyphs, filled, style)
    notch = min(width - 1, int(pace * width))
    mark = Segment(PACE, "dim")
    before, after = glyphs[:notch], glyphs[notch + 1 :]
    left = _split(before, min(filled, notch), style)
    return [*left, mark, *_split(after, max(0, filled - notch - 1), style)]


def _split(glyphs: str, filled: int, style: str) -> Line:
    parts = [Segment(glyphs[:filled], style), Segment(glyphs[filled:], "faint")]
    return [part for part in parts if part.text]


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values, the newest at the right; rows never touch."""
    shown = [max(0.0, value) for value in values[-width:]] if width > 0 else []
    top = max(shown, default=0.0)
    if not top:
        return " " * max(0, width)
    glyphs = (UP[1 + round(value / top * 6)] if value else " " for value in shown)
    return "".join(glyphs).rjust(width)


def burn_up(chart: Chart, columns: int, rows: int) -> list[Line]:
    """The chart without its labels: ``rows`` lines of exactly ``columns`` cells."""
    if columns < 1 or rows < 1:
        return []
    axes = axes_of(chart, columns, rows)
    now = axes.now
    stacks = [_column(axes, column, now) for column in range(columns)]
    return [_joined(cells) for cells in zip(*stacks, strict=True)]


def _column(axes: Axes, column: int, now: float) -> Sequence[Segment]:
    """One column of cells, from the top; ``now`` is how far the running instant is."""
    begin, end = column / axes.columns, (column + 1) / axes.columns
    if begin <= now and axes.chart.points:
        return _filled(axes.eighths(_level(axes, end)), axes.rows, _limit_row(axes))
    if axes.chart.band is None or now >= 1:
        return _filled(0, axes.rows, _limit_row(axes))
    return _forecast(axes, ((begin + end) / 2 - now) / (1 - now))


@lru_cache(maxsize=512)
def _filled(height: int, rows: int, limit_row: int | None) -> Sequence[Segment]:
    """A column filled up to a height in eighths; charts have few different ones."""
    cells = []
    for row in range(rows):
        part = height - (rows - 1 - row) * 8
        if part <= 0:
            cells.append(_background(row, limit_row))
        else:
            cells.append(Segment(UP[min(part, 8)], "area"))
    return cells


def _limit_row(axes: Axes) -> int | None:
    """The row, from the top, that the limit is drawn in."""
    limit = axes.chart.limit
    return None if limit is None else axes.row_above(limit)


def _level(axes: Axes, along: float) -> float:
    """The last level stated at or before a place along the chart."""
    points = axes.chart.points
    whole = axes.chart.ends_at - axes.chart.starts_at
    at = min(axes.chart.starts_at + whole * along, points[-1][0])
    known = bisect_right(points, at, key=lambda point: point[0])
    return points[known - 1][1] if known else 0.0


def _forecast(axes: Axes, ahead: float) -> list[Segment]:
    """Band of a future column, from the top."""
    start = axes.chart.points[-1][1] if axes.chart.points else 0.0
    low, middle, high = (
        axes.eighths(start + (level - start) * ahead)
        for level in axes.chart.band or (0.0,) * 3
    )
    low = max(0, min(low, axes.rows * 8 - _THINNEST))
    high = max(high, low + _THINNEST)
    limit_row = _limit_row(axes)
    cells = []
    for row in range(axes.rows):
        below = (axes.rows - 1 - row) * 8
        edges = [min(8, max(0, edge - below)) for edge in (low, middle, high)]
        near = high - low < 8 or edges[1] >= 4
        over = axes.chart.limit is not None and below >= axes.eighths(axes.chart.limit)
        cells.append(_band(edges, near=near, over=over) or _background(row, limit_row))
    return cells


def _band(edges: list[int], *, near: bool, over: bool) -> Segment | None:
    """The cell that the band crosses between these eighths; None if it does not.

    A cell has two colours, so it shows one edge of the band: the one that matters
    more, and ``near`` is its side. A full cell's glyph is for where colours are not.
    """
    low, middle, high = edges
    if high <= low:
        return None
    name = "alarm over" if over else "near" if near else "far"
    ground = f"on-{name.split()[-1]}"
    if low and low >= 8 - high:
        return Segment(UP[low], f"{name} under {ground}")
    if high < 8:
        return Segment(UP[high], name)
    if 0 < middle < 8 and not over:
        return Segment(UP[middle], "near on-far")
    return Segment(NEAR if near else FAR, f"{name} {ground}")


def in_one_colour(line: Line) -> Line:
    """The line for whoever prints no backgrounds: a cell of the band is a shade."""
    return [
        Segment(NEAR * len(text), style.replace(" under", ""))
        if " on-" in style and text.strip(NEAR + FAR)
        else Segment(text, style)
        for text, style in line
    ]


def _background(row: int, limit_row: int | None) -> Segment:
    return Segment(LIMIT, "dim") if row == limit_row else Segment(" ")


def _joined(cells: Sequence[Segment]) -> Line:
    """Neighbours of one style as one segment: a terminal draws runs, not cells."""
    line: Line = []
    for text, style in cells:
        if line and line[-1].style == style:
            line[-1] = Segment(line[-1].text + text, style)
        else:
            line.append(Segment(text, style))
    return line
