"""What the recorded days turned into: the very requests, claimed by commits and rests.

A commit takes what its session asked for since the one before it; so the day adds up
by itself, at any instant of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

from burnmon.day import (
    GROUPS,
    Asked,
    CommitRow,
    Day,
    Evidence,
    Group,
    Rest,
    Spent,
)
from burnmon.demo import script
from burnmon.demo.claims import Claim, Left, Made, claims_of
from burnmon.demo.script import (
    TODAY,
    Part,
)
from burnmon.records import Request
from burnmon.text import local
from burnmon.usage.pricing import PriceTable

_MICRO = Decimal("0.000001")
_TIERS = {"exact": ("proof", 1.0), "likely": ("content", 0.97)}
EDITS = Asked(212, 9, 4)
"""How the edits of the recorded day were answered."""


class _Piece(NamedTuple):
    """One request, and what claims it."""

    request: Request
    spent: Spent
    claim: Claim


class Recorded(NamedTuple):
    """All requests of the recording with their prices, at one instant of it."""

    requests: Sequence[Request]
    prices: PriceTable
    now: datetime

    def day(self, day: date) -> Day:
        """A day as it stands by then."""
        claims = [self._by_now(each) for each in claims_of(day)]
        pieces = list(self._pieces(day, claims))
        spent = _sums((each.claim, each.spent) for each in pieces)
        made = [e for e in claims if isinstance(e, Made) and e.at <= self.now]
        rows = [_row(each, spent.get(each, Spent())) for each in made]
        left = [(each, cost) for each, cost in spent.items() if isinstance(each, Left)]
        rests = [_rest(each, cost) for each, cost in left]
        return Day(
            day=day,
            zone=script.ZONE,
            spent=_total(pieces),
            commits=tuple(sorted(rows, key=lambda row: row.committed_at)),
            rests=tuple(sorted(rests, key=lambda rest: -rest.spent.cost)),
            groups={kind: _groups(kind, pieces) for kind in GROUPS},
            edits=EDITS if day == TODAY else Asked(),
            cache_read=_cache_read(pieces),
        )

    def _by_now(self, claim: Claim) -> Claim:
        """The claim; a commit that is still to come is work in no commit."""
        if isinstance(claim, Left) or claim.at <= self.now:
            return claim
        return Left(claim.part, claim.clock, "uncommitted", claim.files)

    def _pieces(self, day: date, claims: Sequence[Claim]) -> Iterator[_Piece]:
        of_session: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            if isinstance(claim, Left) or claim.grade:
                of_session[claim.part.session_id].append(claim)
        for request in self.requests:
            at = request.at
            if at <= self.now and local(at, script.ZONE).date() == day:
                mine = of_session[request.session_id]
                found = next((each for each in mine if at <= each.at), mine[-1])
                yield _Piece(request, self._spent(request), found)

    def _spent(self, request: Request) -> Spent:
        """What a request cost, to the millionth of a dollar."""
        usage = request.usage
        count = usage.prompt + usage.output
        rate = self.prices.rate(request.model, request.at, usage.prompt)
        if rate is None:
            return Spent(Decimal(0), 1, 1, count, count)
        return Spent(rate.cost(usage).quantize(_MICRO), 1, 0, count)


_Key = TypeVar("_Key")


def _sums(pairs: Iterable[tuple[_Key, Spent]]) -> dict[_Key, Spent]:
    sums: dict[_Key, Spent] = {}
    for key, spent in pairs:
        sums[key] = sums.get(key, Spent()).plus(spent)
    return sums


def _total(pieces: Iterable[_Piece]) -> Spent:
    return _sums(("", each.spent) for each in pieces).get("", Spent())


def _cache_read(pieces: Iterable[_Piece]) -> float | None:
    usages = [each.request.usage for each in pieces]
    prompt = sum(each.prompt for each in usages)
    return sum(each.cache_read for each in usages) / prompt if prompt else None


def _path(part: Part) -> str:
    return f"/home/sam/code/{part.project}"


def _row(made: Made, spent: Spent) -> CommitRow:
    added, removed, own = made.lines
    return CommitRow(
        repo=_path(made.part),
        sha=made.sha,
        subject=made.subject,
        committed_at=made.at,
        branch=made.part.branch,
        author="",
        reference=made.reference,
        state=made.state,
        state_words=made.state_words,
        grade=made.grade,
        agent_lines=own,
        added=added,
        removed=removed,
        spent=spent,
        whole=spent,
        evidence=(_evidence(made, spent),) if made.grade else (),
    )


def _evidence(made: Made, spent: Spent) -> Evidence:
    assert made.grade is not None
    added, _, own = made.lines
    tier, confidence = _TIERS[made.grade]
    words = [f"{own} of its {added} telling lines are the session's"]
    words += [f"{path}: {count}" for path, count in _by_file(made)]
    if tier == "proof":
        words.insert(0, f"the session ran git commit, which answered {made.sha[:7]}")
    return Evidence(
        agent=made.part.agent,
        session_id=made.part.session_id,
        title=made.part.title,
        tier=tier,
        grade=made.grade,
        confidence=confidence,
        words=tuple(words),
        share=own / added,
        spent=spent,
        whole=spent,
        lines=own,
    )


def _by_file(made: Made) -> Iterator[tuple[str, int]]:
    """The session's lines in each file, the most in the first."""
    files, left = made.files, made.lines[2]
    for place, path in enumerate(files):
        count = left if place == len(files) - 1 else left * 2 // 3
        left -= count
        yield path, count


def _rest(left: Left, spent: Spent) -> Rest:
    part, files = left.part, left.files
    branch = "" if left.reason == "no_repo" else part.branch
    sessions = (part.session_id,)
    return Rest(left.reason, _path(part), branch, spent, files, sessions)


def _group_key(kind: str, piece: _Piece) -> str:
    """What a request counts for in a kind of groups."""
    part, claim = piece.claim.part, piece.claim
    if kind == "issue":
        return claim.reference if isinstance(claim, Made) else ""
    if kind == "model":
        return piece.request.model
    if kind == "hour":
        return f"{local(piece.request.at, script.ZONE):%H}:00"
    return f"{part.project} {part.branch}" if kind == "branch" else _path(part)


def _groups(kind: str, pieces: Sequence[_Piece]) -> tuple[Group, ...]:
    of_group: dict[str, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        of_group[_group_key(kind, piece)].append(piece)
    found = [_group(key, mine) for key, mine in of_group.items()]
    by_hour = kind == "hour"
    return tuple(sorted(found, key=lambda e: e.key if by_hour else -e.spent.cost))


def _group(key: str, pieces: Sequence[_Piece]) -> Group:
    """One group with the commits that took money of it."""
    made = {e.claim for e in pieces if isinstance(e.claim, Made)}
    last = max((each.at for each in made), default=None)
    took = last - pieces[0].request.at if last else None
    return Group(key, _total(pieces), len(made), took)
