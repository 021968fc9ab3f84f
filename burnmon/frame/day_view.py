"""What the person chose about a day: which one, which row, which groups.

Values beside the day, as views are beside a snapshot. Rows are remembered by what
they are, so that a selection survives a newer day of the same date.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from burnmon.day import (
    GROUPS,
    CommitRow,
    Day,
    DayAnswer,
    Reading,
    Refused,
    Rest,
    in_cents,
)
from burnmon.frame.view import position

Row = CommitRow | Rest


class DayScene(Struct, frozen=True, eq=False):
    """All that the picture of a day is made of, besides its size."""

    today: date
    day: Day | None = None
    """The last one that was made; it stays while another is read."""
    wished: date | None = None
    """The date asked for; None where it was asked for in words."""
    waits: Reading | None = None
    """What is read while the day that was asked for is made."""
    refused: Refused | None = None
    row: str = ""
    """Identity of the selected row; empty: the first."""
    group: str = GROUPS[0]
    typing: bool = False
    """The line that takes a day is open."""


def wishing(scene: DayScene, wish: date | str) -> DayScene:
    """The scene while a day is asked for and nothing is known of it."""
    if isinstance(wish, date):
        waits, dated = Reading(day_words(wish, scene.today)), wish
    else:
        waits, dated = Reading(wish), None
    return replace(scene, wished=dated, waits=waits, refused=None, typing=False)


def answered(scene: DayScene, answer: DayAnswer) -> DayScene:
    """The scene with what was answered."""
    if isinstance(answer, Reading):
        return replace(scene, waits=answer, refused=None)
    if isinstance(answer, Refused):
        shown = scene.day.day if scene.day else None
        return replace(scene, waits=None, refused=answer, wished=shown)
    today = max(scene.today, answer.day)  # midnight may have passed since
    return replace(
        scene, today=today, day=answer, wished=answer.day, waits=None, refused=None
    )


def beside(scene: DayScene, days: int) -> date | None:
    """The date so many days later; None where there is none, or it has not begun."""
    if scene.wished is None:
        return None
    try:
        other = scene.wished + timedelta(days=days)
    except OverflowError:
        return None
    return other if other <= scene.today else None


def rows_of(day: Day | None) -> list[Row]:
    """From top to bottom: the newest commit first, what is in none below them."""
    return [*day.commits[::-1], *day.rests] if day else []


def cents_of(day: Day) -> list[Decimal]:
    """Commits' and rests' dollars, in whole cents that add up to what the day shows."""
    commits = [row.spent.cost for row in day.commits]
    return in_cents(commits + [row.spent.cost for row in day.rests])


def place_of(scene: DayScene) -> int:
    """Where the selected row stands."""
    return position([row.key for row in rows_of(scene.day)], scene.row)


def selected(scene: DayScene) -> Row | None:
    """The row that keys act on, if there is any."""
    rows = rows_of(scene.day)
    return rows[place_of(scene)] if rows else None


def moved_by(scene: DayScene, step: int) -> DayScene:
    """The scene with the selection ``step`` rows further, stopping at either end."""
    keys = [row.key for row in rows_of(scene.day)]
    if not keys:
        return scene
    place = min(max(place_of(scene) + step, 0), len(keys) - 1)
    return replace(scene, row=keys[place])


def regrouped(scene: DayScene) -> DayScene:
    """The scene with the next kind of groups."""
    kinds = (*GROUPS, GROUPS[0])
    return replace(scene, group=kinds[kinds.index(scene.group) + 1])


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def day_words(day: date, today: date | None = None) -> str:
    """A date with its weekday: ``Tue 17 Nov``, with the year unless it is today's."""
    words = f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    return words if today and day.year == today.year else f"{words} {day.year}"
