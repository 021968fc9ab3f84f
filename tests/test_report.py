"""Reports: rows, days, prices, totals, JSON and the table."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import homes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon import cli, config, text
from burnmon.cli import report as command
from burnmon.cli.catchup import caught_up
from burnmon.config import Settings
from burnmon.errors import LedgerError, UsageError
from burnmon.records import COUNTED, EXTRA, Facts, Request, Sighting
from burnmon.usage import pricing
from burnmon.usage.ledger import FileState, Ledger
from burnmon.usage.pricing import PriceTable
from burnmon.usage.report import KINDS, Question, Report, moved, report

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
PRICES = pricing.load()
BERLIN = "Europe/Berlin"
FIGURES = {
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "cost_usd",
    "unpriced_requests",
    "incomplete_requests",
    "web_searches",
}


def sighting(key: int, at: datetime, model: str = homes.OPUS, **more: Any) -> Sighting:
    """One recorded request of a million input tokens."""
    fields: dict[str, Any] = {
        "key": key,
        "at": round(at.timestamp() * 1000),
        "standing": COUNTED,
        "origin": "",
        "model": model,
        "input": 1_000_000,
        "output": 0,
        "cache_read": 0,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "web_searches": 0,
        "thinking": -1,
        "final": True,
        "speed": "",
        "region": "",
        "session_id": "S1",
        "subagent": "",
        "project": "/home/dev/w",
        "branch": "main",
        "version": "1",
        **more,
    }
    return Sighting(**fields)


def holding(sightings: Sequence[Sighting], agent: str = "claude") -> Ledger:
    """A ledger in memory that knows these requests."""
    ledger = Ledger(None)
    state = FileState(agent, "", f"/{agent}.jsonl", lines=len(sightings))
    ledger.absorb([(state, Facts(sightings=list(sightings)))])
    return ledger


def reported(
    ledger: Ledger,
    question: Question,
    prices: PriceTable = PRICES,
    span: tuple[datetime | None, datetime | None] = (None, None),
) -> Report:
    """The report of a ledger."""
    sums = ledger.sums(question.columns, prices.thresholds, prices.changes, *span)
    return report(sums, question, prices)


def keys(found: Report) -> list[str]:
    """What the rows stand for, in order."""
    return [row.key for row in found.rows]


# Days


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("hour", ["2026-11-16T00:00+01:00", "2026-11-17T00:00+01:00"]),
        ("day", ["2026-11-16", "2026-11-17"]),
        ("week", ["2026-W47"]),
        ("month", ["2026-11"]),
    ],
)
def test_time_is_cut_in_the_zone(by: str, expected: list[str]) -> None:
    """A request belongs to the hour, day, week and month of the local clock."""
    late = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)
    ledger = holding([sighting(1, late), sighting(2, late + timedelta(days=1))])
    assert keys(reported(ledger, Question(by, BERLIN))) == expected


def test_week_belongs_to_the_year_of_its_thursday() -> None:
    """The first days of January may be of the last week of the year before."""
    ledger = holding([sighting(1, datetime(2027, 1, 2, tzinfo=UTC))])
    assert keys(reported(ledger, Question("week"))) == ["2026-W53"]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-17", 24)]
)
def test_day_is_as_long_as_it_is(day: str, hours: int) -> None:
    """A day on which the clocks change has 23 or 25 hours, each its own row."""
    noon = datetime.fromisoformat(f"{day}T12:00Z")
    around = [noon + timedelta(minutes=30 * step) for step in range(-60, 60)]
    ledger = holding([sighting(n, at) for n, at in enumerate(around)])
    days = {
        row.key: row.requests for row in reported(ledger, Question("day", BERLIN)).rows
    }
    of_day = [
        key
        for key in keys(reported(ledger, Question("hour", BERLIN)))
        if key.startswith(day)
    ]
    assert days[day] == 2 * hours
    assert len(of_day) == hours
    assert of_day == sorted(of_day, key=datetime.fromisoformat)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
def test_any_zone_cuts_at_its_midnight(zone: str) -> None:
    """Zones that are off by quarters of an hour cut their days exactly, too."""
    local = datetime(2026, 11, 17, tzinfo=ZoneInfo(zone))
    at = local.astimezone(UTC)
    ledger = holding([sighting(1, at - timedelta(milliseconds=1)), sighting(2, at)])
    assert keys(reported(ledger, Question("day", zone))) == ["2026-11-16", "2026-11-17"]


def test_span_ends_before_its_second_instant() -> None:
    """A request at the end of the span is not in it, one at its start is."""
    noon = datetime(2026, 11, 17, 12, tzinfo=UTC)
    ledger = holding([sighting(n, noon + timedelta(hours=n)) for n in range(3)])
    span = (noon, noon + timedelta(hours=2))
    assert reported(ledger, Question(), span=span).total.requests == 2


# Rows


def test_dearest_row_comes_first() -> None:
    """Rows that stand for no time are in order of their cost."""
    at = datetime(2026, 11, 17, tzinfo=UTC)
    made = [sighting(n, at, session_id=f"S{n}", input=n * 1000) for n in (1, 3, 2)]
    assert keys(reported(holding(made), Question("session"))) == ["S3", "S2", "S1"]


def test_row_names_what_its_requests_share() -> None:
    """A session of two models has an agent and a project, and no one model."""
    at = datetime(2026, 11, 17, tzinfo=UTC)
    ledger = holding([sighting(1, at), sighting(2, at, "claude-haiku-4-5")])
    (row,) = reported(ledger, Question("session")).rows
    assert (row.agent, row.model, row.project) == ("claude", None, "/home/dev/w")


@pytest.mark.parametrize("by", [by for by in KINDS if not KINDS[by].time])
def test_every_kind_has_its_key(by: str) -> None:
    """Each kind of row takes its key from what the ledger holds."""
    expected = {
        "session": "S1",
        "model": homes.OPUS,
        "project": "/home/dev/w",
        "branch": "main",
        "agent": "claude",
    }
    ledger = holding([sighting(1, NOW)])
    assert keys(reported(ledger, Question(by))) == [expected[by]]


def test_filters_count_only_what_they_name() -> None:
    """Agent and project leave the requests of others out of rows and totals."""
    ledger = holding([sighting(1, NOW), sighting(2, NOW, project="/home/dev/other")])
    ledger.absorb(
        [(FileState("codex", "", "/c"), Facts([sighting(3, NOW, "gpt-5.5")]))]
    )
    for question, requests in (
        (Question(), 3),
        (Question(agent="claude"), 2),
        (Question(project="other"), 1),
        (Question(project="dev"), 3),
        (Question(agent="codex", project="other"), 0),
    ):
        assert reported(ledger, question).total.requests == requests


def test_moved_directory_is_one_project() -> None:
    """A session recorded under an old path counts for the new one."""
    made = [sighting(1, NOW, project="/box/api"), sighting(2, NOW, project="/src/api")]
    found = reported(holding(made), Question("project", paths=(("/box", "/src"),)))
    assert keys(found) == ["/src/api"]


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("/box", "/src"),
        ("/box/a", "/src/a"),
        ("/boxshop", "/boxshop"),
        ("", ""),
    ],
)
def test_only_whole_names_move(project: str, expected: str) -> None:
    """A directory that merely begins like the old one stays where it is."""
    assert moved(project, (("/box", "/src"),)) == expected


# Money


def test_unpriced_is_never_zero() -> None:
    """A model without a price makes no dollars, and is counted as unpriced."""
    ledger = holding([sighting(1, NOW, "nobody-1"), sighting(2, NOW)])
    rows = {row.key: row for row in reported(ledger, Question("model")).rows}
    assert (rows["nobody-1"].cost, rows["nobody-1"].unpriced) == (None, 1)
    assert rows[homes.OPUS].unpriced == 0
    total = reported(ledger, Question("model"))
    assert total.total.cost == rows[homes.OPUS].cost
    assert total.unpriced_models == (("nobody-1", 1),)


def test_nothing_costs_nothing() -> None:
    """No request at all costs zero dollars, which is known."""
    assert reported(Ledger(None), Question()).total.cost == 0


CHANGES = [NOW, *PRICES.changes]
SIZES = [0, 1, 999, *(size + step for size in PRICES.thresholds for step in (0, 1))]
MODELS = [homes.OPUS, "claude-haiku-5-5", "gpt-5.5", "gpt-5.6-sol", "nobody-1"]


@st.composite
def requests(draw: st.DrawFn) -> list[Sighting]:
    """Requests around every price change and prompt size that matters."""
    count = draw(st.integers(1, 12))
    return [
        sighting(
            key,
            draw(st.sampled_from(CHANGES))
            + timedelta(milliseconds=draw(st.integers(-2, 2) | st.integers(0, 10**10))),
            draw(st.sampled_from(MODELS)),
            input=draw(st.sampled_from(SIZES)),
            output=draw(st.integers(0, 10**6)),
            cache_read=draw(st.integers(0, 10**5)),
            cache_write_1h=draw(st.integers(0, 10)),
            web_searches=draw(st.integers(0, 2)),
            speed=draw(st.sampled_from(["", "fast"])),
            region=draw(st.sampled_from(["", "us"])),
            session_id=draw(st.sampled_from("ab")),
            branch=draw(st.sampled_from(["main", ""])),
        )
        for key in range(count)
    ]


def dollars(request: Request) -> Decimal:
    """One request by its own price; zero where it has none."""
    rate = PRICES.rate(request.model, request.at, request.usage.prompt, request.terms)
    return (
        Decimal(0) if rate is None else rate.cost(request.usage, request.web_searches)
    )


@given(requests(), st.sampled_from(sorted(KINDS)), st.sampled_from(["UTC", BERLIN]))
def test_rows_add_up(made: list[Sighting], by: str, zone: str) -> None:
    """Rows sum to the totals, and sums cost what their requests cost, exactly."""
    ledger = holding(made)
    found = reported(ledger, Question(by, zone))
    each_alone = ledger.requests()
    assert sum(row.cost or 0 for row in found.rows) == (found.total.cost or 0)
    assert sum(map(dollars, each_alone)) == (found.total.cost or 0)
    assert sum(row.requests for row in found.rows) == len(each_alone)
    assert sum(row.usage.total for row in found.rows) == found.total.usage.total
    assert found.total.usage.total == sum(each.usage.total for each in each_alone)
    assert sum(row.unpriced for row in found.rows) == found.total.unpriced
    assert len(set(keys(found))) == len(found.rows)


@given(requests())
def test_json_adds_up(made: list[Sighting]) -> None:
    """The numbers of the JSON document add up as decimals, too."""
    ledger = holding(made)
    fields = command.document(
        command.ask(ledger, Question("session"), PRICES, (None, None))
    )
    read = json.loads(json.dumps(fields, default=float), parse_float=Decimal)
    costs = [row["cost_usd"] for row in read["rows"] if row["cost_usd"] is not None]
    assert sum(costs, Decimal(0)) == (read["totals"]["cost_usd"] or 0)


def test_refused_parts_are_apart() -> None:
    """What may or may not be billed is told, and is in no total."""
    ledger = holding([sighting(1, NOW), sighting(2, NOW, standing=EXTRA)])
    fields = command.document(command.ask(ledger, Question(), PRICES, (None, None)))
    assert fields["totals"]["requests"] == 1
    assert fields["possibly_billed"]["requests"] == 1
    assert fields["possibly_billed"]["cost_usd"] == fields["totals"]["cost_usd"]


# The command


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a person with a home of both agents."""
    homes.write(tmp_path / ".claude", homes.claude_files())
    homes.write(tmp_path / ".codex", homes.codex_files())
    environ = {"HOME": str(tmp_path), "TZ": "UTC", "BURNMON_DATA_DIR": f"{tmp_path}/d"}
    return config.load({}, environ)


def arguments(**given: Any) -> Namespace:
    """The command's arguments."""
    usual = dict.fromkeys(("since", "until", "agent", "project", "repo", "author"))
    return Namespace(**{**usual, "by": "day", "json": False, **given})


def printed(
    capsys: pytest.CaptureFixture[str], settings: Settings, **given: Any
) -> dict[str, Any]:
    """The JSON document that the command prints."""
    assert command.run(arguments(json=True, **given), settings, NOW) == cli.OK
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_document(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has the promised keys, and integers where it counts."""
    found = printed(capsys, settings, by="agent")
    assert (found["schema_version"], found["generated_at"]) == (
        1,
        "2026-11-20T18:00:00Z",
    )
    assert set(found) == {
        "schema_version",
        "generated_at",
        "by",
        "timezone",
        "since",
        "until",
        "rows",
        "totals",
        "unpriced_models",
        "possibly_billed",
        "dedup",
        "prices",
    }
    assert set(found["totals"]) == FIGURES
    assert {
        "lines_seen",
        "requests_kept",
        "duplicates_dropped",
        "lines_skipped",
    } <= set(found["dedup"])
    assert {row["key"] for row in found["rows"]} == {"claude", "codex"}
    for row in found["rows"]:
        assert set(row) - {"agent", "model", "project"} == {"key", *FIGURES}
        assert all(isinstance(row[name], int) for name in FIGURES - {"cost_usd"})
        assert isinstance(row["cost_usd"], float)


def test_report_reads_what_is_new(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that was written after one report is in the next."""
    before = printed(capsys, settings)["totals"]["requests"]
    path = settings.roots[0].path / homes.S1
    path.write_bytes(path.read_bytes() + homes.text(homes.assistant("m-new")))
    assert printed(capsys, settings)["totals"]["requests"] == before + 1


def test_history_outlives_its_file(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an agent deletes stays in the report."""
    before = printed(capsys, settings)
    for path in settings.roots[0].path.rglob("*.jsonl"):
        path.unlink()
    assert printed(capsys, settings) == before


def test_report_reads_along(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """While another burnmon writes the ledger, the report tells what that one has."""
    printed(capsys, settings)
    with Ledger(settings.ledger_file):
        assert command.run(arguments(), settings, NOW) == cli.OK
    out, err = capsys.readouterr()
    assert "total" in out
    assert "another burnmon keeps the ledger" in err


def test_ledger_that_cannot_be_is_an_error(settings: Settings) -> None:
    """Where no ledger can be made the error names the place."""
    settings.data_dir.write_text("in the way")
    with pytest.raises(LedgerError, match=str(settings.data_dir)):
        command.run(arguments(), settings, NOW)


@pytest.mark.parametrize("flag", ["repo", "author"])
def test_filter_without_effect_is_refused(settings: Settings, flag: str) -> None:
    """A flag that the report cannot obey is refused rather than ignored."""
    with pytest.raises(UsageError, match=f"--{flag}"):
        command.run(arguments(**{flag: ["x"]}), settings, NOW)


@pytest.mark.parametrize("by", sorted(KINDS))
@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_table_fits(settings: Settings, by: str, width: int) -> None:
    """Every kind of table fits into the terminal, and shows its cost."""
    with caught_up(settings, NOW) as (ledger, _):
        answer = command.ask(ledger, Question(by), PRICES, (None, None))
    drawn = command.table(answer.report, by, width)
    assert all(text.cells(line) <= width for line in drawn)
    assert "cost" in drawn[0]
    assert "$" in drawn[-1]


def test_text_says_what_figures_rest_on(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Below the table stand the counts, the doubts and the prices' date."""
    monkeypatch.setenv("COLUMNS", "200")
    path = settings.roots[0].path / homes.S1
    odd = homes.assistant("m-odd", inside={"model": "nobody-1"})
    path.write_bytes(path.read_bytes() + homes.text(odd))
    command.run(arguments(), settings, NOW)
    out = capsys.readouterr().out
    assert "* requests without a price" in out
    assert "nobody-1 (1)" in out
    assert "lines seen · " in out
    assert f"list prices of {PRICES.dated}" in out
    total = next(line for line in out.splitlines() if line.startswith("total"))
    assert total.endswith("*")


def test_empty_report_says_why(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report without rows names the filters that left nothing."""
    command.run(arguments(project="nowhere"), settings, NOW)
    assert "no requests in directories with 'nowhere'" in capsys.readouterr().out
