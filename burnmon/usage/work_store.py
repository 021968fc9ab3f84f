"""Where the ledger keeps work: edits, calls, and how far files were read for them.

Reading a file for work follows reading it for requests, and may come much later; each
has its own offset. Copies of a call are joined as copies of a request are: the earliest
owns it, at equal instants the file that was begun first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import asdict

from burnmon.records import Mark, Trail
from burnmon.usage.adding import bounds
from burnmon.usage.copies import number
from burnmon.work import (
    CommitCall,
    Edit,
    Outcome,
    ToolCall,
    ToolOutcome,
    Work,
    WorkTrail,
)

_OUTCOMES: tuple[Outcome, ...] = ("accepted", "rejected", "failed")
_CAME: tuple[ToolOutcome, ...] = ("ok", "failed", "rejected", "interrupted")


class WorkFile(Struct):
    """How far one file was read for work."""

    id: int
    agent: str
    account: str
    path: str
    of: Trail
    """What its requests tell of its session."""
    size: int
    """Bytes of it that were read for requests."""
    reader: int = 0
    offset: int = 0
    tail: bytes = b""
    """Digest of the bytes before the offset; empty when the file was gone."""
    trail: WorkTrail = field(default_factory=WorkTrail)
    anew: bool = False
    """What an older reader saw in it is replaced by what is put now."""


class WorkRows(NamedTuple):
    """What one file states of work, as it is stored: in plain values."""

    file: tuple[Any, ...]
    anew: bool
    """See ``WorkFile``."""
    words: dict[str, int]
    edits: list[tuple[Any, ...]]
    calls: list[tuple[Any, ...]]
    tools: list[tuple[Any, ...]]
    marks: list[Mark]


def work_rows(file: WorkFile, work: Work) -> WorkRows:
    """Work that was read of a file, and how far it was, in rows."""
    words: dict[str, int] = {}
    of = (_safe(file.agent), file.of.first_at or 0, file.id)
    trail = json.dumps(asdict(file.trail))
    edits = [_edit_row(each, of, words) for each in work.edits]
    calls = [_call_row(each, of, words) for each in work.calls]
    tools = [_tool_row(each, of, words) for each in work.tools]
    texts = {_safe(each): n for each, n in words.items()}
    state = (file.id, file.reader, file.offset, file.tail, trail)
    return WorkRows(state, file.anew, texts, edits, calls, tools, work.marks)


class WorkStore:
    """The tables of work behind one connection of the ledger."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._words = _Words(db)

    def behind(
        self, readers: Mapping[str, int], paths: Iterable[str] | None = None
    ) -> list[WorkFile]:
        """Files with bytes that were not read for work, by agents' reader versions.

        Those that changed last come first; ``paths`` leaves all others out. One that
        was gone is left alone as long as nothing more was read of it for requests.
        """
        among = ""
        if paths is not None:
            among = f" AND file.id IN ({','.join(str(number(each)) for each in paths)})"
        return self._files(
            "(work_file.id IS NULL OR work_file.offset != file.offset"
            f" OR work_file.reader != {_reader_of(readers)}"
            f" OR work_file.tail NOT IN (file.tail, x'')){among}",
            readers,
        )

    def gone(self, readers: Mapping[str, int]) -> list[WorkFile]:
        """Files that were not there when they should have been read for work."""
        return self._files("work_file.tail = x''", readers)

    def _files(self, which: str, readers: Mapping[str, int]) -> list[WorkFile]:
        rows = self._db.execute(
            "SELECT file.id, agent, account, path, file.trail, file.offset,"
            " coalesce(work_file.reader, 0), coalesce(work_file.offset, 0),"
            " work_file.tail, work_file.trail FROM file LEFT JOIN work_file USING (id)"
            f" WHERE {which} ORDER BY mtime_ns DESC"
        ).fetchall()
        return [_work_file(row) for row in rows if row[1] in readers]

    def put(self, read: Sequence[WorkRows]) -> None:
        """Take work and the new states of its files; within a transaction."""
        words: dict[str, int] = {}
        for each in read:
            words |= each.words
        self._db.executemany(
            "INSERT OR IGNORE INTO word (text, id) VALUES (?, ?)", words.items()
        )
        self._forget([each.file[0] for each in read if each.anew])
        self._put("edit", [row for each in read for row in each.edits])
        self._put("commit_call", [row for each in read for row in each.calls])
        self._put("tool_call", [row for each in read for row in each.tools])
        self._db.executemany(
            "INSERT OR REPLACE INTO work_file VALUES (?,?,?,?,?)",
            [each.file for each in read],
        )

    def _forget(self, files: Sequence[int]) -> None:
        """Drop what files own; one statement, because it looks at every edit."""
        for table in ("edit", "commit_call", "tool_call") if files else ():
            self._db.execute(
                f"DELETE FROM {table} WHERE file IN (SELECT value FROM json_each(?))",
                (json.dumps(files),),
            )

    def _put(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        columns = [each[1] for each in self._db.execute(f"PRAGMA table_info({table})")]
        updates = ", ".join(f"{each} = excluded.{each}" for each in columns[1:])
        order = "({0}.at, {0}.file_first, {0}.file)"
        places = ",".join("?" * len(columns))
        self._db.executemany(
            f"INSERT INTO {table} VALUES ({places}) ON CONFLICT(key) DO UPDATE SET"
            f" {updates} WHERE {order.format('excluded')} <= {order.format(table)}",
            rows,
        )

    def edits(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        sessions: Iterable[str] | None = None,
    ) -> list[Edit]:
        """Edits in a span, oldest first; of some sessions only, if named."""
        rows = self._db.execute(
            "SELECT key, at, outcome, tool, path, lines_added, lines_removed, added,"
            " removed, session, subagent, project, branch FROM edit"
            f" WHERE at >= ? AND at < ?{_among(sessions)} ORDER BY at, key",
            bounds(since, until),
        )
        text = self._words.__getitem__
        return [
            Edit._make(
                (
                    *row[:2],
                    _OUTCOMES[row[2]],
                    *map(text, row[3:5]),
                    *row[5:9],
                    *map(text, row[9:]),
                )
            )
            for row in rows
        ]

    def calls(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> list[CommitCall]:
        """Calls that made commits in a span, oldest first."""
        rows = self._db.execute(
            "SELECT key, begun_at, at, verb, printed, session, subagent, project,"
            " branch FROM commit_call WHERE at >= ? AND at < ? ORDER BY at, key",
            bounds(since, until),
        ).fetchall()
        text = self._words.__getitem__
        return [
            CommitCall._make(
                (
                    *row[:3],
                    text(row[3]),
                    tuple(map(tuple, json.loads(row[4]))),
                    *map(text, row[5:]),
                )
            )
            for row in rows
        ]

    def called(self, session_id: str) -> int:
        """How many tool calls of a session are known."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM tool_call WHERE session = ?", (number(session_id),)
        ).fetchone()
        return int(count)

    def edited_at(self, since: datetime, session_id: str) -> list[int]:
        """When edits of one session were carried out, epoch ms and in order."""
        rows = self._db.execute(
            f"SELECT at FROM edit WHERE at >= ?{_among([session_id])}"
            f" AND outcome = {_OUTCOMES.index('accepted')} ORDER BY at",
            bounds(since, None)[:1],
        ).fetchall()
        return [row[0] for row in rows]

    def tools(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        sessions: Iterable[str] | None = None,
    ) -> list[ToolCall]:
        """Tool calls made in a span, oldest first; of some sessions only, if named."""
        rows = self._db.execute(
            "SELECT key, at, took, tool, target, what, outcome, session, subagent"
            " FROM tool_call"
            f" WHERE at >= ? AND at < ?{_among(sessions)} ORDER BY at, key",
            bounds(since, until),
        ).fetchall()
        text = self._words.__getitem__
        return [
            ToolCall(
                key,
                at,
                at + took,
                text(tool),
                text(target),
                what,
                _CAME[outcome],
                text(session),
                text(subagent),
            )
            for key, at, took, tool, target, what, outcome, session, subagent in rows
        ]


def _among(sessions: Iterable[str] | None) -> str:
    """SQL that leaves out all sessions but some; nothing where all are asked for."""
    if sessions is None:
        return ""
    return f" AND session IN ({','.join(str(number(each)) for each in sessions)})"


MOST_WORDS = 8192
"""Words that are kept at hand."""


class _Words(dict[int, str]):
    """Words by their numbers; each is looked up once, for edits name few of them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __missing__(self, word: int) -> str:
        if len(self) >= MOST_WORDS:
            self.clear()
        found = self._db.execute("SELECT text FROM word WHERE id = ?", (word,))
        text = self[word] = str(found.fetchone()[0])
        return text


def _reader_of(readers: Mapping[str, int]) -> str:
    """SQL of the version of the reader that is in force for a file's agent."""
    cases = " ".join(f"WHEN '{name}' THEN {n}" for name, n in readers.items())
    return f"CASE agent {cases} ELSE work_file.reader END"


def _work_file(row: Sequence[Any]) -> WorkFile:
    id_, agent, account, path, of, size, reader, offset, tail, trail = row
    known = WorkTrail(**json.loads(trail)) if trail else WorkTrail()
    about = Trail(**json.loads(of))
    return WorkFile(
        id_, agent, account, path, about, size, reader, offset, tail or b"", known
    )


def _safe(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _numbers(texts: Sequence[str], words: dict[str, int]) -> list[int]:
    """The numbers of words, which are noted; the same few come again and again."""
    for each in texts:
        if each not in words:
            words[each] = number(_safe(each))
    return [words[each] for each in texts]


def _edit_row(
    each: Edit, of: tuple[str, int, int], words: dict[str, int]
) -> tuple[Any, ...]:
    agent, first, file = of
    names = _numbers((agent, each.tool, each.path), words)
    places = _numbers(each[9:], words)
    return (
        each.key,
        each.at,
        _OUTCOMES.index(each.outcome),
        *names,
        *each[5:9],
        *places,
        first,
        file,
    )


def _call_row(
    each: CommitCall, of: tuple[str, int, int], words: dict[str, int]
) -> tuple[Any, ...]:
    agent, first, file = of
    names = _numbers((agent, each.verb), words)
    places = _numbers(each[5:], words)
    printed = json.dumps([list(map(_safe, one)) for one in each.printed])
    return (each.key, each.begun_at, each.at, *names, printed, *places, first, file)


def _tool_row(
    each: ToolCall, of: tuple[str, int, int], words: dict[str, int]
) -> tuple[Any, ...]:
    _, first, file = of
    names = _numbers((each.tool, each.target, each.session_id, each.subagent), words)
    came = _CAME.index(each.outcome)
    took = each.ended_at - each.at
    return (each.key, each.at, took, came, each.what, *names, first, file)
