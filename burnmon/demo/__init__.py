"""The recorded day behind ``--demo``, the screenshots and their tests.

Invented by us and deterministic, its clock included. Its requests, readings and
sessions go through the same sums and the same ``take`` as real ones, so the demo shows
what the program does. It reads no file but the price table and knows no network.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from burnmon.day import DAY_TAKES, PostDay, Refused, day_named
from burnmon.demo import day
from burnmon.demo.script import (
    BUDGETS,
    PARTS,
    START,
    TODAY,
    USUAL,
    ZONE,
    instant,
)
from burnmon.demo.shipped import Recorded
from burnmon.demo.why import explained_part
from burnmon.live.headroom import Accounts, learn_from
from burnmon.live.making import commit_events
from burnmon.live.snapshot import Health, Place, Snapshot
from burnmon.live.take import Known, take
from burnmon.live.tally import Tally
from burnmon.records import LimitReading, Session
from burnmon.usage import pricing
from burnmon.usage.backtest import FIRST_LOOK, learned
from burnmon.usage.budgets import budget_windows
from burnmon.usage.experience import Experience
from burnmon.usage.headroom import Learned
from burnmon.usage.stretches import Series, stretches
from burnmon.why import PostWhy

__all__ = ["START", "ZONE", "Player", "Recording", "ask_day", "feed", "snapshot"]

TICK = timedelta(seconds=1)
PLACES = (
    Place("claude", "~/.claude/projects", True, 214),
    Place("codex", "~/.codex/sessions", True, 61),
)


class Recording:
    """The day, played forward: each look must be at the same instant or later."""

    def __init__(self) -> None:
        self._requests = day.requests()
        self._instants = [each.at for each in self._requests]
        self._past = day.past_readings()
        self._experiences = _judged(self._past)
        prices = pricing.load()
        self._tally = Tally(prices)
        whole_day = Recorded(self._requests, prices, instant("23:59")).day(TODAY)
        self._commits = commit_events(whole_day.commits)
        self._loaded = 0

    def at(self, now: datetime) -> Snapshot:
        """What the screen may show at an instant of the day."""
        until = bisect_right(self._instants, now)
        self._tally.load(self._requests[self._loaded : until])
        self._loaded = until
        made = self._requests[:until]
        readings = day.readings(made, now)
        sessions = day.sessions(made, now)
        newest = max(each.last_at for each in sessions.values() if each.last_at)
        known = Known(
            sessions=sessions,
            stretches=stretches([*self._past, *readings]),
            alive={},
            marks=day.marks(now),
            health=Health(newest, watching=True),
            scan=None,
            places=PLACES,
            zone=ZONE,
            learned=self._learned(sessions, readings, now),
            budgets=budget_windows(BUDGETS, self._tally.projects, (), ZONE, now),
            experiences=self._experiences,
            usual=USUAL,
            circles=day.circles(now),
        )
        commits = tuple(each for each in self._commits if each.at <= now)
        return replace(take(known, self._tally, now), commits=commits)

    def _learned(
        self,
        sessions: Mapping[str, Session],
        readings: Iterable[LimitReading],
        now: datetime,
    ) -> Learned:
        """What a dollar takes; earlier windows are not those of earlier requests."""
        accounts = Accounts(self._tally, sessions, self._instants[0], now)
        return learn_from(accounts, stretches(readings), day.marks(now))


def _judged(past: Iterable[LimitReading]) -> dict[Series, Experience]:
    """What the forecasts of earlier windows were worth."""
    return {
        key: learned(
            Experience(), windows, timedelta(minutes=key[3]), START, FIRST_LOOK
        )
        for key, windows in stretches(past).items()
    }


def snapshot(at: datetime = START) -> Snapshot:
    """The day at one instant."""
    return Recording().at(at)


def ask_day(wish: date | str | None, post: PostDay) -> None:
    """Answer at once with a recorded day, as it stands when the demo sets in."""
    if wish is None:
        return
    found = wish if isinstance(wish, date) else day_named(wish, TODAY)
    if found is None:
        post(Refused(f"{DAY_TAKES}, not {wish!r}"))
    else:
        post(Recorded(day.requests(), pricing.load(), START).day(found))


class Player:
    """Plays the day from ``START`` on, a second per second, and explains its sessions.

    The thread's timer is the only clock: whatever the machine's says, the demo begins
    at 14:32:07. After an hour all work is done, and only the countdowns go on.
    """

    def __init__(self) -> None:
        self._now = START
        self._asked: tuple[str, PostWhy] | None = None

    def feed(self, post: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Begin to play; returns what ends it."""
        ended = threading.Event()

        def play() -> None:
            recording = Recording()
            while True:
                post(recording.at(self._now))
                self._explain()
                if ended.wait(TICK.total_seconds()):
                    return
                self._now += TICK

        thread = threading.Thread(target=play, name="demo", daemon=True)
        thread.start()

        def stop() -> None:
            ended.set()
            thread.join(timeout=2)

        return stop

    def ask_why(self, session_id: str | None, post: PostWhy) -> None:
        """Answer at once, and again with every snapshot for as long as it is asked."""
        self._asked = (session_id, post) if session_id else None
        self._explain()

    def _explain(self) -> None:
        if self._asked is None:
            return
        session_id, post = self._asked
        parts = [each for each in PARTS if each.session_id == session_id]
        if parts:
            why = explained_part(parts[0], day.requests(), pricing.load(), self._now)
            post(why)
        else:
            post(Refused(f"the recording has no session {session_id}"))


def feed(post: Callable[[Snapshot], None]) -> Callable[[], None]:
    """Play the day; returns what ends it."""
    return Player().feed(post)
