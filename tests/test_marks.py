"""Marks: the newest of each kind are kept, whoever states how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from burnmon.live.marks import Marks
from burnmon.live.take import MOST_EVENTS
from burnmon.records import Facts, Mark, Session, Trail
from burnmon.usage.headroom import LIKE_TURNS, begun, last_turns
from burnmon.usage.ledger import FileState, Ledger

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


def holding(told: Sequence[Mark]) -> Ledger:
    """A ledger with the sessions' files and these marks."""
    ledger = Ledger(None)
    now = round(NOW.timestamp() * 1000)
    for name, each in SESSIONS.items():
        trail = Trail(name, last_at=now)
        state = FileState("claude", each.account, f"/{name}", trail=trail)
        marks = [each for each in told if each.session_id == name]
        ledger.absorb([(state, Facts(marks=marks))])
    return ledger


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


def test_ledger_tells_no_more_than_is_kept() -> None:
    """What is looked at is the same whether all marks were read or the last of them;
    clocks that are ahead state prompts of later, which take no other's place."""
    told = [*marks("S1", 900), *marks("S2", 700, "compacted"), *marks("S3", 7)]
    ahead = [each._replace(at=each.at + timedelta(hours=1)) for each in told[:30]]
    since = NOW - timedelta(hours=12)
    with holding([*told, *ahead]) as ledger:
        loaded, whole = Marks(), Marks()
        loaded.load(ledger, since, SESSIONS)
        whole.put(ledger.each_mark(since), SESSIONS)
        accounts = {name: each.account for name, each in SESSIONS.items()}
        last = ledger.prompts(LIKE_TURNS, accounts, since, NOW)
        late = ledger.prompts(5, accounts, NOW - timedelta(minutes=3))
    for account in ("", "other"):
        assert starts(loaded.prompts(), account) == starts(whole.prompts(), account)
        assert starts(last, account) == starts(whole.prompts(), account)
    assert len(last) == LIKE_TURNS + 7
    assert [each.session_id for each in late] == ["S1"] * 5 + ["S3"] * 4
    newest = sorted(told[900:1600], key=lambda each: each.at)[-MOST_EVENTS:]
    assert set(newest) <= set(loaded.events)
    assert len(loaded.events) < 10 * MOST_EVENTS
