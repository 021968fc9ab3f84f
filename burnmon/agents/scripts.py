"""What a script in JavaScript asks tools to do, as far as its literals tell.

Newer Codex versions let the model write scripts which call its tools. Nothing is
evaluated: a command that is put together from pieces is not seen.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from burnmon.agents.lines import LONGEST_TEXT


class Script(NamedTuple):
    """The calls in a script."""

    commands: list[tuple[str, str]]
    """Shell commands, each with its directory; empty where it names none."""
    patches: list[str]
    continued: list[str]
    """Ids of the running commands whose output it waits for."""


# One that never ends is taken up to where it could have ended, for otherwise a text of
# nothing but beginnings is searched to its end for each of them.
_LITERAL = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|\"(?P<double>(?:[^\"\\\n]|\\.)*)(?:\"|(?P<open>\\?(?:\n|\Z)))"
    r"|'(?P<single>(?:[^'\\\n]|\\.)*)(?:'|(?P<open_too>\\?(?:\n|\Z)))"
    r"|(?P<raw>\bString\.raw)?`(?P<template>(?:[^`\\]|\\.)*)(?:`|(?P<open_end>\\?\Z))",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_SPOKEN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_COMMAND = re.compile(r"\bcmd[\"']?\s*[:=]\s*$")
_DIRECTORY = re.compile(r"\bworkdir[\"']?\s*([:=])\s*$")
_COMPUTED = re.compile(r"(?<!\\)\$\{")
_KEY = re.compile(r"\s*:")
_CALLED = "exec_command("
_CONTINUED = re.compile(
    r"write_stdin\(\s{0,99}\{[^}]{0,1999}?\bsession_id[\"']?\s*:\s*(\d+)"
)


def read(text: str) -> Script:
    """The commands, patches and continuations that a script states."""
    text = text[:LONGEST_TEXT]
    script = Script([], [], _CONTINUED.findall(text))
    everywhere = ahead = ""
    end = 0
    for found in _LITERAL.finditer(text):
        value, before = _value(found), text[end : found.start()]
        if _KEY.match(text, found.end()):
            continue
        end = found.end()
        if value is None:
            continue
        if value.lstrip().startswith("*** Begin Patch"):
            if not _COMPUTED.search(found["template"] or ""):
                script.patches.append(value)
        elif _COMMAND.search(before):
            script.commands.append((value, ahead))
            ahead = ""
        elif named := _DIRECTORY.search(before):
            if named[1] == "=":
                everywhere = value
            elif _CALLED in before or not script.commands:
                ahead = value
            else:
                script.commands[-1] = (script.commands[-1][0], value)
    for n, (command, directory) in enumerate(script.commands):
        script.commands[n] = (command, directory or everywhere)
    return script


def _value(found: re.Match[str]) -> str | None:
    """The text that a literal stands for; None for a comment, or without an end."""
    if any(found[name] is not None for name in ("open", "open_too", "open_end")):
        return None
    if found["raw"]:
        return found["template"]
    written = (found["double"], found["single"], found["template"])
    text = next((each for each in written if each is not None), None)
    if text is None:
        return None
    halves = _ESCAPE.sub(_spoken, text).encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace")


def _spoken(found: re.Match[str]) -> str:
    braced, four, two, single = found.groups()
    if single is not None:
        return "" if single == "\n" else _SPOKEN.get(single, single)
    code = int(braced or four or two, 16)
    return chr(code) if code < 0x110000 else ""
