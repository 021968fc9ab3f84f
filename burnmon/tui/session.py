"""The screen of one session: why it burns.

It asks as long as it is open, and whoever answers may do so from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget

from burnmon.day import Reading
from burnmon.frame import Line
from burnmon.frame.plan import LOW
from burnmon.frame.segments import to_text
from burnmon.frame.session import page, session
from burnmon.frame.turn import turn_page
from burnmon.frame.why_figures import figures_page
from burnmon.frame.why_view import WhyScene, moved_by, selected, told
from burnmon.tui.keys import WHY_BINDINGS, Footer, works_on_session
from burnmon.tui.lines import Lines
from burnmon.tui.modal import Draw, Explain
from burnmon.why import AskWhy, Why, WhyAnswer

COPIED = 100
"""Columns of what is copied."""


class WhyReady(Message):
    """An answer has arrived; a newer one takes the place of what it outdates."""

    def __init__(self, answer: WhyAnswer) -> None:
        super().__init__()
        self.answer = answer

    def can_replace(self, message: Message) -> bool:
        """Let the latest win, but never progress over a session explained."""
        if not isinstance(message, WhyReady):
            return False
        return isinstance(self.answer, Reading) or isinstance(message.answer, Why)


class SessionLines(Lines, can_focus=True):
    """The picture of the session."""

    HELP: ClassVar[str | None] = (
        "**Session.** `█` carrying context, `▓` rebuilding a cache, `▒` new context, "
        "`▞` thinking, `░` output, `▚` web search. Each line is a turn, its bar as "
        "long as its dollars. Causes name dollars that are in the turns already."
    )


class Session(ModalScreen[None], inherit_bindings=False):
    """A session on the whole screen; the keys of Burn are out of reach meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [*WHY_BINDINGS]
    AUTO_FOCUS = "#session"

    def __init__(
        self, session_id: str, ask: AskWhy, figures: Draw, copy: Callable[[], None]
    ) -> None:
        """``figures`` draws where its figures come from; ``copy`` takes them."""
        super().__init__()
        self._session_id, self._ask = session_id, ask
        self._figures, self._copy_figures = figures, copy
        self.scene = WhyScene(waits=Reading("the session"))

    def compose(self) -> Iterator[Widget]:
        """The session, and the keys."""
        yield SessionLines(id="session")
        yield Footer(id="footer")

    def on_mount(self) -> None:
        """Ask for the session."""
        self._ask(self._session_id, self._post)

    def on_unmount(self) -> None:
        """Ask for nothing any more."""
        self._ask(None, lambda answer: None)

    def _post(self, answer: WhyAnswer) -> None:
        with suppress(RuntimeError):  # the screen, or the app, was just left
            self.post_message(WhyReady(answer))

    def on_why_ready(self, message: WhyReady) -> None:
        """Show it."""
        self.look(told(self.scene, message.answer))

    def on_resize(self) -> None:
        """Draw in the new size."""
        self.look(self.scene)

    def look(self, scene: WhyScene) -> None:
        """Show a scene."""
        self.scene = scene
        low = self.size.height <= LOW
        self.query_one("#footer").set_class(low, "-none")
        size = self.size.width, self.size.height - (not low)
        self.query_one("#session", Lines).show(session(scene, size, low=low))
        self.refresh_bindings()
        self.query_one("#footer", Footer).draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None dims a key that cannot do anything now."""
        return works_on_session(action, self.scene)

    def action_move(self, rows: int) -> None:
        """Select another turn."""
        self.look(moved_by(self.scene, rows))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One turn down."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One turn up."""
        event.stop()
        self.action_move(-1)

    def action_explain(self) -> None:
        """Open the page about the selected turn, and the session's figures below it."""
        why, turn = self.scene.why, selected(self.scene)

        def draw(width: int) -> list[Line]:
            about = [*turn_page(why, turn, width), []] if why and turn else []
            figures = [*figures_page(why, width), []] if why else []
            return [*about, *figures, *self._figures(width)]

        self.app.push_screen(Explain(draw, self._copy_figures))

    def action_copy(self) -> None:
        """Copy the session explained through the terminal."""
        if self.scene.why is not None:
            lines = page(self.scene.why, COPIED)
            self.app.copy_to_clipboard("\n".join(map(to_text, lines)))
            self.notify("copied", timeout=2)
