"""Pictures made of block glyphs: bars, sparklines and the burn-up chart.

Pure: figures in, lines out. A cell is divided in eighths, upwards or to the right;
no braille, which common terminal fonts lack.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from burnmon.frame.segments import Line, Segment
from burnmon.live.snapshot import Chart

UP = " ▁▂▃▄▅▆▇█"
FILL, HALF, TRACK, PACE, LIMIT = "━", "╸", "─", "┃", "┈"
NEAR, FAR = "▒", "░"


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


@dataclass(frozen=True, slots=True)
class Axes:
    """Where instants and levels of a chart lie on a grid of cells."""

    chart: Chart
    columns: int
    rows: int
    top: float
    """The level at the upper edge, in the chart's unit."""

    @property
    def now(self) -> float:
        """How far the running instant is along the chart, 0–1."""
        return self.along(self.chart.points[-1][0]) if self.chart.points else 0.0

    def along(self, at: datetime) -> float:
        """How far an instant is along the chart, 0–1."""
        whole = (self.chart.ends_at - self.chart.starts_at).total_seconds()
        passed = (at - self.chart.starts_at).total_seconds()
        return min(1.0, max(0.0, passed / whole)) if whole > 0 else 0.0

    def eighths(self, level: float) -> int:
        """Height of a level in eighths of a cell, from the bottom."""
        return round(min(1.0, max(0.0, level / self.top)) * self.rows * 8)


def ceiling(chart: Chart, rows: int) -> float:
    """The level at the upper edge; what passes the limit has a row above it."""
    levels = [level for _, level in chart.points[-1:]]
    if chart.band is not None:
        levels += chart.band
    top = max(levels, default=0.0)
    if not chart.limit:
        return top or 1.0
    above = chart.limit * rows / max(1, rows - 1)
    return min(max(top, above), max(1.5 * chart.limit, above))


def burn_up(chart: Chart, columns: int, rows: int) -> list[Line]:
    """The chart without its labels: ``rows`` lines of exactly ``columns`` cells."""
    if columns < 1 or rows < 1:
        return []
    axes = Axes(chart, columns, rows, ceiling(chart, rows))
    stacks = [_column(axes, column) for column in range(columns)]
    return [_joined([stack[row] for stack in stacks]) for row in range(rows)]


def _column(axes: Axes, column: int) -> list[Segment]:
    """One column of cells, from the top."""
    begin, end = column / axes.columns, (column + 1) / axes.columns
    if begin <= axes.now and axes.chart.points:
        return _used(axes, end)
    if axes.chart.band is None or axes.now >= 1:
        return [_background(axes, row) for row in range(axes.rows)]
    ahead = ((begin + end) / 2 - axes.now) / (1 - axes.now)
    return _forecast(axes, ahead)


def _used(axes: Axes, end: float) -> list[Segment]:
    height = axes.eighths(_level(axes, end))
    cells = []
    for row in range(axes.rows):
        part = height - (axes.rows - 1 - row) * 8
        if part <= 0:
            cells.append(_background(axes, row))
        else:
            cells.append(Segment(UP[min(part, 8)], "area"))
    return cells


def _level(axes: Axes, along: float) -> float:
    """The last level stated at or before a place along the chart."""
    points = axes.chart.points
    whole = axes.chart.ends_at - axes.chart.starts_at
    at = min(axes.chart.starts_at + whole * along, points[-1][0])
    known = bisect_right(points, at, key=lambda point: point[0])
    return points[known - 1][1] if known else 0.0


def _forecast(axes: Axes, ahead: float) -> list[Segment]:
    """Band of a future column: the nearer half below its median, the other above."""
    start = axes.chart.points[-1][1] if axes.chart.points else 0.0
    low, middle, high = (
        axes.eighths(start + (level - start) * ahead)
        for level in axes.chart.band or (0.0,) * 3
    )
    median = min(middle, axes.rows * 8 - 1) // 8
    cells = []
    for row in range(axes.rows):
        height = axes.rows - 1 - row
        covered = min(high, height * 8 + 8) - max(low, height * 8)
        if covered < 2 and height != median:
            cells.append(_background(axes, row))
        else:
            cells.append(_shade(axes, height, near=height <= median))
    return cells


def _shade(axes: Axes, height: int, *, near: bool) -> Segment:
    """A cell of the band; one that lies above the limit is alarming."""
    limit = axes.chart.limit
    style = "near" if near else "far"
    if limit is not None and height >= axes.eighths(limit) // 8:
        style = "alarm"
    return Segment(NEAR if near else FAR, style)


def _background(axes: Axes, row: int) -> Segment:
    limit = axes.chart.limit
    if limit is None or row != row_above(axes, limit):
        return Segment(" ")
    return Segment(LIMIT, "dim")


def row_above(axes: Axes, level: float) -> int:
    """The row, from the top, whose lower edge is at a level."""
    return max(0, axes.rows - 1 - axes.eighths(level) // 8)


def _joined(cells: list[Segment]) -> Line:
    """Neighbours of one style as one segment: a terminal draws runs, not cells."""
    line: Line = []
    for text, style in cells:
        if line and line[-1].style == style:
            line[-1] = Segment(line[-1].text + text, style)
        else:
            line.append(Segment(text, style))
    return line
