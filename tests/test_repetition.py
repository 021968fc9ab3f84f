"""When a session is said to go in circles, and when it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.records import hashed
from burnmon.usage.repetition import ENOUGH, POLLS, Repetition, repetitions
from burnmon.work import ToolCall, ToolOutcome

MINUTE = 60_000


def calls(*words: str, subagent: str = "") -> list[ToolCall]:
    """A call a minute: ``Bash:go test`` or ``Read:a.py``; ``!`` ends one that failed,
    ``?`` one that was refused, and what follows ``#`` is only in the arguments."""
    found = []
    for n, word in enumerate(words):
        outcomes: dict[str, ToolOutcome] = {"!": "failed", "?": "rejected"}
        outcome = outcomes.get(word[-1], "ok")
        tool, _, target = word.rstrip("!?").partition(":")
        asked, at = hashed(f"{tool} {target}"), n * MINUTE
        named = (tool, target.partition("#")[0], asked, outcome)
        found.append(ToolCall(n, at, at + 5_000, *named, "S1", subagent))
    return found


def told(found: list[Repetition]) -> list[tuple[str, str, str, int]]:
    return [(each.kind, each.tool, each.target, each.times) for each in found]


# --- circles -------------------------------------------------------------------------


def test_planted_loop() -> None:
    """The same command without an edit in between is a loop from its fourth call on."""
    loop = calls(*["Bash:go test"] * ENOUGH)
    assert repetitions(loop[:-1]) == []
    (found,) = repetitions(loop)
    assert told([found]) == [("repeated", "Bash", "go test", 4)]
    assert (found.first_at, found.last_at) == (0, 3 * MINUTE)
    assert found.keys == (0, 1, 2, 3)


def test_looking_around_in_between() -> None:
    """Reading, searching and keeping lists between the calls changes nothing."""
    loop = calls(
        *("Bash:go test", "Read:a.go", "Bash:go test", "TodoWrite", "Bash:grep#1"),
        *("Bash:go test", "Bash:git status", "Grep:src", "Bash:go test"),
    )
    assert told(repetitions(loop)) == [("repeated", "Bash", "go test", 4)]


def test_circle_of_two() -> None:
    """Two commands in turns are two loops that overlap."""
    found = repetitions(calls(*["Bash:make", "Bash:make check"] * 6))
    assert {(each.target, each.kind) for each in found} == {
        ("make", "repeated"),
        ("make check", "repeated"),
    }


def test_failing() -> None:
    """Calls that fail one after the other are a failing loop, whatever they are."""
    loop = calls("Bash:make!", "Grep:src!", "Read:a!", "Glob:b!", "Read:c")
    assert told(repetitions(loop[:3])) == []
    assert told(repetitions(loop)) == [("failing", "Glob", "b", 4)]


def test_same_call_that_fails() -> None:
    """A repeated call that always fails is told of once, as failing."""
    assert told(repetitions(calls(*["Edit:a.py!"] * 5))) == [
        ("failing", "Edit", "a.py", 5)
    ]


@pytest.mark.parametrize(
    "word",
    ["Bash:sleep", "write_stdin:", "exec:write_stdin", "BashOutput:", "Bash:gh run",
     "Read:b1.output"],
)  # fmt: skip
def test_polling(word: str) -> None:
    """To ask again how something is getting on is polling, and only when often."""
    (found,) = repetitions(calls(*[word] * POLLS))
    assert (found.kind, found.times) == ("polling", POLLS)
    assert repetitions(calls(*[word] * (POLLS - 1))) == []


def test_same_command_between_waits() -> None:
    """A command that is repeated with waits in between is polling as well."""
    turns = calls(*["Bash:sleep", "Bash:make state"] * POLLS)
    assert {each.kind for each in repetitions(turns)} == {"polling"}


def test_waits_that_fail() -> None:
    """A check that is still pending exits with an error; that is no failing loop."""
    assert repetitions(calls(*["Bash:gh pr!"] * 5)) == []


# --- ordinary sessions ---------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([f"Read:a.py#{n}" for n in range(9)], id="parts of a file"),
        pytest.param(["TodoWrite:"] * 9, id="lists"),
        pytest.param(["Bash:git status"] * 9, id="status"),
        pytest.param(
            [w for n in range(9) for w in ("Bash:go test", f"Bash:sed#{n}")],
            id="commands that may change something",
        ),
        pytest.param(
            [w for n in range(9) for w in (f"Bash:make#{n}!", f"Read:a#{n}")],
            id="failures with successes",
        ),
        pytest.param(["Edit:a?", "Edit:b?"] * 3, id="refusals"),
        pytest.param(
            [w for n in range(9) for w in ("Bash:make!", f"Edit:a#{n}")], id="at work"
        ),
    ],
)
def test_ordinary_session(words: list[str]) -> None:
    """Work that gets on, and what is done often anyway, is no loop."""
    assert repetitions(calls(*words)) == []


def test_edits_in_between() -> None:
    """A test that runs after every edit is no loop, and an edit ends one."""
    loop = calls(*["Bash:go test"] * 6)
    every = [each.at - 1 for each in loop]
    assert repetitions(loop, every) == []
    (found,) = repetitions(loop, [loop[4].at - 1])
    assert (found.times, found.last_at) == (4, loop[3].at)
    assert repetitions(calls(*["Bash:make!"] * 6), [3 * MINUTE]) == []


def test_hours_apart() -> None:
    """The same call hours later is made for another reason."""
    rare = [each._replace(at=each.at * 90) for each in calls(*["Bash:go test"] * 5)]
    assert repetitions(rare) == []


def test_calls_of_one_answer() -> None:
    """Calls that were decided on together are one step, be they the same or failing."""
    same = [each._replace(at=0) for each in calls(*["Bash:make"] * 5)]
    failed = [each._replace(at=0) for each in calls(*["Read:a!", "Read:b!"] * 3)]
    assert repetitions(same) == repetitions(failed) == []


def test_subagents() -> None:
    """What sub-agents do at the same time is not added up."""
    many = [x for n in range(4) for x in calls("Bash:make", "Read:a!", subagent=f"{n}")]
    assert repetitions(many) == []
    (found,) = repetitions(many + calls(*["Bash:make"] * 4, subagent="x"))
    assert found.subagent == "x"


WORDS = st.sampled_from(["Bash:a", "Bash:b!", "Read:c", "Bash:sleep", "Edit:d", "X:e?"])


@given(st.lists(WORDS, max_size=40), st.permutations(range(40)))
def test_order_of_facts(words: list[str], order: list[int]) -> None:
    """Facts may come in any order; a call is in at most one loop of its kind."""
    some = calls(*words)
    found = repetitions(some)
    assert repetitions([some[n] for n in order if n < len(some)]) == found
    for failing in (True, False):
        keys = [k for r in found if (r.kind == "failing") is failing for k in r.keys]
        assert len(keys) == len(set(keys))
        assert all(r.times == len(r.keys) >= ENOUGH for r in found)
