"""Connecting Claude Code and tmux: what is added, what is kept, what is taken back."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_hook import CALL, REPOSITORY, message, window

from burnmon import config
from burnmon.cli import setup, wiring
from burnmon.errors import BurnmonError, ConfigError, UsageError

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
    assert {each.name for each in file.parent.iterdir()} == {file.name, taken.name}


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


# The hook

OTHERS: dict[str, Any] = {
    "model": "opus",
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say «done»", "async": 1}]}],
        "PostToolUse": [
            {"matcher": "Edit", "hooks": [{"type": "command", "command": "fmt \\d"}]},
        ],
    },
    "permissions": {"allow": ["Bash(make:*)"]},
}
"""Settings with hooks of a person's own."""


def asks(home: Path) -> list[str]:
    """The events at which Claude Code asks burnmon."""
    return [
        event
        for event, groups in settings_of(home).get("hooks", {}).items()
        if "burnmon" in json.dumps(groups)
    ]


def test_hook_is_only_offered(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless it is named the hook is shown as an offer and not made."""
    run(home, "--apply")
    shown = capsys.readouterr().out
    assert "made when named: burnmon setup hook --apply" in shown
    assert "+ PostToolUse: burnmon check --hook --chance 50" in shown
    assert "hooks" not in settings_of(home)
    run(home, "--json", "--apply")
    rows = json.loads(capsys.readouterr().out)["changes"]
    offers = [row for row in rows if row["target"] == "hook"]
    assert [(row["action"], row["done"]) for row in offers] == [("offer", False)]


def test_hook_is_added_beside_others(home: Path) -> None:
    """The hook comes after the hooks that are there, whose lines stay as they are."""
    file = write_settings(home, OTHERS)
    lines = file.read_text().splitlines()
    run(home, "--apply", "hook")
    assert asks(home) == ["PostToolUse", "UserPromptSubmit"]
    first = settings_of(home)["hooks"]["PostToolUse"][0]
    assert first == OTHERS["hooks"]["PostToolUse"][0]
    added = [line.rstrip(",") for line in file.read_text().splitlines()]
    assert {line.rstrip(",") for line in lines} <= set(added)
    assert "statusLine" not in settings_of(home)


def test_hook_comes_back_out(home: Path) -> None:
    """--undo gives back the file as it was, byte for byte, and keeps what it was."""
    file = write_settings(home, OTHERS)
    before = file.read_text()
    run(home, "--apply", "hook")
    run(home, "--undo", now=LATER)
    assert file.read_text() == before
    assert before in [each.read_text() for each in file.parent.glob("*.burnmon-*")]


def test_hook_twice_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook that is there stays, also with a threshold of the person's own."""
    file = write_settings(home, OTHERS)
    run(home, "--apply", "hook")
    own = file.read_text().replace("--chance 50", "--chance 30")
    file.write_text(own)
    capsys.readouterr()
    run(home, "--apply", "hook", now=LATER)
    assert "connected already" in capsys.readouterr().out
    assert file.read_text() == own


def test_hook_and_status_line_at_once(home: Path) -> None:
    """Two changes to one file are both made, with one backup."""
    file = write_settings(home, OTHERS)
    run(home, "--apply", "claude", "hook")
    assert settings_of(home)["statusLine"]["command"] == "burnmon statusline"
    assert len(asks(home)) == 2
    assert len(list(file.parent.glob("*.burnmon-backup*"))) == 1
    run(home, "--undo", "hook", now=LATER)
    assert settings_of(home)["statusLine"]["command"] == "burnmon statusline"
    assert asks(home) == []


def test_hook_needs_a_status_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no status line states the limits the hook says what it lacks."""
    run(home, "hook")
    assert "needs the status line: burnmon setup claude" in capsys.readouterr().out
    run(home, "claude", "hook")
    assert "needs the status line" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "hooks", [3, {"Stop": 3}, {"Stop": ["x"]}, {"Stop": [{"hooks": None}]}]
)
def test_hooks_of_another_form_are_left_alone(home: Path, hooks: object) -> None:
    """Hooks of a form burnmon does not know are not touched."""
    write_settings(home, {"hooks": hooks})
    for flag in ("--apply", "--undo"):
        run(home, flag, "hook")
        assert settings_of(home) == {"hooks": hooks}


def test_hook_inside_a_script_stays(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook that the person wrote around burnmon is not taken out."""
    command = "tee log | burnmon check --hook | jq ."
    group = {"hooks": [{"type": "command", "command": command}]}
    settings = {"hooks": {"PostToolUse": [group]}}
    write_settings(home, settings)
    run(home, "--undo", "hook")
    assert settings_of(home) == settings
    assert "left alone" in capsys.readouterr().out
    run(home, "--apply", "hook")
    assert settings_of(home) == settings


def test_invalid_settings_stop_the_hook(home: Path) -> None:
    """Settings that are no JSON are refused with file and line."""
    file = home / ".claude" / "settings.json"
    file.write_text('{\n  "hooks": {},\n}')
    with pytest.raises(ConfigError, match=r"settings.json:3: "):
        run(home, "--apply", "hook")
    assert file.read_text() == '{\n  "hooks": {},\n}'


@pytest.mark.parametrize(
    "program", ["burnmon", "/opt/x/bin/burnmon", "'/a b/burnmon'", "/py -m burnmon"]
)
def test_every_program_is_known_again(program: str) -> None:
    """However burnmon is called, its hooks are found again and taken out."""
    connected = wiring.hooked(OTHERS, f"{program} {setup.HOOK}")
    assert len(wiring.hook_commands(connected) or ()) == 2
    assert wiring.unhooked(connected) == OTHERS


def test_readme_shows_the_hook(home: Path) -> None:
    """The README's example is what ``setup`` writes, and it works as it stands."""
    readme = Path(__file__).parent.parent.joinpath("README.md").read_text("utf-8")
    example = json.loads(readme.split("```json\n")[1].split("```")[0])
    run(home, "--apply", "hook")
    assert settings_of(home) == example
    state = home / ".local" / "state" / "burnmon" / "state.json"
    state.parent.mkdir(parents=True)
    shown = {"generated_at": NOW.isoformat(), "windows": [window()]}
    state.write_text(json.dumps(shown))
    program = shlex.join([sys.executable, "-c", CALL])
    (home / "bin" / "burnmon").write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    for event, groups in example["hooks"].items():
        given = message(event, session_id=event, transcript_path="")
        (entry,) = groups[0]["hooks"]
        answer = subprocess.run(
            ["/bin/sh", "-c", entry["command"]],
            input=json.dumps(given).encode(),
            env={
                "HOME": str(home),
                "PATH": str(home / "bin"),
                "PYTHONPATH": str(REPOSITORY),
                "TZ": "UTC",
            },
            capture_output=True,
            check=True,
        )
        said = json.loads(answer.stdout)["hookSpecificOutput"]
        assert said["hookEventName"] == event
        assert "14:38 (chance 71 %" in said["additionalContext"]


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
    """Settings are written with the indentation, letters and end they came with."""
    like = '{\n\t"a": "é"\n}'
    assert wiring.write_settings({"a": "é"}, like) == like
    assert wiring.write_settings({"a": "é"}, like + "\n") == like + "\n"


def test_command_loads_nothing_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no program is found, the interpreter is named so that a file of the
    directory the agent works in is no module."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    work = tmp_path / "work"
    work.mkdir()
    trace = tmp_path / "trace"
    (work / "json.py").write_text(f"open({str(trace)!r}, 'w')\nraise SystemExit(0)\n")
    words = shlex.split(setup.program_name({"PATH": ""}))
    environ = {"HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    for called in (words, [each for each in words if each != "-P"]):
        assert not trace.exists()
        command = [*called, "statusline"]
        subprocess.run(command, cwd=work, env=environ, input=b"{}", check=True)
    assert trace.exists(), "the trap was not set"
