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

from burnmon.agents import claude_calls, claude_edits
from burnmon.agents.claude_calls import Asked
from burnmon.agents.claude_edits import EDITS, Result
from burnmon.agents.lines import UNREADABLE, instant, loose, objects
from burnmon.agents.shell import newest_shown, printed_commits, requests_named
from burnmon.records import Mark, identity
from burnmon.work import (
    CommitCall,
    Edit,
    Outcome,
    ToolCall,
    ToolOutcome,
    Work,
    WorkTrail,
)

_CALL = b'"tool_use"'
_ANSWER = b'"tool_use_id"'
_SOON = 1500
"""Where in its line nearly every answer begins."""
_MOST_UNASKED = 8
"""Results whose calls are waited for; the calls are written right behind them."""
_MOST_ANSWERS = 8
"""Answers whose lines are mixed: those of sub-agents that work at the same time."""
_LINKED = b'"pr-link"'
_ESCAPED = b"\\ud"
_SHA = re.compile("[0-9a-f]{7,40}")
_REFUSED = re.compile(
    r"(?:Error: )?(?:The user doesn't want to |User rejected tool use"
    r"|Permission for this tool use was denied)"
)
"""How the result of a call begins that a person refused, in a sub-agent too."""
_BROKEN_OFF = re.compile(r"(?:Error: )?\[Request interrupted by user")
_BESIDE = re.compile(
    "<tool_use_error>(?:Sibling tool call errored|Cancelled: parallel tool call)"
)
"""The call beside which it was to run failed."""
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
    id: str | None = None
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
        # An answer stands before all that it says, which is long.
        at = line.find(_ANSWER, 0, _SOON)
        if at >= 0 or _CALL in line or _ANSWER in line or _LINKED in line:
            for found in _decoded(line):
                _take(found, trail, done)
    return done


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
            where = _Where(trail, subagent or trail.subagent, at)
            _begin(block, where, _decided(message, at, trail), done)
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


def _decided(message: _Message, at: int, trail: WorkTrail) -> int:
    """When an answer made its first call; each of its blocks has a line of its own."""
    answers = trail.memory.setdefault("answers", {})
    decided: int = answers.setdefault(message.id or "", at) if message.id else at
    while len(answers) > _MOST_ANSWERS:
        del answers[next(iter(answers))]
    return decided


def _begin(block: _Block, where: _Where, decided_at: int, done: Work) -> None:
    """Wait for the result of a call.

    Of what is asked for only names, fingerprints and git's verbs are remembered.
    """
    if not block.id or not block.name:
        return
    trail = where.trail
    asked = claude_calls.read(block.name, block.input, trail.project)
    asked = asked._replace(at=where.at, decided_at=decided_at)
    early = trail.memory.get("early", {}).pop(block.id, None)
    if early is None:
        trail.expect(block.id, list(asked))
        return
    at, came, outcome, told = early
    where = where._replace(at=at)
    done.tools.append(_tool_call(block.id, asked, came, where))
    for each in asked.writes if asked.tool in EDITS else ():
        write = [each[0], *told] if told else each
        done.edits.append(_edit(block.id, asked.tool, write, outcome, where))


# --- results -------------------------------------------------------------------------


def _end(block: _Block, raw: msgspec.Raw, where: _Where, done: Work) -> None:
    """Take what a call came to."""
    call = block.tool_use_id or ""
    waited = where.trail.pending.pop(call, None)
    if waited is None:
        _keep_unasked(block, raw, where)
        return
    asked, came = Asked(*waited), _came(block)
    done.tools.append(_tool_call(call, asked, came, where))
    if not (asked.writes or asked.shell):
        return
    result = claude_edits.result(raw)
    outcome = _outcome(block, came, bool(asked.shell))
    told = None if asked.shell else claude_edits.told(result)
    tool = "shell" if asked.shell else asked.tool
    for each in asked.writes:
        write = [each[0], *told] if told else each
        done.edits.append(_edit(call, tool, write, outcome, where))
    if asked.shell:
        _ran(call, asked, (block, result), where, done)


def _keep_unasked(block: _Block, raw: msgspec.Raw, where: _Where) -> None:
    """Remember a result whose call may follow."""
    early = where.trail.memory.setdefault("early", {})
    came = _came(block)
    told = claude_edits.told(claude_edits.result(raw))
    outcome = _outcome(block, came, False)
    early[block.tool_use_id or ""] = [where.at, came, outcome, told]
    while len(early) > _MOST_UNASKED:
        del early[next(iter(early))]


def _came(block: _Block) -> ToolOutcome:
    """What came of a call."""
    if not block.is_error:
        return "ok"
    said = _said(block)
    if _BROKEN_OFF.match(said) or _BESIDE.match(said):
        return "interrupted"
    return "rejected" if _REFUSED.match(said) else "failed"


def _outcome(block: _Block, came: ToolOutcome, shell: bool) -> Outcome:
    """What came of a change of a file.

    A here-document is written even where a later command of its line fails.
    """
    if came == "ok":
        return "accepted"
    said = _said(block)
    if came != "failed" and not _BESIDE.match(said):
        return "rejected"
    return "accepted" if shell and said.startswith(_RAN) else "failed"


def _tool_call(call: str, asked: Asked, came: ToolOutcome, where: _Where) -> ToolCall:
    of = (where.trail.session_id, where.subagent)
    key = identity("claude", call)
    named = (asked.tool, asked.target, asked.what)
    return ToolCall(key, asked.decided_at, where.at, *named, came, *of)


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
    asked: Asked,
    ended: tuple[_Block, Result],
    where: _Where,
    done: Work,
) -> None:
    """A command that may have made commits or a pull request has ended.

    One that failed made the commits that it still told of.
    """
    verbs, directory, shows, requests = asked.shell
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
            done.calls.append(CommitCall(key, asked.at, where.at, verbs, printed, *of))
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
