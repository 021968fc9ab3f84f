"""The text of other programs' settings with burnmon connected, and without it again.

Pure. Connecting adds and never replaces: a status line that is there is fed through a
pipe, hooks stay beside the new one, and taking burnmon out gives back the very command
that was there before.
"""

from __future__ import annotations

import json
import re
from typing import Any

from burnmon.errors import ConfigError

BEGIN = "# >>> burnmon >>>"
END = "# <<< burnmon <<<"

HOOK_GROUPS: dict[str, dict[str, Any]] = {
    "UserPromptSubmit": {},
    "PostToolUse": {"matcher": "*"},
}
"""Events of Claude Code that get the hook, each with what its group says besides."""
HOOK_SECONDS = 5
"""After so long Claude Code goes on without the hook's answer."""

_OURS = re.compile(r"burnmon'? (statusline|collect)\b")
_ALONE = re.compile(r"^[^|;&\n]*burnmon'? statusline$")
_PIPED = re.compile(r"^[^|;&\n]*burnmon'? collect \| (.*)$", re.DOTALL)
_HOOKED = re.compile(r"burnmon'? check\b.*--hook\b", re.DOTALL)
_HOOK_ALONE = re.compile(r"[^|;&\n]*burnmon'? check\b[^|;&\n]*--hook\b[^|;&\n]*")
_GROUPED = re.compile(r"^\{ (.*)\n\}$", re.DOTALL)
_BLOCK = re.compile(
    rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_LENGTH_SET = re.compile(r"^\s*set(-option)?\b.*\bstatus-right-length\b", re.MULTILINE)


def read_settings(text: str, file: str) -> dict[str, Any]:
    """Claude Code's settings; ConfigError names the line that is no JSON."""
    try:
        settings = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(
            f"{file}:{line}: not valid JSON ({error}); mend it first"
        ) from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}:1: holds no JSON object; mend it first")
    return settings


def write_settings(settings: dict[str, Any], like: str) -> str:
    """The settings as text, indented and ended as the text they came from."""
    indent = re.search(r"^([ \t]+)\S", like, re.MULTILINE)
    written = json.dumps(
        settings,
        indent=indent[1] if indent else 2,
        ensure_ascii=like.isascii() and "\\u" in like,
    )
    return written + ("\n" if like.endswith("\n") or not like else "")


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


def hook_commands(settings: dict[str, Any]) -> list[str] | None:
    """The hooks' commands that ask burnmon; None if the hooks are of no known form."""
    found: list[str] = []
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict):
        return None
    for groups in hooks.values():
        if not isinstance(groups, list):
            return None
        for group in groups:
            if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
                return None
            found += [_hook_command(hook) for hook in group["hooks"]]
    return [command for command in found if _HOOKED.search(command)]


def is_own_hook(command: str) -> bool:
    """Whether a hook's command is burnmon alone, as ``setup`` writes it."""
    return bool(_HOOK_ALONE.fullmatch(command))


def hooked(settings: dict[str, Any], command: str) -> dict[str, Any]:
    """The settings with a hook for each event of ``HOOK_GROUPS``, after all others.

    The hooks must be of the known form.
    """
    hook = {"type": "command", "command": command, "timeout": HOOK_SECONDS}
    hooks = dict(settings.get("hooks", {}))
    for event, group in HOOK_GROUPS.items():
        hooks[event] = [*hooks.get(event, []), {**group, "hooks": [hook]}]
    return {**settings, "hooks": hooks}


def unhooked(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without burnmon's own hooks, and without what they alone filled."""
    kept: dict[str, Any] = {}
    for event, groups in settings["hooks"].items():
        left = [each for each in map(_without_own, groups) if each]
        if left or not groups:
            kept[event] = left
    without = {key: value for key, value in settings.items() if key != "hooks"}
    return {**settings, "hooks": kept} if kept else without


def _without_own(group: dict[str, Any]) -> dict[str, Any]:
    """A group of hooks without burnmon's own; empty if it held nothing else."""
    others = [each for each in group["hooks"] if not is_own_hook(_hook_command(each))]
    if len(others) == len(group["hooks"]):
        return group
    return {**group, "hooks": others} if others else {}


def _hook_command(hook: object) -> str:
    command = hook.get("command") if isinstance(hook, dict) else None
    return command if isinstance(command, str) else ""


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
