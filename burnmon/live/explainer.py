"""The thread that explains a session for as long as somebody looks at it.

It sleeps while nobody asks. What it reads is the ledger that another thread keeps.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from burnmon import text
from burnmon.config import Settings
from burnmon.day import Refused
from burnmon.errors import BurnmonError, HistoryError
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger
from burnmon.why import PostWhy, Why, WhyAnswer

if TYPE_CHECKING:
    # Loaded when somebody asks: they bring all that links sessions to commits.
    from burnmon.live.explaining import Explaining
    from burnmon.live.shipping import Shipping
    from burnmon.shipped.allocation import Charge

LOOK = 1.0
"""Seconds between two looks at whether the ledger has learned something."""
LOOK_AT_GIT = 60
"""Looks after which it is asked anew what is left of the edits."""
RETRY = 5.0
"""Seconds of pause after a failure."""


class _Question(NamedTuple):
    session_id: str
    post: PostWhy


class Explainer:
    """The thread around ``Explaining``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bell = threading.Event()
        self._ended = False
        self._question: _Question | None = None
        self._thread = threading.Thread(target=self._run, name="explainer", daemon=True)

    def ask(self, session_id: str | None, post: PostWhy) -> None:
        """Ask why a session burns, see ``AskWhy``; begins when it is first asked."""
        self._question = None if session_id is None else _Question(session_id, post)
        if self._thread.ident is None and self._question is not None:
            self._thread.start()
        self._bell.set()

    def stop(self) -> None:
        """End the thread, soon."""
        self._ended, self._question = True, None
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    # --- the thread ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended:
            self._bell.wait()
            self._bell.clear()
            try:
                self._serve()
            except (BurnmonError, OSError) as error:
                self._refuse(str(error))
            except Exception as error:  # what cannot be explained must not end Burn
                logging.getLogger(__name__).exception("explainer")
                self._refuse(f"{type(error).__name__}: {error}")

    def _refuse(self, reason: str) -> None:
        """Tell why there is no answer, and try again after a while."""
        question = self._question
        if question is not None:
            question.post(Refused(text.plain(reason)))
            if not self._bell.wait(RETRY):
                self._bell.set()

    def _serve(self) -> None:
        """Answer for as long as something is asked."""
        from burnmon.live.explaining import Explaining
        from burnmon.live.shipping import Shipping

        settings = self._settings
        prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
        answered: tuple[_Question, int] | None = None
        why: WhyAnswer
        lost: list[Charge] = []
        looks = 0
        with (
            Ledger(settings.ledger_file, writes=False).lasts() as ledger,
            closing(Shipping(settings, ledger, prices)) as shipping,
        ):
            explaining = Explaining(ledger, prices)
            while (question := self._question) is not None:
                if answered is None or answered[0] is not question:
                    lost, looks = [], 0
                asked = question, ledger.version()
                if asked != answered:
                    answered = asked
                    why = self._answer(explaining, question.session_id)
                    question.post(_whole(why, lost))
                if looks % LOOK_AT_GIT == 0 and isinstance(why, Why) and why.turns:
                    lost = _lost(why, shipping)
                    question.post(_whole(why, lost))
                looks += 1
                self._bell.wait(LOOK)
                self._bell.clear()

    def _answer(self, explaining: Explaining, session_id: str) -> WhyAnswer:
        why = explaining.session(session_id)
        if why is None:
            return Refused("no request of this session is known yet")
        return replace(why, zone=self._settings.zone)


def _lost(why: Why, shipping: Shipping) -> list[Charge]:
    """What the session paid for edits that were thrown away; nothing without git."""
    from burnmon.live.abandoning import span_of

    try:
        return shipping.discarded(*span_of(why), why.session_id)
    except HistoryError:
        return []


def _whole(why: WhyAnswer, lost: Sequence[Charge]) -> WhyAnswer:
    """An answer with what was thrown away, as far as that is known."""
    from burnmon.live.abandoning import with_abandoned

    return with_abandoned(why, lost) if isinstance(why, Why) else why
