"""A session's headline figures, each with what it means; they are no grades."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from burnmon.frame.explain import Facts, in_two_columns
from burnmon.frame.segments import Line, Segment
from burnmon.text import counted, money, plain, share
from burnmon.why import Why


def figures_page(why: Why, width: int) -> list[Line]:
    """The figures below a heading, ``width`` wide; nothing where none is known."""
    facts = list(_facts(why))
    if not facts:
        return []
    return [[Segment("Figures", "title")], *in_two_columns(facts, width)]


def _facts(why: Why) -> Iterator[tuple[str, str]]:
    yield from _cache(why)
    if why.per_turn is not None:
        asked = sum(1 for each in why.turns if each.number)
        whole = (each.parts.cost for each in why.turns if each.number)
        mean = sum(whole, Decimal(0)) / asked
        middle = f"{money(why.per_turn)}, the middle one of {counted(asked, 'turn')}"
        yield "cost per turn", f"{middle}; {money(mean)} on average"
    yield from _edits(why)
    if why.unseen:
        asked_for = f"{counted(why.unseen, 'sub-agent')} asked for"
        yield "not in it", f"{asked_for}, and no request of theirs is known"


def _cache(why: Why) -> Facts:
    shares = (
        ("cache read", why.cache_read, "of the input was read from a cache"),
        ("rebuilt", why.cache_rebuilt, "of the input had been cached, and went again"),
    )
    return [
        (name, f"{share(part, fine=part > 0)} {words}")
        for name, part, words in shares
        if part is not None
    ]


def _edits(why: Why) -> Iterator[tuple[str, str]]:
    accepted, asked = why.edits.accepted
    if asked:
        tools = ", ".join(f"{plain(t)} {a}/{n}" for t, a, n in why.edits.by_tool)
        part = share(accepted / asked)
        words = f"{part} of {counted(asked, 'edit')} accepted, failed ones apart"
        yield "acceptance", f"{words}: {tools}"
    if why.edits.telling:
        kept, telling = why.edits.kept, why.edits.telling
        words = f"{share(kept / telling)} of {counted(telling, 'edit')} not redone"
        yield "one-shot", f"{words}: no later edit took a line of theirs out again"
