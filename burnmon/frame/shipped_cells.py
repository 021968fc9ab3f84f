"""The words and columns of the Shipped screen: how a commit, a rest, a sum reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec import Struct

from burnmon.day import CommitRow, Day, Rest, Spent
from burnmon.frame.segments import Line, Segment
from burnmon.text import (
    base,
    cells,
    counted,
    fit,
    local,
    money,
    pad,
    plain,
    share,
    tokens,
)
from burnmon.text import day as date_words

STATE_WORDS = {
    "on_main": "on main",
    "not_merged": "not merged",
    "reverted": "reverted",
    "rewritten": "rewritten",
}
_STATE_STYLES = {"reverted": "attention", "rewritten": "dim", "not_merged": ""}


def amount(spent: Spent, cents: Decimal) -> str:
    """Dollars to the cent, ``unknown`` where no request has a price."""
    if not spent.cost and spent.unpriced:
        return "unknown"
    words = "<$0.01" if spent.cost and not cents else f"${cents:,.2f}"
    return words + "+" * bool(spent.unpriced)


def unpriced(spent: Spent) -> str:
    """What is in no dollars: ``12 requests without a price (340 k tokens)``."""
    requests = counted(spent.unpriced, "request")
    return f"{requests} without a price ({tokens(spent.unpriced_tokens)} tokens)"


def state_counts(day: Day) -> list[str]:
    """How many commits of the day are in each state, in words."""
    found = Counter[str](each.state for each in day.commits if each.of_day)
    return [f"{found[s]} {word}" for s, word in STATE_WORDS.items() if found[s]]


def tokens_beside(spent: Spent) -> str:
    """The tokens that stand in for dollars where no price is known."""
    return f"{tokens(spent.unpriced_tokens)} tok"


Cell = Callable[[CommitRow, Decimal, Day], Segment]


class Column(Struct, frozen=True):
    """One column of the commits."""

    width: int
    """Cells at most; it is as narrow as its values. Negative sets it to the right,
    0 takes what is left."""
    cell: Cell


def _time(row: CommitRow, _: Decimal, day: Day) -> Segment:
    """The time of day; the date of a commit of another day."""
    if row.of_day:
        return Segment(f"{local(row.committed_at, day.zone):%H:%M}", "dim")
    return Segment(date_words(row.committed_at, day.zone), "attention")


def _sha(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(short(row.sha), "accent")


def short(sha: str) -> str:
    """The first characters of a commit's name."""
    return plain(sha)[:7]


def _subject(row: CommitRow, _: Decimal, __: Day) -> Segment:
    author = f"{plain(row.author)}: " if row.author else ""
    style = "" if row.charged else "dim"
    return Segment(author + (plain(row.subject) or "no subject"), style)


def _cost(row: CommitRow, cents: Decimal, _: Day) -> Segment:
    if not row.charged:
        return Segment("–", "dim")
    words = amount(row.spent, cents)
    return Segment(words, "attention" if words == "unknown" else "strong")


def _cost_or_tokens(row: CommitRow, cents: Decimal, day: Day) -> Segment:
    cost = _cost(row, cents, day)
    if cost.text != "unknown":
        return cost
    return Segment(f"unknown, {tokens_beside(row.spent)}", cost.style)


def _grade(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(row.grade or "no link", "" if row.grade == "exact" else "dim")


def _added(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(f"+{row.added}", "dim")


def _removed(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(f"−{row.removed}", "dim")


def _agents(row: CommitRow, _: Decimal, __: Day) -> Segment:
    known = row.agent_share is not None and row.grade is not None
    return Segment(f"AI {share(row.agent_share)}" if known else "–", "dim")


def _state(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(STATE_WORDS[row.state], _STATE_STYLES.get(row.state, "calm"))


def _reference(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(plain(row.reference) or "–", "" if row.reference else "dim")


def _repo(row: CommitRow, _: Decimal, __: Day) -> Segment:
    return Segment(plain(base(row.repo)), "dim")


TIME, SHA, SUBJECT = Column(6, _time), Column(7, _sha), Column(0, _subject)
COST, COST_OR_TOKENS = Column(-10, _cost), Column(-18, _cost_or_tokens)
GRADE, ADDED, REMOVED = Column(8, _grade), Column(-6, _added), Column(-6, _removed)
AGENTS, STATE = Column(8, _agents), Column(10, _state)
REFERENCE, REPO = Column(10, _reference), Column(14, _repo)

_LAYOUTS: tuple[tuple[int, tuple[Column, ...]], ...] = (
    (
        104,
        (
            *(TIME, SHA, SUBJECT, COST_OR_TOKENS, GRADE, ADDED, REMOVED, AGENTS),
            *(STATE, REFERENCE, REPO),
        ),
    ),
    (88, (TIME, SHA, SUBJECT, COST_OR_TOKENS, GRADE, STATE, REFERENCE, REPO)),
    (72, (TIME, SHA, SUBJECT, COST, GRADE, STATE, REPO)),
    (52, (TIME, SUBJECT, COST, GRADE, STATE)),
    (36, (TIME, SUBJECT, COST, GRADE)),
    (0, (COST, SUBJECT)),
)
"""Columns by the least width that they need; the subject takes what is left."""


def commit_lines(day: Day, cents: Sequence[Decimal], width: int) -> list[Line]:
    """A line per commit, in columns as narrow as the day allows."""
    chosen = next(columns for least, columns in _LAYOUTS if width >= least)
    if len({row.repo for row in day.commits}) < 2:
        chosen = tuple(each for each in chosen if each is not REPO)
    if not any(row.reference for row in day.commits):
        chosen = tuple(each for each in chosen if each is not REFERENCE)
    table = [
        [column.cell(row, amount, day) for column in chosen]
        for row, amount in zip(day.commits, cents, strict=False)
    ]
    widths = _widths(chosen, table, width)
    return [_in_columns(row, widths) for row in table]


def _widths(
    chosen: Sequence[Column], table: Sequence[Sequence[Segment]], width: int
) -> list[int]:
    found = []
    for place, column in enumerate(chosen):
        longest = max((cells(row[place].text) for row in table), default=0)
        size = min(abs(column.width), longest)
        found.append(size if column.width > 0 else -size)
    left = width - sum(map(abs, found)) - 2 * (len(found) - 1)
    found[chosen.index(SUBJECT)] = max(1, left)
    return found


def _in_columns(row: Sequence[Segment], widths: Sequence[int]) -> Line:
    line: Line = []
    for (text, style), width in zip(row, widths, strict=True):
        if line:
            line.append(Segment("  "))
        line.append(Segment(pad(text, abs(width), right=width < 0), style))
    return line


def reason_words(rest: Rest) -> str:
    """Why the money is in no commit, and where; file names apart."""
    place = plain(base(rest.repo)) or "–"
    if rest.branch:
        place += f" ({plain(rest.branch)})"
    if rest.reason == "uncommitted":
        return f"uncommitted: {counted(len(rest.files), 'file')} in {place}"
    if rest.reason == "elsewhere":
        return f"in commits that could not be linked, in {place}"
    if rest.reason == "discarded":
        return f"edits thrown away in {place}"
    if rest.reason == "no_repo":
        return f"in no repository: {plain(rest.repo) or 'directory unknown'}"
    return f"no edits: reading, planning, review in {place}"


def rest_line(rest: Rest, cents: Decimal, costs: int, width: int) -> Line:
    """One line of what is in no commit; ``costs`` are the cells of its dollars."""
    cost = amount(rest.spent, cents)
    style = "attention" if cost == "unknown" else "strong"
    line = [Segment(pad(cost, costs, right=True), style), Segment("  ")]
    words = reason_words(rest)
    line.append(Segment(fit(words, max(1, width - costs - 2))))
    room = width - costs - 2 - cells(words)
    if cost == "unknown":
        return [*line, Segment(fit(f"  {tokens_beside(rest.spent)}", room), "dim")]
    files = ", ".join(map(plain, rest.files))
    return [*line, Segment(fit(f"  {files}", room), "dim")] if files else line


def cost_cells(day: Day, cents: Sequence[Decimal]) -> int:
    """Cells that the dollars of the rests take."""
    costs = cents[len(day.commits) :]
    pairs = zip(day.rests, costs, strict=True)
    return max((cells(amount(rest.spent, c)) for rest, c in pairs), default=0)


def whole_cost(day: Day, cents: Sequence[Decimal]) -> str:
    """What the day came to."""
    words = amount(day.spent, sum(cents, Decimal(0)))
    return words if day.spent.requests or day.spent.cost else money(Decimal(0))
