"""The thread that keeps an engine up to date and hands its snapshots over.

File events wake it and nothing more; the sweep decides what changed. What fails becomes
a value: the screen is told since when its figures are stale, and the thread goes on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from burnmon import text
from burnmon.config import Settings
from burnmon.errors import BurnmonError, LedgerError
from burnmon.live.engine import Engine
from burnmon.live.explainer import Explainer
from burnmon.live.keeping import Keeping
from burnmon.live.shipper import Shipper
from burnmon.live.snapshot import Health, Scan, Snapshot
from burnmon.live.status import write_state
from burnmon.live.take import LISTING, Known, take
from burnmon.live.tally import Tally
from burnmon.live.telling import Teller
from burnmon.live.watching import Watch
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

if TYPE_CHECKING:
    from burnmon.live.sweep import Found

LAST_DAY = timedelta(hours=25)
"""What is shown first: today, even where a day has 25 hours, and all sessions that are
shown."""
CURRENT = timedelta(hours=6)
"""Files touched this recently are read before the first snapshot; the rest behind."""
TICK = timedelta(seconds=1)
"""A step at least this often while something burns: the screen gets the time of now."""
BREATH = timedelta(milliseconds=200)
"""The shortest pause between two looks that nobody woke for."""
AGEING = timedelta(seconds=5)
"""For so long the snapshot before is shown with a later time if nothing is news; then
a new one lets rates decay, states end, windows and days begin: what time alone does."""
REST = timedelta(minutes=1)
"""A step this often while nothing burns, on whole minutes: clocks turn with them."""
WALK = timedelta(minutes=1)
"""A whole walk this often while file events arrive; each tick without."""
JUST_NOW = timedelta(seconds=15)
"""At rest each step walks, as there are few, but for this time after a walk."""
NEWEST = 20
"""Files that are looked at each tick, also at rest, whatever events tell: some changes
have none."""
COUNT = timedelta(minutes=5)
"""How often files, lines and duplicates are counted anew."""
PAINT = timedelta(milliseconds=62)
"""The shortest time between two snapshots. Where lines come all the time, half of it is
most of what one of them waits for, and what a second costs is shared by 16."""
STATE = timedelta(seconds=2)
"""The shortest time between two writings of the state file."""
RETRY = timedelta(seconds=5)
"""The pause after a failure."""
PORTION = 8 << 20
"""Bytes read between two looks at whether to stop, or at what is written meanwhile."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Post = Callable[[Snapshot], None]


def utc_now() -> datetime:
    """The clock of a running instance; everything below it is told the time."""
    return datetime.now(UTC)


def first(settings: Settings, now: datetime) -> Snapshot | None:
    """What to show while a feeder is made ready: the last day as the ledger knows it,
    or, where there is no ledger yet, what current files tell.

    None where the ledger knows of no session in that time; it is not written.
    """
    path = settings.ledger_file
    kept = path.exists()
    with Ledger(path if kept else None, writes=False) as ledger:
        engine = Engine(settings, ledger, now, now - LAST_DAY)
        watch = Watch(settings.read_roots(), threading.Event())
        engine.watching = bool(watch.trees())
        engine.look_around()
        if not kept:
            found, current = _found(engine, now)
            engine.absorb(found[:current])
            engine.count_files()
            engine.scan = _progress(found, current, None)
        elif not engine.knows_sessions:
            return None
        return Teller(settings, os.environ).shown(engine.snapshot(now))


class Feeder:
    """The thread around an engine."""

    def __init__(
        self,
        settings: Settings,
        post: Post,
        clock: Callable[[], datetime] = utc_now,
        watch: bool = True,
    ) -> None:
        self.settings = settings
        self.post = post
        self.clock = clock
        self._wake = threading.Event()
        self._watch = Watch(settings.read_roots(), self._wake) if watch else None
        self._stop = threading.Event()
        self._walked_at: datetime | None = None
        self._owes = False
        """A walk is due as soon as ``_walked_at`` tells, whether there is a step or
        not."""
        self._rests = False
        self._looked_at: datetime | None = None
        self._found_at: datetime | None = None
        self._judged_at: datetime | None = None
        self._newest: list[str] = []
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._stated_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._keeping = Keeping(settings.ledger_file)
        self._shown: Snapshot | None = None
        self._taken_at: datetime | None = None
        """When ``_shown`` was taken."""
        self._settled = False
        """It was taken when nothing was news: its charts and events are whole."""
        self._failed_at: datetime | None = None
        self._teller = Teller(settings, os.environ)
        self.shipper = Shipper(settings, clock, self._wake.set)
        """Makes days, and tells of commits."""
        self.explainer = Explainer(settings)
        """Tells why a session burns."""
        self._knows_all = False

    def start(self) -> Callable[[], None]:
        """Begin; returns what ends it."""
        self._thread.start()
        return self.stop

    def stop(self) -> None:
        """End the thread and give the ledger back."""
        self._stop.set()
        self._wake.set()
        self.shipper.stop()
        self.explainer.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    # --- the thread ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._serve()
            except (BurnmonError, OSError) as error:
                self._fail(str(error))
            except Exception as error:  # the screen must outlive any bug below it
                logging.getLogger(__name__).exception("feeder")
                self._fail(f"{type(error).__name__}: {error}")
            finally:
                if self._watch is not None:
                    self._watch.end()

    def _fail(self, reason: str) -> None:
        """Tell the screen since when its figures are stale, then try again."""
        now = self.clock()
        self._failed_at = self._failed_at or now
        shown = self._shown or _nothing(self.settings, now)
        health = replace(
            shown.health,
            watching=False,
            failed_at=self._failed_at,
            failure=text.plain(reason),
        )
        try:
            self.post(replace(shown, health=health, scan=None))
        except Exception:  # nobody is left to be told
            logging.getLogger(__name__).exception("feeder")
        self._stop.wait(RETRY.total_seconds())

    def _serve(self) -> None:
        """Follow the files until told to stop, or until another ledger is due."""
        ledger, failure = self._keeping.open(self.clock())
        self._knows_all = False
        try:
            with ledger:
                self._follow(ledger, failure)
        except LedgerError as error:
            if ledger.path is None:
                raise
            # Live figures never wait for a disk: the next ledger is in memory.
            self._keeping.failed(error)

    def _follow(self, ledger: Ledger, failure: str) -> None:
        engine = Engine(self.settings, ledger, self.clock())
        engine.failure = failure
        self._begin(engine)
        # A file that was moved away is no ledger for anybody else any more.
        while not self._stop.is_set() and self._is_there(ledger):
            if failure and self._keeping.can_return(self.clock()):
                return
            self._step(engine)

    def _is_there(self, ledger: Ledger) -> bool:
        """``Ledger.is_there``, asked at most once a tick."""
        now = self.clock()
        if _passed(self._found_at, now, TICK):
            self._found_at = now
            return ledger.is_there()
        return True

    def _begin(self, engine: Engine) -> None:
        """What the ledger knows, then current files, then history with its progress."""
        if self._watch is not None:
            # What changes before files are watched is found by a walk, right after.
            self._watch.note(None)
            engine.watching = bool(self._watch.trees())
        engine.look_around()
        if engine.knows_sessions:
            self._show(engine)
        found, current = _found(engine, self.clock())
        for start, end in _portions(found, 0, current):
            if self._stop.is_set():
                return
            engine.absorb(found[start:end])
        engine.count_files()
        engine.scan = _progress(found, current, None)
        self._show(engine)
        if self._watch is not None:
            self._watch.begin(self.clock())
            engine.watching = self._watch.works()
        self._absorb_history(engine, found, current)
        engine.scan = None
        self._gather_history(engine)
        if not self._stop.is_set():
            self._knows_all = True
            self._show(engine)
            self.shipper.start()

    def _absorb_history(
        self, engine: Engine, found: Sequence[Found], first: int
    ) -> None:
        """Small portions, so that what is written meanwhile is shown in between."""
        started = self.clock()
        for start, end in _portions(found, first, len(found)):
            if self._stop.is_set():
                return
            engine.absorb(found[start:end])
            engine.scan = _progress(found, end, (started, first, self.clock()))
            if self._wake.is_set():
                self._absorb_touched(engine)
            self._show(engine)
        if first < len(found):
            engine.complete(self.clock())

    def _gather_history(self, engine: Engine) -> None:
        """Read history for work, in small portions for the same reason."""
        if not engine.ledger.writable:
            return
        from burnmon.live.gathering import behind, gather

        for _ in gather(engine.ledger, behind(engine.ledger), PORTION):
            if self._stop.is_set():
                return
            if self._wake.is_set():
                self._absorb_touched(engine)
                self._show(engine)

    def _step(self, engine: Engine) -> None:
        """Wait for a file event or the next tick, then bring everything up to date."""
        self._await(engine)
        if self._stop.is_set():
            return
        woken = self._wake.is_set()
        if woken:  # else an event that comes right now would wake nobody
            self._wake.clear()
        news = self._bring_up_to_date(engine, self.clock())
        if woken or news:
            self._show(engine)
        elif not self._grows_older(engine, self.clock()):
            self._show(engine)
            self._settled = True
        shown_at = time.monotonic()
        if self._look_deeper(engine, self.clock()):
            self._show(engine)
        if woken:
            passed = time.monotonic() - shown_at
            self._stop.wait(max(0.0, PAINT.total_seconds() - passed))

    def _await(self, engine: Engine) -> None:
        if self._watch is not None:
            self._watch.await_events()
        # A reader is woken before the writer has written: it must look again soon.
        writes = engine.ledger.writable
        self._rests = writes and engine.watching and not engine.tally.recent
        self.shipper.rests = self._rests
        if self._rests:
            left = REST - (self.clock() - _EPOCH) % REST
        else:
            # With the full second: what a step takes, above all a walk, delays none of
            # the next ones, and lines that come each second do not meet one each time.
            left = max(BREATH, TICK - (self.clock() - _EPOCH) % TICK)
        while left > timedelta(0):
            pause = min(left, TICK)
            if self._wake.wait(pause.total_seconds()):
                return
            self._look_beyond(engine, self.clock())
            if self._wake.is_set():
                return
            left -= pause

    def _look_beyond(self, engine: Engine, now: datetime) -> None:
        """Notice what events do not tell: what agents state of themselves, trees that
        came or went, and files written through another name, a memory map or another
        machine."""
        self._looked_at = now
        if engine.look_around():
            self._wake.set()
        if self._watch is not None and engine.watching:
            for path in engine.moved(self._newest):
                self._watch.note(path)
            watch = self._watch
            if watch.lost or watch.moved() or not watch.works():
                watch.note(None)
            elif self._owes and _passed(self._walked_at, now, WALK):
                self._wake.set()

    def _bring_up_to_date(self, engine: Engine, now: datetime) -> bool:
        """Take in what changed; whether anything may be other than it was shown."""
        engine.keep_young(now)
        engine.follow_writer(now)
        if _passed(self._looked_at, now, TICK):
            self._look_beyond(engine, now)
        news = self._absorb_touched(engine)
        if engine.claim(now) or self._due_for_walk(engine, now):
            news = True
            engine.catch_up(now)
            engine.absorb(engine.pending())
            if self._watch is not None:
                self._newest = engine.newest(NEWEST)
                self._watch.again(now, engine.directories)
                engine.watching = self._watch.works()
            self._count(engine, now)
        return news

    def _look_deeper(self, engine: Engine, now: datetime) -> bool:
        """What takes a while, and nobody waits for: what sessions worked on, and, while
        nothing else is to be done, what is usual now and what past forecasts were
        worth. Whether there is more to show."""
        found = engine.gather(now)
        if not self._wake.is_set():
            found |= engine.compare(now)
        if _passed(self._judged_at, now, TICK):
            self._judged_at = now
            # All of a new ledger at once: for some seconds, and not for many minutes.
            while not self._wake.is_set() and engine.learn(now):
                found = True
        return found

    def _count(self, engine: Engine, now: datetime) -> None:
        if _passed(self._counted_at, now, COUNT):
            self._counted_at = now
            engine.count_files()

    def _due_for_walk(self, engine: Engine, now: datetime) -> bool:
        """Whether file events cannot be relied on, or it is time to check them."""
        watch = self._watch
        if watch is not None:
            if watch.lost or not engine.watching:
                engine.watching = watch.works()
            due = watch.lost or not engine.watching
            pause = JUST_NOW if self._rests and not self._owes else WALK
            if not due and not _passed(self._walked_at, now, pause):
                return False
            # Watches are made anew while this goes on: one more walk, a tick later.
            self._owes = watch.shaken
            self._walked_at = now - WALK + TICK if watch.shaken else now
            watch.lost = watch.shaken = False
            return True
        self._walked_at = now
        return True

    def _absorb_touched(self, engine: Engine) -> bool:
        """Read files that events named; whether there were any."""
        touched = set() if self._watch is None else self._watch.touched()
        if touched:
            engine.absorb(engine.pending(touched))
        return bool(touched)

    def _show(self, engine: Engine) -> None:
        now = self.clock()
        engine.commits = self.shipper.commits
        snapshot = self._told(engine.snapshot(now))
        self.post(snapshot)
        self._shown, self._taken_at, self._failed_at = snapshot, now, None
        self._settled = False
        if _passed(self._stated_at, now, STATE):
            self._stated_at = now
            with suppress(OSError):
                write_state(self.settings.state_file, snapshot)

    def _grows_older(self, engine: Engine, now: datetime) -> bool:
        """Show the snapshot before with the time of now, if that may be all that
        changed; whether it was."""
        shown = self._shown
        # Who reads along, or sees no events, is not woken by what is news.
        follows = engine.ledger.writable and engine.watching
        # What is made but so often may not tell of the news yet.
        lasts = AGEING if self._settled else LISTING
        if shown is None or self._failed_at is not None:
            return False
        if not follows or _passed(self._taken_at, now, lasts):
            return False
        self.post(replace(shown, now=now))
        return True

    def _told(self, snapshot: Snapshot) -> Snapshot:
        """With its alerts: told once history is known, for half of it warns wrongly."""
        if self._knows_all:
            return self._teller.tell(snapshot, self.clock)
        return self._teller.shown(snapshot)


def _passed(since: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether a span has passed; a clock that was set back is no reason to wait."""
    return since is None or not timedelta(0) <= now - since < span


def _found(engine: Engine, now: datetime) -> tuple[list[Found], int]:
    """Files with something new, newest first, and how many of them are current."""
    found = engine.pending()
    limit = (now - CURRENT).timestamp() * 1e9
    return found, sum(each.mtime_ns >= limit for each in found)


def _portions(
    found: Sequence[Found], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Places of files that are read in one go, from a place to another."""
    while start < end:
        first, size = start, 0
        while start < end and size < PORTION:
            size += found[start].fresh
            start += 1
        yield first, start


def _nothing(settings: Settings, now: datetime) -> Snapshot:
    """The snapshot of one who could read nothing yet, not even a price file."""
    health = Health(None, watching=False)
    known = Known({}, {}, {}, (), health, None, (), settings.zone)
    return take(known, Tally(pricing.load()), now)


def _progress(
    found: Sequence[Found], done: int, since: tuple[datetime, int, datetime] | None
) -> Scan | None:
    if done >= len(found):
        return None
    sizes = [each.fresh for each in found]
    finished, whole = sum(sizes[:done]), sum(sizes)
    left = None
    if since is not None:
        started, first, now = since
        read = finished - sum(sizes[:first])
        if read > 0:
            spent = max(timedelta(0), now - started)
            left = spent * ((whole - finished) / read)
    return Scan(done, len(found), finished, whole, left)
