"""burnmon's own themes, and the shades in which any theme is readable.

Themes are made for editors and buttons: some have a warning that cannot be read on
their own ground, or an accent that is their warning. A shade keeps the theme's hue
and takes as much of the ink as it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import dist

from textual.app import App
from textual.color import Color, rgb_to_lab
from textual.driver import Driver
from textual.theme import Theme

BURNMON = Theme(
    name="burnmon",
    primary="#5a8fc4",
    secondary="#7d93a8",
    accent="#6fb7c9",
    success="#6da882",
    warning="#d8a657",
    error="#e06c62",
    foreground="#c8d0d8",
    background="#11151a",
    surface="#171c23",
    panel="#212832",
    dark=True,
    variables={"input-cursor-background": "#6fb7c9"},
)
BURNMON_LIGHT = Theme(
    name="burnmon-light",
    primary="#4a80b8",
    secondary="#5c6f82",
    accent="#0f6f86",
    success="#2f7a4d",
    warning="#946000",
    error="#b93a30",
    foreground="#232a31",
    background="#f7f8f9",
    surface="#eceff2",
    panel="#dfe4e9",
    dark=False,
    variables={"input-cursor-background": "#0f6f86"},
)


class Themed(App[None]):
    """An app in which the style words can be read, whatever the theme."""

    def __init__(self, theme: str | None, driver_class: type[Driver] | None) -> None:
        """A ``theme`` that is not known leaves burnmon's own in force."""
        super().__init__(driver_class=driver_class)
        self.register_theme(BURNMON)
        self.register_theme(BURNMON_LIGHT)
        self.theme = theme if theme in self.available_themes else BURNMON.name

    def get_css_variables(self) -> dict[str, str]:
        """The theme's variables, and the shades of the style words."""
        variables = super().get_css_variables()
        return variables | shades(variables)


_WORDS, _SELECTED_WORDS, _SHAPES = 4.5, 3.8, 2.2
"""Least contrast of words, of words on the selected row, and of areas."""
_APART = 32.0
"""Least distance, in Lab, of what burns from what waits or warns."""
_STEPS = 20


def shades(theme: Mapping[str, str]) -> dict[str, str]:
    """The colour of each style word, as CSS variables, made from those of a theme."""
    found = {name: Color.parse(theme[name]) for name in _NEEDED}
    if any(color.ansi is not None for color in found.values()):
        return _terminal_shades(theme)
    ground, ink = found["background"], found["foreground"]
    light = ground.brightness > 0.5
    selected = ground.blend(found["primary"], 0.16 if light else 0.28)

    def words(name: str) -> Color:
        return _readable(_readable(found[name], ground), selected, _SELECTED_WORDS)

    area = _readable(found["primary"], ground, _SHAPES)
    dim = _readable(ground.blend(ink, 0.62), ground)
    mixed = {
        "dim": _readable(dim, selected, _SELECTED_WORDS),
        "faint": ground.blend(ink, 0.32 if light else 0.28),
        "calm": words("success"),
        "attention": words("warning"),
        "alarm": words("error"),
        "accent": _apart([words(name) for name in _ACCENTS], words("warning")),
        "area": area,
        "near": ground.blend(area, 0.5),
        "far": ground.blend(area, 0.28),
        "over": ground.blend(words("error"), 0.6),
        "selected": selected,
        "chosen": ground.blend(ink, 0.07),
    }
    mixed |= {f"on-{name}": mixed[name] for name in ("near", "far", "over")}
    return {f"burn-{name}": color.hex6 for name, color in mixed.items()}


_ACCENTS = ("accent", "primary", "secondary")
_NEEDED = ("background", "foreground", "success", "warning", "error", *_ACCENTS)


def _terminal_shades(theme: Mapping[str, str]) -> dict[str, str]:
    """The terminal's own colours, which cannot be mixed: no grounds but its own."""
    ground, blue = theme["background"], "ansi_blue"
    names = {
        "dim": "ansi_bright_black",
        "faint": "ansi_bright_black",
        "calm": "ansi_green",
        "attention": "ansi_yellow",
        "alarm": "ansi_red",
        "accent": "ansi_cyan",
        "area": blue,
        "near": blue,
        "far": blue,
        "over": "ansi_red",
    }
    grounds = ("selected", "chosen", "on-near", "on-far", "on-over")
    names |= dict.fromkeys(grounds, ground)
    return {f"burn-{name}": color for name, color in names.items()}


def _readable(color: Color, ground: Color, least: float = _WORDS) -> Color:
    """The colour, with no more black or white in it than the contrast takes."""
    ink = Color(0, 0, 0) if ground.brightness > 0.5 else Color(255, 255, 255)
    mixed = (color.blend(ink, step / _STEPS) for step in range(_STEPS))
    return next((each for each in mixed if contrast(each, ground) >= least), ink)


def contrast(one: Color, other: Color) -> float:
    """Contrast of two colours, 1–21, as the Web's guidelines define it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _apart(colors: Sequence[Color], other: Color) -> Color:
    """The first that nobody takes for the other, else the one least like it."""
    far = (color for color in colors if distance(color, other) >= _APART)
    return next(far, max(colors, key=lambda color: distance(color, other)))


def distance(one: Color, other: Color) -> float:
    """How unlike two colours look, in Lab; 2 is just to be seen."""
    return dist(rgb_to_lab(one), rgb_to_lab(other))
