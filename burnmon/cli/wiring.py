"""The text of other programs' settings with burnmon connected, and without it again.

Pure. Connecting adds and never replaces: a status line that is there is fed through a
pipe, and taking burnmon out gives back the very command that was there before.
"""

from __future__ import annotations

import json
import re
from typing import Any

from burnmon.records import ConfigError

BEGIN = "# >>> burnmon >>>"
END = "# <<< burnmon <<<"

_OURS = re.compile(r"burnmon'? (statusline|collect)\b")
_ALONE = re.compile(r"^[^|;&\n]*burnmon'? statusline$")
_PIPED = re.compile(r"^[^|;&\n]*burnmon'? collect \| (.*)$", re.DOTALL)
_GROUPED = re.compile(r"^\{ (.*)\n\}$", re.DOTALL)
_BLOCK = re.compile(
    rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_LENGTH_SET = re.compile(r"^\s*set(-option)?\b.*\bstatus-right-length\b", re.MULTILINE)


def read_settings(text: str, file: str) -> dict[str, Any]:
    """Claude Code's settings; ConfigError names the line that is no JSON."""
    try:
        settings = json.loads(text) if text.strip() else {}
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(
            f"{file}:{line}: not valid JSON ({error}); mend it first"
        ) from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}:1: holds no JSON object; mend it first")
    return settings


def write_settings(settings: dict[str, Any], like: str) -> str:
    """The settings as text, indented as the text they came from."""
    indent = re.search(r"^([ \t]+)\S", like, re.MULTILINE)
    return (
        json.dumps(
            settings,
            indent=indent[1] if indent else 2,
            ensure_ascii=like.isascii() and "\\u" in like,
        )
        + "\n"
    )


def command_of(settings: dict[str, Any]) -> str | None:
    """The status line's command: empty if there is none, None if it is no command."""
    line = settings.get("statusLine")
    if line is None:
        return ""
    if not isinstance(line, dict) or line.get("type") != "command":
        return None
    command = line.get("command")
    return command if isinstance(command, str) else None


def is_connected(command: str) -> bool:
    """Whether a command already tells burnmon what it is told."""
    return bool(_OURS.search(command))


def connected(command: str, program: str) -> str:
    """The command that records as well as showing what ``command`` showed."""
    if not command.strip():
        return f"{program} statusline"
    # The pipe must feed all of a command that is more than one.
    compound = any(mark in command for mark in (";", "&", "||", "#", "\n"))
    return f"{program} collect | {_group(command) if compound else command}"


def disconnected(command: str) -> str | None:
    """The command as it was before; empty if there was none, None if it is not ours."""
    if _ALONE.match(command):
        return ""
    piped = _PIPED.match(command)
    if piped is None:
        return None
    grouped = _GROUPED.match(piped[1])
    return grouped[1] if grouped else piped[1]


def with_command(settings: dict[str, Any], command: str) -> dict[str, Any]:
    """The settings with this status line; an empty one takes the setting out."""
    if not command:
        return {key: value for key, value in settings.items() if key != "statusLine"}
    line = settings.get("statusLine") or {"type": "command"}
    return {**settings, "statusLine": {**line, "command": command}}


def tmux_lines(text: str, program: str) -> str:
    """The marked block for tmux: adds to ``status-right``, and makes room for it."""
    lines = [BEGIN, f"set -ga status-right ' #({program} status --width 60)'"]
    if not _LENGTH_SET.search(text):
        lines.append("set -g status-right-length 120")
    return "\n".join([*lines, END]) + "\n"


def tmux_connected(text: str, program: str) -> str:
    """The configuration of tmux with the block at its end."""
    joint = "" if not text or text.endswith("\n") else "\n"
    return text + joint + tmux_lines(text, program)


def tmux_block(text: str) -> str:
    """The block as it stands in the configuration; empty if it does not."""
    block = _BLOCK.search(text)
    return block[0] if block else ""


def tmux_disconnected(text: str) -> str:
    """The configuration of tmux without the block."""
    return _BLOCK.sub("", text)


def _group(command: str) -> str:
    # On a line of its own the brace also ends a command that closes with a comment.
    return f"{{ {command}\n}}"
