"""How edits fared: carried out, and not done again."""

from __future__ import annotations

from typing import Any

from burnmon.usage.figures import edit_figures
from burnmon.why import NO_EDITS
from burnmon.work import Edit, fingerprints


def edit(at: int, added: str = "", removed: str = "", **more: Any) -> Edit:
    """An accepted edit of ``/w/a.py`` that puts lines in and takes lines out."""
    fields: dict[str, Any] = {
        "key": at,
        "at": at,
        "outcome": "accepted",
        "tool": "Edit",
        "path": "/w/a.py",
        "lines_added": 1,
        "lines_removed": 1,
        "added": fingerprints(added.encode().split(b"|")),
        "removed": fingerprints(removed.encode().split(b"|")),
        "session_id": "S1",
        "subagent": "",
        "project": "/w",
        "branch": "main",
        **more,
    }
    return Edit(**fields)


def test_acceptance_by_tool() -> None:
    """Edits that nobody refused, of those that could be done; by tool."""
    edits = [
        *(edit(n) for n in range(3)),
        edit(3, outcome="rejected"),
        edit(4, outcome="failed"),
        edit(5, tool="Write"),
    ]
    found = edit_figures([edits])
    assert found.by_tool == (("Edit", 3, 4), ("Write", 1, 1))
    assert found.accepted == (4, 5)


def test_edits_that_are_redone() -> None:
    """An edit is redone where a later one takes a line of it out of the same file."""
    edits = [
        edit(1, "first line|second line"),
        edit(2, "third line"),
        edit(3, "second line, better", "second line"),
        edit(4, "", "third line", path="/w/b.py"),
        edit(5, "", "third line", outcome="rejected"),
        edit(6, "}"),
    ]
    found = edit_figures([edits])
    assert (found.kept, found.telling) == (2, 3)


def test_line_that_moves() -> None:
    """A line that an edit takes out and puts back in was not redone."""
    edits = [edit(1, "first line"), edit(2, "new one|first line", "first line")]
    assert edit_figures([edits]).kept == 2


def test_sessions_do_not_redo_each_other() -> None:
    """Another session that goes on from there is no second attempt."""
    first, second = [edit(1, "first line")], [edit(2, "", "first line")]
    assert edit_figures([first, second]).kept == 1
    assert edit_figures([]) == NO_EDITS
