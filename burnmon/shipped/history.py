"""Reads the history of repositories, each patch once.

Owns the order of things: refs and reflogs name commits, commits name their parents,
patches are read newest first and remembered as they come. Nothing is ever fetched or
written to a repository; ``git`` says why none can make it run anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from burnmon.errors import HistoryError
from burnmon.shipped import graph, reflogs, repositories
from burnmon.shipped.commit_text import header, target
from burnmon.shipped.commits import (
    Change,
    Commit,
    Header,
    History,
    Repository,
)
from burnmon.shipped.git import GitFailed, ObjectReader, Objects, objects
from burnmon.shipped.history_cache import Held, HistoryCache
from burnmon.shipped.patch_reading import large, read_patches
from burnmon.shipped.repositories import position, repository_of

__all__ = ["MOST", "Histories", "position", "repository_of"]

GIT_AI = "git-ai"
MOST = 20_000
"""Commits of a span up to which everybody's patches are read."""
_TOGETHER = 100
"""Patches between two questions whether to go on, and between two writes."""

Progress = Callable[[int, int], bool]
"""Told how many patches are read, and of how many; False interrupts."""


class Histories:
    """Reads histories; remembers patches in a file, or in memory."""

    def __init__(self, path: Path | None) -> None:
        self._cache = HistoryCache(path)
        self._held: dict[str, tuple[int, Held]] = {}

    def close(self) -> None:
        """Give the file back."""
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(
        self,
        repository: Repository,
        since: int,
        progress: Progress = lambda done, whole: True,
    ) -> History:
        """The history of commits that were committed at ``since`` or later.

        ``since`` is in epoch seconds. Raises HistoryError where the repository cannot
        be read.
        """
        if not Path(repository.git_dir).is_dir():
            raise HistoryError(f"{repository.git_dir}: is gone")
        held = self._known(repository, since)
        with objects(repository) as seen:
            reading = _Reading(repository, since, seen, self._cache, held)
            try:
                reading.walk(progress)
                reading.patches(progress)
            except _Interrupted:
                reading.complete = False
            except GitFailed as failed:
                git_dir = Path(repository.git_dir)
                raise repositories.trouble(git_dir, failed) from failed
            return reading.history()

    def _known(self, repository: Repository, since: int) -> Held:
        """What is known already; readings add to it, and the next one need not load."""
        git_dir = repository.git_dir
        packs = repositories.packs(Path(git_dir))
        if not self._cache.arrived(git_dir, packs) and git_dir in self._held:
            loaded_since, held = self._held[git_dir]
            if loaded_since <= since:
                return held
        held = self._cache.held(git_dir, since)
        self._held[git_dir] = since, held
        return held


class _Interrupted(Exception):
    """The caller does not want to go on."""


class _Reading:
    """One reading of one repository."""

    def __init__(
        self,
        repository: Repository,
        since: int,
        seen: Objects,
        cache: HistoryCache,
        held: Held,
    ) -> None:
        git_dir = Path(repository.git_dir)
        self._repository = repository
        self._since = since
        self._seen = seen
        self._cache = cache
        refs = repositories.read_refs(git_dir)
        self._refs = refs.shas
        self._ai_notes = self._refs.pop(repositories.GIT_AI, "")
        self._heads = repositories.checked_out(git_dir, refs)
        self._logs = repositories.head_logs(git_dir)
        self._logged = reflogs.named(self._logs)
        self._logged |= reflogs.named(repositories.branch_logs(git_dir))
        self._ends = repositories.boundary(git_dir)
        self._headers = held.headers
        self._files = held.files
        self._walked: dict[str, Header] = {}
        self._authors: dict[tuple[str, str], tuple[str, str]] = {}
        self._huge = False
        self.complete = True

    # --- commits ---------------------------------------------------------------------

    def walk(self, progress: Progress) -> None:
        """Find the commits of the span; raises _Interrupted."""
        tips = {*self._refs.values(), *self._heads, *self._logged}
        with self._seen.reader() as reader:

            def ask(shas: list[str]) -> Iterator[Header]:
                unknown = [sha for sha in shas if sha not in self._headers]
                if unknown:
                    self._learn(unknown, reader)
                    if not progress(0, 0):
                        raise _Interrupted
                return (self._headers[sha] for sha in shas if sha in self._headers)

            for each in graph.walk(tips, ask, self._since, self._ends):
                self._walked[each.sha] = each
        self._huge = sum(len(each.parents) < 2 for each in self._span()) > MOST

    def _learn(self, shas: list[str], reader: ObjectReader) -> None:
        found = self._cache.find(shas)
        self._files.update(found.files)
        new = []
        for each in reader.read(sha for sha in shas if sha not in found.headers):
            if each.kind == "commit":
                new.append(header(each.sha, each.content))
            elif each.kind == "tag":
                new.append(_tag(each.sha, target(each.content)))
        learnt = [*found.headers.values(), *new]
        self._cache.keep(self._repository.git_dir, learnt)
        self._headers.update((each.sha, each) for each in learnt)

    # --- patches ---------------------------------------------------------------------

    def patches(self, progress: Progress) -> None:
        """Read the patches of the span that are not known; raises _Interrupted."""
        left = sorted(
            (each for each in self._span() if self._wanted(each)),
            key=lambda each: -each.committed_at,
        )
        if not left:
            return
        stream = read_patches(self._seen, [each.sha for each in left])
        done = 0
        while progress(done, len(left)):
            some = large(self._seen, islice(stream, _TOGETHER))
            if not some:
                return
            found = {patch.sha: patch.files for patch in some}
            self._files.update(found)
            self._cache.keep_patches(found)
            done += len(some)
        raise _Interrupted

    def _span(self) -> Iterator[Header]:
        """The commits of the span."""
        return (
            each for each in self._walked.values() if each.committed_at >= self._since
        )

    def _wanted(self, each: Header) -> bool:
        """Whether a commit has a patch that is to be read and is not known."""
        return (
            len(each.parents) < 2
            and each.sha not in self._files
            and each.sha not in self._ends
            and (not self._huge or self._author(each)[1] in self._repository.emails)
        )

    # --- the whole -------------------------------------------------------------------

    def history(self) -> History:
        """What was read, put together."""
        noted = self._noted_by_ai()
        commits = [self._commit(each, noted) for each in self._span()]
        plain = [each for each in commits if len(each.parents) < 2]
        by_change: dict[tuple[int, str, int], list[Commit]] = defaultdict(list)
        for each, nth in zip(plain, graph.places(plain), strict=True):
            by_change[each.authored_at, each.author_email, nth].append(each)
        on_main = graph.reach(self._main_tips(), self._walked)
        tips = {*self._refs.values(), *self._heads}
        return History(
            repository=self._repository,
            changes=tuple(
                Change(email, at, tuple(sorted(copies, key=_by_time)), nth)
                for (at, email, nth), copies in sorted(by_change.items())
            ),
            merges=tuple(
                sorted(
                    (each for each in commits if len(each.parents) > 1), key=_by_time
                )
            ),
            on_main=frozenset(on_main),
            reachable=frozenset(graph.reach(tips, self._walked)),
            branches=graph.branches(self._refs, self._walked, on_main),
            rewritten=reflogs.rewritten(self._logs, self._walked),
            notes=tuple(self._words(commits)),
            complete=self.complete,
        )

    def _commit(self, each: Header, noted: set[str]) -> Commit:
        name, email = self._author(each)
        files = self._files.get(each.sha)
        note = ((GIT_AI, "note"),) if each.sha in noted else ()
        return Commit(
            each.sha,
            each.parents,
            name,
            email,
            *each[4:-1],
            (*each.trailers, *note),
            files or (),
            files is not None or len(each.parents) > 1,
        )

    def _author(self, each: Header) -> tuple[str, str]:
        """Name and address as the mailmap has them."""
        if not self._authors:
            written = {(each.author_name, each.author_email) for each in self._span()}
            main = self._refs.get(self._repository.main, "")
            self._authors = repositories.mailmapped(self._seen, main, written)
        return self._authors[each.author_name, each.author_email]

    def _main_tips(self) -> list[str]:
        """The main branch, here and on its remote."""
        main = self._repository.main
        names = {main, f"refs/heads/{graph.branch_name(main)}"} if main else set()
        return [self._refs[each] for each in names if each in self._refs]

    def _noted_by_ai(self) -> set[str]:
        """The commits git-ai left notes on."""
        if not self._ai_notes:
            return set()
        words = ("ls-tree", "-r", "--name-only", self._ai_notes)
        try:
            said = self._seen.answer(words).decode("ascii", "replace")
        except GitFailed:
            return set()
        return {path.replace("/", "") for path in said.splitlines()}

    def _words(self, commits: Iterable[Commit]) -> Iterator[str]:
        """What a reader must know."""
        name = self._repository.name
        plain = [each for each in commits if len(each.parents) < 2]
        unread = sum(not each.read for each in plain)
        if self._ends:
            yield f"{name}: the clone is shallow, earlier commits are not known"
        if self._huge:
            yield f"{name}: {len(plain):,} commits, so only your own were read"
        elif not self.complete:
            yield f"{name}: not yet read to the end, {unread:,} commits are left"
        elif lost := unread - sum(each.sha in self._ends for each in plain):
            yield f"{name}: {lost:,} commits cannot be read, their files are not here"
        holes = sum(
            any(file.skipped == "missing" for file in each.files) for each in plain
        )
        if holes:
            yield f"{name}: {holes:,} commits have files whose content is not here"


def _by_time(commit: Commit) -> tuple[int, str]:
    return commit.committed_at, commit.sha


def _tag(sha: str, name: str) -> Header:
    """An annotated tag as a commit whose parent is what it names."""
    return Header(sha, (name,) if name else (), "", "", 0, graph.TAG, "", (), (), ())
