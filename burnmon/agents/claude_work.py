"""Claude Code transcripts, once more: what a session did to files and commits.

A tool call is an ``assistant`` line and its result a ``user`` line, or both are wrapped
in ``agent_progress`` lines of the parent. What was really changed is told by the
result's ``structuredPatch``; where there is none, by what the call asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import msgspec

from burnmon.agents.lines import UNREADABLE, instant, loose, objects
from burnmon.agents.shell import (
    commits_made,
    creates_request,
    directory,
    heredoc_writes,
    newest_shown,
    printed_commits,
    requests_named,
    shows_its_commit,
)
from burnmon.records import Mark, identity
from burnmon.work import CommitCall, Edit, Outcome, Work, WorkTrail, fingerprints

VERSION = 1

_EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
_SHELLS = ("Bash", "PowerShell")
_CALL = b'"tool_use"'
_NAMED = tuple(f'"{name}"'.encode() for name in (*_EDITS, *_SHELLS))
_ANSWER = re.compile(rb'"tool_use_id":\s*"([^"\\]+)"')
_LINKED = b'"pr-link"'
_MANY_LINES = 4000
"""Two texts this long are taken as all different; comparing them takes too long."""
_SHA = re.compile("[0-9a-f]{7,40}")
_REFUSED = re.compile("doesn't want to (proceed|take this action)|User rejected")

_ABSENT = msgspec.Raw(b"")


class _Block(msgspec.Struct):
    type: str = ""
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _ABSENT
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: msgspec.Raw = _ABSENT


class _Message(msgspec.Struct):
    content: msgspec.Raw = _ABSENT


class _Hunk(msgspec.Struct):
    lines: list[str] = []


class _Result(msgspec.Struct):
    filePath: str | None = None
    structuredPatch: list[_Hunk] | None = None
    stdout: str | None = None
    stderr: str | None = None
    backgroundTaskId: str | None = None
    gitOperation: msgspec.Raw = _ABSENT


class _Inner(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    message: _Message | None = None
    toolUseResult: msgspec.Raw = _ABSENT


class _Progress(msgspec.Struct):
    type: str = ""
    agentId: str | None = None
    message: _Inner | None = None


class _Line(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    cwd: str | None = None
    gitBranch: str | None = None
    message: _Message | None = None
    toolUseResult: msgspec.Raw = _ABSENT
    data: _Progress | None = None
    sessionId: str | None = None
    prNumber: int | None = None
    prRepository: str | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_loosely = msgspec.json.Decoder(_Line, strict=False).decode
_decode_blocks = msgspec.json.Decoder(list[_Block]).decode
_decode_result = msgspec.json.Decoder(_Result).decode
_decode_text = msgspec.json.Decoder(str).decode


def work(lines: Sequence[bytes], trail: WorkTrail, _: str) -> Work:
    """What complete lines state of work, in file order; the trail goes on with them."""
    done = Work()
    for line in lines:
        if _CALL in line:
            if not any(name in line for name in _NAMED):
                continue
        elif _LINKED not in line and not _answers(line, trail):
            continue
        for found in _decoded(line):
            _take(found, trail, done)
    return done


def _answers(line: bytes, trail: WorkTrail) -> bool:
    """Whether a line is the result of a call that is waited for."""
    pending = trail.pending
    return bool(pending) and any(
        each.decode("ascii", "replace") in pending for each in _ANSWER.findall(line)
    )


def _decoded(line: bytes) -> Iterator[_Line]:
    try:
        yield _decode_line(line)
    except UNREADABLE:
        for each in objects(line, lambda _: None):
            try:
                yield _decode_loosely(each)
            except UNREADABLE:
                continue


def _take(line: _Line, trail: WorkTrail, done: Work) -> None:
    at = instant(line.timestamp)
    trail.project = line.cwd or trail.project
    if line.gitBranch is not None:
        trail.branch = line.gitBranch
    if line.type == "pr-link":
        _pull_request(line, at, trail, done)
        return
    kind, message, result, subagent = line.type, line.message, line.toolUseResult, ""
    if line.type == "progress" and line.data and line.data.type == "agent_progress":
        inner = line.data.message or _Inner()
        kind, message, result = inner.type, inner.message, inner.toolUseResult
        subagent = line.data.agentId or "agent"
        at = instant(inner.timestamp) or at
    if message is None or at is None:
        return
    for block in _blocks(message):
        if kind == "assistant" and block.type == "tool_use":
            _begin(block, at, trail)
        elif kind == "user" and block.type == "tool_result":
            where = _Where(trail, subagent or trail.subagent, at)
            _end(block, result, where, done)


def _blocks(message: _Message) -> list[_Block]:
    try:
        return _decode_blocks(message.content)
    except UNREADABLE:
        return []


def _pull_request(line: _Line, at: int | None, trail: WorkTrail, done: Work) -> None:
    if at is not None and line.prNumber:
        session_id = line.sessionId or trail.session_id
        detail = f"{line.prRepository or ''}#{line.prNumber}"
        done.marks.append(Mark("claude", session_id, _utc(at), "pr", detail))


class _Where(NamedTuple):
    """Whose call ended, and when."""

    trail: WorkTrail
    subagent: str
    at: int

    @property
    def of(self) -> tuple[str, str, str, str]:
        """The last fields of a fact."""
        trail = self.trail
        return trail.session_id, self.subagent, trail.project, trail.branch


# --- calls ---------------------------------------------------------------------------


def _begin(block: _Block, at: int, trail: WorkTrail) -> None:
    """Wait for the result of a call that may change files or make commits.

    Of what is asked for only paths, fingerprints and git's verbs are remembered.
    """
    if not block.id or not block.name:
        return
    given = loose(block.input)
    if block.name in _EDITS:
        path = given.get("file_path") or given.get("notebook_path")
        if isinstance(path, str):
            writes = [_write(path, *_asked(block.name, given))]
            trail.pending[block.id] = [block.name, at, writes]
    elif block.name in _SHELLS and isinstance(given.get("command"), str):
        told = _shell(given["command"], trail.project)
        if told is not None:
            trail.pending[block.id] = ["shell", at, *told]


def _asked(tool: str, given: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """Lines that a call asks to remove and to add."""
    if tool == "Write":
        return [], _lines(given.get("content"))
    if tool == "NotebookEdit":
        return _lines(given.get("old_source")), _lines(given.get("new_source"))
    steps = given.get("edits") if tool == "MultiEdit" else [given]
    gone: list[bytes] = []
    come: list[bytes] = []
    for each in steps if isinstance(steps, list) else []:
        if isinstance(each, dict):
            old, new = _lines(each.get("old_string")), _lines(each.get("new_string"))
            removed, added = _difference(old, new)
            gone += removed
            come += added
    return gone, come


def _lines(text: object) -> list[bytes]:
    return text.encode("utf-8", "replace").splitlines() if isinstance(text, str) else []


def _difference(old: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Lines that only one of two texts has."""
    if len(old) * len(new) > _MANY_LINES**2:
        return old, new
    gone: list[bytes] = []
    come: list[bytes] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag != "equal":
            gone += old[a:b]
            come += new[c:d]
    return gone, come


def _shell(command: str, cwd: str) -> list[Any] | None:
    """What is to be remembered of a command; None if it is nothing to us."""
    verbs = commits_made(command) if "git" in command else ""
    writes = [
        _write(path, [], body)
        for path, body, literal in heredoc_writes(command, cwd)
        if literal or not any(b"$" in line for line in body)
    ]
    requests = creates_request(command)
    if not (verbs or writes or requests):
        return None
    shows = bool(verbs) and shows_its_commit(command)
    return [writes, verbs, directory(command, cwd), shows, requests]


def _write(path: str, gone: list[bytes], come: list[bytes]) -> list[Any]:
    """A change of a file as it is remembered, JSON-shaped: no line, no text."""
    marks = fingerprints(gone).hex(), fingerprints(come).hex()
    return [path.replace("\\", "/"), len(gone), len(come), *marks]


# --- results -------------------------------------------------------------------------


def _end(block: _Block, raw: msgspec.Raw, where: _Where, done: Work) -> None:
    """Take what a call came to, if it is one that is waited for."""
    waited = where.trail.pending.pop(block.tool_use_id or "", None)
    if waited is None:
        return
    tool, begun_at, writes, *shell = waited
    call = block.tool_use_id or ""
    result = _result(raw)
    outcome: Outcome = "accepted"
    if block.is_error:
        outcome = "rejected" if _REFUSED.search(_said(block)) else "failed"
    if result.structuredPatch and len(writes) == 1:
        writes = [_write(result.filePath or writes[0][0], *_patched(result))]
    for each in writes:
        done.edits.append(_edit(call, tool, each, outcome, where))
    if shell:
        _ran(call, begun_at, shell, (block, result), where, done)


def _result(raw: msgspec.Raw) -> _Result:
    try:
        return _decode_result(raw)
    except UNREADABLE:
        return _Result()


def _patched(result: _Result) -> tuple[list[bytes], list[bytes]]:
    """Lines that a patch removes and adds."""
    lines = [line for hunk in result.structuredPatch or () for line in hunk.lines]
    return (
        [line[1:].encode("utf-8", "replace") for line in lines if line[:1] == "-"],
        [line[1:].encode("utf-8", "replace") for line in lines if line[:1] == "+"],
    )


def _edit(
    call: str, tool: str, write: Sequence[Any], outcome: Outcome, where: _Where
) -> Edit:
    path, removed, added, gone, come = write
    key = identity("claude", call, path)
    if outcome != "accepted":
        removed = added = 0
        gone = come = ""
    marks = bytes.fromhex(come), bytes.fromhex(gone)
    return Edit(key, where.at, outcome, tool, path, added, removed, *marks, *where.of)


def _ran(
    call: str,
    begun_at: int,
    shell: Sequence[Any],
    ended: tuple[_Block, _Result],
    where: _Where,
    done: Work,
) -> None:
    """A command that may have made commits or a pull request has ended.

    One that failed made the commits that it still told of.
    """
    verbs, directory, shows, requests = shell
    block, result = ended
    output = "\n".join(filter(None, (result.stdout, result.stderr))) or _said(block)
    if verbs:
        printed = printed_commits(output) or _operated(result)
        if not printed and shows:
            printed = newest_shown(output)
        quiet = not (block.is_error or result.backgroundTaskId)
        if printed or quiet:
            session_id, subagent, _, branch = where.of
            key = identity("claude", call)
            of = (session_id, subagent, directory, branch)
            done.calls.append(CommitCall(key, begun_at, where.at, verbs, printed, *of))
    if requests and not block.is_error:
        for detail in requests_named(output):
            done.marks.append(
                Mark("claude", where.trail.session_id, _utc(where.at), "pr", detail)
            )


def _operated(result: _Result) -> tuple[tuple[str, str, str], ...]:
    """The commit that the agent itself found in the output."""
    commit = loose(result.gitOperation).get("commit")
    sha = commit.get("sha") if isinstance(commit, dict) else None
    return (("", sha, ""),) if isinstance(sha, str) and _SHA.fullmatch(sha) else ()


def _said(block: _Block) -> str:
    """The text of a result."""
    raw = bytes(block.content)
    try:
        if raw.startswith(b"["):
            parts = loose(b'{"parts":' + raw + b"}").get("parts", [])
            texts = [each.get("text") for each in parts if isinstance(each, dict)]
            return "\n".join(each for each in texts if isinstance(each, str))
        return _decode_text(raw)
    except UNREADABLE:
        return ""


def _utc(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
