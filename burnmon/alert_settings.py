"""The ``[alerts]`` table: what a person is told, when, and how.

Pure, and light: every command that reads settings loads it. What is wrong in the table
is a ValueError that names the key; ``config`` names the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

KEYS: dict[str, type] = {
    "channels": list,
    "kinds": list,
    "thresholds": list,
    "quiet": str,
    "command": str,
    "runaway": float,
    "cold": float,
}
"""Every key of the table with its type; see ``Alerts`` for the meanings."""

CHANNELS = ("screen", "bell", "tmux", "osc9", "osc777", "osc99")
KINDS = ("limit", "budget", "runaway", "cold", "waiting")

_QUIET = r"([01]\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]\d|2[0-3]):([0-5]\d)"


class Alerts(Struct, frozen=True):
    """What is told, when, and how."""

    channels: tuple[str, ...] = ("screen", "bell", "tmux")
    """``screen``: the Events pane; ``bell``: for alarms; ``tmux``: a message in the
    status line; ``osc9``, ``osc777``, ``osc99``: a notification of the desktop, in the
    one form that the terminal knows. None at all: nobody is told anything."""
    kinds: tuple[str, ...] = KINDS
    """``limit``, ``budget``, ``runaway``, ``cold``, ``waiting``."""
    thresholds: tuple[int, ...] = (75, 90, 95)
    """Percentages of use that are told when they are passed, rising."""
    quiet: tuple[int, int] | None = None
    """Minutes of the local day between which nothing is told: ``"22:00-07:00"``."""
    command: str = ""
    """A command for the shell that gets each alert as JSON on standard input."""
    runaway: float = 3.0
    """So many times one's own busy pace is a runaway."""
    cold: float = 1.0
    """Dollars from which a cache that is about to go cold is worth telling."""

    @property
    def ways(self) -> tuple[str, ...]:
        """All ways in which something is told; without one nothing ever is."""
        return (*self.channels, "command") if self.command else self.channels


USUAL = Alerts()
"""What is in force where the config file says nothing."""


def alerts_of(table: Mapping[str, Any]) -> Alerts:
    """The table as settings; its keys and types were checked. Raises ValueError."""
    return Alerts(
        channels=_words(table, "channels", CHANNELS, USUAL.channels),
        kinds=_words(table, "kinds", KINDS, USUAL.kinds),
        thresholds=_thresholds(table.get("thresholds", USUAL.thresholds)),
        quiet=_quiet(table.get("quiet", "")),
        command=table.get("command", USUAL.command).strip(),
        runaway=_above(table, "runaway", 1, USUAL.runaway),
        cold=_above(table, "cold", 0, USUAL.cold),
    )


def _words(
    table: Mapping[str, Any], key: str, known: Sequence[str], usual: tuple[str, ...]
) -> tuple[str, ...]:
    chosen = table.get(key, usual)
    for word in chosen:
        if word not in known:
            raise ValueError(f"{key}: unknown {word!r}; known: {', '.join(known)}")
    return tuple(word for word in known if word in chosen)


def _thresholds(values: Sequence[object]) -> tuple[int, ...]:
    for value in values:
        if type(value) is not int or not 0 < value < 100:
            raise ValueError(f"thresholds take percentages from 1 to 99, not {value!r}")
    return tuple(sorted({value for value in values if isinstance(value, int)}))


def _quiet(words: str) -> tuple[int, int] | None:
    if not words:
        return None
    found = re.fullmatch(_QUIET, words.strip())
    if found is None:
        raise ValueError(f'quiet takes "22:00-07:00", not {words!r}')
    hours = [int(each) for each in found.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start == end:
        raise ValueError("quiet begins when it ends; channels = [] tells nothing ever")
    return start, end


def _above(table: Mapping[str, Any], key: str, least: float, usual: float) -> float:
    value = table.get(key, usual)
    if not least <= value < 1e6:
        raise ValueError(f"{key} takes a number from {least} on, not {value!r}")
    return float(value)
