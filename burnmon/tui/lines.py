"""Widgets that draw lines of styled text, and repaint only lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from rich.segment import Segment as RichSegment
from rich.style import Style
from textual.css.styles import RenderStyles
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from burnmon.frame import Line, Scene, draw, rests_on
from burnmon.frame.answer import answer
from burnmon.frame.graph import in_one_colour


class Still(Widget):
    """A widget that hands over its strips of before while nothing in it changed.

    Whenever a line changes anywhere, Textual asks all widgets for all of their lines.
    """

    _drawn: tuple[Region, list[Strip]] | None = None
    """The strips that were handed over last, and of which region of the widget."""

    def refresh(self, *regions: Region, **options: Any) -> Self:
        """Draw anew what changed; nothing of before holds."""
        self._drawn = None
        return super().refresh(*regions, **options)

    def _set_dirty(self, *regions: Region) -> None:
        # What Textual does by itself, at a new size or theme, comes here alone.
        self._drawn = None
        super()._set_dirty(*regions)

    def notify_style_update(self) -> None:
        """Draw in the colours of another theme."""
        self._drawn = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a region, in the colours of the theme."""
        if self._drawn is None or self._drawn[0] != crop:
            self._drawn = crop, self.drawn(crop)
        return self._drawn[1]

    def drawn(self, crop: Region) -> list[Strip]:
        """The lines of a region, drawn anew."""
        return super().render_lines(crop)


class Lines(Still):
    """Lines of styled text; each style word is a class of the sheet, ``line--word``."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  # Textual's name
        super().__init__(id=id, classes=classes)
        self.lines: list[Line] = []
        self._styles_by_words: dict[str, Style | None] = {}
        self._strips: dict[int, Strip] = {}
        """Lines as they were last rendered, by row; those that still hold."""
        self._filters: Sequence[LineFilter] = ()
        """What they went through."""
        self.area = (0, 0)
        """Width and height, for Textual reckons them anew whenever it is asked."""

    def on_resize(self) -> None:
        """Draw in the new size."""
        self._strips.clear()
        self.area = (self.size.width, self.size.height)
        self.draw()

    def draw(self) -> None:
        """Show what is to be seen in this size."""

    def show(self, lines: list[Line]) -> None:
        """Replace the lines; what reads the same is not painted again."""
        old, self.lines = self.lines, lines
        if len(old) != len(lines):
            self._strips.clear()
            self.refresh()
            return
        width = self.area[0] or self.size.width
        both = enumerate(zip(old, lines, strict=True))
        changed = [row for row, (before, after) in both if before != after]
        for row in changed:
            self._strips.pop(row, None)
        if changed:
            self.refresh(*(Region(0, row, width, 1) for row in changed))

    def drawn(self, crop: Region) -> list[Strip]:
        """The lines of a region, as they are.

        What Textual does around a line is for borders, padding, opacity and links, of
        which no line here has any, and takes longer than the line itself.
        """
        filters = self.get_line_filters()
        if filters != self._filters:
            self._filters = filters
            self._strips.clear()
            self._styles_by_words.clear()
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.x == 0 and crop.right == self.area[0]:
            return strips
        return [strip.crop(crop.x, crop.right) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """One line in the colours of the theme."""
        strip = self._strips.get(y)
        if strip is None:
            line = self.lines[y] if y < len(self.lines) else []
            parts = [RichSegment(text, self._style(words)) for text, words in line]
            width = self.area[0] or self.size.width
            strip = Strip(parts).adjust_cell_length(width, self._style(""))
            self._strips[y] = strip
        return strip

    def notify_style_update(self) -> None:
        """Forget the colours of the theme before."""
        self._styles_by_words.clear()
        self._strips.clear()
        super().notify_style_update()

    def _sheet(self, word: str) -> RenderStyles:
        """What the style sheet says of a style word on this widget.

        Asked for words that are drawn. Of component classes Textual would ask for all,
        for each widget, whenever it applies the sheet: a twentieth of the start.
        """
        node = DOMNode(classes=f"line--{word}")
        node._attach(self)
        self.app.stylesheet.apply(node, animate=False)
        return node.styles

    def _own_style(self, word: str) -> Style:
        """What one style word sets, its shades mixed with the background."""
        sheet = self._sheet(word)
        mixed, named = sheet.rich_style, sheet.partial_rich_style
        return Style(
            color=mixed.color if named.color else None,
            bgcolor=mixed.bgcolor if named.bgcolor else None,
            bold=named.bold,
        )

    def _style(self, words: str) -> Style | None:
        """The colours of style words; a later word wins over an earlier one.

        They went through the filters, which look at nothing but a style.
        """
        if words not in self._styles_by_words:
            style = self.rich_style
            for word in words.split():
                style += self._own_style(word)
            told = [RichSegment(words, style)]
            for each in self._filters:
                told = each.apply(told, self.background_colors[1])
            self._styles_by_words[words] = told[0].style
        return self._styles_by_words[words]


class Part(Lines):
    """A part of the picture, named by its id; draws the scene in its own size."""

    scene: Scene | None = None
    low = False
    """The whole screen is too low for boxes."""
    held = False
    """Somebody else sees to it that what is drawn now gets painted."""
    _drawn_from: object = None
    """What the lines were made of."""
    _is_ansi: bool | None = None

    @property
    def _ansi(self) -> bool:
        """The theme is made of the terminal's own colours, which do not mix."""
        if self._is_ansi is None:
            self._is_ansi = self._sheet("area").color.ansi is not None
        return self._is_ansi

    def look(self, scene: Scene, *, low: bool, hidden: bool) -> None:
        """Draw a scene, when it is no longer ``hidden``; ``low``: without a box."""
        self.scene, self.low = scene, low
        if not hidden:
            self.draw()

    def check_idle(self) -> None:
        """Ask to be painted, unless somebody else does."""
        if not self.held:
            super().check_idle()

    def notify_style_update(self) -> None:
        """Another theme may draw its lines in one colour."""
        self._drawn_from = self._is_ansi = None
        super().notify_style_update()
        if self.scene is not None:  # at rest the next one comes in a minute
            self.call_next(self.draw)

    def on_show(self) -> None:
        """Draw what was not drawn while the part was hidden."""
        self.on_resize()

    def draw(self) -> None:
        """Show the lines of this part, if there is anything to show yet."""
        if self.scene is not None and self.id and self.area[1]:
            made_of = rests_on(self.id, self.scene), self.area, self.low
            if made_of == self._drawn_from:
                return
            self._drawn_from = made_of
            lines = draw(self.id, self.scene, self.area, low=self.low)
            self.show([in_one_colour(each) for each in lines] if self._ansi else lines)
        elif self.id == "answer":
            self.show([answer(None, self.area[0])])
