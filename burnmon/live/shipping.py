"""Days and links from one ledger and the repositories that its sessions name.

The shell of ``shipped``: it finds repositories, reads their histories and files, asks
the ledger, and hands all of it to pure functions. It writes nothing but the cache of
what it read of git.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from burnmon.config import Settings
from burnmon.day import Day
from burnmon.errors import HistoryError
from burnmon.live.explaining import Explaining
from burnmon.records import Mark, Request
from burnmon.shipped.allocation import Charge
from burnmon.shipped.commits import Repository
from burnmon.shipped.git import GitIsSilent
from burnmon.shipped.history import Histories
from burnmon.shipped.linking import Worked, link
from burnmon.shipped.matching import Matching, numbers
from burnmon.shipped.reckoning import About, Known, Linked, Reckoning
from burnmon.shipped.repositories import repository_of
from burnmon.shipped.review import bounds, review
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.report import moved
from burnmon.work import CommitCall, Edit, fingerprints

PAST = timedelta(days=31)
"""How long before a commit its lines may have been written, and a day more."""
LATELY = timedelta(days=3)
"""Repositories are looked at whose sessions worked this long before a day, or on it."""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(3000, 1, 1, tzinfo=UTC)
"""Before all and after all."""
LARGEST = 2 << 20
"""Bytes of a file beyond which nobody looks for lines in it."""

Progress = Callable[[str, int, int], bool]
"""Name of a repository, commits read and to be read; False interrupts."""


def unhurried(_name: str, _done: int, _whole: int) -> bool:
    """Nobody watches the progress, and nobody interrupts."""
    return True


class _Facts(Struct, frozen=True):
    """What the ledger tells of a span, as it lies now: directories moved."""

    requests: Sequence[Request]
    cut: bool
    """There are requests before or after them."""
    edits: Sequence[Edit]
    calls: Sequence[CommitCall]


class Shipping:
    """What sessions' money turned into; keeps what it learned of directories."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        prices: PriceTable,
        emails: frozenset[str] = frozenset(),
    ) -> None:
        """``emails``: whose commits are one's own; if none are given, those that each
        repository's configuration names."""
        self.settings = settings
        self.ledger = ledger
        self.prices = prices
        self._emails = emails
        self._known: dict[str, Repository | None] = {}
        self._troubles: dict[str, str] = {}
        """By directory: why it cannot be told what it is."""
        self._silent: dict[str, str] = {}
        """The same of those that git never answered for: it is not asked again, for
        each question costs its whole patience."""
        self._notes: dict[str, None] = {}
        self._matchings: dict[str, tuple[tuple[str, ...], Matching]] = {}
        """By git directory, with its work trees: what was compared already is not
        compared again."""

    @cached_property
    def histories(self) -> Histories:
        """What was read of git so far."""
        return Histories(self.settings.history_file)

    def close(self) -> None:
        """Give back what was opened."""
        if "histories" in self.__dict__:
            self.histories.close()

    def day(
        self,
        day: date,
        only: Repository | None = None,
        progress: Progress = unhurried,
    ) -> Day:
        """The review of a day in the person's zone, of one repository or all."""
        start, end = bounds(day, self.settings.zone)
        known = self.known(start, end, only, progress)
        made = review(day, self.settings.zone, known)
        if only is not None:
            return made
        rebuilt = Explaining(self.ledger, self.prices).rebuilt(start, end)
        return replace(made, rebuilt=rebuilt)

    def discarded(
        self,
        start: datetime,
        end: datetime,
        session_id: str = "",
        progress: Progress = unhurried,
    ) -> list[Charge]:
        """What was paid in a span for edits of which nothing is left, by one session or
        by all."""
        reckoning = Reckoning(self.known(start, end, progress=progress))
        return [
            each
            for each in reckoning.discarded(start, end)
            if session_id in ("", each.request.session_id)
        ]

    def repositories(
        self, start: datetime, end: datetime
    ) -> dict[str, Repository | None]:
        """Directories that sessions asked in during a span, with their repositories."""
        paths = self.settings.paths
        places = {moved(each, paths) for each in self.ledger.projects(start, end)}
        return {each: self._repository(each) for each in places}

    def forget(self) -> None:
        """Ask anew what directories are: repositories begin, move and are set up."""
        self._known.clear()
        self._troubles.clear()

    def known(
        self,
        start: datetime | None,
        end: datetime | None,
        only: Repository | None = None,
        progress: Progress = unhurried,
    ) -> Known:
        """All that the reckoning of a span needs.

        ``only`` leaves out sessions of other directories; those whose directory is gone
        stay if their lines link them. What those that stay did in other repositories is
        linked too, for their money is spent once.
        """
        self._notes.clear()
        past = None if start is None else start - PAST
        facts = self._facts(past, start, end)
        repositories = [only] if only else self._repositories(facts, start, end)
        repos = [*self._every_linked(repositories, facts, past, progress)]
        asked = {
            each.session_id
            for each in facts.requests
            if only is None or self.place(each.project) == _path(only)
        }
        span = (start or FIRST).timestamp(), (end or LAST).timestamp()
        sessions = asked | _concerned(repos, asked, span)
        if only is not None:
            others = self._repositories(_of(facts, sessions), start, end)
            others = [each for each in others if each.git_dir != only.git_dir]
            repos += self._every_linked(others, facts, past, progress)
        return self._asked(repos, sessions, facts, _path(only) if only else "")

    def _every_linked(
        self,
        repositories: Iterable[Repository],
        facts: _Facts,
        past: datetime | None,
        progress: Progress,
    ) -> Iterator[Linked]:
        for each in repositories:
            linked = self._linked(each, facts, past, progress)
            if linked is not None:
                yield linked

    # --- facts -----------------------------------------------------------------------

    def _facts(
        self, past: datetime | None, start: datetime | None, end: datetime | None
    ) -> _Facts:
        work = self.ledger.work
        paths = self.settings.paths
        edits, calls = work.edits(past), work.calls(past)
        requests: Iterable[Request] = self.ledger.requests(start, end)
        if paths:
            edits = [
                each._replace(
                    path=moved(each.path, paths), project=moved(each.project, paths)
                )
                for each in edits
            ]
            calls = [
                each._replace(project=moved(each.project, paths)) for each in calls
            ]
            requests = self._moved(requests)
        return _Facts(list(requests), bool(start or end), edits, calls)

    def _moved(self, requests: Iterable[Request]) -> Iterator[Request]:
        paths = self.settings.paths
        for each in requests:
            there = moved(each.project, paths)
            yield each if there == each.project else replace(each, project=there)

    def _asked(
        self, repos: Sequence[Linked], sessions: set[str], facts: _Facts, only: str
    ) -> Known:
        requests: dict[str, list[Request]] = {each: [] for each in sorted(sessions)}
        every: Iterable[Request] = facts.requests
        if facts.cut:
            every = self._moved(self.ledger.requests(sessions=tuple(requests)))
        for request in every:
            if request.session_id in requests:
                requests[request.session_id].append(request)
        edits: dict[str, list[Edit]] = defaultdict(list)
        for edit in facts.edits:
            if edit.session_id in requests:
                edits[edit.session_id].append(edit)
        return Known(
            repos,
            requests,
            edits,
            self._about(requests),
            self.place,
            _on_disk,
            self.prices.cost,
            tuple(self._notes),
            only,
        )

    def _about(self, requests: dict[str, list[Request]]) -> dict[str, About]:
        firsts = [each[0].at for each in requests.values() if each]
        references: dict[str, str] = {}
        for mark in self.ledger.marks(min(firsts)) if firsts else ():
            if mark.kind == "pr":
                references[mark.session_id] = _reference(mark)
        titles = self.ledger.titles(requests)
        return {
            session_id: About(
                asked[0].agent if asked else "",
                titles.get(session_id, ""),
                references.get(session_id, ""),
            )
            for session_id, asked in requests.items()
        }

    # --- repositories ----------------------------------------------------------------

    def place(self, directory: str) -> str:
        """The repository a directory lies in; empty if in none, or if it is gone."""
        found = self._repository(directory)
        return "" if found is None else _path(found)

    def _repository(self, directory: str) -> Repository | None:
        if directory not in self._known:
            self._known[directory] = self._look(directory)
        if directory in self._troubles:
            self._notes[self._troubles[directory]] = None
        return self._known[directory]

    def _look(self, directory: str) -> Repository | None:
        """The repository of the first directory above that has one.

        One that was removed below a work tree still belongs to it, as its own linked
        work trees do; but a home that is a work tree does not own what is gone from it.
        """
        path = Path(directory)
        if not path.is_absolute():
            return None
        try:
            gone = not path.is_dir()
            root = next(
                each for each in (path, *path.parents) if (each / ".git").exists()
            )
            if gone and root == Path.home():
                return None
            if str(root) != directory:
                return self._repository(str(root))
            if directory not in self._silent:
                return repository_of(root)
            self._troubles[directory] = self._silent[directory]
        except StopIteration:
            return None
        except GitIsSilent as error:
            self._troubles[directory] = self._gave_up(directory, error)
        except HistoryError as error:
            self._troubles[directory] = str(error)
        except (OSError, RuntimeError, ValueError) as error:
            self._troubles[directory] = f"{directory}: {error}"
        return None

    def _gave_up(self, directory: str, error: GitIsSilent) -> str:
        """Ask git no more for a directory; what is told of it."""
        self._silent[directory] = f"{directory}: {error}; left out until the next start"
        return self._silent[directory]

    def _repositories(
        self, facts: _Facts, start: datetime | None, end: datetime | None
    ) -> list[Repository]:
        """Those in which sessions worked in a span, or shortly before it."""
        first = 0.0 if start is None else (start - LATELY).timestamp() * 1000
        last = 2.0**62 if end is None else end.timestamp() * 1000
        directories = dict.fromkeys(each.project for each in facts.requests)
        for edit in facts.edits:
            if first <= edit.at < last:
                directories[edit.project] = None
                directories[edit.path.rpartition("/")[0]] = None
        found = {}
        for directory in directories:
            repository = self._repository(directory)
            if repository is not None:
                found[repository.git_dir] = repository
        return list(found.values())

    def _linked(
        self,
        repository: Repository,
        facts: _Facts,
        past: datetime | None,
        progress: Progress,
    ) -> Linked | None:
        since = past or _first(facts)
        name = repository.name
        if repository.git_dir in self._silent:
            self._notes[self._silent[repository.git_dir]] = None
            return None
        try:
            history = self.histories.read(
                repository,
                int(since.timestamp()),
                lambda done, whole: progress(name, done, whole),
            )
        except GitIsSilent as error:
            self._notes[self._gave_up(repository.git_dir, error)] = None
            return None
        except HistoryError as error:
            self._notes[str(error)] = None
            return None
        self._notes.update(dict.fromkeys(history.notes))
        emails = self._emails or repository.emails
        if not emails:
            self._notes[
                f"{name}: git knows no user.email here, so its commits are taken for"
                " those of others; set it, or name yours with --author"
            ] = None
        matching = self._matching(repository)
        links = link(self._worked(repository, facts), history, emails, matching)
        return Linked(_path(repository), history, links, emails)

    def _matching(self, repository: Repository) -> Matching:
        """What was compared in a repository, as long as it has these work trees."""
        trees, matching = self._matchings.get(repository.git_dir, ((), None))
        if matching is None or trees != repository.worktrees:
            matching = Matching(repository.worktrees)
            self._matchings[repository.git_dir] = repository.worktrees, matching
        return matching

    def _worked(self, repository: Repository, facts: _Facts) -> Worked:
        """The work of sessions that may have been done in a repository."""
        here = _path(repository)
        away: dict[str, bool] = {}

        def elsewhere(directory: str) -> bool:
            """Whether a directory is there, and not in this repository."""
            known = away.get(directory)
            if known is None:
                place = self.place(directory)
                outside = not place and Path(directory).is_dir()
                known = away[directory] = outside or place not in ("", here)
            return known

        edits = [
            each
            for each in facts.edits
            if each.outcome == "accepted"
            and not elsewhere(each.path.rpartition("/")[0] or each.project)
        ]
        calls = [each for each in facts.calls if not elsewhere(each.project)]
        active: dict[str, list[int]] = defaultdict(list)
        for request in facts.requests:
            at = round(request.at.timestamp() * 1000)
            active[request.session_id].append(at)
        return Worked(edits, calls, active)


def _concerned(
    repos: Sequence[Linked], asked: set[str], span: tuple[float, float]
) -> set[str]:
    """Sessions of changes that were made in a span, or by those that asked in it.

    Without the others what such a change cost in all would not be known.
    """
    links = [each for repo in repos for each in repo.links]
    changes = {
        id(each.change)
        for each in links
        if each.session_id in asked or span[0] <= each.change.authored_at < span[1]
    }
    return {each.session_id for each in links if id(each.change) in changes}


def _of(facts: _Facts, sessions: set[str]) -> _Facts:
    """What some sessions did."""
    return replace(
        facts,
        requests=[each for each in facts.requests if each.session_id in sessions],
        edits=[each for each in facts.edits if each.session_id in sessions],
    )


def _path(repository: Repository) -> str:
    """What a repository is known by: its first work tree, or its own directory."""
    trees = repository.worktrees
    return trees[0] if trees else repository.git_dir


def _first(facts: _Facts) -> datetime:
    """A day before the first edit or call; nothing older can be linked."""
    ats = [each.at for some in (facts.edits[:1], facts.calls[:1]) for each in some]
    first = datetime.fromtimestamp(min(ats) / 1000, UTC) if ats else LAST
    return first - timedelta(days=1)


def _reference(mark: Mark) -> str:
    """``#12`` of what an agent told of a pull request: ``o/r#12``, or its address."""
    number = mark.detail.rpartition("#")[2].rpartition("/")[2]
    return f"#{number}" if number.isdigit() else ""


def _on_disk(path: str) -> frozenset[int] | None:
    """Fingerprints of a file's lines as they are now; None if there is none to read."""
    try:
        file = Path(path)
        if not file.is_file() or file.stat().st_size > LARGEST:
            return None
        return frozenset(numbers(fingerprints(file.read_bytes().splitlines())))
    except (OSError, ValueError):
        return None
