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
RIGHT = " ▏▎▍▌▋▊▉█"
TRACK, PACE, LIMIT = "░", "┊", "┈"
NEAR, FAR = "▒", "░"


def bar(part: float | None, pace: float | None, width: int, style: str) -> Line:
    """How full a window is, with a notch at even pace; an unknown share is a track."""
    if width < 1:
        return []
    eighths = round(min(1.0, max(0.0, part or 0.0)) * width * 8)
    full, rest = divmod(eighths, 8)
    if part and not eighths:
        rest = 1
    glyphs = ("█" * full + (RIGHT[rest] if rest else "")).ljust(width, TRACK)
    filled = full + bool(rest)
    if pace is None:
        return _split(glyphs, filled, style)
    notch = min(width - 1, int(pace * width))
    mark = Segment(PACE, "strong")
    before, after = glyphs[:notch], glyphs[notch + 1 :]
    left = _split(before, min(filled, notch), style)
    return [*left, mark, *_split(after, max(0, filled - notch - 1), style)]


def _split(glyphs: str, filled: int, style: str) -> Line:
    parts = [Segment(glyphs[:filled], style), Segment(glyphs[filled:], "faint")]
    return [part for part in parts if part.text]


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values, the newest at the right; zero shows as a low line."""
    shown = [max(0.0, value) for value in values[-width:]] if width > 0 else []
    top = max(shown, default=0.0)
    if not top:
        return " " * max(0, width)
    glyphs = (UP[1 + round(value / top * 7)] if value else " " for value in shown)
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


def ceiling(chart: Chart) -> float:
    """The level at the upper edge: room for the limit and most of the band."""
    levels = [level for _, level in chart.points[-1:]]
    if chart.band:
        levels.append(chart.band[1])
        levels.append(min(chart.band[2], 1.25 * (chart.limit or chart.band[2])))
    if chart.limit:
        levels.append(chart.limit)
    top = max(levels, default=0.0)
    if chart.limit and top > chart.limit:
        return min(top, 1.5 * chart.limit)
    return top or 1.0


def burn_up(chart: Chart, columns: int, rows: int) -> list[Line]:
    """The chart without its labels: ``rows`` lines of exactly ``columns`` cells."""
    if columns < 1 or rows < 1:
        return []
    axes = Axes(chart, columns, rows, ceiling(chart))
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
        start + (level - start) * ahead for level in axes.chart.band or (0.0,) * 3
    )
    bottom, median, top = (
        min(axes.rows * 8 - 1, axes.eighths(level)) // 8
        for level in (low, middle, high)
    )
    cells = []
    for row in range(axes.rows):
        height = axes.rows - 1 - row
        if not bottom <= height <= top:
            cells.append(_background(axes, row))
            continue
        passes = axes.chart.limit is not None and (
            height * axes.top / axes.rows >= axes.chart.limit * 0.999
        )
        near = height <= median
        style = "alarm" if passes else "near" if near else "far"
        cells.append(Segment(NEAR if near else FAR, style))
    return cells


def _background(axes: Axes, row: int) -> Segment:
    limit = axes.chart.limit
    if limit is None or row != limit_row(axes, limit):
        return Segment(" ")
    return Segment(LIMIT, "dim")


def limit_row(axes: Axes, limit: float) -> int:
    """The row, from the top, that the limit line runs in."""
    eighths = min(axes.rows * 8, axes.eighths(limit))
    return axes.rows - 1 - max(0, eighths - 1) // 8


def _joined(cells: list[Segment]) -> Line:
    """Neighbours of one style as one segment: a terminal draws runs, not cells."""
    line: Line = []
    for text, style in cells:
        if line and line[-1].style == style:
            line[-1] = Segment(line[-1].text + text, style)
        else:
            line.append(Segment(text, style))
    return line
