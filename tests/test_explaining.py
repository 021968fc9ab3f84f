"""Sessions explained from what the ledger knows, by command and while one looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue

import pytest
from repos import BEGIN, Repo
from sessions import EACH, Claude, absorb, read, settings_in

from burnmon.cli import run
from burnmon.config import Settings
from burnmon.day import Refused
from burnmon.live.explainer import Explainer
from burnmon.live.explaining import Explaining
from burnmon.usage import pricing
from burnmon.why import Why, WhyAnswer

T = BEGIN + 3600
NOW = datetime.fromtimestamp(T + 3600, UTC)
PATIENCE = 30
WARM = (10, 50, 40_000, 1_000, 0)
COLD = (10, 50, 0, 42_000, 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, tmp_path / "home")


@pytest.fixture
def session(tmp_path: Path) -> Claude:
    """A session that went cold once, and ran the same test four times."""
    repo = Repo(tmp_path / "src" / "api")
    made = Claude(tmp_path / "home", "S1", repo.path)
    for n in range(4):
        made.tokens = WARM if n else (10, 50, 0, 41_000, 0)
        made.run("pytest -x", "1 failed", T + 10 * n)
    made.tokens = COLD
    made.ask(T + 1000)
    return made


def explained(settings: Settings, session_id: str = "S1") -> Why | None:
    with read(settings) as ledger:
        return Explaining(ledger, pricing.load()).session(session_id)


def test_session_with_its_causes(settings: Settings, session: Claude) -> None:
    """A cold cache and a loop are named, each with its dollars; parts add up."""
    why = explained(settings)
    assert why is not None
    assert {each.kind for each in why.causes} == {"cold_cache", "repetition"}
    loop = next(each for each in why.causes if each.kind == "repetition")
    assert loop.times == 4
    assert loop.words.startswith("Bash pytest, 4 times the same")
    assert why.adds_up
    assert why.requests == 5
    assert sum(turn.calls for turn in why.turns) == 4


def test_session_that_is_not_known(settings: Settings, session: Claude) -> None:
    """A session without a request is not explained."""
    assert explained(settings, "S2") is None


def test_day_is_cut_by_the_time_of_requests(
    settings: Settings, session: Claude
) -> None:
    """What a cache held before the day tells what was rebuilt on it."""
    start = datetime.fromtimestamp(T + 900, UTC)
    with read(settings) as ledger:
        explaining = Explaining(ledger, pricing.load())
        day = explaining.day(start, start + timedelta(days=1))
        before = explaining.day(start - timedelta(days=1), start)
    assert (day.requests, before.requests) == (1, 4)
    assert day.parts.rebuilt > 0
    assert before.parts.rebuilt == 0


# --- the command ---------------------------------------------------------------------


def said(
    settings: Settings, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    home = settings.roots[0].path
    environ = {
        "HOME": str(settings.data_dir.parent),
        "CLAUDE_CONFIG_DIR": str(home),
        "BURNMON_DATA_DIR": str(settings.data_dir),
        "TZ": "UTC",
    }
    code = run(["why", *words], environ, NOW)
    out, err = capsys.readouterr()
    return code, out, err


def test_edits_that_were_thrown_away(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Work of which nothing is left is a cause, by session and by day."""
    repo = Repo(tmp_path / "src" / "web")
    repo.write("a.py", "first = 1\n")
    repo.commit("begin", at=T)
    made = Claude(tmp_path / "home", "S2", repo.path, tokens=(10, 50, 0, 41_000, 0))
    made.write(repo.path / "a.py", "second = 2\n", T + 100)
    kept = said(settings, capsys, "S2", "--json")
    assert json.loads(kept[1])["causes"] == []
    (repo.path / "a.py").write_text("first = 1\n")
    code, out, _ = said(settings, capsys, "S2", "--json")
    (cause,) = json.loads(out)["causes"]
    assert (code, cause["kind"], cause["times"]) == (0, "abandoned", 1)
    assert cause["cost_usd"] == json.loads(out)["cost_usd"]
    of_day = said(settings, capsys, "--day", f"{NOW:%Y-%m-%d}", "--json")
    kinds = {each["kind"] for each in json.loads(of_day[1])["causes"]}
    assert kinds == {"abandoned"}


def test_command(
    settings: Settings, session: Claude, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest session is explained, or the one whose id begins so."""
    code, out, _ = said(settings, capsys)
    assert code == 0
    assert "outlived the cache" in out
    code, out, _ = said(settings, capsys, "S", "--json")
    document = json.loads(out)
    assert (code, document["session_id"], document["requests"]) == (0, "S1", 5)
    assert sum(document["parts_usd"].values()) == pytest.approx(document["cost_usd"])


# --- while somebody looks ------------------------------------------------------------


@pytest.fixture
def explainer(settings: Settings, session: Claude) -> Iterator[Explainer]:
    absorb(settings)
    made = Explainer(settings)
    yield made
    made.stop()


def test_thread_answers_and_goes_on(
    explainer: Explainer, settings: Settings, session: Claude
) -> None:
    """A session is explained at once, and anew when it has asked for more."""
    answers: Queue[WhyAnswer] = Queue()
    explainer.ask("S1", answers.put)
    first = answers.get(timeout=PATIENCE)
    assert isinstance(first, Why)
    session.ask(T + 1100)
    absorb(settings)
    while isinstance(again := answers.get(timeout=PATIENCE), Why):
        if again.requests == 6:
            break
    assert isinstance(again, Why)
    assert again.parts.cost > first.parts.cost > EACH


def test_thread_says_what_it_does_not_know(explainer: Explainer) -> None:
    """A session that is not known is answered in words."""
    answers: Queue[WhyAnswer] = Queue()
    explainer.ask("S9", answers.put)
    refused = answers.get(timeout=PATIENCE)
    assert isinstance(refused, Refused)
    assert "no request" in refused.words


def test_ledger_that_cannot_be_read(settings: Settings) -> None:
    """Why a ledger cannot be read is told."""
    settings.ledger_file.write_bytes(b"no database, but long enough to be one\n" * 40)
    answers: Queue[WhyAnswer] = Queue()
    made = Explainer(settings)
    made.ask("S1", answers.put)
    refused = answers.get(timeout=PATIENCE)
    made.stop()
    assert isinstance(refused, Refused)
    assert "ledger" in refused.words


def test_nobody_asks(settings: Settings) -> None:
    """While nobody asks there is no thread."""
    made = Explainer(settings)
    made.ask(None, lambda answer: None)
    made.stop()
    assert not made._thread.is_alive()
