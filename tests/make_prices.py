"""Makes ``burnmon/usage/prices.json`` anew; run by hand when prices change.

    python tests/make_prices.py [DATA.JSON]

Takes the published list from the installed genai-prices (or from a copy of its
``data.json``), lays the measured prices below over it and writes the shipped table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from burnmon.usage import price_file, price_source
from burnmon.usage.price_file import Entry
from burnmon.usage.pricing import SHIPPED

RELEASED = date(2026, 11, 10)
"""Release day of the genai-prices below: the day the whole table was right."""

MEASURED_ON = date(2026, 11, 21)
"""Day on which Claude Code 2.1.330 was made to price the usages below."""

# Model: input, output, cache read, write 5 m, write 1 h, fast factor. USD per million
# tokens, obtained by letting Claude Code price controlled usages. They win over
# genai-prices where the two differ, because people compare burnmon with what the
# vendor's own program tells them. Known differences of genai-prices 0.2.3: no fast
# factor for opus-4-6 and opus-4-7 (measured: 6); a premium above 200,000 tokens for
# sonnet-4-5 (measured: none); no date for the new cache price of sonnet-5-5; fable-5
# and fable-5-1 exist there, their mythos twins do not.
MEASURED = """
fable-5-2   8     40   0.20  10     16    2
mythos-5-2  8     40   0.20  10     16    2
fable-5-1   10    50   0.25  12.5   20    1
mythos-5-1  10    50   0.25  12.5   20    1
fable-5     10    50   1.00  12.5   20    1
opus-5-5    4     20   0.20  5      8     2
opus-5      5     25   0.50  6.25   10    2
opus-4-8    5     25   0.50  6.25   10    2
opus-4-7    5     25   0.50  6.25   10    6
opus-4-6    5     25   0.50  6.25   10    6
opus-4-5    5     25   0.50  6.25   10    1
sonnet-5-5  2     10   0.20  2.5    4     1
sonnet-5-5  2     10   0.10  2.5    4     1   2026-10-07
sonnet-5    2     10   0.20  2.5    4     1
sonnet-4-6  3     15   0.30  3.75   6     1
sonnet-4-5  3     15   0.30  3.75   6     1
haiku-5-5   0.10  0.50 0.01  0.125  0.20  1
haiku-4-5   1     5    0.10  1.25   2     1
"""

# A prompt above 100,000 tokens costs haiku-5-5 five times as much in every class.
ABOVE = {"haiku-5-5": ("100000", 5)}

# Measured today, when neither has a premium for long prompts; until this day both had
# one above 200,000 tokens, which genai-prices dates and which therefore stays.
SINCE = {"opus-4-6": "2026-03-13", "sonnet-4-6": "2026-03-13"}


def measured() -> dict[str, list[Entry]]:
    """The rows above as entries of the table."""
    models: dict[str, list[Entry]] = {}
    for line in MEASURED.split("\n"):
        if words := line.split():
            models.setdefault(f"claude-{words[0]}", []).append(_entry(words))
    return models


def _entry(words: list[str]) -> Entry:
    name, *numbers = words[:7]
    prices = dict(zip(price_file.CLASSES, map(Decimal, numbers), strict=False))
    entry: Entry = {"origin": "measured", **prices}
    if numbers[5] != "1":
        entry["fast"] = Decimal(numbers[5])
    if name in ABOVE:
        size, factor = ABOVE[name]
        entry["above"] = {size: {key: p * factor for key, p in prices.items()}}
    if start := (words[7] if len(words) > 7 else SINCE.get(name)):
        entry["valid_from"] = start
    return entry


def installed() -> list[dict[str, Any]]:
    """The list inside the installed package, in the form in which it is published."""
    from genai_prices.data import providers

    return [
        {"id": provider.id, "models": [_model(model) for model in provider.models]}
        for provider in providers
    ]


def _model(model: Any) -> dict[str, Any]:
    dated = model.prices if isinstance(model.prices, list) else None
    return {
        "id": model.id,
        "match": _match(model.match),
        "prices": [_plain(one) for one in dated] if dated else _plain(model.prices),
        "price_variants": [_plain(one) for one in model.price_variants or ()],
    }


def _match(clause: Any) -> dict[str, Any]:
    ((name, value),) = vars(clause).items()
    nested = isinstance(value, list)
    return {name.rstrip("_"): [_match(one) for one in value] if nested else value}


def _plain(value: Any) -> Any:
    """Any other value of the package as the published JSON has it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict) or hasattr(value, "__dict__"):
        return dict(_fields(value))
    return value


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    items = value if isinstance(value, dict) else vars(value)
    return ((key, _plain(one)) for key, one in items.items() if one is not None)


def main(arguments: list[str]) -> None:
    """Write the table."""
    if arguments:
        text = Path(arguments[0]).read_text("utf-8")
        providers = json.loads(text, parse_float=Decimal)
    else:
        providers = installed()
    models = price_source.table(providers, measured(), MEASURED_ON)
    source = f"genai-prices {version('genai-prices')} + measured"
    text = price_file.dump(source, RELEASED, MEASURED_ON, models)
    SHIPPED.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
