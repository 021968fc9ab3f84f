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

from burnmon import private, text
from burnmon.errors import LedgerError

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
    """
    CREATE TABLE part (                    -- sums of requests, see PartStore
        quarter INTEGER NOT NULL, circumstance INTEGER NOT NULL,
        tier INTEGER NOT NULL,             -- place of the prompts among part_tier
        at INTEGER NOT NULL, prompt INTEGER NOT NULL,   -- the first, the largest
        input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,
        cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
        web_searches INTEGER NOT NULL,
        requests INTEGER NOT NULL, incomplete INTEGER NOT NULL,
        PRIMARY KEY (quarter, circumstance, tier)
    ) WITHOUT ROWID;
    CREATE TABLE part_tier (above INTEGER PRIMARY KEY);      -- tokens of a prompt
    CREATE TABLE part_marked (quarter INTEGER PRIMARY KEY);  -- its parts may be wrong
    INSERT INTO part_marked SELECT DISTINCT quarter FROM request;
    """,
)
"""Scripts that lead from each schema version to the next; only ever appended to."""

INDEX_KEYS = "CREATE UNIQUE INDEX IF NOT EXISTS request_key ON request(key)"
"""For whoever writes; missing while an empty ledger takes its first history."""
FORGO_KEYS = "DROP INDEX IF EXISTS request_key"

APPLICATION_ID = 0x6275726E
"""``burn`` in ASCII: marks the file as a ledger."""

_AFRESH = "move it away, and a new one is begun from the agents' files"
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full; make room on it",
    sqlite3.SQLITE_BUSY: "another program has locked it; end that one, or try again",
    sqlite3.SQLITE_LOCKED: "another program has locked it; end that one, or try again",
    sqlite3.SQLITE_READONLY: "it cannot be written; see whose it is, and its directory",
    sqlite3.SQLITE_PERM: "it cannot be opened; see whose it is, and its directory",
    sqlite3.SQLITE_AUTH: "it cannot be opened; see whose it is, and its directory",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see whose it is, and its directory",
    sqlite3.SQLITE_IOERR: "the disk fails or is full; see to it",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_INTERRUPT: "interrupted",
    sqlite3.SQLITE_NOTADB: f"it is not a database; {_AFRESH}",
}
"""What an error of the database means, and what to do; others mean damage."""


def lock(path: Path) -> int | None:
    """The single writer's lock, as a file descriptor; None while another has it.

    Raises LedgerError when the directory cannot be made and no ledger is there.
    """
    try:
        private.make_directory(path.parent)
        held = private.open_file(f"{path}.lock", os.O_RDWR)
    except (FileExistsError, NotADirectoryError) as error:
        words = "a file is where its directory should be; move the file away"
        raise LedgerError(f"{path}: {words}") from error
    except OSError as error:
        if path.exists():
            return None
        raise LedgerError(f"{path}: cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def refusal(path: Path | None, error: Exception) -> LedgerError:
    """An error met while using a ledger, in words: the file, what is wrong, the remedy.

    The statements are always the same, so what fails for no other reason does so
    because the file does not hold what was written into it.
    """
    if path is not None and path.is_dir():
        return LedgerError(f"{path}: it is a directory; {_AFRESH}")
    code = getattr(error, "sqlite_errorcode", None)
    remedy = _REMEDIES.get(code & 0xFF) if code is not None else None
    if isinstance(error, OSError):
        remedy = error.strerror
    if remedy is None:
        words = text.fit(text.plain(str(error).partition("\n")[0]), _WORDS)
        remedy = f"it is damaged ({words}); {_AFRESH}"
    return LedgerError(f"{path}: {remedy}")


_WORDS = 80
"""Cells of the database's own words; they may quote the file."""


def open_tables(path: Path | None, writable: bool) -> sqlite3.Connection:
    """A connection to the tables of this version; closed again if that cannot be.

    Raises LedgerError, naming the path and what to do.
    """
    try:
        try:
            return _opened(path, writable)
        except sqlite3.OperationalError:
            if path is None or writable or os.access(path.parent, os.W_OK):
                raise
            # Reading beside a writer needs files of its own; here is no writer.
            return _opened(path, writable, at_rest=True)
    # Even the words in which the database complains may be damaged text.
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise refusal(path, error) from error


def _opened(
    path: Path | None, writable: bool, at_rest: bool = False
) -> sqlite3.Connection:
    db = connect(path, at_rest)
    try:
        prepare(db, writable)
        migrate(db, path, writable)
    except BaseException:
        db.close()
        raise
    return db


def damage(db: sqlite3.Connection) -> str:
    """What is seen to be wrong with the tables; empty for sound ones.

    Looks at every row. A figure that was changed to another one cannot be seen.
    """
    try:
        said = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if said != "ok":
            return said
        for table, columns, named in _NAMED:
            for column in columns.split():
                (lost,) = db.execute(
                    f"SELECT EXISTS (SELECT 1 FROM {table}"
                    f" WHERE {column} NOT IN (SELECT id FROM {named}))"
                ).fetchone()
                if lost:
                    return f"a {column} of {table} is not there"
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)
    return ""


_NAMED = (
    (
        "circumstance",
        "agent model speed region session subagent project branch version origin",
        "word",
    ),
    ("request", "circumstance", "circumstance"),
    ("request", "file", "file"),
    ("part", "circumstance", "circumstance"),
    ("edit", "agent tool path session subagent project branch", "word"),
    ("commit_call", "agent verb session subagent project branch", "word"),
    ("tool_call", "tool target session subagent", "word"),
)
"""Tables, their columns that name a row by its number, and where that row is."""


def connect(path: Path | None, at_rest: bool) -> sqlite3.Connection:
    """A connection; transactions are begun and ended explicitly.

    ``at_rest``: the directory cannot be written, so nobody changes the file either.
    """
    if path is None:
        return sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?immutable=1" if at_rest else path,
        uri=at_rest,
        isolation_level=None,
        timeout=5,
        check_same_thread=False,
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
    _must_be_ours(db, path)
    for step in range(version, len(MIGRATIONS)):
        with transaction(db):
            for statement in _statements(MIGRATIONS[step]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {step + 1}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _must_be_ours(db: sqlite3.Connection, path: Path | None) -> None:
    """Raise LedgerError for another program's database: nothing is put into that."""
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    holds = db.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if holds and owner != APPLICATION_ID:
        raise LedgerError(f"{path}: it is another program's database; {_AFRESH}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; waits for other writers, gives everything back on an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    for statement in script.split(";"):
        if statement.strip():
            yield statement
