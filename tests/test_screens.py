"""What the person sees, as pictures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import example
import pytest

from burnmon.day import DayAnswer, Days, PostDay, Reading
from burnmon.frame.segments import STYLES
from burnmon.live.snapshot import Snapshot
from burnmon.tui.app import BurnApp
from burnmon.tui.feed import Post
from burnmon.tui.theme import BURNMON
from burnmon.why import PostWhy, WhyAnswer

_SUPERFLUOUS = (
    r"<clipPath id=\"[^\"]*-line-.*?</clipPath>\s*",
    r" clip-path=\"[^\"]*-line-\d+\"",
    r" shape-rendering=\"crispEdges\"",
    rf"<rect fill=\"{BURNMON.background}\" x[^>]*/>",
    r"<text[^>]*>(&#160;|\s)*</text>",
)
"""Clipping by line, grounds in the colour of the ground and runs of blanks."""


class Lean(BurnApp):
    """The live screen, whose pictures leave out what nobody would miss."""

    CSS_PATH = str(Path(inspect.getfile(BurnApp)).with_name("app.tcss"))

    def export_screenshot(
        self, *, title: str | None = None, simplify: bool = False
    ) -> str:
        """The picture at a third of its size; it looks the same."""
        svg = super().export_screenshot(title=title, simplify=simplify)
        svg = re.sub("|".join(_SUPERFLUOUS), "", svg, flags=re.DOTALL)
        ground = rf'<rect fill="{BURNMON.background}" stroke'
        svg = re.sub(r'<rect fill="#\w+" stroke', ground, svg, count=1)
        return svg.replace("&#160;", "\xa0")


def showing(
    snapshot: Snapshot, answer: DayAnswer | None = None, why: WhyAnswer | None = None
) -> BurnApp:
    """The live screen, fed with one snapshot, and one answer to each question."""

    def feed(post: Post) -> Callable[[], None]:
        post(snapshot)
        return lambda: None

    def ask(wish: date | str | None, post: PostDay) -> None:
        if wish is not None and answer is not None:
            post(answer)

    def ask_why(session_id: str | None, post: PostWhy) -> None:
        if session_id and why is not None:
            post(why)

    days = Days(ask, lambda day: "burnmon.md")
    return Lean(feed, days, ask_why if why else None, theme="burnmon")


SIZES = {
    "160x45": (160, 45),
    "120x36": (120, 36),
    "80x24": (80, 24),
    "60x20": (60, 20),
    "100x8": (100, 8),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_sizes(snap_compare: Any, size: tuple[int, int]) -> None:
    """Every size shows the limits first, and nothing wraps or is cut mid-figure."""
    assert snap_compare(showing(example.snapshot()), terminal_size=size)


STATES = {
    "empty": example.empty,
    "one-session": example.one_session,
    "limit-reached": example.limit_reached,
    "unknown-limit": example.unknown_limit,
    "stale": example.stale,
    "scanning": example.scanning,
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_states(snap_compare: Any, state: Callable[[], Snapshot]) -> None:
    """Every state of the world says in words what it is."""
    assert snap_compare(showing(state()), terminal_size=(80, 24))


KEYS = {
    "frozen": ["space"],
    "help": ["question_mark"],
    "explain": ["i"],
}


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS.keys())
def test_keys(snap_compare: Any, keys: list[str]) -> None:
    """Every mode says that it is on."""
    app = showing(example.snapshot())
    assert snap_compare(app, press=keys, terminal_size=(100, 30))


def test_no_color(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour every state still has its word and glyph."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = showing(example.snapshot())
    assert snap_compare(app, terminal_size=(80, 24))


@pytest.mark.parametrize("size", list(SIZES.values())[1:], ids=list(SIZES)[1:])
def test_shipped(snap_compare: Any, size: tuple[int, int]) -> None:
    """At every size the commits come first, and the proof of the sum is there."""
    app = showing(example.snapshot(), example.day())
    assert snap_compare(app, press=["d"], terminal_size=size)


DAYS: dict[str, tuple[DayAnswer, list[str]]] = {
    "evidence": (example.day(), ["d", "enter"]),
    "waiting": (Reading("the history of api", 400, 1640), ["d"]),
    "empty": (example.empty_day(), ["d"]),
    "picking": (example.day(), ["d", "d", "3"]),
}


@pytest.mark.parametrize(("answer", "keys"), DAYS.values(), ids=DAYS.keys())
def test_days(snap_compare: Any, answer: DayAnswer, keys: list[str]) -> None:
    """Every state of a day says in words what it is."""
    app = showing(example.snapshot(), answer)
    assert snap_compare(app, press=keys, terminal_size=(100, 30))


@pytest.mark.parametrize("size", list(SIZES.values())[1:4], ids=list(SIZES)[1:4])
def test_session(snap_compare: Any, size: tuple[int, int]) -> None:
    """At every size the cause comes first, then the parts that add up, then turns."""
    app = showing(example.snapshot(), why=example.why())
    assert snap_compare(app, press=["enter"], terminal_size=size)


def test_every_style_word_has_its_look() -> None:
    """A word without a rule of the sheet would be drawn like any other text."""
    sheet = Path(Lean.CSS_PATH).read_text("utf-8")
    assert re.findall(r"^\.line--(\S+) ", sheet, re.M) == [*STYLES]
