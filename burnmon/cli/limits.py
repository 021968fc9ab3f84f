"""``limits``: every window with its use, reset, forecast and verdict.

Figures are the vendor's own statements; what nobody stated is unknown, with the reason
and the one thing that would make it known.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from burnmon import cli, text
from burnmon.cli.catchup import caught_up
from burnmon.cli.estimates import budgets, with_estimates
from burnmon.cli.output import print_document, wrapped
from burnmon.config import Settings
from burnmon.live.charts import window_label
from burnmon.live.snapshot import SHOWN, LimitRow
from burnmon.live.status import window_fields
from burnmon.records import BUDGET, Credits, Exchange, Forecast, Headroom, Window
from burnmon.usage import pricing
from burnmon.usage.credits import known_credits
from burnmon.usage.experience import from_text
from burnmon.usage.headroom import extra_words, headroom_words, live_words
from burnmon.usage.ledger import Ledger
from burnmon.usage.limits import (
    FIVE_HOURS,
    FORGOTTEN,
    GUESSED_FROM,
    HORIZON,
    REMEDY,
    estimated_window,
    foreseen,
    stated,
)
from burnmon.usage.stretches import stretches

LASTING = ("statusline", "usage endpoint")
"""Sources of Claude's limits that go on by themselves once they were set up."""


class Limits(Struct, frozen=True):
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
        found = ask(ledger, args.agent or "", now, settings, live=not args.check)
    if args.check:
        from burnmon.cli.check import judge, nearness

        return judge(figures(found), "", nearness(), now).code
    if args.json:
        print_document(now, document(found))
        return cli.OK
    import shutil  # JSON needs none of it

    width = shutil.get_terminal_size().columns
    for words in lines(found, now, settings.zone):
        for line in wrapped(words, width, " " * 6):
            print(line)
    return cli.OK


def ask(
    ledger: Ledger,
    agent: str,
    now: datetime,
    settings: Settings | None = None,
    live: bool = False,
) -> Limits:
    """The limits of one agent or, if it is empty, of all, as one ledger knows them.

    ``settings`` tell of budgets, which hold for every agent. ``live`` adds what was
    spent since the readings, by the prices that ``settings`` tell too.
    """
    readings = [
        each
        for each in ledger.readings(now - HORIZON)
        if each.observed_at <= now and agent in ("", each.agent)
    ]
    known = stretches(readings)
    newest = stated(known, now)
    budgeted: tuple[Window, ...] = ()
    if settings is not None and (live or settings.budgets):
        prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
        budgeted = budgets(ledger, settings, prices, now)
        if live:
            newest = with_estimates(newest, known, ledger, prices, now)
    standings = {
        key: from_text(told).standing for key, told in ledger.experiences().items()
    }
    found = [window for window, _ in foreseen(newest, known, now, standings=standings)]
    trails = ledger.trails(now - SHOWN)
    working = {name for name, _, _ in trails}
    silent = [
        name
        for name in sorted(working - {window.agent for window in found})
        if name in REMEDY and agent in ("", name)
    ]
    return Limits(
        (*(each for each in found if not _forgotten(each, now)), *budgeted),
        tuple(silent),
        next(ledger.files(), None) is not None,
        _five_hours_until(ledger, now) if "claude" in silent else None,
        tuple(each for each in known_credits(trails, now) if agent in ("", each.agent)),
    )


def _five_hours_until(ledger: Ledger, now: datetime) -> datetime | None:
    # No other request begins a window.
    starts: list[datetime] = []
    since = now - GUESSED_FROM
    while (first := ledger.first_at("claude", since, now)) is not None:
        starts.append(first)
        since = first + FIVE_HOURS
    estimate = estimated_window(starts, now)
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
        "used_percent_live": _percent(live(window)),
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
        "spent_usd": window.spent,
        "allowance_usd": window.allowance,
        "unpriced_requests": window.unpriced,
        "exchange": window.exchange and _exchange(window.exchange),
        "headroom": window.headroom and _headroom(window.headroom),
        "extra_usage": window.extra
        and {"since": window.extra.since, "cost_usd": _cents(window.extra.dollars)},
    }


def live(window: Window) -> float | None:
    """Share presumably used by now; None where the estimate cannot be trusted."""
    if window.used is None or window.live is None:
        return None
    return window.used + window.live


def _cents(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 4)


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "percent_per_usd": round(exchange.rate * 100, 4),
        "p25": round(exchange.low * 100, 4),
        "p75": round(exchange.high * 100, 4),
        "rises": exchange.points,
        "windows": exchange.windows,
        "doubt": exchange.doubt,
    }


def _headroom(room: Headroom) -> dict[str, Any]:
    return {
        "cost_usd": round(room.dollars, 4),
        "requests": room.requests and round(room.requests, 1),
        "like_last_requests": room.like,
        "turns": room.turns and round(room.turns, 1),
        "like_turns": room.like_turns,
        "minutes": room.lasts and round(room.lasts / timedelta(minutes=1), 1),
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
        if words := " · ".join(_estimates(window, now)):
            yield f"  {' ' * wide}  {words}"
    for name in found.missing:
        reason, command = REMEDY[name]
        yield f"  {text.pad(name.capitalize(), wide)}  unknown: {reason}; {command}"
        if name == "claude" and found.five_hours_until is not None:
            at = text.clock(found.five_hours_until, zone, now)
            yield f"  {' ' * wide}  local_estimate: the 5h window resets about {at}"
    for each in found.credits:
        account = f" {text.plain(each.account)}" if each.account else ""
        spent = f"{text.out_of(each.spent, each.allowance)} used this month"
        stated = f"{each.source}, stated {text.ago(each.observed_at, now)}"
        yield f"  Claude{account} extra usage: {spent}; official: {stated}"
    if not found.windows and not found.missing:
        yield "no limit was stated; burnmon doctor says where was looked"
    elif any(window.binding for window in found.windows):
        yield "▸ stops the work first"


def _estimates(window: Window, now: datetime) -> tuple[str, ...]:
    """What is presumed since the reading, and what is left by the same estimate."""
    if window.used is None or window.used >= 1 or window.exchange is None:
        return ()
    words, rests = live_words(window)
    return (f"live {words}: {rests}", *headroom_words(window, now))


def _figures(window: Window, now: datetime, zone: str) -> str:
    if window.used is None or window.resets_at is None:
        return f"unknown: {window.reason}; {remedy(window)}"
    left = text.countdown(window.resets_at - now)
    at = text.clock(window.resets_at, zone, now)
    resets = f"resets {at} (in {left})"
    used = f"{text.share(window.used):>5} used"
    if window.agent == BUDGET:
        used = f"{used}  {_spent(window)}"
    elif window.live:
        used = f"{text.share(window.used):>5} {text.points(window.live)} used"
    return f"{used}  {resets}  {_verdict(window, now, zone)}"


def _spent(window: Window) -> str:
    words = text.out_of(window.spent, window.allowance)
    return f"{words} + {window.unpriced} unpriced" if window.unpriced else words


def _verdict(window: Window, now: datetime, zone: str) -> str:
    forecast = window.forecast
    if window.verdict == "reached":
        if window.agent == BUDGET:
            return "over budget"
        extra = extra_words(window, zone, now)
        return f"reached, on extra usage: {extra}" if extra else "reached"
    if forecast is None:
        return window.reason
    chance = text.share(forecast.exhaustion_probability)
    if window.verdict == "runs_out" and forecast.exhausted_at:
        first, _, last = (max(at, now) for at in forecast.exhausted_at)
        return f"runs out {text.clock_range(first, last, zone, now)}, {chance} likely"
    # A vendor stops at its limit; a budget may be passed by any amount.
    high = forecast.p90 if window.agent == BUDGET else min(1.0, forecast.p90)
    at_reset = f"{text.between(forecast.p10, high)} at reset"
    if window.verdict == "watch":
        return f"watch: {at_reset}, {chance} likely to run out"
    return f"safe: {at_reset}"


def _origin(window: Window, now: datetime) -> str:
    seen = window.observed_at
    if window.agent == BUDGET:
        by = f"; forecast by {window.forecast.method}" if window.forecast else ""
        return text.plain(f"yours: list prices of the ledger's requests{by}")
    stated = "never stated" if seen is None else f"stated {text.ago(seen, now)}"
    forecast = None if window.verdict == "reached" else window.forecast
    by = f"; forecast ({forecast.confidence}) by {forecast.method}" if forecast else ""
    return text.plain(f"{window.confidence}: {window.source}, {stated}{by}")
