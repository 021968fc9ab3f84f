"""When a session goes in circles: the same call again and again, or failures in a row.

It counts only while nothing moves. An accepted edit moves things, and so does any call
that was not made since and may change something; looking around, keeping lists and
doing again what was done already do not. A call that began while another ran was
decided together with it and is no further step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from burnmon.work import ToolCall

Kind = Literal["repeated", "polling", "failing"]
"""repeated: the same call with the same arguments; polling: so too, while it waits for
something to happen elsewhere; failing: calls of whatever tools that all failed."""

ENOUGH = 4
"""Calls that make a repetition."""
POLLS = 8
"""Calls that make polling one: to ask a few times is how a slow command is awaited."""
_APART = 3_600_000
"""Milliseconds after which the same call is made for another reason."""

_LISTS = frozenset(
    "TodoWrite TodoRead TaskCreate TaskUpdate TaskList TaskGet update_plan ToolSearch"
    " Skill EnterPlanMode".split()
)
"""Tools by which an agent keeps order: neither steps nor movements."""
_LOOKS = frozenset(
    "Read Grep Glob LS NotebookRead WebFetch WebSearch LSP ListMcpResourcesTool"
    " view_image".split()
)
_WAITS = frozenset(
    "BashOutput TaskOutput AgentOutputTool Monitor write_stdin wait wait_agent".split()
)
_LOOKING = frozenset(
    "cat echo file find grep head jq ls nl ps pwd rg stat tail tree wc which".split()
)
_GIT_LOOKING = frozenset(
    "git status|git diff|git log|git show|git branch|git remote|git rev-parse".split(
        "|"
    )
)
_WAITING = frozenset("sleep|write_stdin|gh run|gh pr|gh api".split("|"))


class Repetition(NamedTuple):
    """A stretch in which a session, or one of its sub-agents, went in circles."""

    kind: Kind
    tool: str
    target: str
    """Tool and target of the call; of the last one where several failed."""
    times: int
    first_at: int
    last_at: int
    """When its first call was made, and its last; epoch milliseconds."""
    keys: tuple[int, ...]
    """Of its calls."""
    subagent: str


def repetitions(
    tools: Iterable[ToolCall], moved_at: Sequence[int] = ()
) -> list[Repetition]:
    """Where one session went in circles, oldest first.

    ``moved_at`` are the instants, ascending, at which something else moved: accepted
    edits of the session, and what the person said, if that is known.
    """
    streams: dict[str, list[ToolCall]] = {}
    for each in sorted(tools, key=lambda call: (call.at, call.ended_at)):
        streams.setdefault(each.subagent, []).append(each)
    found: list[Repetition] = []
    for calls in streams.values():
        failing = _failing(calls, moved_at)
        among = {key for each in failing for key in each.keys}
        same = _same(calls, moved_at)
        found += failing + [each for each in same if not among.issuperset(each.keys)]
    return sorted(found, key=lambda each: each.first_at)


def _same(calls: Sequence[ToolCall], moved_at: Sequence[int]) -> list[Repetition]:
    """The same call again and again."""
    found: list[list[ToolCall]] = []
    rows: dict[int, list[ToolCall]] = {}
    seen: set[int] = set()
    waited_at: list[int] = []
    before = 0
    for call in calls:
        if _any_within(before, call.at, moved_at):
            rows, seen = {}, set()
        elif call.what not in seen and _moves(call):
            rows = {}
        before = call.at
        seen.add(call.what)
        if waits(call):
            waited_at.append(call.at)
        if not _counts(call):
            continue
        row = rows.get(call.what)
        if row is None or call.at - row[-1].at > _APART:
            rows[call.what] = [call]
            found.append(rows[call.what])
        elif call.at >= row[-1].ended_at:
            row.append(call)
    return [*_long_enough(found, waited_at)]


def _long_enough(
    rows: Iterable[list[ToolCall]], waited_at: Sequence[int]
) -> Iterator[Repetition]:
    for row in rows:
        polling = _any_within(row[0].at - 1, row[-1].at, waited_at)
        if len(row) >= (POLLS if polling else ENOUGH):
            yield _repetition("polling" if polling else "repeated", row)


def _failing(calls: Sequence[ToolCall], moved_at: Sequence[int]) -> list[Repetition]:
    """Failures one after the other."""
    found: list[list[ToolCall]] = []
    row: list[ToolCall] = []
    for call in calls:
        if call.tool in _LISTS or call.outcome == "interrupted" or waits(call):
            continue
        if row and _any_within(row[-1].at, call.at, moved_at):
            row = []
        if call.outcome != "failed":
            row = []
        elif not row or call.at >= row[-1].ended_at:
            row.append(call)
            if len(row) == ENOUGH:
                found.append(row)
    return [_repetition("failing", each) for each in found]


def _any_within(after: int, until: int, instants: Sequence[int]) -> bool:
    return bisect_right(instants, after) != bisect_right(instants, until)


def _counts(call: ToolCall) -> bool:
    """Whether doing the same again says anything."""
    kept = call.tool not in _LISTS and call.outcome != "interrupted"
    return kept and call.target not in _GIT_LOOKING


def _moves(call: ToolCall) -> bool:
    """Whether a call may have changed something, when it is made first."""
    quiet = call.tool in _LISTS or call.tool in _LOOKS or waits(call)
    looked = call.target in _LOOKING or call.target in _GIT_LOOKING
    return call.outcome == "ok" and not (quiet or looked)


def waits(call: ToolCall) -> bool:
    """Whether it asks how something is getting on; a task's output is a file too."""
    asked = call.tool in _WAITS or call.target in _WAITING
    return asked or (call.tool == "Read" and call.target.endswith(".output"))


def _repetition(kind: Kind, row: Sequence[ToolCall]) -> Repetition:
    last = row[-1]
    keys = tuple(each.key for each in row)
    span = (row[0].at, last.at)
    return Repetition(
        kind, last.tool, last.target, len(row), *span, keys, last.subagent
    )
