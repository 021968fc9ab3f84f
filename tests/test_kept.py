"""Parts of a snapshot are kept as long as they hold, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnmon.live.kept import UNUSED, Kept

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def kept() -> Kept:
    """With a part named ``a`` that says ``old``."""
    made = Kept()
    made.begin(NOW)
    assert made.same("a", 1, lambda: "old") == "old"
    assert made.lately("b", NOW, SECOND, lambda: "old", 1) == "old"
    return made


def test_same_basis_keeps_a_part(kept: Kept) -> None:
    """A part is made anew when what it rests on is another, and only then."""
    assert kept.same("a", 1, lambda: "new") == "old"
    assert kept.same("a", 2, lambda: "new") == "new"


@pytest.mark.parametrize(
    ("passed", "basis", "shown"),
    [
        (timedelta(seconds=0.5), 2, "old"),
        (timedelta(seconds=2), 1, "old"),
        (timedelta(seconds=2), 2, "new"),
        (timedelta(0), 2, "new"),
        (-timedelta(seconds=0.5), 2, "new"),
    ],
    ids=["young", "unchanged", "changed", "same instant", "clock set back"],
)
def test_part_may_be_a_little_old(
    kept: Kept, passed: timedelta, basis: int, shown: str
) -> None:
    """A part that may be a second old is made anew after it, if anything changed."""
    assert kept.lately("b", NOW + passed, SECOND, lambda: "new", basis) == shown


def test_unused_part_is_let_go(kept: Kept) -> None:
    """A part that nobody asks for is forgotten."""
    kept.begin(NOW + UNUSED)
    kept.begin(NOW + 2 * UNUSED)
    assert kept.same("a", 1, lambda: "new") == "new"
