"""What the environment says of places and zone: burnmon's own directories, an agent's
directory by name, the time zone.

A leaf of plain functions, apart from ``config`` because the status line of Claude Code
runs many times a minute and has no time for what ``config`` loads. It refuses to open
or create anything, and reads the environment it is given.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

APP = "burnmon"


def config_file(environ: Mapping[str, str], flag: str = "") -> str:
    """The config file in force; it need not exist."""
    given = flag or environ.get("BURNMON_CONFIG", "")
    if given:
        return expand(given, environ)
    own = _own_dir("config", "/.config", environ)
    return os.path.join(own, "config.toml")  # noqa: PTH118 - pathlib is not loaded here


def data_dir(environ: Mapping[str, str], flag: str = "", configured: str = "") -> str:
    """The directory of the ledger and the recordings."""
    given = flag or environ.get("BURNMON_DATA_DIR", "") or configured
    if given:
        return expand(given, environ)
    return _own_dir("data", "/.local/share", environ)


def state_dir(environ: Mapping[str, str], flag: str = "", configured: str = "") -> str:
    """The directory of the running instance's state file.

    It follows a data directory of one's own, so that ``status`` never speaks for an
    instance that reads another ledger.
    """
    if flag or environ.get("BURNMON_DATA_DIR", "") or configured:
        return os.path.join(data_dir(environ, flag, configured), "state")  # noqa: PTH118 - as above
    return _own_dir("state", "/.local/state", environ)


def _own_dir(kind: str, usual: str, environ: Mapping[str, str]) -> str:
    """What ``platformdirs`` calls the user's directory of this kind.

    Where the answer is beyond doubt it is given here: to load ``platformdirs`` takes
    a third of the time that a status line has. A test holds the two together.
    """
    home, stated = environ.get("HOME", ""), environ.get(f"XDG_{kind.upper()}_HOME", "")
    plain_linux = sys.platform == "linux" and "ANDROID_DATA" not in environ
    if plain_linux and stated.startswith("/"):
        return os.path.join(stated, APP)  # noqa: PTH118 - as above
    if plain_linux and not stated and home.startswith("/"):
        return os.path.join(home.rstrip("/") + usual, APP)  # noqa: PTH118 - as above
    import platformdirs

    found: str = getattr(platformdirs, f"user_{kind}_dir")(APP)
    return found


def home(environ: Mapping[str, str]) -> str:
    """The person's home directory."""
    return environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - as above


def expand(path: str, environ: Mapping[str, str]) -> str:
    """``path`` made absolute, with a leading ``~`` read as the home directory."""
    if path == "~" or path.startswith("~/"):
        path = home(environ) + path[1:]
    return os.path.abspath(path)  # noqa: PTH100 - as above


def default_label(path: str, environ: Mapping[str, str]) -> str:
    """The label of an agent's directory that the config file does not name.

    Empty for the usual places, so that a person with one account sees no label; else
    the part of the path that tells it apart: ``~/.claude-work`` is ``claude-work`` and
    ``/mnt/laptop/.claude`` is ``laptop``. It depends on the path alone, because the
    status line of one session knows no other directory.
    """
    usual = ("/.claude", "/.config/claude", "/.codex")
    path = path.rstrip("/")
    if path in {home(environ).rstrip("/") + place for place in usual}:
        return ""
    parts = [part.lstrip(".") for part in path.split("/") if part]
    while len(parts) > 1 and parts[-1] in ("claude", "codex", "config"):
        parts.pop()
    return parts[-1] if parts else ""


def zone_of_tz(text: str) -> str:
    """The name in ``TZ``, or nothing where it holds a path or a rule instead.

    ``TZ`` is not ours: a file or a rule such as ``CET-1CEST,M3.5.0`` is legal there
    and only says that no name is given.
    """
    name = text.removeprefix(":")
    if "zoneinfo/" in name:
        return name.rpartition("zoneinfo/")[2]
    rule = "," in name or ("/" not in name and any(c.isdigit() for c in name))
    names_with_digits = ("EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT")
    if name.startswith("/") or (rule and name not in names_with_digits):
        return ""
    return name


def system_zone(localtime: str = "/etc/localtime") -> str:
    """IANA name of the zone the system is set to; ``UTC`` when it does not say."""
    target = os.path.realpath(localtime)
    _, found, name = target.rpartition("zoneinfo/")
    if not found:
        return "UTC"
    return name.removeprefix("posix/").removeprefix("right/")
