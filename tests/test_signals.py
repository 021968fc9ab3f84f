"""What the terminal is told: bytes, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import example
import pytest
from example import NOW
from msgspec.structs import replace

from burnmon.live.snapshot import Alert, Snapshot
from burnmon.tui.app import BurnApp
from burnmon.tui.feed import Post
from burnmon.tui.signals import BELL, signals_of

ALERT = Alert(NOW, "verdict", "Claude 5h", NOW, 2, "alarm", "Claude 5h runs out")
TITLED = "99;i=burnmon:d=0;burnmon"


def told(*channels: str, text: str = "Claude 5h runs out", **more: Any) -> Alert:
    """An alert that is told in these ways."""
    return replace(ALERT, channels=channels, text=text, **more)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (("screen", "tmux", "command"), ""),
        (("bell",), BELL),
        (("osc9",), "\x1b]9;burnmon: Claude 5h runs out\x1b\\"),
        (("osc777",), "\x1b]777;notify;burnmon;Claude 5h runs out\x1b\\"),
        (
            ("bell", "osc99"),
            f"{BELL}\x1b]{TITLED}\x1b\\"
            "\x1b]99;i=burnmon:d=1:p=body:u=2;Claude 5h runs out\x1b\\",
        ),
    ],
)
def test_signals(channels: tuple[str, ...], expected: str) -> None:
    """Each channel of the terminal has its own sequence; the others have none."""
    assert signals_of([told(*channels)], tmux=False) == expected


def test_through_tmux() -> None:
    """Inside tmux a notification is wrapped, each escape doubled; a bell is not."""
    assert signals_of([told("bell", "osc9")], tmux=True) == (
        BELL + "\x1bPtmux;\x1b\x1b]9;burnmon: Claude 5h runs out\x1b\x1b\\\x1b\\"
    )


def test_text_cannot_leave_its_sequence() -> None:
    """A text brings no escape, bell, separator or endless line into a sequence."""
    nasty = "a\x1b]0;title\x07;b\x1b\\\x9cc\n" + "x" * 999
    written = signals_of([told("osc777", text=nasty)], tmux=False)
    body = written.removeprefix("\x1b]777;notify;burnmon;").removesuffix("\x1b\\")
    assert body.isprintable()
    assert ";" not in body
    assert len(body) == 200


def test_together() -> None:
    """What is told at once is one notification and one bell."""
    calm = told("osc9", text="waits", level="warning", project="api")
    written = signals_of([told("bell", "osc9"), told("bell"), calm], tmux=False)
    assert written.count(BELL) == 1
    assert "\x1b]9;burnmon: Claude 5h runs out · api: waits\x1b\\" in written


class Fed:
    """A screen, the end of its feed, and what its terminal is sent."""

    def __init__(self) -> None:
        self.post: Post
        self.written: list[str] = []
        self.app = BurnApp(self._feed, theme="burnmon")

    def _feed(self, post: Post) -> Callable[[], None]:
        self.post = post
        # There is no terminal here: no picture is written, only signals are.
        self.app._driver.write = self.written.append  # type: ignore[union-attr, method-assign]  # keeps
        return lambda: None


def with_alerts(*alerts: Alert) -> Snapshot:
    """A snapshot that carries alerts."""
    return replace(example.snapshot(), alerts=alerts)


async def test_signalled_once() -> None:
    """An alert that several snapshots carry is signalled once, in one write."""
    fed, other = Fed(), told("bell", "osc9", step=3)
    async with fed.app.run_test() as pilot:
        for alerts in ((), (told("bell", "osc9"),), (told("bell", "osc9"),)):
            fed.post(with_alerts(*alerts))
            await pilot.pause()
        assert len(fed.written) == 1
        fed.post(with_alerts(told("bell", "osc9"), other))
        await pilot.pause()
        fed.post(with_alerts())
        await pilot.pause()
        assert [each.count(BELL) for each in fed.written] == [1, 1]


async def test_signalled_while_frozen() -> None:
    """A picture that is held still does not hold alerts back."""
    fed = Fed()
    async with fed.app.run_test() as pilot:
        fed.post(with_alerts())
        await pilot.press("space")
        fed.post(with_alerts(told("bell")))
        await pilot.pause()
        assert fed.written == [BELL]
