"""Estimates between two readings, headroom, extra usage and what if."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from burnmon.live.headroom import Accounts, learn_from
from burnmon.live.snapshot import Health, LimitRow, Snapshot
from burnmon.live.take import Known, take
from burnmon.live.tally import Tally
from burnmon.records import Credits, LimitReading, Mark, Request, Session, Usage
from burnmon.usage import pricing
from burnmon.usage.stretches import stretches

NOW = datetime(2026, 11, 20, 10, 31, 7, tzinfo=UTC)
SINCE = NOW - timedelta(days=8)
PRICES = pricing.load()
OPUS, HAIKU, NAMELESS = "claude-opus-4-5", "claude-haiku-4-5", "somebody-elses-model"
DOLLAR = Usage(output=40_000)
"""Tokens that cost a dollar on OPUS."""


def ago(minutes: float) -> datetime:
    """An instant so many minutes before now."""
    return NOW - timedelta(minutes=minutes)


def request(minutes: float, key: int = 0, **more: object) -> Request:
    """A request of a dollar."""
    made = Request(key or int(minutes * 60), "claude", "S1", ago(minutes), OPUS, DOLLAR)
    return replace(made, **more)


def session(name: str = "S1", account: str = "") -> Session:
    """A session whose agent has the move."""
    return Session(
        "claude",
        name,
        account,
        started_at=ago(9000),
        last_at=NOW,
        doing_at=NOW,
        turn="agent",
    )


def reading(used: float, minutes: float, left: float = 120) -> LimitReading:
    """A reading of Claude's five-hour window."""
    resets_at = NOW + timedelta(minutes=left)
    at = ago(minutes)
    return LimitReading(
        "claude", "", "five_hour", 300, used, resets_at, at, "statusline"
    )


def past(windows: int = 5) -> tuple[list[LimitReading], list[Request]]:
    """Earlier windows in which a dollar took a percent, each with thirty of them."""
    readings, requests = [], []
    for window in range(1, windows + 1):
        begin = 180 + 300 * window
        readings.append(reading(0.0, begin, 120 - 300 * window))
        for count in range(1, 31):
            minutes = begin - 4 * count
            requests.append(request(minutes + 1, window * 1000 + count))
            readings.append(reading(count / 100, minutes, 120 - 300 * window))
    return readings, requests


def taken(
    readings: Sequence[LimitReading] = (),
    requests: Sequence[Request] = (),
    sessions: Sequence[Session] = (session(),),
    since: datetime = SINCE,
    stated: Sequence[Credits] = (),
    marks: Sequence[Mark] = (),
) -> Snapshot:
    """The snapshot of now, after windows in which a dollar took a percent."""
    before, made = past()
    tally = Tally(PRICES)
    tally.load([*made, *requests])
    known = stretches([*before, *readings])
    named = {each.session_id: each for each in sessions}
    learned = learn_from(Accounts(tally, named, since, NOW), known, marks)
    health = Health(None, watching=True)
    told = Known(
        named, known, {}, (), health, None, (), "UTC", since=since, learned=learned
    )
    return take(replace(told, credits=tuple(stated)), tally, NOW)


def limit(shown: Snapshot) -> LimitRow:
    """The one limit there is."""
    (row,) = shown.limits
    return row


def test_spend_since_the_reading_is_added() -> None:
    """Dollars since the reading are a share at the learned rate, beside the stated."""
    window = limit(taken([reading(0.5, 30)], [request(20), request(10)])).window
    assert window.used == 0.5
    assert window.live == pytest.approx(0.02)


def test_two_accounts_in_one_place_get_no_estimate() -> None:
    """Where two accounts are used in one home, nobody knows whose spend is whose."""
    theirs = [reading(0.2, 60, 200), reading(0.3, 50, 200), reading(0.4, 20, 200)]
    mine = [reading(0.5, 55), reading(0.6, 30)]
    shown = taken([*mine, *theirs], [request(10)])
    assert [row.window.account for row in shown.limits] == ["", "#2"]
    assert [row.window.live for row in shown.limits] == [None, None]
    doubt = "live: no estimate: two accounts are used in one place"
    assert doubt in shown.limits[0].explain


def test_confirmed_reading_starts_anew() -> None:
    """What was spent before the figure was last stated is in it."""
    stated = replace(reading(0.5, 30), repeated_at=ago(15))
    window = limit(taken([stated], [request(20), request(10)])).window
    assert window.live == pytest.approx(0.01)


def test_nothing_spent_adds_nothing() -> None:
    """Without spend the estimate is the reading."""
    assert limit(taken([reading(0.5, 30)], [request(40)])).window.live == 0


def test_other_account_does_not_count() -> None:
    """Spend of another account of the same agent fills its own window."""
    other = request(10, session_id="S2")
    sessions = [session(), session("S2", "work")]
    assert limit(taken([reading(0.5, 30)], [other], sessions)).window.live == 0


@pytest.mark.parametrize(
    ("requests", "since"),
    [
        pytest.param([request(10, model=NAMELESS)], SINCE, id="no price"),
        pytest.param([request(10)], ago(20), id="spend is not known so far back"),
    ],
)
def test_no_estimate(requests: list[Request], since: datetime) -> None:
    """Where spend or rate are not known, there is no estimate and no headroom."""
    row = limit(taken([reading(0.5, 30)], requests, since=since))
    assert row.window.live is None
    assert row.headroom == ()
    assert any(line.startswith("live: no estimate") for line in row.explain)


def test_window_that_is_no_longer_stated_has_no_estimate() -> None:
    """Where others of the account are stated and it is not, work fills those."""
    other = replace(reading(0.1, 5), kind="seven_day", window_minutes=10080)
    shown = taken([reading(0.5, 30), other], [request(20)])
    five = next(row for row in shown.limits if row.label == "Claude 5h")
    assert five.window.live is None
    doubt = "live: no estimate: others were stated since, this one was not"
    assert doubt in five.explain


def test_estimate_never_reaches_the_limit() -> None:
    """However much is spent, that a limit is reached is the vendor's to say."""
    many = [request(1 + count / 60, 1 + count) for count in range(60)]
    window = limit(taken([reading(0.9, 90)], many)).window
    assert window.verdict != "reached"
    assert window.live == pytest.approx(0.09)


def test_headroom() -> None:
    """What is left is told in requests like the last ones, and in time while burning.

    Half of the window is fifty dollars; a request costs one, and two came in 5 min.
    """
    row = limit(taken([reading(0.48, 30)], [request(4), request(3)]))
    assert row.headroom == (
        "≈ 50 more requests like the last 100",
        "past the reset at this rate",
    )
    quick = [request(3 + count / 30, 1 + count) for count in range(10)]
    row = limit(taken([reading(0.4, 30)], quick))
    assert row.headroom[1] == "≈ 25 m at this rate"


def prompts(*minutes: float, name: str = "S1") -> list[Mark]:
    """What the person said, so many minutes ago."""
    return [Mark("claude", name, ago(each), "prompt") for each in minutes]


def test_headroom_in_turns() -> None:
    """Where turns are known, what is left is told in turns like the last twenty.

    Half of the window is fifty dollars, and each of the last turns cost two.
    """
    turns = range(5, 130, 5)
    made = [
        request(turn - within, 1000 * turn + within)
        for turn in turns
        for within in (1, 2)
    ]
    row = limit(taken([reading(0.5, 0.1)], made, marks=prompts(*turns)))
    assert row.headroom[0] == "≈ 25 more turns like the last 20"
    assert any(line.startswith("headroom: ≈ 25 more turns") for line in row.explain)


@pytest.mark.parametrize(
    ("marks", "more"),
    [
        pytest.param(prompts(5, 10, 15, 20), {}, id="too few"),
        pytest.param(prompts(5, 10, 15, 20, -5), {}, id="to come"),
        pytest.param(prompts(5, 10, 15, 20, 25, name="S2"), {}, id="unknown session"),
        pytest.param(prompts(5, 10, 15, 20, 25), {"model": NAMELESS}, id="no price"),
    ],
)
def test_headroom_without_turns(marks: list[Mark], more: dict[str, Any]) -> None:
    """Where too few turns or their dollars are not known, requests are told."""
    made = [request(12, **more), request(4)]
    row = limit(taken([reading(0.5, 0.1)], made, marks=marks))
    assert row.headroom[0] == "≈ 50 more requests like the last 100"


def test_unpriced_turns_are_left_out() -> None:
    """A request without a price takes its turn and earlier ones out of the count."""
    made = [request(28, model=NAMELESS), request(12), request(4)]
    marks = prompts(5, 10, 15, 20, 25, 30, 35)
    row = limit(taken([reading(0.5, 0.1)], made, marks=marks))
    assert row.headroom[0].endswith("more turns like the last 5")


def test_no_time_while_nothing_burns() -> None:
    """At rest nothing is said of minutes."""
    row = limit(taken([reading(0.5, 30)]))
    assert row.headroom == ("≈ 50 more requests like the last 100",)


def test_explained() -> None:
    """The rate, its quartiles and its basis stand behind the estimate."""
    row = limit(taken([reading(0.5, 30)], [request(10)]))
    assert "live: +1.0 since the reading, not in used" in row.explain
    assert "live: 1 % per dollar, quartiles 1–1, from 50 rises in 5 windows" in (
        row.explain
    )


def test_extra_usage() -> None:
    """Requests after a limit was reached switch the first line to dollars."""
    shown = taken([reading(1.0, 60)], [request(59), request(40), request(10)])
    row = limit(shown)
    assert row.window.extra is not None
    assert row.window.extra.dollars == pytest.approx(3)
    assert shown.answer.startswith(
        "Claude 5h reached · on extra usage: $3.00 since 09:51 · resets 12:31"
    )
    assert shown.answer_level == "alarm"


@pytest.mark.parametrize(
    ("account", "minutes", "allowance", "words"),
    [
        pytest.param("", 5, "50", "$12.34 of $50 credits used", id="since"),
        pytest.param("", 5, None, "$12.34 credits used", id="no cap"),
        pytest.param("", 50, "50", "", id="before"),
        pytest.param("work", 5, "50", "", id="another account"),
    ],
)
def test_credits(
    account: str, minutes: float, allowance: str | None, words: str
) -> None:
    """The first line says official credits that were stated since work goes on."""
    cap = None if allowance is None else Decimal(allowance)
    stated = Credits("claude", account, Decimal("12.34"), cap, ago(minutes), "told")
    made = [request(40), request(10)]
    shown = taken([reading(1.0, 60)], made, stated=[stated])
    said = ["Claude 5h reached", "on extra usage: $2.00 since 09:51", words]
    assert shown.answer.startswith(" · ".join([*filter(None, said), "resets 12:31"]))


def test_answers_in_flight_are_no_extra_usage() -> None:
    """What was under way when the limit was reached is answered still."""
    shown = taken([reading(1.0, 60)], [request(59.5)])
    assert limit(shown).window.extra is None
    assert shown.answer.startswith("Claude 5h reached, resets 12:31")


def test_what_if() -> None:
    """A session that burns says what would change without it, or at other prices."""
    mine = [request(3 + count / 30, 1 + count) for count in range(10)]
    small = request(200, 77, model=HAIKU)
    shown = taken([reading(0.4, 30)], [*mine, small])
    (row,) = shown.sessions
    said = [line for line in row.explain if line.startswith("what if")]
    assert said == [
        "what if: it stopped: Claude 5h lasts ≈ 25 m → past the reset",
        "what if: on haiku-4.5: $2.00/min → $0.40/min, Claude 5h lasts"
        " ≈ 25 m → past the reset",
    ]


def test_idle_session_asks_no_what_if() -> None:
    """A session that spends nothing has nothing to change."""
    (row,) = taken([reading(0.4, 30)], [request(90)]).sessions
    assert not any(line.startswith("what if") for line in row.explain)
