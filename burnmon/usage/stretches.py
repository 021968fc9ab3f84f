"""Readings by window: all that was stated of one stretch between a start and a reset.

Inside a window use only rises, so a lower figure is the echo of another session and
changes nothing, unless so many rise after it that the provider must have given use
back. A later reset is a new window, even before the old one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from burnmon.records import LimitReading

SAME_RESET = timedelta(seconds=120)
"""Resets this close are one window's; vendors state them with a jitter (< 60 s)."""

Series = tuple[str, str, str, int]
"""Agent, account, family and minutes: what a window and its successors share."""


class Stretch(Struct, frozen=True, dict=True):
    """One window's readings: all that was stated between a start and a reset."""

    resets_at: datetime
    """The latest of the stated instants, which differ by seconds."""
    readings: tuple[LimitReading, ...]
    """By when they were first observed."""

    @cached_property
    def top(self) -> float:
        """The highest share that was stated."""
        return max(each.used for each in self.readings)

    @cached_property
    def last_at(self) -> datetime:
        """When anything was last stated of it."""
        return max(map(_last_at, self.readings))

    def known_at(self, at: datetime) -> Stretch | None:
        """What was known at an instant; None before the first statement."""
        if self.last_at <= at:
            return self
        known = tuple(
            replace(each, repeated_at=min(at, _last_at(each)))
            for each in self.readings
            if each.observed_at <= at
        )
        return Stretch(max(each.resets_at for each in known), known) if known else None

    def used(self, at: datetime) -> float | None:
        """Share known to be used at an instant: the highest stated until then, since
        the provider last gave use back."""
        known = self.known_at(at)
        return None if known is None else known.steps()[-1][1]

    def steps(self) -> tuple[tuple[datetime, float], ...]:
        """The staircase of use: each instant at which a higher share was stated.

        It begins anew where the provider gave use back before the reset.
        """
        return self._steps

    @cached_property
    def _steps(self) -> tuple[tuple[datetime, float], ...]:
        given_back = _given_back(self.readings)
        return given_back or _rising((x.observed_at, x.used) for x in self.readings)


def _rising(
    stated: Iterable[tuple[datetime, float]],
) -> tuple[tuple[datetime, float], ...]:
    """The statements, in order of time, that are higher than all before."""
    steps: list[tuple[datetime, float]] = []
    for at, used in stated:
        if not steps or used > steps[-1][1]:
            steps.append((at, used))
    return tuple(steps)


FELL = 0.05
"""A fall that is smaller is no giving back of use."""
NEW, OLD = 3, 6
"""Rising shares that prove a fall: of those that are new in their window, of any."""


def _given_back(
    readings: Sequence[LimitReading],
) -> tuple[tuple[datetime, float], ...]:
    """The staircase since the provider set use back inside a window; empty if never.

    A fall counts only if several shares, each higher than the one before, were stated
    after the old level had been stated for the last time. An idle session repeats one
    old figure, and a few of them may do so in rising order: it takes more shares where
    they had been stated before the fall.
    """
    top = max(each.used for each in readings)
    fell_at = max(_last_at(each) for each in readings if each.used == top)
    old = {each.used for each in readings if each.observed_at <= fell_at}
    # Of a figure that had been stated before only its last statement is known.
    since = sorted(
        (each.observed_at if each.observed_at > fell_at else _last_at(each), each.used)
        for each in readings
        if _last_at(each) > fell_at
    )
    steps = _rising(since)
    new = _rising(each for each in since if each[1] not in old)
    proven = any(
        len(chain) >= least and top - chain[0][1] >= FELL
        for chain, least in ((new, NEW), (steps, OLD))
    )
    return steps if proven else ()


def _last_at(reading: LimitReading) -> datetime:
    return reading.repeated_at or reading.observed_at


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
