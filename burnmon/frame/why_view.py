"""What the person chose about a session explained: which turn.

A turn is remembered by its number, so that a selection survives newer explanations.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from burnmon.day import Reading, Refused, in_cents
from burnmon.frame.view import position
from burnmon.why import Turn, Why, WhyAnswer


class WhyScene(Struct, frozen=True, eq=False):
    """All that the picture of a session explained is made of, besides its size."""

    why: Why | None = None
    """The last one that was made; it stays while a newer one is."""
    waits: Reading | None = None
    refused: Refused | None = None
    turn: int | None = None
    """Number of the selected turn; None: the newest, whichever that is."""


def told(scene: WhyScene, answer: WhyAnswer) -> WhyScene:
    """The scene with what was answered."""
    if isinstance(answer, Reading):
        return replace(scene, waits=answer, refused=None)
    if isinstance(answer, Refused):
        return replace(scene, waits=None, refused=answer)
    return replace(scene, why=answer, waits=None, refused=None)


def turns_of(why: Why | None) -> list[Turn]:
    """From top to bottom: the newest first."""
    return list(why.turns[::-1]) if why else []


def turn_cents(why: Why) -> list[Decimal]:
    """Dollars of the turns from top to bottom, in whole cents that add up."""
    return in_cents([turn.parts.cost for turn in turns_of(why)])


def place_of(scene: WhyScene) -> int:
    """Where the selected turn stands."""
    numbers = [str(turn.number) for turn in turns_of(scene.why)]
    return position(numbers, str(scene.turn))


def selected(scene: WhyScene) -> Turn | None:
    """The turn that keys act on, if there is any."""
    turns = turns_of(scene.why)
    return turns[place_of(scene)] if turns else None


def moved_by(scene: WhyScene, step: int) -> WhyScene:
    """The scene with the selection ``step`` turns further, stopping at either end."""
    turns = turns_of(scene.why)
    if not turns:
        return scene
    place = min(max(place_of(scene) + step, 0), len(turns) - 1)
    return replace(scene, turn=turns[place].number)
