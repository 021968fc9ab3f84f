"""Windows as they stand: what is used, when it resets, where it heads, which one binds.

Only official statements count as used; a window whose reset has passed is unknown, not
empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from burnmon import text
from burnmon.records import Forecast, LimitReading, Verdict, Window
from burnmon.usage.forecast import MOST_PAST, UNJUDGED, Standing, foresee
from burnmon.usage.stretches import SAME_RESET, Series, Stretch, series

HORIZON = timedelta(days=90)
"""How far back readings help a forecast."""


def stated(
    known: Mapping[Series, Sequence[Stretch]], now: datetime
) -> list[tuple[Window, Stretch]]:
    """The windows of each series that count at ``now``, as they were stated until then.

    A reading of later comes from a clock that was ahead, and waits.
    """
    return [
        (replace(_stated(stretch, now), account=account), stretch)
        for past in known.values()
        for stretch, account in _standing_beside(_until(past, now), now)
    ]


def _until(past: Sequence[Stretch], now: datetime) -> list[Stretch]:
    known = (
        each if each.readings[-1].observed_at <= now else each.known_at(now)
        for each in past
    )
    return [each for each in known if each is not None]


def foreseen(
    found: Iterable[tuple[Window, Stretch]],
    known: Mapping[Series, Sequence[Stretch]],
    now: datetime,
    before: Sequence[Window] = (),
    standings: Mapping[Series, Standing] | None = None,
) -> list[tuple[Window, Stretch]]:
    """Stated windows with forecast and verdict; by agent, the binding one first.

    What was presumably added since the reading has its say. ``before`` are the windows
    of the last time: a verdict does not flicker against theirs, and a forecast that is
    still fresh is kept.
    """
    result = []
    for window, stretch in found:
        key = series(stretch.readings[0])
        if window.used is not None:
            past = _until([x for x in known[key] if not _is_one(x, stretch)], now)
            last = next((each for each in before if _is_same(window, each)), None)
            standing = (standings or {}).get(key, UNJUDGED)
            window = _foreseen(window, stretch, past, now, last, standing)
        result.append((window, stretch))
    return _bind(result)


def _is_one(stretch: Stretch, other: Stretch) -> bool:
    """Whether two stretches of a series are one window, at whatever instants known."""
    return abs(stretch.resets_at - other.resets_at) <= SAME_RESET


def _standing_beside(
    past: Sequence[Stretch], now: datetime
) -> list[tuple[Stretch, str]]:
    """The windows of a series that count now, each with its account.

    That is the newest. Another that has not ended either was reset early, unless its
    use rose after the newest was first stated: then it is another account's, whom the
    files do not tell apart.
    """
    if not past:
        return []
    newest = past[-1]
    account, began_at = newest.readings[0].account, newest.readings[0].observed_at
    others = [
        each
        for each in past[:-1]
        if each.resets_at > now and each.steps()[-1][0] > began_at
    ]
    if not others or newest.resets_at <= now:
        return [(newest, account)]
    beside = sorted([*others, newest], key=lambda each: each.readings[0].observed_at)
    return [
        (each, text.numbered(account, place)) for place, each in enumerate(beside, 1)
    ]


def _stated(newest: Stretch, now: datetime) -> Window:
    """A window as it was stated, without a forecast."""
    share = newest.steps()[-1][1]
    top = max(
        (each for each in newest.readings if each.used == share),
        key=lambda each: _confirmed(each, now),
    )
    expired = newest.resets_at <= now
    return Window(
        top.agent,
        top.account,
        top.kind,
        top.window_minutes,
        None if expired else share,
        None if expired else newest.resets_at,
        _confirmed(top, now),
        top.source,
        "unknown" if expired else "official",
        reason="reset since the last reading" if expired else "",
    )


def _foreseen(
    window: Window,
    stretch: Stretch,
    past: Sequence[Stretch],
    now: datetime,
    last: Window | None,
    standing: Standing,
) -> Window:
    """A window with its forecast and verdict."""
    assert window.used is not None
    forecast = last.forecast if last and _is_fresh(window, last, now) else None
    if forecast is None:
        forecast = foresee(
            _with_estimate(window, stretch.steps()),
            stretch.resets_at,
            timedelta(minutes=window.window_minutes),
            [(each.steps(), each.resets_at) for each in past[-MOST_PAST:]],
            now,
            standing,
        )
    return replace(
        window,
        forecast=forecast,
        verdict=verdict(window.used, forecast, last.verdict if last else ""),
        reason="" if forecast else "too early to tell where it is heading",
    )


def _with_estimate(
    window: Window, steps: Sequence[tuple[datetime, float]]
) -> Sequence[tuple[datetime, float]]:
    """A staircase with what was presumably added since, dated by the last spend."""
    if not window.live or window.live_at is None or window.live_at < steps[-1][0]:
        return steps
    return (*steps, (window.live_at, steps[-1][1] + window.live))


def _is_same(window: Window, last: Window) -> bool:
    """Whether the same window was there the last time.

    Of accounts that share a home the numbers move when a window ends.
    """
    if window.resets_at is None or last.resets_at is None:
        return False
    return abs(window.resets_at - last.resets_at) <= SAME_RESET and _name(
        window
    ) == _name(last)


def _name(window: Window) -> tuple[str, str, str, int]:
    account = text.unnumbered(text.plain(window.account))
    return (window.agent, account, text.plain(window.kind), window.window_minutes)


def _is_fresh(window: Window, last: Window, now: datetime) -> bool:
    """Whether the last forecast still holds: nothing was stated, and little time went.

    A forecast changes slowly, and to make one costs some milliseconds.
    """
    made_at = last.forecast.made_at if last.forecast else None
    added = abs((window.live or 0.0) - (last.live or 0.0))
    if made_at is None or window.used != last.used or added >= NOTICED:
        return False
    length = timedelta(minutes=window.window_minutes)
    return timedelta(0) <= now - made_at < min(MOST_STALE, length / 600)


NOTICED = 0.002
"""Share that must be added by estimate for a forecast to be made anew."""
MOST_STALE = timedelta(minutes=1)
"""Age at which a forecast is made anew though nothing was stated."""


def _confirmed(reading: LimitReading, now: datetime) -> datetime:
    """When the figure was last stated, as far as ``now`` can know."""
    repeated = reading.repeated_at
    if repeated is not None and repeated <= now:
        return repeated
    return reading.observed_at


FIVE_HOURS = timedelta(hours=5)
GUESSED_FROM = timedelta(hours=36)
"""How far back requests are followed to guess a five-hour window: past a night."""
FORGOTTEN = timedelta(days=14)
"""Windows that reset longer ago are of no use to anyone."""
REMEDY = {
    "claude": ("no status line tells Claude's limits", "burnmon setup"),
    "codex": ("no rollout states a limit yet", "burnmon doctor"),
}
"""Why an agent's windows may never have been stated, and what tells more."""


def estimated_window(
    instants: Iterable[datetime], now: datetime
) -> tuple[datetime, datetime] | None:
    """Start and reset of Claude's five-hour window as requests alone suggest.

    A window starts with the first request after the one before it ended. An estimate:
    other devices open windows too, and the vendor rounds the start in ways it does not
    state, so it is never floored to an hour and never mixed with official readings.
    """
    starts_at: datetime | None = None
    for at in sorted(instants):
        if at <= now and (starts_at is None or at >= starts_at + FIVE_HOURS):
            starts_at = at
    if starts_at is None or starts_at + FIVE_HOURS <= now:
        return None
    return starts_at, starts_at + FIVE_HOURS


RUNS_OUT, WATCH = 0.5, 0.1
"""Chances from which a window runs out, and from which it is worth watching."""
NO_MORE = {"runs_out": 0.35, "watch": 0.05}
"""Chances below which it no longer does, so that a verdict does not flicker."""


def verdict(used: float, forecast: Forecast | None, before: str = "") -> Verdict:
    """What a window means: alarm from an even chance on, attention from one in ten.

    ``before`` is the last verdict on the same window, empty if there was none.
    """
    if used >= 1:
        return "reached"
    if forecast is None:
        return "unknown"
    chance = forecast.exhaustion_probability
    if chance >= (NO_MORE["runs_out"] if before == "runs_out" else RUNS_OUT):
        return "runs_out"
    watched = before in ("watch", "runs_out")
    return "watch" if chance >= (NO_MORE["watch"] if watched else WATCH) else "safe"


def _bind(found: list[tuple[Window, Stretch]]) -> list[tuple[Window, Stretch]]:
    """Mark the window of each agent and account that would stop the work first."""
    first: dict[tuple[str, str], Window] = {}
    # The shorter of two equal threats stands in the way first.
    for each, _ in sorted(found, key=lambda pair: _order(pair[0])):
        if each.used is None:
            continue
        rival = first.get((each.agent, each.account))
        if rival is None or _threat(each) > _threat(rival):
            first[each.agent, each.account] = each
    marked = [
        (replace(each, binding=each in first.values()), stretch)
        for each, stretch in found
    ]
    marked.sort(key=lambda each: _order(each[0]))
    return marked


def _order(window: Window) -> tuple[object, ...]:
    unknown = window.used is None
    length = window.window_minutes
    return (
        window.agent,
        window.account,
        unknown,
        not window.binding,
        length,
        window.kind,
    )


def _threat(window: Window) -> tuple[float, float, float]:
    used = window.used or 0.0
    if used >= 1:
        # Among full windows the one that stays full longest holds the work up.
        return (2.0, window.resets_at.timestamp() if window.resets_at else 0.0, used)
    if window.forecast is None:
        return (0.0, used, used)
    return (window.forecast.exhaustion_probability, window.forecast.p50, used)
