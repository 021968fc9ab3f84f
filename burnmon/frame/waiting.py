"""A screen that waits for an answer: what is read meanwhile, or why there is none."""

from __future__ import annotations

from burnmon.day import Reading, Refused
from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.graph import bar
from burnmon.frame.rows import indented
from burnmon.frame.segments import Line, Segment, blank
from burnmon.text import plain


def reading(found: Reading) -> Line:
    """What is read, and how far."""
    words = f"reading {plain(found.words)}"
    if found.total:
        words += f": {found.done:,} of {found.total:,} {plain(found.unit)}"
    return [Segment(words + " ", "accent")]


def waiting(
    name: str,
    known: tuple[Reading | None, Refused | None],
    size: tuple[int, int],
    *,
    low: bool,
) -> list[Line]:
    """A screen before there is anything to show; ``known``: what is read or refused."""
    waits, refused = known
    width, height = size
    lines: list[Line] = []
    if waits:
        lines.append(reading(waits))
        if waits.total:
            done = waits.done / waits.total
            lines.append(bar(done, None, min(40, inner_width(width)), "accent"))
        lines.append([Segment("esc goes back to Burn; what was read is kept", "dim")])
    if refused:
        lines.append([Segment(f"▲ {plain(refused.words)}", "attention")])
    if not low:
        rows = [inside(line, width) for line in lines]
        return boxed(Heading("", name, [], first=True), rows, size)
    bare = [indented(line, width) for line in lines[:height]]
    return bare + [blank(width)] * (height - len(bare))
