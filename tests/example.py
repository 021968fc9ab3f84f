"""Hand-made snapshots for the tests: no thread, no file, no clock.

Everything is invented. `snapshot()` is the rich one; the others are the cases that
a screen must not get wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from burnmon.day import Asked, CommitRow, Day, Evidence, Group, Rest, Spent
from burnmon.live.snapshot import (
    Burn,
    Cache,
    Chart,
    CommitEvent,
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
from burnmon.records import BUDGET, Forecast, SessionState, Window
from burnmon.why import NO_EDITS, Cause, EditFigures, Parts, Turn, Why

NOW = datetime(2026, 11, 17, 13, 32, 7, tzinfo=UTC)
"""A Tuesday, 14:32:07 in Berlin."""
ZONE = "Europe/Berlin"


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def forecast(band: tuple[float, float, float], chance: float) -> Forecast:
    """A distribution of use at reset without instants of exhaustion."""
    return Forecast(*band, chance, None, "bootstrap of days")


def window(agent: str, kind: str, length: int, used: float | None) -> Window:
    """An official window that was read four minutes ago."""
    return Window(
        agent=agent,
        account="default",
        kind=kind,
        window_minutes=length,
        used=used,
        resets_at=None,
        observed_at=NOW - minutes(4),
        source="statusline",
        confidence="official",
    )


def limit(label: str, shown: Window) -> LimitRow:
    """The row of a window, with a line that explains it."""
    return LimitRow(
        shown,
        label,
        shown.elapsed(NOW),
        (
            "source: statusline, last stated 4 m ago; official",
            "used: the highest share stated since the window began",
            "forecast (experimental): what came after moments like this one in 20 past"
            " windows, and what is common among other people",
            "verdict: watch from 10 %, runs out from 50 %",
        ),
        held=Held(82, 100) if label == "Claude 5h" else None,
    )


def limits() -> tuple[LimitRow, ...]:
    """Two windows of each of two agents; the weekly one of Claude runs out."""
    five = replace(
        window("claude", "five_hour", 300, 0.61),
        resets_at=NOW + minutes(148),
        forecast=forecast((0.72, 0.80, 0.88), 0.02),
        verdict="safe",
        live=0.014,
    )
    week_out = tuple(NOW + minutes(60 * hours) for hours in (44.5, 48, 52.5))
    week = replace(
        window("claude", "seven_day", 10080, 0.83),
        resets_at=NOW + minutes(60 * 54.5),
        forecast=Forecast(
            0.96, 1.07, 1.2, 0.71, (week_out[0], week_out[1], week_out[2]), "draws"
        ),
        verdict="runs_out",
        binding=True,
    )
    codex_five = replace(
        window("codex", "primary", 300, 0.14),
        observed_at=NOW - timedelta(seconds=9),
        resets_at=NOW + minutes(218),
        forecast=forecast((0.15, 0.22, 0.31), 0.0),
        verdict="safe",
        confidence="local_estimate",
    )
    codex_week = replace(
        window("codex", "secondary", 10080, 0.33),
        observed_at=NOW - timedelta(seconds=9),
        resets_at=NOW + minutes(60 * 114.5),
        forecast=forecast((0.41, 0.52, 0.94), 0.12),
        verdict="watch",
    )
    headroom = ("≈ 14 more turns like the last 20", "≈ 1 d 4 h at this rate")
    return (
        replace(limit("Claude 7d", week), headroom=headroom),
        limit("Claude 5h", five),
        limit("Codex 7d", codex_week),
        limit("Codex 5h", codex_five),
        limit("Budget day", budget()),
    )


def budget() -> Window:
    """A third of what one wants to spend today; some requests have no price."""
    return replace(
        window(BUDGET, "day", 1440, 12.84 / 35),
        account="",
        observed_at=NOW,
        resets_at=NOW + minutes(9 * 60 + 28),
        forecast=forecast((0.54, 0.66, 0.77), 0.01),
        verdict="safe",
        source="ledger",
        confidence="local_estimate",
        spent=Decimal("12.84"),
        allowance=Decimal(35),
        unpriced=12,
    )


def charts() -> tuple[Chart, ...]:
    """The five hours of a window, and the day in dollars."""
    start, end = NOW - minutes(152), NOW + minutes(148)
    points = tuple(
        (start + minutes(4 * step), 0.61 * (step / 38) ** 1.4 + 0.01 * (step % 5 > 2))
        for step in range(38)
    )
    five = Chart(
        "Claude 5h",
        "share",
        start,
        end,
        (*points, (NOW, 0.62)),
        1.0,
        (0.72, 0.80, 0.88),
    )
    midnight = NOW - minutes(60 * 14 + 32)
    dollars = tuple(
        (midnight + minutes(20 * step), 12.84 * max(0, step - 24) / 19)
        for step in range(44)
    )
    day = Chart(
        "today",
        "usd",
        midnight,
        midnight + minutes(1440),
        dollars,
        None,
        (15.0, 19.0, 27.0),
    )
    return (five, day)


def session(
    project: str, state: SessionState, since: float, pace: str, cost: str
) -> SessionRow:
    """A session that entered its state so many minutes ago."""
    return SessionRow(
        session_id=f"id-{project}",
        agent="claude",
        project=project,
        cwd=f"/code/{project}",
        branch="main",
        model="claude-opus-5-20261001",
        title="",
        state=state,
        state_since=NOW - minutes(since),
        cost_per_minute=Decimal(pace),
        tokens_per_minute=float(pace) * 20_000,
        spark=(0.0,) * 10,
        cost=Decimal(cost),
        unpriced_requests=0,
        requests=40,
        context_tokens=142_000,
        context_window=200_000,
        cache=None,
        subagents=0,
        doing="",
        started_at=NOW - minutes(90),
        last_at=NOW - minutes(since),
        explain=(
            f"session id-{project}, claude",
            "cost: 40 priced of 40 requests, each by its own time and model",
            "tokens: 1,204 input, 80,310 cache written, 2,410,005 cache read",
            "pace: requests of the last 10 m, divided by it",
        ),
    )


def sessions() -> tuple[SessionRow, ...]:
    """Two that burn, one that waits, four that idle."""
    api = replace(
        session("api", "burning", 12, "0.31", "6.02"),
        branch="feat/limits",
        title="Merge stale limit echoes",
        spark=(0.1, 0.2, 0.1, 0.3, 0.2, 0.5, 0.7, 0.6, 0.9, 1.0),
        cache=Cache(NOW + minutes(58), Decimal("0.88")),
        subagents=3,
        doing="Edit limits.py",
    )
    web = replace(
        session("web", "burning", 4, "0.11", "1.17"),
        model="claude-sonnet-5-20260801",
        title="Checkout flow",
        spark=(0.2, 0.2, 0.3, 0.2, 0.2, 0.3, 0.2, 0.3, 0.2, 0.2),
        context_tokens=61_000,
        cache=Cache(NOW + minutes(4), Decimal("0.31")),
        doing="Bash pytest -x",
    )
    infra = replace(
        session("infra", "waiting", 3, "0", "0.88"),
        agent="codex",
        branch="ent-108",
        model="gpt-5.6-sol",
        spark=(0.0, 0.0, 0.6, 0.9, 0.4, 0.2, 0.1, 0.0, 0.0, 0.0),
        context_tokens=38_000,
        context_window=258_000,
    )
    docs = replace(
        session("docs", "idle", 72, "0", "0.09"),
        model="claude-haiku-4-5-20251001",
        context_tokens=168_000,
        cache=Cache(NOW - minutes(12), Decimal("0.31")),
    )
    lab = replace(
        session("lab", "idle", 95, "0", "0"),
        model="acme-large-2",
        cost=None,
        unpriced_requests=12,
        context_window=None,
        context_tokens=21_000,
    )
    rest = (session("billing", "idle", 130, "0", "2.40"),)
    return (
        api,
        web,
        infra,
        docs,
        lab,
        *rest,
        session("site", "idle", 400, "0", "0.004"),
    )


def events() -> tuple[Event, ...]:
    """Newest first."""
    return (
        Event(
            NOW - minutes(4),
            "warning",
            "web repeats `pytest -x` 6× in 4 min at $0.11/min",
            "web",
        ),
        Event(
            NOW - minutes(30),
            "alarm",
            "Claude 7d: 71 % chance to run out before Thu 21:00 (was 44 % at 12:00)",
        ),
        Event(NOW - minutes(55), "note", "context compacted, 168 k → 31 k", "docs"),
        Event(NOW - minutes(1400), "note", "Claude 5h starts anew", ""),
    )


def commits() -> tuple[CommitEvent, ...]:
    """One that its session made."""
    return (
        CommitEvent(
            at=NOW - minutes(1),
            sha="a1b2c3d4e5f60718293a4b5c6d7e8f9012345678",
            subject="fix: merge stale limit echoes",
            cost=Decimal("3.18"),
            unpriced=0,
            grade="exact",
            repo="api",
            branch="feat/limits",
        ),
    )


def burn() -> Burn:
    """The pace of the last ten minutes."""
    return Burn(
        span=minutes(10),
        cost_per_minute=Decimal("0.42"),
        tokens_per_minute=8_100,
        cache_reads_per_minute=212_000,
        cost_today=Decimal("12.84"),
        unpriced_today=12,
        cache_read_share=0.96,
        cache_written_share=0.019,
        explain=("pace: 41 requests of the last 10 m, divided by it",),
    )


def snapshot() -> Snapshot:
    """Two agents at work on a Tuesday afternoon; the weekly limit will not last."""
    return Snapshot(
        now=NOW,
        zone=ZONE,
        answer="Claude 7d binds: out Thu 11–19 h · 5h safe until 17:00",
        answer_level="alarm",
        limits=limits(),
        missing=(),
        burn=burn(),
        charts=charts(),
        sessions=sessions(),
        spark_step=minutes(1),
        events=events(),
        health=Health(NOW - timedelta(seconds=0.4), watching=True),
        scan=None,
        places=(
            Place("claude", "~/.claude/projects", True, 214),
            Place("codex", "~/.codex/sessions", True, 61),
        ),
        prices="prices of 2026-11-10, shipped with burnmon",
        unpriced_models=("acme-large-2",),
        commits=commits(),
        totals=("52,118 lines seen", "9,204 requests kept, 3,911 duplicates dropped"),
    )


def idle() -> Snapshot:
    """Everything rests."""
    rested = tuple(
        replace(
            row,
            state="idle",
            state_since=NOW - minutes(60 + 7 * place),
            cost_per_minute=Decimal(0),
            subagents=0,
            spark=(0.0,) * 10,
        )
        for place, row in enumerate(sessions())
    )
    still = replace(
        burn(),
        cost_per_minute=Decimal(0),
        tokens_per_minute=0,
        cache_reads_per_minute=0,
    )
    return replace(
        snapshot(),
        answer="Nothing burns · Claude 5h safe until 17:00",
        answer_level="calm",
        sessions=rested,
        burn=still,
        limits=limits()[1:2],
    )


def one_session() -> Snapshot:
    """The first session of a person with one agent."""
    return replace(
        snapshot(),
        answer="Claude 5h safe until 17:00",
        answer_level="calm",
        sessions=sessions()[:1],
        limits=limits()[1:2],
        events=(),
        commits=(),
        unpriced_models=(),
        burn=replace(burn(), unpriced_today=0),
    )


def limit_reached() -> Snapshot:
    """The vendor refuses until the reset."""
    reached = replace(
        limits()[1].window,
        used=1.0,
        verdict="reached",
        forecast=None,
        binding=True,
        live=0.0,
    )
    flat = replace(charts()[0], points=((NOW - minutes(152), 0.1), (NOW, 1.0)))
    return replace(
        snapshot(),
        answer="Claude 5h is used up until 17:00, in 2:28",
        answer_level="alarm",
        limits=(limit("Claude 5h", reached), *limits()[2:]),
        charts=(replace(flat, band=None),),
    )


def unknown_limit() -> Snapshot:
    """Nothing states a limit: one window has expired, one agent never said."""
    expired = replace(
        window("codex", "primary", 300, None),
        confidence="unknown",
        reason="the last reading is older than the window",
    )
    why = (
        "source: codex, last stated 4 m ago; unknown",
        f"unknown: {expired.reason}",
    )
    return replace(
        snapshot(),
        answer="No limit is known · burning $0.42/min",
        answer_level="unknown",
        limits=(replace(limit("Codex 5h", expired), explain=why),),
        missing=(
            MissingLimit(
                "claude",
                "Claude",
                "its files state no limit",
                "burnmon connect claude",
            ),
        ),
        charts=(charts()[1],),
    )


def stale() -> Snapshot:
    """The feeder died a while ago."""
    return replace(
        snapshot(),
        health=Health(
            NOW - minutes(9),
            watching=False,
            failed_at=NOW - minutes(7),
            failure="ledger.sqlite: disk is full",
        ),
    )


def scanning() -> Snapshot:
    """The first scan of a long history is under way."""
    scan = Scan(1_204, 5_010, 1_204_000_000, 3_400_000_000, timedelta(seconds=12))
    return replace(snapshot(), scan=scan)


def empty() -> Snapshot:
    """A machine on which no agent has ever run."""
    return replace(
        snapshot(),
        answer="No session found",
        answer_level="unknown",
        limits=(),
        charts=(),
        sessions=(),
        events=(),
        health=Health(None, watching=True),
        places=(
            Place("claude", "~/.claude/projects", True, 0),
            Place("codex", "~/.codex/sessions", False, 0),
        ),
        unpriced_models=(),
    )


def spent(cost: str, requests: int = 10, unpriced: int = 0) -> Spent:
    """Money for some requests, each of a thousand tokens."""
    tokens = 1000 * requests
    return Spent(Decimal(cost), requests, unpriced, tokens, 1000 * unpriced)


def commit(at: float, subject: str, paid: Spent, **other: Any) -> CommitRow:
    """A commit made so many minutes ago by one session, unless said otherwise."""
    row = CommitRow(
        repo="/home/sam/code/api",
        sha=f"{int(at):07x}" + "0" * 33,
        subject=subject,
        committed_at=NOW - minutes(at),
        branch="main",
        author="",
        reference="",
        state="on_main",
        state_words="",
        grade="exact",
        agent_lines=96,
        added=100,
        removed=14,
        spent=paid,
        whole=paid,
    )
    row = replace(row, **other)
    if row.grade is None or row.evidence:
        return row
    return replace(row, evidence=(evidence(row),))


def evidence(row: CommitRow) -> Evidence:
    """Why a session is linked with a commit."""
    assert row.grade is not None
    return Evidence(
        agent="claude",
        session_id="5f2a77c0-1111-4000-8000-000000000001",
        title="Merge stale limit echoes",
        tier={"exact": "proof", "likely": "content", "possible": "possible"}[row.grade],
        grade=row.grade,
        confidence={"exact": 1.0, "likely": 0.97, "possible": 0.4}[row.grade],
        words=("git commit of the session printed the commit's name",),
        share=row.agent_share,
        spent=row.spent,
        whole=row.whole,
        lines=row.agent_lines,
    )


def day_commits() -> tuple[CommitRow, ...]:
    """One of each kind, by time."""
    web = {"repo": "/home/sam/code/web"}
    yesterday = {"of_day": False, "whole": spent("4.20", 44)}
    return (
        commit(1100, "feat: the day before", spent("0.400002", 3), **yesterday),
        commit(300, "refactor: ledger", spent("4.020001", 40), grade="likely"),
        commit(
            240,
            "feat: forecast band",
            spent("9.754", 80),
            reference="#398",
            state="reverted",
            state_words="reverted by 1a2b3c4",
        ),
        commit(130, "chore: release", Spent(), grade=None, agent_lines=0),
        commit(90, "fix: a guess", Spent(), grade="possible", **web),
        commit(60, "try: another ranker", spent("0", 12, 12), **web),
        commit(
            1,
            "fix: merge stale limit echoes",
            spent("3.183", 30),
            reference="#412",
            state="not_merged",
            branch="feat/limits",
        ),
    )


def rests() -> tuple[Rest, ...]:
    """One for each reason."""
    api, web, session = "/home/sam/code/api", "/home/sam/code/web", ("5f2a77c0",)
    files = ("limits.py", "take.py", "tests/test_limits.py")
    notes = "/home/sam/notes"
    return (
        Rest("uncommitted", api, "feat/limits", spent("4.011", 20), files, session),
        Rest("no_edits", web, "main", spent("3.2", 18), (), session),
        Rest("discarded", api, "main", spent("1.5049", 9), (), session),
        Rest("elsewhere", api, "main", spent("0.3", 2), (), session),
        Rest("no_repo", notes, "", spent("0.004", 5, 3), (), session),
    )


def groups_of(total: Spent) -> dict[str, tuple[Group, ...]]:
    """The day by branch and hour, in two groups each."""
    part = spent("12.5", 70)
    left = Spent(
        total.cost - part.cost,
        total.requests - part.requests,
        total.unpriced,
        total.tokens - part.tokens,
        total.unpriced_tokens,
    )
    named = {"branch": ("api main", ""), "hour": ("09:00", "14:00")}
    return {
        kind: (Group(one, part, 4, minutes(190)), Group(other, left, 0))
        for kind, (one, other) in named.items()
    }


def day(**other: Any) -> Day:
    """A Tuesday with every kind of commit, and money left in none."""
    found, left = day_commits(), rests()
    total = Spent()
    for part in [each.spent for each in found] + [each.spent for each in left]:
        total = total.plus(part)
    made = Day(
        day=NOW.date(),
        zone=ZONE,
        spent=total,
        commits=found,
        rests=left,
        groups=groups_of(total),
        edits=Asked(120, 5, 2),
        cache_read=0.961,
        notes=("web: a shallow clone, older commits cannot be seen",),
    )
    return replace(made, **other)


def empty_day() -> Day:
    """A Tuesday on which nothing happened."""
    return Day(NOW.date(), ZONE, Spent(), (), (), {}, Asked(), None)


def turn(number: int, cents: tuple[str, ...], **other: Any) -> Turn:
    """A turn of six minutes; ``cents``: what its parts cost, in dollars."""
    made = Turn(
        number=number,
        began_at=NOW - minutes(10 * (8 - number)),
        took=minutes(6),
        parts=Parts(*map(Decimal, cents)),
        subagents=Decimal(0),
        requests=20,
        unpriced=0,
        context=20_000 * number,
        model="claude-opus-5-20261001",
        calls=18,
    )
    return replace(made, **other)


def turns() -> tuple[Turn, ...]:
    """Seven turns with everything that may happen in one."""
    return (
        turn(0, ("0.104", "0", "0.21", "0.03", "0.05", "0")),
        turn(1, ("0.336", "0", "0.412", "0.1", "0.2", "0.01")),
        turn(2, ("0.41", "0", "0.0933", "0", "0.44", "0"), marks=("3 agents",)),
        turn(3, ("0.05", "1.7033", "0.06", "0", "0.12", "0"), marks=("cold",)),
        turn(
            4, ("0.3", "0", "0.001", "0", "0.002", "0"), marks=("refused", "compacted")
        ),
        turn(5, ("0", "0", "0.0001", "0", "0", "0"), took=timedelta(0), calls=0),
        turn(
            6, ("0.2", "1.4033", "0.04", "0.16", "0.5", "0"), marks=("cold", "switched")
        ),
    )


def causes() -> tuple[Cause, ...]:
    """Two that overlap."""
    at = NOW - minutes(50), NOW - minutes(20)
    cold = "the cache went cold 2 times, after pauses of 1 h 12 and 34 m"
    fanned = "3 sub-agents read the same files"
    return (
        Cause("cold_cache", Decimal("3.1066"), 2, cold, "go on sooner", *at, (3, 6)),
        Cause("fan_out", Decimal("0.4"), 1, fanned, "ask for fewer", *at, (2,)),
    )


def why(**other: Any) -> Why:
    """A session that burns since its cache went cold."""
    shown = turns()
    parts = Parts()
    for each in shown:
        parts = parts.plus(each.parts)
    made = Why(
        agent="claude",
        session_id="id-api",
        title="Merge stale limit echoes",
        project="/code/api",
        parts=parts,
        subagents=Decimal("0.4"),
        requests=140,
        unpriced=0,
        turns=shown,
        causes=causes(),
        cache_read=0.964,
        cache_rebuilt=0.019,
        zone=ZONE,
        edits=EditFigures((("Edit", 30, 31), ("Write", 12, 12)), 36, 40),
    )
    return replace(made, **other)


def why_nothing() -> Why:
    """A session that has asked for nothing yet."""
    nothing: dict[str, Any] = {"turns": (), "causes": (), "requests": 0}
    unknown: dict[str, Any] = {"cache_read": None, "cache_rebuilt": None}
    unknown |= {"edits": NO_EDITS}
    return why(parts=Parts(), subagents=Decimal(0), **nothing, **unknown)


def why_unpriced() -> Why:
    """A session whose model has no price."""
    free = ("0",) * 6
    one = turn(1, free, unpriced=20, unpriced_tokens=340_000)
    unknown: dict[str, Any] = {"unpriced": 20, "unpriced_tokens": 340_000}
    nothing = {"parts": Parts(), "subagents": Decimal(0), "causes": ()}
    return why(turns=(one,), requests=20, **nothing, **unknown)
