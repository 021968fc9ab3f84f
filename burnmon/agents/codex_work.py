"""Codex rollouts: what a line tells of files that were changed and commits made.

A patch is stated up to three times: by the call, by an event with what was really
changed, and by the call's result. The event is believed first, the result next; all
have the identity of the call and the file. What a fork replays is its parent's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from burnmon.agents import codex_calls, shell
from burnmon.agents.codex_calls import Call, Change, Result
from burnmon.agents.lines import UNREADABLE, instant, objects
from burnmon.agents.rollout import (
    end_replay,
    replayed_until,
    root_thread,
    stamped,
)
from burnmon.agents.shell_text import absolute
from burnmon.records import Mark, identity
from burnmon.text import base
from burnmon.work import CommitCall, Edit, Outcome, ToolCall, Work, WorkTrail

_ABSENT = msgspec.Raw(b"")


class _Git(msgspec.Struct):
    branch: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str = ""
    status: str | None = None
    exit_code: int | None = None
    aggregated_output: str | None = None
    changes: msgspec.Raw = _ABSENT


class _Payload(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    session_id: str | None = None
    parent_thread_id: str | None = None
    subagent_history_start_ordinal: int | None = None
    source: msgspec.Raw = _ABSENT
    cwd: str | None = None
    git: _Git | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT
    action: msgspec.Raw = _ABSENT
    output: msgspec.Raw = _ABSENT
    success: bool | None = None
    status: str | None = None
    changes: msgspec.Raw = _ABSENT
    exit_code: int | None = None
    aggregated_output: str | None = None
    stdout: str | None = None
    item: _Item | None = None


_EMPTY = _Payload()
_NO_ITEM = _Item()
_CALL_TYPES = ("function_call", "custom_tool_call", "local_shell_call")
_OUTCOMES: dict[str, Outcome] = {"completed": "accepted", "declined": "rejected"}


class _Line(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    ordinal: int | None = None
    payload: _Payload | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_loosely = msgspec.json.Decoder(_Line, strict=False).decode


def work(lines: Sequence[bytes], trail: WorkTrail, account: str) -> Work:
    """Edits, commit calls and pull requests of complete lines, in file order."""
    found = Work()
    reading = _Reading(trail, found)
    memory = trail.memory
    for line in lines:
        if trail.first_at is None:
            trail.first_at = stamped(line)
        if "burst" in memory:
            until = replayed_until((line,), memory.pop("burst"))
            if until is not None:
                memory["burst"] = until
        if not line.startswith(_SILENT, _PLACE) and _matters(line, trail):
            for each in _decode(line):
                reading.take(each)
    reading.rest()
    return found


# --- which lines ---------------------------------------------------------------------

_TYPE = b'"type":"'
_CALL = (b'function_call"', b'custom_tool_call"', b'local_shell_call"')
_OUTPUT = (b'function_call_output"', b'custom_tool_call_output"')
# The same where all known versions write the type: behind the time, in one spelling.
_PLACE = len(b'{"timestamp":"2026-01-01T00:00:00.000Z",')
_SILENT = (
    *(
        b'"type":"response_item","payload":{"type":"' + each
        for each in (b'reasoning"', b'message"')
    ),
    *(
        b'"type":"event_msg","payload":{"type":"' + each
        for each in (b'token_count"', b"agent_", b'user_message"', b"task_")
    ),
)
"""Nearly all lines that tell of no work begin like this."""
_CALL_ID = re.compile(rb'"call_id":"([^"\\]+)"')


def _matters(line: bytes, trail: WorkTrail) -> bool:
    """Whether a line may tell of work; in doubt it may."""
    at = line.find(_TYPE, 0, 200) + 8
    if at < 8:
        return True
    if line.startswith((b'session_meta"', b'turn_context"'), at):
        return True
    response = line.startswith(b'response_item"', at)
    if not response and not line.startswith(b'event_msg"', at):
        return False
    inner = line.find(_TYPE, at, at + 112) + 8
    if inner < 8:
        return True
    if response:
        if line.startswith(_CALL, inner):
            return True
        return line.startswith(_OUTPUT, inner) and _awaited(line, inner, trail)
    if line.startswith(b'exec_command_end"', inner):
        return _awaited(line, inner, trail)
    if line.startswith(b'item_completed"', inner):
        ended = trail.pending and line.find(b'"CommandExecution"', inner) >= 0
        return bool(ended) or line.find(b'"FileChange"', inner) >= 0
    return line.startswith(b'patch_apply_end"', inner)


def _awaited(line: bytes, at: int, trail: WorkTrail) -> bool:
    if not trail.pending:
        return False
    found = _CALL_ID.search(line, at, at + 400)
    return found is None or found[1].decode("utf-8", "replace") in trail.pending


def _decode(line: bytes) -> Iterable[_Line]:
    """The objects of one physical line; damaged ones are passed over, never raised."""
    try:
        return (_decode_line(line),)
    except UNREADABLE:
        return _damaged(line)


def _damaged(line: bytes) -> Iterator[_Line]:
    for each in objects(line, lambda _: None):
        try:
            yield _decode_loosely(each)
        except UNREADABLE:
            continue


class _Reading:
    """A stretch of lines while it is read."""

    def __init__(self, trail: WorkTrail, found: Work) -> None:
        self.trail = trail
        self.found = found

    def take(self, line: _Line) -> None:
        """Follow a line."""
        at, payload = instant(line.timestamp), line.payload or _EMPTY
        if at is None:
            return
        end_replay(self.trail.memory, at)
        if line.type == "session_meta":
            _meta(payload, at, self.trail)
        elif line.type == "turn_context":
            self.trail.project = payload.cwd or self.trail.project
        elif line.type == "response_item":
            if payload.output:
                self._end(payload.call_id, codex_calls.result_of(payload.output), at)
            elif payload.type in _CALL_TYPES:
                self._begin(payload, at, _copied(line, self.trail))
        elif line.type == "event_msg" and not _copied(line, self.trail):
            self._event(payload, at)

    def _begin(self, payload: _Payload, at: int, copied: bool) -> None:
        """Note a call; a copied one, so that its result does not matter."""
        call_id = payload.call_id or payload.id
        if not call_id:
            return
        if copied:
            self._await(call_id, [])
            return
        given = payload.arguments or payload.input or payload.action
        name = payload.name or "local_shell"
        call = codex_calls.read(name, given, self.trail.project)
        running = self.trail.memory.get("running", {})
        call.continues = [running[each] for each in call.continues if each in running]
        call.begun_at = at
        self._await(call_id, call)

    def rest(self) -> None:
        """Give calls that wait a shape in which they can be stored."""
        pending = self.trail.pending
        for call_id, kept in pending.items():
            if isinstance(kept, Call):
                pending[call_id] = msgspec.to_builtins(kept)

    def _await(self, call_id: str, kept: Call | list[Any]) -> None:
        """Wait for a call's result; an empty list stands for one that does not matter.

        Nearly all have it in the same stretch of lines.
        """
        gone = self.trail.expect(call_id, kept)
        running = self.trail.memory.get("running", {})
        for name in [each for each, whose in running.items() if gone and whose == gone]:
            del running[name]

    def _event(self, payload: _Payload, at: int) -> None:
        item = payload.item or _NO_ITEM
        if payload.type == "exec_command_end":
            text = payload.aggregated_output or payload.stdout or ""
            refused = payload.status == "declined"
            result = Result(text, payload.exit_code, refused=refused)
            self._end(payload.call_id, result, at)
        elif item.type == "CommandExecution":
            text, refused = item.aggregated_output or "", item.status == "declined"
            self._end(item.id, Result(text, item.exit_code, refused=refused), at)
        elif payload.type == "patch_apply_end":
            succeeded = "failed" if payload.success is False else "completed"
            outcome = _OUTCOMES.get(payload.status or succeeded, "failed")
            self._changed(payload.call_id or str(at), payload.changes, outcome, at)
        elif item.type == "FileChange":
            outcome = _OUTCOMES.get(item.status or "", "failed")
            self._changed(item.id or str(at), item.changes, outcome, at)

    def _changed(
        self, call_id: str, changes: msgspec.Raw, outcome: Outcome, at: int
    ) -> None:
        """Take what really happened to files; what the call said of them is over."""
        pending = self.trail.pending
        if pending.get(call_id) == []:
            return
        stated = list(codex_calls.stated(changes))
        names = {base(each.path) for each in stated}
        for other, kept in pending.items() if stated else ():
            call = _known(kept)
            if call and call.changes and (other == call_id or call.scripted):
                left = [e for e in call.changes if base(e.path) not in names]
                call.changes = left if call.scripted else []
                pending[other] = call
        for change in stated:
            change.path = absolute(change.path, self.trail.project)
            self._edit(call_id, change, outcome, at)

    def _end(self, call_id: str | None, result: Result, at: int) -> None:
        """End a call, unless it goes on; then what it printed so far is kept."""
        call = _known(self.trail.pending.pop(call_id or "", []))
        if call is None or not call_id:
            return
        self._tell(call_id, call, result, at)
        for each in call.continues:
            self._end(each, result, at)
        if not call.matters:
            return
        _hear(call, result)
        running = self.trail.memory.setdefault("running", {})
        for name in [each for each, whose in running.items() if whose == call_id]:
            del running[name]
        if result.running:
            running[result.running] = call_id
            self._await(call_id, call)
        else:
            self._conclude(call_id, call, result, at)

    def _tell(self, call_id: str, call: Call, result: Result, at: int) -> None:
        """Take what a call came to, once: one that goes on succeeded so far."""
        if call.tool:
            key, came = identity("codex", call_id), codex_calls.came(result)
            named = (call.tool, call.target, call.what)
            of = (self.trail.session_id, self.trail.subagent)
            self.found.tools.append(ToolCall(key, call.begun_at, at, *named, came, *of))
            call.tool = ""

    def _conclude(self, call_id: str, call: Call, result: Result, at: int) -> None:
        trail = self.trail
        for change in call.changes:
            came = codex_calls.outcome(change, call, result)
            self._edit(call_id, change, came, at)
        if call.verbs and (result.exit_code == 0 or call.printed):
            self.found.calls.append(
                CommitCall(
                    identity("codex", call_id, "commit"),
                    call.begun_at,
                    at,
                    call.verbs,
                    tuple((branch, sha, of) for branch, sha, of in call.printed),
                    trail.session_id,
                    trail.subagent,
                    call.directory,
                    trail.branch,
                )
            )
        when = datetime.fromtimestamp(at / 1000, UTC)
        for url in call.urls:
            self.found.marks.append(Mark("codex", trail.session_id, when, "pr", url))

    def _edit(self, call_id: str, change: Change, outcome: Outcome, at: int) -> None:
        trail, done = self.trail, outcome == "accepted"
        self.found.edits.append(
            Edit(
                identity("codex", call_id, change.path),
                at,
                outcome,
                change.tool,
                change.path,
                change.lines_added,
                change.lines_removed,
                change.added if done else b"",
                change.removed if done else b"",
                trail.session_id,
                trail.subagent,
                trail.project,
                trail.branch,
            )
        )


def _known(kept: Call | list[Any]) -> Call | None:
    """A call that waits, in its own shape; None for one that does not matter."""
    if isinstance(kept, Call):
        return kept
    return msgspec.convert(kept, Call) if kept else None


def _meta(payload: _Payload, at: int, trail: WorkTrail) -> None:
    """The file's own description first; one of another thread starts a replay."""
    own, memory = payload.id, trail.memory
    if not own:
        return
    if "own" not in memory:
        memory["own"] = own
        parents = payload.session_id, payload.parent_thread_id
        trail.session_id = root_thread(own, payload.source, *parents)
        trail.subagent = own if trail.session_id != own else ""
    elif memory["own"] != own:
        memory.setdefault("burst", at)
        return
    if payload.subagent_history_start_ordinal is not None:
        memory["begins"] = payload.subagent_history_start_ordinal
    trail.project = payload.cwd or trail.project
    trail.branch = (payload.git and payload.git.branch) or trail.branch


def _copied(line: _Line, trail: WorkTrail) -> bool:
    """Whether the line is another thread's."""
    begins = trail.memory.get("begins", 0)
    before = line.ordinal is not None and line.ordinal < begins
    return before or "burst" in trail.memory


def _hear(call: Call, result: Result) -> None:
    """Note what a call printed of commits and pull requests."""
    call.printed.extend(map(list, shell.printed_commits(result.text)))
    if not call.printed and call.shows and result.exit_code in (0, None):
        call.printed.extend(map(list, shell.newest_shown(result.text)))
    if call.requests:
        call.urls.extend(shell.requests_named(result.text))
