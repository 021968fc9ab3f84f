"""The Shipped screen as text: what a day reads like at every size."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import example
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from burnmon.day import Day, Reading, Refused, Spent, day_named, in_cents
from burnmon.frame.day_view import (
    DayScene,
    answered,
    beside,
    moved_by,
    regrouped,
    rows_of,
    selected,
    wishing,
)
from burnmon.frame.evidence import evidence
from burnmon.frame.plan import LOW
from burnmon.frame.segments import Line, to_text, width_of
from burnmon.frame.shipped import page, shipped
from burnmon.text import cells

TODAY = example.NOW.date()
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202efix\u2066: 漢字\t\n|`<b>"


def scene(day: Day | None = None, **other: object) -> DayScene:
    """The example's day in front of somebody."""
    return replace(DayScene(TODAY, day or example.day()), **other)


def drawn(shown: DayScene, width: int, height: int) -> list[str]:
    """What the screen reads in a size, footer apart."""
    lines = shipped(shown, (width, height), low=height <= LOW)
    return ["".join(text for text, _ in line) for line in lines]


def words(lines: list[Line]) -> str:
    """Lines as one text."""
    return "\n".join(map(to_text, lines))


def row(shown: list[str], of: str) -> str:
    """The line in which something stands."""
    return next(line for line in shown if of in line)


def hostile() -> Day:
    """A day in which every foreign text means harm."""
    day = example.day()
    commits = tuple(
        replace(
            each,
            subject=HOSTILE,
            branch=HOSTILE,
            repo=f"/{HOSTILE}",
            reference=HOSTILE,
            author=HOSTILE,
            sha=HOSTILE,
            evidence=tuple(
                replace(e, title=HOSTILE, session_id=HOSTILE, words=(HOSTILE,))
                for e in each.evidence
            ),
        )
        for each in day.commits
    )
    rests = tuple(
        replace(each, repo=HOSTILE, branch=HOSTILE, files=(HOSTILE,))
        for each in day.rests
    )
    return replace(day, commits=commits, rests=rests, notes=(HOSTILE,))


def test_first_line() -> None:
    """The first line says what the money of the day turned into."""
    first = drawn(scene(), 120, 35)[0]
    assert "Tue 17 Nov · $26.38+ → 6 commits · 4 on main · 1 not merged" in first
    assert "median $4.02 · mean $5.65 per commit" in first


def test_cents_add_up() -> None:
    """The dollars of all lines, added up by hand, are those of the day."""
    shown = drawn(scene(), 120, 35)
    end = next(at for at, line in enumerate(shown) if "sum of all" in line)
    found = [word for line in shown[3:end] for word in line.split() if "$" in word]
    headings = ("$17.36+", "$9.02+")
    rows = [word.rstrip("+") for word in found if word not in headings]
    total = sum(Decimal(word.strip("$")) for word in rows if word != "<$0.01")
    assert total == Decimal("26.38")
    assert "$17.36 in commits + $9.02 in none = $26.38 ✓" in shown[end]


@given(st.lists(st.decimals(0, 1000, places=6), max_size=30))
def test_in_cents(amounts: list[Decimal]) -> None:
    """Amounts in cents are less than a cent off, and add up to the rounded sum."""
    shown = in_cents(amounts)
    assert all(
        abs(a - b) < Decimal("0.01") for a, b in zip(amounts, shown, strict=True)
    )
    assert abs(sum(shown, Decimal(0)) - sum(amounts, Decimal(0))) <= Decimal("0.005")


def test_a_bug_is_said() -> None:
    """Parts that are not the whole say so in words."""
    wrong = example.day(spent=Spent(Decimal(99), 1))
    assert "≠" in words(page(wrong, 120))
    assert "which is a bug" in words(page(wrong, 120))


def test_unknown_is_not_zero() -> None:
    """No link reads as a dash, no price as unknown with its tokens."""
    shown = drawn(scene(), 120, 35)
    assert "–  no link" in row(shown, "chore: release")
    assert "–  possible" in row(shown, "fix: a guess")
    assert "unknown, 12 k tok  exact" in row(shown, "try: another ranker")
    assert "15 requests without a price (15 k tokens)" in row(shown, "sum of all")


def test_other_days_are_dated() -> None:
    """A commit of another day that took the day's money has its date."""
    assert "16 Nov" in row(drawn(scene(), 120, 35), "the day before")


def test_rests_in_words() -> None:
    """What is in no commit says why, and where."""
    shown = "\n".join(drawn(scene(), 120, 35))
    for said in (
        "uncommitted: 3 files in api (feat/limits)  limits.py, take.py",
        "no edits: reading, planning, review in web (main)",
        "edits thrown away in api (main)",
        "in commits that could not be linked, in api (main)",
        "in no repository: /home/sam/notes",
    ):
        assert said in shown


def test_quiet_figures() -> None:
    """Accepted edits and cache reads are beside the sum, where there is room."""
    assert "cache 96 % read · 96 % of 125 edits accepted, 2 failed · $17.36+" in (
        row(drawn(scene(), 120, 35), "Commits")
    )


@pytest.mark.parametrize("height", [35, 23, 19, 12, 8, 5, 2])
@pytest.mark.parametrize("width", [120, 80, 60, 40, 27])
def test_proof_is_always_there(width: int, height: int) -> None:
    """However small the screen, the line that proves the sum is on it."""
    assert any("= $26.38 ✓" in line for line in drawn(scene(), width, height))


@pytest.mark.parametrize("day", [example.day(), example.empty_day(), hostile()])
@given(width=st.integers(1, 200), height=st.integers(1, 50), chosen=st.integers(0, 20))
@settings(max_examples=60)
def test_nothing_wraps(day: Day, width: int, height: int, chosen: int) -> None:
    """Every line is exactly as wide as the screen, whatever stands in it."""
    shown = moved_by(scene(day, refused=Refused(HOSTILE)), chosen)
    lines = drawn(shown, width, height)
    assert len(lines) == height
    assert {cells(line) for line in lines} == {width}
    assert all(line.isprintable() for line in lines)


@given(foreign=st.text(max_size=40), width=st.integers(20, 160))
@settings(max_examples=60)
def test_any_text(foreign: str, width: int) -> None:
    """No subject, branch or file breaks a line."""
    commits = tuple(replace(e, subject=foreign) for e in example.day_commits())
    left = tuple(replace(e, branch=foreign, files=(foreign,)) for e in example.rests())
    day = example.day(commits=commits, rests=left)
    assert {cells(line) for line in drawn(scene(day), width, 30)} == {width}
    assert all(width_of(line) <= width for line in page(day, width))


def test_selection_is_in_sight() -> None:
    """The selected row is on the screen, wherever it stands."""
    shown = scene()
    for _ in range(12):
        for size in ((120, 35), (80, 14), (60, 12), (100, 8)):
            assert sum(line.count("▸") for line in drawn(shown, *size)) == 1
        shown = moved_by(shown, 1)


def test_selection_survives() -> None:
    """A newer day of the same date keeps the selected commit."""
    shown = moved_by(scene(), 4)
    newer = example.commit(0, "feat: newest", example.spent("0"))
    day = example.day(commits=(*example.day_commits(), newer))
    again = answered(shown, day)
    before, after = selected(shown), selected(again)
    assert before is not None
    assert after is not None
    assert before.key == after.key


def test_newest_first() -> None:
    """The newest commit is the first row, and selected."""
    assert "▸14:31" in drawn(scene(), 120, 35)[3]


def test_days_beside() -> None:
    """There is a day before, and none after today."""
    asked = answered(DayScene(TODAY), example.day())
    assert beside(asked, -1) == date(2026, 11, 16)
    assert beside(asked, 1) is None
    assert beside(wishing(asked, date(2026, 11, 10)), 1) == date(2026, 11, 11)


def test_midnight_has_passed() -> None:
    """A day that began after the screen was opened is today's."""
    tomorrow = example.day(day=TODAY + timedelta(days=1))
    assert answered(DayScene(TODAY), tomorrow).today == tomorrow.day


def test_reading() -> None:
    """While a history is read, it says which and how far, and the last day stays."""
    waits = Reading("the history of api", 400, 1640)
    alone = drawn(DayScene(TODAY, waits=waits), 80, 23)
    assert "reading the history of api: 400 of 1,640 commits" in alone[1]
    over = drawn(scene(waits=waits), 120, 35)
    assert "Tue 17 Nov" in over[0]
    assert "400 of 1,640 commits" in over[0]
    assert "fix: merge stale limit" in over[3]
    assert "400 of 1,640" in drawn(scene(waits=waits), 60, 19)[0]


def test_refused() -> None:
    """A day that cannot be made says why, above the last one."""
    shown = answered(wishing(scene(), "foo"), Refused("no day is called foo"))
    assert "▲ no day is called foo" in drawn(shown, 80, 23)[1]
    assert shown.wished == TODAY


def test_notes_are_counted() -> None:
    """Of many notes, two lines stay, and the others are counted."""
    day = example.day(notes=("one", "two", "three", "four"))
    assert "two · 2 more notes" in drawn(scene(day), 80, 23)[2]


def test_empty_day() -> None:
    """A day without anything says so, and adds up."""
    shown = drawn(scene(example.empty_day()), 80, 23)
    assert "Tue 17 Nov · $0.00 → 0 commits" in shown[0]
    assert "nothing spent, and nothing committed where sessions" in shown[2]
    assert "= $0.00 ✓" in shown[-1]
    assert not any("Not in any commit" in line or "▸" in line for line in shown)


def test_day_without_commits() -> None:
    """Money without a commit is all in the second pane."""
    shown = drawn(scene(example.day(commits=())), 80, 23)
    assert "no commit on this day" in shown[3]
    assert "▸" in row(shown, "uncommitted")


def test_groups() -> None:
    """The kinds of groups are gone through in turn; an unknown one says so."""
    shown = scene()
    assert "api main" in "\n".join(drawn(shown, 120, 35))
    issues = regrouped(shown)
    assert issues.group == "issue"
    assert "no issue is known" in "\n".join(drawn(issues, 120, 35))
    for _ in range(4):
        issues = regrouped(issues)
    assert issues.group == shown.group


def test_evidence_of_a_commit() -> None:
    """The evidence names session, grade, lines and what was paid in all."""
    day = example.day()
    text = words(evidence(day, day.commits[0], 84))
    assert "claude · Merge stale limit echoes" in text
    assert "exact, by proof: 100 % sure" in text
    assert "96 % of the commit's" in text
    assert "$0.40 on Tue 17 Nov, $4.20 in all" in text


def test_evidence_of_a_hint() -> None:
    """A hint says that nothing is charged for it."""
    day = example.day()
    assert "nothing is charged for a hint" in words(evidence(day, day.commits[4], 84))
    assert "No session is linked" in words(evidence(day, day.commits[3], 84))


def test_evidence_of_a_rest() -> None:
    """A rest names its sessions and all of its files."""
    text = words(evidence(example.day(), example.rests()[0], 84))
    assert "tests/test_limits.py" in text
    assert "5f2a77c0" in text


@pytest.mark.parametrize("width", [40, 84])
def test_evidence_fits(width: int) -> None:
    """The evidence is wrapped to its page, whatever stands in it."""
    day = hostile()
    for each in rows_of(day):
        for line in evidence(day, each, width):
            assert width_of(line) <= width
            assert to_text(line).isprintable()


@pytest.mark.parametrize(
    ("named", "day"),
    [
        ("today", date(2026, 11, 17)),
        (" Yesterday", date(2026, 11, 16)),
        ("3d", date(2026, 11, 14)),
        ("2w", date(2026, 11, 3)),
        ("2026-11-01", date(2026, 11, 1)),
        ("20261101", date(2026, 11, 1)),
        ("2026-11-31", None),
        ("2000w", date(1988, 7, 19)),
        ("99999w", None),
        ("2h", None),
        ("", None),
    ],
)
def test_day_named(named: str, day: date | None) -> None:
    """A day is named as `--since` names it."""
    assert day_named(named, TODAY) == day
