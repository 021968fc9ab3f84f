"""What made a session dear: planted causes are named, ordinary sessions have none."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace
from test_breakdown import NOON, RATE, rate, read, request

from burnmon.records import Mark, Request, Terms, Usage
from burnmon.usage import pricing
from burnmon.usage.adding import ms
from burnmon.usage.breakdown import broken_down
from burnmon.usage.causes import SMALL_TURNS, causes
from burnmon.usage.repetition import POLLS, Repetition
from burnmon.usage.turns import Told, marks_of, total, turns
from burnmon.why import Cause
from burnmon.work import ToolCall, ToolOutcome


def told(*requests: Request, prompts: tuple[float, ...] = (0,)) -> Told:
    """A session whose person spoke at some minutes."""
    said = [NOON + timedelta(minutes=each) - timedelta(seconds=1) for each in prompts]
    return Told(broken_down(requests, (), rate), said)


def steps(start: float, count: int, context: int, each: int = 1_000) -> list[Request]:
    """Requests a tenth of a minute apart, each adding to a warm context."""
    return [
        request(start + n / 10, read(context + n * each, each)) for n in range(count)
    ]


def kinds(session: Told) -> list[str]:
    return [each.kind for each in causes(session)]


def only(session: Told) -> Cause:
    (cause,) = causes(session)
    return cause


BEGUN = request(0, read(0, 30_000))
TABLE = pricing.load()


def test_ordinary_session_has_no_cause() -> None:
    """A session that reads what lay in its cache and grows a little is ordinary."""
    session = told(BEGUN, *steps(0.1, 20, 30_000), *steps(3, 5, 50_000))
    assert causes(session) == ()


def test_pauses() -> None:
    """Pauses that outlived the cache are told with what reading it would have saved."""
    session = told(
        BEGUN,
        *steps(0.1, 3, 30_000),
        request(10, read(10_000, 25_000)),
        *steps(10.1, 3, 35_000),
        request(20, read(10_000, 30_000)),
        prompts=(0, 10, 20),
    )
    cause = only(session)
    assert (cause.kind, cause.times, cause.turns) == ("cold_cache", 2, (2, 3))
    saved = (23_000 + 28_000) * (RATE.cache_write_5m - RATE.cache_read)
    assert cause.dollars == saved
    assert cause.words.startswith("2 pauses that outlived the cache (51 k tokens")
    assert "warm" in cause.remedy


def test_model_switch() -> None:
    """Another model reads nothing of the cache; the switch is named."""
    switched = request(1, read(0, 31_000), model="claude-sonnet-5-5")
    cause = only(told(BEGUN, switched))
    assert cause.kind == "model_switch"
    assert "sonnet-5.5" in cause.words


def test_fan_out() -> None:
    """Three sub-agents that cost much are named, two are not."""
    agents = [request(1 + n / 10, read(0, 30_000), subagent=f"a{n}") for n in range(3)]
    assert kinds(told(BEGUN, *agents[:2])) == []
    cause = only(told(BEGUN, *agents))
    assert (cause.kind, cause.times) == ("fan_out", 3)
    assert cause.dollars == 3 * (
        30_000 * RATE.cache_write_5m + 3 * RATE.input + 100 * RATE.output
    )


def test_growth() -> None:
    """What earlier turns left of a context far beyond how it began is growth."""
    first = [BEGUN, *steps(0.1, 2, 60_000)]
    worked = steps(2, 80, 63_000, 1_500)
    after = steps(30, 20, 183_000, 1_000)
    cause = only(told(*first, *worked, *after, prompts=(0, 2, 30)))
    assert cause.kind == "context_growth"
    assert (cause.times, cause.turns) == (20, (3,))
    began_with, left = first[-1].usage.prompt, worked[-1].usage.prompt
    carried = [min(each.usage.cache_read, left) - began_with for each in after]
    assert abs(cause.dollars - sum(carried) * RATE.cache_read) < Decimal("1e-15")
    assert cause.words.startswith(
        "a context that grew from 62 k to 203 k tokens: carrying what earlier turns"
        " left of it through 20 requests"
    )


def test_turn_that_needs_much() -> None:
    """What one turn takes up is its own work; it is growth only where it never ends."""
    assert kinds(told(BEGUN, *steps(0.1, 80, 30_000, 2_000))) == []
    cause = only(told(BEGUN, *steps(0.1, 300, 30_000, 2_000)))
    assert cause.kind == "context_growth"


def test_context_that_is_ample_from_the_start() -> None:
    """What a session takes up to begin is no growth, however much it is."""
    large = request(0, read(0, 180_000))
    assert kinds(told(large, *steps(0.1, 60, 180_000, 500))) == []


def calls(
    session: Told, tool: str, outcome: ToolOutcome = "ok", first: int = 1
) -> list[ToolCall]:
    """One call by each request from some on, a different one each time."""
    return [
        ToolCall(n, at, at + 500, tool, "", n, outcome, "S1", "")
        for n, each in enumerate(session.broken[first:])
        for at in [ms(each.request.at)]
    ]


def test_refusals() -> None:
    """Calls that the person refused are told with what asked for them."""
    session = told(BEGUN, *steps(0.1, 9, 30_000))
    refused = calls(session, "Edit", "rejected")[:3]
    assert causes(session._replace(calls=refused[:2])) == ()
    cause = only(session._replace(calls=refused))
    assert (cause.kind, cause.times) == ("refused", 3)
    assert cause.dollars == sum(each.parts.cost for each in session.broken[1:4])
    assert cause.words.startswith("3 calls that you refused or interrupted")


def test_waiting() -> None:
    """Requests that only ask how something gets on are told, with how long alone."""
    session = told(BEGUN, *steps(0.1, POLLS, 30_000))
    waits = calls(session, "BashOutput")
    assert causes(session._replace(calls=waits[:-1])) == ()
    cause = only(session._replace(calls=waits))
    assert (cause.kind, cause.times) == ("polling", POLLS)
    assert cause.dollars == sum(each.parts.cost for each in session.broken[1:])
    assert "for up to 49 s without a word from you" in cause.words
    beside = waits[0]._replace(key=99, tool="Edit")
    assert causes(session._replace(calls=[beside, *waits])) == ()


def test_circles_at_the_same_time_are_one() -> None:
    """Two calls that take turns are one circle; only what asked for them is counted."""
    session = told(BEGUN, *steps(0.1, 12, 30_000))
    made = calls(session, "Bash")
    even, odd = made[0:10:2], made[1:10:2]
    found = [
        Repetition(
            *("repeated", "Bash", name, len(some), some[0].at, some[-1].at),
            tuple(each.key for each in some),
            "",
        )
        for name, some in (("make", even), ("ls", odd))
    ]
    cause = only(session._replace(calls=made, circles=found))
    assert (cause.kind, cause.times) == ("repetition", 10)
    assert cause.words.startswith("Bash make and 1 other call, 10 times the same")
    assert cause.dollars == sum(each.parts.cost for each in session.broken[1:11])


def test_cache_that_lives_shorter_than_before() -> None:
    """A pause is told to be dear only because the cache is no longer bought for 1 h."""
    bought = request(0, Usage(3, 100, 0, 0, 40_000))
    warm = request(1, read(40_000, 1_000))
    late = request(12, read(0, 42_000))
    cause = only(told(bought, warm, late))
    assert cause.words.startswith(
        "1 pause that outlived the cache, 1 of them since it lives 5 min and no longer"
    )


def test_retries() -> None:
    """A cache that was lost while the vendor failed is not the person's pause."""
    mark = Mark("claude", "S1", NOON + timedelta(minutes=1), "retry", "529")
    late = request(7, read(0, 31_000))
    session = Told(broken_down([BEGUN, late], [mark], rate), [NOON])
    cause = only(session)
    assert cause.kind == "retries"
    away = mark._replace(at=NOON + timedelta(minutes=6.9))
    (cold,) = causes(Told(broken_down([BEGUN, late], [away], rate), [NOON]))
    assert cold.kind == "cold_cache"


def test_prompt_that_breaks_a_warm_cache() -> None:
    """What is written again when the person speaks is told apart from other breaks."""
    marks = [Mark("claude", "S1", NOON + timedelta(minutes=1.9), "prompt")]
    again = request(2, read(10_000, 21_000))
    session = Told(broken_down([BEGUN, again], marks, rate), [NOON])
    assert kinds(session) == ["new_prompt"]


# --- what other models and speeds would have cost ------------------------------------


DEAR, CHEAP = "claude-opus-4-5", "claude-haiku-4-5"


def priced(*requests: Request, prompts: tuple[float, ...] = (0,)) -> Told:
    said = [NOON + timedelta(minutes=each) - timedelta(seconds=1) for each in prompts]
    return Told(broken_down(requests, (), TABLE.rate_of), said)


def test_fast_mode() -> None:
    """The surcharge of a faster mode is told, with the mode."""
    fast = replace(BEGUN, model="gpt-5.5", terms=Terms(speed="priority"))
    session = priced(fast)
    (cause,) = causes(session, TABLE)
    assert cause.kind == "fast"
    standard = TABLE.cost(replace(fast, terms=Terms()))
    assert standard is not None
    assert cause.dollars == session.broken[0].parts.cost - standard
    assert "1 request at priority speed" in cause.words
    assert causes(session) == ()


def test_small_turns() -> None:
    """Turns that a cheaper model of one's own could have done are told."""
    minutes = tuple(range(SMALL_TURNS))
    asked = [
        request(n, read(30_000 if n else 0, 0 if n else 30_000), model=DEAR)
        for n in minutes
    ]
    session = priced(*asked, prompts=minutes)
    (cause,) = causes(session, TABLE, [DEAR, CHEAP])
    assert (cause.kind, cause.times) == ("small_turns", SMALL_TURNS)
    cheap = [TABLE.cost(replace(each, model=CHEAP)) for each in asked]
    saved = sum(each.parts.cost for each in session.broken) - sum(filter(None, cheap))
    assert cause.dollars == saved
    assert causes(session, TABLE, [DEAR]) == ()
    assert causes(priced(*asked[:-1], prompts=minutes), TABLE, [DEAR, CHEAP]) == ()


def test_cheap_cause_is_not_told() -> None:
    """What is less than a tenth of the session is not worth a word."""
    dear = [request(n / 10, Usage(3, 100_000, 30_000)) for n in range(1, 20)]
    session = told(BEGUN, *dear, request(20, read(0, 31_000)))
    assert causes(session) == ()


def test_turns_add_up() -> None:
    """Turns are cut where the person spoke, and add up to the session."""
    session = told(
        request(-1, read(0, 10_000)),
        BEGUN,
        *steps(1, 4, 30_000),
        request(9, read(10_000, 25_000), subagent=""),
        request(9.5, read(0, 9_000), subagent="a1"),
        prompts=(0, 9),
    )
    cut = turns(session)
    assert [each.number for each in cut] == [0, 1, 2]
    assert [each.requests for each in cut] == [1, 5, 2]
    assert total(each.parts for each in cut) == total(
        each.parts for each in session.broken
    )
    assert cut[2].marks == ("cold",)
    assert cut[2].subagents == 9_000 * RATE.cache_write_5m + 3 * RATE.input + 100 * (
        RATE.output
    )
    assert cut[1].context == session.broken[5].request.usage.prompt


def test_prompts_of_a_session() -> None:
    """Prompts are told by marks, in order, whatever order they come in."""

    def mark(at: datetime, kind: str) -> Mark:
        return Mark("claude", "S1", at, kind)  # type: ignore[arg-type]  # a kind

    later = NOON + timedelta(minutes=3)
    marks = [mark(later, "prompt"), mark(NOON, "prompt"), mark(NOON, "retry")]
    assert marks_of(marks, "prompt") == [NOON, later]
