"""What Claude Code's status line runs: recording, the line, and never failing."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import burnmon
from burnmon.cli import recording, statusline
from burnmon.text import cells, minutes_of

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
RESET = int((NOW + timedelta(hours=2, minutes=28)).timestamp())
WEEK = int((NOW + timedelta(days=2)).timestamp())
REPOSITORY = Path(burnmon.__file__).parent.parent
FORBIDDEN = "sqlite3 argparse msgspec textual rich httpx watchdog dataclasses".split()

MESSAGE: dict[str, Any] = {
    "session_id": "11111111-2222-4333-8444-555555555555",
    "transcript_path": "/home/ada/.claude-work/projects/-code-api/1.jsonl",
    "cwd": "/code/api",
    "model": {"id": "claude-opus-5-5-20261001", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 1.234},
    "context_window": {"context_window_size": 200000, "used_percentage": 45},
    "rate_limits": {
        "five_hour": {"used_percentage": 37, "resets_at": RESET},
        "seven_day": {"used_percentage": 12, "resets_at": WEEK},
    },
}


def kept(**changes: Any) -> dict[str, Any] | None:
    """The recording of the message with some keys changed."""
    return recording.recording({**MESSAGE, **changes}, NOW.timestamp(), "work")


def line(state: dict[str, Any] | None = None, width: int = 200, **changes: Any) -> str:
    """The status line of the message with some keys changed."""
    return statusline.line({**MESSAGE, **changes}, state, width, NOW, "Europe/Berlin")


def run(
    home: Path, command: str, received: bytes, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as Claude Code would."""
    return subprocess.run(
        [sys.executable, "-m", "burnmon", command],
        input=received,
        env={
            "HOME": str(home),
            "TZ": "UTC",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        },
        capture_output=True,
        check=False,
    )


def recorded(home: Path) -> list[dict[str, Any]]:
    """Every line that was recorded in this home."""
    files = sorted((home / ".local/share/burnmon/recordings").glob("claude-*.jsonl"))
    return [json.loads(row) for file in files for row in file.read_text().splitlines()]


def test_recording_holds_what_is_of_use() -> None:
    """A recording names session, account, windows, context, cost and model."""
    assert kept() == {
        "at": NOW.timestamp(),
        "session_id": MESSAGE["session_id"],
        "account": "work",
        "config_dir": "/home/ada/.claude-work",
        "limits": [
            {
                "kind": "five_hour",
                "minutes": 300,
                "used_percent": 37,
                "resets_at": RESET,
            },
            {
                "kind": "seven_day",
                "minutes": 10080,
                "used_percent": 12,
                "resets_at": WEEK,
            },
        ],
        "context_window_size": 200000,
        "cost_usd": 1.234,
        "model": "claude-opus-5-5-20261001",
    }


def test_recording_keeps_the_cache() -> None:
    """The life of the prompt cache is recorded where it is stated."""
    found = kept(prompt_cache={"expires_at": RESET, "ttl": "5m", "warm": True})
    assert found is not None
    assert found["cache"] == {"expires_at": RESET, "ttl": "5m"}


@pytest.mark.parametrize(
    "limit",
    [
        {"used_percentage": 1795307759, "resets_at": RESET},
        {"used_percentage": -1, "resets_at": RESET},
        {"used_percentage": None, "resets_at": RESET},
        {"used_percentage": 5, "resets_at": None},
        {"used_percentage": True, "resets_at": RESET},
        {"used_percentage": float("nan"), "resets_at": RESET},
        {"used_percentage": 5, "resets_at": RESET * 1000},
        {"used_percentage": 5},
        None,
        7,
    ],
    ids=[
        "epoch",
        "negative",
        "null",
        "no-window",
        "bool",
        "nan",
        "ms",
        "part",
        "none",
        "int",
    ],
)
def test_impossible_limit_is_left_out(limit: object) -> None:
    """A window without a possible share and a reset is no window."""
    assert recording.limits_of({"rate_limits": {"five_hour": limit}}) == []


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [
        ("five_hour", 300),
        ("seven_day", 10080),
        ("seven_day_opus", 10080),
        ("two_weeks", 20160),
        ("24_hours", 1440),
        ("overage", 0),
        ("", 0),
    ],
)
def test_name_tells_the_length(kind: str, minutes: int) -> None:
    """The vendor's word tells how long a window is, or nothing does."""
    assert minutes_of(kind) == minutes


def test_unknown_window_is_kept() -> None:
    """A window nobody has heard of is recorded under its own name."""
    limit = {"used_percentage": 64.5, "resets_at": WEEK}
    found = recording.limits_of({"rate_limits": {"seven_day_opus": limit}})
    assert [row["kind"] for row in found] == ["seven_day_opus"]


@pytest.mark.parametrize(
    "message",
    [{}, {"session_id": "x"}, {"cost": {"total_cost_usd": 1}}, {"rate_limits": {}}],
    ids=["empty", "name-only", "nameless", "no-window"],
)
def test_nothing_of_use_is_no_recording(message: dict[str, Any]) -> None:
    """Without a window, and without a session to say something of, nothing is kept."""
    assert recording.recording(message, 0, "") is None


def append(directory: Path, seconds: float = 0, **changes: Any) -> bool:
    """Record the changed message so many seconds later."""
    row = recording.recording({**MESSAGE, **changes}, NOW.timestamp() + seconds, "")
    assert row is not None
    return recording.append(str(directory / "recordings"), "2026-11", row)


def test_repetition_is_not_written(tmp_path: Path) -> None:
    """A session that says the same within a minute is written once."""
    assert append(tmp_path)
    assert not append(tmp_path, 59, cost={"total_cost_usd": 9})
    assert append(tmp_path, 61)


def test_change_is_written_at_once(tmp_path: Path) -> None:
    """Another share, another context and another session are each news."""
    window = {"used_percentage": 38, "resets_at": RESET}
    assert append(tmp_path)
    assert append(tmp_path, 1, rate_limits={"five_hour": window})
    assert append(tmp_path, 2, context_window={"context_window_size": 1000000})
    assert append(tmp_path, 3, session_id="another")
    assert not append(tmp_path, 4, session_id="another")


def test_torn_line_harms_only_itself(tmp_path: Path) -> None:
    """After a line that a full disk cut short the next one stands on its own."""
    assert append(tmp_path)
    file = tmp_path / "recordings" / "claude-2026-11.jsonl"
    file.write_bytes(file.read_bytes() + b'{"at": 1, "sess')
    assert append(tmp_path, 61)
    assert len(file.read_text().splitlines()) == 3
    assert json.loads(file.read_text().splitlines()[-1])["limits"]


def test_recording_is_private(tmp_path: Path) -> None:
    """Directory and file are for their owner alone."""
    append(tmp_path)
    directory = tmp_path / "recordings"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    file = directory / "claude-2026-11.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_line_shows_model_context_windows_and_cost() -> None:
    """The line reads model, context, windows with their resets, cost."""
    expected = (
        "opus-5.5 · ctx 45% · 5h 37% until 17:00 · 7d 12% until Thu 14:32 · $1.23"
    )
    assert line() == expected


def test_line_carries_the_verdict_of_the_running_burnmon() -> None:
    """What a running burnmon expects of the same window stands behind its share."""
    ends = {"p10": "2026-11-17T15:00:00Z", "p90": "2026-11-17T15:40:00Z"}
    five: dict[str, Any] = {"agent": "claude", "kind": "five_hour"}
    five |= {"verdict": "runs_out", "exhausted_at": ends}
    five |= {"resets_at": "2026-11-17T16:00:03Z"}
    assert "5h 37% out 16:00–16:40" in line({"windows": [five]})


def test_verdict_of_another_window_is_not_taken() -> None:
    """A verdict on the window before, or on another account's, says nothing here."""
    five = {"agent": "claude", "kind": "five_hour", "verdict": "safe"}
    five |= {"resets_at": "2026-11-17T14:00:00Z"}
    assert "5h 37% until 17:00" in line({"windows": [five]})


def test_line_counts_the_cache_down() -> None:
    """A cache about to go cold is announced, and one that is cold is named."""

    def cache(left: timedelta) -> dict[str, float]:
        return {"expires_at": (NOW + left).timestamp()}

    soon = line(prompt_cache=cache(timedelta(minutes=4)))
    assert soon.endswith(" · cache cold in 4 m")
    assert "cache" not in line(prompt_cache=cache(timedelta(minutes=40)))
    assert line(prompt_cache=cache(-timedelta(minutes=1))).endswith(" · cache cold")


def test_window_after_its_reset_is_left_out() -> None:
    """A share of a window that is over is not shown."""
    limit = {"used_percentage": 99, "resets_at": NOW.timestamp() - 1}
    assert line(rate_limits={"five_hour": limit}) == "opus-5.5 · ctx 45% · $1.23"


def test_line_is_safe_to_print() -> None:
    """Escapes in a name do not reach the terminal."""
    text = line(model={"id": "\x1b]0;gone\x07evil\u202e"}, cost=None)
    assert text.startswith("evil · ")
    assert text.isprintable()


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80])
def test_line_fits(width: int) -> None:
    """The line takes no more cells than there are, and keeps the nearest limit."""
    text = line(width=width)
    assert cells(text) <= width
    assert "37%" in text


def test_statusline_records_and_prints(tmp_path: Path) -> None:
    """The command records a line and prints one."""
    limit = {"used_percentage": 37, "resets_at": 4102444800}
    message = {**MESSAGE, "rate_limits": {"five_hour": limit}}
    answer = run(tmp_path, "statusline", json.dumps(message).encode())
    assert answer.returncode == 0
    assert answer.stdout.decode().startswith("opus-5.5 · ctx 45% · 5h 37% until 1 Jan")
    assert answer.stdout.count(b"\n") == 1
    assert [row["account"] for row in recorded(tmp_path)] == ["claude-work"]


def test_account_is_named_as_in_the_config(tmp_path: Path) -> None:
    """A directory that the config file names is recorded under that name."""
    config = tmp_path / "config.toml"
    config.write_text(
        '[roots.day-job]\nagent = "claude"\npath = "/home/ada/.claude-work"\n'
    )
    received = json.dumps(MESSAGE).encode()
    run(tmp_path, "collect", received, BURNMON_CONFIG=str(config))
    assert [row["account"] for row in recorded(tmp_path)] == ["day-job"]


def test_collect_echoes_and_records(tmp_path: Path) -> None:
    """The command hands on what it got, to the byte, and records it."""
    received = json.dumps(MESSAGE, indent=3).encode() + b"\r\n\0tail"
    assert run(tmp_path, "collect", received).stdout == received
    received = json.dumps(MESSAGE).encode()
    answer = run(tmp_path, "collect", received)
    assert (answer.stdout, answer.stderr, answer.returncode) == (received, b"", 0)
    assert len(recorded(tmp_path)) == 1


HOSTILE = {
    "nothing": b"",
    "no-json": b"Segmentation fault",
    "torn": b'{"session_id": "x", "rate_lim',
    "list": b"[1, 2]",
    "null": b"null",
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "deeper": b"[" * 200000,
    "bytes": b"\xff\xfe\x00",
    "surrogate": b'{"session_id": "\\ud800", "cost": {"total_cost_usd": 1}}',
    "huge": b'{"cost": {"total_cost_usd": ' + b"9" * 5000 + b"}}",
    "nan": b'{"cost": {"total_cost_usd": NaN}, "session_id": "x"}',
    "infinite": b'{"prompt_cache": {"expires_at": 1e999}, "session_id": "x"}',
    "shapes": b'{"model": 1, "cost": [], "rate_limits": "x", "context_window": null}',
    "paths": b'{"session_id": [], "transcript_path": {"a": 1}}',
    "zero": b'{"session_id": "x", "transcript_path": "\\u0000/projects/a"}',
}


@pytest.mark.parametrize("command", ["statusline", "collect"])
@pytest.mark.parametrize("received", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_never_fails(
    tmp_path: Path, command: str, received: bytes
) -> None:
    """Whatever stands on standard input, the commands end well and in silence."""
    answer = run(tmp_path, command, received)
    assert (answer.returncode, answer.stderr) == (0, b"")
    if command == "collect":
        assert answer.stdout == received
    else:
        assert answer.stdout.count(b"\n") == 1


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(received=st.binary(max_size=2000))
def test_any_bytes_pass_through(tmp_path: Path, received: bytes) -> None:
    """Any bytes leave ``collect`` as they came."""
    answer = run(tmp_path, "collect", received)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, received, b"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
LIMIT = st.fixed_dictionaries({"used_percentage": JSON, "resets_at": JSON})


@given(
    message=st.fixed_dictionaries(
        {},
        optional={
            "session_id": JSON,
            "transcript_path": JSON,
            "model": JSON | st.fixed_dictionaries({"id": JSON, "display_name": JSON}),
            "cost": JSON | st.fixed_dictionaries({"total_cost_usd": JSON}),
            "context_window": JSON
            | st.fixed_dictionaries(
                {"used_percentage": JSON, "context_window_size": JSON}
            ),
            "prompt_cache": JSON | st.fixed_dictionaries({"expires_at": JSON}),
            "rate_limits": JSON | st.dictionaries(st.text(), LIMIT | JSON, max_size=3),
        },
    ),
    width=st.integers(min_value=10, max_value=200),
)
def test_any_shape_makes_a_line(message: dict[str, Any], width: int) -> None:
    """Every shape of message has a line that fits, and a recording that is JSON."""
    text = statusline.line(message, None, width, NOW, "UTC")
    assert text
    assert cells(text) <= width
    assert text.isprintable()
    row = recording.recording(message, NOW.timestamp(), "")
    json.dumps(row, allow_nan=False).encode()


@pytest.mark.parametrize("command", ["statusline", "collect"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "2>&-", ">/dev/full"])
def test_closed_streams_never_fail(tmp_path: Path, command: str, closed: str) -> None:
    """Without an input, without a reader or with a full disk the commands end well."""
    answer = subprocess.run(
        ["sh", "-c", f'"$0" -m burnmon {command} {closed}', sys.executable],
        input=json.dumps(MESSAGE).encode(),
        env={"HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY), "TZ": "UTC"},
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, b"")
    for row in recorded(tmp_path):
        assert row["limits"]


@pytest.mark.parametrize("command", ["statusline", "collect"])
def test_unwritable_place_never_fails(tmp_path: Path, command: str) -> None:
    """Where nothing can be written the commands still answer."""
    taken = tmp_path / "file"
    taken.touch()
    received = json.dumps(MESSAGE).encode()
    answer = run(tmp_path, command, received, BURNMON_DATA_DIR=str(taken / "below"))
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout


@pytest.mark.parametrize("toml", ["x = ", "roots = 1", "data_dir = 3", "\xff"])
def test_broken_config_never_fails(tmp_path: Path, toml: str) -> None:
    """A config file that other commands refuse does not darken the status line."""
    config = tmp_path / "config.toml"
    config.write_text(toml, encoding="latin-1")
    answer = run(tmp_path, "statusline", b"{}", BURNMON_CONFIG=str(config))
    assert (answer.returncode, answer.stderr) == (0, b"")


def test_odd_environment_never_fails(tmp_path: Path) -> None:
    """Nonsense in COLUMNS, TZ and flags is passed over."""
    environ = {"COLUMNS": "wide", "TZ": "Mars/Base", "BURNMON_WIDTH": "x"}
    answer = run(tmp_path, "statusline", json.dumps(MESSAGE).encode(), **environ)
    assert (answer.returncode, answer.stderr) == (0, b"")


_LOADED = """
import os, sys
from datetime import UTC, datetime
import burnmon.__main__
from burnmon import cli
cli.run(sys.argv[1:], os.environ, datetime(2026, 11, 17, 13, 32, tzinfo=UTC))
print(*sys.modules, file=sys.stderr)
"""


def loaded(home: Path, *words: str) -> set[str]:
    """The modules that a command line loads."""
    answer = subprocess.run(
        [sys.executable, "-c", _LOADED, *words],
        input=json.dumps(MESSAGE).encode(),
        env={"HOME": str(home), "PYTHONPATH": str(REPOSITORY), "TZ": "UTC"},
        capture_output=True,
        check=True,
    )
    return set(answer.stderr.decode().split())


@pytest.mark.parametrize("command", ["statusline", "collect"])
def test_little_is_loaded(tmp_path: Path, command: str) -> None:
    """The commands load nothing that takes long to load."""
    assert not loaded(tmp_path, command) & {*FORBIDDEN, "platformdirs", "pathlib"}


def test_status_loads_little(tmp_path: Path) -> None:
    """With a current state file ``status`` loads neither parser, ledger nor screen."""
    directory = tmp_path / ".local/state/burnmon"
    directory.mkdir(parents=True)
    state = {"generated_at": NOW.isoformat(), "pid": 0, "windows": []}
    (directory / "state.json").write_text(json.dumps(state))
    assert not loaded(tmp_path, "status") & {*FORBIDDEN, "typing"}
