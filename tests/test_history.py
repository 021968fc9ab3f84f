"""Histories of real repositories: what is a copy of what, and what is where."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from repos import (
    ADA,
    BEGIN,
    BOB,
    Repo,
    change_of,
    code,
    commits,
    history,
    shas,
    subjects,
)

from burnmon.errors import HistoryError
from burnmon.shipped.commits import FilePatch
from burnmon.shipped.history import Histories, position, repository_of
from burnmon.work import fingerprints


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with one commit."""
    repo = Repo(tmp_path / "work")
    repo.write("a.py", code(1, 2, 3)).commit("Begin")
    return repo


def prints(text: str) -> bytes:
    return fingerprints(text.encode().splitlines())


def only_file(path: Path, sha: str) -> FilePatch:
    """The one file a commit changed."""
    (file,) = commits(history(path))[sha].files
    return file


# --- copies of a change --------------------------------------------------------------


def test_root_commit(repo: Repo) -> None:
    """A root commit adds all its lines."""
    file = only_file(repo.path, repo.head())
    assert file == FilePatch("a.py", "", prints(code(1, 2, 3)), b"", 3, 0, False, "")


def test_amend(repo: Repo) -> None:
    """An amended commit is one change with two copies, and the reflog leads on."""
    old = repo.write("b.py", code(4)).commit("Add b")
    new = repo.write("b.py", code(4, 5)).commit("Add b", "--amend")
    found = history(repo.path)
    assert shas(change_of(found, old)) == [old, new]
    assert found.rewritten == {old: new}
    assert new in found.reachable
    assert old not in found.reachable


def test_amended_twice_leads_to_the_last(repo: Repo) -> None:
    """What was rewritten twice is led to what is left of it."""
    first = repo.write("b.py", code(4)).commit("Add b")
    second = repo.write("b.py", code(4, 5)).commit("Add b", "--amend")
    third = repo.write("b.py", code(4, 5, 6)).commit("Add b", "--amend")
    assert history(repo.path).rewritten == {first: third, second: third}


def test_rebase(repo: Repo) -> None:
    """Rebased commits are copies, and the reflog says of which."""
    repo.git("checkout", "--quiet", "-b", "feat/x")
    old = [repo.write(f"{n}.py", code(n)).commit(f"Add {n}") for n in (4, 5)]
    repo.git("checkout", "--quiet", "main")
    repo.write("m.py", code(9)).commit("Main moves")
    repo.git("checkout", "--quiet", "feat/x")
    repo.git("rebase", "--quiet", "main", at=repo.now + 60)
    new = [repo.head("HEAD~1"), repo.head()]
    found = history(repo.path)
    assert found.rewritten == dict(zip(old, new, strict=True))
    assert shas(change_of(found, old[0])) == [old[0], new[0]]
    assert found.branches[new[0]] == "feat/x"


def test_autosquash(repo: Repo) -> None:
    """A fixup is led to the commit that it went into."""
    old = repo.write("b.py", code(4)).commit("Add b")
    repo.write("c.py", code(7)).commit("Add c")
    fixup = repo.write("b.py", code(4, 5)).commit("fixup! Add b")
    repo.git("rebase", "--quiet", "-i", "--autosquash", "HEAD~3", at=repo.now + 60)
    found = history(repo.path)
    folded = repo.head("HEAD~1")
    assert found.rewritten[fixup] == folded
    assert found.rewritten[old] == folded
    assert commits(found)[folded].subject == "Add b"


def test_squashed_by_hand(repo: Repo) -> None:
    """Commits folded in an interactive rebase are led to what took them in."""
    old = [repo.write(f"{n}.py", code(n)).commit(f"Add {n}") for n in (4, 5, 6)]
    repo.git("config", "sequence.editor", "sed -i -e '2s/pick/fixup/;3s/pick/squash/'")
    repo.git("rebase", "--quiet", "-i", "HEAD~3", at=repo.now + 60, edits=True)
    found = history(repo.path).rewritten
    assert {found[sha] for sha in old} == {repo.head()}


def test_squash_merge(repo: Repo) -> None:
    """A squash is a change of its own; its parts stay on their branch."""
    repo.git("checkout", "--quiet", "-b", "feat/x")
    parts = [repo.write(f"{n}.py", code(n)).commit(f"Add {n}") for n in (4, 5)]
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--squash", "feat/x")
    squash = repo.commit("Add both (#12)")
    found = history(repo.path)
    assert commits(found)[squash].mentions == ("#12",)
    assert {found.branches[part] for part in parts} == {"feat/x"}
    assert squash in found.on_main
    assert not found.on_main & set(parts)


def test_cherry_pick(repo: Repo) -> None:
    """A picked commit is a copy of the one it was picked from."""
    repo.git("checkout", "--quiet", "-b", "fix")
    old = repo.write("b.py", code(4)).commit("Add b")
    repo.git("checkout", "--quiet", "main")
    repo.write("c.py", code(5)).commit("Other")
    repo.git("cherry-pick", old, at=repo.now + 60)
    found = history(repo.path)
    assert shas(change_of(found, old)) == [old, repo.head()]
    assert repo.head() in found.on_main


def test_revert(repo: Repo) -> None:
    """A revert names what it took back."""
    old = repo.write("b.py", code(4)).commit("Add b")
    repo.git("revert", "--no-edit", old, at=repo.now + 60)
    found = commits(history(repo.path))[repo.head()]
    assert found.reverts == (old,)
    assert found.files[0].removed == prints(code(4))


def test_merge(repo: Repo) -> None:
    """A merge is in no change, and what it brought is on the main branch."""
    repo.git("checkout", "--quiet", "-b", "feat/x")
    part = repo.write("b.py", code(4)).commit("Add b")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "-m", "Merge #7", "feat/x")
    found = history(repo.path)
    assert [each.mentions for each in found.merges] == [("#7",)]
    assert repo.head() not in commits(found)
    assert {part, repo.head()} <= found.on_main
    assert found.branches == {}


def test_empty_commit(repo: Repo) -> None:
    """A commit without files is read, and has none."""
    sha = repo.commit("Nothing")
    found = commits(history(repo.path))[sha]
    assert (found.files, found.read) == ((), True)


# --- files ---------------------------------------------------------------------------


def test_edited_rename(repo: Repo) -> None:
    """A renamed file has both names, and only the lines that changed."""
    repo.write("long.py", code(*range(50))).commit("Add long")
    repo.git("mv", "long.py", "moved.py")
    sha = repo.write("moved.py", code(*range(51))).commit("Move")
    file = only_file(repo.path, sha)
    assert (file.path, file.old_path) == ("moved.py", "long.py")
    assert (file.added, file.removed) == (prints(code(50)), b"")


def test_line_ends(repo: Repo) -> None:
    """Other line ends are nothing but white space, and no other lines."""
    sha = repo.write("a.py", code(1, 2, 3).replace("\n", "\r\n")).commit("CRLF")
    file = only_file(repo.path, sha)
    assert file.only_space
    assert file.added == file.removed == prints(code(1, 2, 3))


def test_indentation(repo: Repo) -> None:
    """Lines that were broken and indented otherwise changed in white space only."""
    text = "  line number\n 1\n  line number 2\n line number 3\n"
    assert only_file(repo.path, repo.write("a.py", text).commit("Format")).only_space


def test_line_that_moved(repo: Repo) -> None:
    """A line that stands elsewhere in its file is no change of white space."""
    repo.write("m.py", code(1, 2, 3)).commit("In order")
    sha = repo.write("m.py", code(2, 3, 1)).commit("Out of order")
    assert not only_file(repo.path, sha).only_space


def test_binary(repo: Repo) -> None:
    """A binary file has no lines."""
    sha = repo.write("a.png", bytes(range(256))).commit("Picture")
    file = only_file(repo.path, sha)
    assert (file.skipped, file.added, file.lines_added) == ("binary", b"", 0)


def test_large(repo: Repo) -> None:
    """A file of more than one MiB is not read."""
    sha = repo.write("a.txt", code(*range(80_000))).commit("Large")
    file = only_file(repo.path, sha)
    assert (file.skipped, file.added) == ("large", b"")


def test_generated(repo: Repo) -> None:
    """A lock file's lines are counted and not kept."""
    sha = repo.write("Cargo.lock", code(1, 2)).commit("Lock")
    file = only_file(repo.path, sha)
    assert (file.skipped, file.lines_added, file.added) == ("generated", 2, b"")


def test_latin_1(repo: Repo) -> None:
    """Lines that are not UTF-8 are lines like others."""
    sha = repo.write("b.py", b"gr\xfc\xdfe an alle\n").commit("Latin")
    assert only_file(repo.path, sha).added == fingerprints([b"gr\xfc\xdfe an alle"])


@pytest.mark.parametrize(
    "name",
    [b"caf\xe9.py", b"two\nlines.py", b'quote".py', b" a b .py", b"-p", b":(glob)*"],
    ids=["bytes", "newline", "quote", "blanks", "dash", "magic"],
)
def test_odd_names(repo: Repo, name: bytes) -> None:
    """A file may have any name."""
    sha = repo.write(name, code(4)).commit("Odd")
    file = only_file(repo.path, sha)
    assert os.fsencode(file.path) == name
    assert file.added == prints(code(4))


def test_change_of_type(repo: Repo) -> None:
    """A file that becomes a link, and one behind it, keep their own lines."""
    (repo.path / "a.py").unlink()
    (repo.path / "a.py").symlink_to("target of it")
    sha = repo.write("b.py", code(4)).commit("Link")
    first, second = commits(history(repo.path))[sha].files
    assert first.removed == prints(code(1, 2, 3))
    assert (second.path, second.added) == ("b.py", prints(code(4)))


# --- people --------------------------------------------------------------------------


def test_mailmap(repo: Repo) -> None:
    """Authors and the person's own address are as the mailmap has them."""
    sha = repo.write("b.py", code(4)).commit("B", author=("bobby", "OLD@home.org"))
    repo.write(
        ".mailmap",
        "Bob <bob@example.org> <old@home.org>\nA <a@b.org> <ada@example.org>\n",
    ).commit("Map")
    found = commits(history(repo.path))[sha]
    assert (found.author_name, found.author_email) == BOB
    repository = repository_of(repo.path)
    assert repository is not None
    assert repository.emails == {"a@b.org"}


def test_no_address(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git knows no address of the person, none is made up."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repo.git("config", "--unset", "user.email")
    repository = repository_of(repo.path)
    assert repository is not None
    assert "ada@example.org" not in repository.emails


# --- places --------------------------------------------------------------------------


def test_linked_worktree(repo: Repo) -> None:
    """A linked work tree is the same repository, and its own HEAD is read."""
    linked = repo.path.parent / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(linked))
    other = Repo(linked, create=False)
    old = other.write("b.py", code(4)).commit("Add b")
    new = other.write("b.py", code(4, 5)).commit("Add b", "--amend")
    assert repository_of(linked) == repository_of(repo.path)
    found = history(repo.path)
    assert found.repository.worktrees == (str(repo.path), str(linked))
    assert found.rewritten == {old: new}
    assert new in found.reachable


def test_submodule(repo: Repo) -> None:
    """A submodule is a repository of its own; its commit is no line of the other."""
    inner = Repo(repo.path.parent / "inner")
    inner.write("i.py", code(7)).commit("Inner")
    repo.git("submodule", "--quiet", "add", str(inner.path), "sub")
    sha = repo.commit("Add sub")
    files = {each.path: each for each in commits(history(repo.path))[sha].files}
    assert (files["sub"].skipped, files["sub"].added) == ("generated", b"")
    found = history(repo.path / "sub")
    assert subjects(found) == ["Inner"]
    assert found.repository.name == "sub"
    assert found.repository.worktrees == (str(repo.path / "sub"),)


def test_detached_head(repo: Repo) -> None:
    """A commit on no branch is reachable, and is on none."""
    repo.git("checkout", "--quiet", "--detach")
    sha = repo.write("b.py", code(4)).commit("Loose")
    found = history(repo.path)
    assert sha in found.reachable
    assert sha not in found.branches
    assert sha not in found.on_main


def test_bare_clone(repo: Repo) -> None:
    """A bare clone is read like any other and has no work tree."""
    bare = repo.path.parent / "bare.git"
    repo.git("clone", "--quiet", "--bare", ".", str(bare))
    found = history(bare)
    assert subjects(found) == ["Begin"]
    assert found.repository.worktrees == ()
    assert found.repository.name == "bare"


def test_two_clones_share_what_was_read(repo: Repo) -> None:
    """What was read of one clone is not read again of another."""
    clone = repo.path.parent / "clone"
    repo.git("clone", "--quiet", ".", str(clone))
    one, other = repository_of(repo.path), repository_of(clone)
    assert one is not None
    assert other is not None

    def refuse(done: int, whole: int) -> bool:
        return whole == 0

    with Histories(None) as histories:
        first = histories.read(one, 0)
        second = histories.read(other, 0, refuse)
    assert second.complete
    assert commits(first) == commits(second)
    assert other.main == "refs/remotes/origin/main"


def test_shallow_clone(repo: Repo) -> None:
    """The edge of a shallow clone is no commit that wrote the whole tree."""
    repo.write("b.py", code(4)).commit("Second")
    edge = repo.head()
    last = repo.write("c.py", code(5)).commit("Third")
    clone = repo.path.parent / "clone"
    repo.git("clone", "--quiet", "--depth=2", f"file://{repo.path}", str(clone))
    found = history(clone)
    assert found.repository.shallow
    assert subjects(found) == ["Second", "Third"]
    assert not commits(found)[edge].read
    assert commits(found)[last].files[0].added == prints(code(5))
    assert found.notes == (
        "clone: the clone is shallow, earlier commits are not known",
    )


def test_partial_clone(repo: Repo) -> None:
    """What a partial clone lacks is missing, is not fetched, and stops nothing."""
    repo.git("config", "uploadpack.allowFilter", "true")
    old = repo.write("a.py", code(8)).write("b.py", code(4)).commit("Second")
    clone = repo.path.parent / "clone"
    url = f"file://{repo.path}"
    repo.git("clone", "--quiet", "--no-checkout", "--filter=blob:none", url, str(clone))
    mine = Repo(clone, create=False)
    mine.git("read-tree", "--empty")
    mine.now = repo.now
    new = mine.write("own.py", code(6)).write("own2.py", code(7)).commit("Mine")
    found = history(clone)
    assert found.repository.partial
    assert {file.skipped for file in commits(found)[old].files} == {"missing"}
    skipped = {file.path: file.skipped for file in commits(found)[new].files}
    assert skipped == {
        "a.py": "missing",
        "b.py": "missing",
        "own.py": "",
        "own2.py": "",
    }
    assert "3 commits have files whose content is not here" in found.notes[0]
    there = mine.git("rev-list", "--objects", "--missing=print", "--all")
    assert there.count("?") == 3


def test_missing_arrives(repo: Repo, tmp_path: Path) -> None:
    """What was missing is read once it is there."""
    blob = repo.git("rev-parse", "HEAD:a.py")
    place = repo.path / ".git" / "objects" / blob[:2] / blob[2:]
    away = place.rename(tmp_path / "away")
    cache = tmp_path / "cache"
    sha = repo.head()
    assert commits(history(repo.path, 0, cache))[sha].files[0].skipped == "missing"
    away.rename(place)
    repo.git("repack", "-q", "-a", "-d")
    assert commits(history(repo.path, 0, cache))[sha].files[0].skipped == ""


def test_missing_tree_and_parent(repo: Repo) -> None:
    """A damaged repository is read as far as it goes."""
    begin = repo.head()
    middle = repo.write("b.py", code(4)).commit("Second")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    last = repo.write("c.py", code(5)).commit("Third")
    fine = repo.write("d.py", code(6)).commit("Fourth")
    for name in (tree, begin):
        (repo.path / ".git" / "objects" / name[:2] / name[2:]).unlink()
    found = history(repo.path)
    assert set(commits(found)) == {middle, last, fine}
    assert commits(found)[fine].files[0].added == prints(code(6))
    assert not commits(found)[last].read
    assert found.notes == ("work: 2 commits cannot be read, their files are not here",)


def test_careful_person(repo: Repo) -> None:
    """Who lets git use no bare repository by accident still has their commits read."""
    config = repo.path.parent / ".gitconfig"
    config.write_text("[safe]\n\tbareRepository = explicit\n")
    assert subjects(history(repo.path)) == ["Begin"]


def test_damaged_commit(repo: Repo) -> None:
    """A commit that is cut short, as after a power failure, is said to be corrupt."""
    last = repo.write("b.py", code(4)).commit("Second")
    place = repo.path / ".git" / "objects" / last[:2] / last[2:]
    half = place.read_bytes()[: place.stat().st_size // 2]
    place.unlink()
    place.write_bytes(half)
    with pytest.raises(HistoryError, match="is corrupt"):
        history(repo.path)


def test_no_repository(tmp_path: Path) -> None:
    """A directory outside any repository has none."""
    assert repository_of(tmp_path) is None


def test_gone(repo: Repo) -> None:
    """A repository that is gone is said to be gone."""
    repository = repository_of(repo.path)
    assert repository is not None
    shutil.rmtree(repo.path)
    with pytest.raises(HistoryError, match="is gone"):
        repository_of(repo.path)
    with pytest.raises(HistoryError, match="is gone"), Histories(None) as histories:
        histories.read(repository, 0)
    assert position(repository) == ""


def test_unborn(tmp_path: Path) -> None:
    """A repository without a commit has an empty history."""
    found = history(Repo(tmp_path / "new").path)
    assert (found.changes, found.repository.main, found.notes) == ((), "", ())


def test_sha256(tmp_path: Path) -> None:
    """Repositories with longer names of objects are read alike."""
    Repo(tmp_path / "seed")
    repo = Repo(tmp_path / "long")
    shutil.rmtree(repo.path / ".git")
    repo.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    sha = repo.write("a.py", code(1)).commit("Long")
    assert len(sha) == 64
    assert only_file(repo.path, sha).added == prints(code(1))


def test_without_git(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where git is not installed, that is what is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HistoryError, match="git: not found"):
        repository_of(repo.path)


# --- refs ----------------------------------------------------------------------------


def test_branches_by_shortest_name(repo: Repo) -> None:
    """A commit is on the branch with the shortest name, on a pull request last."""
    repo.git("checkout", "--quiet", "-b", "a-longer-name")
    first = repo.write("b.py", code(4)).commit("First")
    repo.git("update-ref", "refs/remotes/origin/short", first)
    repo.git("update-ref", "refs/pull/1/head", first)
    repo.git("checkout", "--quiet", "--detach")
    second = repo.write("c.py", code(5)).commit("Second")
    repo.git("update-ref", "refs/pull/12/head", second)
    found = history(repo.path)
    assert found.branches == {first: "short", second: "pull/12"}


def test_bookkeeping_is_no_work(repo: Repo) -> None:
    """Branches that Entire keeps, stashes and notes are not read."""
    repo.git("checkout", "--quiet", "--orphan", "entire/abc")
    repo.commit("Shadow")
    repo.git("checkout", "--quiet", "--force", "main")
    repo.git("branch", "--quiet", "entire-thing")
    for log in (repo.path / ".git" / "logs").rglob("HEAD"):
        log.unlink()
    repo.git("notes", "add", "-m", "A note")
    repo.write("a.py", code(99)).git("stash")
    assert subjects(history(repo.path)) == ["Begin"]


def test_git_ai_note(repo: Repo) -> None:
    """A commit with a note of git-ai says so."""
    repo.git("notes", "--ref=ai", "add", "-m", "A note")
    trailers = commits(history(repo.path))[repo.head()].trailers
    assert trailers == (("git-ai", "note"),)


def test_annotated_tag(repo: Repo) -> None:
    """What only a tag names is reachable, and on no branch."""
    repo.git("checkout", "--quiet", "--detach")
    sha = repo.write("b.py", code(4)).commit("Tagged")
    repo.git("tag", "-a", "-m", "Release", "v1")
    repo.git("tag", "-a", "-m", "Again", "v2", "v1")
    repo.git("checkout", "--quiet", "main")
    found = history(repo.path)
    assert sha in found.reachable
    assert found.branches == {}


def test_since(repo: Repo) -> None:
    """Commits from before the instant are not in the history."""
    sha = repo.write("b.py", code(4)).commit("Late")
    assert list(commits(history(repo.path, repo.now))) == [sha]
    assert subjects(history(repo.path, repo.now + 1)) == []


# --- again, and meanwhile ------------------------------------------------------------


def test_read_again(repo: Repo, tmp_path: Path) -> None:
    """What is remembered is what was read."""
    name = b"odd\xff\n.py"
    repo.write(name, code(4)).commit("Odd (#4)\n\nCo-authored-by: Claude <c@a>")
    repo.git("tag", "-a", "-m", "Release", "v1")
    cache = tmp_path / "data" / "history.sqlite3"
    first = history(repo.path, 0, cache)
    assert history(repo.path, 0, cache).changes == first.changes
    assert cache.stat().st_mode & 0o777 == 0o600
    repo.write("b.py", code(5)).commit("New")
    assert subjects(history(repo.path, 0, cache)) == ["Begin", "Odd (#4)", "New"]


@pytest.mark.parametrize("damage", ["rubbish", "newer", "directory"])
def test_damaged_cache(repo: Repo, tmp_path: Path, damage: str) -> None:
    """A cache that cannot be used is replaced, or done without."""
    cache = tmp_path / "history.sqlite3"
    if damage == "rubbish":
        cache.write_bytes(b"no database " * 1000)
    elif damage == "newer":
        history(repo.path, 0, cache)
        script = f"import sqlite3; sqlite3.connect({str(cache)!r})"
        script += ".execute('PRAGMA user_version = 999')"
        subprocess.run([sys.executable, "-c", script], check=True)
    else:
        cache.mkdir()
    assert subjects(history(repo.path, 0, cache)) == ["Begin"]
    assert subjects(history(repo.path, 0, cache)) == ["Begin"]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE object SET header = '['", id="no JSON"),
        pytest.param("UPDATE object SET header = '[1]'", id="other JSON"),
        pytest.param("UPDATE patch SET files = '[[1]]'", id="other files"),
    ],
)
def test_cache_with_damaged_rows(repo: Repo, tmp_path: Path, statement: str) -> None:
    """Rows that cannot be read are no answer; all is read from git again."""
    cache = tmp_path / "history.sqlite3"
    whole = history(repo.path, 0, cache)
    with closing(sqlite3.connect(cache)) as db:
        db.execute(statement)
        db.commit()
    assert history(repo.path, 0, cache).changes == whole.changes


def test_read_on(repo: Repo) -> None:
    """Readings that go on see what is new, and further back when asked to."""
    repository = repository_of(repo.path)
    assert repository is not None
    with Histories(None) as histories:
        assert subjects(histories.read(repository, BEGIN + 61)) == []
        repo.write("b.py", code(4)).commit("Next")
        assert subjects(histories.read(repository, BEGIN + 61)) == ["Next"]
        both = histories.read(repository, 0)
    assert subjects(both) == ["Begin", "Next"]
    assert all(each.read for each in commits(both).values())


def test_interrupted(repo: Repo, tmp_path: Path) -> None:
    """What was read before an interruption is not read again."""
    for number in range(150):
        repo.write("b.py", code(number)).git("add", "b.py")
        repo.git("commit", "-q", "-m", f"Step {number}", at=repo.now + 60)
    repository = repository_of(repo.path)
    assert repository is not None
    told: list[tuple[int, int]] = []

    def go_on(done: int, whole: int) -> bool:
        told.append((done, whole))
        return done == 0

    with Histories(tmp_path / "cache") as histories:
        half = histories.read(repository, 0, go_on)
    assert (half.complete, told[-1]) == (False, (100, 151))
    assert sum(each.read for each in commits(half).values()) == 100
    assert half.notes == ("work: not yet read to the end, 51 commits are left",)

    def only_the_rest(done: int, whole: int) -> bool:
        return whole == 51

    with Histories(tmp_path / "cache") as histories:
        whole = histories.read(repository, 0, only_the_rest)
    assert whole.complete
    assert all(each.read for each in commits(whole).values())


def test_two_processes(repo: Repo, tmp_path: Path) -> None:
    """Two processes may read with one cache at once."""
    for number in range(20):
        repo.write("b.py", code(number)).commit(f"Step {number}")
    script = (
        "import sys; from pathlib import Path\n"
        "from burnmon.shipped.history import Histories, repository_of\n"
        "repository = repository_of(Path(sys.argv[1]))\n"
        "found = Histories(Path(sys.argv[2])).read(repository, 0)\n"
        "print(sum(c.read for change in found.changes for c in change.commits))"
    )
    words = [sys.executable, "-c", script, str(repo.path), str(tmp_path / "cache")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    running = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [each.communicate()[0].strip() for each in running] == [b"21"] * 3


@pytest.mark.parametrize(
    "words",
    [
        ("commit", "--quiet", "--allow-empty", "-m", "Next"),
        ("commit", "--quiet", "--amend", "--allow-empty", "-m", "Other"),
        ("branch", "deep/new"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
        ("pack-refs", "--all"),
        ("checkout", "--quiet", "--detach"),
    ],
    ids=["commit", "amend", "branch", "fetch", "pack", "detach"],
)
def test_position(repo: Repo, words: tuple[str, ...]) -> None:
    """The position moves with every commit and ref, and else stands still."""
    repository = repository_of(repo.path)
    assert repository is not None
    before = position(repository)
    assert position(repository) == before
    repo.git(*words, at=BEGIN + 600)
    assert position(repository) != before


# --- hostile repositories ------------------------------------------------------------


def test_nothing_is_run(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No configuration, attribute, hook or missing object makes git run a thing."""
    canary = tmp_path / "canary"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {canary}\nexit 1\n")
    script.chmod(0o755)
    repo.write("b.py", code(4)).write("c.bin", bytes(300)).commit("Second")
    repo.write("a.py", code(9)).write("c.bin", bytes(301)).commit("Third")
    repo.write(
        ".gitattributes", "* diff=evil filter=evil textconv=evil merge=evil\n"
    ).commit("Attributes")
    (repo.path / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    blob = repo.git("rev-parse", "HEAD~2:c.bin")
    hooks = repo.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        shutil.copy(script, hooks / name)
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    ran = str(script)
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand"),
        *("core.askPass", "core.gitProxy", "core.alternateRefsCommand"),
        *("diff.external", "diff.evil.command", "diff.evil.textconv"),
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process"),
        *("merge.evil.driver", "gpg.program", "gpg.ssh.program", "credential.helper"),
        *("pager.diff-tree", "pager.for-each-ref", "pager.config", "pager.rev-parse"),
        *("alias.diff-tree", "alias.rev-parse", "interactive.diffFilter"),
        *("uploadpack.packObjectsHook", "trace2.eventTarget", "sequence.editor"),
    ):
        repo.git("config", key, f"!{ran}" if key.startswith("alias") else ran)
    repo.git("config", "core.hooksPath", str(hooks))
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.partialClone", "origin")
    repo.git("config", "remote.origin.promisor", "true")
    repo.git("config", "remote.origin.url", f"ext::{ran}")
    repo.git("config", "remote.origin.uploadpack", ran)
    repo.git("config", "protocol.allow", "always")
    repo.git("config", "protocol.ext.allow", "always")
    (repo.path / ".git" / "info" / "grafts").write_text("")
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH", "GIT_ASKPASS"):
        monkeypatch.setenv(name, ran)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    canary.unlink(missing_ok=True)
    found = history(repo.path)
    assert not canary.exists(), canary.read_text()
    assert subjects(found) == ["Begin", "Second", "Third", "Attributes"]
    third = next(each for each in commits(found).values() if each.subject == "Third")
    skipped = {each.path: each.skipped for each in third.files}
    assert skipped == {"a.py": "", "c.bin": "missing"}
    # The trap is set: git itself falls into it.
    monkeypatch.delenv("GIT_DIR")
    repo.git("diff", "HEAD~1", "HEAD~2", fails=True)
    assert canary.exists()


def test_replaced_objects(repo: Repo) -> None:
    """A commit is what its SHA says, whatever stands in for it."""
    old = repo.write("b.py", code(4)).commit("Real", author=BOB)
    new = repo.write("b.py", code(5)).commit("Fake")
    repo.git("replace", old, new, fails=True)
    found = commits(history(repo.path))[old]
    assert (found.subject, found.author_email) == ("Real", BOB[1])


def test_owner(repo: Repo) -> None:
    """Reading writes nothing to the repository."""
    before = sorted(
        (str(path), path.stat().st_mtime_ns) for path in repo.path.rglob("*")
    )
    found = history(repo.path)
    assert found.repository.emails == {ADA[1]}
    after = sorted(
        (str(path), path.stat().st_mtime_ns) for path in repo.path.rglob("*")
    )
    assert after == before
