"""``commits``: what it prints of links, and that all of it adds up."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from repos import BEGIN, BOB, Repo, code
from sessions import Claude, Codex, settings_in

from burnmon import text
from burnmon.cli import commits as command
from burnmon.cli.commands import COMMANDS
from burnmon.cli.output import digits
from burnmon.errors import UsageError

T = BEGIN + 3600
NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
LINK = {
    "session_id",
    "agent",
    "repo",
    "commit",
    "subject",
    "committed_at",
    "confidence",
    "tier",
    "probability",
    "share_percent",
    "evidence",
    "cost_usd",
    "unpriced_requests",
    "agent_lines",
    "committed_lines",
    "agent_percent",
}
REST = {
    "session_id",
    "session_ids",
    "repo",
    "branch",
    "reason",
    "files",
    "cost_usd",
    "unpriced_requests",
}
TOTALS = {
    "cost_usd",
    "linked_usd",
    "unlinked_usd",
    "requests",
    "unpriced_requests",
    "tokens",
}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Work of three sessions, one of them without a price, one left uncommitted."""
    made = Repo(tmp_path / "src" / "api")
    home = tmp_path / "home"
    first = Claude(home, "first-session", made.path, tokens=(13, 57, 1009, 3, 101))
    first.write(made.path / "a.py", code(*range(7), word="first"), T)
    first.write(made.path / "b.py", code(*range(10, 13), word="first"), T + 10)
    first.named("Sort the list")
    made.git("add", "a.py")
    made.git("commit", "--quiet", "-m", "Sort a (#12)", at=T + 60)
    made.commit("Sort b", at=T + 61)
    second = Codex(home, 2, made.path)
    second.write(made.path / "c.py", code(*range(5), word="second"), T + 120)
    second.commit(made, "Add \x1b[31mred\x1b[0m c", T + 180)
    third = Claude(home, "third-session", made.path)
    third.model = "claude-unheard-of"
    third.write(made.path / "d.py", code(*range(5), word="third"), T + 240)
    made.commit("Add d", at=T + 300)
    fourth = Claude(home, "fourth-session", made.path)
    fourth.write(made.path / "e.py", code(*range(5), word="fourth"), T + 360)
    return made


def said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], **more: Any
) -> tuple[str, str]:
    """What the command prints, and what it says beside it."""
    asked: dict[str, Any] = {
        "json": False,
        "repo": None,
        "author": None,
        "since": None,
        "until": None,
        **more,
    }
    settings = settings_in(tmp_path, tmp_path / "home", zone="Asia/Kolkata")
    assert command.run(Namespace(**asked), settings, NOW) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


def document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], **more: Any
) -> dict[str, Any]:
    """The document, its numbers as they are printed."""
    printed, _ = said(tmp_path, capsys, json=True, **more)
    found: dict[str, Any] = json.loads(printed, parse_float=Decimal)
    return found


def test_keys(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every key is one that the help names, and all of them are there."""
    found = document(tmp_path, capsys)
    head = {"schema_version", "generated_at"}
    assert set(found) == head | {"links", "unlinked", "totals", "notes"}
    assert all(set(each) == LINK for each in found["links"])
    assert all(set(each) == REST for each in found["unlinked"])
    assert set(found["totals"]) == TOTALS
    help_text = COMMANDS["commits"].json
    assert all(name in help_text for name in LINK | REST | TOTALS)


def test_sums_as_printed(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever adds the printed numbers as decimals gets the printed sums."""
    found = document(tmp_path, capsys)
    totals = found["totals"]
    assert totals["linked_usd"] + totals["unlinked_usd"] == totals["cost_usd"]
    for kind, name in (("links", "linked_usd"), ("unlinked", "unlinked_usd")):
        parts = [each["cost_usd"] or Decimal(0) for each in found[kind]]
        assert sum(parts, Decimal(0)) == totals[name]
    assert totals["unpriced_requests"] == 1


def test_links(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each link names session, commit, tier and evidence; no price is no number."""
    by_subject = {each["subject"]: each for each in document(tmp_path, capsys)["links"]}
    first = by_subject["Sort a (#12)"]
    assert (first["session_id"], first["agent"]) == ("first-session", "claude")
    assert (first["confidence"], first["tier"]) == ("likely", "content")
    assert first["evidence"][0] == "7 of its 7 telling lines are the session's"
    assert (first["agent_lines"], first["committed_lines"]) == (7, 7)
    assert (first["share_percent"], first["agent_percent"]) == (100, 100)
    assert first["committed_at"] == "2026-11-18T12:07:40Z"
    unpriced = by_subject["Add d"]
    assert (unpriced["cost_usd"], unpriced["unpriced_requests"]) == (None, 1)


def test_span(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A span counts what was asked in it, whatever it was for."""
    since = datetime.fromtimestamp(T + 5, UTC)
    found = document(tmp_path, capsys, since=since)
    whole = document(tmp_path, capsys)
    totals = found["totals"]
    assert totals["linked_usd"] + totals["unlinked_usd"] == totals["cost_usd"]
    assert totals["requests"] == whole["totals"]["requests"] - 1


def test_no_repository(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory that is in no repository is refused by name."""
    with pytest.raises(UsageError, match=r"--repo .*home: no git repository"):
        said(tmp_path, capsys, repo=str(tmp_path / "home"))


def test_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without sessions there is no link, and nothing was spent."""
    printed, _ = said(tmp_path, capsys)
    assert printed.splitlines() == [
        "no commit of a session",
        "",
        "$0.00 in 0 commits + $0.00 in none = $0.00",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_text_fits(
    width: int,
    repo: Repo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No line is wider than the terminal, or holds what a terminal would obey."""
    monkeypatch.setenv("COLUMNS", str(width))
    printed, _ = said(tmp_path, capsys)
    found = printed.splitlines()
    assert all(text.cells(each) <= width for each in found)
    assert "\x1b" not in printed
    assert any("Sort a" in each for each in found)
    assert any(each.startswith("in no commit") for each in found)


def test_text(
    repo: Repo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Commits stand below their day with cost, lines and state, links below them."""
    monkeypatch.setenv("COLUMNS", "100")
    repo.write("f.py", code(*range(5), word="fourth"))
    repo.commit("By Bob", at=T + 400, author=BOB)
    fifth = Claude(tmp_path / "home", "fifth-session", repo.path)
    fifth.write(repo.path / "g.py", code(*range(5), word="fifth"), T + 500)
    found = said(tmp_path, capsys)[0].splitlines()
    assert found[0].split() == [
        *("time", "commit", "subject", "cost"),
        *("added", "removed", "AI", "state", "issue"),
    ]
    assert found[1] == "Wed 18 Nov 2026"
    assert found[2].startswith("17:37  ")
    assert found[2].endswith("+7       −0  100 %  on main  #12")
    assert found[3] == (
        "       likely: claude first-se · content · 100 % of its lines · Sort the list"
    )
    assert "Bob: By Bob" in "\n".join(found)
    end = found[found.index("in no commit") :]
    assert end[1].endswith("uncommitted: 1 file in api (main)  g.py")
    assert "+ 1 request without a price (1.2 k tokens), in no dollars" in end


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("0", "0.0"),
        ("5", "5.0"),
        ("12.50", "12.5"),
        ("1E-9", "0.000000001"),
        ("1E+3", "1000.0"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("-0.25", "-0.25"),
    ],
)
def test_digits(value: str, printed: str) -> None:
    """A decimal is printed with all its digits, as a JSON number with a point."""
    assert digits(Decimal(value)) == printed
    assert json.loads(printed, parse_float=Decimal) == Decimal(value)
