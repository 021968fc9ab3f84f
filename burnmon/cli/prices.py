"""``prices``: what a token costs, since when, and who says so."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from burnmon import cli
from burnmon.cli.output import print_document
from burnmon.config import Settings
from burnmon.errors import UsageError
from burnmon.text import cells, pad, plain
from burnmon.usage import pricing
from burnmon.usage.pricing import Price, PriceTable

_HEADS = ("model", "since", "above", "input", "output", "read", "write 5m", "write 1h")


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Print the table in force, fetched anew first if asked."""
    if args.refresh:
        if settings.offline:
            raise UsageError("prices --refresh uses the network; --offline forbids it")
        pricing.refresh(settings.fetched_prices_file)
    table = pricing.load(settings.prices_file, settings.fetched_prices_file)
    if args.json:
        print_document(now, document(table))
    else:
        for line in lines(table):
            print(line)
    return cli.OK


def document(table: PriceTable) -> dict[str, Any]:
    """The table as JSON fields, in dollars per million tokens."""
    rows = [_row(price) for price in table.rows()]
    return {"source": table.source, "dated": str(table.dated), "prices": rows}


def lines(table: PriceTable) -> Iterator[str]:
    """The table as text, its date and source first."""
    yield f"prices of {table.dated} · {plain(table.source)}"
    yield "dollars per million tokens; a price holds above that many prompt tokens"
    yield ""
    yield from _aligned([_HEADS, *(_words(price) for price in table.rows())])


def _row(price: Price) -> dict[str, Any]:
    return {
        "model": price.model,
        "valid_from": price.valid_from,
        "above_tokens": price.above,
        "input_usd": price.input,
        "output_usd": price.output,
        "cache_read_usd": price.cache_read,
        "cache_write_5m_usd": price.cache_write_5m,
        "cache_write_1h_usd": price.cache_write_1h,
        "fast_factor": price.fast,
        "web_search_usd": price.web_search,
        "origin": price.origin,
    }


def _words(price: Price) -> tuple[str, ...]:
    amounts = (
        price.input,
        price.output,
        price.cache_read,
        price.cache_write_5m,
        price.cache_write_1h,
    )
    since = f"{price.valid_from:%Y-%m-%d}" if price.valid_from else ""
    above = f"{price.above:,}" if price.above else ""
    return (plain(price.model), since, above, *map(_amount, amounts))


def _amount(dollars: Decimal) -> str:
    """At least two decimals, and as many more as the price really has."""
    text = f"{dollars.normalize():f}"
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}"


def _aligned(rows: list[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        placed = [
            pad(word, width, right=place > 1)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(placed).rstrip()
