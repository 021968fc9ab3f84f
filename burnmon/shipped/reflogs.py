"""Reads reflogs: which commits there were, and what amends and rebases made of them.

Pure; only a local repository has them, and only for some weeks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from burnmon.shipped.commits import Header

_LINE = re.compile(
    rb"^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^>\n]*> (\d{1,20}) [+-]\d+\t(.*)$",
    re.MULTILINE,
)
_AMEND = "commit (amend):"
_STEP = re.compile(r"^(?:rebase|pull)\b[^():]*\(([a-z]+)\):? ?(.*)$")
_TAKEN = frozenset(("pick", "reword", "edit", "continue"))
_LONGEST = 1000
"""Commits of a branch that are looked through for what was rebased."""
_MADE_TO_FOLD = re.compile(r"^(?:(?:fixup|squash|amend)! )+")
_FOLDED = frozenset(("fixup", "squash"))


class Entry(NamedTuple):
    """A move of a ref or of HEAD."""

    old: str
    new: str
    at: int
    message: str


def entries(raw: bytes) -> list[Entry]:
    """The moves in a reflog's file, oldest first; other lines are passed over."""
    return [
        Entry(old.decode(), new.decode(), int(at), message.decode("utf-8", "replace"))
        for old, new, at, message in _LINE.findall(raw)
    ]


def named(logs: Iterable[list[Entry]]) -> set[str]:
    """All commits that reflogs name."""
    found = {sha for log in logs for entry in log for sha in (entry.old, entry.new)}
    return {sha for sha in found if sha.strip("0")}


def rewritten(
    logs: Iterable[list[Entry]], known: Mapping[str, Header]
) -> dict[str, str]:
    """What became of rewritten commits in the end: old SHA → newest SHA.

    ``logs`` are those of HEADs: only they tell the steps of a rebase.
    """
    found: dict[str, str] = {}
    for log in logs:
        begun: Entry | None = None
        steps: list[tuple[str, str, Entry]] = []
        for entry in log:
            if entry.message.startswith(_AMEND):
                found[entry.old] = entry.new
            step = _STEP.match(entry.message)
            if step is None:
                continue
            verb, words = step.groups()
            if verb == "start":
                begun, steps = entry, []
            elif verb == "finish" and begun is not None:
                found.update(_rebased(begun.old, steps, known))
                begun = None
            else:
                steps.append((verb, words, entry))
    return _resolved(found)


def _rebased(
    tip: str, steps: list[tuple[str, str, Entry]], known: Mapping[str, Header]
) -> Iterator[tuple[str, str]]:
    """What a rebase made of the commits below the old tip."""
    kept = _line(steps[-1][2].new, known, set()) if steps else []
    left = _line(tip, known, {each.sha for each in kept})
    unclear: list[str] = []
    for verb, subject, entry in steps:
        old: Header | None = None
        if verb in _FOLDED:
            yield entry.old, entry.new
            left = [each for each in left if each.sha != entry.old]
            old = next((each for each in left if _folds(each, subject)), None)
            unclear += [] if old else [entry.new]
        elif verb in _TAKEN and (new := known.get(entry.new)):
            old = next((each for each in left if _same(each, new)), None)
        if old is not None:
            left.remove(old)
            yield old.sha, entry.new
    if len(unclear) == len(left):  # nothing was dropped: they come in their order
        yield from zip((each.sha for each in left), unclear, strict=True)


def _line(tip: str, known: Mapping[str, Header], end: set[str]) -> list[Header]:
    """Commits below a tip along first parents, oldest first."""
    found: list[Header] = []
    while tip in known and tip not in end and len(found) < _LONGEST:
        found.append(known[tip])
        tip = next(iter(known[tip].parents), "")
    return found[::-1]


def _folds(commit: Header, subject: str) -> bool:
    """Whether a commit was made to go into the one with a subject."""
    target = _MADE_TO_FOLD.sub("", commit.subject)
    return target == subject != commit.subject


def _same(one: Header, other: Header) -> bool:
    return (one.authored_at, one.author_email) == (
        other.authored_at,
        other.author_email,
    )


def _resolved(found: Mapping[str, str]) -> dict[str, str]:
    """Each step led to its end; a circle, made by resetting, is left out."""
    led: dict[str, str] = {}
    for old in found:
        sha, seen = old, {old}
        while (after := found.get(sha)) and after not in seen:
            seen.add(after)
            sha = after
        if sha != old:
            led[old] = sha
    return led
