"""What ``burnmon statusline`` and ``burnmon collect`` recorded of Claude's status line.

burnmon's own files, one JSON line per recording, read like any agent's: the limits are
official, and the context size and stated cost belong to the session they name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from burnmon.agents.lines import MAX_TOKENS, UNREADABLE
from burnmon.records import Facts, LimitReading, Trail


class _Limit(msgspec.Struct):
    kind: str
    minutes: int
    used_percent: float
    resets_at: float


class _Recording(msgspec.Struct):
    at: float
    session_id: str = ""
    account: str = ""
    limits: list[_Limit] = []
    context_window_size: int | None = None
    cost_usd: float | None = None


_decode = msgspec.json.Decoder(_Recording).decode


def trail(path: str) -> Trail:
    """A recording file belongs to no session."""
    return Trail()


def read(lines: Sequence[bytes], trail: Trail, account: str) -> Facts:
    """Limit readings, and in ``trail.memory`` what sessions stated of themselves."""
    facts = Facts()
    for line in lines:
        facts.lines += 1
        try:
            found = _decode(line)
            facts.readings.extend(_readings(found, account))
        except (*UNREADABLE, ValueError, OverflowError, OSError):
            facts.skip("shape" if line.strip() else "empty")
            continue
        if found.session_id:
            stated = [found.context_window_size, found.cost_usd]
            trail.memory[found.session_id] = stated
    return facts


def _readings(found: _Recording, account: str) -> list[LimitReading]:
    return [
        LimitReading(
            "claude",
            found.account or account,
            limit.kind,
            limit.minutes,
            limit.used_percent / 100,
            datetime.fromtimestamp(limit.resets_at, UTC),
            datetime.fromtimestamp(found.at, UTC),
            "statusline",
        )
        for limit in found.limits
        if 0 <= limit.used_percent <= 100 and 0 < limit.minutes <= MAX_TOKENS
    ]
