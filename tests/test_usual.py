"""What is usual at a time of the week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import homes
import pytest

from burnmon import config
from burnmon.live.engine import Engine
from burnmon.usage.ledger import Ledger
from burnmon.usage.usual import usual

TUESDAY = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


def past(*dollars: str, weeks: int = 4, hour: int = 13) -> dict[int, Decimal]:
    """Hours of Tuesday afternoons, some each week."""
    hours = {}
    for week in range(1, weeks + 1):
        for n, each in enumerate(dollars):
            at = TUESDAY - timedelta(weeks=week) + timedelta(hours=hour - 14 + n)
            hours[int(at.timestamp()) // 3600] = Decimal(each)
    return hours


def test_middle_of_hours_like_this() -> None:
    """The norm is the middle of the hours of this part of the week that burned."""
    found = usual(past("1", "2", "30"), TUESDAY, "UTC")
    assert found is not None
    assert found == (Decimal(2), 12, 4, "Tuesday afternoon")


@pytest.mark.parametrize(
    "hours",
    [
        past("1", "2", weeks=4),
        past("1", "2", "3", "4", "5", weeks=2),
        past("1", "2", "3", hour=19),
        past("0", "0", "0"),
        {},
    ],
    ids=["few hours", "few days", "another time of the day", "nothing burned", "none"],
)
def test_too_little_past(hours: dict[int, Decimal]) -> None:
    """Without ten hours of three days nothing is called usual."""
    assert usual(hours, TUESDAY, "UTC") is None


def test_day_itself_is_no_norm() -> None:
    """What burns today does not become what is usual today."""
    today = int(TUESDAY.timestamp()) // 3600
    hours = past("1", "1", "1") | {today - n: Decimal(100) for n in range(3)}
    found = usual(hours, TUESDAY, "UTC")
    assert found is not None
    assert found.dollars == 1


def test_zone_decides_the_part() -> None:
    """The same hours are a morning on another clock."""
    found = usual(past("1", "1", "1"), TUESDAY, "America/New_York")
    assert found is not None
    assert found.when == "Tuesday morning"


def test_live_view_compares_the_last_hour(tmp_path: Path) -> None:
    """Beside the burn rate stands how it compares with one's own weeks."""
    settings = config.load({}, {"HOME": str(tmp_path), "TZ": "UTC"})
    lines = [
        homes.assistant(
            f"m{week}-{n}",
            timestamp=f"{TUESDAY - timedelta(weeks=week, hours=n):%Y-%m-%dT%H:%M:%SZ}",
        )
        for week in range(1, 5)
        for n in range(3)
    ]
    now = [
        homes.assistant(
            f"now-{n}", timestamp=f"{TUESDAY - timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}"
        )
        for n in (5, 10)
    ]
    files = {"projects/w/S1.jsonl": homes.text(*lines, *now)}
    with homes.absorbed(tmp_path / "home", files) as ledger:
        assert isinstance(ledger, Ledger)
        engine = Engine(settings, ledger, TUESDAY)
        assert engine.snapshot(TUESDAY).burn.compared is None
        engine.compare(TUESDAY)
        compared = engine.snapshot(TUESDAY).burn.compared
    assert compared is not None
    assert (compared.times, compared.hours) == (2.0, 12)
    assert compared.when == "Tuesday afternoon"
