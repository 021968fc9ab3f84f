"""The screen of a day: what its money turned into.

Owns which day is asked for and what is chosen about it. It asks, and whoever answers
may do so from any thread; an answer to what is no longer asked is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from burnmon.day import Day, DayAnswer, Days, Reading
from burnmon.frame.day_view import (
    DayScene,
    answered,
    beside,
    moved_by,
    regrouped,
    selected,
    wishing,
)
from burnmon.frame.evidence import evidence
from burnmon.frame.markdown import line_of, markdown
from burnmon.frame.plan import LOW
from burnmon.frame.shipped import shipped
from burnmon.tui.keys import DAY_BINDINGS, Footer, works_on_day
from burnmon.tui.lines import Lines
from burnmon.tui.modal import Explain


class DayReady(Message):
    """An answer has arrived; a newer one takes the place of what it outdates."""

    def __init__(self, question: int, answer: DayAnswer) -> None:
        super().__init__()
        self.question = question
        self.answer = answer

    def can_replace(self, message: Message) -> bool:
        """Let the latest win, but never progress over a day."""
        if not isinstance(message, DayReady):
            return False
        return isinstance(self.answer, Reading) or isinstance(message.answer, Day)


class DayLines(Lines, can_focus=True):
    """The picture of the day."""

    HELP: ClassVar[str | None] = (
        "**Shipped.** Each line is money of the day: in a commit, or in none, and "
        "why. *exact*: the session made the commit; *likely*: its lines are in it; "
        "*possible*: a hint, nothing is charged. The sum proves that nothing is left "
        "out."
    )


class Shipped(ModalScreen[None], inherit_bindings=False):
    """A day on the whole screen; the keys of Burn are out of reach meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [*DAY_BINDINGS]
    AUTO_FOCUS = "#shipped"

    def __init__(self, days: Days, today: date) -> None:
        super().__init__()
        self._days = days
        self._question = 0
        self.scene = DayScene(today)

    def compose(self) -> Iterator[Widget]:
        """The day, and the keys or the line that takes a day."""
        yield DayLines(id="shipped")
        yield Footer(id="footer")
        words = Input(placeholder="today, yesterday, 3d, 2026-11-17", compact=True)
        words.cursor_blink = False
        yield Horizontal(Static("day", id="prompt"), words, id="filtering")

    def on_mount(self) -> None:
        """Ask for today."""
        self.wish("today")

    def on_unmount(self) -> None:
        """Ask for nothing any more."""
        self._days.ask(None, lambda answer: None)

    def on_resize(self) -> None:
        """Draw in the new size."""
        self.look(self.scene)

    def wish(self, wish: date | str) -> None:
        """Ask for a day; what is shown stays until it is there."""
        self._question += 1
        self.look(wishing(self.scene, wish))
        self._days.ask(wish, partial(self._post, self._question))

    def _post(self, question: int, answer: DayAnswer) -> None:
        with suppress(RuntimeError):  # the screen, or the app, was just left
            self.post_message(DayReady(question, answer))

    def on_day_ready(self, message: DayReady) -> None:
        """Show it, if it is still asked for."""
        if message.question == self._question:
            self.look(answered(self.scene, message.answer))

    def look(self, scene: DayScene) -> None:
        """Show a scene."""
        self.scene = scene
        picture, low = self.query_one("#shipped", Lines), self.size.height <= LOW
        self.set_class(scene.typing, "-filtering")
        self.query_one("#footer").set_class(low, "-none")
        height = self.size.height - (not low or scene.typing)
        lines = shipped(scene, (self.size.width, height), low=low)
        picture.show(lines)
        self.refresh_bindings()
        self.query_one("#footer", Footer).draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None dims a key that cannot do anything now."""
        if action == "pick" and not self.is_current:
            return None  # its key has priority, and would reach past the evidence
        return works_on_day(action, parameters, self.scene)

    def action_back(self) -> None:
        """Close the line that takes a day, else go back to Burn."""
        if self.scene.typing:
            self._typed(False)
        else:
            self.dismiss()

    def action_step(self, days: int) -> None:
        """Ask for the day so many days later."""
        other = beside(self.scene, days)
        if other is not None:
            self.wish(other)

    def action_move(self, rows: int) -> None:
        """Select another row."""
        self.look(moved_by(self.scene, rows))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One row down."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One row up."""
        event.stop()
        self.action_move(-1)

    def action_group(self) -> None:
        """Step to the next kind of groups."""
        self.look(regrouped(self.scene))

    def action_evidence(self) -> None:
        """Open the page about the selected row."""
        day, row = self.scene.day, selected(self.scene)
        if day is not None and row is not None:
            line = partial(self._copy, line_of(day, row))
            self.app.push_screen(Explain(partial(evidence, day, row), line, "Evidence"))

    def action_copy(self) -> None:
        """Copy the day as Markdown through the terminal."""
        if self.scene.day is not None:
            self._copy(markdown(self.scene.day))

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify("copied as Markdown", timeout=2)

    def action_write(self) -> None:
        """Write the day into a new file, and say where it is."""
        if self.scene.day is None:
            return
        try:
            path = self._days.write(self.scene.day)
        except OSError as error:
            self.notify(f"not written: {error}", severity="error", markup=False)
        else:
            self.notify(f"written to {path}", markup=False)

    def action_pick(self) -> None:
        """Ask for the words that name a day; the next key is already one of them."""
        self._typed(True)

    def _typed(self, typing: bool) -> None:
        """Open or close the line that takes a day."""
        self.look(replace(self.scene, typing=typing))
        self.query_one(Input).value = ""
        self.set_focus(self.query_one(Input if typing else "#shipped"))

    @on(Input.Submitted)
    def picked(self, event: Input.Submitted) -> None:
        """Ask for the day that the words name."""
        self._typed(False)
        if event.value.strip():
            self.wish(event.value.strip())
