"""Why a figure is what it is, as lines to read, and a row as text to copy."""

from __future__ import annotations

from textwrap import wrap

from burnmon.frame.segments import Line, Segment, to_text
from burnmon.frame.sessions import doing
from burnmon.frame.view import (
    EVENTS,
    LIMITS,
    SESSIONS,
    Scene,
    chosen_in,
    event_key,
    position,
    selected_limit,
    selected_session,
)
from burnmon.live.snapshot import Event, LimitRow, SessionRow, Snapshot
from burnmon.text import ago, clock, money, plain, rate, span, tokens

Facts = list[tuple[str, str]]
_NAME = 13


def explained(scene: Scene, width: int) -> list[Line]:
    """What is known about the selected row, and about all figures, ``width`` wide."""
    title, facts, words = _subject(scene)
    page: list[Line] = [[Segment(title, "strong accent")], []]
    for name, value in facts:
        page += _fact(name, value, width)
    if facts and words:
        page.append([])
    for line in words:
        page += _paragraph(line, width)
    page += [[], [Segment("All figures", "title")]]
    for name, value in _sources(scene.latest):
        page += _fact(name, value, width)
    return page


def copied(scene: Scene) -> str:
    """The selected row as plain text, its explanation below it."""
    title, facts, words = _subject(scene)
    lines = [title, *(f"{name}: {value}" for name, value in facts), *words]
    return "\n".join(map(plain, lines))


def _subject(scene: Scene) -> tuple[str, Facts, tuple[str, ...]]:
    """Title, facts and explaining lines of what is selected."""
    snapshot, view = scene.snapshot, scene.view
    if view.pane == LIMITS:
        row = selected_limit(snapshot, view)
        return _limit(row, snapshot)
    if view.pane == SESSIONS and (session := selected_session(snapshot, view)):
        title = f"{plain(session.project)} · {plain(session.branch) or 'no branch'}"
        return title, _session(session, snapshot), session.explain
    if view.pane == EVENTS and snapshot.events:
        keys = [event_key(event) for event in snapshot.events]
        event = snapshot.events[position(keys, chosen_in(view))]
        return "Event", _event(event, snapshot), ()
    return "Burn", _burn(snapshot), snapshot.burn.explain


def _limit(
    row: LimitRow | None, snapshot: Snapshot
) -> tuple[str, Facts, tuple[str, ...]]:
    facts: Facts = []
    for missing in snapshot.missing:
        facts.append((plain(missing.label), f"{plain(missing.reason)}"))
        facts.append(("to know it", plain(missing.remedy)))
    if row is None:
        return "Limits", facts, ()
    window = row.window
    known = [("source", plain(window.source))]
    if window.observed_at is not None:
        known.append(("stated", ago(window.observed_at, snapshot.now)))
    if window.reason:
        known.append(("unknown", plain(window.reason)))
    if window.forecast is not None:
        known.append(("forecast by", plain(window.forecast.method)))
    known.append(("confidence", window.confidence.replace("_", " ")))
    if window.binding:
        known.append(("binding", "this window would stop the work first"))
    return plain(row.label), [*known, *facts], row.explain


def _session(row: SessionRow, snapshot: Snapshot) -> Facts:
    facts = [
        ("directory", plain(row.cwd)),
        ("agent", plain(row.agent)),
        ("model", plain(row.model)),
        ("session", plain(row.session_id)),
        ("started", clock(row.started_at, snapshot.zone, snapshot.now)),
        ("now", doing(row, snapshot).text),
        (
            "pace",
            f"{rate(row.cost_per_minute)}, {tokens(row.tokens_per_minute)} tok/min",
        ),
        ("cost", f"{money(row.cost)} in {row.requests} requests"),
    ]
    if row.title:
        facts.insert(0, ("title", plain(row.title)))
    if row.unpriced_requests:
        facts.append(("unpriced", f"{row.unpriced_requests} requests are not in it"))
    return facts


def _event(event: Event, snapshot: Snapshot) -> Facts:
    facts = [("at", clock(event.at, snapshot.zone, snapshot.now))]
    if event.project:
        facts.append(("project", plain(event.project)))
    return [*facts, (event.level, plain(event.text))]


def _burn(snapshot: Snapshot) -> Facts:
    burn = snapshot.burn
    return [
        ("pace", f"{rate(burn.cost_per_minute)} over {span(burn.span)}"),
        ("tokens", f"{tokens(burn.tokens_per_minute)} per minute"),
        ("cache reads", f"{tokens(burn.cache_reads_per_minute)} per minute, apart"),
        ("today", money(burn.cost_today)),
        ("unpriced", f"{burn.unpriced_today} requests of today"),
    ]


def _sources(snapshot: Snapshot) -> Facts:
    facts = [("prices", plain(snapshot.prices))]
    if snapshot.unpriced_models:
        names = ", ".join(map(plain, snapshot.unpriced_models))
        facts.append(("no price for", names))
    totals = [("counted", plain(line)) for line in snapshot.totals]
    return [*facts, *totals]


def _fact(name: str, value: str, width: int) -> list[Line]:
    """A name, and its value in as many lines as it takes."""
    parts = wrap(value, max(8, width - _NAME)) or ["–"]
    first: Line = [Segment(f"{name:<{_NAME}}", "dim"), Segment(parts[0])]
    return [first, *([Segment(" " * _NAME), Segment(part)] for part in parts[1:])]


def _paragraph(line: str, width: int) -> list[Line]:
    return [[Segment(part)] for part in wrap(plain(line), max(8, width))] or [[]]


def as_text(page: list[Line]) -> str:
    """A page as plain text."""
    return "\n".join(map(to_text, page))
