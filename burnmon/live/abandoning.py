"""What a session, or a day, paid for edits of which nothing is left. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from msgspec.structs import replace

from burnmon.shipped.allocation import Charge
from burnmon.text import counted, money
from burnmon.usage.causes import worth_a_word
from burnmon.why import Cause, Why


def with_abandoned(why: Why, charges: Sequence[Charge]) -> Why:
    """A session or a day with one cause more, where edits were thrown away.

    ``charges`` are what was paid for those.
    """
    if not charges:
        return why
    found = worth_a_word(why.parts.cost, [*why.causes, _cause(why, charges)])
    return replace(why, causes=found)


def span_of(why: Why) -> tuple[datetime, datetime]:
    """The span that holds every request of a session explained."""
    ends = (each.began_at + each.took for each in why.turns)
    return why.turns[0].began_at, max(ends) + timedelta(seconds=1)


def _cause(why: Why, charges: Sequence[Charge]) -> Cause:
    dollars = sum((each.spent.cost for each in charges), Decimal(0))
    instants = sorted(each.request.at for each in charges)
    sessions = len({each.request.session_id for each in charges})
    whose = "" if why.session_id else f" of {counted(sessions, 'session')}"
    words = f"edits{whose} of which nothing is left, in a file or a commit,"
    return Cause(
        "abandoned",
        dollars,
        sessions,
        f"{words} cost {money(dollars)}",
        "agree on a plan, or on a small first step, before it edits",
        instants[0],
        instants[-1],
        tuple(_turns(why, instants)),
    )


def _turns(why: Why, instants: Iterable[datetime]) -> Iterator[int]:
    """Numbers of the turns that some instants, in order, lie in."""
    begun = [turn.began_at for turn in why.turns]
    for place, _ in groupby(bisect_right(begun, at) for at in instants):
        if place:
            yield why.turns[place - 1].number
