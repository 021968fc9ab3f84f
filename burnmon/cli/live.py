"""The live view, or one frame of it as text; the only command that loads Textual.

The screen gets a feed and nothing else: the engine of this machine, or the recorded
day that came with burnmon.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import termios
import threading
import time
from argparse import Namespace
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnmon import cli
from burnmon.cli import opening
from burnmon.config import Settings
from burnmon.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from burnmon.day import AskDay, Day
    from burnmon.frame import Line
    from burnmon.live.snapshot import Snapshot
    from burnmon.tui.app import BurnApp
    from burnmon.why import AskWhy

    Feed = Callable[[Callable[[Snapshot], None]], Callable[[], None]]
    """Starts posting snapshots; returns what stops it."""
    Sources = tuple[Feed, AskDay, AskWhy | None]
    """Where a screen gets its snapshots, days and explanations from."""

PATIENCE = 10.0
"""Seconds after a signal in which the screen may end by itself."""
FIRST_PICTURE = 0.1
"""Seconds that the screen has for its first picture before the feed goes on."""
WRITER = "textual-output"
"""The name of Textual's thread that writes to the terminal."""
_MODES = "<u ?2004l ?7h ?1000l ?1003l ?1006l ?1015l ?1004l ?2048l ?1049l ?25h"
_LEFT = "".join(f"\x1b[{mode}" for mode in _MODES.split()).encode()
"""Switches off what the screen may have switched on."""
_RESET = "\x1b[0m"
_COLOURS = {
    "dim": "2",
    "faint": "2",
    "strong": "1",
    "title": "1",
    "focus": "1",
    "calm": "32",
    "attention": "33",
    "alarm": "31",
    "accent": "36",
    "area": "34",
    "near": "34",
    "far": "2",
}
"""Style words of a frame as the terminal's own colours; other words change nothing."""


def run(args: Namespace, settings: Settings, now: datetime) -> int:
    """Show the screen until it is left, or print one frame."""
    if args.json:
        raise UsageError("the live view has no JSON; burnmon status --json has")
    if args.poll_usage and settings.offline:
        raise UsageError("--poll-usage uses the network; --offline forbids it")
    if args.once:
        return _print_frame(args, settings, now)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is None or not stream.isatty():
            raise UsageError(
                "the live view needs a terminal; burnmon --once prints one frame"
            )
    terminal = os.environ.get("TERM")
    if terminal in opening.NO_SCREEN:
        raise UsageError(
            f"TERM={terminal} has no screen to draw on; burnmon --once prints one frame"
        )
    # The recorded day brings its own zone, unless one was asked for.
    zone = None if args.demo and not args.timezone else settings.zone
    keep = None if args.demo else settings.state_dir
    return _show(settings, _sources(args, settings), zone, args.shown, keep)


def _show(
    settings: Settings,
    sources: Sources,
    zone: str | None,
    shown: Sequence[str],
    keep: Path | None,
) -> int:
    """``keep`` is the directory that the last picture is kept in."""
    feed, ask_day, ask_why = sources
    early = _Early(feed)
    try:
        return _run_screen(settings, early, ask_day, ask_why, zone, shown, keep)
    finally:
        early.stop()


def _run_screen(
    settings: Settings,
    feed: Feed,
    ask_day: AskDay,
    ask_why: AskWhy | None,
    zone: str | None,
    shown: Sequence[str],
    keep: Path | None,
) -> int:
    from burnmon import frame
    from burnmon.day import Days
    from burnmon.tui.app import BurnApp

    days = Days(ask_day, _write)
    theme = settings.theme or None
    tmux = bool(os.environ.get("TMUX"))
    app = BurnApp(
        feed,
        days,
        ask_why,
        mouse=settings.mouse,
        theme=theme,
        zone=zone,
        tmux=tmux,
        shown=shown,
    )
    if theme and theme not in app.available_themes:
        known = ", ".join(sorted(app.available_themes))
        raise UsageError(f"--theme: no theme {theme!r}; known: {known}")
    with _left_on_signals(app):
        app.run()
    if keep is not None and app.scene is not None and app.scene.latest.scan is None:
        latest = app.scene.latest
        with suppress(OSError):  # it would only have been shown at the next start
            opening.keep(keep, frame.once(latest, *app.size), latest.now)
    if app.fault is not None:
        raise app.fault
    return app.return_code or cli.OK


def _write(day: Day) -> str:
    """Write the review of a day into the current directory; its path."""
    from burnmon.cli.review import written  # with all that makes days

    return written(day, Path.cwd())


class _Early:
    """A feed that begins while the screen is still loaded, which takes as long.

    It keeps the newest snapshot until there is a screen to hand it to, and the feed
    waits with it: what else it would do takes time from the screen.
    """

    def __init__(self, feed: Feed) -> None:
        self._lock = threading.Lock()
        self._post: Callable[[Snapshot], None] | None = None
        self._newest: Snapshot | None = None
        self._ready = threading.Event()
        self._end = feed(self._take)

    def __call__(self, post: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Hand the snapshots over; what came before, first."""
        import asyncio

        with self._lock:
            self._post = post
            if self._newest is not None:
                self._hand_over(self._newest)
        asyncio.get_running_loop().call_later(FIRST_PICTURE, self._ready.set)
        return self.stop

    def stop(self) -> None:
        """End the feed."""
        self._ready.set()
        self._end()

    def _take(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._newest = None if self._post else snapshot
            self._hand_over(snapshot)
        self._ready.wait(PATIENCE)

    def _hand_over(self, snapshot: Snapshot) -> None:
        if self._post is None:
            return
        self._post(snapshot)
        if not gc.isenabled():
            # What was loaded stays: no later look needs to go through it.
            gc.freeze()
            gc.enable()


@contextmanager
def _left_on_signals(app: BurnApp) -> Iterator[None]:
    """Let signals end the screen, so that the terminal is given back first."""
    try:
        settings = termios.tcgetattr(sys.stdin)
    except termios.error:
        raise UsageError("the terminal is gone") from None

    cut = threading.Event()

    def leave(number: int, _: object) -> None:
        code = 128 + number
        if not app.began:
            sys.exit(code)
        if cut.is_set():
            return
        # Only a call from another thread wakes a screen that sleeps.
        ending = partial(_end, app, code, settings, cut)
        threading.Thread(target=ending, daemon=True).start()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        if cut.is_set():
            time.sleep(PATIENCE)  # another thread gives the terminal back, and ends
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(app: BurnApp, code: int, settings: list[Any], cut: threading.Event) -> None:
    """Ask the screen to end; end the process when it cannot, which waits perhaps for
    a terminal that takes no output."""
    late = threading.Timer(PATIENCE, _cut_off, (code, settings, cut))
    late.daemon = True
    late.start()
    with suppress(RuntimeError):  # it ended meanwhile
        app.call_from_thread(app.exit, return_code=code)


def _cut_off(code: int, settings: list[Any], cut: threading.Event) -> None:
    """Give back a terminal that takes no output, and end; ``cut`` is set first."""
    from burnmon.tui.driver import forget_terminal

    cut.set()
    with suppress(AttributeError, OSError, termios.error):
        terminal = os.dup(sys.__stderr__.fileno())  # type: ignore[union-attr]  # a missing stream is caught
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
        os.set_blocking(terminal, False)
        # What waits there is of no use any more, and what would follow it.
        forget_terminal()
        writers = [each for each in threading.enumerate() if each.name == WRITER]
        for _ in range(1000):
            termios.tcflush(terminal, termios.TCOFLUSH)
            for each in writers:  # out of the write that holds the terminal
                if each.ident and each.is_alive():
                    signal.pthread_kill(each.ident, signal.SIGTERM)
            with suppress(BlockingIOError):
                os.write(terminal, _LEFT)
                break
            time.sleep(0.001)
        os.set_blocking(terminal, True)
    os._exit(code)


def _sources(args: Namespace, settings: Settings) -> Sources:
    """What posts snapshots, and what answers for days and sessions."""
    if args.demo:
        from burnmon import demo

        player = demo.Player()
        return player.feed, demo.ask_day, player.ask_why
    from burnmon.live.feeder import Feeder, utc_now

    feeders: list[Feeder] = []

    def begin(post: Callable[[Snapshot], None]) -> Callable[[], None]:
        feeders.append(Feeder(settings, post))
        ends = [feeders[-1].start()]
        if settings.poll_usage:
            from burnmon.live.polling import Polling

            ends.insert(0, Polling(settings, utc_now).start())

        def end() -> None:
            for each in ends:
                each()

        return end

    return (
        begin,
        lambda wish, post: feeders[-1].shipper.ask(wish, post),
        lambda session_id, post: feeders[-1].explainer.ask(session_id, post),
    )


def _print_frame(args: Namespace, settings: Settings, now: datetime) -> int:
    from burnmon import frame

    size = size_of_terminal()
    snapshot = _demo_snapshot() if args.demo else _snapshot(settings, now)
    coloured = sys.stdout.isatty() if settings.color is None else settings.color
    if coloured:
        for line in frame.lines(snapshot, *size):
            print(painted(line))
    else:
        print(frame.once(snapshot, *size))
    return cli.OK


def _demo_snapshot() -> Snapshot:
    from burnmon import demo

    return demo.snapshot()


def _snapshot(settings: Settings, now: datetime) -> Snapshot:
    """What is known after a sweep; its progress is shown where it takes long."""
    from burnmon.cli.catchup import caught_up
    from burnmon.live import engine

    try:
        with caught_up(settings, now):
            pass
    except LedgerError:
        pass  # the frame is made without a ledger then, and says so
    return engine.once(settings, now)


def size_of_terminal() -> tuple[int, int]:
    """``COLUMNS`` and ``LINES``, else the terminal that is there, else 80 × 24."""
    fallback = (80, 24)
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            fallback = tuple(os.get_terminal_size(stream.fileno()))  # type: ignore[union-attr, assignment]  # a missing stream is caught
            break
        except (AttributeError, ValueError, OSError):
            continue
    return tuple(shutil.get_terminal_size(fallback))  # type: ignore[return-value]  # a pair


def painted(line: Line) -> str:
    """A line of a frame with escape codes for its styles."""
    words = []
    for segment in line:
        codes = [_COLOURS[w] for w in segment.style.split() if w in _COLOURS]
        if codes and segment.text.strip():
            words.append(f"\x1b[{';'.join(codes)}m{segment.text}{_RESET}")
        else:
            words.append(segment.text)
    return "".join(words).rstrip()
