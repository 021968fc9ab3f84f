"""What Claude's usage endpoint answered, as Claude Code and burnmon keep it.

Claude Code keeps its newest answer in ``.claude.json``, among much else. burnmon, if it
may ask by itself, keeps one file an account in the same shape. Nobody documents the
answer: anything in it may be missing or of another type, and null is not zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from burnmon.agents.lines import UNREADABLE, instant, loose, moment
from burnmon.records import Credits, Facts, LimitReading, Trail
from burnmon.text import minutes_of

JITTER_SECONDS = 10
"""Resets are stated with microseconds that differ from answer to answer."""
ROOM = timedelta(hours=1)
"""A window cannot reset later than its length after the answer; vendors round it."""
MOST_PERCENT = 1000
"""A window may be overdrawn a little; a bigger number is none of percent."""
MOST_MONEY = Decimal(10) ** 9

_NAMED = {"session": "five_hour", "weekly_all": "seven_day"}
"""What the list of limits calls windows that have a key of their own."""


class _Document(msgspec.Struct):
    cachedUsageUtilization: msgspec.Raw = msgspec.Raw(b"")
    account: str | None = None
    askedAtMs: float | None = None
    trouble: str | None = None


_decode = msgspec.json.Decoder(_Document).decode


def trail(path: str) -> Trail:
    """A document belongs to no session."""
    return Trail()


def read_state(documents: Sequence[bytes], trail: Trail, account: str) -> Facts:
    """The answer that Claude Code keeps in its state."""
    return _read(documents[-1], trail, account, "claude.json")


def read_answer(documents: Sequence[bytes], trail: Trail, account: str) -> Facts:
    """The answer that burnmon was given, and in the trail why there is no newer one."""
    return _read(documents[-1], trail, account, "usage endpoint")


def _read(document: bytes, trail: Trail, account: str, source: str) -> Facts:
    facts = Facts(lines=1)
    try:
        found = _decode(document)
    except UNREADABLE:
        facts.skip("not json" if document.strip() else "empty")
        return facts
    account = account if found.account is None else found.account
    asked_at = _instant(found.askedAtMs)
    trail.memory = {"account": account, "trouble": found.trouble or ""}
    trail.last_at = _epoch_ms(asked_at)
    kept = loose(found.cachedUsageUtilization)
    fetched_at = _instant(kept.get("fetchedAtMs"))
    answer = kept.get("utilization")
    if fetched_at is None or not isinstance(answer, dict):
        return facts
    trail.last_at = _epoch_ms(max(fetched_at, asked_at or fetched_at))
    facts.readings.extend(readings(answer, fetched_at, account, source))
    for kind, _, _ in _windows(answer):
        if not minutes_of(kind):
            facts.meet(f"limit {kind}"[:40])
    trail.memory["answered_at"] = _epoch_ms(fetched_at)
    stated = credits_of(answer, fetched_at, account, source)
    if stated is not None:
        cap = None if stated.allowance is None else str(stated.allowance)
        trail.memory["credits"] = [str(stated.spent), cap, source]
    return facts


def readings(
    answer: Mapping[str, Any], fetched_at: datetime, account: str, source: str
) -> list[LimitReading]:
    """Every window of an answer that can be true of the instant it was given."""
    return [
        LimitReading(
            "claude", account, kind, minutes, used, resets_at, fetched_at, source
        )
        for kind, used, resets_at in _windows(answer)
        if (minutes := minutes_of(kind))
        and fetched_at < resets_at <= fetched_at + timedelta(minutes=minutes) + ROOM
    ]


def credits_of(
    answer: Mapping[str, Any], fetched_at: datetime, account: str, source: str
) -> Credits | None:
    """Paid use beyond the plan, where it is enabled and stated in US dollars."""
    extra = _table(answer.get("extra_usage"))
    places = extra.get("decimal_places")
    if extra.get("is_enabled") is not True or extra.get("currency") != "USD":
        return None
    if type(places) is not int or not 0 <= places <= 6:
        return None
    spent = _money(extra.get("used_credits"), places)
    if spent is None:
        return None
    allowance = _money(extra.get("monthly_limit"), places)
    return Credits("claude", account, spent, allowance, fetched_at, source)


def _windows(answer: Mapping[str, Any]) -> Iterator[tuple[str, float, datetime]]:
    """Kind, share and reset of each window, once.

    Windows have a key each; the list of limits adds those whose key is null.
    """
    stated = {}
    for kind, value in answer.items():
        window = _table(value)
        stated[kind] = _window(window.get("utilization"), window.get("resets_at"))
    listed = answer.get("limits")
    for value in listed if isinstance(listed, list) else ():
        limit = _table(value)
        kind = _kind(limit)
        window_of = _window(limit.get("percent"), limit.get("resets_at"))
        if kind and stated.get(kind) is None:
            stated[kind] = window_of
    for kind, found in stated.items():
        if found is not None:
            yield kind, *found


def _window(percent: object, resets_at: object) -> tuple[float, datetime] | None:
    """Share and reset; None where no window runs or nothing is said of it."""
    used, at = _number(percent), _reset(resets_at)
    if used is None or at is None or not 0 <= used <= MOST_PERCENT:
        return None
    return min(1.0, used / 100), at


def _kind(limit: Mapping[str, Any]) -> str:
    """The word of a listed limit; a model's week is named as its key would be."""
    word = limit.get("kind")
    if not isinstance(word, str):
        return ""
    if word != "weekly_scoped":
        return _NAMED.get(word, word)
    model = _table(_table(limit.get("scope")).get("model")).get("display_name")
    name = re.sub(r"[^a-z0-9]+", "_", model.lower()) if isinstance(model, str) else ""
    return f"seven_day_{name.strip('_')}" if name.strip("_") else ""


def _reset(stated: object) -> datetime | None:
    at = _instant(_ms(stated))
    if at is None:
        return None
    return moment(round(at.timestamp() / JITTER_SECONDS) * JITTER_SECONDS)


def _ms(stated: object) -> float | None:
    """Epoch milliseconds of an instant, stated as ISO-8601 or as epoch seconds."""
    seconds = _number(stated)
    if seconds is not None:
        return seconds * 1000
    return instant(stated) if isinstance(stated, str) else None


def _epoch_ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _instant(stated: object) -> datetime | None:
    """The instant of epoch milliseconds."""
    ms = _number(stated)
    if ms is None or not 1e12 < ms < 1e14:
        return None
    return datetime.fromtimestamp(round(ms) / 1000, UTC)


def _money(stated: object, places: int) -> Decimal | None:
    """Dollars of an amount in minor units."""
    amount = _number(stated)
    if amount is None or not 0 <= amount < MOST_MONEY:
        return None
    return Decimal(str(amount)).scaleb(-places)


def _number(stated: object) -> float | None:
    """A finite number, or a text that is one."""
    if isinstance(stated, bool) or not isinstance(stated, int | float | str):
        return None
    try:
        number = float(stated)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None


def _table(stated: object) -> Mapping[str, Any]:
    return stated if isinstance(stated, dict) else {}
