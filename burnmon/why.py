"""Why a session burns, as a value: where each dollar went, and what made it dear.

``Parts`` of requests add up to what they cost, to the last digit; turns, sessions and
days are sums of them. A ``Cause`` names dollars that are in the parts already: causes
may overlap, and are never added up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Literal, NamedTuple

from msgspec import Struct

from burnmon.day import Reading, Refused
from burnmon.text import money

ZERO = Decimal(0)


class Parts(NamedTuple):
    """What some requests cost in dollars, by what was paid for; adds up."""

    carried: Decimal = ZERO
    """Reading context that lay in a cache."""
    rebuilt: Decimal = ZERO
    """Writing context again that had lain in a cache before."""
    added: Decimal = ZERO
    """Context that was new: first written, or sent without a cache."""
    thinking: Decimal = ZERO
    """What the model thought, where the agent tells how much that was."""
    output: Decimal = ZERO
    """What the model wrote; its thinking too, where that is not told apart."""
    searches: Decimal = ZERO
    """Web searches."""

    @property
    def cost(self) -> Decimal:
        return sum(self, ZERO)

    def plus(self, other: Parts) -> Parts:
        """Both together."""
        return Parts(*(a + b for a, b in zip(self, other, strict=True)))


PART_WORDS = {
    "carried": "carrying context",
    "rebuilt": "rebuilding cache",
    "added": "new context",
    "thinking": "thinking",
    "output": "output",
    "searches": "web search",
}
"""Every part in words, in the order in which a bar shows them."""

Kind = Literal[
    "cold_cache",
    "model_switch",
    "compaction",
    "retries",
    "new_prompt",
    "broken_cache",
    "context_growth",
    "fan_out",
    "fast",
    "small_turns",
    "repetition",
    "polling",
    "failing",
    "refused",
    "abandoned",
]
"""cold_cache: a pause outlived the cache; model_switch: another model has another
cache; compaction: the context was replaced by a summary; retries: the vendor failed and
was asked again; new_prompt: a warm cache was written again when the person spoke;
broken_cache: so too, without a reason that is recorded; context_growth: requests carry
far more context than the session took up to begin; fan_out: sub-agents;
fast: the surcharge of a faster mode; small_turns: little was written by a dear model;
repetition: the same call again and again without an edit in between; polling: requests
that only ask how something is getting on; failing: calls that failed one after the
other; refused: calls that the person refused or interrupted; abandoned: edits of which
nothing is left, in a file or a commit."""


class Cause(Struct, frozen=True):
    """One thing that made a session dear."""

    kind: Kind
    dollars: Decimal
    """What it cost: part of the session's cost, not on top of it."""
    times: int
    words: str
    """What happened, in one sentence with its figures."""
    remedy: str
    """What would change it."""
    first_at: datetime
    last_at: datetime
    turns: tuple[int, ...] = ()
    """Numbers of the turns it happened in."""


class Turn(Struct, frozen=True):
    """What the person said, and all that followed until they spoke again."""

    number: int
    """From 1; 0 is what came before the first prompt that is known."""
    began_at: datetime
    took: timedelta
    """Up to its last request."""
    parts: Parts
    subagents: Decimal
    """How much of it sub-agents cost."""
    requests: int
    unpriced: int
    context: int
    """Tokens the last request of the session itself was sent with."""
    model: str
    calls: int = 0
    """Tool calls, as far as they are known."""
    marks: tuple[str, ...] = ()
    """What happened in it, in a word each: ``cold``, ``compacted``, ``switched`` …"""
    unpriced_tokens: int = 0
    """Tokens of the requests without a price."""


class EditFigures(NamedTuple):
    """How edits fared; failed ones are left out."""

    by_tool: tuple[tuple[str, int, int], ...] = ()
    """Tool, how many of its edits were carried out, and of how many that were put to
    the person; the tool with most edits first."""
    kept: int = 0
    """Edits of which no later edit took out a line."""
    telling: int = 0
    """Edits of which that can be told."""

    @property
    def accepted(self) -> tuple[int, int]:
        """How many edits were carried out, of how many."""
        return (
            sum(each[1] for each in self.by_tool),
            sum(each[2] for each in self.by_tool),
        )


NO_EDITS = EditFigures()


class Why(Struct, frozen=True):
    """One session, or one day, explained."""

    agent: str
    session_id: str
    """Empty for a day."""
    title: str
    project: str
    parts: Parts
    subagents: Decimal
    requests: int
    unpriced: int
    turns: tuple[Turn, ...]
    causes: tuple[Cause, ...]
    """Dearest first; empty for an ordinary session."""
    cache_read: float | None
    """Share of the input that came from a cache, 0–1."""
    cache_rebuilt: float | None
    """Share of the input that was written again, 0–1."""
    unpriced_tokens: int = 0
    """Tokens of the requests without a price."""
    zone: str = "UTC"
    """On whose wall clock its turns are told."""
    edits: EditFigures = NO_EDITS
    unseen: int = 0
    """Sub-agents that were started while no request of any is known: their cost is in
    no sum."""

    @property
    def adds_up(self) -> bool:
        """Whether its turns are the whole of it; anything else is a bug."""
        of_turns = Parts()
        for turn in self.turns:
            of_turns = of_turns.plus(turn.parts)
        return not self.turns or of_turns == self.parts

    @property
    def per_turn(self) -> Decimal | None:
        """What the middle one of its turns cost; None where that is not known."""
        known = [each.parts.cost for each in self.turns if each.number]
        return median(known) if known and not self.unpriced else None

    @property
    def sentence(self) -> str:
        """The largest cause in one sentence; what is ordinary is said to be."""
        if not self.requests:
            return "nothing was asked for yet"
        if self.unpriced and not self.parts.cost:
            return "what it cost is unknown: its requests have no price"
        if not self.causes:
            part = max(PART_WORDS, key=lambda name: getattr(self.parts, name))
            dollars = money(getattr(self.parts, part))
            return (
                f"nothing unusual: the largest part, {dollars}, is {PART_WORDS[part]}"
            )
        return self.causes[0].words


WhyAnswer = Why | Reading | Refused
PostWhy = Callable[[WhyAnswer], None]
"""Hands an answer over; may be called from any thread, and as often as need be."""

AskWhy = Callable[[str | None, PostWhy], None]
"""Asks why a session burns, by its id, or for none any more.

It returns at once. What was asked before is given up, and the answers come by the
``PostWhy`` given with the question: readings on the way, then the session explained,
then newer explanations of it for as long as nothing else is asked.
"""
