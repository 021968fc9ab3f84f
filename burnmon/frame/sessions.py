"""The Sessions pane: one row per conversation, its columns chosen by the width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.graph import sparkline
from burnmon.frame.segments import Line, Segment, columns, fitted, styled, width_of
from burnmon.frame.view import (
    SESSIONS,
    View,
    position,
    sessions_of,
    window_on_screen,
)
from burnmon.live.snapshot import SessionRow, Snapshot
from burnmon.text import fit, money, plain, share, short_model, span, tokens

GLYPHS = {"burning": "●", "waiting": "◐", "idle": "○"}
_STATE_STYLES = {"burning": "accent", "waiting": "attention", "idle": "dim"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, how wide it is and what it shows."""

    name: str
    width: int
    """Cells; negative sets it to the right."""
    cell: Callable[[SessionRow, Snapshot], Segment]


def _quiet(row: SessionRow) -> str:
    return "dim" if row.state == "idle" else ""


def _project(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(
        plain(row.project) or "–", "dim" if row.state == "idle" else "strong"
    )


def _branch(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(plain(row.branch) or "–", "dim")


def _model(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(short_model(row.model) or "–", _quiet(row))


def _pace(row: SessionRow, _: Snapshot) -> Segment:
    if row.cost_per_minute is None:
        return Segment("no price", "attention")
    if not row.cost_per_minute:
        return Segment("–", "dim")
    return Segment(money(row.cost_per_minute), "strong")


def _spark(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(sparkline(row.spark, SPARK.width), "area")


def _trend(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(sparkline(row.spark, TREND.width), "area")


def _cost(row: SessionRow, _: Snapshot) -> Segment:
    if row.cost is None:
        return Segment("no price ", "attention")
    more = "+" if row.unpriced_requests else " "
    return Segment(money(row.cost) + more, _quiet(row))


def _context(row: SessionRow, _: Snapshot) -> Segment:
    if row.context_tokens is None:
        return Segment("–", "dim")
    held = tokens(row.context_tokens)
    if not row.context_window:
        return Segment(held + " " * 5, _quiet(row))
    part = row.context_tokens / row.context_window
    style = "attention" if part >= 0.8 else _quiet(row)
    return Segment(f"{held} {share(part):>4}", style)


def _cache(row: SessionRow, snapshot: Snapshot) -> Segment:
    if row.cache is None:
        return Segment("–", "dim")
    left = row.cache.warm_until - snapshot.now
    if left.total_seconds() > 0:
        return Segment(f"warm {span(left)}", _quiet(row))
    cost = row.cache.rebuild_cost
    return Segment("cold" if cost is None else f"cold +{money(cost)}", "dim")


def _title(row: SessionRow, _: Snapshot) -> Segment:
    return Segment(plain(row.title) or "–", "dim")


def doing(row: SessionRow, snapshot: Snapshot) -> Segment:
    """What the session does, or since when it does nothing."""
    since = span(snapshot.now - row.state_since)
    if row.state == "waiting":
        return Segment(f"waiting for you {since}", "attention")
    if row.state == "idle":
        return Segment(f"idle {since}", "dim")
    words = plain(row.doing) or "thinking"
    if row.subagents:
        noun = "agent" if row.subagents == 1 else "agents"
        words = f"{fit(words, 24)} · {row.subagents} {noun}"
    return Segment(words)


def state(row: SessionRow, snapshot: Snapshot) -> Segment:
    """The state in a word, with its age where it asks for something."""
    if row.state == "burning":
        return Segment("burning", "accent")
    word = "waits" if row.state == "waiting" else "idle"
    since = span(snapshot.now - row.state_since)
    return Segment(f"{word} {since}", _STATE_STYLES[row.state])


PROJECT = Column("project", 12, _project)
BRANCH = Column("branch", 12, _branch)
MODEL = Column("model", 11, _model)
PACE = Column("$/min", -7, _pace)
SPARK = Column("trend", 6, _spark)
COST = Column("cost ", -9, _cost)
CONTEXT = Column("context", -10, _context)
CACHE = Column("cache", 11, _cache)
TITLE = Column("title", 22, _title)
DOING = Column("doing", 0, doing)
STATE = Column("state", 0, state)
ROOMY = (
    replace(PROJECT, width=14),
    replace(BRANCH, width=16),
    replace(MODEL, width=12),
)
TREND = Column("trend", 10, _trend)

LAYOUTS: tuple[tuple[int, tuple[Column, ...]], ...] = (
    (150, (*ROOMY, PACE, TREND, COST, CONTEXT, CACHE, TITLE, DOING)),
    (126, (*ROOMY, PACE, TREND, COST, CONTEXT, CACHE, DOING)),
    (114, (PROJECT, BRANCH, MODEL, PACE, SPARK, COST, CONTEXT, CACHE, DOING)),
    (104, (PROJECT, MODEL, PACE, SPARK, COST, CONTEXT, CACHE, DOING)),
    (88, (PROJECT, MODEL, PACE, SPARK, COST, CONTEXT, DOING)),
    (68, (PROJECT, PACE, SPARK, COST, DOING)),
    (52, (PROJECT, PACE, COST, DOING)),
    (44, (PROJECT, PACE, COST, STATE)),
    (26, (PROJECT, PACE, STATE)),
    (0, (PROJECT, STATE)),
)
"""Columns by the least width that they need; the last column takes what is left."""


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that a pane of this inner width shows."""
    return next(chosen for least, chosen in LAYOUTS if width >= least)


def sessions(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Sessions pane in exactly ``size`` (width, height)."""
    width, height = size
    rows, table = sessions_of(snapshot, view), columns_for(inner_width(width))
    chosen = position([row.session_id for row in rows], view.session)
    first = window_on_screen(len(rows), chosen, height - 2)
    lines = [inside(_names(table, inner_width(width), view), width)]
    if not rows:
        lines.append(inside([Segment(_nothing(snapshot, view), "dim")], width))
    for place, row in enumerate(rows[first:], first):
        if len(lines) >= height - 1:
            break
        line = _row(row, snapshot, table, inner_width(width))
        active = bool(view.pane) and place == chosen
        lines.append(_marked(line, view, width) if active else inside(line, width))
    heading = Heading(
        "3",
        "Sessions",
        _summary(snapshot, view, len(rows), inner_width(width) - 20),
        view.pane == SESSIONS,
        view.enlarged,
    )
    return boxed(heading, lines, size)


def row_at(snapshot: Snapshot, view: View, height: int, line: int) -> str:
    """Id of the session in a line of a pane of this height; empty if there is none."""
    keys = [row.session_id for row in sessions_of(snapshot, view)]
    first = window_on_screen(len(keys), position(keys, view.session), height - 2)
    place = first + line - 2
    return keys[place] if line >= 2 and place < len(keys) else ""


def _marked(line: Line, view: View, width: int) -> Line:
    if view.pane == SESSIONS:
        return inside(styled(line, "selected"), width, "▸")
    return inside(styled(line, "chosen"), width)


def _names(table: Sequence[Column], width: int, view: View) -> Line:
    """The names of the columns, the one that orders the rows standing out."""
    sorts = {"burn": "$/min", "cost": "cost ", "context": "context"}
    sorts |= {"project": "project"}
    cells = [
        (
            Segment(
                column.name,
                "accent" if sorts.get(view.order) == column.name else "dim",
            ),
            column.width or len(column.name),
        )
        for column in table
    ]
    return fitted([Segment("  "), *columns(cells)], width)


def _row(
    row: SessionRow, snapshot: Snapshot, table: Sequence[Column], width: int
) -> Line:
    glyph = Segment(GLYPHS[row.state] + " ", _STATE_STYLES[row.state])
    fixed = sum(abs(column.width) for column in table) + 2 * len(table)
    cells = [
        (column.cell(row, snapshot), column.width or max(1, width - fixed))
        for column in table
    ]
    return fitted([glyph, *columns(cells)], width)


def _nothing(snapshot: Snapshot, view: View) -> str:
    if snapshot.sessions and view.query:
        return f"no session matches “{plain(view.query)}”; esc clears the filter"
    return "no session yet; start an agent and it appears here"


def _summary(snapshot: Snapshot, view: View, shown: int, room: int) -> Line:
    """Filter, order and counts, as many as fit, in this order of importance."""
    parts: list[Line] = []
    if view.query:
        words = f"filter “{fit(plain(view.query), 20)}”"
        found = f": {shown} of {len(snapshot.sessions)}"
        parts.append([Segment(words + found, "attention")])
    if view.order != "state" or view.reverse:
        way = " reversed" if view.reverse else ""
        parts.append([Segment(f"by {view.order}{way}", "dim")])
    line: Line = []
    for part in (*parts, *_counts(snapshot)):
        gap = [Segment(" · ", "dim")] if line else []
        if width_of(line) + width_of(part) + len(gap) * 3 <= room:
            line += [*gap, *part]
    return line


def _counts(snapshot: Snapshot) -> list[Line]:
    states = [row.state for row in snapshot.sessions]
    if len(states) > 1 and set(states) == {"idle"}:
        return [[Segment(f"all {len(states)} idle", "dim")]]
    words = {"burning": "burning", "waiting": "waiting for you", "idle": "idle"}
    counts = Counter[str](states)
    return [
        [Segment(f"{counts[one]} {word}", _STATE_STYLES[one])]
        for one, word in words.items()
        if counts[one]
    ]
