"""Keys and answers: what the screen of a day does with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta

import example
import pytest
from msgspec.structs import replace
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import HelpPanel, Input

from burnmon.day import Day, Days, PostDay, Reading, Refused
from burnmon.frame.day_view import selected
from burnmon.frame.markdown import line_of, markdown
from burnmon.tui.app import BurnApp
from burnmon.tui.feed import Post
from burnmon.tui.lines import Lines
from burnmon.tui.modal import Explain
from burnmon.tui.shipped import DayReady, Shipped

SIZE = (120, 36)
TODAY = example.NOW.date()


class Asked:
    """A screen, and whoever answers for its days."""

    def __init__(self, *answers: Day | Reading | Refused) -> None:
        self.wishes: list[date | str | None] = []
        self.post: PostDay
        self.written: list[Day] = []
        self.failure: OSError | None = None
        self.answers = answers or (example.day(),)
        self.app = BurnApp(self._feed, Days(self._ask, self._write), theme="burnmon")

    def _feed(self, post: Post) -> Callable[[], None]:
        post(example.snapshot())
        return lambda: None

    def _ask(self, wish: date | str | None, post: PostDay) -> None:
        self.wishes.append(wish)
        if wish is not None:
            self.post = post
            for each in self.answers:
                post(each)

    def _write(self, day: Day) -> str:
        if self.failure is not None:
            raise self.failure
        self.written.append(day)
        return "/tmp/[red]/burnmon.md"

    @property
    def screen(self) -> Shipped:
        """The screen of the day."""
        screen = next(e for e in self.app.screen_stack if isinstance(e, Shipped))
        assert isinstance(screen, Shipped)
        return screen

    @property
    def shown(self) -> str:
        """What it reads."""
        lines = self.screen.query_one("#shipped", Lines).lines
        return "\n".join("".join(text for text, _ in line) for line in lines)

    @property
    def footer(self) -> str:
        """The keys that are on the last line, the dimmed ones in brackets."""
        line = self.screen.query_one("#footer", Lines).lines[0]
        return "".join(f"[{t}]" if s == "faint" and t.strip() else t for t, s in line)


async def opened(pilot: Pilot[None]) -> None:
    """The screen of the day, with its first answer."""
    await pilot.press("d")
    await pilot.pause()


async def test_opens_today() -> None:
    """The key on Burn asks for today, and escape asks for nothing any more."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert asked.wishes == ["today"]
        assert "Tue 17 Nov · $26.38+ → 6 commits" in asked.shown
        await pilot.press("escape")
        await pilot.pause()
        assert asked.wishes == ["today", None]
        assert not isinstance(asked.app.screen, Shipped)


async def test_without_days() -> None:
    """The key is dimmed where nobody answers for days, and does nothing."""
    app = BurnApp(lambda post: lambda: None, theme="burnmon")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("d")
        assert app.check_action("day", ()) is None
        assert not isinstance(app.screen, Shipped)


async def test_days_beside() -> None:
    """The arrows ask for the days beside, as far as today."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("right")
        asked.answers = ()
        await pilot.press("left", "left", "right")
        days = [TODAY - timedelta(days=each) for each in (1, 2, 1)]
        assert asked.wishes == ["today", *days]
        assert "reading Mon 16 Nov" in asked.shown


async def test_stale_answers() -> None:
    """An answer to a day that is no longer asked for is dropped."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        late = asked.post
        asked.answers = ()
        await pilot.press("left")
        late(example.empty_day())
        await pilot.pause()
        assert "$26.38+" in asked.shown


async def test_newer_day() -> None:
    """A newer day of the same date is shown at once, from any thread."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("j", "j")
        before = selected(asked.screen.scene)
        newer = example.commit(0, "feat: newest", example.spent("0"))
        day = example.day(commits=(*example.day_commits(), newer))
        thread = threading.Thread(target=asked.post, args=(day,))
        thread.start()
        thread.join()
        await pilot.pause()
        assert "feat: newest" in asked.shown
        after = selected(asked.screen.scene)
        assert before is not None
        assert after is not None
        assert after.key == before.key


async def test_answer_after_the_end() -> None:
    """An answer that comes when the screen is gone hurts nobody."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await pilot.pause()
        asked.post(example.day())
    asked.post(example.day())


async def test_progress() -> None:
    """Progress is shown, and escape leaves in the middle of it."""
    asked = Asked(Reading("the history of api", 400, 1640))
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert "reading the history of api: 400 of 1,640 commits" in asked.shown
        assert "[enter][ evidence]" in asked.footer
        assert "[m][ markdown]" in asked.footer
        await pilot.press("escape")
        await pilot.pause()
        assert asked.wishes[-1] is None


async def test_pick() -> None:
    """A day is picked in words; the keys behind the first belong to them."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        for key in "d3d":
            asked.app.post_message(Key(key, key))
        await pilot.pause()
        assert asked.screen.query_one(Input).value == "3d"
        await pilot.press("enter")
        await pilot.pause()
        assert asked.wishes == ["today", "3d"]


async def test_picking_is_left() -> None:
    """Escape closes the line that takes a day, and the screen stays."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("d", "x", "escape")
        assert asked.wishes == ["today"]
        assert not asked.screen.scene.typing
        await pilot.press("d", "enter")
        assert asked.wishes == ["today"]


async def test_refused() -> None:
    """Words that name no day say so, and the day before them stays."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        asked.answers = (Refused("a day is YYYY-MM-DD, not 'x'"),)
        await pilot.press("d", "x", "enter")
        await pilot.pause()
        assert "▲ a day is YYYY-MM-DD, not 'x'" in asked.shown
        assert "$26.38+" in asked.shown


async def test_evidence() -> None:
    """Enter opens the evidence of the row; its line is copied from there."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        assert isinstance(asked.app.screen, Explain)
        page = asked.app.screen.query_one("#page", Lines).lines
        text = "\n".join("".join(text for text, _ in line) for line in page)
        assert "claude · Merge stale limit echoes" in text
        await pilot.press("y")
        day = example.day()
        assert asked.app.clipboard == line_of(day, day.commits[-1])
        await pilot.press("d")
        assert not asked.screen.scene.typing
        await pilot.press("escape")
        assert asked.screen.is_current


async def test_copy() -> None:
    """The day is copied as Markdown."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("y")
        assert asked.app.clipboard == markdown(example.day())


async def test_write() -> None:
    """The day is written, and the screen says where, brackets and all."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("m")
        (told,) = asked.app._notifications
        assert told.message == "written to /tmp/[red]/burnmon.md"
        assert len(asked.written) == 1


async def test_write_fails() -> None:
    """What could not be written is said."""
    asked = Asked()
    asked.failure = OSError(13, "Permission denied", "/x/burnmon.md")
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("m")
        (told,) = asked.app._notifications
        assert "Permission denied: '/x/burnmon.md'" in told.message


async def test_group() -> None:
    """The kinds of groups are gone through by a key."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("b")
        assert "‹issue›" in asked.shown


async def test_keys_that_cannot_work() -> None:
    """On an empty day the keys for rows are dimmed, and do nothing."""
    asked = Asked(example.empty_day())
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("enter", "j", "b", "G")
        assert asked.screen.is_current
        assert "[enter][ evidence]" in asked.footer
        assert "[b][ group]" in asked.footer


async def test_keys_of_burn_are_out_of_reach() -> None:
    """Keys of Burn do nothing to it while a day is shown."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        before = asked.app.view
        await pilot.press("space", "s", "e", "1", "slash", "tab")
        assert asked.app.view == before


async def test_help() -> None:
    """The keys of the day are listed, and hidden again."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("question_mark")
        assert asked.screen.query(HelpPanel)
        await pilot.press("question_mark")
        assert not asked.screen.query(HelpPanel)


async def test_ctrl_c() -> None:
    """An interrupt ends the program from the day, too."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+c")
    assert asked.app.return_code == 130


@pytest.mark.parametrize("size", [(20, 3), (1, 1), (10, 9), (30, 12), (300, 90)])
async def test_any_size(size: tuple[int, int]) -> None:
    """No size breaks the screen, and the selection survives it."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("j", "j")
        before = selected(asked.screen.scene)
        await pilot.resize_terminal(*size)
        await pilot.press("y")
        await pilot.resize_terminal(*SIZE)
        assert selected(asked.screen.scene) == before


@pytest.mark.parametrize(
    ("waiting", "newer", "replaced"),
    [
        (Reading("x", 1), Reading("x", 2), True),
        (Reading("x", 1), example.empty_day(), True),
        (example.empty_day(), example.empty_day(), True),
        (example.empty_day(), Reading("x", 1), False),
    ],
    ids=["progress", "done", "newer", "again"],
)
def test_latest_wins(
    waiting: Day | Reading, newer: Day | Reading, replaced: bool
) -> None:
    """A newer answer replaces a waiting one, but progress never a day."""
    assert DayReady(1, waiting).can_replace(DayReady(1, newer)) is replaced


async def test_a_commit_is_an_event() -> None:
    """A commit is a line among the events, with what it cost; enter says more."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        lines = asked.app.query_one("#events", Lines).lines
        first = "".join(text for text, _ in lines[1])
        assert "◆  api" in first
        assert "a1b2c3d  fix: merge stale limit echoes" in first
        assert "$3.18 exact  feat/limits" in first
        await pilot.press("4", "enter")
        page = asked.app.screen.query_one("#page", Lines).lines
        text = "\n".join("".join(text for text, _ in line) for line in page)
        assert "Commit · fix: merge stale limit echoes" in text
        assert "$3.18 exact; d opens the day" in text


async def test_events_are_merged_by_time() -> None:
    """Commits and other events stand in one order, newest first."""
    older = replace(example.commits()[0], at=example.NOW - timedelta(minutes=10))
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        snapshot = replace(example.snapshot(), commits=(older,))
        asked.app._post(snapshot)
        await pilot.pause()
        lines = asked.app.query_one("#events", Lines).lines
        told = ["".join(text for text, _ in line) for line in lines]
        assert "pytest" in told[1]
        assert "a1b2c3d" in told[2]
