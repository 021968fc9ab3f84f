"""burnmon's own theme: calm while all is well, so that a warning is seen."""

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
