"""What became of a change, as its repository's history tells, and what it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping

from burnmon.day import State
from burnmon.shipped.commits import Change, Commit, History
from burnmon.work import SIZE

LATE = 60 * 86_400
"""Seconds after which a branch is no longer squashed."""
LEAST = 3
"""Lines that a squash must be known by."""
NEARLY = 0.8
"""Share of them: the rest may have been changed by later commits of the branch."""

_Line = tuple[str, bytes]
"""Path and fingerprint."""


def shown(change: Change, history: History) -> Commit:
    """The copy of a change that stands for it: the first on main, else the newest that
    is reachable, else the newest; one whose patch was read before others."""
    read = [each for each in change.commits if each.read] or change.commits
    merged = [each for each in read if each.sha in history.on_main]
    if merged:
        return merged[0]
    there = [each for each in read if each.sha in history.reachable]
    return (there or read)[-1]


def lines_of(commit: Commit) -> tuple[int, int]:
    """Lines a commit adds and removes, blank and generated ones included."""
    return (
        sum(each.lines_added for each in commit.files),
        sum(each.lines_removed for each in commit.files),
    )


def undone(history: History) -> dict[str, str]:
    """SHAs that a reachable commit reverted, with that commit's; a revert that was
    reverted itself undoes nothing."""
    by_prefix: dict[str, list[str]] = {}
    for change in history.changes:
        for commit in change.commits:
            by_prefix.setdefault(commit.sha[:7], []).append(commit.sha)
    found: dict[str, str] = {}
    for change in reversed(history.changes):
        for commit in change.commits:
            if commit.sha not in history.reachable or commit.sha in found:
                continue
            for told in commit.reverts:
                for sha in by_prefix.get(told[:7], ()):
                    if sha.startswith(told):
                        found.setdefault(sha, commit.sha)
    return found


def state_of(
    change: Change, history: History, reverted: Mapping[str, str], squashes: Squashes
) -> tuple[State, str]:
    """What became of a change, and by what; ``reverted`` is what ``undone`` found."""
    shas = {each.sha for each in change.commits}
    for sha in sorted(shas & reverted.keys()):
        return "reverted", f"reverted by {reverted[sha][:7]}"
    if shas & history.on_main:
        count = len(squashes.of(change))
        return "on_main", f"squash of {count} changes" if count > 1 else ""
    if (squash := squashes.into(change)) is not None:
        return "on_main", f"squashed into {shown(squash, history).sha[:7]}"
    if shas & history.reachable:
        return "not_merged", ""
    return "rewritten", ""


class Squashes:
    """Which changes on main are made of ones that are not."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lines: dict[int, set[_Line]] = {}
        self._parts: dict[int, list[Change]] = {}
        self._merged: dict[str, list[Change]] = {}
        """Changes on main by path, oldest first."""
        self._open: list[Change] = []
        for change in history.changes:
            if any(each.sha in history.on_main for each in change.commits):
                for patch in shown(change, history).files:
                    self._merged.setdefault(patch.path, []).append(change)
            else:
                self._open.append(change)

    def into(self, change: Change) -> Change | None:
        """The first change on main that holds nearly all lines of one that is not."""
        lines = self._lines_of(change)
        paths = {path for path, _ in lines}
        if len(lines) < LEAST:
            return None
        found = {
            id(each): each for path in paths for each in self._merged.get(path, ())
        }
        return next(
            (
                each
                for each in sorted(found.values(), key=lambda each: each.authored_at)
                if 0 <= each.authored_at - change.authored_at <= LATE
                and len(lines & self._lines_of(each)) >= NEARLY * len(lines)
            ),
            None,
        )

    def of(self, change: Change) -> list[Change]:
        """The changes that one on main is made of."""
        known = self._parts.get(id(change))
        if known is None:
            lines = self._lines_of(change)
            known = self._parts[id(change)] = [
                each
                for each in self._open
                if 0 <= change.authored_at - each.authored_at <= LATE
                and not lines.isdisjoint(self._lines_of(each))
                and self.into(each) is change
            ]
        return known

    def _lines_of(self, change: Change) -> set[_Line]:
        """Telling lines that a change adds, by file."""
        known = self._lines.get(id(change))
        if known is None:
            known = self._lines[id(change)] = {
                (patch.path, patch.added[at : at + SIZE])
                for patch in shown(change, self._history).files
                for at in range(0, len(patch.added), SIZE)
            }
        return known


def branch_of(commit: Commit, history: History) -> str:
    """The branch a commit is on; the main branch for what is merged."""
    if commit.sha in history.on_main:
        return history.repository.main.rpartition("/")[2]
    return history.branches.get(commit.sha, "")


_KEY = re.compile(
    r"(?:^|[^A-Za-z0-9])([A-Z][A-Z0-9]{1,9})-([1-9]\d{0,5})(?![A-Za-z0-9.])"
)
_SMALL_KEY = re.compile(r"(?:^|/)([a-z]{2,10})-([1-9]\d{0,5})(?![A-Za-z0-9.])")
"""A key as branches spell it; further on in a name it is a word with a number."""
_NUMBER = re.compile(
    r"(?:^|/)(?!20\d\d-[01]\d)(?:(?:issue|gh|pr)[-_/]?)?(\d{1,6})(?:[-_]|$)"
)
_NO_KEYS = frozenset(
    "feat feature fix bug chore docs test try take part phase step stage release"
    " version rc patch issue gh pr round attempt day week sprint draft wip".split()
)


def reference_in(branch: str) -> str:
    """The issue that a branch is named after; empty if it is after none."""
    named = _KEY.search(branch) or _SMALL_KEY.search(branch)
    if named and named[1].lower() not in _NO_KEYS:
        return f"{named[1].upper()}-{named[2]}"
    if numbered := _NUMBER.search(branch):
        return f"#{numbered[1]}"
    return ""
