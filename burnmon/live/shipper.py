"""The thread that makes days: for whoever asks for one, and to notice commits.

It reads the ledger that another thread keeps, and looks once a second whether one of
the repositories that sessions worked in lately has moved. What it makes are values; it
wakes the feeder when there is something new to show.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from burnmon import text
from burnmon.config import Settings
from burnmon.day import DAY_TAKES, CommitRow, Day, PostDay, Reading, Refused, day_named
from burnmon.errors import BurnmonError
from burnmon.live.shipping import LATELY, Shipping
from burnmon.live.snapshot import CommitEvent
from burnmon.shipped.commits import Repository
from burnmon.shipped.repositories import position
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

LOOK = 1.0
"""Seconds between two looks at the repositories."""
SETTLING = timedelta(minutes=10)
"""An agent may write this long after a commit what tells that it was its own."""
AGAIN = timedelta(seconds=3)
"""The shortest time between two makings of today because of that."""
RENEWED = timedelta(seconds=15)
"""A day that is shown is made anew this often while anything happens."""
FOUND = timedelta(minutes=1)
"""How often it is asked what the directories are that sessions work in."""
RETRY = 5.0
"""Seconds of pause after a failure."""
REST = 5.0
"""The same while nothing burns."""


class Question(NamedTuple):
    """What a screen wants to see."""

    wish: date | str
    post: PostDay


class _Interrupted(Exception):
    """Something else is asked for, or the thread is to end."""


class Shipper:
    """The thread around ``Shipping``."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self.commits: tuple[CommitEvent, ...] = ()
        """Today's, newest first; replaced as a whole."""
        self.rests = False
        """Nothing burns: no agent is about to commit."""
        self._settings = settings
        self._clock = clock
        self._tell = wake
        self._bell = threading.Event()
        self._stop = threading.Event()
        self._question: Question | None = None
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stop.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def ask(self, wish: date | str | None, post: PostDay) -> None:
        """Ask for a day, see ``AskDay``."""
        if wish is None:
            self._question = None
        else:
            self.asked(wish, post)
        self._bell.set()

    def asked(self, wish: date | str, post: PostDay) -> Question:
        """Note what is wanted now, in place of what was."""
        self._question = Question(wish, post)
        return self._question

    # --- the thread ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with (
                    Ledger(self._settings.ledger_file, writes=False).lasts() as ledger,
                    closing(Making(self._settings, ledger, self)) as making,
                ):
                    self._serve(making)
            except _Interrupted:
                continue
            except (BurnmonError, OSError) as error:
                self._refuse(str(error))
            except Exception as error:  # a day that cannot be made must not end Burn
                logging.getLogger(__name__).exception("shipper")
                self._refuse(f"{type(error).__name__}: {error}")
            self._stop.wait(RETRY)

    def _refuse(self, reason: str) -> None:
        question = self._question
        if question is not None:
            question.post(Refused(text.plain(reason)))

    def _serve(self, making: Making) -> None:
        answered: Question | None = None
        while not self._stop.is_set():
            question, now = self._question, self._clock()
            self._bell.clear()
            if question is not answered and question is not None:
                making.answer(question, now)
            elif making.moved(now) or (question and making.aged(now)):
                self._note(making.today(now))
                if question is not None:
                    making.answer(question, now)
            answered = question
            self._bell.wait(REST if self.rests and question is None else LOOK)

    def _note(self, today: Day) -> None:
        told = commit_events(today.commits)
        if told != self.commits:
            self.commits = told
            self._tell()

    def goes_on(self, asked: Question | None) -> None:
        """Raise _Interrupted if what is being made is no longer wanted."""
        if self._stop.is_set() or (asked is not None and asked is not self._question):
            raise _Interrupted


class Making:
    """Days from one ledger, and what they rest on."""

    def __init__(self, settings: Settings, ledger: Ledger, shipper: Shipper) -> None:
        prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
        self._shipping = Shipping(settings, ledger, prices)
        self._settings = settings
        self._ledger = ledger
        self.shipper = shipper
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
            self.shipper.goes_on(asked)
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
