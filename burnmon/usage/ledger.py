"""The ledger: every fact that was ever read, once, in one SQLite file.

Owns the only durable state. Facts go in with the byte offset up to which their file was
read, in one transaction, so a kill at any instant loses nothing and doubles nothing.
Copies of a request are joined by a rule that does not depend on order: absorbing twice,
in any order or in pieces gives the same ledger. Money, forecasts and causes are derived
elsewhere; no prompt and no code is ever stored.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import cache
from itertools import chain
from operator import attrgetter, itemgetter
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, Self

from msgspec import Struct, field

from burnmon.errors import BurnmonError, LedgerError
from burnmon.records import REPLAYED, Facts, LimitReading, Mark, Request, Trail
from burnmon.usage.adding import QUARTER, during, instant_of, ms
from burnmon.usage.copies import (
    CIRCUMSTANCE,
    ROW,
    Circumstance,
    Copies,
    Held,
    Row,
    circumstance,
    circumstance_number,
    fold,
    join,
    number,
    numbered,
    worded,
)
from burnmon.usage.queries import COLUMNS, Queries
from burnmon.usage.schema import (
    APPLICATION_ID,
    FORGO_KEYS,
    INDEX_KEYS,
    damage,
    lock,
    open_tables,
    refusal,
    transaction,
)
from burnmon.usage.work_store import WorkFile, WorkRows, WorkStore, work_rows
from burnmon.work import Work

MOST_KEYS = 500_000
"""Keys remembered while a ledger is filled: some 30 MB."""
MANY = 1000
"""Requests from which on one statement writes several: that takes some memory."""
TOGETHER = 32
"""How many it writes then."""
LASTING_CACHE = 2048
"""Kilobytes of pages that each connection of a live view keeps."""


class FileState(Struct):
    """How far one file was read, and what it says of its session."""

    agent: str
    account: str
    path: str
    reader: int = 0
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    offset: int = 0
    tail: bytes = b""
    """Digest of the bytes before the offset; the bytes themselves may be a prompt."""
    lines: int = 0
    sightings: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    trail: Trail = field(default_factory=Trail)


class Known(NamedTuple):
    """What a sweep compares with the disk to see whether a file moved on."""

    reader: int
    inode: int
    size: int
    mtime_ns: int


class Change(NamedTuple):
    """A request that entered the count, left it, or was corrected."""

    old: Request | None
    new: Request | None


_Changed = tuple[Row | None, Row]
"""A request before and after."""


class Ledger(Queries):
    """One open ledger. ``writable`` is false while another burnmon holds the lock."""

    def __init__(self, path: Path | None, writes: bool = True) -> None:
        """Open or create the ledger at ``path``; ``None`` keeps it in memory.

        ``writes``: whether to become its writer, if there is no other.
        Raises LedgerError when it cannot be used, naming the path and what to do.
        """
        self.path = path
        self._lock = lock(path) if path is not None and writes else None
        self.writable = path is None or self._lock is not None
        self._indexed = False
        """Whether a request can be looked up by its key."""
        self._finishing: Thread | None = None
        self._origins: set[str] | None = None
        try:
            super().__init__(open_tables(path, self.writable))
        except BaseException:
            self._unlock()
            raise
        try:
            with self._telling():
                empty = not self._holds_requests()
                if self.writable:
                    self._index_keys()
        except BaseException:
            self.close()
            raise
        self._all: set[int] | None = set() if empty else None
        """Every key of the ledger, kept while it is filled for the first time."""
        self._file = self._identity()

    def _holds_requests(self) -> bool:
        row = self._db.execute("SELECT EXISTS (SELECT 1 FROM request)").fetchone()
        return bool(row[0])

    def lasts(self) -> Self:
        """The same, for a process that must outlive its file.

        What is mapped into memory is read faster, but when somebody cuts the file off,
        or its disk fails, the system ends who reads there. Without it that is an error.
        And it keeps few pages: those of a large cache would stay for days, and reading
        one again takes some microseconds.
        """
        self._db.execute("PRAGMA mmap_size = 0")
        self._db.execute(f"PRAGMA cache_size = {-LASTING_CACHE}")
        return self

    def is_there(self) -> bool:
        """Whether the file that is open still lies where others look for it."""
        return self._identity() == self._file

    def _identity(self) -> tuple[int, int] | None:
        with suppress(OSError):
            if self.path is not None:
                status = self.path.stat()
                return status.st_dev, status.st_ino
        return None

    def claim(self) -> bool:
        """Try to become the writer; whether that succeeded."""
        if not self.writable and self.path is not None:
            self._finished()
            self._unlock()
            self._lock = lock(self.path)
            self.writable = self._lock is not None
            self._origins = self._all = None
            self._parts.forget()
            self._indexed = False
            if self.writable:
                self._index_keys()
        return self.writable

    def release(self) -> None:
        """Stay on as a reader, so that another burnmon may write."""
        self.writable = self.path is None
        if self._finishing is None or not self._finishing.is_alive():
            self._unlock()

    def close(self) -> None:
        """Give the ledger and its lock back."""
        self._finished()
        self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: object, error: object, _: object) -> None:
        """Close it; what failed because of the ledger becomes a LedgerError."""
        told = self._blamed(error) if isinstance(error, Exception) else None
        self.close()
        if told is not None:
            raise told from error  # type: ignore[misc]  # an Exception, as told above

    def _blamed(self, error: Exception) -> LedgerError | None:
        """What to say of an error if the ledger is the cause of it."""
        if isinstance(error, sqlite3.Error):
            return refusal(self.path, error)
        if isinstance(error, BurnmonError | OSError):
            return None
        # What was read is no text, number or name any more: damage, or else a bug.
        found = self.damage()
        return refusal(self.path, ValueError(found)) if found else None

    def damage(self) -> str:
        """What is seen to be wrong with what it holds, after reading all of it."""
        try:
            return damage(self._db) or "".join("" for _ in self.files())
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            return str(error)

    def prove(self) -> None:
        """Raise LedgerError unless all of it can be read, and, if writable, written."""
        found = self.damage()
        if found:
            raise refusal(self.path, ValueError(found))
        if self.writable:
            with self._telling(), transaction(self._db):
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    # --- files -----------------------------------------------------------------------

    def known(self) -> dict[str, Known]:
        """All files ever read, by path, with what tells whether they moved on."""
        rows = self._db.execute(
            "SELECT path, reader, inode, size, mtime_ns FROM file"
        ).fetchall()
        return {path: Known._make(told) for path, *told in rows}

    def file(self, path: str) -> FileState | None:
        """How far one file was read; None if it never was."""
        row = self._db.execute(
            f"SELECT {_FILE_COLUMNS}, trail FROM file WHERE path = ?", (path,)
        ).fetchone()
        return None if row is None else _file_state(row)

    def files(self) -> Iterator[FileState]:
        """All files ever read."""
        for row in self._db.execute(f"SELECT {_FILE_COLUMNS}, trail FROM file"):
            yield _file_state(row)

    def trails(self, since: datetime) -> list[tuple[str, str, Trail]]:
        """Agent, account and trail of files with a line since an instant."""
        rows = self._db.execute(
            "SELECT agent, account, trail FROM file"
            " WHERE last_at >= ? OR agent = 'recordings' ORDER BY last_at, path",
            (ms(since),),
        ).fetchall()
        return [(agent, account, _trail(text)) for agent, account, text in rows]

    def projects(self, since: datetime, until: datetime) -> set[str]:
        """Directories that requests of a span were made in."""
        where, span = during(since, until)
        rows = self._db.execute(
            "SELECT DISTINCT project FROM circumstance WHERE id IN"
            f" (SELECT circumstance FROM request WHERE {where})",
            span,
        ).fetchall()
        return {self._text(row[0]) for row in rows}

    def sessions_like(self, prefix: str) -> list[str]:
        """Sessions whose id begins with some text, those that wrote last first."""
        rows = self._db.execute(
            "SELECT session, max(last_at) AS newest FROM file"
            " WHERE session != '' AND substr(session, 1, ?) = ?"
            " GROUP BY session ORDER BY newest DESC",
            (len(prefix), prefix),
        ).fetchall()
        return [row[0] for row in rows]

    def titles(self, session_ids: Iterable[str]) -> dict[str, str]:
        """The newest title of each session that has one."""
        wanted = json.dumps(list(session_ids))
        rows = self._db.execute(
            "SELECT session, json_extract(trail, '$.title') AS title FROM file"
            " WHERE session IN (SELECT value FROM json_each(?)) AND title != ''"
            " ORDER BY last_at",
            (wanted,),
        ).fetchall()
        return dict(rows)

    def session_trails(self, session_id: str) -> list[tuple[str, str, Trail]]:
        """Agent, account and trail of the files of one session."""
        rows = self._db.execute(
            "SELECT agent, account, trail FROM file WHERE session = ?"
            " ORDER BY last_at, path",
            (session_id,),
        ).fetchall()
        return [(agent, account, _trail(text)) for agent, account, text in rows]

    def began_at(self, session_id: str) -> datetime | None:
        """The first line of any file of a session; None if none is known."""
        (first,) = self._db.execute(
            "SELECT min(first_at) FROM file WHERE session = ?", (session_id,)
        ).fetchone()
        return None if first is None else instant_of(first)

    def accounts(self, since: datetime) -> dict[str, str]:
        """The account of each session that has a line since an instant."""
        rows = self._db.execute(
            "SELECT session, account FROM file WHERE last_at >= ? AND session != ''"
            " ORDER BY last_at, path",
            (ms(since),),
        ).fetchall()
        return dict(rows)

    # --- absorbing -------------------------------------------------------------------

    @contextmanager
    def filling(self) -> Iterator[None]:
        """While a first history is absorbed, an empty ledger keeps no index of keys.

        They are random, and to index them at once costs a third of writing them one by
        one. A kill loses nothing: whoever writes next builds the index first.
        """
        self._finished()
        if self._all is None or self._all or not self.writable:
            yield
            return
        with self._telling():
            self._db.execute(FORGO_KEYS)
        self._indexed = False
        try:
            yield
        finally:
            if self.path is None:
                self._index_keys()
            else:
                self._finishing = Thread(target=self._finish)
                self._finishing.start()

    def _finish(self) -> None:
        """Store and index a first history, while it is added up already."""
        # What fails here is done by whoever closes or writes the ledger next.
        with (
            suppress(sqlite3.Error, LedgerError),
            closing(open_tables(self.path, True)) as db,
        ):
            db.execute("PRAGMA wal_checkpoint")
            db.execute(INDEX_KEYS)
        if not self.writable:
            self._unlock()

    def settle(self) -> None:
        """Wait for what goes on behind: no thread of the ledger runs any more."""
        self._finished()

    def _finished(self) -> None:
        if self._finishing is not None:
            self._finishing.join()
            self._finishing = None

    def _index_keys(self) -> None:
        self._finished()
        if not self._indexed:
            self._db.execute(INDEX_KEYS)
            self._indexed = True

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Name the ledger in the database's errors."""
        try:
            yield
        except sqlite3.Error as error:
            raise refusal(self.path, error) from error

    def absorb(
        self,
        read: Sequence[tuple[FileState, Facts]],
        since: datetime | None = None,
        copies: Sequence[Copies] | None = None,
    ) -> list[Change]:
        """Take facts and the new states of their files, all or nothing.

        ``copies`` are the sightings of each file if somebody has folded them already.
        Returns what changed among counted requests at or after ``since`` (all of them
        when it is ``None``). Raises LedgerError when the ledger cannot be written.
        """
        if copies is None:
            copies = [
                fold(state.agent, state.path, state.trail.first_at, facts.sightings)
                for state, facts in read
            ]
        self._finished()
        states = [state for state, _ in read]
        horizon = -(2**62) if since is None else ms(since)
        try:
            self._let_go()
            with self._telling(), transaction(self._db):
                self._known_origins()
                self._put_files(states)
                changes = self._take(copies)
                changes.extend(self._admit_replays(states))
                self._parts.mark(old for old, _ in changes if old is not None)
                self._put_readings(chain.from_iterable(f.readings for _, f in read))
                self._put_marks(chain.from_iterable(f.marks for _, f in read))
                return self._changes(changes, horizon)
        except BaseException:
            self._forget()
            raise

    def keep_sums(self, thresholds: Sequence[int]) -> None:
        """Add up what was written since that was done last, if it is much.

        ``sums`` is then quicker, for everybody. Only the writer does.
        """
        if self.writable:
            self._finished()
            # It can be done without: the answer is the same.
            with suppress(sqlite3.Error):
                self._parts.keep(thresholds)

    @property
    def work(self) -> WorkStore:
        """What is known of edits and commit calls."""
        return self._work

    def absorb_work(self, read: Sequence[tuple[WorkFile, Work]]) -> None:
        """``put_work`` of what was read."""
        self.put_work([work_rows(*each) for each in read])

    def put_work(self, read: Sequence[WorkRows]) -> None:
        """Take work and how far its files were read for it, all or nothing.

        Raises LedgerError when the ledger cannot be written.
        """
        self._finished()
        with self._telling(), transaction(self._db):
            self._work.put(read)
            self._put_marks(mark for each in read for mark in each.marks)

    def _changes(self, changes: Iterable[_Changed], horizon: int) -> list[Change]:
        return [
            Change(
                self._request(old) if old and old[2] else None,
                self._request(new) if new[2] else None,
            )
            for old, new in changes
            if new[1] >= horizon and (new[2] or (old and old[2]))
        ]

    def _forget(self) -> None:
        """Drop what was remembered of a transaction that was given back."""
        self._origins = None
        self._all = None
        self._parts.forget()
        self._indexed = False
        self._texts.clear()
        self._circumstances.clear()
        self._paths.clear()

    def _take(self, copies: Sequence[Copies]) -> list[_Changed]:
        incoming: dict[int, Row] = {}
        told: dict[int, Circumstance] = {}
        for each in copies:
            told |= each.circumstances
        self._put_circumstances(told)
        for each in copies:
            # Most files share no request with another; dictionaries are quick at that.
            if incoming.keys().isdisjoint(each.rows):
                incoming |= each.rows
                continue
            for key, row in each.rows.items():
                seen = incoming.get(key)
                incoming[key] = row if seen is None else self._joined(seen, row)
        existing = self._fetch(self._maybe_held(incoming))
        if not existing:  # as while a first history is absorbed
            rows = incoming.values()
            fresh = [row if row[3] != REPLAYED else self._judged(row) for row in rows]
            self._put_requests(fresh)
            return [(None, row) for row in fresh]
        changes: list[_Changed] = []
        for key, row in incoming.items():
            old = existing.get(key)
            new = row if old is None else self._joined(old, row)
            if new[3] == REPLAYED:
                new = self._judged(new)
            if new != old:
                changes.append((old, new))
        self._put_requests([new for _, new in changes])
        return changes

    def _joined(self, a: Row, b: Row) -> Row:
        """``join`` of two copies in numbers."""
        joined = join(self._worded(a), self._worded(b))
        told = circumstance(joined)
        place = circumstance_number(told)
        if place not in (a[4], b[4]):
            self._put_circumstances({place: told})
        return numbered(joined, place, number(joined.file))

    def _worded(self, row: Row) -> Held:
        return worded(row, self._circumstance(row[4]), self._path(row[14]))

    def _maybe_held(self, keys: Mapping[int, Row]) -> Iterable[int]:
        """Keys that the ledger may hold; looking up each one is the dear part."""
        if self._all is None:
            return keys
        held = [] if self._all.isdisjoint(keys) else [*self._all.intersection(keys)]
        self._all.update(keys)
        if len(self._all) > MOST_KEYS:
            self._all = None
        return held

    def _judged(self, row: Row) -> Row:
        """A replay counts once its original's file is here: then it states new work."""
        known = self._circumstance(row[4])[ORIGIN] in self._known_origins()
        return (*row[:2], int(known), *row[3:])

    def _known_origins(self) -> set[str]:
        if self._origins is None:
            rows = self._db.execute("SELECT own FROM file WHERE own != ''").fetchall()
            self._origins = {row[0] for row in rows}
        return self._origins

    def _admit_replays(self, states: Sequence[FileState]) -> list[_Changed]:
        """Count set-aside replays whose original's file has now appeared.

        What the original states too is joined with it by its key; the rest was new.
        """
        known = self._known_origins()
        fresh = {state.trail.own_id for state in states} - known - {""}
        changes: list[_Changed] = []
        known |= fresh
        for own_id in self._awaited(fresh):
            rows = self._rows(
                f"standing = {REPLAYED} AND counted = 0 AND circumstance IN"
                " (SELECT id FROM circumstance WHERE origin = ?)",
                (number(own_id),),
            )
            admitted = [(*row[:2], 1, *row[3:]) for row in rows]
            self._put_requests(admitted)
            changes.extend(zip(rows, admitted, strict=True))
        return changes

    def _awaited(self, fresh: set[str]) -> list[str]:
        """Those that a replay names as its original: nearly always none of them."""
        if not fresh:
            return []
        rows = self._db.execute(
            "SELECT origin FROM circumstance WHERE id IN"
            f" (SELECT circumstance FROM request WHERE standing = {REPLAYED})"
        ).fetchall()
        origins = {row[0] for row in rows}
        return [own_id for own_id in fresh if number(own_id) in origins]

    def _fetch(self, keys: Iterable[int]) -> dict[int, Row]:
        wanted = sorted(keys)
        if wanted:
            self._index_keys()
        found: dict[int, Row] = {}
        # One statement for any number of keys: each that was ever prepared is kept, and
        # one of a thousand places takes a third of a megabyte.
        for start in range(0, len(wanted), 20000):
            part = json.dumps(wanted[start : start + 20000])
            for row in self._rows("key IN (SELECT value FROM json_each(?))", (part,)):
                found[row[0]] = row
        return found

    def _select(self, where: str, values: Sequence[Any]) -> list[Held]:
        return [self._worded(row) for row in self._rows(where, values)]

    def _put_requests(self, requests: Sequence[Row]) -> None:
        """Write requests whole, nearly in the order of the table, and mark them."""
        if not requests:
            return
        rows = sorted(requests, key=itemgetter(1))
        self._parts.mark(rows)
        if len(rows) >= MANY:
            # To begin and end a statement costs a third of what a row does.
            end = len(rows) // TOGETHER * TOGETHER
            some = (rows[n : n + TOGETHER] for n in range(0, end, TOGETHER))
            told = (tuple(chain.from_iterable(each)) for each in some)
            self._db.executemany(_put_of(TOGETHER), told)
            del rows[:end]
        self._db.executemany(_put_of(1), rows)

    def _put_circumstances(self, told: Mapping[int, Circumstance]) -> None:
        fresh = {n: each for n, each in told.items() if n not in self._circumstances}
        if not fresh:
            return
        self._circumstances.update(fresh)
        words = {text: number(text) for text in set(chain(*fresh.values()))}
        self._texts.update((n, text) for text, n in words.items())
        self._db.executemany(
            "INSERT OR IGNORE INTO word (text, id) VALUES (?, ?)", words.items()
        )
        places = ",".join("?" * (1 + len(CIRCUMSTANCE)))
        self._db.executemany(
            f"INSERT OR IGNORE INTO circumstance VALUES ({places})",
            [(n, *(words[text] for text in each)) for n, each in fresh.items()],
        )

    def _put_files(self, states: Iterable[FileState]) -> None:
        columns = f"id, {_FILE_COLUMNS}, session, own, first_at, last_at, trail"
        names = columns.split(", ")
        updates = ", ".join(f"{each} = excluded.{each}" for each in names)
        places = ",".join("?" * len(names))
        self._db.executemany(
            f"INSERT INTO file ({columns}) VALUES ({places})"
            f" ON CONFLICT(path) DO UPDATE SET {updates}",
            [_file_row(state) for state in states],
        )

    def _put_readings(self, readings: Iterable[LimitReading]) -> None:
        # The same figure is stated again and again, and a dictionary joins it sooner.
        spans: dict[tuple[Any, ...], tuple[datetime, datetime]] = {}
        for each in readings:
            figure = _FIGURE(each)
            first, last = each.observed_at, each.repeated_at or each.observed_at
            span = spans.get(figure)
            if span is not None:
                first, last = min(first, span[0]), max(last, span[1])
            spans[figure] = first, last
        rows = [
            (*figure[:4], ms(figure[4]), *figure[5:], ms(first), ms(last))
            for figure, (first, last) in spans.items()
        ]
        self._db.executemany(
            "INSERT INTO reading VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
            " observed_at = min(observed_at, excluded.observed_at),"
            " repeated_at = max(repeated_at, excluded.repeated_at)",
            rows,
        )

    def _put_marks(self, marks: Iterable[Mark]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO mark VALUES (?,?,?,?,?)",
            [
                (each.agent, each.session_id, ms(each.at), each.kind, each.detail)
                for each in marks
            ],
        )

    def put_experience(self, series: tuple[str, str, str, int], told: str) -> None:
        """Remember what forecasts of a series have taught, in place of before.

        Raises LedgerError when the ledger cannot be written.
        """
        with self._telling():
            self._db.execute(
                "INSERT OR REPLACE INTO experience VALUES (?,?,?,?,?)", (*series, told)
            )


_FILE_COLUMNS = (
    "agent, account, path, reader, inode, size, mtime_ns, offset, tail, lines,"
    " sightings, skipped, unknown"
)
_FIGURE = attrgetter(
    *("agent", "account", "kind", "window_minutes", "resets_at", "used", "source")
)
_TRAIL = Trail.__struct_fields__
ORIGIN = CIRCUMSTANCE.index("origin")


@cache
def _put_of(count: int) -> str:
    """SQL that writes so many requests at once."""
    width = len(ROW)
    rows = []
    for first in range(0, count * width, width):
        places = ",".join(f"?{first + n}" for n in range(1, width + 1))
        rows.append(f"(?{first + 2} / {QUARTER}, {places})")
    return (
        f"INSERT OR REPLACE INTO request (quarter, {COLUMNS}) VALUES {','.join(rows)}"
    )


def _file_row(state: FileState) -> tuple[Any, ...]:
    trail = state.trail
    return (
        number(state.path),
        state.agent,
        state.account,
        state.path,
        state.reader,
        state.inode,
        state.size,
        state.mtime_ns,
        state.offset,
        state.tail,
        state.lines,
        state.sightings,
        json.dumps(state.skipped, sort_keys=True) if state.skipped else "{}",
        json.dumps(state.unknown, sort_keys=True) if state.unknown else "{}",
        trail.session_id,
        trail.own_id,
        trail.first_at,
        trail.last_at,
        json.dumps({name: getattr(trail, name) for name in _TRAIL}),
    )


def _file_state(row: Sequence[Any]) -> FileState:
    names = _FILE_COLUMNS.split(", ")
    cells = dict(zip((*names, "trail"), row, strict=True))
    for name in ("skipped", "unknown"):
        cells[name] = json.loads(cells[name])
    cells["trail"] = _trail(cells["trail"])
    return FileState(**cells)


def _trail(text: str) -> Trail:
    return Trail(**json.loads(text))
