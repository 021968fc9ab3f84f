"""The frame around the panes: one box whose rules carry the names of the panes."""

from __future__ import annotations

from msgspec import Struct

from burnmon.frame.segments import Line, Segment, blank, fitted, width_of

_SIDE, _BLANK = Segment("│", "faint"), Segment(" ")
SIDES_FROM = 70
"""Columns from which a box has sides; below, every cell is needed for figures."""


class Heading(Struct, frozen=True):
    """What the rule above a pane says."""

    digit: str
    """The key that focuses the pane; empty for a pane without one."""
    name: str
    right: Line
    focused: bool = False
    first: bool = False
    """The topmost pane: its rule is also the top of the box."""


def inner_width(width: int) -> int:
    """Columns left for figures inside a box of this width."""
    return max(0, width - 4 if width >= SIDES_FROM else width - 1)


def rule(heading: Heading, width: int) -> Line:
    """The rule above a pane: its digit and name at the left, a summary at the right."""
    left, right = ("╭╮" if heading.first else "├┤") if width >= SIDES_FROM else "──"
    digit = f"{heading.digit} " if heading.digit else ""
    name = [
        Segment(left + "─ ", "faint"),
        Segment(digit, "accent" if heading.focused else "dim"),
        Segment(heading.name, "focus" if heading.focused else "title"),
        Segment(" "),
    ]
    tail = [Segment(" "), *heading.right, Segment(" ")] if heading.right else []
    end = Segment("─" + right, "faint")
    dashes = width - width_of(name) - width_of(tail) - 2
    if dashes < 1:
        tail, dashes = [], width - width_of(name) - 2
    return fitted([*name, Segment("─" * max(0, dashes), "faint"), *tail, end], width)


def inside(line: Line, width: int, marker: str = " ") -> Line:
    """A line of a pane between the sides of the box, if it has any.

    ``marker`` takes the cell before the text: it tells the selected row by more
    than colour.
    """
    if width < SIDES_FROM:
        return fitted([Segment(marker, "accent"), *fitted(line, width - 1)], width)
    return framed(fitted(line, width - 4), marker)


def framed(line: Line, marker: str = " ") -> Line:
    """``inside`` of a line that is as wide as the box with sides leaves room for."""
    return [_SIDE, Segment(marker, "accent"), *line, _BLANK, _SIDE]


def boxed(heading: Heading, rows: list[Line], size: tuple[int, int]) -> list[Line]:
    """A pane of exactly ``size`` (width, height): its rule, then its rows."""
    width, height = size
    if height < 1:
        return []
    body = [row if row else inside(blank(1), width) for row in rows[: height - 1]]
    body += [inside(blank(1), width)] * (height - 1 - len(body))
    return [rule(heading, width), *body]


def bottom(line: Line, width: int) -> Line:
    """The last rule, with the keys set into it."""
    if width < SIDES_FROM:
        return fitted([Segment(" "), *line], width)
    middle = [Segment("╰─ ", "faint"), *line, Segment(" ")] if line else []
    dashes = width - width_of(middle) - 2
    if not line:
        return [Segment("╰" + "─" * (width - 2) + "╯", "faint")]
    if dashes < 0:
        cut = fitted(middle, width - 3)
        return [*cut, Segment(" ─╯", "faint")]
    return [*middle, Segment("─" * (dashes + 1) + "╯", "faint")]
