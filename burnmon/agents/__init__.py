"""Where each agent's files are and what their lines mean; pure, one module per agent.

``AGENTS`` is the one list to extend. An agent's ``read`` gets complete lines and the
file's trail, and answers with facts; it opens nothing and knows no clock. Readers are
loaded when there is something to read: most commands find nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from msgspec import Struct

from burnmon.records import Facts, Trail
from burnmon.work import Work, WorkTrail


class Agent(Struct, frozen=True):
    """One coding tool, as far as its files are concerned."""

    name: str
    label: str
    """The name people use."""
    reader: str
    """Module of this package that reads its lines, and its function for that."""
    version: int
    """Raised when ``read`` learns to see more: known files are then read again."""
    owns: Callable[[str], bool]
    """Whether a path relative to the root is one of the agent's session files."""
    trees: tuple[str, ...] = ()
    """Directories below a root that hold session files, at any depth."""
    documents: tuple[str, ...] = ()
    """Files below a root that belong to it as well, by name."""
    whole: bool = False
    """Its files are one document each, which is replaced: ``read`` gets all of it."""
    worker: str = ""
    """Module of this package that reads lines for work; empty if they state none."""
    work_version: int = 0
    """Raised when ``work`` learns to see more."""

    @property
    def trail(self) -> Callable[[str], Trail]:
        """The trail of a file that was not read yet, from its path below the root."""
        found: Callable[[str], Trail] = _loaded(self.reader).trail
        return found

    @property
    def read(self) -> Callable[[Sequence[bytes], Trail, str], Facts]:
        """Facts of lines in order, changing the trail; the third is the account."""
        name = self.reader.partition(":")[2]
        found: Callable[[Sequence[bytes], Trail, str], Facts]
        found = getattr(_loaded(self.reader), name)
        return found

    @property
    def work(self) -> Callable[[Sequence[bytes], WorkTrail, str], Work]:
        """What lines state of edits and commits, like ``read``."""
        found: Callable[[Sequence[bytes], WorkTrail, str], Work]
        found = _loaded(self.worker).work
        return found


def load(agents: Iterable[str], work: bool = False) -> None:
    """Load readers, of ``work`` too if asked: before processes fork that need them."""
    for name in agents:
        agent = AGENTS[name]
        _loaded(agent.reader)
        if work and agent.worker:
            _loaded(agent.worker)


def _loaded(reader: str) -> Any:
    return import_module(f"{__name__}.{reader.partition(':')[0]}")


def _is_transcript(path: str) -> bool:
    """Claude's lie beside each other or in ``subagents``; the rest are results."""
    parts = path.split("/")
    return path.endswith(".jsonl") and (len(parts) == 3 or "subagents" in parts[3:-1])


def _is_rollout(path: str) -> bool:
    """Codex' are plain or compressed, whatever their name."""
    name = path.rsplit("/", 1)[-1]
    return name.endswith((".jsonl", ".jsonl.zst"))


def _is_recording(path: str) -> bool:
    """One file a month."""
    return path.endswith(".jsonl")


def _is_document(path: str) -> bool:
    """Whole ones; one that is being written has a name with a dot."""
    name = path.rsplit("/", 1)[-1]
    return name.endswith(".json") and not name.startswith(".")


AGENTS: dict[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            "claude",
            "Claude",
            "claude:read",
            3,
            _is_transcript,
            ("projects",),
            worker="claude_work",
            work_version=3,
        ),
        Agent(
            "codex",
            "Codex",
            "codex:read",
            4,
            _is_rollout,
            ("sessions", "archived_sessions"),
            worker="codex_work",
            work_version=2,
        ),
        Agent(
            "recordings",
            "Claude status line",
            "statusline:read",
            1,
            _is_recording,
            ("recordings",),
        ),
        Agent(
            "claude.json",
            "Claude Code's state",
            "answers:read_state",
            1,
            _is_document,
            documents=(".claude.json",),
            whole=True,
        ),
        Agent(
            "answers",
            "Claude's usage endpoint",
            "answers:read_answer",
            1,
            _is_document,
            ("answers",),
            whole=True,
        ),
    )
}
