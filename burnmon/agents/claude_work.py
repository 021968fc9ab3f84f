"""Claude Code transcripts, once more: what a session did to files and commits.

A tool call is an ``assistant`` line and its result a ``user`` line, or both are wrapped
in ``agent_progress`` lines of the parent. What was really changed is told by the
result; where it does not tell, by what the call asked for. Some results are written
before their calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from burnmon.agents import claude_edits
from burnmon.agents.claude_edits import EDITS, Lines, Result, marked
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
from burnmon.work import CommitCall, Edit, Outcome, Work, WorkTrail

VERSION = 2

_SHELLS = ("Bash", "PowerShell")
_CALL = b'"tool_use"'
_NAMED = re.compile(f'"(?:{"|".join((*EDITS, *_SHELLS))})"'.encode())
_ANSWERS = b'"tool_use_id"'
_ANSWER = re.compile(rb'"tool_use_id":\s*"([^"\\]+)"')
_EDITED = b'"structuredPatch":'
_FAILED = b'"is_error":true'
"""A result with one of them may be that of an edit, and be written before its call."""
_MOST_UNASKED = 8
"""Results whose calls are waited for; the calls are written right behind them."""
_LINKED = b'"pr-link"'
_ESCAPED = b"\\ud"
_SHA = re.compile("[0-9a-f]{7,40}")
_REFUSED = re.compile(
    r"(?:Error: )?(?:The user doesn't want to |User rejected tool use"
    r"|Permission for this tool use was denied|\[Request interrupted by user)"
)
"""How the result of a call begins that a person refused, in a sub-agent too."""
_RAN = "Exit code "
"""How the result of a command begins that failed."""

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
_decode_text = msgspec.json.Decoder(str).decode


def work(lines: Sequence[bytes], trail: WorkTrail, _: str) -> Work:
    """What complete lines state of work, in file order; the trail goes on with them."""
    done = Work()
    for line in lines:
        if _matters(line, trail):
            for found in _decoded(line):
                _take(found, trail, done)
    return done


def _matters(line: bytes, trail: WorkTrail) -> bool:
    """A quick look: most lines are neither edits nor commands nor their results."""
    if _CALL in line and _NAMED.search(line):
        return True
    if _ANSWERS in line:
        if _EDITED in line or _FAILED in line:
            return True
        pending = trail.pending
        if pending:
            for each in _ANSWER.findall(line):
                if each.decode("ascii", "replace") in pending:
                    return True
    return _LINKED in line


def _decoded(line: bytes) -> Iterator[_Line]:
    try:
        if _ESCAPED in line:
            msgspec.json.decode(line)  # half a character, deep inside, spoils it later
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
            _begin(block, _Where(trail, subagent or trail.subagent, at), done)
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


def _begin(block: _Block, where: _Where, done: Work) -> None:
    """Wait for the result of a call that may change files or make commits.

    Of what is asked for only paths, fingerprints and git's verbs are remembered.
    """
    if not block.id or not block.name:
        return
    trail, given = where.trail, loose(block.input)
    if block.name in EDITS:
        if path := claude_edits.place(given, trail.project):
            write = [path, *claude_edits.asked(block.name, given)]
            early = trail.memory.get("early", {}).pop(block.id, None)
            if early is None:
                trail.pending[block.id] = [block.name, where.at, [write]]
                return
            at, outcome, told = early
            write = [path, *told] if told else write
            where = where._replace(at=at)
            done.edits.append(_edit(block.id, block.name, write, outcome, where))
    elif block.name in _SHELLS and isinstance(given.get("command"), str):
        remembered = _shell(given["command"], trail.project)
        if remembered is not None:
            trail.pending[block.id] = ["shell", where.at, *remembered]


def _shell(command: str, cwd: str) -> list[Any] | None:
    """What is to be remembered of a command; None if it is nothing to us."""
    verbs = commits_made(command) if "git" in command else ""
    written: dict[str, Lines] = {}
    for path, body, literal in heredoc_writes(command, cwd):
        if literal or not any(b"$" in line for line in body):
            written.setdefault(path, []).extend(body)
    requests = creates_request(command)
    if not (verbs or written or requests):
        return None
    writes = [[path, *marked([], body)] for path, body in written.items()]
    shows = bool(verbs) and shows_its_commit(command)
    return [writes, verbs, directory(command, cwd), shows, requests]


# --- results -------------------------------------------------------------------------


def _end(block: _Block, raw: msgspec.Raw, where: _Where, done: Work) -> None:
    """Take what a call came to, if it is one that is waited for."""
    call = block.tool_use_id or ""
    waited = where.trail.pending.pop(call, None)
    result = claude_edits.result(raw)
    if waited is None:
        if result.structuredPatch is not None or block.is_error:
            _keep_unasked(block, result, where)
        return
    tool, begun_at, writes, *shell = waited
    outcome = _outcome(block, bool(shell))
    told = None if shell else claude_edits.told(result)
    for each in writes:
        write = [each[0], *told] if told else each
        done.edits.append(_edit(call, tool, write, outcome, where))
    if shell:
        _ran(call, begun_at, shell, (block, result), where, done)


def _keep_unasked(block: _Block, result: Result, where: _Where) -> None:
    """Remember a result whose call may follow."""
    early = where.trail.memory.setdefault("early", {})
    told = claude_edits.told(result)
    early[block.tool_use_id or ""] = [where.at, _outcome(block, False), told]
    while len(early) > _MOST_UNASKED:
        del early[next(iter(early))]


def _outcome(block: _Block, shell: bool) -> Outcome:
    """What came of a call.

    A here-document is written even where a later command of its line fails.
    """
    if not block.is_error:
        return "accepted"
    said = _said(block)
    if _REFUSED.match(said):
        return "rejected"
    return "accepted" if shell and said.startswith(_RAN) else "failed"


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
    ended: tuple[_Block, Result],
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


def _operated(result: Result) -> tuple[tuple[str, str, str], ...]:
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
