"""Which programs a shell command runs, and where.

Commands are read as a POSIX shell reads them, as far as the text alone tells: quotes,
substitutions, subshells and here-documents, but no variables and no globs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from operator import length_hint
from typing import NamedTuple

from msgspec import Struct, field

from burnmon.agents.lines import LONGEST_TEXT
from burnmon.text import base

# --- reading -------------------------------------------------------------------------

_DEEPEST = 12
"""Nobody nests more shells; deeper text is taken as words."""
_MOST_PIECES = 20_000
"""Words, separators and the like that are read of a command and of all scripts in it;
what follows is left unread. A script may be given to a shell that is given to a shell,
and be read for each of them."""
_BLANK = " \t\r"
_PLAIN = re.compile(r"[^ \t\r\n\\'\"$`#()<>;&|]+")
_DOUBLE = re.compile(r'[^"\\$`]+')
# Bounded, or a text of nothing but their beginnings is searched to its end for each.
_EXPANSION = re.compile(r"\$\{[^}]{0,999}\}|\$'(?:[^'\\]|\\.)*'|\$", re.DOTALL)
_ARITHMETIC = re.compile(r"\$\(\(.{0,999}?\)\)", re.DOTALL)
_HEREDOC = re.compile(
    r"<<(?!<)(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s;&|<>()])+)"
)
_REDIRECTION = re.compile(r"(?:&>>?|>[>|]?|<<<|<>?)(&[\d-]*)?")
_SEPARATING = "&|;\n"
_SEPARATOR = re.compile(r"&&|\|\||\|&|;;|&(?!>)|[;|\n]")


class Heredoc(NamedTuple):
    delimiter: str
    literal: bool
    """Nothing in it is expanded."""
    tabs: bool
    """Leading tabs are dropped."""
    lines: list[str]


class Command(Struct):
    """A simple command, or a subshell, with what it stands in."""

    words: list[str] = field(default_factory=list)
    """Without their quotes."""
    targets: list[str] = field(default_factory=list)
    """Files its output goes to."""
    heredocs: list[Heredoc] = field(default_factory=list)
    subshells: list[list[Command]] = field(default_factory=list)
    captured: list[list[Command]] = field(default_factory=list)
    """Substitutions: they run first, and print into the command."""
    then: str = ""
    """The separator after it."""


class _Reader:
    """One pass over a text, from command to command."""

    def __init__(self, text: str, pieces: Iterator[int]) -> None:
        """``pieces`` yields once for each piece that may be read."""
        self.text = text
        self.length = len(text)
        self.at = 0
        self.pieces = pieces
        self.awaited: list[Heredoc] = []
        """Here-documents whose bodies begin after the next newline."""

    def script(self, end: str = "", depth: int = 0) -> list[Command]:
        """The commands up to an unquoted ``end``, or all."""
        commands = [Command()]
        while self._goes_on():
            here = self.text[self.at]
            if end and here == end:
                self.at += 1
                break
            if here in _SEPARATING and (separator := self._match(_SEPARATOR)):
                commands[-1].then = separator[0]
                commands.append(Command())
                if separator[0] == "\n":
                    self._bodies()
            else:
                self._piece(commands[-1], depth)
        return [each for each in commands if each != Command(then=each.then)]

    def _goes_on(self) -> bool:
        """Whether there is more to be read, and may be."""
        if self.at >= self.length:
            return False
        if next(self.pieces, None) is None:
            self.at = self.length
            return False
        return True

    def _piece(self, command: Command, depth: int) -> None:
        """A word, a redirection, a subshell, or what is between them."""
        here = self.text[self.at]
        if here in _BLANK:
            self.at += 1
        elif here == "#":
            stop = self.text.find("\n", self.at)
            self.at = stop if stop >= 0 else len(self.text)
        elif here in "()":
            self.at += 1
            command.words.clear()
            if here == "(" and depth < _DEEPEST:
                command.subshells.append(self.script(")", depth + 1))
        elif here == "<" and (heredoc := self._match(_HEREDOC)):
            self._await(command, heredoc)
        elif here in "<>" or self.text.startswith("&>", self.at):
            self._redirect(command, depth)
        else:
            self._add(command, depth)

    def _await(self, command: Command, found: re.Match[str]) -> None:
        delimiter = re.sub(r"['\"\\]", "", found[2])
        literal = delimiter != found[2]
        heredoc = Heredoc(delimiter, literal, found[1] == "-", [])
        command.heredocs.append(heredoc)
        self.awaited.append(heredoc)

    def _bodies(self) -> None:
        for heredoc in self.awaited:
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                stop = stop if stop >= 0 else len(self.text)
                line = self.text[self.at : stop]
                line = line.lstrip("\t") if heredoc.tabs else line
                if line.rstrip("\r") == heredoc.delimiter:
                    self.at = stop + 1
                    break
                self.at = stop + 1
                heredoc.lines.append(line)
        self.awaited.clear()

    def _redirect(self, command: Command, depth: int) -> None:
        found = self._match(_REDIRECTION)
        if found is None or found[1]:
            return
        if self.text.startswith("(", self.at) and depth < _DEEPEST:
            self.at += 1
            command.captured.append(self.script(")", depth + 1))
            return
        while self.text[self.at : self.at + 1] in tuple(_BLANK):
            self.at += 1
        if (target := self._word(command, depth)) and ">" in found[0]:
            command.targets.append(target)

    def _add(self, command: Command, depth: int) -> None:
        word = self._word(command, depth)
        if word.isdigit() and self.text[self.at : self.at + 1] in ("<", ">"):
            stated = len(command.targets)
            self._redirect(command, depth)
            if word != "1":
                del command.targets[stated:]
            return
        array = word.endswith("=") and self.text.startswith("(", self.at)
        if array and depth < _DEEPEST:
            self.at += 1
            self.script(")", depth + 1)
        command.words.append(word)

    def _word(self, command: Command, depth: int) -> str:
        """The word at this place without its quotes; may be empty."""
        parts: list[str] = []
        while self._goes_on():
            here = self.text[self.at]
            if plain := _PLAIN.match(self.text, self.at):
                parts.append(plain[0])
                self.at = plain.end()
            elif here == "'":
                parts.append(self._until("'"))
            elif here == '"':
                self.at += 1
                parts.append(self._double(command, depth))
            elif here == "\\":
                parts.append(self.text[self.at + 1 : self.at + 2].strip("\n"))
                self.at += 2
            elif here in "$`":
                parts.append(self._expansion(command, depth))
            elif here == "#" and parts:
                parts.append(here)
                self.at += 1
            else:
                break
        return "".join(parts)

    def _until(self, quote: str) -> str:
        start = self.at + 1
        stop = self.text.find(quote, start)
        stop = stop if stop >= 0 else len(self.text)
        self.at = stop + 1
        return self.text[start:stop]

    def _double(self, command: Command, depth: int) -> str:
        parts: list[str] = []
        while self._goes_on():
            here = self.text[self.at]
            if plain := self._match(_DOUBLE):
                parts.append(plain[0])
            elif here == '"':
                self.at += 1
                break
            elif here == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                kept = "" if escaped in ('"', "\\", "$", "`", "\n") else "\\"
                parts.append(kept + escaped.strip("\n"))
                self.at += 2
            else:
                parts.append(self._expansion(command, depth))
        return "".join(parts)

    def _expansion(self, command: Command, depth: int) -> str:
        """A variable or a substitution, as it is written."""
        start = self.at
        if self._match(_ARITHMETIC):
            return self.text[start : self.at]
        ends = {"$(": ")", "`": "`"}
        for begin, end in ends.items():
            if self.text.startswith(begin, start) and depth < _DEEPEST:
                self.at += len(begin)
                command.captured.append(self.script(end, depth + 1))
                return self.text[start : self.at]
        if not self._match(_EXPANSION):
            self.at += 1
        return self.text[start : self.at]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found


# --- running -------------------------------------------------------------------------


class Run(NamedTuple):
    """A program that a command runs."""

    program: str
    words: list[str]
    """What follows it."""
    command: Command
    directory: str
    captured: bool
    """Its output goes into another command, not to the reader."""
    piped: Command | None
    """The command before it in its pipeline."""


_KEYWORDS = frozenset("if then else elif do while until ! { time".split())
_WRAPPERS = frozenset("sudo env command exec nohup nice timeout builtin rtk".split())
SHELLS = frozenset("bash sh zsh dash powershell powershell.exe pwsh".split())
"""Programs whose last argument may be a script."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_DRIVE = re.compile(r"[A-Za-z]:\\")
_ABSOLUTE = re.compile(r"[/~]|[A-Za-z]:[\\/]|\\\\")


def runs(command: str, cwd: str) -> Iterator[Run]:
    """The programs of a command, in the order in which the shell begins them."""
    script, left = _script(command)
    yield from _follow(script, cwd, False, 0, iter(range(left)))


@lru_cache(maxsize=4)
def _script(command: str) -> tuple[list[Command], int]:
    """A command as it is read, and how many pieces may still be read of its scripts.

    Kept, because a command is asked several things in a row.
    """
    pieces = iter(range(_MOST_PIECES))
    script = _Reader(command[:LONGEST_TEXT], pieces).script()
    return script, length_hint(pieces)


def _follow(
    script: list[Command], cwd: str, captured: bool, depth: int, pieces: Iterator[int]
) -> Iterator[Run]:
    piped = None
    for command in script:
        for inner in command.captured:
            yield from _follow(inner, cwd, True, depth, pieces)
        for inner in command.subshells:
            yield from _follow(inner, cwd, captured, depth, pieces)
        words = _bare(command.words)
        if words and words[0] in ("cd", "pushd"):
            cwd = inside(words[1:], cwd)
        elif words:
            name = base(words[0]).removesuffix(".exe")
            yield Run(name, words[1:], command, cwd, captured, piped)
            inner_text = _given(name, words[1:])
            if inner_text and depth < _DEEPEST:
                inner = _Reader(inner_text, pieces).script()
                yield from _follow(inner, cwd, captured, depth + 1, pieces)
        piped = command if command.then in ("|", "|&") else None


def inside(where: list[str], cwd: str) -> str:
    """The directory that a ``cd`` leads to; the same where a variable names it."""
    paths = [each for each in where if each and not each.startswith("-")]
    return cwd if not paths or set("$`") & set(paths[0]) else absolute(paths[0], cwd)


def _bare(words: list[str]) -> list[str]:
    """The program and its arguments, without what is put before it."""
    at, wrapped = 0, ""
    while at < len(words):
        word = words[at]
        if wrapped == "timeout" and word[:1].isdigit():
            wrapped = "env"
        elif word in _WRAPPERS:
            wrapped = word
        elif not (
            word in _KEYWORDS
            or _ASSIGNMENT.match(word)
            or (wrapped and word.startswith("-"))
        ):
            break
        at += 1
    return words[at:]


def _given(name: str, words: list[str]) -> str:
    """The script that a shell is given as an argument."""
    if name == "eval":
        return " ".join(words)
    if name in SHELLS:
        for n, word in enumerate(words[:-1]):
            if re.fullmatch(r"-\w*c|-Command", word):
                return words[n + 1]
    return ""


def absolute(path: str, cwd: str) -> str:
    """A path as seen from a directory; ``~`` stays, ``/`` separates."""
    path = path.replace("\\", "/") if _DRIVE.match(cwd + path) else path
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    if not cwd or _ABSOLUTE.match(path):
        return path
    if _DRIVE.match(cwd):
        cwd = cwd.replace("\\", "/")
    cwd = cwd.rstrip("/")
    while path.startswith("../") or path == "..":
        cwd, path = cwd.rpartition("/")[0], path[3:]
    return f"{cwd}/{path}" if path not in ("", ".") else cwd or "/"
