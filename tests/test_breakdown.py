"""Where the dollars of requests go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import Mark, Request, Usage
from burnmon.usage.breakdown import Broken, broken_down
from burnmon.usage.pricing import Rate

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RATE = Rate(*map(Decimal, ("0.005", "0.025", "0.0005", "0.00625", "0.01", "0.01")))
"""Input, output, cache read, five-minute and one-hour writes, search."""


def rate(request: Request) -> Rate | None:
    return None if request.model == "unknown" else RATE


def request(minute: float, usage: Usage, **more: Any) -> Request:
    fields: dict[str, Any] = {
        "key": round(minute * 1000),
        "agent": "claude",
        "session_id": "S1",
        "at": NOON + timedelta(minutes=minute),
        "model": "opus",
        "usage": usage,
        **more,
    }
    return Request(**fields)


def read(tokens: int, written: int = 0, fresh: int = 3, output: int = 100) -> Usage:
    return Usage(fresh, output, tokens, written)


def said(*requests: Request, marks: tuple[Mark, ...] = ()) -> list[Broken]:
    return broken_down(requests, marks, rate)


FIRST = request(0, read(0, 50_000))


def test_first_request_is_new() -> None:
    """What a session sends first was in no cache before."""
    (first,) = said(FIRST)
    assert (first.rebuilt, first.loss) == (0, None)
    assert first.parts.added == 50_000 * RATE.cache_write_5m + 3 * RATE.input
    assert first.parts.output == 100 * RATE.output


def test_warm_cache_is_carried() -> None:
    """A request that reads all that lay in the cache rebuilds nothing."""
    _, second = said(FIRST, request(1, read(50_000, 2_000)))
    assert second.parts.carried == 50_000 * RATE.cache_read
    assert second.parts.rebuilt == 0
    assert second.loss is None


@pytest.mark.parametrize(
    ("later", "loss"),
    [
        (request(6, read(20_000, 33_000)), "cold_cache"),
        (request(4.9, read(20_000, 33_000)), "cold_cache"),
        (request(2, read(20_000, 33_000)), "broken_cache"),
        (request(2, read(20_000, 33_000), model="sonnet"), "model_switch"),
    ],
    ids=["after a pause", "after all but seconds of one", "at once", "another model"],
)
def test_lost_cache(later: Request, loss: str) -> None:
    """What lay in the cache and is written again is rebuilt, and why is told."""
    _, second = said(FIRST, later)
    assert (second.rebuilt, second.loss) == (30_000, loss)
    assert second.parts.rebuilt == 30_000 * RATE.cache_write_5m
    assert second.parts.added == 3_000 * RATE.cache_write_5m + 3 * RATE.input
    saved = 30_000 * (RATE.cache_write_5m - RATE.cache_read)
    assert second.avoidable == saved


def test_cache_of_an_hour() -> None:
    """A cache that was bought for an hour outlives a pause of half an hour."""
    bought = request(0, Usage(3, 100, 0, 0, 50_000))
    half = request(30, Usage(3, 100, 20_000, 0, 33_000))
    long = request(70, Usage(3, 100, 20_000, 0, 33_000))
    assert said(bought, half)[1].loss == "broken_cache"
    assert said(bought, long)[1].loss == "cold_cache"
    assert said(bought, long)[1].parts.rebuilt == 30_000 * RATE.cache_write_1h


def test_compaction() -> None:
    """What is written after a compaction is its doing, even after a pause."""
    mark = Mark("claude", "S1", NOON + timedelta(minutes=7), "compacted")
    _, second = said(FIRST, request(8, read(20_000, 15_000)), marks=(mark,))
    assert (second.rebuilt, second.loss) == (15_000, "compaction")


def test_ragged_end() -> None:
    """A cache that misses a few tokens is no event."""
    _, second = said(FIRST, request(1, read(49_500, 2_000)))
    assert (second.rebuilt, second.loss) == (0, None)


def test_subagents_have_caches_of_their_own() -> None:
    """A sub-agent's first request rebuilds nothing, nor does what follows it."""
    agent = request(1, read(0, 30_000), subagent="a1")
    assert [each.loss for each in said(FIRST, agent, request(2, read(50_000, 10)))] == [
        None,
        None,
        None,
    ]


def test_codex_writes_no_cache() -> None:
    """Where the vendor caches by itself, input that was sent before is rebuilt."""
    first = request(0, Usage(40_000, 100), agent="codex")
    second = request(9, Usage(35_000, 100, 10_000), agent="codex")
    told = said(first, second)[1]
    assert (told.rebuilt, told.loss) == (30_000, "cold_cache")
    assert told.parts.rebuilt == 30_000 * RATE.input
    assert told.parts.added == 5_000 * RATE.input


def test_codex_cache_that_is_partly_there() -> None:
    """What its vendor still has in part was not lost to a pause."""
    first = request(0, Usage(40_000, 100), agent="codex")
    second = request(9, Usage(20_000, 100, 25_000), agent="codex")
    assert said(first, second)[1].loss == "broken_cache"


def test_thinking() -> None:
    """What of the output was thinking is a part of its own, where it is told."""
    (known,) = said(request(0, read(0, 50_000), thinking=60))
    assert known.parts.thinking == 60 * RATE.output
    assert known.parts.output == 40 * RATE.output
    (unknown,) = said(FIRST)
    assert unknown.parts.thinking == 0


def test_unpriced_request() -> None:
    """A request without a price has no parts, and is told to have none."""
    (told,) = said(request(0, read(0, 50_000), model="unknown"))
    assert not told.priced
    assert told.parts.cost == 0


COUNTS = st.integers(0, 200_000)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 200),
            USAGES,
            st.sampled_from(["opus", "sonnet", "unknown"]),
            st.sampled_from(["claude", "codex"]),
            st.sampled_from(["", "a1"]),
            st.integers(0, 3),
        ),
        max_size=12,
    )
)
def test_parts_are_the_price(
    drawn: list[tuple[float, Usage, str, str, str, int]],
) -> None:
    """The parts of any request add up to its price, to the last digit."""
    requests = [
        request(
            at,
            usage,
            model=model,
            agent=agent,
            subagent=sub,
            web_searches=n,
            thinking=n * 1_000 or None,
        )
        for at, usage, model, agent, sub, n in sorted(drawn, key=lambda each: each[0])
    ]
    priced: Callable[[Request], Decimal] = lambda each: (  # noqa: E731 - a formula
        Decimal(0) if rate(each) is None else RATE.cost(each.usage, each.web_searches)
    )
    for told in broken_down(requests, (), rate):
        assert told.parts.cost == priced(told.request)
        assert min(told.parts) >= 0
        assert told.avoidable <= told.parts.rebuilt
