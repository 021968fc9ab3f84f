"""Settings: what the config file, the environment and the flags say, as one value.

Precedence is flag, environment, config file, default. Anything unknown or of a wrong
type is refused with the file and the key. The environment and the flags are arguments.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from burnmon import alert_settings, budget_settings, places
from burnmon.alert_settings import USUAL, Alerts
from burnmon.budget_settings import Budget
from burnmon.config_file import check, nearest, read_table, refuse

KEYS: dict[str, type] = {
    "timezone": str,
    "data_dir": str,
    "offline": bool,
    "poll_usage": bool,
    "color": bool,
    "mouse": bool,
    "theme": str,
    "roots": dict,
    "paths": dict,
    "budgets": dict,
    "alerts": dict,
}
"""Every key of the config file with its type; see ``Settings`` for the meanings."""

AGENT_HOMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "claude": ("CLAUDE_CONFIG_DIR", ("~/.claude", "~/.config/claude")),
    "codex": ("CODEX_HOME", ("~/.codex",)),
}
"""Agent → the variable that names its directory, and where it is otherwise."""

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class Root(Struct, frozen=True):
    """A directory that one agent writes its sessions under."""

    agent: str
    label: str
    """Name of the account behind it; empty for the usual place."""
    path: Path


class Settings(Struct, frozen=True):
    """What is in force for this run."""

    roots: tuple[Root, ...]
    """Where the agents write: their own variables or usual places, then ``[roots]``:
    ``laptop = { agent = "claude", path = "~/mnt/laptop/.claude" }``. They may be
    missing; a symbolic link to an earlier one is left out."""
    zone: str
    """IANA name of the zone for clock times and for cutting days. ``--timezone``,
    ``BURNMON_TIMEZONE``, ``TZ``, ``timezone = "Europe/Berlin"``, else the system's."""
    data_dir: Path
    """Directory of the ledger and the recordings. ``data_dir = "~/burn"``."""
    state_dir: Path
    """Directory of the running instance's state file, below a ``data_dir`` of one's
    own."""
    config_file: Path
    """The config file; it need not exist unless it was asked for by name."""
    prices_file: Path
    """The person's own prices, beside the config file; it need not exist."""
    fetched_prices_file: Path
    """Where ``prices --refresh`` puts what it fetched; it need not exist."""
    offline: bool = False
    """No network, whatever a command would do otherwise. ``offline = true``."""
    poll_usage: bool = False
    """The live view asks Anthropic for the limits of each Claude account, with the
    token that Claude Code keeps; never ``offline``. ``poll_usage = true``."""
    color: bool | None = None
    """Whether to colour text; None: if standard output is a terminal. ``--no-color``,
    ``NO_COLOR``, ``FORCE_COLOR``, ``color = false``."""
    mouse: bool = False
    """The live screen takes the mouse from the terminal. ``mouse = true``."""
    theme: str = ""
    """Name of the screen's theme; empty for burnmon's own. ``theme = "nord"``."""
    paths: tuple[tuple[str, str], ...] = ()
    """Pairs (old, new): a session recorded under ``old`` belongs to ``new``. Flags
    come first. ``[paths]`` with ``"/workspace" = "~/src/api"``."""
    budgets: tuple[Budget, ...] = ()
    """What one wants to spend at most, in dollars of list price. ``[budgets]`` with
    ``day = 35``, ``week`` and ``month``; ``[budgets.projects.api]`` with the same keys
    for directories whose path contains ``api``."""
    alerts: Alerts = USUAL
    """What the live view tells, when and how. ``[alerts]``."""

    @property
    def ledger_file(self) -> Path:
        """The ledger."""
        return self.data_dir / "ledger.sqlite3"

    @property
    def history_file(self) -> Path:
        """What was read of repositories; may be deleted at any time."""
        return self.data_dir / "history.sqlite3"

    @property
    def recordings_dir(self) -> Path:
        """What ``statusline`` and ``collect`` recorded, one file per month."""
        return self.data_dir / "recordings"

    @property
    def state_file(self) -> Path:
        """The running instance's latest figures."""
        return self.state_dir / "state.json"

    @property
    def alerts_file(self) -> Path:
        """The log of what was told and why."""
        return self.state_dir / "alerts.jsonl"

    @property
    def answers_dir(self) -> Path:
        """What Anthropic answered when it was asked for limits, a file an account."""
        return self.state_dir / "answers"

    def read_roots(self) -> tuple[Root, ...]:
        """All that is read: the agents' roots, Claude Code's state, burnmon's own."""
        claude = [root for root in self.roots if root.agent == "claude"]
        # Beside the usual directory, inside every other one.
        states = [
            Root("claude.json", root.label, place)
            for root in claude
            for place in (root.path, root.path.parent)
            if place == root.path or root.path.name == ".claude"
        ]
        return (
            *self.roots,
            *states,
            Root("recordings", "", self.data_dir),
            Root("answers", "", self.state_dir),
        )


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings in force; ``flags`` are the parsed ones, None where not given.

    Raises ConfigError, which names the file, variable or flag that is wrong.
    """
    file = Path(places.config_file(environ, flags.get("config") or ""))
    asked = bool(flags.get("config") or environ.get("BURNMON_CONFIG"))
    said = _Said(flags, environ, read_table(file, KEYS, must_exist=asked), file)
    own = (flags.get("data_dir") or "", said.table.get("data_dir", ""))
    data_dir = Path(places.data_dir(environ, *own))
    offline = bool(said.switch("offline"))
    return Settings(
        roots=_roots(said),
        zone=_zone(said),
        data_dir=data_dir,
        state_dir=Path(places.state_dir(environ, *own)),
        config_file=file,
        prices_file=file.parent / "prices.toml",
        fetched_prices_file=data_dir / "prices.json",
        offline=offline,
        poll_usage=bool(said.switch("poll_usage")) and not offline,
        color=_color(said),
        mouse=bool(said.switch("mouse")),
        theme=said.word("theme"),
        paths=_paths(said),
        budgets=_budgets(said),
        alerts=_alerts(said),
    )


def check_zone(name: str, source: str) -> str:
    """``name`` if it is a time zone; else ConfigError names ``source``."""
    if name == "UTC":
        return name
    import zoneinfo  # slow, and whoever shows no time needs none of it

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(zoneinfo.available_timezones())
        refuse(f"{source}: no time zone {name!r}{nearest(name, known)}")
    return name


def environ_switch(variable: str, environ: Mapping[str, str]) -> bool | None:
    """An on/off variable; None when it is unset or empty."""
    text = environ.get(variable, "").strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text:
        refuse(f"{variable}: takes 1 or 0, not {environ[variable]!r}")
    return None


class _Said(Struct, frozen=True):
    """What was said, by whom: the material that settings are chosen from."""

    flags: Mapping[str, Any]
    environ: Mapping[str, str]
    table: Mapping[str, Any]
    file: Path

    def switch(self, name: str) -> bool | None:
        """A setting that is on or off; None where nobody says."""
        if self.flags.get(name):
            return True
        stated = environ_switch(f"BURNMON_{name.upper()}", self.environ)
        configured: bool | None = self.table.get(name)
        return configured if stated is None else stated

    def word(self, name: str) -> str:
        """A setting that is a word; empty where nobody says."""
        variable = f"BURNMON_{name.upper()}"
        said = (self.flags.get(name), self.environ.get(variable), self.table.get(name))
        return next((word for word in said if word), "")


def _color(said: _Said) -> bool | None:
    without = said.switch("no_color")
    if without or said.environ.get("NO_COLOR"):
        return False
    if without is False or said.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    chosen: bool | None = said.table.get("color")
    return chosen


def _zone(said: _Said) -> str:
    if name := said.flags.get("timezone"):
        return check_zone(name, "--timezone")
    if name := said.environ.get("BURNMON_TIMEZONE"):
        return check_zone(name, "BURNMON_TIMEZONE")
    if name := places.zone_of_tz(said.environ.get("TZ", "")):
        return check_zone(name, "TZ")
    if name := said.table.get("timezone"):
        return check_zone(name, f"{said.file}: timezone")
    return places.system_zone()


def _roots(said: _Said) -> tuple[Root, ...]:
    environ = said.environ
    found = [
        Root(agent, places.default_label(path, environ), Path(path))
        for agent, (variable, usual) in AGENT_HOMES.items()
        for path in agent_dirs(environ, variable, usual)
    ]
    configured = said.table.get("roots", {}).items()
    named = [_named_root(label, root, said) for label, root in configured]
    # A name in the config file speaks louder than the directory's own name, but the
    # place in the order stays: the usual directory first.
    labels = {(root.agent, os.path.realpath(root.path)): root.label for root in named}
    unique: dict[tuple[str, str], Root] = {}
    for root in (*found, *named):
        key = (root.agent, os.path.realpath(root.path))
        unique.setdefault(key, Root(root.agent, labels.get(key, root.label), root.path))
    return tuple(unique.values())


def agent_dirs(
    environ: Mapping[str, str], variable: str, usual: tuple[str, ...]
) -> list[str]:
    """The directories that an agent's variable names, or the usual ones.

    A value that exists as it stands is one directory, whatever it contains; else it
    is a list, as other monitors have taught people to write it.
    """
    stated = environ.get(variable, "").strip()
    if not stated:
        return [places.expand(path, environ) for path in usual]
    whole = places.expand(stated, environ)
    if Path(whole).exists():
        return [whole]
    parts = stated.replace(os.pathsep, ",").split(",")
    return [places.expand(part.strip(), environ) for part in parts if part.strip()]


def _named_root(label: str, value: object, said: _Said) -> Root:
    where = f"{said.file}: roots.{label}"
    if not isinstance(value, dict):
        refuse(f'{where}: takes {{ agent = "claude", path = "…" }}, not {value!r}')
    check(value, {"agent": str, "path": str}, where)
    for key in ("agent", "path"):
        if not value.get(key):
            refuse(f"{where}: {key} is missing")
    agent = value["agent"]
    if agent not in AGENT_HOMES:
        known = ", ".join(AGENT_HOMES)
        close = nearest(agent, list(AGENT_HOMES))
        refuse(f"{where}: unknown agent {agent!r}; known: {known}{close}")
    return Root(agent, label, Path(places.expand(value["path"], said.environ)))


def _paths(said: _Said) -> tuple[tuple[str, str], ...]:
    configured: Mapping[str, Any] = said.table.get("paths", {})
    for old, new in configured.items():
        if not isinstance(new, str):
            refuse(f"{said.file}: paths.{old} takes a string, not {new!r}")
        if "\0" in old + new:
            refuse(f"{said.file}: paths.{old} holds a NUL character")
    stated = list(said.flags.get("path_map") or ())
    if not stated and said.environ.get("BURNMON_PATH_MAP"):
        stated = said.environ["BURNMON_PATH_MAP"].split(",")
    pairs = [_pair(text) for text in stated] + list(configured.items())
    expand = places.expand
    return tuple((expand(o, said.environ), expand(n, said.environ)) for o, n in pairs)


def _budgets(said: _Said) -> tuple[Budget, ...]:
    table = said.table.get("budgets", {})
    where = f"{said.file}: budgets"
    check(table, budget_settings.KEYS, where)
    for name, periods in table.get("projects", {}).items():
        if not (isinstance(periods, dict) and periods):
            refuse(f"{where}.projects.{name}: takes {{ day = 10 }}, not {periods!r}")
        check(periods, budget_settings.PERIODS, f"{where}.projects.{name}")
    try:
        return budget_settings.budgets_of(table)
    except ValueError as error:
        refuse(f"{said.file}: budgets.{error}")


def _alerts(said: _Said) -> Alerts:
    table = said.table.get("alerts", {})
    check(table, alert_settings.KEYS, f"{said.file}: alerts")
    try:
        return alert_settings.alerts_of(table)
    except ValueError as error:
        refuse(f"{said.file}: alerts.{error}")


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old.strip() and equals and new.strip()):
        refuse(f"--path-map: takes OLD=NEW, not {text!r}")
    return old.strip(), new.strip()
