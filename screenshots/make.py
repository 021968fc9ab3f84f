"""Makes the pictures of the README, from the very day that ``burnmon --demo`` plays.

``python screenshots/make.py`` writes each of them as SVG and, through ``resvg-py``, as
PNG. It takes the fonts Fira Code and DejaVu from the system (``apt install
fonts-firacode fonts-dejavu``); Textual's pictures ask for the first by name.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import resvg_py

from burnmon import demo
from burnmon.day import Days
from burnmon.live.snapshot import Health, Place, Snapshot
from burnmon.live.take import Known, take
from burnmon.live.tally import Tally
from burnmon.tui.app import BurnApp
from burnmon.usage import pricing

HERE = Path(__file__).parent
FONTS = Path("/usr/share/fonts/truetype")
ZOOM = 12 / 12.2
"""Pixels per unit of the SVG: a cell of 12.2 × 24.4 becomes exactly 12 × 24."""


class Picture(NamedTuple):
    """One screen to show."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    """Keys to press first."""
    theme: str = "burnmon"
    snapshot: Callable[[], Snapshot] = demo.snapshot


def nothing_yet() -> Snapshot:
    """A machine on which no agent has written anything."""
    places = (
        Place("claude", "~/.claude", True, 0),
        Place("claude", "~/.config/claude", False, 0),
        Place("codex", "~/.codex", False, 0),
    )
    health = Health(None, watching=True)
    known = Known({}, {}, {}, (), health, None, places, demo.ZONE)
    return take(known, Tally(pricing.load()), demo.START)


PICTURES = (
    Picture("burn", (120, 36)),
    Picture("burn-80x24", (80, 24)),
    Picture("burn-60x20", (60, 20)),
    Picture("burn-100x8", (100, 8)),
    Picture("explain", (120, 36), ("1", "enter")),
    Picture("session", (120, 36), ("enter",)),
    Picture("shipped", (120, 36), ("d",)),
    Picture("shipped-80x24", (80, 24), ("d",)),
    Picture("evidence", (80, 24), ("d", "enter")),
    Picture("light", (120, 36), theme="burnmon-light"),
    Picture("no-data", (80, 24), snapshot=nothing_yet),
)


def fed_once(snapshot: Snapshot, theme: str) -> BurnApp:
    """The live screen over one snapshot and the recorded days: no thread, no clock."""

    def feed(post: Callable[[Snapshot], None]) -> Callable[[], None]:
        post(snapshot)
        return lambda: None

    days = Days(demo.ask_day, lambda day: "")
    return BurnApp(feed, days, demo.Player().ask_why, theme=theme)


async def svg_of(picture: Picture) -> str:
    """What the terminal would show, as SVG that fetches nothing."""
    app = fed_once(picture.snapshot(), picture.theme)
    async with app.run_test(size=picture.size) as pilot:
        await pilot.pause()
        await pilot.press(*picture.keys)
        await pilot.pause()
        svg = app.export_screenshot(title="burnmon", simplify=True)
    without_downloads = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family:\s*arial", "font-family: Fira Code", without_downloads)


def png_of(svg: str) -> bytes:
    """The same picture in pixels, on an exact grid of cells."""
    weights = ("Regular", "Bold")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            font_files=[f"{FONTS}/firacode/FiraCode-{each}.ttf" for each in weights],
            font_dirs=[f"{FONTS}/dejavu"],
            monospace_family="Fira Code",
            zoom=ZOOM,
        )
    )


def main() -> int:
    """Make all pictures, or those that are named."""
    for picture in PICTURES:
        if len(sys.argv) > 1 and picture.name not in sys.argv[1:]:
            continue
        svg = asyncio.run(svg_of(picture))
        (HERE / f"{picture.name}.svg").write_text(svg, encoding="utf-8")
        (HERE / f"{picture.name}.png").write_bytes(png_of(svg))
    return 0


if __name__ == "__main__":
    sys.exit(main())
