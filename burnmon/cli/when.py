"""``--since`` and ``--until``: words for a stretch of time into two instants.

Pure: ``now`` and the zone are arguments.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from burnmon.day import day_named
from burnmon.errors import UsageError

_AGE = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_TAKES = "takes YYYY-MM-DD, YYYYMMDD, 2h, 7d, 4w, today or yesterday"


def between(
    since: str | None, until: str | None, now: datetime, zone: str
) -> tuple[datetime | None, datetime | None]:
    """First instant that counts and first that no longer does, in UTC.

    A day is cut at local midnight and counts as a whole at both ends. None is open.
    """
    first = _edge("--since", since, now, zone)[0] if since else None
    last = _edge("--until", until, now, zone)[1] if until else None
    if first and last and last <= first:
        raise UsageError(f"--until {until} lies before --since {since}")
    return first, last


def midnight(day: date, zone: str) -> datetime:
    """The instant a local day begins, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _edge(flag: str, text: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Start and end of what the text names; an age is a single instant."""
    word = text.strip().lower()
    try:
        if age := _AGE.fullmatch(word):
            at = now.astimezone(UTC) - int(age[1]) * _UNITS[age[2]]
            return at, at
        day = day_named(word, now.astimezone(ZoneInfo(zone)).date())
        if day:
            return midnight(day, zone), midnight(day + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{flag} {_TAKES}, not {text!r}")
