"""Turns the prices that genai-prices publishes into the table's own form.

The published list (MIT licence, https://github.com/pydantic/genai-prices) serves the
shipped ``prices.json`` and a fetched table alike. Keeps only what is certain: prices
per text token, of a model that is named outright, from the vendor itself. Prices that
follow the time of day are left out, because requests of one day could then not be
priced as one sum; so are models that are priced by sound, picture or page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from burnmon.usage.model_names import spellings
from burnmon.usage.price_file import Entry

Json = Mapping[str, Any]

_PROVIDERS = {
    "anthropic": "",
    "openai": "",
    "google": "",
    "x-ai": "",
    "deepseek": "",
    "moonshotai": "",
    "mistral": "",
    "minimax": "",
    "zai": "",
    # The same models in China, at other prices: only under their full name.
    "zhipuai": "zhipuai/",
    # Alibaba's own list is not published there; OpenRouter's ids say qwen/….
    "openrouter": "",
}
"""Provider → what its model ids are filed under."""

_FOREIGN = {
    "google": re.compile(".*claude|gemma|gemini-(1|pro|flash-1)"),
    "openrouter": re.compile("(?!qwen/)|.*:"),
    "openai": re.compile("gpt-oss|gpt-3|ada|babbage|curie|davinci|text-|ft:|.*:"),
    "mistral": re.compile("deepseek|zai|.*:free$"),
    "anthropic": re.compile("claude-(2|v)"),
    "deepseek": re.compile("deepseek-v3"),
}
"""Models that a provider only resells, or that no coding agent of today speaks to."""

_NOT_TEXT = re.compile(
    "audio|image|realtime|transcribe|tts|embed|ocr|voice|voxtral|moderation"
    "|-live|-omni|robotics|nano-banana"
)

_KNOWN_IDS = (
    "gemini-2.5-pro-preview",
    "gemini-2.5-pro-preview-03-25",
    "gemini-2.5-pro-preview-05-06",
    "gemini-2.5-pro-preview-06-05",
    "gemini-2.5-flash-lite-preview-06-17",
    "gemini-2.5-flash-lite-preview-09-2025",
    "gemini-3.1-pro-preview-customtools",
)
"""Ids in use that the published list covers by a prefix only."""

_EXTRA_ALIASES = {"gemini-3.1-pro": "gemini-3.1-pro-preview"}
"""Names that the published list does not match although the price is known."""

_KEYS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
}


def table(
    providers: Iterable[Json], measured: Mapping[str, list[Entry]], measured_on: date
) -> dict[str, object]:
    """Model → dated prices, or → the name it is another name of.

    Measured prices win for the time they cover: from their first date, or always,
    until the day of measuring. What is published to hold before or after stays.
    ``ValueError`` and its like when this is no published list.
    """
    models: dict[str, list[Entry]] = {}
    aliases: dict[str, str] = {}
    vendors = [provider for provider in providers if provider["id"] in _PROVIDERS]
    if not vendors:
        raise ValueError("it names no vendor that is known here")
    for vendor in vendors:
        _add_provider(vendor, models, aliases)
    for name, entries in measured.items():
        models[name] = _measured_over(models.get(name, []), entries, measured_on)
        aliases.update(dict.fromkeys(_claude_names(name), name))
    extra = {k: v for k, v in _EXTRA_ALIASES.items() if v in models}
    return {**_needed({**aliases, **extra}, models), **models}


def _measured_over(
    published: list[Entry], measured: list[Entry], measured_on: date
) -> list[Entry]:
    first = measured[0].get("valid_from")
    last = measured_on.isoformat()
    fast = {key: measured[0][key] for key in ("fast",) if key in measured[0]}
    before = [
        {**fast, **e} for e in published if first and e.get("valid_from", "") < first
    ]
    after = [e for e in published if e.get("valid_from", "") > last]
    return [*before, *measured, *after]


def _claude_names(name: str) -> Iterator[str]:
    """The other orders and dots under which agents write a Claude version."""
    match = re.fullmatch(r"claude-([a-z]+)-(\d+)-(\d+)", name)
    if match:
        family, major, minor = match.groups()
        for version in (f"{major}-{minor}", f"{major}.{minor}"):
            yield f"claude-{family}-{version}"
            yield f"claude-{version}-{family}"


def _needed(aliases: Mapping[str, str], models: Mapping[str, object]) -> dict[str, str]:
    """The aliases that the spellings of a model do not lead to anyway."""
    return {
        other: name
        for other, name in aliases.items()
        if other not in models
        and next((s for s in spellings(other) if s in models), "") != name
    }


def _add_provider(
    provider: Json, models: dict[str, list[Entry]], aliases: dict[str, str]
) -> None:
    """File every model of a provider under its ids; the first that matches owns one."""
    prefix = _PROVIDERS[provider["id"]]
    foreign = _FOREIGN.get(provider["id"])
    for owner, ids in _owned_ids(provider).items():
        entries = _entries(provider["models"][owner])
        kept = [i for i in ids if not _NOT_TEXT.search(i)]
        kept = [prefix + i for i in kept if not (foreign and foreign.match(i))]
        if not entries or not kept:
            continue
        name = _shortest_name(provider["models"][owner]["id"].lower(), kept)
        models[name] = entries
        aliases.update({other: name for other in kept if other != name})


def _owned_ids(provider: Json) -> dict[int, list[str]]:
    """Position of each model in the provider's list → the complete ids it owns."""
    listed = provider["models"]
    written = {m["id"].lower() for m in listed}
    written.update(i for m in listed for i in _written_ids(m["match"]))
    owned: dict[int, list[str]] = {}
    for name in sorted({*written, *_KNOWN_IDS}):
        for position, model in enumerate(listed):
            if _matches(model["match"], name):
                owned.setdefault(position, []).append(name)
                break
    return owned


def _shortest_name(own: str, ids: list[str]) -> str:
    """The id without ``-latest`` where the model has one, else as the list names it."""
    plain = own.removesuffix("-latest")
    return next((name for name in (plain, own) if name in ids), ids[0])


def _written_ids(match: Json) -> Iterator[str]:
    """Ids a match spells out; a beginning counts unless it visibly breaks off."""
    for kind, value in match.items():
        if kind in ("or", "and"):
            for clause in value:
                yield from _written_ids(clause)
        elif kind == "equals" or (
            kind == "starts_with" and not re.search(r"([-@.]|-20\d*)$", value)
        ):
            yield value.lower()


def _matches(match: Json, name: str) -> bool:
    """Whether a published rule accepts a lower-case id; an unknown rule does not."""
    ((kind, value),) = match.items()
    if kind in ("or", "and"):
        accepted = [_matches(clause, name) for clause in value]
        return any(accepted) if kind == "or" else all(accepted)
    if kind == "regex":
        return re.search(value, name) is not None
    text = value.lower()
    return (
        (kind == "equals" and name == text)
        or (kind == "starts_with" and name.startswith(text))
        or (kind == "ends_with" and name.endswith(text))
        or (kind == "contains" and text in name)
    )


def _entries(model: Json) -> list[Entry]:
    """The dated prices of a published model; none when they are not certain."""
    published = model["prices"]
    dated = published if isinstance(published, list) else [{"prices": published}]
    entries: list[Entry] = []
    for one in dated:
        constraint = one.get("constraint") or {}
        entry = _entry(one["prices"])
        if entry is None or constraint.keys() - {"type", "start_date"}:
            return []
        if "start_date" in constraint:
            entry["valid_from"] = str(constraint["start_date"])
        entries.append(entry | _fast(model, entry) | _priority(model["id"]))
    return sorted(entries, key=lambda entry: str(entry.get("valid_from", "")))


def _entry(prices: Json) -> Entry | None:
    """One published price, or ``None`` when text tokens are not all it bills."""
    if "input_mtok" not in prices or "output_mtok" not in prices:
        return None
    given = {ours: prices[key] for key, ours in _KEYS.items() if prices.get(key)}
    if not given.keys() >= {"input", "output"}:
        return None
    entry: Entry = {name: _at(price, 0) for name, price in given.items()}
    tiers = {t["start"] for p in given.values() for t in _tiers(p)}
    if tiers:
        entry["above"] = {
            str(start): {name: _at(price, start) for name, price in given.items()}
            for start in sorted(tiers)
        }
    if searches := prices.get("web_searches_kcount"):
        entry["web_search"] = Decimal(str(searches)) / 1000
    return entry


def _tiers(price: Any) -> list[Json]:
    return list(price["tiers"]) if isinstance(price, Mapping) else []


def _at(price: Any, start: int) -> Decimal:
    """The price of prompts just above ``start`` tokens, USD per million."""
    value = price["base"] if isinstance(price, Mapping) else price
    for tier in sorted(_tiers(price), key=lambda tier: int(tier["start"])):
        if tier["start"] <= start and start:
            value = tier["price"]
    return Decimal(str(value))


def _fast(model: Json, entry: Entry) -> Entry:
    """The factor of the vendor's fast mode, where it is one for all classes."""
    for variant in model.get("price_variants") or ():
        if variant.get("when") == {"speed": "fast"} and not variant.get("constraint"):
            fast = _entry(variant["prices"]) or {}
            factors = {fast[c] / entry[c] for c in _KEYS.values() if c in fast}
            if len(factors) == 1:
                return {"fast": factors.pop()}
    return {}


_PRIORITY = {
    "2.5": "gpt-5.5",
    "2": "gpt-5 gpt-5.1 gpt-5.2 gpt-5.3-codex gpt-5.4 gpt-5.4-mini gpt-5.6-sol"
    " gpt-5.6-terra gpt-5.6-luna gpt-6-sol gpt-6-luna gpt-6-astra gpt-6.1-sol"
    " gpt-6.1-terra",
    "1.8": "gpt-5-mini",
}
"""Factor of OpenAI's priority tier → models; genai-prices has none. As LiteLLM 1.109.1
(MIT) lists them: the same for every class of a model."""


def _priority(model: str) -> Entry:
    """The factor of the priority tier, where one is published."""
    for factor, models in _PRIORITY.items():
        if model in models.split():
            return {"priority": Decimal(factor)}
    return {}
