"""Readings become windows: what is used, when it resets, which one binds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.records import Forecast, LimitReading, Window
from burnmon.usage.limits import (
    estimated_window,
    foreseen,
    stated,
    verdict,
)
from burnmon.usage.stretches import Series, Stretch, extended, series, stretches

DAY = datetime(2026, 11, 20, tzinfo=UTC)
WEEK = 10080


def windows(
    known: Mapping[Series, Sequence[Stretch]],
    now: datetime,
    before: Sequence[Window] = (),
) -> list[tuple[Window, Stretch]]:
    """The windows that count at an instant, without local estimates."""
    return foreseen(stated(known, now), known, now, before)


def at(clock: str, days: int = 0) -> datetime:
    """An instant of the day by its clock time, to the second where it is stated."""
    hours, minutes, *seconds = map(int, clock.split(":"))
    second = seconds[0] if seconds else 0
    return DAY + timedelta(days=days, hours=hours, minutes=minutes, seconds=second)


def reading(
    seen: str, percent: float, resets_at: datetime | str, **more: object
) -> LimitReading:
    """A reading of Claude's five-hour window, unless told otherwise."""
    reset = at(resets_at) if isinstance(resets_at, str) else resets_at
    kind = str(more.pop("kind", "five_hour"))
    minutes = 300 if kind == "five_hour" else WEEK
    made = LimitReading(
        "claude", "", kind, minutes, percent / 100, reset, at(seen), "statusline"
    )
    return replace(made, **more)


def codex(
    seen: str, percent: float, resets_at: datetime, kind: str, minutes: int = WEEK
) -> LimitReading:
    """A reading as a rollout states it: by its place in the record."""
    more = {"agent": "codex", "kind": kind, "window_minutes": minutes}
    return reading(seen, percent, resets_at, **more)


def standing(readings: Iterable[LimitReading], now: datetime) -> list[Window]:
    """The windows that are known at an instant, the binding one first."""
    stated = [each for each in readings if each.observed_at <= now]
    return [window for window, _ in windows(stretches(stated), now)]


def only(readings: Iterable[LimitReading], now: datetime) -> Window:
    """The one window there is."""
    (window,) = standing(readings, now)
    return window


# --- one window ----------------------------------------------------------------------

STALE = [
    reading("10:00", 40, "15:00"),
    reading("10:05", 38, "15:00"),
    reading("10:10", 41, "15:00:01"),
    reading("10:20", 2, "15:12"),
]


@pytest.mark.parametrize(
    ("clock", "percent", "resets"),
    [
        pytest.param("10:07", 40, "15:00", id="an echo never lowers"),
        pytest.param("10:10", 41, "15:00:01", id="a jitter is the same window"),
        pytest.param("10:21", 2, "15:12", id="a later reset is a new window"),
    ],
)
def test_highest_statement_counts(clock: str, percent: int, resets: str) -> None:
    """The highest share stated for the newest reset is what is used."""
    window = only(STALE, at(clock))
    assert window.used == percent / 100
    assert window.resets_at == at(resets)


def test_nothing_stated_is_no_window() -> None:
    """A window that nobody stated does not appear, not even as 0 %."""
    assert windows({}, DAY) == []
    assert windows({("claude", "", "five_hour", 300): ()}, DAY) == []


def test_echo_after_new_window_changes_nothing() -> None:
    """A session that repeats the old window does not bring it back."""
    echo = reading("10:30", 41, "15:00")
    window = only([*STALE, echo], at("10:31"))
    assert (window.used, window.resets_at) == (0.02, at("15:12"))


@pytest.mark.parametrize("seconds", [-58, -1, 0, 1, 58])
def test_reset_jitters_within_one_window(seconds: int) -> None:
    """Resets that differ by less than a minute are one window's."""
    later = at("15:00") + timedelta(seconds=seconds)
    known = stretches([reading("10:00", 40, "15:00"), reading("10:05", 38, later)])
    (stretch,) = known["claude", "", "five_hour", 300]
    assert stretch.used(at("10:06")) == 0.4
    assert stretch.resets_at == max(at("15:00"), later)


def test_use_is_known_from_its_statement_on() -> None:
    """A stretch tells what was known at an instant, and nothing before the first."""
    (stretch, _) = stretches(STALE)["claude", "", "five_hour", 300]
    known = [stretch.used(at(clock)) for clock in ("9:59", "10:00", "10:09", "10:10")]
    assert known == [None, 0.4, 0.4, 0.41]
    assert stretch.steps() == ((at("10:00"), 0.4), (at("10:10"), 0.41))


def test_expired_reading_is_unknown() -> None:
    """After its reset a window is unknown with a reason, not empty."""
    readings = [reading("10:00", 40, "15:00")]
    before, after = only(readings, at("14:59:59")), only(readings, at("15:00"))
    assert before.used == 0.4
    assert (after.used, after.resets_at, after.verdict) == (None, None, "unknown")
    assert (after.confidence, after.binding) == ("unknown", False)
    assert after.reason
    assert after.observed_at == at("10:00")


def test_reading_older_than_its_own_reset_is_unknown() -> None:
    """A figure that was stated after its own reset tells nothing of now."""
    assert only([reading("15:02", 40, "15:00")], at("15:03")).used is None


def test_provider_resets_early() -> None:
    """A weekly window that begins anew before its end is the new one from then on."""
    old = reading("9:00", 88, at("21:00", 3), kind="seven_day")
    new = reading("10:00", 0, at("10:00", 7), kind="seven_day")
    assert only([old, new], at("9:30")).used == 0.88
    window = only([old, new], at("10:01"))
    assert (window.used, window.resets_at) == (0.0, at("10:00", 7))


def test_confirmation_is_as_young_as_its_last_statement() -> None:
    """A repeated figure counts as stated when it was last repeated."""
    told = replace(reading("10:00", 40, "15:00"), repeated_at=at("10:30"))
    assert only([told], at("10:31")).observed_at == at("10:30")
    assert only([told], at("10:20")).observed_at == at("10:00")


@pytest.mark.parametrize("clock", ["10:01", "12:00", "14:59"])
def test_full_window_stays_reached(clock: str) -> None:
    """A limit reached stays reached until its reset, whatever is stated meanwhile."""
    refused = reading("10:00", 100, "15:00", source="limit record")
    window = only([refused, reading("10:01", 83, "15:00")], at(clock))
    assert (window.used, window.verdict) == (1.0, "reached")
    assert window.forecast
    assert window.forecast.exhaustion_probability == 1


def test_limit_record_and_statusline_tell_of_one_window() -> None:
    """A refusal dated by the minute joins the window the status line states."""
    line = reading("10:00", 97, "15:00:01")
    refused = reading("10:04", 100, "15:00", source="limit record")
    echo = reading("10:06", 97, "15:00:01")
    window = only([line, refused, echo], at("10:07"))
    assert (window.used, window.source) == (1.0, "limit record")
    assert window.resets_at == at("15:00:01")


@pytest.mark.parametrize(
    ("chance", "word"),
    [(0.0, "safe"), (0.09, "safe"), (0.1, "watch"), (0.49, "watch"), (0.5, "runs_out")],
)
def test_verdict_follows_the_chance(chance: float, word: str) -> None:
    """The verdict follows the chance of running out, not the share used."""
    forecast = only([reading("10:00", 40, "15:00")], at("12:00")).forecast
    assert forecast
    told = replace(forecast, exhaustion_probability=chance)
    assert verdict(0.99, told) == word
    assert verdict(0.01, told) == word
    assert verdict(0.99, None) == "unknown"
    assert verdict(1.0, None) == "reached"


# --- several windows -----------------------------------------------------------------


def test_position_is_no_name() -> None:
    """A weekly window that moves from the second place to the first is the same."""
    readings = [
        codex("10:00", 30, at("9:00", 5), "secondary"),
        codex("10:00", 70, at("15:00"), "primary", 300),
        codex("11:00", 33, at("9:00", 5), "primary"),
    ]
    known = {each.window_minutes: each for each in standing(readings, at("11:01"))}
    assert {minutes: each.used for minutes, each in known.items()} == {
        WEEK: 0.33,
        300: 0.7,
    }


def test_named_limits_of_codex_stay_apart() -> None:
    """A limit with a name of its own is no continuation of the ordinary one."""
    own = codex("10:00", 90, at("9:00", 5), "spark:primary")
    usual = codex("10:00", 10, at("9:00", 5), "primary")
    assert series(own) != series(usual)
    assert series(replace(own, kind="spark:secondary")) == series(own)
    assert [each.used for each in standing([own, usual], at("10:01"))] == [0.9, 0.1]


def test_kinds_of_seven_days_stay_apart() -> None:
    """The week of a model is none of all models, though both take seven days."""
    reset = at("21:00", 4)
    kinds = {"seven_day": 20, "seven_day_opus": 64, "seven_day_sonnet": 3}
    readings = [reading("10:00", n, reset, kind=kind) for kind, n in kinds.items()]
    found = standing(readings, at("10:01"))
    assert {each.kind: each.used for each in found} == {
        kind: n / 100 for kind, n in kinds.items()
    }


def test_accounts_stay_apart() -> None:
    """Each account has its own windows, and one of each binds."""
    readings = [
        reading("10:00", 40, "15:00", account="work"),
        reading("10:05", 3, "15:00", account="home"),
        reading("10:05", 50, at("9:00", 3), account="work", kind="seven_day"),
    ]
    found = standing(readings, at("10:06"))
    assert [each.account for each in found] == ["home", "work", "work"]
    assert [each.binding for each in found] == [True, True, False]


# Of a home that two accounts use in turn: the first one's window ends at five.
FIRST = [codex(f"2:{m}", m, at("05:00"), "codex:primary", 300) for m in (40, 50)]
SECOND = [codex(f"2:{m}", m, at("07:00"), "codex:primary", 300) for m in (45, 55)]


def test_two_accounts_in_one_home() -> None:
    """Windows whose use rises in turn are two accounts', and both count."""
    found = standing(FIRST + SECOND, at("03:00"))
    assert {each.account: each.used for each in found} == {"": 0.50, "#2": 0.55}
    assert all(each.binding for each in found)


def test_number_is_no_name() -> None:
    """An account that is numbered anew keeps its window's forecast and verdict."""
    before = standing(FIRST + SECOND, at("04:59:50"))
    known = stretches(FIRST + SECOND)
    ((alone, _),) = windows(known, at("05:00:05"), before)
    (last,) = (each for each in before if each.account == "#2")
    assert (alone.account, alone.resets_at) == ("", last.resets_at)
    assert last.forecast is not None
    assert alone.forecast is last.forecast


def test_likeliest_end_binds() -> None:
    """The window with the greatest chance to run out binds, not the fullest."""
    quiet = [
        reading("9:00", 80, at("12:00", 0) + timedelta(days=1), kind="seven_day"),
    ]
    rising = [
        reading(f"10:{minute:02}", minute + 10, "14:30") for minute in range(0, 60, 5)
    ]
    found = standing([*quiet, *rising], at("10:56"))
    assert [(each.kind, each.binding) for each in found] == [
        ("five_hour", True),
        ("seven_day", False),
    ]
    assert found[0].verdict == "runs_out"


def test_longest_of_reached_windows_binds() -> None:
    """Among windows that are full, the one that stays full longest holds up work."""
    readings = [
        reading("10:00", 100, "15:00"),
        reading("10:00", 100, at("21:00", 3), kind="seven_day"),
        reading("10:00", 99, at("21:00", 5), kind="seven_day_opus"),
    ]
    found = standing(readings, at("10:01"))
    assert [each.kind for each in found if each.binding] == ["seven_day"]
    assert found[0].kind == "seven_day"


def test_unknown_windows_come_last_and_never_bind() -> None:
    """A window whose reset has passed stands behind those that are known."""
    readings = [
        reading("9:00", 99, "10:00"),
        reading("9:00", 12, at("21:00", 3), kind="seven_day"),
    ]
    found = standing(readings, at("10:01"))
    assert [(each.kind, each.binding) for each in found] == [
        ("seven_day", True),
        ("five_hour", False),
    ]


# --- an early reset, and two accounts in one home ------------------------------------


def weekly(
    seen: str, percent: float, days: int, last: str | None = None
) -> LimitReading:
    """A reading of a week that resets at 21:00 so many days on."""
    found = reading(seen, percent, at("21:00", days), kind="seven_day", account="work")
    return found if last is None else replace(found, repeated_at=at(last))


def shown(readings: Iterable[LimitReading], now: datetime) -> dict[str, float | None]:
    """Share used by account."""
    return {each.account: each.used for each in standing(readings, now)}


@pytest.mark.parametrize("percents", [(0, 4), (88, 90)], ids=["low", "high"])
def test_early_reset_with_a_new_reset(percents: tuple[int, int]) -> None:
    """After an early reset only the new window counts, however full the old one was."""
    first, second = percents
    old = [weekly("9:00", 70, 3), weekly("9:30", 88, 3)]
    new = [weekly("10:00", first, 7), weekly("11:00", second, 7)]
    assert shown([*old, *new], at("11:01")) == {"work": second / 100}


def test_stale_echo_does_not_bring_a_window_back() -> None:
    """Sessions that repeat a window that was reset early leave the new one alone."""
    old = [weekly("9:00", 70, 3), weekly("9:30", 88, 3, last="12:00")]
    echoes = [weekly("11:30", 70, 3), weekly("11:45", 80, 3)]
    new = weekly("10:00", 0, 7)
    assert shown([*old, *echoes, new], at("12:01")) == {"work": 0.0}


TWO_ACCOUNTS = [
    weekly("8:00", 50, 3),
    weekly("9:00", 10, 5),
    weekly("9:30", 52, 3),
    weekly("10:00", 14, 5),
    weekly("10:30", 55, 3),
    weekly("11:00", 17, 5),
]


def test_two_accounts_in_one_home_are_both_shown() -> None:
    """Two windows of one kind that both go on rising belong to two accounts."""
    found = {clock: shown(TWO_ACCOUNTS, at(clock)) for clock in ("8:30", "10:00")}
    assert found == {
        "8:30": {"work": 0.5},
        "10:00": {"work": 0.52, "work #2": 0.14},
    }
    assert shown(TWO_ACCOUNTS, at("11:00")) == {"work": 0.55, "work #2": 0.17}
    windows_found = standing(TWO_ACCOUNTS, at("11:00"))
    assert [each.binding for each in windows_found] == [True, True]


def test_accounts_without_a_name_are_numbered() -> None:
    """Where the account has no name the second one is known by its number."""
    nameless = [replace(each, account="") for each in TWO_ACCOUNTS]
    assert set(shown(nameless, at("11:00"))) == {"", "#2"}


def test_echo_of_the_account_before_does_not_bring_it_back() -> None:
    """After a change of account the old one's sessions may repeat, and stay away."""
    echo = weekly("8:00", 50, 3, last="11:00")
    changed = [
        echo,
        *(each for each in TWO_ACCOUNTS if each.resets_at == at("21:00", 5)),
    ]
    assert shown(changed, at("11:01")) == {"work": 0.17}


def test_account_whose_window_ended_is_not_shown() -> None:
    """Of two accounts the one whose window has ended is left out until its next."""
    assert shown(TWO_ACCOUNTS, at("21:00", 3)) == {"work": 0.17}
    assert shown(TWO_ACCOUNTS, at("21:00", 5)) == {"work": None}


# --- use given back inside a window --------------------------------------------------


def staircase(*stated: tuple[str, float, str | None]) -> list[tuple[datetime, float]]:
    """The steps of one window, from first statement, percent and last statement."""
    readings = [
        replace(reading(seen, percent, "15:00"), repeated_at=at(last or seen))
        for seen, percent, last in stated
    ]
    (stretch,) = extended((), readings)
    assert stretch.used(at("14:59")) == stretch.steps()[-1][1]
    return [(when, round(100 * used)) for when, used in stretch.steps()]


FULL = [("10:00", 20, None), ("10:30", 60, "10:50")]
CLIMB = [("11:00", 2, None), ("11:10", 5, None), ("11:20", 9, "12:40")]


def test_use_given_back_begins_a_new_staircase() -> None:
    """Shares that rise anew far below the old level are what is used now."""
    expected = [(at("11:00"), 2), (at("11:10"), 5), (at("11:20"), 9)]
    assert staircase(*FULL, *CLIMB) == expected


def test_echoes_of_a_new_climb_leave_it() -> None:
    """Once use was given back, the echoes of lower figures do not bring it back."""
    echoes = [("11:00", 2, "12:50"), ("12:45", 7, "13:10")]
    expected = [(at("11:00"), 2), (at("11:10"), 5), (at("11:20"), 9)]
    assert staircase(*FULL, *CLIMB, *echoes) == expected


def test_given_back_use_shows() -> None:
    """The window states what is used since use was given back, and forecasts by it."""
    readings = [reading(seen, n, "15:00") for seen, n, _ in (*FULL, *CLIMB)]
    window = only(readings, at("11:21"))
    assert window.used == 0.09
    assert window.forecast
    assert window.forecast.p50 < 0.6


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param(CLIMB[:2], id="two shares prove nothing"),
        pytest.param([*CLIMB, ("10:30", 60, "11:40")], id="the old level is repeated"),
        pytest.param(
            [("11:00", 56, None), ("11:10", 57, None), ("11:20", 58, None)],
            id="a small fall",
        ),
    ],
)
def test_echoes_give_nothing_back(stated: list[tuple[str, float, str | None]]) -> None:
    """Where lower figures may be echoes the old level stands."""
    assert staircase(*FULL, *stated)[-1] == (at("10:30"), 60)


IDLE = [("10:00", 10, "11:40"), ("10:10", 20, "11:41"), ("10:20", 30, "11:42")]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_echoes_of_idle_sessions_are_no_giving_back(order: tuple[int, ...]) -> None:
    """Three sessions that repeat old figures, in whatever order, give nothing back."""
    last = ["11:40", "11:41", "11:42"]
    echoes = [
        (*IDLE[place][:2], clock) for place, clock in zip(order, last, strict=True)
    ]
    assert staircase(*echoes, ("10:30", 60, "11:00"))[-1] == (at("10:30"), 60)


def test_long_climb_over_old_figures_is_giving_back() -> None:
    """Old figures prove it too, if more of them rise than sessions would be idle."""
    old = [(f"10:0{n}", 5 * n, f"11:0{n}") for n in range(1, 7)]
    steps = staircase(*old, ("10:30", 60, "10:50"))
    assert steps == [(at(f"11:0{n}"), 5 * n) for n in range(1, 7)]


def test_giving_back_is_not_known_before_it_shows() -> None:
    """At each instant a stretch tells what its statements until then told."""
    readings = [reading(seen, n, "15:00") for seen, n, _ in (*FULL, *CLIMB)]
    (stretch,) = extended((), readings)
    known = [stretch.used(at(clock)) for clock in ("10:55", "11:19", "11:20")]
    assert known == [0.6, 0.6, 0.09]


# --- what was known ------------------------------------------------------------------


def test_stretch_knows_its_highest_and_its_last() -> None:
    """A stretch tells its highest share and when it was last heard of."""
    readings = [
        replace(reading("10:00", 40, "15:00"), repeated_at=at("11:00")),
        reading("10:30", 41, "15:00:01"),
    ]
    (stretch,) = extended((), readings)
    assert (stretch.top, stretch.last_at) == (0.41, at("11:00"))
    known = stretch.known_at(at("10:20"))
    assert known is not None
    assert (known.top, known.last_at) == (0.4, at("10:20"))
    assert known.resets_at == at("15:00")
    assert stretch.known_at(at("9:59")) is None
    assert stretch.known_at(at("11:00")) is stretch


@pytest.mark.parametrize("seconds", range(0, 3600, 601))
def test_what_was_known_is_what_one_would_have_read(seconds: int) -> None:
    """What was known at an instant is what readings until then make."""
    now = at("10:00") + timedelta(seconds=seconds)
    whole = stretches(STALE)["claude", "", "five_hour", 300]
    part = stretches(each for each in STALE if each.observed_at <= now)
    known = [each.known_at(now) for each in whole]
    assert shape([each for each in known if each]) == shape(*part.values())


# --- clocks --------------------------------------------------------------------------


def test_asleep_across_a_reset() -> None:
    """After a night's sleep a window is unknown until its successor is stated."""
    readings = [reading("22:00", 40, at("1:00", 1)), reading("8:05", 1, at("13:00", 1))]
    readings[1] = replace(readings[1], observed_at=at("8:05", 1))
    evening, morning = only(readings, at("22:01")), only(readings, at("8:00", 1))
    assert (evening.used, morning.used) == (0.4, None)
    assert morning.reason == "reset since the last reading"
    after = only(readings, at("8:06", 1))
    assert (after.used, after.verdict) == (0.01, "safe")


@pytest.mark.parametrize("ahead", [1, 3600, 400000])
def test_readings_of_a_clock_that_was_ahead_wait(ahead: int) -> None:
    """After a clock was set back, what is dated later counts only from then on."""
    early = [reading("10:00", 40, "15:00"), reading("10:10", 44, "15:00")]
    late = [
        replace(each, observed_at=now, resets_at=now + timedelta(hours=5), used=0.7)
        for now in [at("10:20") + timedelta(seconds=ahead)]
        for each in early[:1]
    ]
    known = stretches([*early, *late])
    now = at("10:20")
    assert [each for each, _ in windows(known, now)] == standing(early, now)
    assert windows(stretches(late), now) == []
    (after,) = [each for each, _ in windows(known, late[0].observed_at)]
    assert after.used == 0.7


def test_later_readings_of_the_same_window_wait() -> None:
    """A figure of the standing window that is dated later is not known yet."""
    known = stretches([reading("10:00", 40, "15:00"), reading("10:30", 70, "15:00:09")])
    ((window, _),) = windows(known, at("10:20"))
    assert (window.used, window.resets_at) == (0.4, at("15:00"))
    assert (
        window.forecast == only([reading("10:00", 40, "15:00")], at("10:20")).forecast
    )


@pytest.mark.parametrize(
    "night", ["2026-03-28", "2026-10-24", "2026-11-01", "2026-04-05"]
)
def test_change_of_clocks_does_nothing(night: str) -> None:
    """On a night on which clocks change a window is as long as on any other."""
    shift = datetime.fromisoformat(f"{night}T00:00Z") - DAY
    usual = [reading(f"22:{n:02}", n, at("3:00", 1)) for n in range(0, 60, 5)]
    shifted = [
        replace(
            each, observed_at=each.observed_at + shift, resets_at=each.resets_at + shift
        )
        for each in usual
    ]
    for now in (at("23:10"), at("0:59", 1), at("1:01", 1), at("2:59", 1)):
        plain, other = only(usual, now), only(shifted, now + shift)
        assert other.resets_at
        assert other.starts_at == other.resets_at - timedelta(hours=5)
        assert (other.used, other.verdict) == (plain.used, plain.verdict)
        assert other.elapsed(now + shift) == plain.elapsed(now)
        assert told(other)[:4] == pytest.approx(told(plain)[:4])


def told(window: Window) -> tuple[float, float, float, float]:
    """Band and chance of a window that has them."""
    forecast = window.forecast
    assert forecast
    return (forecast.p10, forecast.p50, forecast.p90, forecast.exhaustion_probability)


# --- no flicker ----------------------------------------------------------------------

FORECAST = Forecast(0.5, 0.6, 0.7, 0.0, None, "", made_at=DAY)


def words(chances: Iterable[float]) -> list[str]:
    """The verdicts that follow each other as chances do."""
    found = [""]
    for chance in chances:
        told = replace(FORECAST, exhaustion_probability=chance)
        found.append(verdict(0.5, told, found[-1]))
    return found[1:]


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ([0.5, 0.4, 0.36, 0.34, 0.45], "runs_out runs_out runs_out watch watch"),
        ([0.1, 0.06, 0.04, 0.09, 0.1], "watch watch safe safe watch"),
        ([0.6, 0.07, 0.04], "runs_out watch safe"),
        ([0.0, 0.9, 0.0], "safe runs_out safe"),
    ],
)
def test_verdict_is_slow_to_calm_down(chances: list[float], expected: str) -> None:
    """An alarm stands until the chance has fallen well below what raised it."""
    assert words(chances) == expected.split()


@given(st.floats(0, 1), st.lists(st.floats(0, 0.049), min_size=2, max_size=30))
def test_no_wavering_chance_flickers(low: float, above: list[float]) -> None:
    """While the chance wavers by less than 5 %, the verdict changes once at most."""
    found = words(min(1.0, low + each) for each in above)
    assert sum(one != other for one, other in pairwise(found)) <= 1


@given(st.lists(st.floats(0, 1), max_size=60))
def test_alarm_returns_only_after_a_swing(chances: list[float]) -> None:
    """Between two alarms of a window the chance fell by more than a tenth and rose."""
    found = words(chances)
    alarms = [n for n, word in enumerate(found) if word == "runs_out"]
    for one, other in pairwise(alarms):
        between = chances[one + 1 : other]
        if between:
            assert min(between) < 0.35 < 0.5 <= chances[other]


def test_new_window_has_no_verdict_before() -> None:
    """The verdict on a window that ended says nothing of its successor."""
    past = replace(only([reading("9:00", 40, "10:00")], at("9:01")), verdict="runs_out")
    fresh = stretches([reading("10:05", 30, "15:00"), reading("12:00", 33, "15:00")])
    assert windows(fresh, at("12:01"), [past]) == windows(fresh, at("12:01"))


# --- kept forecasts ------------------------------------------------------------------

HALF_USED = [reading("10:00", 20, "14:00"), reading("11:00", 50, "14:00")]


def again(
    readings: Iterable[LimitReading], last: Window, now: datetime
) -> Forecast | None:
    """The forecast of the one window, one forecast having been made before."""
    stated = [each for each in readings if each.observed_at <= now]
    ((window, _),) = windows(stretches(stated), now, [last])
    return window.forecast


def test_fresh_forecast_is_kept() -> None:
    """While nothing is stated a forecast stands for half a minute."""
    last = only(HALF_USED, at("11:01"))
    kept = again(HALF_USED, last, at("11:01:29"))
    assert kept is last.forecast
    repeated = [*HALF_USED, reading("11:01:10", 50, "14:00:01")]
    assert again(repeated, last, at("11:01:20")) is last.forecast


@pytest.mark.parametrize(
    ("more", "clock"),
    [
        pytest.param([], "11:01:31", id="time went by"),
        pytest.param([], "11:00:59", id="the clock was set back"),
        pytest.param([("11:01:10", 51, "14:00")], "11:01:11", id="use rose"),
        pytest.param([("11:01:10", 50, "15:00")], "11:01:11", id="a new window"),
    ],
)
def test_stale_forecast_is_made_anew(
    more: list[tuple[str, float, str]], clock: str
) -> None:
    """Once something is stated, or the time has changed, a forecast is made anew."""
    last = only(HALF_USED, at("11:01"))
    now = at(clock)
    found = again([*HALF_USED, *(reading(*each) for each in more)], last, now)
    assert found
    assert found.made_at == now


@pytest.mark.parametrize(("live", "kept"), [(0.001, True), (0.01, False)])
def test_estimated_use_makes_a_forecast_stale(live: float, kept: bool) -> None:
    """What was presumably added since counts as stated once it can be noticed."""
    now = at("11:01:10")
    last = only(HALF_USED, at("11:01"))
    known = stretches(HALF_USED)
    ((window, stretch),) = stated(known, now)
    added = replace(window, live=live, live_at=now)
    ((found, _),) = foreseen([(added, stretch)], known, now, [last])
    assert (found.forecast is last.forecast) is kept


# --- order and pieces ----------------------------------------------------------------

readings_of_one_series = st.lists(
    st.builds(
        lambda minute, percent, reset, source, again: LimitReading(
            "claude",
            "",
            "five_hour",
            300,
            percent / 100,
            DAY + timedelta(seconds=reset),
            DAY + timedelta(minutes=minute),
            source,
            DAY + timedelta(minutes=minute + again) if again else None,
        ),
        st.integers(0, 30),
        st.integers(0, 5),
        st.sampled_from([0, 1, 58, 100, 119, 200, 241, 320, 700, 18000, 18060]),
        st.sampled_from(["statusline", "limit record"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


def shape(past: Sequence[Stretch]) -> list[tuple[object, ...]]:
    """What windows are made of, whatever the number of repetitions."""
    return [(each.resets_at, each.steps()) for each in past]


@given(readings_of_one_series, st.data())
def test_pieces_and_order_leave_no_trace(
    readings: list[LimitReading], data: st.DataObject
) -> None:
    """A series that grew in any order and pieces is the one made at once."""
    shuffled = data.draw(st.permutations(readings))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(readings)), max_size=3)))
    grown: tuple[Stretch, ...] = ()
    for start, end in zip([0, *cuts], [*cuts, len(readings)], strict=True):
        grown = extended(grown, shuffled[start:end])
    assert grown == extended((), readings)
    key: Series = ("claude", "", "five_hour", 300)
    assert shape(grown) == shape(stretches(readings)[key])


@given(readings_of_one_series, st.data())
def test_order_of_series_leaves_no_trace(
    readings: list[LimitReading], data: st.DataObject
) -> None:
    """Whichever series was met first, the same window binds."""
    week = [replace(each, kind="seven_day", window_minutes=WEEK) for each in readings]
    known = stretches([*readings, *week])
    keys = data.draw(st.permutations(list(known)))
    now = DAY + timedelta(minutes=40)
    assert windows({key: known[key] for key in keys}, now) == windows(known, now)


def test_nothing_new_changes_nothing() -> None:
    """A series without new readings stays as it is."""
    known = stretches(STALE)["claude", "", "five_hour", 300]
    assert extended(known, []) == known


# --- what requests alone suggest -----------------------------------------------------


def test_estimated_window_begins_with_a_request() -> None:
    """Without a statement a window runs five hours from its first request."""
    requests = [at("06:17"), at("06:40"), at("10:59")]
    assert estimated_window(requests, at("11:00")) == (at("06:17"), at("11:17"))


def test_official_window_replaces_the_estimate() -> None:
    """A stated reset tells the start, which may lie after the first request."""
    window = only([reading("08:00", 12, "11:20")], at("08:01"))
    assert (window.starts_at, window.resets_at) == (at("06:20"), at("11:20"))
    assert window.confidence == "official"


def test_estimated_window_follows_the_one_before() -> None:
    """The first request after a window's end begins the next; a gap ends in none."""
    requests = [at("06:17"), at("11:16"), at("11:30"), at("12:00")]
    assert estimated_window(requests, at("12:01")) == (at("11:30"), at("16:30"))
    assert estimated_window(requests, at("16:30")) is None
    assert estimated_window([], at("12:00")) is None
