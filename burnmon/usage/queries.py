"""What can be asked of a ledger: requests one by one or added up, readings, marks.

Everybody may ask who opened it; what another process writes meanwhile is met by the
next question.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct, field

from burnmon.records import EXTRA, REPLAYED, LimitReading, Mark, Request, Terms, Usage
from burnmon.usage.adding import (
    MINUTE,
    QUARTER,
    Minute,
    addition,
    bounds,
    by_minute,
    during,
    instant_of,
    ms,
)
from burnmon.usage.copies import CIRCUMSTANCE, ROW, Circumstance, Row, number, request
from burnmon.usage.part_store import PartStore
from burnmon.usage.work_store import WorkStore, listed

PORTION = 5000
"""Sums that are handed over at once."""
MOST_NAMES = 8192
"""Circumstances, words or paths that are kept at hand from one call to the next."""


class Sum(Struct, frozen=True):
    """Requests that share a price and the asked-for keys, added up."""

    keys: tuple[Any, ...]
    """Values of the asked-for columns, in their order."""
    model: str
    terms: Terms
    at: datetime
    """The earliest instant among them; all lie between two price changes."""
    prompt: int
    """The largest prompt among them; all lie in the same tier."""
    usage: Usage
    web_searches: int
    requests: int
    incomplete: int


class Past(NamedTuple):
    """Requests of a span: of those of long ago a few, the last ones as they are."""

    newest: list[Request]
    """Of those that were added up, the newest of each session, not a sub-agent's."""
    hour_caches: dict[str, datetime]
    """When each session, not a sub-agent, last wrote to a one-hour cache, if it did."""
    requests: list[Request]
    """The others, oldest first."""


class Queries:
    """An open ledger, as far as it answers questions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._work = WorkStore(db)
        self._parts = PartStore(db)
        self._texts: dict[int, str] = {}
        self._circumstances: dict[int, Circumstance] = {}
        self._paths: dict[int, str] = {}

    # --- requests --------------------------------------------------------------------

    def requests(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        sessions: Sequence[str] | None = None,
    ) -> list[Request]:
        """Counted requests in a span, oldest first; ``sessions`` leaves others out."""
        return list(self.each_request(since, until, sessions))

    def each_request(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        sessions: Sequence[str] | None = None,
    ) -> Iterator[Request]:
        """``requests`` one by one, as they are at the first of them: for those who add
        up many and keep none. What is written meanwhile waits for no reader."""
        self._let_go()
        where, values = during(since, until)
        told: list[Any] = list(values)
        if sessions is not None:
            where += f" AND circumstance IN ({_OF_SESSIONS})"
            told.append(listed(sessions))
        # By the quarter first: so they lie, and only those of one are sorted at once.
        order = "ORDER BY quarter, at, key"
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM request WHERE counted = 1 AND {where} {order}", told
        )
        yield from map(self._request, rows)

    def spent(
        self,
        since: datetime,
        until: datetime,
        quarters: Iterable[int] = (),
        agents: Iterable[str] | None = None,
    ) -> Iterator[tuple[Circumstance, list[tuple[int, ...]]]]:
        """What each counted request of a span costs by, in no order, by circumstance.

        Its instant in epoch milliseconds, the five classes of its tokens in the order
        of ``Usage``, and its web searches. Those of ``quarters`` of an hour before the
        span come too; ``agents`` leaves those of others out.
        """
        self._let_go()
        where, span = during(since, until)
        within = f"quarter IN ({','.join(map(str, quarters))}) AND at < ?"
        found: dict[int, list[tuple[int, ...]]] = {}
        for which, values in ((where, span), (within, [ms(since)])):
            rows = self._db.execute(
                "SELECT at, input, output, cache_read, cache_write_5m, cache_write_1h,"
                " web_searches, circumstance FROM request"
                f" WHERE counted = 1 AND {which}{_by(agents)}",
                values,
            )
            for row in rows:
                found.setdefault(row[7], []).append(row[:7])
        self._name(found)
        for place, told in found.items():
            yield self._circumstance(place), told

    def first_at(self, agent: str, since: datetime, until: datetime) -> datetime | None:
        """The first counted request that an agent made in a span; None without one."""
        where, span = during(since, until)
        # By the quarter first: so they lie, and none is looked at beyond that of it.
        row = self._db.execute(
            f"SELECT at FROM request WHERE counted = 1 AND {where} AND circumstance IN"
            " (SELECT id FROM circumstance WHERE agent = ?)"
            " ORDER BY quarter, at LIMIT 1",
            (*span, number(agent)),
        ).fetchone()
        return None if row is None else instant_of(row[0])

    def past(
        self,
        since: datetime,
        late: datetime,
        thresholds: Sequence[int],
        changes: Sequence[datetime],
        put: Callable[[Circumstance, list[Minute]], None],
    ) -> Past:
        """Counted requests since an instant, those before ``late`` added up by minute.

        ``put`` takes these sums, one circumstance after the other: all at once would
        set the size of a process for good. Its words are in the order of
        ``CIRCUMSTANCE``. All is as it is at one instant, whatever is written meanwhile.
        """
        self._let_go()
        where, span = during(since, late)
        cuts = thresholds, [each for each in changes if since < each < late]
        with self._at_once():
            rows = self._db.execute(by_minute(*cuts, where), span)
            own: dict[str, _Last] = {}
            for told in _portions(map(Minute._make, rows)):
                self._name(place for place, _ in told)
                for place, minutes in told:
                    words = self._circumstance(place)
                    put(words, minutes)
                    if not words[_SUBAGENT]:
                        own.setdefault(words[_SESSION], _Last()).meet(minutes)
            return Past(
                [self._newest(each.newest) for each in own.values()],
                dict(self._hour_caches(own)),
                self.requests(max(since, late)),
            )

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """See the ledger as it is at one instant."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def _newest(self, minutes: Sequence[Minute]) -> Request:
        """The last of requests that were added up; at one instant, the last key."""
        last = minutes[0].last_at
        places = {each.circumstance for each in minutes}
        return self._request(max(chain(*(self._made(n, last, last) for n in places))))

    def _hour_caches(self, own: Mapping[str, _Last]) -> Iterator[tuple[str, datetime]]:
        for session_id, last in own.items():
            rows = [
                row
                for each in last.wrote
                for row in self._made(
                    each.circumstance,
                    each.minute * MINUTE,
                    each.last_at,
                    "cache_write_1h > 0",
                )
            ]
            if rows:
                yield session_id, instant_of(max(row[1] for row in rows))

    def _made(
        self, circumstance: int, first: int, last: int, where: str = "1"
    ) -> list[Row]:
        """Counted requests of a circumstance and a span within a quarter."""
        return self._rows(
            "counted = 1 AND quarter = ? AND circumstance = ? AND at BETWEEN ? AND ?"
            f" AND {where}",
            (first // QUARTER, circumstance, first, last),
        )

    def counted(self, session_id: str, since: datetime) -> int:
        """How many counted requests of a session there are since an instant."""
        where, span = during(since, None)
        (count,) = self._db.execute(
            f"SELECT count(*) FROM request WHERE counted = 1 AND {where}"
            f" AND circumstance IN ({_OF_SESSIONS})",
            (*span, listed([session_id])),
        ).fetchone()
        return int(count)

    def extent(self) -> tuple[datetime, datetime] | None:
        """The instants of the first and the last request; None if there is none."""
        first, last = self._db.execute(
            "SELECT (SELECT min(at) FROM request"
            " WHERE quarter = (SELECT min(quarter) FROM request)),"
            " (SELECT max(at) FROM request"
            " WHERE quarter = (SELECT max(quarter) FROM request))"
        ).fetchone()
        return None if first is None else (instant_of(first), instant_of(last))

    def models(self, agent: str = "") -> set[str]:
        """Models of any request, of one agent if named, as the agents spell them."""
        rows = self._db.execute(
            "SELECT DISTINCT model FROM circumstance WHERE ? IN (0, agent)",
            (number(agent) if agent else 0,),
        ).fetchall()
        return {self._text(row[0]) for row in rows}

    def extras(self, since: datetime | None, until: datetime | None) -> list[Request]:
        """Work stated beside requests whose billing is not known; in no total."""
        rows = self._rows(
            f"standing = {EXTRA} AND at >= ? AND at < ? ORDER BY at, key",
            bounds(since, until),
        )
        return [self._request(row) for row in rows]

    def sums(
        self,
        columns: Sequence[str],
        thresholds: Sequence[int],
        changes: Sequence[datetime],
        since: datetime | None = None,
        until: datetime | None = None,
        sessions: Sequence[str] | None = None,
        agents: Iterable[str] | None = None,
    ) -> list[Sum]:
        """Requests added up by ``columns`` and by everything their price depends on.

        ``columns`` are names of ``request``'s columns or ``quarter``: the quarter of an
        hour since the epoch, the finest step in which days of any time zone begin.
        ``sessions`` and ``agents`` leave all others out.
        """
        among = _by(agents)
        if sessions is not None:
            among += f" AND circumstance IN ({_of_sessions(sessions)})"
        with self._at_once():
            source, values = self._parts.source(
                thresholds, changes, (since, until), among
            )
            rows = self._db.execute(
                addition(columns, thresholds, changes, source), values
            ).fetchall()
        words = [n for n, name in enumerate(columns) if name in CIRCUMSTANCE]
        return [self._sum(row, len(columns), words) for row in rows]

    def _sum(self, row: tuple[Any, ...], count: int, words: Sequence[int]) -> Sum:
        keys = list(row[:count])
        for place in words:
            keys[place] = self._text(keys[place])
        model, speed, region, at, prompt = row[count : count + 5]
        return Sum(
            tuple(keys),
            self._text(model),
            Terms(self._text(speed), self._text(region)),
            instant_of(at),
            prompt,
            Usage(*row[count + 5 : count + 10]),
            *row[count + 10 :],
        )

    # --- what else was stated --------------------------------------------------------

    def readings(self, since: datetime) -> list[LimitReading]:
        """Limit readings stated at or after an instant, by when first stated."""
        rows = self._db.execute(
            "SELECT agent, account, kind, window_minutes, used, resets_at, observed_at,"
            " source, repeated_at FROM reading WHERE repeated_at >= ?"
            " ORDER BY observed_at, used",
            (ms(since),),
        ).fetchall()
        return list(_readings(rows))

    def experiences(self) -> dict[tuple[str, str, str, int], str]:
        """What forecasts have taught, as it was put, by series of windows."""
        rows = self._db.execute(
            "SELECT agent, account, family, window_minutes, told FROM experience"
        ).fetchall()
        return {row[:4]: row[4] for row in rows}

    def marks(
        self, since: datetime, sessions: Sequence[str] | None = None
    ) -> list[Mark]:
        """What sessions stated besides requests, oldest first; ``sessions`` leaves
        others out."""
        return list(self.each_mark(since, sessions))

    def each_mark(
        self, since: datetime, sessions: Sequence[str] | None = None
    ) -> Iterator[Mark]:
        """``marks`` one by one, for those who keep few."""
        among = "" if sessions is None else " AND session IN (SELECT value FROM told)"
        rows = self._db.execute(
            "WITH told AS (SELECT value FROM json_each(?))"
            f" SELECT {_MARK} FROM mark WHERE at >= ?{among} ORDER BY at",
            (json.dumps(list(sessions or ())), ms(since)),
        )
        return map(_mark, rows)

    def newest_marks(
        self, kinds: Iterable[str], count: int, since: datetime
    ) -> list[Mark]:
        """The last ``count`` marks of some kinds since an instant, the newest first."""
        rows = self._db.execute(
            f"SELECT {_MARK} FROM mark WHERE at >= ?"
            " AND kind IN (SELECT value FROM json_each(?)) ORDER BY at DESC LIMIT ?",
            (ms(since), json.dumps(list(kinds)), count),
        ).fetchall()
        return list(map(_mark, rows))

    def prompts(
        self,
        count: int,
        accounts: Mapping[str, str],
        since: datetime,
        until: datetime | None = None,
    ) -> list[Mark]:
        """The last ``count`` prompts of each account up to an instant, newest first;
        ``accounts`` are by session.

        There are thousands in some days, so it looks no further back than it must.
        """
        owners = self._db.execute(
            "SELECT DISTINCT agent, account FROM file"
            " WHERE last_at >= ? AND session != ''",
            (ms(since),),
        )
        wanted = dict.fromkeys(owners, count)
        found = []
        rows = self._db.execute(
            f"SELECT {_MARK} FROM mark WHERE kind = 'prompt' AND at BETWEEN ? AND ?"
            " ORDER BY at DESC",
            bounds(since, until),
        )
        with closing(rows):
            for row in rows:
                owner = row[0], accounts.get(row[1])
                if owner not in wanted:
                    continue
                found.append(_mark(row))
                wanted[owner] -= 1
                if not wanted[owner]:
                    del wanted[owner]
                    if not wanted:
                        break
        return found

    def dedup(self) -> dict[str, int]:
        """Lines seen, requests kept, duplicates dropped, lines skipped, set aside."""
        lines, sightings = self._db.execute(
            "SELECT coalesce(sum(lines), 0), coalesce(sum(sightings), 0) FROM file"
        ).fetchone()
        # Each is told by an index alone; what is neither extra nor set aside counts.
        whole, extra, aside = self._db.execute(
            "SELECT (SELECT count(*) FROM request),"
            f" (SELECT count(*) FROM request WHERE standing = {EXTRA}),"
            " (SELECT count(*) FROM request"
            f" WHERE standing = {REPLAYED} AND counted = 0)"
        ).fetchone()
        kept = whole - extra - aside
        reasons = self._db.execute(
            "SELECT skipped FROM file WHERE skipped != '{}'"
        ).fetchall()
        skipped = sum(sum(json.loads(row[0]).values()) for row in reasons)
        return {
            "lines_seen": lines,
            "requests_kept": kept,
            "duplicates_dropped": max(0, sightings - whole),
            "lines_skipped": skipped,
            "replays_set_aside": aside,
        }

    def version(self) -> int:
        """A number that changes when another process wrote."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    # --- names -----------------------------------------------------------------------

    def let_go(self) -> None:
        """Drop all names that are at hand: those of days ago are not asked for again,
        and the others are read again."""
        for names in (self._circumstances, self._texts, self._paths):
            names.clear()
        self._work.let_go()

    def _let_go(self) -> None:
        """Drop names that can be asked for again, once they are many.

        Each session brings some of its own, and few of them are met once it is over.
        """
        for names in (self._circumstances, self._texts, self._paths):
            if len(names) > MOST_NAMES:
                names.clear()

    def _name(self, circumstances: Iterable[int]) -> None:
        """Look those circumstances up that are not at hand, all at once."""
        given = "(SELECT value FROM json_each(?))"
        wanted = set(circumstances) - self._circumstances.keys()
        rows = self._db.execute(
            f"SELECT id, {_CIRCUMSTANCE} FROM circumstance WHERE id IN {given}",
            (json.dumps(list(wanted)),),
        ).fetchall()
        words = {word for row in rows for word in row[1:]} - self._texts.keys()
        texts = self._db.execute(
            f"SELECT id, text FROM word WHERE id IN {given}",
            (json.dumps(list(words)),),
        )
        self._texts.update(texts)
        for row in rows:
            self._circumstances[row[0]] = tuple(map(self._text, row[1:]))

    def _request(self, row: Row) -> Request:
        return request(row, self._circumstance(row[4]))

    def _rows(self, where: str, values: Sequence[Any]) -> list[Row]:
        return self._db.execute(
            f"SELECT {COLUMNS} FROM request WHERE {where}", tuple(values)
        ).fetchall()

    def _path(self, file: int) -> str:
        path = self._paths.get(file)
        if path is None:
            found = self._db.execute("SELECT path FROM file WHERE id = ?", (file,))
            path = self._paths[file] = str(found.fetchone()[0])
        return path

    def _circumstance(self, number: int) -> Circumstance:
        told = self._circumstances.get(number)
        if told is None:
            row = self._db.execute(
                f"SELECT {_CIRCUMSTANCE} FROM circumstance WHERE id = ?", (number,)
            ).fetchone()
            told = self._circumstances[number] = tuple(map(self._text, row))
        return told

    def _text(self, number: int) -> str:
        text = self._texts.get(number)
        if text is None:
            text = str(
                self._db.execute(
                    "SELECT text FROM word WHERE id = ?", (number,)
                ).fetchone()[0]
            )
            self._texts[number] = text
        return text


COLUMNS = ", ".join(ROW)
"""SQL of the columns of a ``Row``."""
_CIRCUMSTANCE = ", ".join(CIRCUMSTANCE)
_SESSION, _SUBAGENT = CIRCUMSTANCE.index("session"), CIRCUMSTANCE.index("subagent")
_MARK = "agent, session, at, kind, detail"


class _Last(Struct):
    """What was last of one session, without its sub-agents."""

    newest: list[Minute] = field(default_factory=list)
    """Sums with its newest request; several if some are of the same instant."""
    wrote: list[Minute] = field(default_factory=list)
    """Sums of the last minute in which it wrote to a one-hour cache."""

    def meet(self, minutes: Iterable[Minute]) -> None:
        """Look at more sums."""
        for each in minutes:
            if not self.newest or each.last_at > self.newest[0].last_at:
                self.newest = []
            if not self.newest or each.last_at == self.newest[0].last_at:
                self.newest.append(each)
            if not each.cache_write_1h:
                continue
            if not self.wrote or each.minute > self.wrote[0].minute:
                self.wrote = []
            if not self.wrote or each.minute == self.wrote[0].minute:
                self.wrote.append(each)


def _portions(
    minutes: Iterable[Minute],
) -> Iterator[list[tuple[int, list[Minute]]]]:
    """Sums by circumstance, in whose order they come, not too many at once."""
    some: list[tuple[int, list[Minute]]] = []
    size = 0
    for place, of in groupby(minutes, itemgetter(0)):
        some.append((place, list(of)))
        size += len(some[-1][1])
        if size >= PORTION:
            yield some
            some, size = [], 0
    if some:
        yield some


_OF_SESSIONS = (
    "SELECT id FROM circumstance WHERE session IN (SELECT value FROM json_each(?))"
)
"""SQL of the circumstances of sessions that are ``listed``."""


def _by(agents: Iterable[str] | None) -> str:
    """SQL that leaves out what others did than these agents, if they are given."""
    if agents is None:
        return ""
    numbers = ",".join(str(number(each)) for each in agents)
    of_them = f"SELECT id FROM circumstance WHERE agent IN ({numbers})"
    return f" AND circumstance IN ({of_them})"


def _of_sessions(session_ids: Sequence[str]) -> str:
    """SQL of the circumstances of some sessions."""
    numbers = ",".join(str(number(each)) for each in session_ids)
    return f"SELECT id FROM circumstance WHERE session IN ({numbers})"


def _readings(rows: Sequence[Sequence[Any]]) -> Iterator[LimitReading]:
    """This is done for thousands, and most instants are told more than once."""
    told = {each for row in rows for each in (row[5], row[6], row[8])}
    at = {each: instant_of(each) for each in told}
    for row in rows:
        agent, account, kind, minutes, used, reset, first, source, last = row
        yield LimitReading(
            agent,
            account,
            kind,
            minutes,
            used,
            at[reset],
            at[first],
            source,
            at[last],
        )


def _mark(row: Sequence[Any]) -> Mark:
    agent, session_id, at, kind, detail = row
    return Mark(agent, session_id, instant_of(at), kind, detail)
