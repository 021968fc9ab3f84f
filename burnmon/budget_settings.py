"""The ``[budgets]`` table: what a person wants to spend at most.

Pure, and light: every command that reads settings loads it. What is wrong in the table
is a ValueError that names the key; ``config`` names the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

PERIODS: dict[str, type] = {"day": float, "week": float, "month": float}
"""What a budget may be for, with the type of the dollars."""

KEYS: dict[str, type] = {**PERIODS, "projects": dict}
"""Every key of the table with its type; ``projects`` has a table of each project."""


class Budget(NamedTuple):
    """Dollars of list price that one wants to spend at most in a period."""

    kind: str
    """One of ``PERIODS``: the local day, the week from Monday, the month."""
    dollars: float
    project: str = ""
    """Part of the directories it is for, as ``--project`` takes it; empty for all."""


def budgets_of(table: Mapping[str, Any]) -> tuple[Budget, ...]:
    """The table as settings; its keys and types were checked. Raises ValueError."""
    found = _budgets("", "", table)
    for name, periods in table.get("projects", {}).items():
        if not name:
            raise ValueError("projects takes parts of directories, not ''")
        found += _budgets(name, f"projects.{name}.", periods)
    return tuple(found)


def _budgets(project: str, place: str, table: Mapping[str, Any]) -> list[Budget]:
    stated = [(kind, table[kind]) for kind in PERIODS if kind in table]
    for kind, dollars in stated:
        if not 0 < dollars < 1e9:
            raise ValueError(f"{place}{kind} takes dollars above 0, not {dollars!r}")
    return [Budget(kind, float(dollars), project) for kind, dollars in stated]
