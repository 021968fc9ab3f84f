"""Takes a snapshot: everything the screen may show, from what is known at one ``now``.

Pure: facts, sums and prices come in as values, words and figures go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from burnmon import text
from burnmon.live.answer import answer
from burnmon.live.charts import charts, window_label
from burnmon.live.headroom import Accounts, why_estimate, with_estimates
from burnmon.live.kept import Kept
from burnmon.live.session_rows import SPARK_STEP, pace, session_rows
from burnmon.live.snapshot import (
    Burn,
    Compared,
    Event,
    Health,
    Held,
    LimitRow,
    MissingLimit,
    Place,
    Scan,
    SessionRow,
    Snapshot,
)
from burnmon.live.spend import Spend
from burnmon.live.tally import RECENT, Tally
from burnmon.records import BUDGET, Alive, Credits, Mark, Session, Window
from burnmon.usage.experience import Experience
from burnmon.usage.headroom import Learned, headroom_words
from burnmon.usage.limits import (
    FORGOTTEN,
    GUESSED_FROM,
    REMEDY,
    estimated_window,
    foreseen,
    stated,
)
from burnmon.usage.repetition import Repetition
from burnmon.usage.stretches import Series, Stretch, series
from burnmon.usage.usual import Usual
from burnmon.why import Cause

CHARTING = LISTING = timedelta(seconds=2)
"""Charts and events are made at most so often; two seconds are no width on a chart."""
FORESEEING = 5
"""Seconds for which all that is said of limits holds, unless something is stated."""
SHIFTING = 30
"""Seconds after which charts move on though nothing happens."""
GUESSING = timedelta(seconds=10)
"""A five-hour window that nobody states is guessed at most so often."""
EVENTS_SHOWN = timedelta(hours=24)
MOST_EVENTS = 50
CIRCLES_LAST = timedelta(minutes=5)
"""A session is in circles for so long after its last call that was the same."""
EVER = datetime.min.replace(tzinfo=UTC)
UNLEARNED = Learned()


class Known(Struct, frozen=True):
    """What a snapshot is taken from, besides the sums."""

    sessions: Mapping[str, Session]
    stretches: Mapping[Series, Sequence[Stretch]]
    """Limit readings by window, see ``usage.limits``."""
    alive: Mapping[str, Alive]
    """Session → its line in the agent's registry of running sessions."""
    marks: Sequence[Mark]
    """Those that may become events."""
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
    before: tuple[Window, ...] = ()
    """The windows of the snapshot before, so that verdicts do not flicker."""
    experiences: Mapping[Series, Experience] = field(default_factory=dict)
    """What forecasts of each series have taught."""
    usual: Usual | None = None
    """What an hour comes to at such a time of the week."""
    circles: Mapping[str, Sequence[Repetition]] = field(default_factory=dict)
    """Where sessions went in circles lately."""
    causes: Mapping[str, Sequence[Cause]] = field(default_factory=dict)
    """What makes sessions dear that work right now."""
    kept: Kept = field(default_factory=Kept)
    """What still holds of the snapshot before."""


def take(known: Known, tally: Tally, now: datetime) -> Snapshot:
    """The snapshot of an instant."""
    kept = known.kept
    kept.begin(now)
    together, by_session = tally.rates(now)
    accounts = Accounts(tally, known.sessions, known.since, now)
    newest = [past[-1] for past in known.stretches.values() if past]
    basis = (
        int(now.timestamp()) // FORESEEING,
        [each.resets_at <= now for each in newest],
        tuple(known.stretches.values()),
        tuple(known.experiences.values()),
        known.learned,
    )
    outlook, limits = kept.same("limits", basis, partial(_outlook, known, accounts))
    shown = [*(window for window, _ in outlook), *known.budgets]
    limits += _limits(known.budgets, {}, known.zone, now)
    rows = session_rows(accounts, known.alive, by_session, shown, kept)
    if known.circles:
        rows = tuple(
            _in_circles(each, known, now) if each.session_id in known.circles else each
            for each in rows
        )
    missing = _missing(known, tally, limits, rows, now)
    # What was stated or spent is drawn at once, while little of both happens.
    stood = [(each.used, each.resets_at) for each, _ in outlook]
    drawn = (tally.version, stood, now.timestamp() // SHIFTING)
    today = tally.kept_since(midnight(now, known.zone), now)
    burn = _burn(together, today, tally, now)
    compared = kept.lately(
        "compared", now, CHARTING, partial(_compared, known.usual, tally, now)
    )
    burn = replace(burn, compared=compared)
    unanswered = Snapshot(
        now,
        known.zone,
        "",
        "unknown",
        limits,
        missing,
        burn,
        kept.lately(
            "charts", now, CHARTING, partial(charts, outlook, tally, now), drawn
        ),
        rows,
        SPARK_STEP,
        kept.lately("events", now, LISTING, partial(_events, known, now)),
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


def _outlook(
    known: Known, accounts: Accounts
) -> tuple[list[tuple[Window, Stretch]], tuple[LimitRow, ...]]:
    """The windows with estimate, forecast and verdict, and their rows."""
    now = accounts.now
    standing = stated(known.stretches, now)
    newest = with_estimates(standing, known.learned, accounts, known.kept)
    standings = {key: each.standing for key, each in known.experiences.items()}
    outlook = foreseen(newest, known.stretches, now, known.before, standings)
    held = _held(outlook, known.experiences)
    return outlook, _limits([each for each, _ in outlook], held, known.zone, now)


def _held(
    outlook: Iterable[tuple[Window, Stretch]], experiences: Mapping[Series, Experience]
) -> dict[Window, Held]:
    """How the last forecasts of each window's series held, where any were judged."""
    found = {}
    for window, stretch in outlook:
        judged = experiences.get(series(stretch.readings[0]), Experience()).inside
        if judged:
            found[window] = Held(sum(judged), len(judged))
    return found


def _limits(
    shown: Sequence[Window], held: Mapping[Window, Held], zone: str, now: datetime
) -> tuple[LimitRow, ...]:
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
                _why(window, held.get(window), zone, now),
                headroom_words(window, now),
                held.get(window),
            )
        )
    return tuple(rows)


def _why(
    window: Window, held: Held | None, zone: str, now: datetime
) -> tuple[str, ...]:
    if window.agent == BUDGET:
        return _why_budget(window)
    return (*_why_limit(window, held, now), *why_estimate(window, zone, now))


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
    return (*lines, *_why_forecast(window, None))


def _why_limit(window: Window, held: Held | None, now: datetime) -> tuple[str, ...]:
    seen = window.observed_at
    age = "never" if seen is None else text.ago(seen, now)
    lines = [f"source: {window.source}, last stated {age}; {window.confidence}"]
    if window.used is None:
        return (*lines, f"unknown: {window.reason}")
    lines.append(
        "used: the highest share stated since the window began; a lower one is an"
        " echo of another session"
    )
    return (*lines, *_why_forecast(window, held))


def _why_forecast(window: Window, held: Held | None) -> tuple[str, ...]:
    forecast = window.forecast
    if forecast is None:
        return (f"no forecast: {window.reason}",)
    if window.verdict == "reached":
        return ()
    chance = text.share(forecast.exhaustion_probability)
    lines = [
        f"forecast ({forecast.confidence}): what came after {forecast.method}, and"
        " what is common among other people; whose forecasts held counts more",
        f"forecast: {chance} chance to reach the limit before the reset",
    ]
    if held is not None:
        lines.append(
            f"forecast: of the last {held.made} forecasts {held.share} ended inside"
            " their band, which is made for 80 %"
        )
    lines.append(
        "verdict: watch from 10 %, runs out from 50 %; it falls back below 5 and 35 %"
    )
    return tuple(lines)


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
                reset = partial(_guess, known, tally, now)
                basis = tally.version, int(now.timestamp()) // 60, known.zone
                guess = known.kept.lately("guess", now, GUESSING, reset, basis)
                reason = known.trouble or guess or reason
            missing.append(MissingLimit(agent, agent.capitalize(), reason, remedy))
    return tuple(missing)


def _guess(known: Known, tally: Tally, now: datetime) -> str:
    """When the five-hour window probably resets, said as the estimate that it is."""
    first = int((now - GUESSED_FROM).timestamp()) // 60
    minutes: set[int] = set()
    for session in known.sessions.values():
        sums = tally.sessions.get(session.session_id)
        if session.agent == "claude" and sums is not None:
            minutes.update(sums.minutes.numbers(first))
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


def _compared(usual: Usual | None, tally: Tally, now: datetime) -> Compared | None:
    """The last hour's dollars beside the usual ones."""
    if usual is None:
        return None
    spent = tally.since(now - timedelta(hours=1), now).dollars
    if not spent:
        return None
    return Compared(float(spent / usual.dollars), usual.when, usual.hours)


# --- events --------------------------------------------------------------------------

TOLD_MARKS = {
    "compacted": ("note", "context compacted"),
    "limit": ("alarm", "refused: limit reached"),
    "refused": ("warning", "answer refused, another model took over"),
}


def _events(known: Known, now: datetime) -> tuple[Event, ...]:
    since = now - EVENTS_SHOWN
    events = [
        _marked(mark, known)
        for mark in known.marks
        if since <= mark.at <= now and mark.kind in TOLD_MARKS
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
    events += [
        _circling(circle, known.sessions.get(session_id))
        for session_id, circles in known.circles.items()
        for circle in circles
    ]
    events += [
        _dear(cause, known.sessions.get(session_id))
        for session_id, causes in known.causes.items()
        for cause in causes
        if cause.kind not in ("repetition", "failing") and cause.last_at >= since
    ]
    events.sort(key=lambda each: (each.at, each.text, each.project), reverse=True)
    return tuple(events[:MOST_EVENTS])


def _dear(cause: Cause, session: Session | None) -> Event:
    """What made a session dear so far; what it says grows with it."""
    project = text.plain(text.base(session.project)) if session else ""
    return Event(cause.last_at, "note", text.plain(cause.words), project)


def _in_circles(row: SessionRow, known: Known, now: datetime) -> SessionRow:
    """A row, with how often it did the same if it just did."""
    circles = known.circles.get(row.session_id, ())
    since = (now - CIRCLES_LAST).timestamp() * 1000
    times = max((each.times for each in circles if each.last_at >= since), default=0)
    return replace(row, circling=times) if times else row


def _circling(circle: Repetition, session: Session | None) -> Event:
    """That a session does the same again and again, while it does."""
    what = " ".join(filter(None, (circle.tool, circle.target)))
    minutes = text.span(timedelta(milliseconds=circle.last_at - circle.first_at))
    words = f"{what}: {circle.times}× the same in {minutes}, no edit in between"
    if circle.kind == "failing":
        words = f"{circle.times} calls in a row failed in {minutes}, the last {what}"
    at = datetime.fromtimestamp(circle.last_at / 1000, UTC)
    project = text.plain(text.base(session.project)) if session else ""
    return Event(at, "warning", text.plain(words), project)


def _marked(mark: Mark, known: Known) -> Event:
    level, words = TOLD_MARKS[mark.kind]
    session = known.sessions.get(mark.session_id)
    if mark.kind == "compacted" and mark.detail.isdigit():
        words = f"{words} at {text.tokens(int(mark.detail))} tokens"
    elif mark.kind == "limit" and mark.detail:
        words = f"{words} ({mark.detail.replace('_', ' ')})"
    project = text.plain(text.base(session.project)) if session else ""
    return Event(mark.at, level, text.plain(words), project)  # type: ignore[arg-type]  # one of the three levels above
