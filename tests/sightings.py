"""Requests of every kind as agents record them, for tests that add them up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import homes
from hypothesis import strategies as st

from burnmon.records import COUNTED, EXTRA, REPLAYED, Facts, Sighting, Trail
from burnmon.usage import pricing
from burnmon.usage.copies import number
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.pricing import PriceTable

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
CHANGED = NOW - timedelta(minutes=33, seconds=20)
"""When the price of ``TIERED`` changes: in the middle of a minute."""
TIERED, NAMELESS = "tiered", "somebody-elses-model"
PRICES = f"""
[[models."{TIERED}"]]
input = 2.0
output = 8.5
above.40 = {{ input = 4.0, output = 12.25 }}
above.80 = {{ input = 5.0, output = 13.0 }}

[[models."{TIERED}"]]
input = 3.125
output = 9.0
valid_from = {CHANGED.isoformat()}
above.60 = {{ input = 6.0, output = 12.0 }}
"""
ORIGIN = "S0"


def prices(place: Path) -> PriceTable:
    """The shipped prices, and those of a model whose price depends on everything."""
    file = place / "prices.toml"
    file.write_text(PRICES)
    return pricing.load(file)


_before = st.one_of(
    st.sampled_from([0, 1, 900_000, 1_980_000, 1_999_999, 2_000_000, 2_000_001]),
    st.integers(1_980_000, 2_020_000),
    st.integers(0, 3_600_000),
)
"""Milliseconds before ``NOW``: often around the change of a price."""
_usual = (TIERED, "", "", "S1", "", "/home/dev/w", "main", "1")
_words = st.one_of(
    st.just(_usual),
    st.sampled_from([(*_usual[:4], "a1", *_usual[5:]), (homes.OPUS, *_usual[1:])]),
    st.tuples(
        st.sampled_from([homes.OPUS, TIERED, NAMELESS]),
        st.sampled_from(["", "fast"]),
        st.sampled_from(["", "us"]),
        st.sampled_from(["S1", "S2"]),
        st.sampled_from(["", "a1"]),
        st.sampled_from(["/home/dev/w", "/home/dev/v"]),
        st.sampled_from(["main", ""]),
        st.just("1"),
    ),
)


def plain(key: int, at: int, tokens: Sequence[int]) -> Sighting:
    """One recorded request of the usual circumstances."""
    return Sighting._make((key, at, COUNTED, *tokens, 0, -1, 1, *_usual, ""))


copies = st.builds(
    lambda key, before, standing, tokens, rest, words: Sighting._make(
        (
            key,
            round(NOW.timestamp() * 1000) - before,
            standing,
            *tokens,
            *rest,
            *words,
            ORIGIN if standing == REPLAYED else "",
        )
    ),
    st.integers(0, 12).map(lambda key: number(f"request {key}")),
    _before,
    st.sampled_from([COUNTED, COUNTED, COUNTED, REPLAYED, EXTRA]),
    st.one_of(
        st.tuples(*[st.integers(0, 40)] * 5),
        st.sampled_from([(10, 3, 10, 10, 10), (10, 3, 11, 10, 10), (0, 9, 0, 0, 0)]),
    ),
    st.tuples(st.integers(0, 2), st.integers(-1, 3), st.integers(0, 1)),
    _words,
)
"""Copies of few requests within the hour before ``NOW``."""

files = st.lists(
    st.tuples(
        st.sampled_from(["claude", "codex"]), st.lists(copies, min_size=1, max_size=12)
    ),
    min_size=1,
    max_size=4,
)
"""What some files tell; the last one may be the origin of what the others replay."""


def absorb(
    ledger: Ledger, found: Sequence[tuple[str, Sequence[Sighting]]], begin: int = 0
) -> None:
    """Take what each file tells, one after the other; ``begin`` numbers the files."""
    for place, (agent, told) in enumerate(found, begin):
        trail = Trail(own_id=ORIGIN if place == 3 else f"own {place}", first_at=place)
        state = FileState(agent, "", f"/{place}.jsonl", trail=trail)
        ledger.absorb([(state, Facts(sightings=list(told)))])
