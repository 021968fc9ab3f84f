"""What made a session dear, told by its own facts: causes with dollars.

Pure. A cause is told only if it is a tenth of what the session cost, and ten cents, so
an ordinary session has none. Its dollars are what would not have been spent without it,
as far as the facts tell; they are part of the cost, and causes may overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from burnmon.records import Request, Terms
from burnmon.text import counted, short_model, tokens
from burnmon.usage.breakdown import LONG, Broken, Loss
from burnmon.usage.call_causes import of_calls
from burnmon.usage.pricing import PriceTable
from burnmon.usage.turns import Told, by_turn, cause_of, total, turn_of
from burnmon.why import ZERO, Cause

LEAST_SHARE = Decimal("0.1")
LEAST_DOLLARS = Decimal("0.10")
"""A smaller cause is not worth a word."""
OPENING = 10
"""Requests of the first turn in which a session takes up what it needs to begin."""
ROOM = 50_000
"""Tokens more than the opening with which a turn may begin."""
AMPLE = 100_000
"""Tokens with which any turn may begin."""
WORK = 100_000
"""Tokens that one turn may add of its own on top of that."""
FAN = 3
"""Sub-agents that are many."""
SMALL = 1_000
"""Tokens of output that a small turn stays below."""
SMALL_REQUESTS = 8
SMALL_TURNS = 3
"""Small turns that are many."""
CHEAPER = Decimal("0.6")
"""What another model may cost at the most to be called cheaper."""


def causes(
    told: Told, prices: PriceTable | None = None, models: Collection[str] = ()
) -> tuple[Cause, ...]:
    """What made the session dear, dearest first.

    ``prices`` and the ``models`` that the person uses tell what other models and
    speeds would have cost; without them that is not asked.
    """
    found = [
        *(_lost(told, loss, *words) for loss, words in _LOSSES.items()),
        _growth(told),
        _fan_out(told),
        *of_calls(told),
    ]
    if prices is not None:
        found += [_fast(told, prices), _small_turns(told, prices, models)]
    cost = total(each.parts for each in told.broken).cost
    return worth_a_word(cost, (each for each in found if each is not None))


def worth_a_word(cost: Decimal, found: Iterable[Cause]) -> tuple[Cause, ...]:
    """Those that are enough of what the whole cost, dearest first."""
    least = max(LEAST_DOLLARS, cost * LEAST_SHARE)
    dear = [each for each in found if each.dollars >= least]
    return tuple(sorted(dear, key=lambda each: -each.dollars))


# --- a cache that was lost -----------------------------------------------------------


def _lost(
    told: Told, loss: Loss, words: Callable[[Told, Sequence[Broken]], str], remedy: str
) -> Cause | None:
    """Context that was written again for one reason."""
    some = [each for each in told.broken if each.loss == loss]
    if not some:
        return None
    dollars = sum((each.avoidable for each in some), ZERO)
    again = f"({tokens(sum(each.rebuilt for each in some))} tokens written again)"
    return cause_of(loss, dollars, f"{words(told, some)} {again}", remedy, (told, some))


def _cold(told: Told, some: Sequence[Broken]) -> str:
    words = f"{counted(len(some), 'pause')} that outlived the cache"
    shorter = sum(1 for each in some if _lived_shorter(told, each))
    if shorter:
        words += f", {shorter} of them since it lives 5 min and no longer 1 h"
    return words


def _lived_shorter(told: Told, lost: Broken) -> bool:
    """Whether the cache would still have lived, had it been bought as it was before."""
    request = lost.request
    before = [
        each.request
        for each in told.broken
        if each.request.session_id == request.session_id
        and each.request.subagent == request.subagent
        and each.request.at < request.at
    ]
    bought = any(each.usage.cache_write_1h for each in before)
    return bought and request.at - before[-1].at < LONG


def _switched(told: Told, some: Sequence[Broken]) -> str:
    names = dict.fromkeys(short_model(each.request.model) for each in some)
    return f"switching to {' and '.join(names)}"


def _compacted(told: Told, some: Sequence[Broken]) -> str:
    return f"{counted(len(some), 'compaction')} of the context"


def _retried(told: Told, some: Sequence[Broken]) -> str:
    return f"{counted(len(some), 'request')} that had to be tried again"


def _spoken(told: Told, some: Sequence[Broken]) -> str:
    return f"{counted(len(some), 'prompt')} at which a warm cache broke"


def _rebuilt(told: Told, some: Sequence[Broken]) -> str:
    times = "once" if len(some) == 1 else f"{len(some)} times"
    return f"a warm cache that broke {times}"


_LOSSES: Mapping[Loss, tuple[Callable[[Told, Sequence[Broken]], str], str]] = {
    "cold_cache": (
        _cold,
        "answer while the cache is warm, or begin a new session after a long pause",
    ),
    "model_switch": (_switched, "switch the model at the start of a session"),
    "compaction": (_compacted, "begin a new session at the end of a task"),
    "retries": (_retried, "the vendor was overloaded; nothing of yours is the reason"),
    "new_prompt": (
        _spoken,
        "earlier thinking is dropped when you speak: say it at once, not bit by bit",
    ),
    "broken_cache": (
        _rebuilt,
        "tools, settings or thinking that change in a session break its cache",
    ),
}


# --- how much was carried, by whom, and at what price --------------------------------


def _growth(told: Told) -> Cause | None:
    """Context that earlier turns left over and that the session went on to carry.

    It could have been parted with when the person spoke: a turn that begins with far
    more than the session did would else have begun with as little. What a turn adds of
    its own counts only where that is very much.
    """
    own = [each for each in told.broken if each.priced and not each.request.subagent]
    if not own:
        return None
    numbers = [turn_of(told, each.request.at) for each in own]
    opening = own[: min(OPENING, numbers.count(numbers[0]))]
    began_with = opening[-1].request.usage.prompt
    base = max(AMPLE, began_with + ROOM)
    grown, dollars, left = [], ZERO, 0
    for place, (each, number) in enumerate(zip(own, numbers, strict=True)):
        if place and number != numbers[place - 1]:
            left = own[place - 1].request.usage.prompt
        read = each.request.usage.cache_read
        beyond = max(0, read - max(base, left) - WORK)
        if left > base:
            beyond += max(0, min(read, left) - began_with)
        if beyond:
            grown.append(each)
            dollars += each.parts.carried * beyond / read
    if not dollars:
        return None
    most = max(each.request.usage.prompt for each in grown)
    words = (
        f"a context that grew from {tokens(began_with)} to {tokens(most)} tokens:"
        f" carrying what earlier turns left of it through"
        f" {counted(len(grown), 'request')}"
    )
    remedy = "begin a new session, or compact, when a task is done"
    return cause_of("context_growth", dollars, words, remedy, (told, grown))


def _fan_out(told: Told) -> Cause | None:
    """Sub-agents, if they are many."""
    some = [each for each in told.broken if each.request.subagent]
    names = {each.request.subagent for each in some}
    if len(names) < FAN:
        return None
    dollars = total(each.parts for each in some).cost
    words = f"{len(names)} sub-agents with {len(some):,} requests"
    remedy = "fewer or smaller sub-agents, or a cheaper model for them"
    made = cause_of("fan_out", dollars, words, remedy, (told, some))
    return replace(made, times=len(names))


def _fast(told: Told, prices: PriceTable) -> Cause | None:
    """What a faster, dearer mode added to the standard price."""
    some, dollars = [], ZERO
    for each in told.broken:
        if each.priced and each.request.terms.speed:
            slow = Terms(region=each.request.terms.region)
            standard = prices.cost(replace(each.request, terms=slow))
            if standard is not None and standard < each.parts.cost:
                some.append(each)
                dollars += each.parts.cost - standard
    if not some:
        return None
    modes = dict.fromkeys(each.request.terms.speed for each in some)
    asked = counted(len(some), "request")
    words = f"the surcharge for {asked} at {'/'.join(modes)} speed"
    remedy = "standard speed where nobody waits for the answer"
    return cause_of("fast", dollars, words, remedy, (told, some))


def _small_turns(
    told: Told, prices: PriceTable, models: Collection[str]
) -> Cause | None:
    """Turns in which little was written by a model that has a cheaper sibling."""
    some: list[Broken] = []
    others: list[str] = []
    dollars = ZERO
    for number, turn in by_turn(told).items():
        if number and _is_small(turn):
            other = _cheaper([each.request for each in turn], prices, models)
            if other is not None:
                some += turn
                others.append(other[0])
                dollars += total(each.parts for each in turn).cost - other[1]
    if len(others) < SMALL_TURNS:
        return None
    dear = dict.fromkeys(short_model(each.request.model) for each in some)
    cheap = dict.fromkeys(map(short_model, others))
    words = (
        f"{len(others)} small turns, less than {tokens(SMALL)} tokens written in each,"
        f" with {'/'.join(dear)} and not {'/'.join(cheap)}"
    )
    remedy = "ask small things in a session of their own, with the cheaper model"
    made = cause_of("small_turns", dollars, words, remedy, (told, some))
    return replace(made, times=len(others))


def _is_small(some: Sequence[Broken]) -> bool:
    written = sum(each.request.usage.output for each in some)
    plain = all(each.priced and not each.request.subagent for each in some)
    return plain and len(some) <= SMALL_REQUESTS and written < SMALL


def _cheaper(
    asked: Sequence[Request], prices: PriceTable, models: Collection[str]
) -> tuple[str, Decimal] | None:
    """The dearest of the models that would have cost clearly less, and what."""
    cost = _cost(asked, prices)
    others = (
        (name, _cost([replace(each, model=name) for each in asked], prices))
        for name in models
    )
    cheap = [
        (name, other)
        for name, other in others
        if cost is not None and other is not None and other <= cost * CHEAPER
    ]
    return max(cheap, key=lambda each: (each[1], each[0]), default=None)


def _cost(asked: Iterable[Request], prices: PriceTable) -> Decimal | None:
    whole = ZERO
    for each in asked:
        cost = prices.cost(each)
        if cost is None:
            return None
        whole += cost
    return whole
