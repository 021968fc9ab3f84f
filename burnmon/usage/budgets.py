"""Budgets of one's own as windows: dollars a day, week or month, for all or a project.

Their spend is added up here from the ledger's facts, so it is an estimate of ours, at
list prices. A budget says when it is passed; it never says that an agent is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from burnmon.budget_settings import Budget
from burnmon.records import BUDGET, Window
from burnmon.usage.forecast import outlook
from burnmon.usage.limits import verdict
from burnmon.usage.report import moved

QUARTER = timedelta(minutes=15)
"""The finest step in which days of any time zone begin."""
PAST = {"day": 28, "week": 8, "month": 2}
"""So many earlier periods help a forecast."""


class Bill(Protocol):
    """What some requests came to."""

    cost: Decimal
    unpriced: int


class Quarter(Struct):
    """What the requests of a quarter of an hour came to."""

    cost: Decimal = Decimal(0)
    unpriced: int = 0


Bills = Mapping[str, Mapping[int, Bill]]
"""By project, as the agent wrote it, and by quarter of an hour since the epoch."""


class Bounds(Struct, frozen=True):
    """Where a period of the calendar begins and ends on a local clock."""

    starts_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """Its span: a day has 23 to 25 hours."""
        return self.ends_at - self.starts_at


def bounds(kind: str, now: datetime, zone: str, ago: int = 0) -> Bounds:
    """The day, week (from Monday) or month of an instant, or so many before it."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if kind == "month":
        months = today.year * 12 + today.month - 1 - ago
        first, after = _first(months), _first(months + 1)
    else:
        days = 7 if kind == "week" else 1
        back = today.weekday() if kind == "week" else 0
        first = today - timedelta(days=back + ago * days)
        after = first + timedelta(days=days)
    return Bounds(_midnight(first, zone), _midnight(after, zone))


def _first(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def since(budgets: Iterable[Budget], now: datetime, zone: str) -> datetime:
    """From when on spend matters to these budgets, their past included."""
    starts = (bounds(b.kind, now, zone, PAST[b.kind]).starts_at for b in budgets)
    return min(starts, default=now)


def budget_windows(
    budgets: Sequence[Budget],
    bills: Bills,
    paths: Sequence[tuple[str, str]],
    zone: str,
    now: datetime,
) -> tuple[Window, ...]:
    """Each budget as the window that runs at ``now``.

    ``bills`` reach back to ``since`` these budgets, ``paths`` tell where a recorded
    directory lies now, as in a report.
    """
    places = {project: moved(project, paths) for project in bills}
    return tuple(
        _window(
            budget,
            [bills[each] for each, at in places.items() if budget.project in at],
            zone,
            now,
        )
        for budget in budgets
    )


def steadied(windows: Sequence[Window], before: Sequence[Window]) -> tuple[Window, ...]:
    """The windows with verdicts that do not flicker against those of the last time."""
    told = {_name(each): each.verdict for each in before}
    return tuple(
        replace(
            each,
            verdict=verdict(each.used or 0.0, each.forecast, told.get(_name(each), "")),
        )
        for each in windows
    )


def _name(window: Window) -> tuple[str, str, datetime | None]:
    return (window.kind, window.account, window.resets_at)


def _window(
    budget: Budget, bills: Sequence[Mapping[int, Bill]], zone: str, now: datetime
) -> Window:
    allowance = Decimal(str(budget.dollars))
    span = bounds(budget.kind, now, zone)
    spends = [each for each in _added(bills) if each[0] <= now]
    running = [bill for at, bill in spends if span.starts_at <= at < span.ends_at]
    spent = sum((bill.cost for bill in running), Decimal(0))
    used = float(spent / allowance)
    # Who passes a budget goes on spending, so there is more to foresee than the limit.
    seen = outlook(
        _steps(spends, span, allowance, now),
        span.ends_at,
        span.length,
        list(_past(budget, spends, zone, now)),
        now,
    )
    forecast = None if seen is None else seen.forecast()
    return Window(
        BUDGET,
        budget.project,
        budget.kind,
        round(span.length / timedelta(minutes=1)),
        used,
        span.ends_at,
        now,
        "ledger",
        "local_estimate",
        forecast,
        verdict(used, forecast),
        reason="" if forecast else "too early to tell where it is heading",
        spent=spent,
        allowance=allowance,
        unpriced=sum(bill.unpriced for bill in running),
    )


_Spends = Sequence[tuple[datetime, Quarter]]


def _added(bills: Sequence[Mapping[int, Bill]]) -> _Spends:
    """What several projects came to, by the instant at which each quarter began."""
    quarters: dict[int, Quarter] = {}
    for number, bill in chain.from_iterable(each.items() for each in bills):
        quarter = quarters.setdefault(number, Quarter())
        quarter.cost += bill.cost
        quarter.unpriced += bill.unpriced
    epoch = datetime.fromtimestamp(0, UTC)
    return [(epoch + n * QUARTER, quarters[n]) for n in sorted(quarters)]


def _steps(
    spends: _Spends, span: Bounds, allowance: Decimal, now: datetime
) -> list[tuple[datetime, float]]:
    """The staircase of a period: it begins with nothing, and rises as quarters end."""
    steps = [(span.starts_at, 0.0)]
    total = Decimal(0)
    for at, quarter in spends:
        if span.starts_at <= at < span.ends_at and quarter.cost:
            total += quarter.cost
            steps.append((min(at + QUARTER, now), float(total / allowance)))
    return steps


def _past(
    budget: Budget, spends: _Spends, zone: str, now: datetime
) -> Iterator[tuple[list[tuple[datetime, float]], datetime]]:
    """Earlier periods, the oldest first; none from before anything was recorded."""
    allowance = Decimal(str(budget.dollars))
    for ago in range(PAST[budget.kind], 0, -1):
        span = bounds(budget.kind, now, zone, ago)
        if spends and spends[0][0] < span.ends_at:
            yield _steps(spends, span, allowance, now), span.ends_at
