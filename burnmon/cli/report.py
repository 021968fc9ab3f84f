"""``report``: tokens and dollars by day, session, model and more.

Sweeps first, asks the ledger once, and prints a table that fits the terminal or one
JSON document. What a price is unknown for is said, never counted as nothing.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from burnmon import cli, text
from burnmon.cli.catchup import Progress, caught_up, gathered
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.report import KINDS, Question, Report, Row, of_requests, report

FALLBACK = (120, 24)
"""Size of a table that goes into a file: room for every figure in full."""
LEAST_KEY = 24
"""Cells that a key gets at least, if it needs them, before a column is left out."""


class Answer(Struct, frozen=True):
    """Everything a report says."""

    question: Question
    since: datetime | None
    until: datetime | None
    report: Report
    extras: Row
    """Work stated beside requests whose billing is not known; in no total."""
    dedup: Mapping[str, int]
    prices: PriceTable


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print the report that was asked for."""
    refuse_repository(args, "report")
    question = Question(
        args.by, settings.zone, args.agent or "", args.project or "", settings.paths
    )
    prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
    span = args.since, args.until
    if args.by == "issue":
        answer = ask_by_issue(settings, question, prices, span, now)
    else:
        with caught_up(settings, now, prices) as (ledger, _):
            answer = ask(ledger, question, prices, span)
    if args.json:
        print_document(now, document(answer))
    else:
        import shutil  # JSON needs none of it

        width = shutil.get_terminal_size(FALLBACK).columns
        for line in lines(answer, width):
            print(line)
    return cli.OK


def refuse_repository(args: Namespace, command: str) -> None:
    """A filter that would have no effect gives a wrong figure, so it is refused."""
    for flag in ("repo", "author"):
        if getattr(args, flag, None):
            raise UsageError(
                f"{command} does not filter by --{flag}; --project filters by directory"
            )


def ask(
    ledger: Ledger,
    question: Question,
    prices: PriceTable,
    span: tuple[datetime | None, datetime | None],
) -> Answer:
    """The answer from one ledger; ``span`` ends before its second instant."""
    sums = ledger.sums(question.columns, *prices.cuts(ledger.models()), *span)
    return _answer(ledger, question, prices, span, report(sums, question, prices))


def ask_by_issue(
    settings: Settings,
    question: Question,
    prices: PriceTable,
    span: tuple[datetime | None, datetime | None],
    now: datetime,
) -> Answer:
    """The answer for issues, which needs the repositories as well."""
    # Loaded here: no other report reads git.
    from burnmon.live.shipping import FIRST, LAST, Shipping
    from burnmon.shipped.issues import by_issue
    from burnmon.shipped.reckoning import Reckoning

    with gathered(settings, now) as ledger, Progress(sys.stderr) as progress:
        shipping = Shipping(settings, ledger, prices)
        reckoning = Reckoning(shipping.known(*span, progress=progress.commits))
        whole = span[0] or FIRST, span[1] or LAST
        found = by_issue(
            reckoning,
            whole,
            prices,
            lambda each: question.wants(each.agent, each.project),
        )
        return _answer(ledger, question, prices, span, found)


def _answer(
    ledger: Ledger,
    question: Question,
    prices: PriceTable,
    span: tuple[datetime | None, datetime | None],
    found: Report,
) -> Answer:
    extras = [
        each
        for each in ledger.extras(*span)
        if question.wants(each.agent, question.place(each.project))
    ]
    return Answer(
        question,
        *span,
        found,
        of_requests(extras, prices),
        ledger.dedup(),
        prices,
    )


def document(answer: Answer) -> dict[str, Any]:
    """The report as JSON fields."""
    found = answer.report
    return {
        "by": answer.question.by,
        "timezone": answer.question.zone,
        "since": answer.since,
        "until": answer.until,
        "rows": [_fields(row) for row in found.rows],
        "totals": _figures(found.total),
        "unpriced_models": dict(found.unpriced_models),
        "possibly_billed": _figures(answer.extras),
        "dedup": dict(answer.dedup),
        "prices": {
            "source": answer.prices.source,
            "dated": str(answer.prices.dated),
        },
    }


def _fields(row: Row) -> dict[str, Any]:
    shared = {"agent": row.agent, "model": row.model, "project": row.project}
    named = {name: value for name, value in shared.items() if value}
    return {"key": row.key, **named, **_figures(row)}


def _figures(row: Row) -> dict[str, Any]:
    usage = row.usage
    return {
        "requests": row.requests,
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "cache_read_tokens": usage.cache_read,
        "cost_usd": row.cost,
        "unpriced_requests": row.unpriced,
        "incomplete_requests": row.incomplete,
        "web_searches": row.web_searches,
    }


# --- text ----------------------------------------------------------------------------

Count = Callable[[int], str]


def _whole(count: int) -> str:
    return f"{count:,}"


def _cost(row: Row) -> str:
    """Dollars, marked where requests without a price are missing from them."""
    partly = row.unpriced and row.cost is not None
    return f"{text.money(row.cost)}{'*' if partly else ''}"


COLUMNS: dict[str, Callable[[Row, Count], str]] = {
    "requests": lambda row, count: count(row.requests),
    "input": lambda row, count: count(row.usage.input),
    "output": lambda row, count: count(row.usage.output),
    "cache write": lambda row, count: count(
        row.usage.cache_write_5m + row.usage.cache_write_1h
    ),
    "cache read": lambda row, count: count(row.usage.cache_read),
    "cost": lambda row, _: _cost(row),
}
"""Every column beside the key, in order."""

_LAYOUTS: tuple[tuple[Count, tuple[str, ...]], ...] = (
    (_whole, tuple(COLUMNS)),
    (text.tokens, tuple(COLUMNS)),
    (text.tokens, ("input", "output", "cache write", "cache read", "cost")),
    (text.tokens, ("output", "cache read", "cost")),
    (text.tokens, ("cost",)),
)
"""Columns and how exact they are; the first layout that fits is taken."""


def lines(answer: Answer, width: int) -> Iterator[str]:
    """The report as text of at most ``width`` cells a line, notes below the table."""
    found = answer.report
    if found.rows:
        yield from table(found, answer.question.by, width)
        yield ""
    else:
        yield f"no requests{_span_words(answer)}"
    for note in notes(answer):
        yield from wrapped(note, width)


def table(found: Report, by: str, width: int) -> list[str]:
    """The rows and their total in aligned columns."""
    rows = (*found.rows, found.total)
    keys = [by, *(label(row, by) for row in found.rows), "total"]
    longest = max(map(text.cells, keys))
    for count, columns in _LAYOUTS:
        cells = [[COLUMNS[name](row, count) for name in columns] for row in rows]
        body = [list(columns), *cells]
        widths = [max(map(text.cells, column)) for column in zip(*body, strict=True)]
        room = width - sum(each + 2 for each in widths)
        if room >= min(longest, LEAST_KEY):
            break
    lead = min(longest, max(room, 8))
    drawn = [
        _line(_key_cell(key, lead, by), row, widths)
        for key, row in zip(keys, body, strict=True)
    ]
    rule = "─" * (lead + sum(each + 2 for each in widths))
    return [drawn[0], rule, *drawn[1:-1], rule, drawn[-1]]


def label(row: Row, by: str) -> str:
    """The key as it is best read."""
    if not row.key:
        return text.UNKNOWN
    if by == "hour":
        return row.key.replace("T", " ")
    if by == "session" and row.project:
        return text.plain(f"{row.key[:8]} {row.project.rstrip('/').rpartition('/')[2]}")
    return text.plain(row.key)


def _key_cell(key: str, width: int, by: str) -> str:
    """Of a path the end is kept, of everything else the beginning."""
    if by == "project" and text.cells(key) > width:
        while text.cells(key) > width - 1:
            key = key[1:]
        key = f"…{key}"
    return text.pad(key, width)


def _line(key: str, row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        text.pad(cell, width, right=True)
        for cell, width in zip(row, widths, strict=True)
    )
    return "  ".join([key, *padded]).rstrip()


def notes(answer: Answer) -> Iterator[str]:
    """What a reader of the table should know, a paragraph each."""
    found, extras, dedup = answer.report, answer.extras, answer.dedup
    if found.unpriced_models:
        models = ", ".join(
            f"{text.plain(model) or text.UNKNOWN} ({count:,})"
            for model, count in found.unpriced_models
        )
        yield (
            f"* requests without a price, so in no dollars: {models};"
            " prices.toml can name one"
        )
    if found.total.incomplete:
        yield (
            f"≥ the output of {found.total.incomplete:,} requests is a lower bound: the"
            " agent never wrote their final count"
        )
    if extras.requests:
        yield (
            f"+ {extras.requests:,} refused or replaced parts may be billed too and are"
            f" in no figure above: {text.tokens(extras.usage.total)} tokens,"
            f" {text.money(extras.cost)}"
        )
    yield (
        f"{dedup['lines_seen']:,} lines seen · {dedup['requests_kept']:,} requests kept"
        f" · {dedup['duplicates_dropped']:,} duplicates dropped ·"
        f" {dedup['lines_skipped']:,} lines skipped, in the whole ledger"
    )
    when = f"days of {answer.question.zone} · " if _by_clock(answer) else ""
    prices = answer.prices
    yield f"{when}list prices of {prices.dated}, {text.plain(prices.source)}"


def _by_clock(answer: Answer) -> bool:
    kind = KINDS.get(answer.question.by)
    return kind is not None and bool(kind.time)


def _span_words(answer: Answer) -> str:
    """The filters, for a report without rows."""
    question = answer.question
    words = [
        f" since {answer.since:%Y-%m-%d %H:%M} UTC" if answer.since else "",
        f" until {answer.until:%Y-%m-%d %H:%M} UTC" if answer.until else "",
        f" of {question.agent}" if question.agent else "",
        f" in directories with {question.project!r}" if question.project else "",
    ]
    return "".join(words)
