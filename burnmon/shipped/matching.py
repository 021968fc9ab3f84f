"""Which lines of a change which session wrote: an index of lines, no loop over pairs.

A line of a commit belongs to the latest write of that line to that file before the
commit was made, unless another change took that write already. What was written after
the commit was first made and before its last copy was is kept apart: an amendment. All
instants are epoch milliseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from burnmon.shipped.commits import Commit, FilePatch
from burnmon.work import Edit

SLACK = 10_000
"""A write may be stamped this much later than the commit that holds it."""
OLDEST = 30 * 86_400_000
"""A write older than this before a commit is not what it holds."""
LATEST = 86_400_000
"""Nor is one this long after it, even if the commit was rewritten later still."""

_Index = dict[str, dict[int, list[tuple[int, int]]]]
"""By a word about the file, by fingerprint: (instant, number) of writes or changes."""


@dataclass(slots=True)
class Match:
    """What one session and one change have in common."""

    added: int = 0
    removed: int = 0
    """Distinct lines of the change that the session wrote, or took away."""
    weight: float = 0.0
    weight_removed: float = 0.0
    """The same, each line divided by the number of changes that have it."""
    unique: int = 0
    """Those of both that at most two changes have."""
    last_at: int = 0
    """The latest write among them."""
    later: int = 0
    later_weight: float = 0.0
    """Lines written after the commit was first made: in an amended copy of it."""
    later_at: int = 0
    moved: int = 0
    moved_weight: float = 0.0
    """Lines written to another file of the same kind."""
    moved_at: int = 0
    files: dict[str, int] = field(default_factory=dict)
    """Lines by file of the change."""
    lines: set[tuple[int, int]] = field(default_factory=set)
    """Added lines: (place of the file in the change, fingerprint)."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The matches of one change."""

    of: dict[str, Match]
    """By session."""
    lines: int
    """Distinct added and removed lines of the change that are not trivial."""


class Matching:
    """Writes of sessions, ready to be compared with changes."""

    def __init__(self, edits: Sequence[Edit], roots: Sequence[str] = ()) -> None:
        """``edits``: accepted ones, oldest first. ``roots``: work trees, below which
        paths are compared whole; elsewhere the end of a path must be the file."""
        self._edits = edits
        self._roots = tuple(f"{each.rstrip('/')}/" for each in roots)
        self._wrote = _index_edits(edits, True, base)
        self._took = _index_edits(edits, False, base)
        self._moved = _index_edits(edits, True, _kind)
        self._same: dict[tuple[str, str], bool] = {}
        self.session_ids = tuple({each.session_id for each in edits})

    def matches(self, changes: Sequence[Commit]) -> list[Matches]:
        """For each change its matches, among all of them; each is given by the commit
        that stands for it."""
        adds, removes = _Taken(), _Taken()
        for n, change in enumerate(changes):
            for patch in change.files:
                adds.note(patch, numbers(patch.added), change.authored_at * 1000, n)
                removes.note(
                    patch, numbers(patch.removed), change.authored_at * 1000, n
                )
        return [
            self._match(change, n, adds, removes) for n, change in enumerate(changes)
        ]

    def _match(self, change: Commit, n: int, adds: _Taken, removes: _Taken) -> Matches:
        of: dict[str, Match] = defaultdict(Match)
        lines = 0
        span = change.authored_at * 1000, change.committed_at * 1000
        for place, patch in enumerate(change.files):
            added, removed = set(numbers(patch.added)), set(numbers(patch.removed))
            lines += len(added) + len(removed)
            for fp in added:
                self._added(fp, patch, place, (n, span), adds, of)
            for fp in removed:
                self._removed(fp, patch, (n, span), removes, of)
        return Matches(dict(of), lines)

    def _added(
        self,
        fp: int,
        patch: FilePatch,
        place: int,
        change: tuple[int, tuple[int, int]],
        adds: _Taken,
        of: dict[str, Match],
    ) -> None:
        n, (made, last) = change
        found = self._latest(self._wrote, fp, patch, made + SLACK)
        if found is not None and found[0] >= made - OLDEST:
            if adds.taken(patch.path, fp, n, found[0], made):
                return
            match = of[self._edits[found[1]].session_id]
            match.added += 1
            match.weight += adds.weight(fp)
            match.unique += adds.rare(fp)
            match.last_at = max(match.last_at, found[0])
            match.files[patch.path] = match.files.get(patch.path, 0) + 1
            match.lines.add((place, fp))
            return
        if last > made:
            until = min(last + SLACK, made + LATEST)
            found = self._latest(self._wrote, fp, patch, until)
            if found is not None and found[0] > made + SLACK:
                if not adds.taken(patch.path, fp, n, found[0], until):
                    match = of[self._edits[found[1]].session_id]
                    match.later += 1
                    match.later_weight += adds.weight(fp)
                    match.later_at = max(match.later_at, found[0])
                    match.files[patch.path] = match.files.get(patch.path, 0) + 1
                    match.lines.add((place, fp))
                return
        writes = self._moved.get(_kind(patch.path), {}).get(fp)
        if writes:
            at, edit = writes[bisect_right(writes, (made + SLACK, 2**62)) - 1]
            if made - 86_400_000 <= at <= made + SLACK:
                match = of[self._edits[edit].session_id]
                match.moved += 1
                match.moved_weight += adds.weight(fp)
                match.moved_at = max(match.moved_at, at)

    def _removed(
        self,
        fp: int,
        patch: FilePatch,
        change: tuple[int, tuple[int, int]],
        removes: _Taken,
        of: dict[str, Match],
    ) -> None:
        n, (made, _) = change
        found = self._latest(self._took, fp, patch, made + SLACK)
        if found is None or found[0] < made - OLDEST:
            return
        if removes.taken(patch.path, fp, n, found[0], made):
            return
        match = of[self._edits[found[1]].session_id]
        match.removed += 1
        match.weight_removed += removes.weight(fp)
        match.unique += removes.rare(fp)
        match.last_at = max(match.last_at, found[0])
        match.files[patch.path] = match.files.get(patch.path, 0) + 1

    def _latest(
        self, index: _Index, fp: int, patch: FilePatch, until: int
    ) -> tuple[int, int] | None:
        """The latest write of a line to a file, up to an instant."""
        best = None
        for path in {patch.path, patch.old_path or patch.path}:
            writes = index.get(base(path), {}).get(fp)
            if not writes:
                continue
            for place in range(bisect_right(writes, (until, 2**62)) - 1, -1, -1):
                if self.same(self._edits[writes[place][1]].path, path):
                    if best is None or writes[place] > best:
                        best = writes[place]
                    break
        return best

    def same(self, written: str, path: str) -> bool:
        """Whether a written path is a file of the repository."""
        known = self._same.get((written, path))
        if known is None:
            known = self._same[written, path] = self._is_same(written, path)
        return known

    def _is_same(self, written: str, path: str) -> bool:
        for root in self._roots:
            if written.startswith(root):
                return written[len(root) :] == path
        return written == path or written.endswith(f"/{path}")


class _Taken:
    """Which changes hold a line: what tells its weight, and which write is used up."""

    def __init__(self) -> None:
        self._by_file: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self._count: dict[int, int] = {}
        self._seen: dict[int, int] = {}

    def note(self, patch: FilePatch, marks: Iterable[int], at: int, n: int) -> None:
        """Changes are noted in the order of their instants."""
        for fp in set(marks):
            self._by_file.setdefault((patch.path, fp), []).append((at, n))
            if self._seen.get(fp) != n:
                self._seen[fp] = n
                self._count[fp] = self._count.get(fp, 0) + 1

    def taken(self, path: str, fp: int, n: int, since: int, until: int) -> bool:
        """Whether a change other than ``n`` took a line written at an instant."""
        return any(
            other != n and since - SLACK <= at < until
            for at, other in self._by_file.get((path, fp), ())
        )

    def weight(self, fp: int) -> float:
        return 1.0 / self._count[fp]

    def rare(self, fp: int) -> int:
        return int(self._count[fp] <= 2)


def numbers(marks: bytes) -> list[int]:
    """Fingerprints as numbers."""
    return memoryview(marks).cast("q").tolist()


def base(path: str) -> str:
    """Name of a file."""
    return path.rsplit("/", 1)[-1]


def _kind(path: str) -> str:
    """What files of one kind have in common: the ending of their names."""
    return base(path).rpartition(".")[2]


def _index_edits(edits: Sequence[Edit], added: bool, word: object) -> _Index:
    index: _Index = {}
    for n, edit in enumerate(edits):
        marks = edit.added if added else edit.removed
        if not marks:
            continue
        part = index.setdefault(word(edit.path), {})  # type: ignore[operator]
        for fp in set(numbers(marks)):
            part.setdefault(fp, []).append((edit.at, n))
    return index
