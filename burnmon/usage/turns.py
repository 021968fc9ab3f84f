"""A session by its facts, and cut into turns: one for each time the person spoke."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from burnmon.records import Mark, Request
from burnmon.text import money
from burnmon.usage.adding import ms
from burnmon.usage.breakdown import Broken
from burnmon.usage.repetition import Repetition
from burnmon.why import ZERO, Cause, Kind, Parts, Turn
from burnmon.work import ToolCall

LATE = 1000
"""Milliseconds that a call may be stamped before the request that made it."""

_MARK = {
    "cold_cache": "cold",
    "model_switch": "switched",
    "compaction": "compacted",
    "retries": "retried",
    "new_prompt": "rebuilt",
    "broken_cache": "rebuilt",
}


class Told(NamedTuple):
    """The facts of one session."""

    broken: Sequence[Broken]
    """Its requests, oldest first."""
    prompts: Sequence[datetime]
    """When the person spoke, in order."""
    circles: Sequence[Repetition] = ()
    """Where it went in circles."""
    calls: Sequence[ToolCall] = ()
    """Its tool calls, oldest first; empty where those are not known."""


def turns(told: Told) -> tuple[Turn, ...]:
    """The session cut where the person spoke; turns without a request are left out."""
    said = [ms(at) for at in told.prompts]
    calls = Counter(bisect_right(said, each.at) for each in told.calls)
    return tuple(
        _turn(number, told.prompts, some, calls[number])
        for number, some in by_turn(told).items()
    )


def by_turn(told: Told) -> dict[int, list[Broken]]:
    """The requests of each turn, by its number and in order."""
    groups: dict[int, list[Broken]] = {}
    for each in told.broken:
        groups.setdefault(turn_of(told, each.request.at), []).append(each)
    return dict(sorted(groups.items()))


def turn_of(told: Told, at: datetime) -> int:
    """Number of the turn an instant lies in."""
    return bisect_right(told.prompts, at)


def asked_by(told: Told) -> dict[int, list[ToolCall]]:
    """The calls that each request decided on, by its key; others are left out."""
    streams: dict[tuple[str, str], list[Request]] = {}
    for each in told.broken:
        name = each.request.session_id, each.request.subagent
        streams.setdefault(name, []).append(each.request)
    instants = {name: [ms(each.at) for each in some] for name, some in streams.items()}
    found: dict[int, list[ToolCall]] = {}
    for call in told.calls:
        name = call.session_id, call.subagent
        place = bisect_right(instants.get(name, ()), call.at + LATE)
        if place:
            found.setdefault(streams[name][place - 1].key, []).append(call)
    return found


def _turn(
    number: int, prompts: Sequence[datetime], some: Sequence[Broken], calls: int
) -> Turn:
    own = [each.request for each in some if not each.request.subagent]
    first, last = some[0].request.at, some[-1].request.at
    began_at = prompts[number - 1] if number else first
    losses = Counter(_MARK[each.loss] for each in some if each.loss)
    marks = [f"{word} {n}×" if n > 1 else word for word, n in losses.items()]
    return Turn(
        number,
        began_at,
        max(timedelta(0), last - began_at),
        total(each.parts for each in some),
        sum((each.parts.cost for each in some if each.request.subagent), ZERO),
        len(some),
        sum(not each.priced for each in some),
        own[-1].usage.prompt if own else 0,
        own[-1].model if own else some[-1].request.model,
        calls,
        tuple(marks),
        sum(e.request.usage.total for e in some if not e.priced),
    )


def total(parts: Iterable[Parts]) -> Parts:
    """Everything together."""
    return Parts(*(sum(column, ZERO) for column in zip(*parts, strict=True)))


def marks_of(marks: Iterable[Mark], kind: str) -> list[datetime]:
    """When a session stated something, in order."""
    return sorted(each.at for each in marks if each.kind == kind)


def cause_of(
    kind: Kind,
    dollars: Decimal,
    words: str,
    remedy: str,
    of: tuple[Told, Sequence[Broken]],
) -> Cause:
    """A cause that some requests of a session prove, oldest first."""
    told, some = of
    numbers = dict.fromkeys(turn_of(told, each.request.at) for each in some)
    return Cause(
        kind,
        dollars,
        len(some),
        f"{words} cost {money(dollars)}",
        remedy,
        some[0].request.at,
        some[-1].request.at,
        tuple(numbers),
    )
