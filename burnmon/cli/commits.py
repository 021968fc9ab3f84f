"""``commits``: which session made which commit, why one may say so, and what it cost.

The sum of all links and of what is in no commit is the sum of the requests, to the last
digit of the decimal arithmetic.
"""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from burnmon import cli, text
from burnmon.cli.catchup import Progress, gathered
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.day import CommitRow, Evidence, Rest, Spent
from burnmon.live.shipping import FIRST, LAST, Shipping
from burnmon.records import UsageError
from burnmon.shipped.commits import Repository
from burnmon.shipped.reckoning import Reckoning, total
from burnmon.shipped.repositories import repository_of
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger


class Answer(NamedTuple):
    """Everything ``commits`` says."""

    rows: Sequence[CommitRow]
    rests: Sequence[Rest]
    spent: Spent
    """All requests of the span."""
    notes: Sequence[str]


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print every link of a span."""
    progress = Progress(sys.stderr)
    with gathered(settings, now) as ledger:
        answer = ask(shipping_for(args, settings, ledger), args, progress)
        progress.end()
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
    return Answer(rows, reckoning.rests(*span), spent, known.notes)


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
        "cost_usd": each.spent.cost,
        "unpriced_requests": each.spent.unpriced,
        "agent_lines": row.agent_lines,
        "committed_lines": row.added,
        "agent_percent": None if share is None else round(100 * share, 1),
    }


def rest_fields(rest: Rest) -> dict[str, Any]:
    """What sessions spent that is in no commit."""
    return {
        "session_id": rest.sessions[0] if len(rest.sessions) == 1 else None,
        "session_ids": list(rest.sessions),
        "repo": rest.repo,
        "branch": rest.branch,
        "reason": rest.reason,
        "files": list(rest.files),
        "cost_usd": rest.spent.cost,
        "unpriced_requests": rest.spent.unpriced,
    }


# --- text ----------------------------------------------------------------------------


def lines(answer: Answer, width: int) -> Iterator[str]:
    """Links, newest last, then what is in no commit, then the proof."""
    for row in answer.rows:
        when = f"{row.committed_at:%Y-%m-%d %H:%M}"
        name = row.repo.rstrip("/").rpartition("/")[2]
        head = f"{when}  {row.sha[:7]}  {text.plain(row.subject)}"
        yield text.fit(head, width)
        for each in row.evidence:
            cost = text.money(each.spent.cost) if each.grade != "possible" else "–"
            share = "" if each.share is None else f", {text.share(each.share)} of lines"
            words = (
                f"    {cost:>8}  {each.grade} ({each.tier}{share})  "
                f"{each.agent} {each.session_id[:8]}  {text.plain(name)}"
            )
            yield text.fit(words, width)
    yield ""
    linked = total(row.spent for row in answer.rows)
    for rest in answer.rests:
        yield text.fit(f"    {text.money(rest.spent.cost):>8}  {words_of(rest)}", width)
    rest_cost = total(each.spent for each in answer.rests).cost
    yield (
        f"{text.money(linked.cost)} in {len(answer.rows)} commits +"
        f" {text.money(rest_cost)} in none = {text.money(answer.spent.cost)}"
    )
    for note in answer.notes:
        yield from wrapped(text.plain(note), width)


def words_of(rest: Rest) -> str:
    """Why money is in no commit, in words."""
    name = text.plain(rest.repo.rstrip("/").rpartition("/")[2] or rest.repo)
    return f"{rest.reason.replace('_', ' ')}  {name}"
