"""Rows of a pane, one of which may be selected, and scrolled so that it is in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.segments import Line, Segment, fitted, joined, styled, width_of
from burnmon.frame.view import window_on_screen


class Rows(NamedTuple):
    """A pane of rows, one of which may be the selected one."""

    name: str
    said: Sequence[Line]
    """What its rule says: the sum first, then what is good to know."""
    found: Sequence[Line]
    place: int
    """Where the selected row stands; outside of the rows if it is elsewhere."""
    first: bool = False


def listed(rows: Rows, size: tuple[int, int]) -> list[Line]:
    """The pane, scrolled so that the selected row is in sight."""
    width, height = size
    room = height - 1
    count, place = len(rows.found), rows.place
    first = window_on_screen(count, min(max(place, 0), count), room)
    lines = [
        marked(line, width, at == place, boxed=True)
        for at, line in enumerate(rows.found[first : first + room], first)
    ]
    hidden: list[Line] = []
    if count > room:
        hidden = [[Segment(f"{count - room} more", "dim")]]
    said = [*rows.said[:1], *hidden, *rows.said[1:]]
    right = _at_the_right(said, width - len(rows.name) - 10)
    return boxed(Heading("", rows.name, right, first=rows.first), lines, size)


def _at_the_right(said: Sequence[Line], room: int) -> Line:
    """As many parts as fit; the first one, which goes last, stands at the end."""
    kept = [part for part in said if part]
    while kept and width_of(joined(kept[::-1], 9_999)) > room:
        kept.pop()
    return joined(kept[::-1], 9_999)


def marked(line: Line, width: int, chosen: bool, *, boxed: bool) -> Line:
    """The line in exactly ``width`` cells; the chosen one is marked by a glyph too."""
    inner = inner_width(width) if boxed else max(0, width - 1)
    line, marker = fitted(line, inner), " "
    if chosen:
        line, marker = styled(line, "selected"), "▸"
    if boxed:
        return inside(line, width, marker)
    return fitted([Segment(marker, "accent"), *line], width)


def indented(line: Line, width: int) -> Line:
    """The line behind a blank, in exactly ``width`` cells."""
    return fitted([Segment(" "), *line], width)
