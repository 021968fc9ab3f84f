"""The picture as lines of styled text, without any terminal library.

One layout for the live screen, which colours these lines, and for
``burnmon --once``, which prints them. Everything here is a pure function of a
snapshot, a view and a size; nothing reads a clock, a terminal or a setting.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from burnmon.frame.answer import answer, banners
from burnmon.frame.box import bottom, inner_width
from burnmon.frame.burn import burn, burn_line
from burnmon.frame.events import events, welcome
from burnmon.frame.graph import in_one_colour
from burnmon.frame.limits import groups, limits
from burnmon.frame.plan import LOW, Heights, plan, plan_rests_on
from burnmon.frame.segments import Line, Segment, blank, fitted, joined, to_text
from burnmon.frame.sessions import bare_rows, counts, sessions
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS, Scene, View
from burnmon.live.snapshot import Snapshot
from burnmon.text import ago, local, span

__all__ = [
    "Heights",
    "Line",
    "Scene",
    "Segment",
    "View",
    "draw",
    "lines",
    "once",
    "plan",
    "plan_rests_on",
    "rests_on",
]

Draw = Callable[[Snapshot, View, tuple[int, int]], list[Line]]


def _bare_limits(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """Limits without a box, the window that binds first; for very low panes."""
    width, height = size
    found = [group[0] for group in groups(snapshot, width, stack=False)]
    rows = [fitted([Segment(" "), *line], width) for line in found[:height]]
    return rows + [blank(width)] * (height - len(rows))


def _pulse(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """Burn, counts and the first sessions, a line each, under limits without a box."""
    width, height = size
    inner = inner_width(width)
    found = [burn_line(snapshot, inner), joined(counts(snapshot, inner), inner)]
    found = [line for line in found if line]
    found += bare_rows(snapshot, inner, max(0, height - len(found)))
    rows = [fitted([Segment(" "), *line], width) for line in found[:height]]
    return rows + [blank(width)] * (height - len(rows))


_PANES: dict[str, Draw] = {
    "welcome": welcome,
    LIMITS: limits,
    BURN: burn,
    SESSIONS: sessions,
    EVENTS: events,
    "pulse": _pulse,
}


def draw(part: str, scene: Scene, size: tuple[int, int], *, low: bool) -> list[Line]:
    """One part in exactly ``size`` (width, height); ``low``: without its box."""
    width, height = size
    if width < 1 or height < 1:
        return []
    if part == "answer":
        return [answer(scene.latest, width)]
    if part == "banners":
        return banners(scene.latest, scene.view, width)[:height]
    if part == "footer":
        return [bottom([], width)]
    chosen = _bare_limits if low and part == LIMITS else _PANES[part]
    return chosen(scene.snapshot, scene.view, size)


def rests_on(part: str, scene: Scene) -> object:
    """What the lines of a part are made of, besides its size: while it is equal to that
    of before, so are they."""
    if part == "answer":
        latest = scene.latest
        last_at = latest.health.last_line_at
        age = last_at and ago(last_at, latest.now)  # in tenths of a second
        words = latest.answer, latest.answer_level, age
        return *words, latest.health, int(latest.now.timestamp()), latest.zone
    shown, view = scene.snapshot, scene.view
    if part == LIMITS:
        return shown.limits, shown.missing, _ages(shown), _date(shown), view
    if part == BURN:
        beside = shown.charts, shown.limits, shown.unpriced_models
        return shown.burn, *beside, _date(shown), view
    if part == EVENTS:
        minute = int(shown.now.timestamp()) // 60
        return shown.events, shown.commits, minute, shown.zone, view
    return scene


def _date(snapshot: Snapshot) -> tuple[date, str]:
    return local(snapshot.now, snapshot.zone).date(), snapshot.zone


def _ages(snapshot: Snapshot) -> list[str | None]:
    """Ages of limits and what is left of them, as they are written."""
    now, windows = snapshot.now, [row.window for row in snapshot.limits]
    old = [each.observed_at for each in windows]
    left = [each.resets_at for each in windows]
    ages = [None if each is None else span(now - each) for each in old]
    return [*ages, *(None if each is None else span(each - now) for each in left)]


def lines(
    snapshot: Snapshot, width: int, height: int, view: View | None = None
) -> list[Line]:
    """The whole picture: ``height`` lines of ``width`` cells."""
    scene = Scene(snapshot, snapshot, view or View())
    heights = plan(scene, (width, height))
    picture: list[Line] = []
    for part, tall in heights.items():
        picture += draw(part, scene, (width, tall), low=height <= LOW)
    return [in_one_colour(line) for line in picture[:height]]


def once(snapshot: Snapshot, width: int, height: int) -> str:
    """The picture as plain text, one line per row, without a final newline."""
    return "\n".join(map(to_text, lines(snapshot, width, height)))
