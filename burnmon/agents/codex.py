"""Codex rollouts: what a line of ``sessions/**/rollout-*.jsonl`` means.

A request is one ``token_usage_record``, or, in files of versions that wrote none, one
``token_count`` whose running total moved. Forks and sub-agents replay their parent's
lines with new times. A replayed count has the same turn and the same totals as the
original, and that is its identity; a replay whose original was never seen is set aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from burnmon.agents.lines import (
    LONGEST_TITLE,
    MONTHS,
    UNREADABLE,
    instant,
    loose,
    moment,
    objects,
    possible,
)
from burnmon.agents.lines import program as program_of
from burnmon.agents.rollout import (
    end_replay,
    named_thread,
    replayed_until,
    root_thread,
)
from burnmon.records import (
    COUNTED,
    REPLAYED,
    Facts,
    LimitReading,
    Mark,
    Sighting,
    Trail,
    hashed,
    identity,
)
from burnmon.text import base

DEARER = ("priority",)
"""Service tiers with a price of their own; ``default`` and none are the same."""

_TYPE = b'"type":"'
# Lines that state no usage, limit, turn or session; all others are decoded.
_QUIET_LINES = (b'response_item"', b'world_state"', b"inter_agent_communication")
_QUIET_EVENTS = (
    b'agent_message"',
    b"agent_reasoning",
    b"exec_command_",
    b"patch_apply_",
    b"mcp_tool_call_",
    b"web_search_",
    b"item_",
    b"sub_agent_activity",
    b"view_image_",
    b"raw_response_item",
)
# The same where all known versions write them: after the time, and in one spelling.
_START = b'{"timestamp":"'
_END = len(_START) + len("2026-01-01T00:00:00.000Z")
_PLACE = _END + len('",')
_EVENT = b'"type":"event_msg","payload":{"type":"'
_USUAL = (b'"type":"response_item"', *(_EVENT + each for each in _QUIET_EVENTS))
_COUNT = b'",' + _EVENT + b'token_count","info":'
_COUNT_END = _END + len(_COUNT)
_NUMBERED = re.compile(
    rb'","ordinal":(?:0|[1-9][0-9]*),' + re.escape(_COUNT.removeprefix(b'",'))
)
_TURN_ENDS = ("task_complete", "turn_complete", "turn_aborted")
_CALL = b'_call"'
_KNOWN_TYPES = frozenset(
    [
        "session_meta",
        "turn_context",
        "event_msg",
        "response_item",
        "compacted",
        "token_usage_record",
        "world_state",
        "inter_agent_communication_metadata",
        "ghost_snapshot",
    ]
)


_ABSENT = msgspec.Raw(b"")
"""A value of any shape that the line does not have."""


class _Tokens(msgspec.Struct, gc=False):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = -1
    total_tokens: int = 0


class _Info(msgspec.Struct):
    total_token_usage: _Tokens | None = None
    last_token_usage: _Tokens | None = None
    model_context_window: int | None = None


class _Limit(msgspec.Struct):
    used_percent: float | None = None
    window_minutes: int | None = None
    resets_at: float | None = None
    resets_in_seconds: float | None = None


class _Limits(msgspec.Struct):
    limit_id: str | None = None
    primary: _Limit | None = None
    secondary: _Limit | None = None


class _Git(msgspec.Struct):
    branch: str | None = None


class _Settings(msgspec.Struct):
    service_tier: str | None = None


class _Payload(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    session_id: str | None = None
    parent_thread_id: str | None = None
    forked_from_id: str | None = None
    source: msgspec.Raw = _ABSENT
    cwd: str | None = None
    git: _Git | None = None
    cli_version: str | None = None
    model: str | None = None
    timezone: str | None = None
    turn_id: str | None = None
    info: _Info | None = None
    rate_limits: msgspec.Raw = _ABSENT
    """Decoded where they are not the line before's once more."""
    usage: _Tokens | None = None
    thread_token_usage: _Tokens | None = None
    response_id: str | None = None
    error: msgspec.Raw = _ABSENT
    message: msgspec.Raw = _ABSENT
    codex_error_info: msgspec.Raw = _ABSENT
    thread_name: str | None = None
    thread_settings: _Settings | None = None
    name: str | None = None
    arguments: str | None = None
    input: msgspec.Raw = _ABSENT


_EMPTY = _Payload()


class _Line(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    payload: _Payload | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_loosely = msgspec.json.Decoder(_Line, strict=False).decode
_decode_info = msgspec.json.Decoder(_Info | None).decode
_decode_limits = msgspec.json.Decoder(_Limits | None).decode
_decode_limits_loosely = msgspec.json.Decoder(_Limits | None, strict=False).decode


def trail(path: str) -> Trail:
    """The session that the file name tells; the first ``session_meta`` knows better."""
    own = named_thread(path)
    return Trail(session_id=own, own_id=own)


def read(lines: Sequence[bytes], trail: Trail, account: str) -> Facts:
    """Facts of complete lines, in file order; the trail remembers between calls."""
    facts = Facts(lines=len(lines))
    memory = trail.memory
    stated = _Stated(memory.get("windows", {}))
    seen = ended = 0
    # Most lines are passed over; this is the cheapest way to do it.
    loud = [n for n, line in enumerate(lines) if not line.startswith(_USUAL, _PLACE)]
    for n in loud:
        line = lines[n]
        if "burst" in memory:
            _replaying(lines[seen : n + 1], trail)
        seen = n + 1
        again = stated.tail and line.endswith(stated.tail)
        if again and _recount(line, trail, facts, stated):
            continue
        if not line.startswith(_EVENT, _PLACE) and _quiet(line):
            continue
        for found, limits in _decode(line, facts, stated):
            if _take(found, limits, trail, facts, stated):
                ended = seen
    if "burst" in memory:
        _replaying(lines[seen:], trail)
    _called(lines[ended:], trail)
    for key, span in stated.spans.items():
        facts.readings.extend(_reading(key, span, account))
    for key, at in stated.refused:
        facts.readings.extend(_reading(key, (at, at), account, "limit record"))
    if stated.windows:
        memory["windows"] = stated.windows
    return facts


def _quiet(line: bytes) -> bool:
    """Whether the line has nothing to tell, in whatever spelling."""
    at = line.find(_TYPE, 0, 200) + 8
    if at < 8 or not line.startswith(b'event_msg"', at):
        return at >= 8 and line.startswith(_QUIET_LINES, at)
    inner = line.find(_TYPE, at, at + 112) + 8
    return inner >= 8 and line.startswith(_QUIET_EVENTS, inner)


def _decode(
    line: bytes, facts: Facts, stated: _Stated
) -> Iterable[tuple[_Line, _Limits | None]]:
    """The objects of one physical line; damaged ones are counted, never raised.

    With the limits that each states, unless they are those stated last.
    """
    try:
        found = _decode_line(line)
        payload = found.payload
        if payload is None or not (raw := payload.rate_limits) or raw == stated.raw:
            return ((found, None),)
        return ((found, _decode_limits(raw)),)
    except UNREADABLE:
        return _damaged(line, facts)


def _damaged(line: bytes, facts: Facts) -> Iterator[tuple[_Line, _Limits | None]]:
    """What can be read of a line with glued objects, broken text or loose types."""
    for each in objects(line, facts.skip):
        try:
            found = _decode_loosely(each)
            raw = found.payload and found.payload.rate_limits
            yield found, _decode_limits_loosely(raw) if raw else None
        except UNREADABLE:
            facts.skip("shape")


def _replaying(lines: Sequence[bytes], trail: Trail) -> None:
    """End the replay at the first line that does not follow at once."""
    until = replayed_until(lines, trail.memory.pop("burst"))
    if until is not None:
        trail.memory["burst"] = until


def _take(
    line: _Line, limits: _Limits | None, trail: Trail, facts: Facts, stated: _Stated
) -> bool:
    """Follow a line; whether it ends a turn."""
    at = instant(line.timestamp)
    if at is None:
        facts.skip("no time")
        return False
    if trail.first_at is None:
        trail.first_at = at
    end_replay(trail.memory, at)
    payload = line.payload or _EMPTY
    if line.type == "event_msg":
        if payload.type == "token_count":
            if payload.info is not None:
                _count(payload.info, at, trail, facts)
            if payload.rate_limits and "burst" not in trail.memory:
                _state(payload.rate_limits, limits, at, stated)
        return _event(payload, at, trail, facts, stated)
    if line.type == "session_meta":
        _meta(payload, at, trail)
    elif line.type == "turn_context":
        _context(payload, trail)
    elif line.type == "token_usage_record":
        _record(payload, at, trail, facts)
    elif line.type == "compacted":
        _mark(trail, facts, at, "compacted")
    elif line.type not in _KNOWN_TYPES:
        facts.meet(line.type[:40] or "no type")
    return False


def _meta(payload: _Payload, at: int, trail: Trail) -> None:
    """The file's own description first; one of another thread starts a replay.

    A repeated description with the same id is a resumed session.
    """
    if not payload.id:
        return
    memory = trail.memory
    if "own" in memory and payload.id != trail.own_id:
        # The deepest ancestor described names the family whose history is replayed.
        if "total" not in memory and not memory.get("records"):
            memory["family"] = payload.id
        memory.setdefault("origin", payload.id)
        memory.setdefault("burst", at)
        return
    if "own" not in memory:
        memory["own"] = True
        trail.own_id = payload.id
        parents = payload.session_id, payload.parent_thread_id
        trail.session_id = root_thread(payload.id, payload.source, *parents)
        trail.subagent = payload.id if trail.session_id != payload.id else ""
        memory["family"] = payload.forked_from_id or payload.id
        if "subagent" in loose(payload.source):
            memory["spawned"] = True
    trail.project = payload.cwd or trail.project
    trail.branch = (payload.git and payload.git.branch) or trail.branch
    trail.version = payload.cli_version or trail.version


def _context(payload: _Payload, trail: Trail) -> None:
    trail.model = payload.model or trail.model
    trail.project = payload.cwd or trail.project
    if payload.timezone:
        trail.memory["zone"] = payload.timezone
    if payload.turn_id:
        trail.memory["turn"] = payload.turn_id


def _event(
    payload: _Payload, at: int, trail: Trail, facts: Facts, stated: _Stated
) -> bool:
    """Follow an event; whether it ends a turn."""
    kind = payload.type
    if kind in ("task_started", "turn_started", "user_message"):
        trail.last_at, trail.turn = at, "agent"
        _begin(kind, at, trail, facts)
        if payload.turn_id:
            trail.memory["turn"] = payload.turn_id
    elif kind in _TURN_ENDS:
        trail.last_at, trail.turn, trail.doing = at, "person", ""
    elif kind == "thread_settings_applied" and payload.thread_settings:
        trail.memory["tier"] = payload.thread_settings.service_tier
    elif kind == "thread_name_updated" and payload.thread_name:
        trail.title = payload.thread_name[:LONGEST_TITLE]
    if payload.error or payload.codex_error_info:
        for refusal in (payload.error, payload.codex_error_info):
            if b"usage_limit" in bytes(refusal):
                _mark(trail, facts, at, "limit")
                _refuse(payload, at, trail, stated)
                break
    return kind in _TURN_ENDS


def _begin(kind: str, at: int, trail: Trail, facts: Facts) -> None:
    """Note that the person began a turn.

    What they say meanwhile belongs to it; only in old versions it is all that is told.
    """
    memory = trail.memory
    if kind != "user_message":
        memory["started"] = True
    elif "started" in memory:
        return
    if "spawned" not in memory:
        _mark(trail, facts, at, "prompt")


def _mark(trail: Trail, facts: Facts, at: int, kind: Any) -> None:
    """Note what happened at an instant, unless it is a replay of what did before."""
    if "burst" not in trail.memory:
        when = datetime.fromtimestamp(at / 1000, UTC)
        facts.marks.append(Mark("codex", trail.session_id, when, kind))


# --- requests ------------------------------------------------------------------------


def _recount(line: bytes, trail: Trail, facts: Facts, stated: _Stated) -> bool:
    """Take a count that ends with the limits stated before; False if it is none.

    Most are. As their end is known to be sound, only the middle is decoded.
    """
    start = _COUNT_END
    if not line.startswith(_COUNT, _END):
        numbered = _NUMBERED.match(line, _END)
        if not numbered:
            return False
        start = numbered.end()
    try:
        info = _decode_info(line[start : stated.cut])
        stamp = line[len(_START) : _END].decode("ascii")
    except UNREADABLE:
        return False
    at = instant(stamp)
    if at is None or stamp[10] != "T" or not line.startswith(_START):
        return False
    if trail.first_at is None:
        trail.first_at = at
    if info is not None:
        _count(info, at, trail, facts)
    if "burst" not in trail.memory:
        stated.repeat(at)
    return True


def _count(info: _Info, at: int, trail: Trail, facts: Facts) -> None:
    """A running total: a request where it moved, nothing where it is repeated.

    The components of ``last`` are what the request used; after a compaction they are
    zero while its own ``total_tokens`` is the size of the context.
    """
    if info.model_context_window:
        trail.context_window = info.model_context_window
    memory = trail.memory
    now, last = info.total_token_usage, info.last_token_usage
    if now is None or "records" in memory:
        return
    a, b, c, d = total = _components(now)
    before = memory.get("total")
    if total == before:
        return
    memory["total"] = total
    e, f, g, h = used = _components(last) if last else _moved(total, before)
    if e or f or g or h:
        turn = memory.get("turn") or memory.get("family") or trail.own_id
        key = f"codex\x1f{turn}\x1f{a}\x1f{b}\x1f{c}\x1f{d}\x1f{e}\x1f{f}\x1f{g}\x1f{h}"
        thinking = last.reasoning_output_tokens if last else -1
        _request(hashed(key), (*used, thinking), at, trail, facts)


def _record(payload: _Payload, at: int, trail: Trail, facts: Facts) -> None:
    """A request stated by itself; once a file has these its totals say nothing new."""
    if payload.usage is None or not payload.response_id:
        facts.skip("no id")
        return
    memory = trail.memory
    stated = payload.thread_token_usage
    counted = stated and _components(stated) == memory.get("total")
    if counted and not memory.get("records"):
        memory["records"] = True
        return
    memory["records"] = True
    key = identity("codex", "record", payload.turn_id, payload.response_id)
    used = payload.usage
    told = (*_components(used), used.reasoning_output_tokens)
    _request(key, told, at, trail, facts)


def _components(tokens: _Tokens) -> list[int]:
    """Input, cached, written to cache, output, all inclusive as Codex states them."""
    return [
        tokens.input_tokens,
        tokens.cached_input_tokens,
        tokens.cache_write_input_tokens,
        tokens.output_tokens,
    ]


def _moved(total: list[int], before: list[int] | None) -> list[int]:
    """What a total rose by, for versions that state nothing else."""
    if before is None:
        return total
    moved = [now - then for now, then in zip(total, before, strict=True)]
    return moved if min(moved) >= 0 else total


def _request(
    key: int, told: tuple[int, ...], at: int, trail: Trail, facts: Facts
) -> None:
    """Note a request; ``told``: its components, and the reasoning in its output."""
    prompt, cached, written, output, thinking = told
    fresh = prompt - cached - written
    # Counts without the bits of large and negative numbers need no second look.
    if (prompt | cached | written | output) >> 39 and not possible(*told[:4]):
        facts.skip("impossible count")
        return
    memory = trail.memory
    replayed = "burst" in memory
    if trail.last_at is None or trail.last_at < at:
        trail.last_at = at
    tier = memory.get("tier")
    sighting = (
        key,
        at,
        REPLAYED if replayed else COUNTED,
        fresh if fresh > 0 else 0,
        output,
        cached,
        written,
        0,
        0,
        thinking if 0 <= thinking <= output else -1,
        1,
        trail.model,
        tier if tier in DEARER else "",
        "",
        trail.session_id,
        trail.subagent,
        trail.project,
        trail.branch,
        trail.version,
        memory.get("origin", "") if replayed else "",
    )
    # Not by the class, whose own constructor takes twice as long.
    facts.sightings.append(tuple.__new__(Sighting, sighting))


# --- limits --------------------------------------------------------------------------


_Figure = tuple[str, int, float, float]
"""Kind, minutes, percent and reset (epoch s)."""


class _Stated:
    """The figures of a stretch, each with when it was first and last stated (ms)."""

    def __init__(self, windows: dict[str, list[Any]]) -> None:
        self.windows = dict(windows)
        """Kind, minutes and reset of the newest window of each name and length."""
        self.refused: list[tuple[_Figure, int]] = []
        """Windows that a refusal was about, as full, each with its instant."""
        self.spans: dict[_Figure, list[int]] = {}
        self.raw: msgspec.Raw | None = None
        """What the line before stated; most lines repeat it to the letter."""
        self.tail = b""
        """How a line that repeats it ends; empty where none can."""
        self.cut = 0
        """Where that begins, counted from the end."""
        self.newest: list[list[int]] = []
        """The spans of its figures."""

    def repeat(self, at: int) -> None:
        """The newest figures are stated at this instant too."""
        for span in self.newest:
            if at < span[0]:
                span[0] = at
            elif at > span[1]:
                span[1] = at


def _state(raw: msgspec.Raw, limits: _Limits | None, at: int, stated: _Stated) -> None:
    """Windows by length; a null window is unknown, not empty."""
    if raw != stated.raw:
        stated.newest = []
        for key in _figures(limits, at) if limits else ():
            stated.newest.append(stated.spans.setdefault(key, [at, at]))
            kind, minutes, _, resets_at = key
            stated.windows[f"{_family(kind)} {minutes}"] = [kind, minutes, resets_at]
        text = bytes(raw)
        relative = b"resets_in_seconds" in text
        stated.raw = None if relative else raw
        stated.tail = b"" if relative else b',"rate_limits":%b}}\n' % text
        stated.cut = -len(stated.tail)
    stated.repeat(at)


def _figures(limits: _Limits, at: int) -> Iterator[_Figure]:
    for position, each in (
        ("primary", limits.primary),
        ("secondary", limits.secondary),
    ):
        if each is None or each.used_percent is None or not each.window_minutes:
            continue
        resets_at = each.resets_at
        if not resets_at and each.resets_in_seconds is not None:
            resets_at = at / 1000 + each.resets_in_seconds
        if not resets_at:
            continue
        other = limits.limit_id not in (None, "codex")
        kind = f"{limits.limit_id}:{position}" if other else position
        yield kind, each.window_minutes, each.used_percent, resets_at


def _reading(
    key: _Figure, span: Sequence[int], account: str, source: str = "codex rollout"
) -> Iterator[LimitReading]:
    """The figure as a reading, unless it cannot be true."""
    kind, minutes, percent, reset = key
    resets_at = moment(reset)
    first, last = (datetime.fromtimestamp(each / 1000, UTC) for each in span)
    if resets_at is not None and 0 <= percent <= 100 and possible(minutes):
        yield LimitReading(
            "codex",
            account,
            kind,
            minutes,
            percent / 100,
            resets_at,
            first,
            source,
            last,
        )


def _family(kind: str) -> str:
    """The name of a limit without the place of the window in its record."""
    return kind.rpartition(":")[0]


_AGAIN = re.compile(
    r"try again at (?:([A-Z][a-z]{2}) (\d{1,2})(?:st|nd|rd|th), (\d{4}) )?"
    r"(\d{1,2}:\d{2} [AP]M)"
)
_DAY_MS = 86_400_000


def _refuse(payload: _Payload, at: int, trail: Trail, stated: _Stated) -> None:
    """Note the window that was full, if the refusal and what was stated tell it.

    A refusal names a local time and no window; of the windows stated before, it is the
    one that resets in that minute by a clock of the turn's zone. Two are as none.
    """
    said = _AGAIN.search(_words(payload))
    zone = _zone(trail.memory.get("zone"))
    if said is None or zone is None or "burst" in trail.memory:
        return
    full = [
        (kind, minutes, 100.0, resets_at)
        for kind, minutes, resets_at in stated.windows.values()
        if 0 < resets_at * 1000 - at < _DAY_MS * (366 if said[1] else 1)
        and _shows(said, resets_at, zone)
    ]
    if len(full) == 1:
        stated.refused.append((full[0], at))


def _words(payload: _Payload) -> str:
    """What a refusal says; newer versions put it into the error."""
    return bytes(payload.message or payload.error).decode("utf-8", "replace")


def _zone(name: object) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (ValueError, OSError, KeyError):
        return None


def _shows(said: re.Match[str], resets_at: float, zone: ZoneInfo) -> bool:
    """Whether a clock there shows the refusal's time when a window resets.

    Resets are stated with a jitter of seconds, so it may be the minute before or after.
    """
    month, day, year, clock = said.groups()
    for offset in (0, -60, 60):
        local = datetime.fromtimestamp(resets_at + offset, zone)
        dated = not month or (local.year, local.day, MONTHS[local.month - 1]) == (
            int(year),
            int(day),
            month,
        )
        if dated and f"{local.hour % 12 or 12}:{local:%M %p}" == clock:
            return True
    return False


# --- whose turn ----------------------------------------------------------------------


def _called(lines: Sequence[bytes], trail: Trail) -> None:
    """Tool and target of the newest call: a program or a file, never its text."""
    for line in reversed(lines):
        at = line.find(_TYPE, 0, 200) + 8
        if line.find(_CALL, at, at + 112) < 0 or at < 8:
            continue
        if not line.startswith(_QUIET_LINES, at):
            continue
        found = next((each for each, _ in _decode(line, Facts(), _Stated({}))), None)
        payload = found and found.payload
        if payload and payload.name:
            trail.turn = "agent"
            trail.doing = f"{payload.name} {_target(payload)}".rstrip()
            return


def _target(payload: _Payload) -> str:
    given = loose(payload.arguments) if payload.arguments else {}
    command = given.get("cmd", given.get("command"))
    if isinstance(command, list):
        words = [str(word) for word in command]
        shell = words[:1] and base(words[0]) in ("bash", "sh", "zsh")
        command = words[-1] if shell else " ".join(words)
    if isinstance(command, str):
        return program_of(command)
    if payload.name == "apply_patch":
        patched = re.search(rb"\*\*\* \w+ File: ([^\\\n]+)", bytes(payload.input))
        return base(patched[1].decode("utf-8", "replace")) if patched else ""
    return ""
