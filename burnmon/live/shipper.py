"""The thread that makes days: for whoever asks for one, and to notice commits.

It reads the ledger that another thread keeps, and looks once a second whether one of
the repositories that sessions worked in lately has moved. What it makes are values; it
wakes the feeder when there is something new to show.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING

from burnmon import text
from burnmon.config import Settings
from burnmon.day import Day, PostDay, Question, Refused
from burnmon.errors import BurnmonError
from burnmon.live.snapshot import CommitEvent
from burnmon.usage.ledger import Ledger

if TYPE_CHECKING:
    from burnmon.live.making import Making

LOOK = 1.0
"""Seconds between two looks at the repositories."""
RETRY = 5.0
"""Seconds of pause after a failure."""
REST = 10.0
"""The same while nothing burns."""


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
        from burnmon.live.making import Making

        while not self._stop.is_set():
            try:
                with (
                    Ledger(self._settings.ledger_file, writes=False).lasts() as ledger,
                    closing(Making(self._settings, ledger, self.goes_on)) as making,
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
        from burnmon.live.making import commit_events

        told = commit_events(today.commits)
        if told != self.commits:
            self.commits = told
            self._tell()

    def goes_on(self, asked: Question | None) -> None:
        """Raise _Interrupted if what is being made is no longer wanted."""
        if self._stop.is_set() or (asked is not None and asked is not self._question):
            raise _Interrupted
