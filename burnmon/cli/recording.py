"""What Claude Code's status line JSON is worth keeping, and the file it is kept in.

A recording is one line in the file of its month, written in one call so that several
sessions may write at once. Everything in the JSON is optional and nothing is trusted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from burnmon import private
from burnmon.text import minutes_of, plain

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

REPEAT_SECONDS = 60
"""An unchanged session is written down this often, as a sign of life."""
TAIL_BYTES = 4096
"""How much of the file is searched for the session's last recording."""


def recording(
    message: Mapping[str, Any], at: float, account: str
) -> dict[str, Any] | None:
    """The line to keep of one message; None when nothing in it is of use.

    What the message leaves out or states impossibly is left out here.
    """
    limits = limits_of(message)
    session_id = word(message.get("session_id"))
    stated = _stated(message)
    if not (limits or (session_id and stated)):
        return None
    config_dir = config_dir_of(word(message.get("transcript_path"), 4096))
    line: dict[str, Any] = {"at": round(at, 3), "session_id": session_id}
    line |= {"account": account, "config_dir": config_dir, "limits": limits}
    return line | stated


def limits_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every window the message states, in the vendor's words.

    Beside the two documented windows, whatever looks like one is kept. A share above
    100 is an instant that leaked into the field, and one without a reset is no window.
    """
    windows = table(message.get("rate_limits"))
    limits = []
    for kind, value in windows.items():
        used = number(table(value).get("used_percentage"))
        resets_at = number(table(value).get("resets_at"))
        if used is None or resets_at is None or not 0 <= used <= 100:
            continue
        if not 1e9 < resets_at < 1e11:
            continue
        name = word(kind)
        limit = {"kind": name, "minutes": minutes_of(name)}
        limits.append(limit | {"used_percent": used, "resets_at": resets_at})
    return limits


def config_dir_of(transcript_path: str) -> str:
    """The agent's directory that a session file lies in; empty if it does not say."""
    above, found, _ = transcript_path.rpartition("/projects/")
    return above if found else ""


def append(directory: str, month: str, line: Mapping[str, Any]) -> bool:
    """Add a line to the month's file unless it only repeats the session's last one.

    Returns whether it was written. Raises OSError when the place cannot be written.
    """
    private.make_directory(directory)
    path = f"{directory}/claude-{month}.jsonl"
    tail = _tail(path)
    if _repeats(line, tail):
        return False
    text = json.dumps(line, separators=(",", ":")) + "\n"
    # A line that a full disk cut short must not swallow this one.
    mend = "" if not tail or tail.endswith(b"\n") else "\n"
    handle = private.open_file(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, (mend + text).encode())
    finally:
        os.close(handle)
    return True


def table(value: object) -> Mapping[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """``value`` if it is a number that can be reckoned with."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -1e15 < value < 1e15 else None


def word(value: object, longest: int = 200) -> str:
    """``value`` if it is a text, without anything that is unsafe to print."""
    return plain(value[:longest]) if isinstance(value, str) else ""


def _stated(message: Mapping[str, Any]) -> dict[str, Any]:
    """What the message says of its session, besides its name."""
    size = number(table(message.get("context_window")).get("context_window_size"))
    cost = number(table(message.get("cost")).get("total_cost_usd"))
    stated: dict[str, Any] = {}
    if size is not None and size > 0:
        stated["context_window_size"] = int(size)
    if cost is not None and cost >= 0:
        stated["cost_usd"] = cost
    if model := word(table(message.get("model")).get("id")):
        stated["model"] = model
    cache = table(message.get("prompt_cache"))
    expires_at = number(cache.get("expires_at"))
    if expires_at is not None:
        stated["cache"] = {"expires_at": expires_at, "ttl": word(cache.get("ttl"))}
    return stated


def _tail(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        size = os.fstat(handle).st_size
        return os.pread(handle, TAIL_BYTES, max(0, size - TAIL_BYTES))
    finally:
        os.close(handle)


def _repeats(line: Mapping[str, Any], tail: bytes) -> bool:
    """Whether the session's last recording in ``tail`` says the same and is recent."""
    for text in reversed(tail.splitlines()):
        try:
            last = table(json.loads(text))
        except (ValueError, RecursionError):
            continue
        if last.get("session_id") != line["session_id"]:
            continue
        age = line["at"] - (number(last.get("at")) or 0)
        kept = ("account", "limits", "context_window_size")
        same = all(last.get(key) == line.get(key) for key in kept)
        return same and 0 <= age < REPEAT_SECONDS
    return False
