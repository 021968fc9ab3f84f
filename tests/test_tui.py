"""Keys and snapshots: what the live screen does with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import example
import pytest
from msgspec.structs import replace
from textual.color import Color
from textual.events import Key, MouseScrollDown
from textual.geometry import Region
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES
from textual.widgets import HelpPanel, Input

from burnmon.frame.graph import in_one_colour
from burnmon.frame.view import sessions_of
from burnmon.live.snapshot import Snapshot
from burnmon.tui import panes
from burnmon.tui.app import BurnApp
from burnmon.tui.driver import WakingEvent, quiet_driver
from burnmon.tui.feed import Post
from burnmon.tui.keys import BINDINGS
from burnmon.tui.lines import Lines, Part, Still
from burnmon.tui.modal import Explain
from burnmon.tui.theme import contrast, distance


class Fed:
    """A screen, and the two ends of its feed."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.post: Post
        self.stopped = False
        self.app = BurnApp(self._feed, theme="burnmon")
        self._first = snapshot or example.snapshot()

    def _feed(self, post: Post) -> Callable[[], None]:
        self.post = post
        post(self._first)
        return self._stop

    def _stop(self) -> None:
        self.stopped = True

    def shown(self, part: str) -> str:
        """What a part of the screen reads."""
        lines = self.app.query_one(f"#{part}", Lines).lines
        return "\n".join("".join(text for text, _ in line) for line in lines)

    def selected(self) -> str:
        """The session that has the marker."""
        rows = self.shown("sessions").split("\n")
        row = next(row for row in rows if "▸" in row)
        return row.split("▸")[1].split()[1]


def wheel() -> MouseScrollDown:
    """One notch of the wheel, downwards."""
    return MouseScrollDown(None, 8, 4, 0, 1, 0, False, False, False)


def later(minutes: float) -> Snapshot:
    """The example, some minutes on, with another answer."""
    now = example.NOW + timedelta(minutes=minutes)
    return replace(example.snapshot(), now=now, answer=f"later by {minutes:g}")


async def test_feed_is_stopped() -> None:
    """The feed is stopped when the screen ends."""
    fed = Fed()
    async with fed.app.run_test():
        assert not fed.stopped
    assert fed.stopped


async def test_before_the_first_snapshot() -> None:
    """Keys do nothing, and break nothing, before there is anything to show."""
    app = BurnApp(lambda post: lambda: None)
    async with app.run_test() as pilot:
        await pilot.press("s", "r", "i", "space", "e", "plus", "y", "1", "j", "slash")
        assert app.scene is None
        line = app.query_one("#answer", Lines).lines[0]
        assert "looking for sessions" in line[0].text


@pytest.mark.parametrize("size", [(20, 3), (1, 1), (10, 9), (30, 12), (400, 100)])
async def test_any_size(size: tuple[int, int]) -> None:
    """No size breaks the screen."""
    fed = Fed()
    async with fed.app.run_test(size=size) as pilot:
        await pilot.resize_terminal(120, 36)
        await pilot.resize_terminal(*size)
        assert fed.app.is_running


async def test_freeze() -> None:
    """Frozen panes hold still while the first line goes on."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("space")
        fed.post(replace(later(3), sessions=()))
        await pilot.pause()
        assert "frozen since 14:32:07, 3 m ago" in fed.shown("banners")
        assert "later by 3" in fed.shown("answer")
        assert "feat/limits" in fed.shown("sessions")


async def test_thaw() -> None:
    """Going on shows the latest snapshot at once."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("space")
        fed.post(replace(later(3), sessions=()))
        await pilot.press("space")
        assert "no session yet" in fed.shown("sessions")
        assert fed.app.query_one("#banners").display is False


async def test_filter() -> None:
    """The filter narrows while typing, and escape widens again."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("slash", *"gpt waiting")
        assert "infra" in fed.shown("sessions")
        assert "docs" not in fed.shown("sessions")
        assert "1 of 7" in fed.shown("sessions")
        await pilot.press("enter", "escape")
        assert "docs" in fed.shown("sessions")
        assert fed.app.query_one(Input).value == ""


async def test_filter_takes_the_next_key() -> None:
    """What is typed right behind the key of the filter belongs to the filter."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        for key in "/s/j":
            name = {"/": "slash"}.get(key, key)
            fed.app.post_message(Key(name, key))
        await pilot.pause()
        assert fed.app.query_one(Input).value == "s/j"
        assert fed.app.view.order == "state"


async def test_filter_left_empty() -> None:
    """Escape leaves a filter in which nothing was typed."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert fed.app.query_one("#filtering").display is False
        assert fed.app.focused is fed.app.query_one("#sessions")


async def test_unknown_theme() -> None:
    """A theme that does not exist leaves burnmon's own in force."""
    app = BurnApp(lambda post: lambda: None, theme="nosuch")
    assert app.theme == "burnmon"


@pytest.mark.parametrize("name", sorted({*BUILTIN_THEMES, "burnmon", "burnmon-light"}))
async def test_themes_are_readable(name: str) -> None:
    """In every theme words can be read, also where selected, and states told apart."""
    app = BurnApp(lambda post: lambda: None, theme=name)
    theme = app.get_css_variables()
    ground = Color.parse(theme["background"])
    if ground.ansi is not None:
        return  # the terminal's own colours are the person's choice
    shade = {
        word: Color.parse(theme[f"burn-{word}"])
        for word in ("dim", "calm", "attention", "alarm", "accent", "selected")
    }
    selected = shade.pop("selected")
    assert min(contrast(each, ground) for each in shade.values()) >= 4.4
    assert min(contrast(each, selected) for each in shade.values()) >= 3.7
    assert distance(shade["accent"], shade["attention"]) >= 30
    assert distance(shade["calm"], shade["attention"]) >= 20


async def test_filter_that_matches_nothing() -> None:
    """A filter without a match says how to leave it."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("slash", *"nosuch", "enter")
        assert "esc clears the filter" in fed.shown("sessions")


async def test_sort() -> None:
    """Sorting steps through the orders and says which is in force."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("s", "s")
        assert fed.app.scene is not None
        costs = [
            row.cost or 0 for row in sessions_of(fed.app.scene.snapshot, fed.app.view)
        ]
        assert costs == sorted(costs, reverse=True)
        assert "by cost" in fed.shown("sessions")
        await pilot.press("r")
        assert "by cost reversed" in fed.shown("sessions")


async def test_selection_survives() -> None:
    """The selected session stays selected whatever moves it."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("j", "j")
        assert fed.selected() == "infra"
        await pilot.press("s", "r")
        await pilot.resize_terminal(60, 20)
        fed.post(replace(later(1), sessions=example.sessions()[::-1]))
        await pilot.pause()
        assert fed.selected() == "infra"
        await pilot.press("slash", *"web", "escape")
        assert fed.selected() == "infra"


async def test_ends_of_a_list() -> None:
    """The selection stops at either end."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("k")
        assert fed.selected() == "api"
        await pilot.press("G", "j")
        assert fed.selected() == "site"
        await pilot.press("g")
        assert fed.selected() == "api"


async def test_selection_stays_in_sight() -> None:
    """A list that is longer than its pane follows the selection."""
    fed = Fed()
    async with fed.app.run_test(size=(80, 18)) as pilot:
        await pilot.press("G")
        assert fed.selected() == "site"


@pytest.mark.parametrize(
    ("key", "pane"),
    [("1", "limits"), ("2", "burn"), ("3", "sessions"), ("4", "events")],
)
async def test_panes(key: str, pane: str) -> None:
    """A digit goes to its pane."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert fed.app.view.pane == pane
        assert fed.app.focused is fed.app.query_one(f"#{pane}")


async def test_keys_follow_the_digit() -> None:
    """Keys typed right after a digit act on its pane."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("1", "j")
        assert fed.app.view.limit == "claude/default/five_hour"


async def test_mouse() -> None:
    """A click picks a session, and the wheel goes on from there."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.click("#sessions", offset=(8, 4))
        assert fed.selected() == "infra"
        await pilot.click("#sessions", offset=(8, 0))
        assert fed.selected() == "infra"
        fed.app.query_one("#sessions").post_message(wheel())
        await pilot.pause()
        assert fed.selected() == "docs"


async def test_tab() -> None:
    """Tab goes to the next pane."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("tab")
        assert fed.app.view.pane == "events"


async def test_enlarge() -> None:
    """An enlarged pane takes the height, and another digit takes its place."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert fed.app.query_one("#sessions").size.height == 34
        assert fed.app.query_one("#limits").display is False
        await pilot.press("1")
        await pilot.pause()
        assert fed.app.query_one("#limits").size.height == 34
        await pilot.press("escape")
        await pilot.pause()
        assert fed.app.query_one("#sessions").display is True


async def test_span() -> None:
    """The chart steps through its spans and comes round."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("plus")
        assert "today · span" in fed.shown("burn")
        await pilot.press("minus")
        assert "Claude 5h · span" in fed.shown("burn")


async def test_explain() -> None:
    """A row explains itself, and escape goes back."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("1", "i")
        await pilot.pause()
        assert isinstance(fed.app.screen, Explain)
        page = fed.app.screen.query_one("#page", Lines).lines
        words = "\n".join("".join(text for text, _ in line) for line in page)
        assert "moments like this one" in words
        assert "no price for  acme-large-2" in words
        await pilot.press("escape")
        assert not isinstance(fed.app.screen, Explain)


async def test_snapshot_behind_an_explanation() -> None:
    """Snapshots are still drawn while a page is open above them."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("i")
        fed.post(later(1))
        await pilot.pause()
        await pilot.press("escape")
        assert "later by 1" in fed.shown("answer")


async def test_keys_after_an_explanation() -> None:
    """A key that was dimmed under a page shows at once that it works again."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        footer = fed.app.query_one("#footer", Lines)
        before = footer.lines
        await pilot.press("i")
        fed.post(later(1))
        await pilot.pause()
        assert footer.lines != before
        await pilot.press("escape")
        await pilot.pause()
        assert footer.lines == before


async def test_theme_that_is_chosen() -> None:
    """A chart is drawn anew for a theme whose colours do not mix, and back again."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        burn = fed.app.query_one("#burn", Lines)
        before = burn.lines
        fed.app.theme = "ansi-dark"
        await pilot.pause()
        assert burn.lines == [in_one_colour(line) for line in before] != before
        fed.app.theme = "burnmon"
        await pilot.pause()
        assert burn.lines == before


async def test_copy() -> None:
    """Copying takes the selected row and what explains it."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("y")
        assert "api · feat/limits" in fed.app.clipboard
        assert "40 requests" in fed.app.clipboard


async def test_help() -> None:
    """The list of keys opens and closes with one key."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.press("question_mark")
        assert fed.app.screen.query(HelpPanel)
        await pilot.press("question_mark")
        assert not fed.app.screen.query(HelpPanel)


@pytest.mark.parametrize(
    ("snapshot", "action", "works"),
    [
        (example.snapshot(), "span", True),
        (example.unknown_limit(), "span", None),
        (example.snapshot(), "order", True),
        (example.one_session(), "order", None),
        (example.one_session(), "move", None),
        (example.empty(), "filter", None),
        (example.empty(), "explain", None),
        (example.empty(), "pane", None),
        (example.empty(), "quit", True),
        (example.snapshot(), "undo", None),
    ],
)
async def test_dimmed_keys(snapshot: Snapshot, action: str, works: bool | None) -> None:
    """A key that cannot do anything now is dimmed, not hidden."""
    fed = Fed(snapshot)
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert fed.app.check_action(action, ()) is works


async def test_footer_dims() -> None:
    """The footer shows a key that does not work in another style."""
    fed = Fed(example.unknown_limit())
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        footer = fed.app.query_one("#footer", Lines).lines[0]
        styles = dict(footer)
        assert styles["+ −"] == "faint"
        assert styles["space"] == "accent"


async def test_latest_wins() -> None:
    """Snapshots that arrive faster than they are drawn are skipped."""
    fed = Fed()
    seen: list[Snapshot] = []
    async with fed.app.run_test(size=(120, 36)) as pilot:
        show = fed.app.show

        def counted(latest: Snapshot) -> None:
            seen.append(latest)
            show(latest)

        fed.app.show = counted  # type: ignore[method-assign]  # counts
        for minute in range(50):
            fed.post(later(minute))
        await pilot.pause()
        assert len(seen) < 50
        assert "later by 49" in fed.shown("answer")


@pytest.mark.parametrize("at_once", [True, False])
async def test_painted(at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a snapshot changes is painted with it, all parts in one go; by a Textual
    that does not let us, with its next frame."""
    if not at_once:
        monkeypatch.setattr(panes, "_paints_at_once", lambda screen: False)
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        painted: list[object] = []
        monkeypatch.setattr(fed.app, "_display", lambda *what: painted.append(what))
        limits = replace(example.limits()[0], label="another")
        snapshot = replace(later(9), limits=(limits, *example.limits()[1:]))
        fed.app.show(snapshot)
        assert len(painted) == at_once
        await pilot.pause()
        assert painted
        assert "another" in fed.shown("limits")
        assert "later by 9" in fed.shown("answer")


async def test_repaints_only_changes() -> None:
    """A snapshot that changes one line repaints one line."""
    fed = Fed()
    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        pane = fed.app.query_one("#events", Part)
        before = pane.lines
        regions: list[int] = []
        refresh = pane.refresh

        def counted(*where: object, **options: bool) -> Part:
            regions.append(len(where))
            return refresh(*where, **options)  # type: ignore[arg-type]

        pane.refresh = counted  # type: ignore[method-assign]  # counts
        first, *rest = example.events()
        other = replace(first, text="another line")
        fed.post(replace(example.snapshot(), events=(other, *rest)))
        await pilot.pause()
        assert regions == [1]
        assert pane.lines != before


async def test_asks_only_changed_parts_for_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line that changes lets no other part, nor what lies behind, be drawn."""
    fed = Fed()
    drawn: list[str] = []

    def noted(draw: Callable[[Any, Region], list[Strip]]) -> Any:
        def note(self: Still, crop: Region) -> list[Strip]:
            drawn.append(self.id or type(self).__name__)
            return draw(self, crop)

        return note

    async with fed.app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        for each in (Still, Lines):
            monkeypatch.setattr(each, "drawn", noted(each.drawn))
        first, *rest = example.events()
        other = replace(first, text="another line")
        fed.post(replace(example.snapshot(), events=(other, *rest)))
        await pilot.pause(0.1)
        assert drawn == ["events"]


async def test_quit() -> None:
    """q ends the screen."""
    fed = Fed()
    async with fed.app.run_test() as pilot:
        await pilot.press("q")
    assert not fed.app.is_running


def test_keys_are_documented() -> None:
    """Every key has an identity and says what it does."""
    assert all(binding.id and binding.tooltip for binding in BINDINGS)
    ids = [binding.id for binding in BINDINGS]
    assert len(ids) == len(set(ids))


def test_driver_is_available() -> None:
    """The pinned Textual lets the quiet driver in."""
    assert quiet_driver() is not None


def test_driver_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that the person names is left alone."""
    monkeypatch.setenv("TEXTUAL_DRIVER", "some.module:Driver")
    assert quiet_driver() is None


def test_waking_event() -> None:
    """Setting the event makes its descriptor readable, and clearing it empties it."""
    from select import select

    event = WakingEvent()
    assert not select([event.readable], [], [], 0)[0]
    event.set()
    event.set()
    assert select([event.readable], [], [], 0)[0]
    event.clear()
    assert not select([event.readable], [], [], 0)[0]
