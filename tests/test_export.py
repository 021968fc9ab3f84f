"""``export``: every fact once, in forms that other programs read safely."""

from __future__ import annotations

import csv
import io
import json
import os
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import homes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon import cli, config
from burnmon.cli import export as command
from burnmon.cli.catchup import caught_up
from burnmon.config import Settings
from burnmon.errors import BurnmonError, UsageError
from burnmon.usage import pricing
from burnmon.usage.report import Question

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
PRICES = pricing.load()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person with a home of both agents."""
    homes.write(tmp_path / ".claude", homes.claude_files())
    homes.write(tmp_path / ".codex", homes.codex_files())
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def arguments(**given: Any) -> Namespace:
    """The command's arguments."""
    names = ("since", "until", "agent", "project", "repo", "author", "output")
    usual = dict.fromkeys(names)
    chosen = {"format": "json", "what": "requests", "json": False}
    return Namespace(**{**usual, **chosen, **given})


def exported(
    capsys: pytest.CaptureFixture[str], settings: Settings, **given: Any
) -> str:
    """What the command writes to standard output."""
    assert command.run(arguments(**given), settings, NOW) == cli.OK
    return capsys.readouterr().out


def test_json_document(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """One document with the common head and a record per counted request."""
    found = json.loads(exported(capsys, settings))
    assert list(found) == ["schema_version", "generated_at", "requests"]
    assert all(
        list(each) == list(command.RequestFacts._fields) for each in found["requests"]
    )
    instants = [each["at"] for each in found["requests"]]
    assert instants == sorted(instants)
    assert instants[0] == "2026-11-20T10:00:00.000Z"
    assert len({each["key"] for each in found["requests"]}) == len(instants)


def test_csv_says_the_same(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The CSV has the records of the JSON document, with a header."""
    written = json.loads(exported(capsys, settings))["requests"]
    rows = list(csv.DictReader(io.StringIO(exported(capsys, settings, format="csv"))))
    assert [row["key"] for row in rows] == [each["key"] for each in written]
    assert rows[0]["cost_usd"] == str(Decimal(str(written[0]["cost_usd"])))


def test_export_is_what_the_ledger_counts(settings: Settings) -> None:
    """No request is left out at the seams of the portions, and none comes twice."""
    with caught_up(settings, NOW) as (ledger, _):
        records = list(command.requests(ledger, Question(), (None, None), PRICES))
        counted = ledger.requests()
    assert [int(each.key, 16) for each in records] == [
        each.key & (2**64 - 1) for each in counted
    ]


def test_unpriced_is_null(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request of a model without a price has no cost: null, and an empty cell."""
    path = settings.roots[0].path / homes.S2
    odd = homes.assistant("m-odd", inside={"model": "nobody-1"})
    path.write_bytes(path.read_bytes() + homes.text(odd))
    found = json.loads(exported(capsys, settings))["requests"]
    assert [x["cost_usd"] for x in found if x["model"] == "nobody-1"] == [None]
    rows = csv.DictReader(io.StringIO(exported(capsys, settings, format="csv")))
    assert [x["cost_usd"] for x in rows if x["model"] == "nobody-1"] == [""]


def test_span_and_filters(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Since, until, agent and project limit what is written."""
    early = datetime(2026, 11, 20, 10, 1, tzinfo=UTC)
    span = {"since": early, "until": early + timedelta(hours=1)}
    found = json.loads(exported(capsys, settings, agent="claude", **span))["requests"]
    assert {each["agent"] for each in found} == {"claude"}
    assert all("2026-11-20T10:01" <= each["at"] < "2026-11-20T11:01" for each in found)
    assert json.loads(exported(capsys, settings, project="nowhere"))["requests"] == []


def test_readings(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Limit readings are exported with shares in percent."""
    found = json.loads(exported(capsys, settings, what="readings"))["readings"]
    assert {each["used_percent"] for each in found} == {40.0, 26.0, 100.0}
    assert all(list(each) == list(command.ReadingFacts._fields) for each in found)


def test_nothing_is_an_empty_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any session both forms are well formed and empty."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC"}
    settings = config.load({}, environ)
    assert json.loads(exported(capsys, settings))["requests"] == []
    header = exported(capsys, settings, format="csv")
    assert header == ",".join(command.RequestFacts._fields) + "\n"


def test_file_is_replaced_whole(settings: Settings, tmp_path: Path) -> None:
    """With -o the file is written for its owner, and nothing lies beside it."""
    place = tmp_path / "out" / "facts.json"
    place.parent.mkdir()
    place.write_text("old")
    command.run(arguments(output=str(place)), settings, NOW)
    assert json.loads(place.read_text())["requests"]
    assert place.stat().st_mode & 0o077 == 0
    assert list(place.parent.iterdir()) == [place]


def test_file_that_cannot_be_written_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    """An impossible place is an error that names it."""
    place = str(tmp_path / "missing" / "facts.json")
    with pytest.raises(BurnmonError, match=place):
        command.run(arguments(output=place), settings, NOW)


def test_device_stays_a_device(settings: Settings, tmp_path: Path) -> None:
    """What is no file is written to and not replaced."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    command.run(arguments(output=str(pipe), what="readings"), settings, NOW)
    assert json.loads(os.read(reader, 1 << 16))["readings"]
    os.close(reader)
    assert pipe.is_fifo()


def test_filter_without_effect_is_refused(settings: Settings) -> None:
    """A flag that the export cannot obey is refused rather than ignored."""
    with pytest.raises(UsageError, match="--repo"):
        command.run(arguments(repo="/x"), settings, NOW)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", "' =1"),
        ("＝1", "'＝1"),
        ("a\nb", "'a b"),
        ("x; =1+1;@y", "x; '=1+1;'@y"),
        ("a;b", "a;b"),
        ("feature/x", "feature/x"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (-5, "-5"),
        (True, "true"),
        (Decimal("0.0000100"), "0.00001"),
    ],
)
def test_cell(value: object, expected: str) -> None:
    """A text that a spreadsheet could run is disarmed; figures stay as they are."""
    assert command.cell(value) == expected


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever an agent wrote, no cell begins like a formula or holds a control."""
    shown = command.cell(text)
    assert not shown.lstrip().startswith(("=", "+", "-", "@"))
    assert not any(ord(char) < 32 or ord(char) == 127 for char in shown)
