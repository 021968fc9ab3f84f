"""What can be seen around burnmon: files, ledger, limits, wiring, machine.

Looks and judges nothing; ``doctor`` says what it means. Whatever cannot be seen is a
value too: nothing here ends a checkup.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from burnmon.agents import AGENTS
from burnmon.cli import wiring
from burnmon.cli.catchup import caught_up
from burnmon.config import Root, Settings
from burnmon.errors import BurnmonError, LedgerError
from burnmon.files import content
from burnmon.live import polling, status
from burnmon.live.alert_log import AlertLog, document
from burnmon.usage import pricing, schema
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.report import Question, report

WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
CLEANUP_DAYS = 30
"""After so many days Claude Code deletes sessions unless its settings say otherwise."""
MOST_FILES, MOST_ALERTS = 5, 10
"""Files named as the ones with the most skipped lines; the latest alerts shown."""


class PlaceSeen(Struct, frozen=True):
    """A directory that was looked into."""

    agent: str
    label: str
    path: str
    looked_for: tuple[str, ...]
    """Directories below it that hold sessions."""
    exists: bool
    files: int = 0
    bytes: int = 0
    gone: int = 0
    """Files that were read once and that the agent has deleted since."""
    newest_line_at: datetime | None = None
    versions: tuple[str, ...] = ()
    """Versions of the agent that wrote the files, oldest first."""


class LedgerSeen(Struct, frozen=True):
    """The ledger's file and what it holds."""

    path: str
    failure: str = ""
    """Why it cannot be used; empty when all is well."""
    bytes: int = 0
    schema: int = len(schema.MIGRATIONS)
    followed: bool = False
    """Another burnmon holds the lock and writes; this one reads along."""
    requests: int = 0
    oldest_at: datetime | None = None
    dedup: Mapping[str, int] = field(default_factory=dict)
    incomplete: int = 0
    """Requests whose output is a lower bound."""
    unpriced_models: Mapping[str, int] = field(default_factory=dict)
    """Models without a price and their requests."""


class LinesSeen(Struct, frozen=True):
    """Lines that no figure was made of, and why."""

    skipped: Mapping[str, int] = field(default_factory=dict)
    """Lines that could not be used, by reason."""
    worst: Mapping[str, int] = field(default_factory=dict)
    """Files with the most of them."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Lines of types that no rule knows, by agent and type."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Paths that could not be read, with the system's reason."""


class SourceSeen(Struct, frozen=True):
    """Where limits were stated."""

    agent: str
    account: str
    source: str
    observed_at: datetime


class AskingSeen(Struct, frozen=True):
    """How asking Anthropic for one account's limits stands."""

    account: str
    config_dir: str
    asked_at: datetime | None
    answered_at: datetime | None
    next_at: datetime | None
    trouble: str
    """Why it is not asked, or was not answered; empty if all is well."""


class PollingSeen(Struct, frozen=True):
    """Whether a live view asks Anthropic for limits, and of whom it ever did."""

    on: bool
    accounts: tuple[AskingSeen, ...]


class WiringSeen(Struct, frozen=True):
    """Claude Code's settings in one directory."""

    file: str
    connected: bool
    """Its status line tells burnmon what it is told."""
    failure: str = ""
    cleanup_days: int = CLEANUP_DAYS


class PricesSeen(Struct, frozen=True):
    """The price table in force."""

    source: str = ""
    dated: date | None = None
    failure: str = ""


class AlertsSeen(Struct, frozen=True):
    """What the live view told lately, and how."""

    file: str
    failure: str
    channels: tuple[str, ...]
    last: tuple[Mapping[str, Any], ...]
    """The latest ones as the log has them, oldest first, with their ``outcome``."""


class MachineSeen(Struct, frozen=True):
    """What the screen and the sweep stand on."""

    watch_limit: int | None
    """Directories that may be watched; None where the system does not say."""
    directories: int
    """Directories with session files."""
    tmux: str
    """``inside``, ``installed`` or ``absent``."""
    terminal: str
    running_at: datetime | None
    """When a running live view last wrote its state; None if there is none."""


class Checkup(Struct, frozen=True, eq=False):
    """Everything that was seen."""

    places: tuple[PlaceSeen, ...]
    ledger: LedgerSeen
    lines: LinesSeen
    sources: tuple[SourceSeen, ...]
    polling: PollingSeen
    wiring: tuple[WiringSeen, ...]
    prices: PricesSeen
    alerts: AlertsSeen
    machine: MachineSeen


def look(settings: Settings, environ: Mapping[str, str], now: datetime) -> Checkup:
    """See everything, sweeping first where that is possible."""
    prices, table = look_at_prices(settings)
    files: list[FileState] = []
    lines = LinesSeen()
    sources: tuple[SourceSeen, ...] = ()
    try:
        with caught_up(settings, now) as (ledger, sweep):
            files = list(ledger.files())
            seen = look_at_ledger(ledger, files, table, settings)
            lines = look_at_lines(files, sweep.unreadable)
            sources = look_at_sources(ledger)
    except LedgerError as error:
        seen = LedgerSeen(str(settings.ledger_file), str(error))
    return Checkup(
        tuple(look_at_place(root, files) for root in settings.roots),
        seen,
        lines,
        sources,
        look_at_polling(settings, now),
        look_at_wiring(settings.roots),
        prices,
        look_at_alerts(settings),
        look_at_machine(settings, files, environ, now),
    )


def look_at_place(root: Root, files: Iterable[FileState]) -> PlaceSeen:
    """One root, as the disk and the ledger know it."""
    base = os.fspath(root.path)
    mine = [
        each
        for each in files
        if each.agent == root.agent and each.path.startswith(f"{base}/")
    ]
    there = [each for each in mine if Path(each.path).exists()]
    newest = max((each.trail.last_at or 0 for each in mine), default=0)
    versions = {each.trail.version for each in mine if each.trail.version}
    return PlaceSeen(
        root.agent,
        root.label,
        base,
        AGENTS[root.agent].trees,
        root.path.is_dir(),
        len(there),
        sum(each.size for each in there),
        len(mine) - len(there),
        datetime.fromtimestamp(newest / 1000, UTC) if newest else None,
        tuple(sorted(versions, key=_by_number)),
    )


def _by_number(version: str) -> tuple[tuple[int, str], ...]:
    return tuple(
        (int(part) if part.isdecimal() else -1, part) for part in version.split(".")
    )


def look_at_ledger(
    ledger: Ledger,
    files: Sequence[FileState],
    table: pricing.PriceTable | None,
    settings: Settings,
) -> LedgerSeen:
    """The ledger's file, sums and doubts."""
    sums = []
    unpriced: dict[str, int] = {}
    if table is not None:
        by_model = Question("model", settings.zone)
        cuts = (table.thresholds, table.changes)
        sums = ledger.sums(by_model.columns, *cuts)
        unpriced = dict(report(sums, by_model, table).unpriced_models)
    path = settings.ledger_file
    sides = (path, Path(f"{path}-wal"))
    followed = not ledger.claim()
    ledger.release()
    return LedgerSeen(
        str(path),
        bytes=sum(each.stat().st_size for each in sides if each.exists()),
        followed=followed,
        requests=sum(each.requests for each in sums),
        oldest_at=min((each.at for each in sums), default=None),
        dedup=ledger.dedup(),
        incomplete=sum(each.incomplete for each in sums),
        unpriced_models=unpriced,
    )


def look_at_lines(
    files: Iterable[FileState], unreadable: Mapping[str, str]
) -> LinesSeen:
    """Lines that no figure was made of."""
    skipped: dict[str, int] = {}
    unknown: dict[str, int] = {}
    worst: dict[str, int] = {}
    for each in files:
        for reason, count in each.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
            worst[each.path] = worst.get(each.path, 0) + count
        for kind, count in each.unknown.items():
            name = f"{each.agent} {kind}"
            unknown[name] = unknown.get(name, 0) + count
    return LinesSeen(
        dict(_most_first(skipped)),
        dict(_most_first(worst)[:MOST_FILES]),
        dict(_most_first(unknown)),
        dict(sorted(unreadable.items())),
    )


def _most_first(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def look_at_sources(ledger: Ledger) -> tuple[SourceSeen, ...]:
    """Who ever stated limits, and when last."""
    newest: dict[tuple[str, str, str], datetime] = {}
    for each in ledger.readings(datetime.fromtimestamp(0, UTC)):
        key = (each.agent, each.account, each.source)
        at = each.repeated_at or each.observed_at
        newest[key] = max(newest.get(key, at), at)
    return tuple(SourceSeen(*key, at) for key, at in sorted(newest.items()))


def look_at_polling(settings: Settings, now: datetime) -> PollingSeen:
    """How asking stands for each account that is or was asked about."""
    return PollingSeen(
        settings.poll_usage,
        tuple(
            AskingSeen(
                each.label,
                os.fspath(each.config_dir),
                each.asked.asked_at,
                each.asked.fetched_at,
                each.asked.next_at,
                each.obstacle or each.asked.trouble,
            )
            for each in polling.accounts(settings, now)
            if settings.poll_usage or each.asked.asked_at is not None
        ),
    )


def look_at_wiring(roots: Iterable[Root]) -> tuple[WiringSeen, ...]:
    """Claude Code's settings, directory by directory."""
    there = [root.path for root in roots if root.agent == "claude"]
    return tuple(_wired(path / "settings.json") for path in there if path.is_dir())


def _wired(file: Path) -> WiringSeen:
    try:
        text = content(file).decode()
        found = wiring.read_settings(text, str(file))
    except FileNotFoundError:
        return WiringSeen(str(file), connected=False)
    except (OSError, UnicodeDecodeError, BurnmonError) as error:
        return WiringSeen(str(file), connected=False, failure=str(error))
    days = found.get("cleanupPeriodDays")
    stated = isinstance(days, int) and not isinstance(days, bool)
    return WiringSeen(
        str(file),
        wiring.is_connected(wiring.command_of(found) or ""),
        cleanup_days=days if stated and days is not None else CLEANUP_DAYS,
    )


def look_at_prices(settings: Settings) -> tuple[PricesSeen, pricing.PriceTable | None]:
    """The price table, or why there is none."""
    try:
        table = pricing.load(settings.prices_file, settings.fetched_prices_file)
    except BurnmonError as error:
        return PricesSeen(failure=str(error)), None
    return PricesSeen(table.source, table.dated), table


def look_at_alerts(settings: Settings) -> AlertsSeen:
    """What was told lately, and what came of it."""
    file = settings.alerts_file
    place = next(each for each in (file, *file.parents) if each.exists())
    lost = "" if os.access(place, os.W_OK) else f"{place}: no alert can be written"
    told = AlertLog(file).told()[-MOST_ALERTS:]
    last = ({**document(each), "outcome": dict(each.outcome)} for each in told)
    return AlertsSeen(str(file), lost, settings.alerts.ways, tuple(last))


def look_at_machine(
    settings: Settings,
    files: Iterable[FileState],
    environ: Mapping[str, str],
    now: datetime,
) -> MachineSeen:
    """What the live view stands on."""
    try:
        limit = int(WATCHES.read_text())
    except (OSError, ValueError):
        limit = None
    installed = shutil.which("tmux", path=environ.get("PATH"))
    words = [environ.get(name, "") for name in ("TERM", "COLORTERM", "TERM_PROGRAM")]
    return MachineSeen(
        limit,
        len({os.path.dirname(each.path) for each in files}),  # noqa: PTH120 - thousands
        "inside" if environ.get("TMUX") else "installed" if installed else "absent",
        " ".join(word for word in words if word),
        _running_at(settings, now),
    )


def _running_at(settings: Settings, now: datetime) -> datetime | None:
    state = status.read_state(settings.state_file)
    current = state is not None and status.is_current(state, now)
    return status.generated_at(state) if state is not None and current else None
