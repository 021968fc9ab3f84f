"""What a terminal is told of alerts: a bell, a notification of the desktop.

Made as one text, so that the driver writes it between two pictures and tears neither.
Inside tmux a notification is wrapped, for tmux to pass it through to the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.driver import Driver

from burnmon.live.snapshot import Alert
from burnmon.text import fit, plain
from burnmon.tui.theme import Themed

BELL = "\x07"
LONGEST = 200
"""Cells of a notification."""
_TITLE = "burnmon"
_OSC, _END = "\x1b]", "\x1b\\"


class Signalling(Themed):
    """An app that signals each alert to its terminal once."""

    def __init__(
        self, theme: str | None, driver_class: type[Driver] | None, tmux: bool
    ) -> None:
        """``tmux``: the terminal is a pane of it."""
        super().__init__(theme, driver_class)
        self._tmux = tmux
        self._signalled: frozenset[Alert] = frozenset()

    def signal(self, alerts: Sequence[Alert]) -> None:
        """Signal what was not signalled before."""
        fresh = [each for each in alerts if each not in self._signalled]
        self._signalled = frozenset(alerts)
        signals = signals_of(fresh, self._tmux)
        if signals and self._driver is not None:
            self._driver.write(signals)


def signals_of(alerts: Iterable[Alert], tmux: bool) -> str:
    """The bell and the notifications that alerts ask for, as a terminal takes them."""
    told = list(alerts)
    written = BELL if any("bell" in each.channels for each in told) else ""
    for channel, notification in _NOTIFICATIONS.items():
        chosen = [each for each in told if channel in each.channels]
        if chosen:
            words = " · ".join(each.message for each in chosen)
            loud = any(each.level == "alarm" for each in chosen)
            for sequence in notification(fit(plain(words), LONGEST), loud):
                written += _through_tmux(sequence) if tmux else sequence
    return written


def _through_tmux(sequence: str) -> str:
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + _END


def _osc9(words: str, loud: bool) -> Sequence[str]:
    """iTerm2's; the title keeps words off the numbers that mean something else."""
    return [f"{_OSC}9;{_TITLE}: {words}{_END}"]


def _osc777(words: str, loud: bool) -> Sequence[str]:
    """That of rxvt-unicode, in which semicolons separate."""
    return [f"{_OSC}777;notify;{_TITLE};{words.replace(';', ',')}{_END}"]


def _osc99(words: str, loud: bool) -> Sequence[str]:
    """That of kitty, in two parts: a title, a body and how urgent it is."""
    return [
        f"{_OSC}99;i={_TITLE}:d=0;{_TITLE}{_END}",
        f"{_OSC}99;i={_TITLE}:d=1:p=body:u={2 if loud else 1};{words}{_END}",
    ]


_NOTIFICATIONS = {"osc9": _osc9, "osc777": _osc777, "osc99": _osc99}
