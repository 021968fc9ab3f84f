"""The facts of sessions and what makes them dear, also asked again and again.

It remembers the requests and calls of the sessions it was asked about, so that another
look costs little more than what is new.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from burnmon.records import Request
from burnmon.usage.breakdown import Broken, broken_down
from burnmon.usage.causes import causes
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.turns import Told, marks_of
from burnmon.why import Cause
from burnmon.work import ToolCall

MARGIN = timedelta(minutes=1)
"""A prompt may be stamped this long before the first request that is known."""
EARLIER = timedelta(days=1)
"""A request may be dated this long before the first line of its session's files."""
SETTLED = timedelta(minutes=2)
"""A request may still be corrected for so long: its answer is being written."""
RESULT = timedelta(minutes=15)
"""A call is known once its result is there: for most of them in less than this."""


class _Known(NamedTuple):
    broken: list[Broken]
    calls: list[ToolCall]


class Dearest:
    """Causes of the sessions of one ledger, as they are now."""

    def __init__(self, ledger: Ledger, prices: PriceTable) -> None:
        self._ledger = ledger
        self._prices = prices
        self._known: dict[str, _Known] = {}

    def causes(self, session_id: str) -> tuple[Cause, ...]:
        """What made a session dear, dearest first; its circles are told apart."""
        told = self.facts(session_id)
        return () if told is None else self.causes_of(told)

    def causes_of(self, told: Told) -> tuple[Cause, ...]:
        """What made a session dear by facts that are known; it made some request."""
        models = self._ledger.models(told.broken[-1].request.agent)
        return causes(told, self._prices, models)

    def facts(self, session_id: str) -> Told | None:
        """All of a session but its circles; None if it made no request."""
        known = self._known.get(session_id) or _Known([], [])
        requests, settled = self._requests(session_id, known.broken)
        if not (requests or settled):
            return None
        first = settled[0].request.at if settled else requests[0].at
        marks = self._ledger.marks(first - MARGIN, [session_id])
        broken = [
            *settled,
            *broken_down(requests, marks, self._prices.rate_of, settled),
        ]
        calls = self._calls(session_id, first - MARGIN, known.calls)
        self._known[session_id] = _Known(broken, calls)
        return Told(broken, marks_of(marks, "prompt"), calls=calls)

    def forget(self, session_id: str) -> None:
        """Drop what is remembered of a session that rests."""
        self._known.pop(session_id, None)

    def _requests(
        self, session_id: str, known: list[Broken]
    ) -> tuple[list[Request], list[Broken]]:
        """The requests to break down, and before them those that are already."""
        began_at = self._ledger.began_at(session_id)
        if began_at is None:
            return [], []
        sessions = [session_id]
        if known:
            since = known[-1].request.at - SETTLED
            settled = [each for each in known if each.request.at < since]
            fresh = self._ledger.requests(since, sessions=sessions)
            count = self._ledger.counted(session_id, began_at - EARLIER)
            if len(settled) + len(fresh) == count:
                return fresh, settled
        return self._ledger.requests(began_at - EARLIER, sessions=sessions), []

    def _calls(
        self, session_id: str, since: datetime, known: list[ToolCall]
    ) -> list[ToolCall]:
        work, sessions = self._ledger.work, [session_id]
        if known:
            cut = known[-1].at - int(RESULT.total_seconds() * 1000)
            settled = [each for each in known if each.at < cut]
            late = datetime.fromtimestamp(cut / 1000, UTC)
            calls = settled + work.tools(late, sessions=sessions)
            if len(calls) == work.called(session_id):
                return calls
        return work.tools(since, sessions=sessions)
