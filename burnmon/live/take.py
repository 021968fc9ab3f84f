"""Takes a snapshot: everything the screen may show, from what is known at one ``now``.

Pure: facts, sums and prices come in as values, words and figures go out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from burnmon import text
from burnmon.live.charts import charts, window_label
from burnmon.live.headroom import Accounts, what_if, why_estimate, with_estimates
from burnmon.live.snapshot import (
    Burn,
    Cache,
    Event,
    Health,
    LimitRow,
    MissingLimit,
    Place,
    Scan,
    SessionRow,
    Snapshot,
)
from burnmon.live.tally import RECENT, SessionTally, Spend, Tally
from burnmon.records import (
    BUDGET,
    Alive,
    Credits,
    Mark,
    Request,
    Session,
    SessionState,
    Window,
)
from burnmon.usage.headroom import (
    Learned,
    extra_words,
    headroom_words,
)
from burnmon.usage.limits import Series, Stretch, estimated_window, windows

SHOWN = timedelta(hours=24)
"""Sessions without a line for longer are left out."""
MOST_SESSIONS = 200
WAITS = timedelta(minutes=30)
"""A session that awaits its person longer than this is idle."""
SPARK_STEP = timedelta(minutes=2)
SPARK_LENGTH = 15
EVENTS_SHOWN = timedelta(hours=24)
MOST_EVENTS = 50
GUESSED_FROM = timedelta(hours=36)
"""How far back requests are followed to guess a five-hour window: past a night."""
FORGOTTEN = timedelta(days=14)
"""Windows that reset longer ago are of no use to anyone."""
HOUR_CACHE, SHORT_CACHE = timedelta(hours=1), timedelta(minutes=5)
"""Lives of Claude's two kinds of cache entries."""

EVER = datetime.min.replace(tzinfo=UTC)
UNLEARNED = Learned()

Level = Literal["calm", "attention", "alarm", "unknown"]

REMEDY = {
    "claude": ("no status line tells Claude's limits", "burnmon setup"),
    "codex": ("no rollout states a limit yet", "burnmon doctor"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What a snapshot is taken from, besides the sums."""

    sessions: Mapping[str, Session]
    stretches: Mapping[Series, Sequence[Stretch]]
    """Limit readings by window, see ``usage.limits``."""
    alive: Mapping[str, Alive]
    """Session → its line in the agent's registry of running sessions."""
    marks: Sequence[Mark]
    health: Health
    scan: Scan | None
    places: tuple[Place, ...]
    zone: str
    totals: tuple[str, ...] = ()
    credits: tuple[Credits, ...] = ()
    trouble: str = ""
    """Why Claude's limits could not be asked for, if they were to be."""
    since: datetime = EVER
    """How far back the sums are whole."""
    learned: Learned = UNLEARNED
    """What a dollar took from each window so far."""
    budgets: tuple[Window, ...] = ()
    """Budgets of one's own, as they stand at ``now``."""


def take(known: Known, tally: Tally, now: datetime) -> Snapshot:
    """The snapshot of an instant."""
    together, by_session = tally.rates(now)
    accounts = Accounts(tally, known.sessions, known.since, now)
    stated = with_estimates(windows(known.stretches, now), known.learned, accounts)
    shown = [*(window for window, _ in stated), *known.budgets]
    limits = _limits(shown, known.zone, now)
    rows = _sessions(known, accounts, by_session, shown)
    missing = _missing(known, tally, limits, rows, now)
    today = tally.since(midnight(now, known.zone), now)
    burn = _burn(together, today, tally, now)
    answer, level = _answer(limits, missing, burn, rows, now, known.zone)
    return Snapshot(
        now,
        known.zone,
        answer,
        level,
        limits,
        missing,
        burn,
        charts(stated, tally, now),
        rows,
        SPARK_STEP,
        _events(known, now),
        known.health,
        known.scan,
        known.places,
        f"{tally.prices.dated} {tally.prices.source}",
        tuple(sorted(text.plain(model) for model, n in tally.unpriced.items() if n)),
        known.totals,
        tuple(
            replace(each, account=text.plain(each.account)) for each in known.credits
        ),
    )


def midnight(now: datetime, zone: str) -> datetime:
    """The instant at which the local day of ``now`` began."""
    local = now.astimezone(ZoneInfo(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return start.astimezone(UTC)


# --- limits --------------------------------------------------------------------------


def _limits(shown: Sequence[Window], zone: str, now: datetime) -> tuple[LimitRow, ...]:
    rows = []
    for window in shown:
        seen = window.observed_at
        if window.used is None and (seen is None or now - seen > FORGOTTEN):
            continue
        # The vendor's words and an account's name come from files.
        account, kind = text.plain(window.account), text.plain(window.kind)
        rows.append(
            LimitRow(
                replace(window, account=account, kind=kind),
                window_label(window),
                window.elapsed(now),
                _why(window, zone, now),
                headroom_words(window, now),
            )
        )
    return tuple(rows)


def _why(window: Window, zone: str, now: datetime) -> tuple[str, ...]:
    if window.agent == BUDGET:
        return _why_budget(window)
    return (*_why_limit(window, now), *why_estimate(window, zone, now))


def _why_budget(window: Window) -> tuple[str, ...]:
    lines = [
        "used: list prices of all requests of the period; a subscription does not"
        " bill them",
    ]
    if window.unpriced:
        lines.append(
            f"used: a lower bound, {window.unpriced} requests without a price are not"
            " in it"
        )
    return (*lines, *_why_forecast(window))


def _why_limit(window: Window, now: datetime) -> tuple[str, ...]:
    seen = window.observed_at
    age = "never" if seen is None else text.ago(seen, now)
    lines = [f"source: {window.source}, last stated {age}; {window.confidence}"]
    if window.used is None:
        return (*lines, f"unknown: {window.reason}")
    lines.append(
        "used: the highest share stated since the window began; a lower one is an"
        " echo of another session"
    )
    return (*lines, *_why_forecast(window))


def _why_forecast(window: Window) -> tuple[str, ...]:
    if window.forecast is None:
        return (f"no forecast: {window.reason}",)
    chance = text.share(window.forecast.exhaustion_probability)
    return (
        f"forecast ({window.forecast.confidence}): from {window.forecast.method};"
        f" {chance} chance to reach the limit before the reset",
        "verdict: safe below 10 %, watch from 10 %, runs out from 50 %",
    )


def _missing(
    known: Known,
    tally: Tally,
    limits: Sequence[LimitRow],
    rows: Sequence[SessionRow],
    now: datetime,
) -> tuple[MissingLimit, ...]:
    stated = {row.window.agent for row in limits}
    working = {row.agent for row in rows}
    missing = []
    for agent in sorted(working - stated):
        if agent in REMEDY:
            reason, remedy = REMEDY[agent]
            if agent == "claude":
                reason = known.trouble or _guess(known, tally, now) or reason
            missing.append(MissingLimit(agent, agent.capitalize(), reason, remedy))
    return tuple(missing)


def _guess(known: Known, tally: Tally, now: datetime) -> str:
    """When the five-hour window probably resets, said as the estimate that it is."""
    first = int((now - GUESSED_FROM).timestamp()) // 60
    minutes = {
        minute
        for session in known.sessions.values()
        if session.agent == "claude" and (session.last_at or now) >= now - GUESSED_FROM
        for minute in tally.sessions.get(session.session_id, _NOTHING).minutes
        if minute >= first
    }
    starts = (datetime.fromtimestamp(minute * 60, UTC) for minute in minutes)
    window = estimated_window(starts, now)
    if window is None:
        return ""
    return f"5h window: reset about {text.clock(window[1], known.zone, now)}, estimated"


# --- sessions ------------------------------------------------------------------------


def _sessions(
    known: Known,
    accounts: Accounts,
    rates: Mapping[str, Spend],
    shown: Sequence[Window],
) -> tuple[SessionRow, ...]:
    now = accounts.now
    rows = [
        _row(session, known.alive.get(session.session_id), accounts, rates, shown)
        for session in known.sessions.values()
        if session.last_at is not None and now - session.last_at <= SHOWN
    ]
    order = {"burning": 0, "waiting": 1, "idle": 2}
    rows.sort(
        key=lambda row: (
            order[row.state],
            -(row.cost_per_minute or 0),
            -row.last_at.timestamp(),
            row.session_id,
        )
    )
    return tuple(rows[:MOST_SESSIONS])


_NOTHING = SessionTally()


def _row(
    session: Session,
    alive: Alive | None,
    accounts: Accounts,
    rates: Mapping[str, Spend],
    shown: Sequence[Window],
) -> SessionRow:
    tally, now = accounts.tally, accounts.now
    sums = tally.sessions.get(session.session_id, _NOTHING)
    lately = rates.get(session.session_id, Spend())
    last_at = session.last_at or now
    state, since = _state(session, alive, lately, sums, now)
    newest = sums.newest
    dollars = lately.dollars
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
        cost_per_minute=None if dollars is None else dollars / _minutes(RECENT),
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
        explain=(
            *_why_session(session, sums, now),
            *(what_if(session, accounts, shown) if lately.requests else ()),
        ),
    )


def _minutes(span: timedelta) -> Decimal:
    return Decimal(int(span.total_seconds())) / 60


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
    for place in range(step * SPARK_LENGTH):
        spend = sums.minutes.get(first + place)
        if spend is not None:
            buckets[place // step] += float(spend.cost)
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


# --- burn and answer -----------------------------------------------------------------


def _burn(together: Spend, today: Spend, tally: Tally, now: datetime) -> Burn:
    minutes = RECENT / timedelta(minutes=1)
    prompt = today.input + today.cache_read + today.written
    dollars = together.dollars
    return Burn(
        span=RECENT,
        cost_per_minute=None if dollars is None else dollars / _minutes(RECENT),
        tokens_per_minute=together.fresh / minutes,
        cache_reads_per_minute=together.cache_read / minutes,
        cost_today=today.dollars,
        unpriced_today=today.unpriced,
        cache_read_share=today.cache_read / prompt if prompt else None,
        cache_written_share=today.written / prompt if prompt else None,
        explain=(
            f"pace: {together.requests} requests of the last {text.span(RECENT)},"
            " divided by it; it falls to nothing when work stops",
            f"today: {today.requests} requests since local midnight,"
            f" {today.unpriced} of them without a price",
            "dollars: list prices per request; a subscription does not bill them",
            f"prices: {tally.prices.dated}, {tally.prices.source}",
        ),
        norm=tally.norm(now),
    )


def _answer(
    limits: Sequence[LimitRow],
    missing: Sequence[MissingLimit],
    burn: Burn,
    rows: Sequence[SessionRow],
    now: datetime,
    zone: str,
) -> tuple[str, Level]:
    """The first line, and how loudly it is said."""
    said = [
        (_urgency(row.window), about(row, now, zone)) for row in _worth_saying(limits)
    ]
    said.sort(key=lambda each: -each[0])
    words = [sentence for _, sentence in said]
    words += [f"{each.label} limits unknown" for each in missing]
    pace = text.rate(burn.cost_per_minute)
    burning = sum(row.state == "burning" for row in rows)
    unknown = [row for row in limits if row.window.used is None]
    if rows and unknown and not said:
        words.append(f"{unknown[0].label} unknown: {unknown[0].window.reason}")
    if not words:
        words.append("no limit stated" if rows else "nothing is burning")
    if burning and len(words) < 3:
        words.append(f"{burning} burning at {pace}")
    level: Level = "unknown" if not said else _LEVELS[said[0][0]]
    return " · ".join(words), level


def _worth_saying(limits: Sequence[LimitRow]) -> Iterator[LimitRow]:
    """The window that binds, and the next to reset: is the work stopped, and soon?

    A budget is worth saying once it does not last.
    """
    seen = set()
    for row in limits:
        window = row.window
        if window.agent == BUDGET:
            if window.verdict in ("runs_out", "reached"):
                yield row
            continue
        if window.used is None:
            continue
        account = (window.agent, window.account)
        # Rows come binding first, then by length: the second one resets the soonest.
        if window.binding or (account, "next") not in seen:
            if not window.binding:
                seen.add((account, "next"))
            yield row


_LEVELS: dict[int, Level] = {
    0: "unknown",
    1: "calm",
    2: "attention",
    3: "alarm",
    4: "alarm",
}
_URGENCY = {"unknown": 0, "safe": 1, "watch": 2, "runs_out": 3, "reached": 4}


def _urgency(window: Window) -> int:
    # Who passes a budget is not stopped.
    return _URGENCY[window.verdict] - (window.agent == BUDGET)


def about(row: LimitRow, now: datetime, zone: str) -> str:
    """What is to be expected of a window, behind its label."""
    window = row.window
    resets = "" if window.resets_at is None else text.clock(window.resets_at, zone, now)
    if window.verdict == "reached" and window.agent == BUDGET:
        spent, allowance = map(text.money, (window.spent, window.allowance))
        return f"{row.label} passed: {spent} of {allowance}"
    if window.verdict == "reached":
        extra = extra_words(window, zone, now)
        on = f" · on extra usage: {extra}" if extra else ""
        return f"{row.label} reached{on}, resets {resets}"
    if (
        window.verdict == "runs_out"
        and window.forecast
        and window.forecast.exhausted_at
    ):
        first, _, last = window.forecast.exhausted_at
        return f"{row.label} runs out {text.clock_range(first, last, zone, now)}"
    if window.verdict == "watch" and window.forecast:
        chance = text.share(window.forecast.exhaustion_probability)
        return f"{row.label} {chance} likely to run out before {resets}"
    if window.verdict == "safe":
        return f"{row.label} safe until {resets}"
    return f"{row.label} {text.share(window.used)} used, resets {resets}"


# --- events --------------------------------------------------------------------------

_MARKS = {
    "compacted": ("note", "context compacted"),
    "limit": ("alarm", "refused: limit reached"),
    "refused": ("warning", "answer refused, another model took over"),
}


def _events(known: Known, now: datetime) -> tuple[Event, ...]:
    since = now - EVENTS_SHOWN
    events = [
        _marked(mark, known)
        for mark in known.marks
        if since <= mark.at <= now and mark.kind in _MARKS
    ]
    events += [
        Event(
            session.started_at,
            "note",
            text.plain(f"session started on {session.branch or 'no branch'}"),
            text.plain(text.base(session.project)),
        )
        for session in known.sessions.values()
        if session.started_at is not None and since <= session.started_at <= now
    ]
    events.sort(key=lambda each: (each.at, each.text, each.project), reverse=True)
    return tuple(events[:MOST_EVENTS])


def _marked(mark: Mark, known: Known) -> Event:
    level, words = _MARKS[mark.kind]
    session = known.sessions.get(mark.session_id)
    if mark.kind == "compacted" and mark.detail.isdigit():
        words = f"{words} at {text.tokens(int(mark.detail))} tokens"
    elif mark.kind == "limit" and mark.detail:
        words = f"{words} ({mark.detail.replace('_', ' ')})"
    project = text.plain(text.base(session.project)) if session else ""
    return Event(mark.at, level, text.plain(words), project)  # type: ignore[arg-type]  # one of the three levels above
