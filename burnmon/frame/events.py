"""The Events pane, and the page that stands there when no agent was found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.segments import Line, Segment, fitted, styled, width_of
from burnmon.frame.view import (
    EVENTS,
    View,
    event_key,
    events_of,
    position,
    window_on_screen,
)
from burnmon.live.snapshot import CommitEvent, Event, Place, Snapshot
from burnmon.text import cells, day, local, money, pad, plain

_GLYPHS = {"note": "·", "warning": "▲", "alarm": "■"}
_SHA_FROM, _BRANCH_FROM = 44, 70
"""Cells from which a commit has room for its name, and for its branch."""
_STYLES = {"note": "dim", "warning": "attention", "alarm": "strong alarm"}


def events(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Events pane in exactly ``size`` (width, height)."""
    width, height = size
    found = events_of(snapshot)
    first, chosen = 0, -1
    if view.pane == EVENTS:
        chosen = position([event_key(event) for event in found], view.event)
        first = window_on_screen(len(found), chosen, height - 1)
    inner, rows = inner_width(width), []
    projects = _projects(found, inner)
    for place, event in enumerate(found[first : first + height - 1], first):
        line = fitted(_line(event, snapshot, projects, inner), inner)
        if place == chosen:
            rows.append(inside(styled(line, "selected"), width, "▸"))
        else:
            rows.append(inside(line, width))
    if not rows:
        rows = [inside([Segment("nothing worth a line yet", "dim")], width)]
    heading = Heading("4", "Events", [], view.pane == EVENTS, view.enlarged)
    return boxed(heading, rows, size)


def _line(
    event: Event | CommitEvent, snapshot: Snapshot, projects: int, width: int
) -> Line:
    glyph, style = "◆", "accent"
    if isinstance(event, Event):
        glyph, style = _GLYPHS[event.level], _STYLES[event.level]
    lead = [
        Segment(pad(_time(event, snapshot), 8), "dim"),
        Segment(glyph + "  ", style),
        Segment(pad(_project(event), projects) + "  ", "dim"),
    ]
    if isinstance(event, CommitEvent):
        return [*lead, *_commit(event, width - width_of(lead))]
    text = Segment(plain(event.text), "" if event.level == "note" else style)
    return [*lead, text]


def _commit(event: CommitEvent, width: int) -> Line:
    """What was committed, and at the right what it cost."""
    cost = Segment(committed_cost(event), "strong" if event.cost else "dim")
    end = [Segment("  "), cost]
    if width >= _BRANCH_FROM:
        end.append(Segment(f"  {pad(plain(event.branch), 12)}", "dim"))
    sha = [Segment(plain(event.sha)[:7] + "  ", "accent")] if width >= _SHA_FROM else []
    room = max(1, width - width_of([*sha, *end]))
    return [*sha, Segment(pad(plain(event.subject), room)), *end]


def committed_cost(event: CommitEvent) -> str:
    """What a commit cost, and how sure that is: ``$3.18 exact``."""
    if event.grade not in ("exact", "likely"):
        return event.grade or "no link"
    if event.cost is None:
        return f"unknown {event.grade}"
    return f"{money(event.cost)}{'+' * bool(event.unpriced)} {event.grade}"


def _time(event: Event | CommitEvent, snapshot: Snapshot) -> str:
    """The time of day while it is clear of which day, then the day; the same for all
    of a minute, as ``rests_on`` takes it to be."""
    minute = snapshot.now.replace(second=0, microsecond=0)
    if minute - event.at < timedelta(days=1):
        return f"{local(event.at, snapshot.zone):%H:%M}"
    return day(event.at, snapshot.zone)


def _project(event: Event | CommitEvent) -> str:
    name = event.repo if isinstance(event, CommitEvent) else event.project
    return plain(name) or "–"


def _projects(found: Iterable[Event | CommitEvent], width: int) -> int:
    """Cells of the column of projects, the same whichever events are in sight."""
    longest = max((cells(_project(each)) for each in found), default=1)
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
