"""The panes, and the column that shares the height out between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from burnmon.frame import Heights, Scene, plan, plan_rests_on
from burnmon.frame.plan import LOW
from burnmon.frame.segments import Segment
from burnmon.frame.sessions import row_at
from burnmon.frame.view import BURN, EVENTS, LIMITS, SESSIONS
from burnmon.tui.keys import Footer
from burnmon.tui.lines import Lines, Part, Still


class Main(Still, Screen[None], inherit_bindings=False):
    """The screen of the panes; all of its keys are in the one list."""

    def on_screen_resume(self) -> None:
        """Show the keys that work now that no other screen is above this one."""
        for picture in self.query(Picture):
            picture.draw()


class Pane(Part, can_focus=True):
    """A part that takes keys."""

    class Turned(Message):
        """The wheel was turned over the pane by so many rows, downwards."""

        def __init__(self, pane: Pane, rows: int) -> None:
            super().__init__()
            self.pane = pane
            self.rows = rows

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One row down."""
        event.stop()
        self.post_message(self.Turned(self, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One row up."""
        event.stop()
        self.post_message(self.Turned(self, -1))


class Limits(Pane):
    """How full each window is, and whether it will last."""

    HELP: ClassVar[str | None] = (
        "**Limits.** The notch `┃` is even pace: the share of the window that has "
        "passed. Colour and word follow the chance of running out before the reset."
    )


class BurnPane(Pane):
    """The chart, and the pace of everything together."""

    HELP: ClassVar[str | None] = (
        "**Burn.** What was used, now, and where it is heading: up to the median, "
        "and paler above it, together 10–90 %. `┈` is the limit; what passes it "
        "is in the colour of an alarm."
    )


class Sessions(Pane):
    """One row per conversation."""

    class Picked(Message):
        """A session was clicked."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    def on_click(self, event: events.Click) -> None:
        """Pick the session below the pointer."""
        if self.scene is None:
            return
        snapshot, view = self.scene.snapshot, self.scene.view
        if session_id := row_at(snapshot, view, self.size.height, event.y):
            self.post_message(self.Picked(session_id))

    HELP: ClassVar[str | None] = (
        "**Sessions.** `●` burns, `◐` waits for you, `○` is idle. A `+` behind a "
        "cost: some requests have no price. *cold +$*: what the next turn pays to "
        "write the cache anew."
    )


class Events(Pane):
    """What was worth a line, newest first."""

    HELP: ClassVar[str | None] = (
        "**Events.** `·` note, `▲` warning, `■` alarm, `◆` commit with its cost."
    )


class Filter(Input):
    """The words that sessions are filtered by; stands in for the footer."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="project, branch, model, title, state",
            compact=True,
            id="filter",
        )
        self.cursor_blink = False


def _paints_at_once(screen: Screen[object]) -> bool:
    """Whether this Textual has the private names that painting at once leans on."""
    return hasattr(screen, "_dirty_widgets") and hasattr(screen, "_on_timer_update")


class Before(Lines):
    """What stood there when burnmon ended the last time; covers all else."""

    def __init__(self, rows: Sequence[str]) -> None:
        super().__init__(id="before")
        self.lines = [[Segment(row, "dim")] for row in rows]


class Picture(Still, Vertical):
    """All parts from top to bottom; gives each the lines that the plan allots."""

    def __init__(self, shown: Sequence[str] = ()) -> None:
        """The lines ``shown`` stand there until there is a scene."""
        super().__init__()
        self._scene: Scene | None = None
        self._planned_from: object = None
        self._shown = shown
        self._parts: dict[str, Part] = {}
        self._footer = Footer(id="footer")
        self._heights: Heights = {}

    def compose(self) -> Iterator[Widget]:
        """The parts in the order of the plan."""
        parts: list[Part] = [
            Part(id="answer"),
            Part(id="banners"),
            Part(id="welcome"),
            Limits(id=LIMITS),
            BurnPane(id=BURN),
            Sessions(id=SESSIONS),
            Events(id=EVENTS),
            Part(id="pulse"),
        ]
        self._parts = {part.id or "": part for part in parts}
        if self._shown:
            yield Before(self._shown)
        yield from parts
        yield self._footer
        yield Horizontal(Static("filter", id="prompt"), Filter(), id="filtering")

    def look(self, scene: Scene | None) -> None:
        """Draw a scene; another number of limits needs other heights as well."""
        self._scene = scene
        self.draw()

    def on_resize(self) -> None:
        """Share out the new height."""
        self._heights = {}
        self._planned_from = None
        self.draw()

    def draw(self) -> None:
        """Draw every part that has lines; what did not change costs nothing."""
        scene, size = self._scene, self.size
        if scene is None or not size.height:
            return
        if self._shown:
            self._shown = ()
            self.call_after_refresh(self.query_one(Before).remove)
        parts, moved = self._parts, self._plan(scene, size)
        at_once = not moved and _paints_at_once(self.screen)
        try:
            for name, part in parts.items():
                part.held = at_once
                part.look(scene, low=size.height <= LOW, hidden=not self._heights[name])
        finally:
            for part in parts.values():
                part.held = False
        if at_once:
            self._paint()
        self._footer.look(scene)

    def _plan(self, scene: Scene, size: Size) -> bool:
        """Share out the height as the scene needs it; whether that moved anything."""
        planned_from = plan_rests_on(scene), size
        if planned_from == self._planned_from:
            return False
        self._planned_from = planned_from
        heights = plan(scene, size)
        if heights == self._heights:
            return False
        self._heights = heights
        self._share_out(heights)
        return True

    def _paint(self) -> None:
        """Paint what was drawn, now and in one go.

        Left to itself, Textual has each part send messages about it, and paints with
        the next of its frames; that takes longer than all of the drawing.
        """
        screen = self.screen
        for part in self._parts.values():
            if part._repaint_required:
                part._repaint_required = False
                screen._dirty_widgets.add(part)
        screen._on_timer_update()

    def _share_out(self, heights: Heights) -> None:
        for name, lines in heights.items():
            part = self._footer if name == "footer" else self._parts[name]
            height = part.styles.height
            if height is None or height.value != lines:
                part.styles.height = lines
                # A class would have the style sheet applied anew, to each of them.
                part.display = lines > 0
