"""The ledger's file: its tables, their versions, and who may write.

A schema version only ever grows, and each step runs in one transaction, so a kill in
the middle leaves the older version whole.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from burnmon import private
from burnmon.records import LedgerError

MIGRATIONS: tuple[str, ...] = (
    """
    -- Words, files and circumstances are numbered by a hash of what they are, so that
    -- a process that reads files can number without asking.
    CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE file (
        id INTEGER PRIMARY KEY,
        agent TEXT NOT NULL, account TEXT NOT NULL, path TEXT NOT NULL UNIQUE,
        reader INTEGER NOT NULL,           -- version of the agent's reader
        inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        offset INTEGER NOT NULL,           -- bytes read, up to a newline
        tail BLOB NOT NULL,                -- digest of the bytes before the offset
        lines INTEGER NOT NULL, sightings INTEGER NOT NULL,
        skipped TEXT NOT NULL, unknown TEXT NOT NULL,   -- JSON: reason or type -> lines
        session TEXT NOT NULL, own TEXT NOT NULL,
        first_at INTEGER, last_at INTEGER,
        trail TEXT NOT NULL                -- JSON of records.Trail
    );
    CREATE INDEX file_session ON file(session);
    CREATE TABLE circumstance (            -- what many requests have in common
        id INTEGER PRIMARY KEY,            -- all others are words
        agent INTEGER NOT NULL, model INTEGER NOT NULL,
        speed INTEGER NOT NULL, region INTEGER NOT NULL,
        session INTEGER NOT NULL, subagent INTEGER NOT NULL,
        project INTEGER NOT NULL, branch INTEGER NOT NULL, version INTEGER NOT NULL,
        origin INTEGER NOT NULL
    );
    CREATE INDEX circumstance_session ON circumstance(session);
    CREATE TABLE request (
        -- Rows lie in the order in which they are added up, and nearly in that of
        -- arrival: keys are random, and a table sorted by them would rewrite most of
        -- its pages with every commit of a first scan.
        quarter INTEGER NOT NULL,          -- of an hour, since the epoch
        circumstance INTEGER NOT NULL,
        key INTEGER NOT NULL,              -- unique, see INDEX_KEYS
        at INTEGER NOT NULL,               -- epoch ms
        counted INTEGER NOT NULL, standing INTEGER NOT NULL,
        input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,
        cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
        web_searches INTEGER NOT NULL, final INTEGER NOT NULL,
        file_first INTEGER NOT NULL, file INTEGER NOT NULL,
        PRIMARY KEY (quarter, circumstance, key)
    ) WITHOUT ROWID;
    CREATE INDEX request_replayed ON request(circumstance) WHERE standing = 1;
    CREATE INDEX request_extra ON request(at) WHERE standing = 2;
    CREATE TABLE reading (
        agent TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL,
        window_minutes INTEGER NOT NULL, resets_at INTEGER NOT NULL,
        used REAL NOT NULL, source TEXT NOT NULL,
        observed_at INTEGER NOT NULL, repeated_at INTEGER NOT NULL,
        PRIMARY KEY (agent, account, kind, window_minutes, resets_at, used, source)
    ) WITHOUT ROWID;
    CREATE INDEX reading_at ON reading(repeated_at);
    CREATE TABLE mark (
        agent TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,
        kind TEXT NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (at, agent, session, kind, detail)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE experience (              -- what forecasts of a series have taught
        agent TEXT NOT NULL, account TEXT NOT NULL, family TEXT NOT NULL,
        window_minutes INTEGER NOT NULL,
        told TEXT NOT NULL,                -- JSON of usage.experience.Experience
        PRIMARY KEY (agent, account, family, window_minutes)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE work_file (               -- how far a file was read for work
        id INTEGER PRIMARY KEY,            -- that of the file
        reader INTEGER NOT NULL,           -- version of the agent's reader of work
        offset INTEGER NOT NULL, tail BLOB NOT NULL,
        trail TEXT NOT NULL                -- JSON of work.WorkTrail
    );
    CREATE TABLE edit (                    -- see work.Edit, names are words
        key INTEGER PRIMARY KEY,
        at INTEGER NOT NULL, outcome INTEGER NOT NULL,
        agent INTEGER NOT NULL, tool INTEGER NOT NULL, path INTEGER NOT NULL,
        lines_added INTEGER NOT NULL, lines_removed INTEGER NOT NULL,
        added BLOB NOT NULL, removed BLOB NOT NULL,
        session INTEGER NOT NULL, subagent INTEGER NOT NULL,
        project INTEGER NOT NULL, branch INTEGER NOT NULL,
        file_first INTEGER NOT NULL, file INTEGER NOT NULL
    );
    CREATE INDEX edit_at ON edit(at);
    CREATE TABLE commit_call (             -- see work.CommitCall, names are words
        key INTEGER PRIMARY KEY,
        begun_at INTEGER NOT NULL, at INTEGER NOT NULL,
        agent INTEGER NOT NULL, verb INTEGER NOT NULL,
        printed TEXT NOT NULL,             -- JSON: [[branch, sha, subject]]
        session INTEGER NOT NULL, subagent INTEGER NOT NULL,
        project INTEGER NOT NULL, branch INTEGER NOT NULL,
        file_first INTEGER NOT NULL, file INTEGER NOT NULL
    );
    CREATE INDEX commit_call_at ON commit_call(at);
    """,
    """
    CREATE TABLE tool_call (               -- see work.ToolCall, names are words
        key INTEGER PRIMARY KEY,
        at INTEGER NOT NULL, took INTEGER NOT NULL,     -- ms until its result
        outcome INTEGER NOT NULL, what INTEGER NOT NULL,
        tool INTEGER NOT NULL, target INTEGER NOT NULL,
        session INTEGER NOT NULL, subagent INTEGER NOT NULL,
        file_first INTEGER NOT NULL, file INTEGER NOT NULL
    );
    CREATE INDEX tool_call_session ON tool_call(session, at);
    CREATE INDEX tool_call_at ON tool_call(at);
    """,
    """
    -- Of the output, tokens of reasoning, and negative where that is not known.
    ALTER TABLE request ADD COLUMN thinking INTEGER NOT NULL DEFAULT -1;
    CREATE INDEX edit_session ON edit(session, at);
    """,
)
"""Scripts that lead from each schema version to the next; only ever appended to."""

INDEX_KEYS = "CREATE UNIQUE INDEX IF NOT EXISTS request_key ON request(key)"
"""For whoever writes; missing while an empty ledger takes its first history."""
FORGO_KEYS = "DROP INDEX IF EXISTS request_key"

APPLICATION_ID = 0x6275726E
"""``burn`` in ASCII: marks the file as a ledger."""


def lock(path: Path) -> int | None:
    """The single writer's lock, as a file descriptor; None while another has it.

    Raises LedgerError when the directory cannot be made and no ledger is there.
    """
    try:
        private.make_directory(path.parent)
        held = private.open_file(f"{path}.lock", os.O_RDWR)
    except OSError as error:
        if path.exists():
            return None
        raise LedgerError(f"{path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def open_tables(path: Path | None, writable: bool) -> sqlite3.Connection:
    """A connection to the tables of this version; closed again if that cannot be.

    Raises LedgerError, naming the path and what to do.
    """
    try:
        db = connect(path, writable)
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"{path}: {error}") from error
    try:
        prepare(db, writable)
        migrate(db, path, writable)
    except sqlite3.OperationalError as error:
        db.close()
        raise LedgerError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise LedgerError(
            f"{path}: {error}; move the file away to start a new ledger"
        ) from error
    except BaseException:
        db.close()
        raise
    return db


def connect(path: Path | None, writable: bool) -> sqlite3.Connection:
    """A connection; transactions are begun and ended explicitly."""
    if path is None:
        return sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(
        path, isolation_level=None, timeout=5, check_same_thread=False
    )


def prepare(db: sqlite3.Connection, writable: bool) -> None:
    """Choose speed where a kill cannot do harm; readers see the last commit."""
    if writable:
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA mmap_size = 268435456")
    db.execute("PRAGMA cache_size = -32768")
    db.execute("PRAGMA wal_autocheckpoint = 8192")


def migrate(db: sqlite3.Connection, path: Path | None, writable: bool) -> None:
    """Bring the tables to this version; raises LedgerError when that cannot be."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"{path}: written by a newer burnmon (schema {version}, this one knows"
            f" {len(MIGRATIONS)}); update burnmon"
        )
    if version < len(MIGRATIONS) and not writable:
        raise LedgerError(
            f"{path}: a burnmon that runs keeps it in an older form (schema {version},"
            f" this one needs {len(MIGRATIONS)}); end that one, or try again"
            if version
            else f"{path}: another burnmon is preparing it; try again"
        )
    for step in range(version, len(MIGRATIONS)):
        with transaction(db):
            for statement in _statements(MIGRATIONS[step]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {step + 1}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; waits for other writers, gives everything back on an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    for statement in script.split(";"):
        if statement.strip():
            yield statement
