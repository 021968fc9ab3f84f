"""What the person chose about the picture: pane, row, filter, order, span, freeze.

A view is a value beside the snapshot; keys turn one view into the next. Rows are
remembered by identity, never by position, so that a selection survives every new
snapshot, order, filter and size.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from burnmon.live.snapshot import (
    Chart,
    CommitEvent,
    Event,
    LimitRow,
    SessionRow,
    Snapshot,
)
from burnmon.text import plain, short_model

LIMITS, BURN, SESSIONS, EVENTS = PANES = ("limits", "burn", "sessions", "events")

ORDERS: dict[str, Callable[[SessionRow], Any]] = {
    "state": lambda row: 0,
    "burn": lambda row: -(row.cost_per_minute or Decimal(-1)),
    "cost": lambda row: -(row.cost or Decimal(-1)),
    "context": lambda row: -(row.context_tokens or 0),
    "newest": lambda row: -row.last_at.timestamp(),
    "project": lambda row: row.project.lower(),
}
"""The orders that ``s`` steps through; the snapshot's own order comes first."""
FIRST_ORDER = next(iter(ORDERS))


class View(Struct, frozen=True):
    """The choices of one person in front of one screen."""

    pane: str = ""
    """The pane that takes the keys; empty when nobody is there to press any."""
    limit: str = ""
    """Identity of the selected limit (`limit_key`); empty: the first."""
    session: str = ""
    """Id of the selected session; empty: the first."""
    event: str = ""
    """Identity of the selected event (`event_key`); empty: the newest."""
    order: str = "state"
    reverse: bool = False
    query: str = ""
    typing: bool = False
    """The line that takes the filter's words is open."""
    chart: int = 0
    """Which of the snapshot's charts; counted round."""
    enlarged: bool = False
    """The pane that takes the keys takes the whole height."""
    frozen_at: datetime | None = None
    """``now`` of the snapshot that is held still; None while the screen is live."""


class Scene(Struct, frozen=True, eq=False):
    """All that a picture is made of, besides its size."""

    snapshot: Snapshot
    """What the panes show; an older one while the screen is frozen."""
    latest: Snapshot
    """What the first line and the banners speak of."""
    view: View

    def freeze_or_thaw(self) -> Scene:
        """The scene held still, or going on with the latest snapshot."""
        if self.view.frozen_at is not None:
            thawed = replace(self.view, frozen_at=None)
            return Scene(self.latest, self.latest, thawed)
        frozen = replace(self.view, frozen_at=self.snapshot.now)
        return Scene(self.snapshot, self.latest, frozen)


def with_latest(scene: Scene | None, latest: Snapshot, view: View) -> Scene:
    """The scene after a snapshot has arrived; frozen panes keep what they show."""
    frozen = scene is not None and view.frozen_at is not None
    return Scene(scene.snapshot if scene and frozen else latest, latest, view)


def limit_key(row: LimitRow) -> str:
    """Identity of a window across snapshots."""
    return f"{row.window.agent}/{row.window.account}/{row.window.kind}"


def event_key(event: Event | CommitEvent) -> str:
    """Identity of an event across snapshots."""
    text = event.sha if isinstance(event, CommitEvent) else event.text
    return f"{event.at.astimezone(UTC).isoformat()} {text}"


def events_of(snapshot: Snapshot) -> list[Event | CommitEvent]:
    """What happened and what was committed, newest first."""
    every: list[Event | CommitEvent] = [*snapshot.events, *snapshot.commits]
    return sorted(every, key=lambda event: event.at, reverse=True)


def sessions_of(snapshot: Snapshot, view: View) -> list[SessionRow]:
    """The sessions that pass the filter, in the chosen order."""
    words = view.query.lower().split()
    rows = [row for row in snapshot.sessions if not words or matches(row, words)]
    if view.order != FIRST_ORDER:
        rows.sort(key=ORDERS[view.order])
    return rows[::-1] if view.reverse else rows


def matches(row: SessionRow, words: list[str]) -> bool:
    """Every word occurs in project, branch, model, title, agent or state."""
    fields = (row.project, row.branch, row.model, short_model(row.model))
    text = plain(" ".join((*fields, row.title, row.agent, row.state))).lower()
    return all(word in text for word in words)


def keys_of(snapshot: Snapshot, view: View) -> list[str]:
    """Identities of the rows of the pane that takes the keys, from top to bottom."""
    if view.pane == LIMITS:
        return [limit_key(row) for row in snapshot.limits]
    if view.pane == SESSIONS:
        return [row.session_id for row in sessions_of(snapshot, view)]
    if view.pane == EVENTS:
        return [event_key(event) for event in events_of(snapshot)]
    return []


def position(keys: list[str], chosen: str) -> int:
    """Where the chosen row stands; 0 when it was not chosen or is out of sight."""
    return keys.index(chosen) if chosen in keys else 0


def moved(snapshot: Snapshot, view: View, step: int) -> View:
    """The view with the selection ``step`` rows further, stopping at either end."""
    keys = keys_of(snapshot, view)
    if not keys:
        return view
    row = position(keys, chosen_in(view)) + step
    key = keys[min(max(row, 0), len(keys) - 1)]
    if view.pane == LIMITS:
        return replace(view, limit=key)
    if view.pane == SESSIONS:
        return replace(view, session=key)
    return replace(view, event=key)


def chosen_in(view: View) -> str:
    """Identity of the row chosen in the pane that takes the keys."""
    chosen = {LIMITS: view.limit, SESSIONS: view.session, EVENTS: view.event}
    return chosen.get(view.pane, "")


def reordered(view: View) -> View:
    """The view with the next order of sessions."""
    names = list(ORDERS)
    return replace(view, order=names[(names.index(view.order) + 1) % len(names)])


def rested(view: View) -> View:
    """The view with nothing hidden: no filter, no large pane, not frozen."""
    return replace(view, query="", typing=False, enlarged=False, frozen_at=None)


def chart_of(snapshot: Snapshot, view: View) -> Chart | None:
    """The chart that the view asks for."""
    if not snapshot.charts:
        return None
    return snapshot.charts[view.chart % len(snapshot.charts)]


def selected_session(snapshot: Snapshot, view: View) -> SessionRow | None:
    """The session that keys act on, if any passes the filter."""
    rows = sessions_of(snapshot, view)
    keys = [row.session_id for row in rows]
    return rows[position(keys, view.session)] if rows else None


def about_session(scene: Scene | None, view: View) -> Scene | None:
    """The scene with the selected session named, if the sessions take the keys."""
    if scene is None or view.pane != SESSIONS:
        return None
    row = selected_session(scene.snapshot, view)
    named = replace(view, session=row.session_id) if row else None
    return replace(scene, view=named) if named else None


def selected_limit(snapshot: Snapshot, view: View) -> LimitRow | None:
    """The window that keys act on."""
    keys = [limit_key(row) for row in snapshot.limits]
    return snapshot.limits[position(keys, view.limit)] if keys else None


def window_on_screen(count: int, chosen: int, room: int) -> int:
    """First of ``count`` rows to show in ``room`` lines so that the chosen is seen."""
    return max(0, min(chosen - room // 2, count - room))
