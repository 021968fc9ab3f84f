"""Whether it is not you: the same work that costs more from some version on.

Pure. Like is compared with like: sessions of the same agent and model, by what their
requests came to, before and after a version first appeared. A shift is told only if
there are ten sessions on each side, if it is at least fifteen per cent, and if chance
would tell one in three pasts of a thousand at most, with every look taken counted.
Spreads are those of one's own sessions; nobody else's are known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, log, sqrt
from statistics import NormalDist, fmean, median, variance
from typing import Literal, NamedTuple

from burnmon.usage.breakdown import Broken

SPAN = timedelta(days=60)
"""How long before and after a version sessions are compared."""
LEAST = 10
"""Sessions on each side."""
LEAST_OF_VERSION = 5
"""Sessions of a version itself: one that was hardly used is not looked at."""
LEAST_REQUESTS = 5
"""Requests of a session with one model and version that say something together."""
LEAST_SHIFT = log(1.15)
CHANCE = 0.003
"""Of being told a shift where there is none, all looks together."""

Figure = Literal["new tokens per request", "output per request", "rebuilt per request"]


class Sample(NamedTuple):
    """What the requests of one session with one model and version came to."""

    agent: str
    model: str
    version: str
    at: datetime
    """Its first request."""
    figures: Mapping[Figure, float]
    """Tokens, in the middle of its requests; those that are known."""


class Shift(NamedTuple):
    """A figure that is another from a version on."""

    agent: str
    model: str
    figure: Figure
    version: str
    since: datetime
    """When the version was first seen."""
    before: float
    after: float
    """The middle of the sessions on each side, in tokens."""
    sessions: tuple[int, int]
    """How many those are."""
    chance: float
    """Of such a shift by chance, all looks together."""

    @property
    def ratio(self) -> float:
        """How many times what it was before."""
        return self.after / self.before


def samples(sessions: Iterable[Sequence[Broken]]) -> list[Sample]:
    """What sessions came to; sub-agents and their own work are left out."""
    found = []
    for broken in sessions:
        groups: dict[tuple[str, str, str], list[Broken]] = defaultdict(list)
        for each in broken:
            request = each.request
            if not request.subagent and request.version:
                key = (request.agent, request.model, request.version)
                groups[key].append(each)
        for key, some in groups.items():
            if len(some) >= LEAST_REQUESTS:
                found.append(Sample(*key, some[0].request.at, _figures(some)))
    return found


def _figures(some: Sequence[Broken]) -> dict[Figure, float]:
    sent = [_sent(each) for each in some]
    known = [each.request.usage.output for each in some if not each.request.incomplete]
    figures: dict[Figure, float] = {
        "new tokens per request": _typical(sent),
        "rebuilt per request": fmean(each.rebuilt for each in some),
    }
    if len(known) >= LEAST_REQUESTS:
        figures["output per request"] = _typical(known)
    return {name: value for name, value in figures.items() if value > 0}


def _typical(counts: Sequence[int]) -> float:
    """The geometric mean: one request with a large file does not decide."""
    return exp(fmean(log(1 + max(0, each)) for each in counts)) - 1


def _sent(each: Broken) -> int:
    usage = each.request.usage
    written = usage.cache_write_5m + usage.cache_write_1h
    return usage.input + written - each.rebuilt


def shifts(known: Iterable[Sample]) -> list[Shift]:
    """The clearest shift of each agent, model and figure, least by chance first."""
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for each in known:
        groups[each.agent, each.model].append(each)
    looks = [look for some in groups.values() for look in _looks(some)]
    clearest: dict[tuple[str, str, Figure], Shift] = {}
    for look in looks:
        chance = min(1.0, look.chance * len(looks))
        key = (look.agent, look.model, look.figure)
        told = clearest.get(key)
        small = abs(log(look.ratio)) < LEAST_SHIFT
        if chance <= CHANCE and not small and (not told or chance < told.chance):
            clearest[key] = look._replace(chance=chance)
    return sorted(clearest.values(), key=lambda each: each.chance)


def _looks(some: Sequence[Sample]) -> Iterator[Shift]:
    """Every comparison there is enough for, with its chance by itself."""
    first: dict[str, datetime] = {}
    for each in some:
        first[each.version] = min(first.get(each.version, each.at), each.at)
    counts = Counter(each.version for each in some)
    for version, since in sorted(first.items(), key=lambda each: each[1]):
        if counts[version] < LEAST_OF_VERSION:
            continue
        earlier = [
            each
            for each in some
            if first[each.version] < since and since - SPAN <= each.at
        ]
        later = [
            each
            for each in some
            if first[each.version] >= since and each.at <= since + SPAN
        ]
        for figure in (
            "new tokens per request",
            "output per request",
            "rebuilt per request",
        ):
            look = _look(earlier, later, figure, (version, since))
            if look is not None:
                yield look


def _look(
    earlier: Sequence[Sample],
    later: Sequence[Sample],
    figure: Figure,
    cut: tuple[str, datetime],
) -> Shift | None:
    """Welch's comparison of logarithms, by the normal distribution."""
    a = [log(each.figures[figure]) for each in earlier if figure in each.figures]
    b = [log(each.figures[figure]) for each in later if figure in each.figures]
    if min(len(a), len(b)) < LEAST:
        return None
    error = sqrt(variance(a) / len(a) + variance(b) / len(b))
    if not error:
        return None
    far = abs(fmean(b) - fmean(a)) / error
    chance = 2 * (1 - NormalDist().cdf(far))
    of = earlier[0]
    return Shift(
        of.agent,
        of.model,
        figure,
        *cut,
        exp(median(a)),
        exp(median(b)),
        (len(a), len(b)),
        chance,
    )
