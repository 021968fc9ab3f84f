"""A day's review: whatever happened, its parts are the whole."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from days import (
    ADA,
    API,
    after,
    change,
    commit,
    history,
    known,
    link,
    patch,
    request,
    spent,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from repos import BEGIN, BOB, Repo, code
from sessions import (
    EACH,
    FIRST,
    LAST,
    Claude,
    Codex,
    costs,
    every_rest,
    read,
    reckon,
    settings_in,
)

from burnmon.day import GROUPS, Day, Spent, total
from burnmon.live.shipping import Shipping
from burnmon.shipped.fate import reference_in
from burnmon.shipped.reckoning import About, Known, Linked, Reckoning
from burnmon.shipped.repositories import repository_of
from burnmon.shipped.review import bounds, review
from burnmon.usage import pricing
from burnmon.work import Edit, Outcome

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "Africa/Casablanca",
    "America/Santiago",
    "Pacific/Kiritimati",
]
CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Santiago": (date(2026, 9, 6), date(2026, 4, 4)),
}
"""Days of 23 and of 25 hours; in Santiago the first one has no midnight."""


@st.composite
def lives(draw: st.DrawFn) -> Known:
    """Sessions over some days, with commits in one repository or none."""
    begin = datetime(2026, 10, 23, tzinfo=UTC)
    instants = st.floats(0, 5 * 24 * 60).map(lambda m: begin + timedelta(minutes=m))
    requests = [
        request(
            key,
            draw(instants),
            draw(st.integers(0, 10**6)),
            session_id=draw(st.sampled_from(["S1", "S2", "S3"])),
            model=draw(st.sampled_from(["opus", "haiku", "unknown"])),
            project=draw(st.sampled_from([API, f"{API}/sub", "/elsewhere", ""])),
            branch=draw(st.sampled_from(["main", "feat/API-7-x", "12-y", ""])),
        )
        for key in range(draw(st.integers(0, 12)))
    ]
    changes = [
        change(commit(f"{n:040x}", draw(instants), mentions=("#3",) * (n % 2)))
        for n in range(draw(st.integers(0, 5)))
    ]
    changes.sort(key=lambda each: each.authored_at)
    # Changes of one author in one second would be copies of each other.
    changes = list({each.authored_at: each for each in changes}.values())
    links = [
        link(each, session_id, draw(st.floats(0, 50)))
        for each in changes
        for session_id in draw(st.sets(st.sampled_from(["S1", "S2"])))
    ]
    repo = Linked(API, history(*changes), links, frozenset({ADA}))
    return known(requests, [repo])


def days(what: Known, zone: str) -> list[Day]:
    """Every day of a life on a zone's clock."""
    first = date(2026, 10, 21)
    return [review(first + timedelta(days=n), zone, what) for n in range(10)]


@given(lives(), st.sampled_from(ZONES))
def test_days_add_up(what: Known, zone: str) -> None:
    """On every clock the days are all that was spent, and each is its parts."""
    requests = [each for some in what.requests.values() for each in some]
    found = days(what, zone)
    assert all(each.adds_up for each in found)
    assert total(each.spent for each in found) == spent(requests)


@given(lives(), st.sampled_from(ZONES))
def test_groups_add_up(what: Known, zone: str) -> None:
    """However a day is grouped, its groups are the day."""
    for each in days(what, zone):
        assert list(each.groups) == list(GROUPS)
        for groups in each.groups.values():
            assert total(group.spent for group in groups) == each.spent


@given(lives(), st.sampled_from(ZONES))
def test_commits_add_up_over_days(what: Known, zone: str) -> None:
    """What a commit cost on each day comes to what it cost."""
    parts: dict[str, list[Spent]] = {}
    wholes: dict[str, Spent] = {}
    for each in days(what, zone):
        for row in each.commits:
            parts.setdefault(row.sha, []).append(row.spent)
            wholes[row.sha] = row.whole
            assert row.spent == total(e.spent for e in row.evidence)
    assert {sha: total(some) for sha, some in parts.items()} == wholes


@given(lives())
def test_sessions_add_up(what: Known) -> None:
    """Each session's charges are its requests."""
    for session_id, charges in Reckoning(what).charges.items():
        paid = total(each.spent for each in charges)
        assert paid == spent(what.requests[session_id])


@pytest.mark.parametrize("zone", CHANGES)
def test_days_of_clock_changes(zone: str) -> None:
    """A day on which clocks change has 23 or 25 hours, and touches its neighbours."""
    short, long = (bounds(day, zone) for day in CHANGES[zone])
    assert short[1] - short[0] == timedelta(hours=23)
    assert long[1] - long[0] == timedelta(hours=25)
    for day in CHANGES[zone]:
        assert bounds(day, zone)[1] == bounds(day + timedelta(days=1), zone)[0]


def test_session_over_midnight() -> None:
    """A commit takes yesterday's requests with it, and each day shows its own part."""
    made = change(commit("a" * 40, after(13 * 60)))
    asked = [request(1, after(11 * 60), 100), request(2, after(12.5 * 60), 10)]
    what = known(asked, [Linked(API, history(made), [link(made)], frozenset({ADA}))])
    first, second = (review(date(2026, 11, each), "UTC", what) for each in (20, 21))
    assert [(row.of_day, row.spent.tokens) for row in first.commits] == [(False, 100)]
    assert [(row.of_day, row.spent.tokens) for row in second.commits] == [(True, 10)]
    assert first.commits[0].whole == second.commits[0].whole


def test_own_commit_without_a_session() -> None:
    """One's own commits of a day are shown though no session made them."""
    made = change(commit("a" * 40, after(0)))
    what = known([], [Linked(API, history(made), [], frozenset({ADA}))])
    (row,) = review(date(2026, 11, 20), "UTC", what).commits
    assert (row.grade, row.spent, row.evidence) == (None, Spent(), ())


def test_commits_of_others() -> None:
    """Other people's commits are not shown."""
    made = change(commit("a" * 40, after(0)))
    what = known([], [Linked(API, history(made), [], frozenset({"bob@example.org"}))])
    assert review(date(2026, 11, 20), "UTC", what).commits == ()


def test_possible_link_costs_nothing() -> None:
    """A hint is shown with its commit and charges nothing."""
    made = change(commit("a" * 40, after(5)))
    found = link(made)
    hint = replace(found, tier="possible", share=None)
    what = known(
        [request(1, after(0))],
        [Linked(API, history(made), [hint], frozenset({ADA}))],
    )
    day = review(date(2026, 11, 20), "UTC", what)
    assert (day.commits[0].grade, day.linked) == ("possible", Spent())
    assert day.unlinked == day.spent
    assert day.adds_up


@pytest.mark.parametrize(
    ("subject", "branch", "told", "reference"),
    [
        ("Do it (#6)", "feat/API-7-x", "#8", "#6"),
        ("Do it (#65)", "feat/API-7-x", "#8", "API-7"),
        ("Do it", "12-title", "#8", "#12"),
        ("Do it", "main", "#8", "#8"),
        ("Do it", "main", "", "#6"),
    ],
    ids=["subject", "key in branch", "number in branch", "pull request", "body"],
)
def test_reference(subject: str, branch: str, told: str, reference: str) -> None:
    """A commit's issue is in its subject, else its branch, its session, its body."""
    made = change(commit("a" * 40, after(5), subject, mentions=("#6",)))
    past = history(made)
    aside = replace(past, on_main=frozenset(), branches={"a" * 40: branch})
    what = known(
        [request(1, after(0))],
        [Linked(API, aside, [link(made)], frozenset({ADA}))],
        about={"S1": About("claude", "", told)},
    )
    day = review(date(2026, 11, 20), "UTC", what)
    assert day.commits[0].reference == reference
    assert [each.key for each in day.groups["issue"]] == [reference]


def edit(outcome: Outcome, minutes: float) -> Edit:
    at = round(after(minutes).timestamp() * 1000)
    return Edit(1, at, outcome, "Edit", f"{API}/a", 1, 0, b"", b"", "S1", "", API, "")


def test_acceptance() -> None:
    """The rate of accepted edits leaves failed ones and other days' ones out."""
    outcomes: list[tuple[Outcome, float]] = [
        ("accepted", 1),
        ("accepted", 1),
        ("accepted", 1),
        ("rejected", 2),
        ("failed", 3),
        ("rejected", 24 * 60),
    ]
    edits = [edit(*each) for each in outcomes]
    day = review(date(2026, 11, 20), "UTC", known([request(1, after(0))], (), edits))
    assert day.edits.rate == 0.75
    assert (day.edits.accepted, day.edits.rejected, day.edits.failed) == (3, 1, 1)


def test_day_without_anything() -> None:
    """An empty day has no rates and adds up."""
    day = review(date(2026, 11, 20), "UTC", known([]))
    assert (day.edits.rate, day.cache_read, day.adds_up) == (None, None, True)


def test_lines_of_a_commit() -> None:
    """A commit's agent lines count trivial ones in the proportion of the others."""
    file = patch("a.py", b"first line", b"second line", b"}", b"")
    made = change(commit("a" * 40, after(5), files=(file,)))
    mark = int.from_bytes(file.added[:8], "little", signed=True)
    found = link(made)
    half = replace(found, lines=frozenset({(0, mark)}))
    repo = Linked(API, history(made), [half], frozenset({ADA}))
    (row,) = review(
        date(2026, 11, 20), "UTC", known([request(1, after(0))], [repo])
    ).commits
    assert (row.agent_lines, row.added, row.agent_share) == (2, 4, 0.5)


# --- on disk -------------------------------------------------------------------------

DAY = datetime.fromtimestamp(BEGIN, UTC).date()
T = BEGIN + 3600


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "src" / "api")
    made.write("old.py", code(1, 2, 3, word="old")).commit("Begin")
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def reviewed(home: Path, day: date = DAY, zone: str = "UTC") -> Day:
    """A day through the whole program: sweep, work, git, links, money."""
    settings = settings_in(home.parent, home, zone=zone)
    with read(settings) as ledger:
        shipping = Shipping(settings, ledger, pricing.load())
        found = shipping.day(day)
        shipping.histories.close()
        asked = ledger.requests(*bounds(day, zone))
    assert found.adds_up
    assert found.spent.requests == len(asked)
    return found


def test_rests_of_a_day(home: Path, repo: Repo, tmp_path: Path) -> None:
    """Each reason why money is in no commit is told, with the files that hold it."""
    kept = Claude(home, "kept", repo.path)
    kept.write(repo.path / "draft.py", code(*range(5), word="draft"), T)
    kept.write(repo.path / "sub" / "more.py", code(*range(5), word="more"), T + 1)
    lost = Claude(home, "lost", repo.path)
    lost.write(repo.path / "lost.py", code(*range(5), word="lost"), T + 2)
    (repo.path / "lost.py").unlink()
    Claude(home, "asked", repo.path).ask(T + 3)
    away = Claude(home, "away", tmp_path / "notes")
    away.write(tmp_path / "notes" / "a.md", code(1, word="note"), T + 4)
    late = Codex(home, 1, repo.path)
    late.write(repo.path / "late.py", code(*range(5), word="late"), T + 5)
    repo.write("bobs.py", code(*range(30), word="bobs"))
    repo.git("add", "late.py", "bobs.py")
    repo.git("commit", "--quiet", "-m", "Bob's", at=T + 60, author=BOB)
    rests = {each.reason: each for each in reviewed(home).rests}
    assert rests["uncommitted"].files == ("draft.py", "sub/more.py")
    assert rests["uncommitted"].sessions == ("kept",)
    assert rests["discarded"].sessions == ("lost",)
    assert rests["no_edits"].sessions == ("asked",)
    assert rests["no_repo"].sessions == ("away",)
    assert rests["elsewhere"].sessions == (late.name,)


def test_talk_after_a_commit(home: Path, repo: Repo) -> None:
    """What is asked after a person committed or amended the last edit is talk."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    repo.commit("By hand", at=T + 60)
    session.ask(T + 90)
    (rest,) = reviewed(home).rests
    assert (rest.reason, rest.spent.requests) == ("no_edits", 1)
    session.write(repo.path / "a.py", code(*range(9), word="first"), T + 120)
    repo.git("commit", "--quiet", "--all", "--amend", "--no-edit", at=T + 180)
    (rest,) = reviewed(home).rests
    assert rest.reason == "no_edits"


def test_day_of_several_repositories(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A day holds the commits of every repository that sessions worked in."""
    web = Repo(tmp_path / "src" / "web")
    first = Claude(home, "S1", repo.path)
    first.write(repo.path / "a.py", code(*range(5), word="first"), T)
    sha = first.commit(repo, "Here", T + 60)
    second = Claude(home, "S2", web.path)
    second.write(web.path / "b.ts", code(*range(5), word="second"), T + 70)
    other = second.commit(web, "There", T + 90)
    day = reviewed(home)
    own = {row.subject: row for row in day.commits}
    assert (own["Here"].sha, own["There"].sha) == (sha, other)
    assert own["Begin"].grade is None
    assert day.linked.cost == 4 * EACH
    projects = {each.key: each.spent.requests for each in day.groups["project"]}
    assert projects == {str(repo.path): 2, str(web.path): 2}


def test_session_in_several_repositories(
    home: Path, repo: Repo, tmp_path: Path
) -> None:
    """Asked about one repository, a session's money for another one stays there."""
    web = Repo(tmp_path / "src" / "web")
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    session.commit(repo, "Here", T + 60)
    session.write(web.path / "b.ts", code(*range(5), word="second"), T + 70)
    web.commit("There", at=T + 90)
    session.ask(T + 120)
    here, there = (repository_of(each.path) for each in (repo, web))
    first, second = reckon(home, here), reckon(home, there)
    assert costs(first) == {"Here": 2}
    assert costs(second) == {"There": 1}
    assert [each.reason for each in every_rest(first)] == ["no_edits"]
    assert every_rest(second) == []


def test_clone_that_is_asked_about(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A clone that is asked about shows its commits; their cost is where they were
    made."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    session.commit(repo, "Here", T + 60)
    place = tmp_path / "src" / "clone"
    repo.git("clone", "--quiet", ".", str(place))
    Repo(place, create=False).git("config", "user.email", ADA)
    session.cwd = place
    session.ask(T + 90)
    clone = reckon(home, repository_of(place))
    (row,) = (each for each in clone.rows(FIRST, LAST) if each.subject == "Here")
    assert (row.repo, row.grade, row.spent) == (str(place), None, Spent())
    assert costs(reckon(home, repository_of(repo.path))) == {"Here": 2}


def test_commit_in_two_clones(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A commit that two clones hold is shown once, where its session worked."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    session.commit(repo, "Here", T + 60)
    place = tmp_path / "src" / "clone"
    repo.git("clone", "--quiet", ".", str(place))
    Repo(place, create=False).git("config", "user.email", "ada@example.org")
    Claude(home, "S2", place).ask(T + 90)
    rows = reviewed(home).commits
    assert [(row.subject, row.repo) for row in rows if row.subject == "Here"] == [
        ("Here", str(repo.path))
    ]
    assert len(rows) == 2


def test_repository_that_went_since(home: Path, repo: Repo) -> None:
    """A day of a repository that is gone still adds up."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    session.commit(repo, "Here", T + 60)
    shutil.rmtree(repo.path)
    (rest,) = reviewed(home).rests
    assert (rest.reason, rest.spent.requests) == ("no_repo", 2)


def test_title_and_pull_request(home: Path, repo: Repo) -> None:
    """A session's title and pull request stand with its commit."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", code(*range(5), word="first"), T)
    session.commit(repo, "Here", T + 60)
    session.named("Sort the list")
    session.linked_with(12, T + 90)
    row = next(each for each in reviewed(home).commits if each.subject == "Here")
    assert (row.evidence[0].title, row.reference) == ("Sort the list", "#12")


@pytest.mark.parametrize(
    ("branch", "issue"),
    [
        ("feat/API-7-sort", "API-7"),
        ("api-7-sort", "API-7"),
        ("bob/12-sort", "#12"),
        ("issue-12", "#12"),
        ("changelog-0.4.3", ""),
        ("release-2.1", ""),
        ("upgrade-3.12-only", ""),
        ("2026-11-20-notes", ""),
        ("main", ""),
    ],
)
def test_issue_of_a_branch(branch: str, issue: str) -> None:
    """A branch names an issue by key or number; versions and dates are none."""
    assert reference_in(branch) == issue
