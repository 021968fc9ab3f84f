"""A day's review as text, as Markdown and as one document.

The text is the screen's without its boxes; the Markdown is the screen's own.
"""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from burnmon import cli, private
from burnmon.cli.catchup import Progress, gathered
from burnmon.cli.commits import (
    link_fields,
    repository_asked,
    rest_fields,
    shipping_for,
)
from burnmon.cli.output import print_document
from burnmon.config import Settings
from burnmon.day import DAY_TAKES, CommitRow, Day, Group, Spent, day_named
from burnmon.errors import UsageError
from burnmon.frame.markdown import markdown
from burnmon.frame.segments import to_text
from burnmon.frame.shipped import page

__all__ = ["document", "lines", "markdown", "run", "written"]


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print the review of a day."""
    if args.since or args.until:
        raise UsageError("review takes one day: burnmon review yesterday")
    day = day_asked(args.operand or "today", settings.zone, now)
    with gathered(settings, now) as ledger, Progress(sys.stderr) as progress:
        shipping = shipping_for(args, settings, ledger)
        made = shipping.day(day, repository_asked(args), progress.commits)
    if args.json:
        print_document(now, document(made))
    elif args.md:
        print(markdown(made), end="")
    else:
        for line in lines(made, shutil.get_terminal_size((120, 24)).columns):
            print(line.rstrip())
    return cli.OK


def day_asked(words: str, zone: str, now: datetime) -> date:
    """The day that was asked for; raises UsageError where it is none."""
    day = day_named(words, now.astimezone(ZoneInfo(zone)).date())
    if day is None:
        raise UsageError(f"{DAY_TAKES}, not {words!r}")
    return day


def lines(day: Day, width: int) -> Iterator[str]:
    """The day as plain text, at most ``width`` cells wide."""
    return map(to_text, page(day, width))


def written(day: Day, directory: Path) -> str:
    """The path of a file in a directory that holds the day as Markdown.

    A file that holds anything else is left alone, and a free name is found beside it.
    Raises OSError.
    """
    number, path = 1, directory / f"burnmon-{day.day}.md"
    while not _holds(path, markdown(day)):
        number += 1
        path = directory / f"burnmon-{day.day}-{number}.md"
    return str(path)


def _holds(path: Path, text: str) -> bool:
    """Make the file unless there is one; whether it holds the text."""
    try:
        made = private.open_file(path, os.O_WRONLY | os.O_EXCL)
    except FileExistsError:
        return path.is_file() and path.read_bytes() == text.encode()
    try:
        with os.fdopen(made, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError:  # a full disk; what is there of it is nobody's file
        path.unlink()
        raise
    return True


def document(day: Day) -> dict[str, Any]:
    """The day under the names of the interface; commits stand once per session."""
    return {
        "day": day.day.isoformat(),
        "timezone": day.zone,
        "commits": [link for row in day.commits for link in _links(row)],
        "unlinked": [{**rest_fields(e), **_spent(e.spent)} for e in day.rests],
        "groups": {
            kind: [_group(each) for each in groups]
            for kind, groups in day.groups.items()
        },
        "totals": _totals(day),
        "edits": {
            "accepted": day.edits.accepted,
            "rejected": day.edits.rejected,
            "failed": day.edits.failed,
            "accepted_percent": _percent(day.edits.rate),
        },
        "cache_read_percent": _percent(day.cache_read),
        "cache_rebuilt_usd": day.rebuilt,
        "notes": list(day.notes),
        "markdown": markdown(day),
    }


def _links(row: CommitRow) -> Iterator[dict[str, Any]]:
    """A commit with each of its sessions; once and without one where none made it."""
    commit = {
        "branch": row.branch or None,
        "author": row.author or None,
        "reference": row.reference or None,
        "removed_lines": row.removed,
        "state": row.state,
        "state_words": row.state_words or None,
        "survival_percent": None,
        "of_day": row.of_day,
    }
    for each in row.evidence:
        paid = {**_spent(each.spent), "cost_usd_all_days": _cost(each.whole)}
        yield {**link_fields(row, each), "title": each.title, **paid, **commit}
    if not row.evidence:
        yield {**_unmade(row), **commit}


def _unmade(row: CommitRow) -> dict[str, Any]:
    """The fields of a link for a commit that has none."""
    unknown = ("session_id", "agent", "confidence", "tier", "cost_usd", "agent_lines")
    return {
        **dict.fromkeys((*unknown, "agent_percent")),
        "evidence": [],
        "repo": row.repo,
        "commit": row.sha,
        "subject": row.subject,
        "committed_at": row.committed_at,
        "committed_lines": row.added,
    }


def _group(group: Group) -> dict[str, Any]:
    minutes = None if group.took is None else group.took.total_seconds() / 60
    spent = _spent(group.spent)
    return {"key": group.key, **spent, "commits": group.commits, "minutes": minutes}


def _totals(day: Day) -> dict[str, Any]:
    """Sums; they are numbers even where nothing has a price, so that they add up."""
    per_commit = day.per_commit
    return {
        **_spent(day.spent),
        "cost_usd": day.spent.cost,
        "linked_usd": day.linked.cost,
        "unlinked_usd": day.unlinked.cost,
        "commits": sum(each.of_day for each in day.commits),
        "median_usd_per_commit": per_commit[0] if per_commit else None,
        "mean_usd_per_commit": per_commit[1] if per_commit else None,
        "adds_up": day.adds_up,
    }


def _spent(spent: Spent) -> dict[str, Any]:
    return {
        "cost_usd": _cost(spent),
        "requests": spent.requests,
        "unpriced_requests": spent.unpriced,
        "tokens": spent.tokens,
        "unpriced_tokens": spent.unpriced_tokens,
    }


def _cost(spent: Spent) -> Decimal | None:
    """Dollars; None where requests were made and none of them has a price."""
    return None if spent.unpriced and not spent.cost else spent.cost


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 1)
