"""What a session's tool calls made of its cost: circles, waiting, refusals. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec.structs import replace

from burnmon.text import counted, span
from burnmon.usage.breakdown import Broken
from burnmon.usage.repetition import POLLS, Repetition, waits
from burnmon.usage.turns import Told, asked_by, cause_of, total, turn_of
from burnmon.why import Cause, Kind
from burnmon.work import ToolCall

REFUSALS = 3
"""Calls refused that are many."""

_CIRCLES: Mapping[str, tuple[Kind, str, str]] = {
    "repeated": (
        "repetition",
        "{what}, {times} times the same without an edit in between,",
        "stop it, and say what to try instead",
    ),
    "failing": (
        "failing",
        "{times} calls in a row that failed, the last {what},",
        "stop it, and mend what makes them fail",
    ),
}


_Asked = Mapping[int, Sequence[ToolCall]]
"""The calls that each request decided on, by its key."""


def of_calls(told: Told) -> list[Cause | None]:
    """Every cause that tool calls tell; None where there is none of a kind."""
    if not told.calls:
        return []
    asked = asked_by(told)
    return [*_circles(told, asked), _polling(told, asked), _refused(told, asked)]


def _circles(told: Told, asked: _Asked) -> Iterator[Cause]:
    """What asked for the calls of circles; those that overlap are one."""
    for together in _overlapping(told.circles):
        keys = {key for each in together for key in each.keys}
        some = [
            each
            for each in told.broken
            if any(call.key in keys for call in asked.get(each.request.key, ()))
        ]
        if some:
            yield _circle(told, together, some)


def _circle(
    told: Told, together: Sequence[Repetition], some: Sequence[Broken]
) -> Cause:
    most = max(together, key=lambda each: each.times)
    kind, words, remedy = _CIRCLES[most.kind]
    what = " ".join(filter(None, (most.tool, most.target)))
    times = len({key for each in together for key in each.keys})
    if len(together) > 1:
        what += f" and {counted(len(together) - 1, 'other call')}"
    dollars = total(each.parts for each in some).cost
    words = words.format(what=what, times=times)
    return replace(cause_of(kind, dollars, words, remedy, (told, some)), times=times)


def _overlapping(circles: Iterable[Repetition]) -> list[list[Repetition]]:
    """Circles of one kind and one (sub-)agent, those at the same time together."""
    found: list[list[Repetition]] = []
    for each in sorted(circles, key=lambda each: each.first_at):
        for some in found:
            first = some[0]
            same = (each.kind, each.subagent) == (first.kind, first.subagent)
            if same and each.first_at <= max(one.last_at for one in some):
                some.append(each)
                break
        else:
            found.append([each])
    return [some for some in found if some[0].kind != "polling"]


def _polling(told: Told, asked: _Asked) -> Cause | None:
    """Requests that did nothing but ask how something was getting on."""
    some = [
        each
        for each in told.broken
        if (calls := asked.get(each.request.key)) and all(map(waits, calls))
    ]
    if len(some) < POLLS:
        return None
    dollars = total(each.parts for each in some).cost
    words = f"waiting: {len(some)} requests that only asked how something got on"
    if alone := max(_unattended(told, some), default=None):
        words += f", for up to {span(alone)} without a word from you,"
    remedy = "let a command wait until it is done, or come back later"
    return cause_of("polling", dollars, words, remedy, (told, some))


def _unattended(told: Told, some: Iterable[Broken]) -> Iterator[timedelta]:
    """How long the person had not spoken when each request was made."""
    for each in some:
        number = turn_of(told, each.request.at)
        if number:
            yield each.request.at - told.prompts[number - 1]


def _refused(told: Told, asked: _Asked) -> Cause | None:
    """What asked for calls that were not carried out."""
    times = {
        key: sum(each.outcome in ("rejected", "interrupted") for each in calls)
        for key, calls in asked.items()
    }
    some = [each for each in told.broken if times.get(each.request.key)]
    many = sum(times.values())
    if many < REFUSALS:
        return None
    dollars = total(each.parts for each in some).cost
    words = f"{many} calls that you refused or interrupted"
    remedy = "say before what it may not do, or allow what you always grant"
    made = cause_of("refused", dollars, words, remedy, (told, some))
    return replace(made, times=many)
