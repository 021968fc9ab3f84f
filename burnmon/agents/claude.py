"""Claude Code transcripts: what a line of ``projects/**/*.jsonl`` means.

One request is written as several lines, one per content block, each repeating the
usage; resumed and forked sessions copy lines into new files; sub-agents write files of
their own or ``agent_progress`` lines in their parent's. The request is ``message.id``,
everywhere; joining the copies is the ledger's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from burnmon.agents.lines import (
    LONGEST_TITLE,
    MAX_TOKENS,
    MONTHS,
    UNREADABLE,
    instant,
    loose,
    moment,
    objects,
    possible,
)
from burnmon.agents.lines import program as program_of
from burnmon.records import (
    COUNTED,
    EXTRA,
    Facts,
    LimitReading,
    Mark,
    Sighting,
    Trail,
    hashed,
    identity,
)
from burnmon.text import base, minutes_of

SYNTHETIC = "<synthetic>"
MAX_COST = 10**9
"""US dollars; no session costs more, a bigger number is damage."""

_PROGRESS = b'progress"'
_QUIET_PROGRESS = (b'bash_progress"', b'hook_progress"', b'mcp_progress"')
# The first `"type":"` of a line is its own type or that of a content block; an escaped
# quote cannot match. These carry no usage and need not be decoded. Anything else is.
# Those that are met most come first.
_NO_USAGE = (
    b'user"',
    b'hook_success"',
    *(_PROGRESS + b',"data":{"type":"' + each for each in _QUIET_PROGRESS),
    _PROGRESS + b',"data":{"message":{"type":"user"',
    b'tool_result"',
    b'last-prompt"',
    b'permission-mode"',
    b"file-history-",
    b'mode"',
    b'bridge-session"',
    b'queue-operation"',
    b'task_reminder"',
    b'bash_progress"',
    b'hook_progress"',
    b"api-request",
)
_ANSWER = b'message"'
"""How the type of an answer's message goes on, which stands before that of the line."""
_USER = (b'user"', b'tool_result"')
_BLOCK = b'user","message":{"role":"user","content":[{'
_ANSWERED = (_BLOCK + b'"tool_use_id"', _BLOCK + b'"type":"tool_result"')
"""How nearly all user lines go on from their type, that hold what a tool answered.
Others are decoded to learn whether the person wrote them: one in seven."""
_TYPE = b'"type":"'
GLUED = 4096
"""How far from its end a line is searched for a request glued behind another object;
no known version writes more than half as much behind its usage."""
_USAGE = b'"usage":{'
_GLUE = b'}{"'
"""Where two objects share a line; inside a JSON text the quote would be escaped."""
_KNOWN_TYPES = frozenset(
    [
        "assistant",
        "user",
        "progress",
        "system",
        "attachment",
        "summary",
        "ai-title",
        "custom-title",
        "agent-name",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "bridge-session",
        "frame-link",
        "worktree-state",
        "relocated",
        "tools-used",
        "atis-latch",
        "cost-state",
        "queue-operation",
        "file-history-snapshot",
        "file-history-delta",
        "started",
        "result",
        "api-request-shape",
        "api-request-blob",
        "api-request",
        "message",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
    ]
)


_ABSENT = msgspec.Raw(b"")
"""A value of any shape that the line does not have."""


# Fields stand in the order in which agents write them: so they are found sooner. What
# is decoded holds no circles, and is given back sooner where nobody looks for them.
class _Split(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _Details(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Searches(msgspec.Struct, gc=False):
    web_search_requests: int | None = None


class _Iteration(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _Split | None = None
    type: str = ""
    model: str | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    server_tool_use: _Searches | None = None
    cache_creation: _Split | None = None
    inference_geo: str | None = None
    iterations: list[_Iteration] | None = None
    speed: str | None = None
    output_tokens_details: _Details | None = None


class _Message(msgspec.Struct, gc=False):
    model: str | None = None
    id: str | None = None
    content: msgspec.Raw = _ABSENT
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Inner(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    message: _Message | None = None


class _Progress(msgspec.Struct):
    type: str = ""
    agentId: str | None = None
    message: _Inner | None = None


class _Limits(msgspec.Struct):
    status: str | None = None
    resetsAt: float | None = None
    rateLimitType: str | None = None


class _ErrorParams(msgspec.Struct):
    rate_limit_info: _Limits | None = None


class _Line(msgspec.Struct, gc=False):
    isSidechain: bool | None = None
    message: _Message | None = None
    type: str = ""
    timestamp: str | None = None
    cwd: str | None = None
    sessionId: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    subtype: str | None = None
    data: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
    isApiErrorMessage: bool | None = None
    quotaLimits: _Limits | None = None
    apiErrorParams: _ErrorParams | None = None
    aiTitle: str | None = None
    customTitle: str | None = None
    totalCostUSD: float | None = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    compactMetadata: msgspec.Raw = _ABSENT


class _Block(msgspec.Struct):
    type: str = ""
    name: str | None = None
    text: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_loosely = msgspec.json.Decoder(_Line, strict=False).decode
_decode_progress = msgspec.json.Decoder(_Progress).decode
_decode_blocks = msgspec.json.Decoder(list[_Block]).decode


def trail(path: str) -> Trail:
    """Session and sub-agent that the path names (three layouts of sub-agent files)."""
    parts = path.split("/")
    stem = parts[-1].removesuffix(".jsonl")
    subagent = stem.removeprefix("agent-") if stem.startswith("agent-") else ""
    if "subagents" in parts[3:-1]:
        return Trail(session_id=parts[2], subagent=subagent or stem)
    # Beside the sessions, only the lines say whose sub-agent it is.
    return Trail(session_id="" if subagent else stem, subagent=subagent)


def read(lines: Sequence[bytes], trail: Trail, account: str) -> Facts:
    """Facts of complete lines, in file order; the trail remembers between calls."""
    facts = Facts(lines=len(lines))
    telling: list[bytes | _Line] = []
    told: _Told | None = None
    for line in lines:
        at = line.find(_TYPE, 0, 1500) + len(_TYPE)
        if (
            at >= len(_TYPE)
            and not line.startswith(_ANSWER, at)
            and (line.startswith(_NO_USAGE, at) or _is_quiet_progress(line, at))
            and (line.find(_USAGE, -GLUED) < 0 or _GLUE not in line)
        ):
            if line.startswith(_USER, at):
                telling.append(line)
                if not line.startswith(_ANSWERED, at):
                    _asked(_undamaged(line), trail, facts)
            if trail.first_at is None or not trail.session_id:
                _open(trail, line)
            continue
        # From here on in one place, because it is done for every answer of a history.
        try:
            found = _decode_line(line)
        except UNREADABLE:
            told = _take_damaged(line, trail, facts, account, telling)
            continue
        if told is not None and _repeats(found, told):
            facts.repeated += told[-1]
            telling.append(line)
            continue
        told = _take(found, trail, facts, account)
        if _tells_turn(found):
            telling.append(line)
    _whose_turn(telling, trail)
    return facts


def _is_quiet_progress(line: bytes, at: int) -> bool:
    """Whether a progress line, its type found at a place, carries no message."""
    if not line.startswith(_PROGRESS, at):
        return False
    inner = line.find(_TYPE, at, at + 292)
    return inner >= 0 and line.startswith(_QUIET_PROGRESS, inner + len(_TYPE))


_Told = tuple[_Line, _Message, int]
"""The line before, if it told a request that the next line may repeat; its message, and
how many sightings it made."""


def _repeats(line: _Line, told: _Told) -> bool:
    """Whether a line tells the request of the line before once more and nothing else.

    Every second line does, and is only counted.
    """
    before, same, _ = told
    message = line.message
    if (
        message is None
        or message.id != same.id
        or message.usage != same.usage
        or message.stop_reason != same.stop_reason
        or message.model != same.model
        or line.type != "assistant"
        or line.cwd != before.cwd
        or line.gitBranch != before.gitBranch
        or line.version != before.version
        or line.isApiErrorMessage
    ):
        return False
    at, then = line.timestamp, before.timestamp
    # Instants of the same spelling compare as texts.
    if not at or not then or len(at) != len(then) or not at[-1] == then[-1] == "Z":
        return False
    return at >= then


def _take_damaged(
    line: bytes,
    trail: Trail,
    facts: Facts,
    account: str,
    telling: list[bytes | _Line],
) -> _Told | None:
    """``_take`` what can be read of a line that does not decode as it stands."""
    told = None
    for found in _damaged(line, facts):
        told = _take(found, trail, facts, account)
        if _tells_turn(found):
            telling.append(found)
    return told


def _damaged(line: bytes, facts: Facts) -> Iterator[_Line]:
    """What can be read of a line with glued objects, broken text or loose types."""
    for each in objects(line, facts.skip):
        try:
            yield _decode_loosely(each)
        except UNREADABLE:
            facts.skip("shape")


def _open(trail: Trail, line: bytes) -> None:
    """Take instant and session of a file's first lines from one that is skipped."""
    found = _undamaged(line)
    if found is not None:
        trail.first_at = trail.first_at or instant(found.timestamp)
        trail.session_id = trail.session_id or found.sessionId or ""


def _follow(line: _Line, trail: Trail) -> int | None:
    at = instant(line.timestamp)
    if at is not None and trail.first_at is None:
        trail.first_at = at
    if line.sessionId and not trail.session_id:
        trail.session_id = line.sessionId
    if line.cwd:
        trail.project = line.cwd
    if line.gitBranch is not None:
        trail.branch = line.gitBranch
    if line.version:
        trail.version = line.version
    return at


def _take(line: _Line, trail: Trail, facts: Facts, account: str) -> _Told | None:
    """Follow a line; the request it told, if the next line may repeat it."""
    at = _follow(line, trail)
    kind, message = line.type, line.message
    if kind == "assistant":
        if message is None:
            return None
        # The oldest refusals are told by nothing but who made them.
        own = message.model == SYNTHETIC or line.isApiErrorMessage
        made = _request(message, at, trail.subagent, trail, facts)
        if own:
            _limit_record(line, at, trail, facts, account)
        elif made and trail.session_id:
            return line, message, made
    elif kind == "progress":
        _progress(line, at, trail, facts)
    elif kind == "system":
        _system(line, at, trail, facts)
    elif kind == "user":
        _asked(line, trail, facts)
    else:
        _describe(line, trail, facts)
    return None


def _describe(line: _Line, trail: Trail, facts: Facts) -> None:
    """Take what a line says of the session itself."""
    kind = line.type
    if kind == "custom-title" and line.customTitle:
        trail.title, trail.named = line.customTitle[:LONGEST_TITLE], True
    elif kind == "ai-title" and line.aiTitle and not trail.named:
        trail.title = line.aiTitle[:LONGEST_TITLE]
    elif kind == "cost-state" and line.totalCostUSD is not None:
        if 0 <= line.totalCostUSD < MAX_COST:
            trail.stated_cost = line.totalCostUSD
    elif kind not in _KNOWN_TYPES:
        facts.meet(kind[:40] or "no type")


def _progress(line: _Line, at: int | None, trail: Trail, facts: Facts) -> None:
    """Sub-agent messages that interactive sessions repeat in the parent's file."""
    if b'"usage"' not in bytes(line.data):
        return
    try:
        data = _decode_progress(line.data)
        inner = data.message
        message = inner.message if inner else None
    except UNREADABLE:
        facts.skip("shape")
        return
    if data.type != "agent_progress" or inner is None or message is None:
        return
    written_at = instant(inner.timestamp)
    subagent = data.agentId or trail.subagent or "agent"
    at = at if written_at is None else written_at
    _request(message, at, subagent, trail, facts)


def _request(
    message: _Message, at: int | None, subagent: str, trail: Trail, facts: Facts
) -> int:
    """Note the request of a message, if it states one; how many sightings it made."""
    model, name, usage = message.model, message.id, message.usage
    if usage is None or model == SYNTHETIC:
        return 0
    if not model or not name or at is None:
        facts.skip(f"no {'id' if not name else 'time' if model else 'model'}")
        return 0
    tokens = _tokens(usage)
    asked = usage.server_tool_use
    searches = (asked and asked.web_search_requests) or 0
    if tokens is None or not 0 <= searches <= MAX_TOKENS:
        facts.skip("impossible count")
        return 0
    if trail.first_at is None:
        trail.first_at = at
    told = (
        hashed(f"claude\x1f{name}"),
        at,
        COUNTED,
        *tokens,
        searches,
        _thinking(usage) if usage.output_tokens_details else -1,
        0 if message.stop_reason is None else 1,
        model,
        "" if usage.speed in (None, "standard") else usage.speed or "",
        "us" if usage.inference_geo == "us" else "",
        trail.session_id,
        subagent,
        trail.project,
        trail.branch,
        trail.version,
        "",
    )
    # Not by the class, whose own constructor takes twice as long.
    sighting = tuple.__new__(Sighting, told)
    facts.sightings.append(sighting)
    if not subagent:
        trail.model = model
    parts = usage.iterations
    if parts and (len(parts) > 1 or not _own(parts)):
        return 1 + _extras(parts, name, sighting, facts)
    return 1


def _own(iterations: list[_Iteration]) -> bool:
    return iterations[0].type in ("message", "fallback_message")


def _extras(
    iterations: list[_Iteration], message_id: str, of: Sighting, facts: Facts
) -> int:
    """Note iterations that the top-level usage leaves out, and how many there are:
    refused ones, compactions, advisors."""
    before = len(facts.sightings)
    fell_back = any(each.type == "fallback_message" for each in iterations)
    for number, each in enumerate(iterations):
        outside = each.type in ("compaction", "advisor_message")
        if not (outside or (fell_back and each.type == "message")):
            continue
        tokens = _tokens(each)
        if tokens is None:
            facts.skip("impossible count")
            continue
        facts.sightings.append(
            of._replace(
                key=identity("claude", message_id, number),
                standing=EXTRA,
                origin=each.type,
                model=each.model or of.model,
                input=tokens[0],
                output=tokens[1],
                cache_read=tokens[2],
                cache_write_5m=tokens[3],
                cache_write_1h=tokens[4],
                web_searches=0,
                thinking=-1,
            )
        )
    return len(facts.sightings) - before


def _tokens(usage: _Usage | _Iteration) -> tuple[int, int, int, int, int] | None:
    """Input, output, cache read, 5-minute and 1-hour writes; None if impossible.

    The flat count of cache writes was 0 in some versions while the split was there.
    """
    split = usage.cache_creation
    written = usage.cache_creation_input_tokens or 0
    five = hour = 0
    if split is not None:
        hour = split.ephemeral_1h_input_tokens or 0
        five = split.ephemeral_5m_input_tokens or 0
        written = max(written, five + hour)
    fresh, output = usage.input_tokens or 0, usage.output_tokens or 0
    cached, five = usage.cache_read_input_tokens or 0, written - hour
    tokens = fresh, output, cached, five, hour
    # Counts without the bits of large and negative numbers need no second look.
    large = (fresh | output | cached | five | hour) >> 39
    return None if large and not possible(*tokens) else tokens


def _thinking(usage: _Usage) -> int:
    """What of the output was reasoning; -1 where no sensible count is stated."""
    details = usage.output_tokens_details
    stated = details.thinking_tokens if details else None
    if stated is None or not 0 <= stated <= (usage.output_tokens or 0):
        return -1
    return stated


def _system(line: _Line, at: int | None, trail: Trail, facts: Facts) -> None:
    if at is None:
        return
    when = datetime.fromtimestamp(at / 1000, UTC)
    if line.subtype == "compact_boundary":
        detail = _number(loose(line.compactMetadata).get("preTokens"))
        facts.marks.append(Mark("claude", trail.session_id, when, "compacted", detail))
    elif line.subtype == "api_error":
        detail = _number(loose(line.error).get("status"))
        facts.marks.append(Mark("claude", trail.session_id, when, "retry", detail))
    elif line.subtype == "model_refusal_fallback":
        facts.marks.append(Mark("claude", trail.session_id, when, "refused"))


def _number(stated: object) -> str:
    """A count as the agent states it; empty when it is none."""
    return str(stated) if isinstance(stated, int) and 0 <= stated < MAX_TOKENS else ""


_UNASKED = re.compile(
    rb'(?:\[\s*\{\s*"type":\s*"text",\s*"text":\s*)?"(?:\[Request interrupted|<(?:'
    rb"command-name>|local-command-|bash-|task-notification>|system-reminder>"
    rb"|user-memory-input>))"
)
"""How user lines begin that are no prompt: commands that the agent carries out without
a model, and what it writes itself. Others begin with ``<command-message>``."""


def _asked(line: _Line | None, trail: Trail, facts: Facts) -> None:
    """Note a prompt of the person: a turn begins.

    A fork keeps session and time of what it copies, so that it is the same mark; before
    2.0 it wrote its own, and a copied prompt counts once more.
    """
    if line is None or line.message is None or trail.subagent:
        return
    said = bytes(line.message.content)
    if not said or line.isMeta or line.isSidechain or line.isCompactSummary:
        return
    if _UNASKED.match(said) or (said.startswith(b"[") and b'"tool_result"' in said):
        return
    if (at := instant(line.timestamp)) is not None:
        when = datetime.fromtimestamp(at / 1000, UTC)
        session_id = line.sessionId or trail.session_id
        facts.marks.append(Mark("claude", session_id, when, "prompt"))


# --- limits --------------------------------------------------------------------------

_RESETS = re.compile(
    r"resets (?:([A-Z][a-z]{2}) (\d{1,2}), )?(\d{1,2})(?::(\d\d))?(am|pm) \(([^)]+)\)"
)
_OLD_LIMIT = re.compile(r"limit reached\|(\d{9,11})")
FAR = timedelta(hours=18)
"""A shorter window never resets this long after a refusal."""
ROOM = timedelta(minutes=10)
"""A longer one may reset this much later than its length allows: it is rounded."""
_OVERAGE = re.compile(
    "spend limit|credits|extra usage|out of usage|seat type|usage allocation"
    "|group's usage limit",
    re.IGNORECASE,
)
"""How refusals begin that are about money or permission, not about a window."""
_MODEL = re.compile(r"\b(opus|sonnet|fable|haiku)(?: weekly)? limit", re.IGNORECASE)
_WEEK = re.compile("week", re.IGNORECASE)
_SHORT = re.compile("(hit|reached) your (session |5-hour |usage )?limit|limit reached")


def _limit_record(
    line: _Line, at: int | None, trail: Trail, facts: Facts, account: str
) -> None:
    """A refusal: the window it names was full at that instant."""
    text = "".join(_texts(line.message)) if line.message else ""
    stated = line.quotaLimits
    if stated is None and line.apiErrorParams is not None:
        stated = line.apiErrorParams.rate_limit_info
    rate_limited = bytes(line.error) == b'"rate_limit"'
    if at is None or not (rate_limited or stated or _OLD_LIMIT.search(text)):
        return
    when = datetime.fromtimestamp(at / 1000, UTC)
    kind = (stated and stated.rateLimitType) or limit_kind(text)
    facts.marks.append(Mark("claude", trail.session_id, when, "limit", kind))
    rejected = not (stated and stated.status) or stated.status == "rejected"
    resets_at = (stated and moment(stated.resetsAt)) or text_reset(text, when)
    minutes = minutes_of(kind)
    if not (rejected and minutes and resets_at and resets_at > when):
        return
    by_clock = not (stated or _OLD_LIMIT.search(text))
    if by_clock and resets_at - when > max(FAR, timedelta(minutes=minutes) + ROOM):
        return  # a time said a moment too late means the next day, or the next year
    facts.readings.append(
        LimitReading(
            "claude", account, kind, minutes, 1.0, resets_at, when, "limit record"
        )
    )


def limit_kind(text: str) -> str:
    """The vendor's word for the window a refusal's text names; empty if it names none.

    A limit without a further word is the five-hour one's in all versions known.
    """
    if _OVERAGE.search(text):
        return "overage"
    if model := _MODEL.search(text):
        return f"seven_day_{model[1].lower()}"
    if _WEEK.search(text):
        return "seven_day"
    return "five_hour" if _SHORT.search(text) else ""


def text_reset(text: str, said_at: datetime) -> datetime | None:
    """The reset a refusal's text states, as the next such time after it was said."""
    if old := _OLD_LIMIT.search(text):
        return moment(int(old[1]))
    found = _RESETS.search(text)
    if not found:
        return None
    month, day, hour, minute, half, name = found.groups()
    try:
        zone = ZoneInfo(name)
        clock = time(int(hour) % 12 + (12 if half == "pm" else 0), int(minute or 0))
        local = said_at.astimezone(zone).date()
        if not month:
            days = [local, local + timedelta(days=1)]
        else:
            days = list(_dates(local.year, MONTHS.index(month) + 1, int(day)))
        instants = (at for each in days for at in _instants(each, clock, zone))
        return next((at for at in instants if at > said_at), None)
    except (ValueError, OverflowError, OSError, KeyError):
        return None


def _dates(year: int, month: int, day: int) -> Iterator[date]:
    """That day of a year and of the next, where they have it."""
    for each in (year, year + 1):
        with suppress(ValueError):
            yield date(each, month, day)


def _instants(day: date, clock: time, zone: ZoneInfo) -> Iterator[datetime]:
    """When a clock shows a time on a day: once; twice or never when it is changed."""
    for fold in (0, 1):
        local = datetime.combine(day, clock.replace(fold=fold), zone)
        at = local.astimezone(UTC)
        shown = at.astimezone(zone)
        if (shown.time(), shown.fold) == (clock, fold):
            yield at


# --- whose turn ----------------------------------------------------------------------


_STOPPED = b'"[Request interrupted'
_INTERRUPTED = re.compile(rb'(?:^|"text":\s*|"content":\s*)' + re.escape(_STOPPED))
"""What the agent wrote as prompt or result when the person stopped it."""


def _tells_turn(line: _Line) -> bool:
    """Whether a line says whose move it is; lines injected by the agent do not."""
    if line.type == "system":
        return line.subtype in ("turn_duration", "stop_hook_summary")
    if line.type == "user":
        return not line.isMeta
    return line.type == "assistant" and line.message is not None


def _whose_turn(telling: list[bytes | _Line], trail: Trail) -> None:
    """Remember who moves next, from the newest lines of a stretch that tell it.

    Reading the stretch in pieces must lead to the same: the newest line tells the turn,
    the newest one with a time the instant, the newest answer with a call the work.
    """
    lacking = {"turn", "last_at", "doing"}
    for each in reversed(telling):
        if isinstance(each, bytes) and lacking == {"doing"} and _is_user(each):
            continue
        line = _undamaged(each) if isinstance(each, bytes) else each
        if line is None or not _tells_turn(line):
            continue
        at = instant(line.timestamp)
        told: dict[str, Any] = _moves(line)
        if at is not None:
            told["last_at"] = at
        for name in lacking & told.keys():
            setattr(trail, name, told[name])
        lacking -= told.keys()
        if not lacking:
            return


def _is_user(line: bytes) -> bool:
    at = line.find(_TYPE, 0, 1500) + len(_TYPE)
    return at >= len(_TYPE) and line.startswith(_USER, at)


def _undamaged(line: bytes) -> _Line | None:
    try:
        return _decode_line(line)
    except UNREADABLE:
        return next(_damaged(line, Facts()), None)


def _moves(line: _Line) -> dict[str, str]:
    """Whose turn it is after a line, and what is being done if the line changes it."""
    if line.type == "assistant" and line.message is not None:
        return _answered(line.message)
    if line.type == "user":
        said = bytes(line.message.content) if line.message else b""
        # What a tool answered is long, and the pattern looks at every letter of it.
        stopped = _STOPPED in said and _INTERRUPTED.search(said)
        return {"turn": "person" if stopped else "agent"}
    return {"turn": "person", "doing": ""}


def _answered(message: _Message) -> dict[str, str]:
    blocks = _blocks(message)
    calls = [block for block in blocks if block.type == "tool_use" and block.name]
    if calls:
        return {"turn": "agent", "doing": _doing(calls[-1])}
    if any(block.type == "text" for block in blocks):
        return {"turn": "person", "doing": ""}
    return {"turn": "agent"}


def _blocks(message: _Message) -> list[_Block]:
    try:
        return _decode_blocks(message.content)
    except UNREADABLE:
        return []


def _texts(message: _Message) -> Iterator[str]:
    for block in _blocks(message):
        if bytes(block.text):
            yield bytes(block.text).decode("utf-8", "replace")


def _doing(call: _Block) -> str:
    """Tool and target: a file's name or a command's first words, never its text."""
    given = loose(call.input)
    for key in ("file_path", "notebook_path", "path"):
        if isinstance(given.get(key), str):
            return f"{call.name} {base(given[key])}"
    if isinstance(given.get("command"), str):
        return f"{call.name} {program_of(given['command'])}".rstrip()
    return call.name or ""
