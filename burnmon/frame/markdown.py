"""A day as Markdown, ready for a stand-up or a pull request.

What others wrote stands in code spans: forges look for mentions, references, names of
commits and addresses everywhere else, and would ping or link by accident. The one
exception is the column of references, which is there to be linked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from burnmon.day import CommitRow, Day, Rest
from burnmon.frame.day_view import Row, cents_of, day_words
from burnmon.frame.shipped_cells import (
    STATE_WORDS,
    amount,
    short,
    state_counts,
    tokens_beside,
    unpriced,
    whole_cost,
)
from burnmon.text import base, counted, local, plain, share
from burnmon.text import day as date_words

_REFERENCE = re.compile(r"#\d{1,9}|[A-Z][A-Z0-9]{0,11}-\d{1,9}", re.ASCII)
_HEAD = (
    "| time | commit | subject | cost | link | lines | AI | state | ref | repo |",
    "|---|---|---|--:|---|--:|--:|---|---|---|",
)


def code(text: str) -> str:
    """Foreign text as a code span that no cell, span or reader can leave.

    >>> code("a | `b` @c")
    "`a ¦ 'b' @c`"
    """
    words = plain(text).replace("`", "'").replace("|", "¦").strip()
    return f"`{words}`" if words else "–"


def reference(text: str) -> str:
    """An issue or pull request as it is, for forges to link; all else as code."""
    words = plain(text).strip()
    return words if _REFERENCE.fullmatch(words) else code(words)


def markdown(day: Day) -> str:
    """The whole day."""
    cents = cents_of(day)
    costs = cents[: len(day.commits)], cents[len(day.commits) :]
    own = sum(each.of_day for each in day.commits)
    words = ", ".join([counted(own, "commit"), *state_counts(day)])
    lines = [f"### {day_words(day.day)}: {whole_cost(day, cents)} → {words}", ""]
    lines += _table(day, costs[0])
    lines += _left(day, costs[1])
    lines.append(_proof(day, costs))
    lines += [f"Note: {code(note)}" for note in day.notes]
    return "\n".join(lines) + "\n"


def line_of(day: Day, row: Row) -> str:
    """One row of the day, as an item of a list."""
    keys = [each.key for each in day.commits] + [each.key for each in day.rests]
    cents = cents_of(day)[keys.index(row.key)]
    if isinstance(row, Rest):
        return _rest(row, cents)
    told = [f"{code(short(row.sha))} {code(row.subject)}"]
    told.append(f"{_cost(row, cents)} {row.grade or 'no link'}")
    told += [f"+{row.added} −{row.removed}", f"AI {_agents(row)}", _state(row)]
    told += [reference(row.reference)] if row.reference else []
    return "- " + " · ".join([*told, code(base(row.repo))])


def _table(day: Day, costs: Iterable[Decimal]) -> Iterator[str]:
    if not day.commits:
        return
    yield from _HEAD
    for row, cents in zip(day.commits, costs, strict=True):
        cells = (
            _time(row, day),
            code(short(row.sha)),
            code(row.subject),
            _cost(row, cents),
            row.grade or "no link",
            f"+{row.added} −{row.removed}",
            _agents(row),
            _state(row),
            reference(row.reference),
            code(base(row.repo)),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _time(row: CommitRow, day: Day) -> str:
    if row.of_day:
        return f"{local(row.committed_at, day.zone):%H:%M}"
    return date_words(row.committed_at, day.zone)


def _cost(row: CommitRow, cents: Decimal) -> str:
    """Dollars; the tokens that stand in for them where there is no price."""
    if not row.charged:
        return "–"
    words = amount(row.spent, cents)
    return f"{words}, {tokens_beside(row.spent)}" if words == "unknown" else words


def _agents(row: CommitRow) -> str:
    known = row.grade is not None and row.agent_share is not None
    return share(row.agent_share) if known else "–"


def _state(row: CommitRow) -> str:
    return STATE_WORDS[row.state]


def _left(day: Day, costs: Iterable[Decimal]) -> Iterator[str]:
    if not day.rests:
        return
    yield "Not in any commit:"
    yield ""
    for rest, cents in zip(day.rests, costs, strict=True):
        yield _rest(rest, cents)
    yield ""


def _rest(rest: Rest, cents: Decimal) -> str:
    cost = amount(rest.spent, cents)
    if cost == "unknown":
        cost += f", {tokens_beside(rest.spent)}"
    return f"- {cost} {_reason(rest)}"


def _reason(rest: Rest) -> str:
    place = code(base(rest.repo))
    if rest.branch:
        place += f" ({code(rest.branch)})"
    if rest.reason == "uncommitted":
        files = ", ".join(map(code, rest.files))
        said = f"uncommitted: {counted(len(rest.files), 'file')} in {place}"
        return f"{said}: {files}" if files else said
    words = {
        "elsewhere": "in commits that could not be linked, in",
        "discarded": "edits thrown away in",
        "no_edits": "no edits: reading, planning, review in",
        "no_repo": "in no repository:",
    }
    return f"{words[rest.reason]} {place}"


def _proof(day: Day, costs: tuple[list[Decimal], list[Decimal]]) -> str:
    commits, rests = (sum(each, Decimal(0)) for each in costs)
    sign, mark = ("=", "✓") if day.adds_up else ("≠", "✗ does not add up")
    total = amount_of(commits + rests)
    words = f"Sum: {amount_of(commits)} in commits + {amount_of(rests)} in none"
    words += f" {sign} {total} {mark}"
    return f"{words} + {unpriced(day.spent)}" if day.spent.unpriced else words


def amount_of(cents: Decimal) -> str:
    """Dollars to the cent."""
    return f"${cents:,.2f}"
