"""All that is known about one turn of a session, as lines to read."""

from __future__ import annotations

from burnmon.day import in_cents
from burnmon.frame.explain import Facts, in_two_columns
from burnmon.frame.segments import Line, Segment
from burnmon.frame.why_cells import dollars, marks_of, unpriced_words
from burnmon.frame.why_view import turn_cents, turns_of
from burnmon.text import counted, local, plain, short_model, span, tokens
from burnmon.why import PART_WORDS, Turn, Why


def turn_page(why: Why, turn: Turn, width: int) -> list[Line]:
    """What it cost and why, ``width`` wide."""
    title = f"Turn {turn.number}" if turn.number else "Before the first prompt"
    page: list[Line] = [[Segment(title, "strong accent")], []]
    return page + in_two_columns([*_facts(why, turn), *_causes(why, turn)], width)


def _facts(why: Why, turn: Turn) -> Facts:
    began = local(turn.began_at, why.zone)
    asked = counted(turn.requests, "request")
    if turn.calls:
        asked += f", {counted(turn.calls, 'tool call')}"
    facts = [
        ("began", f"{began:%H:%M:%S}, took {span(turn.took)}"),
        ("model", plain(short_model(turn.model)) or "unknown"),
        *_cost(why, turn),
        *_subagents(turn),
        ("asked", asked),
        ("context", f"{tokens(turn.context)} tokens at its end"),
    ]
    if turn.unpriced:
        said = unpriced_words(turn.unpriced, turn.unpriced_tokens)
        facts.append(("no price", said))
    return [*facts, ("marks", marks_of(turn))] if turn.marks else facts


def _causes(why: Why, turn: Turn) -> Facts:
    """What made the session dear, as far as it happened in the turn."""
    return [
        ("cause", words)
        for cause in why.causes
        if turn.number in cause.turns
        for words in (plain(cause.words), f"→ {plain(cause.remedy)}")
    ]


def _cost(why: Why, turn: Turn) -> Facts:
    """What the list of turns tells, and the parts, which add up to it."""
    of_turn = zip((each.number for each in turns_of(why)), turn_cents(why), strict=True)
    whole = dict(of_turn)[turn.number]
    facts = [("cost", dollars(turn.parts.cost, whole, turn.unpriced))]
    cents = in_cents(turn.parts)
    # The list rounds turns together, so that one may differ from its parts by a cent.
    cents[turn.parts.index(max(turn.parts))] += whole - sum(cents)
    parts = zip(PART_WORDS.values(), turn.parts, cents, strict=True)
    said = [f"{dollars(cost, cent, 0)} {word}" for word, cost, cent in parts if cost]
    return [*facts, ("parts", " + ".join(said))] if said else facts


def _subagents(turn: Turn) -> Facts:
    if not turn.subagents:
        return []
    (cents,) = in_cents([turn.subagents])
    return [("sub-agents", f"{dollars(turn.subagents, cents, 0)} of it")]
