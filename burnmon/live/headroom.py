"""What the tally says of the limits: the spend of each account, and what if.

Pure. The estimates themselves are made in ``usage.headroom``, for commands too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from burnmon import text
from burnmon.live.kept import Kept
from burnmon.live.spend import PICOS, Minutes, Spend
from burnmon.live.tally import MINUTE, RECENT, Tally
from burnmon.records import Mark, Request, Session, Window
from burnmon.usage.exchange import Part, Spending
from burnmon.usage.headroom import (
    Learned,
    Owner,
    Work,
    begun,
    estimated,
    extra_words,
    headroom_words,
    heard_of,
    is_shared,
    learned,
    live_words,
    looked_back_to,
)
from burnmon.usage.stretches import Series, Stretch

SPENDING = timedelta(seconds=5)
"""Spend since the readings is added up at most so often: it goes through days."""
MOST_MODELS = 3
"""Other models that a session is priced with, those of most requests first."""
NOTHING = 1e-9
"""Dollars per minute that a rounding may leave of nothing."""


class Accounts(Struct, frozen=True):
    """What the sessions of each account spent, at one ``now``."""

    tally: Tally
    sessions: Mapping[str, Session]
    since: datetime
    """How far back the tally is whole."""
    now: datetime

    def spending(self, since: datetime) -> dict[Owner, Spending]:
        """Spend from an instant on; a minute's counts as made when it began."""
        since = max(since, self.since)
        first = int(since.timestamp()) // MINUTE
        spent: dict[Owner, Minutes] = {}
        for session in self.sessions.values():
            mine = spent.setdefault(_owner(session), Minutes())
            sums = self.tally.sessions.get(session.session_id)
            if sums is not None and (session.last_at or since) >= since:
                mine.take(sums.minutes, first)
        return {owner: Spending(since, _parts(each)) for owner, each in spent.items()}

    def pace(self, owner: Owner) -> float | None:
        """Dollars per minute lately; None where a price is unknown."""
        together = Spend()
        for session_id, spend in self.tally.rates(self.now)[1].items():
            session = self.sessions.get(session_id)
            if session and _owner(session) == owner:
                together.merge(spend)
        return None if together.unpriced else float(together.cost) / _minutes()


def _owner(whose: Window | Session) -> Owner:
    return (whose.agent, whose.account)


def _parts(spent: Minutes) -> Iterator[Part]:
    for minute, picos, priced, unpriced in spent.since(0):
        yield minute * MINUTE, picos / PICOS, priced, unpriced


def _minutes() -> float:
    return RECENT / timedelta(minutes=1)


def learn_from(
    accounts: Accounts,
    known: Mapping[Series, Sequence[Stretch]],
    marks: Iterable[Mark],
) -> Learned:
    """What readings, prompts and all spend that is kept by the minute tell together.

    It goes through days of both: some milliseconds, so not for every snapshot.
    """
    labels = {key: each.account for key, each in accounts.sessions.items()}
    spending = accounts.spending(accounts.since)
    return learned(known, spending, begun(marks, labels), accounts.now)


def with_estimates(
    stated: Sequence[tuple[Window, Stretch]],
    past: Learned,
    accounts: Accounts,
    kept: Kept,
) -> list[tuple[Window, Stretch]]:
    """The windows with what was spent since their readings, up to ``SPENDING`` ago."""
    now = accounts.now
    since = looked_back_to(stated, now)
    spending = kept.lately(
        "spending",
        now,
        SPENDING,
        lambda: accounts.spending(since),
        (accounts.tally.version, since, len(accounts.sessions)),
    )
    works = {
        owner: Work(
            spent,
            accounts.pace(owner),
            heard_of(stated, owner),
            is_shared(stated, owner),
        )
        for owner, spent in spending.items()
    }
    return [
        (estimated(window, stretch, past, works.get(_owner(window)), now), stretch)
        for window, stretch in stated
    ]


def why_estimate(window: Window, zone: str, now: datetime) -> Iterator[str]:
    """What the spend since the reading adds, and what is left: both estimates."""
    if words := extra_words(window, zone, now):
        yield f"extra usage: {words}: requests went on after the limit was reached"
    if window.used is not None and window.used < 1:
        yield from (f"live: {words}" for words in live_words(window))
        yield from (f"headroom: {words}" for words in headroom_words(window, now))


# --- what if -------------------------------------------------------------------------


def what_if(
    session: Session, accounts: Accounts, windows: Iterable[Window]
) -> Iterator[str]:
    """What would change if a session that burns stopped, or took another model.

    ``windows`` are all limits: of an account's, that is asked which ends first.
    """
    tally, now, owner = accounts.tally, accounts.now, _owner(session)
    newest = tally.sums_of(session.session_id).newest
    made = [
        request
        for request, _ in tally.recent.values()
        if request.session_id == session.session_id and request.at <= now
    ]
    pace, own = accounts.pace(owner), _priced(made, tally)
    if not own or pace is None or newest is None:
        return
    window = _first([each for each in windows if _owner(each) == owner], now)
    if words := _lasts(window, (pace, pace - own), now):
        yield f"what if: it stopped: {words}"
    for model in _others(newest, tally):
        then = _priced(made, tally, (newest.model, model))
        if then is not None:
            more = _lasts(window, (pace, pace - own + then), now)
            change = f"{_rate(own)} → {_rate(then)}{more and ', '}{more}"
            yield f"what if: on {text.short_model(model)}: {change}"


def _priced(
    made: Iterable[Request], tally: Tally, switch: tuple[str, str] = ("", "")
) -> float | None:
    """Dollars per minute of requests, one model exchanged for another."""
    total = Decimal(0)
    for each in made:
        model = switch[1] if each.model == switch[0] else each.model
        rate = tally.prices.rate(model, each.at, each.usage.prompt, each.terms)
        if rate is None:
            return None
        total += rate.cost(each.usage, each.web_searches)
    return float(total) / _minutes()


def _others(newest: Request, tally: Tally) -> list[str]:
    """Other models of the same agent, those used most first."""
    made = {m: n for m, n in tally.models.get(newest.agent, {}).items() if n}
    names = {text.short_model(newest.model)}
    others = []
    for model in sorted(made, key=lambda each: (-made[each], each)):
        if (name := text.short_model(model)) not in names:
            names.add(name)
            others.append(model)
    return others[:MOST_MODELS]


def _first(windows: Iterable[Window], now: datetime) -> Window | None:
    """The window that is used up first at the pace of now."""
    ends = [
        (each.headroom.lasts, each)
        for each in windows
        if each.headroom and each.headroom.lasts and each.resets_at
    ]
    before = [pair for pair in ends if pair[0] < (pair[1].resets_at or now) - now]
    return min(before or ends, key=lambda pair: pair[0], default=(None, None))[1]


def _lasts(window: Window | None, paces: tuple[float, float], now: datetime) -> str:
    """How long a limit lasts at one pace and at another; empty if nobody knows."""
    if window is None or window.headroom is None or window.resets_at is None:
        return ""
    left, until = window.headroom.dollars, window.resets_at - now
    before, after = (
        text.lasting(timedelta(minutes=left / max(each, NOTHING)), until)
        for each in paces
    )
    label = text.window_label(window.agent, window.kind, window.window_minutes)
    if before == after:
        return f"{label} lasts {before} either way"
    return f"{label} lasts {before} → {after}"


def _rate(dollars: float) -> str:
    return text.rate(Decimal(str(round(dollars, 4))))
