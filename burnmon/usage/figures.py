"""How a session's edits fared, as figures: carried out, and not done again.

Pure. They are figures, not grades: a person who refuses much may be careful, and an
edit that is done again may have been the right first step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from burnmon.why import EditFigures
from burnmon.work import SIZE, Edit


def edit_figures(sessions: Iterable[Sequence[Edit]]) -> EditFigures:
    """What the edits of sessions, each oldest first, came to.

    An edit is redone if a later one of the session takes out, of the same file, a line
    that it had put in. Trivial lines say nothing; an edit of nothing else is left out.
    """
    asked: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    kept = telling = 0
    for edits in sessions:
        for each in edits:
            if each.outcome != "failed":
                asked[each.tool] += 1
                accepted[each.tool] += each.outcome == "accepted"
        done = _kept([each for each in edits if each.outcome == "accepted"])
        kept, telling = kept + done[0], telling + done[1]
    by_tool = tuple((tool, accepted[tool], n) for tool, n in asked.most_common())
    return EditFigures(by_tool, kept, telling)


def _kept(edits: Sequence[Edit]) -> tuple[int, int]:
    """How many edits were not redone, of how many that can be told of."""
    taken: dict[str, set[bytes]] = {}
    kept = telling = 0
    for each in reversed(edits):
        gone = taken.setdefault(each.path, set())
        added = _lines(each.added)
        if added:
            telling += 1
            kept += gone.isdisjoint(added)
        # What it takes out itself and puts back in has only moved.
        gone |= _lines(each.removed) - added
    return kept, telling


def _lines(fingerprints: bytes) -> set[bytes]:
    return {fingerprints[at : at + SIZE] for at in range(0, len(fingerprints), SIZE)}
