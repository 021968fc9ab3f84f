"""The engine: one thread that sweeps, absorbs, takes snapshots and hands them over.

Watchdog wakes it and nothing more; the sweep decides what changed. What fails becomes a
value: the screen is told since when its figures are stale, and the thread goes on.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnmon.config import Root, Settings
from burnmon.live.snapshot import Health, Place, Scan, Snapshot
from burnmon.live.status import write_state
from burnmon.live.take import Known, midnight, take
from burnmon.live.tally import RECENT, Tally
from burnmon.records import (
    Alive,
    BurnmonError,
    LedgerError,
    LimitReading,
    Mark,
    Session,
    Trail,
)
from burnmon.usage import pricing
from burnmon.usage.ledger import Change, FileState, Ledger
from burnmon.usage.limits import Series, Stretch, extended, series

if TYPE_CHECKING:
    from burnmon.live.sweep import Found, Sweep

HORIZON = timedelta(days=8)
"""How far back sums are kept in memory: the longest chart and window, and a day."""
READING_HORIZON = timedelta(days=90)
"""How far back limit readings help a forecast."""
CURRENT = timedelta(hours=6)
"""Files touched this recently are read before the first snapshot; the rest behind."""
LATE = timedelta(minutes=30)
"""How far back a reader looks for what the writer added since its last look."""
TICK = timedelta(seconds=1)
"""A snapshot at least this often while something burns."""
REST = timedelta(seconds=5)
"""And this often while nothing does."""
WALK = timedelta(seconds=30)
"""A whole walk at least this often while file events arrive; each tick without."""
PAINT = timedelta(milliseconds=50)
"""The shortest time between two snapshots."""
STATE = timedelta(seconds=2)
"""The shortest time between two writings of the state file."""

Post = Callable[[Snapshot], None]


def utc_now() -> datetime:
    """The clock of a running instance; everything below it is told the time."""
    return datetime.now(UTC)


def roots_of(settings: Settings) -> tuple[Root, ...]:
    """The agents' roots and burnmon's own recordings."""
    return (*settings.roots, Root("recordings", "", settings.data_dir))


def open_ledger(settings: Settings) -> tuple[Ledger, str]:
    """The ledger, or one in memory and why: live figures never wait for a disk."""
    try:
        return Ledger(settings.ledger_file), ""
    except LedgerError as error:
        return Ledger(None), f"history is not kept: {error}"


class Engine:
    """What is known now, kept up step by step; no thread, no clock of its own."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        now: datetime,
        since: datetime | None = None,
    ) -> None:
        """``since``: how far back sums are kept, ``HORIZON`` if it is not given."""
        self.settings = settings
        self.ledger = ledger
        prices = pricing.load(settings.prices_file, settings.fetched_prices_file)
        self.tally = Tally(prices)
        self.failure = ""
        self.failed_at: datetime | None = None
        self.watching = False
        self.scan: Scan | None = None
        self._trails: dict[str, dict[tuple[str, str], tuple[str, str, Trail]]] = {}
        self._sessions: dict[str, Session] = {}
        self._stretches: dict[Series, tuple[Stretch, ...]] = {}
        self._marks: dict[Mark, None] = {}
        self._stated: dict[str, Any] = {}
        self._alive: dict[str, Alive] = {}
        self._files: dict[Root, int] = {}
        self._version = -1
        self._since = now - HORIZON if since is None else since
        self._load(now)

    @cached_property
    def sweep(self) -> Sweep:
        """The agents' files; loaded when they are first looked at, never to peek."""
        from burnmon.live.sweep import Sweep

        return Sweep(self.ledger, roots_of(self.settings))

    # --- what the ledger knows already -----------------------------------------------

    def _load(self, now: datetime) -> None:
        for agent, account, trail in self.ledger.trails(self._since):
            self._follow(agent, account, trail)
        long = [
            each.session_id
            for each in self._sessions.values()
            if each.started_at is not None and each.started_at < self._since
        ]
        recent = self.ledger.requests(self._since)
        held = {each.key for each in recent}
        self.tally.load(recent)
        for start in range(0, len(long), 500):
            older = self.ledger.session_requests(long[start : start + 500])
            self.tally.load(each for each in older if each.key not in held)
        self._read_limits(self.ledger.readings(now - READING_HORIZON))
        self._marks = dict.fromkeys(self.ledger.marks(self._since))
        self._version = self.ledger.version()

    def _follow(self, agent: str, account: str, trail: Trail) -> None:
        """Keep a file's trail and retell its session."""
        if agent == "recordings":
            self._stated.update(trail.memory)
            return
        if not trail.session_id:
            return
        files = self._trails.setdefault(trail.session_id, {})
        files[trail.subagent, trail.own_id] = (agent, account, trail)
        self._sessions[trail.session_id] = session_of(list(files.values()))

    def _read_limits(self, readings: Iterable[LimitReading]) -> None:
        fresh: dict[Series, list[LimitReading]] = {}
        for each in readings:
            fresh.setdefault(series(each), []).append(each)
        for key, new in fresh.items():
            self._stretches[key] = extended(self._stretches.get(key, ()), new)

    # --- what the files say now ------------------------------------------------------

    def pending(self, only: Iterable[str] | None = None) -> list[Found]:
        """Files with something new, newest first."""
        if not self.ledger.writable:
            return []
        return self.sweep.look(only)

    def absorb(self, found: Sequence[Found]) -> bool:
        """Read and absorb files; whether anything changed."""
        changed = False
        for states, changes, readings, marks in self._absorbed(found):
            changed = True
            self._apply(states, changes)
            self._read_limits(readings)
            self._marks.update(dict.fromkeys(marks))
        return changed

    def _absorbed(
        self, found: Sequence[Found]
    ) -> Iterator[tuple[list[FileState], list[Change], list[LimitReading], list[Mark]]]:
        for read, changes in self.sweep.absorb(found, self._since):
            readings = [each for _, facts in read for each in facts.readings]
            marks = [each for _, facts in read for each in facts.marks]
            yield [state for state, _ in read], changes, readings, marks

    def _apply(self, states: Iterable[FileState], changes: Iterable[Change]) -> None:
        for state in states:
            self._follow(state.agent, state.account, state.trail)
        self.tally.apply(changes)

    def follow_writer(self, now: datetime) -> bool:
        """As a reader of another instance's ledger: take over what it wrote."""
        if self.ledger.writable or self.ledger.version() == self._version:
            return False
        self._catch_up(now)
        return True

    def _catch_up(self, now: datetime) -> None:
        self._version = self.ledger.version()
        since = now - LATE
        held = self.tally.held(since)
        for request in self.ledger.requests(since):
            old = held.get(request.key)
            if old != request:
                self.tally.apply([Change(old, request)])
        for agent, account, trail in self.ledger.trails(since):
            self._follow(agent, account, trail)
        self._read_limits(self.ledger.readings(since))
        self._marks = dict.fromkeys(self.ledger.marks(self._since))

    def claim(self, now: datetime) -> bool:
        """Become the writer when the one there was is gone; whether that happened."""
        if self.ledger.writable or not self.ledger.claim():
            return False
        self._catch_up(now)
        self.__dict__.pop("sweep", None)  # it knows files as they were read before
        return True

    def look_around(self) -> None:
        """The registries of running sessions, and how many files each root has."""
        self._alive = {
            each.session_id: each
            for root in self.settings.roots
            if root.agent == "claude"
            for each in alive(root.path)
        }

    def count_files(self) -> None:
        """How many session files each root holds."""
        self._files = {root: self.sweep.count(root) for root in self.settings.roots}

    def snapshot(self, now: datetime) -> Snapshot:
        """Everything the screen may show."""
        return take(self._known(), self.tally, now)

    def _known(self) -> Known:
        sessions = {
            key: self._with_stated(session) for key, session in self._sessions.items()
        }
        newest = max(
            (each.last_at for each in sessions.values() if each.last_at), default=None
        )
        return Known(
            sessions=sessions,
            stretches=self._stretches,
            alive=self._alive,
            marks=tuple(self._marks),
            health=Health(
                newest,
                self.watching,
                self.failed_at,
                self.failure,
                not self.ledger.writable,
            ),
            scan=self.scan,
            places=tuple(
                Place(
                    root.agent,
                    os.fspath(root.path),
                    root.path.is_dir(),
                    self._files.get(root, 0),
                )
                for root in self.settings.roots
            ),
            zone=self.settings.zone,
        )

    def _with_stated(self, session: Session) -> Session:
        """A session with what its status line stated of it."""
        stated = self._stated.get(session.session_id)
        if stated is None:
            return session
        size, cost = stated
        return replace(
            session,
            context_window=size or session.context_window,
            stated_cost=session.stated_cost if cost is None else Decimal(str(cost)),
        )


def session_of(files: Sequence[tuple[str, str, Trail]]) -> Session:
    """A session from its files' trails; its own file speaks before sub-agents'."""
    agent, account, main = min(
        files, key=lambda each: (bool(each[2].subagent), -(each[2].last_at or 0))
    )
    started = [each.first_at for _, _, each in files if each.first_at is not None]
    newest = [each.last_at for _, _, each in files if each.last_at is not None]
    moved = _instant(main.last_at)
    return Session(
        agent,
        main.session_id,
        account,
        main.project,
        main.branch,
        main.model,
        main.title,
        "",
        _instant(min(started, default=None)),
        _instant(max(newest, default=None)),
        main.doing,
        moved,
        main.turn,  # type: ignore[arg-type]  # the readers write only these words
        main.context_window,
        None if main.stated_cost is None else Decimal(str(main.stated_cost)),
    )


def _instant(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def alive(root: Path) -> Iterator[Alive]:
    """Sessions that Claude Code says are running, whose process still lives."""
    for path in root.glob("sessions/*.json"):
        try:
            entry = json.loads(path.read_bytes())
            pid, session_id = int(entry["pid"]), str(entry["sessionId"])
            since = datetime.fromtimestamp(entry["statusUpdatedAt"] / 1000, UTC)
            status = str(entry["status"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            continue
        if _lives(pid):
            yield Alive("claude", session_id, status, since)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def peek(settings: Settings, now: datetime) -> Snapshot:
    """What the ledger knows of today, without looking at any session file.

    Sums of sessions and charts begin today; limits and the pace are whole.
    """
    path = settings.ledger_file
    with Ledger(path if path.exists() else None) as ledger:
        since = min(midnight(now, settings.zone), now - RECENT)
        return Engine(settings, ledger, now, since).snapshot(now)


def once(settings: Settings, now: datetime) -> Snapshot:
    """A snapshot after one whole sweep."""
    ledger, failure = open_ledger(settings)
    with ledger:
        engine = Engine(settings, ledger, now)
        engine.failure, engine.watching = failure, True
        engine.absorb(engine.pending())
        engine.look_around()
        engine.count_files()
        return engine.snapshot(now)


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
        self._watch = watch
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._touched: deque[str] = deque()
        self._walk_now = True
        self._observer: Any = None
        self._trees: set[str] = set()
        self._walked_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._posted_at: datetime | None = None
        self._stated_at: datetime | None = None

    def start(self) -> Callable[[], None]:
        """Begin; returns what ends it."""
        self._thread.start()
        return self.stop

    def stop(self) -> None:
        """End the thread and give the ledger back."""
        self._stop.set()
        self._wake.set()
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
                self._unwatch()
            self._stop.wait(5)

    def _fail(self, reason: str) -> None:
        """Tell the screen since when its figures are stale, then try again."""
        now = self.clock()
        with Ledger(None) as ledger:
            engine = Engine(self.settings, ledger, now)
            engine.failure, engine.failed_at = reason, now
            self.post(engine.snapshot(now))

    def _serve(self) -> None:
        ledger, failure = open_ledger(self.settings)
        with ledger:
            engine = Engine(self.settings, ledger, self.clock())
            engine.failure = failure
            self._begin(engine)
            while not self._stop.is_set():
                self._step(engine)

    def _begin(self, engine: Engine) -> None:
        """Current files, a first snapshot, then history with its progress shown."""
        engine.look_around()
        found = engine.pending()
        limit = (self.clock() - CURRENT).timestamp() * 1e9
        current = [each for each in found if each.mtime_ns >= limit]
        engine.absorb(current)
        engine.count_files()
        history = found[len(current) :]
        engine.scan = _progress(found, len(current), None)
        self._show(engine)
        if self._watch:
            self._begin_watching(engine)
        if history:
            self._absorb_history(engine, found, len(current))
        engine.scan = None
        self._show(engine)

    def _absorb_history(
        self, engine: Engine, found: Sequence[Found], done: int
    ) -> None:
        """Small portions, so that what is written meanwhile is shown in between."""
        started = self.clock()
        first = done
        while done < len(found) and not self._stop.is_set():
            size, start = 0, done
            while done < len(found) and size < 8 << 20:
                size += found[done].fresh
                done += 1
            engine.absorb(found[start:done])
            engine.scan = _progress(found, done, (started, first, self.clock()))
            if self._wake.is_set():
                self._absorb_touched(engine)
            self._show(engine)

    def _step(self, engine: Engine) -> None:
        """Wait for a file event or the next tick, then bring everything up to date."""
        rests = engine.watching and not engine.tally.recent
        self._wake.wait((REST if rests else TICK).total_seconds())
        if self._stop.is_set():
            return
        woken = self._wake.is_set()
        self._wake.clear()
        now = self.clock()
        engine.follow_writer(now)
        self._absorb_touched(engine)
        if engine.claim(now) or self._due_for_walk(engine, now):
            engine.absorb(engine.pending())
            if self._watch and self._existing_trees() != self._trees:
                self._unwatch()
                self._begin_watching(engine)
        engine.look_around()
        self._show(engine)
        if woken:
            self._stop.wait(PAINT.total_seconds())

    def _due_for_walk(self, engine: Engine, now: datetime) -> bool:
        """Whether file events cannot be relied on, or it is time to check them."""
        engine.watching = self._observer is not None and self._observer.is_alive()
        last = self._walked_at
        if engine.watching and not self._walk_now and last and now - last < WALK:
            return False
        self._walked_at, self._walk_now = now, False
        return True

    def _absorb_touched(self, engine: Engine) -> None:
        touched = set()
        while self._touched:
            touched.add(self._touched.popleft())
        if touched:
            engine.absorb(engine.pending(touched))

    def _show(self, engine: Engine) -> None:
        now = self.clock()
        snapshot = engine.snapshot(now)
        self.post(snapshot)
        if self._stated_at is None or now - self._stated_at >= STATE:
            self._stated_at = now
            with suppress(OSError):
                write_state(self.settings.state_file, snapshot)

    # --- watching --------------------------------------------------------------------

    def _begin_watching(self, engine: Engine) -> None:
        from watchdog.events import (
            DirCreatedEvent,
            FileCreatedEvent,
            FileModifiedEvent,
            FileMovedEvent,
            FileSystemEvent,
            FileSystemEventHandler,
        )
        from watchdog.observers import Observer

        feeder = self

        class Waker(FileSystemEventHandler):
            """Notes the path and wakes the feeder: nothing else happens here."""

            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.is_directory:
                    feeder._walk_now = True
                else:
                    path = event.dest_path or event.src_path
                    feeder._touched.append(os.fsdecode(path))
                feeder._wake.set()

        # A lost event is answered with a walk, not with a line on the terminal.
        logging.getLogger("watchdog").addHandler(_Alarm(self))
        logging.getLogger("watchdog").propagate = False
        observer = Observer()
        # Opens and closes, our own among them, would wake us for nothing.
        wanted: list[type[FileSystemEvent]] = [
            FileCreatedEvent,
            FileModifiedEvent,
            FileMovedEvent,
            DirCreatedEvent,
        ]
        self._trees = self._existing_trees()
        with suppress(OSError):
            for path in self._trees:
                observer.schedule(Waker(), path, recursive=True, event_filter=wanted)
            if self._trees:
                observer.start()
                self._observer = observer
        engine.watching = self._observer is not None

    def _existing_trees(self) -> set[str]:
        from burnmon.agents import AGENTS

        trees = [
            root.path / tree
            for root in roots_of(self.settings)
            for tree in AGENTS[root.agent].trees
        ]
        return {os.fspath(each) for each in trees if each.is_dir()}

    def _unwatch(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()


class _Alarm(logging.Handler):
    """Watchdog logs when the kernel dropped events; the next step then walks."""

    def __init__(self, feeder: Feeder) -> None:
        super().__init__(logging.WARNING)
        self._feeder = feeder

    def emit(self, record: logging.LogRecord) -> None:
        self._feeder._walk_now = True
        self._feeder._wake.set()


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
            left = (now - started) * ((whole - finished) / read)
    return Scan(done, len(found), finished, whole, left)
