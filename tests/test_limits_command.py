"""``limits``: windows as text, as JSON and as an exit code."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from burnmon import cli, config
from burnmon.cli import limits as command
from burnmon.cli.estimates import QUARTER, _single_from
from burnmon.config import Settings
from burnmon.records import COUNTED, Facts, LimitReading, Sighting, Trail
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.limits import stated
from burnmon.usage.stretches import stretches

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
HOUR, WEEK = 300, 10080
KEYS = {
    "agent",
    "account",
    "kind",
    "label",
    "window_minutes",
    "used_percent",
    "used_percent_live",
    "resets_at",
    "resets_at_epoch",
    "observed_at",
    "observed_at_epoch",
    "source",
    "confidence",
    "forecast",
    "binding",
    "verdict",
    "reason",
    "remedy",
    "spent_usd",
    "allowance_usd",
    "unpriced_requests",
    "exchange",
    "headroom",
    "extra_usage",
}


def reading(
    used: float, ago: float = 4, left: float = 100, **more: Any
) -> LimitReading:
    """A five-hour window of Claude, stated so many minutes ago."""
    fields: dict[str, Any] = {
        "agent": "claude",
        "account": "",
        "kind": "five_hour",
        "window_minutes": HOUR,
        "used": used,
        "resets_at": NOW + timedelta(minutes=left),
        "observed_at": NOW - timedelta(minutes=ago),
        "source": "statusline",
        **more,
    }
    return LimitReading(**fields)


WEEKLY: dict[str, Any] = {"kind": "seven_day", "window_minutes": WEEK}
SAFE = (reading(0.1, ago=150), reading(0.2))
OUT = (reading(0.1, ago=100), reading(0.7))
REACHED = (reading(1.0),)
NEARLY = (reading(0.91, ago=150), reading(0.91, ago=1, left=1))
EXPIRED = (reading(0.4, ago=300, left=-200),)


def holding(
    readings: Sequence[LimitReading], agents: Sequence[str] = ("claude",)
) -> Ledger:
    """A ledger in memory of agents that just wrote a line."""
    ledger = Ledger(None)
    now = round(NOW.timestamp() * 1000)
    for agent in agents:
        state = FileState(agent, "", f"/{agent}", trail=Trail(agent, last_at=now))
        ledger.absorb([(state, Facts())])
    ledger.absorb([(FileState("recordings", "", "/r"), Facts(readings=[*readings]))])
    return ledger


def asked(
    readings: Sequence[LimitReading], agent: str = "", **more: Any
) -> command.Limits:
    """The limits that these readings make."""
    return command.ask(holding(readings, **more), agent, NOW)


def shown(found: command.Limits) -> str:
    """The limits as text."""
    return "\n".join(command.lines(found, NOW, "UTC"))


def test_only_the_named_agent_counts() -> None:
    """With --agent the limits of others neither block nor appear."""
    found = asked([*SAFE], "codex", agents=["claude", "codex"])
    assert (found.windows, found.missing) == ((), ("codex",))


def test_old_reading_does_not_tell_requests_of_today_apart() -> None:
    """Only a reading that is young enough for a quarter of an hour to matter does."""
    young, old = reading(0.4, ago=200), reading(0.2, ago=40 * 60, **WEEKLY)
    known = stretches([young, old])
    both = [each for each, _ in stated(known, NOW)]
    assert {each.window_minutes for each in both} == {HOUR, WEEK}
    since = _single_from(stated(known, NOW), {}, NOW)
    assert timedelta() <= young.observed_at - since < QUARTER


def test_later_readings_are_not_known_yet() -> None:
    """What is stated after now is left out."""
    assert asked([reading(0.9, ago=-5)]).windows == ()


def test_document() -> None:
    """A window has the promised keys; shares are percentages."""
    (window,) = command.document(asked(OUT))["windows"]
    assert set(window) == KEYS
    assert (window["used_percent"], window["used_percent_live"]) == (70.0, None)
    assert window["resets_at_epoch"] == int((NOW + timedelta(minutes=100)).timestamp())
    assert (window["binding"], window["verdict"]) == (True, "runs_out")
    forecast = window["forecast"]
    assert set(forecast["used_percent_at_reset"]) == {"p10", "p50", "p90"}
    assert set(forecast["exhausted_at"]) == {"p10", "p50", "p90"}
    assert 0.5 <= forecast["exhaustion_probability"] <= 1


def test_unknown_is_null_with_reason_and_remedy() -> None:
    """A window that was reset has no share, and says why and what to do."""
    (window,) = command.document(asked(EXPIRED))["windows"]
    assert window["used_percent"] is None
    assert window["forecast"] is None
    assert window["reason"] == "reset since the last reading"
    assert window["remedy"] == "the next answer of claude states it"


def test_missing_agent_has_a_remedy() -> None:
    """An agent at work that never stated a limit names the command that helps."""
    found = asked([])
    assert command.document(found)["missing"][0]["remedy"] == "burnmon setup"
    assert "burnmon setup" in shown(found)


def test_missing_window_is_estimated() -> None:
    """While Claude states nothing, its requests say when five hours may end."""
    ledger = holding([])
    began = NOW - timedelta(hours=2)
    made = dollar(120)._replace(input=10, output=5)
    ledger.absorb([(FileState("claude", "", "/x"), Facts(sightings=[made]))])
    found = command.ask(ledger, "", NOW)
    (missing,) = command.document(found)["missing"]
    assert missing["estimated_resets_at"] == began + timedelta(hours=5)
    assert "local_estimate: the 5h window resets about 16:32" in shown(found)


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        (SAFE, "20 % used  resets 15:12 (in 1:40)  safe: "),
        (OUT, "runs out "),
        (REACHED, "100 % used  resets 15:12 (in 1:40)  reached"),
        (EXPIRED, "unknown: reset since the last reading"),
        (
            SAFE,
            "official: statusline, stated 4 m ago; forecast (experimental) by what is"
            " common after such a pause",
        ),
    ],
)
def test_words(readings: Sequence[LimitReading], words: str) -> None:
    """The text says use, reset, outcome, and where it is from."""
    assert words in shown(asked(readings))


# The command


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person with recordings of the status line."""
    directory = tmp_path / "d" / "recordings"
    directory.mkdir(parents=True)
    limit = {
        "kind": "five_hour",
        "minutes": HOUR,
        "used_percent": 100,
        "resets_at": (NOW + timedelta(minutes=100)).timestamp(),
    }
    line = {"at": NOW.timestamp() - 60, "session_id": "S1", "limits": [limit]}
    (directory / "claude-2026-11.jsonl").write_text(json.dumps(line) + "\n")
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def test_recordings_are_read(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the status line recorded is in the answer at once."""
    args = Namespace(agent=None, json=True, check=False)
    assert command.run(args, settings, NOW) == cli.OK
    found = json.loads(capsys.readouterr().out)
    assert [window["used_percent"] for window in found["windows"]] == [100.0]
    assert found["windows"][0]["observed_at"] == "2026-11-17T13:31:00Z"


def test_check_prints_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check answers by its exit code alone."""
    args = Namespace(agent=None, json=False, check=True)
    assert command.run(args, settings, NOW) == cli.LIMIT_REACHED
    assert capsys.readouterr() == ("", "")


def test_text_fits(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    args = Namespace(agent=None, json=False, check=False)
    assert command.run(args, settings, NOW) == cli.OK
    assert all(len(line) <= 40 for line in capsys.readouterr().out.splitlines())


# --- estimates and budgets -----------------------------------------------------------


def dollar(minutes: float, model: str = "claude-opus-4-5") -> Sighting:
    """A request of so many minutes ago that costs a dollar."""
    return Sighting(
        key=int(minutes * 60),
        at=round((NOW - timedelta(minutes=minutes)).timestamp() * 1000),
        standing=COUNTED,
        origin="",
        model=model,
        input=0,
        output=40_000,
        cache_read=0,
        cache_write_5m=0,
        cache_write_1h=0,
        web_searches=0,
        thinking=-1,
        final=True,
        speed="",
        region="",
        session_id="S1",
        subagent="",
        project="/code/api",
        branch="main",
        version="1",
    )


def worked(*more: Sighting) -> Ledger:
    """A ledger of earlier windows in which a dollar took a percent, and of this one."""
    readings, made = [reading(0.5, ago=50)], list(more)
    for window in range(1, 6):
        begin = 200 + 300 * window
        for count in range(0, 91, 3):
            minutes = begin - 2 * count
            left = 100 - 300 * window
            readings.append(reading(count / 300, ago=minutes, left=left))
            made += [dollar(minutes + 1)] if count else []
    ledger = Ledger(None)
    now = round(NOW.timestamp() * 1000)
    state = FileState("claude", "", "/x", trail=Trail("S1", last_at=now))
    facts = Facts(sightings=made, readings=readings)
    ledger.absorb([(state, facts)])
    return ledger


def configured(home: Path, toml: str = "") -> Settings:
    """The settings of a person with this config file."""
    file = home / "config.toml"
    file.write_text(toml)
    environ = {"HOME": str(home), "TZ": "UTC", "BURNMON_CONFIG": str(file)}
    return config.load({}, environ)


def test_live_estimate(tmp_path: Path) -> None:
    """What was spent since the reading is a share beside the stated one."""
    ledger = worked(dollar(49), dollar(20))
    found = command.ask(ledger, "", NOW, configured(tmp_path), live=True)
    (window,) = command.document(found)["windows"]
    assert window["used_percent"] == 50
    assert window["used_percent_live"] == pytest.approx(52, abs=0.1)
    assert window["exchange"]["percent_per_usd"] == pytest.approx(1, rel=0.1)
    assert window["headroom"]["requests"] == pytest.approx(48, rel=0.1)
    assert window["headroom"]["minutes"] is None
    assert "50 % +2.0 used" in shown(found)
    assert "more requests like the last 100" in shown(found)


def test_live_estimate_without_a_price_is_null(tmp_path: Path) -> None:
    """A request that cannot be priced leaves the estimate unknown."""
    ledger = worked(dollar(20, "somebody-elses-model"))
    found = command.ask(ledger, "", NOW, configured(tmp_path), live=True)
    (window,) = command.document(found)["windows"]
    assert window["used_percent"] == 50
    assert window["used_percent_live"] is None
    assert window["headroom"] is None


def test_extra_usage(tmp_path: Path) -> None:
    """Work that goes on after the limit is told in dollars."""
    ledger = worked(dollar(20), dollar(10))
    ledger.absorb([(FileState("recordings", "", "/r"), Facts(readings=[*REACHED]))])
    found = command.ask(ledger, "", NOW, configured(tmp_path), live=True)
    (window,) = command.document(found)["windows"]
    assert window["extra_usage"] is None
    late = replace(reading(1.0), observed_at=NOW - timedelta(minutes=30))
    ledger.absorb([(FileState("recordings", "", "/r"), Facts(readings=[late]))])
    found = command.ask(ledger, "", NOW, configured(tmp_path), live=True)
    (window,) = command.document(found)["windows"]
    assert window["extra_usage"]["cost_usd"] == 2
    assert "reached, on extra usage: $2.00 since" in shown(found)


def test_budgets(tmp_path: Path) -> None:
    """Budgets stand below the limits, with dollars; they hold for every agent."""
    own = configured(tmp_path, "[budgets]\nday = 5\n[budgets.projects.web]\nday = 1\n")
    ledger = worked(dollar(20), dollar(10, "somebody-elses-model"))
    found = command.ask(ledger, "", NOW, own)
    *_, day, web = command.document(found)["windows"]
    assert (day["label"], web["label"]) == ("Budget day", "Budget web day")
    assert (day["allowance_usd"], day["verdict"]) == (5, "reached")
    assert (day["unpriced_requests"], web["spent_usd"]) == (1, 0)
    assert "over budget" in shown(found)
    assert "of $5 + 1 unpriced" in shown(found)
    assert len(command.ask(ledger, "codex", NOW, own).windows) == 2
