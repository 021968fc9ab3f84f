"""The words, bars and columns of a session explained: how a part, a turn reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from burnmon.day import in_cents
from burnmon.frame.segments import Line, Segment, columns, fitted, width_of
from burnmon.frame.why_view import turn_cents, turns_of
from burnmon.text import cells, clock, counted, fit, plain, share, span, tokens
from burnmon.why import PART_WORDS, Parts, Turn, Why

GLYPHS = {
    "carried": ("█", "area"),
    "rebuilt": ("▓", "attention"),
    "added": ("▒", "accent"),
    "thinking": ("▞", "calm"),
    "output": ("░", "calm"),
    "searches": ("▚", "near"),
}
"""How a bar shows each part, in colours and without them."""
_LONGEST_BAR = 40


def dollars(cost: Decimal, cents: Decimal, unpriced: int) -> str:
    """Dollars to the cent, ``unknown`` where no request has a price."""
    if unpriced and not cost:
        return "unknown"
    return ("<$0.01" if cost and not cents else f"${cents:,.2f}") + "+" * bool(unpriced)


def whole_cost(why: Why) -> str:
    """What the session came to, as its lines add up to it."""
    return dollars(why.parts.cost, sum(in_cents(why.parts), Decimal(0)), why.unpriced)


def unpriced_words(requests: int, count: int) -> str:
    """What is in no dollars: ``12 requests without a price (340 k tokens)``."""
    beside = f" ({tokens(count)} tokens)" if count else ""
    return f"{counted(requests, 'request')} without a price{beside}"


def cache_words(why: Why) -> list[str]:
    """How much of the input came from a cache, and how much was written again."""
    figures = ((why.cache_read, "read"), (why.cache_rebuilt, "rebuilt"))
    known = [
        f"{share(part, fine=part > 0)} {word}"
        for part, word in figures
        if part is not None
    ]
    return [f"cache {known[0]}", *known[1:]] if known else []


def bar_of(parts: Parts, width: int) -> Line:
    """The parts as one bar of exactly ``width`` cells; nothing where all are free."""
    if width < 1 or not parts.cost:
        return []
    scale = width / float(parts.cost)
    ends = [round(each * scale) for each in accumulate(map(float, parts))]
    line = []
    for name, begin, end in zip(GLYPHS, [0, *ends], ends, strict=False):
        glyph, style = GLYPHS[name]
        if end > begin:
            line.append(Segment(glyph * (end - begin), style))
    return line


def sum_lines(why: Why, width: int, most: int = 99) -> list[Line]:
    """Every part with its dollars, added up to the whole, in lines of ``width``.

    Parts are named in fewer words where one would not fit, or not in ``most`` lines.
    """
    lines: list[Line] = []
    for words in (99, 1, 0):
        summed = [*_summands(why, words), *_beside(why)]
        lines = _packed(summed, width)
        if len(lines) <= most and all(width_of(each) <= width for each in summed):
            break
    return lines[:most]


def _summands(why: Why, words: int) -> list[Line]:
    """The parts, each in at most so many words, and their sum."""
    cents = in_cents(why.parts)
    said: list[Line] = []
    for name, cost, cent in zip(GLYPHS, why.parts, cents, strict=True):
        if cost:
            named = " ".join(PART_WORDS[name].split()[:words])
            plus = [Segment("+ ", "faint")] if said else []
            glyph = [
                Segment(*GLYPHS[name]),
                Segment(f" {named} ".rstrip() + " ", "dim"),
            ]
            said.append([*plus, *glyph, Segment(dollars(cost, cent, 0))])
    return [*said, _proof(why, sum(cents, Decimal(0)))] if said else []


def _beside(why: Why) -> list[Line]:
    """What is in no dollars, and what would be a bug."""
    found: list[Line] = []
    if why.unpriced:
        known = unpriced_words(why.unpriced, why.unpriced_tokens)
        found.append([Segment("+ " * bool(why.parts.cost) + known, "attention")])
    if not why.adds_up:
        bug = "the turns are not the whole, which is a bug"
        found.append([Segment(bug, "alarm")])
    return found


def _proof(why: Why, total: Decimal) -> Line:
    sign, mark, style = ("=", "✓", "calm") if why.adds_up else ("≠", "✗", "alarm")
    return [Segment(f"{sign} ${total:,.2f} {mark}", style)]


def _packed(words: Iterable[Line], width: int) -> list[Line]:
    """Words side by side, as many to a line as fit."""
    lines: list[Line] = []
    for word in words:
        if lines and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] = [*lines[-1], Segment(" "), *word]
        else:
            lines.append(word)
    return [fitted(line, width) for line in lines]


class _Column(NamedTuple):
    name: str
    right: bool = False
    headed: bool = False
    """It explains itself only with its name above it."""


_COLUMNS = {
    "number": _Column("turn", right=True),
    "at": _Column("at"),
    "took": _Column("took", right=True),
    "cost": _Column("cost", right=True),
    "bar": _Column(""),
    "context": _Column("context", right=True, headed=True),
    "requests": _Column("requests", right=True, headed=True),
    "calls": _Column("calls", right=True, headed=True),
    "marks": _Column("marks"),
}
_DROPPED = ("calls", "requests", "took", "context", "marks", "bar", "at")
"""Columns in the order in which they give way to the others."""
_LONGEST_BAR, _LEAST_BAR, _LEAST_MARKS = 40, 10, 16

Cells = dict[str, Segment]


def turn_lines(why: Why, width: int, *, headed: bool) -> list[Line]:
    """The turns, newest first, one a line; ``headed``: the columns' names above."""
    rows = [
        _cells(why, *each) for each in zip(turns_of(why), turn_cents(why), strict=True)
    ]
    if headed:
        names = {key: Segment(each.name, "dim") for key, each in _COLUMNS.items()}
        rows.insert(0, names)
    widths = _widths(rows, width, headed=headed, empty=_empty(why))
    bars = [*([[]] * headed), *_bars(why, widths.get("bar", 0))]
    lines = [_line(*each, widths) for each in zip(rows, bars, strict=True)]
    return [fitted(line, width) for line in lines]


def _empty(why: Why) -> list[str]:
    """Columns in which no turn has anything to show."""
    known = {
        "calls": any(turn.calls for turn in why.turns),
        "bar": bool(why.parts.cost),
        "marks": any(marks_of(turn) for turn in why.turns),
    }
    return [key for key, shown in known.items() if not shown]


def _widths(
    rows: Sequence[Cells], width: int, *, headed: bool, empty: Sequence[str]
) -> dict[str, int]:
    """Cells of every column that has room, as narrow as what stands in it."""
    widths = {
        key: max(cells(row[key].text) for row in rows)
        for key, column in _COLUMNS.items()
        if headed or not column.headed
    }
    marks = widths["marks"]
    widths |= {"bar": _LEAST_BAR, "marks": min(marks, _LEAST_MARKS)}
    for key in empty:
        widths.pop(key, None)
    for key in _DROPPED:
        if sum(widths.values()) + 2 * (len(widths) - 1) > width:
            widths.pop(key, None)
    left = width - sum(widths.values()) - 2 * (len(widths) - 1)
    if "marks" in widths:
        more = min(marks - widths["marks"], left * 2 // 3)
        widths["marks"] += max(0, more)
        left -= max(0, more)
    if "bar" in widths:
        widths["bar"] = min(_LONGEST_BAR, _LEAST_BAR + max(0, left))
    return widths


def _bars(why: Why, width: int) -> list[Line]:
    """Of every turn its parts, as long as its share of the dearest turn."""
    turns = turns_of(why)
    dearest = max((turn.parts.cost for turn in turns), default=Decimal(0)) or 1
    shares = [turn.parts.cost / dearest for turn in turns]
    return [
        bar_of(turn.parts, max(1, round(part * width)) if width else 0)
        for turn, part in zip(turns, shares, strict=True)
    ]


def _line(row: Cells, drawn: Line, widths: dict[str, int]) -> Line:
    """One line of the table: words in their columns, the bar in its own."""
    line: Line = []
    for key, width in widths.items():
        line += [Segment("  ")] if line else []
        if key == "bar":
            line += fitted(drawn, width)
        else:
            right = -1 if _COLUMNS[key].right else 1
            line += columns([(row[key], right * width)])
    return line


def _cells(why: Why, turn: Turn, cents: Decimal) -> Cells:
    cost = dollars(turn.parts.cost, cents, turn.unpriced)
    took = "–" if turn.took <= timedelta(0) else span(turn.took)
    newest = why.turns[-1].began_at
    return {
        "number": Segment(f"#{turn.number}", "dim"),
        "at": Segment(clock(turn.began_at, why.zone, newest), "dim"),
        "took": Segment(took, "dim"),
        "cost": Segment(cost, "attention" if cost == "unknown" else "strong"),
        "bar": Segment(""),
        "context": Segment(tokens(turn.context)),
        "requests": Segment(f"{turn.requests:,}"),
        "calls": Segment(f"{turn.calls:,}"),
        "marks": Segment(marks_of(turn), "attention" if turn.unpriced else ""),
    }


def marks_of(turn: Turn) -> str:
    """What happened in a turn, in words."""
    words = [plain(mark) for mark in turn.marks]
    if turn.unpriced:
        tok = f", {tokens(turn.unpriced_tokens)} tok" if turn.unpriced_tokens else ""
        words.insert(0, f"{turn.unpriced:,} unpriced{tok}")
    if not turn.number:
        words.insert(0, "before the first prompt")
    return " · ".join(words)


def cause_lines(why: Why, width: int, *, remedies: bool) -> list[Line]:
    """The causes, dearest first: two lines each with its remedy, else one."""
    found = []
    for cause in why.causes:
        (cents,) = in_cents([cause.dollars])
        unknown = why.unpriced if not why.parts.cost else 0
        cost = Segment(dollars(cause.dollars, cents, unknown), "strong")
        times = Segment(f"{cause.times:,}×", "dim")
        lead = columns([(cost, -8), (times, -4)])
        room = max(0, width - width_of(lead) - 2)
        words, remedy = plain(cause.words), f"→ {plain(cause.remedy)}"
        if remedies:
            found.append([*lead, Segment("  "), Segment(fit(words, room))])
            indent = Segment(" " * (width - room))
            found.append([indent, Segment(fit(remedy, room), "dim")])
        else:
            left = room - cells(words) - 2
            more = [Segment("  " + fit(remedy, left), "dim")] if left > 12 else []
            text = Segment("  " + fit(words, room))
            found.append([*lead, text, *more])
    return [fitted(line, width) for line in found]
