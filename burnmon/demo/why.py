"""Why the recorded sessions burn: their very requests, split by a simple rule.

What is read from a cache is carried; what a cold request writes of the prompt before
it is rebuilt, and the rest is new. So the parts add up to what Burn shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from burnmon.demo import script
from burnmon.demo.script import MOMENTS, Part, instant
from burnmon.records import Request
from burnmon.text import span
from burnmon.usage.pricing import PriceTable
from burnmon.why import Cause, Parts, Turn, Why

_NEVER = datetime.max.replace(tzinfo=UTC)
_TELLING = Decimal("0.1")
"""Share of the session's cost from which a cause is worth a sentence."""
_MARKS = {"compacted": "compacted", "limit": "limit reached", "refused": "edit refused"}


class _Piece(NamedTuple):
    """One request, and what was paid for it."""

    request: Request
    parts: Parts | None
    """None without a price."""
    idle: timedelta
    """How long the cache had lain unused before it was rebuilt; else nothing."""


def explained(
    part: Part, requests: Iterable[Request], prices: PriceTable, now: datetime
) -> Why:
    """A recorded session as it stands by then."""
    own = [e for e in requests if e.session_id == part.session_id and e.at <= now]
    pieces = _pieces(own, prices)
    begins = [instant(each.begin, part.days_ago) for each in part.stints]
    bounds = pairwise([*(each for each in begins if each <= now), _NEVER])
    turns = tuple(_turn(part, at, pieces, each) for at, each in enumerate(bounds, 1))
    parts = _sum(pieces)
    prompt = sum(each.request.usage.prompt for each in pieces)
    read = sum(each.request.usage.cache_read for each in pieces)
    rebuilt = sum(each.request.usage.prompt for each in pieces if each.idle)
    return Why(
        agent=part.agent,
        session_id=part.session_id,
        title=part.title,
        project=f"/home/sam/code/{part.project}",
        parts=parts,
        subagents=_of_subagents(pieces).cost,
        requests=len(pieces),
        unpriced=sum(each.parts is None for each in pieces),
        turns=turns,
        causes=_causes(turns, pieces, parts.cost),
        cache_read=read / prompt if prompt else None,
        cache_rebuilt=rebuilt / prompt if prompt else None,
        unpriced_tokens=_unpriced_tokens(pieces),
        zone=script.ZONE,
    )


def _pieces(requests: Iterable[Request], prices: PriceTable) -> list[_Piece]:
    """The requests with their parts; each conversation has its own cache."""
    before: dict[str, Request] = {}
    pieces = []
    for request in requests:
        last = before.get(request.subagent)
        parts = _split(request, last, prices)
        cold = last is not None and not request.usage.cache_read
        idle = request.at - last.at if last and cold else timedelta(0)
        pieces.append(_Piece(request, parts, idle))
        before[request.subagent] = request
    return pieces


def _split(request: Request, last: Request | None, prices: PriceTable) -> Parts | None:
    usage = request.usage
    rate = prices.rate(request.model, request.at, usage.prompt)
    if rate is None:
        return None
    carried, output = rate.cache_read * usage.cache_read, rate.output * usage.output
    rebuilt = Decimal(0)
    if last is not None and not usage.cache_read:
        written = usage.cache_write_5m + usage.cache_write_1h
        again = min(last.usage.prompt, written or usage.input)
        price = rate.cache_write_1h if usage.cache_write_1h else rate.cache_write_5m
        rebuilt = again * (price if written else rate.input)
    added = rate.cost(usage) - carried - output - rebuilt
    return Parts(carried, rebuilt, added, output)


def _sum(pieces: Iterable[_Piece]) -> Parts:
    whole = Parts()
    for each in pieces:
        whole = whole.plus(each.parts or Parts())
    return whole


def _of_subagents(pieces: Iterable[_Piece]) -> Parts:
    return _sum(each for each in pieces if each.request.subagent)


def _unpriced_tokens(pieces: Iterable[_Piece]) -> int:
    return sum(each.request.usage.total for each in pieces if each.parts is None)


def _turn(
    part: Part,
    number: int,
    pieces: Sequence[_Piece],
    bounds: tuple[datetime, datetime],
) -> Turn:
    begin, end = bounds
    mine = [each for each in pieces if begin <= each.request.at < end]
    own = [each.request for each in mine if not each.request.subagent]
    said = [e for e in MOMENTS if e.part is part and begin <= instant(e.clock) < end]
    agents = len({each.request.subagent for each in mine} - {""})
    marks = ["cold"] if any(each.idle for each in mine) else []
    marks += [_MARKS[each.kind] for each in said if each.kind in _MARKS]
    marks += [f"{agents} agent{'s' * (agents > 1)}"] if agents else []
    return Turn(
        number=number,
        began_at=begin,
        took=max((e.request.at for e in mine), default=begin) - begin,
        parts=_sum(mine),
        subagents=_of_subagents(mine).cost,
        requests=len(mine),
        unpriced=sum(each.parts is None for each in mine),
        context=own[-1].usage.prompt if own else 0,
        model=part.model,
        calls=max(0, len(own) - 1),
        marks=tuple(marks),
        unpriced_tokens=_unpriced_tokens(mine),
    )


def _causes(
    turns: Sequence[Turn], pieces: Sequence[_Piece], cost: Decimal
) -> tuple[Cause, ...]:
    found = [_cold(turns, pieces), _fan_out(turns)]
    telling = [each for each in found if each and each.dollars >= cost * _TELLING]
    return tuple(sorted(telling, key=lambda each: -each.dollars))


def _cold(turns: Sequence[Turn], pieces: Sequence[_Piece]) -> Cause | None:
    cold = [each for each in pieces if each.idle]
    dollars = _sum(cold).rebuilt
    if not dollars:
        return None
    longest = max(each.idle for each in cold)
    return Cause(
        kind="cold_cache",
        dollars=dollars,
        times=len(cold),
        words=f"a pause of up to {span(longest)} let the cache go cold,"
        " and it was written again",
        remedy="go on before the cache ends, or begin anew after a long pause",
        first_at=cold[0].request.at,
        last_at=cold[-1].request.at,
        turns=tuple(each.number for each in turns if "cold" in each.marks),
    )


def _fan_out(turns: Sequence[Turn]) -> Cause | None:
    fanned = [each for each in turns if each.subagents]
    if not fanned:
        return None
    return Cause(
        kind="fan_out",
        dollars=sum((each.subagents for each in fanned), Decimal(0)),
        times=len(fanned),
        words=f"sub-agents worked beside the session in {len(fanned)} of its"
        f" {len(turns)} turns",
        remedy="ask for fewer agents at once, or for a smaller model",
        first_at=fanned[0].began_at,
        last_at=fanned[-1].began_at + fanned[-1].took,
        turns=tuple(each.number for each in fanned),
    )
