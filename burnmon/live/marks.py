"""What sessions stated besides requests, as far as anybody looks back at it.

Prompts come by the thousand, and no more than the last of each account say what the
next turn will cost; of everything else the newest become events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from operator import attrgetter

from burnmon.live.take import MOST_EVENTS, TOLD_MARKS
from burnmon.records import Mark, Session
from burnmon.usage.headroom import LIKE_TURNS, Owner
from burnmon.usage.ledger import Ledger

SPARE = 4
"""So many times what is looked at is kept: a clock that is ahead states marks of later,
which do not count yet."""


class Marks:
    """The newest marks of each kind that somebody looks at."""

    def __init__(self) -> None:
        self._prompts: dict[Owner, dict[Mark, None]] = {}
        self._events: dict[Mark, None] = {}
        self.version = 0
        """Another number after each prompt."""

    def load(
        self, ledger: Ledger, since: datetime, sessions: Mapping[str, Session]
    ) -> None:
        """``put`` what a ledger tells since an instant, as far as it would be kept."""
        events = ledger.newest_marks(TOLD_MARKS, SPARE * MOST_EVENTS, since)
        self.put(events, sessions)
        accounts = {name: each.account for name, each in sessions.items()}
        prompts = ledger.prompts(SPARE * LIKE_TURNS, accounts, since)
        self.put(prompts, sessions)

    def put(self, marks: Iterable[Mark], sessions: Mapping[str, Session]) -> None:
        """Take marks, in any order; ``sessions`` tell whose account a prompt is of."""
        for mark in marks:
            if mark.kind in TOLD_MARKS:
                self._events[mark] = None
                self._events = _newest(self._events, MOST_EVENTS)
            if mark.kind != "prompt":
                continue
            session = sessions.get(mark.session_id)
            owner = mark.agent, session.account if session else ""
            prompts = self._prompts.setdefault(owner, {})
            self.version += mark not in prompts
            prompts[mark] = None
            self._prompts[owner] = _newest(prompts, LIKE_TURNS)

    @property
    def events(self) -> tuple[Mark, ...]:
        """Those that become events, in no order."""
        return tuple(self._events)

    def prompts(self) -> Iterator[Mark]:
        """When turns began, in no order."""
        return chain.from_iterable(self._prompts.values())


def _newest(marks: dict[Mark, None], count: int) -> dict[Mark, None]:
    """Those that are kept where so many are looked at; seldom sorted."""
    if len(marks) < 2 * SPARE * count:
        return marks
    return dict.fromkeys(sorted(marks, key=attrgetter("at"))[-SPARE * count :])
