"""``backtest``: past limit readings forecast again, and scored against what came."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from burnmon import cli, text
from burnmon.cli.catchup import caught_up
from burnmon.cli.output import print_document
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.records import LimitReading
from burnmon.usage.alarms import Alarm, alarms
from burnmon.usage.backtest import Retold, replay
from burnmon.usage.scores import OURS, Tables
from burnmon.usage.stretches import Series, Stretch, stretches

KEYS = (
    "account",
    "window",
    "window_minutes",
    "observed_at",
    "used_percent",
    "resets_at",
)


class _Replayed(Struct, frozen=True):
    """One series of windows, forecast again."""

    series: Series
    windows: Sequence[Stretch]
    retold: Sequence[Retold]

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.series[3])

    def name(self, place: int) -> dict[str, Any]:
        """What a window is called in the output."""
        reading = self.windows[place].readings[0]
        return {
            "agent": reading.agent or None,
            "account": reading.account,
            "kind": reading.kind,
            "resets_at": self.windows[place].resets_at,
        }


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print what the forecasts were worth, or all of them as JSON."""
    found = [
        _Replayed(key, windows, list(replay(windows, timedelta(minutes=key[3]))))
        for key, windows in stretches(_readings(args, settings, now)).items()
    ]
    tables, heard = Tables(), []
    for each in found:
        tables.add(each.windows, each.length, each.retold)
        heard += [
            (each.name(alarm.place), alarm)
            for alarm in alarms(each.windows, each.length, each.retold)
        ]
    if args.json:
        print_document(now, document(found, tables, heard))
        return cli.OK
    count = sum(len(each.told) for replayed in found for each in replayed.retold)
    for line in lines(count, tables, heard, settings.zone, now):
        print(line)
    return cli.OK


def _readings(args: Namespace, settings: Settings, now: datetime) -> list[LimitReading]:
    if args.operand:
        readings = list(read(Path(args.operand)))
    else:
        with caught_up(settings, now) as (ledger, _):
            readings = ledger.readings(datetime.fromtimestamp(0, UTC))
    since, until = args.since, args.until
    return [
        each
        for each in readings
        if (since is None or each.observed_at >= since)
        and (until is None or each.observed_at < until)
        and args.agent in (None, each.agent)
        and each.observed_at <= each.resets_at
    ]


def read(file: Path) -> Iterator[LimitReading]:
    """Readings from JSON lines; UsageError names the file, the line and what is wrong.

    A line with a null share or reset states nothing and is passed over.
    """
    try:
        rows = file.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    for number, row in enumerate(rows, 1):
        if row.strip():
            try:
                yield from _reading(json.loads(row))
            except _WRONG as error:
                wrong = f"{error} is missing" if type(error) is KeyError else error
                raise UsageError(
                    f"{file}:{number}: {wrong}; a line holds {', '.join(KEYS)}"
                ) from None


_WRONG = (
    *(ValueError, TypeError, KeyError, OverflowError, RecursionError),
    OSError,  # what the system says of an instant that it cannot tell
)
_YEARS = range(1970, 2201)
"""Those an instant may lie in."""


def _reading(row: Mapping[str, Any]) -> Iterator[LimitReading]:
    account, kind, minutes, at, used, reset = (row[key] for key in KEYS)
    if used is None or reset is None:
        return
    if not 0 <= used <= 100:
        raise ValueError(f"used_percent is {used!r}, not 0 to 100")
    if not 1 <= minutes <= 10**6:
        raise ValueError(f"window_minutes is {minutes!r}")
    yield LimitReading(
        "",
        str(account),
        str(kind),
        int(minutes),
        used / 100,
        _instant(reset),
        _instant(at),
        "file",
    )


def _instant(seconds: float) -> datetime:
    at = datetime.fromtimestamp(seconds, UTC)
    if at.year not in _YEARS:
        raise ValueError(f"{seconds!r} is no time in epoch seconds")
    return at


# --- JSON ----------------------------------------------------------------------------


def document(
    found: Sequence[_Replayed],
    tables: Tables,
    heard: Sequence[tuple[Mapping[str, Any], Alarm]],
) -> dict[str, Any]:
    """Forecasts, scores and warnings as JSON fields; pinball and mae in points."""
    return {
        "forecasts": [
            fields for replayed in found for fields in _forecast_fields(replayed)
        ],
        "scores": {
            name: {
                "points": score.points,
                "windows": score.windows,
                "pinball": _points(score.pinball),
                "mae": _points(score.mae),
                "coverage_80": round(score.coverage_80, 4),
                "brier": round(score.brier, 4),
            }
            for name, score in tables.scores().items()
        },
        "reliability": [
            {
                "from": each.low,
                "to": each.high,
                "points": each.points,
                "foretold": round(each.foretold, 4),
                "reached": round(each.reached, 4),
            }
            for each in tables.reliability()
        ],
        "warnings": [{**name, **_alarm_fields(alarm)} for name, alarm in heard],
        "windows": sum(len(each.windows) for each in found),
    }


def _forecast_fields(replayed: _Replayed) -> Iterator[dict[str, Any]]:
    for each in replayed.retold:
        for seen, forecast in each.told:
            yield replayed.name(each.place) | {
                "at": forecast.made_at,
                "used_percent": _points(seen.used),
                "p10": _points(forecast.p10),
                "p50": _points(forecast.p50),
                "p90": _points(forecast.p90),
                "exhaustion_probability": round(forecast.exhaustion_probability, 4),
            }


def _alarm_fields(alarm: Alarm) -> dict[str, Any]:
    return {
        "reached_at": alarm.reached_at,
        "known_at": alarm.known_at,
        "warned_at": alarm.warned_at,
        "warned_minutes_before": _minutes(_before(alarm)),
        "times_raised": alarm.raised,
        "exhaustion_off_by_minutes": _minutes(alarm.off_by),
    }


def _before(alarm: Alarm) -> timedelta | None:
    if alarm.reached_at is None or alarm.warned_at is None:
        return None
    return alarm.reached_at - alarm.warned_at


def _minutes(span: timedelta | None) -> float | None:
    return None if span is None else round(span / timedelta(minutes=1), 1)


def _points(share: float) -> float:
    return round(share * 100, 3)


# --- text ----------------------------------------------------------------------------


def lines(
    count: int,
    tables: Tables,
    heard: Sequence[tuple[Mapping[str, Any], Alarm]],
    zone: str,
    now: datetime,
) -> Iterator[str]:
    """The scores as a table, how far chances can be believed, and each warning."""
    yield f"{count} forecasts made again, each with what was known at its instant"
    scores = tables.scores()
    if not scores:
        yield "too little history to score: it takes nine windows of one kind"
    else:
        score = scores[OURS]
        yield (
            f"{score.points} of them in {score.windows} windows are scored;"
            " errors in percent points, smaller is better"
        )
        yield ""
        yield f"{'':14}{'pinball':>9}{'mae':>8}{'in band':>9}{'brier':>8}"
        for name, each in scores.items():
            yield (
                f"{name.replace('_', ' '):14}{each.pinball * 100:9.2f}"
                f"{each.mae * 100:8.1f}{text.share(each.coverage_80):>9}"
                f"{each.brier:8.3f}"
            )
        yield ""
        for each_bin in tables.reliability():
            yield (
                f"of {each_bin.points} forecasts of {each_bin.low * 100:.0f}–"
                f"{each_bin.high * 100:.0f} % to run out"
                f" {text.share(each_bin.reached)} did"
            )
    yield from _warnings(heard, zone, now)


def _warnings(
    heard: Sequence[tuple[Mapping[str, Any], Alarm]], zone: str, now: datetime
) -> Iterator[str]:
    reached = [(name, each) for name, each in heard if each.reached_at]
    idle = sum(each.reached_at is None for _, each in heard)
    if heard:
        yield ""
    for name, each in reached:
        before = _before(each)
        how = (
            "without a warning"
            if before is None
            else f"warned {text.span(before)} before"
        )
        at = text.clock(each.reached_at, zone, now) if each.reached_at else ""
        owner = text.plain(f"{name['account']} {name['kind']}".strip())
        yield f"{owner} ran out {at}, {how}"
    if heard:
        yield f"{idle} windows were said to run out and did not"
