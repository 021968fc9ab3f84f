"""From the script to what an agent's files would say: requests, readings, sessions.

Pure: the same script and instant give the same facts, on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate, chain
from random import Random

from burnmon.demo.script import (
    CIRCLES,
    GAUGES,
    MOMENTS,
    PARTS,
    SEED,
    SONNET,
    START,
    Gauge,
    Part,
    Stint,
    instant,
)
from burnmon.records import LimitReading, Mark, Request, Session, Usage, identity
from burnmon.usage.adding import ms
from burnmon.usage.repetition import ENOUGH, Repetition

GROWTH = 620
"""Tokens that a request adds to its conversation, on average."""
PACE = 22
"""Tokens of output per second of work: who takes longer has more to say."""
HOUR, FIVE_MINUTES = timedelta(hours=1), timedelta(minutes=5)
CALLING = timedelta(seconds=30)
"""A call that a session makes again and again is what it does for so long."""
_PAST_READINGS = 40


@cache  # whoever explains a session asks for them every second
def requests() -> tuple[Request, ...]:
    """Every request of the week and the day, by time."""
    made = chain.from_iterable(map(_of_part, PARTS))
    return tuple(sorted(made, key=lambda each: (each.at, each.key)))


def _of_part(part: Part) -> Iterator[Request]:
    chance = Random(f"{SEED} {part.session_id}")
    yield from _conversation(part, part.stints, part.model, "", chance)
    for place, stint in enumerate(part.stints):
        for number in range(stint.subagents):
            own = stint._replace(
                every=stint.every * 0.9, context=9_000 + 4_000 * number
            )
            name = f"agent-{place}{number}"
            yield from _conversation(part, [own], SONNET, name, chance)


def _conversation(
    part: Part, stints: Iterable[Stint], model: str, subagent: str, chance: Random
) -> Iterator[Request]:
    """The requests of a session itself, or of one of its sub-agents."""
    life = HOUR if part.hourly and not subagent else FIVE_MINUTES
    session_id = part.session_id
    warm_until = None
    for stint in stints:
        at, end = (instant(each, part.days_ago) for each in (stint.begin, stint.end))
        context = stint.context
        while (at := at + (pause := _pause(stint, chance))) < end:
            added = round(GROWTH * chance.uniform(0.3, 1.7))
            output = round(PACE * pause.total_seconds() * chance.uniform(0.4, 1.6))
            cold = warm_until is None or warm_until < at
            usage = Usage(3, output, 0 if cold else context)
            written = context + added if cold else added
            yield Request(
                key=identity("demo", session_id, subagent, at),
                agent=part.agent,
                session_id=session_id,
                at=at,
                model=model,
                usage=usage + _written(part.agent, written, life),
                subagent=subagent,
                project=f"/home/sam/code/{part.project}",
                branch=part.branch,
                thinking=output * 2 // 5,
            )
            context, warm_until = context + added, at + life


def _pause(stint: Stint, chance: Random) -> timedelta:
    """Time until the next request; some answers come at once, some take long."""
    seconds = stint.every * chance.choice((0.4, 0.6, 0.8, 1.0, 1.2, 2.0))
    return timedelta(seconds=seconds * chance.uniform(0.8, 1.2))


def _written(agent: str, tokens: int, life: timedelta) -> Usage:
    """What is not read from a cache, in the agent's class of tokens for it."""
    if agent == "codex":
        return Usage(input=tokens)
    if life == HOUR:
        return Usage(cache_write_1h=tokens)
    return Usage(cache_write_5m=tokens)


def past_readings() -> list[LimitReading]:
    """What the vendors stated of the windows before those of the day."""
    return [each for gauge in GAUGES for each in _past(gauge)]


def readings(made: Sequence[Request], now: datetime) -> list[LimitReading]:
    """What the vendors have stated of the day's limits by ``now``."""
    return [each for gauge in GAUGES for each in _stated(gauge, made, now)]


def _past(gauge: Gauge) -> Iterator[LimitReading]:
    """The staircases of earlier windows, as uneven as work is.

    What each came to by now's place, and what it added after that, are given.
    """
    chance = Random(f"{gauge.agent} {gauge.minutes}")
    bend = (START - gauge.starts_at) / gauge.length
    bend = round(_PAST_READINGS * (min(bend, 0.5) if bend >= 1 else bend))
    for ago, (before, added) in enumerate(gauge.past, 1):
        resets_at = gauge.resets_at - gauge.length * ago
        rises = [*_bursts(before, bend, chance)]
        rises += _bursts(added, _PAST_READINGS - bend, chance)
        for step, used in enumerate(accumulate(rises), 1):
            observed_at = resets_at - gauge.length * (1 - step / _PAST_READINGS)
            yield _reading(gauge, used, resets_at, observed_at, observed_at)


def _bursts(total: float, steps: int, chance: Random) -> Iterator[float]:
    """Rises that add up to a share: a few are large, most are nothing."""
    sizes = [chance.random() ** 4 for _ in range(steps)]
    yield from (total * size / sum(sizes) for size in sizes)


def _stated(
    gauge: Gauge, made: Sequence[Request], now: datetime
) -> Iterator[LimitReading]:
    """Whole percents, stated with answers, that rise with the work done."""
    used, start, last = 0, gauge.starts_at, min(now, gauge.resets_at)
    due = start
    percents: dict[int, tuple[datetime, datetime]] = {}
    for request in made:
        if request.agent == gauge.agent and start <= request.at <= last:
            used += request.usage.output
            if request.at < due:
                continue
            due = request.at + gauge.every
            percent = min(100, used * 100 // gauge.full)
            first, _ = percents.get(percent, (request.at, request.at))
            percents[percent] = (first, request.at)
    for percent, (first, again) in percents.items():
        yield _reading(gauge, percent / 100, gauge.resets_at, first, again)


def _reading(
    gauge: Gauge, used: float, resets_at: datetime, first: datetime, again: datetime
) -> LimitReading:
    return LimitReading(
        agent=gauge.agent,
        account="",
        kind=gauge.kind,
        window_minutes=gauge.minutes,
        used=round(used, 2),
        resets_at=resets_at,
        observed_at=first,
        source=gauge.source,
        repeated_at=again,
    )


def sessions(made: Sequence[Request], now: datetime) -> dict[str, Session]:
    """The sessions that have begun by ``now``; ``made`` holds nothing later."""
    newest: dict[str, Request] = {}
    own: dict[str, Request] = {}
    for request in made:
        newest[request.session_id] = request
        if not request.subagent:
            own[request.session_id] = request
    return {
        part.session_id: _session(
            part, newest.get(part.session_id), own.get(part.session_id), now
        )
        for part in PARTS
        if instant(part.stints[0].begin, part.days_ago) <= now
    }


def _session(
    part: Part, newest: Request | None, own: Request | None, now: datetime
) -> Session:
    spans = [
        tuple(instant(each, part.days_ago) for each in (stint.begin, stint.end))
        for stint in part.stints
    ]
    turned = [at for span in spans for at in span if at <= now]
    works = any(begin <= now < end for begin, end in spans)
    last_at = max(newest.at, turned[-1]) if newest else turned[-1]
    call = part.calls[own.key % len(part.calls)] if own else ""
    return Session(
        agent=part.agent,
        session_id=part.session_id,
        project=f"/home/sam/code/{part.project}",
        branch=part.branch,
        model=part.model,
        title=part.title,
        started_at=turned[0],
        last_at=last_at,
        doing=(_calling(part, now) or call) if works else "",
        doing_at=last_at if works else turned[-1],
        turn="agent" if works else "person",
        context_window=258_400 if part.agent == "codex" else 200_000,
    )


def circles(now: datetime) -> dict[str, list[Repetition]]:
    """Where sessions have gone in circles by ``now``."""
    found: dict[str, list[Repetition]] = {}
    for part, tool, target, clocks in CIRCLES:
        made = [ms(at) for each in clocks if (at := instant(each)) <= now]
        if len(made) >= ENOUGH:
            circle = Repetition(
                *("repeated", tool, target, len(made), made[0], made[-1]),
                tuple(made),
                "",
            )
            found.setdefault(part.session_id, []).append(circle)
    return found


def _calling(part: Part, now: datetime) -> str:
    """The call that a session makes again and again right now; else empty."""
    for each in CIRCLES:
        first, last = instant(each.clocks[0]), instant(each.clocks[-1])
        if each.part is part and first <= now <= last + CALLING:
            return f"{each.tool} {each.target}"
    return ""


def marks(now: datetime) -> list[Mark]:
    """What files state besides requests, by ``now``: each stint began with words."""
    stated = [
        Mark(each.part.agent, each.part.session_id, at, each.kind, each.detail)
        for each in MOMENTS
        if (at := instant(each.clock)) <= now
    ]
    return stated + [
        Mark(part.agent, part.session_id, at, "prompt")
        for part in PARTS
        for stint in part.stints
        if (at := instant(stint.begin, part.days_ago)) <= now
    ]
