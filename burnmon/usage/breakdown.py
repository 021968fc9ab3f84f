"""Where the dollars of a request go: carrying, rebuilding and adding context, output.

A conversation's context lies in a cache after each request. What the next one reads of
it is carried; what lay there and is written again is rebuilt; everything else it sends
is new. The parts of a request are its price, to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from burnmon.records import Mark, Request
from burnmon.usage.pricing import Rate
from burnmon.why import Parts

SHORT, LONG = timedelta(minutes=5), timedelta(hours=1)
"""How long a cache lives after its last use; the longer life is bought."""
EARLY = timedelta(seconds=10)
"""An answer begins so much later than its request, which renews the cache."""
LEAST = 1024
"""Tokens below which a cache that misses some is no event: its ends are ragged."""

Loss = Literal["cold_cache", "model_switch", "compaction", "broken_cache"]
"""Why context that lay in a cache was written again."""

RateOf = Callable[[Request], Rate | None]


class Broken(NamedTuple):
    """A request and its parts."""

    request: Request
    parts: Parts
    """Nothing where it has no price."""
    priced: bool
    rebuilt: int
    """Tokens written again."""
    avoidable: Parts
    """What reading those would have saved, as ``rebuilt``."""
    loss: Loss | None
    """Why; None where nothing was written again."""


def broken_down(
    requests: Iterable[Request], marks: Sequence[Mark], rate_of: RateOf
) -> list[Broken]:
    """The requests of one session, oldest first, each with its parts.

    ``marks`` are the session's; a sub-agent has a context and a cache of its own.
    """
    compacted = sorted(each.at for each in marks if each.kind == "compacted")
    before: dict[str, Request] = {}
    found = []
    for request in requests:
        last = before.get(request.subagent)
        before[request.subagent] = request
        again = 0 if last is None else _again(last, request)
        loss = None
        if last is not None and again:
            loss = _why(last, request, compacted)
        found.append(_broken(request, rate_of(request), again, loss))
    return found


def _again(last: Request, request: Request) -> int:
    """Tokens that lay in the cache after one request and were sent anew by the next."""
    usage, then = request.usage, last.usage
    written = usage.cache_write_5m + usage.cache_write_1h
    if request.agent == "claude":
        lay, sent = then.prompt - then.input, written
    else:  # the vendor caches whatever is sent
        lay, sent = then.prompt, written + usage.input
    again = min(lay - usage.cache_read, sent)
    return again if again >= LEAST else 0


def _why(last: Request, request: Request, compacted: Sequence[datetime]) -> Loss:
    if not request.subagent and any(last.at <= at <= request.at for at in compacted):
        return "compaction"
    if last.model != request.model:
        return "model_switch"
    lives = LONG if last.usage.cache_write_1h or _long(last, request) else SHORT
    return "cold_cache" if request.at - last.at >= lives - EARLY else "broken_cache"


def _long(last: Request, request: Request) -> bool:
    """Whether an hour is bought for the cache, told by what is written to it."""
    wrote = last.usage.cache_write_5m
    return not wrote and bool(request.usage.cache_write_1h)


def _broken(
    request: Request, rate: Rate | None, again: int, loss: Loss | None
) -> Broken:
    if rate is None:
        return Broken(request, Parts(), False, again, Parts(), loss)
    usage = request.usage
    hour = min(again, usage.cache_write_1h)
    five = min(again - hour, usage.cache_write_5m)
    fresh = again - hour - five
    rebuilt = (
        rate.cache_write_1h * hour + rate.cache_write_5m * five + rate.input * fresh
    )
    added = (
        rate.cache_write_1h * (usage.cache_write_1h - hour)
        + rate.cache_write_5m * (usage.cache_write_5m - five)
        + rate.input * (usage.input - fresh)
    )
    parts = Parts(
        rate.cache_read * usage.cache_read,
        rebuilt,
        added,
        rate.output * usage.output,
        rate.web_search * request.web_searches,
    )
    saved = max(Parts().rebuilt, rebuilt - rate.cache_read * again)
    return Broken(request, parts, True, again, Parts(rebuilt=saved), loss)
