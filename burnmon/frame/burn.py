"""The Burn pane: the chart of what was used, and the pace of everything together."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from burnmon.frame.axes import Axes, axes_of
from burnmon.frame.box import Heading, boxed, framed, inner_width, inside
from burnmon.frame.graph import burn_up
from burnmon.frame.segments import Line, Segment, blank, fitted, joined
from burnmon.frame.view import BURN, View, chart_of
from burnmon.live.snapshot import Burn, Chart, Snapshot
from burnmon.text import clock, day, local, money, plain, rate, share, span, tokens

NARROW = 60
"""Up to this width there is no chart."""
_FIGURES_WIDTH = 39
FIGURES_FROM = 76
"""Columns from which figures stand beside the chart instead of in one line above."""
_AXIS = 6
"""Columns of the level labels at the left of the chart."""


def burn(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Burn pane in exactly ``size`` (width, height)."""
    width, height = size
    inner, rows = inner_width(width), height - 1
    chart = chart_of(snapshot, view)
    focused = view.pane == BURN
    drawn = chart if rows >= 3 and width > NARROW else None
    heading = Heading("2", "Burn", _which(snapshot, drawn), focused, view.enlarged)
    if drawn is not None and inner >= FIGURES_FROM:
        beside = _beside(drawn, snapshot, inner, rows)
        return boxed(heading, [framed(line) for line in beside], size)
    body = [burn_line(snapshot, inner)]
    if drawn is not None:
        body += chart_lines(drawn, snapshot, inner, rows - 1)
    return boxed(heading, [inside(line, width) for line in body], size)


def _which(snapshot: Snapshot, chart: Chart | None) -> Line:
    if chart is None:
        return []
    title = Segment(plain(chart.title), "")
    if len(snapshot.charts) < 2:
        return [title]
    return [title, Segment(" · span + −", "dim")]


def _beside(chart: Chart, snapshot: Snapshot, width: int, rows: int) -> list[Line]:
    left = width - _FIGURES_WIDTH - 3
    pictures = chart_lines(chart, snapshot, left, rows)
    words = [fitted(word, _FIGURES_WIDTH) for word in figures(snapshot)[:rows]]
    words += [blank(_FIGURES_WIDTH)] * (rows - len(words))
    return [
        [*picture, Segment("   "), *word]
        for picture, word in zip(pictures, words, strict=True)
    ]


def chart_lines(chart: Chart, snapshot: Snapshot, width: int, rows: int) -> list[Line]:
    """The chart with its labels: levels at the left, instants below."""
    today = local(snapshot.now, snapshot.zone).date()
    return _chart_lines(chart, snapshot.zone, today, width, rows)


@lru_cache(maxsize=4)
def _chart_lines(
    chart: Chart, zone: str, today: date, width: int, rows: int
) -> list[Line]:
    """A chart outlasts many snapshots, and its lines with it; not to be changed."""
    columns, height = width - _AXIS, rows - 1
    if columns < 8 or height < 2:
        return [blank(width)] * rows
    axes = axes_of(chart, columns, height)
    labels = {row: _level_word(axes, at) for row, at in axes.levels().items()}
    body = [
        [Segment(f"{labels.get(row, ''):>{_AXIS - 1}} ", "dim"), *line]
        for row, line in enumerate(burn_up(chart, columns, height))
    ]
    return [fitted(line, width) for line in (*body, _instants(axes, zone, today))]


def _level_word(axes: Axes, level: float) -> str:
    if axes.chart.unit == "share":
        return f"{level * 100:.0f} %"
    if level >= 1000:
        return f"${tokens(level).replace(' ', '')}"
    digits = next(n for n in (0, 1, 2) if n == 2 or _is_whole(axes.step * 10**n))
    return f"${level:.{digits if level else 0}f}"


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _instants(axes: Axes, zone: str, today: date) -> Line:
    """The times at the left end, at the running instant and at the right end."""
    chart, ruler = axes.chart, [" "] * axes.columns
    # A week begins and ends on the same day's name, so long spans show dates.
    dated = chart.ends_at - chart.starts_at >= timedelta(days=6)
    noon = datetime.combine(today, time(12), ZoneInfo(zone))
    start, end = (
        day(at, zone) if dated else clock(at, zone, noon)
        for at in (chart.starts_at, chart.ends_at)
    )
    here = round(axes.now * axes.columns)
    _write(ruler, 0, start)
    _write(ruler, axes.columns - len(end), end)
    _write(ruler, min(max(0, here - 1), axes.columns - 3), "now")
    return [Segment(" " * _AXIS), Segment("".join(ruler), "dim")]


def _write(ruler: list[str], place: int, word: str) -> None:
    """Set a word where it touches no other."""
    around = ruler[max(0, place - 1) : place + len(word) + 1]
    if place >= 0 and not "".join(around).strip():
        ruler[place : place + len(word)] = word


def figures(snapshot: Snapshot) -> list[Line]:
    """The figures beside the chart, most important first."""
    burn = snapshot.burn
    lines = [
        _pace(burn),
        [
            Segment(f"{tokens(burn.tokens_per_minute)} tok/min", ""),
            Segment(f" + {tokens(burn.cache_reads_per_minute)} cache reads", "dim"),
        ],
        _today(burn),
        *_headroom(snapshot),
        *_compared(burn),
        _cache(burn),
    ]
    if snapshot.unpriced_models:
        names = ", ".join(map(plain, snapshot.unpriced_models))
        lines.append([Segment(f"no price: {names}", "attention")])
    return lines


def _compared(burn: Burn) -> list[Line]:
    """The last hour beside what is usual at such a time of the week."""
    beside = burn.compared
    if beside is None:
        return []
    day, _, part = beside.when.partition(" ")
    words = f"{beside.times:.1f}× your usual {day[:3]} {part}"
    return [[Segment(words), Segment(f" · {beside.hours} h", "dim")]]


def _headroom(snapshot: Snapshot) -> list[Line]:
    """What is left of the first window that binds and whose estimate can be trusted."""
    bound = (row for row in snapshot.limits if row.window.binding and row.headroom)
    row = next(bound, None)
    if row is None:
        return []
    lines = [[Segment(plain(words))] for words in row.headroom]
    lines[-1].append(Segment(f" · {plain(row.label)}", "dim"))
    return lines


def _pace(burn: Burn) -> Line:
    if not burn.tokens_per_minute and burn.cost_per_minute in (None, Decimal(0)):
        return [Segment("nothing burns", "strong"), Segment(_over(burn.span), "dim")]
    return [
        Segment(rate(burn.cost_per_minute), "strong accent"),
        Segment(_over(burn.span), "dim"),
    ]


def _over(length: timedelta) -> str:
    return f"  over {span(length)}"


def _today(burn: Burn) -> Line:
    line = [Segment(money(burn.cost_today), "strong"), Segment(" today", "dim")]
    if burn.unpriced_today and burn.cost_today is not None:
        line.append(Segment(f" + {burn.unpriced_today} unpriced", "attention"))
    return line


def _cache(burn: Burn) -> Line:
    if burn.cache_read_share is None:
        return [Segment("cache unknown", "dim")]
    words = f"cache {share(burn.cache_read_share, fine=True)} read"
    if burn.cache_written_share is not None:
        words += f" · {share(burn.cache_written_share, fine=True)} written"
    return [Segment(words, "dim")]


def burn_line(snapshot: Snapshot, width: int) -> Line:
    """Pace and cost of today in one line, for panes without room for a chart."""
    parts = (
        _pace(snapshot.burn)[:1],
        _today(snapshot.burn),
        figures(snapshot)[1][:1],
        _cache(snapshot.burn),
    )
    return fitted(joined(parts, width) or parts[0], width)
