"""What makes a session dear, asked again and again while it works."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import Claude, absorb, settings_in

from burnmon.config import Settings
from burnmon.live.dearest import Dearest
from burnmon.usage import pricing
from burnmon.usage.ledger import Ledger

T = 1_790_000_000
WARM, COLD = (10, 50, 40_000, 1_000, 0), (10, 50, 0, 42_000, 0)
PRICES = pricing.load()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, tmp_path / "home")


@pytest.fixture
def session(tmp_path: Path) -> Claude:
    return Claude(tmp_path / "home", "S1", tmp_path)


def test_same_as_a_first_look(
    settings: Settings, session: Claude, tmp_path: Path
) -> None:
    """However often it was asked before, it says what a first look would."""
    session.tokens = COLD
    session.ask(T)
    absorb(settings)
    with Ledger(settings.ledger_file, writes=False) as ledger:
        kept = Dearest(ledger, PRICES)
        told = []
        for n in range(1, 24):
            session.tokens = COLD if n % 5 == 0 or n % 7 == 0 else WARM
            session.run("sleep 9", "", T + 400 * n, T + 400 * n - (n % 5) * 300)
            if n == 15:  # a sub-agent whose file appears late, with earlier requests
                Claude(tmp_path / "home", "S1", tmp_path, subagent="a1").ask(T + 900)
            absorb(settings)
            told.append(kept.causes("S1"))
            assert told[-1] == Dearest(ledger, PRICES).causes("S1")
    kinds = {each.kind for found in told for each in found}
    assert kinds == {"cold_cache", "broken_cache", "polling"}


def test_answer_that_is_still_written(settings: Settings, session: Claude) -> None:
    """A request whose count is corrected afterwards counts as it is now."""
    session.tokens = (10, 1, 0, 42_000, 0)
    session.ask(T)
    session.lines.append(dict(session.lines[-1]))
    absorb(settings)
    with Ledger(settings.ledger_file, writes=False) as ledger:
        kept = Dearest(ledger, PRICES)
        kept.causes("S1")
        last = session.lines[-1]["message"]
        usage = {**last["usage"], "output_tokens": 90_000}
        session.lines[-1] = {**session.lines[-1], "message": {**last, "usage": usage}}
        session.tokens = COLD
        session.ask(T + 60)
        absorb(settings)
        assert kept.causes("S1") == Dearest(ledger, PRICES).causes("S1")


def test_session_that_is_not_known() -> None:
    """Nothing is said of a session without a request."""
    with Ledger(None) as ledger:
        assert Dearest(ledger, PRICES).causes("S9") == ()


def test_forgotten_session(settings: Settings, session: Claude) -> None:
    """What is no longer kept at hand is read again."""
    session.tokens = COLD
    session.ask(T)
    session.ask(T + 900)
    absorb(settings)
    with Ledger(settings.ledger_file, writes=False) as ledger:
        kept = Dearest(ledger, PRICES)
        before = kept.causes("S1")
        kept.forget("S1")
        assert kept.causes("S1") == before != ()
