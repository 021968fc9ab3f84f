"""Sessions that go in circles are named while they do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from repos import BEGIN, Repo
from sessions import Claude, settings_in

from burnmon.config import Settings
from burnmon.frame import once
from burnmon.live.engine import Engine
from burnmon.usage.ledger import Ledger

T = BEGIN + 3600


def now(seconds: float) -> datetime:
    return datetime.fromtimestamp(T + seconds, UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, tmp_path / "home")


@pytest.fixture
def session(tmp_path: Path) -> Claude:
    return Claude(tmp_path / "home", "S1", Repo(tmp_path / "src" / "api").path)


@pytest.fixture
def engine(settings: Settings, session: Claude) -> Iterator[Engine]:
    session.ask(T - 60)
    with Ledger(None) as ledger:
        yield Engine(settings, ledger, now(-120))


def follow(engine: Engine, seconds: float) -> None:
    """What the feeder does each second."""
    engine.absorb(engine.pending())
    engine.gather(now(seconds))


def test_loop_is_named_by_its_fourth_call(engine: Engine, session: Claude) -> None:
    """The row and an event tell of a loop within a second of the call that makes it."""
    for n in range(4):
        session.run("pytest -x", "1 failed", T + 10 * n)
        follow(engine, 10 * n + 1)
        found = engine.snapshot(now(10 * n + 1))
        assert found.sessions[0].circling == (4 if n == 3 else 0)
    warned = [each for each in found.events if each.level == "warning"]
    assert [each.text for each in warned] == [
        "Bash pytest: 4× the same in 30 s, no edit in between"
    ]
    assert "Bash pytest ↻ 4×" in once(found, 120, 30)


def test_loop_that_ended(engine: Engine, session: Claude) -> None:
    """Some minutes after its last call the row is as any other; the event stays."""
    for n in range(5):
        session.run("pytest -x", "1 failed", T + 10 * n)
    follow(engine, 50)
    later = engine.snapshot(now(50) + timedelta(minutes=6))
    assert later.sessions[0].circling == 0
    assert any(each.level == "warning" for each in later.events)


def test_cold_cache_is_named(engine: Engine, session: Claude) -> None:
    """A pause that outlived the cache is an event within seconds of what proves it."""
    session.tokens = (10, 50, 0, 41_000, 0)
    session.ask(T)
    session.tokens = (10, 50, 0, 42_000, 0)
    session.ask(T + 600)
    follow(engine, 601)
    texts = [each.text for each in engine.snapshot(now(601)).events]
    assert any(each.startswith("1 pause that outlived the cache") for each in texts)


def test_model_switch_is_named(engine: Engine, session: Claude) -> None:
    """So is another model, which has to write the cache anew."""
    session.tokens = (10, 50, 0, 41_000, 0)
    session.ask(T)
    session.model = "claude-sonnet-4-5-20250929"
    session.tokens = (10, 50, 0, 42_000, 0)
    session.ask(T + 10)
    follow(engine, 11)
    texts = [each.text for each in engine.snapshot(now(11)).events]
    assert any(each.startswith("switching to sonnet-4.5") for each in texts)


def test_fan_out_is_named(engine: Engine, session: Claude, tmp_path: Path) -> None:
    """So are sub-agents, once they are many and cost much."""
    session.tokens = (10, 50, 0, 41_000, 0)
    session.ask(T)
    for n in range(3):
        agent = Claude(
            tmp_path / "home",
            "S1",
            session.cwd,
            subagent=f"a{n}",
            tokens=session.tokens,
        )
        agent.ask(T + n + 1)
    follow(engine, 5)
    texts = [each.text for each in engine.snapshot(now(5)).events]
    assert any(each.startswith("3 sub-agents with 3 requests") for each in texts)


def test_cause_that_comes_right_after_a_look(engine: Engine, session: Claude) -> None:
    """What a look came too early for is found by the next one, without a new line."""
    session.tokens = (10, 50, 0, 41_000, 0)
    session.ask(T)
    follow(engine, 599)
    session.tokens = (10, 50, 0, 42_000, 0)
    session.ask(T + 600)
    follow(engine, 601)
    follow(engine, 610)
    texts = [each.text for each in engine.snapshot(now(610)).events]
    assert any("outlived the cache" in each for each in texts)


def test_edit_in_between(engine: Engine, session: Claude, tmp_path: Path) -> None:
    """Testing after every edit is no loop."""
    for n in range(5):
        session.write(tmp_path / "src" / "api" / "a.py", f"x = {n}\n", T + 20 * n)
        session.run("pytest -x", "1 failed", T + 20 * n + 10)
    follow(engine, 120)
    assert engine.snapshot(now(120)).sessions[0].circling == 0


def test_failures_in_a_row(engine: Engine, session: Claude, tmp_path: Path) -> None:
    """Calls that fail one after the other are told as that."""
    for n in range(4):
        session.write(
            tmp_path / "src" / "api" / f"{n}.py",
            "x = 1\n",
            T + 10 * n,
            outcome="failed",
        )
    follow(engine, 60)
    found = engine.snapshot(now(60))
    (event,) = [each for each in found.events if each.level == "warning"]
    assert event.text.startswith("4 calls in a row failed")


def test_names_of_days_ago_are_let_go(engine: Engine, session: Claude) -> None:
    """Once a day no name of an older session stays at hand, however few there are."""
    session.run("pytest -x", "1 failed", T)
    follow(engine, 1)
    ledger = engine.ledger

    def held() -> list[bool]:
        names = ledger._texts.values(), ledger.work._words.values()
        return [bool(ledger._circumstances), *("S1" in each for each in names)]

    engine.keep_young(now(3600))
    assert held() == [True, True, True]
    engine.keep_young(now(9 * 86400))
    assert held() == [False, False, False]


def test_sessions_of_long_ago_are_let_go(engine: Engine, session: Claude) -> None:
    """A session that left the horizon leaves what was noticed of it with it."""
    for n in range(4):
        session.run("pytest -x", "1 failed", T + 10 * n)
        follow(engine, 10 * n + 1)
    assert engine._circles["S1"]
    assert engine._causes.keys() == {"S1"}
    assert engine._dearest._known.keys() == {"S1"}
    engine.keep_young(now(7 * 86400))
    assert engine._circles.keys() == {"S1"}
    for day in range(8, 11):
        engine.keep_young(now(day * 86400))
    left = engine._sessions, engine._circles, engine._causes, engine._due
    assert not any(left)
    assert not engine._dearest._known
