"""Small invented session files of both agents, in every shape their CLIs wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from burnmon.agents import AGENTS
from burnmon.config import Root
from burnmon.live.sweep import Sweep
from burnmon.records import Facts, Trail, Usage
from burnmon.usage.ledger import Ledger

Line = dict[str, Any]
Files = dict[str, bytes]
"""Contents by path below a root."""

OPUS = "claude-opus-4-5"
TEN = "2026-11-20T10:00:00.000Z"
TOKENS = (10, 50, 1000, 0, 100)
"""Input, output, cache read, five-minute and one-hour writes: $0.0028 on OPUS."""


def at(clock: str, day: str = "2026-11-20") -> str:
    """An instant as the agents write it."""
    seconds = clock if clock.count(":") == 2 else f"{clock}:00"
    return f"{day}T{seconds if '.' in seconds else seconds + '.000'}Z"


def packed(line: Line) -> bytes:
    """A line as the agents write it, without its newline."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()


def text(*lines: Line | bytes) -> bytes:
    """A file of complete lines."""
    each = (line if isinstance(line, bytes) else packed(line) for line in lines)
    return b"".join(line + b"\n" for line in each)


# --- reading -------------------------------------------------------------------------


def read(agent: str, path: str, *lines: Line | bytes) -> tuple[Facts, Trail]:
    """Facts of one file's lines, and the trail they lead to."""
    trail = AGENTS[agent].trail(path)
    raw = [line if isinstance(line, bytes) else packed(line) for line in lines]
    return AGENTS[agent].read(raw, trail, "home"), trail


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    """Put files below a root."""
    for path, contents in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents)
    return root


def roots(root: Path) -> tuple[Root, ...]:
    """A directory as the home of both agents."""
    return (Root("claude", "home", root), Root("codex", "home", root))


def sweep(ledger: Ledger, root: Path) -> Sweep:
    """Absorb what is new below a root."""
    sweep = Sweep(ledger, roots(root))
    for _ in sweep.absorb(sweep.look()):
        pass
    return sweep


def absorbed(root: Path, files: Mapping[str, bytes]) -> Ledger:
    """A ledger in memory that has read these files."""
    ledger = Ledger(None)
    sweep(ledger, write(root, files))
    return ledger


def total(ledger: Ledger) -> Usage:
    """All counted tokens."""
    return sum((each.usage for each in ledger.requests()), Usage())


def rows(ledger: Ledger, root: Path) -> dict[str, list[Any]]:
    """Everything the ledger holds, without row ids, roots and what a disk decides."""
    cut = len(str(root)) + 1
    ask = ledger._db.execute
    return {
        "request": sorted(
            held._replace(file=held.file[cut:]) for held in ledger._select("1", ())
        ),
        "reading": sorted(ask("SELECT * FROM reading").fetchall()),
        "mark": sorted(ask("SELECT * FROM mark").fetchall()),
        "file": sorted(
            (path[cut:], *rest)
            for path, *rest in ask(
                "SELECT path, agent, account, reader, offset, size, lines, sightings,"
                " skipped, unknown, session, own, first_at, last_at, trail FROM file"
            ).fetchall()
        ),
    }


# --- Claude Code ---------------------------------------------------------------------

PROJECT = "projects/-home-dev-w"
S1 = f"{PROJECT}/S1.jsonl"
S2 = f"{PROJECT}/S2.jsonl"
AGENT = f"{PROJECT}/S1/subagents/agent-a1b2c3d.jsonl"


def usage(tokens: tuple[int, int, int, int, int] = TOKENS, **more: Any) -> Line:
    """A usage object with the nested split of cache writes."""
    fresh, output, cached, five, hour = tokens
    return {
        "input_tokens": fresh,
        "cache_creation_input_tokens": five + hour,
        "cache_read_input_tokens": cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": five,
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": output,
        "service_tier": "standard",
        **more,
    }


def said(words: str) -> Line:
    return {"type": "text", "text": words}


def calls(name: str, **given: Any) -> Line:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}


def message(
    message_id: str, tokens: tuple[int, int, int, int, int] = TOKENS, **more: Any
) -> Line:
    """The message of an assistant line; ``usage`` in ``more`` adds to its usage."""
    return {
        "model": OPUS,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": [said("Done.")],
        "stop_reason": "end_turn",
        **more,
        "usage": usage(tokens, **more.get("usage", {})),
    }


def line(kind: str, **more: Any) -> Line:
    """A line with the common envelope; a field given as None is left out."""
    fields = {
        "isSidechain": False,
        "cwd": "/home/dev/w",
        "sessionId": "S1",
        "version": "2.1.330",
        "gitBranch": "main",
        **({"message": more.pop("message")} if "message" in more else {}),
        "type": kind,
        "uuid": "u1",
        "timestamp": TEN,
        **more,
    }
    return {name: value for name, value in fields.items() if value is not None}


def assistant(
    message_id: str,
    tokens: tuple[int, int, int, int, int] = TOKENS,
    inside: Line | None = None,
    **more: Any,
) -> Line:
    """One line of an answer; ``inside`` changes the message, ``more`` the line."""
    found = message(message_id, tokens, **(inside or {}))
    return line("assistant", message=found, **{"requestId": f"r-{message_id}", **more})


def placeholder(message_id: str, output: int, **more: Any) -> Line:
    """An early line of an answer: its output is what the stream began with."""
    tokens = (10, output, 1000, 0, 100)
    inside = {"stop_reason": None}
    return assistant(message_id, tokens, inside, **{"version": "2.1.59", **more})


def synthetic(words: str, **more: Any) -> Line:
    """An answer that the program wrote itself."""
    inside = {"model": "<synthetic>", "content": [said(words)]}
    fields = {"requestId": None, **more}
    return assistant("d579e9ca", (0, 0, 0, 0, 0), inside, **fields)


def limit_record(words: str, **more: Any) -> Line:
    """A refusal at a limit, as versions since 2.0.76 write it."""
    return synthetic(words, error="rate_limit", isApiErrorMessage=True, **more)


def agent_progress(message_id: str, agent_id: str = "a1b2c3d", **more: Any) -> Line:
    """A sub-agent's message in its parent's file, as interactive sessions wrote it."""
    inner = {"type": "assistant", "timestamp": TEN, "message": message(message_id)}
    data = {"message": inner, "type": "agent_progress", "agentId": agent_id}
    return line("progress", **{"data": data, "version": "2.1.15", **more})


def sidechain(message_id: str, **more: Any) -> Line:
    """A line of a sub-agent's own file."""
    return assistant(message_id, isSidechain=True, agentId="a1b2c3d", **more)


def user(content: Any, **more: Any) -> Line:
    found = {"role": "user", "content": content}
    return {**line("user", **more), "message": found}


def prompt(words: str, **more: Any) -> Line:
    """What a person typed; the type stands before the message, as it is written."""
    return user(words, **more)


def result(output: Any, **more: Any) -> Line:
    """What a tool answered."""
    block = {"tool_use_id": "toolu_1", "type": "tool_result", "content": output}
    return user([block], toolUseResult=output, **more)


def cost_state(dollars: float, session: str = "S1") -> Line:
    return {"type": "cost-state", "sessionId": session, "totalCostUSD": dollars}


def titled(words: str, custom: bool = False) -> Line:
    name = "custom" if custom else "ai"
    return {"type": f"{name}-title", f"{name}Title": words, "sessionId": "S1"}


def compacted(before: int = 171656, **more: Any) -> Line:
    found = {"trigger": "auto", "preTokens": before}
    return system("compact_boundary", compactMetadata=found, **more)


def system(subtype: str, **more: Any) -> Line:
    return line("system", subtype=subtype, **more)


def iteration(kind: str, model: str, *tokens: int) -> Line:
    """One inner call of a message: input, output, cache read, one-hour write."""
    fresh, output, cached, hour = tokens
    return {"type": kind, "model": model, **usage((fresh, output, cached, 0, hour))}


def fallback(message_id: str) -> Line:
    """A message that one model refused and another answered."""
    inner = [
        iteration("message", "claude-fable-5", 2, 2, 32238, 21874),
        iteration("fallback_message", "claude-opus-4-8", 2, 136, 54112, 0),
    ]
    inside = {"model": "claude-opus-4-8", "usage": {"iterations": inner}}
    return assistant(message_id, (2, 136, 54112, 0, 0), inside)


def claude_files() -> Files:
    """A home with copies of every kind, of seven requests and two more in progress."""
    late = at("10:30")
    return {
        S1: text(
            {"type": "summary", "summary": "Old talk", "leafUuid": "x"},
            {"type": "queue-operation", "operation": "enqueue", "timestamp": TEN},
            prompt("Make it so"),
            placeholder("m1", 2, message_block=1),
            result("fine"),
            assistant("m1", inside={"content": [calls("Edit", file_path="/w/a.py")]}),
            agent_progress("m2", timestamp=at("10:01")),
            agent_progress("m8", timestamp=at("10:01")),
            packed(assistant("m3", timestamp=at("10:02"))) + packed(titled("Talk")),
            compacted(timestamp=at("10:03")),
            limit_record("You've hit your limit · resets 8pm (Europe/Warsaw)"),
            fallback("m4"),
            b'{"type":"assistant","mess',
            line("strange-new-kind"),
            cost_state(0.5),
            prompt("And – ünïcode – more", timestamp=at("10:04")),
            assistant("m5", inside={"content": [calls("Bash", command="git add")]}),
            result("ok", timestamp=at("10:05")),
        ),
        S2: text(
            assistant("m1", requestId=None, sessionId="S2", timestamp=late),
            assistant("m3", sessionId="S1", timestamp=at("10:02"), version="2.1.42"),
            assistant("m6", sessionId="S2", timestamp=late),
        ),
        AGENT: text(sidechain("m2", timestamp=at("10:01")), sidechain("m7")),
        f"{PROJECT}/agent-a65423b.jsonl": text(
            result("Warmup", isSidechain=True), sidechain("m9")
        ),
    }


# --- what Claude's usage endpoint answers --------------------------------------------

FETCHED_MS = 1795168800000
"""20 November 2026, 10:00 UTC."""
ANSWER_FIVE_HOUR = {
    "utilization": 37.0,
    "resets_at": "2026-11-20T12:29:59.623456+00:00",
}
ANSWER_WEEK = {"utilization": 12.0, "resets_at": "2026-11-25T09:00:00.4+00:00"}


def answer(**more: Any) -> Line:
    """An answer with both windows; a key given as None is null in it."""
    return {
        "five_hour": ANSWER_FIVE_HOUR,
        "seven_day": ANSWER_WEEK,
        "seven_day_opus": None,
        "seven_day_sonnet": None,
        "extra_usage": {
            "is_enabled": True,
            "monthly_limit": 5000,
            "used_credits": 1234.0,
            "utilization": 24.7,
            "currency": "USD",
            "decimal_places": 2,
        },
        "limits": [
            {
                "kind": "session",
                "percent": 37,
                "resets_at": "2026-11-20T12:30:00.1+00:00",
                "scope": None,
            },
            {
                "kind": "weekly_scoped",
                "percent": 64,
                "resets_at": "2026-11-25T09:00:00+00:00",
                "scope": {"model": {"display_name": "Opus"}},
            },
        ],
        "spend": {},
        "member_dashboard_available": False,
        **more,
    }


def cached(utilization: Any, fetched_ms: Any = FETCHED_MS) -> Line:
    """An answer as Claude Code keeps it in its state."""
    kept = {"fetchedAtMs": fetched_ms, "utilization": utilization}
    return {"cachedUsageUtilization": kept}


# --- Codex ---------------------------------------------------------------------------

Tokens = tuple[int, int, int, int]
"""Input, cached, written to cache, output, each inclusive as Codex states them."""


def thread(number: int) -> str:
    """The id of a thread."""
    return f"01a20042-e52e-7a11-b5fe-{number:012x}"


def rollout(number: int, archived: bool = False) -> str:
    """Where a thread's file lies."""
    name = f"rollout-2026-11-20T10-00-00-{thread(number)}.jsonl"
    return f"archived_sessions/{name}" if archived else f"sessions/2026/11/20/{name}"


def codex(kind: str, payload: Line, clock: str = "10:00") -> Line:
    return {"timestamp": at(clock), "type": kind, "payload": payload}


def meta(number: int, clock: str = "10:00", **more: Any) -> Line:
    """The description of a thread."""
    found = {
        "id": thread(number),
        "cwd": "/home/dev/w",
        "cli_version": "0.146.0",
        "source": "cli",
        "git": {"branch": "main"},
        **more,
    }
    return codex("session_meta", found, clock)


def subagent_meta(number: int, parent: int, clock: str = "10:00") -> Line:
    spawn = {"thread_spawn": {"parent_thread_id": thread(parent), "depth": 1}}
    return meta(number, clock, session_id=thread(parent), source={"subagent": spawn})


def turn(name: str, clock: str = "10:00", model: str = "gpt-5.5") -> Line:
    found = {"turn_id": name, "cwd": "/home/dev/w", "model": model}
    return codex("turn_context", found, clock)


def event(kind: str, clock: str = "10:00", **more: Any) -> Line:
    return codex("event_msg", {"type": kind, **more}, clock)


def six(tokens: Tokens) -> Line:
    """A usage object of Codex."""
    fresh, cached, written, output = tokens
    return {
        "input_tokens": fresh,
        "cached_input_tokens": cached,
        "cache_write_input_tokens": written,
        "output_tokens": output,
        "reasoning_output_tokens": output // 2,
        "total_tokens": fresh + output,
    }


def count(
    total: Tokens | None, last: Tokens | None, clock: str = "10:00", **more: Any
) -> Line:
    """A running total and the request that moved it; no info where total is None."""
    info = None
    if total is not None:
        info = {"total_token_usage": six(total), "model_context_window": 258400}
        info |= {} if last is None else {"last_token_usage": six(last)}
    return event("token_count", clock, info=info, **more)


FIRST, SECOND, THIRD = (
    (12500, 9100, 0, 201),
    (13000, 9200, 0, 202),
    (13500, 9300, 0, 203),
)
SUM2 = (25500, 18300, 0, 403)
SUM3 = (39000, 27600, 0, 606)


def first_turn(clock: str = "10:00", turn_id: str | None = "turn-a") -> list[Line]:
    """Two requests, the first repeated, as versions to 0.125 wrote them."""
    found = turn(turn_id or "", clock)
    if turn_id is None:
        del found["payload"]["turn_id"]
    return [
        found,
        count(None, None, clock),
        count(FIRST, FIRST, clock),
        count(FIRST, FIRST, clock),
        count(SUM2, SECOND, clock),
    ]


def own_turn(clock: str, turn_id: str = "turn-b") -> list[Line]:
    """A third request that goes on from the totals of ``first_turn``."""
    return [turn(turn_id, clock), count(SUM3, THIRD, clock)]


def record(turn_id: str, response_id: str, used: Tokens, so_far: Tokens) -> Line:
    """A request as 0.169 states it."""
    found = {"turn_id": turn_id, "response_id": response_id, "usage": six(used)}
    return codex("token_usage_record", {**found, "thread_token_usage": six(so_far)})


def limits(primary: Line | None, secondary: Line | None = None, **more: Any) -> Line:
    return {"rate_limits": {"primary": primary, "secondary": secondary, **more}}


def window(percent: float, minutes: int = 10080, **more: Any) -> Line:
    found = {"used_percent": percent, "window_minutes": minutes}
    return {**found, **(more or {"resets_at": 1795600000})}


def fork(number: int, of: int, clock: str, turn_id: str | None = "turn-a") -> bytes:
    """A fork: its own description, its parent's, the parent's lines, then its own."""
    return text(
        meta(number, clock, forked_from_id=thread(of)),
        meta(of, clock),
        *first_turn(clock, turn_id),
        *own_turn(f"{clock}:09", f"turn-{number}"),
    )


def codex_files() -> Files:
    """A home of a parent, forks of it and of a fork, sub-agents and newer files."""
    full = limits(window(40, 300), window(26))
    return {
        rollout(1): text(
            meta(1),
            event("task_started", turn_id="turn-a"),
            *first_turn(),
            event("token_count", "10:00:30", info=None, **full),
            codex("compacted", {"message": "short"}, "10:01"),
            count(SUM2, (0, 0, 0, 0), "10:01"),
            meta(1, "10:02"),
            event("task_complete", "10:03"),
        ),
        rollout(2): fork(2, 1, "11:00"),
        rollout(3): text(
            meta(3, "12:00", forked_from_id=thread(2)),
            meta(2, "12:00"),
            *first_turn("12:00"),
            *own_turn("12:00", "turn-2"),
            *own_turn("12:00:09", "turn-3"),
        ),
        rollout(4): text(
            subagent_meta(4, 1, "10:30"),
            turn("turn-d", "10:30:01"),
            count(THIRD, THIRD, "10:30:02"),
        ),
        rollout(5): text(
            meta(5, history_mode="paginated"),
            record("turn-e", "resp-1", FIRST, FIRST),
            count(FIRST, FIRST),
            record("turn-e", "resp-2", SECOND, SUM2),
            count(SUM2, SECOND),
            codex("response_item", {"type": "function_call", "name": "shell"}),
        ),
        rollout(6): fork(6, 99, "13:00", "turn-x"),
        rollout(7): text(
            meta(7, "14:00", forked_from_id=thread(6)),
            meta(6, "14:00"),
            meta(99, "14:00"),
            *first_turn("14:00", "turn-x"),
            *own_turn("14:00:09", "turn-7"),
        ),
    }


def every_shape() -> Files:
    """Both agents' files in one home."""
    return {**claude_files(), **codex_files()}


def in_pieces(contents: bytes, cuts: Iterable[int]) -> list[bytes]:
    """A file's contents as they were after each stop of its writer."""
    stops = sorted({cut % (len(contents) + 1) for cut in cuts} | {len(contents)})
    return [contents[:stop] for stop in stops]
