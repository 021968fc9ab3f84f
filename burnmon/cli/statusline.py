"""``statusline`` and ``collect``: what Claude Code runs whenever it has something new.

They never fail: a monitor that breaks the status line of the thing it watches is worse
than none. Whatever cannot be read, recorded or printed is left out in silence, and the
exit code is 0. Only what a status line needs is imported, for it starts anew each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from burnmon import cli, places, text
from burnmon.cli import called, recording
from burnmon.cli.recording import number, table, word
from burnmon.live import status
from burnmon.live.status import Piece

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any

CACHE_SOON = timedelta(minutes=10)
"""A cache that stays warm for longer is not worth a place in the line."""


def main(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> int:
    """Record what stands on standard input, then write the line or the input itself."""
    received = called.read_input()
    collecting = argv[0] == "collect"
    if collecting:
        # First, so that the status line behind the pipe starts its work meanwhile.
        called.write_output(received)
    try:
        answer = _answer(received, argv[1:], environ, now, quiet=collecting)
    except Exception:  # nobody reads a complaint here, and no one could mend it
        answer = "burnmon"
    if not collecting:
        called.write_output(f"{answer}\n".encode(errors="replace"))
    return cli.OK


def run(args: Any, settings: Any, now: datetime) -> int:
    """The same for a command line that named a shared flag before the command."""
    flags = ["--data-dir", str(settings.data_dir), "--timezone", settings.zone]
    flags += ["--config", str(settings.config_file)]
    return main([args.command, *flags], os.environ, now)


def line(
    message: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    width: int,
    now: datetime,
    zone: str,
) -> str:
    """The status line: model, context, windows, cost and a cache about to go cold.

    ``state`` holds the figures of a running burnmon and adds its verdicts.
    """
    pieces = [*_session_pieces(message), *_limit_pieces(message, state, now, zone)]
    pieces += [*_cost_piece(message), *_cache_piece(message, now)]
    if not pieces and state:
        return status.status_line(state, width, now, zone)
    return status.fitted(pieces, width) or "burnmon"


def _answer(
    received: bytes,
    argv: Sequence[str],
    environ: Mapping[str, str],
    now: datetime,
    *,
    quiet: bool,
) -> str:
    flags, _ = cli.simple_flags(argv, cli.PLAIN_VALUED, {})
    config = called.config_of(environ, str(flags.get("config", "")))
    own = (str(flags.get("data_dir", "")), str(config.get("data_dir") or ""))
    message = called.message_of(received)
    with suppress(OSError, ValueError):
        _record(message, places.data_dir(environ, *own), config, environ, now)
    if quiet:
        return ""
    current = status.current_state(f"{places.state_dir(environ, *own)}/state.json", now)
    zone = called.zone_of(str(flags.get("timezone", "")), environ, config, now)
    return line(message, current, _width(environ), now, zone)


def _record(
    message: Mapping[str, Any],
    data_dir: str,
    config: Mapping[str, Any],
    environ: Mapping[str, str],
    now: datetime,
) -> None:
    path = recording.config_dir_of(word(message.get("transcript_path"), 4096))
    account = called.account_of(path, config, environ) if path else ""
    kept = recording.recording(message, now.timestamp(), account)
    if kept is not None:
        month = f"{now.astimezone(UTC):%Y-%m}"
        recording.append(f"{data_dir}/recordings", month, kept)


def _width(environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    return max(10, int(columns)) if columns.isascii() and columns.isdigit() else 80


def _session_pieces(message: Mapping[str, Any]) -> Iterator[Piece]:
    model = table(message.get("model"))
    name = text.short_model(word(model.get("id"))) or word(model.get("display_name"))
    if name:
        yield Piece(2, (text.fit(name, 24),))
    used = number(table(message.get("context_window")).get("used_percentage"))
    if used is not None and 0 <= used <= 100:
        yield Piece(4, (f"ctx {status.percent(used)}",))


def _limit_pieces(
    message: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    now: datetime,
    zone: str,
) -> Iterator[Piece]:
    for limit in recording.limits_of(message):
        resets_at = datetime.fromtimestamp(limit["resets_at"], UTC)
        if resets_at <= now:
            continue
        name = text.window_label("claude", limit["kind"], limit["minutes"])
        figure = f"{name.partition(' ')[2]} {status.percent(limit['used_percent'])}"
        words = _verdict(limit["kind"], resets_at, state, now, zone)
        until = f"until {text.clock(resets_at, zone, now)}"
        rank = 5 if limit["minutes"] <= 300 else 3
        if words.startswith(("out", "runs", "reached")):
            yield Piece(8, (f"{figure} {words}", figure))
        else:
            full = " ".join(part for part in (figure, words, until) if part)
            yield Piece(rank, (full, figure))


def _verdict(
    kind: str,
    resets_at: datetime,
    state: Mapping[str, Any] | None,
    now: datetime,
    zone: str,
) -> str:
    """What the running burnmon expects of the same window; empty if it is silent."""
    for window in status.state_windows(state or {}):
        theirs = status.instant(window.get("resets_at"))
        if window.get("agent") != "claude" or window.get("kind") != kind or not theirs:
            continue
        if abs(theirs - resets_at) <= called.SAME_RESET:
            return status.verdict_words(window, now, zone)
    return ""


def _cost_piece(message: Mapping[str, Any]) -> Iterator[Piece]:
    cost = number(table(message.get("cost")).get("total_cost_usd"))
    if cost is not None and cost >= 0:
        yield Piece(1, (status.money(cost),))


def _cache_piece(message: Mapping[str, Any], now: datetime) -> Iterator[Piece]:
    cache = table(message.get("prompt_cache"))
    expires_at = number(cache.get("expires_at"))
    if expires_at is None or not 1e9 < expires_at < 1e11:
        return
    left = datetime.fromtimestamp(expires_at, UTC) - now
    if left <= timedelta(0):
        yield Piece(0, ("cache cold",))
    elif left <= CACHE_SOON:
        yield Piece(0, (f"cache cold in {text.span(left)}",))
