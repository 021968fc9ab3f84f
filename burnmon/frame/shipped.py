"""The Shipped screen: what the money of a day turned into, in lines that add up.

A pure function of a day, of what was chosen about it and of a size. What is in
commits comes first, what is in none below it, then the line that proves the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from burnmon.day import Day
from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.day_view import DayScene, cents_of, day_words, place_of, rows_of
from burnmon.frame.plan import LOW
from burnmon.frame.rows import Rows, indented, listed, marked
from burnmon.frame.segments import (
    Line,
    Segment,
    blank,
    fitted,
    joined,
    spread,
    width_of,
)
from burnmon.frame.shipped_cells import (
    amount,
    commit_lines,
    cost_cells,
    rest_line,
    state_counts,
    unpriced,
    whole_cost,
)
from burnmon.frame.shipped_groups import groups, kinds
from burnmon.frame.view import window_on_screen
from burnmon.frame.waiting import reading, waiting
from burnmon.text import cells, counted, fit, money, plain, share, whole

_NOTES = 2
"""Lines of notes at most; the last one tells how many more there are."""
_GROUPS_FROM = 16
"""Lines below the first from which the groups have room."""


def shipped(scene: DayScene, size: tuple[int, int], *, low: bool) -> list[Line]:
    """The screen without its footer, in exactly ``size`` (width, height).

    ``low``: the whole screen is too low for boxes.
    """
    width, height = size
    if width < 1 or height < 1:
        return []
    day = scene.day
    if day is None:
        return waiting("Shipped", (scene.waits, scene.refused), size, low=low)
    top = [headline(scene, day, width), *_notices(scene, day, size)][:height]
    room = height - len(top)
    draw = _bare if low else _panes
    return [*top, *draw(scene, day, (width, room))]


def page(day: Day, width: int) -> list[Line]:
    """The whole day without boxes, as long as it takes, at most ``width`` wide."""
    scene = DayScene(day.day, day)
    cents = cents_of(day)
    lines = [headline(scene, day, width), []]
    lines += [indented(each, width) for each in _notes(day)]
    lines += [indented(each, width) for each in _commits(day, cents, width - 1)]
    if day.rests:
        lines += [[], indented([Segment("Not in any commit", "title")], width)]
        lines += [indented(each, width) for each in _rests(day, cents, width - 1)]
    lines += [[], indented(proof(day, cents, width - 1), width)]
    quiet = joined(_quiet(day), width - 1)
    return [*lines, indented(quiet, width)] if quiet else lines


def headline(scene: DayScene, day: Day, width: int) -> Line:
    """The day in one sentence, and at the right what a commit came to."""
    cost = whole_cost(day, cents_of(day))
    own = sum(each.of_day for each in day.commits)
    words = " · ".join([f"{cost} → {counted(own, 'commit')}", *state_counts(day)])
    date = day_words(day.day, scene.today)
    right = reading(scene.waits) if scene.waits else _per_commit(day)
    if right and scene.waits:
        room = width - width_of(right) - 3
        if room < cells(date) + 12:
            return fitted([Segment(" "), *right], width)
    else:
        room = width - 2
    left = [Segment(f" {date}", "strong accent"), Segment(" · ", "faint")]
    left.append(Segment(whole(words, max(0, room - width_of(left))), "strong"))
    return spread(left, right, width)


def _per_commit(day: Day) -> Line:
    if day.per_commit is None:
        return []
    median, mean = day.per_commit
    words = f"median {money(median)} · mean {money(mean)} per commit "
    return [Segment(words, "dim")]


def _notices(scene: DayScene, day: Day, size: tuple[int, int]) -> list[Line]:
    """What changes how the figures are to be read; usually nothing."""
    width, height = size
    lines: list[Line] = []
    if scene.refused:
        lines.append([Segment(f"▲ {plain(scene.refused.words)}", "attention")])
    lines += _notes(day)
    most = _NOTES if height > LOW else 1
    if len(lines) > most and height > 3:
        hidden = Segment(f" · {counted(len(lines) - most, 'more note')} ", "dim")
        lines = lines[:most]
        ((text, style),) = lines[-1]
        lines[-1] = [Segment(fit(text, width - 1 - cells(hidden.text)), style), hidden]
    return [indented(line, width) for line in lines] if height > 3 else []


def _notes(day: Day) -> list[Line]:
    return [[Segment(f"▲ {plain(note)}", "attention")] for note in day.notes]


def _bare(scene: DayScene, day: Day, size: tuple[int, int]) -> list[Line]:
    """Commits, then the rests, without a box; the proof is the last line."""
    width, height = size
    if height < 1:
        return []
    cents, inner = cents_of(day), max(0, width - 1)
    found = _commits(day, cents, inner)[::-1] + _rests(day, cents, inner)
    place = place_of(scene) + (not day.commits)
    first = window_on_screen(len(found), place, height - 1)
    rows = []
    for at, line in enumerate(found[first : first + height - 1], first):
        rows.append(marked(line, width, at == place, boxed=False))
    rows += [blank(width)] * (height - 1 - len(rows))
    return [*rows, indented(proof(day, cents, inner), width)]


def _panes(scene: DayScene, day: Day, size: tuple[int, int]) -> list[Line]:
    """The three panes in one box, each as high as its share."""
    width, height = size
    cents, inner = cents_of(day), inner_width(width)
    commits, rests = _commits(day, cents, inner)[::-1], _rests(day, cents, inner)
    by = groups(day, scene.group, inner)
    tall = _heights((len(commits), len(rests), len(by)), height)
    place = place_of(scene) if rows_of(day) else -1
    sums = [_sum_of(day, cents, commits=each) for each in (True, False)]
    above = place if day.commits else -1
    said = [sums[0], *_quiet(day)]
    lines = listed(Rows("Commits", said, commits, above, True), (width, tall[0]))
    if rests:
        below = Rows("Not in any commit", sums[1:], rests, place - len(day.commits))
        lines += listed(below, (width, tall[1] - 1))
    lines.append(inside(proof(day, cents, inner), width))
    if tall[2]:
        by = groups(day, scene.group, inner, tall[2] - 1)[: tall[2] - 1]
        rows = [inside(line, width) for line in by]
        choice = joined([kinds(scene.group)], width - 12)
        lines += boxed(Heading("", "By", choice), rows, (width, tall[2]))
    return lines


def _heights(counts: tuple[int, int, int], room: int) -> tuple[int, int, int]:
    """Lines of commits, of what is in none with the proof, and of the groups."""
    commits, rests, groups = counts
    by = min(groups + 1, max(3, room // 4)) if room >= _GROUPS_FROM and groups else 0
    below = 2 + min(rests, max(1, (room - by) // 4)) if rests else 1
    above = min(commits + 1, room - by - below)
    left = room - by - below - above
    more = min(left, rests + 2 - below) if rests else 0
    if by:
        return above, below + more, by + left - more
    return above + left - more, below + more, 0


def _commits(day: Day, cents: Sequence[Decimal], width: int) -> list[Line]:
    if day.commits:
        return commit_lines(day, cents, width)
    words = "no commit on this day"
    if not day.spent.requests:
        words = "nothing spent, and nothing committed where sessions work"
    return [[Segment(fit(words, width), "dim")]]


def _rests(day: Day, cents: Sequence[Decimal], width: int) -> list[Line]:
    costs = cost_cells(day, cents)
    return [
        rest_line(rest, amount, costs, width)
        for rest, amount in zip(day.rests, cents[len(day.commits) :], strict=True)
    ]


def _sum_of(day: Day, cents: Sequence[Decimal], *, commits: bool) -> Line:
    """What commits, or what is in none of them, came to."""
    place = len(day.commits)
    part, spent = (
        (cents[:place], day.linked) if commits else (cents[place:], day.unlinked)
    )
    if commits and not day.commits:
        return []
    return [Segment(amount(spent, sum(part, Decimal(0))), "strong")]


def proof(day: Day, cents: Sequence[Decimal], width: int) -> Line:
    """That the lines above are the whole of the day, in as many words as fit."""
    place = len(day.commits)
    parts = [sum(each, Decimal(0)) for each in (cents[:place], cents[place:])]
    total = f"${sum(parts):,.2f}"
    sign, mark, style = ("=", "✓", "calm") if day.adds_up else ("≠", "✗", "alarm")
    end = f"{sign} {total} {mark}"
    short = f"${parts[0]:,.2f} + ${parts[1]:,.2f} {end}"
    long = f"sum of all lines: ${parts[0]:,.2f} in commits + ${parts[1]:,.2f} in none"
    forms = [f"{long} {end}", short, end]
    said = next((each for each in forms if cells(each) <= width), end)
    line = [Segment(said, style)]
    if not day.adds_up:
        line.append(Segment(" · the parts are not the whole, which is a bug", style))
    if day.spent.unpriced:
        room = width - width_of(line)
        beside = (f" + {unpriced(day.spent)}", f" + {day.spent.unpriced} unpriced")
        words = next((each for each in beside if cells(each) <= room), "")
        line.append(Segment(words, "attention"))
    return fitted(line, width)


def _quiet(day: Day) -> list[Line]:
    """How many edits were accepted, and how much came from the cache."""
    found: list[Line] = []
    if day.edits.rate is not None:
        decided = day.edits.accepted + day.edits.rejected
        words = f"{share(day.edits.rate)} of {decided:,} edits accepted"
        if day.edits.failed:
            words += f", {day.edits.failed:,} failed"
        found.append([Segment(words, "dim")])
    if day.cache_read is not None:
        words = f"cache {share(day.cache_read)} read"
        if day.rebuilt:
            words += f", {money(day.rebuilt)} rebuilt"
        found.append([Segment(words, "dim")])
    return found
