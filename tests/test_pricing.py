"""What a request costs: dated prices, tiers, terms, names, files and their errors."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.errors import BurnmonError, ConfigError
from burnmon.records import Terms, Usage
from burnmon.usage.pricing import SHIPPED, URL, Price, PriceTable, load, refresh

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TABLE = load()
MILLION = 1_000_000
FAST = Terms(speed="fast")
US = Terms(region="us")


def cost(
    model: str,
    usage: Usage,
    terms: Terms = Terms(),  # noqa: B008 — an immutable value
    *,
    at: datetime = NOW,
    web_searches: int = 0,
    table: PriceTable = TABLE,
) -> Decimal:
    """The price of one request; the test fails when it has none."""
    rate = table.rate(model, at, usage.prompt, terms)
    assert rate is not None
    return rate.cost(usage, web_searches)


def per_million(
    model: str, *, at: datetime = NOW, prompt: int = 0, table: PriceTable = TABLE
) -> tuple[str, ...]:
    """The five prices of a model as plain text, USD per million tokens."""
    rate = table.rate(model, at, prompt)
    assert rate is not None
    each = (rate.input, rate.output, rate.cache_read)
    writes = (rate.cache_write_5m, rate.cache_write_1h)
    return tuple(f"{(p * MILLION).normalize():f}" for p in (*each, *writes))


# Prices measured from the vendor's own program, USD per million tokens

CLAUDE = """
fable-5-2          8 40 0.2 10 16  2
mythos-5-2         8 40 0.2 10 16  2
fable-5-1          10 50 0.25 12.5 20  1
mythos-5-1         10 50 0.25 12.5 20  1
fable-5            10 50 1 12.5 20  1
opus-5-5           4 20 0.2 5 8  2
opus-5             5 25 0.5 6.25 10  2
opus-4-8           5 25 0.5 6.25 10  2
opus-4-7           5 25 0.5 6.25 10  6
opus-4-6           5 25 0.5 6.25 10  6
opus-4-5           5 25 0.5 6.25 10  1
sonnet-5-5         2 10 0.1 2.5 4  1
sonnet-5           2 10 0.2 2.5 4  1
sonnet-4-6         3 15 0.3 3.75 6  1
sonnet-4-5         3 15 0.3 3.75 6  1
haiku-5-5          0.1 0.5 0.01 0.125 0.2  1
haiku-4-5          1 5 0.1 1.25 2  1
"""
MEASURED = [tuple(line.split()) for line in CLAUDE.strip().splitlines()]
BY_NAME = pytest.mark.parametrize("row", MEASURED, ids=[row[0] for row in MEASURED])


@BY_NAME
def test_claude_costs_what_the_vendors_program_says(row: tuple[str, ...]) -> None:
    """Each class of each Claude model has the price that Claude Code applies."""
    assert per_million(f"claude-{row[0]}") == row[1:6]


@BY_NAME
def test_fast_mode_has_a_factor_per_model(row: tuple[str, ...]) -> None:
    """Fast mode multiplies every token price by the model's own factor."""
    usage = Usage(1000, 1000, 1000, 1000, 1000)
    plain = cost(f"claude-{row[0]}", usage)
    assert cost(f"claude-{row[0]}", usage, FAST) == plain * int(row[6])


@BY_NAME
def test_only_haiku_5_5_has_a_premium_for_long_prompts(row: tuple[str, ...]) -> None:
    """A prompt of 900,000 tokens costs the same per token, but for one model."""
    long = per_million(f"claude-{row[0]}", prompt=900_000)
    assert (long == row[1:6]) is (row[0] != "haiku-5-5")


OTHERS = """
gpt-5.5                 0       5 30 0.5
gpt-5.5                 272001  10 45 1
gpt-5.4                 272000  2.5 15 0.25
gpt-5.4                 272001  5 22.5 0.5
gpt-5.6-sol             0       4 20 0.4
gpt-5.6-sol             272001  8 30 0.8
gpt-5.6-terra           0       2 12 0.2
gpt-6-sol               0       2 10 0.2
gpt-6.1-sol             0       2 10 0.1
gpt-5.3-codex           0       1.75 14 0.175
gemini-3.1-pro          200000  2 12 0.2
gemini-3.1-pro          200001  4 18 0.4
gemini-2.5-pro          0       1.25 10 0.125
gemini-2.5-pro          200001  2.5 15 0.25
"""
LISTED = [tuple(line.split()) for line in OTHERS.strip().splitlines()]


@pytest.mark.parametrize("row", LISTED, ids=["-".join(row[:2]) for row in LISTED])
def test_openai_and_google_cost_what_they_list(row: tuple[str, ...]) -> None:
    """Input, output and cached input have the vendor's list price, tier by tier."""
    assert per_million(row[0], prompt=int(row[1]))[:3] == row[2:]


def test_openai_cache_writes_have_a_price_where_the_table_gives_one() -> None:
    """gpt-5.6-sol bills cache writes at 5; gpt-5.4 as plain input."""
    assert per_million("gpt-5.6-sol")[3:] == ("5", "5")
    assert per_million("gpt-5.4")[3:] == ("2.5", "2.5")


# Tiers

EDGES = [
    ("at the threshold", Usage(input=100_000), "0.01"),
    ("one token above", Usage(input=100_001), "0.0500005"),
    ("cache reads count", Usage(input=60_000, cache_read=50_000), "0.0325"),
    ("output is dear too", Usage(output=10_000, cache_read=300_000), "0.04"),
    ("output does not count", Usage(input=100_000, output=9_000), "0.0145"),
    ("writes count", Usage(cache_write_5m=60_000, cache_write_1h=50_000), "0.0875"),
]


@pytest.mark.parametrize(
    ("usage", "usd"), [e[1:] for e in EDGES], ids=[*dict.fromkeys(e[0] for e in EDGES)]
)
def test_a_tier_prices_the_whole_request(usage: Usage, usd: str) -> None:
    """Strictly above 100,000 prompt tokens every token costs the higher price."""
    assert cost("claude-haiku-5-5", usage) == Decimal(usd)


# Dates

SWITCHES = [
    ("claude-sonnet-5-5", datetime(2026, 10, 7, tzinfo=UTC), 2, "0.2", "0.1"),
    ("gpt-5.6-sol", datetime(2026, 8, 21, tzinfo=UTC), 0, "5", "4"),
    ("gpt-5.6-sol", datetime(2026, 8, 21, tzinfo=UTC), 1, "30", "20"),
    ("gpt-5.6-terra", datetime(2026, 7, 30, tzinfo=UTC), 0, "2.5", "2"),
]


@pytest.mark.parametrize(("model", "at", "place", "before", "after"), SWITCHES)
def test_a_price_changes_to_the_second(
    model: str, at: datetime, place: int, before: str, after: str
) -> None:
    """The second before 00:00 UTC costs the old price, midnight the new one."""
    eve = at - timedelta(seconds=1)
    assert per_million(model, at=eve)[place] == before
    assert per_million(model, at=at)[place] == after


def test_an_instant_counts_in_any_zone() -> None:
    """Midnight of 7 October in Tokyo is still 6 October where prices change."""
    tokyo = datetime.fromisoformat("2026-10-07T08:59:59+09:00")
    assert per_million("claude-sonnet-5-5", at=tokyo)[2] == "0.2"


def test_a_premium_of_the_past_stays_in_the_past() -> None:
    """Opus 4.6 had a premium above 200,000 tokens until 13 March 2026."""
    then = datetime(2026, 3, 12, tzinfo=UTC)
    assert per_million("claude-opus-4-6", at=then, prompt=200_001)[:2] == ("10", "37.5")
    assert per_million("claude-opus-4-6", prompt=200_001)[:2] == ("5", "25")


# Traps that other monitors fall into

OPUS = "claude-opus-4-5"


def test_hour_long_cache_writes_cost_twice_the_input() -> None:
    """A million tokens written for an hour cost 10, for five minutes 6.25."""
    hour, minutes = Usage(cache_write_1h=MILLION), Usage(cache_write_5m=MILLION)
    assert cost(OPUS, hour) + cost(OPUS, minutes) + cost(OPUS, hour) == Decimal("26.25")


def test_cache_reads_are_no_fixed_share_of_the_input() -> None:
    """A million cached tokens of three models cost 0.95, not a tenth of the input."""
    read = Usage(cache_read=MILLION)
    models = ("claude-opus-5-5", "claude-fable-5-1", OPUS)
    assert sum(cost(model, read) for model in models) == Decimal("0.95")


def test_tiers_belong_to_a_request_not_to_a_session() -> None:
    """Three requests around the threshold are priced each by its own prompt."""
    usages = (Usage(100_000), Usage(100_001, 1000), Usage(60_000, 0, 50_000))
    total = sum(cost("claude-haiku-5-5", usage) for usage in usages)
    assert total == Decimal("0.0950005")


def test_requests_are_priced_by_their_own_date() -> None:
    """A million cached tokens on 6 October and again on 8 October cost 0.30."""
    read = Usage(cache_read=MILLION)
    days = (
        datetime(2026, 10, 6, 10, tzinfo=UTC),
        datetime(2026, 10, 8, 10, tzinfo=UTC),
    )
    total = sum(cost("claude-sonnet-5-5", read, at=day) for day in days)
    assert total == Decimal("0.30")


@pytest.mark.parametrize(
    ("model", "factor"),
    [("gpt-5.5", "2.5"), ("gpt-5.6-sol", "2"), ("gpt-5-mini", "1.8")],
)
def test_priority_tier_multiplies_every_class(model: str, factor: str) -> None:
    """OpenAI's priority tier costs a factor of the ordinary price of its model."""
    table = load()
    at = datetime(2026, 11, 20, tzinfo=UTC)
    plain = table.rate(model, at, 1000)
    dear = table.rate(model, at, 1000, Terms(speed="priority"))
    assert plain is not None
    assert dear is not None
    usage = Usage(10, 20, 30, 40)
    assert dear.cost(usage) == plain.cost(usage) * Decimal(factor)


def test_fast_mode_region_and_searches_are_billed() -> None:
    """Fast doubles, the region adds a tenth, a search costs a cent and no more."""
    usage, model = Usage(1000, 1000), "claude-opus-5-5"
    regional = cost(model, usage, US, web_searches=3)
    assert cost(model, usage, FAST) + regional == Decimal("0.1044")


def test_each_try_of_a_refused_request_has_its_own_price() -> None:
    """The answer costs Opus prices; the refused try, shown apart, Fable prices."""
    answer = cost("claude-opus-4-8", Usage(2, 136, 54_112))
    refused = cost("claude-fable-5", Usage(2, 2, 32_238, 0, 21_874))
    assert (answer, refused) == (Decimal("0.030466"), Decimal("0.469838"))


def test_fast_mode_and_region_multiply() -> None:
    """Both terms at once multiply the token prices by 2 × 1.1."""
    both = Terms(speed="fast", region="us")
    assert cost("claude-opus-5-5", Usage(MILLION), both) == Decimal("8.8")


@pytest.mark.parametrize("terms", [Terms("standard"), Terms("", "global"), Terms("?")])
def test_other_terms_change_nothing(terms: Terms) -> None:
    """Only ``fast`` and ``us`` have a price of their own."""
    assert cost(OPUS, Usage(MILLION), terms) == 5


def test_the_region_surcharge_is_claudes() -> None:
    """A region leaves the price of other vendors' models as it is."""
    assert cost("gpt-5.4", Usage(1000), US) == cost("gpt-5.4", Usage(1000))


# Names

UNKNOWN = [
    "", "<synthetic>", "claude-opus-9", "claude-opus-5-9", "claude-sonnet", "haiku",
    "codex-auto-review", "gpt-9", "gpt-5.3-codex-spark", "claude-opus-4-5-turbo",
    "qwen3-coder-plus", "groq/claude-opus-4-5", "deepseek-v4-flash-free",
    "accounts/fireworks/models/kimi-k2.6", "[1m]", "/", "anthropic.",
]  # fmt: skip


@pytest.mark.parametrize("model", UNKNOWN)
def test_an_unknown_model_has_no_price(model: str) -> None:
    """What the table does not name is ``None``: neither zero nor a relative's price."""
    assert TABLE.rate(model, NOW, 1000) is None


def test_prices_that_follow_the_time_of_day_are_not_certain() -> None:
    """DeepSeek's price depends on the hour, so it has none here."""
    assert TABLE.rate("deepseek-v4-pro", NOW, 1000) is None


SPELLINGS = """
claude-sonnet-4-5: claude-sonnet-4-5-20250929 claude-sonnet-4-5@20250929
claude-sonnet-4-5: anthropic/claude-sonnet-4-5 claude-sonnet-4.5 claude-4.5-sonnet
claude-sonnet-4-5: us.anthropic.claude-sonnet-4-5-20250929-v1:0
claude-sonnet-4-5: anthropic.claude-sonnet-4-5-20250929-v1:0
claude-sonnet-4-5: bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0
claude-sonnet-4-5: bedrock/converse/eu.anthropic.claude-sonnet-4-5-20250929-v1:0:200k
claude-sonnet-4-5: vertex_ai/claude-sonnet-4-5@20250929 claude-sonnet-4-5[1m]
claude-sonnet-4-5: openrouter/anthropic/claude-sonnet-4.5 CLAUDE-SONNET-4-5
claude-sonnet-4-5: vertex_ai/publishers/anthropic/models/claude-sonnet-4-5@default
claude-sonnet-4-5: arn:aws:bedrock:us-east-1:1:profile/us.anthropic.claude-sonnet-4-5
claude-opus-4-6: global.anthropic.claude-opus-4-6-v1 claude-opus-4-6[1m]
claude-opus-4-0: claude-opus-4-20250514 claude-opus-4
claude-3-5-haiku: claude-3-5-haiku-latest claude-3-5-haiku-20241022
gpt-5.5: openai/gpt-5.5 azure/gpt-5.5 gpt-5.5-2026-04-23 gpt-5.5-20260423 gpt-5-5
gpt-5: gpt-5-codex gpt-5-2025-08-07
gemini-2.5-pro: google/gemini-2.5-pro gemini-2.5-pro-preview-06-05
kimi-k2.7-code: moonshot-ai/kimi-k2.7-code moonshotai/kimi-k2.7-code
glm-4.7: zai/glm-4.7 z-ai/GLM-4.7
qwen/qwen3-coder: openrouter/qwen/qwen3-coder
zhipuai/glm-4.7: zhipuai/glm-4.7
"""
SPELLED = [
    (line.split()[0].rstrip(":"), other)
    for line in SPELLINGS.strip().splitlines()
    for other in line.split()[1:]
]


@pytest.mark.parametrize(("name", "spelling"), SPELLED, ids=[s[1] for s in SPELLED])
def test_a_model_is_known_by_any_of_its_names(name: str, spelling: str) -> None:
    """Who serves it, its date and its context width leave a model what it is."""
    assert TABLE.canonical(spelling) == name


def test_a_dated_id_may_have_its_own_price() -> None:
    """The first gpt-4o costs more than the ones after it."""
    assert per_million("gpt-4o-2024-05-13")[:2] == ("5", "15")
    assert per_million("gpt-4o-2024-08-06")[:2] == ("2.5", "10")


# The table as a whole


def test_the_shipped_table_states_source_and_date() -> None:
    """Every figure can be followed to a source and a day."""
    assert TABLE.source.startswith("genai-prices ")
    assert TABLE.source.endswith("+ measured")
    assert date(2026, 11, 1) <= TABLE.dated <= NOW.date()


def test_the_shipped_table_is_small() -> None:
    """The table stays below 200 KB, one line to a model."""
    text = SHIPPED.read_text("utf-8")
    assert len(text) < 200_000
    assert len(text.splitlines()) == 7 + len(json.loads(text)["models"])


def test_rows_list_every_price_with_its_origin() -> None:
    """The listing has a line per model, date and tier, and says who says so."""
    rows = [row for row in TABLE.rows() if row.model == "claude-sonnet-5-5"]
    assert [(r.valid_from, r.cache_read, r.origin) for r in rows] == [
        (None, Decimal("0.2"), "measured"),
        (datetime(2026, 10, 7, tzinfo=UTC), Decimal("0.1"), "measured"),
    ]
    assert {row.origin for row in TABLE.rows()} == {"measured", "genai-prices"}


def test_every_row_has_plausible_prices() -> None:
    """No row is free, and reading a cache never costs more than not having one."""
    for row in TABLE.rows():
        assert row.input > 0
        assert row.output > 0
        assert 0 < row.cache_read <= row.input, row.model


def test_every_alias_leads_to_a_price() -> None:
    """No other name of a model leads nowhere."""
    assert all(TABLE.canonical(name) for name in TABLE.aliases)


def test_thresholds_and_changes_are_sorted_and_complete() -> None:
    """Every edge at which any row begins is announced, in order and once."""
    rows = TABLE.rows()
    assert TABLE.thresholds == tuple(sorted({r.above for r in rows if r.above}))
    starts = {r.valid_from for r in rows if r.valid_from is not None}
    assert TABLE.changes == tuple(sorted(starts))


COUNT = st.integers(0, 400_000)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)
MODEL = st.sampled_from(sorted(TABLE.models))
TERMS = st.sampled_from([Terms(), FAST, US])
SECOND = st.integers(0, 900 * 86_400).map(
    lambda second: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def place(usage: Usage, at: datetime) -> tuple[int, int]:
    """The class of a request: its tier and its date band."""
    tier = sum(usage.prompt > size for size in TABLE.thresholds)
    return tier, sum(at >= start for start in TABLE.changes)


@given(MODEL, TERMS, st.lists(st.tuples(USAGE, SECOND), min_size=1, max_size=8))
def test_a_sum_costs_the_sum(
    model: str, terms: Terms, requests: list[tuple[Usage, datetime]]
) -> None:
    """Usages of one class, added and priced once, cost what they cost singly."""
    for chosen in {place(*request) for request in requests}:
        group = [r for r in requests if place(*r) == chosen]
        usage, at = group[0]
        rate = TABLE.rate(model, at, usage.prompt, terms)
        assert rate is not None
        singly = sum(cost(model, one, terms, at=when) for one, when in group)
        assert rate.cost(sum((one for one, _ in group), Usage())) == singly


@given(MODEL, st.sampled_from(list(pairwise((0, *TABLE.thresholds, 10**7)))), SECOND)
def test_between_thresholds_nothing_changes(
    model: str, band: tuple[int, int], at: datetime
) -> None:
    """From just above one threshold up to the next a model has one rate."""
    low, high = band
    assert TABLE.rate(model, at, low + 1) == TABLE.rate(model, at, high)


# The user's prices.toml


def users(tmp_path: Path, text: str) -> PriceTable:
    """The table with a user's file of this content over it."""
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return load(path)


def test_the_users_prices_win(tmp_path: Path) -> None:
    """A model in prices.toml costs what it says there, under all its names."""
    table = users(tmp_path, '[models."claude-opus-4-5"]\ninput = 1\noutput = 2.5\n')
    own = ("1", "2.5", "1", "1.25", "2")
    assert per_million("us.anthropic.claude-opus-4-5-20251101-v1:0", table=table) == own
    assert table.source.endswith("+ yours")
    row = next(row for row in table.rows() if row.model == OPUS)
    assert row.origin == "yours"


def test_the_user_can_name_a_model_of_ones_own(tmp_path: Path) -> None:
    """A model only the user knows has a price; classes left out follow the input."""
    text = '[models."My/Model"]\ninput = 2.0\noutput = 8.0\ncache_read = 0.2\nfast = 3'
    table = users(tmp_path, text)
    assert per_million("my/model", table=table) == ("2", "8", "0.2", "2", "2")
    assert cost("My/Model", Usage(MILLION), FAST, table=table) == 6
    assert per_million(OPUS, table=table) == per_million(OPUS)


def test_the_users_tiers_and_dates_are_announced(tmp_path: Path) -> None:
    """Edges of the user's own count among thresholds and changes."""
    table = users(
        tmp_path,
        "[[models.mine]]\ninput = 1\noutput = 2\n"
        "[[models.mine]]\nvalid_from = 2026-12-24T18:00:00+01:00\n"
        "input = 3\noutput = 4\nabove.77000 = { input = 5, output = 6 }\n",
    )
    start = datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert 77_000 in table.thresholds
    assert start in table.changes
    assert per_million("mine", table=table)[:2] == ("1", "2")
    assert per_million("mine", at=start, prompt=77_000, table=table)[0] == "3"
    assert per_million("mine", at=start, prompt=77_001, table=table)[1] == "6"


def test_before_the_users_first_date_the_table_holds(tmp_path: Path) -> None:
    """A price the user dates leaves what was before it in force."""
    table = users(
        tmp_path,
        '[models."claude-sonnet-5-5"]\n'
        "valid_from = 2026-11-01\ninput = 9\noutput = 9\n",
    )
    october = datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert per_million("claude-sonnet-5-5", at=october, table=table)[2] == "0.1"
    assert per_million("claude-sonnet-5-5", table=table)[0] == "9"
    september = datetime(2026, 9, 1, tzinfo=UTC)
    assert per_million("claude-sonnet-5-5", at=september, table=table)[2] == "0.2"


def test_a_model_not_yet_valid_has_no_price(tmp_path: Path) -> None:
    """Before its only date a model of the user's own is unpriced."""
    text = "[models.mine]\nvalid_from = 2026-12-01\ninput = 1\noutput = 2\n"
    assert users(tmp_path, text).rate("mine", NOW, 0) is None


def test_the_user_can_give_a_nickname(tmp_path: Path) -> None:
    """An alias costs what the model costs that it stands for."""
    table = users(tmp_path, '[models.haiku]\nalias_of = "anthropic/claude-haiku-4.5"\n')
    assert per_million("haiku", table=table) == per_million("claude-haiku-4-5")


def test_a_nickname_may_take_the_place_of_a_model(tmp_path: Path) -> None:
    """A model declared an alias of another costs what that one costs, however spelt."""
    table = users(
        tmp_path, '[models."claude-opus-4-5"]\nalias_of = "claude-opus-5-5"\n'
    )
    for spelling in (OPUS, "claude-opus-4.5", "claude-opus-4-5-20251101"):
        assert per_million(spelling, table=table) == per_million("claude-opus-5-5")


def test_no_file_is_no_complaint(tmp_path: Path) -> None:
    """Without a file of the user's the shipped table is in force."""
    assert load(tmp_path / "prices.toml").source == TABLE.source


MISTAKES = [
    ("inptu = 1", "inptu"),
    ("input = 1", "output"),
    ('input = "2"\noutput = 1', "input"),
    ("input = -1\noutput = 1", "input"),
    ("input = 1\noutput = nan", "output"),
    ("input = 1\noutput = inf", "output"),
    ("input = true\noutput = 1", "input"),
    ("input = 1\noutput = 1\nvalid_from = 7", "valid_from"),
    ("input = 1\noutput = 1\nvalid_from = 2026-10-07T00:00:00", "valid_from"),
    ("input = 1\noutput = 1\nabove.200k = { input = 2 }", "above.200k"),
    ("input = 1\noutput = 1\nabove.5 = { inptu = 2 }", "above.5.inptu"),
    ("input = 1\noutput = 1\nabove.5 = { input = -2 }", "above.5.input"),
    ("input = 1\noutput = 1\nabove = 5", "above"),
    ('alias_of = "claude-opus-9"', "alias_of"),
    ("alias_of = 3", "alias_of"),
    ('alias_of = "claude-opus-5"\ninput = 1', "input"),
]


@pytest.mark.parametrize(("body", "key"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_names_file_and_key(tmp_path: Path, body: str, key: str) -> None:
    """What is wrong in prices.toml is told with the file and the key."""
    with pytest.raises(ConfigError) as told:
        users(tmp_path, f'[models."m-1"]\n{body}\n')
    assert str(tmp_path / "prices.toml") in str(told.value)
    assert f'models."m-1".{key}' in str(told.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("prices = 1", "prices"),
        ("models = 1", "models"),
        ("[models", "cannot be read"),
        ("models" + ".a" * 50_000 + " = 1", "more than 100 dots"),
    ],
    ids=["unknown key", "wrong type", "no TOML", "dots"],
)
def test_a_file_that_is_wrong_as_a_whole_is_named(
    tmp_path: Path, text: str, word: str
) -> None:
    """An unknown key at the top, a wrong type or broken TOML is told as well."""
    with pytest.raises(ConfigError, match=word) as told:
        users(tmp_path, text)
    assert str(tmp_path / "prices.toml") in str(told.value)


# Fetching a newer table


def published(**prices: Any) -> dict[str, Any]:
    """A published model of this price, with nothing special about it."""
    return {"id": "new-model", "match": {"equals": "new-model"}, "prices": prices}


def provider(*models: dict[str, Any], name: str = "openai") -> dict[str, Any]:
    return {"id": name, "models": list(models)}


def serving(
    body: object, *, day: str = "Tue, 01 Dec 2026 10:00:00 GMT"
) -> httpx.MockTransport:
    """A server that has this list of prices on this day, at the one right address."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL
        return httpx.Response(200, json=body, headers={"date": day})

    return httpx.MockTransport(answer)


NEW = provider(published(input_mtok=1.5, output_mtok=6, cache_read_mtok=0.15))


def test_a_fetched_table_prices_new_models(tmp_path: Path) -> None:
    """After a refresh a model of the fetched list has a price; the rest stays."""
    path = tmp_path / "state" / "prices.json"
    table = refresh(path, transport=serving([NEW]))
    assert per_million("new-model", table=table)[:3] == ("1.5", "6", "0.15")
    assert per_million(OPUS, table=table) == per_million(OPUS)
    assert table.dated == date(2026, 12, 1)
    assert "2026-12-01" in table.source


def test_a_fetched_table_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    """The file is written whole, readable by its owner, with nothing left beside it."""
    path = tmp_path / "prices.json"
    refresh(path, transport=serving([NEW]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert load(fetched_file=path).canonical("new-model") == "new-model"


def test_the_users_prices_win_over_fetched_ones(tmp_path: Path) -> None:
    """What the user wrote stands above what was fetched."""
    fetched, own = tmp_path / "prices.json", tmp_path / "prices.toml"
    refresh(fetched, transport=serving([NEW]))
    own.write_text('[models."new-model"]\ninput = 7\noutput = 8\n', "utf-8")
    assert per_million("new-model", table=load(own, fetched))[0] == "7"


def test_an_old_fetch_never_undoes_an_update(tmp_path: Path) -> None:
    """A fetched table older than the shipped one is left aside."""
    path = tmp_path / "prices.json"
    table = refresh(path, transport=serving([NEW], day="Sun, 01 Mar 2026 10:00:00 GMT"))
    assert (table.dated, table.canonical("new-model")) == (TABLE.dated, None)


def test_measured_prices_stand_until_a_later_dated_price(tmp_path: Path) -> None:
    """A published price never rewrites what was measured, only what comes after."""
    opus = {
        "id": OPUS,
        "match": {"starts_with": OPUS},
        "prices": [
            {"prices": {"input_mtok": 77, "output_mtok": 77}},
            {
                "constraint": {"type": "start_date", "start_date": "2027-02-01"},
                "prices": {"input_mtok": 3, "output_mtok": 15},
            },
        ],
    }
    body = [provider(opus, name="anthropic")]
    table = refresh(tmp_path / "prices.json", transport=serving(body))
    assert per_million(OPUS, table=table) == per_million(OPUS)
    later = datetime(2027, 2, 1, tzinfo=UTC)
    assert per_million(OPUS, at=later, table=table) == ("3", "15", "3", "3.75", "6")


def test_published_tiers_and_fast_mode_are_understood(tmp_path: Path) -> None:
    """Tiers of each class become tiers of the request; fast prices become a factor."""
    model = {
        **published(
            input_mtok={"base": 2, "tiers": [{"start": 5000, "price": 4}]},
            output_mtok=10,
            web_searches_kcount=14,
        ),
        "price_variants": [
            {"when": {"processing": "batch"}, "prices": {"input_mtok": 1}},
            {"when": {"speed": "fast"}, "prices": {"input_mtok": 6, "output_mtok": 30}},
        ],
    }
    table = refresh(tmp_path / "p.json", transport=serving([provider(model)]))
    assert per_million("new-model", prompt=5001, table=table)[:2] == ("4", "10")
    assert cost("new-model", Usage(1000), FAST, table=table) == Decimal("0.006")
    assert cost("new-model", Usage(), web_searches=1, table=table) == Decimal("0.014")


UNCERTAIN = {
    "time of day": [
        {"prices": {"input_mtok": 1, "output_mtok": 2}},
        {
            "constraint": {"type": "time_of_date", "start_time": "00:30:00Z"},
            "prices": {"input_mtok": 2, "output_mtok": 4},
        },
    ],
    "free": {"input_mtok": 0, "output_mtok": 0},
    "no output": {"input_mtok": 1},
    "by the hour": {"audio_hours": 3},
    "nothing": {},
}


@pytest.mark.parametrize("prices", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_a_published_price_that_is_not_certain_is_left_out(
    tmp_path: Path, prices: object
) -> None:
    """Prices by the hour, of sound or of nothing make a model unpriced, not free."""
    model = {**published(), "prices": prices}
    table = refresh(tmp_path / "p.json", transport=serving([provider(model)]))
    assert table.rate("new-model", NOW, 0) is None


def test_a_prefix_prices_no_stranger(tmp_path: Path) -> None:
    """A published prefix covers the model it names, not the rest of its family."""
    model = {
        **published(input_mtok=1, output_mtok=2),
        "match": {"starts_with": "gpt-7"},
    }
    table = refresh(tmp_path / "p.json", transport=serving([provider(model)]))
    assert table.rate("gpt-7", NOW, 0) is not None
    assert table.rate("gpt-7-20270101", NOW, 0) is not None
    assert table.rate("gpt-7-ultra", NOW, 0) is None


def refusing(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


FAILURES = {
    "not found": lambda _: httpx.Response(404),
    "no route": refusing,
    "not JSON": lambda _: httpx.Response(200, text="<html>"),
    "no list": lambda _: httpx.Response(200, json={"a": 1}),
    "nothing known": lambda _: httpx.Response(200, json=[]),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES.keys())
def test_a_failed_fetch_names_the_address_and_keeps_the_file(
    tmp_path: Path, answer: Any
) -> None:
    """Whatever goes wrong is told with the URL, and the old file stays as it is."""
    path = tmp_path / "prices.json"
    path.write_text("as before", "utf-8")
    with pytest.raises(BurnmonError) as told:
        refresh(path, transport=httpx.MockTransport(answer))
    assert URL in str(told.value)
    assert path.read_text("utf-8") == "as before"


@pytest.mark.parametrize(
    "place", ["https://elsewhere.example/list", f"http://{httpx.URL(URL).host}/list"]
)
def test_no_other_host_is_asked(tmp_path: Path, place: str) -> None:
    """The list may move on its host; who it names beside that is not asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(301, headers={"location": place})

    with pytest.raises(BurnmonError, match="which is not asked"):
        refresh(tmp_path / "p.json", transport=httpx.MockTransport(answer))
    assert [str(each.url) for each in asked] == [URL]
    usual = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert asked[0].headers.keys() == usual
    assert asked[0].headers["user-agent"].startswith("python-httpx/")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dated": "2027-01-01"}'])
def test_a_damaged_fetched_file_is_named(tmp_path: Path, text: str) -> None:
    """A fetched table that is none any more is told with its path."""
    path = tmp_path / "prices.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="not a price table") as told:
        load(fetched_file=path)
    assert str(path) in str(told.value)


def test_a_price_is_a_value() -> None:
    """Rows compare by what they say, so a listing can be tested and cached."""
    assert TABLE.rows() == load().rows()
    assert isinstance(TABLE.rows()[0], Price)
