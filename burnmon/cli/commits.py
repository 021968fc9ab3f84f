"""``commits``: which session made which commit, why one may say so, and what it cost.

The sum of all links and of what is in no commit is the sum of the requests, to the last
digit of the decimal arithmetic.
"""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from burnmon import cli, text
from burnmon.cli.catchup import Progress, gathered
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.day import CommitRow, Evidence, Rest, Spent, in_cents, total
from burnmon.errors import UsageError
from burnmon.frame.shipped_cells import (
    STATE_WORDS,
    amount,
    reason_words,
    unpriced,
)
from burnmon.live.shipping import FIRST, LAST, Shipping
from burnmon.shipped.commits import Repository
from burnmon.shipped.reckoning import Reckoning
from burnmon.shipped.repositories import repository_of
from burnmon.text import counted
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger


class Answer(NamedTuple):
    """Everything ``commits`` says."""

    zone: str
    """IANA name of the zone whose clock is shown."""
    rows: Sequence[CommitRow]
    rests: Sequence[Rest]
    spent: Spent
    """All requests of the span."""
    notes: Sequence[str]


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print every link of a span."""
    with gathered(settings, now) as ledger, Progress(sys.stderr) as progress:
        answer = ask(shipping_for(args, settings, ledger), args, progress)
    if args.json:
        print_document(now, document(answer))
    else:
        for line in lines(answer, shutil.get_terminal_size((120, 24)).columns):
            print(line)
    return cli.OK


def shipping_for(args: Namespace, settings: Settings, ledger: Ledger) -> Shipping:
    """What answers, with the authors that were asked for."""
    emails = frozenset(each.strip().lower() for each in args.author or ())
    prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
    return Shipping(settings, ledger, prices, emails)


def repository_asked(args: Namespace) -> Repository | None:
    """The repository of ``--repo``; raises UsageError if there is none."""
    if not args.repo:
        return None
    found = repository_of(Path(args.repo).expanduser().absolute())
    if found is None:
        raise UsageError(f"--repo {args.repo}: no git repository")
    return found


def ask(shipping: Shipping, args: Namespace, progress: Progress) -> Answer:
    """Links and rests of the span that was asked for."""
    only = repository_asked(args)
    known = shipping.known(args.since, args.until, only, progress.commits)
    span = args.since or FIRST, args.until or LAST
    reckoning = Reckoning(known)
    rows = [each for each in reckoning.rows(*span) if each.evidence]
    spent = total(each.spent for each in reckoning.during(*span))
    zone = shipping.settings.zone
    return Answer(zone, rows, reckoning.rests(*span), spent, known.notes)


# --- JSON ----------------------------------------------------------------------------


def document(answer: Answer) -> dict[str, Any]:
    """The answer as JSON fields."""
    linked = total(row.spent for row in answer.rows)
    rest = total(each.spent for each in answer.rests)
    return {
        "links": [
            link_fields(row, each) for row in answer.rows for each in row.evidence
        ],
        "unlinked": [rest_fields(each) for each in answer.rests],
        "totals": {
            "cost_usd": answer.spent.cost,
            "linked_usd": linked.cost,
            "unlinked_usd": rest.cost,
            "requests": answer.spent.requests,
            "unpriced_requests": answer.spent.unpriced,
            "tokens": answer.spent.tokens,
        },
        "notes": list(answer.notes),
    }


def link_fields(row: CommitRow, each: Evidence) -> dict[str, Any]:
    """One link."""
    share = row.agent_share
    return {
        "session_id": each.session_id,
        "agent": each.agent,
        "repo": row.repo,
        "commit": row.sha,
        "subject": row.subject,
        "committed_at": row.committed_at,
        "confidence": each.grade,
        "tier": each.tier,
        "probability": each.confidence,
        "share_percent": None if each.share is None else round(100 * each.share, 1),
        "evidence": list(each.words),
        "cost_usd": known_cost(each.spent),
        "unpriced_requests": each.spent.unpriced,
        "agent_lines": row.agent_lines,
        "committed_lines": row.added,
        "agent_percent": None if share is None else round(100 * share, 1),
    }


def known_cost(spent: Spent) -> Decimal | None:
    """Dollars; None where nothing of it has a price."""
    without = spent.unpriced or spent.unpriced_tokens
    return None if without and not spent.cost else spent.cost


def rest_fields(rest: Rest) -> dict[str, Any]:
    """What sessions spent that is in no commit."""
    return {
        "session_id": rest.sessions[0] if len(rest.sessions) == 1 else None,
        "session_ids": list(rest.sessions),
        "repo": rest.repo,
        "branch": rest.branch,
        "reason": rest.reason,
        "files": list(rest.files),
        "cost_usd": known_cost(rest.spent),
        "unpriced_requests": rest.spent.unpriced,
    }


# --- text ----------------------------------------------------------------------------

NOTHING = Decimal(0)
LEAST_SUBJECT = 24
"""Cells below which columns are left out rather than the subject cut."""
INDENT = " " * 7
"""Links stand below the hash of their commit."""

Cell = Callable[[CommitRow, Decimal], str]
"""What a column says of a commit and its cost in whole cents."""
COLUMNS: dict[str, Cell] = {
    "cost": lambda row, cents: amount(row.spent, cents) if row.charged else "–",
    "added": lambda row, _: f"+{row.added:,}",
    "removed": lambda row, _: f"−{row.removed:,}",
    "AI": lambda row, _: (
        "–" if row.agent_share is None else text.share(row.agent_share)
    ),
    "state": lambda row, _: STATE_WORDS[row.state],
    "issue": lambda row, _: text.plain(row.reference) or "–",
    "in": lambda row, _: text.plain(text.base(row.repo)),
}
"""Every column beside time, hash and subject, in order."""
_LEFT = ("state", "issue", "in")
"""Columns of words."""
_LAYOUTS: tuple[tuple[str, ...], ...] = (
    tuple(COLUMNS),
    ("cost", "AI", "state", "issue", "in"),
    ("cost", "AI", "state", "in"),
    ("cost", "AI", "in"),
    ("cost", "AI"),
    ("cost",),
)
"""The first layout that leaves room for the subjects is taken."""


def lines(answer: Answer, width: int) -> Iterator[str]:
    """Commits with their links, newest last, what is in no commit, then the proof."""
    # Rounded together: who adds the lines up by hand comes out at the sum.
    every = [row.spent for row in answer.rows]
    every += [each.spent for each in answer.rests]
    cents = in_cents([each.cost for each in every])
    of_rows, of_rests = cents[: len(answer.rows)], cents[len(answer.rows) :]
    yield from _commits(answer, of_rows, width)
    yield from _rests(answer.rests, of_rests, width)
    charged = sum(row.charged for row in answer.rows)
    linked = amount(total(row.spent for row in answer.rows), sum(of_rows, NOTHING))
    rest = amount(total(each.spent for each in answer.rests), sum(of_rests, NOTHING))
    whole = amount(answer.spent, sum(cents, NOTHING))
    words = f"{linked} in {counted(charged, 'commit')} + {rest} in none = {whole}"
    yield from wrapped(words, width)
    if answer.spent.unpriced:
        yield from wrapped(f"+ {unpriced(answer.spent)}, in no dollars", width)
    for note in answer.notes:
        yield from wrapped(text.plain(note), width)


def _commits(answer: Answer, cents: Sequence[Decimal], width: int) -> Iterator[str]:
    """A line per commit below its day, and one for each session that made it."""
    if not answer.rows:
        yield "no commit of a session"
        yield ""
        return
    columns = _layout(answer.rows, cents, width)
    room = width - sum(abs(each) + 2 for each in columns.values())
    heads = {name: name for name in columns}
    yield _in_columns("time   commit   subject", room, heads, columns)
    shown = None
    for row, cost in zip(answer.rows, cents, strict=True):
        there = text.local(row.committed_at, answer.zone)
        if there.date() != shown:
            shown = there.date()
            yield f"{there:%a} {text.day(row.committed_at, answer.zone)} {there:%Y}"
        author = f"{text.plain(row.author)}: " if row.author else ""
        head = f"{there:%H:%M}  {row.sha[:7]}  {author}{text.plain(row.subject)}"
        cells = {name: COLUMNS[name](row, cost) for name in columns}
        yield _in_columns(head, room, cells, columns)
        for each in row.evidence:
            yield text.whole(INDENT + link_words(each, len(row.evidence) > 1), width)
    yield ""


def _layout(
    rows: Sequence[CommitRow], cents: Sequence[Decimal], width: int
) -> dict[str, int]:
    """Columns that fit, with their widths; those of words are negative."""
    useless = set()
    if len({row.repo for row in rows}) < 2:
        useless.add("in")
    if not any(row.reference for row in rows):
        useless.add("issue")
    columns: dict[str, int] = {}
    for names in _LAYOUTS:
        columns = {
            name: max(map(text.cells, (name, *map(COLUMNS[name], rows, cents))))
            * (-1 if name in _LEFT else 1)
            for name in names
            if name not in useless
        }
        room = width - sum(abs(each) + 2 for each in columns.values())
        if room >= LEAST_SUBJECT + len("00:00  0000000  "):
            break
    return columns


def _in_columns(
    head: str, room: int, cells: Mapping[str, str], columns: Mapping[str, int]
) -> str:
    padded = (
        text.pad(cells[name], abs(width), right=width > 0)
        for name, width in columns.items()
    )
    return "  ".join((text.pad(head, room), *padded)).rstrip()


def link_words(each: Evidence, several: bool) -> str:
    """Why a session is linked with a commit, the most important word first."""
    session = f"{text.plain(each.agent)} {text.plain(each.session_id)[:8]}".strip()
    if each.grade == "possible":
        return f"possible: {session} · nothing is charged for a hint"
    words = [f"{each.grade}: {session}", each.tier]
    if several:
        words.append(_dollars(each.spent))
    if each.whole != each.spent:
        words.append(f"{_dollars(each.whole)} with other days")
    if each.share is not None:
        words.append(f"{text.share(each.share)} of its lines")
    if each.title:
        words.append(text.plain(each.title))
    return " · ".join(words)


def _rests(
    rests: Sequence[Rest], cents: Sequence[Decimal], width: int
) -> Iterator[str]:
    """What is in no commit, most money first."""
    if not rests:
        return
    yield "in no commit"
    costs = [amount(each.spent, cost) for each, cost in zip(rests, cents, strict=True)]
    room = max(map(text.cells, costs))
    for cost, rest in zip(costs, rests, strict=True):
        files = ", ".join(map(text.plain, rest.files))
        words = f"{text.pad(cost, room, right=True)}  {reason_words(rest)}  {files}"
        yield text.fit(words.rstrip(), width)
    yield ""


def _dollars(spent: Spent) -> str:
    """Dollars by themselves, beside no column."""
    return amount(spent, *in_cents([spent.cost]))
