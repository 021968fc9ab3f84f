"""Kept sums: every answer is that of the requests, whatever was written in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import homes
import pytest
import sightings
from hypothesis import given, settings
from hypothesis import strategies as st
from sightings import CHANGED, NOW, TIERED

from burnmon.errors import LedgerError
from burnmon.usage import part_store
from burnmon.usage.adding import addition, during, finest, parts
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.queries import Sum
from burnmon.usage.report import KINDS, Question, report

QUARTER = timedelta(minutes=15)
WHOLE = NOW - timedelta(minutes=1)
"""An instant at which a quarter begins."""
COLUMNS = sorted({Question(by=by).columns for by in KINDS if by != "week"})
ENDS = [
    None,
    *(WHOLE - n * QUARTER for n in range(6)),
    *(NOW - timedelta(minutes=n) for n in (0, 1, 20, 33, 60)),
    CHANGED,
]
THRESHOLDS = [(), (40,), (40, 60, 80), (32_000,)]


@pytest.fixture(scope="module", autouse=True)
def eager() -> Iterator[None]:
    """Sums are made anew for a single quarter already."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(part_store, "ENOUGH", 1)
        yield


@pytest.fixture(scope="session")
def tiered(tmp_path_factory: pytest.TempPathFactory) -> PriceTable:
    """Prices that change with the prompt, and in the middle of a minute."""
    return sightings.prices(tmp_path_factory.mktemp("prices"))


def from_requests(
    ledger: Ledger,
    columns: Sequence[str],
    thresholds: Sequence[int],
    changes: Sequence[datetime],
    span: tuple[datetime | None, datetime | None] = (None, None),
) -> list[Any]:
    """What the requests come to, without anything that was kept."""
    where, values = during(*span)
    source = parts(where, thresholds, finest(changes))
    sql = addition(columns, thresholds, changes, source)
    return ledger._db.execute(sql, (*values, *values)).fetchall()


def rows(sums: Sequence[Sum]) -> list[Any]:
    """Sums, as the database tells them, without the words."""
    return [
        (
            round(each.at.timestamp() * 1000),
            each.prompt,
            *(getattr(each.usage, name) for name in each.usage.__struct_fields__),
            each.web_searches,
            each.requests,
            each.incomplete,
        )
        for each in sums
    ]


def kept(ledger: Ledger) -> list[Any]:
    """Everything that is kept for good."""
    return ledger._db.execute(
        "SELECT * FROM part WHERE quarter NOT IN (SELECT quarter FROM part_marked)"
        " ORDER BY quarter, circumstance, tier"
    ).fetchall()


more = st.lists(
    st.tuples(
        sightings.files,
        st.sampled_from([None, None, (40, 60, 80), *THRESHOLDS]),
    ),
    min_size=1,
    max_size=3,
)
"""Files, and maybe the prompt sizes that sums are made for after them."""


@settings(max_examples=40)
@given(sightings.files, more, st.data())
def test_sums_are_those_of_the_requests(
    tiered: PriceTable, first: Any, later: list[Any], data: st.DataObject
) -> None:
    """Copies, corrections, replays and late lines, in any order with making sums: the
    answer to every question is the same as without any."""
    cuts = tiered.cuts([TIERED, homes.OPUS])
    others = st.tuples(
        st.sampled_from(THRESHOLDS), st.sampled_from([(), (WHOLE - QUARTER,)])
    )
    with Ledger(None) as ledger:
        place = 0
        for told, made in [(first, cuts[0]), *later]:
            sightings.absorb(ledger, told, place)
            place += len(told)
            if made is not None:
                ledger.keep_sums(made)
        spans = st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS))
        for columns in COLUMNS:
            compare(ledger, columns, cuts, (None, None))
            compare(ledger, columns, cuts, data.draw(spans))
            compare(ledger, columns, data.draw(others), data.draw(spans))


def compare(
    ledger: Ledger, columns: Sequence[str], cuts: tuple[Any, Any], span: Any
) -> None:
    """One answer is what the requests come to."""
    found = ledger.sums(columns, *cuts, *span)
    expected = from_requests(ledger, columns, *cuts, span)
    assert rows(found) == [row[len(columns) + 3 :] for row in expected]
    models = [ledger._text(row[len(columns)]) for row in expected]
    assert [each.model for each in found] == models


@pytest.mark.parametrize("by", list(KINDS))
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_report_of_kept_sums(tmp_path: Path, by: str, zone: str) -> None:
    """Every report of a whole home is the same with sums and without."""
    prices = sightings.prices(tmp_path)
    question = Question(by=by, zone=zone)
    since = datetime(2026, 11, 20, 4, 15, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    with homes.absorbed(tmp_path / "home", homes.every_shape()) as ledger:
        cuts = prices.cuts(ledger.models())
        before = [
            report(ledger.sums(question.columns, *cuts, *span), question, prices)
            for span in ((None, None), (since, None))
        ]
        ledger.keep_sums(cuts[0])
        assert kept(ledger)
        # Nothing is asked of the requests any more.
        ledger._db.execute("UPDATE request SET input = 1000000000")
        whole = ledger.sums(question.columns, *cuts)
        assert report(whole, question, prices) == before[0]
        part = ledger.sums(question.columns, *cuts, since)
        assert report(part, question, prices) == before[1]


def test_what_is_written_is_marked_at_once(tmp_path: Path) -> None:
    """A reader beside the writer never sees sums that lack what was written."""
    path = tmp_path / "ledger.db"
    at = round(NOW.timestamp() * 1000)
    with Ledger(path) as writer, Ledger(path) as reader:
        for number in range(3):
            told = [sightings.plain(number, at - number * 900_000, [7] * 5)]
            sightings.absorb(writer, [("claude", told)], number)
            (found,) = reader.sums(["agent"], (), ())
            assert (found.requests, found.usage.input) == (number + 1, 7 * number + 7)
            writer.keep_sums(())
            (found,) = reader.sums(["agent"], (), ())
            assert (found.requests, found.usage.input) == (number + 1, 7 * number + 7)
        assert kept(reader)
        reader.keep_sums((40,))
        assert not reader._parts._tiers()


def test_marks_given_back_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that fails leaves the next one to mark what it writes."""
    at = round(NOW.timestamp() * 1000)
    first, second, third = (
        [("claude", [sightings.plain(n, at, [7] * 5)])] for n in range(3)
    )

    def full(_: object) -> None:
        raise sqlite3.OperationalError("the disk is full")

    with Ledger(tmp_path / "ledger.db") as ledger:
        sightings.absorb(ledger, first)
        ledger.keep_sums(())
        with monkeypatch.context() as patched:
            patched.setattr(ledger, "_put_marks", full)
            with pytest.raises(LedgerError):
                sightings.absorb(ledger, second, 1)
        sightings.absorb(ledger, third, 2)
        (found,) = ledger.sums(["agent"], (), ())
        assert found.requests == 2


def test_marks_of_another_writer_are_not_presumed(tmp_path: Path) -> None:
    """Who writes again after another did marks anew: the other made the sums."""
    path = tmp_path / "ledger.db"
    at = round(NOW.timestamp() * 1000)
    with Ledger(path) as first:
        sightings.absorb(first, [("claude", [sightings.plain(1, at, [7] * 5)])])
        first.release()
        with Ledger(path) as second:
            second.keep_sums(())
        assert first.claim()
        sightings.absorb(first, [("claude", [sightings.plain(2, at, [7] * 5)])], 1)
        (found,) = first.sums(["agent"], (), ())
        assert found.requests == 2


def test_older_ledger_keeps_no_wrong_sums(tmp_path: Path) -> None:
    """What was there before sums were kept is added up like what comes after."""
    path = tmp_path / "ledger.db"
    at = round(NOW.timestamp() * 1000)
    told = [sightings.plain(n, at - n * 900_000, [7] * 5) for n in range(3)]
    with Ledger(path) as ledger:
        sightings.absorb(ledger, [("claude", told)])
    db = sqlite3.connect(path, isolation_level=None)
    for table in ("part", "part_tier", "part_marked"):
        db.execute(f"DROP TABLE {table}")
    db.execute("PRAGMA user_version = 5")
    db.close()
    with Ledger(path) as ledger:
        sightings.absorb(ledger, [("claude", [sightings.plain(9, at, [7] * 5)])], 1)
        (found,) = ledger.sums(["agent"], (), ())
        assert found.requests == 4
        ledger.keep_sums(())
        assert len(kept(ledger)) == 3


def test_many_marked_quarters_are_not_picked_one_by_one() -> None:
    """Where nearly everything was written anew, all is added up in its order."""
    at = round(NOW.timestamp() * 1000)
    told = [sightings.plain(n, at - n * 900_000, [7] * 5) for n in range(3)]
    with Ledger(None) as ledger, pytest.MonkeyPatch.context() as patched:
        patched.setattr(part_store, "MOST", 2)
        sightings.absorb(ledger, [("claude", told)])
        source, _ = ledger._parts.source((), (), (None, None), "")
        assert "FROM part " not in source
        ledger.keep_sums(())
        source, _ = ledger._parts.source((), (), (None, None), "")
        assert "FROM request " not in source
