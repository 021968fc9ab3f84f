"""Running sums of what was absorbed, so that a snapshot costs what changed.

Owns the recent past in memory: per session and per minute, in dollars and tokens. It is
fed with the ledger's changes and is exact: what leaves the count is taken out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import TypeVar

from msgspec import Struct, field

from burnmon.live.snapshot import Norm
from burnmon.live.spend import PICOS, Lately, Minutes, Spend
from burnmon.records import Request, Terms, Usage
from burnmon.usage.adding import Minute, instant_of
from burnmon.usage.copies import Circumstance
from burnmon.usage.ledger import Change
from burnmon.usage.pricing import PriceTable, Rate
from burnmon.usage.queries import Past, Sum

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


class SessionTally(Struct):
    """One session's sums."""

    total: Spend = field(default_factory=Spend)
    minutes: Minutes = field(default_factory=Minutes)
    """What was spent in each minute."""
    newest: Request | None = None
    """Newest request of the session itself: its context and its cache."""
    hour_cache_at: datetime | None = None
    """When the session itself last wrote to a one-hour cache."""
    subagents: dict[str, datetime] = field(default_factory=dict)
    """Sub-agent → instant of its newest request."""
    models: dict[str, int] = field(default_factory=dict)
    """Model → requests."""
    version: int = 0
    """Another number after each change."""


_NOTHING = SessionTally()


class Tally:
    """Sums over the requests it was given."""

    def __init__(self, prices: PriceTable) -> None:
        self.prices = prices
        self.sessions: dict[str, SessionTally] = {}
        self.minutes: dict[int, Spend] = {}
        self.hours: dict[int, Spend] = {}
        self.projects: dict[str, dict[int, Spend]] = {}
        """By directory, as the agent wrote it, and by quarter of an hour."""
        self._lately = Lately(RECENT)
        self._most_late = MOST_LATE
        self.late: dict[int, Request] = {}
        """Requests of the last hour by key, for a reader that compares."""
        self.models: dict[str, dict[str, int]] = {}
        """Agent → model → requests."""
        self.version = 0
        """Another number after each request that was put in or taken out."""
        self._changed: dict[str, None] = {}
        """Sessions in the order in which their sums changed last."""
        self.unpriced: dict[str, int] = {}
        """Model without a price → requests."""
        self._norm: tuple[int, Norm | None] = (-1, None)
        self._newest_minute = 0
        self._whole: tuple[int, Spend] | None = None
        """A minute, and what was spent from it on, kept up with each request."""

    def load(self, requests: Iterable[Request]) -> None:
        """Take requests that were counted before."""
        for request in requests:
            self._put(request, 1)

    def load_past(self, past: Past) -> None:
        """Take what is left of the past when ``put_minutes`` took its minutes."""
        self._newest_minute = max(self.minutes, default=0)
        self._whole = None
        for request in past.newest:
            self._newest(self.sessions[request.session_id], request)
        for session_id, at in past.hour_caches.items():
            self.sessions[session_id].hour_cache_at = at
        self.load(past.requests)

    def put_minutes(self, of: Circumstance, told: Sequence[Minute]) -> None:
        """Take sums of one circumstance and of minutes that were counted before.

        The same as to take their requests one by one, and several times as fast.
        """
        agent, model, speed, region, session_id, subagent, project = of[:7]
        terms = Terms(speed, region)
        quarters = self.projects.setdefault(project, {})
        session = self._changing(session_id)
        requests = unpriced = 0
        for each in told:
            at = instant_of(each.last_at)
            rate = self.prices.rate(model, at, each.prompt, terms)
            spend = _spend(each, rate)
            session.minutes.put(each.minute, spend)
            session.total.merge(spend)
            _merge(self.minutes, each.minute, spend)
            _merge(self.hours, each.minute // 60, spend)
            _merge(quarters, each.minute // 15, spend)
            requests += each.requests
            unpriced += spend.unpriced
        for models in (session.models, self.models.setdefault(agent, {})):
            models[model] = models.get(model, 0) + requests
        if unpriced:
            self.unpriced[model] = self.unpriced.get(model, 0) + unpriced
        if subagent:
            last_at = instant_of(max(each.last_at for each in told))
            before = session.subagents.get(subagent, last_at)
            session.subagents[subagent] = max(before, last_at)

    def load_sums(self, sums: Iterable[Sum]) -> None:
        """Take what sessions came to before anything here was kept by the minute.

        Each sum's first key is its session.
        """
        for each in sums:
            session = self._changing(each.keys[0])
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

    def sums_of(self, session_id: str) -> SessionTally:
        """The sums of a session, to be read; empty for one that is not known."""
        return self.sessions.get(session_id, _NOTHING)

    def changed_since(self, version: int) -> Iterator[str]:
        """Sessions whose sums changed after a version, the last one first."""
        for session_id in reversed(self._changed):
            if self.sessions[session_id].version <= version:
                return
            yield session_id

    def _changing(self, session_id: str) -> SessionTally:
        """The sums of a session, which are about to change."""
        self.version += 1
        session = self.sessions.setdefault(session_id, SessionTally())
        session.version = self.version
        self._changed.pop(session_id, None)
        self._changed[session_id] = None
        return session

    def cost(self, request: Request) -> Decimal | None:
        """Dollars of one request; None when its model has no price."""
        return self.prices.cost(request)

    def _put(self, request: Request, n: int) -> None:
        cost = self.cost(request)
        minute = int(request.at.timestamp()) // MINUTE
        session = self._changing(request.session_id)
        session.minutes.add(minute, cost, n)
        if minute > self._newest_minute:
            self._newest_minute = minute
        if self._whole is not None and minute >= self._whole[0]:
            self._whole[1].add(request.usage, cost, request.incomplete, n)
        for spend in (
            session.total,
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
            self._lately.put(request, cost)
            self.late[request.key] = request
            self._newest(session, request)
        else:
            self._lately.drop(request.key)
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

    @property
    def recent(self) -> Mapping[int, tuple[Request, Decimal | None]]:
        """Requests of the last minutes by key, each with its dollars."""
        return self._lately.requests

    def rates(self, now: datetime) -> tuple[Spend, Mapping[str, Spend]]:
        """What the last minutes came to, together and by session; good until the next
        call.

        Requests leave the span as ``now`` passes them: rates decay when work stops.
        """
        if len(self.late) > self._most_late:
            self.held(now - timedelta(hours=1))
            self._most_late = max(MOST_LATE, 2 * len(self.late))
        return self._lately.sums(now)

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

    def kept_since(self, start: datetime, now: datetime) -> Spend:
        """``since`` for one start that stays; good until the next request."""
        first = int(start.timestamp()) // MINUTE
        if self._newest_minute > int(now.timestamp()) // MINUTE:
            return self.since(start, now)  # what a clock says that is ahead, waits
        if self._whole is None or self._whole[0] != first:
            self._whole = first, self.since(start, now)
        return self._whole[1]

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
        together: dict[int, Decimal] = {}
        for minute, spend in self.minutes.items():
            place = minute * MINUTE // _SPAN
            if first <= place < last and spend.cost > 0:
                together[place] = together.get(place, Decimal(0)) + spend.cost
        days = {each * _SPAN // 86400 for each in together}
        if len(together) < ENOUGH_SPANS or len(days) < ENOUGH_DAYS:
            return None
        sessions = chain.from_iterable(
            _active(each.minutes, first, last) for each in self.sessions.values()
        )
        busy = Decimal(_busy(sessions)) / Decimal(PICOS)
        return Norm(_pace(_busy(together.values())), _pace(busy))


def _spend(of: Minute, rate: Rate | None) -> Spend:
    usage = Usage(*of[4:9])
    return Spend(
        Decimal(0) if rate is None else rate.cost(usage, of.web_searches),
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write_5m + usage.cache_write_1h,
        of.requests,
        of.requests if rate is None else 0,
        of.incomplete,
    )


def _merge(spends: dict[int, Spend], place: int, spend: Spend) -> None:
    known = spends.get(place)
    if known is None:
        known = spends[place] = Spend()
    known.merge(spend)


_Cost = TypeVar("_Cost", float, Decimal)
_SPAN = int(RECENT.total_seconds())


def _active(minutes: Minutes, first: int, last: int) -> Iterable[float]:
    """Picodollars of each span, from one on until before another, with any."""
    spans: dict[int, float] = {}
    for minute, picos, _, _ in minutes.since(first * _SPAN // MINUTE):
        span = minute * MINUTE // _SPAN
        if span >= last:
            break
        if picos > 0:
            spans[span] = spans.get(span, 0.0) + picos
    return spans.values()


def _busy(costs: Iterable[_Cost]) -> _Cost:
    """What nine in ten spans stay below."""
    ordered = sorted(costs)
    return ordered[int(BUSY * (len(ordered) - 1))]


def _pace(cost: Decimal) -> Decimal:
    """Dollars per minute of what a span came to."""
    return cost * MINUTE / _SPAN
