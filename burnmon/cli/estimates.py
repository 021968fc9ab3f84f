"""What the ledger's requests add to stated limits: live estimates, and one's budgets.

It asks for sums by the quarter of an hour, and for single requests only since the
readings that are still in force and the turns that the next ones are measured by, and
in quarters in which a share rose, so that a command stays quick.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import chain

from burnmon.config import Settings
from burnmon.live.tally import HORIZON, RECENT, Tally
from burnmon.records import Terms, Window
from burnmon.usage.adding import instant_of, ms
from burnmon.usage.exchange import Part, Spending
from burnmon.usage.headroom import (
    LIKE_TURNS,
    Learned,
    Owner,
    Work,
    begun,
    estimated,
    heard_of,
    is_shared,
    last_turns,
    learned,
    looked_back_to,
)
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.stretches import Series, Stretch

SINGLE = timedelta(hours=24)
"""A reading that is older is compared with sums by the quarter of an hour."""
SHORT = timedelta(hours=3)
"""The last turns that took longer together are added up by the quarter of an hour."""
QUARTER = timedelta(minutes=15)


def with_estimates(
    stated: Sequence[tuple[Window, Stretch]],
    known: Mapping[Series, Sequence[Stretch]],
    ledger: Ledger,
    prices: PriceTable,
    now: datetime,
) -> list[tuple[Window, Stretch]]:
    """The windows with what was spent since their readings."""
    if all(window.used is None for window, _ in stated):
        return list(stated)
    accounts = ledger.accounts(now - HORIZON)
    turns = begun(ledger.prompts(LIKE_TURNS, accounts, now - HORIZON, now), accounts)
    single_from = _single_from(stated, turns, now)
    apart = single_from, _with_rises(known, now - SINGLE, single_from)
    agents = {agent for agent, _, _, _ in known}
    spending = _spending(ledger, prices, accounts, agents, apart, now)
    past = learned(known, spending, turns, now) if spending else Learned()
    works = {
        owner: Work(
            each, _pace(each, now), heard_of(stated, owner), is_shared(stated, owner)
        )
        for owner, each in spending.items()
    }
    return [
        (
            estimated(
                window, stretch, past, works.get((window.agent, window.account)), now
            ),
            stretch,
        )
        for window, stretch in stated
    ]


def _single_from(
    stated: Iterable[tuple[Window, Stretch]],
    turns: Mapping[Owner, Sequence[datetime]],
    now: datetime,
) -> datetime:
    """From when on requests are told apart: from the oldest reading in force, and from
    the oldest turn that is looked at, if they are young enough for a quarter to matter.
    """
    looked = (looked_back_to([each], now) for each in stated)
    begun = (at for starts in turns.values() for at in last_turns(starts, now)[:1])
    since = min(
        [
            now - RECENT,
            *(at for at in looked if now - at <= SINGLE),
            *(at for at in begun if now - at <= SHORT),
        ]
    )
    return since - timedelta(seconds=since.timestamp() % QUARTER.total_seconds())


def _with_rises(
    known: Mapping[Series, Sequence[Stretch]], since: datetime, until: datetime
) -> set[int]:
    """Quarters of an hour in which a share rose: what was spent before that and what
    after is told apart, or rises that follow each other would teach nothing."""
    return {
        int(at.timestamp() // QUARTER.total_seconds())
        for past in known.values()
        for stretch in past
        for at, _ in stretch.steps()
        if since <= at < until
    }


def _pace(spending: Spending, now: datetime) -> float | None:
    """Dollars per minute lately."""
    spent = spending.between(now - RECENT, now)
    return None if spent is None else spent / (RECENT / timedelta(minutes=1))


def _spending(
    ledger: Ledger,
    prices: PriceTable,
    accounts: Mapping[str, str],
    agents: Collection[str],
    apart: tuple[datetime, Collection[int]],
    now: datetime,
) -> dict[Owner, Spending]:
    """What some agents spent by account, as far back as ``HORIZON``.

    ``apart``: requests are told apart since an instant, and in quarters before it.
    """
    since, parts = now - HORIZON, dict[Owner, list[Part]]()
    for agent, session, part in chain(
        _summed(ledger, prices, agents, since, apart),
        _single(ledger, prices, agents, apart, now),
    ):
        if session in accounts:
            parts.setdefault((agent, accounts[session]), []).append(part)
    return {owner: Spending(since, each) for owner, each in parts.items()}


def _summed(
    ledger: Ledger,
    prices: PriceTable,
    agents: Collection[str],
    since: datetime,
    apart: tuple[datetime, Collection[int]],
) -> Iterator[tuple[str, str, Part]]:
    """Agent, session and sums; they count as made when their quarter began."""
    cuts = prices.cuts(ledger.models())
    columns = ["agent", "session", "quarter"]
    until, without = apart
    for each in ledger.sums(columns, *cuts, since=since, until=until, agents=agents):
        agent, session, quarter = each.keys
        if quarter in without:
            continue
        at = quarter * QUARTER.total_seconds()
        rate = prices.rate(each.model, each.at, each.prompt, each.terms)
        if rate is None:
            yield agent, session, (at, 0.0, 0, each.requests)
        else:
            cost = float(rate.cost(each.usage, each.web_searches))
            yield agent, session, (at, cost, each.requests, 0)


def _single(
    ledger: Ledger,
    prices: PriceTable,
    agents: Collection[str],
    apart: tuple[datetime, Collection[int]],
    until: datetime,
) -> Iterator[tuple[str, str, Part]]:
    """Agent, session and each request by itself."""
    cuts = cache(lambda model: prices.cuts([model]))
    since, quarters = apart
    for of, requests in ledger.spent(since, until, quarters, agents):
        agent, model, speed, region, session = of[:5]
        sizes, changes = cuts(model)
        starts = [ms(each) for each in changes]
        known: dict[tuple[int, int], tuple[tuple[int, ...], int] | None] = {}
        for at, fresh, output, read, short, long, searches in requests:
            prompt = fresh + read + short + long
            place = bisect_left(sizes, prompt), bisect_right(starts, at)
            if place not in known:
                rate = prices.rate(model, instant_of(at), prompt, Terms(speed, region))
                known[place] = None if rate is None else rate.whole()
            priced = known[place]
            if priced is None:
                yield agent, session, (at / 1000, 0.0, 0, 1)
                continue
            (a, b, c, d, e, f), whole = priced
            # Written out, because this is done for each request of a day.
            spent = fresh * a + output * b + read * c + short * d + long * e
            yield agent, session, (at / 1000, (spent + searches * f) / whole, 1, 0)


def budgets(
    ledger: Ledger, settings: Settings, prices: PriceTable, now: datetime
) -> tuple[Window, ...]:
    """One's own budgets as they stand."""
    if not settings.budgets:
        return ()
    from burnmon.usage.budgets import budget_windows, since

    start = since(settings.budgets, now, settings.zone)
    cuts = prices.cuts(ledger.models())
    tally = Tally(prices)
    tally.load_projects(ledger.sums(["quarter", "project"], *cuts, since=start))
    return budget_windows(
        settings.budgets, tally.projects, settings.paths, settings.zone, now
    )
