"""The first line, and the banners under it: what must be seen whatever the size."""

from __future__ import annotations

from datetime import timedelta
from textwrap import wrap

from burnmon.frame.graph import bar
from burnmon.frame.segments import Line, Segment, fitted, spread, width_of
from burnmon.frame.view import View
from burnmon.live.snapshot import Scan, Snapshot
from burnmon.text import ago, clock, local, plain, span, whole

_GLYPHS = {"calm": "●", "attention": "▲", "alarm": "■", "unknown": "○"}
_STYLES = {"unknown": "dim"}
_CLOCK = 11
"""Cells of the clock with the blanks around it."""
_BUSY = timedelta(minutes=5)
"""Since the newest line the clock shows seconds for so long."""
_UNKEPT = 3
"""Lines that the reason may take why nothing is kept."""
_CLOCK_FROM = 30
"""Columns from which the clock is worth its cells."""


def answer(latest: Snapshot | None, width: int) -> Line:
    """The answer in one sentence; live even while the rest is frozen."""
    if latest is None:
        return fitted([Segment(" looking for sessions …", "dim")], width)
    level = latest.answer_level
    style = _STYLES.get(level, level)
    room = width - 3 - (_CLOCK if width >= _CLOCK_FROM else 0)
    left = [
        Segment(f" {_GLYPHS[level]} ", style),
        Segment(whole(plain(latest.answer), room), f"strong {style}"),
    ]
    return spread(left, _freshness(latest, width - width_of(left) - 2), width)


def _freshness(latest: Snapshot, width: int) -> Line:
    """The clock, then how old the newest line is and how lines are come by."""
    last_at = latest.health.last_line_at
    # A clock that ticks tells of life; at rest it would wake who looks and who draws.
    busy = last_at is not None and latest.now - last_at < _BUSY
    words = f"{local(latest.now, latest.zone):{'%H:%M:%S' if busy else '%H:%M'}}"
    if last_at is not None:
        words += f" · last line {ago(last_at, latest.now)}"
    if latest.health.reader:
        words += " · follows another burnmon"
    if not latest.health.watching:
        words += " · looks once a second"
    return [Segment(whole(words, max(_CLOCK - 3, width - 1)) + " ", "dim")]


def banners(latest: Snapshot | None, view: View, width: int) -> list[Line]:
    """What changes how the figures are to be read; usually nothing."""
    if latest is None:
        return []
    lines = []
    if latest.health.failed_at is not None:
        lines.append(_stale(latest))
    elif latest.health.failure:
        lines += _unkept(latest, width)
    if view.frozen_at is not None:
        lines.append(_frozen(latest, view, width))
    if latest.scan is not None:
        lines.append(_scanning(latest.scan, width))
    return [fitted(line, width) for line in lines]


def _stale(latest: Snapshot) -> Line:
    health = latest.health
    assert health.failed_at is not None
    since = clock(health.failed_at, latest.zone, latest.now)
    reason = f": {plain(health.failure)}" if health.failure else ""
    return [
        Segment(" ■ ", "alarm"),
        Segment(f"figures are stale since {since}", "strong alarm"),
        Segment(reason, "alarm"),
    ]


def _unkept(latest: Snapshot, width: int) -> list[Line]:
    """Why what is shown is live but not kept, and what to do, whole where it fits."""
    words = wrap(plain(latest.health.failure), max(10, width - 4))[:_UNKEPT]
    signs = [" ▲ ", *["   "] * _UNKEPT]
    return [
        [Segment(f"{sign}{each}", "attention")]
        for sign, each in zip(signs, words, strict=False)
    ]


def _frozen(latest: Snapshot, view: View, width: int) -> Line:
    assert view.frozen_at is not None
    since = f"frozen since {local(view.frozen_at, latest.zone):%H:%M:%S}"
    age = span(latest.now - view.frozen_at)
    rest = f", {age} ago · space goes on · the first line stays live"
    return [
        Segment(" ‖ ", "attention"),
        Segment(since, "strong attention"),
        Segment(whole(rest, width - 3 - len(since)), "dim"),
    ]


def _scanning(scan: Scan, width: int) -> Line:
    done = scan.bytes_done / scan.bytes if scan.bytes else 0.0
    size = min(24, max(4, width // 5))
    words = f"{scan.files_done:,} of {scan.files:,} files"
    if scan.left is not None:
        words += f" · {span(scan.left)} left"
    words += f" · {_size(scan.bytes_done)} of {_size(scan.bytes)}"
    words += " · what is recent is live"
    return [
        Segment(" reading history ", "accent"),
        *bar(done, None, size, "accent"),
        Segment(f" {whole(words, width - 18 - size)}"),
    ]


def _size(count: int) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB"
