"""Readings become windows: what is used, when it resets, how sure that is.

Only official statements count here. Inside a window use only rises, so a lower figure
is the echo of another session and changes nothing; a later reset is a new window, even
before the old one ended; a window whose reset has passed is unknown, not empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from burnmon.records import Forecast, LimitReading, Verdict, Window
from burnmon.usage.forecast import foresee

SAME_RESET = timedelta(seconds=120)
"""Resets this close are one window's; vendors state them with a jitter (< 60 s)."""

Series = tuple[str, str, str, int]
"""Agent, account, family and minutes: what a window and its successors share."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One window's readings: all that was stated between a start and a reset."""

    resets_at: datetime
    """The latest of the stated instants, which differ by seconds."""
    readings: tuple[LimitReading, ...]
    """By when they were first observed."""

    def used(self, at: datetime) -> float | None:
        """Share known to be used at an instant: the highest stated until then."""
        stated = [each.used for each in self.readings if each.observed_at <= at]
        return max(stated, default=None)

    def steps(self) -> tuple[tuple[datetime, float], ...]:
        """The staircase of use: each instant at which a higher share was stated."""
        steps: list[tuple[datetime, float]] = []
        for each in self.readings:
            if not steps or each.used > steps[-1][1]:
                steps.append((each.observed_at, each.used))
        return tuple(steps)


def series(reading: LimitReading) -> Series:
    """What tells windows apart: length and kind, never the position in a record.

    Codex states windows as primary and secondary, and moved the weekly one from the
    second place to the first; Claude names them, and has several of seven days.
    """
    kind = reading.kind
    family = kind.rpartition(":")[0] if reading.agent == "codex" else kind
    return (reading.agent, reading.account, family, reading.window_minutes)


def stretches(readings: Iterable[LimitReading]) -> dict[Series, tuple[Stretch, ...]]:
    """Windows of each series by reset, the newest last."""
    ordered = sorted(readings, key=lambda each: (*series(each), each.resets_at))
    return {
        key: tuple(_clusters(list(group))) for key, group in groupby(ordered, series)
    }


def extended(
    past: Sequence[Stretch], fresh: Iterable[LimitReading]
) -> tuple[Stretch, ...]:
    """A series with new readings: only the windows they may belong to are made anew."""
    new = list(fresh)
    if not new:
        return tuple(past)
    earliest = min(each.resets_at for each in new) - 2 * SAME_RESET
    settled = [each for each in past if each.resets_at < earliest]
    open_ones = [each for stretch in past[len(settled) :] for each in stretch.readings]
    return (*settled, *_clusters(_merged([*open_ones, *new])))


def _merged(readings: Iterable[LimitReading]) -> list[LimitReading]:
    """Repetitions of one figure made one reading, by reset."""
    kept: dict[tuple[object, ...], LimitReading] = {}
    for each in readings:
        key = (each.kind, each.resets_at, each.used, each.source)
        last = each.repeated_at or each.observed_at
        seen = kept.get(key, each)
        kept[key] = replace(
            seen,
            observed_at=min(seen.observed_at, each.observed_at),
            repeated_at=max(seen.repeated_at or seen.observed_at, last),
        )
    return sorted(kept.values(), key=lambda each: each.resets_at)


def _clusters(readings: Sequence[LimitReading]) -> Iterable[Stretch]:
    cluster: list[LimitReading] = []
    for each in readings:
        if cluster and each.resets_at - cluster[-1].resets_at > SAME_RESET:
            yield _stretch(cluster)
            cluster = []
        cluster.append(each)
    if cluster:
        yield _stretch(cluster)


def _stretch(cluster: list[LimitReading]) -> Stretch:
    resets_at = cluster[-1].resets_at
    # Told apart to the last, so that no order of arrival shows in what is made of it.
    cluster.sort(
        key=lambda each: (
            each.observed_at,
            each.used,
            each.resets_at,
            each.kind,
            each.source,
        )
    )
    return Stretch(resets_at, tuple(cluster))


def windows(
    known: Mapping[Series, Sequence[Stretch]], now: datetime
) -> list[tuple[Window, Stretch]]:
    """The newest window of each series as it stands at ``now``, with its readings.

    By agent and account, the binding one first. ``known`` must hold nothing that was
    observed after ``now``.
    """
    found = [(_window(past, now), past[-1]) for past in known.values() if past]
    return _bind(found)


def _window(past: Sequence[Stretch], now: datetime) -> Window:
    newest = past[-1]
    top = max(newest.readings, key=lambda each: (each.used, _confirmed(each, now)))
    if newest.resets_at <= now:
        return Window(
            top.agent,
            top.account,
            top.kind,
            top.window_minutes,
            None,
            None,
            _confirmed(top, now),
            top.source,
            "unknown",
            reason="reset since the last reading",
        )
    forecast = foresee(
        newest.steps(),
        newest.resets_at,
        timedelta(minutes=top.window_minutes),
        [(each.steps(), each.resets_at) for each in past[:-1]],
        now,
    )
    return Window(
        top.agent,
        top.account,
        top.kind,
        top.window_minutes,
        top.used,
        newest.resets_at,
        _confirmed(top, now),
        top.source,
        "official",
        forecast,
        verdict(top.used, forecast),
        reason="" if forecast else "too early to tell where it is heading",
    )


def _confirmed(reading: LimitReading, now: datetime) -> datetime:
    """When the figure was last stated, as far as ``now`` can know."""
    repeated = reading.repeated_at
    if repeated is not None and repeated <= now:
        return repeated
    return reading.observed_at


FIVE_HOURS = timedelta(hours=5)


def estimated_window(
    instants: Iterable[datetime], now: datetime
) -> tuple[datetime, datetime] | None:
    """Start and reset of Claude's five-hour window as requests alone suggest.

    A window starts with the first request after the one before it ended. An estimate:
    other devices open windows too, and the vendor rounds the start in ways it does not
    state, so it is never floored to an hour and never mixed with official readings.
    """
    starts_at: datetime | None = None
    for at in sorted(instants):
        if at <= now and (starts_at is None or at >= starts_at + FIVE_HOURS):
            starts_at = at
    if starts_at is None or starts_at + FIVE_HOURS <= now:
        return None
    return starts_at, starts_at + FIVE_HOURS


def verdict(used: float, forecast: Forecast | None) -> Verdict:
    """What a window means: alarm from an even chance on, attention from one in ten."""
    if used >= 1:
        return "reached"
    if forecast is None:
        return "unknown"
    if forecast.exhaustion_probability >= 0.5:
        return "runs_out"
    return "watch" if forecast.exhaustion_probability >= 0.1 else "safe"


def _bind(found: list[tuple[Window, Stretch]]) -> list[tuple[Window, Stretch]]:
    """Mark the window of each agent and account that would stop the work first."""
    first: dict[tuple[str, str], Window] = {}
    # The shorter of two equal threats stands in the way first.
    for each, _ in sorted(found, key=lambda pair: _order(pair[0])):
        if each.used is None:
            continue
        rival = first.get((each.agent, each.account))
        if rival is None or _threat(each) > _threat(rival):
            first[each.agent, each.account] = each
    marked = [
        (replace(each, binding=each in first.values()), stretch)
        for each, stretch in found
    ]
    marked.sort(key=lambda each: _order(each[0]))
    return marked


def _order(window: Window) -> tuple[object, ...]:
    unknown = window.used is None
    length = window.window_minutes
    return (
        window.agent,
        window.account,
        unknown,
        not window.binding,
        length,
        window.kind,
    )


def _threat(window: Window) -> tuple[float, float, float]:
    used = window.used or 0.0
    if used >= 1:
        # Among full windows the one that stays full longest holds the work up.
        return (2.0, window.resets_at.timestamp() if window.resets_at else 0.0, used)
    if window.forecast is None:
        return (0.0, used, used)
    return (window.forecast.exhaustion_probability, window.forecast.p50, used)
