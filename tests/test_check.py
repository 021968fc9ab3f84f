"""``check``: one rule, an exit code for each state, and what decided."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_limits_command import (
    EXPIRED,
    NEARLY,
    NOW,
    OUT,
    REACHED,
    SAFE,
    WEEKLY,
    asked,
    reading,
)

from burnmon import cli, config
from burnmon.cli import check, limits
from burnmon.cli.commands import COMMANDS
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.usage.ledger import Ledger


def window(verdict: str = "safe", used: float | None = 20, **more: Any) -> Any:
    """A five-hour window of Claude as it stands in the state file."""
    fields: dict[str, Any] = {"label": "Claude 5h", "agent": "claude", "account": ""}
    fields |= {"kind": "five_hour", "window_minutes": 300, "used_percent": used}
    fields |= {"resets_at": "2026-11-17T15:12:00Z", "verdict": verdict}
    fields |= {"exhaustion_probability": 0.02, "exhausted_at": None, "binding": True}
    return {**fields, **more}


WEEK: dict[str, Any] = {"label": "Claude 7d", "kind": "seven_day"}
BUDGET: dict[str, Any] = {"label": "Budget day", "agent": "budget", "kind": "day"}
CODEX: dict[str, Any] = {"label": "Codex 5h", "agent": "codex"}
PAST: dict[str, Any] = {"resets_at": "2026-11-17T13:00:00Z"}


def judged(
    *windows: Any, agent: str = "", missing: Sequence[str] = (), **near: int
) -> check.Answer:
    """The answer of a running burnmon's state."""
    figures = {"windows": windows, "missing": [{"agent": name} for name in missing]}
    figures = {key: [*each] for key, each in figures.items()}
    return check.judge(figures, agent, check.nearness(**near), NOW)


# The rule


@pytest.mark.parametrize(
    ("windows", "code"),
    [
        pytest.param([window()], cli.OK, id="safe"),
        pytest.param([window("watch")], cli.NEAR_LIMIT, id="watch"),
        pytest.param([window("runs_out")], cli.NEAR_LIMIT, id="runs out"),
        pytest.param([window("safe", 90)], cli.NEAR_LIMIT, id="nearly full"),
        pytest.param([window("reached", 100)], cli.LIMIT_REACHED, id="reached"),
        pytest.param([window("unknown", 20)], cli.OK, id="too early to tell"),
        pytest.param([window("unknown", None)], cli.CANNOT_TELL, id="unknown"),
        pytest.param([window("watch", **PAST)], cli.CANNOT_TELL, id="reset since"),
        pytest.param([window("reached", **PAST), window(**WEEK)], cli.OK, id="week"),
        pytest.param([window(), window("watch", **CODEX)], cli.NEAR_LIMIT, id="other"),
        pytest.param(
            [window(), window("unknown", None, **CODEX)], cli.CANNOT_TELL, id="half"
        ),
        pytest.param(
            [window(), window("reached", 100, **BUDGET)], cli.LIMIT_REACHED, id="budget"
        ),
        pytest.param([], cli.CANNOT_TELL, id="nothing"),
    ],
)
def test_codes_of_the_state(windows: list[Any], code: int) -> None:
    """The exit code is the worst of all accounts, as far as they are known."""
    assert judged(*windows).code == code


@pytest.mark.parametrize(
    ("readings", "agents", "code"),
    [
        pytest.param(SAFE, ["claude"], cli.OK, id="safe"),
        pytest.param(OUT, ["claude"], cli.NEAR_LIMIT, id="runs out"),
        pytest.param(NEARLY, ["claude"], cli.NEAR_LIMIT, id="nearly full"),
        pytest.param(REACHED, ["claude"], cli.LIMIT_REACHED, id="reached"),
        pytest.param((), ["claude"], cli.CANNOT_TELL, id="nothing stated"),
        pytest.param((), [], cli.CANNOT_TELL, id="idle"),
        pytest.param(EXPIRED, ["claude"], cli.CANNOT_TELL, id="reset since"),
        pytest.param(SAFE, ["claude", "codex"], cli.CANNOT_TELL, id="one is unknown"),
        pytest.param(OUT, ["claude", "codex"], cli.NEAR_LIMIT, id="near is worse"),
    ],
)
def test_codes_of_the_ledger(
    readings: Sequence[Any], agents: list[str], code: int
) -> None:
    """Readings give the code that the state made of them would give."""
    figures = limits.figures(asked(readings, agents=agents))
    assert check.judge(figures, "", check.nearness(), NOW).code == code


def test_no_data() -> None:
    """Without any session or reading there is no data."""
    figures = limits.figures(limits.ask(Ledger(None), "", NOW))
    assert check.judge(figures, "", check.nearness(), NOW).code == cli.NO_DATA


def test_reset_window_leaves_the_others() -> None:
    """A short window that was reset does not hide that the week is safe."""
    week = [
        reading(0.1, ago=5000, left=4000, **WEEKLY),
        reading(0.2, left=4000, **WEEKLY),
    ]
    figures = limits.figures(asked([*EXPIRED, *week]))
    assert check.judge(figures, "", check.nearness(), NOW).code == cli.OK


def test_missing_agent_is_unknown() -> None:
    """An agent at work that states no limit cannot be told of, unless another asks."""
    assert judged(window(), missing=["codex"]).code == cli.CANNOT_TELL
    assert judged(window(), missing=["codex"], agent="claude").code == cli.OK


def test_budgets_count_for_every_agent() -> None:
    """A budget stands in the way of the agent that is asked for; others do not."""
    others = [window(), window("watch", **CODEX)]
    assert judged(*others, agent="claude").code == cli.OK
    budget = window("runs_out", **BUDGET)
    assert judged(*others, budget, agent="claude").window == budget


@pytest.mark.parametrize(
    ("chance", "used", "near", "code"),
    [
        (0.5, 30, {"chance": 50}, cli.NEAR_LIMIT),
        (0.49, 95, {"chance": 50}, cli.OK),
        (0.49, 80, {"chance": 50, "used": 80}, cli.NEAR_LIMIT),
        (0.9, 79, {"used": 80}, cli.OK),
        (None, 95, {"chance": 50}, cli.OK),
    ],
)
def test_own_thresholds(
    chance: float | None, used: float, near: dict[str, Any], code: int
) -> None:
    """Where thresholds are given, they alone say what is near."""
    given = window("watch", used, exhaustion_probability=chance)
    assert judged(given, **near).code == code


@pytest.mark.parametrize("value", [0, 101])
def test_threshold_is_a_percentage(value: int) -> None:
    """A threshold outside 1 to 100 is refused with the flag's name."""
    with pytest.raises(UsageError, match="--used takes a percentage"):
        check.nearness(used=value)


def test_likeliest_window_decides() -> None:
    """Among equally grave windows the likeliest to run out is the one named."""
    five = window("watch", exhaustion_probability=0.2)
    week = window("watch", exhaustion_probability=0.4, **WEEK)
    assert judged(five, week).window == week


@pytest.mark.parametrize(
    "odd",
    [
        {"windows": 3, "missing": "x"},
        {"windows": [None, {}], "missing": [1]},
        {"windows": [{"agent": [1], "account": {}, "used_percent": "9"}]},
        {"windows": [window(resets_at=7, exhaustion_probability=[])]},
    ],
)
def test_odd_state_is_no_error(odd: dict[str, Any]) -> None:
    """Whatever stands in the state file, there is an answer."""
    assert check.judge(odd, "", check.nearness(), NOW).code in check.LEVELS


# The command


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person with nothing there yet."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def run(settings: Settings, **more: Any) -> int:
    """``burnmon check`` with these flags."""
    names = ("agent", "chance", "used", "json", "hook")
    return check.run(Namespace(**{**dict.fromkeys(names), **more}), settings, NOW)


def write_state(settings: Settings, *windows: Any, ago: float = 0) -> None:
    """What a running burnmon wrote so many minutes ago."""
    at = NOW - timedelta(minutes=ago)
    state = {"generated_at": at.isoformat(), "pid": os.getpid(), "windows": windows}
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    settings.state_file.write_text(json.dumps({**state, "missing": []}))


def test_running_burnmon_is_believed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures of a running burnmon decide, and no ledger is made."""
    write_state(settings, window("runs_out"))
    assert run(settings) == cli.NEAR_LIMIT
    assert capsys.readouterr() == ("", "")
    assert not settings.ledger_file.exists()


@pytest.mark.parametrize(("ago", "windows"), [(6, [window("watch")]), (0, [])])
def test_files_answer_where_no_burnmon_does(
    settings: Settings, ago: float, windows: list[Any]
) -> None:
    """Old figures, and figures without a limit, give way to those of the files."""
    write_state(settings, *windows, ago=ago)
    limit = {"kind": "five_hour", "minutes": 300, "used_percent": 100}
    limit |= {"resets_at": (NOW + timedelta(minutes=100)).timestamp()}
    line = {"at": NOW.timestamp() - 60, "session_id": "S1", "limits": [limit]}
    settings.recordings_dir.mkdir(parents=True)
    file = settings.recordings_dir / "claude-2026-11.jsonl"
    file.write_text(json.dumps(line) + "\n")
    assert run(settings) == cli.LIMIT_REACHED


def test_document(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """--json says what decided, in the keys that the help names."""
    decided = window("watch")
    write_state(settings, decided, window(**WEEK))
    assert run(settings, json=True) == cli.NEAR_LIMIT
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "generated_at": "2026-11-17T13:32:00Z",
        "exit_code": 10,
        "level": "near",
        "source": "running",
        "decided_by": decided,
        "missing": [],
    }
    for key in ("exit_code", "level", "source", "decided_by", "missing"):
        assert key in COMMANDS["check"].json


def test_document_without_data(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was found the document says so, with the exit code."""
    assert run(settings, json=True) == cli.NO_DATA
    found = json.loads(capsys.readouterr().out)
    assert (found["level"], found["source"]) == ("no_data", "files")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", cli.NEAR_LIMIT),
        ("--chance 80 --agent=claude", cli.OK),
        ("--chance=70", cli.NEAR_LIMIT),
        ("--agent codex", cli.NO_DATA),
        ("--since today --used 80", cli.NEAR_LIMIT),
    ],
)
def test_command_line(settings: Settings, words: str, code: int) -> None:
    """A command line gives the same answer with a parser and without one."""
    write_state(settings, window("runs_out", 87, exhaustion_probability=0.71))
    environ = {"HOME": str(settings.data_dir.parent), "TZ": "UTC"}
    environ["BURNMON_DATA_DIR"] = str(settings.data_dir)
    assert cli.run(["check", *words.split()], environ, NOW) == code
    assert cli.run(["--no-color", "check", *words.split()], environ, NOW) == code


def test_environment_stands_for_flags(settings: Settings) -> None:
    """A variable gives a threshold as the flag would."""
    write_state(settings, window("watch", exhaustion_probability=0.3))
    environ = {"HOME": str(settings.data_dir.parent), "TZ": "UTC"}
    environ |= {"BURNMON_DATA_DIR": str(settings.data_dir), "BURNMON_CHANCE": "40"}
    assert cli.run(["check"], environ, NOW) == cli.OK
    assert cli.run(["check", "--chance", "30"], environ, NOW) == cli.NEAR_LIMIT


@pytest.mark.parametrize("words", ["--chance x", "--agent cursor", "--usd 3", "--used"])
def test_wrong_command_line(settings: Settings, words: str) -> None:
    """What is not known is refused."""
    environ = {"HOME": str(settings.data_dir.parent), "TZ": "UTC"}
    with pytest.raises(UsageError):
        cli.run(["check", *words.split()], environ, NOW)
