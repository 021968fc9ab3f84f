"""The live view as a command: one frame as text, and what it refuses."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import homes
import pytest

import burnmon
from burnmon import cli, config, text
from burnmon.cli import live as command
from burnmon.cli.catchup import INTERVAL, PATIENCE, Progress
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.frame.segments import Segment
from burnmon.tui.app import BurnApp
from burnmon.usage.ledger import Ledger

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a person with a home of both agents and a small terminal."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "20")
    homes.write(tmp_path / ".claude", homes.claude_files())
    homes.write(tmp_path / ".codex", homes.codex_files())
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def arguments(**given: bool) -> Namespace:
    """The command's arguments."""
    usual = dict.fromkeys(("once", "demo", "json", "poll_usage"), False)
    return Namespace(**{**usual, **given})


def frame(
    capsys: pytest.CaptureFixture[str], settings: Settings, **given: bool
) -> list[str]:
    """The lines of one frame."""
    assert command.run(arguments(once=True, **given), settings, NOW) == cli.OK
    return capsys.readouterr().out.splitlines()


def test_frame_has_the_size_of_the_terminal(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """One frame fills COLUMNS and LINES, without colours where nobody looks."""
    lines = frame(capsys, settings)
    assert len(lines) == 20
    assert max(map(text.cells, lines)) == 100
    assert "\x1b" not in "".join(lines)


def test_frame_shows_what_was_just_written(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The frame is that of the files, not of the last run's ledger."""
    frame(capsys, settings)
    path = settings.roots[0].path / homes.S1
    late = homes.assistant(
        "m-new", cwd="/home/dev/brandnew", timestamp=homes.at("10:30")
    )
    path.write_bytes(path.read_bytes() + homes.text(late))
    assert any("brandnew" in line for line in frame(capsys, settings))


def test_frame_beside_another_burnmon(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second burnmon draws its frame from the ledger of the first."""
    frame(capsys, settings)
    with Ledger(settings.ledger_file):
        assert len(frame(capsys, settings)) == 20


def test_frame_without_a_ledger(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that takes no ledger still gives a frame."""
    settings.data_dir.write_text("in the way")
    assert len(frame(capsys, settings)) == 20


def test_demo_frame_needs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """The demo draws its recorded day, and makes no file."""
    monkeypatch.setenv("COLUMNS", "80")
    settings = config.load({}, {"HOME": str(tmp_path), "TZ": "UTC"})
    lines = frame(capsys, settings, demo=True)
    assert any("$" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_screen_needs_a_terminal(settings: Settings) -> None:
    """Without a terminal the live view refuses, and names what works there."""
    with pytest.raises(UsageError, match="burnmon --once"):
        command.run(arguments(), settings, NOW)


def test_screen_has_no_json(settings: Settings) -> None:
    """The live view is no document; the refusal names the command that is."""
    with pytest.raises(UsageError, match="burnmon status --json"):
        command.run(arguments(json=True), settings, NOW)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("alarm", "\x1b[31mout\x1b[0m  x"),
        ("alarm strong", "\x1b[31;1mout\x1b[0m  x"),
        ("selected", "out  x"),
        ("", "out  x"),
    ],
)
def test_colours(style: str, expected: str) -> None:
    """A style becomes the terminal's own colour, and ends with its segment."""
    line = [Segment("out", style), Segment("  "), Segment("x"), Segment("  ")]
    assert command.painted(line) == expected


def test_colours_change_no_text(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A frame in colour reads like the plain one."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    coloured = config.load({}, {**environ, "FORCE_COLOR": "1"})
    painted = frame(capsys, coloured)
    assert any("\x1b[" in line for line in painted)
    bare = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in painted]
    assert bare == frame(capsys, settings)


# Leaving


async def test_interrupt_ends_with_130() -> None:
    """Ctrl-C on the screen is the end of an interrupted command."""
    app = BurnApp(lambda post: lambda: None)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+c")
    assert app.return_code == cli.INTERRUPTED


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signal_gives_the_terminal_back(
    settings: Settings, number: signal.Signals, code: int
) -> None:
    """A signal ends the screen by its own way out, and the process by its code."""
    terminal, inside = pty.openpty()
    environ = {
        "HOME": str(settings.data_dir.parent),
        "PYTHONPATH": str(Path(burnmon.__file__).parents[1]),
        "TERM": "xterm-256color",
    }
    words = [sys.executable, "-m", "burnmon", "--demo"]
    screen = subprocess.Popen(
        words, stdin=inside, stdout=inside, stderr=inside, env=environ
    )
    os.close(inside)
    written = b""
    signalled = False
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while block := os.read(terminal, 1 << 16):
            written += block
            # The screen is up once it has drawn its frame.
            if not signalled and "╰".encode() in written:
                screen.send_signal(number)
                signalled = True
    os.close(terminal)
    assert screen.wait() == code
    assert written.rfind(b"\x1b[?1049l") > written.rfind(b"\x1b[?1049h") >= 0


# Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Callable[[], float]:
    """A clock that goes on by a step whenever it is read."""
    instants = iter(range(10**6))
    return lambda: next(instants) * step


def read_all(stream: io.StringIO, step: float) -> str:
    """What a sweep of four files tells, at so many seconds a look at the clock."""
    progress = Progress(stream, ticking(step))
    progress.begin([100] * 4)
    for _ in range(4):
        progress.add(1)
    progress.end()
    return stream.getvalue()


def test_progress_is_shown_when_it_takes_long() -> None:
    """A slow sweep tells how far it is, and leaves no trace."""
    told = read_all(Terminal(), PATIENCE / 2)
    assert "reading 2 of 4 files, 50 %" in told
    assert told.endswith("\r\x1b[K")


def test_quick_sweep_is_silent() -> None:
    """What takes no time says nothing."""
    assert read_all(Terminal(), INTERVAL / 2) == ""


def test_no_progress_in_a_file() -> None:
    """A log of errors gets no progress."""
    assert read_all(io.StringIO(), PATIENCE) == ""


def test_size_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither variables nor a terminal a frame is 80 × 24."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "__stderr__", io.StringIO())
    assert command.size_of_terminal() == (80, 24)
