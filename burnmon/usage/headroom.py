"""What this machine's own spend says of a window: since the reading, and from now on.

One place for the screen and the commands. Pure; what cannot be trusted stays None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from burnmon import text
from burnmon.records import Exchange, ExtraUsage, Headroom, Mark, Window
from burnmon.usage.exchange import Spending, learn, presumed
from burnmon.usage.stretches import Series, Stretch, series

LIKE = 100
"""So many last requests say what the next ones will cost."""
LIKE_TURNS = 20
"""So many last turns say what the next ones will cost."""
ENOUGH_TURNS = 5
"""Turns it takes before they say anything; requests are told instead."""
IN_FLIGHT = timedelta(minutes=2)
"""What was under way when a limit was reached is still answered; later requests are
work that the limit did not stop."""
TOGETHER = timedelta(minutes=15)
"""Vendors state the windows of an account together. One that is left out for longer
while others are stated is not filled by this work, as after a change of plan."""

Owner = tuple[str, str]
"""Agent and account: whose spend fills a window."""


class Learned(Struct, frozen=True):
    """What the past says of each dollar and of each request."""

    exchanges: Mapping[Series, Exchange] = field(default_factory=dict)
    latest: Mapping[Owner, tuple[int, float]] = field(default_factory=dict)
    """The last requests, by number, and what they came to in dollars."""
    turns: Mapping[Owner, tuple[int, float]] = field(default_factory=dict)
    """The last turns likewise, the running one included; where enough are known."""


def learned(
    known: Mapping[Series, Sequence[Stretch]],
    spending: Mapping[Owner, Spending],
    begun: Mapping[Owner, Sequence[datetime]],
    now: datetime,
) -> Learned:
    """The exchange of every series that readings and spend can be compared of."""
    exchanges = {}
    for key, past in known.items():
        agent, account, _, minutes = key
        spent = spending.get((agent, account))
        if spent is None:
            continue
        steps = [each.steps() for each in past if each.resets_at > spent.since]
        found = learn(steps, timedelta(minutes=minutes), spent, now)
        if found is not None:
            exchanges[key] = found
    latest = {owner: spent.latest(LIKE, now) for owner, spent in spending.items()}
    turns = {
        owner: _turns(starts, spending[owner], now)
        for owner, starts in begun.items()
        if owner in spending
    }
    told = {owner: each for owner, each in turns.items() if each is not None}
    return Learned(exchanges, latest, told)


def begun(
    marks: Iterable[Mark], accounts: Mapping[str, str]
) -> dict[Owner, list[datetime]]:
    """When the turns of each account began; ``accounts`` by session."""
    found: dict[Owner, list[datetime]] = {}
    for mark in marks:
        account = accounts.get(mark.session_id)
        if mark.kind == "prompt" and account is not None:
            found.setdefault((mark.agent, account), []).append(mark.at)
    return found


def last_turns(starts: Iterable[datetime], now: datetime) -> list[datetime]:
    """When the turns began that say what the next will cost, the oldest first.

    Empty if too few are known.
    """
    last = sorted(each for each in starts if each <= now)[-LIKE_TURNS:]
    return last if len(last) >= ENOUGH_TURNS else []


def _turns(
    starts: Iterable[datetime], spending: Spending, now: datetime
) -> tuple[int, float] | None:
    """How many last turns came to how many dollars; None where too few have a price.

    A request without a price takes its turn, and those before it, out of the count.
    """
    last = last_turns(starts, now)
    for place in range(len(last) - ENOUGH_TURNS + 1):
        # Spend may be kept by the minute, as if made when that began.
        minute = last[place].replace(second=0, microsecond=0)
        since = max(minute - timedelta(microseconds=1), spending.since)
        if dollars := spending.between(since, now):
            return len(last) - place, dollars
    return None


class Work(Struct, frozen=True):
    """What one account of one agent spends, as of now."""

    spending: Spending
    pace: float | None
    """Dollars per minute lately; None where a price is unknown."""
    heard: Mapping[str, datetime]
    """When each source last stated any window of the account."""
    shared: bool = False
    """Whether another account is used in the same place, and nobody knows whose spend
    is whose."""


def heard_of(
    stated: Iterable[tuple[Window, Stretch]], owner: Owner
) -> dict[str, datetime]:
    """When each source last stated a window of an account."""
    heard: dict[str, datetime] = {}
    for window, _ in stated:
        if (window.agent, window.account) == owner and window.observed_at is not None:
            last = heard.get(window.source, window.observed_at)
            heard[window.source] = max(last, window.observed_at)
    return heard


def is_shared(stated: Iterable[tuple[Window, Stretch]], owner: Owner) -> bool:
    """Whether windows of another account count beside those of an owner."""
    return any(
        window.agent == owner[0]
        and window.account != owner[1]
        and text.unnumbered(window.account) == owner[1]
        for window, _ in stated
    )


def looked_back_to(stated: Iterable[tuple[Window, Stretch]], now: datetime) -> datetime:
    """From when on spend must be known to estimate what was added to readings."""
    starts = [
        _reached_at(stretch) if window.used >= 1 else window.observed_at
        for window, stretch in stated
        if window.used is not None and window.observed_at is not None
    ]
    return min(starts, default=now)


def estimated(
    window: Window, stretch: Stretch, past: Learned, work: Work | None, now: datetime
) -> Window:
    """The window with what local spend adds to its reading."""
    if window.used is None or window.observed_at is None or work is None:
        return window
    exchange = past.exchanges.get(series(stretch.readings[-1]))
    newest = work.heard.get(window.source, window.observed_at)
    if exchange is not None and newest - window.observed_at > TOGETHER:
        exchange = exchange._replace(doubt="others were stated since, this one was not")
    if exchange is not None and work.shared:
        exchange = exchange._replace(doubt="two accounts are used in one place")
    spent = work.spending.between(window.observed_at, now)
    live = presumed(exchange, window.used, spent)
    left = 1 - window.used - (live or 0.0)
    room = None
    if exchange is not None and not exchange.doubt and live is not None and left > 0:
        owner = (window.agent, window.account)
        latest = past.latest.get(owner, (0, 0.0))
        room = _headroom(left / exchange.rate, latest, work.pace)
        room = _with_turns(room, past.turns.get(owner))
    return replace(
        window,
        live=live,
        live_at=work.spending.last(now) if live else None,
        exchange=exchange,
        headroom=room,
        extra=_extra(stretch, work.spending, now) if window.used >= 1 else None,
    )


def _headroom(
    dollars: float, latest: tuple[int, float], pace: float | None
) -> Headroom:
    like, came_to = latest
    return Headroom(
        dollars,
        dollars / (came_to / like) if like and came_to > 0 else None,
        like,
        timedelta(minutes=dollars / pace) if pace else None,
    )


def _with_turns(room: Headroom, turns: tuple[int, float] | None) -> Headroom:
    if turns is None:
        return room
    like, came_to = turns
    return room._replace(turns=room.dollars * like / came_to, like_turns=like)


def _extra(stretch: Stretch, spending: Spending, now: datetime) -> ExtraUsage | None:
    """What was spent since the limit was reached, if work went on at all."""
    reached_at = _reached_at(stretch)
    since = spending.next(reached_at + IN_FLIGHT)
    if since is None or since > now:
        return None
    return ExtraUsage(since, spending.between(reached_at, now))


def _reached_at(stretch: Stretch) -> datetime:
    """When a full window was first stated to be, since use was last given back."""
    return next(at for at, used in stretch.steps() if used >= 1)


# --- words ---------------------------------------------------------------------------


def headroom_words(window: Window, now: datetime) -> tuple[str, ...]:
    """What is left of a window in turns, or else requests, and in time at this pace."""
    room = window.headroom
    if room is None or window.resets_at is None:
        return ()
    words = []
    if room.turns is not None:
        words.append(text.more("turn", room.turns, room.like_turns))
    elif room.requests is not None:
        words.append(text.more("request", room.requests, min(room.like, LIKE)))
    if room.lasts is not None:
        lasts = text.lasting(room.lasts, window.resets_at - now)
        words.append(f"{lasts} at this rate")
    return tuple(words)


def extra_words(window: Window, zone: str, now: datetime) -> str:
    """What extra usage came to, and since when; empty where there is none."""
    if window.extra is None:
        return ""
    since = text.clock(window.extra.since, zone, now)
    if window.extra.dollars is None:
        return f"unpriced since {since}"
    return f"{text.money(Decimal(str(window.extra.dollars)))} since {since}"


def live_words(window: Window) -> tuple[str, ...]:
    """What was presumably added since the reading, and what that rests on."""
    exchange = window.exchange
    if exchange is None:
        return ("no estimate: no rise was seen yet beside spend of this machine",)
    rate, low, high = (
        f"{each * 100:.2g}" for each in (exchange.rate, exchange.low, exchange.high)
    )
    rests = (
        f"{rate} % per dollar, quartiles {low}–{high}, from {exchange.points} rises in"
        f" {exchange.windows} windows"
    )
    if exchange.doubt:
        return (f"no estimate: {exchange.doubt}", rests)
    if window.live is None:
        return ("no estimate: not all spend since the reading has a price", rests)
    return (f"{text.points(window.live)} since the reading, not in used", rests)
