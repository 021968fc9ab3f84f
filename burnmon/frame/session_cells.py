"""The columns of the Sessions pane: what each is called, shows and how wide it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from burnmon.frame.graph import sparkline
from burnmon.frame.segments import Segment
from burnmon.live.snapshot import SessionRow
from burnmon.text import cells, fit, money, plain, share, short_model, span, tokens

STATE_STYLES = {"burning": "accent", "waiting": "attention", "idle": "dim"}
_AGENTS_ALONE = 5
"""Cells below which what a session does gives way to its number of agents."""


class Place(NamedTuple):
    """Where a cell is shown."""

    now: datetime
    room: int
    """Cells there are."""


class Moment(Struct, frozen=True, eq=False):
    """An instant as a row sees it; equal to another one that reads the same."""

    now: datetime
    spans: tuple[int, ...]
    """What the row counts from or to, in seconds; from a minute on, full minutes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(self.spans)


def moment_of(row: SessionRow, now: datetime) -> Moment:
    """An instant, as far as the words of a row depend on it."""
    spans = [now - row.state_since]
    if row.cache is not None:
        spans.append(row.cache.warm_until - now)
    seconds = (each.total_seconds() for each in spans)
    # ``text.span`` counts whole seconds up to a minute and whole minutes beyond.
    return Moment(
        now, tuple(int(s if s < 60 else s // 60 * 60) if s > 0 else -1 for s in seconds)
    )


Cell = Callable[[SessionRow, Place], Segment]


class Column(Struct, frozen=True):
    """One column of the table."""

    name: str
    width: int
    """Cells; negative sets it to the right, 0 takes what is left."""
    cell: Cell
    least: int = 0
    """Cells it may shrink to where all of its values are shorter; 0: it never does."""


def _quiet(row: SessionRow) -> str:
    return "dim" if row.state == "idle" else ""


def _project(row: SessionRow, _: Place) -> Segment:
    style = "dim" if row.state == "idle" else "strong"
    return Segment(plain(row.project) or "–", style)


def _branch(row: SessionRow, _: Place) -> Segment:
    return Segment(plain(row.branch) or "–", "dim")


def _model(row: SessionRow, _: Place) -> Segment:
    return Segment(short_model(row.model) or "–", _quiet(row))


def _pace(row: SessionRow, _: Place) -> Segment:
    """Loud while it burns; what the last minutes still weigh is no pace of now."""
    burning = row.state == "burning"
    if row.cost_per_minute is None:
        return Segment("no price", "attention" if burning else "dim")
    if not row.cost_per_minute:
        return Segment("–", "dim")
    return Segment(money(row.cost_per_minute), "strong" if burning else "dim")


def _spark(row: SessionRow, place: Place) -> Segment:
    style = "area" if row.state == "burning" else "dim"
    return Segment(sparkline(row.spark, place.room), style)


def _cost(row: SessionRow, _: Place) -> Segment:
    if row.cost is None:
        return Segment("no price ", "attention")
    more = "+" if row.unpriced_requests else " "
    return Segment(money(row.cost) + more, _quiet(row))


def _context(row: SessionRow, _: Place) -> Segment:
    """Tokens held and the share of what can be held, each right-aligned."""
    if row.context_tokens is None:
        return Segment(f"{'–':>5} {'–':>4}", "dim")
    part, style = "–", _quiet(row)
    if row.context_window:
        full = row.context_tokens / row.context_window
        part, style = share(full), "attention" if full >= 0.8 else style
    return Segment(f"{tokens(row.context_tokens):>5} {part:>4}", style)


def _next_turn(row: SessionRow, place: Place) -> Segment:
    """Whether the next turn finds the cache warm, and what it pays if not."""
    if row.cache is None:
        return Segment("–", "dim")
    left = row.cache.warm_until - place.now
    if left.total_seconds() > 0:
        return Segment(f"warm {span(left)}", _quiet(row))
    return _cold(row, place.room)


@lru_cache(maxsize=512)
def _cold(row: SessionRow, room: int) -> Segment:
    cost = row.cache.rebuild_cost if row.cache else None
    if cost is None:
        return Segment("cold", "dim")
    words = f"cold · next +{money(cost)}"
    return Segment(words if cells(words) <= room else f"cold +{money(cost)}", "dim")


def _title(row: SessionRow, _: Place) -> Segment:
    return Segment(plain(row.title) or "–", "dim")


def doing(row: SessionRow, place: Place) -> Segment:
    """What the session does, or since when it does nothing."""
    since = span(place.now - row.state_since)
    if row.state == "waiting":
        words = f"waiting for you {since}"
        short = words if cells(words) <= place.room else f"waits {since}"
        return Segment(short, "attention")
    if row.state == "idle":
        return Segment(f"idle {since}", "dim")
    if row.circling:
        again = f" ↻ {row.circling}×"
        words = fit(plain(row.doing) or "the same", place.room - cells(again))
        return Segment(words + again, "attention")
    return Segment(_busy(row, place.room))


def _busy(row: SessionRow, room: int) -> str:
    """Tool and target, which give way to the number of agents at work."""
    words = plain(row.doing) or "thinking"
    if not row.subagents:
        return words
    agents = f"{row.subagents} agent{'s' if row.subagents > 1 else ''}"
    left = room - cells(agents) - 3
    return f"{fit(words, left)} · {agents}" if left >= _AGENTS_ALONE else agents


def _state(row: SessionRow, place: Place) -> Segment:
    """The state in a word, with its age where it asks for something."""
    if row.state == "burning":
        return Segment("burning", "accent")
    word = "waits" if row.state == "waiting" else "idle"
    since = span(place.now - row.state_since)
    return Segment(f"{word} {since}", STATE_STYLES[row.state])


PROJECT = Column("project", 12, _project, least=7)
BRANCH = Column("branch", 11, _branch, least=6)
MODEL = Column("model", 11, _model, least=8)
PACE = Column("$/min", -8, _pace)
SPARK = Column("trend", 6, _spark)
COST = Column("cost ", -10, _cost, least=8)
CONTEXT = Column("context", -10, _context)
CACHE = Column("next turn", 12, _next_turn, least=9)
TITLE = Column("title", 20, _title, least=8)
DOING = Column("doing", 0, doing)
STATE = Column("state", 0, _state)
ROOMY = (
    replace(PROJECT, width=16),
    replace(BRANCH, width=18),
    replace(MODEL, width=14),
    PACE,
    replace(SPARK, width=10),
    COST,
    CONTEXT,
)
CACHE_IN_WORDS = replace(CACHE, name="cache", width=20)

LAYOUTS: tuple[tuple[int, tuple[Column, ...]], ...] = (
    (180, (*ROOMY, CACHE_IN_WORDS, replace(TITLE, width=36), DOING)),
    (150, (*ROOMY, CACHE_IN_WORDS, TITLE, DOING)),
    (140, (*ROOMY, CACHE_IN_WORDS, DOING)),
    (126, (*ROOMY, CACHE, DOING)),
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


class Table(Struct, frozen=True, eq=False):
    """The columns of a pane; the same object while they are as wide."""

    columns: tuple[Column, ...]


def table_for(width: int, rows: Iterable[SessionRow], now: datetime) -> Table:
    """The columns of a pane of this inner width, each as wide as these rows need."""
    chosen = next(chosen for least, chosen in LAYOUTS if width >= least)
    kept = tuple(rows)
    longest = _longest(kept)
    for each in chosen:
        if each.cell is _next_turn:
            longest[_next_turn] = _longest_next_turn(kept, abs(each.width), now)
    return _table(chosen, width, tuple(longest.get(each.cell, 0) for each in chosen))


@lru_cache(maxsize=8)
def _table(chosen: tuple[Column, ...], width: int, longest: tuple[int, ...]) -> Table:
    """The columns with what they need of a width; the last one takes what is left."""
    narrowed = [
        _narrowed(column, length) if column.least else column
        for column, length in zip(chosen[:-1], longest, strict=False)
    ]
    fixed = sum(abs(column.width) + 2 for column in narrowed) + 2
    last = replace(chosen[-1], width=max(1, width - fixed))
    return Table((*narrowed, last))


def _narrowed(column: Column, longest: int) -> Column:
    """The column, no wider than its longest value, whichever rows are in sight."""
    width = min(abs(column.width), max(column.least, longest))
    return replace(column, width=width if column.width > 0 else -width)


_LASTING = (_project, _branch, _model, _cost, _title)
"""Cells that read the same wherever and whenever the row is shown."""
_WHENEVER = datetime.min.replace(tzinfo=UTC)
_EVER_AFTER = datetime.max.replace(tzinfo=UTC)


def _longest(rows: Sequence[SessionRow]) -> dict[Cell, int]:
    """How long the longest value of each lasting cell is."""
    lengths = zip(*map(_lengths, rows), strict=True)
    return dict(zip(_LASTING, map(max, lengths), strict=False))


@lru_cache(maxsize=512)
def _lengths(row: SessionRow) -> tuple[int, ...]:
    """Of the lasting cells; nearly all rows are those of the picture before."""
    place = Place(_WHENEVER, 0)
    return tuple(cells(cell(row, place).text) for cell in _LASTING)


def _longest_next_turn(rows: Sequence[SessionRow], room: int, now: datetime) -> int:
    """How long the longest word for a next turn is, which depends on the time."""
    place = Place(now, room)
    return max(
        (
            _cold_cells(row, room)
            if row.cache is None or row.cache.warm_until <= now
            else cells(_next_turn(row, place).text)
            for row in rows
        ),
        default=0,
    )


@lru_cache(maxsize=512)
def _cold_cells(row: SessionRow, room: int) -> int:
    """How long the words are once the cache is cold, or where there is none."""
    return cells(_next_turn(row, Place(_EVER_AFTER, room)).text)
