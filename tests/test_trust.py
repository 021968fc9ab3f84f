"""What burnmon promises: it speaks to nobody, and keeps what it knows to itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from trusting import (
    CAUGHT,
    COMMANDS,
    GUARD,
    SECRET,
    Ran,
    furnish,
    guarded,
    on_terminal,
    own_files,
)

from burnmon import private
from burnmon.cli import commands
from burnmon.live import polling
from burnmon.usage import pricing

GO_OUT = """
import socket
socket.create_connection(("192.0.2.1", 9), timeout=1)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which every command has run, under a guard and no umask."""
    place = tmp_path_factory.mktemp("home")
    furnish(place)
    return place


@pytest.fixture(scope="module")
def ran(home: Path) -> Ran:
    return guarded(home, COMMANDS)


def test_guard_catches(tmp_path: Path) -> None:
    """The guard ends a process that would speak to someone, so its silence is proof."""
    before = GUARD.replace("from burnmon.__main__ import main", GO_OUT)
    furnish(tmp_path)
    caught = guarded(tmp_path, (), guard=before)
    assert caught.code == CAUGHT
    assert caught.told_of("network")


def test_no_command_speaks_to_anyone(ran: Ran) -> None:
    """Whatever is asked on the command line, no socket is opened."""
    assert ran.code == 0, ran.output
    assert ran.told_of("network") == []
    codes = {line.split()[1] for line in ran.told_of("ended")}
    assert len(ran.told_of("ended")) == len(COMMANDS)
    assert codes <= {"0", "2", "10", "11", "20", "None"}, ran.told


def test_no_command_reads_credentials(ran: Ran) -> None:
    """Nobody but a live view that is to ask for limits looks at Claude Code's token."""
    assert ran.told_of("credentials") == []


def test_only_git_is_started(ran: Ran) -> None:
    """No command starts another program than git and what asks tmux."""
    assert {line.split()[1] for line in ran.told_of("program")} <= {"git", "tmux"}


def test_secrets_stay_where_they_are(home: Path, ran: Ran) -> None:
    """Nothing of prompts, answers, code, results or logins is written or printed."""
    echoed = (home / "message.json").read_text()  # ``collect`` stands in a pipe
    assert ran.output.count(echoed) == 1
    assert SECRET not in ran.output.replace(echoed, "")
    files = [path for path in own_files(home).values() if path.is_file()]
    assert files
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path


def test_files_are_their_owner_s_alone(home: Path, ran: Ran) -> None:
    """Whatever the umask, nobody else can read what burnmon wrote."""
    for name, path in own_files(home).items():
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, name


def test_live_view_speaks_to_nobody(tmp_path: Path) -> None:
    """Nor does the live view, with every screen opened."""
    furnish(tmp_path)
    keys: Sequence[tuple[str, str]] = (("Sessions", "d"), ("Shipped", "q"))
    ran = on_terminal(tmp_path, (), [*keys])
    assert ran.code == 0, ran.output[-2000:]
    assert ran.told_of("network") == []
    for path in own_files(tmp_path).values():
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path


def test_every_command_is_tried() -> None:
    """A new command is held to the same promises."""
    named = {words[0] if words[0] in commands.COMMANDS else "" for words in COMMANDS}
    assert named == commands.COMMANDS.keys()


def places(ran: Ran) -> list[str]:
    """What was to be done, with which host and port."""
    return [" ".join(line.split()[1:4]) for line in ran.told_of("network")]


PRICES = f"socket.getaddrinfo {urlsplit(pricing.URL).hostname} 443"
POLLED = f"socket.getaddrinfo {urlsplit(polling.BASE).hostname} 443"


@pytest.mark.parametrize(("offline", "asked"), [("0", PRICES), ("1", "")])
def test_prices_ask_where_they_are_published(
    tmp_path: Path, offline: str, asked: str
) -> None:
    """Only when told to, prices are asked for, at the one documented place."""
    furnish(tmp_path)
    ran = guarded(
        tmp_path,
        [("prices", "--refresh")],
        BURNMON_OFFLINE=offline,
        BURNMON_DEBUG="0",
    )
    assert places(ran) == ([asked] if asked else [])
    assert SECRET not in ran.output


def test_limits_are_asked_of_anthropic(tmp_path: Path) -> None:
    """Only when told to, the live view asks for limits, at the one documented place."""
    furnish(tmp_path)
    ran = on_terminal(tmp_path, ("--poll-usage",), ())
    assert ran.code == CAUGHT
    assert places(ran) == [POLLED]
    assert ran.told_of("credentials")
    assert SECRET not in ran.output


# --- files ---------------------------------------------------------------------------


def test_link_is_not_followed(tmp_path: Path) -> None:
    """A link that somebody left in a file's place leads nowhere."""
    other = tmp_path / "other"
    other.write_text("mine")
    link = tmp_path / "state.json"
    link.symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        private.open_file(link, os.O_WRONLY)
    os.close(private.create(link))
    assert other.read_text() == "mine"
    assert not link.is_symlink()


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_modes_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """A file and the directories above it are made for their owner alone."""
    place = tmp_path / f"{umask:o}" / "a" / "b"
    before = os.umask(umask)
    try:
        if umask == 0o777 and os.geteuid():
            pytest.skip("a directory that its owner cannot enter either")
        private.make_directory(place)
        os.close(private.create(place / "f"))
    finally:
        os.umask(before)
    for path in (place / "f", place, place.parent):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
