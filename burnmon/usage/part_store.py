"""Sums of whole quarters of an hour, kept so that nobody adds all requests up again.

They say nothing that the requests do not: what is not kept, or not any more, is added
up from those. Whoever writes a request marks its quarter in the same transaction, and
sums of a marked quarter are not looked at until they were made anew, so a kill at any
instant leaves every answer exact. Sums are told apart by the prompt sizes at which some
price changes; where another size comes up, all are made anew. Instants at which prices
change need no such care: few are within a quarter, and its requests are asked then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import repeat
from operator import floordiv, itemgetter

from burnmon.usage.adding import (
    PART,
    QUARTER,
    bounds,
    during,
    finest,
    kept_parts,
    ms,
    parts,
)
from burnmon.usage.copies import Row
from burnmon.usage.schema import transaction

ENOUGH = 16
"""Marked quarters that it takes to make their sums anew: fewer are read quickly."""
MOST = 256
"""Marked quarters beyond which all requests are added up in their order instead."""
_AT = itemgetter(1)
_MARKED = "SELECT quarter FROM part_marked"


class PartStore:
    """The sums kept in one ledger's database."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._marked: set[int] = set()
        """Quarters that this process marked since it became the writer."""

    def forget(self) -> None:
        """Drop what was remembered of marks: they may be gone, or never came."""
        self._marked.clear()

    def mark(self, requests: Iterable[Row]) -> None:
        """Let nobody look at sums of the quarters of these requests.

        Belongs into the transaction that writes or removes them.
        """
        quarters = set(map(floordiv, map(_AT, requests), repeat(QUARTER)))
        # The database rounds towards zero, which differs before 1970.
        quarters |= {each + 1 for each in quarters if each < 0}
        fresh = quarters - self._marked
        if fresh:
            self._db.executemany(
                "INSERT OR IGNORE INTO part_marked VALUES (?)", [(q,) for q in fresh]
            )
            self._marked |= fresh

    def keep(self, thresholds: Sequence[int]) -> None:
        """Make sums anew where that is worth it. Belongs to the writer."""
        tiers = self._tiers()
        fits = tiers.issuperset(thresholds)
        if fits and len(self._few_marked(ENOUGH)) < ENOUGH:
            return
        with transaction(self._db):
            if not fits:
                tiers |= set(thresholds)
                self._db.executemany(
                    "INSERT OR IGNORE INTO part_tier VALUES (?)", [(t,) for t in tiers]
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO part_marked"
                    " SELECT DISTINCT quarter FROM request"
                )
            self._db.execute(f"DELETE FROM part WHERE quarter IN ({_MARKED})")
            (kept,) = self._db.execute("SELECT EXISTS (SELECT 1 FROM part)").fetchone()
            where = f"quarter IN ({_MARKED})" if kept else "1"
            columns = ", ".join(PART)
            self._db.execute(
                f"INSERT INTO part ({columns})"
                f" SELECT {columns} FROM ({parts(where, sorted(tiers), '')})"
            )
            self._db.execute("DELETE FROM part_marked")
        self._marked.clear()

    def source(
        self,
        thresholds: Sequence[int],
        changes: Sequence[datetime],
        span: tuple[datetime | None, datetime | None],
        among: str,
    ) -> tuple[str, list[int]]:
        """SQL of sums by quarter, circumstance and price, and its values.

        ``among`` is SQL that leaves requests out by their circumstance. What comes of
        it holds in the transaction in which it is asked for.
        """
        marked = self._few_marked(MOST + 1)
        # Quarters before 1970 are cut otherwise; nobody asks for those.
        early = any(end is not None and ms(end) < QUARTER for end in span)
        whole = not early and len(marked) <= MOST
        if not whole or not self._tiers().issuperset(thresholds):
            where, values = during(*span)
            found = parts(f"{where}{among}", thresholds, finest(changes))
            return found, [*values, *values]
        first, last = bounds(*span)
        cut = {*map(ms, changes), *(ms(end) for end in span if end is not None)}
        apart = {*marked, *(each // QUARTER for each in cut if each % QUARTER)}
        listed = ",".join(map(str, sorted(apart)))
        kept = kept_parts(
            f"quarter >= {first // QUARTER} AND quarter < {last // QUARTER}"
            f" AND quarter NOT IN ({listed}){among}",
            thresholds,
        )
        if not apart:
            return kept, []
        where = f"quarter IN ({listed}) AND at >= ? AND at < ?{among}"
        single = parts(where, thresholds, finest(changes))
        return f"{kept} UNION ALL {single}", [first, last, first, last]

    def _tiers(self) -> set[int]:
        return {row[0] for row in self._db.execute("SELECT above FROM part_tier")}

    def _few_marked(self, most: int) -> list[int]:
        rows = self._db.execute(f"{_MARKED} LIMIT {most}")
        return [row[0] for row in rows]
