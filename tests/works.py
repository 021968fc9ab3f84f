"""Invented lines of Claude Code that edit files and make commits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homes import Files, Line, at, line, message, said, sweep, text, user, write

from burnmon.live.gathering import behind, gather, returned
from burnmon.usage.ledger import Ledger

CALL = "toolu_01A"
CANARY = "xylophone"
"""A word of code and commands that no ledger may hold."""


def asks(
    name: str, call: str = CALL, clock: str = "10:00", sub: str = "", **given: Any
) -> Line:
    """A call of a tool; ``sub`` names the sub-agent whose parent copied it."""
    block = {"type": "tool_use", "id": call, "name": name, "input": given}
    found = message(f"m-{call}", content=[block])
    return _wrapped("assistant", found, clock, sub)


def answers(
    told: Any = None,
    call: str = CALL,
    clock: str = "10:01",
    sub: str = "",
    **block: Any,
) -> Line:
    """The result of a call; ``told`` is what the tool tells beside its words."""
    given = {"type": "tool_result", "tool_use_id": call, "content": "Done.", **block}
    found = {"role": "user", "content": [given]}
    return _wrapped("user", found, clock, sub, told)


def _wrapped(kind: str, found: Line, clock: str, sub: str, told: Any = None) -> Line:
    result = {} if told is None else {"toolUseResult": told}
    if not sub:
        return {**line(kind, timestamp=at(clock)), "message": found, **result}
    inner = {"type": kind, "timestamp": at(clock), "message": found, **result}
    data = {"type": "agent_progress", "agentId": sub, "message": inner}
    return line("progress", data=data, timestamp=at("23:59"))


def patched(*lines: str, path: str = "/home/dev/w/a.py", **more: Any) -> Line:
    """What an edit tells of itself."""
    hunk = {"oldStart": 1, "oldLines": 9, "newStart": 1, "newLines": 9, "lines": lines}
    return {"filePath": path, "structuredPatch": [hunk], **more}


def edit(
    old: str = "first line", new: str = "second line", path: str = "/home/dev/w/a.py"
) -> Line:
    """What an edit asks for."""
    return {"file_path": path, "old_string": old, "new_string": new}


def edited(call: str, clock: str = "10:00", done: str = "10:01") -> tuple[Line, Line]:
    """An edit with its result."""
    return (
        asks("Edit", call, clock, **edit(new=f"line of {call}")),
        answers(patched("-first line", f"+line of {call}"), call, done),
    )


def committed(
    call: str, clock: str = "10:02", sha: str = "d1e24ae"
) -> tuple[Line, Line]:
    """A commit with what git printed."""
    printed = f"[main {sha}] Add a line\n 1 file changed\n"
    return (
        asks("Bash", call, clock, command=f"git commit -m 'Add a line\n\n{CANARY}'"),
        answers({"stdout": printed, "stderr": ""}, call, at_after(clock)),
    )


def at_after(clock: str) -> str:
    """Half a minute later."""
    return f"{clock}:30"


# --- ledgers -------------------------------------------------------------------------


def gathered(ledger: Ledger, root: Path, files: Files | None = None) -> Ledger:
    """Absorb what is new below a root, requests and work."""
    sweep(ledger, write(root, files or {}))
    return gather_all(ledger)


def gather_all(ledger: Ledger) -> Ledger:
    for _ in gather(ledger, [*behind(ledger), *returned(ledger)]):
        pass
    return ledger


def rows(ledger: Ledger) -> dict[str, list[Any]]:
    """All work in a ledger, in words, without what a disk decides."""
    marks = ledger._db.execute("SELECT * FROM mark WHERE kind = 'pr'").fetchall()
    work = ledger.work
    return {
        "edits": work.edits(),
        "calls": work.calls(),
        "tools": work.tools(),
        "marks": sorted(marks),
    }


PROJECT = "projects/-home-dev-w"
A, B, C = (f"{PROJECT}/{name}.jsonl" for name in "ABC")


def prompt(clock: str) -> Line:
    """What a file begins with."""
    return user([said("Go on")], timestamp=at(clock))


def family() -> Files:
    """A session, its fork, and a fork of the fork; each adds an edit of its own.

    Forks begin later, copy all lines with their instants, and rewrite the session.
    """
    first = [*edited("t1"), *committed("t2")]
    second = [*first, *edited("t3", "11:01", "11:02")]
    third = [*second, *edited("t4", "12:01", "12:02")]
    linked = {
        "type": "pr-link",
        "sessionId": "A",
        "prNumber": 7,
        "prRepository": "o/r",
        "timestamp": at("10:05"),
    }
    return {
        A: text(prompt("09:00"), *first, linked),
        B: text(prompt("11:00"), *second),
        C: text(prompt("12:00"), *third),
    }
