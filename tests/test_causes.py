"""What made a session dear: planted causes are named, ordinary sessions have none."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from test_breakdown import NOON, RATE, rate, read, request

from burnmon.records import Mark, Request, Usage
from burnmon.usage.breakdown import broken_down
from burnmon.usage.causes import Told, causes, marks_of, total, turns
from burnmon.why import Cause


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
    """A context carried beyond twice that of the first turn is growth."""
    first = [BEGUN, *steps(0.1, 2, 30_000)]
    grown = steps(2, 80, 33_000, 2_000)
    session = told(*first, *grown, prompts=(0, 2))
    cause = only(session)
    assert cause.kind == "context_growth"
    base = 2 * first[-1].usage.prompt
    over = [each for each in grown if each.usage.cache_read > base]
    assert cause.times == len(over)
    extra = sum(each.usage.cache_read - base for each in over) * RATE.cache_read
    assert abs(cause.dollars - extra) < Decimal("1e-15")
    assert cause.turns == (2,)


def test_refusals() -> None:
    """Calls that the person refused are told with what asked for them."""
    session = told(BEGUN, *steps(0.1, 9, 30_000))
    at = [(each.request.at, "") for each in session.broken[1:4]]
    assert causes(session._replace(refused=at[:2])) == ()
    cause = only(session._replace(refused=at))
    assert (cause.kind, cause.times) == ("refused", 3)
    assert cause.dollars == sum(each.parts.cost for each in session.broken[1:4])
    assert cause.words.startswith("3 calls that you refused or interrupted")


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
