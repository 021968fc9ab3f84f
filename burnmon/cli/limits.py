"""``limits``: every window with its use, reset, forecast and verdict.

Figures are the vendor's own statements; what nobody stated is unknown, with the reason
and the one thing that would make it known.
"""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from burnmon import cli, text
from burnmon.cli.catchup import caught_up
from burnmon.cli.check import judge, nearness
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.live.charts import window_label
from burnmon.live.snapshot import LimitRow
from burnmon.live.status import window_fields
from burnmon.live.take import FORGOTTEN, GUESSED_FROM, REMEDY, SHOWN
from burnmon.records import Credits, Forecast, Window
from burnmon.usage.credits import known_credits
from burnmon.usage.ledger import Ledger
from burnmon.usage.limits import estimated_window, stretches, windows

HORIZON = timedelta(days=90)
"""How far back readings help a forecast."""
LASTING = ("statusline", "usage endpoint")
"""Sources of Claude's limits that go on by themselves once they were set up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of all limits."""

    windows: tuple[Window, ...]
    """By agent and account, the binding one first; unknown ones included."""
    missing: tuple[str, ...]
    """Agents at work of which no window was ever stated."""
    any_sessions: bool
    """The ledger knows a session at all."""
    five_hours_until: datetime | None = None
    """When Claude's five-hour window probably resets: an estimate from requests
    alone, made only while no window of Claude is stated."""
    credits: tuple[Credits, ...] = ()
    """Paid use beyond a plan's limits."""


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print the limits, or only answer by the exit code."""
    with caught_up(settings, now) as (ledger, _):
        found = ask(ledger, args.agent or "", now)
    if args.check:
        return judge(figures(found), "", nearness(), now).code
    if args.json:
        print_document(now, document(found))
        return cli.OK
    width = shutil.get_terminal_size().columns
    for words in lines(found, now, settings.zone):
        for line in wrapped(words, width, " " * 6):
            print(line)
    return cli.OK


def ask(ledger: Ledger, agent: str, now: datetime) -> Limits:
    """The limits of one agent or, if it is empty, of all, as one ledger knows them."""
    readings = [
        each
        for each in ledger.readings(now - HORIZON)
        if each.observed_at <= now and agent in ("", each.agent)
    ]
    found = [window for window, _ in windows(stretches(readings), now)]
    trails = ledger.trails(now - SHOWN)
    working = {name for name, _, _ in trails}
    stated = {window.agent for window in found}
    silent = [
        name
        for name in sorted(working - stated)
        if name in REMEDY and agent in ("", name)
    ]
    return Limits(
        tuple(window for window in found if not _forgotten(window, now)),
        tuple(silent),
        bool(ledger.known()),
        _five_hours_until(ledger, now) if "claude" in silent else None,
        tuple(each for each in known_credits(trails, now) if agent in ("", each.agent)),
    )


def _five_hours_until(ledger: Ledger, now: datetime) -> datetime | None:
    made = ledger.requests(now - GUESSED_FROM, now)
    estimate = estimated_window((r.at for r in made if r.agent == "claude"), now)
    return None if estimate is None else estimate[1]


def _forgotten(window: Window, now: datetime) -> bool:
    seen = window.observed_at
    return window.used is None and (seen is None or now - seen > FORGOTTEN)


def figures(found: Limits) -> dict[str, Any]:
    """The limits in the form of the state file, for ``check``."""
    rows = (LimitRow(each, window_label(each), None) for each in found.windows)
    return {
        "windows": [window_fields(row) for row in rows],
        "missing": [
            {"agent": name, "reason": REMEDY[name][0], "remedy": REMEDY[name][1]}
            for name in found.missing
        ],
        "any_sessions": found.any_sessions,
    }


# --- JSON ----------------------------------------------------------------------------


def document(found: Limits) -> dict[str, Any]:
    """The limits as JSON fields."""
    return {
        "windows": [_fields(window) for window in found.windows],
        "missing": [_missing(name, found) for name in found.missing],
        "credits": [
            {
                "agent": each.agent,
                "account": each.account,
                "spent_usd": each.spent,
                "allowance_usd": each.allowance,
                "observed_at": each.observed_at,
                "source": each.source,
            }
            for each in found.credits
        ],
    }


def _missing(name: str, found: Limits) -> dict[str, Any]:
    reason, command = REMEDY[name]
    until = found.five_hours_until if name == "claude" else None
    return {
        "agent": name,
        "reason": reason,
        "remedy": command,
        "estimated_resets_at": until,
        "estimated_resets_at_epoch": _epoch(until),
    }


def _fields(window: Window) -> dict[str, Any]:
    return {
        "agent": window.agent,
        "account": window.account,
        "kind": window.kind,
        "label": window_label(window),
        "window_minutes": window.window_minutes,
        "used_percent": _percent(window.used),
        "used_percent_live": None,
        "resets_at": window.resets_at,
        "resets_at_epoch": _epoch(window.resets_at),
        "observed_at": window.observed_at,
        "observed_at_epoch": _epoch(window.observed_at),
        "source": window.source,
        "confidence": window.confidence,
        "forecast": window.forecast and _forecast(window.forecast),
        "binding": window.binding,
        "verdict": window.verdict,
        "reason": window.reason,
        "remedy": remedy(window),
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    names = ("p10", "p50", "p90")
    band = (forecast.p10, forecast.p50, forecast.p90)
    when = forecast.exhausted_at
    return {
        "used_percent_at_reset": dict(zip(names, map(_percent, band), strict=True)),
        "exhaustion_probability": round(forecast.exhaustion_probability, 4),
        "exhausted_at": when and dict(zip(names, when, strict=True)),
        "method": forecast.method,
        "confidence": forecast.confidence,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)


def _epoch(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


# --- text ----------------------------------------------------------------------------


def remedy(window: Window) -> str:
    """What makes an unknown window known; empty for a known one."""
    if window.used is not None:
        return ""
    if window.agent == "claude" and window.source not in LASTING:
        return "burnmon setup"
    return f"the next answer of {window.agent} states it"


def lines(found: Limits, now: datetime, zone: str) -> Iterator[str]:
    """Two lines per window: what it means, and how that is known."""
    labels = [window_label(window) for window in found.windows]
    wide = max(map(text.cells, [*labels, *found.missing]), default=0)
    for label, window in zip(labels, found.windows, strict=True):
        mark = "▸" if window.binding else " "
        yield f"{mark} {text.pad(label, wide)}  {_figures(window, now, zone)}"
        yield f"  {' ' * wide}  {_origin(window, now)}"
    for name in found.missing:
        reason, command = REMEDY[name]
        yield f"  {text.pad(name.capitalize(), wide)}  unknown: {reason}; {command}"
        if name == "claude" and found.five_hours_until is not None:
            at = text.clock(found.five_hours_until, zone, now)
            yield f"  {' ' * wide}  local_estimate: the 5h window resets about {at}"
    for each in found.credits:
        account = f" {text.plain(each.account)}" if each.account else ""
        cap = "" if each.allowance is None else f" of {text.money(each.allowance)}"
        spent = f"{text.money(each.spent)}{cap} used this month"
        stated = f"{each.source}, stated {text.ago(each.observed_at, now)}"
        yield f"  Claude{account} extra usage: {spent}; official: {stated}"
    if not found.windows and not found.missing:
        yield "no limit was stated; burnmon doctor says where was looked"
    elif any(window.binding for window in found.windows):
        yield "▸ stops the work first"


def _figures(window: Window, now: datetime, zone: str) -> str:
    if window.used is None or window.resets_at is None:
        return f"unknown: {window.reason}; {remedy(window)}"
    left = text.countdown(window.resets_at - now)
    resets = f"resets {text.clock(window.resets_at, zone, now)} (in {left})"
    return f"{text.share(window.used):>5} used  {resets}  {_verdict(window, now, zone)}"


def _verdict(window: Window, now: datetime, zone: str) -> str:
    forecast = window.forecast
    if window.verdict == "reached":
        return "reached"
    if forecast is None:
        return window.reason
    chance = text.share(forecast.exhaustion_probability)
    if window.verdict == "runs_out" and forecast.exhausted_at:
        first, _, last = (max(at, now) for at in forecast.exhausted_at)
        return f"runs out {text.clock_range(first, last, zone, now)}, {chance} likely"
    at_reset = f"{text.between(forecast.p10, forecast.p90)} at reset"
    if window.verdict == "watch":
        return f"watch: {at_reset}, {chance} likely to run out"
    return f"safe: {at_reset}"


def _origin(window: Window, now: datetime) -> str:
    seen = window.observed_at
    stated = "never stated" if seen is None else f"stated {text.ago(seen, now)}"
    forecast = None if window.verdict == "reached" else window.forecast
    by = f"; forecast ({forecast.confidence}) by {forecast.method}" if forecast else ""
    return text.plain(f"{window.confidence}: {window.source}, {stated}{by}")
