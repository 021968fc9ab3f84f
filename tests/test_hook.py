"""``check --hook``: Claude Code's hook protocol, once per window, and never failing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest

import burnmon
from burnmon import cli, config
from burnmon.cli import called, hook
from burnmon.cli.catchup import glanced

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
REPOSITORY = Path(burnmon.__file__).parent.parent
SESSION = "aa69f6de-0480-445e-b160-54d02e69e2bd"

CALL = f"""
import os, sys
from datetime import datetime
from burnmon import cli
code = cli.run(sys.argv[1:], os.environ, datetime.fromisoformat("{NOW.isoformat()}"))
sys.stderr.write(" ".join(sys.modules))
sys.exit(code)
"""
"""burnmon at a fixed time, with the names of all that it loaded."""
FORBIDDEN = "sqlite3 msgspec textual rich httpx watchdog subprocess".split()

Message = dict[str, Any]


def message(event: str = "PostToolUse", **more: Any) -> Message:
    """What Claude Code 2.1 hands to a hook."""
    said: dict[str, dict[str, Any]] = {
        "UserPromptSubmit": {"permission_mode": "default", "prompt": "go on"},
        "PostToolUse": {
            "tool_name": "Bash",
            "tool_input": {"command": "make"},
            "tool_response": {"stdout": "", "interrupted": False},
            "tool_use_id": "toolu_1",
            "duration_ms": 12,
        },
    }
    return {
        "session_id": SESSION,
        "transcript_path": f"/home/ada/.claude/projects/-w/{SESSION}.jsonl",
        "cwd": "/w",
        "prompt_id": "3082da8f-78d9-45e7-ab6b-1d8b62724d07",
        "hook_event_name": event,
        **said.get(event, {}),
        **more,
    }


def window(**more: Any) -> dict[str, Any]:
    """A five-hour window of Claude that runs out at 14:38."""
    fields: dict[str, Any] = {"label": "Claude 5h", "agent": "claude", "account": ""}
    fields |= {"kind": "five_hour", "window_minutes": 300, "used_percent": 87}
    fields |= {"resets_at": "2026-11-17T15:12:00Z", "verdict": "runs_out"}
    fields |= {"exhaustion_probability": 0.71, "binding": True}
    ends = {"p10": "2026-11-17T14:10:00Z", "p50": "2026-11-17T14:38:00Z"}
    return {**fields, "exhausted_at": ends, **more}


CALM: dict[str, Any] = {"verdict": "safe", "exhaustion_probability": 0.02}
WEEK: dict[str, Any] = {"label": "Claude 7d", "kind": "seven_day"}
REACHED: dict[str, Any] = {"verdict": "reached", "used_percent": 100}


@dataclass
class Home:
    """A person's home, in which hooks are called."""

    path: Path

    @property
    def state(self) -> Path:
        """The state file of a running burnmon."""
        return self.path / "d" / "state" / "state.json"

    @property
    def memory(self) -> Path:
        """What the hook remembers."""
        return self.state.with_name(hook.MEMORY)

    def shows(self, *windows: dict[str, Any], now: datetime = NOW) -> None:
        """A running burnmon says this."""
        state = {"generated_at": now.isoformat(), "windows": windows}
        self.state.write_text(json.dumps(state))

    def calls(
        self, given: Message | bytes, flags: str = "--chance 50", now: datetime = NOW
    ) -> Any:
        """The answer to a hook's message; empty where nothing is said."""
        received = given if isinstance(given, bytes) else json.dumps(given).encode()
        environ = {"HOME": "/home/ada", "TZ": "UTC"}
        environ |= {"BURNMON_DATA_DIR": f"{self.path}/d"}
        environ |= {"CLAUDE_CONFIG_DIR": "/home/ada/.claude"}
        return hook.answered(received, ["--hook", *flags.split()], environ, now)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a burnmon's state directory."""
    (tmp_path / "d" / "state").mkdir(parents=True)
    return Home(tmp_path)


# The protocol


@pytest.mark.parametrize("event", hook.EVENTS)
def test_claude_is_told(home: Home, event: str) -> None:
    """Past the threshold Claude gets time, chance and the wish, the person a line."""
    home.shows(window())
    answer = home.calls(message(event))
    assert set(answer) == {"hookSpecificOutput", "systemMessage"}
    context = answer["hookSpecificOutput"].pop("additionalContext")
    assert answer["hookSpecificOutput"] == {"hookEventName": event}
    fact = (
        "The Claude 5h limit is about to run out at 14:38 (chance 71 %, 87 % used);"
        " it resets at 15:12."
    )
    wish = "finish the current step, run the tests, commit"
    assert context.startswith("Limits as of 13:32, from burnmon")
    assert fact in context
    assert wish in context
    assert answer["systemMessage"] == f"burnmon: {fact} Claude was asked to wrap up."


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(window(**CALM), id="safe"),
        pytest.param(window(exhaustion_probability=0.49), id="below"),
        pytest.param(window(exhaustion_probability=None), id="too early"),
        pytest.param(window(resets_at="2026-11-17T13:31:00Z"), id="reset since"),
        pytest.param(window(agent="codex"), id="other agent"),
        pytest.param(window(account="work"), id="other account"),
    ],
)
def test_nothing_is_said(home: Home, given: dict[str, Any]) -> None:
    """Below the threshold, and of what is not this session's, nothing is said."""
    home.shows(given, window(**CALM, **WEEK))
    assert home.calls(message()) == {}
    assert not home.memory.exists()


@pytest.mark.parametrize("event", ["SessionStart", "Stop", "StopFailure", "PreCompact"])
def test_other_events_say_nothing(home: Home, event: str) -> None:
    """An event in which there is nothing to decide is not answered."""
    home.shows(window())
    assert home.calls(message(event)) == {}


def test_account_of_the_session(home: Home) -> None:
    """A session is told of the account that its directory belongs to."""
    home.shows(window(), window(account="claude-work", label="Claude work 5h"))
    path = "/home/ada/.claude-work/projects/-w/1.jsonl"
    answer = home.calls(message(transcript_path=path))
    context = answer["hookSpecificOutput"]["additionalContext"]
    assert "The Claude work 5h limit" in context
    assert "The Claude 5h limit" not in context


def test_accounts_that_share_a_home(home: Home) -> None:
    """A home that several accounts use in turn does not say whose a session is."""
    home.shows(window(account="#2", label="Claude 5h #2"))
    answer = home.calls(message())
    context = answer["hookSpecificOutput"]["additionalContext"]
    assert "The Claude 5h #2 limit is about to run out" in context


def test_budget_counts(home: Home) -> None:
    """A budget that runs out is told of, whatever the account."""
    home.shows(window(agent="budget", account="", label="Budget day", kind="day"))
    path = "/home/ada/.claude-work/projects/-w/1.jsonl"
    assert "Budget day" in home.calls(message(transcript_path=path))["systemMessage"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (REACHED, "The Claude 5h limit is reached; it resets at 15:12."),
        (
            {"exhausted_at": None, "exhaustion_probability": 0.3},
            "may run out before its reset at 15:12 (chance 30 %, 87 % used).",
        ),
        ({"exhaustion_probability": None}, "is 87 % used; it resets at 15:12."),
        ({"exhausted_at": {"p50": "2026-11-17T13:00:00Z"}}, "run out at 13:32"),
        ({"label": "\x1b[2JX"}, "The X limit"),
    ],
)
def test_words(changes: dict[str, Any], words: str) -> None:
    """A window's sentence says what is known, never a past instant."""
    assert words in hook.sentence(window(**changes), NOW, "UTC")


def test_subagent_hands_back(home: Home) -> None:
    """A subagent, told for itself, is to hand back its work rather than to commit."""
    home.shows(window())
    assert "commit" in str(home.calls(message()))
    inside = message(agent_id="a1", agent_type="Explore")
    answer = home.calls(inside)
    assert "hand back" in answer["hookSpecificOutput"]["additionalContext"]
    assert "commit" not in str(answer)
    assert home.calls(inside) == {}


# Once


def test_once_per_window(home: Home) -> None:
    """A session is told once of a window, whose reset is stated with a jitter."""
    home.shows(window())
    assert home.calls(message("UserPromptSubmit"))
    home.shows(window(resets_at="2026-11-17T15:13:59Z", used_percent=89))
    assert home.calls(message()) == {}
    assert home.calls(message(session_id="another"))


def test_graver_steps_are_told_again(home: Home) -> None:
    """The last twentieth and the limit itself are worth another word, once each."""
    home.shows(window())
    assert home.calls(message())
    for changes in ({"used_percent": 95}, REACHED):
        home.shows(window(**changes))
        assert home.calls(message())
        assert home.calls(message()) == {}
    home.shows(window(used_percent=96))
    assert home.calls(message()) == {}


def test_next_window_is_told_of(home: Home) -> None:
    """A window after the reset is a new one; another window is one too."""
    home.shows(window())
    assert home.calls(message())
    home.shows(window(), window(**WEEK))
    assert "Claude 7d" in home.calls(message())["systemMessage"]
    later = NOW + timedelta(hours=5)
    ends = {"p50": "2026-11-17T19:00:00Z"}
    next_one = window(resets_at="2026-11-17T20:12:00Z", exhausted_at=ends)
    home.shows(next_one, now=later)
    assert home.calls(message(), now=later)


def test_memory_is_private_and_forgets(home: Home) -> None:
    """What was said is kept for the owner alone, until a day after the reset."""
    home.shows(window())
    home.calls(message())
    assert stat.S_IMODE(home.memory.stat().st_mode) == 0o600
    assert len(json.loads(home.memory.read_text())["told"]) == 1
    later = NOW + timedelta(days=2)
    ends = {"resets_at": "2026-11-19T20:12:00Z"}
    home.shows(window(**ends), now=later)
    home.calls(message(session_id="another"), now=later)
    assert len(json.loads(home.memory.read_text())["told"]) == 1


def test_memory_is_whole_at_any_instant(home: Home) -> None:
    """A call that is killed while it writes leaves a memory that can be read."""
    home.shows(window())
    home.memory.parent.mkdir(parents=True, exist_ok=True)
    home.memory.write_text(json.dumps({"told": {}, "more": "x" * 500}))
    seen: list[bytes] = []

    def look(frame: Any, event: str, _: object) -> Any:
        if frame.f_code.co_name == "_remembered":
            seen.append(home.memory.read_bytes())
        return look

    sys.settrace(look)
    try:
        home.calls(message())
    finally:
        sys.settrace(None)
    told = [json.loads(each)["told"] for each in seen]
    assert (told[0], len(told[-1])) == ({}, 1)


@pytest.mark.parametrize(
    "kept",
    [b"", b"[", b"[]", b'{"told": 3, "looked": {"a": "x"}}', b'{"told": {"a": [1]}}'],
)
def test_broken_memory_is_begun_anew(home: Home, kept: bytes) -> None:
    """A memory that cannot be read costs one repetition at most."""
    home.shows(window())
    home.memory.write_bytes(kept)
    assert home.calls(message())
    assert home.calls(message()) == {}


# Without a running burnmon


def record(home: Home, used: float) -> None:
    """The status line recorded a five-hour window, half an hour before its reset."""
    directory = home.path / "d" / "recordings"
    directory.mkdir(exist_ok=True)
    limit = {"kind": "five_hour", "minutes": 300, "used_percent": used}
    limit |= {"resets_at": (NOW + timedelta(minutes=30)).timestamp()}
    line = {"at": NOW.timestamp() - 60, "session_id": "S1", "limits": [limit]}
    with (directory / "claude-2026-11.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_files_are_looked_at(home: Home) -> None:
    """Where no burnmon runs the files say it, and one session looks once a minute."""
    record(home, 100)
    assert "is reached" in str(home.calls(message()))
    assert home.calls(message(session_id="another"))


def test_looks_are_rare(home: Home) -> None:
    """Between two looks of a session the files are left alone."""
    assert home.calls(message()) == {}
    record(home, 100)
    assert home.calls(message(), now=NOW + timedelta(seconds=59)) == {}
    assert home.calls(message(), now=NOW + timedelta(seconds=61))


def test_a_look_is_short(home: Home) -> None:
    """A look reads the newest files up to a bound and leaves the rest for the next."""
    root = homes.write(
        home.path / "claude",
        {homes.S1: homes.text(homes.assistant("m1")), homes.S2: b"{}\n"},
    )
    os.utime(root / homes.S2, (1, 1))
    environ = {"HOME": str(home.path), "CLAUDE_CONFIG_DIR": str(root), "TZ": "UTC"}
    settings = config.load({}, environ)
    for known in (1, 2, 2):
        with glanced(settings, 1) as ledger:
            assert len(ledger.known()) == known


# Never failing


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\xff",
        b"[1]",
        b"{",
        b'{"hook_event_name": 3}',
        b'{"hook_event_name": "PostToolUse", "session_id": [], "transcript_path": {}}',
    ],
)
def test_odd_input(home: Home, given: bytes) -> None:
    """Whatever stands on standard input, the answer is silence or JSON."""
    home.shows(window(**CALM))
    assert home.calls(given) == {}


def test_state_that_cannot_be_kept(home: Home) -> None:
    """Where nothing can be remembered nothing is said, for it would be said again."""
    home.shows(window())
    home.memory.mkdir()
    assert home.calls(message()) == {}


def test_mistakes_are_shown_with_a_prompt(home: Home) -> None:
    """A wrong command line or config is shown to the person, never at each tool."""
    home.shows(window())
    for flags in ("--chnce 50", "--chance 0", "--chance x"):
        answer = home.calls(message("UserPromptSubmit"), flags)
        assert list(answer) == ["systemMessage"]
        assert "--chance" in answer["systemMessage"]
        assert home.calls(message(), flags) == {}


@pytest.mark.parametrize(
    "words",
    [
        "--bogus check --hook",
        "check --bogus --hook",
        "check --hook --chance x",
        "--config CONFIG check --hook",
        "--timezone Mars/Base check --hook",
        "--data-dir CONFIG check --hook",
        "--config CONFIG statusline",
        "--timezone Mars/Base collect",
        "--bogus statusline",
    ],
)
def test_no_command_line_stops_the_agent(
    home: Home, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong, wherever it stands: no error, for 2 would undo the prompt."""
    config_file = home.path / "config.toml"
    config_file.write_text("x = [")
    given = json.dumps(message("UserPromptSubmit")).encode()
    monkeypatch.setattr(called, "read_input", lambda: given)
    monkeypatch.setattr(called, "write_output", lambda _: None)
    argv = words.replace("CONFIG", str(config_file)).split()
    environ = {"HOME": str(home.path), "TZ": "UTC"}
    assert cli.run(argv, environ, NOW) == cli.OK


@pytest.mark.parametrize("missing", ["tomllib", "sqlite3", "msgspec", "platformdirs"])
def test_broken_installation_stops_no_agent(home: Home, missing: str) -> None:
    """Nor does a part of burnmon, or of Python, that is not there."""
    (home.path / "config.toml").touch()
    code = (
        "import os, sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from burnmon.__main__ import main\n"
        "sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "check", "--hook"],
        input=json.dumps(message("UserPromptSubmit")).encode(),
        env={
            "HOME": str(home.path),
            "BURNMON_CONFIG": str(home.path / "config.toml"),
            "PYTHONPATH": str(REPOSITORY),
        },
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.parametrize("words", [["check", "--hook"], ["-O", "check", "--hook"]])
def test_process(home: Home, words: list[str]) -> None:
    """As a process the hook answers whatever the order of its flags, with code 0."""
    home.shows(window())
    answer = subprocess.run(
        [sys.executable, "-c", CALL, *words, "--data-dir", str(home.path / "d")],
        input=json.dumps(message(transcript_path="")).encode(),
        env={"HOME": str(home.path), "TZ": "UTC", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 0
    assert list(json.loads(answer.stdout)) == ["hookSpecificOutput", "systemMessage"]
    assert not set(FORBIDDEN) & set(answer.stderr.decode().split())
