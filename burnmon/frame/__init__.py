"""The picture as lines of styled text, without any terminal library.

One layout for the live screen, which colours these lines, and for
``burnmon --once``, which prints them. Everything here is a pure function of a
snapshot, a view and a size; nothing reads a clock, a terminal or a setting.
"""

from __future__ import annotations

from collections.abc import Callable

from burnmon.frame.answer import answer, banners
from burnmon.frame.box import bottom, inner_width
from burnmon.frame.burn import burn, burn_line
from burnmon.frame.events import events, welcome
from burnmon.frame.limits import groups, limits
from burnmon.frame.plan import LOW, Heights, plan
from burnmon.frame.segments import Line, Segment, blank, fitted, to_text
from burnmon.frame.sessions import sessions
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS, Scene, View
from burnmon.live.snapshot import Snapshot

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
]

Draw = Callable[[Snapshot, View, tuple[int, int]], list[Line]]


def _bare_limits(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """Limits without a box, the window that binds first; for very low panes."""
    width, height = size
    found = [group[0] for group in groups(snapshot, width, stack=False)]
    rows = [fitted([Segment(" "), *line], width) for line in found[:height]]
    return rows + [blank(width)] * (height - len(rows))


def _pulse(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """One line of burn, under limits without a box."""
    width, height = size
    line = fitted([Segment(" "), *burn_line(snapshot, inner_width(width))], width)
    return [line, *[blank(width)] * (height - 1)]


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


def lines(
    snapshot: Snapshot, width: int, height: int, view: View | None = None
) -> list[Line]:
    """The whole picture: ``height`` lines of ``width`` cells."""
    scene = Scene(snapshot, snapshot, view or View())
    heights = plan(scene, (width, height))
    picture: list[Line] = []
    for part, tall in heights.items():
        picture += draw(part, scene, (width, tall), low=height <= LOW)
    return picture[:height]


def once(snapshot: Snapshot, width: int, height: int) -> str:
    """The picture as plain text, one line per row, without a final newline."""
    return "\n".join(map(to_text, lines(snapshot, width, height)))
