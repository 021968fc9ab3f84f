"""Splits a session's money over the commits it made, exactly.

By position: a request was made for the next linked commit after it, so exploring,
failed tries and talk before a commit count for it. Commits with nothing asked between
them share what came before by the weight of their lines. What came after the last one
is in no commit. No division loses anything: parts of a split are whole micro-dollars,
handed out by largest remainder, and what is below one stays with the heaviest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from burnmon.day import Spent
from burnmon.records import Request
from burnmon.shipped.linking import Link
from burnmon.usage.adding import ms

GRACE = 2000
"""Milliseconds after a commit in which a request still belongs to it."""
LEAST = 1.0
"""Weight of a commit none of whose lines is known, in lines."""
MICRO = Decimal("0.000001")

Price = Callable[[Request], Decimal | None]
"""List price of a request in dollars; None if it has none."""


class Charge(NamedTuple):
    """A request, or a part of it, and the commit it was made for."""

    request: Request
    spent: Spent
    link: Link | None
    """None: it is in no commit."""


def allocate(
    requests: Sequence[Request], links: Sequence[Link], price: Price
) -> list[Charge]:
    """Charges of one session's requests, oldest first; they add up to the requests.

    ``links`` are that session's, ``possible`` ones left out.
    """
    billed = sorted(links, key=lambda each: (ends_at(each), each.commit.sha))
    ends = [ends_at(each) for each in billed]
    places = [bisect_left(ends, ms(each.at) - GRACE) for each in requests]
    batches = _batches(billed, set(places))
    charges: list[Charge] = []
    for request, place in zip(requests, places, strict=True):
        spent = spent_on(request, price)
        if place == len(billed):
            charges.append(Charge(request, spent, None))
            continue
        batch = batches[place]
        parts = split(spent, [max(each.weight, LEAST) for each in batch])
        charges.extend(
            Charge(request, part, each)
            for part, each in zip(parts, batch, strict=True)
            if part != Spent()
        )
    return charges


def ends_at(link: Link) -> int:
    """Epoch ms up to which requests count for a link's commit."""
    return max(link.change.authored_at * 1000 + 999, link.at)


def spent_on(request: Request, price: Price) -> Spent:
    """What one request came to."""
    cost = price(request)
    total = request.usage.total
    if cost is None:
        return Spent(Decimal(0), 1, 1, total, total)
    return Spent(cost, 1, 0, total)


def _batches(links: Sequence[Link], asked: set[int]) -> dict[int, list[Link]]:
    """Links by the place of the first one of each batch: before it something was
    asked, between the others nothing was."""
    batches: dict[int, list[Link]] = {}
    first = -1
    for place, link in enumerate(links):
        if place in asked or first < 0:
            first = place
        batches.setdefault(first, []).append(link)
    return batches


def split(spent: Spent, weights: Sequence[float]) -> list[Spent]:
    """Parts in proportion to weights that add up to the whole, to the last digit."""
    if len(weights) == 1:
        return [spent]
    micros = int(spent.cost / MICRO)
    rest = spent.cost - micros * MICRO
    heaviest = max(range(len(weights)), key=weights.__getitem__)
    costs = list(_shares(micros, weights))
    tokens = list(_shares(spent.tokens, weights))
    unpriced = list(_shares(spent.unpriced_tokens, weights))
    return [
        Spent(
            costs[n] * MICRO + (rest if n == heaviest else 0),
            spent.requests if n == heaviest else 0,
            spent.unpriced if n == heaviest else 0,
            tokens[n],
            unpriced[n],
        )
        for n in range(len(weights))
    ]


def _shares(whole: int, weights: Sequence[float]) -> Iterator[int]:
    """A whole number in proportion to weights, by largest remainder."""
    units = [max(1, round(each * 1_000_000)) for each in weights]
    total = sum(units)
    floors = [whole * each // total for each in units]
    missing = whole - sum(floors)
    order = sorted(range(len(units)), key=lambda n: (-(whole * units[n] % total), n))
    lucky = set(order[:missing])
    return (floor + (n in lucky) for n, floor in enumerate(floors))
