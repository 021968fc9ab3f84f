"""Whose a Codex rollout is, and which of its lines were copied from another's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from burnmon.agents.lines import instant, loose

REPLAY_GAP_MS = 30
"""A replay is written in one go: real work never follows a line this closely."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STAMP = re.compile(rb'"timestamp":\s*"([^"]{10,40})"')


def named_thread(path: str) -> str:
    """The thread that a file's name tells."""
    name = path.rsplit("/", 1)[-1].removesuffix(".zst").removesuffix(".jsonl")
    uuid = _UUID.search(name)
    return uuid[0] if uuid else name.removeprefix("rollout-")


def root_thread(own: str, source: msgspec.Raw, *parents: str | None) -> str:
    """The session a thread belongs to: its own, or its parent's for a sub-agent."""
    spawned = loose(source).get("subagent")
    if spawned is None:
        return own
    spawn = spawned.get("thread_spawn") if isinstance(spawned, dict) else None
    parent = spawn.get("parent_thread_id") if isinstance(spawn, dict) else None
    candidates = (*parents, parent)
    return next((each for each in candidates if each and each != own), own)


def stamped(line: bytes) -> int | None:
    """The instant of a line that is not decoded."""
    found = _STAMP.search(line, 0, 300)
    return instant(found[1].decode("ascii", "replace")) if found else None


def replayed_until(lines: Sequence[bytes], at: int) -> int | None:
    """The last instant of a replay that goes on at one; None where these end it.

    It ends at the first line that does not follow at once.
    """
    for line in lines:
        then = stamped(line)
        if then is None:
            continue
        if then - at > REPLAY_GAP_MS:
            return None
        at = then
    return at


def end_replay(memory: dict[str, Any], at: int) -> None:
    """End a replay where a line of this instant does not follow at once.

    Where the time is written last, ``replayed_until`` has not seen it yet.
    """
    if at - memory.get("burst", at) > REPLAY_GAP_MS:
        del memory["burst"]
