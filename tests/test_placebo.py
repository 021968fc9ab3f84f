"""False links need no labels: sessions that are shifted in time made no commit.

A history of one's own can be tried as well: ``PLACEBO_REPO`` names a repository,
``PLACEBO_HOMES`` directories of agents and ``PLACEBO_AUTHORS`` one's addresses, several
of them with the system's path separator between them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import homes
import pytest
from days import ADA, API, history

from burnmon.live.gathering import behind, gather
from burnmon.shipped import linking
from burnmon.shipped.commits import Change, Commit, FilePatch, History
from burnmon.shipped.history import Histories
from burnmon.shipped.linking import Link, Worked, link
from burnmon.shipped.repositories import repository_of
from burnmon.usage.ledger import Ledger
from burnmon.work import Edit, fingerprints

BEGIN = 1_790_000_000
DAY = 86_400
SHIFTS = (-14, -7, 7, 14)
"""Days by which all sessions are shifted."""
MOST = 0.02
"""Part of the real links that may be found again after a shift."""
WRITTEN = ("content", "moved", "amend")
"""Tiers that rest on lines of one's own commits."""


class Past(NamedTuple):
    """What sessions wrote, and the commits of the time."""

    edits: Sequence[Edit]
    history: History
    emails: frozenset[str]


def links(past: Past, days: int = 0) -> list[Link]:
    """Links by lines, with all sessions shifted."""
    moved = [each._replace(at=each.at + days * DAY * 1000) for each in past.edits]
    found = link(Worked(moved, [], {}), past.history, past.emails)
    return [each for each in found if each.tier in WRITTEN]


def false_links(past: Past) -> dict[int, list[Link]]:
    """Links found with shifted sessions, by the days of the shift."""
    return {days: links(past, days) for days in SHIFTS}


def holds(past: Past) -> None:
    """The bar that linking must pass."""
    real = links(past)
    for days, found in false_links(past).items():
        assert len(found) <= MOST * len(real), f"{days} days"
        large = [each for each in found if (each.share or 0) >= 0.5]
        assert large == [], f"{days} days"


# --- an invented past ----------------------------------------------------------------

FILES = [
    f"pkg{n % 7}/{name}{n}.go" for n, name in enumerate(["cmd", "io", "test"] * 12)
]
PHRASES = [f"if err := step{n}(ctx); err != nil {{" for n in range(60)]
"""Lines that everybody writes again and again."""
OTHERS = ["bob@example.org", "eve@example.org"]


class _Writer:
    """Writes commits and sessions, the same ones every time."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.edits: list[Edit] = []
        self.changes: list[Change] = []
        self._line = 0

    def text(self, count: int, plain: float) -> list[bytes]:
        """Lines, of which a share is what everybody writes."""
        return [self._phrase(plain) for _ in range(count)]

    def _phrase(self, plain: float) -> bytes:
        if self.random.random() < plain:
            # Some phrases are everywhere, others are seldom.
            place = int(self.random.random() ** 2 * len(PHRASES))
            return PHRASES[place].encode()
        self._line += 1
        return f"value{self._line} := compute({self._line * 7919 % 10007})".encode()

    def edit(self, session_id: str, at: int, path: str, text: list[bytes]) -> None:
        marks = fingerprints(text)
        place = f"{API}/{path}"
        of = (session_id, "", API, "main")
        key = len(self.edits)
        edit = Edit(
            key, at * 1000, "accepted", "Edit", place, len(text), 0, marks, b"", *of
        )
        self.edits.append(edit)

    def commit(self, at: int, email: str, files: dict[str, list[bytes]]) -> None:
        patches = tuple(
            FilePatch(path, "", fingerprints(text), b"", len(text), 0, False, "")
            for path, text in files.items()
        )
        sha = f"{len(self.changes):040x}"
        made = Commit(
            sha, (), email[:3], email, at, at, f"Commit {sha[-4:]}", (), (), (), patches
        )
        self.changes.append(Change(email, at, (made,)))

    def session(self, session_id: str, begin: int) -> None:
        """A session of a few tasks, each committed when it is done."""
        at = begin
        for _ in range(self.random.randint(1, 4)):
            files = {}
            for path in self.random.sample(FILES, self.random.randint(1, 3)):
                at += self.random.randint(20, 400)
                text = self.text(self.random.randint(3, 30), 0.35)
                self.edit(session_id, at, path, text)
                files[path] = text
            at += self.random.randint(5, 900)
            by_hand = self.text(self.random.randint(0, 6), 0.5)
            path = next(iter(files))
            files[path] = files[path] + by_hand
            self.commit(at, ADA, files)

    def alone(self, at: int) -> None:
        """A commit that no session made, by oneself or another."""
        email = self.random.choice([ADA, ADA, *OTHERS])
        paths = self.random.sample(FILES, self.random.randint(1, 3))
        count, plain = self.random.randint(1, 25), self.random.choice([0.3, 0.6, 0.9])
        self.commit(at, email, {path: self.text(count, plain) for path in paths})


def invented(seed: int = 1) -> Past:
    """About two hundred commits, half of them by forty sessions of two months."""
    writer = _Writer(seed)
    for n in range(40):
        begin = BEGIN + int(n * 1.5 * DAY) + writer.random.randint(0, DAY)
        writer.session(f"S{n}", begin)
    for _ in range(120):
        writer.alone(BEGIN + writer.random.randint(-20 * DAY, 60 * DAY))
    by_time = {each[:2]: each for each in writer.changes}
    changes = sorted(by_time.values(), key=lambda each: each.authored_at)
    edits = sorted(writer.edits, key=lambda each: each.at)
    return Past(edits, history(*changes), frozenset({ADA}))


@pytest.mark.parametrize("seed", range(3))
def test_shifted_sessions_made_nothing(seed: int) -> None:
    """Of an invented past hardly any link stays when sessions are shifted."""
    past = invented(seed)
    assert len(past.history.changes) > 150
    real = links(past)
    owners = {each.change for each in real}
    assert len(owners) > 0.4 * len(past.history.changes)
    holds(past)


@pytest.mark.parametrize(
    "rule",
    [
        lambda match, share, age, case: match.added > 0,
        lambda match, share, age, case: share >= 0.2,
        lambda match, share, age, case: match.added >= 2 and age < 30 * DAY * 1000,
    ],
    ids=["any line", "a share of any age", "two lines of any weight"],
)
def test_weak_rules_are_found_out(
    monkeypatch: pytest.MonkeyPatch, rule: object
) -> None:
    """A rule that forgets the weight or the age of lines does not pass."""
    monkeypatch.setattr(linking, "_fits", rule)
    with pytest.raises(AssertionError):
        holds(invented())


# --- one's own past ------------------------------------------------------------------


def own_past() -> Past:
    """What the environment names."""
    repository = repository_of(Path(os.environ["PLACEBO_REPO"]))
    assert repository is not None
    edits: list[Edit] = []
    for home in os.environ["PLACEBO_HOMES"].split(os.pathsep):
        with Ledger(None) as ledger:
            homes.sweep(ledger, Path(home))
            for _ in gather(ledger, behind(ledger)):
                pass
            edits += ledger.work.edits()
    edits = sorted(
        (each for each in edits if each.outcome == "accepted"), key=lambda each: each.at
    )
    assert edits, "PLACEBO_HOMES holds no edits"
    since = edits[0].at // 1000 - 31 * DAY
    with Histories(None) as histories:
        found = histories.read(repository, since)
    named = os.environ.get("PLACEBO_AUTHORS", "").split(os.pathsep)
    emails = frozenset(each for each in named if each) or repository.emails
    return Past(edits, found, emails)


@pytest.mark.skipif(
    "PLACEBO_REPO" not in os.environ, reason="PLACEBO_REPO names no repository"
)
def test_own_sessions_shifted_made_nothing() -> None:
    """Of one's own past hardly any link stays when sessions are shifted."""
    past = own_past()
    assert links(past)
    holds(past)
