"""The Sessions pane: one row per conversation, its columns chosen by the width."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.segments import (
    Line,
    Segment,
    columns,
    fitted,
    joined,
    styled,
    width_of,
)
from burnmon.frame.session_cells import (
    STATE_STYLES,
    Moment,
    Place,
    Table,
    moment_of,
    table_for,
)
from burnmon.frame.view import (
    SESSIONS,
    View,
    position,
    sessions_of,
    window_on_screen,
)
from burnmon.live.snapshot import SessionRow, Snapshot
from burnmon.text import fit, plain

GLYPHS = {"burning": "●", "waiting": "◐", "idle": "○"}


def sessions(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Sessions pane in exactly ``size`` (width, height)."""
    width, height = size
    rows = sessions_of(snapshot, view)
    table = table_for(inner_width(width), snapshot.sessions, snapshot.now)
    chosen = position([row.session_id for row in rows], view.session)
    first = window_on_screen(len(rows), chosen, height - 2)
    lines = [inside(_names(table, inner_width(width), view.order), width)]
    if not rows:
        lines.append(inside([Segment(_nothing(snapshot, view), "dim")], width))
    for place, row in enumerate(rows[first:], first):
        if len(lines) >= height - 1:
            break
        moment = moment_of(row, snapshot.now)
        mark = view.pane if view.pane and place == chosen else ""
        lines.append(_row_inside(row, moment, table, width, mark))
    heading = Heading(
        "3",
        "Sessions",
        _summary(snapshot, view, (len(rows), height - 2), inner_width(width) - 20),
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


@lru_cache(maxsize=16)
def _names(table: Table, width: int, order: str) -> Line:
    """The names of the columns, the one that orders the rows standing out."""
    sorts = {"burn": "$/min", "cost": "cost ", "context": "context"}
    sorts |= {"project": "project"}
    cells = [
        (
            Segment(
                column.name,
                "accent" if sorts.get(order) == column.name else "dim",
            ),
            column.width,
        )
        for column in table.columns
    ]
    return fitted([Segment("  "), *columns(cells)], width)


@lru_cache(maxsize=256)
def _row_inside(
    row: SessionRow, moment: Moment, table: Table, width: int, mark: str
) -> Line:
    """One session in the box; most are as they were in the picture before.

    ``mark``: the pane that takes the keys, for the row that is chosen.
    """
    line = _row(row, moment, table, inner_width(width))
    if mark == SESSIONS:
        return inside(styled(line, "selected"), width, "▸")
    return inside(styled(line, "chosen") if mark else line, width)


def _row(row: SessionRow, moment: Moment, table: Table, width: int) -> Line:
    glyph = Segment(GLYPHS[row.state] + " ", STATE_STYLES[row.state])
    cells = [
        (column.cell(row, Place(moment.now, abs(column.width))), column.width)
        for column in table.columns
    ]
    return fitted([glyph, *columns(cells)], width)


def bare_rows(snapshot: Snapshot, width: int, count: int) -> list[Line]:
    """The first sessions without names of columns, for panes too low for them."""
    table = table_for(width, snapshot.sessions, snapshot.now)
    return [
        _row(row, moment_of(row, snapshot.now), table, width)
        for row in snapshot.sessions[:count]
    ]


def _nothing(snapshot: Snapshot, view: View) -> str:
    if snapshot.sessions and view.query:
        return f"no session matches “{plain(view.query)}”; esc clears the filter"
    return "no session yet; start an agent and it appears here"


def _summary(snapshot: Snapshot, view: View, rows: tuple[int, int], room: int) -> Line:
    """Filter, order and counts, as many as fit, in this order of importance.

    ``rows``: how many pass the filter, and how many of them there is room for.
    """
    shown, seen = rows
    parts: list[Line] = []
    if view.query:
        words = f"filter “{fit(plain(view.query), 20)}”"
        matches = f": {shown} of {len(snapshot.sessions)}"
        parts.append([Segment(words + matches, "attention")])
    if view.order != "state" or view.reverse:
        way = " reversed" if view.reverse else ""
        parts.append([Segment(f"by {view.order}{way}", "dim")])
    states = counts(snapshot, room - width_of(joined(parts, room)) - 3)
    hidden = [[Segment(f"↓ {shown - seen} more", "dim")]] if shown > seen else []
    return joined((*parts, *states, *hidden), room)


_LONG = {"burning": "burning", "waiting": "waiting for you", "idle": "idle"}
_SHORT = _LONG | {"waiting": "waits"}


def counts(snapshot: Snapshot, room: int) -> list[Line]:
    """How many sessions are in each state, in words as short as the room asks for."""
    found = Counter[str](row.state for row in snapshot.sessions)
    return _counts(tuple(found.items()), room)


@lru_cache(maxsize=16)
def _counts(states: tuple[tuple[str, int], ...], room: int) -> list[Line]:
    found = dict(states)
    if found.keys() == {"idle"} and found["idle"] > 1:
        return [[Segment(f"all {found['idle']} idle", "dim")]]
    said = [
        [
            [Segment(f"{found[state]} {word}", STATE_STYLES[state])]
            for state, word in words.items()
            if state in found
        ]
        for words in (_LONG, _SHORT)
    ]
    whole = sum(map(width_of, said[0])) + 3 * len(said[0]) - 3 <= room
    return said[0] if whole else said[1]
