"""One JSON document per call: the frame that every command's figures stand in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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

    Instants, decimals and tuples are written as the interface promises.
    """
    head = {"schema_version": SCHEMA_VERSION, "generated_at": instant(now)}
    print(json.dumps({**head, **fields}, indent=2, default=_plain_value))


def _plain_value(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return instant(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


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
