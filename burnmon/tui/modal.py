"""The page that explains a row, above the panes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from burnmon.frame import Line
from burnmon.tui.lines import Lines

Draw = Callable[[int], list[Line]]
"""Makes a page of a width."""


class Page(Lines):
    """Lines as many as it takes, wrapped to the width there is."""

    def __init__(self, draw: Draw) -> None:
        super().__init__(id="page")
        self._draw = draw

    def on_resize(self) -> None:
        """Wrap to the new width."""
        page = self._draw(self.size.width)
        self.styles.height = len(page)
        self.show(page)


class Explain(ModalScreen[None]):
    """What stands behind the selected row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,enter,q", "dismiss", "back", id="back"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("y", "copy", "copy", id="copy"),
    ]

    def __init__(
        self, draw: Draw, copy: Callable[[], None], title: str = "Why"
    ) -> None:
        super().__init__()
        self._draw, self._copy, self._title = draw, copy, title

    def compose(self) -> Iterator[Widget]:
        """A box with the page in it."""
        box = VerticalScroll(Page(self._draw), id="explain")
        box.border_title = self._title
        box.border_subtitle = "esc back · y copy"
        yield box

    def action_scroll(self, rows: int) -> None:
        """Move the page, at once."""
        self.query_one("#explain").scroll_relative(y=rows, animate=False)

    def action_copy(self) -> None:
        """Copy the row that is explained."""
        self._copy()
