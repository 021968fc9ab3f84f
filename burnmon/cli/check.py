"""``check``: whether work may go on, as an exit code for scripts and hooks.

The figures are those of the running burnmon or, without one, of the files. One rule
serves this command, ``limits --check`` and the hook. Like ``status`` it starts often,
so what it needs beyond the state file is loaded only where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace

from burnmon import cli
from burnmon.cli import called
from burnmon.errors import UsageError
from burnmon.live import status

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

    from burnmon.config import Settings
    from burnmon.live.status import State

    Window = Mapping[str, Any]
    """A window as it stands in the state file."""

NEAR_PERCENT = 90
"""Percent used from which a window is near its limit, whatever the forecast says."""
LEVELS = {
    cli.OK: "fine",
    cli.NEAR_LIMIT: "near",
    cli.LIMIT_REACHED: "reached",
    cli.CANNOT_TELL: "unknown",
    cli.NO_DATA: "no_data",
}
_WORST_FIRST = (cli.LIMIT_REACHED, cli.NEAR_LIMIT, cli.CANNOT_TELL, cli.OK)
_VALUED = {
    "--agent": "agent",
    "--chance": "chance",
    "--used": "used",
    **cli.PLAIN_VALUED,
}
_SWITCHES = {"--hook": "hook", **cli.PLAIN_SWITCHES}
_FILLED_BY_ENVIRONMENT = (
    "BURNMON_AGENT",
    "BURNMON_CHANCE",
    "BURNMON_JSON",
    "BURNMON_USED",
)


class Answer:
    """What was decided, and by what."""

    __slots__ = ("code", "window")

    def __init__(self, code: int, window: Window | None = None) -> None:
        self.code = code
        """The exit code."""
        self.window = window
        """The window that decided; None where none is known."""


def quick(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int | None:
    """Answer without a parser; None when the arguments need one."""
    found = plain_flags(argv, environ)
    if found is None:
        return None
    flags = ("agent", "chance", "used", "json", "hook")
    args = SimpleNamespace(**{name: found.get(name) for name in flags})
    known = called.running(found, environ, now)
    if known is not None and _tells(known[0], args.agent or ""):
        return _answer(args, known[0], "running", now)
    from burnmon import config

    return run(args, config.load(found, environ), now)


def plain_flags(
    argv: Sequence[str], environ: Mapping[str, str]
) -> dict[str, Any] | None:
    """The flags by name; None when a parser is needed to tell what is meant."""
    found: dict[str, Any]
    found, others = cli.simple_flags(argv, _VALUED, _SWITCHES)
    if others or any(environ.get(name) for name in _FILLED_BY_ENVIRONMENT):
        return None
    numbers = {name: str(found[name]) for name in ("chance", "used") if name in found}
    if not all(value.isascii() and value.isdigit() for value in numbers.values()):
        return None
    if "" in found.values() or found.get("agent", "claude") not in ("claude", "codex"):
        return None
    return {**found, **{name: int(value) for name, value in numbers.items()}}


def run(args: Any, settings: Settings, now: datetime) -> int:
    """Answer by the exit code alone, or say what decided."""
    if args.hook:
        return _run_hook(args, settings, now)
    agent = args.agent or ""
    figures, source = _running(settings, now, agent), "running"
    if figures is None:
        nearness(args.chance, args.used)  # refused before anything is read
        figures, source = _of_files(settings, now, agent), "files"
    return _answer(args, figures, source, now)


def _answer(args: Any, figures: State, source: str, now: datetime) -> int:
    agent = args.agent or ""
    answer = judge(figures, agent, nearness(args.chance, args.used), now)
    if args.json:
        from burnmon.cli.output import print_document

        said = {"exit_code": answer.code, "level": LEVELS[answer.code]}
        missing = _missing(figures, agent)
        rest = {"source": source, "decided_by": answer.window, "missing": missing}
        print_document(now, {**said, **rest})
    return answer.code


def _run_hook(args: Any, settings: Settings, now: datetime) -> int:
    import os

    from burnmon.cli import hook

    flags = ["--data-dir", str(settings.data_dir), "--timezone", settings.zone]
    flags += ["--config", str(settings.config_file)]
    for name in ("chance", "used"):
        if getattr(args, name) is not None:
            flags += [f"--{name}", str(getattr(args, name))]
    return hook.main(flags, os.environ, now)


# --- the rule ------------------------------------------------------------------------


def nearness(
    chance: int | None = None, used: int | None = None
) -> Callable[[Window], bool]:
    """Whether a window is near its limit, by the percentages given.

    Without any: when the forecast sees a danger, or hardly anything is left. Raises
    UsageError for what is no percentage.
    """
    for name, value in (("--chance", chance), ("--used", used)):
        if value is not None and not 1 <= value <= 100:
            raise UsageError(f"{name} takes a percentage, 1 to 100, not {value}")
    if chance is None and used is None:
        return _is_near

    def is_near(window: Window) -> bool:
        return (chance is not None and _chance(window) * 100 >= chance) or (
            used is not None and _used(window) >= used
        )

    return is_near


def standing(window: Window, is_near: Callable[[Window], bool], now: datetime) -> int:
    """The exit code that one window alone would give."""
    resets_at = status.instant(window.get("resets_at"))
    expired = resets_at is not None and resets_at <= now
    if expired or status.figure(window.get("used_percent")) is None:
        return cli.CANNOT_TELL
    if window.get("verdict") == "reached":
        return cli.LIMIT_REACHED
    return cli.NEAR_LIMIT if is_near(window) else cli.OK


def judge(
    figures: State, agent: str, is_near: Callable[[Window], bool], now: datetime
) -> Answer:
    """The worst of all agents and accounts, or of one agent and the budgets.

    A window that was reset since its last reading says nothing either way, so it
    only leaves an account unknown when no other window of it is known.
    """
    owners: dict[tuple[str, str], list[Answer]] = {}
    for window in counted(figures, agent):
        owner = (str(window.get("agent")), str(window.get("account")))
        answer = Answer(standing(window, is_near, now), window)
        owners.setdefault(owner, []).append(answer)
    answers = [_worst(_known(group)) for group in owners.values()]
    answers += [Answer(cli.CANNOT_TELL) for _ in _missing(figures, agent)]
    if not answers:
        empty = figures.get("any_sessions") is False
        return Answer(cli.NO_DATA if empty else cli.CANNOT_TELL)
    return _worst(answers)


def counted(figures: State, agent: str) -> list[Window]:
    """The windows that stand in the way of an agent; of all if it is empty."""
    windows = status.state_windows(figures)
    return [each for each in windows if agent in ("", each.get("agent")) or _own(each)]


def _own(window: Window) -> bool:
    return window.get("agent") == status.BUDGET


def _known(answers: list[Answer]) -> list[Answer]:
    return [each for each in answers if each.code != cli.CANNOT_TELL] or answers


def _worst(answers: list[Answer]) -> Answer:
    """The gravest code; among equals the window that is likeliest to run out."""

    def order(answer: Answer) -> tuple[float, ...]:
        window = answer.window or {}
        return (_WORST_FIRST.index(answer.code), -_chance(window), -_used(window))

    return min(answers, key=order)


def _is_near(window: Window) -> bool:
    return window.get("verdict") in ("watch", "runs_out") or (
        _used(window) >= NEAR_PERCENT
    )


def _chance(window: Window) -> float:
    return status.figure(window.get("exhaustion_probability")) or 0.0


def _used(window: Window) -> float:
    return status.figure(window.get("used_percent")) or 0.0


# --- the figures ---------------------------------------------------------------------


def _running(settings: Settings, now: datetime, agent: str) -> State | None:
    """What the running burnmon says; None when none runs or it knows of no limit."""
    state = status.current_state(settings.state_file, now)
    return state if state is not None and _tells(state, agent) else None


def _tells(state: State, agent: str) -> bool:
    return bool(counted(state, agent) or _missing(state, agent))


def _of_files(settings: Settings, now: datetime, agent: str) -> State:
    from burnmon.cli import limits
    from burnmon.cli.catchup import caught_up

    with caught_up(settings, now) as (ledger, _):
        return limits.figures(limits.ask(ledger, agent, now, settings))


def _missing(figures: State, agent: str) -> list[Mapping[str, Any]]:
    """Agents at work of which no limit is known."""
    missing = figures.get("missing")
    listed = missing if isinstance(missing, list) else []
    return [
        each
        for each in listed
        if isinstance(each, dict) and agent in ("", each.get("agent"))
    ]
