"""How the height of a screen is shared out between the panes.

Heights depend on the size and on how many limits there are, and only in coarse
steps on how many sessions: a screen that is left open all day must not jump.
"""

from __future__ import annotations

from burnmon.frame.answer import banners
from burnmon.frame.box import inner_width
from burnmon.frame.burn import FIGURES_FROM, NARROW
from burnmon.frame.events import nothing_found
from burnmon.frame.limits import groups
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS, Scene
from burnmon.live.snapshot import Snapshot

LOW = 8
"""Up to this height only limits and one line of burn are shown."""

Heights = dict[str, int]
"""Lines by part: answer, banners, the panes, welcome, pulse and footer."""

_NOTHING: Heights = {
    "answer": 1,
    "banners": 0,
    "welcome": 0,
    LIMITS: 0,
    BURN: 0,
    SESSIONS: 0,
    EVENTS: 0,
    "pulse": 0,
    "footer": 1,
}


def plan(scene: Scene, size: tuple[int, int]) -> Heights:
    """Lines of every part, from top to bottom; they add up to the height."""
    width, height = size
    if height <= LOW:
        return _low(scene, size)
    snapshot, view = scene.snapshot, scene.view
    heights = dict(_NOTHING)
    heights["banners"] = len(banners(scene.latest, view, width))
    room = height - 2 - heights["banners"]
    if nothing_found(snapshot):
        return heights | {"welcome": room}
    if view.enlarged and view.pane:
        return heights | {view.pane: room}
    return heights | _shared(snapshot, width, room)


def _low(scene: Scene, size: tuple[int, int]) -> Heights:
    """Limits, then a line of burn, then, in what is left, the answer and banners."""
    width, height = size
    snapshot = scene.snapshot
    heights = dict(_NOTHING) | {"answer": 0, "footer": 0}
    pulse = min(1, height - 1)
    wanted = len(snapshot.limits) + len(snapshot.missing) or 1
    lines = max(1, min(wanted, height - pulse))
    left = height - lines - pulse
    notices = min(left, len(banners(scene.latest, scene.view, width)))
    heights |= {"banners": notices, "answer": min(1, left - notices)}
    spare = left - notices - heights["answer"]
    return heights | {LIMITS: lines, "pulse": pulse + spare * pulse}


def _shared(snapshot: Snapshot, width: int, room: int) -> Heights:
    narrow = width <= NARROW
    stack = narrow and room >= 16
    wanted = 1 + sum(map(len, groups(snapshot, width, stack=stack)))
    limits = max(2, min(wanted, room // 2))
    burn, events = _sizes(width, room - limits)
    rest = room - limits - burn - events
    sessions = min(rest, max(8, _step(len(snapshot.sessions)) + 2))
    if not narrow:
        grown = min(rest - sessions, 8) if burn > 2 else 0
        burn, rest = burn + grown, rest - grown
        events += rest - sessions
    else:
        sessions = rest
    return {LIMITS: limits, BURN: burn, SESSIONS: sessions, EVENTS: events}


def _sizes(width: int, room: int) -> tuple[int, int]:
    """Lines of the burn and events panes, rules included, before any surplus."""
    if width <= NARROW:
        return (2 if room >= 6 else 0), (3 if room >= 11 else 0)
    burn = min(16, max(4, round(room * 0.36))) if room >= 9 else 2 * (room >= 6)
    if burn < 7 and inner_width(width) < FIGURES_FROM:
        burn = min(burn, 2)  # figures above a chart that low leave nothing of it
    events = min(10, max(3, round(room * 0.2))) if room >= 13 else 0
    return burn, events


def _step(count: int) -> int:
    """The count in coarse steps, so that one session more moves nothing."""
    return -(-count // 4) * 4
