"""How the database adds requests up: SQL that follows the order of their table.

A report groups every request there is. Sorting them all takes longer than everything
else it does, so they are added up in the order in which they lie as far as possible,
and only what comes of that is sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from burnmon.usage.copies import CIRCUMSTANCE

QUARTER = 900_000
"""Milliseconds in the finest step in which days of any time zone begin."""
_ADDED = (
    *("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"),
    *("web_searches", "requests", "incomplete"),
)
_PROMPT = "(input + cache_read + cache_write_5m + cache_write_1h)"
_CELLS = (
    f"quarter, circumstance, min(at) AS at, max({_PROMPT}) AS prompt,"
    + "".join(f" sum({name}) AS {name}," for name in _ADDED[:6])
    + " count(*) AS requests, sum(1 - final) AS incomplete"
)


PART = (
    *("quarter", "circumstance", "at", "prompt", "input", "output", "cache_read"),
    *("cache_write_5m", "cache_write_1h", "web_searches", "requests", "incomplete"),
    "tier",
)
"""Columns of what adds requests up by quarter, circumstance and price."""


def addition(
    columns: Sequence[str],
    thresholds: Sequence[int],
    changes: Sequence[datetime],
    source: str,
) -> str:
    """SQL of sums by ``columns`` and by all that a price depends on.

    ``source`` is SQL of the parts that they are the sums of. A row is the columns,
    model, speed, region, first instant, largest prompt, and the sums of ``_ADDED``.
    """
    era = _place("at >=", [ms(each) for each in changes])
    # One number for both, since the database sorts by every term of the group.
    place = f"tier * {len(changes) + 1} + {era}"
    names = ", ".join([*map(_column, columns), "model", "speed", "region"])
    sums = ", ".join(f"sum({name})" for name in _ADDED)
    return (
        f"SELECT {names}, min(at), max(prompt), {sums} FROM ({source}) AS part"
        " JOIN circumstance ON circumstance.id = part.circumstance"
        f" GROUP BY {names}, {place}"
    )


MINUTE = 60_000
"""Milliseconds."""


class Minute(NamedTuple):
    """Requests of one minute that share circumstance and price, added up."""

    circumstance: int
    minute: int
    """Minutes since the epoch."""
    last_at: int
    """The last instant, in epoch milliseconds."""
    prompt: int
    """A prompt, in tokens, that has the same price as theirs."""
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    web_searches: int
    requests: int
    incomplete: int


def by_minute(
    thresholds: Sequence[int], changes: Sequence[datetime], where: str
) -> str:
    """SQL of each ``Minute`` of the requests that ``where`` picks, by circumstance.

    Of ``changes`` only those within the span are needed. Each term costs: an aggregate
    more is a tenth of the time.
    """
    tier = "0"
    if thresholds:
        floors = [0, *(int(each) + 1 for each in thresholds)]
        above = _choice(f"{_PROMPT} >", thresholds[1:], floors[1:])
        # Nearly all are below: for those one comparison is enough.
        tier = f"CASE WHEN {_PROMPT} > {int(thresholds[0])} THEN {above} ELSE 0 END"
    era = ", " + _place("at >=", [ms(each) for each in changes]) if changes else ""
    sums = ", ".join(f"sum({name})" for name in _ADDED[:6])
    return (
        f"SELECT circumstance, at / {MINUTE} AS minute, max(at), {tier} AS prompt,"
        f" {sums}, count(*), sum(1 - final)"
        f" FROM request WHERE counted = 1 AND {where}"
        f" GROUP BY circumstance, minute, prompt{era}"
    )


def finest(changes: Sequence[datetime]) -> str:
    """What parts of a quarter must be told apart by, if prices change within it."""
    inside = any(ms(each) % QUARTER for each in changes)
    return ", at" if inside else ""


def parts(where: str, thresholds: Sequence[int], told_apart: str) -> str:
    """SQL that adds requests up as far as the order of the table allows.

    Nearly all prompts are below every threshold: those need no sorting. ``where`` is
    in it twice, and so are its values.
    """
    lowest = thresholds[0] if thresholds else 2**62
    tier = _place(f"{_PROMPT} >", thresholds[1:], 1)
    return (
        f"SELECT {_CELLS}, 0 AS tier FROM request"
        f" WHERE counted = 1 AND {where} AND {_PROMPT} <= {lowest}"
        f" GROUP BY quarter, circumstance{told_apart}"
        f" UNION ALL SELECT {_CELLS}, {tier} AS tier FROM request"
        f" WHERE counted = 1 AND {where} AND {_PROMPT} > {lowest}"
        f" GROUP BY quarter, circumstance, {tier}{told_apart}"
    )


def kept_parts(where: str, thresholds: Sequence[int]) -> str:
    """The same from parts that are kept, told apart by these sizes and maybe more."""
    tier = _place("prompt >", thresholds)
    return f"SELECT {', '.join(PART[:-1])}, {tier} AS tier FROM part WHERE {where}"


def _place(test: str, cuts: Sequence[int], below: int = 0) -> str:
    """SQL that counts the sorted cuts a value passes."""
    return _choice(test, cuts, range(below, below + len(cuts) + 1))


def _choice(test: str, cuts: Sequence[int], values: Sequence[int]) -> str:
    """SQL of the value that belongs between two sorted cuts, found by halving them."""
    if not cuts:
        return str(values[0])
    half = len(cuts) // 2
    above = _choice(test, cuts[half + 1 :], values[half + 1 :])
    below = _choice(test, cuts[:half], values[: half + 1])
    return f"CASE WHEN {test} {cuts[half]} THEN {above} ELSE {below} END"


def _column(name: str) -> str:
    if name not in (*CIRCUMSTANCE, "quarter"):
        raise ValueError(f"no column {name!r}")
    return name


def during(since: datetime | None, until: datetime | None) -> tuple[str, list[int]]:
    """SQL for a span of time that follows the order of the table, and its values."""
    if since is None and until is None:
        return "1", []  # four comparisons a row are a tenth of adding everything up
    first, last = bounds(since, until)
    quarters = f"quarter >= {first // QUARTER} AND quarter <= {last // QUARTER}"
    return f"{quarters} AND at >= ? AND at < ?", [first, last]


def bounds(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """A span in epoch milliseconds; open ends are beyond any instant."""
    return (
        -(2**62) if since is None else ms(since),
        2**62 if until is None else ms(until),
    )


def instant_of(ms: int) -> datetime:
    """The instant of epoch milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def ms(at: datetime) -> int:
    """Epoch milliseconds."""
    return round(at.timestamp() * 1000)
