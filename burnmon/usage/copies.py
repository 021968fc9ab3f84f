"""One request from its copies: what the ledger holds, and how copies are joined."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from burnmon.records import COUNTED, Request, Sighting, Terms, Usage, hashed


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
    thinking: int
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


CIRCUMSTANCE = tuple(
    "agent model speed region session subagent project branch version origin".split()
)
"""What many requests have in common, in the order of a ``Circumstance``."""

Circumstance = tuple[str, ...]
Row = tuple[int, ...]
"""A request in numbers, one for each name of ``ROW``; see ``Held``."""

ROW = tuple(
    "key at counted standing circumstance input output cache_read cache_write_5m"
    " cache_write_1h web_searches thinking final file_first file".split()
)


class Copies(NamedTuple):
    """The requests that one file states, its own copies of each joined."""

    circumstances: dict[int, Circumstance]
    """By number, which whoever reads a file can tell without asking the ledger."""
    rows: dict[int, Row]
    """By key."""


def number(text: str) -> int:
    """The number of a word or a path, everywhere."""
    return hashed(text)


def fold(
    agent: str, path: str, first: int | None, sightings: Iterable[Sighting]
) -> Copies:
    """What a file's sightings come to, in numbers as far as possible.

    This is done for every answer in a history, so the common case comes first.
    """
    copies = Copies({}, {})
    rows, file = copies.rows, number(path)
    words: list[str] = []
    place = 0
    told: list[str]  # a sighting from its model on: its circumstance but for the agent
    for each in sightings:
        # One by one, because to cut out parts and join them takes longer.
        key, at, standing, a, b, c, d, e, f, g, h, *told = each
        if words != told:
            words = told
            place = _placed(copies, (agent, *told))
        counted = 1 if standing == COUNTED else 0
        begun = at if first is None else first
        row = key, at, counted, standing, place, a, b, c, d, e, f, g, h, begun, file
        seen = rows.setdefault(key, row)
        if seen is not row:
            rows[key] = _folded(seen, row, copies)
    return copies


def _folded(a: Row, b: Row, copies: Copies) -> Row:
    """``join`` for two copies in one file."""
    if a[3:5] == b[3:5]:
        line = a if (a[6], a[12], *a[5:12]) >= (b[6], b[12], *b[5:12]) else b
        owner = a if a[1] <= b[1] else b
        return (*owner[:5], *line[5:13], *owner[13:])
    told = copies.circumstances
    joined = join(worded(a, told[a[4]], ""), worded(b, told[b[4]], ""))
    return numbered(joined, _placed(copies, circumstance(joined)), a[14])


def _placed(copies: Copies, told: Circumstance) -> int:
    safe = tuple(each.encode("utf-8", "replace").decode() for each in told)
    place = circumstance_number(safe)
    copies.circumstances[place] = safe
    return place


def worded(row: Row, of: Circumstance, file: str) -> Held:
    """A request with its circumstance and its file in words."""
    agent, model, *others, origin = of
    cells = (*row[:4], origin, agent, model, *row[5:13], *others, row[13], file)
    return Held._make(cells)


def request(row: Row, of: Circumstance) -> Request:
    """A request as everybody else knows it; this is done for each one of a report."""
    agent, model, speed, region, session, subagent, project, branch, version, _ = of
    key, at, _, _, _, *tokens = row[:10]
    searches, thinking, final = row[10:13]
    return Request(
        key,
        agent,
        session,
        datetime.fromtimestamp(at / 1000, UTC),
        model,
        Usage(*tokens),
        Terms(speed, region),
        searches,
        not final,
        subagent,
        project,
        branch,
        version,
        None if thinking < 0 else thinking,
    )


def numbered(held: Held, place: int, file: int) -> Row:
    """A request in numbers, given those of its circumstance and its file."""
    return (*held[:4], place, *held[7:15], held.file_first, file)


def circumstance(held: Held) -> Circumstance:
    """What the request has in common with others."""
    return (held.agent, held.model, *held[15:22], held.origin)


def circumstance_number(told: Circumstance) -> int:
    """The number of a circumstance, everywhere."""
    return number("\x1f".join(told))


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
    return Held._make((*owner[:2], counted, *owner[3:6], *line[6:17], *owner[17:]))


def _fullness(held: Held) -> tuple[Any, ...]:
    return (held.output, held.final, *held[7:14], held.model, held.speed, held.region)


def _priority(held: Held) -> tuple[Any, ...]:
    return (
        held.standing,
        held.at,
        held.file_first,
        held.file,
        held.origin,
        *held[17:22],
    )
