"""The Session screen as text: what a session explained reads like at every size."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import example
import pytest
from msgspec.structs import replace

from burnmon.day import Reading, Refused
from burnmon.frame.plan import LOW
from burnmon.frame.segments import Line, to_text, width_of
from burnmon.frame.session import page, session
from burnmon.frame.turn import turn_page
from burnmon.frame.why_cells import GLYPHS, bar_of
from burnmon.frame.why_view import WhyScene, moved_by, selected, told
from burnmon.text import cells
from burnmon.why import PART_WORDS, Parts, Why

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202efix\u2066: 漢字\t\n|`<b>"
SIZES = [(120, 36), (80, 24), (60, 20), (100, 8), (40, 12), (24, 10), (9, 5), (1, 1)]


def drawn(why: Why, width: int, height: int, turn: int | None = None) -> list[str]:
    """What the screen reads in a size, footer apart."""
    low = height <= LOW
    size = width, height - (not low)
    lines = session(WhyScene(why, turn=turn), size, low=low)
    return ["".join(text for text, _ in line) for line in lines]


def words(lines: list[Line]) -> str:
    """Lines as one text."""
    return "\n".join(map(to_text, lines))


def row(shown: list[str], of: str) -> str:
    """The line in which something stands."""
    return next(line for line in shown if of in line)


def many(count: int) -> Why:
    """A session of so many turns."""
    turns = tuple(
        example.turn(
            number,
            ("0.0512", "0", "0.004", "0", "0.02", "0"),
            began_at=example.NOW - timedelta(minutes=20 * (count - number)),
        )
        for number in range(1, count + 1)
    )
    parts = Parts(*(each * count for each in turns[0].parts))
    return example.why(turns=turns, parts=parts)


def hostile() -> Why:
    """A session in which every foreign text means harm."""
    turns = tuple(replace(e, marks=(HOSTILE,)) for e in example.turns())
    causes = [replace(e, words=HOSTILE, remedy=HOSTILE) for e in example.causes()]
    foreign = {"title": HOSTILE, "project": f"/{HOSTILE}", "agent": HOSTILE}
    return example.why(turns=turns, causes=tuple(causes), **foreign)


STATES = {
    "rich": example.why(),
    "nothing": example.why_nothing(),
    "unpriced": example.why_unpriced(),
    "partly priced": example.why(unpriced=3, unpriced_tokens=40_000),
    "one turn": many(1),
    "500 turns": many(500),
    "hostile": hostile(),
    "without turns": example.why(turns=()),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("why", STATES.values(), ids=STATES.keys())
def test_any_size(why: Why, size: tuple[int, int]) -> None:
    """Every state fills every size exactly, and nothing wraps."""
    width, height = size
    shown = drawn(why, width, height)
    assert len(shown) == height - (height > LOW)
    assert {cells(line) for line in shown} == {width}


@pytest.mark.parametrize("width", [1, 5, 20, 33, 60, 80, 120, 200])
@pytest.mark.parametrize("why", STATES.values(), ids=STATES.keys())
def test_page_of_any_width(why: Why, width: int) -> None:
    """No line of the text is wider than it was asked to be."""
    assert max(map(width_of, page(why, width))) <= width


def test_first_line() -> None:
    """The first line is the dearest cause, with its dollars of all dollars."""
    first = drawn(example.why(), 120, 36)[0]
    assert "$3.11 of $6.94 · the cache went cold 2 times" in first
    said = replace(example.causes()[0], words="2 pauses cost $3.11 in all")
    first = drawn(example.why(causes=(said,)), 120, 36)[0]
    assert "2 pauses cost $3.11 of $6.94 in all" in first
    calm = drawn(example.why(causes=()), 120, 36)[0]
    assert "$6.94 · nothing unusual" in calm


def test_head() -> None:
    """The head says which session it is, and what share of it was what."""
    shown = " ".join(drawn(example.why(), 120, 36)[2:4])
    assert "Merge stale limit echoes · api · claude" in shown
    assert "$6.94 · sub-agents $0.40 of it · cache 96 % read · 1.9 % rebuilt" in shown


def test_cents_add_up() -> None:
    """The dollars of the parts, and of the turns, add up by hand to the session's."""
    shown = drawn(example.why(), 120, 36)
    at = shown.index(row(shown, "carrying context"))
    parts = " ".join(shown[at : at + 2])
    *amounts, total = (Decimal(e[1:]) for e in parts.split() if e.startswith("$"))
    assert sum(amounts) == total == Decimal("6.94")
    assert parts.split("=")[1].split()[1] == "✓"
    turns = [line for line in shown if "#" in line]
    costs = [next(e for e in line.split() if "$" in e) for line in turns]
    assert sum(Decimal(e[1:]) for e in costs if e != "<$0.01") == total


def test_a_bug_is_said() -> None:
    """Turns that are not the whole say so in words."""
    shown = "\n".join(drawn(example.why(parts=Parts(output=Decimal(99))), 120, 36))
    assert "≠ $99.00 ✗" in shown
    assert "which is a bug" in shown


def test_parts_without_colour() -> None:
    """Every part has its own glyph in a bar, and its words beside the same glyph."""
    glyphs = [glyph for glyph, _ in GLYPHS.values()]
    assert len(set(glyphs)) == len(PART_WORDS) == len(GLYPHS)
    (bar,) = [bar_of(Parts(*[Decimal(1)] * 6), 12)]
    assert "".join(text for text, _ in bar) == "██▓▓▒▒▞▞░░▚▚"
    told = row(drawn(example.why(), 120, 36), "carrying context")
    assert "▓ rebuilding cache $3.11" in told


def test_waterfall() -> None:
    """A turn is one line, newest first, its bar as long as its share of the dearest."""
    shown = drawn(example.why(), 120, 36)
    turns = [line for line in shown if "#" in line]
    numbers = [line.split("#")[1][0] for line in turns]
    assert numbers == list("6543210")
    lengths = [sum(line.count(glyph) for glyph in "█▓▒▞░▚") for line in turns]
    assert lengths[0] == max(lengths)
    assert lengths[5] == round(lengths[0] * 1.058 / 2.3033)
    assert "cold · switched" in turns[0]
    assert "before the first prompt" in turns[-1]
    assert all(word in turns[0] for word in ("14:12", "6 m", "$2.31", "120 k", "18"))


def test_turns_of_other_days_are_dated() -> None:
    """A turn of another day than the newest has its weekday."""
    shown = drawn(many(73), 120, 36, 1)
    assert "Mon 14:32" in row(shown, "#1 ")


def page_of(why: Why) -> list[str]:
    """The text of a session without causes."""
    return words(page(replace(why, causes=()), 100)).split("\n")


def test_earlier_turns_are_summed() -> None:
    """A text tells the last turns one by one, and what the others came to."""
    told = page_of(many(500))
    assert sum("#" in line for line in told) == 20
    assert " 480 earlier turns: $36.00" in told


def test_causes() -> None:
    """Each cause says its dollars, how often, and what would change it."""
    shown = drawn(example.why(), 120, 36)
    assert "$3.11    2×  the cache went cold" in row(shown, "2×")
    assert "→ go on sooner" in shown[shown.index(row(shown, "2×")) + 1]
    assert "they may overlap" in row(shown, "Causes")
    assert not any("Causes" in line for line in drawn(many(1), 120, 9))


def test_unknown_is_not_zero() -> None:
    """Without a price the cost is unknown, with the tokens, and no bar is drawn."""
    shown = "\n".join(drawn(example.why_unpriced(), 120, 36))
    assert "what it cost is unknown: its requests have no price" in shown
    assert "20 requests without a price (340 k tokens)" in shown
    assert "20 unpriced, 340 k tok" in shown
    assert "$" not in shown
    assert "█" not in shown


def test_partly_priced() -> None:
    """Requests without a price stand beside the sum, which carries a plus."""
    shown = drawn(example.why(unpriced=3, unpriced_tokens=40_000), 120, 36)
    assert "$6.94+" in shown[0]
    assert "+ 3 requests without a price (40 k tokens)" in "\n".join(shown)


def test_nothing_yet() -> None:
    """A session that asked for nothing says so, and shows no figure."""
    shown = "\n".join(drawn(example.why_nothing(), 80, 24))
    assert "nothing was asked for yet" in shown
    assert "0 requests" in shown


def test_order_of_importance() -> None:
    """A screen too low for boxes shows sentence, sum and the newest turns."""
    shown = drawn(example.why(), 100, 8)
    assert "the cache went cold" in shown[0]
    assert "= $6.94 ✓" in shown[1]
    assert "▸#6" in shown[4]


def test_selection_is_in_sight() -> None:
    """The selected turn is on the screen, whichever it is, below the names."""
    for number in (1, 250, 500):
        shown = drawn(many(500), 80, 24, number)
        assert f"#{number} " in row(shown, "▸")
        assert any("context" in line and "requests" in line for line in shown)


def test_selection() -> None:
    """The newest turn is selected until another is chosen, which then stays so."""
    scene = told(WhyScene(), many(5))
    assert number_of(scene) == 5
    assert number_of(told(scene, many(6))) == 6
    scene = moved_by(scene, 2)
    assert number_of(told(scene, many(6))) == 3
    assert number_of(moved_by(scene, 99)) == 1
    assert number_of(moved_by(scene, -99)) == 5
    assert selected(moved_by(WhyScene(), 1)) is None


def number_of(scene: WhyScene) -> int:
    """Number of the selected turn."""
    turn = selected(scene)
    assert turn is not None
    return turn.number


def test_waiting() -> None:
    """Until there is an answer, the screen says what is read, or why there is none."""
    reading = told(WhyScene(), Reading("the session", 3, 9, "files"))
    lines = session(reading, (80, 20), low=False)
    assert "reading the session: 3 of 9 files" in words(lines)
    refused = told(reading, Refused("no such session"))
    assert "▲ no such session" in words(session(refused, (80, 20), low=False))


def test_refused_later() -> None:
    """What is shown stays when a newer answer is a refusal, which is said."""
    scene = told(told(WhyScene(), example.why()), Refused("the ledger is locked"))
    shown = words(session(scene, (80, 20), low=False))
    assert "▲ the ledger is locked" in shown
    assert "= $6.94 ✓" in shown


def test_turn_page() -> None:
    """The page of a turn tells its parts, which add up, and the causes it is in."""
    why = example.why()
    told = words(turn_page(why, why.turns[-1], 90))
    assert "$2.31" in told
    assert "$0.20 carrying context + $1.41 rebuilding cache + $0.04 new context" in told
    assert "the cache went cold" in told
    assert "sub-agents read" not in told
    unknown = example.why_unpriced()
    assert "unknown" in words(turn_page(unknown, unknown.turns[0], 90))


def test_hostile_text() -> None:
    """What came from files reaches no terminal as an escape."""
    shown = "\n".join(drawn(hostile(), 120, 36)) + words(page(hostile(), 100))
    shown += words(turn_page(hostile(), hostile().turns[-1], 80))
    assert not {"\x1b", "\u202e", "\t", "\x07"} & set(shown)
