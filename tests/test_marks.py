"""Marks: the newest of each kind are kept, whoever states how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from burnmon.live.marks import Marks
from burnmon.live.take import MOST_EVENTS
from burnmon.records import Mark, Session
from burnmon.usage.headroom import LIKE_TURNS, begun, last_turns

NOW = datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
SESSIONS = {
    name: Session("claude", name, account, "/work/api", "", "", "", "", NOW, NOW)
    for name, account in (("S1", ""), ("S2", ""), ("S3", "other"))
}
Kind = Literal["compacted", "prompt", "retry"]


def marks(session: str, count: int, kind: Kind = "prompt") -> list[Mark]:
    """The marks of a session, one a minute up to now."""
    return [
        Mark("claude", session, NOW - timedelta(minutes=n), kind) for n in range(count)
    ]


def put(*told: Iterable[Mark]) -> Marks:
    """Marks in no order, each stated twice."""
    every = [each for some in told for each in some] * 2
    Random(7).shuffle(every)
    made = Marks()
    made.put(every, SESSIONS)
    return made


def starts(of: Iterable[Mark], account: str) -> Sequence[datetime]:
    """The last turns of an account until now."""
    accounts = {name: each.account for name, each in SESSIONS.items()}
    return last_turns(begun(of, accounts).get(("claude", account), ()), NOW)


def test_last_turns_of_each_account_are_known() -> None:
    """However many prompts there were: the last of each account, and few of them."""
    told = [*marks("S1", 900), *marks("S2", 1000)[500:], *marks("S3", 7)]
    made = put(told)
    kept = list(made.prompts())
    assert len(kept) < 300
    assert starts(kept, "") == starts(told, "")
    assert len(starts(kept, "")) == LIKE_TURNS
    assert len(starts(kept, "other")) == 7


def test_newest_events_are_kept() -> None:
    """Of what becomes events at most so many are shown, and not many more are kept;
    what becomes none is not."""
    told = marks("S1", 2000, "compacted")
    made = put(told, marks("S1", 100, "retry"))
    assert set(told[:MOST_EVENTS]) <= set(made.events)
    assert len(made.events) < 10 * MOST_EVENTS
    assert {each.kind for each in made.events} == {"compacted"}


def test_version_tells_of_new_prompts() -> None:
    """It changes with a prompt that was not known, and with nothing else."""
    made = put(marks("S1", 3))
    before = made.version
    made.put([*marks("S1", 3), *marks("S1", 3, "compacted")], SESSIONS)
    assert made.version == before
    made.put(marks("S1", 4), SESSIONS)
    assert made.version == before + 1
