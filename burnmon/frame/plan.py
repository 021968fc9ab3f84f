"""How the height of a screen is shared out between the panes.

Heights depend on the size and on how many limits there are, never on how many
sessions or events: a screen that is left open all day must not jump.
"""

from __future__ import annotations

from burnmon.frame.answer import banners
from burnmon.frame.box import inner_width
from burnmon.frame.burn import FIGURES_FROM, NARROW
from burnmon.frame.events import nothing_found
from burnmon.frame.limits import lines_wanted
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS, Scene
from burnmon.live.snapshot import Snapshot

LOW = 8
"""Up to this height only limits and a few lines of burn are shown."""
_TALLEST = 18
"""Lines beyond which a chart says no more."""

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


def plan_rests_on(scene: Scene) -> object:
    """What the heights are made of, besides the size: while it is equal to that of
    before, so are they."""
    shown, latest = scene.snapshot, scene.latest
    failing = latest.health.failed_at is not None, latest.health.failure
    found = shown.limits, shown.missing, bool(shown.sessions), shown.scan, shown.places
    return found, failing, latest.scan, scene.view


def _low(scene: Scene, size: tuple[int, int]) -> Heights:
    """Limits, then a line of burn, then, in what is left, the answer and banners."""
    width, height = size
    snapshot = scene.snapshot
    heights = dict(_NOTHING) | {"answer": 0, "footer": 0}
    pulse = min(1, height - 1)
    wanted = len(snapshot.limits) + len(snapshot.missing) or 1
    lines = max(1, min(wanted, height - pulse))
    left = height - lines - pulse
    notices = len(banners(scene.latest, scene.view, width))
    notices = min(left, max(1, left - 1), notices)
    heights |= {"banners": notices, "answer": min(1, left - notices)}
    spare = left - notices - heights["answer"]
    return heights | {LIMITS: lines, "pulse": pulse + spare * pulse}


def _shared(snapshot: Snapshot, width: int, room: int) -> Heights:
    narrow = width <= NARROW
    stack = narrow and room >= 16
    wanted = 1 + lines_wanted(snapshot, width, stack=stack)
    limits = max(2, min(wanted, room // 2))
    burn, sessions, events = _sizes(width, room - limits)
    return {LIMITS: limits, BURN: burn, SESSIONS: sessions, EVENTS: events}


def _sizes(width: int, room: int) -> tuple[int, int, int]:
    """Lines of the burn, sessions and events panes, rules included.

    Sessions come and go all day, so how many there are has no say in it.
    """
    events = min(10, max(3, round(room * 0.2))) if room >= 11 else 0
    if width <= NARROW:
        burn = 2 if room >= 6 else 0
        return burn, room - burn - events, events
    sessions = max(min(8, room - 4), round(room * 0.38))
    burn = min(_TALLEST, room - sessions - events)
    least = 7 if inner_width(width) < FIGURES_FROM else 4
    if burn < least:  # figures above a chart that low leave nothing of it
        burn = 2 if room >= 6 else 0
    return burn, room - burn - events, events
