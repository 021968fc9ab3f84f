"""Where the dollars of a request go: carrying, rebuilding and adding context, output.

A conversation's context lies in a cache after each request. What the next one reads of
it is carried; what lay there and is written again is rebuilt; everything else it sends
is new. The parts of a request are its price, to the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from burnmon.records import Mark, Request
from burnmon.usage.pricing import Rate
from burnmon.why import ZERO, Parts

SHORT, LONG = timedelta(minutes=5), timedelta(hours=1)
"""How long a cache lives after its last use; the longer life is bought."""
EARLY = timedelta(seconds=10)
"""An answer begins so much later than its request, which renews the cache."""
LEAST = 2048
"""Tokens below which a cache that misses some is no event: its ends are ragged."""

Loss = Literal[
    "cold_cache", "model_switch", "compaction", "retries", "new_prompt", "broken_cache"
]
"""Why context that lay in a cache was written again; see ``why.Kind``."""

RateOf = Callable[[Request], Rate | None]


class Broken(NamedTuple):
    """A request and its parts."""

    request: Request
    parts: Parts
    """Nothing where it has no price."""
    priced: bool
    rebuilt: int
    """Tokens written again."""
    avoidable: Decimal
    """Dollars that reading those would have saved."""
    loss: Loss | None
    """Why; None where nothing was written again."""


def broken_down(
    requests: Iterable[Request],
    marks: Sequence[Mark],
    rate_of: RateOf,
    earlier: Iterable[Broken] = (),
) -> list[Broken]:
    """The requests of one session, oldest first, each with its parts.

    ``marks`` are the session's; a sub-agent has a context and a cache of its own.
    ``earlier`` are those before, if they were broken down already.
    """
    said: dict[str, list[datetime]] = defaultdict(list)
    for mark in sorted(marks, key=lambda each: each.at):
        said[mark.kind].append(mark.at)
    before: dict[str, tuple[Request, int]] = {}
    for each in earlier:
        request = each.request
        first = before.get(request.subagent, (request, request.usage.prompt))[1]
        before[request.subagent] = request, first
    found = []
    for request in requests:
        last, first = before.get(request.subagent, (None, request.usage.prompt))
        before[request.subagent] = request, first
        again = 0 if last is None else _again(last, request)
        loss = None
        if last is not None and again:
            loss = _why(last, request, said, first)
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


def _why(
    last: Request, request: Request, said: Mapping[str, Sequence[datetime]], first: int
) -> Loss:
    """Why the cache was lost between two requests of one conversation.

    ``said``: when its session stated what, by kind of mark; a sub-agent is no part of
    that. ``first``: tokens its first request was sent with.
    """
    between = {
        kind: [at for at in instants if last.at <= at <= request.at]
        for kind, instants in said.items()
        if not request.subagent
    }
    if between.get("compacted"):
        return "compaction"
    if last.model != request.model:
        return "model_switch"
    # An answer may come late because it was asked for again and again.
    asked_at = min(between.get("retry", ()), default=request.at)
    lives = LONG if last.usage.cache_write_1h or _long(last, request) else SHORT
    if asked_at - last.at >= lives - EARLY and _is_gone(request, first):
        return "cold_cache"
    if between.get("retry"):
        return "retries"
    return "new_prompt" if between.get("prompt") else "broken_cache"


def _is_gone(request: Request, first: int) -> bool:
    """Whether all of a cache was lost but what every session of its kind shares.

    Codex's vendor keeps a cache as long as there is room; a request that reads half of
    what its session began with, or more, has met its own.
    """
    return request.agent != "codex" or request.usage.cache_read < first // 2


def _long(last: Request, request: Request) -> bool:
    """Whether an hour is bought for the cache, told by what is written to it."""
    wrote = last.usage.cache_write_5m
    return not wrote and bool(request.usage.cache_write_1h)


def _broken(
    request: Request, rate: Rate | None, again: int, loss: Loss | None
) -> Broken:
    if rate is None:
        return Broken(request, Parts(), False, again, ZERO, loss)
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
    thought = min(request.thinking or 0, usage.output)
    parts = Parts(
        rate.cache_read * usage.cache_read,
        rebuilt,
        added,
        rate.output * thought,
        rate.output * (usage.output - thought),
        rate.web_search * request.web_searches,
    )
    saved = max(ZERO, rebuilt - rate.cache_read * again) if again else ZERO
    return Broken(request, parts, True, again, saved, loss)
