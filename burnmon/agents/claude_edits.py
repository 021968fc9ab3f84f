"""What a call of Claude Code's editing tools changes, and what its result says of it.

Of lines only numbers and fingerprints leave this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

import msgspec

from burnmon.agents.lines import LONGEST_TEXT, UNREADABLE
from burnmon.agents.shell_text import absolute
from burnmon.work import fingerprints

EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")

Lines = list[bytes]
Marks = tuple[int, int, str, str]
"""Numbers of removed and added lines, and their fingerprints, in hexadecimal digits."""

_COMPARED = 200
"""Texts of this many lines are compared in their order: it takes the cube of them."""
_MOST_COMPARED = 100 * _COMPARED**2
"""Pairs of lines in all steps of one call up to which that is done."""
_ABSENT = msgspec.Raw(b"")


def marked(gone: Lines, come: Lines) -> Marks:
    """What is kept of removed and added lines."""
    return len(gone), len(come), fingerprints(gone).hex(), fingerprints(come).hex()


# --- what a call asks for ------------------------------------------------------------


def place(given: dict[str, Any], cwd: str) -> str:
    """The file a call names, seen from its directory; empty where it names none."""
    path = given.get("file_path") or given.get("notebook_path")
    if not isinstance(path, str):
        return ""
    if not path.startswith("/"):
        path = path.replace("\\", "/")
    return absolute(path, cwd)


def asked(tool: str, given: dict[str, Any]) -> Marks:
    """Lines that a call asks to remove and to add."""
    if tool == "Write":
        return marked([], _lines(given.get("content")))
    if tool == "NotebookEdit":
        return marked([], _lines(given.get("new_source")))
    steps = given.get("edits") if tool == "MultiEdit" else [given]
    gone: Lines = []
    come: Lines = []
    compared = 0
    for each in steps if isinstance(steps, list) else []:
        if isinstance(each, dict):
            old, new = _lines(each.get("old_string")), _lines(each.get("new_string"))
            compared += len(old) * len(new)
            removed, added = _difference(old, new, compared <= _MOST_COMPARED)
            gone += removed
            come += added
    return marked(gone, come)


def _lines(text: object) -> Lines:
    if not isinstance(text, str):
        return []
    return text[:LONGEST_TEXT].encode("utf-8", "replace").splitlines()


def _difference(old: Lines, new: Lines, in_order: bool = True) -> tuple[Lines, Lines]:
    """Lines that only one of two texts has.

    Where there are many, or order is not asked for, lines that only moved are taken
    for unchanged.
    """
    same = _alike(zip(old, new, strict=False))
    old, new = old[same:], new[same:]
    same = _alike(zip(reversed(old), reversed(new), strict=False))
    old, new = old[: len(old) - same], new[: len(new) - same]
    if not in_order or len(old) * len(new) > _COMPARED**2:
        had, has = Counter(old), Counter(new)
        return [*(had - has).elements()], [*(has - had).elements()]
    gone: Lines = []
    come: Lines = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag != "equal":
            gone += old[a:b]
            come += new[c:d]
    return gone, come


def _alike(pairs: Iterable[tuple[bytes, bytes]]) -> int:
    """How many pairs are equal before the first that is not."""
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


# --- what a result tells -------------------------------------------------------------


class _Hunk(msgspec.Struct):
    lines: list[str] = []


class Result(msgspec.Struct):
    """What a tool told of what it did; only some tell anything."""

    type: str | None = None
    structuredPatch: list[_Hunk] | None = None
    content: msgspec.Raw = _ABSENT
    originalFile: msgspec.Raw = _ABSENT
    original_file: str | None = None
    updated_file: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    backgroundTaskId: str | None = None
    gitOperation: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(Result).decode


def result(raw: msgspec.Raw) -> Result:
    """A result; empty where it is mere text or has no such shape."""
    try:
        return _decode(raw)
    except UNREADABLE:
        return Result()


def told(result: Result) -> Marks | None:
    """Lines that were really removed and added; None if the result does not tell."""
    if result.structuredPatch:
        lines = [line for hunk in result.structuredPatch for line in hunk.lines]
        return marked(_beginning("-", lines), _beginning("+", lines))
    # A file that is new has an empty patch too, and so has one that took too long.
    if result.type == "update" and bytes(result.content) == bytes(result.originalFile):
        return marked([], [])
    # A cell is written into its file as one long line, with all others around it.
    if result.original_file is not None and result.updated_file is not None:
        before, after = _lines(result.original_file), _lines(result.updated_file)
        return marked(*_difference(before, after))
    return None


def _beginning(sign: str, lines: list[str]) -> Lines:
    return [line[1:].encode("utf-8", "replace") for line in lines if line[:1] == sign]
