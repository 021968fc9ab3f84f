"""Shifts between versions: planted ones are found, shuffled ones are none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from math import inf

import pytest
from test_breakdown import NOON, rate, read, request

from burnmon.records import Mark
from burnmon.usage.breakdown import broken_down
from burnmon.usage.shifts import Sample, samples, shifts

VERSIONS = [f"2.1.{n}" for n in range(6)]


def past(each: int, shift: float = 1.0, since: int = 3) -> list[Sample]:
    """Sessions of six versions in turn, their figures spread as real ones are."""
    rng = random.Random(7)
    found = []
    for n in range(each * len(VERSIONS)):
        version = n // each
        factor = shift if version >= since else 1.0
        figures = {
            "new tokens per request": rng.lognormvariate(7, 0.4) * factor,
            "output per request": rng.lognormvariate(5, 0.4) * factor,
        }
        at = NOON + timedelta(hours=6 * n)
        found.append(
            Sample("claude", "opus", VERSIONS[version], at, figures)  # type: ignore[arg-type]  # names of figures
        )
    return found


@pytest.mark.parametrize("shift", [1.3, 1.6, 0.7])
def test_planted_shift_is_found(shift: float) -> None:
    """A shift of 30 % between two versions is found, and the version is named."""
    found = shifts(past(30, shift))
    assert {each.figure for each in found} == {
        "new tokens per request",
        "output per request",
    }
    for each in found:
        assert each.version in VERSIONS[2:5]
        assert each.ratio == pytest.approx(shift, rel=0.2)
        assert min(each.sessions) >= 10


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_versions_have_no_shift(seed: int) -> None:
    """Where versions are dealt to sessions by chance nothing is told."""
    assert shifts(shuffled(past(30, 1.3), seed)) == []


def shuffled(known: Sequence[Sample], seed: int) -> list[Sample]:
    figures = [each.figures for each in known]
    random.Random(seed).shuffle(figures)
    return [
        each._replace(figures=other) for each, other in zip(known, figures, strict=True)
    ]


def test_few_sessions_say_nothing() -> None:
    """With less than ten sessions on a side nothing is told, however far apart."""
    known = past(9, 20.0, since=1)
    assert shifts([each for each in known if each.version in VERSIONS[:2]]) == []


def test_small_shift_is_none() -> None:
    """Less than fifteen per cent is no shift, however sure."""
    assert shifts(past(2000, 1.05)) == []


def test_like_is_compared_with_like() -> None:
    """Another model's sessions are no part of a comparison."""
    known = past(30)
    other = [each._replace(model="haiku", at=each.at) for each in past(30, 3.0, 0)]
    late = [each for each in other if each.version in VERSIONS[3:]]
    early = [each for each in known if each.version in VERSIONS[:3]]
    assert shifts([*early, *late]) == []


def dealt(retried: Sequence[float]) -> list[Sample]:
    """Sessions of two versions in turn, each retried or not."""
    return [
        Sample(
            *("claude", "opus", VERSIONS[n * 2 // len(retried)]),
            NOON + timedelta(hours=n),
            {"sessions with a retry": each},
        )
        for n, each in enumerate(retried)
    ]


def test_share_that_shifts() -> None:
    """More sessions with retries since a version are told as a share."""
    (found,) = shifts(dealt([0, 0, 0, 1] * 15 + [1, 1, 1, 0] * 15))
    assert (found.figure, found.version) == ("sessions with a retry", VERSIONS[1])
    assert (found.before, found.after, found.ratio) == (0.25, 0.75, 3)


def test_share_that_was_nothing() -> None:
    """What never happened before has no ratio, and is told all the same."""
    (found,) = shifts(dealt([0] * 60 + [1, 0] * 30))
    assert (found.before, found.ratio) == (0, inf)


@pytest.mark.parametrize(
    "retried",
    [[0, 0, 0, 1] * 30, [0] * 60 + [1] * 3 + [0] * 57, [0] * 9 + [1] * 9],
    ids=["the same", "too few of them", "too few sessions"],
)
def test_share_that_does_not_shift(retried: list[float]) -> None:
    """Where the share is the same, or there is too little to tell, nothing is said."""
    assert shifts(dealt(retried)) == []


def test_what_a_session_stated() -> None:
    """A retry counts for the version whose requests it came among."""
    asked = [
        request(n, read(10_000, 500), version="2.1.0" if n < 5 else "2.1.1")
        for n in range(10)
    ]
    marks = [Mark("claude", "S1", NOON + timedelta(minutes=7), "retry")]
    old, new = samples([broken_down(asked, (), rate)], {"S1": marks})
    assert old.figures["sessions with a retry"] == 0
    assert new.figures["sessions with a retry"] == 1


def test_what_a_session_comes_to() -> None:
    """A session gives a sample for each version with enough requests."""
    asked = [
        request(n, read(10_000 + n, 500), version="2.1.0" if n < 6 else "2.1.1")
        for n in range(8)
    ]
    (sample,) = samples([broken_down(asked, (), rate)])
    assert (sample.version, sample.at) == ("2.1.0", NOON)
    assert sample.figures["new tokens per request"] == pytest.approx(503)
    assert sample.figures["output per request"] == pytest.approx(100)
    assert "rebuilt per request" not in sample.figures


def test_unfinished_counts_are_no_output() -> None:
    """Requests whose output was never told in full say nothing of it."""
    asked = [
        request(n, read(10_000, 500), version="2.1.0", incomplete=True)
        for n in range(6)
    ]
    (sample,) = samples([broken_down(asked, (), rate)])
    assert "output per request" not in sample.figures
