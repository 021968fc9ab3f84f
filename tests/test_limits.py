"""Readings become windows: what is used, when it resets, which one binds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import LimitReading, Window
from burnmon.usage.limits import (
    Series,
    Stretch,
    estimated_window,
    extended,
    series,
    stretches,
    verdict,
    windows,
)

DAY = datetime(2026, 11, 20, tzinfo=UTC)
WEEK = 10080


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
    return replace(made, **more)  # type: ignore[arg-type]  # fields of the reading


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
