"""What is worth telling, and that it is told once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import example
import pytest
from example import NOW, minutes
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.alert_settings import Alerts
from burnmon.budget_settings import Budget
from burnmon.live.alerts import SETTLED, due, is_quiet, with_events
from burnmon.live.charts import window_label
from burnmon.live.snapshot import (
    Alert,
    Cache,
    LimitRow,
    Norm,
    SessionRow,
    Snapshot,
)
from burnmon.records import Verdict
from burnmon.usage.budgets import Quarter, budget_windows

RULES = Alerts()
NIGHT = Alerts(quiet=(22 * 60, 7 * 60))
RESET = NOW + minutes(148)
FIVE = example.limits()[1]
"""Claude's five hours: 61 % used, safe."""


def row(
    verdict: Verdict = "safe",
    used: float | None = 0.61,
    resets_at: datetime | None = RESET,
    agent: str = "claude",
) -> LimitRow:
    """The five-hour window in another state."""
    window = replace(
        FIVE.window, verdict=verdict, used=used, resets_at=resets_at, agent=agent
    )
    return replace(FIVE, window=window)


def shown(
    *limits: LimitRow, sessions: Iterable[SessionRow] = (), now: datetime = NOW
) -> Snapshot:
    """A snapshot that has nothing else to tell."""
    return replace(
        example.snapshot(), now=now, limits=limits, sessions=tuple(sessions), events=()
    )


def told(alerts: Iterable[Alert]) -> list[tuple[str, int]]:
    """Kind and step of each."""
    return [(each.kind, each.step) for each in alerts]


class Telling:
    """Snapshots one after the other, and what was told of them."""

    def __init__(self, rules: Alerts = RULES) -> None:
        self.rules = rules
        self.log: list[Alert] = []

    def see(self, snapshot: Snapshot) -> list[tuple[str, int]]:
        """What a snapshot has to tell that was not told before."""
        fresh = due(snapshot, self.log, self.rules)
        self.log += fresh
        return told(fresh)


# --- windows -------------------------------------------------------------------------


def test_nothing_to_tell() -> None:
    """A safe window, idle sessions and an empty machine tell nothing."""
    assert due(shown(row()), [], RULES) == ()
    assert due(example.empty(), [], RULES) == ()
    assert due(shown(row("unknown", None, None)), [], RULES) == ()


@pytest.mark.parametrize(
    ("verdict", "step", "level"),
    [("watch", 1, "warning"), ("runs_out", 2, "alarm"), ("reached", 3, "alarm")],
)
def test_verdict(verdict: Verdict, step: int, level: str) -> None:
    """Each verdict that is not safe is told, at the level of its colour."""
    (alert,) = due(shown(row(verdict)), [], RULES)
    assert (alert.kind, alert.step, alert.level) == ("verdict", step, level)
    assert alert.text.startswith("Claude 5h ")
    assert dict(alert.why)["used_percent"] == 61
    assert alert.occasion_at == RESET


def test_higher_verdict_is_told_again() -> None:
    """Within a window only what is worse than before is told."""
    telling = Telling()
    seen = [telling.see(shown(row(each))) for each in ("watch", "runs_out", "watch")]
    assert seen == [[("verdict", 1)], [("verdict", 2)], []]
    assert telling.see(shown(row("reached", 1.0))) == [("verdict", 3)]
    assert telling.see(shown(row("runs_out"))) == []


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (0.7499, []),
        (0.75, [75]),
        (0.29 + 0.46, [75]),
        (0.91, [90]),
        (0.99, [95]),
    ],
)
def test_threshold(used: float, expected: list[int]) -> None:
    """The highest threshold that is passed is told, and no lower one after it."""
    telling = Telling()
    alerts = telling.see(shown(row(used=used)))
    assert alerts == [("threshold", step) for step in expected]
    assert telling.see(shown(row(used=used))) == []


@pytest.mark.parametrize(
    ("verdict", "used", "level"),
    [
        ("safe", 0.96, "note"),
        ("unknown", 0.76, "warning"),
        ("unknown", 0.96, "alarm"),
    ],
)
def test_level_of_threshold(verdict: Verdict, used: float, level: str) -> None:
    """A share that will last is a note; one of which nothing is known may ring."""
    (alert,) = due(shown(row(verdict, used)), [], RULES)
    assert (alert.kind, alert.level) == ("threshold", level)


def test_verdict_covers_thresholds() -> None:
    """Who is told a verdict is told the use with it, not once more."""
    telling = Telling()
    assert telling.see(shown(row("runs_out", 0.91))) == [("verdict", 2)]
    assert "91 % used" in telling.log[0].text
    assert telling.see(shown(row("runs_out", 0.94))) == []
    assert telling.see(shown(row("runs_out", 0.95))) == [("threshold", 95)]


@pytest.mark.parametrize("seconds", [-120, -59, 0, 59, 120])
def test_reset_may_jitter(seconds: int) -> None:
    """A reset that is stated a little differently is the same window's."""
    telling = Telling()
    telling.see(shown(row("runs_out", 0.8)))
    other = RESET + timedelta(seconds=seconds)
    assert telling.see(shown(row("runs_out", 0.8, other))) == []


def test_next_window_tells_anew() -> None:
    """The window after the reset has alerts of its own."""
    telling = Telling()
    telling.see(shown(row("runs_out")))
    later = shown(row("runs_out", 0.5, RESET + minutes(300)), now=RESET + minutes(1))
    assert telling.see(later) == [("verdict", 2)]


def test_windows_of_accounts_are_apart() -> None:
    """Two windows that both run out are two alerts."""
    other = replace(row("runs_out"), label="Claude 5h work")
    alerts = due(shown(row("runs_out"), other), [], RULES)
    assert [each.subject for each in alerts] == ["Claude 5h", "Claude 5h work"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["safe", "watch", "runs_out", "reached", "unknown"]),
            st.integers(0, 100),
            st.integers(-55, 55),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_no_flicker_repeats(states: list[tuple[Verdict, int, int, bool]]) -> None:
    """Whatever a window does until its reset, each step is told once, rising."""
    telling = Telling(NIGHT)
    for place, (verdict, percent, jitter, night) in enumerate(states):
        reset = NOW + timedelta(days=6, seconds=jitter)
        now = NOW + minutes(place) + timedelta(hours=10 if night else 0)
        telling.see(shown(row(verdict, percent / 100, reset), now=now))
    for held in (True, False):
        for kind in ("verdict", "threshold"):
            steps = [a.step for a in telling.log if (a.kind, a.held) == (kind, held)]
            assert steps == sorted(set(steps))


def test_free_again() -> None:
    """A window that was told to be full is told once to be free, calmly."""
    telling = Telling()
    telling.see(shown(row("reached", 1.0)))
    after = replace(row("unknown", None, None), elapsed=None)
    assert telling.see(shown(after, now=RESET - minutes(1))) == []
    assert telling.see(shown(after, now=RESET + minutes(1))) == [("free", 0)]
    assert telling.log[-1].level == "note"
    assert telling.see(shown(after, now=RESET + minutes(2))) == []
    anew = row("safe", 0.02, RESET + minutes(300))
    assert telling.see(shown(anew, now=RESET + minutes(3))) == []


def test_free_after_an_early_reset() -> None:
    """A vendor that resets before its time frees the window then."""
    telling = Telling()
    telling.see(shown(row("reached", 1.0)))
    anew = row("safe", 0.01, RESET + minutes(60))
    assert telling.see(shown(anew, now=NOW + minutes(5))) == [("free", 0)]


def test_not_free_while_another_window_is_full() -> None:
    """Five hours that begin anew free nobody whose week is used up."""
    telling = Telling()
    telling.see(shown(row("reached", 1.0)))
    week = replace(row("reached", 1.0, RESET + timedelta(days=3)), label="Claude 7d")
    after = row("safe", 0.0, RESET + minutes(300))
    now = RESET + minutes(1)
    assert telling.see(shown(after, week, now=now)) == [("verdict", 3)]


def test_shared_home() -> None:
    """Of accounts that share a home each window is told once, however numbered."""
    telling = Telling()
    later = RESET + minutes(60)
    first = row("reached", 1.0)
    second = replace(row("reached", 1.0, later), label=f"{FIVE.label} #2")
    both = shown(first, second)
    assert telling.see(both) == [("verdict", 3), ("verdict", 3)]
    moved = replace(second, label=FIVE.label)
    assert telling.see(shown(moved, now=RESET + minutes(1))) == []
    account = replace(row("safe", 0.02, RESET + minutes(300)).window, account="#2")
    anew = replace(first, window=account, label=f"{FIVE.label} #2")
    assert telling.see(shown(moved, anew, now=RESET + minutes(9))) == [("free", 0)]
    assert telling.log[-1].text == "Claude 5h #2 is free again"
    assert telling.log[-1].occasion_at == RESET


def test_old_freedom_is_no_news() -> None:
    """A window that was full the day before is not told to be free."""
    telling = Telling()
    telling.see(shown(row("reached", 1.0)))
    late = RESET + timedelta(hours=13)
    assert telling.see(shown(row("unknown", None, None), now=late)) == []


def test_budget_is_a_kind_of_its_own() -> None:
    """Budgets warn like limits, are left out by themselves, and free nobody."""
    budget = row("reached", 1.0, agent="budget")
    assert told(due(shown(budget), [], RULES)) == [("verdict", 3)]
    assert due(shown(budget), [], Alerts(kinds=("limit",))) == ()
    assert told(due(shown(row("watch"), budget), [], Alerts(kinds=("budget",)))) == [
        ("verdict", 3)
    ]
    telling = Telling()
    telling.see(shown(budget))
    after = row("safe", 0.0, RESET + minutes(1440), "budget")
    assert telling.see(shown(after, now=RESET + minutes(1))) == []


def test_budgets_of_ones_own() -> None:
    """An own budget is told by its name, in dollars, and never as a stop."""
    spend = {"~/src/api": {int(NOW.timestamp()) // 900: Quarter(Decimal("36.2"))}}
    day, week = budget_windows(
        (Budget("day", 35.0), Budget("week", 50.0, "api")), spend, (), "UTC", NOW
    )
    lasts_not = replace(
        week, verdict="runs_out", forecast=example.limits()[0].window.forecast
    )
    rows = [
        LimitRow(each, window_label(each), each.elapsed(NOW))
        for each in (day, lasts_not)
    ]
    over, out = due(shown(*rows), [], RULES)
    assert over.text == "Budget day over budget: $36.20 of $35"
    assert (over.subject, over.level) == ("Budget day", "alarm")
    assert dict(over.why)["spent_usd"] == 36.2
    assert out.text.startswith("Budget api week runs out ")
    assert out.level == "warning"


# --- quiet hours ---------------------------------------------------------------------


def instant(words: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        ("2026-11-17 20:59", False),
        ("2026-11-17 21:00", True),
        ("2026-11-18 05:59", True),
        ("2026-11-18 06:00", False),
        ("2026-07-17 19:59", False),
        ("2026-07-17 20:00", True),
        ("2026-03-29 00:59", True),
        ("2026-03-29 04:59", True),
        ("2026-03-29 05:00", False),
        ("2026-10-25 05:59", True),
        ("2026-10-25 06:00", False),
    ],
    ids=str,
)
def test_quiet_hours(at: str, quiet: bool) -> None:
    """Quiet hours are those of the wall clock, over midnight and over DST changes."""
    assert is_quiet(instant(at), "Europe/Berlin", NIGHT.quiet) is quiet


def test_quiet_by_day() -> None:
    """Quiet hours may lie within a day; without any it is never quiet."""
    noon = (12 * 60, 13 * 60 + 30)
    assert is_quiet(instant("2026-11-17 11:00"), "Europe/Berlin", noon)
    assert not is_quiet(instant("2026-11-17 12:30"), "Europe/Berlin", noon)
    assert not is_quiet(instant("2026-11-17 12:00"), "Europe/Berlin", None)


def test_held_and_told_after() -> None:
    """What the night held is told once when it ends, if it is still true."""
    reset = NOW + timedelta(days=3)
    telling = Telling(NIGHT)
    night, morning = NOW + timedelta(hours=9), NOW + timedelta(hours=17)
    telling.see(shown(row("runs_out", 0.8, reset), now=night))
    assert telling.log[0].held
    assert telling.log[0].channels == ()
    assert telling.see(shown(row("runs_out", 0.8, reset), now=night)) == []
    assert telling.see(shown(row("watch", 0.92, reset), now=morning)) == [
        ("verdict", 1)
    ]
    assert telling.see(shown(row("watch", 0.92, reset), now=morning)) == []
    assert [each.held for each in telling.log] == [True, False]


def test_held_and_over() -> None:
    """What is no longer true when the night ends is never told."""
    telling = Telling(NIGHT)
    reset = NOW + timedelta(days=3)
    telling.see(shown(row("watch", 0.6, reset), now=NOW + timedelta(hours=9)))
    morning = shown(row("safe", 0.6, reset), now=NOW + timedelta(hours=17))
    assert telling.see(morning) == []


# --- sessions ------------------------------------------------------------------------

WAITS = replace(
    example.session("api", "waiting", 3, "0", "0.88"), last_at=NOW - minutes(3)
)


def test_waiting() -> None:
    """A session that waits is told once it is clear that nobody is there."""
    telling = Telling()
    since = NOW - SETTLED + timedelta(seconds=1)
    hasty = replace(WAITS, state_since=since, last_at=since)
    assert telling.see(shown(sessions=[hasty])) == []
    assert telling.see(shown(sessions=[hasty], now=NOW + minutes(1))) == [
        ("waiting", 0)
    ]
    (alert,) = telling.log
    assert alert.message == "api: waits for you since 14:31"
    assert alert.level == "warning"


def test_each_wait_once() -> None:
    """A wait is told once however its begin is stated; the next one is told again."""
    telling = Telling()
    telling.see(shown(sessions=[WAITS]))
    for state_since in (NOW, NOW - minutes(5), NOW + minutes(2)):
        still = replace(WAITS, state_since=state_since)
        assert telling.see(shown(sessions=[still], now=NOW + minutes(9))) == []
    later = NOW + minutes(12)
    anew = replace(WAITS, state_since=later, last_at=later)
    assert telling.see(shown(sessions=[anew], now=later + minutes(2))) == [
        ("waiting", 0)
    ]


COLD = replace(WAITS, state="idle", cache=Cache(NOW + minutes(1.5), Decimal("1.43")))


def test_cache_goes_cold() -> None:
    """A dear cache is told minutes before it goes cold, once until it is renewed."""
    telling = Telling()
    assert telling.see(shown(sessions=[COLD])) == [("cold", 0)]
    assert telling.log[0].text == (
        "cache goes cold at 14:33; the next turn then costs $1.43 more"
    )
    assert telling.see(shown(sessions=[COLD], now=NOW + minutes(1))) == []
    renewed = replace(COLD, cache=Cache(NOW + minutes(6.5), Decimal("1.43")))
    assert telling.see(shown(sessions=[renewed], now=NOW + minutes(5))) == [("cold", 0)]


@pytest.mark.parametrize(
    "session",
    [
        replace(COLD, state="burning"),
        replace(COLD, cache=None),
        replace(COLD, cache=Cache(NOW + minutes(1), None)),
        replace(COLD, cache=Cache(NOW + minutes(1), Decimal("0.99"))),
        replace(COLD, cache=Cache(NOW + minutes(3), Decimal(9))),
        replace(COLD, cache=Cache(NOW, Decimal(9))),
    ],
    ids=["burns", "unknown", "unpriced", "cheap", "warm", "cold"],
)
def test_cache_of_no_concern(session: SessionRow) -> None:
    """A cache that is in use, cheap, warm for long or cold already is not told."""
    assert due(shown(sessions=[session]), [], RULES) == ()


# --- runaways ------------------------------------------------------------------------


def burning(rate: str, whole: str, norm: Norm | None) -> Snapshot:
    """One session that burns, and the pace of everything."""
    session = example.session("api", "burning", 1, rate, "6.02")
    burn = replace(example.burn(), cost_per_minute=Decimal(whole), norm=norm)
    return replace(shown(sessions=[session]), burn=burn)


NORM = Norm(Decimal("0.50"), Decimal("0.30"))


@pytest.mark.parametrize(
    ("rate", "whole", "expected"),
    [
        ("0.89", "1.49", []),
        ("0.90", "1.49", ["id-api"]),
        ("0.90", "9.00", ["id-api"]),
        ("0.89", "1.50", [""]),
    ],
)
def test_runaway(rate: str, whole: str, expected: list[str]) -> None:
    """Three times one's busy pace is a runaway: the session's that does it, or all."""
    alerts = due(burning(rate, whole, NORM), [], RULES)
    assert [each.subject for each in alerts] == expected
    assert all(each.level == "alarm" for each in alerts)


def test_runaway_says_the_norm() -> None:
    """The alert names the pace, and the norm it is measured by."""
    (alert,) = due(burning("1.20", "1.20", NORM), [], RULES)
    assert alert.message == (
        "api: burns $1.20/min, 4.0× the $0.30/min of your busy times"
    )


def test_no_runaway_without_a_norm() -> None:
    """Without enough history nothing is called unusual, and nothing cheap is."""
    assert due(burning("99", "99", None), [], RULES) == ()
    small = Norm(Decimal("0.01"), Decimal("0.01"))
    assert due(burning("0.09", "0.09", small), [], RULES) == ()
    assert due(burning("99", "99", Norm(Decimal(0), Decimal(0))), [], RULES) == ()


def test_runaway_is_told_once_in_hours() -> None:
    """A pace that comes and goes is told once."""
    telling = Telling()
    for hours in (0, 1, 5.9):
        telling.see(replace(burning("2", "2", NORM), now=NOW + timedelta(hours=hours)))
    assert len(telling.log) == 1


# --- rules, channels, events ---------------------------------------------------------


def test_kinds() -> None:
    """Only the kinds that are asked for are told."""
    everything = replace(
        burning("2", "2", NORM),
        limits=(row("runs_out"),),
    )
    sessions = (*everything.sessions, WAITS, replace(COLD, session_id="cold"))
    everything = replace(everything, sessions=sessions)
    assert len(due(everything, [], RULES)) == 4
    for kind in ("limit", "runaway", "cold", "waiting"):
        (alert,) = due(everything, [], Alerts(kinds=(kind,)))
        assert alert.kind in (kind, "verdict")


def test_only_alarms_ring() -> None:
    """The bell is for alarms; the command gets everything."""
    rules = Alerts(command="notify")
    alarm, warning = due(shown(row("runs_out"), sessions=[WAITS]), [], rules)
    assert alarm.channels == ("screen", "bell", "tmux", "command")
    assert warning.channels == ("screen", "tmux", "command")


def test_worst_first() -> None:
    """What is told together is told in the order of its weight."""
    week = replace(row("runs_out"), label="Claude 7d")
    alerts = due(shown(row("safe", 0.8), week, sessions=[WAITS]), [], RULES)
    assert [each.level for each in alerts] == ["alarm", "warning", "note"]


def test_events() -> None:
    """Alerts of the last day stand among the events, newest first, each once."""
    telling = Telling(NIGHT)
    reset = NOW + timedelta(days=3)
    night, morning = NOW + timedelta(hours=9), NOW + timedelta(hours=17)
    telling.see(shown(row("runs_out", 0.6, reset), now=night))
    telling.see(shown(row("runs_out", 0.6, reset), now=morning))
    shot = replace(example.snapshot(), now=morning)
    events = with_events(shot, telling.log, NIGHT).events
    assert [each.at for each in events].count(morning) == 1
    assert events[0].level == "alarm"
    assert len(events) == len(example.events()) + 1
    assert with_events(shot, telling.log, Alerts(channels=("bell",))) is shot


@pytest.mark.parametrize("hours", [-2, -0.1, 0.1, 2])
def test_clock_that_jumps(hours: float) -> None:
    """A clock that is set, and a machine that slept, repeat nothing."""
    telling = Telling()
    for jump in (0, hours, 0):
        now = NOW + timedelta(hours=jump)
        shot = shown(row("runs_out", 0.8), sessions=[WAITS, COLD], now=now)
        telling.see(replace(shot, burn=burning("2", "2", NORM).burn))
    keys = [each.key for each in telling.log]
    assert len(keys) == len(set(keys))
    assert [each.kind for each in telling.log].count("runaway") == 1


def test_old_alerts_are_no_events() -> None:
    """An alert of the day before yesterday is in the log alone."""
    alerts = due(shown(row("runs_out")), [], RULES)
    shot = replace(example.empty(), now=NOW + timedelta(hours=25))
    assert with_events(shot, alerts, RULES).events == ()
