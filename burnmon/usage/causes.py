"""What made a session dear, told by its own facts: turns, and causes with dollars.

Pure. A cause is told only if it is a tenth of what the session cost, and ten cents, so
an ordinary session has none. Its dollars are what would not have been spent without it,
as far as the facts tell; they are part of the cost, and causes may overlap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from burnmon.records import Mark
from burnmon.text import money, short_model, tokens
from burnmon.usage.adding import ms
from burnmon.usage.breakdown import Broken, Loss
from burnmon.usage.repetition import Repetition
from burnmon.why import ZERO, Cause, Kind, Parts, Turn

LEAST_SHARE = Decimal("0.1")
LEAST_DOLLARS = Decimal("0.10")
"""A smaller cause is not worth a word."""
GROWN = 2
"""Times the context of the first turn, beyond which carrying more is growth."""
START = 20_000
"""Tokens that any session begins with: its context is never taken for less."""
REFUSALS = 3
"""Calls refused that are many."""
LATE = timedelta(seconds=1)
"""A call may be stamped this long before the request that made it."""
FAN = 3
"""Sub-agents that are many."""

_MARK = {
    "cold_cache": "cold",
    "model_switch": "switched",
    "compaction": "compacted",
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
    called_at: Sequence[datetime] = ()
    """When it called a tool, in order; empty where that is not known."""
    refused: Sequence[tuple[datetime, str]] = ()
    """When a call was made that the person refused or interrupted, and by which
    sub-agent."""


def turns(told: Told) -> tuple[Turn, ...]:
    """The session cut where the person spoke; turns without a request are left out."""
    groups: dict[int, list[Broken]] = {}
    for each in told.broken:
        number = bisect_right(told.prompts, each.request.at)
        groups.setdefault(number, []).append(each)
    calls = Counter(bisect_right(told.prompts, at) for at in told.called_at)
    return tuple(
        replace(_turn(number, told.prompts, some), calls=calls[number])
        for number, some in sorted(groups.items())
    )


def turn_of(told: Told, at: datetime) -> int:
    """Number of the turn an instant lies in."""
    return bisect_right(told.prompts, at)


def _turn(number: int, prompts: Sequence[datetime], some: Sequence[Broken]) -> Turn:
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
        marks=tuple(marks),
        unpriced_tokens=sum(e.request.usage.total for e in some if not e.priced),
    )


def total(parts: Iterable[Parts]) -> Parts:
    """Everything together."""
    whole = Parts()
    for each in parts:
        whole = whole.plus(each)
    return whole


# --- causes --------------------------------------------------------------------------


def causes(told: Told) -> tuple[Cause, ...]:
    """What made the session dear, dearest first."""
    least = least_of(told)
    found = (
        *(_lost(told, loss, *words) for loss, words in _LOSSES.items()),
        _growth(told),
        _fan_out(told),
        *(_circle(told, each) for each in told.circles),
        _refused(told),
    )
    dear = [each for each in found if each is not None and each.dollars >= least]
    return tuple(sorted(dear, key=lambda each: -each.dollars))


def least_of(told: Told) -> Decimal:
    """Dollars from which a cause is worth a word."""
    cost = total(each.parts for each in told.broken).cost
    return max(LEAST_DOLLARS, cost * LEAST_SHARE)


def _lost(
    told: Told, loss: Loss, words: Callable[[Sequence[Broken]], str], remedy: str
) -> Cause | None:
    """Context that was written again for one reason."""
    some = [each for each in told.broken if each.loss == loss]
    if not some:
        return None
    dollars = total(each.avoidable for each in some).rebuilt
    return _cause(loss, dollars, words(some), remedy, (told, some))


def _cause(
    kind: Kind,
    dollars: Decimal,
    words: str,
    remedy: str,
    of: tuple[Told, Sequence[Broken]],
) -> Cause:
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


def _again(some: Sequence[Broken]) -> str:
    return f"{tokens(sum(each.rebuilt for each in some))} tokens written again"


def _counted(some: Sequence[Broken], noun: str) -> str:
    return f"{len(some)} {noun}{'s' * (len(some) != 1)}"


def _cold(some: Sequence[Broken]) -> str:
    return f"{_counted(some, 'pause')} that outlived the cache ({_again(some)})"


def _switched(some: Sequence[Broken]) -> str:
    names = dict.fromkeys(short_model(each.request.model) for each in some)
    return f"switching to {' and '.join(names)} ({_again(some)})"


def _compacted(some: Sequence[Broken]) -> str:
    return f"{_counted(some, 'compaction')} of the context ({_again(some)})"


def _rebuilt(some: Sequence[Broken]) -> str:
    times = "once" if len(some) == 1 else f"{len(some)} times"
    return f"a warm cache that broke {times} ({_again(some)})"


_LOSSES: Mapping[Loss, tuple[Callable[[Sequence[Broken]], str], str]] = {
    "cold_cache": (
        _cold,
        "answer while the cache is warm, or begin a new session after a long pause",
    ),
    "model_switch": (_switched, "switch the model at the start of a session"),
    "compaction": (_compacted, "begin a new session at the end of a task"),
    "broken_cache": (
        _rebuilt,
        "tools, settings or thinking that change in a session break its cache",
    ),
}


def _growth(told: Told) -> Cause | None:
    """Context carried beyond twice what the first turn needed."""
    own = [each for each in told.broken if each.priced and not each.request.subagent]
    if not own:
        return None
    first = turn_of(told, own[0].request.at)
    begun = [each for each in own if turn_of(told, each.request.at) == first]
    base = GROWN * max(START, begun[-1].request.usage.prompt)
    grown = [each for each in own if each.request.usage.cache_read > base]
    dollars = sum((_beyond(each, base) for each in grown), ZERO)
    if not grown or not dollars:
        return None
    most = max(each.request.usage.prompt for each in grown)
    words = (
        f"a context that grew to {tokens(most)} tokens: carrying more than"
        f" {tokens(base)}, twice the first turn's, through {len(grown)} requests"
    )
    remedy = "begin a new session, or compact, when a task is done"
    return _cause("context_growth", dollars, words, remedy, (told, grown))


def _beyond(each: Broken, base: int) -> Decimal:
    """What a request paid for carrying more than so many tokens."""
    read = each.request.usage.cache_read
    return each.parts.carried * (read - base) / read


def _fan_out(told: Told) -> Cause | None:
    """Sub-agents, if they are many."""
    some = [each for each in told.broken if each.request.subagent]
    names = {each.request.subagent for each in some}
    if len(names) < FAN:
        return None
    dollars = total(each.parts for each in some).cost
    words = f"{len(names)} sub-agents with {len(some):,} requests"
    remedy = "fewer or smaller sub-agents, or a cheaper model for them"
    made = _cause("fan_out", dollars, words, remedy, (told, some))
    return replace(made, times=len(names))


_CIRCLES: Mapping[str, tuple[Kind, str, str]] = {
    "repeated": (
        "repetition",
        "{what}, {times} times the same without an edit in between,",
        "stop it, and say what to try instead",
    ),
    "polling": (
        "polling",
        "waiting with {what}, {times} times,",
        "let a command wait until it is done, or come back later",
    ),
    "failing": (
        "failing",
        "{times} calls in a row that failed, the last {what},",
        "stop it, and mend what makes them fail",
    ),
}


def _circle(told: Told, circle: Repetition) -> Cause | None:
    """What was asked for while a session went in circles."""
    some = [
        each
        for each in told.broken
        if each.request.subagent == circle.subagent
        and circle.first_at <= ms(each.request.at) <= circle.last_at
    ]
    if not some:
        return None
    kind, words, remedy = _CIRCLES[circle.kind]
    what = " ".join(filter(None, (circle.tool, circle.target)))
    dollars = total(each.parts for each in some).cost
    words = words.format(what=what, times=circle.times)
    return replace(
        _cause(kind, dollars, words, remedy, (told, some)), times=circle.times
    )


def _refused(told: Told) -> Cause | None:
    """What asked for calls that were not carried out."""
    some: dict[int, Broken] = {}
    for at, subagent in told.refused:
        asked = [
            each
            for each in told.broken
            if each.request.subagent == subagent and each.request.at <= at + LATE
        ]
        if asked:
            some[asked[-1].request.key] = asked[-1]
    if len(told.refused) < REFUSALS or not some:
        return None
    requests = list(some.values())
    dollars = total(each.parts for each in requests).cost
    words = f"{len(told.refused)} calls that you refused or interrupted"
    remedy = "say before what it may not do, or allow what you always grant"
    made = _cause("refused", dollars, words, remedy, (told, requests))
    return replace(made, times=len(told.refused))


def marks_of(marks: Iterable[Mark], kind: str) -> list[datetime]:
    """When a session stated something, in order."""
    return sorted(each.at for each in marks if each.kind == kind)
