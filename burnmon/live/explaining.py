"""Sessions and days explained, from what one ledger knows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, TypeVar

from msgspec.structs import replace

from burnmon.live.dearest import MARGIN, Dearest
from burnmon.usage.adding import ms
from burnmon.usage.breakdown import Broken, broken_down
from burnmon.usage.causes import causes, worth_a_word
from burnmon.usage.figures import edit_figures
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.repetition import Repetition, repetitions
from burnmon.usage.shifts import Shift, samples, shifts
from burnmon.usage.turns import Told, marks_of, total, turns
from burnmon.why import Cause, Why
from burnmon.work import Edit, ToolCall

LOOKED_BACK = timedelta(days=180)
"""Sessions that shifts are looked for in."""


class Explaining:
    """What makes sessions dear; keeps nothing."""

    def __init__(self, ledger: Ledger, prices: PriceTable) -> None:
        self._ledger = ledger
        self._prices = prices

    def session(self, session_id: str) -> Why | None:
        """One session; None if it made no request."""
        dearest = Dearest(self._ledger, self._prices)
        told = dearest.facts(session_id)
        if told is None:
            return None
        requests = [each.request for each in told.broken]
        edits = self._ledger.work.edits(requests[0].at - MARGIN, sessions=[session_id])
        circles = _circles(told.calls, told.prompts, _accepted(edits))
        told = told._replace(circles=circles)
        title = self._ledger.titles([session_id]).get(session_id, "")
        own = [each for each in requests if not each.subagent] or requests
        found = dearest.causes_of(told)
        why = explained(told, found, (session_id, title, own[-1].project))
        return replace(why, edits=edit_figures([edits]), unseen=unseen(told))

    def day(self, start: datetime, end: datetime) -> Why:
        """All sessions of a span, with the causes of the span in each."""
        by_session = self._during(start, end)
        names = list(by_session)
        work = self._ledger.work
        tools = _by_session(work.tools(start, end, names))
        edits = _by_session(work.edits(start, end, names))
        told = [
            each._replace(
                circles=_circles(tools[name], each.prompts, _accepted(edits[name])),
                calls=tools[name],
            )
            for name, each in by_session.items()
        ]
        every = Told(
            sorted(
                (each for some in told for each in some.broken),
                key=lambda each: each.request.at,
            ),
            (),
            calls=[each for some in told for each in some.calls],
        )
        found = self._of_all(every, told)
        why = explained(every, found, ("", "", ""), whole=False)
        return replace(why, edits=edit_figures(edits.values()))

    def rebuilt(self, start: datetime, end: datetime) -> Decimal:
        """Dollars that a span's requests paid for context that had been cached."""
        told = self._during(start, end).values()
        return total(each.parts for some in told for each in some.broken).rebuilt

    def _during(self, start: datetime, end: datetime) -> dict[str, Told]:
        """Requests and prompts of each session that asked during a span.

        What its cache held before is known; calls and circles are left out.
        """
        names = sorted({each.session_id for each in self._ledger.requests(start, end)})
        requests = _by_session(self._ledger.requests(until=end, sessions=names))
        first = min((each[0].at for each in requests.values()), default=start)
        marks = _by_session(self._ledger.marks(first - MARGIN, names))
        return {
            name: Told(
                [
                    each
                    for each in broken_down(
                        requests[name], marks[name], self._prices.rate_of
                    )
                    if each.request.at >= start
                ],
                marks_of(marks[name], "prompt"),
            )
            for name in names
        }

    def shifts(self, now: datetime) -> list[Shift]:
        """Figures of one's own sessions that are others since a version began."""
        sessions = _by_session(self._ledger.requests(now - LOOKED_BACK))
        told = (
            broken_down(each, (), self._prices.rate_of) for each in sessions.values()
        )
        marks = _by_session(self._ledger.marks(now - LOOKED_BACK))
        return shifts(samples(told, marks))

    def circles(self, session_id: str, since: datetime) -> list[Repetition]:
        """Where a session went in circles since an instant."""
        tools = self._ledger.work.tools(since, sessions=[session_id])
        if not tools:
            return []
        marks = self._ledger.marks(since, [session_id])
        moved = self._ledger.work.edited_at(since, session_id)
        return _circles(tools, marks_of(marks, "prompt"), moved)

    def _of_all(self, every: Told, sessions: Sequence[Told]) -> tuple[Cause, ...]:
        """What made all sessions together dear.

        A context grows in each by itself; so do its turns and its circles.
        """
        dearest = Dearest(self._ledger, self._prices)
        shared = [
            each for each in causes(every, self._prices) if each.kind not in _BY_ITSELF
        ]
        own = [
            each
            for some in sessions
            if some.broken
            for each in dearest.causes_of(some)
            if each.kind in _BY_ITSELF
        ]
        cost = total(each.parts for each in every.broken).cost
        found = worth_a_word(cost, [*shared, *own])
        return tuple(replace(each, turns=()) for each in found)


_BY_ITSELF = ("context_growth", "small_turns", "repetition", "failing")


class _OfSession(Protocol):
    @property
    def session_id(self) -> str: ...


_W = TypeVar("_W", bound=_OfSession)


def _by_session(facts: Iterable[_W]) -> defaultdict[str, list[_W]]:
    found: defaultdict[str, list[_W]] = defaultdict(list)
    for each in facts:
        found[each.session_id].append(each)
    return found


def _circles(
    tools: Sequence[ToolCall], prompts: Iterable[datetime], edited_at: Iterable[int]
) -> list[Repetition]:
    """Those of one session's calls: prompts and accepted edits move it on."""
    return repetitions(tools, sorted([*edited_at, *map(ms, prompts)]))


def _accepted(edits: Iterable[Edit]) -> list[int]:
    return [each.at for each in edits if each.outcome == "accepted"]


_STARTING = ("Task", "Agent", "spawn_agent")
"""Tools that start a sub-agent."""


def unseen(told: Told) -> int:
    """Sub-agents that were started, if no request of any is known."""
    if any(each.request.subagent for each in told.broken):
        return 0
    return sum(each.tool in _STARTING and each.outcome == "ok" for each in told.calls)


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
