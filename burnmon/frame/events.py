"""The Events pane, and the page that stands there when no agent was found."""

from __future__ import annotations

from datetime import timedelta

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.segments import Line, Segment, fitted, styled
from burnmon.frame.view import (
    EVENTS,
    View,
    event_key,
    position,
    window_on_screen,
)
from burnmon.live.snapshot import Event, Place, Snapshot
from burnmon.text import cells, day, local, pad, plain

_GLYPHS = {"note": "·", "warning": "▲", "alarm": "■"}
_STYLES = {"note": "dim", "warning": "attention", "alarm": "strong alarm"}


def events(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Events pane in exactly ``size`` (width, height)."""
    width, height = size
    chosen = position([event_key(event) for event in snapshot.events], view.event)
    first = window_on_screen(len(snapshot.events), chosen, height - 1)
    if view.pane != EVENTS:
        first, chosen = 0, -1
    projects, rows = _projects(snapshot, inner_width(width)), []
    for place, event in enumerate(snapshot.events[first : first + height - 1], first):
        line = fitted(_line(event, snapshot, projects), inner_width(width))
        if place == chosen:
            rows.append(inside(styled(line, "selected"), width, "▸"))
        else:
            rows.append(inside(line, width))
    if not rows:
        rows = [inside([Segment("nothing worth a line yet", "dim")], width)]
    heading = Heading("4", "Events", [], view.pane == EVENTS, view.enlarged)
    return boxed(heading, rows, size)


def _line(event: Event, snapshot: Snapshot, projects: int) -> Line:
    style = _STYLES[event.level]
    return [
        Segment(pad(_time(event, snapshot), 8), "dim"),
        Segment(_GLYPHS[event.level] + "  ", style),
        Segment(pad(plain(event.project) or "–", projects) + "  ", "dim"),
        Segment(plain(event.text), "" if event.level == "note" else style),
    ]


def _time(event: Event, snapshot: Snapshot) -> str:
    """The time of day while it is clear of which day, then the day."""
    if snapshot.now - event.at < timedelta(days=1):
        return f"{local(event.at, snapshot.zone):%H:%M}"
    return day(event.at, snapshot.zone)


def _projects(snapshot: Snapshot, width: int) -> int:
    """Cells of the column of projects, the same whichever events are in sight."""
    longest = max((cells(plain(each.project)) for each in snapshot.events), default=1)
    return max(1, min(longest, 16, width // 5))


def nothing_found(snapshot: Snapshot) -> bool:
    """No agent has ever written anything that could be shown."""
    found = any(place.files for place in snapshot.places)
    shown = snapshot.sessions or snapshot.limits or snapshot.scan
    return not (found or shown)


def welcome(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """What was looked for, and what to do next, when nothing was found."""
    width, _ = size
    inner = inner_width(width)
    demo = [
        Segment("burnmon --demo", "accent"),
        Segment("    shows a recorded day, nothing is read", "dim"),
    ]
    doctor = [
        Segment("burnmon doctor", "accent"),
        Segment("    says why it was not used", "dim"),
    ]
    longest = max((cells(plain(each.path)) for each in snapshot.places), default=1)
    paths = max(1, min(longest, inner - 36))
    lines = [
        [],
        [Segment("No session of any coding agent was found.", "strong")],
        [Segment("Start one and it appears here by itself.")],
        [],
        [Segment("Looked into", "dim")],
        *(_place(place, paths) for place in snapshot.places),
        [],
        [Segment("Try", "dim")],
        [Segment("  "), *demo],
        [Segment("  "), *doctor],
    ]
    rows = [inside(fitted(line, inner), width) for line in lines]
    return boxed(Heading("", "burnmon", [], first=True), rows, size)


def _place(place: Place, paths: int) -> Line:
    verdict = "no session files in it" if place.exists else "does not exist"
    return [
        Segment(f"  {pad(plain(place.agent), 10)}"),
        Segment(pad(plain(place.path), paths) + "  ", "accent"),
        Segment(verdict, "dim"),
    ]
