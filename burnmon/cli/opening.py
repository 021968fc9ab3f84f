"""What the live view shows first: its last picture, before anything is loaded.

Textual takes longer to load than a glance at a pane. Meanwhile stands there what stood
there last, dim, and beneath a line that says how old it is: nobody shall take it for
what is true now. Only what it needs is imported.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from burnmon import cli, files, places, private, text
from burnmon.cli import called
from burnmon.live import status

TYPE_CHECKING = False  # typing itself takes longer to load than this module
if TYPE_CHECKING:
    from datetime import datetime

NAME = "picture.json"
"""The picture's file in the state directory."""
NO_SCREEN = ("dumb", "unknown")
"""Names of terminals that would show the escape sequences instead of obeying them."""
_LARGEST = 1 << 20
_VALUED = {**cli.PLAIN_VALUED, "--theme": "theme"}
_SWITCHES = dict.fromkeys(
    ("-O", "--offline", "--no-color", "--mouse", "--poll-usage"), ""
)
_OTHERWISE = ("BURNMON_ONCE", "BURNMON_DEMO", "BURNMON_JSON")
"""Variables that ask for something else than a screen with figures of one's own."""
_TAKE = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[2m"
_LEAVE = b"\x1b[0m\x1b[?1049l\x1b[?25h"


def keep(state_dir: str | os.PathLike[str], picture: str, at: datetime) -> None:
    """Keep a picture, its lines as text, for the next start.

    Raises OSError when it cannot be written; the previous one then stays.
    """
    kept = {"schema_version": 1, "generated_at": at.isoformat(), "lines": picture}
    path = f"{os.fspath(state_dir)}/{NAME}"
    private.replace_file(path, json.dumps(kept).encode())


@contextmanager
def last_picture(
    argv: Sequence[str], environ: Mapping[str, str], now: datetime
) -> Iterator[Sequence[str]]:
    """Show the last picture while the body loads the screen, and give it its lines.

    The terminal is given back afterwards, whether the screen ever came up or not.
    """
    rows = _rows(argv, environ, now) if _is_screen(environ) else []
    if not rows:
        yield ()
        return
    # Until the screen listens to signals, they too must give the terminal back.
    ends = {number: signal.signal(number, _end) for number in _ENDING}
    try:
        words = "".join(f"\x1b[{n}H{row}" for n, row in enumerate(rows, 1))
        _write(f"{_TAKE}{words}".encode(errors="replace"))
        yield rows
    finally:
        _write(_LEAVE)
        for number, handler in ends.items():
            signal.signal(number, handler)


def picture(
    kept: Mapping[str, object], size: tuple[int, int], now: datetime
) -> list[str]:
    """The lines to show in a terminal of ``size`` (width, height); none if it is from
    the future or of no use.

    A picture of another size would lie in pieces there: only its first line is shown.
    """
    width, height = size
    at, lines = status.generated_at(kept), kept.get("lines")
    if at is None or at > now or not isinstance(lines, str) or width < 1:
        return []
    rows = [text.plain(line) for line in lines.split("\n")]
    first = f" ○ as it was {text.span(now - at)} ago · {rows[0].lstrip(' ●▲■○')}"
    same = len(rows) == height and max(map(text.cells, rows[1:]), default=0) <= width
    return [text.fit(first, width), *(rows[1:] if same else [])]


def _is_screen(environ: Mapping[str, str]) -> bool:
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return environ.get("TERM", "dumb") not in NO_SCREEN and all(
        stream is not None and stream.isatty() for stream in streams
    )


def _rows(argv: Sequence[str], environ: Mapping[str, str], now: datetime) -> list[str]:
    """The picture's lines; none where another view is asked for."""
    flags, others = cli.simple_flags(argv, _VALUED, _SWITCHES)
    if others or any(environ.get(name) for name in _OTHERWISE):
        return []
    config = called.config_of(environ, str(flags.get("config", "")))
    own = (str(flags.get("data_dir", "")), str(config.get("data_dir") or ""))
    path = f"{places.state_dir(environ, *own)}/{NAME}"
    try:
        kept = json.loads(files.content(path, _LARGEST))
        size = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(kept, dict):
        return []
    return picture(kept, (size.columns, size.lines), now)


_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _write(words: bytes) -> None:
    with suppress(OSError):  # a terminal that is gone is told of by who needs it
        os.write(sys.stderr.fileno(), words)
