"""The rules against recorded and generated sessions that lie beside the repository.

Nothing of that collection is part of the project; without it these tests are skipped.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import homes
import pytest
from test_totals import agree

from burnmon.cli.backtest import read as read_limits
from burnmon.live.sweep import Sweep
from burnmon.records import Request, Usage
from burnmon.usage.backtest import replay
from burnmon.usage.ledger import Ledger
from burnmon.usage.pricing import load
from burnmon.usage.scores import ENOUGH_PAST, Tables, is_judged
from burnmon.usage.stretches import Stretch, stretches

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
TRAPS = CORPUS / "traps"
CLAUDE = CORPUS / "claude-code" / "generated"
CODEX = CORPUS / "codex"

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the collection of sessions is not there"
)


def read(root: Path) -> Ledger:
    """A ledger in memory that has read one home."""
    if not root.is_dir():
        pytest.skip(f"no {root.name} in the collection")
    ledger = Ledger(None)
    assert homes.sweep(ledger, root).unreadable == {}
    return ledger


def trap(number: str) -> Ledger:
    return read(TRAPS / number)


def cost(request: Request, prices: Any) -> Decimal:
    rate = prices.rate(request.model, request.at, request.usage.prompt, request.terms)
    assert rate is not None
    return Decimal(rate.cost(request.usage, request.web_searches))


def by(requests: list[Request], name: str) -> dict[Any, Usage]:
    """Tokens by a field, or by day."""
    sums: dict[Any, Usage] = defaultdict(Usage)
    for each in requests:
        day = each.at.date().isoformat()
        sums[day if name == "day" else getattr(each, name)] += each.usage
    return dict(sums)


# --- traps ---------------------------------------------------------------------------

READING = [f"{number:02}" for number in (*range(1, 20), 22, 23)]


@pytest.mark.parametrize("number", READING)
def test_trap(number: str) -> None:
    """Each known way to miscount gives the true tokens and dollars."""
    expected = json.loads((TRAPS / number / "expected.json").read_text())["expect"]
    requests = trap(number).requests()
    usage = sum((each.usage for each in requests), Usage())
    got: dict[str, Any] = {
        "requests": len(requests),
        "input": usage.input,
        "output": usage.output,
        "cache_5m": usage.cache_write_5m,
        "cache_1h": usage.cache_write_1h,
        "cache_read": usage.cache_read,
        "total": usage.total,
    }
    if "usd" in expected:
        prices = load()
        got["usd"] = float(sum(cost(each, prices) for each in requests))
    known = {name: expected[name] for name in expected if name in got}
    assert {name: got[name] for name in known} == pytest.approx(known, abs=1e-9)
    assert known


def test_trap_03_is_incomplete() -> None:
    """Output whose end was never written is marked as a lower bound."""
    (request,) = trap("03").requests()
    assert request.incomplete


def test_trap_06_days() -> None:
    """A copied request belongs to the day and session that made it."""
    requests = trap("06").requests()
    assert {day: each.output for day, each in by(requests, "day").items()} == {
        "2026-11-20": 50
    }
    assert [each.session_id for each in requests] == ["S1"]


def test_trap_07_sessions() -> None:
    """All requests belong to the file's session while the origin's file is missing."""
    outputs = {k: v.output for k, v in by(trap("07").requests(), "session_id").items()}
    assert outputs == {"S2": 150}


def test_trap_09_limit() -> None:
    """The refusal is one limit event of the five-hour window, with its reset."""
    ledger = trap("09")
    (reading,) = ledger.readings(LONG_AGO)
    assert (reading.kind, reading.used) == ("five_hour", 1.0)
    assert reading.resets_at.isoformat() == "2026-11-20T18:20:00+00:00"
    assert [each.kind for each in ledger.marks(LONG_AGO)] == ["limit"]
    assert {each.model for each in ledger.requests()} == {homes.OPUS}


def test_trap_12_session() -> None:
    """Sub-agents of every layout belong to the session that began them."""
    requests = trap("12").requests()
    assert {each.session_id for each in requests} == {"S1"}
    assert sum(1 for each in requests if each.subagent) == 3


def test_trap_18_extra() -> None:
    """The refused iteration stands beside the request."""
    (extra,) = trap("18").extras(None, None)
    assert extra.model == "claude-fable-5"
    assert extra.usage == Usage(2, 2, 32238, 0, 21874)


def test_trap_19_hidden_cost() -> None:
    """What the program's own total holds beyond the transcript is told apart."""
    ledger = trap("19")
    stated = {each.trail.session_id: each.trail.stated_cost for each in ledger.files()}
    prices = load()
    known = float(sum(cost(each, prices) for each in ledger.requests()))
    assert stated == {"S1": 0.059, "S2": 0.079}
    assert (stated["S1"] or 0) - known == pytest.approx(0.049)


def test_trap_23_sessions() -> None:
    """Each thread pays for what it added to its parent's history."""
    outputs = {k: v.total for k, v in by(trap("23").requests(), "session_id").items()}
    assert sorted(outputs.values()) == [13703, 19715, 37927]


# --- known sums ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "requests", "usage"),
    [
        ("2.1.330-print", 34, Usage(638, 12028, 510000, 17000, 51298)),
        ("2.1.330-tui", 7, Usage(110, 2455, 105000, 3500, 10540)),
        ("2.1.42-tui", 4, Usage(69, 12, 60000, 2000, 6029)),
        ("1.0.60-resume-fork", 4, Usage(64, 12, 60000, 2000, 6024)),
        ("1.0.128-resume-fork", 6, Usage(177, 18, 90000, 3000, 9117)),
        ("2.0.76-resume-fork", 12, Usage(624, 36, 180000, 6000, 18504)),
        ("2.1.42-resume-fork", 6, Usage(464, 18, 90000, 3000, 9404)),
    ],
)
def test_claude_run(name: str, requests: int, usage: Usage) -> None:
    """Runs whose true usage is known are counted to the token."""
    ledger = read(CLAUDE / name)
    assert len(ledger.requests()) == requests
    assert homes.total(ledger) == usage


def test_claude_costs_agree() -> None:
    """Computed dollars are the program's own, apart from hidden calls and copies."""
    ledger = read(CLAUDE / "2.1.330-print")
    prices = load()
    computed: dict[str, Decimal] = defaultdict(Decimal)
    for each in ledger.requests():
        computed[each.session_id[:4]] += cost(each, prices)
    stated = {
        each.trail.session_id[:4]: each.trail.stated_cost
        for each in ledger.files()
        if not each.trail.subagent
    }
    compaction, origin = 0.048976, 0.122488
    assert {name: float(each) for name, each in computed.items()} == pytest.approx(
        {
            "2a1a": stated["2a1a"],
            "ea0e": stated["ea0e"],
            "34b9": (stated["34b9"] or 0) - compaction,
            "10c4": (stated["10c4"] or 0) - origin,
        }
    )


@pytest.mark.parametrize("version", ["2.0.76", "2.1.98", "2.1.240", "2.1.330"])
def test_claude_limit_hit(version: str) -> None:
    """A refusal of every form is one reading of a full five-hour window."""
    ledger = read(CLAUDE / "limit-hit" / version)
    kinds = {(each.kind, each.used) for each in ledger.readings(LONG_AGO)}
    assert kinds == {("five_hour", 1.0)}


@pytest.mark.parametrize(
    ("name", "parent", "total"),
    [
        ("0.80.0-fork", 25903, 53810),
        ("0.110.0-fork", 29911, 61826),
        ("0.125.0-fork", 33919, 69842),
        ("0.146.0-fork", 37927, 77858),
        ("0.169.0-fork", 51806, 79713),
    ],
)
def test_codex_fork(name: str, parent: int, total: int) -> None:
    """A fork and its parent each pay for their own part of the history."""
    sessions = by(read(CODEX / "generated" / name).requests(), "session_id")
    used = sorted(each.total for each in sessions.values())
    assert used == sorted([parent, total - parent])


def test_codex_subagent() -> None:
    """A sub-agent's tokens are its own and belong to the session that began it."""
    requests = read(CODEX / "generated" / "0.169.0-subagent").requests()
    assert len(by(requests, "session_id")) == 1
    assert sorted(each.total for each in by(requests, "subagent").values()) == [
        27907,
        55814,
    ]


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("EntityProcess+agentv", Usage(13793666, 862720, 250846336)),
        ("savekirk+session-bridge", Usage(7162034, 558704, 92154880)),
        ("entireio+entire-graph", Usage(4132596, 459290, 145912960)),
    ],
)
def test_codex_sessions_of_others(name: str, usage: Usage) -> None:
    """Real rollouts give the sums that were found independently."""
    assert homes.total(read(CODEX / name)) == usage


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("savekirk+session-bridge", (300, "2026-04-12T03:04:04+00:00")),
        ("entireio+entire-graph", (10080, "2026-07-25T05:01:50+00:00")),
    ],
)
def test_codex_refusals_of_others(name: str, window: tuple[int, str]) -> None:
    """A real refusal fills the window that it was about, and no other."""
    readings = read(CODEX / name).readings(LONG_AGO)
    refused = {
        (each.window_minutes, each.resets_at.isoformat(), each.used)
        for each in readings
        if each.source == "limit record"
    }
    assert refused == {(*window, 1.0)}


@pytest.mark.parametrize(
    "home",
    [
        CLAUDE / "2.0.76-resume-fork",
        CLAUDE / "2.1.330-print",
        CODEX / "generated" / "0.169.0-fork",
        CODEX / "generated" / "0.80.0-fork",
        TRAPS / "23",
    ],
    ids=lambda home: home.name,
)
def test_order_does_not_matter(home: Path) -> None:
    """Real homes give the same ledger in the opposite order, file by file."""
    with read(home) as ledger, Ledger(None) as backwards:
        sweep = Sweep(backwards, homes.roots(home))
        for found in reversed(sweep.look()):
            list(sweep.absorb([found]))
        assert homes.rows(backwards, home) == homes.rows(ledger, home)


# --- totals --------------------------------------------------------------------------


def every_home() -> list[Path]:
    """Each home of the collection, of either agent."""
    names = ("projects", "sessions", "archived_sessions")
    parts = (CORPUS / "claude-code", CODEX, TRAPS)
    trees = (tree for part in parts for name in names for tree in part.rglob(name))
    return sorted({tree.parent for tree in trees})


@pytest.mark.parametrize("home", every_home(), ids=lambda x: str(x.relative_to(CORPUS)))
def test_totals_are_those_of_a_plain_reading(home: Path) -> None:
    """By agent, day and model each home comes to what is found without any haste."""
    with read(home) as ledger:
        agree(ledger, home)


# --- limits --------------------------------------------------------------------------


def checkpoints(window: Stretch, length: timedelta) -> list[datetime]:
    """The first raw reading in each tenth of a window, but at its ends."""
    starts_at = window.readings[0].resets_at - length
    first: dict[int, datetime] = {}
    for at in sorted(each.observed_at for each in window.readings):
        part = (at - starts_at) / length
        if 0.05 <= part <= 0.95:
            first.setdefault(int(part * 10), at)
    return list(first.values())


def test_limits_of_others_are_foretold_better_than_simply() -> None:
    """Each moment of real windows has a forecast; they beat past windows and lines."""
    file = CORPUS / "limits" / "codex-readings.jsonl"
    if not file.is_file():
        pytest.skip("no readings in the collection")
    readings = [
        each for each in read_limits(file) if each.observed_at <= each.resets_at
    ]
    tables = Tables()
    for key, windows in stretches(readings).items():
        length = timedelta(minutes=key[3])
        found = list(replay(windows, length))
        told = {(x.place, each.made_at) for x in found for _, each in x.told}
        judged = [n for n, each in enumerate(windows) if is_judged(each)][ENOUGH_PAST:]
        asked = {(n, at) for n in judged for at in checkpoints(windows[n], length)}
        assert asked <= told
        tables.add(windows, length, found)
    scores = tables.scores()
    loss = {name: each.pinball for name, each in scores.items()}
    assert scores["burnmon"].points > 0
    assert loss["burnmon"] < min(loss["past_windows"], loss["least_squares"])
