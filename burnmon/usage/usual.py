"""What is usual at this time of the week, from one's own past and from nothing else.

Pure. A week has 28 parts: a day's night, morning, afternoon and evening on the clock of
a zone. What burned in those hours of a part in which anything did is compared by its
middle, so that a single large hour does not become the norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

WEEKS = 8
"""How many weeks of one's own past count."""
LEAST_HOURS = 10
LEAST_DAYS = 3
"""With fewer hours, or of fewer days, nothing is called usual."""
_PARTS = ("night", "morning", "afternoon", "evening")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class Usual(NamedTuple):
    """What an hour of work comes to at such a time of the week."""

    dollars: Decimal
    """The middle of the hours in which anything burned."""
    hours: int
    """How many those are."""
    days: int
    """Of how many days."""
    when: str
    """The time of the week in words: ``Tuesday afternoon``."""


def usual(hours: Mapping[int, Decimal], now: datetime, zone: str) -> Usual | None:
    """The norm of the part of the week that ``now`` lies in; None without enough past.

    ``hours`` are dollars by hour since the epoch. The last day is left out, so that
    what lasts does not become its own norm.
    """
    there = ZoneInfo(zone)
    part = _part(now, there)
    until = int(now.timestamp()) // 3600 - 24
    since = until - WEEKS * 7 * 24
    like = [
        (hour, dollars)
        for hour, dollars in hours.items()
        if since <= hour < until
        and dollars
        and _part(datetime.fromtimestamp(hour * 3600, UTC), there) == part
    ]
    days = {hour // 24 for hour, _ in like}
    if len(like) < LEAST_HOURS or len(days) < LEAST_DAYS:
        return None
    from statistics import median  # it loads more than everything else here

    day, quarter = part
    when = f"{_DAYS[day]} {_PARTS[quarter]}"
    return Usual(median(dollars for _, dollars in like), len(like), len(days), when)


def _part(at: datetime, there: ZoneInfo) -> tuple[int, int]:
    """Day of the week and quarter of the day; the small hours are their own day's."""
    local = at.astimezone(there)
    return local.weekday(), local.hour // 6
