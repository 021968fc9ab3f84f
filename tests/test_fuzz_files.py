"""What stands in place of a file is refused, never waited for and never swallowed.

``trials/oddities.py`` tries all commands with all places.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import inputs
import pytest

from burnmon import cli, files
from burnmon.cli import called, hook, recording
from burnmon.cli.hook import answered
from burnmon.config import load
from burnmon.errors import ConfigError
from burnmon.live import alert_log, polling, registry, status
from burnmon.shipped import repositories
from burnmon.usage import pricing

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@contextmanager
def not_waited_for(place: Path) -> Iterator[None]:
    """Whoever waits for a writer of a pipe gets one after a while, and is found out."""
    found, over = [], threading.Event()

    def write() -> None:
        while not over.wait(3):
            for pipe in filter(Path.is_fifo, place.rglob("*")):
                with suppress(OSError):  # nobody waits
                    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                    found.append(pipe)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not found


def config(place: Path) -> None:
    environ = {"HOME": str(place), "BURNMON_CONFIG": str(place / "file")}
    assert called.config_of(environ, "") == {}
    with pytest.raises(ConfigError, match="is a pipe"):
        load({}, environ)


def prices(place: Path) -> None:
    for own, fetched in ((place / "file", None), (None, place / "file")):
        with pytest.raises(ConfigError, match="is a pipe"):
            pricing.load(own, fetched)


def state(place: Path) -> None:
    assert status.read_state(place / "file") is None


def alerts(place: Path) -> None:
    assert alert_log.AlertLog(place / "file").told() == ()


def running(place: Path) -> None:
    (place / "sessions").mkdir()
    (place / "file").rename(place / "sessions" / "1.json")
    assert list(registry.alive(place)) == []


def credential(place: Path) -> None:
    (place / "file").rename(place / polling.CREDENTIALS)
    assert "is a pipe" in str(polling.usable(place, NOW))
    assert polling._kept(place / polling.CREDENTIALS) == {}


def recorded(place: Path) -> None:
    (place / "file").rename(place / "claude-2026-11.jsonl")
    line = {"session_id": "S1", "at": 1.0}
    with pytest.raises(OSError, match=r"claude-2026-11|seek"):
        recording.append(str(place), "2026-11", line)


def near(place: Path) -> bool:
    """Whether the hook tells a session that its limit is near."""
    (place / "state").mkdir(exist_ok=True)
    figures = {**inputs.STATE, "generated_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}
    (place / "state" / "state.json").write_text(json.dumps(figures))
    flags = ["--data-dir", str(place), "--chance", "10"]
    told = json.dumps({**inputs.TOLD, "transcript_path": ""}).encode()
    return bool(answered(told, flags, {"HOME": str(place)}, NOW))


def remembered(place: Path) -> None:
    (place / "state").mkdir()
    (place / "file").rename(place / "state" / "hook.json")
    assert not near(place)


def git_dir(place: Path) -> None:
    (place / "file").rename(place / "HEAD")
    (place / "logs").mkdir()
    (place / "HEAD").rename(place / "logs" / "HEAD")
    assert repositories.head_logs(place) == [[]]


READ: list[Callable[[Path], None]] = [
    *(config, prices, state, alerts, running, credential, recorded, remembered, git_dir)
]


@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_pipe(read: Callable[[Path], None], tmp_path: Path) -> None:
    """A pipe in place of a file is left alone."""
    os.mkfifo(tmp_path / "file")
    with not_waited_for(tmp_path):
        read(tmp_path)


def test_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the hook remembers so much is read as it could have written."""
    assert [near(tmp_path), near(tmp_path)] == [True, False]
    monkeypatch.setattr(hook, "MOST_BYTES", 10)
    assert near(tmp_path)


def test_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert files.content(file, 100) == b"x" * 100
    with pytest.raises(OSError, match="is larger than"):
        files.content(file, 99)


def test_device() -> None:
    """One that ends is an empty file, one that does not is too large."""
    assert files.content(os.devnull) == b""
    with pytest.raises(OSError, match="is larger than"):
        files.content("/dev/zero", 5000)


def test_socket_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("bound")
        for name in ("bound", "."):
            with pytest.raises(OSError, match=r"o such device|s a directory"):
                files.content(name)


WRONG = {
    "data_dir": 'data_dir = "a\\u0000b"',
    "roots": '[roots]\na = {path = "\\u0000", agent = "claude"}',
}


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
def test_status_line_with_a_wrong_config(
    tmp_path: Path,
    settings: str,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """A path that cannot be costs the recording, not the line."""
    file = tmp_path / "config.toml"
    file.write_text(settings)
    monkeypatch.setattr(called, "read_input", lambda: json.dumps(inputs.TOLD).encode())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    environ = {"HOME": str(tmp_path), "BURNMON_CONFIG": str(file)}
    cli.run(["statusline"], environ, NOW)
    assert b"opus-4.5" in capfdbinary.readouterr().out
