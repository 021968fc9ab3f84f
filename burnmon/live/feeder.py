"""The engine: one thread that sweeps, absorbs, takes snapshots and hands them over.

Watchdog wakes it and nothing more; the sweep decides what changed. What fails becomes a
value: the screen is told since when its figures are stale, and the thread goes on.
"""

from __future__ import annotations

import json
import logging
import os
import stat
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

from burnmon import text
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
from burnmon.usage.ledger import Known as Seen
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
RENEWAL = timedelta(days=1)
"""What left the horizon is forgotten this often, by loading the ledger anew."""
SET_BACK = timedelta(minutes=1)
"""A clock that goes back this far was set; less is a clock being corrected."""
RETRY = timedelta(seconds=5)
"""The pause after a failure."""
PORTION = 8 << 20
"""Bytes read between two looks at whether to stop, or at what is written meanwhile."""

Post = Callable[[Snapshot], None]
_Files = dict[tuple[str, str, str], tuple[str, str, Trail]]
"""Account, sub-agent and own id → agent, account and trail of one session's files."""


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
        self._trails: dict[str, _Files] = {}
        self._sessions: dict[str, Session] = {}
        self._stretches: dict[Series, tuple[Stretch, ...]] = {}
        self._marks: dict[Mark, None] = {}
        self._stated: dict[str, Any] = {}
        self._alive: dict[str, Alive] = {}
        self._files: dict[Root, int] = {}
        self._version = -1
        self._horizon = HORIZON if since is None else now - since
        self._since = self._late = self._loaded_at = self._seen_at = now
        self._long: set[str] = set()
        self._read: dict[str, Seen] = {}
        self._load(now)

    @cached_property
    def sweep(self) -> Sweep:
        """The agents' files; loaded when they are first looked at, never to peek."""
        from burnmon.live.sweep import Sweep

        return Sweep(self.ledger, roots_of(self.settings))

    # --- what the ledger knows already -----------------------------------------------

    def _load(self, now: datetime) -> None:
        # Asked first: what another process adds while this reads is met again.
        self._version = self.ledger.version()
        follows = not self.ledger.writable and self._horizon == HORIZON
        self._read = self.ledger.known() if follows else {}
        # Whole seconds, because the ledger rounds to milliseconds.
        self._since = (now - self._horizon).replace(microsecond=0)
        self._late = (now - LATE).replace(microsecond=0)
        self._loaded_at = self._seen_at = now
        for agent, account, trail in self.ledger.trails(self._since):
            self._follow(agent, account, trail)
        self.tally.load(self.ledger.requests(self._since))
        self._load_older(self._sessions)
        self._read_limits(self.ledger.readings(now - READING_HORIZON))
        self._marks = dict.fromkeys(self.ledger.marks(self._since))

    def _load_older(self, session_ids: Iterable[str]) -> None:
        """What sessions used that began before the horizon, once for each."""
        long = [each for each in session_ids if self._began_early(each)]
        self._long.update(long)
        for start in range(0, len(long), 500):
            older = self.ledger.session_requests(long[start : start + 500])
            self.tally.load(each for each in older if each.at < self._since)

    def _began_early(self, session_id: str) -> bool:
        session = self._sessions.get(session_id)
        if session is None or session.started_at is None or session_id in self._long:
            return False
        return session.started_at < self._since

    def renew(self, now: datetime) -> None:
        """Forget everything and load what the ledger knows."""
        self.__dict__.pop("sweep", None)  # it knows files as they were read before
        self.tally = Tally(self.tally.prices)
        self._trails, self._sessions, self._stretches = {}, {}, {}
        self._stated, self._long = {}, set()
        self._load(now)

    def complete(self, now: datetime) -> None:
        """After the history was read: what came late of sessions that began early."""
        if self._long:
            self.renew(now)

    def keep_young(self, now: datetime) -> None:
        """Renew once a day, and when the clock was set back."""
        was_set = now < self._seen_at - SET_BACK
        self._seen_at = now
        if was_set or now - self._loaded_at >= RENEWAL:
            self.renew(now)

    def _follow(self, agent: str, account: str, trail: Trail) -> None:
        """Keep a file's trail and retell its session."""
        if agent == "recordings":
            self._stated.update(trail.memory)
            return
        newest = _instant(trail.last_at)
        if not trail.session_id or newest is None or newest < self._since:
            return
        files = self._trails.setdefault(trail.session_id, {})
        files[account, trail.subagent, trail.own_id] = (agent, account, trail)
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
        told = [(each.agent, each.account, each.trail) for each in states]
        for each in told:
            self._follow(*each)
        self.tally.apply(changes)
        self._load_older({trail.session_id for _, _, trail in told})

    def follow_writer(self, now: datetime) -> bool:
        """As a reader of another instance's ledger: take over what it wrote."""
        if self.ledger.writable:
            return False
        version = self.ledger.version()
        if version == self._version:
            return False
        self._version = version
        # It never goes back: what was let go once would count as new.
        since = self._late = max(self._late, (now - LATE).replace(microsecond=0))
        held = self.tally.held(since)
        for request in self.ledger.requests(since):
            old = held.get(request.key)
            if old != request:
                self.tally.apply([Change(old, request)])
        told = self.ledger.trails(since)
        for each in told:
            self._follow(*each)
        self._load_older({trail.session_id for _, _, trail in told})
        self._read_limits(self.ledger.readings(since))
        self._marks = dict.fromkeys(self.ledger.marks(self._since))
        return True

    def catch_up(self, now: datetime) -> None:
        """As a reader: load anew when the writer read files of old lines."""
        if self.ledger.writable:
            return
        known, before = self.ledger.known(), self._read
        self._read = known
        moved = [path for path, each in known.items() if before.get(path) != each]
        if any(self._tells_old(path, known[path], path in before) for path in moved):
            self.renew(now)

    def _tells_old(self, path: str, known: Seen, met: bool) -> bool:
        """Whether a file that was read holds lines older than a reader looks back."""
        if known.mtime_ns < self._late.timestamp() * 1e9:
            return True
        state = None if met else self.ledger.file(path)
        first = _instant(state.trail.first_at) if state else None
        return first is not None and first < self._late

    def claim(self, now: datetime) -> bool:
        """Become the writer when the one there was is gone; whether that happened."""
        if self.ledger.writable or not self.ledger.claim():
            return False
        self.renew(now)
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
        files,
        key=lambda each: (
            bool(each[2].subagent),
            -(each[2].last_at or 0),
            each[2].own_id,
            each[1],
        ),
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
    if pid <= 0:
        return False
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
        self._trees: dict[str, tuple[int, int]] = {}
        self._walked_at: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._alarm = _Alarm(self)
        self._stated_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._watched_at: datetime | None = None
        self._opened_at: datetime | None = None
        self._shown: Snapshot | None = None
        self._failed_at: datetime | None = None

    def start(self) -> Callable[[], None]:
        """Begin; returns what ends it."""
        self._thread.start()
        return self.stop

    def stop(self) -> None:
        """End the thread and give the ledger back."""
        self._stop.set()
        self._wake.set()
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
                self._unwatch()

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
        """Follow the files until told to stop, or until a ledger is to be had again."""
        ledger, failure = open_ledger(self.settings)
        with ledger:
            engine = Engine(self.settings, ledger, self.clock())
            engine.failure = failure
            self._begin(engine)
            while not (self._stop.is_set() or self._has_ledger_again(engine)):
                self._step(engine)

    def _has_ledger_again(self, engine: Engine) -> bool:
        """Whether a ledger that could not be used when this began now can."""
        now = self.clock()
        if not engine.failure or not _passed(self._opened_at, now, WALK):
            return False
        self._opened_at = now
        ledger, failure = open_ledger(self.settings)
        ledger.close()
        return not failure

    def _begin(self, engine: Engine) -> None:
        """Current files, a first snapshot, then history with its progress shown."""
        # Whatever changes before files are watched is found by a walk, right after.
        self._walk_now = True
        self._wake.set()
        engine.watching = self._watch and bool(self._existing_trees())
        engine.look_around()
        found = engine.pending()
        limit = (self.clock() - CURRENT).timestamp() * 1e9
        current = sum(each.mtime_ns >= limit for each in found)
        for start, end in _portions(found, 0, current):
            if self._stop.is_set():
                return
            engine.absorb(found[start:end])
        engine.count_files()
        engine.scan = _progress(found, current, None)
        self._show(engine)
        if self._watch:
            self._begin_watching(engine)
        self._absorb_history(engine, found, current)
        engine.scan = None
        if not self._stop.is_set():
            self._show(engine)

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

    def _step(self, engine: Engine) -> None:
        """Wait for a file event or the next tick, then bring everything up to date."""
        # A reader is woken before the writer has written: it must look again soon.
        writes = engine.ledger.writable
        rests = writes and engine.watching and not engine.tally.recent
        self._wake.wait((REST if rests else TICK).total_seconds())
        if self._stop.is_set():
            return
        woken = self._wake.is_set()
        self._wake.clear()
        self._bring_up_to_date(engine, self.clock())
        self._show(engine)
        if woken:
            self._stop.wait(PAINT.total_seconds())

    def _bring_up_to_date(self, engine: Engine, now: datetime) -> None:
        engine.keep_young(now)
        engine.follow_writer(now)
        self._absorb_touched(engine)
        if engine.claim(now) or self._due_for_walk(engine, now):
            engine.catch_up(now)
            engine.absorb(engine.pending())
            self._watch_again(engine, now)
            self._count(engine, now)
        engine.look_around()

    def _count(self, engine: Engine, now: datetime) -> None:
        if _passed(self._counted_at, now, WALK):
            self._counted_at = now
            engine.count_files()

    def _due_for_walk(self, engine: Engine, now: datetime) -> bool:
        """Whether file events cannot be relied on, or it is time to check them."""
        engine.watching = self._is_watching()
        last = self._walked_at
        if engine.watching and not self._walk_now and not _passed(last, now, WALK):
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
        self._shown, self._failed_at = snapshot, None
        if _passed(self._stated_at, now, STATE):
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
        logging.getLogger("watchdog").addHandler(self._alarm)
        logging.getLogger("watchdog").addHandler(_SILENCE)
        logging.getLogger("watchdog").propagate = False
        observer = Observer()
        # Opens and closes, our own among them, would wake us for nothing.
        wanted: list[type[FileSystemEvent]] = [
            FileCreatedEvent,
            FileModifiedEvent,
            FileMovedEvent,
            DirCreatedEvent,
        ]
        self._trees, self._watched_at = self._existing_trees(), self.clock()
        try:
            for path in self._trees:
                observer.schedule(Waker(), path, recursive=True, event_filter=wanted)
            if self._trees:
                observer.start()
                self._observer = observer
        except OSError:
            observer.stop()  # those of its threads that were begun
        engine.watching = self._observer is not None

    def _watch_again(self, engine: Engine, now: datetime) -> None:
        """Watch anew when trees came, went or were replaced, or watching ended."""
        if not self._watch:
            return
        ended = self._observer is not None and not self._is_watching()
        late = self._observer is None and _passed(self._watched_at, now, WALK)
        if ended or late or self._existing_trees() != self._trees:
            self._unwatch()
            self._begin_watching(engine)
            # What was written before the new watch began was seen by nobody.
            self._walk_now = True
            self._wake.set()

    def _is_watching(self) -> bool:
        """Whether every watched tree has its thread: one ends when its tree goes."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return False
        return all(each.is_alive() for each in observer.emitters)

    def _existing_trees(self) -> dict[str, tuple[int, int]]:
        """Trees that are there, each with what tells it from one in its place."""
        from burnmon.agents import AGENTS

        found = {}
        for root in roots_of(self.settings):
            for tree in AGENTS[root.agent].trees:
                path = root.path / tree
                with suppress(OSError):
                    status = path.stat()
                    if stat.S_ISDIR(status.st_mode):
                        found[os.fspath(path)] = (status.st_dev, status.st_ino)
        return found

    def _unwatch(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
        logging.getLogger("watchdog").removeHandler(self._alarm)


def _passed(since: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether a span has passed; a clock that was set back is no reason to wait."""
    return since is None or not timedelta(0) <= now - since < span


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


_SILENCE = logging.NullHandler()
"""Keeps what watchdog says while it ends off the terminal."""


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
            spent = max(timedelta(0), now - started)
            left = spent * ((whole - finished) / read)
    return Scan(done, len(found), finished, whole, left)
