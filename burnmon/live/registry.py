"""Which sessions Claude Code says are running, and what they are at.

The registry names processes; an entry whose process is gone is left over and says
nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from burnmon.files import content
from burnmon.records import Alive


def alive(root: Path) -> Iterator[Alive]:
    """Sessions that Claude Code says are running, whose process still lives."""
    try:
        names = os.listdir(f"{root}/sessions")  # noqa: PTH208 — asked each second
    except OSError:
        return
    for name in names:
        if not name.endswith(".json"):
            continue
        try:
            entry = json.loads(content(root / "sessions" / name))
            pid, session_id = int(entry["pid"]), str(entry["sessionId"])
            since = datetime.fromtimestamp(entry["statusUpdatedAt"] / 1000, UTC)
            status = str(entry["status"])
        except (
            *(OSError, ValueError, KeyError, TypeError, OverflowError),
            RecursionError,
        ):
            continue
        if _lives(pid):
            yield Alive("claude", session_id, status, since)


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
