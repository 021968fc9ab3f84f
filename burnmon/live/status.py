"""The state file of the running instance, and the one line it is read for.

What ``status`` and ``statusline`` show between two snapshots, kept to figures: no
prompt, command, project or path goes in. Loads in a few milliseconds, because both
commands start anew many times a minute.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from burnmon import private, text
from burnmon.files import content

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from burnmon.live.snapshot import LimitRow, Snapshot

    State = Mapping[str, Any]
    """The state file's document; every reader treats it as possibly wrong."""

FRESH = timedelta(seconds=15)
"""Figures younger than this are shown whoever wrote them."""
STALE = timedelta(minutes=5)
"""Figures older than this are not shown even if their writer lives: it is stopped."""
BUDGET = "budget"
"""The agent of a window that counts one's own money: it holds for every agent."""
SEPARATOR = " · "
_LARGEST = 1 << 20


class Piece:
    """A part of a line that can be shortened or left out."""

    __slots__ = ("forms", "owner", "rank")

    def __init__(self, rank: int, forms: Sequence[str], owner: str = "") -> None:
        self.rank = rank
        """The lower, the sooner it is left out."""
        self.forms = forms
        """From the longest wording to the shortest."""
        self.owner = owner
        """Whom it is about; said once before all that is about the same."""


def write_state(path: Path, snapshot: Snapshot) -> None:
    """Replace the state file in one step, readable by its owner alone.

    Raises OSError when the place cannot be written; the previous file then stays.
    """
    document = json.dumps(state_of(snapshot, os.getpid()), separators=(",", ":"))
    private.replace_file(path, f"{document}\n".encode())


def state_of(snapshot: Snapshot, pid: int) -> dict[str, Any]:
    """The figures of a snapshot as a JSON document; ``pid`` is 0 for nobody's."""
    states = [row.state for row in snapshot.sessions]
    return {
        "schema_version": 1,
        "generated_at": _iso(snapshot.now),
        "pid": pid,
        "answer": text.plain(snapshot.answer),
        "answer_level": snapshot.answer_level,
        "windows": [window_fields(row) for row in snapshot.limits],
        "missing": [
            {"agent": each.agent, "reason": each.reason, "remedy": each.remedy}
            for each in snapshot.missing
        ],
        "cost_per_minute_usd": _dollars(snapshot.burn.cost_per_minute),
        "cost_today_usd": _dollars(snapshot.burn.cost_today),
        "sessions_burning": states.count("burning"),
        "sessions_waiting": states.count("waiting"),
    }


def read_state(path: str | Path) -> State | None:
    """The document in the state file; None when there is none that can be read."""
    try:
        document = json.loads(content(path, _LARGEST))
        age_known = isinstance(document, dict) and generated_at(document)
    except (OSError, ValueError, RecursionError):
        return None
    return document if age_known else None


def current_state(path: str | Path, now: datetime) -> State | None:
    """The document in the state file, if its figures may be shown as those of now."""
    state = read_state(path)
    return state if state is not None and is_current(state, now) else None


def generated_at(state: State) -> datetime | None:
    """When the figures were true, in UTC."""
    return instant(state.get("generated_at"))


def is_current(state: State, now: datetime) -> bool:
    """Whether the figures may be shown as those of now."""
    at = generated_at(state)
    if at is None or at - now > FRESH:
        return False
    return now - at < FRESH or (now - at < STALE and _lives(state.get("pid")))


def status_line(state: State, width: int, now: datetime, zone: str) -> str:
    """Limits, pace and cost of today in at most ``width`` cells.

    Windows that would stop the work stay longest, the cost of today goes first.
    """
    pieces = [*window_pieces(state, now, zone), *_cost_pieces(state)]
    return fitted(pieces, width) or text.fit("no figures yet", width)


def window_pieces(state: State, now: datetime, zone: str) -> list[Piece]:
    """A piece per window, agents in the state's order and short windows first."""
    windows = state_windows(state)
    owners = list(dict.fromkeys(_owner(w) for w in windows if not _is_budget(w)))
    # Budgets are one's own, and of no agent: they come last.
    owners += dict.fromkeys(_owner(w) for w in windows if _is_budget(w))
    windows.sort(
        key=lambda w: (owners.index(_owner(w)), figure(w.get("window_minutes")) or 0)
    )
    names = {owner: _owner_name(owner, owners) for owner in owners}
    return [_window_piece(w, names[_owner(w)], now, zone) for w in windows]


def state_windows(state: State) -> list[Mapping[str, Any]]:
    """The windows of a state, whatever else stands there left out."""
    windows = state.get("windows")
    listed = windows if isinstance(windows, list) else []
    return [window for window in listed if isinstance(window, dict)]


def verdict_words(window: Mapping[str, Any], now: datetime, zone: str) -> str:
    """What is to be expected of a window: ``safe``, ``out Thu 11–19h`` …"""
    verdict = window.get("verdict")
    if verdict == "reached" and _is_budget(window):
        return "over budget"
    resets_at = instant(window.get("resets_at"))
    if verdict == "reached" and resets_at:
        return f"reached, until {text.clock(resets_at, zone, now)}"
    if verdict in ("safe", "watch", "reached"):
        return str(verdict)
    if verdict != "runs_out":
        return ""
    range_ = window.get("exhausted_at")
    ends = range_ if isinstance(range_, dict) else {}
    first, last = instant(ends.get("p10")), instant(ends.get("p90"))
    if first is None or last is None:
        return "runs out"
    hours = text.clock_range(max(first, now), max(last, now), zone, now)
    return f"out {hours}".replace(" h", "h")


def fitted(pieces: Iterable[Piece], width: int) -> str:
    """The pieces in one line of at most ``width`` cells.

    The least important piece is left out first; the last one is shortened.
    """
    kept = list(pieces)
    while kept:
        line = _joined(kept)
        if text.cells(line) <= width:
            return line
        if len(kept) == 1:
            return _shortened(kept[0].forms, width)
        # Of equals the last goes: the line keeps its beginning.
        lowest = min(piece.rank for piece in kept)
        index = max(i for i, piece in enumerate(kept) if piece.rank == lowest)
        del kept[index]
    return ""


def percent(value: float) -> str:
    """A percentage without a blank, as narrow as a status bar wants it."""
    return text.share(value / 100).replace(" ", "")


def _shortened(forms: Sequence[str], width: int) -> str:
    fits = (form for form in forms if text.cells(form) <= width)
    return next(fits, text.fit(forms[-1], width))


def _joined(pieces: Iterable[Piece]) -> str:
    words, said = [], ""
    for piece in pieces:
        new = piece.owner and piece.owner != said
        words.append(f"{piece.owner} {piece.forms[0]}" if new else piece.forms[0])
        said = piece.owner
    return SEPARATOR.join(words)


def _owner(window: Mapping[str, Any]) -> tuple[str, str]:
    agent = text.plain(str(window.get("agent") or ""))
    account = text.plain(str(window.get("account") or ""))
    return f"{agent[:1].upper()}{agent[1:]}", account


def _is_budget(window: Mapping[str, Any]) -> bool:
    return window.get("agent") == BUDGET


def _name(window: Mapping[str, Any]) -> str:
    """A window without its agent and account: ``5h``, ``7d opus``."""
    if _is_budget(window):
        return text.plain(str(window.get("kind") or ""))
    minutes = int(figure(window.get("window_minutes")) or 0)
    return text.window_label("", str(window.get("kind") or ""), minutes)


def _owner_name(owner: tuple[str, str], owners: Sequence[tuple[str, str]]) -> str:
    """No name for a single account, the agent's for one of its kind, else both."""
    agent, account = owner
    if agent == "Budget":
        return f"{agent} {account}".strip()
    owners = [each for each in owners if each[0] != "Budget"]
    if len(owners) == 1:
        return ""
    alone = sum(agent == other for other, _ in owners) == 1
    return agent if alone else f"{agent} {account}".strip()


def _window_piece(
    window: Mapping[str, Any], owner: str, now: datetime, zone: str
) -> Piece:
    name = _name(window)
    used = figure(window.get("used_percent"))
    resets_at = instant(window.get("resets_at"))
    if used is None or (resets_at is not None and resets_at <= now):
        return Piece(0, (f"{name} unknown", name), owner)
    short, words = f"{name} {percent(used)}", verdict_words(window, now, zone)
    middle = f"{short} {words.split(' ')[0].strip(',')}"
    forms = (f"{short} {words}".strip(), middle.strip(), short)
    return Piece(_urgency(window), forms, owner)


def _urgency(window: Mapping[str, Any]) -> int:
    """The rank of a window: what stops the work first is worth most."""
    verdict = str(window.get("verdict"))
    rank = {"reached": 8, "runs_out": 6, "watch": 4}.get(verdict, 2)
    return rank + (2 if window.get("binding") is True else 0)


def _cost_pieces(state: State) -> list[Piece]:
    pace = figure(state.get("cost_per_minute_usd"))
    today = figure(state.get("cost_today_usd"))
    pieces = []
    if pace is not None:
        pieces.append(Piece(3, (f"{money(pace)}/m",)))
    if today is not None:
        pieces.append(Piece(1, (money(today),)))
    return pieces


def window_fields(row: LimitRow) -> dict[str, Any]:
    """A window as it stands in the state."""
    window = row.window
    forecast = window.forecast
    range_ = forecast.exhausted_at if forecast else None
    return {
        "label": text.plain(row.label),
        "agent": window.agent,
        "account": text.plain(window.account),
        "kind": text.plain(window.kind),
        "window_minutes": window.window_minutes,
        "used_percent": None if window.used is None else round(window.used * 100, 2),
        "used_percent_live": None
        if window.used is None or window.live is None
        else round((window.used + window.live) * 100, 2),
        "resets_at": _iso(window.resets_at),
        "verdict": window.verdict,
        "binding": window.binding,
        "exhausted_at": range_
        and dict(zip(("p10", "p50", "p90"), map(_iso, range_), strict=True)),
        "exhaustion_probability": forecast
        and round(forecast.exhaustion_probability, 4),
    }


def _lives(pid: object) -> bool:
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def figure(value: object) -> float | None:
    """A number that can be shown; JSON also knows NaN, and true is one in Python."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -1e12 < value < 1e12 else None


def instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not 2000 <= at.year <= 2200:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def money(dollars: float) -> str:
    return text.money(Decimal(str(dollars)))


def _dollars(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
