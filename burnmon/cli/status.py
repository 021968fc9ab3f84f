"""``status``: the figures of the running burnmon, or of the ledger, in one line.

Never scans: a status bar asks every few seconds and must not start work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace

from burnmon import cli, text
from burnmon.cli import called
from burnmon.errors import UsageError
from burnmon.live import status

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

    from burnmon.config import Settings
    from burnmon.live.status import State

DEFAULT_WIDTH = 80

_VALUED = {"--width": "width", "--format": "format", **cli.PLAIN_VALUED}
_FILLED_BY_ENVIRONMENT = ("BURNMON_WIDTH", "BURNMON_FORMAT", "BURNMON_JSON")


def quick(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int | None:
    """Answer without a parser; None when the arguments need one."""
    found, others = cli.simple_flags(argv, _VALUED, cli.PLAIN_SWITCHES)
    if others or any(environ.get(name) for name in _FILLED_BY_ENVIRONMENT):
        return None
    width = str(found.get("width", DEFAULT_WIDTH))
    if not (width.isascii() and width.isdigit()) or "" in found.values():
        return None
    args = SimpleNamespace(
        width=int(width),
        format=found.get("format"),
        json="json" in found,
    )
    known = called.running(found, environ, now)
    if known is not None:
        state, zone = known
        return _show(args, state, "running", now, zone)
    from burnmon import config

    return run(args, config.load(found, environ), now)


def run(args: Any, settings: Settings, now: datetime) -> int:
    """Print the line, the filled template or the document."""
    state, source = _figures(settings, now)
    return _show(args, state, source, now, settings.zone)


def _show(
    args: Any, state: State | None, source: str | None, now: datetime, zone: str
) -> int:
    if args.json:
        from burnmon.cli.output import print_document

        rest = {k: v for k, v in (state or {}).items() if k not in _HEAD}
        true_at = status.generated_at(state) if state else None
        print_document(true_at or now, {"source": source, **rest})
        return cli.OK
    width = DEFAULT_WIDTH if args.width is None else args.width
    if args.format:
        answer = filled(args.format, fields(state or {}, width, now, zone))
    elif state is None:
        answer = text.fit("no data yet", width)
    else:
        answer = status.status_line(state, width, now, zone)
    print(answer)
    return cli.OK


_HEAD = ("schema_version", "generated_at")


def fields(
    state: Mapping[str, Any], width: int, now: datetime, zone: str
) -> dict[str, str]:
    """What a template may name; a figure that is not known reads ``unknown``."""
    windows = status.state_windows(state)
    binding = next((w for w in windows if w.get("binding") is True), {})
    used = status.figure(binding.get("used_percent"))
    resets_at = status.instant(binding.get("resets_at"))
    pace, today = (
        status.figure(state.get(key))
        for key in ("cost_per_minute_usd", "cost_today_usd")
    )
    known = {
        "line": status.status_line(state, width, now, zone),
        "answer": text.fit(text.plain(str(state.get("answer", ""))), width),
        "level": text.plain(str(state.get("answer_level", ""))),
        "window": text.plain(str(binding.get("label", ""))),
        "used": "" if used is None else status.percent(used),
        "verdict": status.verdict_words(binding, now, zone),
        "resets": "" if resets_at is None else text.clock(resets_at, zone, now),
        "pace": "" if pace is None else f"{status.money(pace)}/m",
        "today": "" if today is None else status.money(today),
        "burning": text.plain(str(state.get("sessions_burning", ""))),
        "waiting": text.plain(str(state.get("sessions_waiting", ""))),
    }
    return {name: words or text.UNKNOWN for name, words in known.items()}


def filled(template: str, known: Mapping[str, str]) -> str:
    """The template with its fields filled in, ``{used:>4}`` padded as in Python.

    Raises UsageError with the list of fields for a name that is none of them.
    """
    from string import Formatter

    words = []
    try:
        for literal, name, layout, _ in Formatter().parse(template):
            value = "" if name is None else _field(name, known)
            words.append(literal + format(value, layout or ""))
    except ValueError as error:
        raise UsageError(f"--format {template!r}: {error}") from None
    return "".join(words)


def _field(name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        from burnmon.config_file import nearest

        close = nearest(name, list(known))
        raise UsageError(
            f"--format: no field {name!r}; known: {', '.join(known)}{close}"
        )
    return known[name]


def _figures(settings: Settings, now: datetime) -> tuple[State | None, str | None]:
    """The newest figures and where they are from; None where there are none."""
    state = status.current_state(settings.state_file, now)
    if state is not None:
        return state, "running"
    if not settings.ledger_file.exists():
        return None, None
    from burnmon.live import engine

    return status.state_of(engine.peek(settings, now), 0), "ledger"
