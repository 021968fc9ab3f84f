"""Keys and answers: what the screen of a session does with them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import example
import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import HelpPanel

from burnmon.day import Reading, Refused
from burnmon.frame.segments import to_text
from burnmon.frame.session import page
from burnmon.tui.app import BurnApp
from burnmon.tui.feed import Post
from burnmon.tui.lines import Lines
from burnmon.tui.modal import Explain
from burnmon.tui.session import COPIED, Session, WhyReady
from burnmon.why import PostWhy, Why, WhyAnswer

SIZE = (120, 36)


class Asked:
    """A screen, and whoever explains its sessions."""

    def __init__(self, *answers: WhyAnswer) -> None:
        self.asked: list[str | None] = []
        self.post: PostWhy
        self.answers = answers or (example.why(),)
        self.app = BurnApp(self._feed, None, self._ask, theme="burnmon")

    def _feed(self, post: Post) -> Callable[[], None]:
        post(example.snapshot())
        return lambda: None

    def _ask(self, session_id: str | None, post: PostWhy) -> None:
        self.asked.append(session_id)
        if session_id is not None:
            self.post = post
            for each in self.answers:
                post(each)

    @property
    def screen(self) -> Session:
        """The screen of the session."""
        return next(e for e in self.app.screen_stack if isinstance(e, Session))

    @property
    def shown(self) -> str:
        """What it reads."""
        return read(self.screen.query_one("#session", Lines))

    @property
    def footer(self) -> str:
        """The keys that are on the last line, the dimmed ones in brackets."""
        line = self.screen.query_one("#footer", Lines).lines[0]
        return "".join(f"[{t}]" if s == "faint" and t.strip() else t for t, s in line)

    @property
    def turn(self) -> int:
        """Number of the turn that has the marker."""
        return int(self.shown.split("▸")[1].split("#")[1].split()[0])


def read(lines: Lines) -> str:
    """What lines read."""
    return "\n".join("".join(text for text, _ in line) for line in lines.lines)


async def opened(pilot: Pilot[None]) -> None:
    """The screen of the first session, with its first answer."""
    await pilot.press("enter")
    await pilot.pause()


async def test_opens_and_closes() -> None:
    """Enter on a session asks why it burns, and escape asks no more."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        (session_id,) = asked.asked
        assert session_id == example.snapshot().sessions[0].session_id
        assert "$3.11 of $6.94 · the cache went cold 2 times" in asked.shown
        await pilot.press("escape")
        await pilot.pause()
        assert asked.asked == [session_id, None]
        assert not isinstance(asked.app.screen, Session)


async def test_selected_session() -> None:
    """The session that is selected is the one that is asked for."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await pilot.press("j")
        await opened(pilot)
        assert asked.asked == [example.snapshot().sessions[1].session_id]


async def test_other_rows_are_explained() -> None:
    """Enter on a limit, and `i` anywhere, open the page that explains the row."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await pilot.press("i")
        assert isinstance(asked.app.screen, Explain)
        await pilot.press("escape", "1", "enter")
        assert isinstance(asked.app.screen, Explain)
        assert asked.asked == []


async def test_without_answers() -> None:
    """Where nobody explains sessions, enter explains the row."""
    app = BurnApp(Asked()._feed, theme="burnmon")
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert isinstance(app.screen, Explain)


async def test_kept_fresh() -> None:
    """A newer answer is shown at once, from any thread, and the turn stays chosen."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert asked.turn == 6
        await pilot.press("j", "j")
        assert asked.turn == 4
        newest = example.turn(7, ("0", "0", "0", "0", "0.5", "0"))
        parts = example.why().parts.plus(newest.parts)
        newer = example.why(turns=(*example.turns(), newest), parts=parts)
        thread = threading.Thread(target=asked.post, args=(newer,))
        thread.start()
        thread.join()
        await pilot.pause()
        assert "of $7.44" in asked.shown
        assert asked.turn == 4


async def test_moves() -> None:
    """Keys select turns from the newest to the first."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("G")
        assert asked.turn == 0
        await pilot.press("k")
        assert asked.turn == 1
        await pilot.press("g")
        assert asked.turn == 6


@pytest.mark.parametrize("key", ["enter", "i"])
async def test_explains(key: str) -> None:
    """The page of the turn has its parts, and the figures of the session below."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(asked.app.screen, Explain)
        text = read(asked.app.screen.query_one("#page", Lines))
        assert "Turn 6" in text
        assert "priced of 40 requests" in text
        await pilot.press("y")
        assert "api · feat/limits" in asked.app.clipboard
        await pilot.press("escape")
        assert asked.screen.is_current


async def test_copy() -> None:
    """The session explained is copied as text."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("y")
        text = "\n".join(map(to_text, page(example.why(), COPIED)))
        assert asked.app.clipboard == text


async def test_waiting() -> None:
    """Progress is shown, keys that need an answer are dimmed, and escape leaves."""
    asked = Asked(Reading("the session", 3, 9, "files"))
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert "reading the session: 3 of 9 files" in asked.shown
        assert "[y][ copy]" in asked.footer
        await pilot.press("y", "j", "escape")
        assert asked.asked[-1] is None


async def test_refused() -> None:
    """A session that cannot be explained says why; its figures are still there."""
    asked = Asked(Refused("the ledger is locked"))
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert "▲ the ledger is locked" in asked.shown
        await pilot.press("i")
        await pilot.pause()
        assert "Turn" not in read(asked.app.screen.query_one("#page", Lines))


async def test_answer_after_the_end() -> None:
    """An answer that comes when the screen is gone hurts nobody."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await pilot.pause()
        asked.post(example.why())
    asked.post(example.why())


async def test_keys_of_burn_are_out_of_reach() -> None:
    """Keys of Burn do nothing to it while a session is shown."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        before = asked.app.view
        await pilot.press("space", "s", "e", "1", "d", "slash", "tab")
        assert asked.app.view == before
        assert asked.screen.is_current


async def test_help() -> None:
    """The keys of the session are listed, and hidden again."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("question_mark")
        assert asked.screen.query(HelpPanel)
        await pilot.press("question_mark")
        assert not asked.screen.query(HelpPanel)


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("ctrl+c", 130)])
async def test_ends(key: str, code: int) -> None:
    """Quitting and an interrupt end the program from here, too."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press(key)
    assert (asked.app.return_code or 0) == code


@pytest.mark.parametrize("size", [(20, 3), (1, 1), (10, 9), (30, 12), (300, 90)])
async def test_any_size(size: tuple[int, int]) -> None:
    """No size breaks the screen, and the selection survives it."""
    asked = Asked()
    async with asked.app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("j", "j")
        await pilot.resize_terminal(*size)
        await pilot.press("y")
        await pilot.resize_terminal(*SIZE)
        await pilot.pause()
        assert asked.turn == 4


@pytest.mark.parametrize(
    ("waiting", "newer", "replaced"),
    [
        (Reading("x", 1), Reading("x", 2), True),
        (Reading("x", 1), example.why(), True),
        (example.why(), replace(example.why(), requests=141), True),
        (example.why(), Reading("x", 1), False),
    ],
    ids=["progress", "done", "newer", "again"],
)
def test_latest_wins(
    waiting: Why | Reading, newer: Why | Reading, replaced: bool
) -> None:
    """A newer answer replaces a waiting one, but progress never an explanation."""
    assert WhyReady(waiting).can_replace(WhyReady(newer)) is replaced
