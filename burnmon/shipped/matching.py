"""Which lines of a change which session wrote: an index of lines, no loop over pairs.

The index is of the lines of those changes that are compared right then, and is let go
with the answer: one of all lines of a month takes more memory than all else together.

A line of a commit belongs to the latest write of that line to that file before the
commit was made, unless another change took that write already. What was written after
the commit was first made and before it was made anew is kept apart: an amendment. A
line counts for less the more changes had it by then, so what comes later changes no
link. All instants are epoch milliseconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
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
PORTION = 20_000
"""Lines of changes that are looked for at once: some 20 MB."""

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

    lines: _Lines
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
        self._keys = array("q")
        """Of the edits that were compared."""
        self._made: dict[str, int] = {}
        """When each of the changes was made that were compared."""
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
        due = [
            each
            for each in commits
            if each.sha not in self._found
            or _made(each) >= made
            or _until(each) >= written
        ]
        for some in _portions(due):
            lines = _Lines(some, edits, commits)
            for commit in some:
                self._found[commit.sha] = self._match(commit, lines)
        return [self._found[each.sha] for each in commits]

    def _follow_edits(self, edits: Sequence[Edit]) -> int:
        """Take what was written; the instant from which something is new."""
        keys = array("q", [each.key for each in edits])
        known = len(self._keys)
        if self._keys != keys[:known]:
            self._found = {}
            known = 0
        self._keys = keys
        return edits[known].at if known < len(edits) else 2**62

    def _follow_commits(self, commits: Sequence[Commit]) -> int:
        """Take what was committed; the instant from which something is new."""
        before, self._made = self._made, {each.sha: _made(each) for each in commits}
        for sha in before.keys() - self._made.keys():
            self._found.pop(sha, None)
        other = before.items() ^ self._made.items()
        return min((made for _, made in other), default=2**62)

    # --- comparing -------------------------------------------------------------------

    def _match(self, commit: Commit, found: _Lines) -> Matches:
        of: dict[str, Match] = defaultdict(Match)
        lines = 0
        made, until = _made(commit), _until(commit)
        for place, patch in enumerate(commit.files):
            added, removed = set(numbers(patch.added)), set(numbers(patch.removed))
            lines += len(added) + len(removed)
            paths = (patch.path, patch.old_path) if patch.old_path else (patch.path,)
            case = _Case(found, commit.sha, made, until, patch, place, paths, of)
            self._match_added(added, case)
            self._match_removed(removed, case)
        return Matches(dict(of), lines)

    def _match_added(self, added: Iterable[int], case: _Case) -> None:
        parts = _parts(case.lines.wrote, case.paths)
        kinds = case.lines.kinds.get(_kind(case.patch.path), {})
        if not parts and not kinds:
            return
        for fp in added:
            found = self._latest(parts, fp, case, case.made + SLACK)
            if found is not None and found[0] >= case.made - OLDEST:
                self._wrote_it(fp, found, case)
            elif (later := self._later(parts, fp, case)) is not None:
                self._amended(fp, later, case)
            elif fp in kinds:
                self._elsewhere(fp, kinds[fp], case)

    def _wrote_it(self, fp: int, write: _Write, case: _Case) -> None:
        adds = case.lines.adds
        if adds.taken(case.patch.path, fp, case.sha, write[0], case.made):
            return
        match = self._of(write, case)
        match.added += 1
        match.weight += adds.weight(fp, case.made)
        match.unique += adds.rare(fp, case.made)
        match.last_at = max(match.last_at, write[0])
        match.lines.add((case.place, fp))

    def _later(self, parts: _Parts, fp: int, case: _Case) -> _Write | None:
        """The latest write between the commit and its making anew."""
        if case.until <= case.made + SLACK:
            return None
        found = self._latest(parts, fp, case, case.until)
        return found if found is not None and found[0] > case.made + SLACK else None

    def _amended(self, fp: int, write: _Write, case: _Case) -> None:
        adds = case.lines.adds
        if adds.taken(case.patch.path, fp, case.sha, write[0], case.until):
            return
        match = self._of(write, case)
        match.later += 1
        match.later_weight += adds.weight(fp, case.made)
        match.later_at = max(match.later_at, write[0])
        match.lines.add((case.place, fp))

    def _elsewhere(self, fp: int, writes: list[_Write], case: _Case) -> None:
        place = bisect_right(writes, (case.made + SLACK, 2**62)) - 1
        if place < 0 or writes[place][0] < case.made - DAY:
            return
        at, edit = writes[place]
        match = case.of[case.lines.edits[edit].session_id]
        match.moved += 1
        match.moved_weight += case.lines.adds.weight(fp, case.made)
        match.moved_at = max(match.moved_at, at)
        match.moved_lines.add((case.place, fp))

    def _match_removed(self, removed: Iterable[int], case: _Case) -> None:
        parts, removes = _parts(case.lines.took, case.paths), case.lines.removes
        for fp in removed if parts else ():
            found = self._latest(parts, fp, case, case.made + SLACK)
            if found is None or found[0] < case.made - OLDEST:
                continue
            path = case.patch.path
            if removes.taken(path, fp, case.sha, found[0], case.made):
                continue
            match = self._of(found, case)
            match.removed += 1
            match.weight_removed += removes.weight(fp, case.made)
            match.unique += removes.rare(fp, case.made)
            match.last_at = max(match.last_at, found[0])

    def _of(self, write: _Write, case: _Case) -> Match:
        """The match with the session of a write, with a line more of the file."""
        match = case.of[case.lines.edits[write[1]].session_id]
        path = case.patch.path
        match.files[path] = match.files.get(path, 0) + 1
        return match

    def _latest(self, parts: _Parts, fp: int, case: _Case, until: int) -> _Write | None:
        """The latest write of a line to a file, up to an instant."""
        best = None
        for path, part in parts:
            writes = part.get(fp)
            if writes is None:
                continue
            for place in range(bisect_right(writes, (until, 2**62)) - 1, -1, -1):
                write = writes[place]
                if self.same(case.lines.edits[write[1]].path, path):
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


class _Lines:
    """The lines of some changes: who wrote them, and which changes hold them."""

    def __init__(
        self, some: Iterable[Commit], edits: Sequence[Edit], commits: Iterable[Commit]
    ) -> None:
        """``some`` of all ``commits`` are compared with all ``edits``."""
        added: set[int] = set()
        removed: set[int] = set()
        for patch in chain.from_iterable(each.files for each in some):
            added.update(numbers(patch.added))
            removed.update(numbers(patch.removed))
        self.edits = edits
        self.wrote: _Index = {}
        self.took: _Index = {}
        self.kinds: _Index = {}
        for n, edit in enumerate(edits):
            if wrote := added.intersection(numbers(edit.added)):
                _note(self.wrote, base(edit.path), wrote, (edit.at, n))
                _note(self.kinds, _kind(edit.path), wrote, (edit.at, n))
            if took := removed.intersection(numbers(edit.removed)):
                _note(self.took, base(edit.path), took, (edit.at, n))
        self.adds = _Taken(commits, added, _added)
        self.removes = _Taken(commits, removed, _removed)


class _Taken:
    """Which changes hold a line: what tells its weight, and which write is used up."""

    def __init__(
        self,
        commits: Iterable[Commit],
        lines: set[int],
        marks: Callable[[FilePatch], bytes],
    ) -> None:
        """``lines`` are those that are asked about."""
        self._by_file: dict[tuple[str, int], list[tuple[int, str]]] = {}
        self._ats: dict[int, list[int]] = {}
        """Instants of the changes that have a line, in order."""
        for commit in commits:
            at = _made(commit)
            every: set[int] = set()
            for patch in commit.files:
                distinct = lines.intersection(numbers(marks(patch)))
                every |= distinct
                for fp in distinct:
                    holds = self._by_file.setdefault((patch.path, fp), [])
                    holds.append((at, commit.sha))
            for fp in every:
                insort(self._ats.setdefault(fp, []), at)

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


def _portions(commits: Iterable[Commit]) -> Iterator[list[Commit]]:
    """Changes that are compared at once, by how many lines they have."""
    some: list[Commit] = []
    size = 0
    for commit in commits:
        some.append(commit)
        size += sum(len(each.added) + len(each.removed) for each in commit.files) // 8
        if size >= PORTION:
            yield some
            some, size = [], 0
    if some:
        yield some


def _note(index: _Index, word: str, marks: Iterable[int], write: _Write) -> None:
    part = index.setdefault(word, {})
    for fp in marks:
        part.setdefault(fp, []).append(write)


_Parts = list[tuple[str, dict[int, list[_Write]]]]


def _parts(index: _Index, paths: Iterable[str]) -> _Parts:
    """What was written to files of these names, by path."""
    return [(path, part) for path in paths if (part := index.get(base(path)))]
