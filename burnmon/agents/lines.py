"""What the lines of all agents have in common: instants, loose values, shell words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from json import JSONDecoder
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding bytes from a file may raise; such a line is counted, never fatal."""

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
"""How agents write them; never in the words of a locale."""

MAX_TOKENS = 10**12
"""No request is larger; a bigger count is a damaged line."""


_NO_INSTANT = 32503680000000
"""Epoch milliseconds of the year 3000: no session was ever written then."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_parsed = datetime.fromisoformat


def instant(stamp: str | None) -> int | None:
    """Epoch milliseconds of an ISO-8601 time; UTC where it names no zone."""
    if not stamp:
        return None
    try:
        when = _parsed(stamp)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        passed = when - _EPOCH
    except (ValueError, OverflowError):
        return None
    # Agents write milliseconds, and whole numbers are quicker than fractions.
    micro = passed.microseconds
    if micro % 1000:
        ms = round(passed.total_seconds() * 1000)
    else:
        ms = (passed.days * 86400 + passed.seconds) * 1000 + micro // 1000
    return ms if 0 <= ms < _NO_INSTANT else None


def moment(seconds: float | None) -> datetime | None:
    """The instant of epoch seconds; None when absent or no instant at all."""
    try:
        return None if not seconds else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def loose(raw: msgspec.Raw | bytes | str) -> dict[str, Any]:
    """A JSON object whose shape nobody promises; empty when it is not one."""
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE:
        return {}
    return value if isinstance(value, dict) else {}


MOST_GLUED = 10_000
"""Values on one physical line; more were never written without a newline by mistake."""
LONGEST_DAMAGED = 8 << 20
"""Bytes of a line that is worth mending; it is held several times meanwhile."""
_BLANK = re.compile(r"\s*")
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def objects(line: bytes, skip: Callable[[str], None]) -> Iterator[bytes]:
    """The JSON texts of a damaged physical line; what is lost goes to ``skip``.

    Broken characters are replaced, NUL bytes before and after are dropped, and values
    that were written without a newline between them are cut apart.
    """
    if not line.strip():
        return
    if len(line) > LONGEST_DAMAGED:
        skip("damaged and longer than 8 MB")
        return
    sound = line.decode("utf-8", "replace").encode().strip(b"\x00 \t\r\n")
    text = _LONE_SURROGATE.sub(rb"\\ufffd", sound).decode()
    decoder, at = JSONDecoder(), 0
    for _ in range(MOST_GLUED):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            skip("broken end" if at else "not json")
            return
        yield text[at:end].encode()
        blank = _BLANK.match(text, end)
        at = blank.end() if blank else end
        if at == len(text):
            return
    skip("too many values")


LONGEST_TEXT = 4 << 20
"""Characters of what one call writes or runs that are looked at: lines and words of
more would fill the memory."""
LONGEST_TITLE = 1000
"""Characters of a session's title; it is kept with the session and drawn again and
again."""
_LONGEST_START = 1 << 16
"""Characters of a command among which its program is looked for."""


def squeezed(command: str) -> str:
    """A command in which white space says nothing, unless it is very long."""
    return " ".join(command.split()) if len(command) <= LONGEST_TEXT else command


def possible(*counts: int) -> bool:
    """Whether token counts can be true."""
    return min(counts) >= 0 and max(counts) <= MAX_TOKENS


_WORD = re.compile(r"^[\w.+-]{1,24}$")
_PATH = re.compile(r"^[\w.+~/-]+$")
"""A program as it is called; with anything else in it, it may hold a value."""
_ASSIGNMENT = re.compile(r"^\w+=[^'\"`$(]*$")
_SUBCOMMAND = re.compile(r"^[a-z][a-z:-]{1,20}$")
_WITH_SUBCOMMANDS = frozenset(
    "apt brew bun bundle cargo composer conda docker dotnet gem gh git glab go gradle"
    " helm hg jj just kubectl make mix mvn nix npm npx pip pip3 pnpm podman poetry"
    " rails rustup swift terraform tox uv uvx yarn".split()
)
_BEFORE_PROGRAM = ("sudo", "env", "time", "exec", "nohup")


def program(command: str) -> str:
    """The program a shell command runs, with its sub-command: ``git commit``.

    Never more: other words may be code or secrets.
    """
    words = command[:_LONGEST_START].split()
    if words[:1] == ["cd"] and "&&" in words:
        words = words[words.index("&&") + 1 :]
    before = (_ASSIGNMENT.match(word) or word in _BEFORE_PROGRAM for word in words)
    words = words[sum(1 for _ in takewhile(bool, before)) :]
    called = words[0] if words else ""
    name = called.rsplit("/", 1)[-1]
    if not (_PATH.match(called) and _WORD.match(name)):
        return ""
    sub = words[1] if name in _WITH_SUBCOMMANDS and len(words) > 1 else ""
    return f"{name} {sub}" if _SUBCOMMAND.match(sub) else name
