"""Running sums of what was absorbed, so that a snapshot costs what changed.

Owns the recent past in memory: per session and per minute, in dollars and tokens. It is
fed with the ledger's changes and is exact: what leaves the count is taken out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from burnmon.live.snapshot import Norm
from burnmon.records import Request, Usage
from burnmon.usage.ledger import Change, Sum
from burnmon.usage.pricing import PriceTable

MINUTE = 60
MOST_LATE = 4096
"""Requests kept for comparison before old ones are looked for."""
HORIZON = timedelta(days=8)
"""How far back sums are kept in memory: the longest chart and window, and a day."""
RECENT = timedelta(minutes=5)
"""The span that rates are taken over."""
USUAL_FROM, USUAL_UNTIL = timedelta(days=7), timedelta(hours=1)
"""How far back the norm looks, and how much of the present it leaves out: a pace that
lasts must not become its own norm while it is judged."""
ENOUGH_SPANS, ENOUGH_DAYS = 48, 3
"""Active spans, and UTC days with one, that it takes to call anything usual."""
BUSY = 0.9
"""Quantile of the active spans that is the norm. In seven recorded repositories the
dearest span of ten days cost 1.5 to 2.3 times that."""


@dataclass(slots=True)
class Spend:
    """What some requests came to."""

    cost: Decimal = Decimal(0)
    """Dollars of the priced ones."""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    written: int = 0
    """Tokens written to a cache, of either life."""
    requests: int = 0
    unpriced: int = 0
    incomplete: int = 0

    def add(self, usage: Usage, cost: Decimal | None, incomplete: bool, n: int) -> None:
        """Put a request in (``n`` = 1) or take it out (−1)."""
        if cost is None:
            self.unpriced += n
        else:
            self.cost += cost * n
        self.input += usage.input * n
        self.output += usage.output * n
        self.cache_read += usage.cache_read * n
        self.written += (usage.cache_write_5m + usage.cache_write_1h) * n
        self.requests += n
        self.incomplete += incomplete * n

    def merge(self, other: Spend) -> None:
        """Add what other requests came to."""
        self.cost += other.cost
        self.input += other.input
        self.output += other.output
        self.cache_read += other.cache_read
        self.written += other.written
        self.requests += other.requests
        self.unpriced += other.unpriced
        self.incomplete += other.incomplete

    @property
    def fresh(self) -> int:
        """Tokens of new work: all but cache reads."""
        return self.input + self.output + self.written

    @property
    def dollars(self) -> Decimal | None:
        """The cost, or None when nothing of it is priced."""
        return None if self.unpriced and self.unpriced == self.requests else self.cost


@dataclass(slots=True)
class SessionTally:
    """One session's sums."""

    total: Spend = field(default_factory=Spend)
    minutes: dict[int, Spend] = field(default_factory=dict)
    """Epoch minute → what was spent in it."""
    newest: Request | None = None
    """Newest request of the session itself: its context and its cache."""
    hour_cache_at: datetime | None = None
    """When the session itself last wrote to a one-hour cache."""
    subagents: dict[str, datetime] = field(default_factory=dict)
    """Sub-agent → instant of its newest request."""
    models: dict[str, int] = field(default_factory=dict)
    """Model → requests."""


class Tally:
    """Sums over the requests it was given."""

    def __init__(self, prices: PriceTable) -> None:
        self.prices = prices
        self.sessions: dict[str, SessionTally] = {}
        self.minutes: dict[int, Spend] = {}
        self.hours: dict[int, Spend] = {}
        self.projects: dict[str, dict[int, Spend]] = {}
        """By directory, as the agent wrote it, and by quarter of an hour."""
        self.recent: dict[int, tuple[Request, Decimal | None]] = {}
        """Requests of the last minutes by key, for rates over an exact span."""
        self.late: dict[int, Request] = {}
        """Requests of the last hour by key, for a reader that compares."""
        self.models: dict[str, dict[str, int]] = {}
        """Agent → model → requests."""
        self.version = 0
        """Another number after each request that was put in or taken out."""
        self.unpriced: dict[str, int] = {}
        """Model without a price → requests."""
        self._norm: tuple[int, Norm | None] = (-1, None)

    def load(self, requests: Iterable[Request]) -> None:
        """Take requests that were counted before."""
        for request in requests:
            self._put(request, 1)

    def load_sums(self, sums: Iterable[Sum]) -> None:
        """Take what sessions came to before anything here was kept by the minute.

        Each sum's first key is its session.
        """
        for each in sums:
            session = self.sessions.setdefault(each.keys[0], SessionTally())
            rate = self.prices.rate(each.model, each.at, each.prompt, each.terms)
            cost = None if rate is None else rate.cost(each.usage, each.web_searches)
            session.total.add(each.usage, cost, False, 1)
            # One addition stood for all of the requests.
            more = each.requests - 1
            session.total.requests += more
            session.total.incomplete += each.incomplete
            session.models[each.model] = (
                session.models.get(each.model, 0) + each.requests
            )
            if cost is None:
                session.total.unpriced += more
                self.unpriced[each.model] = (
                    self.unpriced.get(each.model, 0) + each.requests
                )

    def load_projects(self, sums: Iterable[Sum]) -> None:
        """Take what was spent before anything here was kept by the minute.

        Each sum's keys are its quarter of an hour and its directory.
        """
        for each in sums:
            quarter, project = each.keys
            rate = self.prices.rate(each.model, each.at, each.prompt, each.terms)
            spend = self.projects.setdefault(project, {}).setdefault(quarter, Spend())
            spend.requests += each.requests
            if rate is None:
                spend.unpriced += each.requests
            else:
                spend.cost += rate.cost(each.usage, each.web_searches)

    def apply(self, changes: Iterable[Change]) -> set[str]:
        """Follow the ledger; returns the sessions that changed."""
        touched = set()
        for old, new in changes:
            if old is not None:
                self._put(old, -1)
                touched.add(old.session_id)
            if new is not None:
                self._put(new, 1)
                touched.add(new.session_id)
        return touched

    def cost(self, request: Request) -> Decimal | None:
        """Dollars of one request; None when its model has no price."""
        return self.prices.cost(request)

    def _put(self, request: Request, n: int) -> None:
        self.version += 1
        cost = self.cost(request)
        minute = int(request.at.timestamp()) // MINUTE
        session = self.sessions.setdefault(request.session_id, SessionTally())
        for spend in (
            session.total,
            session.minutes.setdefault(minute, Spend()),
            self.minutes.setdefault(minute, Spend()),
            self.hours.setdefault(minute // 60, Spend()),
            self.projects.setdefault(request.project, {}).setdefault(
                minute // 15, Spend()
            ),
        ):
            spend.add(request.usage, cost, request.incomplete, n)
        session.models[request.model] = session.models.get(request.model, 0) + n
        models = self.models.setdefault(request.agent, {})
        models[request.model] = models.get(request.model, 0) + n
        if cost is None:
            self.unpriced[request.model] = self.unpriced.get(request.model, 0) + n
        if n > 0:
            self.recent[request.key] = (request, cost)
            self.late[request.key] = request
            self._newest(session, request)
        else:
            self.recent.pop(request.key, None)
            self.late.pop(request.key, None)
            if session.newest is not None and session.newest.key == request.key:
                session.newest = None  # the next request tells the context again

    def held(self, since: datetime) -> dict[int, Request]:
        """Requests made since an instant, by key; older ones are let go."""
        self.late = {key: each for key, each in self.late.items() if each.at >= since}
        return self.late.copy()

    def _newest(self, session: SessionTally, request: Request) -> None:
        if request.subagent:
            before = session.subagents.get(request.subagent)
            if before is None or before < request.at:
                session.subagents[request.subagent] = request.at
            return
        if session.newest is None or session.newest.at <= request.at:
            session.newest = request
        if request.usage.cache_write_1h and (
            session.hour_cache_at is None or session.hour_cache_at < request.at
        ):
            session.hour_cache_at = request.at

    def rates(self, now: datetime) -> tuple[Spend, dict[str, Spend]]:
        """What the last minutes came to, together and by session.

        Requests leave the span as ``now`` passes them: rates decay when work stops.
        """
        since = now - RECENT
        if len(self.late) > MOST_LATE:
            self.held(now - timedelta(hours=1))
        for key in [key for key, (each, _) in self.recent.items() if each.at <= since]:
            del self.recent[key]
        together = Spend()
        sessions: dict[str, Spend] = {}
        for request, cost in self.recent.values():
            if request.at > now:
                continue
            for spend in (together, sessions.setdefault(request.session_id, Spend())):
                spend.add(request.usage, cost, request.incomplete, 1)
        return together, sessions

    def since(self, start: datetime, now: datetime) -> Spend:
        """What was spent from an instant on a whole minute until now."""
        first = int(start.timestamp()) // MINUTE
        last = int(now.timestamp()) // MINUTE
        total = Spend()
        minute = first
        while minute <= last:
            if minute % 60 == 0 and minute + 60 <= last:
                if (spend := self.hours.get(minute // 60)) is not None:
                    total.merge(spend)
                minute += 60
                continue
            if (spend := self.minutes.get(minute)) is not None:
                total.merge(spend)
            minute += 1
        return total

    def norm(self, now: datetime) -> Norm | None:
        """The busy pace of the last days; None without enough of them.

        Counted anew once per span. Minutes without a priced request are no part of it.
        """
        span = int(now.timestamp()) // _SPAN
        if self._norm[0] != span:
            self._norm = (span, self._busy(span))
        return self._norm[1]

    def _busy(self, span: int) -> Norm | None:
        first = span - int(USUAL_FROM.total_seconds()) // _SPAN
        last = span - int(USUAL_UNTIL.total_seconds()) // _SPAN
        together = _active(self.minutes, first, last)
        days = {each * _SPAN // 86400 for each in together}
        if len(together) < ENOUGH_SPANS or len(days) < ENOUGH_DAYS:
            return None
        sessions = [
            cost
            for each in self.sessions.values()
            for cost in _active(each.minutes, first, last).values()
        ]
        return Norm(_busy_pace(together.values()), _busy_pace(sessions))


_SPAN = int(RECENT.total_seconds())


def _active(minutes: Mapping[int, Spend], first: int, last: int) -> dict[int, Decimal]:
    """Dollars by span, from one on until before another, where there were any."""
    spans: dict[int, Decimal] = {}
    for minute, spend in minutes.items():
        span = minute * MINUTE // _SPAN
        if first <= span < last and spend.cost > 0:
            spans[span] = spans.get(span, Decimal(0)) + spend.cost
    return spans


def _busy_pace(costs: Iterable[Decimal]) -> Decimal:
    """Dollars per minute that nine in ten spans stay below."""
    ordered = sorted(costs)
    return ordered[int(BUSY * (len(ordered) - 1))] * MINUTE / _SPAN
