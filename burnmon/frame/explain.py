"""Why a figure is what it is, as lines to read, and a row as text to copy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

from burnmon.frame.events import committed_cost
from burnmon.frame.limits import outcome, resets, spent, used, verdict
from burnmon.frame.segments import Line, Segment
from burnmon.frame.session_cells import Place, doing
from burnmon.frame.view import (
    EVENTS,
    LIMITS,
    SESSIONS,
    Scene,
    chosen_in,
    event_key,
    events_of,
    position,
    selected_limit,
    selected_session,
)
from burnmon.live.snapshot import (
    Burn,
    CommitEvent,
    Event,
    LimitRow,
    SessionRow,
    Snapshot,
)
from burnmon.records import Window
from burnmon.text import ago, cells, clock, money, out_of, plain, rate, span, tokens

Facts = list[tuple[str, str]]
_NAME = 14
_NAMED = re.compile(r"([a-z][a-z ]{1,11})(?: \(([a-z ]+)\))?: (.+)")
"""An explaining line that says of which figure it is, ``cost: …``."""


def explained(scene: Scene, width: int) -> list[Line]:
    """What is known about the selected row, and about all figures, ``width`` wide."""
    title, facts = _subject(scene)
    page: list[Line] = [[Segment(title, "strong accent")], []]
    page += in_two_columns(facts, width)
    page += [[], [Segment("All figures", "title")]]
    return page + in_two_columns(_sources(scene.latest), width)


def copied(scene: Scene) -> str:
    """The selected row as plain text, its explanation below it."""
    title, facts = _subject(scene)
    lines = [title, *(f"{name}: {value}" if name else value for name, value in facts)]
    return "\n".join(map(plain, lines))


def _subject(scene: Scene) -> tuple[str, Facts]:
    """Title and facts of what is selected, each figure followed by its reasons."""
    snapshot, view = scene.snapshot, scene.view
    if view.pane == LIMITS:
        return _limits(selected_limit(snapshot, view), snapshot)
    if view.pane == SESSIONS and (session := selected_session(snapshot, view)):
        title = f"{plain(session.project)} · {plain(session.branch) or 'no branch'}"
        reasons = (re.sub("^session ", "session: ", line) for line in session.explain)
        return title, _with_reasons(_session(session, snapshot), reasons)
    if view.pane == EVENTS and (found := events_of(snapshot)):
        event = found[position([event_key(each) for each in found], chosen_in(view))]
        if isinstance(event, CommitEvent):
            return f"Commit · {plain(event.subject)}", _committed(event, snapshot)
        return "Event", _event(event, snapshot)
    return "Burn", _with_reasons(_burn(snapshot), snapshot.burn.explain)


def _with_reasons(facts: Facts, reasons: Iterable[str]) -> Facts:
    """The facts, each reason below the one it names, the others at the end."""
    named: dict[str, list[str]] = {}
    for name, value in facts:
        named.setdefault(name, []).append(value)
    for line in reasons:
        match = _NAMED.fullmatch(plain(line))
        name, value = (match[1], match[3]) if match else ("", plain(line))
        if match and match[2]:
            value = f"{match[2]}: {value}"
        if value not in named.setdefault(name, []):
            named[name].append(value)
    rest = named.pop("", [])
    merged = [(name, value) for name, values in named.items() for value in values]
    return merged + [("", value) for value in rest]


def _limits(row: LimitRow | None, snapshot: Snapshot) -> tuple[str, Facts]:
    missing: Facts = []
    for each in snapshot.missing:
        missing.append((plain(each.label).lower(), f"unknown: {plain(each.reason)}"))
        missing.append(("to know it", plain(each.remedy)))
    if row is None:
        return "Limits", missing
    figure = "unknown" if row.window.used is None else "used"
    # The source is that of the share: the other figures are computed here.
    reasons = (re.sub("^source:", f"{figure}:", line) for line in row.explain)
    facts = _with_reasons(_limit(row.window, snapshot), reasons)
    return plain(row.label), facts + _credits(row.window, snapshot) + missing


def _limit(window: Window, snapshot: Snapshot) -> Facts:
    """The figures of the row, in the order in which they are explained."""
    facts: Facts = []
    if window.binding:
        facts.append(("binding", "this window would stop the work first"))
    if window.resets_at is not None:
        facts.append(("resets", resets(window, snapshot, 99).removeprefix("resets ")))
    if window.used is None:
        return [*facts, ("unknown", plain(window.reason))]
    facts.append(("used", used(window)))
    if words := spent(window, 99):
        facts.append(("spent", words))
    if window.forecast is not None:
        facts.append(("forecast", outcome(window, snapshot)))
    return [*facts, ("verdict", verdict(window).lower())]


def _credits(window: Window, snapshot: Snapshot) -> Facts:
    """What work beyond the limits of the window's account came to."""
    return [
        (
            "credits",
            f"{out_of(each.spent, each.allowance)} used this month; official:"
            f" {each.source}, stated {ago(each.observed_at, snapshot.now)}",
        )
        for each in snapshot.credits
        if (each.agent, each.account) == (window.agent, window.account)
    ]


def _session(row: SessionRow, snapshot: Snapshot) -> Facts:
    facts = [
        ("directory", plain(row.cwd)),
        ("model", plain(row.model)),
        ("started", clock(row.started_at, snapshot.zone, snapshot.now)),
        ("now", doing(row, Place(snapshot.now, 999)).text),
        (
            "pace",
            f"{rate(row.cost_per_minute)}, {tokens(row.tokens_per_minute)} tok/min",
        ),
        ("cost", f"{money(row.cost)} in {row.requests} requests"),
    ]
    if row.title:
        facts.insert(0, ("title", plain(row.title)))
    if not any(row.session_id in line for line in row.explain):
        facts.append(("session", f"{plain(row.session_id)}, {plain(row.agent)}"))
    return facts


def _event(event: Event, snapshot: Snapshot) -> Facts:
    facts = [("at", clock(event.at, snapshot.zone, snapshot.now))]
    if event.project:
        facts.append(("project", plain(event.project)))
    return [*facts, (event.level, plain(event.text))]


def _committed(event: CommitEvent, snapshot: Snapshot) -> Facts:
    cost = committed_cost(event)
    return [
        ("at", clock(event.at, snapshot.zone, snapshot.now)),
        ("commit", plain(event.sha)),
        ("repository", plain(event.repo)),
        ("branch", plain(event.branch) or "none"),
        ("cost", f"{cost}; d opens the day, with the evidence"),
    ]


def _burn(snapshot: Snapshot) -> Facts:
    burn = snapshot.burn
    today = money(burn.cost_today)
    if burn.unpriced_today:
        today += f", {burn.unpriced_today} requests without a price not in it"
    return [
        ("pace", f"{rate(burn.cost_per_minute)} over {span(burn.span)}"),
        ("tokens", f"{tokens(burn.tokens_per_minute)} per minute"),
        ("cache reads", f"{tokens(burn.cache_reads_per_minute)} per minute, apart"),
        ("today", today),
        *_usual(burn),
    ]


def _usual(burn: Burn) -> Facts:
    """What the last hour is measured by."""
    beside = burn.compared
    if beside is None:
        return []
    words = (
        f"the last hour is {beside.times:.1f} times the middle of {beside.hours} hours"
        f" of yours in which anything burned on a {beside.when}, in eight weeks"
    )
    return [("usual", words)]


def _sources(snapshot: Snapshot) -> Facts:
    facts = [("prices", plain(snapshot.prices))]
    if snapshot.unpriced_models:
        names = ", ".join(map(plain, snapshot.unpriced_models))
        facts.append(("no price for", names))
    totals = [("counted", plain(line)) for line in snapshot.totals]
    return [*facts, *totals]


def in_two_columns(facts: Facts, width: int) -> list[Line]:
    """Facts in two columns, a name said once; what has no name takes both."""
    page: list[Line] = []
    before = None
    for name, value in facts:
        if not name:
            page += [[Segment(part)] for part in wrapped(value, width)]
            continue
        style = "dim" if name == before else ""
        shown = "" if name == before else name
        for part in wrapped(value, width - _NAME) or ["–"]:
            page.append([Segment(f"{shown:<{_NAME}}", "dim"), Segment(part, style)])
            shown = ""
        before = name
    return page


def wrapped(words: str, width: int) -> list[str]:
    """The words in lines of at most ``width`` cells, eight at the least."""
    narrow = cells(words) == len(words)  # else some letters take two cells
    return wrap(words, max(8, width if narrow else width // 2))
