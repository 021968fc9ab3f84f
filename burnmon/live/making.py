"""Makes days from one ledger, and notices that repositories moved.

Loaded by the thread that makes days: it brings all that links sessions to commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from burnmon import text
from burnmon.config import Settings
from burnmon.day import (
    DAY_TAKES,
    CommitRow,
    Day,
    Question,
    Reading,
    Refused,
    day_named,
)
from burnmon.live.shipping import LATELY, Shipping
from burnmon.live.snapshot import CommitEvent
from burnmon.shipped.commits import Repository
from burnmon.shipped.repositories import position
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

SETTLING = timedelta(minutes=10)
"""An agent may write this long after a commit what tells that it was its own."""
AGAIN = timedelta(seconds=3)
"""The shortest time between two makings of today because of that."""
RENEWED = timedelta(seconds=15)
"""A day that is shown is made anew this often while anything happens."""
FOUND = timedelta(minutes=1)
"""How often it is asked what the directories are that sessions work in."""


class Making:
    """Days from one ledger, and what they rest on."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        goes_on: Callable[[Question | None], None] = lambda _: None,
    ) -> None:
        """``goes_on`` is asked now and then while a day is made for a question; what it
        raises ends the making."""
        prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
        self._shipping = Shipping(settings, ledger, prices)
        self._settings = settings
        self._ledger = ledger
        self._goes_on = goes_on
        self._repositories: dict[str, Repository] = {}
        self._positions: dict[str, str] = {}
        self._bare: list[Path] = []
        """Directories in which sessions work, and no repository has begun yet."""
        self._found_at: datetime | None = None
        self._listed_at: datetime | None = None
        self._listed = -1
        self._made_at: datetime | None = None
        self._moved_at: datetime | None = None
        self._version = -1

    def close(self) -> None:
        """Give back what was opened."""
        self._shipping.close()

    def moved(self, now: datetime) -> bool:
        """Whether today must be made anew: a repository moved, or one did lately and
        the ledger has learned something since."""
        known, positions = self._repositories, self._positions
        self._find(now)
        self._positions = {
            key: position(each) for key, each in self._repositories.items()
        }
        if self._repositories != known or self._positions != positions:
            self._moved_at = now
            return True
        settles = not _passed(self._moved_at, now, SETTLING)
        return settles and self._learned() and _passed(self._made_at, now, AGAIN)

    def _find(self, now: datetime) -> None:
        """Learn which repositories to watch: all of them anew once in a while, and at
        once where one begins or a session works in another directory."""
        anew = _passed(self._found_at, now, FOUND) or any(map(_begun, self._bare))
        if anew:
            self._found_at = now
            self._shipping.forget()
        elif self._listed == self._ledger.version() or not _passed(
            self._listed_at, now, AGAIN
        ):
            return
        self._listed, self._listed_at = self._ledger.version(), now
        lately = self._shipping.repositories(now - LATELY, now)
        self._repositories = {each.git_dir: each for each in lately.values() if each}
        self._bare = [
            path
            for each, repository in lately.items()
            if repository is None
            and (path := Path(each)).is_absolute()
            and not _begun(path)
        ]

    def aged(self, now: datetime) -> bool:
        """Whether a day that is shown is no longer what the ledger knows."""
        return _passed(self._made_at, now, RENEWED) and self._learned()

    def _learned(self) -> bool:
        return self._ledger.version() != self._version

    def today(self, now: datetime) -> Day:
        """Today, as it stands."""
        return self._make(self._today(now), now, None)

    def answer(self, question: Question, now: datetime) -> None:
        """Post the day that is asked for, with its progress on the way."""
        wish = question.wish
        day = wish if isinstance(wish, date) else day_named(wish, self._today(now))
        if day is None:
            question.post(Refused(f"{DAY_TAKES}, not {wish!r}"))
            return
        question.post(self._make(day, now, question))

    def _today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self._settings.zone)).date()

    def _make(self, day: date, now: datetime, asked: Question | None) -> Day:
        def progress(name: str, done: int, whole: int) -> bool:
            self._goes_on(asked)
            if asked is not None:
                asked.post(Reading(f"the history of {text.plain(name)}", done, whole))
            return True

        self._version, self._made_at = self._ledger.version(), now
        return self._shipping.day(day, progress=progress)


def commit_events(rows: Iterable[CommitRow]) -> tuple[CommitEvent, ...]:
    """Commits of a day as events, newest first."""
    events = [
        CommitEvent(
            row.committed_at,
            row.sha,
            row.subject,
            None if row.whole.unpriced and not row.whole.cost else row.whole.cost,
            row.whole.unpriced,
            row.grade,
            row.repo.rstrip("/").rpartition("/")[2],
            row.branch,
        )
        for row in rows
        if row.of_day
    ]
    return tuple(sorted(events, key=lambda each: each.at, reverse=True))


def _begun(directory: Path) -> bool:
    """Whether a directory is the top of a work tree."""
    with suppress(OSError):
        return (directory / ".git").exists()
    return False


def _passed(since: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether a span has passed; a clock that was set back is no reason to wait."""
    return since is None or not timedelta(0) <= now - since < span
