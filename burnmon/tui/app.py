"""The live screen: snapshots in, keys in, one scene out.

Owns which scene is shown. Keys and snapshots make a new scene; the parts draw it.
It knows no clock, file or setting: the feed that it is given starts whatever posts
snapshots, from any thread, and returns what stops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from burnmon.day import Days
from burnmon.frame import Scene, View
from burnmon.frame.explain import copied, explained
from burnmon.frame.view import (
    PANES,
    SESSIONS,
    about_session,
    moved,
    reordered,
    with_latest,
)
from burnmon.live.snapshot import Snapshot
from burnmon.text import local
from burnmon.tui.driver import quiet_driver
from burnmon.tui.feed import Feed, Latest
from burnmon.tui.keys import BINDINGS, CommonKeys, works
from burnmon.tui.panes import Filter, Main, Pane, Picture, Sessions
from burnmon.why import AskWhy


class BurnApp(CommonKeys, inherit_bindings=False):
    """The burn monitor."""

    TITLE = "burnmon"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]
    AUTO_FOCUS = f"#{SESSIONS}"

    def __init__(
        self,
        feed: Feed,
        days: Days | None = None,
        why: AskWhy | None = None,
        *,
        mouse: bool = False,
        theme: str | None = None,
        zone: str | None = None,
        tmux: bool = False,
        shown: Sequence[str] = (),
    ) -> None:
        """``zone`` overrides the snapshot's, a known ``theme`` burnmon's own; the lines
        ``shown`` stay there until there is a snapshot."""
        super().__init__(theme, quiet_driver(), tmux)
        self.animation_level = "none"
        self.view = View(pane=SESSIONS)
        self.scene: Scene | None = None
        """What is shown; there is none before the first snapshot."""
        self._feed, self._days, self._why = feed, days, why
        self._mouse, self._zone = mouse, zone
        self._picture = Picture(shown)
        self._stop: Callable[[], None] = lambda: None
        self.began = False
        """The terminal is, or was, the app's: it ends by giving it back."""
        self.fault: Exception | None = None
        """What ended the app, if it was a fault of ours."""

    def run(self, *, mouse: bool | None = None, **options: Any) -> Any:
        """Run until quit; the mouse as the constructor was told unless said here."""
        return super().run(mouse=self._mouse if mouse is None else mouse, **options)

    def on_load(self) -> None:
        """Said just before the terminal is taken."""
        self.began = True

    def fail(self, error: Exception) -> None:
        """End, in the loop, because of a fault that no message would tell of."""
        self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """Leave; whoever started the app tells why, in words or as a traceback."""
        self.fault = self.fault or error
        super()._handle_exception(error)
        self._exit_renderables.clear()

    def get_default_screen(self) -> Main:
        """The panes."""
        return Main(id="_default")

    def compose(self) -> Iterator[Widget]:
        """One picture."""
        yield self._picture

    def on_mount(self) -> None:
        """Ask for snapshots."""
        self._latest = Latest(self._take)
        self._stop = self._feed(self._post)

    def _post(self, snapshot: Snapshot) -> None:
        self._latest.post(snapshot)

    def on_unmount(self) -> None:
        """Ask for no more."""
        self._stop()

    def _take(self, latest: Snapshot) -> None:
        if self._closing or self._closed:
            return
        try:
            self.show(latest)
        except Exception as error:  # as of any message
            self.fail(error)

    def show(self, latest: Snapshot) -> None:
        """Show a snapshot; while frozen, only in the first line and the banners."""
        if self._zone is not None:
            latest = replace(latest, zone=self._zone)
        self._draw(with_latest(self.scene, latest, self.view))
        self.signal(latest.alerts)

    def look(self, view: View) -> None:
        """Look at the same snapshot in another way."""
        self.view = view
        if self.scene is not None:
            self._draw(replace(self.scene, view=view))

    def _draw(self, scene: Scene) -> None:
        """Show a scene; open or close the line for the filter."""
        self.scene, self.view = scene, scene.view
        if self.view.typing != self.has_class("-filtering"):
            self.set_class(self.view.typing, "-filtering")
        self._picture.look(scene)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None dims a key that cannot do anything now."""
        # The key of the filter has priority: it would reach past another screen.
        hidden = action == "filter" and self.screen.is_modal
        if hidden or (action == "day" and self._days is None):
            return None
        return works(action, self.scene, self.size)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The focused pane takes the keys."""
        if event.widget.id in PANES:
            self.look(replace(self.view, pane=event.widget.id))

    def action_pane(self, pane: str) -> None:
        """Focus a pane; an enlarged one gives way to it, keys go there at once."""
        self.look(replace(self.view, pane=pane))
        self.call_after_refresh(self.query_one(f"#{pane}").focus)

    def action_move(self, rows: int) -> None:
        """Select another row of the pane."""
        if self.scene is not None:
            self.look(moved(self.scene.snapshot, self.view, rows))

    @on(Pane.Turned)
    def turn(self, message: Pane.Turned) -> None:
        """The wheel selects rows of the pane below it."""
        message.pane.focus()
        self.action_move(message.rows)

    @on(Sessions.Picked)
    def pick(self, message: Sessions.Picked) -> None:
        """A click selects a session."""
        self.look(replace(self.view, session=message.session_id))

    def action_order(self) -> None:
        """Step to the next order of sessions."""
        self.look(reordered(self.view))

    def action_reverse(self) -> None:
        """Turn the order of sessions round."""
        self.look(replace(self.view, reverse=not self.view.reverse))

    def action_span(self, step: int) -> None:
        """Step to another chart."""
        self.look(replace(self.view, chart=self.view.chart + step))

    def action_enlarge(self) -> None:
        """Give the pane all the height, or give it back."""
        self.look(replace(self.view, enlarged=not self.view.enlarged))

    def action_freeze(self) -> None:
        """Hold the picture still, or go on with the latest."""
        if self.scene is not None:
            self._draw(self.scene.freeze_or_thaw())

    def action_undo(self) -> None:
        """Undo the last thing that hides something: filter, size, then freeze."""
        if self.view.query or self.view.typing:
            self.query_one(Filter).value = ""
            self.keep_filter()
        elif self.view.enlarged:
            self.action_enlarge()
        else:
            self.action_freeze()

    def action_explain(self) -> None:
        """Open the page about the selected row."""
        if self.scene is not None:
            from burnmon.tui.modal import Explain

            self.push_screen(Explain(partial(explained, self.scene), self.action_copy))

    def action_open(self) -> None:
        """Open the screen of the selected session; explain any other row."""
        opened = about_session(self.scene, self.view)
        if opened is None or self._why is None:
            self.action_explain()
        else:
            from burnmon.tui.session import Session

            figures, copy = partial(explained, opened), partial(self._copy, opened)
            self.push_screen(Session(opened.view.session, self._why, figures, copy))

    def action_day(self) -> None:
        """Open the screen of the day."""
        if self.scene is not None and self._days is not None:
            from burnmon.tui.shipped import Shipped

            today = local(self.scene.latest.now, self.scene.latest.zone).date()
            self.push_screen(Shipped(self._days, today))

    def action_copy(self) -> None:
        """Copy the selected row through the terminal."""
        if self.scene is not None:
            self._copy(self.scene)

    def _copy(self, scene: Scene) -> None:
        self.copy_to_clipboard(copied(scene))
        self.notify("copied", timeout=2)

    def action_filter(self) -> None:
        """Ask for the words to filter by; the next key is already one of them."""
        self.look(replace(self.view, typing=True))
        self.screen.set_focus(self.query_one(Filter))

    @on(Input.Changed)
    def filter_by(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self.look(replace(self.view, query=event.value))

    @on(Input.Submitted)
    def keep_filter(self) -> None:
        """Leave the words in force, and give the keys back to the sessions."""
        self.look(replace(self.view, typing=False))
        self.query_one(f"#{SESSIONS}").focus()
