"""What is worth telling a person, each thing once: a snapshot and what was told before.

Pure. An alert belongs to an occasion, such as one window until its reset, and within
it only a higher step is told again. So nothing that flickers repeats itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from burnmon import text
from burnmon.alert_settings import Alerts
from burnmon.live.answer import about
from burnmon.live.snapshot import Alert, Event, LimitRow, SessionRow, Snapshot
from burnmon.live.take import EVENTS_SHOWN, MOST_EVENTS
from burnmon.records import BUDGET, Window

SAME_OCCASION = timedelta(seconds=120)
"""Occasions this close are one: vendors state resets with a jitter."""
SETTLED = timedelta(minutes=1)
"""Who waits for less may be answered by somebody who is there already."""
COLD_SOON = timedelta(minutes=2)
"""How long before its cache goes cold a session is told of."""
RUNAWAY_REST = timedelta(hours=6)
"""A runaway is not told again before that."""
RUNAWAY_FROM = Decimal("0.10")
"""Dollars per minute that nobody calls a runaway, whatever is usual."""
FREE_FOR = timedelta(hours=12)
"""How long after its reset a window that was full is news: over a night."""

Level = Literal["note", "warning", "alarm"]
Told = Mapping[tuple[str, str], Sequence[Alert]]
"""What was told before or held, by kind and subject."""

_STEPS = {"watch": 1, "runs_out": 2, "reached": 3}
_REACHED = 3
_LEVELS: dict[str, Level] = {"safe": "note", "runs_out": "alarm", "reached": "alarm"}


def due(
    snapshot: Snapshot, before: Iterable[Alert], rules: Alerts
) -> tuple[Alert, ...]:
    """What is to be told or held now, worst first."""
    quiet = is_quiet(snapshot.now, snapshot.zone, rules.quiet)
    told: dict[tuple[str, str], list[Alert]] = {}
    for each in before:
        told.setdefault((each.kind, each.subject), []).append(each)
    fresh: list[Alert] = []
    for each in _true_now(snapshot, told, rules):
        if not _is_covered(each, told, quiet):
            alert = replace(each, held=quiet, channels=_channels(each, rules, quiet))
            told.setdefault((each.kind, each.subject), []).append(alert)
            fresh.append(alert)
    order = ("alarm", "warning", "note")
    return tuple(sorted(fresh, key=lambda each: order.index(each.level)))


def is_quiet(now: datetime, zone: str, quiet: tuple[int, int] | None) -> bool:
    """Whether the wall clock of a zone stands within the quiet hours."""
    if quiet is None:
        return False
    there = text.local(now, zone)
    start, end = quiet
    minute = there.hour * 60 + there.minute
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def with_events(snapshot: Snapshot, told: Iterable[Alert], rules: Alerts) -> Snapshot:
    """The snapshot with the last day's alerts among its events."""
    if "screen" not in rules.channels:
        return snapshot
    since = snapshot.now - EVENTS_SHOWN
    # Held and told later is one event, at the time of the telling.
    newest = {each.key: each for each in told if since <= each.at <= snapshot.now}
    events = [
        *snapshot.events,
        *(Event(a.at, a.level, a.text, a.project) for a in newest.values()),
    ]
    events.sort(key=lambda each: (each.at, each.text, each.project), reverse=True)
    return replace(snapshot, events=tuple(events[:MOST_EVENTS]))


def _channels(alert: Alert, rules: Alerts, quiet: bool) -> tuple[str, ...]:
    """The ways in which it is told: only an alarm rings."""
    if quiet:
        return ()
    loud = alert.level == "alarm"
    return tuple(each for each in rules.ways if loud or each != "bell")


# --- told before ---------------------------------------------------------------------


def _is_covered(alert: Alert, told: Told, quiet: bool) -> bool:
    """Whether it was told; in the quiet hours, whether it is held already."""
    past = told.get((alert.kind, alert.subject), ())
    if any(_covers(each, alert) for each in past if quiet or not each.held):
        return True
    # Who was told of a verdict was told the use as well.
    verdicts = told.get(("verdict", alert.subject), ())
    return alert.kind == "threshold" and any(
        _is_same_occasion(each, alert) and _used(each) >= alert.step
        for each in verdicts
        if quiet or not each.held
    )


def _covers(past: Alert, alert: Alert) -> bool:
    if alert.kind == "runaway":
        return abs(alert.at - past.at) < RUNAWAY_REST
    if alert.kind == "waiting":
        # A wait that was told goes on until the session moved on after that.
        return alert.occasion_at <= past.at
    return _is_same_occasion(past, alert) and past.step >= alert.step


def _is_same_occasion(one: Alert, other: Alert) -> bool:
    return abs(one.occasion_at - other.occasion_at) <= SAME_OCCASION


def _used(alert: Alert) -> float:
    used = dict(alert.why).get("used_percent")
    return float(used) if isinstance(used, int | float) else 0.0


# --- what is true now ----------------------------------------------------------------


def _true_now(snapshot: Snapshot, told: Told, rules: Alerts) -> Iterator[Alert]:
    """Everything that could be told, a verdict before the thresholds it covers."""
    budgets, limits = "budget" in rules.kinds, "limit" in rules.kinds
    for row in snapshot.limits:
        if budgets if row.window.agent == BUDGET else limits:
            yield from _of_window(row, snapshot, rules)
            yield from _freed(row, snapshot, told)
    if "runaway" in rules.kinds:
        yield from _runaways(snapshot, rules)
    for session in snapshot.sessions:
        if "cold" in rules.kinds:
            yield from _cooling(session, snapshot, rules)
        if "waiting" in rules.kinds:
            yield from _waiting(session, snapshot)


def _of_window(row: LimitRow, snapshot: Snapshot, rules: Alerts) -> Iterator[Alert]:
    window, now = row.window, snapshot.now
    if window.used is None or window.resets_at is None or window.resets_at <= now:
        return
    verdict, percent = window.verdict, round(window.used * 100, 6)
    outlook = about(row, snapshot)
    common = Alert(
        now, "verdict", _subject(row), window.resets_at, 0, "warning", "", why=_why(row)
    )
    level = _level(window)
    if step := _STEPS.get(verdict):
        said = outlook
        if step < _REACHED:
            said += f", {text.share(window.used)} used"
        yield replace(common, step=step, level=level, text=said)
    passed = [each for each in rules.thresholds if each <= percent]
    if passed:
        last = passed[-1] == rules.thresholds[-1]
        if verdict == "unknown" and last and window.agent != BUDGET:
            level = "alarm"
        said = f"{row.label} {text.share(window.used)} used"
        if verdict != "unknown":
            said += f", {outlook.removeprefix(row.label).strip()}"
        yield replace(common, kind="threshold", step=passed[-1], level=level, text=said)


def _subject(row: LimitRow) -> str:
    """The label; of accounts that share a home the number moves, the reset does not."""
    return text.unnumbered(row.label)


def _level(window: Window) -> Level:
    """How loudly a verdict is told; a budget that will not last stops nobody."""
    if window.agent == BUDGET and window.verdict == "runs_out":
        return "warning"
    return _LEVELS.get(window.verdict, "warning")


def _why(row: LimitRow) -> tuple[tuple[str, float | str | None], ...]:
    window, forecast = row.window, row.window.forecast
    money = (("spent_usd", window.spent), ("allowance_usd", window.allowance))
    return (
        *((name, float(dollars)) for name, dollars in money if dollars is not None),
        ("agent", window.agent),
        ("account", window.account),
        ("kind", window.kind),
        ("used_percent", None if window.used is None else round(window.used * 100, 2)),
        ("resets_at", _iso(window.resets_at)),
        ("verdict", window.verdict),
        (
            "exhaustion_probability",
            None if forecast is None else round(forecast.exhaustion_probability, 4),
        ),
        ("source", window.source),
        ("observed_at", _iso(window.observed_at)),
    )


def _iso(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _freed(row: LimitRow, snapshot: Snapshot, told: Told) -> Iterator[Alert]:
    """A window that was full, was told to be, and begins anew: work can go on.

    Nobody is stopped by a budget, so none is told to be free.
    """
    window, now, subject = row.window, snapshot.now, _subject(row)
    stand = [
        each.window.resets_at for each in snapshot.limits if _subject(each) == subject
    ]
    over = [
        each.occasion_at
        for each in told.get(("verdict", subject), ())
        if each.step == _REACHED and _is_over(each, stand, now)
    ]
    if not over or window.agent == BUDGET or _is_refused(row, snapshot):
        return
    reset = max(over)
    if now - reset < FREE_FOR:
        why = (("agent", window.agent), ("account", window.account))
        said = f"{row.label} is free again"
        yield Alert(now, "free", subject, reset, 0, "note", said, why=why)


def _is_over(alert: Alert, stand: Sequence[datetime | None], now: datetime) -> bool:
    """Whether its window was reset, in time or early: then a later one took its place.

    ``stand``: resets of the windows that count now; accounts that share a home have
    several.
    """
    reset = alert.occasion_at
    if reset <= now:
        return True
    resets = [each for each in stand if each is not None]
    if any(abs(each - reset) <= SAME_OCCASION for each in resets):
        return False
    return any(each > reset for each in resets)


def _is_refused(row: LimitRow, snapshot: Snapshot) -> bool:
    """Whether any window of the same account is full."""
    account = (row.window.agent, row.window.account)
    return any(
        each.window.verdict == "reached"
        for each in snapshot.limits
        if (each.window.agent, each.window.account) == account
    )


def _runaways(snapshot: Snapshot, rules: Alerts) -> Iterator[Alert]:
    """Sessions that run away; if it is none of them alone, everything together."""
    norm = snapshot.burn.norm
    if norm is None:
        return
    paces = [_Pace(row, row.cost_per_minute, norm.session) for row in snapshot.sessions]
    fast = [each for each in paces if each.is_runaway(rules)]
    if not fast:
        whole = _Pace(None, snapshot.burn.cost_per_minute, norm.together)
        fast = [whole] if whole.is_runaway(rules) else []
    for each in fast:
        yield each.alert(snapshot.now)


class _Pace(Struct, frozen=True):
    """A burn rate beside what is usual, of a session or of everything."""

    row: SessionRow | None
    rate: Decimal | None
    usual: Decimal

    def is_runaway(self, rules: Alerts) -> bool:
        if self.rate is None or self.usual <= 0:
            return False
        return self.rate >= max(self.usual * Decimal(str(rules.runaway)), RUNAWAY_FROM)

    def alert(self, now: datetime) -> Alert:
        rate = self.rate or Decimal(0)
        said = (
            f"burns {text.rate(rate)}, {rate / self.usual:.1f}× the"
            f" {text.rate(self.usual)} of your busy times"
        )
        why = (
            ("cost_per_minute_usd", round(float(rate), 4)),
            ("busy_per_minute_usd", round(float(self.usual), 4)),
        )
        if self.row is None:
            said = f"all together {said}"
            return Alert(now, "runaway", "", now, 0, "alarm", said, why=why)
        row = self.row
        return Alert(
            now, "runaway", row.session_id, now, 0, "alarm", said, row.project, why
        )


def _cooling(row: SessionRow, snapshot: Snapshot, rules: Alerts) -> Iterator[Alert]:
    """A session that nobody goes on with while its dear cache has minutes left.

    An idle one counts: an hour's cache goes cold after half an hour of waiting.
    """
    cache, now = row.cache, snapshot.now
    if cache is None or cache.rebuild_cost is None or row.state == "burning":
        return
    left = cache.warm_until - now
    if timedelta(0) < left <= COLD_SOON and cache.rebuild_cost >= Decimal(rules.cold):
        when = text.clock(cache.warm_until, snapshot.zone, now)
        cost = text.money(cache.rebuild_cost)
        said = f"cache goes cold at {when}; the next turn then costs {cost} more"
        why = (
            ("rebuild_cost_usd", round(float(cache.rebuild_cost), 4)),
            ("warm_until", _iso(cache.warm_until)),
            ("context_tokens", row.context_tokens),
        )
        yield Alert(
            now,
            "cold",
            row.session_id,
            cache.warm_until,
            0,
            "warning",
            said,
            row.project,
            why,
        )


def _waiting(row: SessionRow, snapshot: Snapshot) -> Iterator[Alert]:
    now = snapshot.now
    if row.state != "waiting" or now - row.state_since < SETTLED:
        return
    since = text.clock(row.state_since, snapshot.zone, now)
    why = (("waiting_since", _iso(row.state_since)),)
    yield Alert(
        now,
        "waiting",
        row.session_id,
        min(row.state_since, row.last_at),
        0,
        "warning",
        f"waits for you since {since}",
        row.project,
        why,
    )
