"""What issues cost: of commits, of branches, of pull requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from repos import BEGIN, Repo, code
from sessions import EACH, FIRST, LAST, Claude, reckon

from burnmon.shipped.issues import by_issue
from burnmon.usage import pricing
from burnmon.usage.report import Report

T = BEGIN + 3600


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "src" / "api")
    made.write("old.py", code(1, 2, 3, word="old")).commit("Begin")
    return made


def reported(home: Path, agent: str = "") -> Report:
    """The report of all time, of one agent or all."""
    return by_issue(
        reckon(home),
        (FIRST, LAST),
        pricing.load(),
        lambda request: agent in ("", request.agent),
    )


def costs(report: Report) -> dict[str, int]:
    """Requests by issue; each costs the same."""
    assert all(row.cost == row.requests * EACH for row in report.rows)
    assert report.total.cost == sum(row.cost or 0 for row in report.rows)
    assert report.total.requests == sum(row.requests for row in report.rows)
    return {row.key: row.requests for row in report.rows}


def worked(home: Path, repo: Repo, name: str, branch: str = "main") -> Claude:
    """A session that writes a file of its own."""
    session = Claude(home, name, repo.path, branch)
    session.write(repo.path / f"{name}.py", code(*range(5), word=name), T)
    return session


def test_issue_of_the_commit(home: Path, repo: Repo) -> None:
    """A commit's issue gets all that was spent before the commit."""
    session = worked(home, repo, "S1")
    session.commit(repo, "Add it (#12)", T + 60)
    session.ask(T + 300)
    assert costs(reported(home)) == {"#12": 2, "": 1}


def test_issue_of_the_branch(home: Path, repo: Repo) -> None:
    """What is in no commit counts for the issue its branch is named after."""
    worked(home, repo, "S1", "ada/ent-7-limits")
    assert costs(reported(home)) == {"ENT-7": 1}


def test_pull_request_of_the_session(home: Path, repo: Repo) -> None:
    """A session linked with a pull request counts for it where nothing else tells."""
    session = worked(home, repo, "S1")
    session.linked_with(9, T + 10)
    assert costs(reported(home)) == {"#9": 1}


def test_money_split_between_issues(home: Path, repo: Repo) -> None:
    """Where one request made commits of two issues its money is split between them."""
    session = Claude(home, "S1", repo.path)
    for name in ("a", "b"):
        session.write(repo.path / f"{name}.py", code(*range(5), word=name), T)
    for at, name in enumerate("ab"):
        repo.git("add", f"{name}.py")
        repo.git("commit", "-qm", f"Add it (#{at + 1})", at=T + 60 + at)
    report = reported(home)
    assert {row.key: row.cost for row in report.rows} == {"#1": EACH, "#2": EACH}
    assert report.total.requests == 2


def test_only_what_is_asked_for(home: Path, repo: Repo) -> None:
    """Requests that are not wanted are in no row and in no total."""
    worked(home, repo, "S1")
    assert costs(reported(home, "codex")) == {}
    assert reported(home, "codex").total.requests == 0
