"""The files that hold prices: the user's ``prices.toml`` and tables as JSON.

Checks what a person wrote and names file and key where it is wrong; writes and reads
the table's own form. Knows no rule of pricing and no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from burnmon.config_file import LARGEST, parsed
from burnmon.errors import ConfigError
from burnmon.files import content

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
"""The token classes that are priced apart: the fields of ``Usage``."""

Entry = dict[str, Any]
"""One dated price as the files spell it; the keys are those of ``prices.toml``."""

Models = dict[str, list[Entry]]
"""Dated prices by model, oldest first."""

Aliases = dict[str, str]
"""Other names → the model they mean."""

_LEAST, _MOST = Decimal("1e-12"), Decimal("1e9")
_NUMBERS = {*CLASSES, "fast", "priority", "web_search"}
_KEYS = {*_NUMBERS, "valid_from", "above"}


def instant(value: object) -> datetime:
    """A start as the files spell it → aware UTC; a day starts at 00:00 UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
        value = value if value.tzinfo else value.date()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError


def read_users(path: Path) -> tuple[Models, Aliases]:
    """The prices and nicknames of a ``prices.toml``; ``ConfigError`` names the key."""
    try:
        stated = parsed(content(path, LARGEST).decode(), Decimal)
    except (OSError, ValueError, ArithmeticError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    for key in stated.keys() - {"models"}:
        raise ConfigError(f"{path}: unknown key {key}; only models is known")
    models, aliases = Models(), Aliases()
    for model, value in _mapping(path, "models", stated.get("models", {})).items():
        where = f'models."{model}"'
        if isinstance(value, Mapping) and "alias_of" in value:
            aliases[model.lower()] = _alias(path, where, value)
        else:
            models[model.lower()] = _entries(path, where, value)
    return models, aliases


def _mapping(path: Path, where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: {where} must be a table, not {value!r}")
    return value


def _alias(path: Path, where: str, value: Mapping[str, Any]) -> str:
    for key in value.keys() - {"alias_of"}:
        raise ConfigError(f"{path}: {where}.{key} cannot stand beside alias_of")
    if not isinstance(target := value["alias_of"], str):
        raise ConfigError(f"{path}: {where}.alias_of must be a model's name")
    return target


def _entries(path: Path, where: str, value: object) -> list[Entry]:
    """The dated prices of one model, oldest first."""
    listed = value if isinstance(value, list) else [value]
    entries = [_entry(path, where, _mapping(path, where, one)) for one in listed]
    starts = [entry.get("valid_from") for entry in entries]
    if not entries or len(set(starts)) < len(starts):
        raise ConfigError(f"{path}: {where}.valid_from must differ in every price")
    return sorted(entries, key=_start)


def _start(entry: Entry) -> datetime:
    return entry.get("valid_from") or datetime.min.replace(tzinfo=UTC)


def _entry(path: Path, where: str, value: Mapping[str, Any]) -> Entry:
    for key in value.keys() - _KEYS:
        known = ", ".join(sorted({*_KEYS, "alias_of"}))
        raise ConfigError(f"{path}: {where}.{key} is unknown; known are {known}")
    for key in ("input", "output"):
        if key not in value:
            raise ConfigError(f"{path}: {where}.{key} is missing")
    entry: Entry = {"origin": "yours", **_numbers(path, where, value)}
    if "valid_from" in value:
        entry["valid_from"] = _valid_from(path, where, value["valid_from"])
    if "above" in value:
        entry["above"] = _tiers(path, f"{where}.above", value["above"])
    return entry


def _valid_from(path: Path, where: str, value: object) -> datetime:
    try:
        return instant(value)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{path}: {where}.valid_from must be a date, or a time with an offset,"
            f" not {value!r}"
        ) from error


def _numbers(path: Path, where: str, value: Mapping[str, Any]) -> Entry:
    numbers = {key: value[key] for key in value.keys() & _NUMBERS}
    for key, number in numbers.items():
        plain = isinstance(number, int | Decimal) and not isinstance(number, bool)
        if not plain or not is_price(Decimal(number)):
            raise ConfigError(
                f"{path}: {where}.{key} must be a number of 0 or more, not {number}"
            )
    return numbers


def figure(text: str) -> Decimal:
    """A number as others wrote it; ValueError for one of endlessly many digits."""
    number = Decimal(text)
    if not -30 < number.adjusted() < 30:
        raise ValueError(f"{text} is no price")
    return number


def is_price(number: Decimal) -> bool:
    """Whether a number can be dollars, or a factor on them.

    Very large and very small ones are mistakes, and take for ever to be written out.
    """
    return number.is_finite() and (not number or _LEAST <= number <= _MOST)


def _tiers(path: Path, where: str, value: object) -> dict[str, Entry]:
    tiers = {}
    for size, prices in _mapping(path, where, value).items():
        if not re.fullmatch(r"[1-9][0-9]{0,11}", size):
            raise ConfigError(f"{path}: {where}.{size} must be a number of tokens")
        for key in _mapping(path, f"{where}.{size}", prices).keys() - set(CLASSES):
            raise ConfigError(f"{path}: {where}.{size}.{key} is unknown")
        tiers[size] = _numbers(path, f"{where}.{size}", prices)
    return tiers


def read_table(path: Path) -> dict[str, Any]:
    """A table that ``dump`` wrote; ``ConfigError`` when it is something else."""
    try:
        table: dict[str, Any] = json.loads(content(path), parse_float=figure)
        date.fromisoformat(table["dated"])
        entries = [e for es in table["models"].values() if type(es) is list for e in es]
        complete = all("input" in e and "output" in e for e in entries)
        if not complete or not isinstance(table["source"], str):
            raise ValueError("a price is missing")
    except (OSError, *NOT_A_TABLE) as error:
        raise no_table(path, error) from error
    return table


NOT_A_TABLE = (
    *(ValueError, KeyError, TypeError, AttributeError, ArithmeticError),
    RecursionError,
)
"""What comes of taking something else for a price table."""


def no_table(path: Path, error: Exception) -> ConfigError:
    """Says that a file is not what it should be."""
    return ConfigError(
        f"{path}: not a price table, delete it or fetch it anew: {error!r}"
    )


def dump(source: str, dated: date, measured: date, models: Mapping[str, object]) -> str:
    """The text of a table: JSON with one model to a line, sorted by name."""
    head = {
        "source": source,
        "dated": dated.isoformat(),
        "measured": measured.isoformat(),
        "credit": "genai-prices, MIT licence, (c) Pydantic Services Inc.",
    }
    lines = [f"{_line(key)}: {_line(value)}" for key, value in head.items()]
    rows = [f"{_line(name)}: {_line(models[name])}" for name in sorted(models)]
    return "{\n" + ",\n".join([*lines, '"models": {\n' + ",\n".join(rows)]) + "\n}}\n"


def _line(value: object) -> str:
    return json.dumps(value, default=_number, ensure_ascii=False)


def _number(value: object) -> float:
    """A price for JSON; the shortest float that reads back as the same decimal."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is not a price")
    return int(value) if value == value.to_integral_value() else float(value)
