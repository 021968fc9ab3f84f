"""Budgets of one's own as windows: when they run, what they hold, what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from burnmon.budget_settings import Budget
from burnmon.records import Window
from burnmon.usage.budgets import Quarter, bounds, budget_windows, since, steadied

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
BERLIN = "Europe/Berlin"
API, WEB = "/home/sam/api", "/home/sam/web"
Spent = dict[str, dict[int, Quarter]]


def quarter(at: datetime) -> int:
    """The quarter of an hour of an instant."""
    return int(at.timestamp()) // 900


def spent(*what: tuple[str, datetime, str]) -> Spent:
    """Bills of projects at instants, in dollars; ``?`` is one without a price."""
    bills: Spent = {}
    for project, at, dollars in what:
        bill = bills.setdefault(project, {}).setdefault(quarter(at), Quarter())
        if dollars == "?":
            bill.unpriced += 1
        else:
            bill.cost += Decimal(dollars)
    return bills


def only(budget: Budget, bills: Spent, zone: str = "UTC") -> Window:
    """The window of one budget."""
    (window,) = budget_windows((budget,), bills, (), zone, NOW)
    return window


@pytest.mark.parametrize(
    ("kind", "zone", "starts", "ends"),
    [
        pytest.param("day", "UTC", "2026-11-20T00:00", "2026-11-21T00:00", id="day"),
        pytest.param("day", BERLIN, "2026-11-19T23:00", "2026-11-20T23:00", id="zone"),
        pytest.param("week", "UTC", "2026-11-16T00:00", "2026-11-23T00:00", id="week"),
        pytest.param(
            "month", "UTC", "2026-11-01T00:00", "2026-12-01T00:00", id="month"
        ),
    ],
)
def test_bounds(kind: str, zone: str, starts: str, ends: str) -> None:
    """Days begin at local midnight, weeks on Monday, months on their first."""
    found = bounds(kind, NOW, zone)
    assert f"{found.starts_at:%Y-%m-%dT%H:%M}" == starts
    assert f"{found.ends_at:%Y-%m-%dT%H:%M}" == ends


@pytest.mark.parametrize(
    ("at", "hours"),
    [
        pytest.param(datetime(2026, 3, 29, 12, tzinfo=UTC), 23, id="spring"),
        pytest.param(datetime(2026, 10, 25, 12, tzinfo=UTC), 25, id="autumn"),
    ],
)
def test_days_of_clock_changes(at: datetime, hours: int) -> None:
    """A day on which the clock changes is an hour shorter or longer."""
    assert bounds("day", at, BERLIN).length == timedelta(hours=hours)


def test_months_go_back_over_the_year() -> None:
    """The month before January is December."""
    at = datetime(2026, 1, 15, tzinfo=UTC)
    assert bounds("month", at, "UTC", 1).starts_at == datetime(2025, 12, 1, tzinfo=UTC)


def test_history_reaches_back_as_far_as_the_longest_budget() -> None:
    """A month looks back on two, a day on four weeks."""
    month = since([Budget("day", 1), Budget("month", 1)], NOW, "UTC")
    assert month == datetime(2026, 9, 1, tzinfo=UTC)
    assert since([Budget("day", 1)], NOW, "UTC") == datetime(2026, 10, 23, tzinfo=UTC)


def test_window() -> None:
    """A budget counts what its period came to, and begins anew at its end."""
    yesterday, today = NOW - timedelta(days=1), NOW - timedelta(hours=2)
    window = only(Budget("day", 40.0), spent((API, yesterday, "9"), (WEB, today, "10")))
    assert (window.agent, window.kind, window.account) == ("budget", "day", "")
    assert (window.spent, window.allowance) == (Decimal(10), Decimal(40))
    assert window.used == 0.25
    assert window.window_minutes == 1440
    assert window.resets_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert (window.confidence, window.source) == ("local_estimate", "ledger")
    assert not window.binding


def test_nothing_spent_is_nothing_used() -> None:
    """A budget of a day without work is at 0 of it."""
    window = only(Budget("day", 40.0), {})
    assert (window.used, window.unpriced) == (0, 0)
    assert window.spent == Decimal(0)


def test_project() -> None:
    """A project's budget counts directories that contain its word, moved ones too."""
    bills = spent((API, NOW, "3"), (WEB, NOW, "5"), ("/workspace", NOW, "7"))
    moves = (("/workspace", "/home/sam/api"),)
    budget = Budget("day", 20.0, "api")
    (window,) = budget_windows((budget,), bills, moves, "UTC", NOW)
    assert (window.spent, window.account) == (Decimal(10), "api")


def test_unpriced() -> None:
    """Requests without a price are counted apart: the sum is a lower bound."""
    window = only(Budget("day", 40.0), spent((API, NOW, "4"), (API, NOW, "?")))
    assert (window.spent, window.unpriced) == (Decimal(4), 1)


def test_passed() -> None:
    """A budget that is passed is reached, and says how far."""
    window = only(Budget("day", 8.0), spent((API, NOW - timedelta(hours=1), "10")))
    assert (window.verdict, window.used) == ("reached", 1.25)
    assert window.forecast is not None
    assert 1.25 <= window.forecast.p10 <= window.forecast.p90
    assert window.forecast.exhaustion_probability == 1.0


def test_verdict_does_not_flicker() -> None:
    """A budget that was to run out is let off late, and only in its own period."""
    window = only(Budget("day", 40.0), spent((API, NOW - timedelta(hours=1), "10")))
    assert window.forecast is not None
    doubtful = replace(window.forecast, exhaustion_probability=0.45)
    now = replace(window, forecast=doubtful, verdict="watch")
    last = replace(window, verdict="runs_out")
    yesterday = replace(last, resets_at=NOW - timedelta(hours=12))
    for before, word in (([], "watch"), ([last], "runs_out"), ([yesterday], "watch")):
        (found,) = steadied([now], before)
        assert found.verdict == word


def test_later_spend_does_not_count() -> None:
    """What a clock ahead wrote of the future is not spent yet."""
    later = NOW + timedelta(hours=1)
    assert only(Budget("day", 8.0), spent((API, later, "5"))).spent == 0


def test_forecast_learns_from_days_that_were_recorded() -> None:
    """Days before the first record are no days on which nothing was spent."""
    days = [(API, NOW - timedelta(days=ago, hours=-3), "10") for ago in range(1, 7)]
    window = only(Budget("day", 40.0), spent(*days, (API, NOW, "5")))
    assert window.forecast is not None
    assert 5 / 40 < window.forecast.p50 < 25 / 40
    assert window.verdict == "safe"
