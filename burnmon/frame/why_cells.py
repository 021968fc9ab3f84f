"""The words, bars and columns of a session explained: how a part, a turn reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from burnmon.day import in_cents
from burnmon.frame.segments import Line, Segment, columns, fitted, width_of
from burnmon.frame.shipped_cells import counted
from burnmon.frame.why_view import turn_cents, turns_of
from burnmon.text import cells, fit, local, plain, share, span, tokens
from burnmon.why import PART_WORDS, Parts, Turn, Why

GLYPHS = {
    "carried": ("█", "area"),
    "rebuilt": ("▓", "attention"),
    "added": ("▒", "accent"),
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
    known = [f"{share(part, fine=True)} {word}" for part, word in figures if part]
    return [f"cache {' · '.join(known)}"] if known else []


def bar_of(parts: Parts, width: int) -> Line:
    """The parts as one bar of exactly ``width`` cells; nothing where all are free."""
    if width < 1 or not parts.cost:
        return []
    ends = [round(each / parts.cost * width) for each in accumulate(parts)]
    line = []
    for name, begin, end in zip(GLYPHS, [0, *ends], ends, strict=False):
        glyph, style = GLYPHS[name]
        if end > begin:
            line.append(Segment(glyph * (end - begin), style))
    return line


def sum_lines(why: Why, width: int, *, short: bool = False) -> list[Line]:
    """Every part with its dollars, added up to the whole, in lines of ``width``.

    ``short`` names each by its first word.
    """
    cents = in_cents(why.parts)
    words: list[Line] = []
    for name, cost, cent in zip(GLYPHS, why.parts, cents, strict=True):
        if cost:
            said = PART_WORDS[name].split()[0] if short else PART_WORDS[name]
            plus = [Segment("+ ", "faint")] if words else []
            glyph = [Segment(*GLYPHS[name]), Segment(f" {said} ", "dim")]
            words.append([*plus, *glyph, Segment(dollars(cost, cent, 0))])
    if words:
        words.append(_proof(why, sum(cents, Decimal(0))))
    if why.unpriced:
        known = unpriced_words(why.unpriced, why.unpriced_tokens)
        words.append([Segment("+ " * bool(words) + known, "attention")])
    if not why.adds_up:
        bug = "the turns are not the whole, which is a bug"
        words.append([Segment(bug, "alarm")])
    return _packed(words, width)


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
    width: int
    """Cells; negative sets it to the right."""
    from_width: int
    """Cells of a whole line from which there is room for it."""
    plain: bool
    """It explains itself, without its name above it."""


_COLUMNS = (
    _Column("turn", -4, 0, True),
    _Column("at", 5, 26, True),
    _Column("took", -6, 74, True),
    _Column("cost", -8, 0, True),
    _Column("", 0, 34, True),
    _Column("context", -7, 54, False),
    _Column("requests", -8, 68, False),
    _Column("calls", -5, 84, False),
    _Column("what happened", 0, 44, True),
)
_BAR, _MARKS = 4, 8


def turn_lines(why: Why, width: int, *, headed: bool) -> list[Line]:
    """The turns, newest first, one a line; ``headed``: the columns' names above."""
    shown = [e for e in _COLUMNS if width >= e.from_width and (headed or e.plain)]
    bar, marks = _shares(shown, width)
    dearest = max((turn.parts.cost for turn in why.turns), default=Decimal(0))
    lines = [_line(shown, [Segment(e.name, "dim") for e in _COLUMNS], [], (bar, marks))]
    for turn, cents in zip(turns_of(why), turn_cents(why), strict=True):
        part = turn.parts.cost / dearest if dearest else Decimal(0)
        drawn = bar_of(turn.parts, max(1, round(part * bar)) if bar else 0)
        lines.append(_line(shown, _cells(why, turn, cents), drawn, (bar, marks)))
    return [fitted(line, width) for line in lines[not headed :]]


def _shares(shown: Sequence[_Column], width: int) -> tuple[int, int]:
    """Cells for the bar, and for the words of what happened."""
    places = {_COLUMNS.index(each) for each in shown}
    left = width - sum(abs(each.width) for each in shown) - 2 * (len(shown) - 1)
    if _MARKS not in places:
        return (max(0, min(_LONGEST_BAR, left)) if _BAR in places else 0), 0
    bar = max(0, min(_LONGEST_BAR, left * 3 // 5))
    return bar, left - bar


def _line(
    shown: Sequence[_Column],
    words: Sequence[Segment],
    drawn: Line,
    shares: tuple[int, int],
) -> Line:
    """One line of the table: words in their columns, the bar in its own."""
    bar, marks = shares
    line: Line = []
    for place, (column, word) in enumerate(zip(_COLUMNS, words, strict=True)):
        if column not in shown:
            continue
        line += [Segment("  ")] if line else []
        if place == _BAR:
            line += fitted(drawn, bar)
        else:
            line += columns([(word, column.width or marks)])
    return line


def _cells(why: Why, turn: Turn, cents: Decimal) -> list[Segment]:
    cost = dollars(turn.parts.cost, cents, turn.unpriced)
    took = "–" if turn.took <= timedelta(0) else span(turn.took)
    return [
        Segment(f"#{turn.number}", "dim"),
        Segment(f"{local(turn.began_at, why.zone):%H:%M}", "dim"),
        Segment(took, "dim"),
        Segment(cost, "attention" if cost == "unknown" else "strong"),
        Segment(""),
        Segment(tokens(turn.context)),
        Segment(f"{turn.requests:,}"),
        Segment(f"{turn.calls:,}"),
        Segment(marks_of(turn), "attention" if turn.marks else "dim"),
    ]


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
