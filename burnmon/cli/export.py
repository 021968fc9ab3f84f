"""``export``: the recorded facts, for other programs.

One record per counted request, or per limit reading, oldest first and written as it is
read. A spreadsheet that opens the CSV runs nothing: a cell that could be taken for a
formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TextIO

from burnmon import cli, private
from burnmon.cli.catchup import caught_up
from burnmon.cli.output import SCHEMA_VERSION, instant
from burnmon.cli.report import refuse_repository
from burnmon.config import Settings
from burnmon.errors import BurnmonError
from burnmon.records import LimitReading, Request
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.report import Question


class RequestFacts(NamedTuple):
    """A record of ``--what requests``; its fields are the columns."""

    key: str
    """64-bit identity in hexadecimal, equal in every copy of the call."""
    at: str
    """ISO-8601 UTC, as are all instants."""
    agent: str
    session_id: str
    subagent: str
    model: str
    speed: str
    region: str
    project: str
    branch: str
    input_tokens: int
    output_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int
    web_searches: int
    incomplete: bool
    """``output_tokens`` is a lower bound."""
    cost_usd: Decimal | None
    """None where the model has no price."""
    prices_dated: str
    """Day of the price table that ``cost_usd`` comes from."""


class ReadingFacts(NamedTuple):
    """A record of ``--what readings``; its fields are the columns."""

    agent: str
    account: str
    kind: str
    window_minutes: int
    used_percent: float
    resets_at: str
    observed_at: str
    """When the figure was first stated."""
    repeated_at: str
    """When the same figure was last stated."""
    source: str


Record = RequestFacts | ReadingFacts
KINDS: dict[str, type[RequestFacts] | type[ReadingFacts]] = {
    "requests": RequestFacts,
    "readings": ReadingFacts,
}
"""What can be exported, and the shape of a record."""

Span = tuple[datetime | None, datetime | None]

PORTION = timedelta(days=1)
"""Requests of so long are held at once."""
_UNSEEN = (
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls of terminals, of direction and of nothing to be seen."""
_FORMULA = re.compile(rf"^\s*[=+\-@＝＋－＠]|{_UNSEEN}")
"""How a cell begins or what it holds that a spreadsheet or a terminal may act upon."""
_NEXT_FORMULA = re.compile(r"(;\s*)(?=[=+\-@＝＋－＠])")


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Write the facts to standard output or to the file that was named."""
    refuse_repository(args, "export")
    question = Question(
        agent=args.agent or "", project=args.project or "", paths=settings.paths
    )
    prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
    span = (args.since, args.until)
    with caught_up(settings, now) as (ledger, _):
        records: Iterable[Record] = (
            readings(ledger, question, span)
            if args.what == "readings"
            else requests(ledger, question, span, prices)
        )
        write = write_json if args.json else _WRITERS[args.format]
        document = Document(args.what, records, now)
        _deliver(document, write, args.output)
    return cli.OK


# --- records -------------------------------------------------------------------------


def requests(
    ledger: Ledger, question: Question, span: Span, prices: PriceTable
) -> Iterator[RequestFacts]:
    """A record per counted request, with its own price."""
    for first, last in _portions(ledger, span):
        for each in ledger.requests(first, last):
            project = question.place(each.project)
            if question.wants(each.agent, project):
                yield request_facts(each, project, prices)


def request_facts(each: Request, project: str, prices: PriceTable) -> RequestFacts:
    """One request as plain values, with its own price."""
    usage = each.usage
    rate = prices.rate_of(each)
    return RequestFacts(
        f"{each.key & (2**64 - 1):016x}",
        _milliseconds(each.at),
        each.agent,
        each.session_id,
        each.subagent,
        each.model,
        each.terms.speed,
        each.terms.region,
        project,
        each.branch,
        usage.input,
        usage.output,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.cache_read,
        each.web_searches,
        each.incomplete,
        None if rate is None else rate.cost(usage, each.web_searches),
        str(prices.dated),
    )


def readings(ledger: Ledger, question: Question, span: Span) -> Iterator[ReadingFacts]:
    """A record per stated limit, by when it was first stated."""
    since, until = span
    for each in ledger.readings(since or datetime.fromtimestamp(0, UTC)):
        late = until is not None and each.observed_at >= until
        early = since is not None and each.observed_at < since
        if not (late or early) and question.agent in ("", each.agent):
            yield reading_facts(each)


def reading_facts(each: LimitReading) -> ReadingFacts:
    """One reading as plain values."""
    return ReadingFacts(
        each.agent,
        each.account,
        each.kind,
        each.window_minutes,
        round(each.used * 100, 4),
        _milliseconds(each.resets_at),
        _milliseconds(each.observed_at),
        _milliseconds(each.repeated_at or each.observed_at),
        each.source,
    )


def _portions(ledger: Ledger, span: Span) -> Iterator[tuple[datetime, datetime]]:
    """The span that has requests, in pieces that leave nothing out."""
    extent = ledger.extent()
    if extent is None:
        return
    first = max(extent[0], span[0] or extent[0])
    beyond = extent[1] + timedelta(milliseconds=1)
    end = min(beyond, span[1] or beyond)
    while first < end:
        last = min(first + PORTION, end)
        yield first, last
        first = last


def _milliseconds(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


# --- writing -------------------------------------------------------------------------


class Document(NamedTuple):
    """What is to be written."""

    what: str
    """One of ``KINDS``."""
    records: Iterable[Record]
    now: datetime


Writer = Callable[[TextIO, Document], None]


def write_json(stream: TextIO, document: Document) -> None:
    """One JSON document with a record on each line."""
    head = {"schema_version": SCHEMA_VERSION, "generated_at": instant(document.now)}
    stream.write(json.dumps(head)[:-1] + f', "{document.what}": [')
    comma = ""
    for record in document.records:
        fields = record._asdict()
        text = json.dumps(fields, separators=(",", ":"), default=float)
        stream.write(f"{comma}\n{text}")
        comma = ","
    stream.write("\n]}\n")


def write_csv(stream: TextIO, document: Document) -> None:
    """A header and a row per record."""
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(KINDS[document.what]._fields)
    for record in document.records:
        table.writerow(map(cell, record))


def cell(value: object) -> str:
    """A value as a spreadsheet may read it without running anything.

    Numbers stay as they are; a text that looks like a formula or holds a control
    character gets an apostrophe before it, and its control characters become spaces.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if not isinstance(value, str):
        return str(value)
    # Where lists are parted by semicolons, such a text is several cells.
    value = _NEXT_FORMULA.sub(r"\1'", value)
    if not _FORMULA.search(value):
        return value
    return "'" + re.sub(_UNSEEN, " ", value)


_WRITERS: Mapping[str, Writer] = {"json": write_json, "csv": write_csv}


def _deliver(document: Document, write: Writer, place: str | None) -> None:
    """To standard output, or to a file that is replaced whole or not at all."""
    if not place or place == "-":
        write(sys.stdout, document)
        return
    path = Path(place).expanduser()
    if path.exists() and not path.is_file():
        _pour(document, write, path)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(
            beside, "w", encoding="utf-8", newline="", opener=private.create
        ) as file:
            write(file, document)
        beside.replace(path)
    except OSError as error:
        raise BurnmonError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _pour(document: Document, write: Writer, path: Path) -> None:
    """Into a device or a pipe, which stays what it is."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write(file, document)
    except OSError as error:
        raise BurnmonError(f"{path}: cannot be written: {error.strerror}") from error
