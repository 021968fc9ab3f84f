"""The engine step by step, and its thread with real files and real events."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import homes
import pytest
from homes import assistant, at, prompt, sidechain
from msgspec.structs import replace

from burnmon import config
from burnmon.budget_settings import Budget
from burnmon.config import Root, Settings
from burnmon.errors import LedgerError
from burnmon.live import engine, feeder, keeping, sweep
from burnmon.live.engine import Engine, peek
from burnmon.live.feeder import Feeder, first
from burnmon.live.keeping import open_ledger
from burnmon.live.snapshot import Held, Snapshot
from burnmon.live.watching import Watch
from burnmon.records import BUDGET
from burnmon.usage.experience import Experience, to_text
from burnmon.usage.ledger import Ledger

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
ONE = Decimal("0.0028")
"""What ``homes.assistant`` costs."""
PATIENCE = 30
"""Seconds after which a thread that says nothing is taken for dead."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person whose agents wrote nothing yet."""
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Claude Code's directory."""
    return tmp_path / ".claude"


def put(home: Path, path: str, contents: bytes, when: datetime = NOW) -> Path:
    """A file with an age."""
    homes.write(home, {path: contents})
    os.utime(home / path, (when.timestamp(), when.timestamp()))
    return home / path


def add(path: Path, contents: bytes) -> None:
    """Lines that an agent appends."""
    with path.open("ab") as stream:
        stream.write(contents)


class Following:
    """An engine over a ledger of its own, told the time."""

    def __init__(self, settings: Settings, now: datetime = NOW) -> None:
        self.ledger, self.failure = open_ledger(settings.ledger_file)
        self.engine = Engine(settings, self.ledger, now)

    def step(self, now: datetime = NOW) -> Snapshot:
        """What a tick does: follow, claim, catch up, absorb, look."""
        engine = self.engine
        engine.keep_young(now)
        engine.follow_writer(now)
        engine.claim(now)
        engine.catch_up(now)
        engine.absorb(engine.pending())
        engine.look_around()
        return engine.snapshot(now)


@pytest.fixture
def following(settings: Settings) -> Iterator[Callable[..., Following]]:
    """Begins engines, and closes their ledgers in the end."""
    begun: list[Following] = []

    def begin(now: datetime = NOW, given: Settings = settings) -> Following:
        begun.append(Following(given, now))
        return begun[-1]

    yield begin
    for each in begun:
        each.ledger.close()


Begin = Callable[..., Following]


def costs(snapshot: Snapshot) -> dict[str, Decimal | None]:
    """Dollars by session."""
    return {row.session_id: row.cost for row in snapshot.sessions}


# --- files ---------------------------------------------------------------------------


def test_home_without_files_is_quiet(following: Begin) -> None:
    """Where no agent ever ran there are no sessions, no limits and no failure."""
    snapshot = following().step()
    assert (snapshot.sessions, snapshot.limits, snapshot.missing) == ((), (), ())
    assert not any(place.exists for place in snapshot.places)
    assert snapshot.health.failed_at is None


def test_process_without_descriptors_says_so(
    following: Begin, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures are called stale while no file can be opened, and no longer."""
    view, later = following(), NOW + timedelta(seconds=9)
    assert view.step().health.failed_at is None

    def refuse(path: str) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    with monkeypatch.context() as patched:
        patched.setattr(sweep, "open_session", refuse)
        assert view.step().health.failed_at == NOW
        stale = view.step(later)
        assert stale.health.failed_at == NOW
        assert "too many files are open" in stale.health.failure
    mended = view.step(later)
    assert (mended.health.failed_at, mended.health.failure) == (None, "")
    assert list(costs(mended).values()) == [ONE]


def test_new_line_changes_the_snapshot(following: Begin, home: Path) -> None:
    """Every request that is appended adds its price."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    engine = following()
    assert costs(engine.step()) == {"S1": ONE}
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    snapshot = engine.step()
    assert costs(snapshot) == {"S1": 2 * ONE}
    assert snapshot.burn.cost_per_minute == 2 * ONE / 5


def test_half_a_line_waits(following: Begin, home: Path) -> None:
    """Half a line is neither an error nor a request; the rest makes it one."""
    whole = homes.text(assistant("m1", timestamp=at("10:30")))
    path = put(home, homes.S1, homes.text(prompt("Go")) + whole[:80])
    engine = following()
    assert costs(engine.step()) == {"S1": 0}
    add(path, whole[80:])
    assert costs(engine.step()) == {"S1": ONE}


def test_absorbing_nothing_changes_nothing(following: Begin, home: Path) -> None:
    """A second look at the same files finds nothing."""
    put(home, homes.S1, homes.text(assistant("m1")))
    engine = following()
    engine.step()
    assert engine.engine.pending() == []
    assert not engine.engine.absorb([])


def test_event_for_a_path_outside_is_ignored(following: Begin, tmp_path: Path) -> None:
    """A path below no root, or that is no session file, is not read."""
    outside = put(tmp_path, "elsewhere/S9.jsonl", homes.text(assistant("m9")))
    inside = put(tmp_path, ".claude/projects/p/notes.txt", b"hello")
    beside = put(tmp_path, ".claude/todos/S1.jsonl", homes.text(assistant("m1")))
    touched = [str(outside), str(inside), str(beside), "", "/", "relative.jsonl"]
    assert following().engine.pending(touched) == []


def test_root_that_appears_later(following: Begin, home: Path) -> None:
    """A directory that an agent makes while burnmon runs is read from then on."""
    engine = following()
    assert costs(engine.step()) == {}
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine.engine.count_files()
    snapshot = engine.step()
    assert costs(snapshot) == {"S1": ONE}
    (place,) = [each for each in snapshot.places if each.path == str(home)]
    assert (place.exists, place.files) == (True, 1)


def test_two_roots_are_two_accounts(following: Begin, settings: Settings) -> None:
    """Sessions of a second root count beside those of the first."""
    home = settings.roots[0].path
    second = home.parent / "work"
    more = replace(settings, roots=(*settings.roots, Root("claude", "work", second)))
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    line = assistant("m2", timestamp=at("10:30"), sessionId="S2")
    put(second, homes.S2, homes.text(line))
    assert costs(following(given=more).step()) == {"S1": ONE, "S2": ONE}


def test_stale_copy_does_not_speak(following: Begin, settings: Settings) -> None:
    """Of a session's copies below two roots the one that went on tells its state."""
    home = settings.roots[0].path
    copy = home.parent / "backup"
    more = replace(settings, roots=(*settings.roots, Root("claude", "backup", copy)))
    first = assistant("m1", timestamp=at("10:00"), gitBranch="old")
    second = assistant("m2", timestamp=at("10:30"), gitBranch="new")
    put(home, homes.S1, homes.text(first, second))
    put(copy, homes.S1, homes.text(first), NOW - timedelta(hours=9))
    (row,) = following(given=more).step().sessions
    assert (row.branch, row.cost) == ("new", 2 * ONE)


def test_subagent_belongs_to_its_session(following: Begin, home: Path) -> None:
    """A sub-agent's own file adds to its session and is counted there."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    put(home, homes.AGENT, homes.text(sidechain("m2", timestamp=at("10:30"))))
    (row,) = following().step().sessions
    assert (row.cost, row.subagents, row.requests) == (2 * ONE, 1, 2)


def test_registry_names_running_sessions(following: Begin, home: Path) -> None:
    """A line of a process that lives is believed; one of a dead process is not."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:00"))))
    entry = {"pid": os.getpid(), "sessionId": "S1", "status": "busy"}
    entry["statusUpdatedAt"] = int(NOW.timestamp() * 1000)
    put(home, "sessions/1.json", json.dumps(entry).encode())
    put(home, "sessions/2.json", b"{")
    put(home, "sessions/3.json", b"[]")
    engine = following()
    assert engine.step().sessions[0].state == "burning"
    for pid in (0, -1, 2**31 - 1, "x"):
        put(home, "sessions/1.json", json.dumps({**entry, "pid": pid}).encode())
        assert engine.step().sessions[0].state != "burning"


def test_registry_is_news_once(
    settings: Settings, following: Begin, home: Path
) -> None:
    """No file event tells of it: a look that nobody woke for wakes whoever shows it."""
    engine, fed = following().engine, Feeder(settings, lambda _: None, watch=False)
    entry = {"pid": os.getpid(), "sessionId": "S1", "status": "busy"}
    woken = []
    for status in ("busy", "busy", "waiting"):
        entry |= {"status": status, "statusUpdatedAt": int(NOW.timestamp() * 1000)}
        put(home, "sessions/1.json", json.dumps(entry).encode())
        fed._wake.clear()
        fed._look_beyond(engine, NOW)
        woken.append(fed._wake.is_set())
    assert woken == [True, False, True]


def test_old_session_is_whole(following: Begin, home: Path) -> None:
    """A session older than what is kept costs what it cost from its first day."""
    old = assistant("m1", timestamp=at("10:00", "2026-10-20"))
    path = put(home, homes.S1, homes.text(old), NOW - timedelta(days=31))
    engine = following()
    assert costs(engine.step()) == {}
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    assert costs(engine.step()) == {"S1": 2 * ONE}
    add(path, homes.text(assistant("m3", timestamp=at("10:30:30"))))
    assert costs(engine.step()) == {"S1": 3 * ONE}
    assert costs(following(NOW).step()) == {"S1": 3 * ONE}


def budgets(snapshot: Snapshot) -> dict[str, tuple[Decimal | None, int]]:
    """Dollars and unpriced requests of each budget, by its label."""
    rows = [row for row in snapshot.limits if row.window.agent == BUDGET]
    return {row.label: (row.window.spent, row.window.unpriced) for row in rows}


def test_budgets_are_whole(following: Begin, settings: Settings, home: Path) -> None:
    """A month counts what is older than what is kept by the minute, and what comes."""
    own = (Budget("day", 5.0), Budget("month", 50.0), Budget("day", 1.0, "elsewhere"))
    given = replace(settings, budgets=own)
    early = assistant("m1", timestamp=at("10:00", "2026-11-02"))
    path = put(home, homes.S1, homes.text(early), NOW - timedelta(days=18))
    before = following(NOW, given)
    before.step()
    before.ledger.close()
    engine = following(NOW, given)
    assert budgets(engine.step())["Budget month"] == (ONE, 0)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    expected = {
        "Budget day": (ONE, 0),
        "Budget month": (2 * ONE, 0),
        "Budget elsewhere day": (Decimal(0), 0),
    }
    assert budgets(engine.step()) == expected
    assert budgets(following(NOW, given).step()) == expected  # as a reader


def test_budget_begins_anew_at_midnight(
    following: Begin, settings: Settings, home: Path
) -> None:
    """A new day has spent nothing, though nothing was read meanwhile."""
    given = replace(settings, budgets=(Budget("day", 5.0),))
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine = following(NOW, given)
    assert budgets(engine.step()) == {"Budget day": (ONE, 0)}
    assert budgets(engine.step(NOW + timedelta(days=1))) == {
        "Budget day": (Decimal(0), 0)
    }


def test_back_dated_line_counts_in_its_own_minute(following: Begin, home: Path) -> None:
    """A line dated before the one above it counts, for its own instant."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30:05"))))
    engine = following()
    engine.step()
    add(path, homes.text(assistant("m2", timestamp=at("10:20"))))
    snapshot = engine.step()
    assert costs(snapshot) == {"S1": 2 * ONE}
    assert snapshot.burn.cost_per_minute == ONE / 5


def test_archived_rollout_counts_once(following: Begin, settings: Settings) -> None:
    """A rollout that moves to the archive is the same session, and costs the same."""
    home = settings.roots[-1].path
    lines = homes.text(homes.meta(1), *homes.first_turn("10:29"))
    before = put(home, homes.rollout(1), lines)
    engine = following()
    (row,) = engine.step().sessions
    after = home / homes.rollout(1, archived=True)
    after.parent.mkdir()
    before.rename(after)
    add(after, homes.text(*homes.own_turn("10:30")))
    (moved,) = engine.step().sessions
    assert (row.requests, moved.requests) == (2, 3)
    assert moved.session_id == row.session_id


def recording(percent: float, clock: str) -> bytes:
    """What the status line said of the five-hour window that ends at three."""
    limit = {
        "kind": "five_hour",
        "minutes": 300,
        "used_percent": percent,
        "resets_at": datetime(2026, 11, 20, 15, 0, 1, tzinfo=UTC).timestamp(),
    }
    said = {"at": datetime.fromisoformat(at(clock)).timestamp(), "session_id": "S1"}
    more = {"context_window_size": 200_000, "cost_usd": 0.5, "limits": [limit]}
    return homes.text({**said, **more})


def test_recording_and_refusal_tell_of_one_window(
    following: Begin, settings: Settings, home: Path
) -> None:
    """What the status line states and a refusal at the limit make one window."""
    kept = put(settings.data_dir, "recordings/2026-11.jsonl", recording(40, "10:29"))
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    engine = following()
    snapshot = engine.step()
    (row,) = snapshot.sessions
    assert [each.window.used for each in snapshot.limits] == [0.4]
    assert row.context_window == 200_000
    words = "You've hit your session limit · resets 3pm (UTC)"
    add(path, homes.text(homes.limit_record(words, timestamp=at("10:30"))))
    add(kept, recording(97, "10:30:30"))
    snapshot = engine.step()
    assert [each.window.verdict for each in snapshot.limits] == ["reached"]
    assert "refused: limit reached (five hour)" in [
        each.text for each in snapshot.events
    ]
    again = following().step()
    assert [each.window for each in again.limits] == [
        each.window for each in snapshot.limits
    ]


# --- time ----------------------------------------------------------------------------


def test_pace_falls_to_nothing(following: Begin, home: Path) -> None:
    """Five minutes after the last request nothing burns; the day's cost stays."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine = following()
    assert engine.step().burn.cost_per_minute
    snapshot = engine.step(NOW + timedelta(minutes=5))
    assert snapshot.burn.cost_per_minute == 0
    assert snapshot.burn.cost_today == ONE


def test_today_ends_at_midnight(following: Begin, home: Path) -> None:
    """Without a new line the day's cost starts anew at local midnight."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine = following()
    assert engine.step().burn.cost_today == ONE
    assert engine.step(datetime(2026, 11, 21, tzinfo=UTC)).burn.cost_today == 0


def test_days_of_running_leave_nothing_behind(following: Begin, home: Path) -> None:
    """What left the horizon is forgotten once a day, and nothing else changes."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine = following()
    engine.step()
    later = NOW + timedelta(days=20)
    add(path, homes.text(assistant("m2", timestamp=at("10:30", "2026-12-10"))))
    snapshot = engine.step(later)
    assert costs(snapshot) == {"S1": 2 * ONE}
    put(
        home, homes.S1, homes.text(assistant("m3", timestamp=at("10:30", "2027-01-05")))
    )
    engine.step(later + timedelta(days=26))
    assert engine.step(later + timedelta(days=40)).sessions == ()
    assert engine.engine.tally.sessions == {}
    assert engine.engine.tally.minutes == {}


def test_clock_that_is_set_back(following: Begin, home: Path) -> None:
    """A clock that jumps ahead and back again leaves every figure as it was."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine = following()
    before = engine.step()
    engine.step(NOW + timedelta(days=30))
    after = engine.step()
    assert costs(after) == costs(before)
    assert after.burn.cost_per_minute == before.burn.cost_per_minute


# --- two instances -------------------------------------------------------------------


def test_reader_follows_and_takes_over(following: Begin, home: Path) -> None:
    """A second burnmon reads what the first writes, and writes when it is gone."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    writer = following()
    writer.step()
    reader = following()
    assert reader.step().health.reader
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    assert costs(reader.step()) == {"S1": ONE}
    writer.step()
    assert costs(reader.step()) == {"S1": 2 * ONE}
    writer.ledger.close()
    add(path, homes.text(assistant("m3", timestamp=at("10:30:30"))))
    snapshot = reader.step()
    assert not snapshot.health.reader
    assert costs(snapshot) == {"S1": 3 * ONE}


def test_reader_takes_corrections(following: Begin, home: Path) -> None:
    """A request whose output grew is corrected for a reader too, not doubled."""
    early = homes.placeholder("m1", 2, timestamp=at("10:29"))
    path = put(home, homes.S1, homes.text(early))
    writer, reader = following(), following()
    writer.step()
    first = costs(reader.step())["S1"]
    add(path, homes.text(assistant("m1", timestamp=at("10:29:01"))))
    writer.step()
    row = reader.step().sessions[0]
    assert (row.requests, row.cost) == (1, ONE)
    assert first
    assert first < ONE


def test_reader_of_a_writer_that_was_held_up(following: Begin, home: Path) -> None:
    """What a suspended writer reads an hour later counts for those who follow it."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:20"))))
    writer = following()
    writer.step()
    reader = following()
    assert costs(reader.step()) == {"S1": ONE}
    later = NOW + timedelta(hours=1)
    line = assistant("m2", timestamp=at("10:40"))
    put(home, homes.S1, path.read_bytes() + homes.text(line), later)
    writer.step(later)
    assert costs(reader.step(later)) == {"S1": 2 * ONE}


def test_reader_learns_of_history(following: Begin, home: Path) -> None:
    """What the writer reads of old files reaches a reader as well."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    writer, reader = following(), following()
    writer.step()
    reader.step()
    old = assistant("m2", timestamp=at("04:00"), sessionId="S2")
    put(home, homes.S2, homes.text(old), NOW - timedelta(hours=6))
    writer.step()
    assert costs(reader.step()) == {"S1": ONE, "S2": ONE}


def test_reader_learns_of_copied_files(following: Begin, home: Path) -> None:
    """A file that was copied just now tells a reader of old lines too."""
    writer, reader = following(), following()
    writer.step()
    reader.step()
    old = assistant("m2", timestamp=at("04:00"), sessionId="S2")
    put(home, homes.S2, homes.text(old), NOW)
    writer.step()
    assert costs(reader.step()) == {"S2": ONE}


@pytest.mark.parametrize("back", [0, 1, 30, 59, 3600])
def test_reader_counts_once_whatever_the_clock_does(
    following: Begin, home: Path, back: int
) -> None:
    """A clock that goes back some seconds makes no reader count twice."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:00:59.9"))))
    writer, reader = following(), following()
    writer.step()
    for number, seconds in enumerate((0, 0.4, 0.8995, 0.9, 1, 31, 31 - back)):
        line = assistant(f"n{number}", timestamp=at("10:30:50"))
        add(path, homes.text(line))
        now = NOW - timedelta(seconds=1) + timedelta(seconds=seconds)
        writer.step(now)
        row = reader.step(now).sessions[0]
        assert row.requests == 2 + number


def test_what_is_written_before_taking_over_counts(
    following: Begin, home: Path
) -> None:
    """What the writer wrote last, before it went, is not lost to its successor."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    writer, reader = following(), following()
    writer.step()
    reader.step()
    reader.engine.follow_writer(NOW)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    writer.step()
    writer.ledger.close()
    assert reader.engine.claim(NOW)
    assert costs(reader.engine.snapshot(NOW)) == {"S1": 2 * ONE}


def test_reader_learns_what_the_writer_learned(following: Begin, home: Path) -> None:
    """What forecasts taught the writer makes the reader's forecasts too."""
    reset = (NOW + timedelta(hours=2)).timestamp()
    stated = homes.limits(homes.window(40, 300, resets_at=int(reset)))
    line = homes.event("token_count", "10:29", info=None, **stated)
    codex = home.with_name(".codex")
    put(codex, homes.rollout(1), homes.text(homes.meta(1, "10:28"), line))
    writer, reader = following(), following()
    writer.step()
    assert reader.step().limits[0].held is None
    taught = Experience(windows=1.0, inside=(True, False))
    writer.ledger.put_experience(("codex", "", "", 300), to_text(taught))
    assert reader.step().limits[0].held == Held(1, 2)


def test_unusable_ledger_is_replaced_by_memory(
    following: Begin, settings: Settings, home: Path
) -> None:
    """Where no ledger can be, the figures live in memory and the reason is told."""
    settings.data_dir.write_text("a file, not a directory")
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    begun = following()
    assert begun.failure.startswith("history is not kept: ")
    assert str(settings.data_dir) in begun.failure
    assert costs(begun.step()) == {"S1": ONE}


# --- one look ------------------------------------------------------------------------


def test_once_reads_everything(settings: Settings, home: Path) -> None:
    """One look reads all files and leaves the ledger to the next."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    snapshot = engine.once(settings, NOW)
    assert costs(snapshot) == {"S1": ONE}
    assert [place.files for place in snapshot.places] == [1, 0, 0]
    with Ledger(settings.ledger_file) as ledger:
        assert ledger.writable


def test_once_without_any_directory(settings: Settings) -> None:
    """One look where nothing exists shows that nothing was found."""
    snapshot = engine.once(settings, NOW)
    assert snapshot.sessions == ()
    assert snapshot.answer == "nothing is burning"


def test_peek_opens_no_session_file(settings: Settings, home: Path) -> None:
    """A peek tells what the ledger knows, though the files grew or are gone."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine.once(settings, NOW)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    assert costs(peek(settings, NOW)) == {"S1": ONE}
    shutil.rmtree(home)
    assert costs(peek(settings, NOW)) == {"S1": ONE}


def test_peek_without_a_ledger_makes_none(settings: Settings, home: Path) -> None:
    """A peek before the first run knows nothing and writes nothing."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    assert peek(settings, NOW).sessions == ()
    assert not settings.data_dir.exists()


def test_first_is_what_the_ledger_knows(settings: Settings, home: Path) -> None:
    """What is shown first opens no session file where a ledger is, and does not write
    it; it is nothing where no session wrote in the last day."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    engine.once(settings, NOW)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    with Ledger(settings.ledger_file):
        shown = first(settings, NOW)
    assert shown is not None
    assert costs(shown) == {"S1": ONE}
    assert shown.health.watching
    assert shown.scan is None
    assert first(settings, NOW + timedelta(days=2)) is None


def test_first_without_a_ledger(settings: Settings, home: Path) -> None:
    """Before the first run it is what current files tell, with how far that is; the
    ledger is left to who keeps it."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    old = assistant("m2", timestamp=at("01:00"), sessionId="S2")
    put(home, homes.S2, homes.text(old), NOW - timedelta(hours=9))
    shown = first(settings, NOW)
    assert shown is not None
    assert costs(shown) == {"S1": ONE}
    assert shown.scan
    assert (shown.scan.files_done, shown.scan.files) == (1, 2)
    assert not settings.data_dir.exists()


# --- the thread ----------------------------------------------------------------------


class Screen:
    """Takes snapshots from the thread, and waits for one that answers a question."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self._arrived = threading.Condition()

    def post(self, snapshot: Snapshot) -> None:
        """What the feeder calls."""
        with self._arrived:
            self.snapshots.append(snapshot)
            self._arrived.notify_all()

    def wait(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        """The newest snapshot, once it is a wanted one."""
        with self._arrived:
            came = self._arrived.wait_for(
                lambda: self.snapshots and wanted(self.snapshots[-1]), PATIENCE
            )
            assert came, "no such snapshot came"
            return self.snapshots[-1]


Run = Callable[..., tuple[Screen, Feeder]]


@pytest.fixture
def run(settings: Settings) -> Iterator[Run]:
    """Starts feeders, and stops them in the end."""
    begun: list[Feeder] = []

    def start(given: Settings = settings, watch: bool = True) -> tuple[Screen, Feeder]:
        screen = Screen()
        fed = Feeder(given, screen.post, lambda: NOW, watch)
        begun.append(fed)
        fed.start()
        return screen, fed

    yield start
    for each in begun:
        each.stop()


def requests(count: int) -> Callable[[Snapshot], bool]:
    """Whether so many requests are known."""
    return lambda shown: sum(row.requests for row in shown.sessions) == count


@pytest.mark.parametrize("watch", [True, False], ids=["events", "ticks alone"])
def test_appended_line_arrives(run: Run, home: Path, watch: bool) -> None:
    """A line that is appended, and a file and a directory that are new, arrive."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    screen, _ = run(watch=watch)
    screen.wait(lambda shown: requests(1)(shown) and shown.health.watching == watch)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    screen.wait(requests(2))
    line = assistant("m3", timestamp=at("10:30"), sessionId="S3")
    put(home, "projects/new/S3.jsonl", homes.text(line))
    screen.wait(requests(3))


def test_current_files_come_before_history(run: Run, home: Path) -> None:
    """The first snapshot holds what is current; history follows with its progress."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    old = assistant("m2", timestamp=at("01:00"), sessionId="S2")
    put(home, homes.S2, homes.text(old), NOW - timedelta(hours=9))
    screen, _ = run(watch=False)
    screen.wait(lambda shown: requests(2)(shown) and shown.scan is None)
    first = screen.snapshots[0]
    assert not first.health.watching
    assert costs(first) == {"S1": ONE}
    assert first.scan
    assert (first.scan.files_done, first.scan.files) == (1, 2)


def test_tree_that_appears_or_is_replaced_is_watched(run: Run, home: Path) -> None:
    """A directory made later is watched, and the one that takes its place."""
    screen, fed = run()
    screen.wait(lambda shown: True)
    for number in (1, 2):
        path = put(home, homes.S1, homes.text(assistant(f"m{number}0")))
        fed._wake.set()
        screen.wait(lambda shown: shown.health.watching)
        screen.wait(requests(2 * number - 1))
        add(path, homes.text(assistant(f"m{number}1")))
        screen.wait(requests(2 * number))
        shutil.rmtree(home)
        watch = fed._watch
        assert watch is not None
        watch.note(None)
        screen.wait(lambda shown: not shown.health.watching)


@pytest.mark.parametrize("clock", ["10:30", "04:00"], ids=["burning", "at rest"])
def test_what_no_event_tells_arrives(run: Run, home: Path, clock: str) -> None:
    """A line written through a name outside of the root arrives, and a root that
    appears beside another, though nothing tells of either."""
    outside = put(home, "S1.jsonl", homes.text(assistant("m1", timestamp=at(clock))))
    (home / homes.S1).parent.mkdir(parents=True)
    os.link(outside, home / homes.S1)
    screen, fed = run()
    screen.wait(lambda shown: requests(1)(shown) and shown.health.watching)
    screen.wait(lambda shown: bool(fed._newest))
    add(outside, homes.text(assistant("m2", timestamp=at(clock))))
    screen.wait(requests(2))
    codex = home.with_name(".codex")
    lines = [homes.meta(1, clock), *homes.first_turn(clock)]
    homes.write(codex, {homes.rollout(1): homes.text(*lines)})
    screen.wait(requests(4))


def test_all_figures_say_what_they_were_counted_from(
    following: Begin, home: Path
) -> None:
    """The snapshot tells lines, requests and duplicates of everything that was read."""
    told = homes.text(assistant("m1"), assistant("m1"), b"damaged")
    put(home, homes.S1, told)
    engine = following()
    engine.step()
    engine.engine.count_files()
    (counted,) = engine.step().totals
    assert counted == (
        "3 lines seen · 1 requests kept · 1 duplicates dropped"
        " · 1 lines skipped · 0 replays set aside"
    )


def test_what_the_ledger_knows_comes_first(run: Run, home: Path) -> None:
    """A second start shows the sessions of the last day before it reads any file."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    screen, fed = run()
    screen.wait(requests(1))
    fed.stop()
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    screen, _ = run()
    screen.wait(requests(2))
    assert costs(screen.snapshots[0]) == {"S1": ONE}


def test_overflow_is_answered_with_a_walk(tmp_path: Path) -> None:
    """When the kernel drops file events, a walk is asked for, and at once."""
    wake = threading.Event()
    (tmp_path / "projects").mkdir()
    watch = Watch([Root("claude", "", tmp_path)], wake)
    watch.begin(NOW)
    watch.lost = False
    logging.getLogger("watchdog").warning("queue overflow")
    watch.end()
    assert watch.lost
    assert watch.shaken
    assert wake.is_set()


def test_walk_that_is_owed_comes_with_the_next_tick(
    settings: Settings, home: Path
) -> None:
    """What half a watch does not tell is not put off until the feeder has rested."""
    fed = Feeder(settings, lambda _: None, lambda: NOW)
    watch = fed._watch
    assert watch is not None
    (home / "projects").mkdir(parents=True)
    watch.begin(NOW)
    fed._walked_at = NOW
    engine: Any = SimpleNamespace(
        watching=True, moved=lambda _: [], look_around=lambda: False
    )
    woken = []
    for lost in (False, True):
        watch.lost = lost
        fed._wake.clear()
        fed._look_beyond(engine, NOW)
        woken.append(fed._wake.is_set())
    watch.end()
    assert woken == [False, True]


@pytest.mark.parametrize(
    ("rests", "seconds", "due"),
    [(True, 59, True), (True, 14, False), (False, 59, False), (False, 60, True)],
)
def test_steps_of_rest_walk(
    settings: Settings, rests: bool, seconds: int, due: bool
) -> None:
    """At rest each step walks, so that none is made for a walk alone; but for those
    that come just after one. While something burns it is time that tells."""
    fed = Feeder(settings, lambda _: None, lambda: NOW)
    watch = fed._watch
    assert watch is not None
    watch.lost, fed._rests = False, rests
    engine: Any = SimpleNamespace(
        watching=True, moved=lambda _: [], look_around=lambda: False
    )
    fed._walked_at = NOW - timedelta(seconds=seconds)
    assert fed._due_for_walk(engine, NOW) == due
    watch.shaken = True
    fed._walked_at = NOW - feeder.WALK
    assert fed._due_for_walk(engine, NOW)
    assert not fed._due_for_walk(engine, NOW)
    watch.begin(NOW)
    watch.works = lambda: True  # type: ignore[method-assign]  # nothing to watch
    fed._look_beyond(engine, NOW + feeder.TICK)
    assert fed._wake.is_set()
    assert fed._due_for_walk(engine, NOW + feeder.TICK)


def test_quiet_tick_only_moves_the_time(
    following: Begin, settings: Settings, home: Path
) -> None:
    """While nothing is news the snapshot before is shown with a later time, not for
    long, and not where nobody is woken by news or what is shown has failed."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    view = following()
    view.step()
    posted: list[Snapshot] = []
    fed = Feeder(settings, posted.append, lambda: NOW)
    engine = view.engine
    engine.watching = True
    fed._show(engine)
    soon, later = NOW + feeder.TICK, NOW + feeder.AGEING
    assert fed._grows_older(engine, soon)
    first, second = posted
    assert (second.now, second.sessions) == (soon, first.sessions)
    assert not fed._grows_older(engine, later)
    engine.watching = False
    assert not fed._grows_older(engine, soon)
    engine.watching, view.ledger.writable = True, False
    assert not fed._grows_older(engine, soon)
    view.ledger.writable, fed._failed_at = True, NOW
    assert not fed._grows_older(engine, soon)
    fed._failed_at = None
    assert fed._grows_older(engine, soon)


Stepping = Callable[[Engine], tuple[Screen, Feeder]]


@pytest.fixture
def stepping(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Stepping:
    """Makes feeders that are stepped by hand, with a watch that tells of nothing; their
    clock stands still, so that no snapshot is too old to be shown again."""
    monkeypatch.setattr(Watch, "works", lambda _: True)
    monkeypatch.setattr(Watch, "moved", lambda _: False)
    monkeypatch.setattr(Watch, "again", lambda *_: None)
    monkeypatch.setattr(Feeder, "_await", lambda *_: None)

    def begin(engine: Engine) -> tuple[Screen, Feeder]:
        screen = Screen()
        fed = Feeder(settings, screen.post, lambda: NOW)
        fed._walked_at = fed._looked_at = fed._judged_at = NOW
        assert fed._watch is not None
        fed._watch.lost, engine.watching = False, True
        return screen, fed

    return begin


def test_event_of_any_moment_is_shown(
    stepping: Stepping, settings: Settings, home: Path
) -> None:
    """Also one that comes just after it was asked whether there was any."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    with Ledger(None) as ledger:
        engine = Engine(settings, ledger, NOW)
        engine.absorb(engine.pending())
        screen, fed = stepping(engine)
        fed._step(engine)
        asked = fed._wake.is_set

        def late() -> bool:
            fed._wake.is_set = asked  # type: ignore[method-assign]
            found = asked()
            add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
            assert fed._watch is not None
            fed._watch.note(str(path))
            return found

        fed._wake.is_set = late  # type: ignore[method-assign]
        fed._step(engine)
        assert requests(2)(screen.snapshots[-1])
        assert fed._wake.is_set()


def test_events_come_soon_after_what_they_tell_of(
    stepping: Stepping, settings: Settings, home: Path
) -> None:
    """They are made once in two seconds, however long the snapshot would last."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    with Ledger(None) as ledger:
        engine = Engine(settings, ledger, NOW)
        screen, fed = stepping(engine)
        fed._step(engine)
        told, passed = [], 0.0
        fed.clock = lambda: NOW + timedelta(seconds=passed)
        for passed in (0.5, 1, 2, 3):
            if passed == 0.5:
                engine.absorb(engine.pending())
                fed._wake.set()
            fed._step(engine)
            last = screen.snapshots[-1]
            told.append((len(last.sessions), len(last.events)))
    assert told == [(1, 0), (1, 0), (1, 0), (1, 1)]


def test_reader_that_takes_over_is_shown_at_once(
    stepping: Stepping, settings: Settings, home: Path
) -> None:
    """With what was written since the writer last looked."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    writer = Ledger(settings.ledger_file)
    with Ledger(settings.ledger_file) as ledger:
        engine = Engine(settings, ledger, NOW)
        screen, fed = stepping(engine)
        fed._step(engine)
        assert screen.snapshots[-1].health.reader
        writer.close()
        add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
        fed._step(engine)
        assert not screen.snapshots[-1].health.reader
        assert requests(2)(screen.snapshots[-1])


def test_stop_ends_the_thread_and_frees_the_ledger(
    run: Run, settings: Settings
) -> None:
    """After stop the thread is gone and another burnmon may write; twice is once."""
    screen, fed = run()
    screen.wait(lambda shown: True)
    fed.stop()
    fed.stop()
    assert not fed._thread.is_alive()
    assert [type(each) for each in logging.getLogger("watchdog").handlers] == [
        logging.NullHandler
    ]
    with Ledger(settings.ledger_file) as ledger:
        assert ledger.writable
    Feeder(settings, screen.post).stop()


def test_failure_is_told_and_overcome(
    run: Run, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price file that is wrong is told with its name; once mended, figures come."""
    monkeypatch.setattr(feeder, "RETRY", timedelta(milliseconds=5))
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    settings.prices_file.parent.mkdir(parents=True)
    settings.prices_file.write_text("models = 7")
    screen, _ = run()
    failed = screen.wait(lambda shown: len(screen.snapshots) > 2)
    assert failed.health.failed_at == NOW
    assert settings.prices_file.name in failed.health.failure
    settings.prices_file.unlink()
    mended = screen.wait(requests(1))
    assert (mended.health.failed_at, mended.health.failure) == (None, "")


def test_figures_stay_when_something_fails(settings: Settings, home: Path) -> None:
    """What was known before a failure stays on the screen, marked as stale."""
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    screen, breaks = Screen(), threading.Event()

    def clock() -> datetime:
        if breaks.is_set():
            breaks.clear()
            raise RuntimeError("the clock\nis broken")
        return NOW

    fed = Feeder(settings, screen.post, clock)
    stop = fed.start()
    screen.wait(requests(1))
    breaks.set()
    fed._wake.set()
    stale = screen.wait(lambda shown: shown.health.failed_at is not None)
    stop()
    assert costs(stale) == {"S1": ONE}
    assert stale.health.failure == "RuntimeError: the clock is broken"


def test_screen_that_is_gone_ends_nothing(run: Run, settings: Settings) -> None:
    """A screen that takes no snapshots keeps no thread from stopping."""

    def gone(snapshot: Snapshot) -> None:
        raise RuntimeError("the screen is gone")

    fed = Feeder(settings, gone, lambda: NOW)
    fed.start()
    fed.stop()
    assert not fed._thread.is_alive()


def test_ledger_that_can_be_used_again_is(
    run: Run, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the obstacle is gone, history is kept without a new start."""
    monkeypatch.setattr(keeping, "FIRST", timedelta())
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    settings.data_dir.write_text("in the way")
    screen, _ = run()
    screen.wait(lambda shown: "history is not kept" in shown.health.failure)
    settings.data_dir.unlink()
    screen.wait(lambda shown: requests(1)(shown) and not shown.health.failure)
    assert settings.ledger_file.exists()


FULL = (
    "CREATE TRIGGER full BEFORE UPDATE ON file BEGIN SELECT RAISE(FAIL, 'no room'); END"
)
"""Makes a ledger that cannot take what is added to a file."""


def change(path: Path, statement: str) -> None:
    """Do something to a ledger from outside."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


def test_ledger_that_fails_in_use(
    run: Run, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures stay live while a ledger fails, and are kept again once it does not."""
    monkeypatch.setattr(keeping, "FIRST", timedelta(milliseconds=1))
    monkeypatch.setattr(keeping, "LAST", timedelta())
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    screen, _ = run()
    screen.wait(requests(1))
    change(settings.ledger_file, FULL)
    monkeypatch.setattr(Ledger, "prove", failing)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    live = screen.wait(lambda shown: requests(2)(shown) and bool(shown.health.failure))
    assert f"history is not kept: {settings.ledger_file}" in live.health.failure
    assert live.health.failed_at is None
    change(settings.ledger_file, "DROP TRIGGER full")
    monkeypatch.undo()
    screen.wait(lambda shown: requests(2)(shown) and not shown.health.failure)
    with Ledger(settings.ledger_file, writes=False) as ledger:
        assert len(ledger.requests()) == 2


def failing(self: Ledger) -> None:
    """Stands in for the proof of a ledger that still fails."""
    raise LedgerError("still no room")


def test_ledger_that_was_moved_away(run: Run, settings: Settings, home: Path) -> None:
    """A running burnmon begins a new ledger where the one it had is gone."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    screen, fed = run()
    screen.wait(requests(1))
    settings.ledger_file.rename(settings.data_dir / "old")
    fed._found_at = None  # it is asked once in a second, and this clock stands still
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    screen.wait(lambda shown: requests(2)(shown) and settings.ledger_file.exists())


def test_ledger_that_nobody_can_write(
    following: Begin, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the ledger can only be read figures are live in memory, and it is told."""
    following().ledger.close()
    put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:30"))))
    monkeypatch.setattr("burnmon.usage.ledger.lock", lambda path: None)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    begun = following()
    assert "ledger.sqlite3: it cannot be written" in begun.failure
    assert costs(begun.step()) == {"S1": ONE}


def test_once_with_a_ledger_that_fails(settings: Settings, home: Path) -> None:
    """One frame is made of the files where the ledger turns out to be damaged."""
    path = put(home, homes.S1, homes.text(assistant("m1", timestamp=at("10:29"))))
    engine.once(settings, NOW)
    change(settings.ledger_file, FULL)
    add(path, homes.text(assistant("m2", timestamp=at("10:30"))))
    shown = engine.once(settings, NOW)
    assert costs(shown) == {"S1": 2 * ONE}
    assert "history is not kept" in shown.health.failure
