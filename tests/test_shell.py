"""What a shell command did: commits, directories, written files, pull requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnmon.agents import shell

QUOTED = """git commit -m "$(cat <<'EOF'
Stop (the) git merge

git revert "it" isn't one; git am `neither`
EOF
)" """


@pytest.mark.parametrize(
    ("command", "verbs"),
    [
        pytest.param("git commit -m x", "commit", id="plain"),
        pytest.param("cd a && git add . && git commit -m x", "commit", id="after cd"),
        pytest.param("git -C a -c user.name=b commit", "commit", id="options of git"),
        pytest.param(QUOTED, "commit", id="message in a here-document"),
        pytest.param("git commit -m 'git revert it'", "commit", id="message in quotes"),
        pytest.param("git commit -F - <<E\ngit am x\nE\nls", "commit", id="from stdin"),
        pytest.param("git commit -qm a; git commit -qm b", "commit commit", id="twice"),
        pytest.param("make\ngit cherry-pick 1a2b", "cherry-pick", id="own line"),
        pytest.param("git commit -m x \\\n  --no-verify", "commit", id="continued"),
        pytest.param("X=1 /usr/bin/git revert HEAD", "revert", id="with environment"),
        pytest.param("git.exe commit -m x", "commit", id="windows"),
        pytest.param("bash -lc 'git commit -m \"x\"'", "commit", id="inner shell"),
        pytest.param("timeout 60 git rebase main", "rebase", id="with a time limit"),
        pytest.param("if ! git merge x; then ls; fi", "merge", id="in a condition"),
        pytest.param("(cd a; git am < x.patch)", "am", id="in a subshell"),
        pytest.param("out=$(git commit -m x 2>&1)", "commit", id="captured"),
        pytest.param("f() { git commit; }", "commit", id="in a function"),
        pytest.param("git commit -m '--dry-run'", "commit", id="option as message"),
        pytest.param("diff <(git show a) b && git commit", "commit", id="substituted"),
        pytest.param("git pull --rebase", "", id="pull"),
        pytest.param("echo 'git commit'", "", id="said"),
        pytest.param("ls # git commit", "", id="comment"),
        pytest.param("git commit --dry-run", "", id="dry run"),
        pytest.param("git commit --help", "", id="help"),
        pytest.param("git commit-tree x", "", id="plumbing"),
        pytest.param("git merge --no-commit x", "", id="merge without commit"),
        pytest.param("git rebase --abort", "", id="given up"),
        pytest.param("git ci -m x", "", id="unknown alias"),
        pytest.param("git log --grep commit", "", id="word of another verb"),
        pytest.param("sh .git/hooks/pre-commit", "", id="hook"),
    ],
)
def test_verbs(command: str, verbs: str) -> None:
    """Only a git that runs and may make a commit counts, not one that is written of."""
    assert shell.commits_made(command) == verbs


@pytest.mark.parametrize(
    ("command", "where"),
    [
        pytest.param("git commit", "/w", id="here"),
        pytest.param("cd a/b && git commit", "/w/a/b", id="after cd"),
        pytest.param("pushd /x; git commit", "/x", id="after pushd"),
        pytest.param("cd ../v\ngit -C sub commit", "/v/sub", id="both"),
        pytest.param("(cd a && make) && git commit", "/w", id="cd of a subshell"),
        pytest.param("git status; git -C /x commit", "/x", id="the one that commits"),
        pytest.param("cd ~/x && git commit", "~/x", id="home"),
        pytest.param('cd "$(git rev-parse --show-toplevel)"; git commit', "/w", id="?"),
        pytest.param("make", "/w", id="no git"),
    ],
)
def test_directory(command: str, where: str) -> None:
    """A git runs where ``cd`` and ``-C`` lead, as far as the text tells."""
    assert shell.directory(command, "/w") == where


@pytest.mark.parametrize(
    ("output", "commit"),
    [
        pytest.param("[main 1a2b3c4] Fix", ("main", "1a2b3c4", "Fix"), id="plain"),
        pytest.param("[a (root-commit) 1a2b3c4] x", ("a", "1a2b3c4", "x"), id="root"),
        pytest.param("[detached HEAD 1a2b3c4] x", ("", "1a2b3c4", "x"), id="detached"),
        pytest.param("[HEAD 1a2b3c4] x", ("", "1a2b3c4", "x"), id="old detached"),
        pytest.param("[(no branch) 1a2b3c4] x", ("", "1a2b3c4", "x"), id="no branch"),
        pytest.param("[a/b[1] 1a2b3c4] x", ("a/b[1]", "1a2b3c4", "x"), id="brackets"),
        pytest.param("lint ok\n[m 1a2b3c4] x\r\n", ("m", "1a2b3c4", "x"), id="later"),
    ],
)
def test_printed(output: str, commit: tuple[str, str, str]) -> None:
    """What git prints of a commit gives its branch, SHA and subject."""
    assert shell.printed_commits(output) == (commit,)


def test_printed_in_the_middle() -> None:
    """A commit that is quoted in the middle of a line was not printed by git."""
    assert shell.printed_commits("  [main 1a2b3c4] x\nsee [main 1a2b3c4] x") == ()


FULL = "1a2b3c4d" * 5


@pytest.mark.parametrize(
    ("command", "output", "commits"),
    [
        pytest.param(
            "git commit -qm x && git log --oneline -2",
            "1a2b3c4 x\n5d6e7f8 before",
            (("", "1a2b3c4", "x"),),
            id="log",
        ),
        pytest.param(
            "git commit -qm x; git rev-parse HEAD", FULL, (("", FULL, ""),), id="parse"
        ),
        pytest.param(
            "git commit -qm x; git show --stat HEAD",
            f"commit {FULL} (HEAD -> main)\nAuthor: A",
            (("", FULL, ""),),
            id="show",
        ),
        pytest.param("git log --oneline -1", "1a2b3c4 x", (), id="no commit"),
        pytest.param(
            "git log --oneline -1; git commit -qm x; git log --oneline -1",
            "5d6e7f8 before\n1a2b3c4 x",
            (),
            id="printed before as well",
        ),
        pytest.param(
            "git commit -qm x; git pull; git log -1", FULL, (), id="moved meanwhile"
        ),
        pytest.param(
            "git commit -qm x; git log --oneline | tail -1", "1a2b3c4 x", (), id="cut"
        ),
        pytest.param(
            "git commit -qm x; git rev-parse origin/main", FULL, (), id="another ref"
        ),
        pytest.param(
            "git commit -qm x; git log --oneline -1",
            "nothing to commit, working tree clean\n1a2b3c4 before",
            (),
            id="nothing to commit",
        ),
    ],
)
def test_followed(
    command: str, output: str, commits: tuple[tuple[str, str, str], ...]
) -> None:
    """A quiet commit is known by what is printed next, where that can only be it."""
    assert shell.followed_commits(command, output) == commits


@pytest.mark.parametrize(
    ("command", "written"),
    [
        pytest.param(
            "cat > a.py <<'EOF'\nx = $1\n\nEOF\nls",
            [("/w/a.py", [b"x = $1", b""], True)],
            id="cat",
        ),
        pytest.param("cat <<E >> a\nx\nE", [("/w/a", [b"x"], False)], id="appended"),
        pytest.param(
            "tee -a a b <<E\nx\nE",
            [("/w/a", [b"x"], False), ("/w/b", [b"x"], False)],
            id="tee",
        ),
        pytest.param(
            "cat <<E | sudo tee a >/dev/null\nx\nE",
            [("/w/a", [b"x"], False)],
            id="pipe",
        ),
        pytest.param("cat <<-E > a\n\t\tx\n\tE", [("/w/a", [b"x"], False)], id="tabs"),
        pytest.param(
            "cd b && cat <<E > ../a\nx\nE", [("/w/a", [b"x"], False)], id="after cd"
        ),
        pytest.param(
            "cat >a <<'A'\nx\nA\ncat >b <<\"B\"\ny\nB",
            [("/w/a", [b"x"], True), ("/w/b", [b"y"], True)],
            id="two",
        ),
        pytest.param("cat > a <<E\nx", [("/w/a", [b"x"], False)], id="cut off"),
        pytest.param("python - <<E > a\nx\nE", [], id="fed to a program"),
        pytest.param("git commit -F - <<E\ncat > a\nE", [], id="message"),
        pytest.param("cat <<E >/dev/null\nx\nE", [], id="nowhere"),
        pytest.param('cat <<E >"$tmp"\nx\nE', [], id="to a variable"),
        pytest.param("cat <<< x > a", [], id="here-string"),
        pytest.param("echo '<<E' > a", [], id="quoted"),
    ],
)
def test_heredocs(command: str, written: list[tuple[str, list[bytes], bool]]) -> None:
    """A file is written where ``cat`` or ``tee`` gets a here-document."""
    assert shell.heredoc_writes(command, "/w") == written


@pytest.mark.parametrize(
    ("command", "output", "found"),
    [
        pytest.param(
            "git push && gh pr create --fill",
            "https://github.com/o/r/pull/12\n",
            ("https://github.com/o/r/pull/12",),
            id="github",
        ),
        pytest.param(
            "glab mr create",
            "https://gitlab.com/g/s/r/-/merge_requests/3",
            ("https://gitlab.com/g/s/r/-/merge_requests/3",),
            id="gitlab",
        ),
        pytest.param("gh pr view", "https://github.com/o/r/pull/12", (), id="viewed"),
        pytest.param("gh pr create", "https://github.com/o/r/pull/new/x", (), id="to"),
    ],
)
def test_pull_requests(command: str, output: str, found: tuple[str, ...]) -> None:
    """A pull request is the command's own only where it creates one."""
    assert shell.pull_requests(command, output) == found


SCRAPS = st.lists(
    st.sampled_from(
        "git cat EOF <<'E' <<E > & &> | ; a = 2 ( ) $( ` ${ $' \\ ' # \"".split()
    )
    | st.sampled_from(" \n\f")
).map("".join)


@given(SCRAPS | st.text())
def test_any_text(command: str) -> None:
    """No text is too damaged to be looked at."""
    shell.commits_made("git commit\n" + command)
    shell.heredoc_writes("cat > a <<E\n" + command, "/w")
    shell.heredoc_writes(command, "")
    shell.directory(command, "C:\\x")
    shell.followed_commits("git commit;" + command, command)
