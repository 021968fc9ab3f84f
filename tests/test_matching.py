"""Matching lines: what was asked before, and how much at once, changes no answer."""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Sequence
from random import Random

import pytest

from burnmon.shipped import matching
from burnmon.shipped.commits import Commit, FilePatch
from burnmon.shipped.matching import Matches, Matching
from burnmon.work import Edit

BEGIN = 1_763_000_000
"""When the first edit is made, in epoch s."""
FILES = ("a.py", "b.py", "d/a.py", "c.txt")


def marks(chance: Random, distinct: int, most: int) -> bytes:
    """Fingerprints of up to so many lines."""
    return array(
        "q", [chance.randrange(distinct) for _ in range(chance.randrange(most))]
    ).tobytes()


def edits(chance: Random, count: int, distinct: int = 40, most: int = 9) -> list[Edit]:
    """Edits by three sessions, one after the other."""
    return [
        Edit(
            n,
            BEGIN * 1000 + 60_000 * n,
            "accepted",
            "Edit",
            f"/r/{chance.choice(FILES)}",
            1,
            1,
            marks(chance, distinct, most),
            marks(chance, distinct, most),
            chance.choice("ABC"),
            "",
            "/r",
            "main",
        )
        for n in range(count)
    ]


def commit(chance: Random, number: int, distinct: int = 40, most: int = 9) -> Commit:
    """A commit of two files, some of them amended within the hour."""
    at = BEGIN + chance.randrange(5000)
    patches = tuple(
        FilePatch(
            path,
            "",
            marks(chance, distinct, most),
            marks(chance, distinct, most),
            1,
            1,
            False,
            "",
        )
        for path in chance.sample(FILES, 2)
    )
    later = at + chance.choice((0, 1800))
    return Commit(
        f"{number:040x}", (), "A", "a@b", at, later, "Do", (), (), (), patches
    )


def told(of: Sequence[Matches]) -> list[tuple[int, dict[str, object]]]:
    """Matches that can be compared, weights without their last digits."""
    return [
        (
            each.lines,
            {
                name: (
                    found.added,
                    found.removed,
                    found.unique,
                    found.later,
                    found.moved,
                    found.last_at,
                    found.files,
                    found.lines,
                    pytest.approx(found.weight),
                    pytest.approx(found.weight_removed),
                )
                for name, found in each.of.items()
            },
        )
        for each in of
    ]


@pytest.mark.parametrize("portion", [1, 30, 100_000])
def test_asked_again_it_answers_as_if_first(
    portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more edits, other commits or the oldest edits gone, the answer is that of
    one who was never asked before, however many lines are looked for at once."""
    monkeypatch.setattr(matching, "PORTION", portion)
    chance = Random(7)
    found = 0
    for _ in range(12):
        wrote = edits(chance, 60)
        made = [commit(chance, n) for n in range(12)]
        asked = Matching(["/r"])
        for first, last in ((0, 20), (0, 45), (0, 60), (10, 60), (10, 30)):
            some = [each for each in made if chance.random() < 0.7]
            answer = asked.matches(wrote[first:last], some)
            monkeypatch.setattr(matching, "PORTION", 10**6)
            fresh = Matching(["/r"]).matches(wrote[first:last], some)
            monkeypatch.setattr(matching, "PORTION", portion)
            assert told(answer) == told(fresh)
            found += sum(len(each.of) for each in answer)
    assert found > 400


def test_lines_that_were_compared_are_let_go() -> None:
    """It keeps its answers, and no index of everything that was ever written."""
    chance = Random(7)
    wrote = edits(chance, 400, 10**6, 100)
    made = [commit(chance, n, 10**6, 100) for n in range(100)]
    asked = Matching(["/r"])
    tracemalloc.start()
    try:
        asked.matches(wrote, made)
        taken, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most > 10 * taken
    assert taken < 400_000
