"""Remembers what was read of commits, so that no patch is read twice.

One SQLite file that may be deleted at any time. A commit is kept by its SHA alone, so
clones of a repository share what was read; which commits belong to a repository is
noted beside. Only fingerprints and counts are kept of patches.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from burnmon import private
from burnmon.shipped.commits import FilePatch, Header
from burnmon.work import SIZE

VERSION = 2
"""Raised whenever what is kept, or a rule behind it, changes; others are discarded."""

_TABLES = """
CREATE TABLE repository (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, packs TEXT);
CREATE TABLE object (
    id INTEGER PRIMARY KEY, sha TEXT NOT NULL UNIQUE, at INTEGER, header TEXT
);
CREATE TABLE patch (
    id INTEGER PRIMARY KEY, missing INTEGER NOT NULL, files TEXT NOT NULL, lines BLOB
);
CREATE TABLE member (
    repository INTEGER NOT NULL, at INTEGER NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (repository, at, id)
) WITHOUT ROWID;
"""
_AT_ONCE = 500


class Held(NamedTuple):
    """What is known of a repository's commits since an instant."""

    headers: dict[str, Header]
    files: dict[str, tuple[FilePatch, ...]]


class HistoryCache:
    """An open cache. What cannot be written is read again another time."""

    def __init__(self, path: Path | None) -> None:
        """Open the file or begin a new one; ``None``, or no way to write: in memory."""
        self._path = path
        self._db = _opened(path)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def held(self, git_dir: str, since: int) -> Held:
        """The commits of a repository that were committed since then."""
        query = (
            "SELECT sha, header, files, lines FROM member"
            " JOIN object USING (id) LEFT JOIN patch USING (id)"
            " WHERE repository = (SELECT id FROM repository WHERE path = ?)"
            " AND member.at >= ?"
        )
        return self._told(self._rows(query, (git_dir, since)))

    def find(self, shas: Iterable[str]) -> Held:
        """What is known of these objects, whichever repository they were read from."""
        found = Held({}, {})
        left = iter(shas)
        while some := list(islice(left, _AT_ONCE)):
            marks = ",".join("?" * len(some))
            query = (
                "SELECT sha, header, files, lines FROM object"
                f" LEFT JOIN patch USING (id) WHERE sha IN ({marks})"
            )
            more = self._told(self._rows(query, some))
            found.headers.update(more.headers)
            found.files.update(more.files)
        return found

    def keep(self, git_dir: str, headers: Iterable[Header]) -> None:
        """Remember commits as those of a repository."""
        given = list(headers)
        rows = [(each.sha, each.committed_at, _header_text(each)) for each in given]
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO repository (path) VALUES (?)", (git_dir,)
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO object (sha, at, header) VALUES (?, ?, ?)", rows
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO member"
                " SELECT repository.id, object.at, object.id"
                " FROM repository, object WHERE path = ? AND sha = ?",
                ((git_dir, each.sha) for each in given),
            )

    def keep_patches(self, patches: Mapping[str, Sequence[FilePatch]]) -> None:
        """Remember the patches of commits that are kept, by SHA."""
        rows = (
            (
                any(file.skipped == "missing" for file in files),
                *_patch_row(files),
                sha,
            )
            for sha, files in patches.items()
        )
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO patch (id, missing, files, lines)"
                " SELECT id, ?, ?, ? FROM object WHERE sha = ?",
                rows,
            )

    def arrived(self, git_dir: str, packs: str) -> bool:
        """Forget what was missing once ``packs``, the objects there are, changed.

        Whether it had to be.
        """
        known = self._rows("SELECT packs FROM repository WHERE path = ?", (git_dir,))
        if known == [(packs,)]:
            return False
        with self._writing():
            self._db.execute(
                "DELETE FROM patch WHERE missing AND id IN ("
                "SELECT member.id FROM member JOIN repository"
                " ON repository = repository.id WHERE path = ?)",
                (git_dir,),
            )
            self._db.execute(
                "INSERT INTO repository (path, packs) VALUES (?, ?)"
                " ON CONFLICT (path) DO UPDATE SET packs = excluded.packs",
                (git_dir, packs),
            )
        return True

    def _told(self, rows: list[tuple[Any, ...]]) -> Held:
        try:
            return _held(rows)
        except (ValueError, TypeError, IndexError):  # damage that SQLite cannot see
            self._replace()
            return Held({}, {})

    def _rows(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if hasattr(error, "sqlite_errorcode"):
                return []
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            pass
        # What it holds, or what it says of it, is no text any more.
        self._replace()
        return []

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing; a cache that cannot be written is no reason to stop."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.OperationalError:
            pass
        except sqlite3.DatabaseError:
            self._replace()

    def _replace(self) -> None:
        """Begin anew in place of a file that turned out to be damaged."""
        self._db.close()
        _remove(self._path)
        self._db = _opened(self._path)


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        for _ in range(2):
            try:
                return _connected(path)
            except (sqlite3.OperationalError, OSError):
                break  # locked, full or not ours: nothing is wrong with the file
            # Even the words in which the database complains may be damaged text.
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                _remove(path)
    return _prepared(sqlite3.connect(":memory:", isolation_level=None))


def _connected(path: Path) -> sqlite3.Connection:
    private.make_directory(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        return _prepared(db)
    except BaseException:
        db.close()
        raise


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    """With the tables of this version; raises DatabaseError for one of another."""
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        with db:
            db.execute("BEGIN IMMEDIATE")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"schema {version}")
            if not version:
                for statement in _TABLES.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")
    return db


def _remove(path: Path | None) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{path}{end}").unlink()


# --- rows ----------------------------------------------------------------------------


def _header_text(header: Header) -> str:
    return json.dumps(header[1:], separators=(",", ":"))


def _patch_row(files: Sequence[FilePatch]) -> tuple[str, bytes]:
    told = [
        (
            file.path,
            file.old_path,
            len(file.added) // SIZE,
            len(file.removed) // SIZE,
            file.lines_added,
            file.lines_removed,
            file.only_space,
            file.skipped,
        )
        for file in files
    ]
    lines = b"".join(part for file in files for part in (file.added, file.removed))
    return json.dumps(told, separators=(",", ":")), lines


def _held(rows: list[tuple[str, str, str | None, bytes | None]]) -> Held:
    """Rows as values; decoded together, which is several times faster."""
    headers = json.loads(f"[{','.join(row[1] for row in rows)}]")
    read = [row for row in rows if row[2] is not None]
    files = json.loads(f"[{','.join(row[2] or '' for row in read)}]")
    return Held(
        {
            row[0]: _header(row[0], told)
            for row, told in zip(rows, headers, strict=True)
        },
        {
            row[0]: tuple(_files(told, row[3] or b""))
            for row, told in zip(read, files, strict=True)
        },
    )


def _header(sha: str, told: list[Any]) -> Header:
    parents, name, email, authored, committed, subject, mentions, reverts, trails = told
    return Header(
        sha,
        tuple(parents),
        name,
        email,
        authored,
        committed,
        subject,
        tuple(mentions),
        tuple(reverts),
        tuple((key, value) for key, value in trails),
    )


def _files(told: list[list[Any]], lines: bytes) -> Iterator[FilePatch]:
    start = 0
    for path, old_path, added, removed, *rest in told:
        middle = start + added * SIZE
        end = middle + removed * SIZE
        yield FilePatch(path, old_path, lines[start:middle], lines[middle:end], *rest)
        start = end
