"""Where each agent's files are and what their lines mean; pure, one module per agent.

``AGENTS`` is the one list to extend. An agent's ``read`` gets complete lines and the
file's trail, and answers with facts; it opens nothing and knows no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from msgspec import Struct

from burnmon.agents import answers, claude, codex, statusline
from burnmon.records import Facts, Trail
from burnmon.work import Work, WorkTrail


class Agent(Struct, frozen=True):
    """One coding tool, as far as its files are concerned."""

    name: str
    label: str
    """The name people use."""
    version: int
    """Raised when ``read`` learns to see more: known files are then read again."""
    trees: tuple[str, ...]
    """Directories below a root that hold session files, at any depth."""
    owns: Callable[[str], bool]
    """Whether a path relative to the root is one of the agent's session files."""
    trail: Callable[[str], Trail]
    """The trail of a file that was not read yet, from its path relative to the root."""
    read: Callable[[Sequence[bytes], Trail, str], Facts]
    """Facts of lines in order, changing the trail; the third is the account."""
    documents: tuple[str, ...] = ()
    """Files below a root that belong to it as well, by name."""
    whole: bool = False
    """Its files are one document each, which is replaced: ``read`` gets all of it."""
    worker: str = ""
    """Module of this package that reads lines for work; empty if they state none."""
    work_version: int = 0
    """Raised when ``work`` learns to see more."""

    @property
    def work(self) -> Callable[[Sequence[bytes], WorkTrail, str], Work]:
        """What lines state of edits and commits, like ``read``.

        Loaded when it is asked for: most commands do without, and are quicker.
        """
        reader: Callable[[Sequence[bytes], WorkTrail, str], Work]
        reader = import_module(f"{__name__}.{self.worker}").work
        return reader


AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            "claude",
            "Claude",
            claude.VERSION,
            ("projects",),
            claude.owns,
            claude.trail,
            claude.read,
            worker="claude_work",
            work_version=3,
        ),
        Agent(
            "codex",
            "Codex",
            codex.VERSION,
            ("sessions", "archived_sessions"),
            codex.owns,
            codex.trail,
            codex.read,
            worker="codex_work",
            work_version=2,
        ),
        Agent(
            "recordings",
            "Claude status line",
            statusline.VERSION,
            ("recordings",),
            statusline.owns,
            statusline.trail,
            statusline.read,
        ),
        Agent(
            "claude.json",
            "Claude Code's state",
            answers.VERSION,
            (),
            answers.owns,
            answers.trail,
            answers.read_state,
            documents=(".claude.json",),
            whole=True,
        ),
        Agent(
            "answers",
            "Claude's usage endpoint",
            answers.VERSION,
            ("answers",),
            answers.owns,
            answers.trail,
            answers.read_answer,
            whole=True,
        ),
    )
}
