"""What issues cost: the rows of a report by issue or pull request.

A request counts for the issue of the commit it was made for, as far as money goes by
its parts; requests and tokens go with the larger part. What is in no commit counts for
the issue its branch is named after, or that its session was linked with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from burnmon.records import Request
from burnmon.shipped.allocation import Charge
from burnmon.shipped.fate import reference_in
from burnmon.shipped.reckoning import Reckoning
from burnmon.usage.pricing import PriceTable
from burnmon.usage.report import Report, Row, of_requests, unpriced_models


def issue_of(reckoning: Reckoning, charge: Charge) -> str:
    """The issue a charge counts for, ``#12`` or ``KEY-12``; empty if none is known."""
    key = reckoning.key_of(charge)
    if key is not None:
        return reckoning.reference(key)
    request = charge.request
    return reference_in(request.branch) or reckoning.about(request.session_id).reference


def by_issue(
    reckoning: Reckoning,
    span: tuple[datetime, datetime],
    prices: PriceTable,
    wants: Callable[[Request], bool],
) -> Report:
    """A row for each issue, most money first; they add up to the wanted requests."""
    money: dict[str, Decimal] = defaultdict(Decimal)
    larger: dict[int, tuple[Decimal, str, Request]] = {}
    for charge in reckoning.during(*span):
        if not wants(charge.request):
            continue
        issue = issue_of(reckoning, charge)
        money[issue] += charge.spent.cost
        part = (charge.spent.cost, issue, charge.request)
        held = larger.get(charge.request.key)
        if held is None or part[:2] > held[:2]:
            larger[charge.request.key] = part
    requests: dict[str, list[Request]] = {issue: [] for issue in money}
    for _, issue, request in larger.values():
        requests[issue].append(request)
    rows = [_row(issue, requests[issue], cost, prices) for issue, cost in money.items()]
    rows.sort(key=lambda row: (-(row.cost or 0), -row.usage.total, row.key))
    every = [request for _, _, request in larger.values()]
    return Report(
        tuple(rows),
        replace(of_requests(every, prices), key="total"),
        unpriced_models(every, prices),
    )


def _row(issue: str, requests: list[Request], cost: Decimal, prices: PriceTable) -> Row:
    row = of_requests(requests, prices)
    known = cost or row.cost is not None
    return replace(row, key=issue, cost=cost if known else None)
