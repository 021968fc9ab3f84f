"""The snapshot: states, sums, words and charts, from facts at one instant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from burnmon.live.session_rows import MOST_SESSIONS, WAITS
from burnmon.live.snapshot import SHOWN, Chart, Health, SessionRow, Snapshot
from burnmon.live.take import MOST_EVENTS, Known, take
from burnmon.live.tally import Tally
from burnmon.records import Alive, LimitReading, Mark, Request, Session, Terms, Usage
from burnmon.usage import pricing
from burnmon.usage.stretches import stretches

NOW = datetime(2026, 11, 20, 10, 31, 7, tzinfo=UTC)
PRICES = pricing.load()
OPUS, NAMELESS = "claude-opus-4-5", "somebody-elses-model"
COST = Decimal("0.0028")
"""What ``TOKENS`` cost on OPUS."""
TOKENS = Usage(10, 50, 1000, 0, 100)


def ago(minutes: float) -> datetime:
    """An instant so many minutes before now."""
    return NOW - timedelta(minutes=minutes)


def request(key: int, minutes: float = 1, **more: object) -> Request:
    """A request of some minutes ago, with usual tokens unless told otherwise."""
    made = Request(key, "claude", "S1", ago(minutes), OPUS, TOKENS)
    return replace(made, **more)


def session(name: str = "S1", minutes: float = 1, **more: object) -> Session:
    """A session whose agent has the move since some minutes ago."""
    made = Session(
        "claude",
        name,
        project="/home/dev/api",
        branch="main",
        started_at=ago(60),
        last_at=ago(minutes),
        doing="Edit limits.py",
        doing_at=ago(minutes),
        turn="agent",
    )
    return replace(made, **more)


def alive(status: str, minutes: float) -> dict[str, Alive]:
    """The registry, with a line for S1."""
    return {"S1": Alive("claude", "S1", status, ago(minutes))}


def reading(
    used: float, minutes: float = 10, left: float = 120, **more: object
) -> LimitReading:
    """A reading of Claude's five-hour window, unless told otherwise."""
    made = LimitReading(
        "claude",
        "",
        "five_hour",
        300,
        used,
        NOW + timedelta(minutes=left),
        ago(minutes),
        "statusline",
    )
    return replace(made, **more)


def known(
    sessions: Sequence[Session] = (),
    readings: Sequence[LimitReading] = (),
    **more: object,
) -> Known:
    """What a snapshot is taken from, with nothing but this in it."""
    made = Known(
        {each.session_id: each for each in sessions},
        stretches(readings),
        {},
        (),
        Health(None, watching=True),
        None,
        (),
        "UTC",
    )
    return replace(made, **more)


def taken(
    sessions: Sequence[Session] = (),
    requests: Sequence[Request] = (),
    readings: Sequence[LimitReading] = (),
    **more: object,
) -> Snapshot:
    """The snapshot of now."""
    tally = Tally(PRICES)
    tally.load(requests)
    return take(known(sessions, readings, **more), tally, NOW)


def row(
    given: Session | None = None,
    requests: Sequence[Request] = (),
    alive: Mapping[str, Alive] | None = None,
) -> SessionRow:
    """The row of one session."""
    (found,) = taken([given or session()], requests, alive=alive or {}).sessions
    return found


# --- states --------------------------------------------------------------------------

HALF_AN_HOUR = WAITS / timedelta(minutes=1)


@pytest.mark.parametrize(
    ("given", "status", "state"),
    [
        pytest.param(session(), None, "burning", id="the agent works"),
        pytest.param(session(minutes=6), None, "idle", id="silence"),
        pytest.param(session(turn="person"), None, "waiting", id="the turn ended"),
        pytest.param(
            session(turn="person", minutes=HALF_AN_HOUR + 1),
            None,
            "idle",
            id="nobody came",
        ),
        pytest.param(session(turn=""), None, "burning", id="nobody says whose move"),
        pytest.param(session(minutes=-2), None, "burning", id="a clock ahead"),
        pytest.param(session(minutes=-2000), None, "idle", id="a clock far ahead"),
        pytest.param(session(minutes=40), ("busy", 41), "burning", id="a long command"),
        pytest.param(session(), ("waiting", 1), "waiting", id="it asks for leave"),
        pytest.param(session(), ("needs_input", 1), "waiting", id="it asks a question"),
        pytest.param(session(), ("idle", 0.5), "waiting", id="interrupted"),
        pytest.param(session(minutes=50), ("idle", 45), "idle", id="left alone"),
        pytest.param(
            session(turn="person"), ("busy", 0.5), "burning", id="a hidden call"
        ),
        pytest.param(
            session(turn="person"), ("busy", 9), "waiting", id="an old busy line"
        ),
        pytest.param(session(), ("idle", 9), "burning", id="an old idle line"),
        pytest.param(session(), ("dreaming", 0), "burning", id="an unknown word"),
    ],
)
def test_state(given: Session, status: tuple[str, float] | None, state: str) -> None:
    """Lines and registry together tell whose move it is."""
    assert row(given, alive=alive(*status) if status else {}).state == state


def test_state_since() -> None:
    """A state lasts since the line, or the registry's line, that brought it."""
    ended = session(turn="person", minutes=3)
    assert row(ended).state_since == ago(3)
    assert row(ended, alive=alive("waiting", 2)).state_since == ago(2)
    assert row(session(minutes=9)).state_since == ago(9)


def test_registry_speaks_for_its_own_session() -> None:
    """A line of another session's process changes nothing."""
    other = {"S2": Alive("claude", "S2", "busy", NOW)}
    assert row(session(minutes=9), alive=other).state == "idle"


def test_requests_keep_a_session_burning() -> None:
    """A session whose requests still arrive burns, even where its turn ended."""
    silent = session(minutes=20)
    assert row(silent, [request(1, 2)]).state == "burning"
    ended = session(turn="person", minutes=10)
    assert row(ended, [request(1, 10)]).state == "waiting"
    assert row(ended, [request(1, 2, subagent="a1")]).state == "burning"
    assert row(ended, [request(1, 11, subagent="a1")]).state == "waiting"


def test_sessions_are_in_order_of_need() -> None:
    """Burning ones come first, the dearest before others, then who waits, then idle."""
    sessions = [
        session("idle", 100),
        session("waiting", turn="person"),
        session("cheap"),
        session("dear"),
    ]
    requests = [request(1, session_id="dear"), request(2, session_id="dear")]
    requests.append(request(3, session_id="cheap"))
    rows = taken(sessions, requests).sessions
    assert [each.session_id for each in rows] == ["dear", "cheap", "waiting", "idle"]


def test_sessions_of_a_day_are_shown() -> None:
    """A session without a line for a day is left out, and one without any line."""
    day = SHOWN / timedelta(minutes=1)
    sessions = [
        session("A", day - 1),
        session("B", day + 1),
        session("C", last_at=None, doing_at=None),
    ]
    assert [each.session_id for each in taken(sessions).sessions] == ["A"]
    many = [session(f"S{n:04}") for n in range(MOST_SESSIONS + 5)]
    assert len(taken(many).sessions) == MOST_SESSIONS


# --- a session's figures -------------------------------------------------------------


def test_subagents_are_folded_and_counted() -> None:
    """Sub-agents add to the cost; those of the last minutes are counted."""
    found = row(
        requests=[
            request(1),
            request(2, subagent="a1"),
            request(3, subagent="a2"),
            request(4, 2, subagent="a2"),
            request(5, 9, subagent="a3"),
        ]
    )
    assert (found.cost, found.subagents) == (5 * COST, 2)
    assert found.cost_per_minute == 4 * COST / 5


def test_context_is_the_newest_own_prompt() -> None:
    """The context is what the session's own newest request carried."""
    big = Usage(input=1, cache_read=70_000, cache_write_5m=9)
    requests = [request(1, 2), request(2, 1, usage=big), request(3, 0, subagent="a1")]
    found = row(session(context_window=200_000), requests)
    assert (found.context_tokens, found.context_window) == (70_010, 200_000)
    assert row().context_tokens is None


WRITES = {
    "five minutes": (Usage(cache_read=900_000, cache_write_5m=100_000), 5, "5.75"),
    "one hour": (Usage(cache_read=900_000, cache_write_1h=100_000), 60, "9.50"),
}


@pytest.mark.parametrize(("usage", "minutes", "price"), WRITES.values(), ids=WRITES)
def test_cache_lives_and_is_dear_to_rebuild(
    usage: Usage, minutes: int, price: str
) -> None:
    """A cold cache costs the difference between writing it and reading it."""
    cache = row(requests=[request(1, 2, usage=usage)]).cache
    assert cache
    assert cache.warm_until == ago(2) + timedelta(minutes=minutes)
    assert cache.rebuild_cost == Decimal(price)


def test_hour_cache_lives_on_by_being_read() -> None:
    """A request that only reads renews the hour's cache, a late one the short one."""
    reads = Usage(cache_read=1000)
    writes = request(1, 50)
    renewed = row(requests=[writes, request(2, 2, usage=reads)]).cache
    assert renewed
    assert renewed.warm_until == ago(2) + timedelta(hours=1)
    later = row(requests=[request(1, 90), request(2, 2, usage=reads)]).cache
    assert later
    assert later.warm_until == ago(2) + timedelta(minutes=5)


def test_cache_is_told_where_it_is_known() -> None:
    """Without a cached token, or for another agent, nothing is said of a cache."""
    assert row().cache is None
    assert row(requests=[request(1, usage=Usage(input=5))]).cache is None
    codex = session(agent="codex")
    assert row(codex, [request(1, agent="codex")]).cache is None
    nameless = row(requests=[request(1, model=NAMELESS)]).cache
    assert nameless
    assert nameless.rebuild_cost is None


def test_unpriced_requests_are_told() -> None:
    """A model without a price is named and counted; its dollars are unknown, not 0."""
    snapshot = taken([session()], [request(1, model=NAMELESS)])
    (found,) = snapshot.sessions
    assert (found.cost, found.cost_per_minute, found.unpriced_requests) == (
        None,
        None,
        1,
    )
    assert any("unpriced: 1 requests" in line for line in found.explain)
    assert snapshot.unpriced_models == (NAMELESS,)
    assert (snapshot.burn.cost_today, snapshot.burn.unpriced_today) == (None, 1)
    both = row(requests=[request(1), request(2, model=NAMELESS)])
    assert (both.cost, both.unpriced_requests) == (COST, 1)


def test_explanations_name_what_is_uncertain() -> None:
    """A lower bound and the agent's own total are told where a row explains itself."""
    lines = " ".join(
        row(session(stated_cost=Decimal("1.50")), [request(1, incomplete=True)]).explain
    )
    assert "output of 1 requests is a lower bound" in lines
    assert "the agent's own total: $1.50" in lines


def test_spark_ends_now() -> None:
    """The last step of a session's spark holds the present minute, in dollars."""
    spark = row(requests=[request(1, 0), request(2, 3), request(3, 29)]).spark
    assert [round(each / float(COST)) for each in (spark[-1], spark[-2], spark[0])] == [
        1,
        1,
        1,
    ]
    assert sum(spark) == pytest.approx(float(3 * COST))


def test_burn_is_of_all_sessions() -> None:
    """The pace adds up all sessions; today ends at local midnight."""
    requests = [
        request(1),
        request(2, session_id="gone"),
        request(3, 8 * 60),
        request(4, 11 * 60),
    ]
    burn = taken([session()], requests).burn
    assert burn.cost_per_minute == 2 * COST / 5
    assert burn.cost_today == 3 * COST
    berlin = taken([session()], requests, zone="America/New_York").burn
    assert berlin.cost_today == 2 * COST
    assert burn.cache_read_share == pytest.approx(1000 / 1110)
    assert burn.cache_written_share == pytest.approx(100 / 1110)
    assert burn.tokens_per_minute == pytest.approx(2 * 160 / 5)
    nothing = taken().burn
    assert nothing.cost_per_minute == nothing.cost_today == Decimal(0)
    assert nothing.cache_read_share is None


# --- limits and the answer -----------------------------------------------------------

RISING = [reading(0.08 * n, 60 - 5 * n) for n in range(12)]


@pytest.mark.parametrize(
    ("readings", "answer", "level"),
    [
        pytest.param([reading(0.2)], "Claude 5h safe until 12:31", "calm", id="safe"),
        pytest.param(
            [reading(0.4, 100), reading(0.57, 1)],
            r"Claude 5h \d+ % likely to run out before 12:31",
            "attention",
            id="watch",
        ),
        pytest.param(
            RISING, r"Claude 5h runs out \d\d:\d\d–\d\d:\d\d", "alarm", id="runs out"
        ),
        pytest.param(
            [reading(1.0, 1)],
            "Claude 5h reached, resets 12:31",
            "alarm",
            id="reached",
        ),
        pytest.param(
            [reading(0.02, 1, 299)],
            "Claude 5h safe until 15:30",
            "calm",
            id="just begun",
        ),
        pytest.param(
            [reading(0.4, 100, -1)],
            "Claude 5h unknown: reset since the last reading",
            "unknown",
            id="expired",
        ),
    ],
)
def test_answer(readings: list[LimitReading], answer: str, level: str) -> None:
    """The first line says of the window what its verdict means, and as loudly."""
    snapshot = taken([session()], [request(1)], readings)
    assert re.fullmatch(rf"{answer} · 1 burning at \$0\.0006/min", snapshot.answer)
    assert snapshot.answer_level == level


def test_answer_without_limits() -> None:
    """Without a limit the answer says so, and that nothing burns where nothing does."""
    assert taken().answer == "nothing is burning"
    assert taken().answer_level == "unknown"
    assert taken(readings=[reading(0.4, 100, -1)]).answer == "nothing is burning"
    other = session(agent="other", minutes=20)
    assert taken([other]).answer == "no limit stated"
    quiet = taken([session(minutes=20)])
    assert quiet.answer == "Claude limits unknown"


def test_loudest_window_is_said_first() -> None:
    """A window that is reached is said before one that is safe, of whatever agent."""
    codex = reading(1.0, agent="codex", kind="primary")
    answer = taken([session(minutes=20)], readings=[reading(0.2), codex]).answer
    assert answer.startswith("Codex 5h reached, resets 12:31 · Claude 5h safe")


def test_missing_limits_come_with_the_remedy() -> None:
    """An agent that works while no limit of it is known is named, with what helps."""
    sessions = [session(), session("C", agent="codex"), session("X", agent="other")]
    missing = taken(sessions).missing
    assert [(each.label, each.remedy) for each in missing] == [
        ("Claude", "burnmon setup"),
        ("Codex", "burnmon doctor"),
    ]
    assert all(each.reason for each in missing)
    stated = taken(sessions, readings=[reading(0.2)]).missing
    assert [each.agent for each in stated] == ["codex"]
    assert taken().missing == ()


def test_limit_explains_itself() -> None:
    """A window's row tells source, age, forecast and what its verdict means."""
    (limit,) = taken(readings=[reading(0.2)]).limits
    words = " ".join(limit.explain)
    for part in ("source: statusline", "10 m ago", "official", "forecast", "verdict"):
        assert part in words
    assert limit.label == "Claude 5h"
    assert limit.elapsed == pytest.approx(0.6)


def test_long_expired_windows_are_forgotten() -> None:
    """A window that reset is unknown for two weeks, then it is not shown."""
    day = 24 * 60
    (recent,) = taken(readings=[reading(0.4, day, 60 - day)]).limits
    assert recent.window.used is None
    assert any("unknown: reset since" in line for line in recent.explain)
    assert taken(readings=[reading(0.4, 15 * day, 60 - 15 * day)]).limits == ()


# --- events --------------------------------------------------------------------------


def mark(kind: str, minutes: float = 1, detail: str = "", name: str = "S1") -> Mark:
    """Something that happened in a session."""
    return Mark("claude", name, ago(minutes), kind, detail)  # type: ignore[arg-type]  # one of its words


def test_events_are_told_newest_first() -> None:
    """What happened in the last day is told once, with where and how bad it is."""
    marks = (
        mark("compacted", 30, "171656"),
        mark("limit", 20, "five_hour"),
        mark("refused", 10),
        mark("retry", 5),
        mark("prompt", 4),
        mark("limit", 60 * 25),
        mark("limit", -5),
        mark("limit", 2, name="unknown"),
    )
    events = taken([session()], marks=marks).events
    assert [(each.level, each.text, each.project) for each in events] == [
        ("alarm", "refused: limit reached", ""),
        ("warning", "answer refused, another model took over", "api"),
        ("alarm", "refused: limit reached (five hour)", "api"),
        ("note", "context compacted at 172 k tokens", "api"),
        ("note", "session started on main", "api"),
    ]
    many = tuple(mark("limit", n / 10) for n in range(MOST_EVENTS + 9))
    assert len(taken(marks=many).events) == MOST_EVENTS


# --- charts --------------------------------------------------------------------------


def dollars(requests: Sequence[Request], now: datetime = NOW) -> list[Chart]:
    """The charts of dollars by span."""
    tally = Tally(PRICES)
    tally.load(requests)
    return [each for each in take(known(), tally, now).charts if each.unit == "usd"]


@pytest.mark.parametrize("second", [0, 7, 59])
@pytest.mark.parametrize("minute", [0, 31, 59])
def test_dollar_charts_add_up(minute: int, second: int) -> None:
    """Charts rise from nothing to what their span cost, and end now."""
    now = NOW.replace(minute=minute, second=second)
    chance = Random(7)
    requests = [
        request(n, at=now - timedelta(seconds=chance.randrange(9 * 86400)))
        for n in range(500)
    ] + [request(1000 + n, at=now - timedelta(minutes=n)) for n in range(9)]
    for chart, size in zip(dollars(requests, now), (60, 60, 60, 3600), strict=True):
        instants = [at for at, _ in chart.points]
        amounts = [amount for _, amount in chart.points]
        assert instants == sorted(instants)
        assert (instants[0], instants[-1]) == (chart.starts_at, now)
        assert amounts == sorted(amounts)
        assert amounts[0] == 0
        # What is older than the oldest whole step has left the span.
        first = (int(chart.starts_at.timestamp()) // size + 1) * size
        inside = sum(first <= each.at.timestamp() for each in requests)
        assert amounts[-1] == pytest.approx(float(COST * inside))
        assert chart.ends_at == now


def test_default_chart_is_of_the_threatened_account() -> None:
    """The chart of the account most likely to run out comes first, then the spans."""
    codex = [replace(each, agent="codex", kind="primary") for each in RISING]
    found = taken(readings=[reading(0.2), *codex]).charts
    titles = ["Codex 5h", "Claude 5h", "last 5 h", "last hour", "last 24 h", "last 7 d"]
    assert [each.title for each in found] == titles


def test_share_chart_ends_at_the_present_use() -> None:
    """A window's chart rises from its start to what is used now, towards its band."""
    early = reading(0.01, 400)
    chart = taken(readings=[early, *RISING]).charts[0]
    shares = [share for _, share in chart.points]
    assert chart.points[0] == (chart.starts_at, 0.0)
    assert chart.points[-1] == (NOW, 0.88)
    assert shares == sorted(shares)
    assert [at for at, _ in chart.points] == sorted(at for at, _ in chart.points)
    assert (chart.limit, chart.ends_at) == (1.0, NOW + timedelta(minutes=120))
    assert chart.band
    assert chart.band[0] >= 0.55


def test_unknown_window_has_no_chart() -> None:
    """A window whose reading expired is not drawn."""
    assert [each.unit for each in taken(readings=[reading(0.4, 100, -1)]).charts] == [
        "usd"
    ] * 4


# --- text and order ------------------------------------------------------------------

FOUL = "a\x1b[31mb\x1b]0;owned\x07\n\r\tc\u202ed\u2066e\x9bmf\u200b\x00\ud800g"


def strings(value: object) -> Iterator[str]:
    """Every text inside a snapshot."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from strings(getattr(value, name))


def test_text_from_files_is_plain() -> None:
    """No escape, control, line end or direction override of a file reaches a screen."""
    given = session(
        FOUL,
        project=f"/home/{FOUL}/{FOUL}",
        branch=FOUL,
        title=FOUL,
        model=FOUL,
        doing=FOUL,
        stated_cost=Decimal(1),
    )
    snapshot = taken(
        [given],
        [request(1, session_id=FOUL, model=FOUL)],
        [reading(0.2, account=FOUL, kind=FOUL)],
        marks=(mark("limit", 1, FOUL, FOUL),),
    )
    told = list(strings(snapshot))
    assert sum("a" in each for each in told) > 9
    for each in told:
        assert each.isprintable() or not {
            unicodedata.category(char) for char in each
        } & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_order_of_inputs_leaves_no_trace() -> None:
    """Sessions, requests, readings and marks may come in any order."""
    sessions = [session(f"S{n}", n % 3) for n in range(8)]
    requests = [request(n, n % 4, session_id=f"S{n % 8}") for n in range(30)]
    requests += [request(30 + n, n, model=NAMELESS) for n in range(3)]
    readings = [
        replace(each, kind=kind, account=account)
        for each in RISING
        for kind in ("five_hour", "seven_day")
        for account in ("", "work")
    ]
    marks = [mark("limit", 1, detail, f"S{n}") for n in range(4) for detail in "ab"]
    first = taken(sessions, requests, readings, marks=tuple(marks))
    for seed in range(5):
        chance = Random(seed)
        for each in (sessions, requests, readings, marks):
            chance.shuffle(each)
        again = taken(sessions, requests, readings, marks=tuple(marks))
        assert _equal(again) == _equal(first)


def _equal(snapshot: Snapshot) -> object:
    """A snapshot as a value that compares by what it holds."""
    return msgspec.to_builtins(snapshot)


def test_terms_decide_what_a_cold_cache_costs() -> None:
    """A request in the fast mode would rebuild its cache at that mode's price."""
    usage = Usage(cache_read=1_000_000)
    fast = request(1, usage=usage, model="claude-opus-4-8", terms=Terms("fast"))
    usual = replace(fast, terms=Terms())
    dear, cheap = row(requests=[fast]).cache, row(requests=[usual]).cache
    assert dear
    assert cheap
    assert dear.rebuild_cost
    assert cheap.rebuild_cost
    assert dear.rebuild_cost > cheap.rebuild_cost
