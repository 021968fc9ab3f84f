"""Connecting Claude Code and tmux: what is added, what is kept, what is taken back."""

from __future__ import annotations

import json
import subprocess
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from burnmon import config
from burnmon.cli import setup, wiring
from burnmon.records import BurnmonError, ConfigError, UsageError

NOW = datetime(2026, 11, 17, 13, 32, tzinfo=UTC)
LATER = datetime(2026, 11, 17, 13, 33, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with Claude Code and tmux in it, and burnmon on the path."""
    path = tmp_path / "home"
    (path / ".claude").mkdir(parents=True)
    (path / "bin").mkdir()
    program = path / "bin" / "burnmon"
    program.touch()
    program.chmod(0o755)
    (path / ".tmux.conf").write_text("set -g mouse on\n")
    for name in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("PATH", str(path / "bin"))
    return path


def run(home: Path, *words: str, now: datetime = NOW) -> int:
    """``burnmon setup`` with these targets and flags."""
    args = Namespace(
        targets=[word for word in words if not word.startswith("-")],
        apply="--apply" in words,
        undo="--undo" in words,
        json="--json" in words,
    )
    settings = config.load({}, {"HOME": str(home), "TZ": "UTC"})
    return setup.run(args, settings, now)


def settings_of(home: Path) -> Any:
    """Claude Code's settings."""
    return json.loads((home / ".claude" / "settings.json").read_text())


def write_settings(home: Path, settings: object) -> Path:
    """Settings as a person has them."""
    file = home / ".claude" / "settings.json"
    file.write_text(json.dumps(settings, indent=4))
    return file


def test_nothing_changes_unasked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --apply the changes are shown and no file is touched."""
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert run(home) == 0
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert before == after
    shown = capsys.readouterr().out
    assert "+ burnmon statusline" in shown
    assert "Nothing was changed" in shown


def test_first_status_line_is_added(home: Path) -> None:
    """Where there is no status line burnmon's own is added."""
    write_settings(home, {"model": "opus", "env": {"A": "é"}})
    run(home, "--apply", "claude")
    line = {"type": "command", "command": "burnmon statusline"}
    assert list(settings_of(home).items()) == [
        ("model", "opus"),
        ("env", {"A": "é"}),
        ("statusLine", line),
    ]


def test_settings_are_created(home: Path) -> None:
    """A settings file that is not there yet is made."""
    run(home, "--apply", "claude")
    assert settings_of(home)["statusLine"]["command"] == "burnmon statusline"


def test_existing_status_line_is_fed_through_a_pipe(home: Path) -> None:
    """A status line that is there stays, with burnmon in front of it."""
    line = {"type": "command", "command": "~/bar.sh --wide", "padding": 0}
    write_settings(home, {"statusLine": line, "model": "opus"})
    run(home, "--apply", "claude")
    piped = {**line, "command": "burnmon collect | ~/bar.sh --wide"}
    assert list(settings_of(home).items()) == [("statusLine", piped), ("model", "opus")]


def test_undo_gives_back_what_was(home: Path) -> None:
    """--undo restores settings and configuration to the letter."""
    settings = {
        "statusLine": {"type": "command", "command": "cd /x && bar # mine"},
        "model": "opus",
    }
    file = write_settings(home, settings)
    run(home, "--apply")
    run(home, "--undo", now=LATER)
    assert json.loads(file.read_text()) == settings
    assert (home / ".tmux.conf").read_text() == "set -g mouse on\n"


def test_undo_takes_out_what_was_added(home: Path) -> None:
    """--undo leaves no status line where there was none."""
    write_settings(home, {"model": "opus"})
    run(home, "--apply")
    run(home, "--undo", now=LATER)
    assert settings_of(home) == {"model": "opus"}


def test_applying_twice_changes_nothing(home: Path) -> None:
    """What is connected is left alone."""
    run(home, "--apply")
    before = (settings_of(home), (home / ".tmux.conf").read_text())
    run(home, "--apply", now=LATER)
    assert before == (settings_of(home), (home / ".tmux.conf").read_text())
    assert len(list(home.glob(".tmux.conf.*"))) == 1


def test_former_text_is_kept(home: Path) -> None:
    """Every change keeps what the file held, also two within a second."""
    file = write_settings(home, {"model": "opus"})
    before = file.read_text()
    run(home, "--apply", "claude")
    run(home, "--undo", "claude")
    backups = sorted(file.parent.glob("*.burnmon-backup*"))
    assert len(backups) == 2
    assert before in [backup.read_text() for backup in backups]


def test_mode_and_link_stay(home: Path) -> None:
    """A settings file that is a link stays one, and its mode stays."""
    real = home / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o640)
    link = home / ".claude" / "settings.json"
    link.symlink_to(real)
    run(home, "--apply", "claude")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "burnmon" in real.read_text()


def test_tmux_block_is_appended(home: Path) -> None:
    """tmux gets a marked block that adds to status-right and makes room for it."""
    run(home, "--apply", "tmux")
    assert (home / ".tmux.conf").read_text().splitlines() == [
        "set -g mouse on",
        "# >>> burnmon >>>",
        "set -ga status-right ' #(burnmon status --width 60)'",
        "set -g status-right-length 120",
        "# <<< burnmon <<<",
    ]


def test_own_width_of_tmux_stays(home: Path) -> None:
    """A length that the person chose is not changed."""
    (home / ".tmux.conf").write_text("set -g status-right-length 90")
    run(home, "--apply", "tmux")
    text = (home / ".tmux.conf").read_text()
    assert text.count("status-right-length") == 1
    assert text.startswith("set -g status-right-length 90\n# >>>")


def test_tmux_file_of_xdg(home: Path) -> None:
    """The configuration below .config is used where it is the one there is."""
    (home / ".tmux.conf").unlink()
    file = home / ".config" / "tmux" / "tmux.conf"
    file.parent.mkdir(parents=True)
    file.write_text("set -g mouse on\n")
    run(home, "--apply", "tmux")
    assert "burnmon status" in file.read_text()


def test_missing_programs_are_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an agent or tmux is not there, that is said and nothing is made."""
    (home / ".claude").rmdir()
    (home / ".tmux.conf").unlink()
    run(home, "--apply")
    shown = capsys.readouterr().out
    assert "Claude Code was not found" in shown
    assert "tmux was not found" in shown
    assert not (home / ".claude").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [('{"a": 1,\n  // why\n}', 2), ("[1]", 1), ('{\n\n"a": }', 3)],
    ids=["comment", "list", "value"],
)
def test_invalid_settings_are_refused(home: Path, text: str, line: int) -> None:
    """Settings that are no JSON are refused with file and line, before any change."""
    file = home / ".claude" / "settings.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"settings.json:{line}: "):
        run(home, "--apply")
    assert file.read_text() == text
    assert "burnmon" not in (home / ".tmux.conf").read_text()


def test_unwritable_file_is_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be replaced is named, and stays what it was."""
    file = write_settings(home, {"model": "opus"})
    taken = file.with_name(f".{file.name}.77")
    taken.mkdir()
    monkeypatch.setattr("os.getpid", lambda: 77)
    with pytest.raises(BurnmonError, match=r"settings.json: cannot be written"):
        run(home, "--apply", "claude")
    assert settings_of(home) == {"model": "opus"}


@pytest.mark.parametrize("line", ["text", {"type": "widget"}, {"type": "command"}])
def test_other_status_line_is_left_alone(home: Path, line: object) -> None:
    """A status line of a kind burnmon does not know is not touched."""
    write_settings(home, {"statusLine": line})
    run(home, "--apply", "claude")
    assert settings_of(home) == {"statusLine": line}


def test_both_ways_are_refused(home: Path) -> None:
    """--apply and --undo exclude each other."""
    with pytest.raises(UsageError, match="not both"):
        run(home, "--apply", "--undo")


def test_document_of_the_changes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--json is one document with a row per file."""
    run(home, "--json")
    shown = json.loads(capsys.readouterr().out)
    assert shown["schema_version"] == 1
    assert shown["applied"] is False
    assert shown["changes"][0] == {
        "target": "claude",
        "file": str(home / ".claude" / "settings.json"),
        "action": "add",
        "done": False,
        "before": None,
        "after": "burnmon statusline",
        "note": "there is no status line",
        "backup": None,
    }


def test_program_off_the_path_is_called_in_full(tmp_path: Path) -> None:
    """Where the path does not find burnmon, other programs get the whole command."""
    assert setup.program_name({"PATH": str(tmp_path)}).startswith(("/", "'"))


@pytest.mark.parametrize(
    "program", ["burnmon", "/opt/x/bin/burnmon", "'/a b/burnmon'", "/py -m burnmon"]
)
@given(command=st.text(min_size=1))
def test_every_command_comes_back(program: str, command: str) -> None:
    """Taking burnmon out of a connected command gives back the very command."""
    assume(command.strip())
    connected = wiring.connected(command, program)
    assert wiring.is_connected(connected)
    assert wiring.disconnected(connected) == command


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_every_tmux_configuration_comes_back(text: str) -> None:
    """Taking the block out gives back the text, but for its last line's end."""
    assume(wiring.BEGIN not in text)
    back = wiring.tmux_disconnected(wiring.tmux_connected(text, "burnmon"))
    assert back in (text, text + "\n")


@pytest.mark.parametrize(
    "command",
    ["cat", "cat; cat", "cd / && cat", "false || cat", "cat # all", "{ cat; }"],
)
def test_pipe_feeds_the_whole_command(command: str) -> None:
    """A command of several parts gets the input where it would have got it before."""
    connected = wiring.connected(command, "burnmon").replace("burnmon collect", "cat")
    answer = subprocess.run(
        ["sh", "-c", connected], input=b"a\nb", capture_output=True, check=False
    )
    assert answer.stdout == b"a\nb"


def test_foreign_command_is_not_ours() -> None:
    """A command that setup did not write is not taken apart."""
    assert wiring.disconnected("jq .model | burnmon collect") is None
    assert wiring.disconnected("echo burnmon") is None
    assert not wiring.is_connected("echo burnmon")


def test_indentation_stays() -> None:
    """Settings are written with the indentation and letters they came with."""
    like = '{\n\t"a": "é"\n}'
    assert wiring.write_settings({"a": "é"}, like) == like + "\n"
