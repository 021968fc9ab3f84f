"""What a tool call of Claude Code sets out to do; of its text only hashes are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from burnmon.agents import claude_edits
from burnmon.agents.claude_edits import EDITS, Lines, marked
from burnmon.agents.lines import loose, program, squeezed
from burnmon.agents.shell import (
    commits_made,
    creates_request,
    directory,
    heredoc_writes,
    shows_its_commit,
)
from burnmon.records import identity
from burnmon.text import base

_SHELLS = ("Bash", "PowerShell")


class Asked(NamedTuple):
    """What is remembered of a call until its result is there; JSON-shaped."""

    tool: str
    target: str
    what: int
    """See ``ToolCall``."""
    at: int = 0
    decided_at: int = 0
    """That of the first call of the same answer."""
    writes: Sequence[Any] = ()
    """Path and ``Marks`` of each file that it changes, should it succeed."""
    shell: Sequence[Any] = ()
    """Git verbs, their directory, whether the new commit is shown and whether a pull
    request is made; empty for what is no such command and writes no file."""


def read(tool: str, raw: msgspec.Raw, cwd: str) -> Asked:
    """What a tool is asked for in a directory; of commands, all but their comment."""
    given = loose(raw)
    command = given.get("command")
    if isinstance(command, str):
        what = identity(tool, squeezed(command))
        writes, shell = _shell(command, cwd) if tool in _SHELLS else ((), ())
        return Asked(tool, program(command), what, writes=writes, shell=shell)
    what = identity(tool, msgspec.json.encode(given, order="sorted").decode())
    path = claude_edits.place(given, cwd) if tool in EDITS else ""
    writes = [[path, *claude_edits.asked(tool, given)]] if path else ()
    return Asked(tool, _file(given), what, writes=writes)


def _file(given: dict[str, Any]) -> str:
    """The name of the file that a call is about."""
    for key in ("file_path", "notebook_path", "path"):
        if isinstance(given.get(key), str):
            return base(given[key])
    return ""


def _shell(command: str, cwd: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """What a command writes and what else is to be known of it."""
    verbs = commits_made(command) if "git" in command else ""
    written: dict[str, Lines] = {}
    for path, body, literal in heredoc_writes(command, cwd):
        if literal or not any(b"$" in line for line in body):
            written.setdefault(path, []).extend(body)
    requests = creates_request(command)
    if not (verbs or written or requests):
        return (), ()
    writes = [[path, *marked([], body)] for path, body in written.items()]
    shows = bool(verbs) and shows_its_commit(command)
    return writes, [verbs, directory(command, cwd), shows, requests]
