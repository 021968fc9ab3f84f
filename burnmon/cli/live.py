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
from burnmon.cli.ahead import Ahead
from burnmon.config import Settings
from burnmon.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from burnmon.cli.ahead import First
    from burnmon.day import AskDay, Day
    from burnmon.frame import Line
    from burnmon.live.feeder import Feeder
    from burnmon.live.snapshot import Snapshot
    from burnmon.tui.app import BurnApp
    from burnmon.why import AskWhy

    Feed = Callable[[Callable[[Snapshot], None]], Callable[[], None]]
    """Starts posting snapshots; returns what stops it."""
    Sources = tuple[Feed, AskDay, AskWhy | None, First | None]
    """Where a screen gets its snapshots, days, explanations and first snapshot from."""

PATIENCE = 10.0
"""Seconds after a signal in which the screen may end by itself."""
FIRST_PICTURE = 0.1
"""Seconds that the screen has for its first picture before the feed begins."""
LONGEST_FIRST = 0.5
"""Seconds that are waited for the first snapshot once there is a screen for it."""
YOUNG = 10_000
"""Objects that are made before it is looked for circles among them."""
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
    return _show(settings, _sources(args, settings, now), zone, args.shown, keep)


def _show(
    settings: Settings,
    sources: Sources,
    zone: str | None,
    shown: Sequence[str],
    keep: Path | None,
) -> int:
    """``keep`` is the directory that the last picture is kept in."""
    feed, ask_day, ask_why, first = sources
    early = _Early(feed, first)
    try:
        return _run_screen(settings, early, ask_day, ask_why, zone, shown, keep)
    finally:
        early.stop()


def _run_screen(
    settings: Settings,
    feed: _Early,
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
    feed.failed = app.fail
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
    """A feed whose first snapshot another process makes while the screen is loaded.

    Both take about as long, and in one process only one of them would go on at a time.
    The feed itself begins when the first picture stands.
    """

    def __init__(self, feed: Feed, first: First | None) -> None:
        self._feed = feed
        self._end: Callable[[], None] | None = None
        self._ahead: Ahead | None = None
        self.failed: Callable[[Exception], None] = _nothing
        """Told why the feed could not begin."""
        if first is not None:
            with suppress(OSError):  # the feed makes its first snapshot by itself
                self._ahead = Ahead(first)

    def __call__(self, post: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Hand the snapshots over, in the loop that runs."""
        import asyncio

        loop, begin = asyncio.get_running_loop(), partial(self._begin, post)

        def take(snapshot: Snapshot | None) -> None:
            if snapshot is None:
                begin()
            else:
                post(snapshot)
                loop.call_later(FIRST_PICTURE, begin)

        if self._ahead is None:
            begin()
        else:
            loop.call_later(LONGEST_FIRST, begin)
            self._ahead.give(loop, take)
        return self.stop

    def _begin(self, post: Callable[[Snapshot], None]) -> None:
        if self._end is None:
            self._end_child()  # what it makes now would be older than the feed's
            # What was loaded stays: no later look needs to go through it. And a picture
            # takes thousands of objects, of which none is in a circle.
            gc.freeze()
            gc.set_threshold(YOUNG)
            gc.enable()
            try:
                self._end = self._feed(post)
            except Exception as error:  # the loop, which calls this, would go on
                self._end = _nothing
                self.failed(error)

    def _end_child(self) -> None:
        if self._ahead is not None:
            self._ahead.end()

    def stop(self) -> None:
        """End the feed, or let it never begin."""
        self._end_child()
        end, self._end = self._end, _nothing
        if end is not None:
            end()


def _nothing(*_: object) -> None:
    """What ends a feed that has ended, and hears of one while there is no screen."""


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


def _sources(args: Namespace, settings: Settings, now: datetime) -> Sources:
    """What posts snapshots, and what answers for days and sessions."""
    if args.demo:
        from burnmon import demo

        player = demo.Player()
        return player.feed, demo.ask_day, player.ask_why, None
    feeders: list[Feeder] = []
    waiting: list[Callable[[Feeder], None]] = []

    def begin(post: Callable[[Snapshot], None]) -> Callable[[], None]:
        from burnmon.live.feeder import Feeder, utc_now

        feeder = Feeder(settings, post)
        ends = [feeder.start()]
        if settings.poll_usage:
            from burnmon.live.polling import Polling

            ends.insert(0, Polling(settings, utc_now).start())
        feeders.append(feeder)
        for ask in waiting:
            ask(feeder)

        def end() -> None:
            for each in ends:
                each()

        return end

    def ask(question: Callable[[Feeder], None]) -> None:
        """Ask the feeder, or have it asked as soon as there is one."""
        if feeders:
            question(feeders[-1])
        else:
            waiting.append(question)

    return (
        begin,
        lambda wish, post: ask(lambda feeder: feeder.shipper.ask(wish, post)),
        lambda name, post: ask(lambda feeder: feeder.explainer.ask(name, post)),
        partial(_first, settings, now),
    )


def _first(settings: Settings, now: datetime) -> Snapshot | None:
    from burnmon.live.feeder import first

    return first(settings, now)


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
