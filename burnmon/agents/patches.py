"""What a patch does to files: Codex's own notation, and unified diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from burnmon.agents.lines import LONGEST_TEXT


class Change(NamedTuple):
    """The lines that one file won and lost."""

    path: str
    """Where it is afterwards."""
    added: list[bytes]
    removed: list[bytes]


_BEGIN = re.compile(
    r"\*\*\* Begin Patch(?:(?<=^.{15})|(?<=[\"'].{15}))\s*$", re.MULTILINE
)
"""At the beginning of a line or of a text in quotes."""
_END = "*** End Patch"
_FILE = re.compile(r"\*\*\* (?:Add|Update|Delete) File: (.+)")
_MOVED = "*** Move to: "


def patched(text: str) -> list[Change]:
    """Changes of the patches in a text, a file each; what is deleted is not in them."""
    changes: dict[str, Change] = {}
    for patch in _begun(text[:LONGEST_TEXT]):
        for change in _files(patch.split("\n")):
            before = changes.setdefault(change.path, change)
            if before is not change:
                before.added.extend(change.added)
                before.removed.extend(change.removed)
    return list(changes.values())


def _begun(text: str) -> Iterator[str]:
    """What is between the first line of each patch and its last."""
    begins = [*_BEGIN.finditer(text)]
    for found, after in zip_longest(begins, begins[1:]):
        stop = after.start() if after else len(text)
        # A quote before the next one is no part of this one.
        stop -= after is not None and text[stop - 1] in "\"'"
        end = text.find(f"\n{_END}", found.end() - 1, stop)
        yield text[found.end() : stop if end < 0 else end + 1]


def _files(lines: list[str]) -> list[Change]:
    changes: list[Change] = []
    for line in lines:
        if found := _FILE.match(line):
            changes.append(Change(found[1].strip(), [], []))
        elif line.startswith(_MOVED) and changes:
            path = line.removeprefix(_MOVED).strip()
            changes[-1] = changes[-1]._replace(path=path)
        elif line.startswith("+") and changes:
            changes[-1].added.append(_bytes(line[1:]))
        elif line.startswith("-") and changes:
            changes[-1].removed.append(_bytes(line[1:]))
    return changes


def of_diff(path: str, diff: str) -> Change:
    """The change that the hunks of a unified diff make."""
    begin = max(diff.find("@@"), 0)
    lines = diff[begin : begin + LONGEST_TEXT].split("\n")
    return Change(
        path,
        [_bytes(line[1:]) for line in lines if line.startswith("+")],
        [_bytes(line[1:]) for line in lines if line.startswith("-")],
    )


def all_lines(text: str) -> list[bytes]:
    """The lines of a whole file."""
    whole = _bytes(text[:LONGEST_TEXT])
    return whole.removesuffix(b"\n").split(b"\n") if text else []


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
