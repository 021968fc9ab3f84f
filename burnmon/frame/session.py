"""The Session screen: why one session burns, in a sentence, parts, turns and causes.

A pure function of a session explained, of which turn was chosen and of a size. The
sentence comes first; the parts below it prove that they are the whole.
"""

from __future__ import annotations

from burnmon.day import in_cents
from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.explain import wrapped
from burnmon.frame.rows import Rows, indented, listed, marked
from burnmon.frame.segments import Line, Segment, blank, fitted, joined, spread
from burnmon.frame.view import window_on_screen
from burnmon.frame.waiting import reading, waiting
from burnmon.frame.why_cells import (
    bar_of,
    cache_words,
    cause_lines,
    dollars,
    sum_lines,
    turn_lines,
    whole_cost,
)
from burnmon.frame.why_figures import figures_page
from burnmon.frame.why_view import WhyScene, place_of, turn_cents
from burnmon.text import base, counted, fit, plain
from burnmon.why import Why

_TWO_LINES_FROM = 16
"""Height from which a sentence that needs it may take a second line."""
_LAST = 20
"""Turns that a text tells one by one."""
_WIDEST_BAR = 96


def session(scene: WhyScene, size: tuple[int, int], *, low: bool) -> list[Line]:
    """The screen without its footer, in exactly ``size`` (width, height).

    ``low``: the whole screen is too low for boxes.
    """
    width, height = size
    if width < 1 or height < 1:
        return []
    why = scene.why
    if why is None:
        return waiting("Session", (scene.waits, scene.refused), size, low=low)
    top = [*headline(why, width, 2 if height >= _TWO_LINES_FROM else 1)]
    if scene.refused:
        words = Segment(f"▲ {plain(scene.refused.words)}", "attention")
        top.append(indented([words], width))
    top = top[:height]
    draw = _bare if low else _panes
    return [*top, *draw(scene, why, (width, height - len(top)))]


def page(why: Why, width: int) -> list[Line]:
    """All of it without boxes, the last turns one by one, at most ``width`` wide."""
    inner = max(1, width - 1)
    lines = [*headline(why, width, 9), [], *_head(why, inner), *_bar(why, inner)]
    lines += sum_lines(why, inner)
    turns = turn_lines(why, inner, headed=True) if why.turns else []
    lines += [[], *turns[: _LAST + 1]] if turns else []
    earlier = turn_cents(why)[_LAST:]
    if earlier:
        words = f"{counted(len(earlier), 'earlier turn')}: ${sum(earlier):,.2f}"
        lines.append([Segment(words, "dim")])
    if why.causes:
        lines += [[], [Segment("Causes, dearest first; they may overlap", "title")]]
        lines += cause_lines(why, inner, remedies=True)
    figures = figures_page(why, inner)
    lines += [[], *figures] if figures else []
    sentence = len(headline(why, width, 9))
    return lines[:sentence] + [indented(line, width) for line in lines[sentence:]]


def headline(why: Why, width: int, most: int) -> list[Line]:
    """The largest cause with its dollars, in at most so many lines."""
    room = max(1, width - 2)
    lines = wrapped(_answer(why), room) if width > 20 else [_answer(why)]
    if len(lines) > most and why.causes:
        lines = wrapped(_answer(why, first=True), room)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    drawn = [fit(each.strip(), max(0, width - 2)) for each in lines]
    style = "strong attention" if why.causes else "strong"
    return [indented([Segment(each, style)], width) for each in drawn]


def _answer(why: Why, *, first: bool = False) -> str:
    """The sentence with its dollars; ``first``: they come first, not to be cut off."""
    told, cost = plain(why.sentence), whole_cost(why)
    if not why.causes:
        return f"{cost} · {told}" if why.parts.cost else told
    (cents,) = in_cents([why.causes[0].dollars])
    dear = dollars(why.causes[0].dollars, cents, 0)
    if f"cost {dear}" in told and not first:
        return told.replace(f"cost {dear}", f"cost {dear} of {cost}", 1)
    return f"{dear} of {cost} · {told}"


def _head(why: Why, width: int) -> list[Line]:
    """What it is, and what it came to; side by side where both fit."""
    name = plain(why.title) or ("untitled" if why.session_id else "day")
    about = [plain(base(why.project)), plain(why.agent)]
    title = joined(
        [
            [Segment(fit(name, max(8, width * 2 // 3)), "strong accent")],
            *([Segment(each)] for each in about if each),
        ],
        width,
    )
    facts = joined(([Segment(each, "dim")] for each in _facts(why)), width)
    line = spread(title, facts, width)
    if facts and line[-len(facts) :] == facts:
        return [line]
    return [fitted(title, width), fitted(facts, width)]


def _facts(why: Why) -> list[str]:
    found = [whole_cost(why)]
    if why.subagents:
        (part,) = in_cents([why.subagents])
        found.append(f"sub-agents {dollars(why.subagents, part, 0)} of it")
    if why.unseen:
        found.append(f"{counted(why.unseen, 'sub-agent')} not in it")
    found += cache_words(why)
    return [*found, counted(why.requests, "request")]


def _bar(why: Why, width: int) -> list[Line]:
    bar = bar_of(why.parts, min(_WIDEST_BAR, width))
    return [fitted(bar, width)] if bar else []


def _bare(scene: WhyScene, why: Why, size: tuple[int, int]) -> list[Line]:
    """Without a box: the sum of the parts, what it is, then the turns."""
    width, height = size
    inner = max(0, width - 1)
    head = [*sum_lines(why, inner, 1), *_head(why, inner)][: max(0, height - 2)]
    rows = [indented(line, width) for line in head]
    turns = _turns(scene, why, inner, headed=False)
    room = max(0, height - len(rows))
    place = place_of(scene)
    first = window_on_screen(len(turns), place, room)
    for at, line in enumerate(turns[first : first + room], first):
        chosen = at == place and bool(why.turns)
        rows.append(marked(line, width, chosen, boxed=False))
    return rows + [blank(width)] * (height - len(rows))


def _panes(scene: WhyScene, why: Why, size: tuple[int, int]) -> list[Line]:
    """What it cost, the turns and the causes in one box."""
    width, height = size
    inner = inner_width(width)
    head = [*_head(why, inner), *_bar(why, inner)]
    head += sum_lines(why, inner, max(1, height - len(head) - 5))
    head = head[: max(1, height - 4)]
    above, room = len(head) + 1, height - len(head) - 1
    below = _height_of_causes(len(why.causes), room)
    if below:
        below = max(below, room - len(why.turns) - 2)
    right = reading(scene.waits) if scene.waits else []
    rows = [inside(line, width) for line in head]
    heading = Heading("", "Session", right, first=True)
    lines = boxed(heading, rows, (width, above))
    lines += _waterfall(scene, why, (width, room - below))
    if below:
        remedies = 2 * len(why.causes) < below
        causes = cause_lines(why, inner, remedies=remedies)
        hidden = len(causes) - below + 1
        said = [[Segment("dearest first, they may overlap", "dim")]]
        said = [[Segment(f"{hidden} more", "dim")]] if hidden > 0 else said
        lines += listed(Rows("Causes", said, causes, -1), (width, below))
    return lines


def _height_of_causes(causes: int, room: int) -> int:
    """Lines for the causes with their rule: a third of what there is at the most."""
    if not causes or room < 5:
        return 0
    most = max(2, room * 2 // 5)
    return 2 * causes + 1 if 2 * causes + 1 <= most else min(most, causes + 1)


def _waterfall(scene: WhyScene, why: Why, size: tuple[int, int]) -> list[Line]:
    """The turns as a pane; the names of its columns stay above what scrolls."""
    width, height = size
    headed = height >= 5 and bool(why.turns)
    turns = _turns(scene, why, inner_width(width), headed=headed)
    names, turns = (turns[:1], turns[1:]) if headed else ([], turns)
    said = [[Segment(counted(len(why.turns), "turn"), "dim")]]
    place = place_of(scene) if why.turns else -1
    pane = listed(Rows("Turns", said, turns, place), (width, height - len(names)))
    return [*pane[:1], *(inside(each, width) for each in names), *pane[1:]]


def _turns(scene: WhyScene, why: Why, width: int, *, headed: bool) -> list[Line]:
    if why.turns:
        return turn_lines(why, width, headed=headed)
    words = "no turn is known" if why.requests else "nothing was asked for yet"
    return [[Segment(fit(words, width), "dim")]]
