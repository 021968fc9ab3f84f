"""Paid use beyond a plan's limits, as the newest answer of each account states it.

What an answer said is kept with its file, not among the readings: there is no window to
read, for the vendor does not state when the month ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from burnmon.records import Credits, Trail

ANSWERS = ("claude.json", "answers")
"""Whose files hold answers of the usage endpoint."""
STALE = timedelta(days=1)
"""What was stated longer ago may have been of another month."""


def known_credits(
    trails: Iterable[tuple[str, str, Trail]], now: datetime
) -> tuple[Credits, ...]:
    """Credits of each account by its newest answer; none where that states none."""
    newest: dict[str, Trail] = {}
    for agent, account, trail in trails:
        if agent not in ANSWERS or not trail.memory.get("answered_at"):
            continue
        account = trail.memory.get("account", account)
        seen = newest.setdefault(account, trail)
        if trail.memory["answered_at"] > seen.memory["answered_at"]:
            newest[account] = trail
    found = [_credits(account, trail) for account, trail in sorted(newest.items())]
    return tuple(each for each in found if each and now - each.observed_at <= STALE)


def _credits(account: str, trail: Trail) -> Credits | None:
    stated = trail.memory.get("credits")
    if stated is None:
        return None
    spent, cap, source = stated
    at = datetime.fromtimestamp(trail.memory["answered_at"] / 1000, UTC)
    allowance = None if cap is None else Decimal(cap)
    return Credits("claude", account, Decimal(spent), allowance, at, source)
