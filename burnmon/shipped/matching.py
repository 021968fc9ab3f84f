"""Which lines of a change which session wrote: an index of lines, no loop over pairs.

A line of a commit belongs to the latest write of that line to that file before the
commit was made, unless another change took that write already. What was written after
the commit was first made and before it was made anew is kept apart: an amendment. A
line counts for less the more changes had it by then, so what comes later changes no
link. All instants are epoch milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from burnmon.shipped.commits import Commit, FilePatch
from burnmon.work import Edit

SLACK = 10_000
"""A write may be stamped this much later than the commit that holds it."""
DAY = 86_400_000
OLDEST = 30 * DAY
"""A write older than this before a commit is not what it holds."""
LATEST = DAY
"""Nor is one this long after it, even if the commit was made anew later still."""

_Write = tuple[int, int]
"""Instant and number of an edit."""
_Index = dict[str, dict[int, list[_Write]]]
"""Writes by a word about the file and by fingerprint, in order."""


class Match(Struct):
    """What one session and one change have in common."""

    added: int = 0
    removed: int = 0
    """Distinct lines of the change that the session wrote, or took away."""
    weight: float = 0.0
    weight_removed: float = 0.0
    """The same, each line divided by the number of changes that had it by then."""
    unique: int = 0
    """Those of both that no more than two changes had."""
    last_at: int = 0
    """The latest write among them."""
    later: int = 0
    later_weight: float = 0.0
    """Lines written after the commit was first made: in an amended copy of it."""
    later_at: int = 0
    moved: int = 0
    moved_weight: float = 0.0
    """Lines written to another file of the same kind, on the day before."""
    moved_at: int = 0
    moved_lines: set[tuple[int, int]] = field(default_factory=set)
    """As ``lines``."""
    files: dict[str, int] = field(default_factory=dict)
    """Lines by file of the change."""
    lines: set[tuple[int, int]] = field(default_factory=set)
    """Added lines: (place of the file in the change, fingerprint)."""


class Matches(Struct, frozen=True):
    """The matches of one change."""

    of: dict[str, Match]
    """By session."""
    lines: int
    """Distinct added and removed lines of the change that are not trivial."""


class _Case(NamedTuple):
    """One file of a change that is compared."""

    sha: str
    made: int
    until: int
    """How late a line of an amended copy may have been written."""
    patch: FilePatch
    place: int
    paths: tuple[str, ...]
    of: dict[str, Match]


class Matching:
    """Writes of sessions and changes, compared; asked again, only what is new is."""

    def __init__(self, roots: Sequence[str] = ()) -> None:
        """``roots``: work trees, below which paths are compared whole; elsewhere the
        end of a path must be the file."""
        # The innermost first: work trees may lie inside of each other.
        whole = sorted((f"{each.rstrip('/')}/" for each in roots), key=len)
        self._roots = tuple(reversed(whole))
        self._same: dict[tuple[str, str], bool] = {}
        self._adds, self._removes = _Taken(), _Taken()
        self._commits: dict[str, Commit] = {}
        self._begin()

    def _begin(self) -> None:
        self._edits: list[Edit] = []
        self._wrote: _Index = {}
        self._took: _Index = {}
        self._kinds: _Index = {}
        self._found: dict[str, Matches] = {}

    def matches(
        self, edits: Sequence[Edit], commits: Sequence[Commit]
    ) -> list[Matches]:
        """For each change its matches, among all of them.

        ``edits`` are accepted ones, oldest first; each change is given by the commit
        that stands for it.
        """
        written = self._follow_edits(edits)
        made = self._follow_commits(commits)
        for commit in commits:
            known = commit.sha in self._found
            if not known or _made(commit) >= made or _until(commit) >= written:
                self._found[commit.sha] = self._match(commit)
        return [self._found[each.sha] for each in commits]

    def _follow_edits(self, edits: Sequence[Edit]) -> int:
        """Take what was written; the instant from which something is new."""
        known = len(self._edits)
        if any(a.key != b.key for a, b in zip(self._edits, edits, strict=False)):
            known = len(edits) + 1
        if known > len(edits):
            self._begin()
            known = 0
        for n, edit in enumerate(edits[known:], known):
            added, removed = set(numbers(edit.added)), set(numbers(edit.removed))
            _note(self._wrote, base(edit.path), added, (edit.at, n))
            _note(self._took, base(edit.path), removed, (edit.at, n))
            _note(self._kinds, _kind(edit.path), added, (edit.at, n))
        fresh = edits[known:]
        self._edits.extend(fresh)
        return fresh[0].at if fresh else 2**62

    def _follow_commits(self, commits: Sequence[Commit]) -> int:
        """Take what was committed; the instant from which something is new."""
        now = {each.sha: each for each in commits}
        gone = [each for sha, each in self._commits.items() if sha not in now]
        come = [each for sha, each in now.items() if sha not in self._commits]
        for commit in gone:
            self._found.pop(commit.sha, None)
            self._adds.forget(commit, _added)
            self._removes.forget(commit, _removed)
        for commit in come:
            self._adds.note(commit, _added)
            self._removes.note(commit, _removed)
        self._commits = now
        return min((_made(each) for each in (*gone, *come)), default=2**62)

    # --- comparing -------------------------------------------------------------------

    def _match(self, commit: Commit) -> Matches:
        of: dict[str, Match] = defaultdict(Match)
        lines = 0
        made, until = _made(commit), _until(commit)
        for place, patch in enumerate(commit.files):
            added, removed = set(numbers(patch.added)), set(numbers(patch.removed))
            lines += len(added) + len(removed)
            paths = (patch.path, patch.old_path) if patch.old_path else (patch.path,)
            case = _Case(commit.sha, made, until, patch, place, paths, of)
            self._match_added(added, case)
            self._match_removed(removed, case)
        return Matches(dict(of), lines)

    def _match_added(self, added: Iterable[int], case: _Case) -> None:
        parts = _parts(self._wrote, case.paths)
        kinds = self._kinds.get(_kind(case.patch.path), {})
        if not parts and not kinds:
            return
        for fp in added:
            found = self._latest(parts, fp, case.made + SLACK)
            if found is not None and found[0] >= case.made - OLDEST:
                self._wrote_it(fp, found, case)
            elif (later := self._later(parts, fp, case)) is not None:
                self._amended(fp, later, case)
            elif fp in kinds:
                self._elsewhere(fp, kinds[fp], case)

    def _wrote_it(self, fp: int, write: _Write, case: _Case) -> None:
        if self._adds.taken(case.patch.path, fp, case.sha, write[0], case.made):
            return
        match = self._of(write, case)
        match.added += 1
        match.weight += self._adds.weight(fp, case.made)
        match.unique += self._adds.rare(fp, case.made)
        match.last_at = max(match.last_at, write[0])
        match.lines.add((case.place, fp))

    def _later(self, parts: _Parts, fp: int, case: _Case) -> _Write | None:
        """The latest write between the commit and its making anew."""
        if case.until <= case.made + SLACK:
            return None
        found = self._latest(parts, fp, case.until)
        return found if found is not None and found[0] > case.made + SLACK else None

    def _amended(self, fp: int, write: _Write, case: _Case) -> None:
        if self._adds.taken(case.patch.path, fp, case.sha, write[0], case.until):
            return
        match = self._of(write, case)
        match.later += 1
        match.later_weight += self._adds.weight(fp, case.made)
        match.later_at = max(match.later_at, write[0])
        match.lines.add((case.place, fp))

    def _elsewhere(self, fp: int, writes: list[_Write], case: _Case) -> None:
        place = bisect_right(writes, (case.made + SLACK, 2**62)) - 1
        if place < 0 or writes[place][0] < case.made - DAY:
            return
        at, edit = writes[place]
        match = case.of[self._edits[edit].session_id]
        match.moved += 1
        match.moved_weight += self._adds.weight(fp, case.made)
        match.moved_at = max(match.moved_at, at)
        match.moved_lines.add((case.place, fp))

    def _match_removed(self, removed: Iterable[int], case: _Case) -> None:
        parts = _parts(self._took, case.paths)
        for fp in removed if parts else ():
            found = self._latest(parts, fp, case.made + SLACK)
            if found is None or found[0] < case.made - OLDEST:
                continue
            path = case.patch.path
            if self._removes.taken(path, fp, case.sha, found[0], case.made):
                continue
            match = self._of(found, case)
            match.removed += 1
            match.weight_removed += self._removes.weight(fp, case.made)
            match.unique += self._removes.rare(fp, case.made)
            match.last_at = max(match.last_at, found[0])

    def _of(self, write: _Write, case: _Case) -> Match:
        """The match with the session of a write, with a line more of the file."""
        match = case.of[self._edits[write[1]].session_id]
        path = case.patch.path
        match.files[path] = match.files.get(path, 0) + 1
        return match

    def _latest(self, parts: _Parts, fp: int, until: int) -> _Write | None:
        """The latest write of a line to a file, up to an instant."""
        best = None
        for path, part in parts:
            writes = part.get(fp)
            if writes is None:
                continue
            for place in range(bisect_right(writes, (until, 2**62)) - 1, -1, -1):
                write = writes[place]
                if self.same(self._edits[write[1]].path, path):
                    if best is None or write > best:
                        best = write
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
                inside = written[len(root) :]
                return inside == path or _in_removed_tree(inside, path)
        return written == path or written.endswith(f"/{path}")


def _in_removed_tree(inside: str, path: str) -> bool:
    """Whether a path may be that of a file in a linked work tree that is gone.

    Agents and people put them below the main one, out of sight.
    """
    where = inside.removesuffix(f"/{path}")
    return where != inside and (where.startswith(".") or "worktree" in where)


class _Taken:
    """Which changes hold a line: what tells its weight, and which write is used up."""

    def __init__(self) -> None:
        self._by_file: dict[tuple[str, int], list[tuple[int, str]]] = {}
        self._ats: dict[int, list[int]] = {}
        """Instants of the changes that have a line, in order."""

    def note(self, commit: Commit, marks: Callable[[FilePatch], bytes]) -> None:
        """A change holds its lines."""
        at = _made(commit)
        every: set[int] = set()
        for patch in commit.files:
            distinct = set(numbers(marks(patch)))
            every |= distinct
            for fp in distinct:
                self._by_file.setdefault((patch.path, fp), []).append((at, commit.sha))
        for fp in every:
            insort(self._ats.setdefault(fp, []), at)

    def forget(self, commit: Commit, marks: Callable[[FilePatch], bytes]) -> None:
        """A change that was noted is no more."""
        at = _made(commit)
        every: set[int] = set()
        for patch in commit.files:
            distinct = set(numbers(marks(patch)))
            every |= distinct
            for fp in distinct:
                self._by_file[patch.path, fp].remove((at, commit.sha))
        for fp in every:
            ats = self._ats[fp]
            del ats[bisect_left(ats, at)]

    def taken(self, path: str, fp: int, sha: str, since: int, until: int) -> bool:
        """Whether a change other than ``sha`` took a line written at an instant."""
        return any(
            since - SLACK <= at < until and other != sha
            for at, other in self._by_file.get((path, fp), ())
        )

    def weight(self, fp: int, at: int) -> float:
        """One divided by the number of changes that had the line by then."""
        return 1.0 / bisect_right(self._ats[fp], at)

    def rare(self, fp: int, at: int) -> int:
        """1 where at most two changes had the line by then."""
        return int(bisect_right(self._ats[fp], at) <= 2)


def numbers(marks: bytes) -> list[int]:
    """Fingerprints as numbers."""
    return memoryview(marks).cast("q").tolist()


def base(path: str) -> str:
    """Name of a file."""
    return path.rsplit("/", 1)[-1]


def _kind(path: str) -> str:
    """What files of one kind have in common: the ending of their names."""
    return base(path).rpartition(".")[2]


def _made(commit: Commit) -> int:
    return commit.authored_at * 1000


def _until(commit: Commit) -> int:
    """How late what a commit holds may have been written."""
    made = _made(commit)
    return max(made + SLACK, min(commit.committed_at * 1000 + SLACK, made + LATEST))


def _added(patch: FilePatch) -> bytes:
    return patch.added


def _removed(patch: FilePatch) -> bytes:
    return patch.removed


def _note(index: _Index, word: str, marks: Iterable[int], write: _Write) -> None:
    part = index.setdefault(word, {})
    for fp in marks:
        part.setdefault(fp, []).append(write)


_Parts = list[tuple[str, dict[int, list[_Write]]]]


def _parts(index: _Index, paths: Iterable[str]) -> _Parts:
    """What was written to files of these names, by path."""
    return [(path, part) for path in paths if (part := index.get(base(path)))]
