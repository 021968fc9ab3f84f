"""The groups of a day: by branch, issue, project, model or hour, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from burnmon.day import GROUPS, Day, Group, in_cents
from burnmon.frame.segments import Line, Segment
from burnmon.frame.shipped_cells import amount
from burnmon.text import base, cells, counted, pad, plain, short_model, span

_WORDY = 44
"""Columns from which a group has room for more than its dollars."""


def kinds(chosen: str) -> Line:
    """The kinds of groups, the chosen one in brackets."""
    line: Line = []
    for kind in GROUPS:
        gap = [Segment(" · ", "faint")] if line else []
        word, style = (f"‹{kind}›", "accent") if kind == chosen else (kind, "dim")
        line += [*gap, Segment(word, style)]
    return line


def groups(day: Day, kind: str, width: int, rows: int = 1) -> list[Line]:
    """The groups of a kind, read downwards: in ``rows`` lines, in more if need be."""
    found = day.groups.get(kind, ())
    if not found:
        unknown = [Segment(f"no {kind} is known", "dim")]
        return [unknown] if any(day.groups.values()) else []
    told = [each if width >= _WORDY else each[:2] for each in _told(kind, found)]
    widths = [max(map(cells, column)) for column in zip(*told, strict=True)]
    gaps = 2 * len(widths) - 2
    room = width - sum(widths[1:]) - gaps
    widths[0] = max(1, min(widths[0], 28, room))
    size = sum(widths) + gaps
    across = max(1, (width + 4) // (size + 4))
    down = max(-(-len(told) // across), min(len(told), rows))
    return [_beside(told[row::down], widths) for row in range(down)]


def _told(kind: str, found: Sequence[Group]) -> Iterator[tuple[str, str, str, str]]:
    """Each group in words: key, dollars, commits, time taken."""
    cents = in_cents([each.spent.cost for each in found])
    for each, cost in zip(found, cents, strict=True):
        took = f"in {span(each.took)}" if each.took is not None else ""
        commits = counted(each.commits, "commit") if each.commits else ""
        yield group_name(kind, each.key), amount(each.spent, cost), commits, took


def group_name(kind: str, key: str) -> str:
    """What a group is called."""
    if kind == "model":
        return short_model(key) or "no model"
    if kind == "project":
        return plain(base(key)) or "no project"
    return plain(key) or f"no {kind}"


def _beside(told: Sequence[tuple[str, ...]], widths: Sequence[int]) -> Line:
    line: Line = []
    for group in told:
        line += [Segment("    ")] if line else []
        for place, (words, width) in enumerate(zip(group, widths, strict=True)):
            style = ("", "strong", "dim", "dim")[place]
            gap = "  " if place else ""
            line.append(Segment(gap + pad(words, width, right=place in (1, 2)), style))
    return line
