"""What the commands that Claude Code calls have in common: what they are told, and what
is in force for them.

They never fail: a monitor that breaks the thing it watches is worse than none. Whatever
cannot be read is left out, and a broken config file is as good as none. Only what such
a call needs is imported, for it starts anew each time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from burnmon import cli, files, places, text
from burnmon.cli.recording import table, word
from burnmon.live import status

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

    from burnmon.live.status import State

SAME_RESET = timedelta(minutes=10)
"""Two statements of a reset this close speak of the same window."""


def read_input() -> bytes:
    """All that stands on standard input; nothing where that is a terminal."""
    # Python has no stream where the descriptor was closed; a file opened later may
    # have taken its number. A terminal is a person who tries the command.
    if sys.stdin is None or os.isatty(0):
        return b""
    parts = []
    with suppress(OSError):
        while part := os.read(0, 1 << 16):
            parts.append(part)
    return b"".join(parts)


def write_output(content: bytes) -> None:
    """Write to standard output, as far as somebody reads."""
    if sys.stdout is None:
        return
    with suppress(OSError):
        while content:
            content = content[os.write(1, content) :]


def message_of(received: bytes) -> Mapping[str, Any]:
    """The JSON object in what was received; an empty one for anything else."""
    try:
        return table(json.loads(received))
    except (ValueError, RecursionError):
        return {}


def config_of(environ: Mapping[str, str], flag: str) -> Mapping[str, Any]:
    """The config file unchecked; empty when there is none or it is broken."""
    path = places.config_file(environ, flag)
    if not os.path.exists(path):  # noqa: PTH110 - pathlib is not loaded here
        return {}
    import tomllib

    try:
        return tomllib.loads(files.content(path).decode())
    except (OSError, ValueError, RecursionError):
        return {}


def running(
    flags: Mapping[str, Any], environ: Mapping[str, str], now: datetime
) -> tuple[State, str] | None:
    """The figures of a running burnmon, and the zone, where nothing is configured.

    None where no burnmon runs, and where a flag, a variable or a config file has a
    say: they are checked first, which takes as long as everything else.
    """
    stated = any(name in flags for name in cli.PLAIN_VALUED.values())
    if stated or any(name.startswith("BURNMON_") for name in environ):
        return None
    if os.path.lexists(places.config_file(environ)):
        return None
    state = status.current_state(f"{places.state_dir(environ)}/state.json", now)
    if state is None:
        return None
    zone = places.zone_of_tz(environ.get("TZ", "")) or places.system_zone()
    try:
        text.local(now, zone)
    except Exception:  # what is wrong with it is told by whoever checks it
        return None
    return state, zone


def account_of(path: str, config: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """The label of the agent's directory, as ``config.load`` would give it."""
    real = os.path.realpath(path)
    for label, root in table(config.get("roots")).items():
        named = table(root).get("path")
        if table(root).get("agent") != "claude":
            continue
        if not isinstance(named, str) or "\0" in named:
            continue
        if os.path.realpath(places.expand(named, environ)) == real:
            return label
    return places.default_label(path, environ)


def zone_of(
    flag: str, environ: Mapping[str, str], config: Mapping[str, Any], now: datetime
) -> str:
    """The zone for clock times; ``UTC`` where the one that is named does not exist."""
    stated = flag or environ.get("BURNMON_TIMEZONE", "")
    stated = stated or places.zone_of_tz(environ.get("TZ", ""))
    zone = stated or word(config.get("timezone")) or places.system_zone()
    try:
        text.local(now, zone)
    except Exception:  # no zone may cost the answer
        return "UTC"
    return zone
