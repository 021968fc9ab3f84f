"""Running sums: exact whatever the order, and gone when their time has passed."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sightings
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from burnmon.cli.estimates import _single
from burnmon.live.snapshot import Norm
from burnmon.live.spend import PICOS, Minutes, Spend
from burnmon.live.take import midnight
from burnmon.live.tally import RECENT, Tally
from burnmon.records import Request, Usage, identity
from burnmon.usage import pricing
from burnmon.usage.ledger import Change, Ledger
from burnmon.usage.pricing import PriceTable

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
PRICES = pricing.load()
OPUS, NAMELESS = "claude-opus-4-5", "somebody-elses-model"
COST = Decimal("0.0028")
"""What ``TOKENS`` cost on OPUS."""
AGENTS = ("claude", "codex")
TOKEN_NAMES = Usage.__struct_fields__
TOKENS = Usage(10, 50, 1000, 0, 100)


def request(
    key: int, at: datetime = NOW, session: str = "S1", **more: object
) -> Request:
    """A request with usual tokens, unless told otherwise."""
    made = Request(key, "claude", session, at, OPUS, TOKENS)
    return replace(made, **more)


def tally(*requests: Request) -> Tally:
    """Sums over these requests."""
    made = Tally(PRICES)
    made.load(requests)
    return made


def sums(of: Tally) -> dict[str, object]:
    """All sums that are not nothing."""
    nothing = asdict(Spend())

    def filled(spends: dict[int, Spend]) -> dict[int, object]:
        told = {place: asdict(spend) for place, spend in spends.items()}
        return {place: spend for place, spend in told.items() if spend != nothing}

    return {
        "minutes": filled(of.minutes),
        "hours": filled(of.hours),
        "projects": {
            name: filled(each) for name, each in of.projects.items() if filled(each)
        },
        "unpriced": {model: n for model, n in of.unpriced.items() if n},
        "sessions": {
            name: (
                asdict(each.total),
                list(each.minutes.since(0)),
                {model: n for model, n in each.models.items() if n},
            )
            for name, each in of.sessions.items()
            if each.total != Spend()
        },
        "recent": of.recent,
        "late": of.late,
    }


# --- what is counted -----------------------------------------------------------------

instants = st.builds(
    lambda seconds: NOW - timedelta(seconds=seconds), st.integers(-600, 20000)
)
usages = st.builds(Usage, *[st.integers(0, 3) for _ in range(5)])
versions = st.builds(
    lambda at, session, model, usage, incomplete, subagent: request(
        0,
        at,
        session,
        model=model,
        usage=usage,
        incomplete=incomplete,
        subagent=subagent,
    ),
    instants,
    st.sampled_from(["S1", "S2"]),
    st.sampled_from([OPUS, NAMELESS]),
    usages,
    st.booleans(),
    st.sampled_from(["", "a1"]),
)
histories = st.lists(
    st.tuples(st.lists(versions, min_size=1, max_size=3), st.booleans()), max_size=6
)
"""What became of each request: its versions, and whether it left in the end."""


def lives(found: Sequence[tuple[list[Request], bool]]) -> list[list[Request | None]]:
    """Each request as it was known over time, None before and after."""
    return [
        [None, *(replace(each, key=key) for each in known), *([None] if left else [])]
        for key, (known, left) in enumerate(found)
    ]


@settings(max_examples=60)
@given(histories, st.data())
def test_order_of_changes_leaves_no_trace(
    found: Sequence[tuple[list[Request], bool]], data: st.DataObject
) -> None:
    """Following changes in any order comes to what the final requests come to."""
    known = lives(found)
    turns = [key for key, life in enumerate(known) for _ in life[1:]]
    made, places = Tally(PRICES), [0] * len(known)
    for key in data.draw(st.permutations(turns)):
        old, new = known[key][places[key] : places[key] + 2]
        made.apply([Change(old, new)])
        places[key] += 1
    assert sums(made) == sums(tally(*(life[-1] for life in known if life[-1])))


def test_correction_replaces() -> None:
    """A request whose output grew counts once, with what it came to."""
    early = request(1, usage=replace(TOKENS, output=2), incomplete=True)
    made = tally(early)
    assert made.apply([Change(early, request(1))]) == {"S1"}
    assert sums(made) == sums(tally(request(1)))
    newest = made.sessions["S1"].newest
    assert newest
    assert newest.usage.output == 50


def test_removal_leaves_nothing() -> None:
    """A request that leaves the count leaves no dollar, token or rate behind."""
    made = tally(request(1), request(2, model=NAMELESS))
    made.apply([Change(request(1), None), Change(request(2, model=NAMELESS), None)])
    assert sums(made) == sums(tally())
    assert made.rates(NOW) == (Spend(), {})
    assert made.since(NOW - timedelta(days=1), NOW) == Spend()


def test_request_moves_to_the_session_that_paid() -> None:
    """A copy that turns out to be another session's counts there alone."""
    made = tally(request(1))
    assert made.apply([Change(request(1), request(1, session="S2"))]) == {"S1", "S2"}
    assert made.sessions["S1"].total == Spend()
    assert made.sessions["S2"].total.cost == COST


def test_unpriced_requests_count_apart() -> None:
    """A model without a price adds tokens and no dollar; alone it makes no sum."""
    made = tally(request(1), request(2, model=NAMELESS))
    total = made.sessions["S1"].total
    assert (total.cost, total.dollars, total.unpriced, total.requests) == (
        COST,
        COST,
        1,
        2,
    )
    assert total.output == 100
    assert made.unpriced == {NAMELESS: 1}
    assert tally(request(2, model=NAMELESS)).sessions["S1"].total.dollars is None
    assert tally().since(NOW, NOW).dollars == 0


# --- rates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "counts"),
    [
        pytest.param(timedelta(0), True, id="this instant"),
        pytest.param(RECENT - timedelta(milliseconds=1), True, id="just within"),
        pytest.param(RECENT, False, id="just out"),
        pytest.param(timedelta(hours=3), False, id="back-dated"),
        pytest.param(-timedelta(milliseconds=1), False, id="future-dated"),
        pytest.param(-timedelta(days=3), False, id="far in the future"),
    ],
)
def test_rate_takes_the_last_minutes(age: timedelta, counts: bool) -> None:
    """A request counts for the rate in the five minutes from its own instant on."""
    together, sessions = tally(request(1, NOW - age)).rates(NOW)
    assert together.requests == counts
    assert set(sessions) == ({"S1"} if counts else set())


def test_rate_falls_to_nothing() -> None:
    """When work stops the rate falls request by request, and ends at nothing."""
    made = tally(*(request(n, NOW - timedelta(minutes=n)) for n in range(5)))
    costs = [made.rates(NOW + timedelta(minutes=n))[0].cost for n in range(6)]
    assert costs == [COST * n for n in (5, 4, 3, 2, 1, 0)]
    assert made.recent == {}


def test_future_request_counts_when_its_time_comes() -> None:
    """A request dated ahead waits for its instant, then counts for five minutes."""
    made = tally(request(1, NOW + timedelta(minutes=2)))
    counts = [
        made.rates(NOW + timedelta(minutes=n))[0].requests for n in (0, 1, 2, 6, 7)
    ]
    assert counts == [0, 0, 1, 1, 0]


def test_sessions_share_the_rate() -> None:
    """The rate together is the sum of the sessions' rates."""
    made = tally(*(request(n, session=f"S{n % 3}") for n in range(7)))
    together, sessions = made.rates(NOW)
    assert together.cost == sum(each.cost for each in sessions.values()) == 7 * COST


def test_newest_request_is_the_sessions_own() -> None:
    """Context and cache are told by the session's newest request, not a sub-agent's."""
    late = NOW + timedelta(minutes=1)
    made = tally(request(1), request(2, late, subagent="a1"), request(3, late - RECENT))
    session = made.sessions["S1"]
    assert session.newest == request(1)
    assert session.subagents == {"a1": late}
    assert session.hour_cache_at == NOW


def test_held_requests_are_let_go() -> None:
    """What a reader compares with ends at the instant it asked for."""
    made = tally(request(1), request(2, NOW - timedelta(hours=1)))
    assert set(made.held(NOW - timedelta(minutes=30))) == {1}
    assert set(made.late) == {1}


costs = st.decimals(Decimal(0), Decimal(90), places=12) | st.none()


@given(st.lists(st.tuples(st.integers(0, 9), costs), max_size=40), st.data())
def test_minutes_are_exact(
    found: Sequence[tuple[int, Decimal | None]], data: st.DataObject
) -> None:
    """Minutes hold to the last digit what was put in, in any order, and nothing of
    what was taken out again."""
    left = data.draw(st.integers(0, len(found)))
    turns = [*((*each, 1) for each in found), *((*each, -1) for each in found[left:])]
    made = Minutes()
    for minute, cost, n in data.draw(st.permutations(turns)):
        made.add(minute, cost, n)
    told = {}
    for minute, picos, priced, unpriced in made.since(3):
        told[minute] = Decimal(picos) / Decimal(PICOS), priced, unpriced
    assert list(told) == sorted(told)
    for minute in range(10):
        here = [cost for at, cost in found[:left] if at == minute]
        known = [each for each in here if each is not None]
        right = sum(known, Decimal(0)), len(known), len(here) - len(known)
        expected = right if here and minute >= 3 else None
        assert told.get(minute) == expected


def test_absurd_dollars_are_kept() -> None:
    """Dollars beyond all reason end nothing."""
    made = Minutes()
    made.add(1, Decimal(10) ** 40, 1)
    made.add(1, Decimal(10) ** 40, -1)
    made.add(1, COST, 1)
    ((_, picos, priced, _),) = made.since(0)
    assert (Decimal(picos) / Decimal(PICOS), priced) == (COST, 1)


def test_minutes_of_days_ago_take_little_room() -> None:
    """A minute of a session costs some thirty bytes, not hundreds."""
    count = 20_000
    gc.collect()
    tracemalloc.start()
    try:
        made = Minutes()
        for minute in range(count):
            made.add(minute, COST, 1)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / count < 60


# --- the past, added up by the ledger ------------------------------------------------


@pytest.fixture(scope="session")
def tiered(tmp_path_factory: pytest.TempPathFactory) -> PriceTable:
    """Prices that change with the prompt, and in the middle of a minute."""
    return sightings.prices(tmp_path_factory.mktemp("prices"))


@settings(max_examples=150)
@given(
    sightings.files,
    st.sampled_from([0, 1, 10, 33, 40, 90]),
    st.sampled_from([0, 20, 30, 34, 60]),
)
def test_past_is_the_same_as_one_by_one(
    tiered: PriceTable, found: Any, since: int, late: int
) -> None:
    """Requests that the ledger adds up come to what each of them comes to alone."""
    start, end = (NOW - timedelta(minutes=each) for each in (since, late))
    with Ledger(None) as ledger:
        sightings.absorb(ledger, found)
        requests = ledger.requests(start)
        cuts = tiered.cuts(ledger.models())
        made = Tally(tiered)
        past = ledger.past(start, end, *cuts, made.put_minutes)
    whole = Tally(tiered)
    whole.load(requests)
    made.load_past(past)
    assert everything(made) == everything(whole)
    assert made.late == {each.key: each for each in requests if each.at >= end}
    assert made.recent.keys() == made.late.keys()


@settings(max_examples=30)
@given(sightings.files, st.sampled_from([10, 33, 90]), st.sampled_from([0, 20, 33]))
def test_spend_by_itself_is_that_of_requests(
    tiered: PriceTable, found: Any, since: int, late: int
) -> None:
    """What is asked for less of each request tells the same of it."""
    start, end = (NOW - timedelta(minutes=each) for each in (since, late))
    with Ledger(None) as ledger:
        sightings.absorb(ledger, found)
        requests = ledger.requests(start, end)
        spent = list(ledger.spent(start, end))
        single = list(_single(ledger, tiered, AGENTS, (start, ()), end))
        firsts = {name: ledger.first_at(name, start, end) for name in AGENTS}
    told = [(*of[:7], *each) for of, made in spent for each in made]
    assert sorted(told) == sorted(
        (
            *(each.agent, each.model, each.terms.speed, each.terms.region),
            *(each.session_id, each.subagent, each.project),
            round(each.at.timestamp() * 1000),
            *(getattr(each.usage, name) for name in TOKEN_NAMES),
            each.web_searches,
        )
        for each in requests
    )
    assert sorted(single) == sorted(
        (
            each.agent,
            each.session_id,
            (each.at.timestamp(), 0.0, 0, 1)
            if (cost := tiered.cost(each)) is None
            else (each.at.timestamp(), float(cost), 1, 0),
        )
        for each in requests
    )
    for name, first in firsts.items():
        made = [each.at for each in requests if each.agent == name]
        assert first == min(made, default=None)


@settings(max_examples=30)
@given(sightings.files, st.sampled_from([10, 33, 90]), st.sampled_from([*AGENTS]))
def test_spend_of_an_agent_and_of_single_quarters(
    found: Any, since: int, agent: str
) -> None:
    """Quarters before a span come with it, once; other agents are left out of both."""
    start = NOW - timedelta(minutes=since)
    with Ledger(None) as ledger:
        sightings.absorb(ledger, found)
        quarters = {int(each.at.timestamp()) // 900 for each in ledger.requests()}
        chosen = {each for each in quarters if each % 2}
        spent = list(ledger.spent(start, NOW, chosen, [agent]))
        requests = ledger.requests(until=NOW)
        sums = ledger.sums(["agent", "quarter"], [], [], agents=[agent])
        whole = ledger.sums(["agent", "quarter"], [], [])
    told = [(of[0], each[0]) for of, made in spent for each in made]
    assert sorted(told) == sorted(
        (each.agent, round(each.at.timestamp() * 1000))
        for each in requests
        if each.agent == agent
        and (each.at >= start or int(each.at.timestamp()) // 900 in chosen)
    )
    assert sums == [each for each in whole if each.keys[0] == agent]


def test_each_request_has_its_own_price(tiered: PriceTable) -> None:
    """Prompts at and above each size, before a price changes and from then on."""
    change = round(sightings.CHANGED.timestamp() * 1000)
    prompts = (39, 40, 41, 60, 61, 80, 81)
    told = [
        sightings.plain(100 * prompt + after, change - 1 + after, (prompt, 7, 0, 0, 0))
        for prompt in prompts
        for after in (0, 1)
    ]
    with Ledger(None) as ledger:
        sightings.absorb(ledger, [("claude", told)])
        requests = ledger.requests()
        since = NOW - timedelta(hours=1)
        single = list(_single(ledger, tiered, AGENTS, (since, ()), NOW))
    costs = sorted((each.at.timestamp(), tiered.cost(each)) for each in requests)
    assert len({cost for _, cost in costs}) == len(costs) == 14
    found = [(part[0], part[1]) for _, _, part in single]
    assert sorted(found) == [(at, float(cost or 0)) for at, cost in costs]


def test_last_write_of_a_minute_tells_the_hour_cache(tiered: PriceTable) -> None:
    """A request that writes to no cache does not prolong it, even in its minute."""
    at = round(NOW.timestamp() * 1000)
    writes, reads = (0, 1, 0, 0, 9), (0, 1, 9, 0, 0)
    told = [
        sightings.plain(key, at + n, tokens)
        for key, (n, tokens) in enumerate([(0, writes), (1, writes), (2, reads)])
    ]
    with Ledger(None) as ledger:
        sightings.absorb(ledger, [("claude", told)])
        span = NOW - RECENT, NOW + RECENT
        cuts = tiered.cuts(ledger.models())
        past = ledger.past(*span, *cuts, lambda *_: None)
    assert past.hour_caches == {"S1": NOW + timedelta(milliseconds=1)}


def everything(of: Tally) -> dict[str, object]:
    """``sums``, what sessions are told by, and models; not what is kept of the last."""
    told = {
        name: [each.newest, each.hour_cache_at, each.subagents]
        for name, each in of.sessions.items()
    }
    left = {"recent": 0, "late": 0}
    return {**sums(of), **left, "told": told, "models": of.models}


# --- spans and days ------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 3 * 86400), max_size=12),
    st.integers(0, 3 * 1440),
    st.integers(0, 3 * 86400),
)
def test_span_is_a_direct_sum(ages: list[int], start: int, end: int) -> None:
    """What was spent since a minute is the sum of the requests since then."""
    base = NOW - timedelta(days=3)
    requests = [
        request(key, base + timedelta(seconds=each)) for key, each in enumerate(ages)
    ]
    since, now = base + timedelta(minutes=start), base + timedelta(seconds=end)
    minute_after = now.replace(second=0) + timedelta(minutes=1)
    counted = [each for each in requests if since <= each.at < minute_after]
    spent = tally(*requests).since(since, now)
    assert (spent.cost, spent.requests) == (COST * len(counted), len(counted))


DAYS = [
    ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", 25),
    ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", 23),
    ("America/New_York", "2026-11-01T12:00", "2026-11-01T04:00", 25),
    ("America/New_York", "2026-03-08T12:00", "2026-03-08T05:00", 23),
    ("Asia/Kolkata", "2026-11-20T12:00", "2026-11-19T18:30", 24),
    ("Australia/Lord_Howe", "2026-04-05T00:30", "2026-04-04T13:00", 24.5),
    ("Australia/Lord_Howe", "2026-10-04T00:30", "2026-10-03T13:30", 23.5),
    ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", 23),
    ("America/Havana", "2026-11-01T12:00", "2026-11-01T04:00", 25),
    ("UTC", "2026-11-20T00:00", "2026-11-20T00:00", 24),
]


@pytest.mark.parametrize(("zone", "now", "start", "hours"), DAYS)
def test_day_begins_at_local_midnight(
    zone: str, now: str, start: str, hours: float
) -> None:
    """A day begins at local midnight, also where clocks change on it."""
    began = datetime.fromisoformat(start).replace(tzinfo=UTC)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert midnight(at, zone) == began
    ends = began + timedelta(hours=hours)
    last = ends - timedelta(seconds=1)
    assert midnight(last, zone) == began
    assert midnight(ends, zone) == ends
    assert ends.astimezone(ZoneInfo(zone)).hour in (0, 1)


@pytest.mark.parametrize(("zone", "now", "start", "hours"), DAYS)
def test_day_sums_its_own_requests(
    zone: str, now: str, start: str, hours: float
) -> None:
    """Each request counts on one day: none is lost or doubled where clocks change."""
    began = datetime.fromisoformat(start).replace(tzinfo=UTC)
    minutes = range(-90, int(hours * 60) + 90, 30)
    made = tally(*(request(n, began + timedelta(minutes=n)) for n in minutes))
    last = began + timedelta(hours=hours, seconds=-1)
    assert made.since(midnight(last, zone), last).requests == hours * 2


def test_context_leaves_with_the_request_that_told_it() -> None:
    """A request found to belong to another session takes its context along."""
    told = request(1)
    made = tally(told)
    made.apply([Change(told, replace(told, session_id="S2"))])
    assert made.sessions["S1"].newest is None
    assert made.sessions["S2"].newest == replace(told, session_id="S2")


# --- what is usual -------------------------------------------------------------------


def history(*days: int, spans: int = 16, session: str = "S1") -> list[Request]:
    """Requests of five-minute spans on some days: the n-th span has n of them."""
    start = NOW.replace(hour=8, minute=0)
    return [
        request(
            identity(day, span, each, session),
            start - timedelta(days=day) + timedelta(minutes=5 * span, seconds=each),
            session,
        )
        for day in days
        for span in range(spans)
        for each in range(span + 1)
    ]


def test_norm_is_what_most_spans_stay_below() -> None:
    """The norm is the pace that nine in ten active spans of a week do not pass."""
    norm = tally(*history(1, 2, 3, 4)).norm(NOW)
    assert norm == Norm(15 * COST / 5, 15 * COST / 5)


def test_norm_of_sessions_is_apart() -> None:
    """Two sessions at once make a busy person of two that are not."""
    both = [*history(1, 2, 3, 4), *history(1, 2, 3, 4, session="S2")]
    assert tally(*both).norm(NOW) == Norm(30 * COST / 5, 15 * COST / 5)


@pytest.mark.parametrize(
    "requests",
    [
        [],
        history(1, 2, spans=40),
        history(1, 2, 3, spans=15),
        history(8, 9, 10, 11),
        history(0, spans=31),
    ],
    ids=["nothing", "two days", "few spans", "long ago", "today"],
)
def test_no_norm_without_history(requests: list[Request]) -> None:
    """Too few days or spans say nothing of what is usual."""
    assert tally(*requests).norm(NOW) is None


def test_present_is_not_its_own_norm() -> None:
    """What burns in this hour changes nothing of what it is measured by."""
    now = [request(key, NOW - timedelta(minutes=key % 50)) for key in range(500)]
    past = history(1, 2, 3, 4)
    assert tally(*past, *now).norm(NOW) == tally(*past).norm(NOW)


def test_unpriced_requests_are_no_norm() -> None:
    """Spans in which nothing has a price do not make the others dearer or cheaper."""
    past = history(1, 2, 3, 4)
    more = [
        replace(each, key=each.key + 1, model=NAMELESS, at=each.at - timedelta(hours=5))
        for each in past
    ]
    assert tally(*past, *more).norm(NOW) == tally(*past).norm(NOW)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2)), max_size=25))
def test_rates_that_are_kept_up_equal_those_added_up(
    steps: list[tuple[int, int]],
) -> None:
    """Whatever comes and goes and whenever it is asked, the sum is that of the span."""
    kept, held = tally(), dict[int, Request]()
    for number, (age, session) in enumerate(steps):
        now = NOW + timedelta(seconds=20 * number)
        made = request(number % 9, now - timedelta(seconds=age - 60), f"S{session}")
        kept.apply([Change(held.get(made.key), made)])
        held[made.key] = made
        together, sessions = kept.rates(now)
        fresh, by_session = tally(*held.values()).rates(now)
        assert (together, dict(sessions)) == (fresh, dict(by_session))


@given(st.lists(st.tuples(st.integers(-200, 5000), st.integers(0, 300)), max_size=25))
def test_sum_that_is_kept_up_equals_the_one_added_up(
    steps: list[tuple[int, int]],
) -> None:
    """Also where a request moves, and where its clock is ahead of ours."""
    kept, held = tally(), dict[int, Request]()
    start, now = NOW - timedelta(minutes=60), NOW
    for number, (age, passed) in enumerate(steps):
        now += timedelta(seconds=passed)
        made = request(number % 7, now - timedelta(seconds=age))
        kept.apply([Change(held.get(made.key), made)])
        held[made.key] = made
        assert kept.kept_since(start, now) == kept.since(start, now)
    other = start + timedelta(minutes=7)
    assert kept.kept_since(other, now) == kept.since(other, now)
