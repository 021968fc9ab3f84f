"""How early the past was warned of a limit, and how often for nothing.

The verdict of each past window is followed through the window as it would have shown,
with its hysteresis, and compared with what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from burnmon.records import Forecast
from burnmon.usage.backtest import Retold, foretold
from burnmon.usage.limits import verdict
from burnmon.usage.stretches import Stretch

STEPS = 100
"""A verdict is looked at again after such a part of the window's length."""
UNLIKELY = 0.05
"""A window whose chances stayed below this was never near an alarm."""


class Alarm(Struct, frozen=True):
    """What was said of one past window that was full in the end, or was said to be."""

    place: int
    """Which window of its series it is, oldest first."""
    resets_at: datetime
    reached_at: datetime | None
    """When it was first stated to be full; None if it never was."""
    known_at: datetime
    """When its use was first stated: no warning could come earlier."""
    warned_at: datetime | None
    """Since when the verdict was ``runs_out`` and stayed so until the limit."""
    raised: int
    """How often the verdict turned to ``runs_out``."""
    off_by: timedelta | None
    """Median error of the instant of exhaustion, as told in the last hour, or in the
    last day of a window that is longer than two; None if it was not told then."""


def alarms(
    windows: Sequence[Stretch], length: timedelta, found: Sequence[Retold]
) -> list[Alarm]:
    """The windows of a series that ran out, or that were said to."""
    heard = []
    for each in found:
        window = windows[each.place]
        chances = [forecast.exhaustion_probability for _, forecast in each.told]
        if window.top < 1 and max(chances, default=0.0) < UNLIKELY:
            continue
        alarm = _followed(windows, length, each)
        if alarm.raised or alarm.reached_at:
            heard.append(alarm)
    return heard


def _followed(windows: Sequence[Stretch], length: timedelta, retold: Retold) -> Alarm:
    window = windows[retold.place]
    full = (each.observed_at for each in window.readings if each.used >= 1)
    reached_at = next(full, None)
    instants = _instants(window, length, reached_at)
    told = foretold(windows[: retold.place + 1], length, instants, retold.standing)
    word, raised, warned_at = "", 0, None
    for seen, forecast in told:
        before, word = word, verdict(seen.used, forecast, word)
        if word == "runs_out" and before != "runs_out":
            raised += 1
            warned_at = forecast.made_at
        elif word != "runs_out":
            warned_at = None
    return Alarm(
        retold.place,
        window.resets_at,
        reached_at,
        window.readings[0].observed_at,
        warned_at if reached_at else None,
        raised,
        _off_by([forecast for _, forecast in told], reached_at, length),
    )


def _instants(
    window: Stretch, length: timedelta, until: datetime | None
) -> list[datetime]:
    """When something was stated, a hundredth of the window apart at least."""
    stated = {each.observed_at for each in window.readings}
    stated |= {each.repeated_at for each in window.readings if each.repeated_at}
    kept: list[datetime] = []
    for at in sorted(stated):
        full = until is not None and at >= until
        if full or at >= window.resets_at:
            break
        if not kept or at - kept[-1] >= length / STEPS:
            kept.append(at)
    return kept


def _off_by(
    forecasts: Sequence[Forecast], reached_at: datetime | None, length: timedelta
) -> timedelta | None:
    if reached_at is None:
        return None
    span = timedelta(days=1) if length > timedelta(days=2) else timedelta(hours=1)
    errors = sorted(
        abs(each.exhausted_at[1] - reached_at)
        for each in forecasts
        if each.exhausted_at and each.made_at and reached_at - each.made_at <= span
    )
    return errors[len(errors) // 2] if errors else None
