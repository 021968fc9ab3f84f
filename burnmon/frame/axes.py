"""Where instants and levels of a chart lie on a grid of cells, and its even scale.

Labels lie a whole number of rows apart, so the scale follows from the height: the
limit takes a row that the steps below it divide evenly.
"""

from __future__ import annotations

from datetime import datetime
from math import floor, log10

from msgspec import Struct

from burnmon.live.snapshot import Chart

_PARTS = (4, 5, 2, 10)
"""Into how many steps a limit is divided, best first: 25, 20, 50 or 10 %."""
_COARSE = (1, 2, 5, 10)
_FINE = (1, 1.5, 2, 2.5, 3, 4, 5, 10)
"""Round figures, up to tens; the fine ones from tens of cents to tens of dollars."""
_LEAST_STEP = 0.01
"""Dollars between two labels at least: a label has room for cents."""


class Axes(Struct, frozen=True):
    """The scale of a chart on a grid of ``columns`` × ``rows`` cells."""

    chart: Chart
    columns: int
    rows: int
    top: float
    """The level at the upper edge, in the chart's unit."""
    step: float
    """From one label to the next, in the chart's unit."""

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

    def row_above(self, level: float) -> int:
        """The row, from the top, whose lower edge is at a level."""
        return max(0, self.rows - 1 - self.eighths(level) // 8)

    def levels(self) -> dict[int, float]:
        """Labelled levels by row; one at the very upper edge has no row above it."""
        count = int(self.top / self.step * 1.001)
        levels = [self.step * place for place in range(count + 1)]
        lower = (level for level in levels if self.eighths(level) < self.rows * 8)
        return {self.row_above(level): level for level in lower}


def axes_of(chart: Chart, columns: int, rows: int) -> Axes:
    """The scale that shows all of a chart with labels evenly apart."""
    highest = max(
        [level for _, level in chart.points[-1:]] + list(chart.band or ()), default=0.0
    )
    if chart.limit:
        top, step = _up_to_limit(chart.limit, highest, rows)
    else:
        top, step = _up_to(highest or 1.0, rows)
    return Axes(chart, columns, rows, top, step)


def _gaps(rows: int) -> range:
    """How many rows may lie between two labels: few labels, but more than two."""
    least, most = max(2, rows // 8), min(max(3, rows // 3), (rows - 1) // 2)
    return range(least, max(least, most) + 1)


def _up_to_limit(limit: float, highest: float, rows: int) -> tuple[float, float]:
    """Top and step; what passes the limit has at least one row above it."""
    wanted = max(limit, min(highest, 1.5 * limit))
    most = max(1, min(rows - 1, int(rows * limit / wanted + 0.001)))
    for below in range(most, max(0, most - 4), -1):
        for parts in _PARTS:
            if below % parts == 0 and below // parts in _gaps(rows):
                return limit * rows / below, limit / parts
    return limit * rows / most, limit


def _up_to(highest: float, rows: int) -> tuple[float, float]:
    """The lowest top above a level, and its step, a round figure."""
    steps = ((gap, _round_step(highest * gap / rows)) for gap in _gaps(rows))
    return min((step * rows / gap, step) for gap, step in steps)


def _round_step(least: float) -> float:
    """The next round figure from ``least`` upwards, in as few digits as a label has."""
    if least <= _LEAST_STEP:
        return _LEAST_STEP
    size = 10.0 ** floor(log10(least))
    parts = _FINE if 0.1 <= size <= 10 else _COARSE
    return next(size * part for part in parts if size * part >= least * 0.99)
