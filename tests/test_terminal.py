"""The terminal, given back as it was; burnmon runs in a pseudo-terminal for real."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time

import pytest
from ptys import Terminal

from burnmon import cli
from burnmon.tui.app import BurnApp
from burnmon.tui.driver import HUNG_UP, Output


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_signal(number: int, code: int) -> None:
    """A signal ends the screen with its code, and everything is switched off."""
    with Terminal(("--demo", "--mouse")) as terminal:
        assert terminal.drawn()
        terminal.send(number)
        assert terminal.wait() == code
        assert terminal.left_on() == []


@pytest.mark.parametrize("controlling", [True, False], ids=["signalled", "unsaid"])
def test_terminal_that_is_closed(controlling: bool) -> None:
    """A terminal that goes away ends the screen, whether or not a signal tells it."""
    with Terminal(controlling=controlling) as terminal:
        assert terminal.drawn()
        terminal.hang_up()
        assert terminal.wait() == HUNG_UP
        assert b"Traceback" not in terminal.written


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_stopped_and_resumed(number: int) -> None:
    """A screen that goes on after a stop is drawn as a whole, whoever used the terminal
    meanwhile, and gives back the settings it found at first."""
    with Terminal() as terminal:
        assert terminal.drawn()
        time.sleep(0.5)  # else its first picture is not whole before it stops
        terminal.send(number)
        assert terminal.until(lambda: terminal.state() == "T")
        if number == signal.SIGTSTP:
            assert terminal.left_on() == []
        termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.before)
        since = len(terminal.written)
        terminal.send(signal.SIGCONT)
        assert terminal.drawn(since)
        assert terminal.until(terminal.is_raw)
        terminal.press("q")
        assert terminal.wait() == cli.OK
        assert terminal.left_on() == []


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_terminal_without_a_screen(name: str) -> None:
    """A terminal that would show escape sequences gets none, but what works there."""
    with Terminal(environ={"TERM": name}) as terminal:
        assert terminal.wait() == cli.USAGE
        assert terminal.until(lambda: b"burnmon --once" in terminal.written)
        assert b"\x1b" not in terminal.written


def test_message_for_a_terminal_that_is_gone() -> None:
    """What cannot be told any more is no error of its own."""
    with Terminal(("--no-such-flag",), controlling=False) as terminal:
        terminal.hang_up()
        assert terminal.wait() == cli.USAGE


@pytest.mark.parametrize("keys", ["i", "slash", "t", "question_mark", "d"])
async def test_interrupt_works_everywhere(keys: str) -> None:
    """Ctrl-C ends burnmon, also from a page, a line that is typed, or a list."""
    from burnmon import demo

    player = demo.Player()
    app = BurnApp(player.feed, None, player.ask_why)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press(keys)
        await pilot.press("ctrl+c")
    assert app.return_code == cli.INTERRUPTED


async def test_fault_is_told_by_who_started() -> None:
    """A fault of ours ends the screen without a traceback on it, and is handed on."""
    app = BurnApp(lambda post: lambda: None)

    async def break_off() -> None:
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 / 0)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await break_off()
    assert isinstance(app.fault, ZeroDivisionError)
    assert app.return_code == cli.FAILED
    assert app._exit_renderables == []


def test_feed_that_cannot_begin_ends_the_screen() -> None:
    """A first picture that nothing would follow is not left standing."""
    words = (
        "import sys; from burnmon.live.feeder import Feeder;"
        "Feeder.start = lambda feeder: 1 / 0;"
        "from burnmon.__main__ import main; sys.exit(main())"
    )
    with Terminal(command=[sys.executable, "-c", words, "-O"]) as terminal:
        assert terminal.wait() == cli.FAILED
        assert terminal.left_on() == []
        assert b"ZeroDivisionError" in terminal.written


def test_output_that_ended_stops_nobody() -> None:
    """What is written after the end of the output is dropped."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", closefd=False) as stream:
        out = Output(stream)
        out.write("x" * 100_000)
        assert out.fileno() == writing
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
        out.flush()
    os.close(writing)
