"""One JSON document per call: the frame that every command's figures stand in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from burnmon.text import cells

SCHEMA_VERSION = 1


def instant(at: datetime | None) -> str | None:
    """An instant as ISO-8601 UTC with a ``Z``, whole seconds; None stays None."""
    if at is None:
        return None
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def print_document(now: datetime, fields: Mapping[str, Any]) -> None:
    """Print ``fields`` behind the schema's version and the time they are true for.

    Instants, decimals and tuples are written as the interface promises: of a decimal
    every digit, so that sums of what is printed are as exact as the decimals.
    """
    head = {"schema_version": SCHEMA_VERSION, "generated_at": instant(now)}
    print(_json({**head, **fields}))


def _json(value: object, margin: str = "\n") -> str:
    """A value as ``json.dumps`` with an indent of two writes it, decimals in full."""
    inner = f"{margin}  "
    if isinstance(value, Mapping):
        parts = [f"{json.dumps(str(k))}: {_json(v, inner)}" for k, v in value.items()]
        return _enclosed("{}", parts, margin)
    if isinstance(value, list | tuple):
        return _enclosed("[]", [_json(each, inner) for each in value], margin)
    if isinstance(value, Decimal):
        return digits(value)
    if isinstance(value, datetime):
        return json.dumps(instant(value))
    return json.dumps(value)


def _enclosed(brackets: str, parts: Sequence[str], margin: str) -> str:
    if not parts:
        return brackets
    inside = ",".join(f"{margin}  {each}" for each in parts)
    return f"{brackets[0]}{inside}{margin}{brackets[1]}"


def digits(value: Decimal) -> str:
    """A decimal as a JSON number: all its digits, a point, and no more zeros."""
    whole, _, part = f"{value:f}".partition(".")
    return f"{whole}.{part.rstrip('0') or '0'}"


def wrapped(words: str, width: int, indent: str = "  ") -> Iterator[str]:
    """The words in lines of at most ``width`` cells, all but the first indented.

    A mark at the beginning keeps its first word; a word that is too long stands out.
    """
    body = words.lstrip(" ")
    line = lead = " " * (len(words) - len(body))
    for word in body.split(" "):
        if cells(line.strip()) > 1 and cells(line) + 1 + cells(word) > width:
            yield line.rstrip()
            line = lead = indent
        line += word if line == lead else f" {word}"
    yield line
