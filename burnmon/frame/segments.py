"""Styled text without a terminal library: segments, lines, rules and columns.

A style is one or more words (``"alarm selected"``) that mean something to a reader;
which colour that is, if any, is decided by whoever prints the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from burnmon.text import cells, fit, pad

STYLES = (
    "dim",  # secondary words
    "faint",  # rules, empty part of a bar
    "strong",  # the figure that matters
    "title",  # name of a pane
    "focus",  # name of the pane that takes the keys
    "calm",
    "attention",
    "alarm",
    "accent",
    "area",  # what was used, in the chart
    "near",  # forecast up to its median
    "far",  # forecast above its median
    "over",  # forecast above the limit
    "on-near",  # the same three as the ground of a cell
    "on-far",
    "on-over",
    "under",  # what lies below the forecast, drawn on its ground
    "selected",  # the row the keys act on
    "chosen",  # the same while another pane has the keys
)


class Segment(NamedTuple):
    """A run of text in one style; a tuple, for lines are compared on each repaint."""

    text: str
    style: str = ""


Line = list[Segment]


def blank(width: int) -> Line:
    """A line of nothing."""
    return [Segment(" " * max(0, width))]


def width_of(line: Iterable[Segment]) -> int:
    """Cells that a line takes."""
    return sum(cells(segment.text) for segment in line)


def fitted(line: Iterable[Segment], width: int) -> Line:
    """The line in exactly ``width`` cells, cut with ``…`` or filled with blanks."""
    kept: Line = []
    room = width
    for segment in line:
        size = cells(segment.text)
        if size > room:
            kept.append(Segment(fit(segment.text, room), segment.style))
            room -= cells(kept[-1].text)
            break
        kept.append(segment)
        room -= size
    if room > 0:
        kept.append(Segment(" " * room))
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """Both ends of a line; the right one goes first when there is no room."""
    gap = width - width_of(left) - width_of(right)
    if gap < 2:
        return fitted(left, width)
    return [*left, Segment(" " * gap), *right]


def joined(parts: Iterable[Line], width: int) -> Line:
    """As many parts as fit, most important first, set apart by dots."""
    line: Line = []
    for part in parts:
        gap = [Segment(" · ", "faint")] if line else []
        if width_of(line) + width_of(gap) + width_of(part) > width:
            break
        line += [*gap, *part]
    return line


def columns(cells_: Sequence[tuple[Segment, int]], gap: str = "  ") -> Line:
    """Segments in columns; a negative width sets its column to the right."""
    line: Line = []
    for segment, width in cells_:
        if line:
            line.append(Segment(gap))
        text = pad(segment.text, abs(width), right=width < 0)
        line.append(Segment(text, segment.style))
    return line


def styled(line: Line, style: str) -> Line:
    """The line with one more style word on every segment."""
    return [Segment(text, f"{own} {style}".lstrip()) for text, own in line]


def to_text(line: Line) -> str:
    """The line as plain text, without blanks at its end."""
    return "".join(segment.text for segment in line).rstrip()
