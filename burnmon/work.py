"""What sessions did to files and commits: facts of the agents, and what they come to.

The vocabulary of the second rung, beside ``records``. Of code only fingerprints of
lines are kept; a line's text is in no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from burnmon.records import Mark

Outcome = Literal["accepted", "rejected", "failed"]
"""accepted: the file was changed; rejected: the person refused; failed: it could not be
done."""

ToolOutcome = Literal["ok", "failed", "rejected", "interrupted"]
"""ok: it ended without an error; failed: the tool or its command told of one; rejected:
the person refused; interrupted: it was broken off, by the person or because
a call beside it failed."""


class Edit(NamedTuple):
    """A change of one file by one tool call. Instants are epoch milliseconds."""

    key: int
    """64-bit identity of the call and the file, equal in every copy."""
    at: int
    """When the result was there: the lines are in the file from then on."""
    outcome: Outcome
    tool: str
    """The agent's word (``Edit``, ``Write``, ``apply_patch``), or ``shell``."""
    path: str
    """The file, absolute where the agent or its directory tell; ``/`` separates."""
    lines_added: int
    lines_removed: int
    """Lines of the change, blank ones included."""
    added: bytes
    removed: bytes
    """Their ``fingerprints``; both empty where the change was not carried out."""
    session_id: str
    subagent: str
    project: str
    """Working directory of the session at the time."""
    branch: str


class CommitCall(NamedTuple):
    """A tool call that ran a git command which makes commits, and succeeded."""

    key: int
    begun_at: int
    at: int
    """When its result was there."""
    verb: str
    """``commit``, ``cherry-pick``, ``revert``, ``am``, ``merge``, ``rebase``; several
    are joined by spaces."""
    printed: tuple[tuple[str, str, str], ...]
    """Branch, abbreviated SHA and subject of each commit that git told of; branch and
    subject are empty where only the SHA is known. Empty where git was quiet."""
    session_id: str
    subagent: str
    project: str
    """Directory the command ran in, as far as it tells."""
    branch: str


class ToolCall(NamedTuple):
    """A call of any tool that has a result. Instants are epoch milliseconds."""

    key: int
    """64-bit identity of the call, equal in every copy."""
    at: int
    """When it was decided on; the same for all calls of one answer, where it is known
    which are."""
    ended_at: int
    """When its result was there."""
    tool: str
    """The agent's word."""
    target: str
    """The program it ran, with its sub-command, or the name of its file; the tool that
    a script of its called; else empty."""
    what: int
    """64-bit hash of the tool and all it was asked: equal when it is called again."""
    outcome: ToolOutcome
    session_id: str
    subagent: str


MOST_PENDING = 100
"""Calls of a file whose results are waited for; agents make some ten at once."""


class WorkTrail(Struct):
    """What a file says of its session while it is read for work; kept between reads."""

    session_id: str = ""
    subagent: str = ""
    first_at: int | None = None
    project: str = ""
    branch: str = ""
    pending: dict[str, Any] = field(default_factory=dict)
    """Calls without a result so far, by their id; the reader's own, and JSON-shaped
    when it has read."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What only the agent's own reader needs to remember; JSON-shaped."""

    def expect(self, call_id: str, kept: Any) -> str:
        """Note a call until its result is there; the id of the one that is given up
        for it, if too many wait: some never get a result."""
        self.pending[call_id] = kept
        gone = next(iter(self.pending)) if len(self.pending) > MOST_PENDING else ""
        self.pending.pop(gone, None)
        return gone


class Work(Struct):
    """What a stretch of lines states of work; the product of an agent's ``work``."""

    edits: list[Edit] = field(default_factory=list)
    calls: list[CommitCall] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    """Pull requests the session is linked with, as marks of kind ``pr``."""


# --- fingerprints --------------------------------------------------------------------

SIZE = 8
"""Bytes of a fingerprint."""
_TRIVIAL = 4
"""A line with fewer letters and digits says nothing about who wrote it."""
_NEUTRAL = bytes(n for n in range(128) if not chr(n).isalnum())


def fingerprint(line: bytes) -> bytes:
    """What a line (UTF-8) is known by: empty where it is trivial.

    White space is collapsed, so that indentation and line ends do not matter. Eight
    bytes of BLAKE2b: among a million lines a chance meeting is one in 10⁷.
    """
    return _met_again(line) if len(line) < _SHORT else _fingerprint(line)


_SHORT = 200
"""Bytes of a line that may come again: in three of four cases it was met a moment ago,
because a change is stated by its call and by its result."""


def _fingerprint(line: bytes) -> bytes:
    words = b" ".join(line.split())
    if len(words) < _TRIVIAL or len(words.translate(None, _NEUTRAL)) < _TRIVIAL:
        return b""
    hasher = _BEGUN()
    hasher.update(words)
    return hasher.digest()


_met_again = lru_cache(maxsize=2048)(_fingerprint)
_BEGUN = blake2b(digest_size=SIZE).copy
"""A fresh hasher; to make one anew takes longer than to hash a line."""


def fingerprints(lines: Iterable[bytes]) -> bytes:
    """The fingerprints of lines, one after the other, trivial ones left out."""
    return b"".join(map(fingerprint, lines))
