"""Takes a snapshot: everything the screen may show, from what is known at one ``now``.

Pure: facts, sums and prices come in as values, words and figures go out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from burnmon import text
from burnmon.live.answer import answer
from burnmon.live.charts import charts, window_label
from burnmon.live.headroom import Accounts, why_estimate, with_estimates
from burnmon.live.session_rows import SPARK_STEP, pace, session_rows
from burnmon.live.snapshot import (
    Burn,
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
from burnmon.records import BUDGET, Alive, Credits, Mark, Session, Window
from burnmon.usage.headroom import Learned, headroom_words
from burnmon.usage.limits import Series, Stretch, estimated_window, windows

EVENTS_SHOWN = timedelta(hours=24)
MOST_EVENTS = 50
GUESSED_FROM = timedelta(hours=36)
"""How far back requests are followed to guess a five-hour window: past a night."""
FORGOTTEN = timedelta(days=14)
"""Windows that reset longer ago are of no use to anyone."""
EVER = datetime.min.replace(tzinfo=UTC)
UNLEARNED = Learned()

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
    rows = session_rows(accounts, known.alive, by_session, shown)
    missing = _missing(known, tally, limits, rows, now)
    today = tally.since(midnight(now, known.zone), now)
    burn = _burn(together, today, tally, now)
    unanswered = Snapshot(
        now,
        known.zone,
        "",
        "unknown",
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
    words, level = answer(unanswered)
    return replace(unanswered, answer=words, answer_level=level)


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
        for minute in tally.sessions.get(session.session_id, SessionTally()).minutes
        if minute >= first
    }
    starts = (datetime.fromtimestamp(minute * 60, UTC) for minute in minutes)
    window = estimated_window(starts, now)
    if window is None:
        return ""
    return f"5h window: reset about {text.clock(window[1], known.zone, now)}, estimated"


# --- burn ----------------------------------------------------------------------------


def _burn(together: Spend, today: Spend, tally: Tally, now: datetime) -> Burn:
    minutes = RECENT / timedelta(minutes=1)
    prompt = today.input + today.cache_read + today.written
    return Burn(
        span=RECENT,
        cost_per_minute=pace(together),
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
