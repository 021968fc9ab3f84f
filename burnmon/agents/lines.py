"""What the lines of all agents have in common: instants, loose values, shell words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding bytes from a file may raise; such a line is counted, never fatal."""

MAX_TOKENS = 10**12
"""No request is larger; a bigger count is a damaged line."""


def instant(stamp: str | None) -> int | None:
    """Epoch milliseconds of an ISO-8601 time; UTC where it names no zone."""
    if not stamp:
        return None
    try:
        when = datetime.fromisoformat(stamp)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return round(when.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def moment(seconds: float | None) -> datetime | None:
    """The instant of epoch seconds; None when absent or no instant at all."""
    try:
        return None if not seconds else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def loose(raw: msgspec.Raw | bytes | str) -> dict[str, Any]:
    """A JSON object whose shape nobody promises; empty when it is not one."""
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE:
        return {}
    return value if isinstance(value, dict) else {}


def possible(*counts: int) -> bool:
    """Whether token counts can be true."""
    return min(counts) >= 0 and max(counts) <= MAX_TOKENS


_WORD = re.compile(r"^[\w.+-]{1,24}$")
_BEFORE_PROGRAM = ("sudo", "env", "time", "exec", "nohup")


def program(command: str) -> str:
    """The program a shell command runs, with its sub-command: ``git commit``.

    Never more: arguments may hold code or secrets.
    """
    words = command.split()
    if words[:1] == ["cd"] and "&&" in words:
        words = words[words.index("&&") + 1 :]
    while words and ("=" in words[0] or words[0] in _BEFORE_PROGRAM):
        words = words[1:]
    named = [word.rsplit("/", 1)[-1] for word in words[:2]]
    if not named or not _WORD.match(named[0]):
        return ""
    return " ".join(word for word in named if _WORD.match(word) and word[0] != "-")


def base(path: str) -> str:
    """Last part of a path of either kind of system."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
