"""Totals found the slow way: every line decoded whole, every rule said plainly.

The program passes over most bytes unread, remembers what it read and adds up in SQL.
What it comes to must be what is found here, where nothing of it is used. ``Rules`` are
those of the program; whoever counts otherwise overrides what differs. Compressed
rollouts are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

Cell = tuple[str, str, str]
"""Agent, day in UTC, model."""
Sum = tuple[int, ...]
"""Requests; tokens of input, output, cache reads, 5-minute and 1-hour cache writes."""
Four = tuple[int, int, int, int]
"""Input, cached and written to a cache included, and output, as Codex states them."""

BURST_MS = 30
"""A replay is written in one go; real work never follows a line this closely."""


class Answer(NamedTuple):
    """A line of Claude Code that states usage."""

    message: str
    request: str | None
    session: str
    at: float
    model: str
    tokens: Sum
    final: bool


class Count(NamedTuple):
    """A request of Codex as its file states it."""

    at: float
    model: str
    turn: str | None
    total: Four | None
    """The running total; None where the request stands by itself."""
    used: Four
    reasoning: int
    response: str | None
    replayed: bool


@dataclass
class Rollout:
    """One file of Codex."""

    own: str
    family: str = ""
    """The thread whose history it goes on from, as far back as it says."""
    parent: str = ""
    origin: str = ""
    """The thread whose lines it repeats; empty if it repeats none."""
    began: float = 0
    counts: list[Count] = field(default_factory=list)


class Rules:
    """What is read, and which lines tell the same request."""

    records = True
    """Whether a ``token_usage_record`` is a request, and totals are none beside it."""

    def reads(self, agent: str, line: bytes) -> bool:
        """Whether a line is looked at."""
        return True

    def key(self, answer: Answer) -> Hashable:
        """What all lines of one answer have in common, wherever they are."""
        return answer.message

    def paid(self, rollouts: Sequence[Rollout]) -> Iterator[Count]:
        """Each request once: copies have the same turn and the same totals.

        A replay that is nowhere else counts if the file it is from is there: that one
        has lost it, and was paid for it.
        """
        known = {each.own for each in rollouts}
        copies: dict[Hashable, list[tuple[Count, str]]] = defaultdict(list)
        for rollout in rollouts:
            for each in rollout.counts:
                told = each.turn or rollout.family or rollout.own
                key = (told, each.response or (each.total, each.used))
                copies[key].append((each, rollout.origin))
        for group in copies.values():
            owner, origin = min(group, key=lambda copy: (copy[0].replayed, copy[0].at))
            # A copy may have lost the line that names the model.
            model = max(each.model for each, _ in group)
            if not owner.replayed or origin in known:
                yield owner._replace(model=model)


RULES = Rules()


def totals(
    claude: Path | None, codex: Path | None, rules: Rules = RULES
) -> dict[Cell, Sum]:
    """What the sessions below the homes of both agents come to."""
    cells: dict[Cell, Sum] = defaultdict(lambda: (0,) * 6)

    def add(agent: str, at: float, model: str, tokens: Sum) -> None:
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        was = cells[agent, day, model]
        cells[agent, day, model] = plus(was, (1, *tokens))

    if claude is not None:
        for at, answer in _answers(claude, rules):
            add("claude", at, answer.model, answer.tokens)
    if codex is not None:
        rollouts = [_rollout(path, rules) for path in _rollouts(codex)]
        for each in rules.paid(rollouts):
            prompt, cached, written, output = each.used
            fresh = max(0, prompt - cached - written)
            add("codex", each.at, each.model, (fresh, output, cached, written, 0))
    return dict(cells)


def plus(a: Sum, b: Sum) -> Sum:
    """Two sums added up."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def by(cells: dict[Cell, Sum], place: int) -> dict[str, Sum]:
    """The cells added up by agent (0), day (1) or model (2)."""
    sums: dict[str, Sum] = defaultdict(lambda: (0,) * 6)
    for cell, each in cells.items():
        sums[cell[place]] = plus(sums[cell[place]], each)
    return dict(sums)


def _objects(line: bytes) -> Iterator[dict[str, Any]]:
    """The objects on a physical line; two may have been written without a newline."""
    text, at = line.decode("utf-8", "replace").strip(), 0
    while at < len(text):
        try:
            found, at = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            return
        if isinstance(found, dict):
            yield found


def _inner(value: Any, *keys: str) -> dict[str, Any]:
    """The object at the end of some keys; empty if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _instant(stamp: Any) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (TypeError, ValueError):
        return None


# --- Claude Code ---------------------------------------------------------------------


def _answers(home: Path, rules: Rules) -> Iterator[tuple[float, Answer]]:
    """Each answer as its fullest line tells it, with the instant of its first."""
    best: dict[Hashable, Answer] = {}
    first: dict[Hashable, float] = {}
    for path in sorted((home / "projects").rglob("*.jsonl")):
        parts = path.relative_to(home / "projects").parts
        if len(parts) != 2 and "subagents" not in parts[1:-1]:
            continue
        for line in path.read_bytes().split(b"\n"):
            for found in _objects(line) if rules.reads("claude", line) else ():
                answer = _answer(found, path.stem)
                if answer is None:
                    continue
                key = rules.key(answer)
                fuller = max(best.get(key, answer), answer, key=_fullness)
                best[key] = fuller
                first[key] = min(first.get(key, answer.at), answer.at)
    for key, answer in best.items():
        yield first[key], answer


def _fullness(answer: Answer) -> tuple[Any, ...]:
    """Early lines of an answer state the output that its stream began with."""
    return answer.tokens[1], answer.final, answer.tokens, answer.model


def _answer(found: dict[str, Any], file: str) -> Answer | None:
    told = found
    if found.get("type") == "progress":
        told = _inner(found, "data", "message")
        if _inner(found, "data").get("type") != "agent_progress":
            return None
    elif found.get("type") != "assistant":
        return None
    message, at = _inner(told, "message"), _instant(told.get("timestamp"))
    model, name = message.get("model"), message.get("id")
    if at is None:
        at = _instant(found.get("timestamp"))
    if not isinstance(message.get("usage"), dict) or not model or not name:
        return None
    if model == "<synthetic>" or at is None:
        return None
    usage, split = message["usage"], _inner(message, "usage", "cache_creation")
    hour = split.get("ephemeral_1h_input_tokens") or 0
    both = hour + (split.get("ephemeral_5m_input_tokens") or 0)
    written = max(usage.get("cache_creation_input_tokens") or 0, both)
    tokens = (
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        usage.get("cache_read_input_tokens") or 0,
        written - hour,
        hour,
    )
    session = found.get("sessionId") or file
    final = message.get("stop_reason") is not None
    return Answer(name, told.get("requestId"), session, at, model, tokens, final)


# --- Codex ---------------------------------------------------------------------------


def _rollouts(home: Path) -> Iterator[Path]:
    for tree in ("sessions", "archived_sessions"):
        yield from sorted((home / tree).rglob("*.jsonl"))


def _rollout(path: Path, rules: Rules) -> Rollout:
    rollout = Rollout(path.stem[-36:])
    reader = _Reader(rollout, rules)
    for line in path.read_bytes().split(b"\n"):
        for found in _objects(line) if rules.reads("codex", line) else ():
            at = _instant(found.get("timestamp"))
            if at is not None:
                reader.take(found, _inner(found, "payload"), at)
    return rollout


class _Reader:
    """Follows the lines of one file in order."""

    def __init__(self, rollout: Rollout, rules: Rules) -> None:
        self.rollout, self.rules = rollout, rules
        self.model, self.turn = "", None
        self.total: Four | None = None
        self.by_records = self.described = False
        self.burst: float | None = None

    def take(self, found: dict[str, Any], payload: dict[str, Any], at: float) -> None:
        if self.burst is not None:
            self.burst = at if (at - self.burst) * 1000 <= BURST_MS + 0.5 else None
        kind, what = found.get("type"), payload.get("type")
        if kind == "session_meta" and payload.get("id"):
            self.meta(payload, at)
        elif kind == "turn_context":
            self.model = payload.get("model") or self.model
            self.turn = payload.get("turn_id") or self.turn
        elif kind == "token_usage_record" and self.rules.records:
            self.record(payload, at)
        elif kind == "event_msg" and what == "token_count":
            self.count(_inner(payload, "info"), at)
        elif kind == "event_msg" and what in ("task_started", "user_message"):
            self.turn = payload.get("turn_id") or self.turn

    def meta(self, payload: dict[str, Any], at: float) -> None:
        """The first description is the file's own; another thread's starts a replay."""
        rollout, thread = self.rollout, payload["id"]
        if not self.described:
            self.described = True
            rollout.own, rollout.began = thread, at
            spawn = _inner(payload, "source", "subagent", "thread_spawn")
            forked = payload.get("forked_from_id")
            rollout.parent = forked or spawn.get("parent_thread_id") or ""
            rollout.family = forked or thread
        elif thread != rollout.own:
            if self.total is None and not self.by_records:
                rollout.family = thread
            if not rollout.origin:
                rollout.origin, self.burst = thread, at

    def record(self, payload: dict[str, Any], at: float) -> None:
        """A request by itself, unless the total before has counted it already."""
        used = payload.get("usage")
        if not isinstance(used, dict) or not payload.get("response_id"):
            return
        so_far = payload.get("thread_token_usage")
        counted = isinstance(so_far, dict) and _four(so_far) == self.total
        if self.by_records or not counted:
            turn, response = payload.get("turn_id"), payload["response_id"]
            self.add(at, turn, None, used, _four(used), response)
        self.by_records = True

    def count(self, info: dict[str, Any], at: float) -> None:
        """A request where the running total moved, if it used anything."""
        total, last = info.get("total_token_usage"), info.get("last_token_usage")
        if not isinstance(total, dict) or self.by_records:
            return
        before, self.total = self.total, _four(total)
        if self.total == before:
            return
        used = _four(last) if isinstance(last, dict) else _risen(self.total, before)
        if any(used):
            self.add(at, self.turn, self.total, last or {}, used, None)

    def add(
        self,
        at: float,
        turn: str | None,
        total: Four | None,
        stated: dict[str, Any],
        used: Four,
        response: str | None,
    ) -> None:
        reasoning = stated.get("reasoning_output_tokens") or 0
        self.rollout.counts.append(
            Count(
                at,
                self.model,
                turn,
                total,
                used,
                reasoning,
                response,
                self.burst is not None,
            )
        )


def _four(tokens: dict[str, Any]) -> Four:
    return (
        tokens.get("input_tokens") or 0,
        tokens.get("cached_input_tokens") or 0,
        tokens.get("cache_write_input_tokens") or 0,
        tokens.get("output_tokens") or 0,
    )


def _risen(total: Four, before: Four | None) -> Four:
    """What a total rose by; all of it where it fell, since it began anew."""
    a, b, c, d = (
        now - then for now, then in zip(total, before or (0,) * 4, strict=True)
    )
    return total if min(a, b, c, d) < 0 else (a, b, c, d)
