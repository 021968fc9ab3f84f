"""The Limits pane: how full each window is, and whether it will last."""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec import Struct

from burnmon.frame.box import Heading, boxed, inner_width, inside
from burnmon.frame.burn import NARROW
from burnmon.frame.graph import bar
from burnmon.frame.segments import Line, Segment, columns, fitted, styled, width_of
from burnmon.frame.view import LIMITS, View, limit_key, position, window_on_screen
from burnmon.live.snapshot import LimitRow, MissingLimit, Snapshot
from burnmon.records import BUDGET, Forecast, Window
from burnmon.text import (
    age,
    between,
    cells,
    clock,
    clock_range,
    countdown,
    money,
    money_between,
    out_of,
    plain,
    points,
    share,
    whole,
)

_LONGEST_BAR = 120
HELD_FROM = 76
"""Columns from which there is room for how forecasts held."""
_LEAST = 0.0005
"""The smallest share that is shown as one that was added."""


class Wording(Struct, frozen=True):
    """Which columns a row has beside label, bar and share, and how wide; 0 is none."""

    resets: int = 0
    outcome: int = 0
    verdict: int = 0
    source: int = 0
    bar: int = 8
    """The shortest bar that these columns may leave room for."""

    @property
    def width(self) -> int:
        """Cells the columns take with the gaps before them."""
        taken = (self.resets, self.outcome, self.verdict, self.source)
        return sum(size + 2 for size in taken if size)


WORDINGS = (
    Wording(resets=22, outcome=18, verdict=13, source=13, bar=20),
    Wording(resets=20, outcome=18, verdict=13, source=13, bar=14),
    Wording(resets=20, outcome=18, verdict=13, bar=14),
    Wording(resets=16, outcome=16, verdict=13),
    Wording(resets=9, outcome=16, verdict=13),
    Wording(resets=9, verdict=13),
    Wording(verdict=13),
    Wording(verdict=8),
    Wording(),
)
"""From roomy to bare; a row takes the first that leaves room for a bar."""


def level(window: Window) -> str:
    """The style of a window: by its chance of running out, not by how full it is."""
    if window.verdict == "reached":
        return "alarm"
    if window.used is None:
        return "dim"
    by_verdict = {"safe": "calm", "watch": "attention", "runs_out": "alarm"}
    return by_verdict.get(window.verdict, "accent")


def verdict(window: Window, width: int = 13) -> str:
    """The state in a word; loud words are in capitals, for screens without colour."""
    words = {"safe": "safe", "watch": "watch", "runs_out": "RUNS OUT"}
    words |= {"reached": "REACHED", "unknown": "unknown"}
    word = words[window.verdict]
    if window.verdict == "reached" and window.agent == BUDGET:
        return "OVER BUDGET" if width >= 11 else "OVER"
    uncertain = window.verdict in ("watch", "runs_out") and width >= 13
    if window.forecast is None or not uncertain:
        return word
    return f"{word} {share(window.forecast.exhaustion_probability)}"


def used(window: Window) -> str:
    """The used share; ``≈`` when it is an estimate of ours, ``≥`` a lower bound."""
    if window.agent == BUDGET:
        return ("≥" if window.unpriced else "") + share(window.used)
    return ("" if window.confidence == "official" else "≈") + share(window.used)


def live(window: Window) -> str:
    """What was presumably added since the reading; empty if nothing, or not known."""
    added = window.live or 0.0
    return points(added) if added >= _LEAST else ""


def resets(window: Window, snapshot: Snapshot, width: int) -> str:
    """When the window starts anew, as far as the words fit."""
    if window.resets_at is None:
        return "no reset known" if width > 13 else ""
    at = clock(window.resets_at, snapshot.zone, snapshot.now)
    left = window.resets_at - snapshot.now
    for words in (f"resets {at} in {countdown(left)}", f"resets {at}"):
        if cells(words) <= width:
            return words
    return at


_PERIODS = {"day": "today", "week": "this week", "month": "this month"}


def spent(window: Window, width: int) -> str:
    """Dollars of a window that counts them, as far as the words fit; else empty."""
    if window.spent is None or window.allowance is None:
        return ""
    short = out_of(window.spent, window.allowance)
    more = f" + {window.unpriced} unpriced" if window.unpriced else ""
    period = _PERIODS.get(window.kind, "") if window.agent == BUDGET else ""
    forms = (f"{short} {period}{more}", f"{short}{more}", f"{short} {period}", short)
    return next((form for form in forms if cells(form) <= width), money(window.spent))


def outcome(window: Window, snapshot: Snapshot, width: int = 99) -> str:
    """Where the window is heading, as far as the words fit."""
    forms = _outcomes(window, snapshot)
    return next((form for form in forms if cells(form) <= width), forms[-1])


_HOURS = re.compile(r"(?<=[A-Z][a-z]{2}) \d+(?: h)?")
"""Hours behind the name of a day: without them the day remains."""


def _outcomes(window: Window, snapshot: Snapshot) -> tuple[str, ...]:
    """The same in words that grow shorter."""
    if window.verdict == "reached":
        return (_beyond(window),)
    forecast = window.forecast
    if forecast is None:
        return ("no forecast" if window.used is not None else "",)
    if window.agent == BUDGET:
        words = _heading(window, forecast, snapshot)
        return (words, words.partition(" ")[0])
    if window.verdict == "runs_out" and forecast.exhausted_at is not None:
        words = f"out {_exhaustion(forecast, snapshot)}"
        return (words, _HOURS.sub("", words))
    # A vendor stops at the limit: there is no more than all of it.
    words = between(forecast.p10, min(1.0, forecast.p90))
    return (f"{words} at reset", words)


def _beyond(window: Window) -> str:
    """What a window that is full came to beside its limit."""
    if window.agent == BUDGET and window.spent and window.allowance:
        return f"{money(window.spent - window.allowance)} over"
    if window.extra is None:
        return "nothing left"
    if window.extra.dollars is None:
        return "extra, unpriced"
    return f"extra {money(Decimal(str(window.extra.dollars)))}"


def _heading(window: Window, forecast: Forecast, snapshot: Snapshot) -> str:
    """Dollars that a budget will presumably have seen at its end."""
    assert window.allowance is not None
    assert window.resets_at is not None
    low, high = (
        window.allowance * Decimal(str(each)) for each in (forecast.p10, forecast.p90)
    )
    end = clock(window.resets_at, snapshot.zone, snapshot.now)
    range_ = money_between(low, high)
    if window.kind == "day":
        return f"{range_} tonight"
    return f"{range_} by {end.removesuffix(' 00:00')}"


def _exhaustion(forecast: Forecast, snapshot: Snapshot) -> str:
    assert forecast.exhausted_at is not None
    first, _, last = forecast.exhausted_at
    return clock_range(first, last, snapshot.zone, snapshot.now)


def source(window: Window, snapshot: Snapshot) -> str:
    """How the share is known, and how old the reading is."""
    if window.agent == BUDGET:
        return "yours"
    words = {"official": "official", "local_estimate": "estimate"}
    how = words.get(window.confidence, window.confidence)
    if window.observed_at is None:
        return how
    return f"{how} {age(snapshot.now - window.observed_at)}"


def label_width(snapshot: Snapshot) -> int:
    """Cells of the longest label, within reason."""
    labels = [row.label for row in snapshot.limits]
    labels += [row.label for row in snapshot.missing]
    return min(18, max((cells(plain(label)) for label in labels), default=9))


def limit_line(row: LimitRow, snapshot: Snapshot, width: int) -> Line:
    """One window in one line of ``width`` cells."""
    label = label_width(snapshot)
    if row.window.used is None:
        return fitted(_unknown(row, snapshot, label, width), width)
    added = live_width(snapshot)
    room = width - label - 8 - added
    wording = next(
        (words for words in WORDINGS if room - words.width >= words.bar),
        WORDINGS[-1],
    )
    size = min(_LONGEST_BAR, max(0, room - wording.width))
    gauge = _gauge(row, label, size, added)
    return fitted([*gauge, *_words(row, snapshot, wording)], width)


def live_width(snapshot: Snapshot) -> int:
    """Cells of the estimates beside the shares, where any row has one."""
    words = [live(row.window) for row in snapshot.limits]
    longest = max(map(cells, words), default=0)
    return longest + 1 if longest else 0


def _gauge(row: LimitRow, label: int, size: int, added: int) -> Line:
    window, style = row.window, level(row.window)
    name = Segment(plain(row.label), "strong" if window.binding else "")
    figure = Segment(used(window), f"strong {style}")
    gauge = bar(window.used, row.elapsed, size, style)
    line = [*columns([(name, label)]), Segment(" "), *gauge, *columns([(figure, -6)])]
    estimate = Segment(f" {live(window)}", "dim")
    return [*line, *columns([(estimate, added)])] if added else line


def _words(row: LimitRow, snapshot: Snapshot, wording: Wording) -> Line:
    window = row.window
    middle = _middle(window, snapshot, wording.resets)
    style = level(window)
    loud = "strong " if style in ("attention", "alarm") else ""
    table = [
        (Segment(middle, "dim"), wording.resets),
        (Segment(outcome(window, snapshot, wording.outcome)), wording.outcome),
        (Segment(verdict(window, wording.verdict), loud + style), wording.verdict),
        (Segment(source(window, snapshot), "dim"), -wording.source),
    ]
    shown = [(segment, size) for segment, size in table if size]
    return [Segment("  "), *columns(shown)] if shown else []


def _middle(window: Window, snapshot: Snapshot, width: int) -> str:
    """What is spent of money, or else when a window starts anew."""
    return spent(window, width) or resets(window, snapshot, width)


def _unknown(row: LimitRow, snapshot: Snapshot, label: int, width: int) -> Line:
    """A window without a figure: no bar, which would read as empty, but the reason."""
    name = Segment(plain(row.label), "strong" if row.window.binding else "")
    line = [*columns([(name, label)]), Segment(" unknown  ", "strong")]
    return [
        *line,
        Segment(_why_unknown(row.window, snapshot, width - label - 10), "dim"),
    ]


def _why_unknown(window: Window, snapshot: Snapshot, width: int) -> str:
    """Why a share is not known, how old the last one is and what makes it known."""
    words = plain(window.reason)
    if window.observed_at is not None:
        old = age(snapshot.now - window.observed_at)
        words += f" · read {old} ago · its next turn tells"
    return whole(words, width)


def stacked(row: LimitRow, snapshot: Snapshot, width: int) -> list[Line]:
    """One window in two lines: how full, then what comes of it."""
    label, window = label_width(snapshot), row.window
    if window.used is None:
        why = [Segment("  " + _why_unknown(window, snapshot, width - 2), "dim")]
        return [fitted(_unknown(row, snapshot, label, 0), width), fitted(why, width)]
    word = Segment("  " + verdict(window), f"strong {level(window)}")
    added = live_width(snapshot)
    size = max(0, width - label - 8 - 15 - added)
    first = [*_gauge(row, label, size, added), word]
    until, then = _middle(window, snapshot, 23), outcome(window, snapshot)
    second = [Segment(f"  {until} · ", "dim"), Segment(then)]
    return [fitted(first, width), fitted(second, width)]


def missing_lines(row: MissingLimit, label: int, width: int) -> list[Line]:
    """An agent without limits: why, and the one command that changes it."""
    name = columns([(Segment(plain(row.label)), label)])
    remedy = Segment(plain(row.remedy), "accent")
    why = [
        *name,
        Segment(" unknown  ", "strong"),
        Segment(plain(row.reason) + "  ", "dim"),
    ]
    if width_of(why) + cells(remedy.text) <= width:
        return [fitted([*why, remedy], width)]
    indent = Segment(" " * (label + 1) if width > 60 else "  ")
    return [fitted(why, width), fitted([indent, remedy], width)]


def groups(snapshot: Snapshot, width: int, *, stack: bool) -> list[list[Line]]:
    """The lines of each window, then of each agent whose windows are unknown."""
    inner = inner_width(width)
    if stack:
        found = [stacked(row, snapshot, inner) for row in snapshot.limits]
    else:
        found = [[limit_line(row, snapshot, inner)] for row in snapshot.limits]
    label = label_width(snapshot)
    found += [missing_lines(row, label, inner) for row in snapshot.missing]
    return found or [[fitted([Segment("no limit is known yet", "dim")], inner)]]


def lines_wanted(snapshot: Snapshot, width: int, *, stack: bool) -> int:
    """How many lines ``groups`` has in all."""
    inner, label = inner_width(width), label_width(snapshot)
    known = len(snapshot.limits) * (2 if stack else 1)
    found = (len(missing_lines(row, label, inner)) for row in snapshot.missing)
    return known + sum(found) or 1


def limits(snapshot: Snapshot, view: View, size: tuple[int, int]) -> list[Line]:
    """The Limits pane in exactly ``size`` (width, height)."""
    width, height = size
    stack = (
        width <= NARROW and height > len(snapshot.limits) + len(snapshot.missing) + 1
    )
    found = groups(snapshot, width, stack=stack)
    chosen = position([limit_key(row) for row in snapshot.limits], view.limit)
    rows: list[Line] = []
    marked = (0, 0)
    for place, group in enumerate(found):
        active = view.pane == LIMITS and place == chosen
        if active:
            marked = (len(rows), len(group))
        rows += [_row(line, width, active=active) for line in group]
    first = window_on_screen(len(rows), marked[0] + marked[1] // 2, height - 1)
    heading = Heading(
        "1", "Limits", _summary(snapshot, width), view.pane == LIMITS, True
    )
    return boxed(heading, rows[first:], size)


def _row(line: Line, width: int, *, active: bool) -> Line:
    marker = "▸" if active else " "
    return inside(styled(line, "selected") if active else line, width, marker)


def _summary(snapshot: Snapshot, width: int) -> Line:
    """How forecasts held so far, then the news or what the notch means."""
    held = next((row.held for row in snapshot.limits if row.held), None)
    news = _news(snapshot)
    if held is None or not news or width < HELD_FROM:
        return news
    words = f"{held.share} of the last {held.made} forecasts held · "
    return [Segment(words, "dim"), *news]


def _news(snapshot: Snapshot) -> Line:
    """How many windows stop the work, when any does; else what the notch means."""
    limits = [row.window for row in snapshot.limits if row.window.agent != BUDGET]
    verdicts = [window.verdict for window in limits]
    reached, out = verdicts.count("reached"), verdicts.count("runs_out")
    if reached or out:
        noun, verb = ("limit", "runs") if (reached or out) == 1 else ("limits", "run")
        words = f"{reached} {noun} reached" if reached else f"{out} {noun} {verb} out"
        return [Segment(words, "alarm")]
    paced = any(row.elapsed is not None for row in snapshot.limits)
    return [Segment("┃ even pace", "dim")] if paced else []
