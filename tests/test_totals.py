"""Totals are those that a plain reading finds, however oddly the lines are written."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import homes
import plain
import pytest

from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import load
from burnmon.usage.report import Question, Row, report

NEAR = 2048
"""How far from its end a line states its usage, if it may follow another unparted."""


def reported(ledger: Ledger, by: str) -> dict[str, plain.Sum]:
    """The rows of a report by agent, day or model."""
    prices, question = load(), Question(by)
    sums = ledger.sums(question.columns, *prices.cuts(ledger.models()))
    found = report(sums, question, prices)
    alone = [prices.cost(each) for each in ledger.requests()]
    assert (found.total.cost or 0) == sum(each for each in alone if each is not None)
    assert found.total.unpriced == alone.count(None)
    return {each.key: _sum(each) for each in found.rows}


def _sum(row: Row) -> plain.Sum:
    used = row.usage
    written = used.cache_write_5m, used.cache_write_1h
    return (row.requests, used.input, used.output, used.cache_read, *written)


def cells(ledger: Ledger) -> dict[plain.Cell, plain.Sum]:
    """The ledger's requests by agent, day and model."""
    found: dict[plain.Cell, plain.Sum] = {}
    for each in ledger.requests():
        used = each.usage
        written = used.cache_write_5m, used.cache_write_1h
        one = (1, used.input, used.output, used.cache_read, *written)
        cell = (each.agent, each.at.date().isoformat(), each.model)
        found[cell] = plain.plus(found.get(cell, (0,) * 6), one)
    return found


def agree(ledger: Ledger, root: Path) -> None:
    """Assert that the ledger holds what a plain reading of its home finds."""
    expected = plain.totals(root, root)
    assert cells(ledger) == expected
    for place, name in enumerate(("agent", "day", "model")):
        assert reported(ledger, name) == plain.by(expected, place)


def test_every_shape(tmp_path: Path) -> None:
    """Reports of a home with every known shape add up to what is plainly there."""
    ledger = homes.absorbed(tmp_path, homes.every_shape())
    agree(ledger, tmp_path)
    assert {agent for agent, _, _ in cells(ledger)} == {"claude", "codex"}


def oddly(contents: bytes, codex: bool, chance: random.Random) -> Iterator[bytes]:
    """Lines of a file as no agent ever wrote them, but as JSON allows them to be."""
    lines = contents.splitlines()
    for number, line in enumerate(lines):
        then = b"".join(lines[number + 1 : number + 2])
        kind = chance.randrange(14)
        try:
            found = json.loads(line)
        except ValueError:
            kind = 13  # odd enough as it is
        match kind:
            case 0:
                yield json.dumps(found).encode() + b"\n"
            case 1:
                yield json.dumps(found, sort_keys=True).encode() + b"\n"
            case 2:
                yield homes.packed(dict(reversed(found.items()))) + b"\n"
            case 3:
                yield line + b"\n" + line + b"\n"
            case 4 if number:
                pass  # lost
            case 5 if not codex:
                yield line[: chance.randrange(len(line))] + b"\n"
            case 6 if not codex and len(then) < NEAR:
                yield line + then + b"\n"
            case 7:
                yield line + b" \r\n\n"
            case _:
                yield line + b"\n"


@pytest.mark.parametrize("seed", range(60))
def test_odd_lines(seed: int, tmp_path: Path) -> None:
    """Whatever way of writing a line takes, its request counts as it would plainly."""
    chance = random.Random(seed)
    files = {
        path: b"".join(oddly(contents, path.startswith(("sessions", "arch")), chance))
        for path, contents in homes.every_shape().items()
        if path.endswith(".jsonl")
    }
    ledger = homes.absorbed(tmp_path, files)
    assert cells(ledger) == plain.totals(tmp_path, tmp_path)
