"""What Claude's usage endpoint answered, from its file to ledger and screen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import ANSWER_FIVE_HOUR, ANSWER_WEEK, answer, cached
from msgspec.structs import replace

from burnmon import config
from burnmon.agents import answers
from burnmon.cli import limits as limits_command
from burnmon.cli.catchup import caught_up
from burnmon.config import Root, Settings
from burnmon.live.engine import Engine, once
from burnmon.live.snapshot import Snapshot
from burnmon.records import Credits, Facts, LimitReading
from burnmon.usage.ledger import Ledger

FETCHED_AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
NOW = FETCHED_AT + timedelta(minutes=10)


def read(document: Any) -> Facts:
    """The facts of Claude Code's state."""
    return homes.read("claude.json", ".claude.json", document)[0]


def stated(utilization: Any, fetched_ms: Any = homes.FETCHED_MS) -> dict[str, float]:
    """Share used, by kind."""
    facts = read(cached(utilization, fetched_ms))
    return {each.kind: each.used for each in facts.readings}


# --- windows -------------------------------------------------------------------------


def test_answer_becomes_readings() -> None:
    """Each window is a reading with account, source, length and the answer's time."""
    found = read({"numStartups": 7, **cached(answer())})
    assert found.readings[0] == LimitReading(
        "claude",
        "home",
        "five_hour",
        300,
        0.37,
        datetime(2026, 11, 20, 12, 30, tzinfo=UTC),
        FETCHED_AT,
        "claude.json",
    )
    kinds = [(each.kind, each.window_minutes) for each in found.readings]
    assert kinds[1:] == [("seven_day", 10080), ("seven_day_opus", 10080)]


def test_both_files_are_read_alike() -> None:
    """What burnmon was told and what Claude Code was told differ in source alone."""
    document = cached(answer())
    mine = homes.read("answers", "answers/1.json", document)[0].readings
    theirs = homes.read("claude.json", ".claude.json", document)[0].readings
    assert {each.source for each in mine} == {"usage endpoint"}
    assert [(each.kind, each.used) for each in mine] == [
        (each.kind, each.used) for each in theirs
    ]


def test_list_fills_in_what_is_null() -> None:
    """A model's week is taken from the list where its key is null, never twice."""
    assert stated(answer())["seven_day_opus"] == 0.64
    week = {**ANSWER_WEEK, "utilization": 50}
    both = stated(answer(seven_day_opus=week))
    assert both == {"five_hour": 0.37, "seven_day": 0.12, "seven_day_opus": 0.5}


def test_list_alone_is_enough() -> None:
    """The list names the two windows of all models by words of its own."""
    resets_at = ANSWER_WEEK["resets_at"]
    listed = [
        {"kind": "weekly_all", "percent": 20, "resets_at": resets_at},
        {
            "kind": "weekly_scoped",
            "percent": 30,
            "resets_at": resets_at,
            "scope": {"model": {"display_name": "Sonnet 5.5"}},
        },
    ]
    found = stated({"seven_day": None, "limits": listed})
    assert found == {"seven_day": 0.2, "seven_day_sonnet_5_5": 0.3}


def test_unknown_key_that_is_a_window() -> None:
    """A window nobody has heard of is shown under its key, if that tells its length."""
    found = read(cached({"seven_day_cowork": ANSWER_WEEK, "iguana": ANSWER_WEEK}))
    assert [each.kind for each in found.readings] == ["seven_day_cowork"]
    assert found.unknown == {"limit iguana": 1}


@pytest.mark.parametrize(
    "window",
    [
        None,
        {"utilization": 0, "resets_at": None},
        {"utilization": 0.0, "resets_at": ""},
        {"utilization": None, "resets_at": "2026-11-20T12:30:00Z"},
        {"utilization": -1, "resets_at": "2026-11-20T12:30:00Z"},
        {"utilization": 1795168800, "resets_at": "2026-11-20T12:30:00Z"},
        {"utilization": "nan", "resets_at": "2026-11-20T12:30:00Z"},
        {"utilization": True, "resets_at": "2026-11-20T12:30:00Z"},
        {"utilization": 5, "resets_at": "soon"},
        {"utilization": 5, "resets_at": 1e300},
        {"utilization": 5},
        [],
        "full",
    ],
    ids=str,
)
def test_window_that_is_not_stated(window: Any) -> None:
    """A window that does not run or is not stated is no reading, and not 0."""
    assert stated({"five_hour": window}) == {}


@pytest.mark.parametrize(
    ("percent", "resets_at", "used"),
    [
        ("37", "2026-11-20T12:30:00Z", 0.37),
        (37, "2026-11-20 12:30:00+00:00", 0.37),
        (37, 1795177800, 0.37),
        (37, "1795177800", 0.37),
        (0, "2026-11-20T12:30:00Z", 0.0),
        (100.0, "2026-11-20T12:30:00Z", 1.0),
        (104, "2026-11-20T12:30:00Z", 1.0),
    ],
)
def test_numbers_in_other_dress(percent: Any, resets_at: Any, used: float) -> None:
    """Texts that are numbers count, and an overdrawn window is a full one."""
    window = {"utilization": percent, "resets_at": resets_at}
    assert stated({"five_hour": window}) == {"five_hour": used}


@pytest.mark.parametrize(
    "micro",
    ["12:29:58.7", "12:29:59.623456", "12:30:00", "12:30:01.2"],
)
def test_jitter_of_the_reset_is_rounded(micro: str) -> None:
    """Resets that differ from answer to answer by a second are one."""
    window = {"utilization": 5, "resets_at": f"2026-11-20T{micro}+00:00"}
    (found,) = read(cached({"five_hour": window})).readings
    assert found.resets_at == datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "kept"),
    [("09:59:00", False), ("10:00:00", False), ("15:10:00", True), ("16:10:00", False)],
)
def test_reset_that_cannot_be_true(clock: str, kept: bool) -> None:
    """A window resets after the answer, and no later than its own length allows."""
    window = {"utilization": 5, "resets_at": f"2026-11-20T{clock}Z"}
    assert bool(stated({"five_hour": window})) is kept


# --- the document --------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"cachedUsageUtilization": None},
        {"cachedUsageUtilization": "later"},
        {"cachedUsageUtilization": []},
        cached(None),
        cached([ANSWER_FIVE_HOUR]),
        cached(answer(), None),
        cached(answer(), "yesterday"),
        cached(answer(), 1795168800),
        cached(answer(), -1),
    ],
    ids=str,
)
def test_document_without_an_answer(document: Any) -> None:
    """State of Claude Code without a dated answer states nothing and is no damage."""
    facts = read(document)
    assert (facts.readings, facts.skipped) == ([], {})


@pytest.mark.parametrize("end", [0, 1, 40, -1])
def test_half_written_document(end: int) -> None:
    """A document that is being written is counted as damage until it is whole."""
    facts = read(homes.packed(cached(answer()))[:end])
    assert facts.readings == []
    assert sum(facts.skipped.values()) == 1


def test_time_as_text() -> None:
    """The time of the answer may be a text."""
    assert "five_hour" in stated(answer(), str(homes.FETCHED_MS))


# --- credits -------------------------------------------------------------------------


def credits_of(**more: Any) -> Credits | None:
    """Credits of an answer whose extra usage says something else."""
    extra = {**answer()["extra_usage"], **more}
    return answers.credits_of({"extra_usage": extra}, FETCHED_AT, "home", "told")


def test_credits_are_dollars() -> None:
    """Minor units become dollars by the decimal places that are stated."""
    assert credits_of() == Credits(
        "claude", "home", Decimal("12.34"), Decimal("50.00"), FETCHED_AT, "told"
    )
    found = credits_of(decimal_places=3, used_credits="1234")
    assert found is not None
    assert found.spent == Decimal("1.234")


def test_credits_without_a_cap() -> None:
    """Where no cap is stated there is none, and it is not zero."""
    found = credits_of(monthly_limit=None)
    assert found is not None
    assert found.allowance is None


@pytest.mark.parametrize(
    "more",
    [
        {"is_enabled": False},
        {"is_enabled": None},
        {"currency": "EUR"},
        {"currency": None},
        {"decimal_places": None},
        {"decimal_places": -2},
        {"decimal_places": 2.0},
        {"used_credits": None},
        {"used_credits": -5},
    ],
    ids=str,
)
def test_credits_that_are_not_known(more: dict[str, Any]) -> None:
    """Credits that are off, of another currency or without a unit are not shown."""
    assert credits_of(**more) is None


# --- from file to screen -------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person with a Claude directory."""
    (tmp_path / ".claude").mkdir()
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def keep(place: Path, document: Any) -> None:
    """Claude Code writes its state, on lines as it does."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(document, indent=2))


def used(snapshot: Snapshot) -> dict[tuple[str, str], float | None]:
    """Share used, by account and kind."""
    return {
        (row.window.account, row.window.kind): row.window.used
        for row in snapshot.limits
    }


def test_state_beside_the_usual_directory(settings: Settings, tmp_path: Path) -> None:
    """The limits that Claude Code keeps beside its directory are on the screen."""
    keep(tmp_path / ".claude.json", cached(answer()))
    snapshot = once(settings, NOW)
    assert used(snapshot)["", "five_hour"] == 0.37
    row = next(each for each in snapshot.limits if each.window.kind == "five_hour")
    assert (row.window.source, row.window.confidence) == ("claude.json", "official")
    assert "source: claude.json, last stated 10 m ago; official" in row.explain


def test_state_inside_another_directory(tmp_path: Path) -> None:
    """A directory of one's own holds its state inside, and is an account of its own."""
    work = tmp_path / ".claude-work"
    keep(work / ".claude.json", cached(answer()))
    keep(tmp_path / ".claude.json", cached({"five_hour": None}))
    environ = {
        "HOME": str(tmp_path),
        "BURNMON_DATA_DIR": f"{tmp_path}/d",
        "CLAUDE_CONFIG_DIR": str(work),
    }
    snapshot = once(config.load({}, environ), NOW)
    assert used(snapshot)["claude-work", "five_hour"] == 0.37


def test_newest_answer_wins(settings: Settings, tmp_path: Path) -> None:
    """Of two states of one account the newer answer's figure and credits count."""
    later = homes.FETCHED_MS + 60_000
    more = {**ANSWER_FIVE_HOUR, "utilization": 41}
    keep(tmp_path / ".claude.json", cached(answer()))
    keep(
        tmp_path / ".claude" / ".claude.json",
        cached(answer(five_hour=more, extra_usage=None), later),
    )
    snapshot = once(settings, NOW)
    assert used(snapshot)["", "five_hour"] == 0.41
    assert snapshot.credits == ()


def test_answer_whose_window_is_over(settings: Settings, tmp_path: Path) -> None:
    """An answer that is older than its window's reset leaves it unknown."""
    keep(tmp_path / ".claude.json", cached(answer()))
    snapshot = once(settings, NOW + timedelta(hours=3))
    row = next(each for each in snapshot.limits if each.window.kind == "five_hour")
    assert (row.window.used, row.window.verdict) == (None, "unknown")
    assert "last stated 3 h 10 ago" in row.explain[0]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine over a ledger of its own."""
    with Ledger(settings.ledger_file) as ledger:
        yield Engine(settings, ledger, NOW)


def test_state_is_read_again_when_it_changed(engine: Engine, tmp_path: Path) -> None:
    """A state that was replaced is read once more, and one that was not is not."""
    place = tmp_path / ".claude.json"
    keep(place, cached(answer()))
    assert engine.absorb(engine.pending())
    assert engine.pending() == []
    later = homes.FETCHED_MS + 300_000
    keep(
        place, cached(answer(five_hour={**ANSWER_FIVE_HOUR, "utilization": 52}), later)
    )
    os.utime(place, (1, 1))
    assert engine.absorb(engine.pending())
    assert used(engine.snapshot(NOW))["", "five_hour"] == 0.52


def test_half_written_state_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """Figures stay while the state is being written."""
    place = tmp_path / ".claude.json"
    keep(place, cached(answer()))
    engine.absorb(engine.pending())
    place.write_text('{"cachedUsageUtil')
    engine.absorb(engine.pending())
    assert used(engine.snapshot(NOW))["", "five_hour"] == 0.37


def test_answers_are_remembered(settings: Settings, tmp_path: Path) -> None:
    """What was answered stays in the ledger when the next answer replaced it."""
    place = tmp_path / ".claude.json"
    for step, percent in enumerate((10, 20, 30)):
        window = {**ANSWER_FIVE_HOUR, "utilization": percent}
        keep(place, cached({"five_hour": window}, homes.FETCHED_MS + step * 1000))
        with caught_up(settings, NOW) as (ledger, _):
            told = [each.used for each in ledger.readings(FETCHED_AT)]
    assert told == [0.1, 0.2, 0.3]


def test_limits_command_knows_them(settings: Settings, tmp_path: Path) -> None:
    """``limits`` shows windows and credits of Claude Code's own state."""
    keep(tmp_path / ".claude.json", cached(answer()))
    with caught_up(settings, NOW) as (ledger, _):
        found = limits_command.ask(ledger, "", NOW)
    document = limits_command.document(found)
    assert [each["source"] for each in document["windows"]] == ["claude.json"] * 3
    assert document["credits"] == [
        {
            "agent": "claude",
            "account": "",
            "spent_usd": Decimal("12.34"),
            "allowance_usd": Decimal("50.00"),
            "observed_at": FETCHED_AT,
            "source": "claude.json",
        }
    ]
    shown = "\n".join(limits_command.lines(found, NOW, "UTC"))
    assert "Claude extra usage: $12.34 of $50 used this month" in shown


def test_credits_of_yesterday_are_not_told(settings: Settings, tmp_path: Path) -> None:
    """Credits that were stated long ago may be of another month."""
    keep(tmp_path / ".claude.json", cached(answer()))
    assert once(settings, NOW).credits[0].spent == Decimal("12.34")
    assert once(settings, NOW + timedelta(days=2)).credits == ()


def test_reader_learns_of_them(settings: Settings, tmp_path: Path) -> None:
    """A second burnmon that follows the first shows the same windows and credits."""
    keep(tmp_path / ".claude.json", cached(answer()))
    with Ledger(settings.ledger_file) as writing, Ledger(settings.ledger_file) as other:
        first, second = Engine(settings, writing, NOW), Engine(settings, other, NOW)
        first.absorb(first.pending())
        assert second.pending() == []
        second.follow_writer(NOW)
        assert used(second.snapshot(NOW)) == used(first.snapshot(NOW))
        assert second.snapshot(NOW).credits == first.snapshot(NOW).credits != ()


def test_places_of_the_state(tmp_path: Path) -> None:
    """The state of the usual directory lies beside it, of every other one inside."""
    roots = (
        Root("claude", "", tmp_path / ".claude"),
        Root("claude", "work", tmp_path / "work"),
        Root("codex", "", tmp_path / ".codex"),
    )
    settings = config.load({}, {"HOME": str(tmp_path)})
    found = [
        (root.label, os.fspath(root.path.relative_to(tmp_path)))
        for root in replace(settings, roots=roots).read_roots()
        if root.agent == "claude.json"
    ]
    assert found == [("", ".claude"), ("", "."), ("work", "work")]
