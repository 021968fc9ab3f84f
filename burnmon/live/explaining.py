"""Sessions and days explained, from what one ledger knows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from burnmon.records import Mark, Request
from burnmon.usage.adding import ms
from burnmon.usage.breakdown import Broken, broken_down
from burnmon.usage.causes import Told, causes, least_of, marks_of, total, turns
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.repetition import Repetition, repetitions
from burnmon.usage.shifts import Shift, samples, shifts
from burnmon.why import Cause, Why
from burnmon.work import ToolCall

MARGIN = timedelta(minutes=1)
"""A prompt may be stamped this long before the first request that is known."""

LOOKED_BACK = timedelta(days=180)
"""Sessions that shifts are looked for in."""


class Explaining:
    """What makes sessions dear; keeps nothing."""

    def __init__(self, ledger: Ledger, prices: PriceTable) -> None:
        self._ledger = ledger
        self._prices = prices

    def session(self, session_id: str) -> Why | None:
        """One session; None if it made no request."""
        requests = self._ledger.requests(sessions=[session_id])
        if not requests:
            return None
        since = requests[0].at - MARGIN
        marks = self._ledger.marks(since, [session_id])
        tools = self._ledger.work.tools(since, sessions=[session_id])
        told = self._told(requests, marks)._replace(
            circles=self._circles(tools, marks),
            called_at=[_utc(each.at) for each in tools],
            refused=[
                (_utc(each.at), each.subagent)
                for each in tools
                if each.outcome in ("rejected", "interrupted")
            ],
        )
        title = self._ledger.titles([session_id]).get(session_id, "")
        own = [each for each in requests if not each.subagent] or requests
        return explained(told, causes(told), (session_id, title, own[-1].project))

    def day(self, start: datetime, end: datetime) -> Why:
        """All sessions of a span, with the causes of the span in each."""
        requests = self._ledger.requests(start, end)
        names = sorted({each.session_id for each in requests})
        by_session: dict[str, list[Request]] = defaultdict(list)
        for request in self._ledger.requests(until=end, sessions=names):
            by_session[request.session_id].append(request)
        first = min((each[0].at for each in by_session.values()), default=start)
        marks: dict[str, list[Mark]] = defaultdict(list)
        for mark in self._ledger.marks(first - MARGIN, names):
            marks[mark.session_id].append(mark)
        told = [
            _during(self._told(by_session[name], marks[name]), start) for name in names
        ]
        every = Told([each for some in told for each in some.broken], ())
        return explained(every, _of_all(every, told), ("", "", ""), whole=False)

    def shifts(self, now: datetime) -> list[Shift]:
        """Figures of one's own sessions that are others since a version began."""
        by_session: dict[str, list[Request]] = defaultdict(list)
        for request in self._ledger.requests(now - LOOKED_BACK):
            by_session[request.session_id].append(request)
        told = (
            broken_down(each, (), self._prices.rate_of) for each in by_session.values()
        )
        return shifts(samples(told))

    def _told(self, requests: Iterable[Request], marks: Sequence[Mark]) -> Told:
        return Told(
            broken_down(requests, marks, self._prices.rate_of),
            marks_of(marks, "prompt"),
        )

    def circles(self, session_id: str, since: datetime) -> list[Repetition]:
        """Where a session went in circles since an instant."""
        tools = self._ledger.work.tools(since, sessions=[session_id])
        marks = self._ledger.marks(since, [session_id]) if tools else ()
        return self._circles(tools, marks)

    def _circles(
        self, tools: Sequence[ToolCall], marks: Sequence[Mark]
    ) -> list[Repetition]:
        """Those of one session's calls: prompts and accepted edits move it on."""
        if not tools:
            return []
        first, name = _utc(tools[0].at), tools[0].session_id
        edits = [
            each.at
            for each in self._ledger.work.edits(first, sessions=[name])
            if each.outcome == "accepted"
        ]
        said = [ms(at) for at in marks_of(marks, "prompt")]
        return repetitions(tools, sorted([*edits, *said]))


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _during(told: Told, start: datetime) -> Told:
    """A session from an instant on; what its cache held before is known."""
    return Told(
        [each for each in told.broken if each.request.at >= start], told.prompts
    )


def _of_all(every: Told, sessions: Iterable[Told]) -> tuple[Cause, ...]:
    """What made all sessions together dear; a context grows in each by itself."""
    least = least_of(every)
    shared = [each for each in causes(every) if each.kind != "context_growth"]
    grown = [
        each
        for some in sessions
        for each in causes(some)
        if each.kind == "context_growth" and each.dollars >= least
    ]
    found = sorted([*shared, *grown], key=lambda each: -each.dollars)
    return tuple(replace(each, turns=()) for each in found)


def explained(
    told: Told,
    found: Sequence[Cause],
    of: tuple[str, str, str],
    whole: bool = True,
) -> Why:
    """The facts and their causes put together; ``of``: id, title and project."""
    broken: Sequence[Broken] = told.broken
    requests = [each.request for each in broken]
    prompt = sum(each.usage.prompt for each in requests)
    subagents = (each.parts.cost for each in broken if each.request.subagent)
    session_id, title, project = of
    agents = {each.agent for each in requests}
    return Why(
        agents.pop() if len(agents) == 1 else "",
        session_id,
        title,
        project,
        total(each.parts for each in broken),
        sum(subagents, Decimal(0)),
        len(requests),
        sum(not each.priced for each in broken),
        turns(told) if whole else (),
        tuple(found),
        sum(each.usage.cache_read for each in requests) / prompt if prompt else None,
        sum(each.rebuilt for each in broken) / prompt if prompt else None,
        sum(each.request.usage.total for each in broken if not each.priced),
    )
