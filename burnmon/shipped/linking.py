"""Links: which session made which commit, how sure that is, and why.

Pure: facts of sessions and of git in, links out. A link is of the first tier that fits;
a commit may have several sessions. The tiers and their bounds are those of a study of
public repositories whose sessions are known; time alone links nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from burnmon.day import Grade
from burnmon.shipped.commits import Change, Commit, History
from burnmon.shipped.fate import lines_of, shown
from burnmon.shipped.matching import Match, Matches, Matching, base
from burnmon.work import CommitCall, Edit

Tier = Literal[
    "proof",
    "bracket",
    "content",
    "moved",
    "amend",
    "other-author",
    "format-only",
    "possible",
]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEFORE, AFTER = 1_500, 1_000
"""Milliseconds a commit's time, in whole seconds, may lie outside its call."""
NEAR = 60
"""Seconds between a call's result and the commit of that subject."""
MOST_FILES = 8
"""Files that the evidence names."""


class Link(Struct, frozen=True):
    """One session made one change, or a part of it."""

    session_id: str
    change: Change
    commit: Commit
    """The copy that stands for the change."""
    tier: Tier
    confidence: float
    """Chance that it is right, 0–1, as the study found it for the tier."""
    share: float | None
    """Share of the change's telling lines that are the session's; None if none is."""
    weight: float
    """How many lines that is; those that many changes have count for less."""
    at: int
    """Epoch ms of the last thing the session did for it."""
    evidence: tuple[str, ...]
    lines: frozenset[tuple[int, int]] = frozenset()
    """Added lines: (place of the file in the commit, fingerprint)."""

    @property
    def grade(self) -> Grade:
        if self.tier == "possible":
            return "possible"
        return "exact" if self.tier in ("proof", "bracket") else "likely"


class Worked(Struct, frozen=True):
    """What is known of sessions that may have worked in a repository."""

    edits: Sequence[Edit]
    """Accepted ones, oldest first."""
    calls: Sequence[CommitCall]
    """Oldest first."""
    active: Mapping[str, Sequence[int]]
    """Instants (epoch ms) at which each session asked its model."""


class _Case(NamedTuple):
    """A change that is to be linked."""

    change: Change
    commit: Commit
    of: Matches
    own: bool
    bare: bool
    """Only the main branch is to be seen."""

    @property
    def made(self) -> int:
        """When it was first made, in epoch ms."""
        return self.change.authored_at * 1000


class _Made(NamedTuple):
    """That a session made a change."""

    tier: Tier
    confidence: float
    at: int
    words: str = ""


def link(
    worked: Worked,
    history: History,
    emails: frozenset[str],
    matching: Matching | None = None,
) -> list[Link]:
    """All links, by the time of their change.

    ``emails`` are those whose commits are one's own; if none is known, nobody's are.
    A ``matching`` of the same repository that was used before spares most of the work.
    """
    commits = [shown(change, history) for change in history.changes]
    matching = matching or Matching(history.repository.worktrees)
    matches = matching.matches(worked.edits, commits)
    told = _told(worked.calls, history)
    bracketed = _bracketed(worked.calls, history.changes, told, emails)
    hints = _Hints(worked, matching)
    bare = _only_main(history)
    links: list[Link] = []
    for n, change in enumerate(history.changes):
        own = change.author_email in emails
        case = _Case(change, commits[n], matches[n], own, bare)
        made = {**bracketed.get(n, {}), **told.get(n, {})}
        for session_id, match in case.of.of.items():
            if session_id not in made and (found := _by_lines(match, case)):
                made[session_id] = found
        if not made and own and not commits[n].reverts:
            made = hints.of(case)
        links.extend(_link(session_id, case, each) for session_id, each in made.items())
    return links


def _only_main(history: History) -> bool:
    """Whether branches that were squashed are gone without a trace: then what a squash
    holds may be older than what other commits do."""
    return all(
        commit.sha in history.on_main
        for change in history.changes
        for commit in change.commits
    )


# --- what the session did itself -----------------------------------------------------

_Found = dict[int, dict[str, _Made]]
"""By number of a change, by session."""


def _told(calls: Iterable[CommitCall], history: History) -> _Found:
    """Changes whose SHA a session's own commit told, or subject and minute."""
    shas = _Shas(history)
    found: _Found = {}
    for call in calls:
        for branch, sha, subject in call.printed:
            n = shas.find(sha, subject, call.at // 1000)
            if n is not None and (branch or _during(call, history.changes[n])):
                words = f"the session ran git {call.verb}, which answered {sha}"
                proof = _Made("proof", 1.0, call.at, words)
                found.setdefault(n, {})[call.session_id] = proof
    return found


def _during(call: CommitCall, change: Change) -> bool:
    """Whether a copy of a change was made while a call ran.

    Git names no branch with a detached head, and a log that follows a quiet commit
    shows an older one where there was nothing to commit.
    """
    span = call.begun_at - BEFORE, call.at + AFTER
    return any(
        span[0] <= 1000 * each.committed_at <= span[1] for each in change.commits
    )


class _Shas:
    """Changes by their commits' SHAs and subjects."""

    def __init__(self, history: History) -> None:
        self._by_prefix: dict[str, list[tuple[str, int]]] = {}
        self._by_subject: dict[str, list[tuple[Commit, int]]] = {}
        for n, change in enumerate(history.changes):
            for commit in change.commits:
                self._by_prefix.setdefault(commit.sha[:7], []).append((commit.sha, n))
                self._by_subject.setdefault(commit.subject, []).append((commit, n))
        for old, new in history.rewritten.items():
            for sha, n in tuple(self._by_prefix.get(new[:7], ())):
                if sha == new:
                    self._by_prefix.setdefault(old[:7], []).append((old, n))

    def find(self, sha: str, subject: str, at: int) -> int | None:
        """The change of an abbreviated SHA, or of a subject and the time (epoch s) it
        was told; None if there is none, or more than one."""
        named = {
            n for full, n in self._by_prefix.get(sha[:7], ()) if full.startswith(sha)
        }
        if not named and subject:
            named = {
                n
                for commit, n in self._by_subject.get(subject, ())
                if abs(commit.authored_at - at) <= NEAR
                or abs(commit.committed_at - at) <= NEAR
            }
        return named.pop() if len(named) == 1 else None


def _bracketed(
    calls: Iterable[CommitCall],
    changes: Sequence[Change],
    told: _Found,
    emails: frozenset[str],
) -> _Found:
    """One's own changes that were first made while a session's quiet commit ran."""
    free = [
        (change.authored_at * 1000, n)
        for n, change in enumerate(changes)
        if n not in told and change.author_email in emails
    ]
    found: _Found = {}
    for call in calls:
        if call.printed or not {"commit", "revert"} & set(call.verb.split()):
            continue
        for at, n in free:
            if call.begun_at - BEFORE <= at <= call.at + AFTER:
                words = f"it was made while the session's git {call.verb} ran"
                bracket = _Made("bracket", 0.97, call.at, words)
                found.setdefault(n, {})[call.session_id] = bracket
    # Two sessions that committed at once: the lines must tell.
    return {n: of for n, of in found.items() if len(of) == 1}


# --- by lines ------------------------------------------------------------------------


def _by_lines(match: Match, case: _Case) -> _Made | None:
    """The first tier by lines that fits; None if none does."""
    share = (match.added + match.removed) / case.of.lines if case.of.lines else 0.0
    age = case.made - match.last_at
    reverts = case.commit.subject.startswith("Revert ")
    if not case.own:
        strict = share >= 0.5 and match.added >= 5 and match.weight >= 3 and age <= DAY
        if not strict or reverts:
            return None
        words = f"the author is {case.change.author_email}"
        return _Made("other-author", 0.85, match.last_at, words)
    if not reverts and _fits(match, share, age, case):
        return _Made("content", 0.9 + 0.09 * share, match.last_at)
    if _moves(match, case.of):
        words = f"{match.moved} of its lines were written to other files"
        return _Made("moved", 0.9, match.moved_at, words)
    if match.later >= 3 and match.later_weight >= 2:
        words = f"{match.later} of its lines were written before it was amended"
        return _Made("amend", 0.9, match.later_at, words)
    return None


def _fits(match: Match, share: float, age: int, case: _Case) -> bool:
    """Enough of the change's lines are the session's, and it wrote them lately.

    The longer ago that was, the more telling they must be.
    """
    added, fresh = match.added, age < 12 * HOUR
    if not added:
        if match.removed >= 3 and match.weight_removed >= 1 and share >= 0.2:
            return fresh
        some = match.weight_removed >= 0.5 and share >= 0.5 and age < HOUR
        return some and not lines_of(case.commit)[0]
    if age > 3 * DAY:
        squash = case.bare and _PULL.search(case.commit.subject) and age < 14 * DAY
        return bool(squash) and added >= 5 and match.weight >= 3
    telling = match.weight >= 1 or (fresh and (match.weight >= 0.3 or added >= 3))
    return (
        (share >= 0.2 and telling and (age <= DAY or share >= 0.5))
        or (fresh and match.weight >= max(2, added / 2))
        or (match.unique >= 1 and age < HOUR)
    )


_PULL = re.compile(r" \(#\d+\)$")
"""How a subject ends when a pull request was squashed into one commit."""


def _moves(match: Match, of: Matches) -> bool:
    together = match.added + match.removed + match.moved
    weight = match.weight + match.moved_weight
    return match.moved >= 3 and weight >= 2 and together >= 0.5 * of.lines


def _link(session_id: str, case: _Case, made: _Made) -> Link:
    match = case.of.of.get(session_id, Match())
    both = match.added + match.removed + match.later
    moved = made.tier == "moved"
    evidence = [made.words] if made.words else []
    if both:
        evidence.append(
            f"{both} of its {case.of.lines} telling lines are the session's"
        )
        evidence.extend(_files(match))
    confidence = made.confidence
    if case.commit.trailers:
        names = dict.fromkeys(name for name, _ in case.commit.trailers)
        evidence.append(f"the commit itself says {', '.join(names)}")
        if made.tier != "possible":  # they come off and stay on; alone they say nothing
            confidence += (1 - confidence) / 2
    return Link(
        session_id,
        case.change,
        case.commit,
        made.tier,
        confidence,
        both / case.of.lines if both else None,
        match.weight + match.weight_removed + match.later_weight,
        made.at,
        tuple(evidence),
        frozenset(match.lines | match.moved_lines if moved else match.lines),
    )


def _files(match: Match) -> list[str]:
    files = sorted(match.files.items(), key=lambda each: (-each[1], each[0]))
    words = [f"{path}: {count}" for path, count in files[:MOST_FILES]]
    if len(files) > MOST_FILES:
        words.append(f"and {len(files) - MOST_FILES} more files")
    return words


# --- hints ---------------------------------------------------------------------------


class _Hints:
    """Which files sessions wrote lately, and when they were active."""

    def __init__(self, worked: Worked, matching: Matching) -> None:
        self._active = worked.active
        self._matching = matching
        self._by_name: dict[str, list[Edit]] = {}
        for edit in worked.edits:
            self._by_name.setdefault(base(edit.path), []).append(edit)

    def of(self, case: _Case) -> dict[str, _Made]:
        """What can be said of a change that no line tells of.

        White space alone is a formatter's work, and that of the session whose files it
        formats; all else is a hint, for which nothing is charged.
        """
        files = case.commit.files
        wrote = [self._wrote(patch.path, case.made) for patch in files]
        spaces = bool(files) and all(patch.only_space for patch in files)
        made: dict[str, _Made] = {}
        for session_id in {each for some in wrote for each in some}:
            ats = [some[session_id] for some in wrote if session_id in some]
            words = f"it wrote {len(ats)} of the {len(files)} files within the hour"
            if spaces:
                words = f"only white space changed; {words}"
                made[session_id] = _Made("format-only", 0.7, max(ats), words)
            elif 2 * len(ats) >= len(files) and self._was_active(session_id, case.made):
                made[session_id] = _Made("possible", 0.5, max(ats), words)
        return made

    def _wrote(self, path: str, until: int) -> dict[str, int]:
        """Sessions that wrote a file in the hour before, and when they last did."""
        return {
            edit.session_id: edit.at
            for edit in self._by_name.get(base(path), ())
            if until - HOUR <= edit.at <= until and self._matching.same(edit.path, path)
        }

    def _was_active(self, session_id: str, at: int) -> bool:
        active = self._active.get(session_id, ())
        return any(at - 15 * MINUTE <= each <= at for each in active)
