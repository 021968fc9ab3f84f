"""What is known now: the ledger's past and the files' present, kept up step by step.

No thread and no clock of its own; every step is told the time. It is made from the
ledger alone, and loads what reads session files only when it is asked to look at them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from burnmon import text
from burnmon.config import Root, Settings
from burnmon.errors import LedgerError
from burnmon.live.headroom import Accounts, learn_from
from burnmon.live.keeping import open_ledger, unkept
from burnmon.live.kept import Kept
from burnmon.live.marks import Marks
from burnmon.live.registry import alive
from burnmon.live.snapshot import CommitEvent, Health, Place, Scan, Snapshot
from burnmon.live.take import Known, midnight, take
from burnmon.live.tally import HORIZON, RECENT, Tally
from burnmon.records import Alive, LimitReading, Mark, Session, Trail, Window
from burnmon.usage import limits, pricing
from burnmon.usage.backtest import learned
from burnmon.usage.credits import ANSWERS, known_credits
from burnmon.usage.experience import Experience, from_text, to_text
from burnmon.usage.headroom import Learned
from burnmon.usage.ledger import Change, FileState, Ledger
from burnmon.usage.ledger import Known as Seen
from burnmon.usage.repetition import Repetition
from burnmon.usage.report import cost_of
from burnmon.usage.stretches import Series, Stretch, extended, series, stretches
from burnmon.usage.usual import WEEKS, Usual, usual
from burnmon.why import Cause

if TYPE_CHECKING:
    from burnmon.live.dearest import Dearest
    from burnmon.live.sweep import Found, Sweep

LATE = timedelta(minutes=30)
"""How far back a reader looks for what the writer added since its last look."""
RENEWAL = timedelta(days=1)
"""What left the horizon is forgotten this often, by loading the ledger anew."""
LEARNING = timedelta(seconds=30)
"""What a dollar takes from a window is learned anew this often."""
STALE = timedelta(minutes=10)
"""The same while nothing is stated or spent: only what is too old leaves then."""
BUDGETING = timedelta(minutes=1)
"""Budgets are forecast anew this often while nothing is spent."""
AROUND = timedelta(seconds=1)
"""It is asked at most so often which directories are there."""
RESTING = timedelta(hours=1)
"""After which the requests of a session are no longer kept at hand."""
EXPLAINING = timedelta(seconds=10)
"""What makes a session dear is looked for at most this often; it takes some ms."""
CIRCLING = timedelta(hours=1)
"""How far back it is looked for sessions that go in circles."""
GATHERING = timedelta(seconds=2)
"""Files are read for work at most this often; nobody waits for it."""
SET_BACK = timedelta(minutes=1)
"""A clock that goes back this far was set; less is a clock being corrected."""

_T = TypeVar("_T")
_Files = dict[tuple[str, str, str], tuple[str, str, Trail]]
"""Account, sub-agent and own id → agent, account and trail of one session's files."""


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
        self.watching = False
        self.scan: Scan | None = None
        self._trails: dict[str, _Files] = {}
        self._sessions: dict[str, Session] = {}
        """With what their status lines stated of them."""
        self._newest_at: datetime | None = None
        """Of their lines."""
        self._stretches: dict[Series, tuple[Stretch, ...]] = {}
        self._marks = Marks()
        self._stated: dict[str, Any] = {}
        self._answers: dict[tuple[str, str], tuple[str, str, Trail]] = {}
        self._alive: dict[str, Alive] = {}
        self._files: dict[Root, int] = {}
        self._totals: tuple[str, ...] = ()
        self._version = -1
        self._horizon = HORIZON if since is None else now - since
        self._since = self._late = self._loaded_at = self._seen_at = now
        self._wrote_at = now
        self._hindered_at: datetime | None = None
        """Since when no file can be opened."""
        self._long: set[str] = set()
        self._read: dict[str, Seen] = {}
        self._learned: tuple[datetime, object, Learned] | None = None
        self._budgets: tuple[datetime, int, tuple[Window, ...]] | None = None
        self._experiences: dict[Series, Experience] = {}
        self._told: tuple[Window, ...] = ()
        self.commits: tuple[CommitEvent, ...] = ()
        self._usual: Usual | None = None
        self._usual_at = -1
        self._circles: dict[str, tuple[Repetition, ...]] = {}
        """Where each session went in circles within the last hour."""
        self._causes: dict[str, tuple[datetime, tuple[Cause, ...]]] = {}
        """What makes each session dear, and when that was looked for."""
        self._due: set[str] = set()
        """Sessions for which it must be looked for again."""
        self._kept = Kept()
        self._unread: set[str] = set()
        """Files with lines that were not read for work."""
        self._gathered_at = now
        self._load(now)

    @cached_property
    def sweep(self) -> Sweep:
        """The agents' files; loaded when they are first looked at, never to peek."""
        from burnmon.live.sweep import Sweep

        return Sweep(self.ledger, self.settings.read_roots())

    @cached_property
    def _dearest(self) -> Dearest:
        """What makes sessions dear; loaded when something was read for work."""
        from burnmon.live.dearest import Dearest

        return Dearest(self.ledger, self.tally.prices)

    # --- what the ledger knows already -----------------------------------------------

    def _load(self, now: datetime) -> None:
        # Asked first: what another process adds while this reads is met again.
        self._version = self.ledger.version()
        follows = not self.ledger.writable and self._horizon == HORIZON
        self._read = self.ledger.known() if follows else {}
        # Whole seconds, because the ledger rounds to milliseconds.
        self._since = (now - self._horizon).replace(microsecond=0)
        self._late = (now - LATE).replace(microsecond=0)
        self._loaded_at = self._seen_at = self._wrote_at = now
        for agent, account, trail in self.ledger.trails(self._since):
            self._follow(agent, account, trail)
        cuts = self.tally.prices.cuts(self.ledger.models())
        span = self._since, self._late
        self.tally.load_past(self.ledger.past(*span, *cuts, self.tally.put_minutes))
        self._load_older(self._sessions)
        self._stretches = stretches(self.ledger.readings(now - limits.HORIZON))
        self._marks = Marks()
        self._marks.load(self.ledger, self._since, self._sessions)
        self._load_experiences()
        self._learned = self._budgets = None
        self._kept = Kept()
        self._load_budgets(now)

    def _load_experiences(self) -> None:
        self._experiences = {
            key: from_text(told) for key, told in self.ledger.experiences().items()
        }

    def _load_budgets(self, now: datetime) -> None:
        """What was spent before the horizon, as far back as budgets look.

        Lines of those days that are read later count from the next renewal on.
        """
        if not self.settings.budgets:
            return
        from burnmon.usage import budgets  # for those who set some

        start = budgets.since(self.settings.budgets, now, self.settings.zone)
        if start < self._since:
            cuts = self.tally.prices.cuts(self.ledger.models())
            older = self.ledger.sums(
                ["quarter", "project"], *cuts, since=start, until=self._since
            )
            self.tally.load_projects(older)

    def _load_older(self, session_ids: Iterable[str]) -> None:
        """What sessions used that began before the horizon, once for each."""
        long = [each for each in session_ids if self._began_early(each)]
        self._long.update(long)
        if long:
            cuts = self.tally.prices.cuts(self.ledger.models())
            older = self.ledger.sums(
                ["session"], *cuts, until=self._since, sessions=long
            )
            self.tally.load_sums(older)

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
        self._newest_at = None
        self._stated, self._answers, self._long = {}, {}, set()
        self._load(now)
        for session_id in self._causes.keys() - self._sessions.keys():
            self._dearest.forget(session_id)
        self._causes = _of(self._causes, self._sessions)
        self._circles = _of(self._circles, self._sessions)
        self._due &= self._sessions.keys()

    @property
    def knows_sessions(self) -> bool:
        """The ledger told of sessions in the span that is kept."""
        return bool(self._sessions)

    def complete(self, now: datetime) -> None:
        """After the history was read: what came late of sessions that began early, and
        what budgets look back on."""
        if self._long or self.settings.budgets:
            self.renew(now)

    def keep_young(self, now: datetime) -> None:
        """Renew once a day, and when the clock was set back."""
        was_set = now < self._seen_at - SET_BACK
        self._seen_at = now
        if was_set or now - self._loaded_at >= RENEWAL:
            self.ledger.let_go()
            self.renew(now)

    def _follow(self, agent: str, account: str, trail: Trail) -> None:
        """Keep a file's trail and retell its session."""
        if agent == "recordings":
            self._stated.update(trail.memory)
            for session_id in trail.memory.keys() & self._sessions.keys():
                self._tell_of(session_id)
            return
        if agent in ANSWERS:
            self._follow_answer(agent, account, trail)
            return
        newest = _instant(trail.last_at)
        if not trail.session_id or newest is None or newest < self._since:
            return
        files = self._trails.setdefault(trail.session_id, {})
        files[account, trail.subagent, trail.own_id] = (agent, account, trail)
        self._tell_of(trail.session_id)
        if self._newest_at is None or newest > self._newest_at:
            self._newest_at = newest

    def _tell_of(self, session_id: str) -> None:
        """Retell a session from its files and from what its status line stated."""
        session = session_of(list(self._trails[session_id].values()))
        stated = self._stated.get(session_id)
        if stated is not None:
            size, cost = stated
            session = replace(
                session,
                context_window=size or session.context_window,
                stated_cost=session.stated_cost if cost is None else Decimal(str(cost)),
            )
        self._sessions[session_id] = session

    def _follow_answer(self, agent: str, account: str, trail: Trail) -> None:
        """Keep the newest document of an account; there may be two of them."""
        key = (agent, trail.memory.get("account", account))
        held = self._answers.get(key)
        if held is None or (trail.last_at or 0) >= (held[2].last_at or 0):
            self._answers[key] = (agent, account, trail)

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

    def newest(self, count: int) -> list[str]:
        """The files that were written last; a reader follows none."""
        return self.sweep.newest(count) if self.ledger.writable else []

    def moved(self, paths: Sequence[str]) -> list[str]:
        """Those of some known files that are other than they were read."""
        return self.sweep.moved(paths) if paths else []

    @property
    def directories(self) -> int:
        """How many directories the last walk found; 0 if there was none."""
        return len(self.sweep.directories) if self.ledger.writable else 0

    def absorb(self, found: Sequence[Found]) -> bool:
        """Read and absorb files; whether anything changed."""
        changed = False
        for states, changes, readings, marks in self._absorbed(found):
            changed = True
            self._unread.update(each.path for each in states)
            self._apply(states, changes)
            self._read_limits(readings)
            self._marks.put(marks, self._sessions)
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

    def gather(self, now: datetime) -> bool:
        """Read for work what was absorbed since, at most once a second; whether that
        told anything of a session."""
        told = False
        if self._unread and abs(now - self._gathered_at) >= GATHERING:
            from burnmon.live.gathering import behind, gather

            self._gathered_at = now
            files = behind(self.ledger, self._unread)
            self._unread.clear()
            for _ in gather(self.ledger, files):
                pass
            touched = {each.of.session_id for each in files}
            told = self._look_for_circles(touched, now)
            self._due |= touched
        return self._look_for_causes(now) or told

    def _look_for_causes(self, now: datetime) -> bool:
        """Notice what makes sessions dear that work right now; whether it is news."""
        told = False
        for session_id in tuple(self._due):
            looked_at, known = self._causes.get(session_id, (None, ()))
            if looked_at is None or abs(now - looked_at) >= EXPLAINING:
                found = self._dearest.causes(session_id)[:1]
                told |= found != known
                self._causes[session_id] = now, found
                self._due.discard(session_id)
        for session_id, (looked_at, _) in self._causes.items():
            if abs(now - looked_at) > RESTING:
                self._dearest.forget(session_id)
        return told

    def _look_for_circles(self, session_ids: set[str], now: datetime) -> bool:
        """Notice sessions that do the same again and again, or fail in a row; whether
        that is news."""
        from burnmon.live.explaining import Explaining

        told = False
        explaining = Explaining(self.ledger, self.tally.prices)
        for session_id in session_ids:
            found = tuple(
                each
                for each in explaining.circles(session_id, now - CIRCLING)
                if each.kind != "polling"
            )
            told |= found != self._circles.get(session_id, ())
            self._circles[session_id] = found
        return told

    def follow_writer(self, now: datetime) -> bool:
        """As a reader of another instance's ledger: take over what it wrote."""
        if self.ledger.writable:
            return False
        version = self.ledger.version()
        if version == self._version:
            return False
        self._version = version
        silent_for, self._wrote_at = now - self._wrote_at, now
        if silent_for >= LATE:
            # Whoever was held up for so long has just read lines of before.
            self.renew(now)
            return True
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
        self._marks.put(self.ledger.each_mark(since), self._sessions)
        self._load_experiences()
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

    def look_around(self) -> bool:
        """Read the registries of running sessions; whether they tell something new."""
        before = self._alive
        self._alive = {
            each.session_id: each
            for root in self.settings.roots
            if root.agent == "claude"
            for each in alive(root.path)
        }
        return self._alive != before

    def count_files(self) -> None:
        """How many session files each root holds, and what all of them came to."""
        self._files = {root: self.sweep.count(root) for root in self.settings.roots}
        counts = self.ledger.dedup()
        words = {
            "lines_seen": "lines seen",
            "requests_kept": "requests kept",
            "duplicates_dropped": "duplicates dropped",
            "lines_skipped": "lines skipped",
            "replays_set_aside": "replays set aside",
        }
        told = [f"{counts[name]:,} {said}" for name, said in words.items()]
        self._totals = (" · ".join(told),)

    def snapshot(self, now: datetime) -> Snapshot:
        """Everything the screen may show."""
        taken = take(self._known(now), self.tally, now)
        snapshot = replace(taken, commits=self.commits)
        self._told = tuple(row.window for row in snapshot.limits)
        return snapshot

    def learn(self, now: datetime) -> bool:
        """Judge the forecasts of one window that closed; whether there was any.

        That takes some ten milliseconds. Only the writer does, others read the result.
        """
        if not self.ledger.writable:
            return False
        for key, past in self._stretches.items():
            before = self._experiences.get(key, Experience())
            after = learned(before, past, timedelta(minutes=key[3]), now, 1)
            if after != before:
                self._experiences[key] = after
                self.ledger.put_experience(key, to_text(after))
                return True
        return False

    def compare(self, now: datetime) -> bool:
        """Ask once an hour what is usual at such a time of the week; whether it did."""
        hour = int(now.timestamp()) // 3600
        if self._usual_at == hour:
            return False
        self._usual_at = hour
        cuts = self.tally.prices.cuts(self.ledger.models())
        self.ledger.keep_sums(cuts[0])
        since = now - timedelta(weeks=WEEKS, days=1)
        hours: dict[int, Decimal] = {}
        for each in self.ledger.sums(["quarter"], *cuts, since=since, until=now):
            cost = cost_of(each, self.tally.prices)
            if cost is not None:
                place = each.keys[0] // 4
                hours[place] = hours.get(place, Decimal(0)) + cost
        self._usual = usual(hours, now, self.settings.zone)
        return True

    def _known(self, now: datetime) -> Known:
        hindered = self.sweep.hindered if "sweep" in vars(self) else ""
        self._hindered_at = (self._hindered_at or now) if hindered else None
        return Known(
            sessions=self._sessions,
            stretches=self._stretches,
            alive=self._alive,
            marks=self._marks.events,
            health=Health(
                self._newest_at,
                self.watching,
                self._hindered_at,
                hindered or self.failure,
                not self.ledger.writable,
            ),
            scan=self.scan,
            places=self._kept.lately("places", now, AROUND, self._places),
            zone=self.settings.zone,
            totals=self._totals,
            credits=known_credits(self._answers.values(), now),
            trouble=self._trouble(),
            since=self._since,
            learned=self._what_was_learned(now),
            budgets=self._what_is_budgeted(now),
            before=self._told,
            experiences=self._experiences,
            usual=self._usual,
            circles=self._circles,
            causes={name: each for name, (_, each) in self._causes.items()},
            kept=self._kept,
        )

    def _places(self) -> tuple[Place, ...]:
        """The directories that are looked into, and whether they are there."""
        return tuple(
            Place(
                root.agent,
                os.fspath(root.path),
                root.path.is_dir(),
                self._files.get(root, 0),
            )
            for root in self.settings.roots
        )

    def _trouble(self) -> str:
        """Why asking Anthropic for limits gets no answer; empty if it does."""
        if not self.settings.poll_usage:
            return ""
        told = (trail.memory.get("trouble") for _, _, trail in self._answers.values())
        return text.plain(next((words for words in told if words), ""))

    def _what_was_learned(self, now: datetime) -> Learned:
        stated = tuple(self._stretches.values())
        basis = (self.tally.version, stated, self._marks.version)
        last = self._learned
        every = STALE if last and last[1] == basis else LEARNING
        if last is None or abs(now - last[0]) >= every:
            accounts = Accounts(self.tally, self._sessions, self._since, now)
            found = learn_from(accounts, self._stretches, self._marks.prompts())
            last = self._learned = now, basis, found
        return last[2]

    def _what_is_budgeted(self, now: datetime) -> tuple[Window, ...]:
        settings, known = self.settings, self._budgets
        if not settings.budgets:
            return ()
        version = self.tally.version
        if known and known[1] == version and abs(now - known[0]) < BUDGETING:
            return known[2]
        from burnmon.usage import budgets  # for those who set some

        windows = budgets.budget_windows(
            settings.budgets, self.tally.projects, settings.paths, settings.zone, now
        )
        windows = budgets.steadied(windows, known[2] if known else ())
        self._budgets = now, version, windows
        return windows


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


def _of(told: Mapping[str, _T], sessions: Mapping[str, Session]) -> dict[str, _T]:
    """What is told of some sessions, without the others."""
    return {key: each for key, each in told.items() if key in sessions}


def _instant(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def peek(settings: Settings, now: datetime) -> Snapshot:
    """What the ledger knows of today, without looking at any session file.

    Sums of sessions and charts begin today; limits and the pace are whole.
    """
    path = settings.ledger_file
    with Ledger(path if path.exists() else None) as ledger:
        since = min(midnight(now, settings.zone), now - RECENT)
        return Engine(settings, ledger, now, since).snapshot(now)


def once(settings: Settings, now: datetime) -> Snapshot:
    """A snapshot after one whole sweep, with what a live view told before."""
    ledger, failure = open_ledger(settings.ledger_file)
    try:
        with ledger:
            return _once(settings, now, ledger, failure)
    except LedgerError as error:
        with Ledger(None) as ledger:
            return _once(settings, now, ledger, unkept(error))


def _once(settings: Settings, now: datetime, ledger: Ledger, failure: str) -> Snapshot:
    # Loaded here: who peeks shows no events.
    from burnmon.live.alert_log import AlertLog
    from burnmon.live.alerts import with_events

    engine = Engine(settings, ledger, now)
    engine.failure, engine.watching = failure, True
    engine.absorb(engine.pending())
    engine.look_around()
    engine.count_files()
    told = AlertLog(settings.alerts_file).told()
    return with_events(engine.snapshot(now), told, settings.alerts)
