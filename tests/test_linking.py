"""Which session made which commit, on real repositories, whatever git did to it."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from repos import BEGIN, BOB, Repo, code
from sessions import (
    EACH,
    FIRST,
    LAST,
    Claude,
    Codex,
    costs,
    every_rest,
    every_row,
    reasons,
    reckon,
    tiers,
)

from burnmon.errors import HistoryError
from burnmon.shipped.repositories import repository_of

T = BEGIN + 3600
"""When sessions begin."""
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with a commit that no session made."""
    made = Repo(tmp_path / "src" / "api")
    made.write("old.py", code(1, 2, 3, word="old")).commit("Begin")
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def lines(*numbers: int) -> str:
    """Lines that nobody else writes."""
    return code(*numbers, word="telling")


def worked(
    home: Path, repo: Repo, name: str = "S1", at: int = T, numbers: range = range(5)
) -> Claude:
    """A session that wrote a file and left it to others to commit."""
    session = Claude(home, name, repo.path)
    session.write(repo.path / "new.py", lines(*numbers), at)
    return session


def only_cost(home: Path, subject: str, requests: int = 1) -> None:
    """All money of a home went into the one commit of a subject."""
    assert costs(reckon(home)) == {subject: requests}
    assert every_rest(reckon(home)) == []


# --- tiers ---------------------------------------------------------------------------


def test_commit_that_the_session_printed(home: Path, repo: Repo) -> None:
    """A commit whose SHA stands in the session's own output is proved."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    (row,) = every_row(reckon(home))
    (link,) = row.evidence
    assert (link.tier, link.grade, link.confidence) == ("proof", "exact", 1.0)
    assert (row.agent_lines, row.agent_share) == (5, 1.0)
    assert row.spent.cost == 2 * EACH


def test_quiet_commit(home: Path, repo: Repo) -> None:
    """A quiet commit is linked with the session whose command ran at that second."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60, quiet=True)
    assert tiers(reckon(home)) == {"Add it": {"S1": "bracket"}}
    only_cost(home, "Add it", 2)


def test_two_quiet_commits_at_once(home: Path, repo: Repo) -> None:
    """Where two sessions committed quietly at once, lines tell whose it is."""
    session, other = worked(home, repo), Claude(home, "S2", repo.path)
    session.commit(repo, "Add it", T + 60, quiet=True)
    other.run("git commit -q -m x", "", T + 60.5, T + 59.5)
    assert tiers(reckon(home)) == {"Add it": {"S1": "content"}}


def test_human_commit_after_the_session(home: Path, repo: Repo) -> None:
    """A commit that a person makes of a session's lines is the session's by content."""
    worked(home, repo)
    repo.commit("Add it", at=T + 120)
    assert tiers(reckon(home)) == {"Add it": {"S1": "content"}}
    only_cost(home, "Add it")


def test_human_edit_on_top(home: Path, repo: Repo) -> None:
    """Lines that a person adds to a session's file are not counted as the session's."""
    worked(home, repo)
    repo.write("new.py", lines(*range(5)) + code(*range(15), word="own"))
    repo.commit("Add it", at=T + 120)
    (row,) = every_row(reckon(home))
    assert (row.agent_lines, row.added) == (5, 20)
    assert row.evidence[0].share == pytest.approx(0.25)


def test_human_work_in_the_same_file(home: Path, repo: Repo) -> None:
    """A commit of other lines in a session's file is a hint that costs nothing."""
    worked(home, repo)
    repo.commit("Add it", at=T + 60)
    repo.write("new.py", lines(*range(5)) + code(*range(9), word="own"))
    repo.commit("Go on", at=T + 300)
    reckoning = reckon(home)
    assert tiers(reckoning)["Go on"] == {"S1": "possible"}
    assert costs(reckoning) == {"Add it": 1, "Go on": 0}


def test_moved_lines(home: Path, repo: Repo) -> None:
    """Lines that a person moved to another file before committing are still known."""
    worked(home, repo)
    repo.git("mv", "-f", "old.py", "kept.py")
    (repo.path / "new.py").rename(repo.path / "other.py")
    repo.commit("Move it", at=T + 120)
    reckoning = reckon(home)
    assert tiers(reckoning) == {"Move it": {"S1": "moved"}}
    (row,) = every_row(reckoning)
    assert (row.agent_lines, row.added) == (5, 5)


def test_formatter(home: Path, repo: Repo) -> None:
    """A commit of white space alone belongs to the session whose file it formats."""
    worked(home, repo)
    repo.commit("Add it", at=T + 60)
    repo.write("new.py", lines(*range(5)).replace("telling", "    telling"))
    repo.commit("Format", at=T + 300)
    reckoning = reckon(home)
    assert tiers(reckoning)["Format"] == {"S1": "format-only"}


def test_deletion(home: Path, repo: Repo) -> None:
    """A commit that only takes lines away belongs to the session that took them."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "old.py", "", T)
    repo.commit("Clear", at=T + 60)
    assert tiers(reckon(home)) == {"Clear": {"S1": "content"}}


def test_another_author(home: Path, repo: Repo) -> None:
    """A session's lines under another author's name are linked, and the name told."""
    worked(home, repo)
    repo.commit("Add it", at=T + 120, author=BOB)
    (row,) = every_row(reckon(home))
    (link,) = row.evidence
    assert (link.tier, row.author) == ("other-author", "Bob")
    assert "the author is bob@example.org" in link.words


def test_little_of_another_author(home: Path, repo: Repo) -> None:
    """A few lines of a session in another author's commit link nothing."""
    worked(home, repo)
    repo.write("more.py", code(*range(20), word="bobs"))
    repo.commit("Add it", at=T + 120, author=BOB)
    assert every_row(reckon(home)) == []
    assert [each.reason for each in every_rest(reckon(home))] == ["elsewhere"]


def test_no_address(home: Path, repo: Repo) -> None:
    """Without a configured address, whole commits are linked as another author's."""
    repo.git("config", "--unset", "user.email")
    worked(home, repo)
    repo.commit("Add it", at=T + 120)
    assert tiers(reckon(home)) == {"Add it": {"S1": "other-author"}}


def test_authors_asked_for(home: Path, repo: Repo) -> None:
    """Whoever is named as author is oneself, whatever git is configured to."""
    worked(home, repo)
    repo.commit("Add it", at=T + 120, author=BOB)
    reckoning = reckon(home, emails=frozenset({"bob@example.org"}))
    assert tiers(reckoning) == {"Add it": {"S1": "content"}}


def test_old_work(home: Path, repo: Repo) -> None:
    """Lines of four days ago link no commit of other work."""
    worked(home, repo)
    repo.write("more.py", code(*range(5), word="own"))
    repo.commit("Add it", at=T + 4 * DAY)
    assert every_row(reckon(home)) == []


# --- several sessions ----------------------------------------------------------------


def test_last_writer(home: Path, repo: Repo) -> None:
    """A line that two sessions wrote belongs to the last one before the commit."""
    worked(home, repo)
    second = Claude(home, "S2", repo.path)
    second.write(repo.path / "new.py", "", T + 60)
    second.write(repo.path / "new.py", lines(*range(5)), T + 90)
    repo.commit("Add it", at=T + 120)
    assert tiers(reckon(home)) == {"Add it": {"S2": "content"}}


def test_two_sessions_on_one_file(home: Path, repo: Repo) -> None:
    """A commit of two sessions' lines costs what both asked, each once."""
    worked(home, repo)
    second = Codex(home, 2, repo.path)
    second.write(repo.path / "new.py", lines(*range(12)), T + 60)
    repo.commit("Add it", at=T + 120)
    (row,) = every_row(reckon(home))
    assert {each.agent: each.tier for each in row.evidence} == {
        "claude": "content",
        "codex": "content",
    }
    assert row.agent_lines == 12
    assert sorted(each.share or 0 for each in row.evidence) == pytest.approx(
        [5 / 12, 7 / 12]
    )


def test_codex_session(home: Path, repo: Repo) -> None:
    """A Codex thread's commit is proved by its output as well."""
    session = Codex(home, 1, repo.path)
    session.write(repo.path / "new.py", lines(*range(5)), T)
    sha = session.commit(repo, "Add it", T + 60)
    (row,) = every_row(reckon(home))
    assert (row.sha, row.evidence[0].tier) == (sha, "proof")


def test_subagent(home: Path, repo: Repo) -> None:
    """A sub-agent's lines and money belong to the session that began it."""
    parent = Claude(home, "S1", repo.path)
    parent.ask(T - 60)
    child = Claude(home, "S1", repo.path, subagent="a1b2c3d")
    child.write(repo.path / "new.py", lines(*range(5)), T)
    repo.commit("Add it", at=T + 120)
    assert tiers(reckon(home)) == {"Add it": {"S1": "content"}}
    only_cost(home, "Add it", 2)


def test_batch(home: Path, repo: Repo) -> None:
    """Commits with nothing asked between them share what came before by their lines."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", lines(*range(30)), T)
    session.write(repo.path / "b.py", lines(*range(40, 50)), T + 10)
    repo.git("add", "a.py")
    repo.git("commit", "--quiet", "-m", "Large", at=T + 60)
    repo.commit("Small", at=T + 61)
    assert costs(reckon(home)) == {"Large": Decimal("1.5"), "Small": Decimal("0.5")}


def test_position(home: Path, repo: Repo) -> None:
    """What is asked before a commit counts for it, after the last one for none."""
    session = worked(home, repo)
    session.commit(repo, "First", T + 60)
    session.ask(T + 120)
    session.write(repo.path / "new.py", lines(*range(9)), T + 180)
    session.commit(repo, "Second", T + 240)
    session.ask(T + 300)
    reckoning = reckon(home)
    assert costs(reckoning) == {"First": 2, "Second": 3}
    (rest,) = every_rest(reckoning)
    assert (rest.reason, rest.spent.requests) == ("no_edits", 1)


# --- rewritten history ---------------------------------------------------------------


def test_amend(home: Path, repo: Repo) -> None:
    """An amended commit is one change with its first version, and costs once."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    repo.write("new.py", lines(*range(6)))
    repo.git("commit", "--quiet", "--all", "--amend", "-m", "Add all of it", at=T + 120)
    (row,) = every_row(reckon(home))
    assert (row.sha, row.subject) == (repo.head(), "Add all of it")
    assert row.spent.cost == 2 * EACH


def test_amended_with_a_sessions_lines(home: Path, repo: Repo) -> None:
    """A session whose lines came in by an amendment is linked with the commit."""
    repo.write("hand.py", code(1, word="hand")).commit("By hand", at=T)
    worked(home, repo, at=T + 600)
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--amend", "--no-edit", at=T + 700)
    assert tiers(reckon(home)) == {"By hand": {"S1": "amend"}}


def test_rebase(home: Path, repo: Repo) -> None:
    """A rebased commit costs once, and the branch that took it over shows it."""
    repo.git("switch", "--quiet", "-c", "feature")
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    repo.git("switch", "--quiet", "main")
    repo.write("main.py", code(1, word="main")).commit("Meanwhile", at=T + 90)
    repo.git("switch", "--quiet", "feature")
    repo.git("rebase", "--quiet", "main", at=T + 120)
    (row,) = every_row(reckon(home))
    assert (row.sha, row.state, row.branch) == (repo.head(), "not_merged", "feature")
    assert (row.evidence[0].tier, row.spent.cost) == ("proof", 2 * EACH)


def test_autosquash(home: Path, repo: Repo) -> None:
    """A fix-up that a rebase melted into its commit is counted once, with its money."""
    session = worked(home, repo)
    first = session.commit(repo, "Add it", T + 60)
    session.write(repo.path / "new.py", lines(*range(8)), T + 120)
    repo.git("add", "--all")
    repo.git("commit", "--quiet", f"--fixup={first}", at=T + 180)
    repo.git("rebase", "--quiet", "-i", "--autosquash", "HEAD~2", at=T + 240)
    rows = every_row(reckon(home))
    assert [row.sha for row in rows if row.state == "on_main"] == [repo.head()]
    assert sum(row.spent.cost for row in rows) == 3 * EACH


def squashed(home: Path, repo: Repo) -> str:
    """A branch of two commits of a session, squashed into one on main."""
    repo.git("switch", "--quiet", "-c", "feature")
    session = worked(home, repo)
    session.commit(repo, "One", T + 60)
    session.write(repo.path / "two.py", lines(*range(10, 16)), T + 120)
    session.commit(repo, "Two", T + 180)
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--squash", "feature", at=T + 600)
    return repo.commit("Both (#7)", at=T + 600)


def test_squash_beside_its_branch(home: Path, repo: Repo) -> None:
    """Money of a squashed branch is counted once while the branch is there."""
    squashed(home, repo)
    reckoning = reckon(home)
    assert sum(costs(reckoning).values()) == 4
    assert costs(reckoning) | {"Both (#7)": 0} == {"One": 2, "Two": 2, "Both (#7)": 0}
    rows = {each.subject: each for each in reckoning.rows(FIRST, LAST)}
    assert rows["Both (#7)"].agent_share == 1.0


def test_squash_whose_branch_is_deleted(home: Path, repo: Repo) -> None:
    """The reflog still tells the commits of a squashed branch that was deleted."""
    squashed(home, repo)
    repo.git("branch", "--quiet", "-D", "feature")
    reckoning = reckon(home)
    assert costs(reckoning)["One"] == 2
    assert sum(costs(reckoning).values()) == 4


def test_squash_alone(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A clone that shows nothing but the squash links it with the session."""
    sha = squashed(home, repo)
    repo.git("branch", "--quiet", "-D", "feature")
    fresh = tmp_path / "src" / "fresh"
    repo.git("clone", "--quiet", "--no-local", "--branch", "main", ".", str(fresh))
    clone = Repo(fresh, create=False)
    clone.git("config", "user.email", "ada@example.org")
    shutil.rmtree(repo.path)
    found = reckon(home, repository_of(fresh))
    (row,) = every_row(found)
    assert (row.sha, row.evidence[0].tier) == (sha, "content")
    assert row.spent.cost == 4 * EACH


def test_cherry_pick(home: Path, repo: Repo) -> None:
    """A cherry-picked copy is the same change and costs once."""
    repo.git("switch", "--quiet", "-c", "feature")
    session = worked(home, repo)
    sha = session.commit(repo, "Add it", T + 60)
    repo.git("switch", "--quiet", "main")
    repo.git("cherry-pick", sha, at=T + 120)
    (row,) = every_row(reckon(home))
    assert (row.sha, row.state) == (repo.head(), "on_main")
    assert row.spent.cost == 2 * EACH


def revert(repo: Repo, sha: str, subject: str, at: int) -> str:
    """Take a commit back as ``git revert`` does, whatever the clock says."""
    repo.git("revert", "--no-commit", sha)
    return repo.commit(f"{subject}\n\nThis reverts commit {sha}.", at=at)


def test_revert(home: Path, repo: Repo) -> None:
    """A person's revert takes a commit back and is no work of the session."""
    session = worked(home, repo)
    sha = session.commit(repo, "Add it", T + 60)
    revert(repo, sha, 'Revert "Add it"', T + 120)
    (row,) = every_row(reckon(home))
    assert (row.state, row.state_words) == (
        "reverted",
        f"reverted by {repo.head()[:7]}",
    )
    assert row.spent.cost == 2 * EACH


def test_commits_of_one_second(home: Path, repo: Repo) -> None:
    """Commits that a script made in one second are no copies, not even rebased."""
    repo.git("switch", "--quiet", "-c", "feature")
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "a.py", lines(*range(5)), T)
    session.write(repo.path / "b.py", lines(*range(10, 15)), T + 10)
    repo.git("add", "a.py")
    repo.git("commit", "--quiet", "-m", "One", at=T + 60)
    repo.commit("Two", at=T + 60)
    repo.git("switch", "--quiet", "main")
    repo.write("main.py", code(1, word="main")).commit("Meanwhile", at=T + 90)
    repo.git("switch", "--quiet", "feature")
    repo.git("rebase", "--quiet", "main", at=T + 120)
    assert costs(reckon(home)) == {"One": 1, "Two": 1}


def test_revert_of_the_revert(home: Path, repo: Repo) -> None:
    """A commit whose revert was reverted is on main again."""
    session = worked(home, repo)
    sha = session.commit(repo, "Add it", T + 60)
    back = revert(repo, sha, 'Revert "Add it"', T + 120)
    revert(repo, back, 'Reapply "Add it"', T + 180)
    rows = {row.subject: row for row in every_row(reckon(home))}
    assert rows["Add it"].state == "on_main"
    assert sum(row.spent.cost for row in rows.values()) == 2 * EACH


def test_merge(home: Path, repo: Repo) -> None:
    """A merge costs nothing: what it brings was paid for by its commits."""
    repo.git("switch", "--quiet", "-c", "feature")
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    repo.git("switch", "--quiet", "main")
    printed = repo.git("merge", "--no-ff", "-m", "Merge it", "feature", at=T + 120)
    session.run("git merge --no-ff feature", printed, T + 120.5, T + 119.5)
    reckoning = reckon(home)
    (row,) = every_row(reckoning)
    assert (row.subject, row.state, row.spent.requests) == ("Add it", "on_main", 2)
    (rest,) = every_rest(reckoning)
    assert (rest.reason, rest.spent.requests) == ("no_edits", 1)


def test_rename(home: Path, repo: Repo) -> None:
    """A file that a commit renames and changes is the one the session wrote."""
    session = Claude(home, "S1", repo.path)
    repo.write("long.py", code(*range(40), word="long")).commit("Long", at=T - 60)
    text = code(*range(40), word="long") + lines(1, 2, 3, 4)
    session.write(repo.path / "long.py", text, T)
    repo.git("mv", "long.py", "renamed.py")
    repo.commit("Rename", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.subject, row.evidence[0].tier) == ("Rename", "content")
    assert row.agent_lines == 4


# --- shapes of repositories ----------------------------------------------------------


def test_linked_worktree(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A session in a linked work tree works in the repository."""
    tree = tmp_path / "src" / "tree"
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tree))
    session = Claude(home, "S1", tree, "side")
    session.write(tree / "new.py", lines(*range(5)), T)
    Repo(tree, create=False).commit("Aside", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.repo, row.branch) == (str(repo.path), "side")
    assert row.evidence[0].tier == "content"


def test_removed_worktree(home: Path, repo: Repo, tmp_path: Path) -> None:
    """Work in a work tree that was removed is found by its lines."""
    tree = tmp_path / "gone" / "tree"
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tree))
    session = Claude(home, "S1", tree, "side")
    session.write(tree / "new.py", lines(*range(5)), T)
    Repo(tree, create=False).commit("Aside", at=T + 60)
    repo.git("worktree", "remove", "--force", str(tree))
    assert tiers(reckon(home, repository_of(repo.path))) == {"Aside": {"S1": "content"}}


def test_submodule(home: Path, repo: Repo, tmp_path: Path) -> None:
    """Work in a submodule belongs to it, and the new pointer to nobody's lines."""
    library = Repo(tmp_path / "src" / "library")
    library.write("lib.py", code(1, word="library")).commit("Library")
    repo.git("submodule", "--quiet", "add", str(library.path), "lib")
    repo.commit("Take the library", at=T - 60)
    inside = Repo(repo.path / "lib", create=False)
    inside.git("config", "user.email", "ada@example.org")
    session = Claude(home, "S1", repo.path)
    session.write(inside.path / "new.py", lines(*range(5)), T)
    inside.commit("Inside", at=T + 60)
    repo.commit("Move the pointer", at=T + 120)
    rows = {row.subject: row for row in every_row(reckon(home))}
    assert rows["Inside"].repo == str(inside.path)
    assert rows["Inside"].evidence[0].tier == "content"
    assert "Move the pointer" not in rows


def test_detached_head(home: Path, repo: Repo) -> None:
    """A commit on a detached head is proved, though git names no branch."""
    repo.git("checkout", "--quiet", "--detach")
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    (row,) = every_row(reckon(home))
    assert (row.evidence[0].tier, row.state, row.branch) == ("proof", "not_merged", "")


def test_two_clones(home: Path, repo: Repo, tmp_path: Path) -> None:
    """Work in one of two clones is linked and paid there, and not in the other."""
    other = tmp_path / "src" / "other"
    repo.git("clone", "--quiet", ".", str(other))
    clone = Repo(other, create=False)
    clone.git("config", "user.email", "ada@example.org")
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    clone.git("pull", "--quiet", "--no-rebase")
    Claude(home, "S2", other).ask(T + 90)
    (row,) = every_row(reckon(home))
    assert (row.repo, row.spent.cost) == (str(repo.path), 2 * EACH)


def test_two_clones_of_what_is_gone(home: Path, repo: Repo, tmp_path: Path) -> None:
    """Work in a clone that was deleted is linked in one of two others, and only one."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    for name, asked in (("one", "S2"), ("two", "S3")):
        place = tmp_path / "src" / name
        repo.git("clone", "--quiet", "--no-local", ".", str(place))
        Repo(place, create=False).git("config", "user.email", "ada@example.org")
        Claude(home, asked, place).ask(T + 90)
    shutil.rmtree(repo.path)
    (row,) = every_row(reckon(home))
    assert row.spent.cost == 2 * EACH


def test_two_repositories(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A session that worked in two repositories is linked in both."""
    other = Repo(tmp_path / "src" / "web")
    other.write("base.ts", code(1, word="base")).commit("Base")
    session = worked(home, repo)
    repo.commit("Here", at=T + 60)
    session.write(other.path / "page.ts", lines(*range(20, 25)), T + 120)
    other.commit("There", at=T + 180)
    assert costs(reckon(home)) == {"Here": 1, "There": 1}


def test_empty_commit(home: Path, repo: Repo) -> None:
    """An empty commit is proved, and costs what was asked for it."""
    session = Claude(home, "S1", repo.path)
    session.commit(repo, "Empty", T + 60, "--allow-empty")
    (row,) = every_row(reckon(home))
    assert (row.evidence[0].tier, row.added, row.agent_share) == ("proof", 0, None)
    assert row.spent.cost == EACH


def test_root_commit(home: Path, tmp_path: Path) -> None:
    """The first commit of a repository is linked like any other."""
    repo = Repo(tmp_path / "src" / "fresh")
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "new.py", lines(*range(5)), T)
    session.commit(repo, "Root", T + 60)
    assert tiers(reckon(home)) == {"Root": {"S1": "proof"}}


def test_windows_line_ends(home: Path, repo: Repo) -> None:
    """Lines that end as on Windows are the ones the session wrote."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "win.py", lines(*range(5)), T, ends="\r\n")
    repo.commit("Add it", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.evidence[0].tier, row.agent_lines) == ("content", 5)


def test_binary_file(home: Path, repo: Repo) -> None:
    """A binary file beside a session's lines tells neither for nor against it."""
    worked(home, repo)
    repo.write("logo.png", bytes(range(256)) * 40)
    repo.commit("Add both", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.evidence[0].tier, row.evidence[0].share) == ("content", 1.0)


@pytest.mark.parametrize("name", ["größe.py", "a b\tc.py", 'say "it".py', "日本.py"])
def test_odd_names(home: Path, repo: Repo, name: str) -> None:
    """Files are found whatever characters their names have."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / name, lines(*range(5)), T)
    repo.commit("Add it", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.evidence[0].tier, row.agent_lines) == ("content", 5)


def test_name_that_is_not_utf8(home: Path, repo: Repo) -> None:
    """A name that is no UTF-8 beside a session's file stands in the way of nothing."""
    worked(home, repo)
    repo.write(b"gr\xfc\xdfe.py", code(1, 2, word="latin"))
    repo.commit("Add both", at=T + 60)
    (row,) = every_row(reckon(home))
    assert (row.agent_lines, row.added) == (5, 7)


def test_text_that_is_not_utf8(home: Path, repo: Repo) -> None:
    """Lines in another encoding are not known; the others are."""
    session = Claude(home, "S1", repo.path)
    text = lines(*range(5)) + "größer als 1\n"
    session.write(repo.path / "latin.py", text, T, encoding="latin-1")
    repo.commit("Add it", at=T + 60)
    (row,) = every_row(reckon(home))
    assert row.evidence[0].share == pytest.approx(5 / 6)


# --- places that moved or went -------------------------------------------------------


def test_moved_clone(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A session recorded under another path is mapped to where the clone lies now."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    there = tmp_path / "elsewhere"
    repo.path.rename(there)
    assert every_row(reckon(home)) == []
    reckoning = reckon(home, paths=((str(repo.path), str(there)),))
    assert tiers(reckoning) == {"Add it": {"S1": "proof"}}


def test_directory_that_is_gone(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A session whose directory is gone is linked where one asks for it."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    there = tmp_path / "elsewhere"
    repo.path.rename(there)
    reckoning = reckon(home, repository_of(there))
    assert tiers(reckoning) == {"Add it": {"S1": "proof"}}


def test_repository_that_is_gone(home: Path, repo: Repo) -> None:
    """Money of a repository that is gone is in no commit, and said to be so."""
    session = worked(home, repo)
    session.commit(repo, "Add it", T + 60)
    shutil.rmtree(repo.path)
    (rest,) = every_rest(reckon(home))
    assert (rest.reason, rest.repo) == ("no_repo", str(repo.path))
    with pytest.raises(HistoryError, match="is gone"):
        repository_of(repo.path)


def test_broken_repository(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A repository that git cannot read is named in a note, and nothing fails."""
    tree = tmp_path / "src" / "tree"
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tree))
    Claude(home, "S1", tree).ask(T)
    shutil.rmtree(repo.path)
    reckoning = reckon(home)
    assert [each.reason for each in every_rest(reckoning)] == ["no_repo"]
    assert reckoning.known.notes == (f"{tree}: its repository is gone",)


def test_shallow_clone(home: Path, repo: Repo, tmp_path: Path) -> None:
    """A shallow clone links what it has and says that it is shallow."""
    worked(home, repo)
    repo.commit("Add it", at=T + 60)
    repo.write("z.py", code(1, word="zed")).commit("Later", at=T + 120)
    place = tmp_path / "src" / "shallow"
    url = f"file://{repo.path}"
    repo.git("clone", "--quiet", "--depth=1", url, str(place))
    clone = Repo(place, create=False)
    clone.git("config", "user.email", "ada@example.org")
    session = Claude(home, "S2", place)
    session.write(place / "more.py", lines(*range(30, 35)), T + 180)
    clone.commit("More", at=T + 240)
    reckoning = reckon(home)
    assert tiers(reckoning)["More"] == {"S2": "content"}
    assert any("shallow" in each for each in reckoning.known.notes)


def test_no_repository(home: Path, tmp_path: Path) -> None:
    """Work outside any repository is said to be so."""
    place = tmp_path / "notes"
    session = Claude(home, "S1", place)
    session.write(place / "todo.md", lines(1, 2), T)
    (rest,) = every_rest(reckon(home))
    assert (rest.reason, rest.repo) == ("no_repo", str(place))


# --- why money is in no commit -------------------------------------------------------


def test_uncommitted(home: Path, repo: Repo) -> None:
    """Lines that are on disk and in no commit are uncommitted, by file."""
    worked(home, repo)
    assert reasons(reckon(home)) == {"uncommitted": ("new.py",)}


def test_discarded(home: Path, repo: Repo) -> None:
    """Lines that are nowhere any more were thrown away."""
    worked(home, repo)
    (repo.path / "new.py").unlink()
    assert reasons(reckon(home)) == {"discarded": ()}


def test_no_edits(home: Path, repo: Repo) -> None:
    """A session that changed nothing has no edits, even if it was refused one."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "new.py", lines(1), T, outcome="rejected")
    assert reasons(reckon(home)) == {"no_edits": ()}


def test_uncommitted_deletion(home: Path, repo: Repo) -> None:
    """Lines taken away on disk and still in the last commit are uncommitted."""
    session = Claude(home, "S1", repo.path)
    session.write(repo.path / "old.py", code(1, word="old"), T)
    assert reasons(reckon(home)) == {"uncommitted": ("old.py",)}
