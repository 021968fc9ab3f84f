"""Every session's money split over the commits it made, and what became of the rest.

Pure: everything is asked of ``Known``, which the shell fills. A span cuts what is
counted by the time of each request; how a session is split never depends on it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, TypeVar

from msgspec import Struct

from burnmon.day import CommitRow, Evidence, Grade, Reason, Rest, Spent, total
from burnmon.records import Request
from burnmon.shipped.allocation import Charge, Price, allocate, ends_at
from burnmon.shipped.clones import Key, elsewhere
from burnmon.shipped.commits import Change, Commit, History
from burnmon.shipped.fate import (
    Squashes,
    branch_of,
    lines_of,
    reference_in,
    shown,
    state_of,
    undone,
)
from burnmon.shipped.linking import Link
from burnmon.shipped.matching import base, numbers
from burnmon.work import Edit


class Linked(Struct, frozen=True):
    """One repository with its links."""

    path: str
    """Where it lies; its last part is its name."""
    history: History
    links: Sequence[Link]
    emails: frozenset[str]
    """Authors whose commits are one's own."""


class About(NamedTuple):
    """What is known of a session besides its requests."""

    agent: str = ""
    title: str = ""
    reference: str = ""
    """Pull request the agent linked it with, ``#12``."""


class Known(Struct, frozen=True):
    """What is asked of the ledger, of git and of the disk."""

    repos: Sequence[Linked]
    requests: Mapping[str, Sequence[Request]]
    """By session, oldest first: all of theirs."""
    edits: Mapping[str, Sequence[Edit]]
    """By session, oldest first, whatever came of them."""
    about: Mapping[str, About]
    place: Callable[[str], str]
    """The repository a directory lies in; empty if in none, or if it is gone."""
    on_disk: Callable[[str], frozenset[int] | None]
    """Fingerprints of a file's lines as they are now; None if they cannot be had."""
    price: Price
    notes: tuple[str, ...] = ()
    only: str = ""
    """Path of the one repository that is asked about; empty: all of them are."""


class Place(NamedTuple):
    """A change in its repository."""

    repo: Linked
    change: Change


_K = TypeVar("_K")


class Reckoning:
    """What is known, with the money of every session split."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.places: dict[Key, Place] = {}
        self.links: dict[Key, list[Link]] = defaultdict(list)
        self._key_of: dict[int, Key] = {}
        self._kept: dict[tuple[str, str], Mapping[str, set[int]]] = {}
        self._undone: dict[str, Mapping[str, str]] = {}
        self._squashes: dict[str, Squashes] = {}
        for repo in known.repos:
            for change in repo.history.changes:
                key = (repo.path, *change[:2], change.nth)
                self.places[key] = Place(repo, change)
                self._key_of[id(change)] = key
            for link in repo.links:
                self.links[self.key(link)].append(link)
        changes = {key: place.change for key, place in self.places.items()}
        for key in [*elsewhere(changes, self.links, known.only)]:
            del self.places[key]
            self.links.pop(key, None)
        billed: dict[str, list[Link]] = defaultdict(list)
        for link in (each for some in self.links.values() for each in some):
            if link.tier != "possible":
                billed[link.session_id].append(link)
        self.charges = {
            session_id: allocate(requests, billed[session_id], known.price)
            for session_id, requests in known.requests.items()
        }

    def key(self, link: Link) -> Key:
        """The change that a link is with."""
        return self._key_of[id(link.change)]

    def key_of(self, charge: Charge) -> Key | None:
        """The change that a charge is for; None if it is for none."""
        return None if charge.link is None else self.key(charge.link)

    def during(self, start: datetime, end: datetime) -> list[Charge]:
        """Charges of requests in a span."""
        return [
            each
            for each in self._all()
            if start <= each.request.at < end and self._is_asked(each)
        ]

    def _is_asked(self, charge: Charge) -> bool:
        """Whether a charge is one of the repository that is asked about; so are those
        of its sessions for nothing and in no repository."""
        only = self.known.only
        key = self.key_of(charge)
        place = self.known.place(charge.request.project) if key is None else key[0]
        return not only or place in (only, "")

    def _all(self) -> Iterator[Charge]:
        for charges in self.charges.values():
            yield from charges

    # --- commits ---------------------------------------------------------------------

    def rows(self, start: datetime, end: datetime) -> list[CommitRow]:
        """Commits that a span's money went into, and one's own that were made in it."""
        spent = sums(self.during(start, end), self._pair)
        keys = {key for key, _ in spent if key is not None}
        keys |= {key for key in self.places if self._is_own(key, start, end)}
        rows = [self._row(key, spent, self.made_at(key), start, end) for key in keys]
        return sorted(rows, key=lambda row: (row.committed_at, row.sha))

    @staticmethod
    def made_at(key: Key) -> datetime:
        """When a change was first made."""
        return datetime.fromtimestamp(key[2], UTC)

    def _pair(self, charge: Charge) -> tuple[Key | None, str]:
        return self.key_of(charge), charge.request.session_id

    @cached_property
    def whole(self) -> Mapping[tuple[Key | None, str], Spent]:
        """What each session paid for each change, whenever."""
        return sums(self._all(), self._pair)

    def _is_own(self, key: Key, start: datetime, end: datetime) -> bool:
        own = key[1] in self.places[key].repo.emails
        if self.known.only not in ("", key[0]):
            return False
        return own and start <= self.made_at(key) < end

    def _row(
        self,
        key: Key,
        spent: Mapping[tuple[Key | None, str], Spent],
        made_at: datetime,
        start: datetime,
        end: datetime,
    ) -> CommitRow:
        repo, change = self.places[key]
        evidence = sorted(
            (self._evidence(each, key, spent) for each in self.links[key]),
            key=lambda each: (each.tier == "possible", -each.confidence),
        )
        commit = shown(change, repo.history)
        state, words = state_of(
            change, repo.history, self._reverted(repo), self._squashed(repo)
        )
        branch = branch_of(commit, repo.history)
        squashed = self._squashed(repo).of(change) if state == "on_main" else ()
        parts = [self._key_of[id(each)] for each in squashed]
        links = [link for each in (key, *parts) for link in self.links[each]]
        return CommitRow(
            repo.path,
            commit.sha,
            commit.subject,
            made_at,
            branch,
            "" if change.author_email in repo.emails else commit.author_name,
            self.reference(key),
            state,
            words,
            _best(each.grade for each in evidence),
            agent_lines(commit, links),
            *lines_of(commit),
            total(each.spent for each in evidence),
            total(each.whole for each in evidence),
            tuple(evidence),
            start <= made_at < end,
        )

    def _reverted(self, repo: Linked) -> Mapping[str, str]:
        known = self._undone.get(repo.path)
        if known is None:
            known = self._undone[repo.path] = undone(repo.history)
        return known

    def _squashed(self, repo: Linked) -> Squashes:
        known = self._squashes.get(repo.path)
        if known is None:
            known = self._squashes[repo.path] = Squashes(repo.history)
        return known

    def _evidence(
        self, link: Link, key: Key, spent: Mapping[tuple[Key | None, str], Spent]
    ) -> Evidence:
        about = self.known.about.get(link.session_id, About())
        return Evidence(
            about.agent,
            link.session_id,
            about.title,
            link.tier,
            link.grade,
            link.confidence,
            link.evidence,
            link.share,
            spent.get((key, link.session_id), Spent()),
            self.whole.get((key, link.session_id), Spent()),
            agent_lines(link.commit, [link]) if link.lines else None,
        )

    def reference(self, key: Key) -> str:
        """The issue or pull request: of the subject, of the branch, that the agent told
        of, or the first that the body mentions."""
        repo, change = self.places[key]
        commit = shown(change, repo.history)
        told = [self.about(each.session_id).reference for each in self.links[key]]
        candidates = (
            *(each for each in commit.mentions if _names(commit.subject, each)),
            reference_in(branch_of(commit, repo.history)),
            reference_in(self._worked_on.get(key, "")),
            *told,
            *commit.mentions,
        )
        return next((each for each in candidates if each), "")

    @cached_property
    def _worked_on(self) -> Mapping[Key, str]:
        """The branch that most requests for a change were made on; merging lets git
        forget it."""
        counts: dict[Key, Counter[str]] = defaultdict(Counter)
        for charge in self._all():
            key = self.key_of(charge)
            if key is not None:
                counts[key][charge.request.branch] += 1
        return {key: count.most_common(1)[0][0] for key, count in counts.items()}

    def about(self, session_id: str) -> About:
        """What is known of a session."""
        return self.known.about.get(session_id, About())

    # --- what is in no commit --------------------------------------------------------

    def rests(self, start: datetime, end: datetime) -> list[Rest]:
        """A span's money that is in no commit, by why, where, and most first."""
        parts: dict[tuple[Reason, str, str], list[tuple[Spent, str, set[str]]]] = {}
        loose = [each for each in self.during(start, end) if each.link is None]
        for (session_id, repo, branch), spent in sums(loose, self._where).items():
            reason, files = self.why(session_id, repo)
            part = (spent, session_id, files)
            parts.setdefault((reason, repo, branch), []).append(part)
        rests = [
            Rest(
                *key,
                total(spent for spent, _, _ in some),
                tuple(sorted(set().union(*(files for _, _, files in some)))),
                tuple(dict.fromkeys(session_id for _, session_id, _ in some)),
            )
            for key, some in parts.items()
        ]
        return sorted(rests, key=lambda each: (-each.spent.cost, each.repo))

    def discarded(self, start: datetime, end: datetime) -> list[Charge]:
        """Charges of a span for edits of which nothing is left."""
        loose: dict[tuple[str, str, str], list[Charge]] = defaultdict(list)
        for each in self.during(start, end):
            if each.link is None:
                loose[self._where(each)].append(each)
        return [
            each
            for (session_id, repo, _), some in loose.items()
            if self.why(session_id, repo)[0] == "discarded"
            for each in some
        ]

    def _where(self, charge: Charge) -> tuple[str, str, str]:
        """Session, repository or else directory, and branch."""
        request = charge.request
        repo = self.known.place(request.project)
        place = (repo, request.branch) if repo else (request.project, "")
        return (request.session_id, *place)

    def why(self, session_id: str, where: str) -> tuple[Reason, set[str]]:
        """Why what a session did last is in no commit, and which files hold it."""
        links = [each.link for each in self.charges[session_id] if each.link]
        after = max(map(ends_at, links), default=0)
        done = {fp for each in links for _, fp in each.lines}
        edits = [
            each
            for each in self.known.edits.get(session_id, ())
            if each.outcome == "accepted"
            and each.at > after
            # What was amended into a commit was written after it was first made.
            and not (each.added and done.issuperset(numbers(each.added)))
        ]
        inside = [each for each in edits if self._repo(each.path) is not None]
        if edits and not inside:
            return "no_repo", set()
        if not edits:
            known = any(where == each.path for each in self.known.repos)
            return ("no_edits" if known else "no_repo"), set()
        files, committed = self._left(inside)
        if files:
            return "uncommitted", files
        return ("elsewhere" if committed else "discarded"), set()

    def _repo(self, path: str) -> Linked | None:
        """The repository of a file."""
        found = self.known.place(path.rpartition("/")[0])
        return next((each for each in self.known.repos if each.path == found), None)

    def _left(self, edits: Sequence[Edit]) -> tuple[set[str], bool]:
        """Files with lines of edits that no commit has; whether commits have some."""
        files: set[str] = set()
        committed = False
        for edit in edits:
            repo = self._repo(edit.path)
            lines, gone = set(numbers(edit.added)), set(numbers(edit.removed))
            if repo is None:
                continue
            kept = lines & self._committed(repo, "added").get(base(edit.path), set())
            committed = committed or bool(kept)
            there = self.known.on_disk(edit.path)
            if there is None:
                continue
            taken = self._committed(repo, "removed").get(base(edit.path), set())
            if (lines - kept) & there or (not lines and gone - there - taken):
                files.add(within(edit.path, repo.history.repository.worktrees))
        return files, committed

    def _committed(self, repo: Linked, which: str) -> Mapping[str, set[int]]:
        """Lines that a repository's commits add or remove, by name of the file."""
        known = self._kept.get((repo.path, which))
        if known is None:
            lines: dict[str, set[int]] = defaultdict(set)
            for change in repo.history.changes:
                for patch in shown(change, repo.history).files:
                    lines[base(patch.path)].update(numbers(getattr(patch, which)))
            known = self._kept[repo.path, which] = lines
        return known


def agent_lines(commit: Commit, links: Iterable[Link]) -> int:
    """Added lines that linked sessions wrote; trivial ones in the same proportion.

    Links may be with another commit that holds the same lines: a part of a squash.
    """
    wrote = {
        (link.commit.files[place].path, fp)
        for link in links
        if link.tier != "possible"
        for place, fp in link.lines
    }
    lines = 0
    for patch in commit.files:
        telling = numbers(patch.added)
        if telling:
            count = sum((patch.path, fp) in wrote for fp in telling)
            lines += round(patch.lines_added * count / len(telling))
    return lines


def within(path: str, roots: Iterable[str]) -> str:
    """A path as seen from the work tree it lies in."""
    for root in roots:
        if path.startswith(f"{root.rstrip('/')}/"):
            return path[len(root.rstrip("/")) + 1 :]
    return path


def sums(charges: Iterable[Charge], key: Callable[[Charge], _K]) -> dict[_K, Spent]:
    """What charges with the same key come to."""
    found: dict[_K, Spent] = {}
    for charge in charges:
        k = key(charge)
        found[k] = found.get(k, Spent()).plus(charge.spent)
    return found


def _names(subject: str, reference: str) -> bool:
    """Whether a subject has a reference, and not only one that begins like it."""
    return bool(re.search(rf"{re.escape(reference)}(?!\d)", subject, re.IGNORECASE))


_ORDER: tuple[Grade, ...] = ("exact", "likely", "possible")


def _best(grades: Iterable[Grade]) -> Grade | None:
    return min(grades, key=_ORDER.index, default=None)
