"""Sums become rows: what a day, a session, a model … came to, in tokens and dollars.

Pure and exact: each sum is priced as a whole, which its class allows, and rows are
Decimal sums of those, so they add up to the totals to the last digit. Days are cut on
the wall clock of a zone, by the time of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from burnmon.records import Request, Usage
from burnmon.usage.pricing import PriceTable
from burnmon.usage.queries import Sum

QUARTER = 900
"""Seconds in the ledger's finest step; every zone's days begin on one."""


class Row(Struct, frozen=True):
    """What some requests came to."""

    key: str
    """What the requests share; empty where the agent did not say."""
    agent: str | None
    """Their agent, model and project, where all of them have the same."""
    model: str | None
    project: str | None
    requests: int
    usage: Usage
    web_searches: int
    incomplete: int
    """Requests whose output is a lower bound."""
    cost: Decimal | None
    """Dollars of the priced requests; None when none has a price."""
    unpriced: int
    """Requests that ``cost`` leaves out because their model has no price."""


class Report(Struct, frozen=True):
    """Rows and what they add up to."""

    rows: tuple[Row, ...]
    total: Row
    unpriced_models: tuple[tuple[str, int], ...]
    """Models without a price and their requests, most requests first."""


class Kind(NamedTuple):
    """What a row may stand for."""

    column: str
    """The ledger's column that tells the rows apart."""
    time: str = ""
    """Layout of the key where it is a time; such rows stand in its order."""


KINDS: dict[str, Kind] = {
    "day": Kind("quarter", "%Y-%m-%d"),
    "week": Kind("quarter", "%G-W%V"),
    "month": Kind("quarter", "%Y-%m"),
    "hour": Kind("quarter", "%Y-%m-%dT%H:00"),
    "session": Kind("session"),
    "model": Kind("model"),
    "project": Kind("project"),
    "branch": Kind("branch"),
    "agent": Kind("agent"),
}
"""Every way to cut a report of sums; times other than the day follow from it."""


class Question(Struct, frozen=True):
    """What is asked of the ledger's sums."""

    by: str = "day"
    """One of ``KINDS``."""
    zone: str = "UTC"
    """IANA zone whose clock cuts hours, days, weeks and months."""
    agent: str = ""
    """Only this one; empty for all."""
    project: str = ""
    """Only directories that contain this; empty for all."""
    paths: tuple[tuple[str, str], ...] = ()
    """Pairs (old, new): what lies under ``old`` belongs to ``new``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What sums must be told apart by: the key, the agent, and the project."""
        named = KINDS[self.by].column
        with_project = self.project or named in ("session", "project", "branch")
        return (named, "agent", "project") if with_project else (named, "agent")

    def wants(self, agent: str, project: str) -> bool:
        """Whether requests of an agent in a (moved) directory count."""
        return (not self.agent or agent == self.agent) and self.project in project

    def place(self, project: str) -> str:
        """The directory that a recorded one belongs to now."""
        return moved(project, self.paths)


class _Part(NamedTuple):
    """A sum with its price."""

    agent: str
    project: str
    sum: Sum
    cost: Decimal | None


def report(sums: Iterable[Sum], question: Question, prices: PriceTable) -> Report:
    """The rows of sums that were asked for by ``question.columns``."""
    kind = KINDS[question.by]
    key_of = _clock_key(kind.time, question.zone) if kind.time else _own_key
    parts: dict[str, list[_Part]] = {}
    for each in sums:
        key, agent, *rest = each.keys
        project = question.place(rest[0]) if rest else ""
        if not question.wants(agent, project):
            continue
        key = project if question.by == "project" else key_of(key)
        part = _Part(agent, project, each, cost_of(each, prices))
        parts.setdefault(key, []).append(part)
    rows = [_row(key, group) for key, group in parts.items()]
    rows.sort(key=_by_key if kind.time else _dearest)
    every = [part for group in parts.values() for part in group]
    return Report(tuple(rows), _row("total", every), _unpriced(every))


def of_requests(requests: Iterable[Request], prices: PriceTable) -> Row:
    """What single requests come to, each by its own price."""
    return _row("", [_alone(each, prices) for each in requests])


def unpriced_models(
    requests: Iterable[Request], prices: PriceTable
) -> tuple[tuple[str, int], ...]:
    """Models without a price and their requests, most requests first."""
    return _unpriced([_alone(each, prices) for each in requests])


def _alone(request: Request, prices: PriceTable) -> _Part:
    alone = Sum(
        (),
        request.model,
        request.terms,
        request.at,
        request.usage.prompt,
        request.usage,
        request.web_searches,
        1,
        int(request.incomplete),
    )
    return _Part(request.agent, request.project, alone, cost_of(alone, prices))


def moved(project: str, paths: Sequence[tuple[str, str]]) -> str:
    """Where a recorded directory lies now; the first pair that fits decides."""
    for old, new in paths:
        if project == old or project.startswith(f"{old.rstrip('/')}/"):
            return new + project[len(old.rstrip("/")) :] if project != old else new
    return project


def cost_of(each: Sum, prices: PriceTable) -> Decimal | None:
    """Dollars of a sum; None when its model has no price."""
    rate = prices.rate(each.model, each.at, each.prompt, each.terms)
    return None if rate is None else rate.cost(each.usage, each.web_searches)


def _row(key: str, parts: Sequence[_Part]) -> Row:
    sums = [part.sum for part in parts]
    requests = sum(each.requests for each in sums)
    unpriced = sum(part.sum.requests for part in parts if part.cost is None)
    cost = sum((part.cost for part in parts if part.cost is not None), Decimal(0))
    return Row(
        key,
        _shared(part.agent for part in parts),
        _shared(each.model for each in sums),
        _shared(part.project for part in parts) or None,
        requests,
        _added(sums),
        sum(each.web_searches for each in sums),
        sum(each.incomplete for each in sums),
        None if requests and unpriced == requests else cost,
        unpriced,
    )


def _added(sums: Sequence[Sum]) -> Usage:
    usages = [each.usage for each in sums]
    return Usage(
        sum(each.input for each in usages),
        sum(each.output for each in usages),
        sum(each.cache_read for each in usages),
        sum(each.cache_write_5m for each in usages),
        sum(each.cache_write_1h for each in usages),
    )


def _shared(values: Iterable[str]) -> str | None:
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _unpriced(parts: Iterable[_Part]) -> tuple[tuple[str, int], ...]:
    models: dict[str, int] = {}
    for part in parts:
        if part.cost is None:
            name = part.sum.model
            models[name] = models.get(name, 0) + part.sum.requests
    return tuple(sorted(models.items(), key=lambda each: (-each[1], each[0])))


def _own_key(value: Any) -> str:
    return str(value)


def _clock_key(layout: str, zone: str) -> Callable[[int], str]:
    """Quarter of an hour → key on the wall clock of a zone.

    An hour's key ends with its offset, because one hour a year comes twice.
    """
    cut = ZoneInfo(zone)

    @cache
    def named(day: date) -> str:
        return day.strftime(layout)

    @cache
    def key(quarter: int) -> str:
        there = datetime.fromtimestamp(quarter * QUARTER, cut)
        if "%H" in layout:
            return there.strftime(layout) + there.isoformat()[19:]
        return named(there.date())

    return key


def _by_key(row: Row) -> tuple[Any, ...]:
    """Time order; an hour that comes twice by its place, not by its offset."""
    if "T" in row.key:
        return (datetime.fromisoformat(row.key),)
    return (row.key,)


def _dearest(row: Row) -> tuple[Any, ...]:
    return (-(row.cost or 0), -row.usage.total, row.key)
