"""Repositories that set traps: git itself falls into each, burnmon into none."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from repos import Repo, code, history, subjects

from burnmon.errors import HistoryError
from burnmon.shipped import git
from burnmon.shipped.history import position, repository_of


class Lair(NamedTuple):
    """A repository with three commits, and a program that leaves a trace."""

    repo: Repo
    evil: str
    trace: Path

    def set(self, *keys: str, value: str = "") -> None:
        """Configure the program under some keys."""
        for key in keys:
            self.repo.git("config", key, value or self.evil)

    def bait(self, *words: str, at: Path | None = None) -> None:
        """Run plain git on a terminal, as a person would."""
        terminal, inside = pty.openpty()
        try:
            subprocess.run(
                ["git", *words],
                cwd=at or self.repo.path,
                env=_person(self.repo.path.parent),
                stdin=subprocess.DEVNULL,
                stdout=inside,
                stderr=inside,
                check=False,
                timeout=60,
            )
        finally:
            os.close(inside)
            os.close(terminal)


def _person(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "TERM": "xterm",
    }


@pytest.fixture(scope="module")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What becomes a trap."""
    repo = Repo(tmp_path_factory.mktemp("innocent") / "work")
    for number in range(3):
        repo.write("a.py", code(number)).commit(f"Step {number}")
    return repo.path


@pytest.fixture
def lair(tmp_path: Path, innocent: Path) -> Lair:
    trace = tmp_path / "trace"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\necho ran >> {trace}\nexit 1\n")
    evil.chmod(0o755)
    shutil.copytree(innocent, tmp_path / "work", symlinks=True)
    repo = Repo(tmp_path / "work", create=False)
    return Lair(repo, str(evil), trace)


STEPS = ["Step 0", "Step 1", "Step 2"]
Arm = Callable[[Lair], Path | None]
"""Sets a trap; where a session works, if not at the top."""


def attributes(lair: Lair) -> None:
    (lair.repo.path / ".git" / "info").mkdir(exist_ok=True)
    place = lair.repo.path / ".git" / "info" / "attributes"
    place.write_text("* diff=evil filter=evil merge=evil\n")


def driver(key: str) -> Arm:
    def arm(lair: Lair) -> None:
        attributes(lair)
        lair.set(key)
        lair.repo.write("a.py", code(9))

    return arm


def setting(*keys: str) -> Arm:
    return lambda lair: lair.set(*keys)


def remote(url: str, *keys: str) -> Arm:
    def arm(lair: Lair) -> None:
        lair.set(*keys)
        lair.set("remote.origin.url", value=url.format(evil=lair.evil))
        lair.set("protocol.allow", value="always")
        lair.set("protocol.ext.allow", value="always")

    return arm


def lazy(lair: Lair) -> None:
    """An object that is missing, and a remote that promises it."""
    remote("ext::{evil}")(lair)
    lair.set("core.repositoryFormatVersion", value="1")
    lair.set("extensions.partialClone", value="origin")
    lair.set("remote.origin.promisor", value="true")
    blob = lair.repo.git("rev-parse", "HEAD~1:a.py")
    (lair.repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def hook(lair: Lair) -> None:
    hooks = lair.repo.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-checkout").symlink_to(lair.evil)


def hook_elsewhere(lair: Lair) -> None:
    (lair.repo.path / "post-checkout").symlink_to(lair.evil)
    lair.set("core.hooksPath", value=str(lair.repo.path))


def included(lair: Lair) -> None:
    (lair.repo.path / "more").write_text(f"[core]\n\tfsmonitor = {lair.evil}\n")
    lair.set("include.path", value="../more")


def own_of_the_tree(lair: Lair) -> None:
    lair.set("core.repositoryFormatVersion", value="1")
    lair.set("extensions.worktreeConfig", value="true")
    lair.repo.git("config", "--worktree", "core.fsmonitor", lair.evil)


def signed(lair: Lair) -> None:
    """A commit with a signature that somebody's program is to judge."""
    lair.set("gpg.program")
    lair.set("log.showSignature", value="true")
    raw = lair.repo.git("cat-file", "commit", "HEAD")
    head, _, body = raw.partition("\n\n")
    mark = "gpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----"
    file = lair.repo.path / ".git" / "signed"
    file.write_text(f"{head}\n{mark}\n\n{body}\n")
    made = lair.repo.git("hash-object", "-t", "commit", "-w", str(file))
    lair.repo.git("update-ref", "HEAD", made)


def pointer(lair: Lair) -> Path:
    """A ``.git`` file that leads to a git directory elsewhere."""
    lair.set("core.fsmonitor")
    elsewhere = lair.repo.path.parent / "elsewhere"
    (lair.repo.path / ".git").rename(elsewhere)
    (lair.repo.path / ".git").write_text(f"gitdir: {elsewhere}\n")
    return lair.repo.path


def link(lair: Lair) -> Path:
    """A ``.git`` that is a link to a git directory elsewhere."""
    lair.set("core.fsmonitor")
    elsewhere = lair.repo.path.parent / "elsewhere"
    (lair.repo.path / ".git").rename(elsewhere)
    (lair.repo.path / ".git").symlink_to(elsewhere)
    return lair.repo.path


def bare_inside(lair: Lair) -> Path:
    """A directory of the work tree that is a git directory itself."""
    inside = lair.repo.path / "vendor"
    lair.repo.git("clone", "--quiet", "--bare", ".", str(inside))
    own = ("config", "--file", str(inside / "config"))
    lair.repo.git(*own, "core.bare", "false")
    lair.repo.git(*own, "core.worktree", str(lair.repo.path))
    lair.repo.git(*own, "core.fsmonitor", lair.evil)
    return inside


def submodule(lair: Lair) -> None:
    """A submodule, with a path that leads out and a configuration of its own."""
    inner = Repo(lair.repo.path.parent / "inner")
    inner.write("i.py", code(7)).commit("Inner")
    lair.repo.git("submodule", "--quiet", "add", str(inner.path), "sub")
    module = lair.repo.path / ".git" / "modules" / "sub" / "config"
    lair.repo.git("config", "--file", str(module), "core.fsmonitor", lair.evil)
    gitmodules = lair.repo.path / ".gitmodules"
    out = '[submodule "../../x"]\n\tpath = ../../x\n\turl = ext::x\n\tupdate = !x\n'
    gitmodules.write_text(gitmodules.read_text() + out)


def lent(lair: Lair) -> None:
    """Objects that are another repository's."""
    other = Repo(lair.repo.path.parent / "other")
    other.write("o.py", code(8)).commit("Other")
    alternates = lair.repo.path / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{other.path}/.git/objects\n")
    lair.set("core.alternateRefsCommand")


TRAPS: dict[str, tuple[Arm, tuple[str, ...]]] = {
    "fsmonitor": (setting("core.fsmonitor"), ("status",)),
    "pager": (setting("core.pager"), ("log",)),
    "pager of a command": (setting("pager.branch"), ("branch", "--list")),
    "editor": (setting("core.editor"), ("commit", "--amend")),
    "alias": (lambda lair: lair.set("alias.st", value=f"!{lair.evil}"), ("st",)),
    "hook": (hook, ("checkout", "-q", "HEAD~1")),
    "hooks elsewhere": (
        hook_elsewhere,
        ("checkout", "-q", "HEAD~1"),
    ),
    "external diff": (setting("diff.external"), ("diff", "HEAD~1")),
    "diff driver": (driver("diff.evil.command"), ("diff", "HEAD~1")),
    "textconv": (driver("diff.evil.textconv"), ("log", "-p")),
    "clean": (driver("filter.evil.clean"), ("add", "--all")),
    "process": (driver("filter.evil.process"), ("add", "--all")),
    "smudge": (driver("filter.evil.smudge"), ("checkout", "-f", "HEAD~1")),
    "ssh": (remote("ssh://localhost/x", "core.sshCommand"), ("fetch", "origin")),
    "transport": (remote("ext::{evil}"), ("fetch", "origin")),
    "uploadpack": (remote(".", "remote.origin.uploadpack"), ("fetch", "origin")),
    "lazy fetch": (lazy, ("log", "-p")),
    "include": (included, ("status",)),
    "configuration of a work tree": (own_of_the_tree, ("status",)),
    "signature": (signed, ("log",)),
    ".git file": (pointer, ("status",)),
    ".git link": (link, ("status",)),
    "bare in a work tree": (bare_inside, ("status",)),
    "submodule": (submodule, ("status",)),
    "alternate refs": (lent, ("rev-list", "--alternate-refs")),
}


@pytest.mark.parametrize("name", TRAPS)
def test_trap(lair: Lair, name: str) -> None:
    """Reading a repository runs nothing of it; plain git would have."""
    arm, bait = TRAPS[name]
    at = arm(lair) or lair.repo.path
    lair.trace.unlink(missing_ok=True)
    found = history(at)
    position(found.repository)
    assert not lair.trace.exists()
    assert subjects(found)[:3] == STEPS
    lair.bait(*bait, at=at)
    assert lair.trace.exists(), "the trap was not set"


@pytest.mark.parametrize(
    "variable",
    ["GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH", "PAGER", "LD_PRELOAD", "GIT_TRACE"],
)
def test_environment_is_left_behind(
    lair: Lair, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what the environment says to git and its loader nothing gets through."""
    real = subprocess.run(
        ["/bin/sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    )
    between = lair.repo.path.parent / "bin"
    between.mkdir()
    heard = lair.repo.path.parent / "heard"
    (between / "git").write_text(
        f'#!/bin/sh\nenv >> {heard}\nexec {real.stdout.strip()} "$@"\n'
    )
    (between / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{between}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(variable, "/nowhere/planted")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", lair.evil)
    assert subjects(history(lair.repo.path)) == STEPS
    assert "planted" not in heard.read_text()
    assert "GIT_CONFIG_COUNT" not in heard.read_text()
    assert not lair.trace.exists()


def test_git_of_the_directory(lair: Lair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is called git and lies where one happens to be is not run."""
    planted = lair.repo.path / "git"
    planted.symlink_to(lair.evil)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(lair.repo.path)
    assert subjects(history(lair.repo.path)) == STEPS
    assert not lair.trace.exists()
    subprocess.run(["git", "--version"], check=False)
    assert lair.trace.exists(), "the trap was not set"


@pytest.mark.skipif(sys.platform != "linux", reason="nothing bounds git there")
@pytest.mark.parametrize("place", ["refs/heads/endless", "objects/info/alternates"])
def test_endless_file(lair: Lair, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no end is not read until the memory has one."""
    monkeypatch.setattr(git, "MEMORY", 64 << 20)
    link = lair.repo.path / ".git" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/dev/zero")
    with pytest.raises(HistoryError, match="Out of memory"):
        history(lair.repo.path)


@pytest.mark.parametrize("place", ["logs/HEAD", "shallow", "worktrees/x/gitdir"])
@pytest.mark.parametrize("kind", ["endless", "pipe"])
def test_odd_file(lair: Lair, place: str, kind: str) -> None:
    """A file that burnmon itself reads, and that is none, is as good as none."""
    file = lair.repo.path / ".git" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    assert subjects(history(lair.repo.path)) == STEPS


def test_circle_of_refs(lair: Lair) -> None:
    """Refs that name each other lead nowhere and stop nothing."""
    heads = lair.repo.path / ".git" / "refs" / "heads"
    for one, other in (("c1", "c2"), ("c2", "c1"), ("self", "self")):
        (heads / one).write_text(f"ref: refs/heads/{other}\n")
    found = history(lair.repo.path)
    assert subjects(found) == STEPS
    assert found.repository.main == "refs/heads/main"


def test_tree_that_is_claimed(lair: Lair) -> None:
    """A repository that calls a directory its work tree opens no file there."""
    home = lair.repo.path.parent / "private"
    home.mkdir()
    lair.set("core.worktree", value=str(home))
    found = repository_of(lair.repo.path)
    assert found is not None
    assert found.worktrees == (str(home),)
    assert list(home.iterdir()) == []
