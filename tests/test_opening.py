"""The picture that stands on the screen while the live view is loaded."""

from __future__ import annotations

import json
import re
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ptys import Terminal

from burnmon import cli
from burnmon.cli import opening

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
"""Before now, whatever the clock of the machine says."""
WELCOME = b"No session of any coding agent was found"
LINES = [
    " ● Claude 5h safe until 14:00   10:19:00 ",
    "╭─ 1 Limits ───╮",
    "╰──────────────╯",
]


def kept(**change: object) -> dict[str, object]:
    """A picture as it is kept, twelve minutes old."""
    at = (NOW - timedelta(minutes=12)).isoformat()
    return {"generated_at": at, "lines": "\n".join(LINES), **change}


def test_age_comes_first() -> None:
    """Nobody takes the figures for those of now."""
    rows = opening.picture(kept(), (60, 3), NOW)
    assert rows[0].startswith(" ○ as it was 12 m ago · Claude 5h safe until 14:00")
    assert [len(row) for row in rows] == [60, len(LINES[1]), len(LINES[2])]
    assert rows[1:] == LINES[1:]


@pytest.mark.parametrize("size", [(60, 4), (60, 2), (15, 3)])
def test_picture_of_another_size(size: tuple[int, int]) -> None:
    """Boxes would lie in pieces there; the first line is cut to fit."""
    (row,) = opening.picture(kept(), size, NOW)
    assert row.startswith(" ○ as it was")
    assert len(row) == size[0]


@pytest.mark.parametrize(
    "change",
    [
        {"generated_at": (NOW + timedelta(seconds=1)).isoformat()},
        {"generated_at": None},
        {"generated_at": "yesterday"},
        {"lines": ["a"]},
        {"lines": None},
    ],
)
def test_nothing_of_use(change: dict[str, object]) -> None:
    """A picture from the future, or one that is damaged, is not shown."""
    assert opening.picture(kept(**change), (60, 3), NOW) == []


def test_no_escape_reaches_the_terminal() -> None:
    """Whatever stands in the file, the terminal is told nothing by it."""
    rows = opening.picture(kept(lines="a\x1b[31m\x07\nb\x9bmc"), (60, 2), NOW)
    assert all(row.isprintable() for row in rows)


def test_picture_is_private(tmp_path: Path) -> None:
    """It shows what somebody works on."""
    opening.keep(tmp_path / "state", "a\nb", NOW)
    file = tmp_path / "state" / opening.NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["lines"] == "a\nb"


def state_of(home: Path) -> Path:
    """Where the pictures of somebody's home are kept."""
    return home / ".local/state/burnmon"


def test_screen_draws_over_it(tmp_path: Path) -> None:
    """It stands there before anything else, and leaves when the screen is up; the
    screen leaves a picture of its own."""
    opening.keep(state_of(tmp_path), "x\n" * 29 + "remembered", LONG_AGO)
    with Terminal((), {"HOME": str(tmp_path)}) as terminal:
        assert terminal.until(lambda: b"as it was" in terminal.written)
        assert b"remembered" in terminal.written
        assert terminal.until(lambda: WELCOME in terminal.written)
        terminal.press("q")
        assert terminal.wait() == cli.OK
        assert terminal.left_on() == []
    assert b"remembered" not in (state_of(tmp_path) / opening.NAME).read_bytes()


@pytest.mark.parametrize(
    ("words", "environ"),
    [(("--once",), {}), (("--demo",), {}), ((), {"BURNMON_DEMO": "1"})],
)
def test_other_views_begin_with_themselves(
    tmp_path: Path, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    """The picture is the live view's alone."""
    opening.keep(state_of(tmp_path), "remembered", LONG_AGO)
    with Terminal(words, {"HOME": str(tmp_path), **environ}) as terminal:
        assert terminal.drawn()
        terminal.send(signal.SIGTERM)
        terminal.wait()
        assert b"as it was" not in terminal.written


def test_wrong_settings_give_the_terminal_back(tmp_path: Path) -> None:
    """What is wrong is told on the screen that was there before."""
    opening.keep(state_of(tmp_path), "remembered", LONG_AGO)
    environ = {"HOME": str(tmp_path), "BURNMON_TIMEZONE": "Mars"}
    with Terminal((), environ) as terminal:
        assert terminal.wait() == cli.FAILED
        assert terminal.left_on() == []
        shown = terminal.written
    assert re.search(rb"as it was.*\x1b\[\?1049l.*no time zone 'Mars'", shown, re.S)
