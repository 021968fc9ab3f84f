"""The rows of the sessions: whose move it is, what each came to, its cache and context.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from heapq import nlargest
from operator import itemgetter
from typing import NamedTuple

from burnmon import text
from burnmon.live.headroom import Accounts, what_if
from burnmon.live.kept import Kept
from burnmon.live.snapshot import SHOWN, Cache, SessionRow
from burnmon.live.spend import PICOS, Spend
from burnmon.live.tally import RECENT, SessionTally, Tally
from burnmon.records import Alive, Request, Session, SessionState, Window

MOST_SESSIONS = 200
WAITS = timedelta(minutes=30)
"""A session that awaits its person longer than this is idle."""
SPARK_STEP = timedelta(minutes=2)
SPARK_LENGTH = 15
HOUR_CACHE, SHORT_CACHE = timedelta(hours=1), timedelta(minutes=5)
"""Lives of Claude's two kinds of cache entries."""

_MINUTES = Decimal(int(RECENT.total_seconds())) / 60


def session_rows(
    accounts: Accounts,
    alive: Mapping[str, Alive],
    rates: Mapping[str, Spend],
    limits: Sequence[Window],
    kept: Kept,
) -> tuple[SessionRow, ...]:
    """Burning ones first, then those that wait, the dearest and newest before others.

    ``alive`` and ``rates`` are by session: its line in the agent's registry, and what
    it came to within ``RECENT``.
    """
    given = _Given(accounts, alive, rates, limits, kept)
    now, tally = accounts.now, accounts.tally
    second = int(now.timestamp())
    quiet = kept.same("quiet", second // QUIET, partial(_quiet, given))
    # Within a second no row is another for the time alone.
    moving: dict[str, _Told] = kept.same("moving", second, dict)
    stirring = {*alive, *rates, *tally.changed_since(quiet.version)}
    loud = {
        name: session
        for name, session in accounts.sessions.items()
        if name in stirring or quiet.sessions.get(name) is not session
    }
    rows: list[_Placed] = []
    for name, session in loud.items():
        basis = session, tally.sums_of(name).version, given.stirs(name)
        told = moving.get(name)
        if told is None or told.basis != basis:
            shown = session.last_at is not None and now - session.last_at <= SHOWN
            row = (_placed(_kept_row(session, given)),) if shown else ()
            told = moving[name] = _Told(basis, row)
        rows += told.row
    rows += [row for name, row in quiet.rows.items() if name not in loud]
    rows.sort(key=itemgetter(0))
    return tuple(row for _, row in rows[:MOST_SESSIONS])


class _Given(NamedTuple):
    """What every row is made of."""

    accounts: Accounts
    alive: Mapping[str, Alive]
    rates: Mapping[str, Spend]
    limits: Sequence[Window]
    kept: Kept

    def stirs(self, name: str) -> object:
        """What the registry and the last minutes tell of a session."""
        lately = self.rates.get(name)
        spent = lately and (lately.requests, lately.cost, lately.fresh)
        return self.alive.get(name), spent


_Placed = tuple[tuple[int, Decimal, float, str], SessionRow]
"""A row behind what it is ordered by."""
_ORDER = {"burning": 0, "waiting": 1, "idle": 2}


def _placed(row: SessionRow) -> _Placed:
    pace = row.cost_per_minute or Decimal(0)
    order = (_ORDER[row.state], -pace, -row.last_at.timestamp(), row.session_id)
    return order, row


_NO_SPEND = Spend()
_MINUTE = timedelta(minutes=1)
YOUNG = timedelta(minutes=2)
"""Rows of sessions that wrote in this span count seconds, older ones minutes."""
QUIET = 30
"""Seconds for which rows of sessions that are idle for long stay as they are."""
WHAT_IF = timedelta(seconds=20)
"""What else could be is asked at most so often; it prices the last minutes anew."""


class _Told(NamedTuple):
    """What is told of a session, and what that rests on besides the time."""

    basis: tuple[Session, int, object]
    """The session, the version of its sums, and what stirs it."""
    row: tuple[_Placed, ...]
    """Its row; empty if it is too old."""


class _Quiet(NamedTuple):
    """Sessions that can only be idle, as long as nothing of them changes."""

    sessions: Mapping[str, Session]
    version: int
    """Of all sums, when these were looked at."""
    rows: Mapping[str, _Placed]
    """Those of the newest of them."""


def _quiet(given: _Given) -> _Quiet:
    """Most sessions are idle; to go through them for each snapshot would take half of
    its time."""
    accounts = given.accounts
    found = {
        name: session
        for name, session in accounts.sessions.items()
        if not (
            name in given.alive or name in given.rates or _may_stir(session, accounts)
        )
    }
    oldest = datetime.min.replace(tzinfo=UTC)
    newest = nlargest(MOST_SESSIONS, found, key=lambda n: found[n].last_at or oldest)
    rows = {
        name: _placed(_kept_row(found[name], given))
        for name in newest
        if accounts.now - (found[name].last_at or oldest) <= SHOWN
    }
    return _Quiet(found, accounts.tally.version, rows)


def _may_stir(session: Session, accounts: Accounts) -> bool:
    """Whether a session may be other than idle, going by when it last moved."""
    now = accounts.now
    sums = accounts.tally.sums_of(session.session_id)
    moved = (session.last_at, session.doing_at, *sums.subagents.values())
    return any(each is not None and now - each <= WAITS for each in moved)


def _kept_row(session: Session, given: _Given) -> SessionRow:
    """The row; that of before while no figure and no span of time in it changed."""
    accounts, kept, name = given.accounts, given.kept, session.session_id
    alive = given.alive.get(name)
    sums = accounts.tally.sums_of(name)
    lately = given.rates.get(name, _NO_SPEND)
    other: tuple[str, ...] = ()
    if lately.requests:
        other = kept.lately(
            ("what if", name),
            accounts.now,
            WHAT_IF,
            lambda: tuple(what_if(session, accounts, given.limits)),
        )
    spent = sums, lately
    figures = (session, alive, sums.version, lately.requests, lately.cost, lately.fresh)
    time = _time_of(session, alive, sums, accounts.now)
    return kept.same(
        ("row", name),
        (figures, other, time),
        lambda: _row(session, alive, accounts, spent, other),
    )


def _time_of(
    session: Session, alive: Alive | None, sums: SessionTally, now: datetime
) -> object:
    """The time as far as a row depends on it: whole minutes since what it counts from.

    Whether a minute is just full tells ``<`` from ``<=``.
    """
    newest = max(sums.subagents.values(), default=None)
    moved = alive.since if alive else None
    marks = (session.last_at, session.doing_at, moved, newest)
    ages = [now - each for each in marks if each is not None]
    if any(timedelta(0) <= each < YOUNG for each in ages) or _is_recent(newest, now):
        return int(now.timestamp())
    full = [divmod(each, _MINUTE) for each in ages]
    minutes = [(count, bool(rest)) for count, rest in full]
    return (int(now.timestamp()) // 60, minutes)


def _is_recent(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - at <= RECENT


def _row(
    session: Session,
    alive: Alive | None,
    accounts: Accounts,
    spent: tuple[SessionTally, Spend],
    other: tuple[str, ...],
) -> SessionRow:
    tally, now = accounts.tally, accounts.now
    sums, lately = spent
    last_at = session.last_at or now
    state, since = _state(session, alive, lately, sums, now)
    newest = sums.newest
    return SessionRow(
        session_id=text.plain(session.session_id),
        agent=session.agent,
        project=text.plain(text.base(session.project)),
        cwd=text.plain(session.project),
        branch=text.plain(session.branch),
        model=text.plain(newest.model if newest else session.model),
        title=text.plain(session.title),
        state=state,
        state_since=since,
        cost_per_minute=pace(lately),
        tokens_per_minute=lately.fresh / (RECENT / timedelta(minutes=1)),
        spark=_spark(sums, now),
        cost=sums.total.dollars,
        unpriced_requests=sums.total.unpriced,
        requests=sums.total.requests,
        context_tokens=newest.usage.prompt if newest else None,
        context_window=session.context_window,
        cache=_cache(newest, sums, tally),
        subagents=sum(now - at <= RECENT for at in sums.subagents.values()),
        doing=text.plain(session.doing),
        started_at=session.started_at or last_at,
        last_at=last_at,
        explain=(*_why_session(session, sums, now), *other),
    )


def pace(lately: Spend) -> Decimal | None:
    """Dollars per minute of what ``RECENT`` came to; None where a price is unknown."""
    dollars = lately.dollars
    return None if dollars is None else dollars / _MINUTES


def _state(
    session: Session,
    alive: Alive | None,
    lately: Spend,
    sums: SessionTally,
    now: datetime,
) -> tuple[SessionState, datetime]:
    """Burning while requests come in or the agent has the move; then whose move it is.

    The registry of running sessions knows better than silence, where there is one.
    """
    last_at = session.last_at or now
    moved_at = session.doing_at or last_at
    if alive is not None:
        if alive.status in ("waiting", "needs_input"):
            return "waiting", alive.since
        if alive.status == "busy" and alive.since >= moved_at:
            return "burning", alive.since
        if alive.status == "idle" and alive.since >= last_at:
            return _awaited(alive.since, now)
    behind = max((at for at in sums.subagents.values() if at <= now), default=None)
    if behind is not None and behind > moved_at and now - behind <= RECENT:
        return "burning", behind
    if session.turn == "person":
        return _awaited(moved_at, now)
    if lately.requests or abs(now - last_at) <= RECENT:
        return "burning", sums.newest.at if sums.newest else last_at
    if alive is not None and alive.status == "busy":
        return "burning", alive.since
    return "idle", last_at


def _awaited(since: datetime, now: datetime) -> tuple[SessionState, datetime]:
    """The person has the move; who does not make it for long has left."""
    return ("waiting" if now - since <= WAITS else "idle"), since


def _spark(sums: SessionTally, now: datetime) -> tuple[float, ...]:
    """Dollars per step, the last step ending now."""
    step = int(SPARK_STEP.total_seconds()) // 60
    last = int(now.timestamp()) // 60
    first = last - step * SPARK_LENGTH + 1
    buckets = [0.0] * SPARK_LENGTH
    for minute, picos, _, _ in sums.minutes.since(first):
        if minute <= last:
            buckets[(minute - first) // step] += picos / PICOS
    return tuple(buckets)


def _cache(newest: Request | None, sums: SessionTally, tally: Tally) -> Cache | None:
    """The cache of the newest request, where its life is known: Claude's is.

    Reading an entry renews it. A cold cache is written again as a whole instead of
    read, at the price of its kind.
    """
    if newest is None or newest.agent != "claude":
        return None
    usage = newest.usage
    if not (usage.cache_read or usage.cache_write_5m or usage.cache_write_1h):
        return None
    long = (
        sums.hour_cache_at is not None and newest.at - sums.hour_cache_at <= HOUR_CACHE
    )
    rate = tally.prices.rate(newest.model, newest.at, usage.prompt, newest.terms)
    cost = None
    if rate is not None:
        write = rate.cache_write_1h if long else rate.cache_write_5m
        cost = (write - rate.cache_read) * usage.prompt
    return Cache(newest.at + (HOUR_CACHE if long else SHORT_CACHE), cost)


def _why_session(
    session: Session, sums: SessionTally, now: datetime
) -> tuple[str, ...]:
    total = sums.total
    priced = total.requests - total.unpriced
    lines = [
        f"session {session.session_id}, {session.agent}",
        f"cost: {priced} priced of {total.requests} requests, each by its own time,"
        " model and tier; copies counted once, sub-agents included",
        f"tokens: {total.input:,} input, {total.written:,} cache written,"
        f" {total.cache_read:,} cache read, {total.output:,} output",
        f"pace: requests of the last {text.span(RECENT)}, divided by it",
    ]
    if total.unpriced:
        models = ", ".join(sorted(each for each, n in sums.models.items() if n))
        lines.append(f"unpriced: {total.unpriced} requests; models {models}")
    if total.incomplete:
        lines.append(
            f"output of {total.incomplete} requests is a lower bound: the agent never"
            " wrote their final count"
        )
    if session.stated_cost is not None:
        lines.append(
            f"the agent's own total: {text.money(session.stated_cost)}, hidden calls"
            " such as compaction included"
        )
    if session.last_at is not None:
        lines.append(f"newest line {text.ago(session.last_at, now)}")
    return tuple(text.plain(line) for line in lines)
