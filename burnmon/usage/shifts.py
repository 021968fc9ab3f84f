"""Whether it is not you: the same work that costs more from some version on.

Pure. Like is compared with like: sessions of the same agent and model, by what their
requests came to, before and after a version first appeared. A shift is told only if
there are ten sessions on each side, if it is at least fifteen per cent, and if chance
would tell one in three pasts of a thousand at most, with every look taken counted.
Spreads are those of one's own sessions; nobody else's are known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, inf, log, sqrt
from statistics import NormalDist, fmean, median, variance
from typing import Literal, NamedTuple, get_args

from burnmon.records import Mark
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

LEAST_POINTS = 0.15
"""The same for a share of sessions: its difference."""

Figure = Literal[
    "new tokens per request",
    "output per request",
    "rebuilt per request",
    "sessions with a retry",
    "sessions with a refused answer",
]
SHARES: Mapping[Figure, str] = {
    "sessions with a retry": "retry",
    "sessions with a refused answer": "refused",
}
"""Figures that are shares, 0–1, with the kind of mark that tells of a session."""


class Sample(NamedTuple):
    """What the requests of one session with one model and version came to."""

    agent: str
    model: str
    version: str
    at: datetime
    """Its first request."""
    figures: Mapping[Figure, float]
    """Tokens, in the middle of its requests; those that are known. Of what is a share
    of sessions, whether it is one: 1 or 0."""


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
    """The middle of the sessions on each side, in tokens; or their share."""
    sessions: tuple[int, int]
    """How many those are."""
    chance: float
    """Of such a shift by chance, all looks together."""

    @property
    def ratio(self) -> float:
        """How many times what it was before; infinite where it was nothing."""
        return self.after / self.before if self.before else inf


def samples(
    sessions: Iterable[Sequence[Broken]],
    marks: Mapping[str, Sequence[Mark]] | None = None,
) -> list[Sample]:
    """What sessions came to; sub-agents and their own work are left out.

    ``marks`` by session; without them nothing is said of what they tell.
    """
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
                figures = _figures(some)
                if marks is not None:
                    figures |= _told(some, marks.get(some[0].request.session_id, ()))
                found.append(Sample(*key, some[0].request.at, figures))
    return found


def _told(some: Sequence[Broken], marks: Iterable[Mark]) -> dict[Figure, float]:
    """Whether a session stated something while its requests were made."""
    first, last = some[0].request.at, some[-1].request.at
    kinds = {each.kind for each in marks if first <= each.at <= last}
    return {name: float(kind in kinds) for name, kind in SHARES.items()}


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
        small = _is_small(look)
        if chance <= CHANCE and not small and (not told or chance < told.chance):
            clearest[key] = look._replace(chance=chance)
    return sorted(clearest.values(), key=lambda each: each.chance)


def _is_small(look: Shift) -> bool:
    if look.figure in SHARES:
        return abs(look.after - look.before) < LEAST_POINTS
    return abs(log(look.ratio)) < LEAST_SHIFT


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
        for figure in get_args(Figure):
            look = _look(earlier, later, figure, (version, since))
            if look is not None:
                yield look


def _look(
    earlier: Sequence[Sample],
    later: Sequence[Sample],
    figure: Figure,
    cut: tuple[str, datetime],
) -> Shift | None:
    """Welch's comparison of logarithms, or of shares, by the normal distribution."""
    share = figure in SHARES
    as_told: Callable[[float], float] = float if share else log
    a = [as_told(each.figures[figure]) for each in earlier if figure in each.figures]
    b = [as_told(each.figures[figure]) for each in later if figure in each.figures]
    if min(len(a), len(b)) < LEAST:
        return None
    error = _error([*a, *b], len(a), len(b)) if share else _spread(a, b)
    if not error:
        return None
    far = abs(fmean(b) - fmean(a)) / error
    chance = 2 * (1 - NormalDist().cdf(far))
    of = earlier[0]
    middle = (fmean(a), fmean(b)) if share else (exp(median(a)), exp(median(b)))
    return Shift(of.agent, of.model, figure, *cut, *middle, (len(a), len(b)), chance)


def _spread(a: Sequence[float], b: Sequence[float]) -> float:
    return sqrt(variance(a) / len(a) + variance(b) / len(b))


def _error(both: Sequence[float], a: int, b: int) -> float:
    """Standard error of the difference of two shares that are really the same one.

    Where the normal distribution does not hold, with fewer than five sessions of
    either kind to be expected on a side, it is 0: nothing is said.
    """
    share = fmean(both)
    if min(share, 1 - share) * min(a, b) < 5:
        return 0.0
    return sqrt(share * (1 - share) * (1 / a + 1 / b))
