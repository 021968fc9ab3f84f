"""The burn-ups of a snapshot: the binding window's share, and dollars over spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from burnmon import text
from burnmon.live.snapshot import Chart
from burnmon.live.spend import Spend
from burnmon.live.tally import Tally
from burnmon.records import BUDGET, Window
from burnmon.usage.stretches import Stretch

SPANS = (
    ("last 5 h", timedelta(hours=5), timedelta(minutes=5)),
    ("last hour", timedelta(hours=1), timedelta(minutes=1)),
    ("last 24 h", timedelta(hours=24), timedelta(minutes=15)),
    ("last 7 d", timedelta(days=7), timedelta(hours=1)),
)
"""Title, length and step of the dollar charts, the default first."""


def charts(
    stated: Sequence[tuple[Window, Stretch]], tally: Tally, now: datetime
) -> tuple[Chart, ...]:
    """Windows, those of the most threatened account first; then dollars by span."""
    known = [each for each in stated if each[0].used is not None]
    threat: dict[tuple[str, str], float] = {}
    for window, _ in known:
        account = (window.agent, window.account)
        threat[account] = max(threat.get(account, 0.0), _chance(window))
    known.sort(key=lambda each: -threat[each[0].agent, each[0].account])
    shares = [_share(window, stretch, now) for window, stretch in known]
    return (*shares, *(_dollars(each, tally, now) for each in SPANS))


def window_label(window: Window) -> str:
    """Agent, length and kind, with the account where it has a name."""
    if window.agent == BUDGET:
        whose = f"{window.account} " if window.account else ""
        return text.plain(f"Budget {whose}{window.kind}")
    label = text.window_label(window.agent, window.kind, window.window_minutes)
    return text.plain(f"{label} {window.account}".rstrip())


def _chance(window: Window) -> float:
    return window.forecast.exhaustion_probability if window.forecast else 0.0


def _share(window: Window, stretch: Stretch, now: datetime) -> Chart:
    ends_at = stretch.resets_at
    starts_at = ends_at - timedelta(minutes=window.window_minutes)
    steps = [(min(max(at, starts_at), now), used) for at, used in stretch.steps()]
    points = ((starts_at, 0.0), *steps, (now, window.used or 0.0))
    forecast = window.forecast
    band = (forecast.p10, forecast.p50, forecast.p90) if forecast else None
    return Chart(window_label(window), "share", starts_at, ends_at, points, 1.0, band)


def _dollars(
    span: tuple[str, timedelta, timedelta], tally: Tally, now: datetime
) -> Chart:
    """What was spent over a span that ends now, added up step by step."""
    title, length, step = span
    starts_at = now - length
    hourly = step >= timedelta(hours=1)
    size = 3600 if hourly else 60
    spends = tally.hours if hourly else tally.minutes
    stride = int(step.total_seconds()) // size
    first, last = int(starts_at.timestamp()) // size, int(now.timestamp()) // size
    points = [(starts_at, 0.0)]
    total = 0.0
    for start in range(first + 1, last + 1, stride):
        end = min(start + stride - 1, last)
        total += _cost(spends, start, end)
        at = min(now, datetime.fromtimestamp((end + 1) * size, UTC))
        points.append((at, total))
    points.append((now, total))
    return Chart(title, "usd", starts_at, now, tuple(points), None, None)


def _cost(spends: Mapping[int, Spend], first: int, last: int) -> float:
    return sum(
        float(spends[each].cost) for each in range(first, last + 1) if each in spends
    )
