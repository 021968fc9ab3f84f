"""One request from its copies: what the ledger holds, and how copies are joined."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from burnmon.records import Request, Terms, Usage


class Held(NamedTuple):
    """A request as the ledger holds it, copies joined."""

    key: int
    at: int
    counted: int
    """1 if it was paid for, as far as the files seen so far tell."""
    standing: int
    origin: str
    agent: str
    model: str
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    web_searches: int
    final: int
    speed: str
    region: str
    session: str
    subagent: str
    project: str
    branch: str
    version: str
    file_first: int
    file: str
    """Path of the file whose copy owns the request."""

    def request(self) -> Request:
        return Request(
            self.key,
            self.agent,
            self.session,
            datetime.fromtimestamp(self.at / 1000, UTC),
            self.model,
            Usage(*self[7:12]),
            Terms(self.speed, self.region),
            self.web_searches,
            not self.final,
            self.subagent,
            self.project,
            self.branch,
        )


WORDS = tuple(
    "origin agent model speed region session subagent project branch version".split()
)
"""Columns of ``request`` that are stored as numbers of the ``word`` table."""

WORD_PLACES = tuple(Held._fields.index(name) for name in WORDS)


def join(a: Held, b: Held) -> Held:
    """One request from two copies of it; commutative, associative, idempotent.

    The copy with the largest output tells the usage, as a whole line: earlier copies
    carry a placeholder. The earliest copy owns it; at equal instants the file that was
    begun first, because forks repeat lines but cannot be older than their origin. A
    replayed copy owns nothing that a counted one states. Whether the request counts is
    the ledger's verdict on the owner, not a property of the copies.
    """
    line = a if _fullness(a) >= _fullness(b) else b
    owner = a if _priority(a) <= _priority(b) else b
    counted = max(a.counted, b.counted)
    if line is owner and owner.counted == counted:
        return owner
    # Positional, because this runs for every second line of a scan.
    return Held._make((*owner[:2], counted, *owner[3:6], *line[6:16], *owner[16:]))


def _fullness(held: Held) -> tuple[Any, ...]:
    return (held.output, held.final, *held[7:13], held.model, held.speed, held.region)


def _priority(held: Held) -> tuple[Any, ...]:
    return (
        held.standing,
        held.at,
        held.file_first,
        held.file,
        held.origin,
        *held[16:21],
    )
