"""A session's money over its commits: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from days import after, change, commit, link, price, request, spent
from hypothesis import given
from hypothesis import strategies as st

from burnmon.day import Spent, total
from burnmon.records import Request
from burnmon.shipped.allocation import MICRO, Charge, allocate, ends_at, split
from burnmon.shipped.linking import Link

COUNTS = st.integers(0, 10**9)
DOLLARS = st.decimals(0, 10**6, places=12, allow_nan=False)
WEIGHTS = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=12)


@st.composite
def asked(draw: st.DrawFn) -> list[Request]:
    """Requests of one session, oldest first, some without a price, some for nothing."""
    minutes = sorted(draw(st.lists(st.floats(-90, 90), max_size=25)))
    return [
        request(
            key,
            after(minute),
            draw(st.integers(0, 10**7)),
            model=draw(st.sampled_from(["opus", "opus", "unknown"])),
        )
        for key, minute in enumerate(minutes)
    ]


@st.composite
def linked(draw: st.DrawFn) -> list[Link]:
    """Links of one session, in any order, some at one instant."""
    minutes = draw(st.lists(st.integers(-90, 90), max_size=8))
    weights = draw(st.lists(st.floats(0, 500), min_size=8, max_size=8))
    return [
        link(change(commit(f"{n:040x}", after(minute))), weight=weight)
        for n, (minute, weight) in enumerate(zip(minutes, weights, strict=False))
    ]


def by_commit(charges: Sequence[Charge]) -> dict[str, Spent]:
    """What each commit is charged; none is the empty name."""
    names = {each.link.commit.sha if each.link else "" for each in charges}
    return {
        name: total(
            each.spent
            for each in charges
            if (each.link.commit.sha if each.link else "") == name
        )
        for name in names
    }


@given(asked(), linked())
def test_charges_add_up(requests: list[Request], links: list[Link]) -> None:
    """Charges are the requests, to the last digit, token and unpriced request."""
    charges = allocate(requests, links, price)
    assert total(each.spent for each in charges) == spent(requests)


@given(asked(), linked())
def test_charges_of_a_request_add_up(
    requests: list[Request], links: list[Link]
) -> None:
    """However one request is split, its parts are that request."""
    charges = allocate(requests, links, price)
    for each in requests:
        parts = [charge.spent for charge in charges if charge.request == each]
        assert total(parts) == spent([each])


@given(asked(), linked(), st.randoms(use_true_random=False))
def test_order_of_links_does_not_matter(
    requests: list[Request], links: list[Link], random: Random
) -> None:
    """Links give the same charges in whatever order they were found."""
    shuffled = random.sample(links, len(links))
    first = by_commit(allocate(requests, links, price))
    assert by_commit(allocate(requests, shuffled, price)) == first


@given(asked(), linked())
def test_nothing_goes_to_the_past(requests: list[Request], links: list[Link]) -> None:
    """No request is charged to a commit that was there two seconds before it."""
    for each in allocate(requests, links, price):
        if each.link is not None:
            asked_at = each.request.at.timestamp() * 1000
            assert asked_at <= ends_at(each.link) + 2000.5


@given(asked(), linked())
def test_remainder_is_after_the_last_commit(
    requests: list[Request], links: list[Link]
) -> None:
    """What is in no commit was asked after the last one."""
    last = max((ends_at(each) for each in links), default=0)
    for each in allocate(requests, links, price):
        if each.link is None:
            assert each.request.at.timestamp() * 1000 > last


@given(DOLLARS, COUNTS, WEIGHTS)
def test_split_is_exact(dollars: Decimal, tokens: int, weights: list[float]) -> None:
    """Parts are the whole; all but the heaviest are whole micro-dollars, none less
    than nothing."""
    parts = split(Spent(dollars, 1, 1, tokens), weights)
    assert total(parts) == Spent(dollars, 1, 1, tokens)
    heaviest = weights.index(max(weights))
    for place, part in enumerate(parts):
        assert part.cost >= 0
        assert part.tokens >= 0
        assert place == heaviest or part.cost % MICRO == 0


@given(st.integers(0, 10**12), st.lists(st.integers(1, 1000), min_size=1, max_size=9))
def test_split_is_by_largest_remainder(micros: int, weights: list[int]) -> None:
    """Each part is its proportion, less than a micro-dollar away."""
    parts = split(Spent(micros * MICRO), [float(each) for each in weights])
    for part, weight in zip(parts, weights, strict=True):
        proportion = Decimal(micros) * weight / sum(weights) * MICRO
        assert abs(part.cost - proportion) < MICRO


def test_even_split_favours_the_first() -> None:
    """What cannot be divided goes to the first of equals, a micro-dollar each."""
    parts = split(Spent(Decimal("0.000005"), 1, 0, 5), [1.0, 1.0, 1.0])
    assert [each.cost / MICRO for each in parts] == [2, 2, 1]
    assert [each.tokens for each in parts] == [2, 2, 1]
    assert [each.requests for each in parts] == [1, 0, 0]


def test_commit_without_known_lines() -> None:
    """A commit none of whose lines is known takes part as if it had one."""
    links = [
        link(change(commit("a" * 40, after(1))), weight=3),
        link(change(commit("b" * 40, after(1))), weight=0),
    ]
    charges = allocate([request(1, after(0), 8)], links, price)
    assert {k[:1]: each.tokens for k, each in by_commit(charges).items()} == {
        "a": 6,
        "b": 2,
    }


@pytest.mark.parametrize(
    ("seconds", "charged"),
    [(0, True), (2.9, True), (3.1, False)],
    ids=["at the commit", "in grace", "after it"],
)
def test_grace(seconds: float, charged: bool) -> None:
    """A request two seconds after the second of a commit still belongs to it."""
    links = [link(change(commit("a" * 40, after(0))))]
    asked = [request(1, after(0) + timedelta(seconds=seconds))]
    (charge,) = allocate(asked, links, price)
    assert (charge.link is not None) is charged


def test_unpriced_request() -> None:
    """A request without a price stays visible in the commit, as tokens."""
    links = [link(change(commit("a" * 40, after(1))))]
    asked = [request(1, after(0), 700, model="unknown")]
    (charge,) = allocate(asked, links, price)
    assert charge.spent == Spent(Decimal(0), 1, 1, 700, 700)


def test_empty_request() -> None:
    """A request of no tokens is still one request of its commit."""
    links = [link(change(commit("a" * 40, after(1))))]
    (charge,) = allocate([request(1, after(0), 0)], links, price)
    assert charge.spent == Spent(Decimal(0), 1, 0, 0)
