"""``setup``: connect Claude Code and tmux, and take the connection back.

Shows what it would change and changes only when asked to. Every change is worked out
before the first is made, a file is replaced in one step, and what it held is kept.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from burnmon import cli, private
from burnmon.cli import wiring
from burnmon.cli.output import print_document
from burnmon.config import Settings
from burnmon.errors import BurnmonError, ConfigError, UsageError
from burnmon.files import content
from burnmon.text import plain

_NAMES = {"claude": "Claude Code", "tmux": "tmux", "hook": "Claude Code's hook"}
HOOK = "check --hook --chance 50"
"""What the hook of Claude Code asks burnmon."""
OFFER = "tells Claude to wrap up in time; made when named: burnmon setup hook --apply"
_DONE = {"add": "added", "pipe": "put in front", "remove": "taken out"}


class Change(Struct, frozen=True):
    """What is to be done to one file, or why nothing is."""

    target: str
    file: Path
    action: Literal["add", "pipe", "remove", "offer", "none"]
    before: str = ""
    """The part in question as it is, empty if there is none."""
    after: str = ""
    """The same part as it will be."""
    note: str = ""
    """Why, or what to know about it."""
    text: str | None = None
    """The whole file as it will be; None to leave it alone."""


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Show the changes, or make them."""
    if args.apply and args.undo:
        raise UsageError("setup takes --apply or --undo, not both")
    found = changes(args.targets, settings, os.environ, undo=args.undo)
    made = args.apply or args.undo
    # Of two changes to one file the later holds both.
    texts = {each.file: each.text for each in found if each.text is not None}
    backups = {file: _make(file, texts[file], now) for file in texts if made}
    if args.json:
        rows = [_row(change, backups.get(change.file), made) for change in found]
        print_document(now, {"applied": made, "changes": rows})
        return cli.OK
    for line in _lines(found, backups, made):
        print(line)
    return cli.OK


def changes(
    targets: list[str], settings: Settings, environ: Mapping[str, str], *, undo: bool
) -> list[Change]:
    """Everything to be done, for the named targets or for all."""
    program = program_name(environ)
    found: list[Change] = []
    if not targets or {"claude", "hook"} & {*targets}:
        roots = [root.path for root in settings.roots if root.agent == "claude"]
        for file in _settings_files(roots):
            found.extend(_settings_changes(file, targets, program, undo=undo))
    if not targets or "tmux" in targets:
        found.append(tmux_change(_tmux_file(environ), program, environ, undo=undo))
    return found


def program_name(environ: Mapping[str, str]) -> str:
    """How another program starts burnmon: by name where the path finds it."""
    if shutil.which("burnmon", path=environ.get("PATH")):
        return "burnmon"
    beside = Path(sys.executable).with_name("burnmon")
    if beside.exists():
        return shlex.quote(str(beside))
    # The agent runs it in any directory, whose files Python would else load as modules.
    return f"{shlex.quote(sys.executable)} -P -m burnmon"


def _settings_changes(
    file: Path, targets: list[str], program: str, *, undo: bool
) -> Iterator[Change]:
    """Everything to be done to one settings file of Claude Code, in order."""
    if not file.parent.is_dir():
        target = "claude" if not targets or "claude" in targets else "hook"
        yield Change(target, file, "none", note="Claude Code was not found here")
        return
    text = _read(file)
    if not targets or "claude" in targets:
        change = claude_change(file, text, program, undo=undo)
        text = text if change.text is None else change.text
        yield change
    if not targets or "hook" in targets:
        change = hook_change(file, text, program, undo=undo)
        yield change if targets or change.action != "add" else _offer(change)


def _offer(change: Change) -> Change:
    """The change as something that is there to be asked for."""
    return replace(change, action="offer", note=OFFER, text=None)


def claude_change(file: Path, text: str, program: str, *, undo: bool) -> Change:
    """What to do to the status line in one settings file of Claude Code."""
    settings = wiring.read_settings(text, str(file))
    command = wiring.command_of(settings)
    if command is None:
        note = "the status line is no command; left alone"
        return Change("claude", file, "none", note=note)
    if undo:
        return _claude_undone(file, text, settings, command)
    if wiring.is_connected(command):
        return Change("claude", file, "none", command, command, "connected already")
    after = wiring.connected(command, program)
    written = wiring.write_settings(wiring.with_command(settings, after), text)
    if command:
        note = "your status line stays and is fed through the pipe"
        return Change("claude", file, "pipe", command, after, note, written)
    return Change("claude", file, "add", "", after, "there is no status line", written)


def hook_change(file: Path, text: str, program: str, *, undo: bool) -> Change:
    """What to do to the hooks in one settings file of Claude Code."""
    settings = wiring.read_settings(text, str(file))
    found = wiring.hook_commands(settings)
    if found is None:
        note = "the hooks are of a form burnmon does not know; left alone"
        return Change("hook", file, "none", note=note)
    before = "\n".join(found)
    if undo:
        return _hook_undone(file, text, settings, found)
    if found:
        return Change("hook", file, "none", before, before, "connected already")
    command = f"{program} {HOOK}"
    after = "\n".join(f"{event}: {command}" for event in wiring.HOOK_GROUPS)
    note = "tells Claude to wrap up; in sessions that begin from now on"
    if not wiring.is_connected(wiring.command_of(settings) or ""):
        note += "; needs the status line: burnmon setup claude"
    written = wiring.write_settings(wiring.hooked(settings, command), text)
    return Change("hook", file, "add", "", after, note, written)


def tmux_change(
    file: Path, program: str, environ: Mapping[str, str], *, undo: bool
) -> Change:
    """What to do to the configuration of tmux."""
    text = _read(file)
    without = wiring.tmux_disconnected(text)
    if undo:
        if without == text:
            return Change("tmux", file, "none", note="nothing of burnmon is in it")
        block = wiring.tmux_block(text)
        return Change("tmux", file, "remove", block, text=without)
    if without != text or f"{program} status" in text:
        return Change("tmux", file, "none", note="connected already")
    if not (file.exists() or shutil.which("tmux", path=environ.get("PATH"))):
        return Change("tmux", file, "none", note="tmux was not found")
    note = "then run: tmux source-file " + shlex.quote(str(file))
    block = wiring.tmux_lines(text, program)
    added = wiring.tmux_connected(text, program)
    return Change("tmux", file, "add", "", block, note, added)


def _claude_undone(
    file: Path, text: str, settings: dict[str, Any], command: str
) -> Change:
    before = wiring.disconnected(command)
    if before is None:
        ours = wiring.is_connected(command)
        note = "burnmon is called in a way setup did not write; left alone"
        note = note if ours else "nothing of burnmon is in it"
        return Change("claude", file, "none", command, command, note)
    written = wiring.write_settings(wiring.with_command(settings, before), text)
    return Change("claude", file, "remove", command, before, text=written)


def _hook_undone(
    file: Path, text: str, settings: dict[str, Any], found: list[str]
) -> Change:
    before = "\n".join(found)
    own = [command for command in found if wiring.is_own_hook(command)]
    if not own:
        note = "burnmon is called in a way setup did not write; left alone"
        note = note if found else "nothing of burnmon is in it"
        return Change("hook", file, "none", before, before, note)
    left = "\n".join(command for command in found if command not in own)
    written = wiring.write_settings(wiring.unhooked(settings), text)
    return Change("hook", file, "remove", "\n".join(own), left, text=written)


def _settings_files(roots: list[Path]) -> list[Path]:
    """One settings file per directory; the first even if Claude Code is not there."""
    there = [root for root in roots if root.is_dir()] or roots[:1]
    return [root / "settings.json" for root in there]


def _tmux_file(environ: Mapping[str, str]) -> Path:
    """The file tmux reads: the first of the usual ones that exists, else the first."""
    home = Path(environ.get("HOME") or Path.home())
    config = environ.get("XDG_CONFIG_HOME") or home / ".config"
    usual = (home / ".tmux.conf", Path(config) / "tmux" / "tmux.conf")
    return next((file for file in usual if file.exists()), usual[0])


def _read(file: Path) -> str:
    try:
        return content(file).decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None


def _make(file: Path, text: str, now: datetime) -> Path | None:
    """Write the file and return where its former text is kept, if it had one."""
    # A link, as people who keep their settings in a repository have, stays a link.
    file = file.resolve()
    backup = _unused(file.with_name(f"{file.name}.{now:%Y%m%dT%H%M%SZ}.burnmon-backup"))
    existed, mode = file.exists(), 0o600
    begun = not backup.exists()
    try:
        if existed:
            os.close(private.create(backup))  # settings may hold keys: never wider
            shutil.copy2(file, backup)
            mode = stat.S_IMODE(file.stat().st_mode)
        private.replace_file(file, text.encode(), mode)
    except OSError as error:
        # The file is as it was, and what was begun of its copy is of no use.
        with suppress(OSError):
            if begun:
                backup.unlink()
        raise BurnmonError(f"{file}: cannot be written: {error}") from None
    return backup if existed else None


def _unused(path: Path) -> Path:
    """The path, or the first numbered one beside it that is free."""
    numbered = (path.with_name(f"{path.name}-{n}") for n in range(2, 1000))
    return next((p for p in (path, *numbered) if not p.exists()), path)


def _row(change: Change, backup: Path | None, made: bool) -> dict[str, Any]:
    return {
        "target": change.target,
        "file": str(change.file),
        "action": change.action,
        "done": made and change.text is not None,
        "before": change.before or None,
        "after": change.after or None,
        "note": change.note,
        "backup": None if backup is None else str(backup),
    }


def _lines(
    found: list[Change], backups: Mapping[Path, Path | None], made: bool
) -> Iterator[str]:
    for change in found:
        yield f"{_NAMES[change.target]}  {plain(str(change.file))}"
        if change.note:
            yield f"  {plain(change.note)}"
        if change.action == "none":
            continue
        offered = change.action == "offer"
        done = (
            "offered" if offered else _DONE[change.action] if made else "would change"
        )
        yield f"  {done}:"
        yield from (f"    - {plain(line)}" for line in change.before.splitlines())
        yield from (f"    + {plain(line)}" for line in change.after.splitlines())
        if backup := backups.get(change.file):
            yield f"  before: {plain(str(backup))}"
    if not made and any(change.text is not None for change in found):
        yield "Nothing was changed yet: --apply makes it so, --undo takes it back."
