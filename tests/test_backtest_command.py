"""``backtest``: scores as text and as JSON, from a file and from the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from histories import LENGTH, even, evens, start, window

import burnmon
from burnmon import cli, config
from burnmon.cli import backtest as command
from burnmon.cli import parser
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.records import LimitReading

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
STEEP = window(10, [(n / 50, round(n / 30, 2)) for n in range(31)])
HISTORY = [*evens(*[0.5, 0.6, 0.4] * 3, 0.5), *STEEP]


def row(reading: LimitReading, **changed: Any) -> dict[str, Any]:
    """A reading as a line of the input file states it."""
    return {
        "account": reading.account or "me",
        "window": reading.kind,
        "window_minutes": reading.window_minutes,
        "observed_at": reading.observed_at.timestamp(),
        "used_percent": reading.used * 100,
        "resets_at": int(reading.resets_at.timestamp()),
        **changed,
    }


def lined(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(each) + "\n" for each in rows)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person without any session."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of readings, in which one window runs out."""
    place = tmp_path / "readings.jsonl"
    place.write_text(lined(map(row, HISTORY)))
    return place


def arguments(file: Path | str = "", **given: Any) -> Namespace:
    """The command's arguments."""
    usual: dict[str, Any] = dict.fromkeys(("since", "until", "agent"))
    return Namespace(**{**usual, "json": False, "operand": str(file), **given})


def printed(
    capsys: pytest.CaptureFixture[str], settings: Settings, args: Namespace
) -> str:
    """What the command writes to standard output."""
    assert command.run(args, settings, NOW) == cli.OK
    return capsys.readouterr().out


def document(
    capsys: pytest.CaptureFixture[str], settings: Settings, args: Namespace
) -> Any:
    """The command's JSON document."""
    args.json = True
    return json.loads(printed(capsys, settings, args))


# --- JSON ----------------------------------------------------------------------------

NAMES = {"agent", "account", "kind", "resets_at"}


def test_document(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document has the promised keys, and percents."""
    found = document(capsys, settings, arguments(file))
    assert list(found) == [
        *("schema_version", "generated_at", "forecasts", "scores"),
        *("reliability", "warnings", "windows"),
    ]
    assert found["windows"] == 11
    forecast = found["forecasts"][-1]
    bands = {"at", "used_percent", "p10", "p50", "p90", "exhaustion_probability"}
    assert set(forecast) == NAMES | bands
    assert (forecast["agent"], forecast["account"]) == (None, "me")
    assert forecast["resets_at"] == (start(10) + LENGTH).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert 1 < forecast["used_percent"] <= forecast["p10"] <= forecast["p90"]
    assert 0 <= forecast["exhaustion_probability"] <= 1


def test_scores_of_the_document(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each method has its scores, at the same points, errors in percent points."""
    found = document(capsys, settings, arguments(file))
    methods = ["burnmon", "past_windows", "least_squares", "even_pace", "stays"]
    assert list(found["scores"]) == methods
    keys = {"points", "windows", "pinball", "mae", "coverage_80", "brier"}
    assert all(set(each) == keys for each in found["scores"].values())
    assert found["scores"]["stays"]["mae"] > 1
    bins = {"from", "to", "points", "foretold", "reached"}
    assert all(set(each) == bins for each in found["reliability"])
    points = found["scores"]["burnmon"]["points"]
    assert sum(each["points"] for each in found["reliability"]) == points


def test_warnings_of_the_document(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A window that ran out says when, and how long before it was warned of."""
    (found,) = document(capsys, settings, arguments(file))["warnings"]
    assert set(found) == NAMES | {
        *("reached_at", "known_at", "warned_at", "warned_minutes_before"),
        *("times_raised", "exhaustion_off_by_minutes"),
    }
    reached = datetime.fromisoformat(found["reached_at"])
    assert reached == start(10) + LENGTH * 0.6
    ahead = reached - datetime.fromisoformat(found["warned_at"])
    assert found["warned_minutes_before"] * 60 == ahead.total_seconds()


def test_keys_stand_in_the_help() -> None:
    """Every key of the document is documented, and so is every key of the file."""
    words = parser.help_text("backtest")
    for name in (*command.KEYS, "reliability", "times_raised", "coverage_80", "at,"):
        assert name in words
    assert "burnmon backtest [flags] FILE" in words


# --- text ----------------------------------------------------------------------------


def test_text(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text holds a table of the methods, the chances and the warnings."""
    words = printed(capsys, settings, arguments(file))
    assert "forecasts made again" in words
    assert [
        line.split("  ")[0] for line in words.splitlines() if line.count(".") >= 3
    ] == ["burnmon", "past windows", "least squares", "even pace", "stays"]
    assert "me five_hour ran out 4 Nov, warned " in words
    assert "to run out" in words


def test_little_history_is_told_as_such(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With too few windows there is no score, and it is said what it takes."""
    place = tmp_path / "few.jsonl"
    place.write_text(lined(map(row, even(0, 0.4))))
    assert "too little history to score" in printed(capsys, settings, arguments(place))
    found = document(capsys, settings, arguments(place))
    assert (found["scores"], found["windows"]) == ({}, 1)
    assert len(found["forecasts"]) > 5


@pytest.mark.parametrize("contents", ["", "\n \n"])
def test_empty_file_is_an_empty_document(
    tmp_path: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    contents: str,
) -> None:
    """A file without a reading has nothing to tell again."""
    place = tmp_path / "empty.jsonl"
    place.write_text(contents)
    found = document(capsys, settings, arguments(place))
    assert (found["forecasts"], found["scores"], found["warnings"]) == ([], {}, [])
    assert printed(capsys, settings, arguments(place)).startswith("0 forecasts")


def test_names_of_a_file_are_safe_to_print(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account's name cannot speak to the terminal."""
    place = tmp_path / "odd.jsonl"
    place.write_text(lined(row(each, account="\x1b[2Jme") for each in HISTORY))
    words = printed(capsys, settings, arguments(place))
    assert "me five_hour ran out" in words
    assert "\x1b" not in words


# --- what is read --------------------------------------------------------------------


def test_empty_ledger(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Without FILE and without any reading there is nothing to tell, and no error."""
    found = document(capsys, settings, arguments())
    assert (found["forecasts"], found["windows"]) == ([], 0)
    assert "too little history" in printed(capsys, settings, arguments())


def test_ledger_is_told_again(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without FILE the ledger's own readings are told again, by agent."""
    lines = [
        {
            "at": each.observed_at.timestamp(),
            "session_id": "S1",
            "limits": [
                {
                    "kind": each.kind,
                    "minutes": each.window_minutes,
                    "used_percent": each.used * 100,
                    "resets_at": each.resets_at.timestamp(),
                }
            ],
        }
        for each in HISTORY
    ]
    place = settings.data_dir / "recordings" / "claude-2026-11.jsonl"
    place.parent.mkdir(parents=True)
    place.write_text(lined(lines))
    found = document(capsys, settings, arguments())
    assert found["windows"] == 11
    assert {each["agent"] for each in found["forecasts"]} == {"claude"}
    assert found["scores"]
    codex = document(capsys, settings, arguments(agent="codex"))
    assert codex["windows"] == 0


def test_since_and_until_limit_what_is_known(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readings before --since and from --until on are as if they were not there."""
    args = arguments(file, since=start(2), until=start(5))
    found = document(capsys, settings, args)
    assert found["windows"] == 3
    instants = [datetime.fromisoformat(each["at"]) for each in found["forecasts"]]
    assert start(2) <= min(instants) < max(instants) < start(5)


def test_series_stay_apart(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accounts and kinds of one file have windows of their own."""
    place = tmp_path / "two.jsonl"
    rows = [row(each) for each in HISTORY]
    others = [{**each, "account": "other"} for each in rows]
    weekly = [{**each, "window": "x"} for each in rows]
    place.write_text(lined([*rows, *others, *weekly]))
    found = document(capsys, settings, arguments(place))
    assert found["windows"] == 33
    assert {(each["account"], each["kind"]) for each in found["forecasts"]} == {
        *(("me", "five_hour"), ("other", "five_hour"), ("me", "x"))
    }


def test_null_and_late_readings_tell_nothing(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A null figure, a null reset and a figure after its reset are passed over."""
    before = document(capsys, settings, arguments(file))
    (last,) = window(10, [(1.1, 0.9)])
    (half,) = window(10, [(0.5, 0.1)])
    odd = [row(half, used_percent=None), row(half, resets_at=None), row(last)]
    file.write_text(lined([*odd, *map(row, HISTORY)]))
    assert document(capsys, settings, arguments(file)) == before


def test_order_of_lines_does_not_matter(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose lines are in the opposite order gives the same document."""
    before = document(capsys, settings, arguments(file))
    file.write_text(lined(map(row, reversed(HISTORY))))
    assert document(capsys, settings, arguments(file)) == before


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        pytest.param("{", "Expecting property name", id="no JSON"),
        pytest.param("[]", "list indices", id="no object"),
        pytest.param("1", "not subscriptable", id="a number"),
        pytest.param(b"\xff", "can't decode", id="no UTF-8"),
        pytest.param({"account": ...}, "'account' is missing", id="no account"),
        pytest.param({"used_percent": 101}, "used_percent is 101", id="above"),
        pytest.param({"used_percent": -1}, "used_percent is -1", id="below"),
        pytest.param({"used_percent": float("nan")}, "is nan", id="no number"),
        pytest.param({"used_percent": "4"}, "not supported", id="a word"),
        pytest.param({"window_minutes": 0}, "window_minutes is 0", id="no length"),
        pytest.param({"window_minutes": 0.5}, "window_minutes is 0.5", id="short"),
        pytest.param({"window_minutes": 10**7}, "window_minutes is 1000", id="endless"),
        pytest.param({"resets_at": 1e300}, "too large|out of range", id="never"),
        pytest.param({"observed_at": -6e10}, "-6.*is no time", id="long ago"),
        pytest.param("[" * 100_000, "recursion", id="deep"),
        pytest.param({"resets_at": "2026-11-20"}, "integer", id="a date"),
    ],
)
def test_wrong_line_is_named(
    tmp_path: Path, settings: Settings, line: Any, wrong: str
) -> None:
    """What cannot be read is an error that names file, line and what a line holds."""
    if isinstance(line, dict):
        changed = row(HISTORY[1], **line)
        line = lined([{name: x for name, x in changed.items() if x is not ...}])
    bad = line if isinstance(line, bytes) else line.encode()
    good = lined([row(HISTORY[0])]).encode()
    place = tmp_path / "bad.jsonl"
    place.write_bytes(good + b"\n" + bad)
    with pytest.raises(UsageError, match=rf"bad\.jsonl:3: .*({wrong}).*; a line holds"):
        command.run(arguments(place), settings, NOW)


def test_missing_file_is_named(tmp_path: Path, settings: Settings) -> None:
    """A file that is not there, or is none, is an error that names it."""
    with pytest.raises(UsageError, match=r"gone\.jsonl: No such file"):
        command.run(arguments(tmp_path / "gone.jsonl"), settings, NOW)
    with pytest.raises(UsageError, match="Is a directory"):
        command.run(arguments(tmp_path), settings, NOW)


# --- the process ---------------------------------------------------------------------


def test_file_stands_among_flags() -> None:
    """FILE may stand before or after flags, and only one is taken."""
    for words in ("backtest x.jsonl -j", "backtest -j x.jsonl", "-j backtest x.jsonl"):
        args = parser.parse(words.split(), {})
        assert (args.operand, args.json) == ("x.jsonl", True)
    assert parser.parse(["backtest"], {}).operand == ""
    with pytest.raises(UsageError, match="does not take 'y'"):
        parser.parse(["backtest", "x", "y"], {})


def shell(home: Path, words: str, *given: str) -> Sequence[str]:
    """What a shell line prints on standard error."""
    repository = Path(burnmon.__file__).parent.parent
    answer = subprocess.run(
        ["sh", "-c", words, sys.executable, *given],
        env={"HOME": str(home), "PYTHONPATH": str(repository), "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stderr.splitlines()


def test_pipes_are_read_and_closed(tmp_path: Path, file: Path) -> None:
    """FILE may be a pipe, and a reader that leaves early ends the program quietly."""
    words = (
        'cat "$1" | { "$0" -m burnmon backtest /dev/stdin --json; echo $? >&2; } | true'
    )
    assert shell(tmp_path, words, str(file)) == ["0"]
