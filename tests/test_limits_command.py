"""``limits``: windows as text, as JSON and as an exit code."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnmon import cli, config
from burnmon.cli import limits as command
from burnmon.config import Settings
from burnmon.records import COUNTED, Facts, LimitReading, Sighting, Trail
from burnmon.usage.ledger import FileState, Ledger

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
    made = Sighting(
        key=1,
        at=round(began.timestamp() * 1000),
        standing=COUNTED,
        origin="",
        model="claude-opus-4-5",
        input=10,
        output=5,
        cache_read=0,
        cache_write_5m=0,
        cache_write_1h=0,
        web_searches=0,
        final=True,
        speed="",
        region="",
        session_id="S1",
        subagent="",
        project="/w",
        branch="main",
        version="1",
    )
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
        (SAFE, "official: statusline, stated 4 m ago; forecast (experimental) by pace"),
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
